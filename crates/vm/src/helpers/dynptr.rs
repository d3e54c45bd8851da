//! Dynamic pointers: memory with a length that is known when the program runs.
//!
//! A dynptr is 16 bytes on the stack that only helpers read and write: the address of its memory, then its length with its
//! kind above, then an offset. The verifier keeps programs from them; the guard remembers which stack slots hold one.

use belay_isa::Size;

use crate::errno::{Errno, r0};
use crate::maps::storage::Place;
use crate::world::World;

/// The bytes of a dynptr.
pub(crate) const SIZE: u64 = 16;
/// Where its length stands.
const LENGTH: u64 = 8;
/// The most memory that one has (`DYNPTR_MAX_SIZE`), and the bits of the length.
const LONGEST: u64 = (1 << 24) - 1;
/// Kinds, as the kernel numbers them, where it keeps them.
const LOCAL: u64 = 1 << 28;
const RECORD: u64 = 2 << 28;

/// What a dynptr says: where its memory is, and how long.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub(crate) addr: u64,
    pub(crate) len: u64,
}

impl Span {
    /// Reads the dynptr at an address.
    pub(crate) fn at(world: &World<'_>, dynptr: u64) -> Span {
        let addr = world.mem.load(dynptr, Size::DW);
        Span { addr, len: world.mem.load(dynptr.wrapping_add(LENGTH), Size::DW) & LONGEST }
    }

    /// The address of a part of it.
    fn part(self, off: u64, len: u64) -> Result<u64, Errno> {
        let (off, len) = (u64::from(off as u32), u64::from(len as u32));
        if off + len > self.len { Err(Errno::E2BIG) } else { Ok(self.addr.wrapping_add(off)) }
    }
}

fn write(world: &World<'_>, dynptr: u64, span: Option<(u64, u64)>) {
    let (addr, length) = span.unwrap_or_default();
    world.mem.store(dynptr, Size::DW, addr);
    world.mem.store(dynptr.wrapping_add(LENGTH), Size::DW, length);
}

/// Copies bytes between places that may overlap.
fn move_bytes(world: &World<'_>, from: u64, to: u64, len: u64) {
    if to <= from || to >= from.wrapping_add(len) {
        return world.mem.copy(from, to, len as usize);
    }
    for index in (0..len).rev() {
        world.mem.store(to.wrapping_add(index), Size::B, world.mem.load(from.wrapping_add(index), Size::B));
    }
}

/// `bpf_dynptr_from_mem(data, size, flags, dynptr)`
pub(super) fn from_memory(world: &mut World<'_>, [data, size, flags, dynptr, _]: [u64; 5]) -> u64 {
    let size = u64::from(size as u32);
    let made = match flags {
        _ if size > LONGEST => Err(Errno::E2BIG),
        0 => Ok((data, size | LOCAL)),
        _ => Err(Errno::EINVAL),
    };
    write(world, dynptr, made.ok());
    r0(made.map(|_| ()))
}

/// `bpf_dynptr_read(to, len, dynptr, offset, flags)`
pub(super) fn read(world: &mut World<'_>, [to, len, dynptr, off, flags]: [u64; 5]) -> u64 {
    let span = Span::at(world, dynptr);
    if span.addr == 0 || flags != 0 {
        return Errno::EINVAL.r0();
    }
    r0(span.part(off, len).map(|from| move_bytes(world, from, to, u64::from(len as u32))))
}

/// `bpf_dynptr_write(dynptr, offset, from, len, flags)`
pub(super) fn store(world: &mut World<'_>, [dynptr, off, from, len, flags]: [u64; 5]) -> u64 {
    let span = Span::at(world, dynptr);
    if span.addr == 0 {
        return Errno::EINVAL.r0();
    }
    r0(span.part(off, len).and_then(|to| {
        if flags != 0 {
            return Err(Errno::EINVAL);
        }
        move_bytes(world, from, to, u64::from(len as u32));
        Ok(())
    }))
}

/// `bpf_dynptr_data(dynptr, offset, len)`
pub(super) fn data(world: &mut World<'_>, [dynptr, off, len, ..]: [u64; 5]) -> u64 {
    let span = Span::at(world, dynptr);
    if span.addr == 0 { 0 } else { span.part(off, len).unwrap_or(0) }
}

/// `bpf_ringbuf_reserve_dynptr(map, size, flags, dynptr)`
pub(super) fn ring_reserve(world: &mut World<'_>, [map, size, flags, dynptr, _]: [u64; 5]) -> u64 {
    let size = u64::from(size as u32);
    let reserve = || {
        if flags != 0 {
            return Err(Errno::EINVAL);
        }
        if size > LONGEST {
            return Err(Errno::E2BIG);
        }
        let ring = world.map(map).and_then(|(map, _)| map.storage().ring());
        ring.and_then(|ring| ring.reserve(size)).map(Place::addr).ok_or(Errno::EINVAL)
    };
    let reserved = reserve();
    write(world, dynptr, reserved.ok().map(|record| (record, size | RECORD)));
    r0(reserved.map(|_| ()))
}

fn commit(world: &World<'_>, dynptr: u64, discard: bool) -> u64 {
    let span = Span::at(world, dynptr);
    if let Some(ring) = world.maps.ring_of(span.addr) {
        ring.commit(span.addr, discard);
    }
    write(world, dynptr, None);
    0
}

/// `bpf_ringbuf_submit_dynptr(dynptr, flags)`: the flags are about waking the consumer
pub(super) fn ring_submit(world: &mut World<'_>, [dynptr, ..]: [u64; 5]) -> u64 {
    commit(world, dynptr, false)
}

/// `bpf_ringbuf_discard_dynptr(dynptr, flags)`
pub(super) fn ring_discard(world: &mut World<'_>, [dynptr, ..]: [u64; 5]) -> u64 {
    commit(world, dynptr, true)
}
