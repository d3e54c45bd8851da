//! Dynamic pointers: memory with a length that is known when the program runs.
//!
//! A dynptr is 16 bytes on the stack that only calls read and write: where its data are, their length with their kind above
//! it, and an offset. The verifier keeps programs from them; the guard remembers which stack slots hold one. Of a packet it
//! holds no address: its bytes are looked for when they are asked for, wherever the packet has moved to.

use belay_isa::Size;

use super::packet;
use crate::errno::{Errno, r0};
use crate::maps::storage::Place;
use crate::world::World;

/// The bytes of a dynptr.
pub(crate) const SIZE: u64 = 16;
/// Where its length stands, and its offset.
const LENGTH: u64 = 8;
const OFFSET: u64 = 12;
/// The most memory that one has (`DYNPTR_MAX_SIZE`), and the bits of the length.
const LONGEST: u64 = (1 << 24) - 1;
/// The bit that says that its data cannot be written.
const READ_ONLY: u64 = 1 << 31;

/// Where a dynptr's data are: numbered as in the kernel, where it keeps the kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// At an address: a map value, a ring-buffer record.
    Local = 1,
    Record = 2,
    /// In the packet of a `__sk_buff`.
    Skb = 3,
    /// In the packet of an `xdp_md`.
    Xdp = 4,
    /// In the metadata before the packet of a `__sk_buff`.
    SkbMeta = 5,
}

impl Kind {
    const ALL: [Kind; 5] = [Kind::Local, Kind::Record, Kind::Skb, Kind::Xdp, Kind::SkbMeta];

    /// Whether writing to it may move the packet: of XDP, where nothing is ever copied first, it does not.
    pub(crate) fn moves_what_it_writes(self) -> bool {
        matches!(self, Kind::Skb | Kind::SkbMeta)
    }

    /// Whether its data move with the packet.
    pub(crate) fn in_packet(self) -> bool {
        matches!(self, Kind::Skb | Kind::Xdp | Kind::SkbMeta)
    }
}

/// What a dynptr says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// Where its data are, or whose; 0 if it is null.
    pub(crate) addr: u64,
    pub(crate) len: u64,
    /// Where in the data it begins.
    pub(crate) off: u64,
    pub(crate) kind: Kind,
    pub(crate) read_only: bool,
}

impl Span {
    /// Data of this kind.
    pub(crate) fn new(kind: Kind, addr: u64, len: u64) -> Span {
        Span { addr, len, off: 0, kind, read_only: false }
    }

    /// Reads the dynptr at an address.
    pub(crate) fn at(world: &World<'_>, dynptr: u64) -> Span {
        let addr = world.mem.load(dynptr, Size::DW);
        let length = world.mem.load(dynptr.wrapping_add(LENGTH), Size::W);
        let off = world.mem.load(dynptr.wrapping_add(OFFSET), Size::W);
        let kind = Kind::ALL.into_iter().find(|kind| *kind as u64 == (length >> 28) & 7);
        Span {
            addr,
            len: length & LONGEST,
            off,
            kind: kind.unwrap_or(Kind::Local),
            read_only: length & READ_ONLY != 0,
        }
    }

    /// Whether it is the null dynptr, which a call that failed leaves.
    pub(crate) fn is_null(self) -> bool {
        self.addr == 0
    }

    /// Where in the data a part of it begins.
    fn part(self, off: u64, len: u64) -> Result<u64, Errno> {
        let (off, len) = (u64::from(off as u32), u64::from(len as u32));
        if off + len > self.len { Err(Errno::E2BIG) } else { Ok(self.off + off) }
    }

    /// The address of a part of it, where its bytes are in one piece.
    ///
    /// # Errors
    /// If it has no such part, or the packet has become too short for it.
    pub(crate) fn piece(self, world: &World<'_>, off: u64, len: u64) -> Result<u64, Errno> {
        let at = self.part(off, len)?;
        let len = u64::from(len as u32);
        match self.kind {
            Kind::Local | Kind::Record => Ok(self.addr.wrapping_add(at)),
            Kind::Skb => world.packet()?.at(at as usize, len as usize).ok_or(Errno::EFAULT),
            Kind::Xdp => packet::in_frame(world, at, len),
            Kind::SkbMeta => {
                let (packet, end) = (world.packet()?, at + len);
                let inside = end <= packet.meta_len() as u64;
                if inside { Ok(packet.meta_addr() + at) } else { Err(Errno::EFAULT) }
            }
        }
    }

    /// Copies a part of it to an address.
    pub(crate) fn read(self, world: &mut World<'_>, off: u64, to: u64, len: u64) -> Result<(), Errno> {
        let at = self.part(off, len)?;
        let result = match self.kind {
            Kind::Skb => packet::load_bytes(world, [0, at, to, len, 0]),
            Kind::Xdp => packet::xdp_load_bytes(world, [0, at, to, len, 0]),
            Kind::Local | Kind::Record | Kind::SkbMeta => {
                let from = self.piece(world, off, len)?;
                move_bytes(world, from, to, u64::from(len as u32));
                0
            }
        };
        errno(result)
    }

    /// Overwrites a part of it from an address.
    pub(crate) fn write(
        self,
        world: &mut World<'_>,
        off: u64,
        from: u64,
        len: u64,
        flags: u64,
    ) -> Result<(), Errno> {
        if self.is_null() || self.read_only {
            return Err(Errno::EINVAL);
        }
        let at = self.part(off, len)?;
        if flags != 0 && self.kind != Kind::Skb {
            return Err(Errno::EINVAL);
        }
        let result = match self.kind {
            Kind::Skb => packet::store_bytes(world, [0, at, from, len, flags]),
            Kind::Xdp => packet::xdp_store_bytes(world, [0, at, from, len, 0]),
            Kind::Local | Kind::Record | Kind::SkbMeta => {
                let to = self.piece(world, off, len)?;
                move_bytes(world, from, to, u64::from(len as u32));
                0
            }
        };
        errno(result)
    }
}

/// What a helper's `r0` says.
fn errno(r0: u64) -> Result<(), Errno> {
    if r0 == 0 { Ok(()) } else { Err(Errno(-(r0 as i32))) }
}

/// Writes a dynptr; none is the null one.
pub(crate) fn write(world: &World<'_>, dynptr: u64, span: Option<Span>) {
    let (addr, length, off) = span.map_or((0, 0, 0), |span| {
        let read_only = if span.read_only { READ_ONLY } else { 0 };
        (span.addr, span.len | (span.kind as u64) << 28 | read_only, span.off)
    });
    world.mem.store(dynptr, Size::DW, addr);
    world.mem.store(dynptr.wrapping_add(LENGTH), Size::W, length);
    world.mem.store(dynptr.wrapping_add(OFFSET), Size::W, off);
}

/// Copies bytes between places that may overlap.
pub(crate) fn move_bytes(world: &World<'_>, from: u64, to: u64, len: u64) {
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
        0 => Ok(Span::new(Kind::Local, data, size)),
        _ => Err(Errno::EINVAL),
    };
    write(world, dynptr, made.ok());
    r0(made.map(|_| ()))
}

/// `bpf_dynptr_read(to, len, dynptr, offset, flags)`
pub(super) fn read(world: &mut World<'_>, [to, len, dynptr, off, flags]: [u64; 5]) -> u64 {
    let span = Span::at(world, dynptr);
    if span.is_null() || flags != 0 {
        return Errno::EINVAL.r0();
    }
    r0(span.read(world, off, to, len))
}

/// `bpf_dynptr_write(dynptr, offset, from, len, flags)`
pub(super) fn store(world: &mut World<'_>, [dynptr, off, from, len, flags]: [u64; 5]) -> u64 {
    let span = Span::at(world, dynptr);
    r0(span.write(world, off, from, len, flags))
}

/// `bpf_dynptr_data(dynptr, offset, len)`: none of a packet, which may move
pub(super) fn data(world: &mut World<'_>, [dynptr, off, len, ..]: [u64; 5]) -> u64 {
    let span = Span::at(world, dynptr);
    if span.is_null() || span.read_only || span.kind.in_packet() {
        return 0;
    }
    span.piece(world, off, len).unwrap_or(0)
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
    write(world, dynptr, reserved.ok().map(|record| Span::new(Kind::Record, record, size)));
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
