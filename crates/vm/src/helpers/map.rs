//! Map helpers, ring buffers among them.

use super::sockmap;
use crate::errno::{Errno, r0};
use crate::maps::storage::{Keyless, Place};
use crate::maps::{Map, Out, Side, Value};
use crate::memory::Memory;
use crate::world::World;

/// The longest key that is copied to the host's stack; a longer one is copied to the heap.
const SHORT_KEY: usize = 64;

/// Copies the key at an address, and hands it on.
pub(super) fn with_key<T>(mem: Memory, map: &Map, addr: u64, then: impl FnOnce(&[u8]) -> T) -> T {
    let len = map.def().key_size as usize;
    let mut short = [0; SHORT_KEY];
    match short.get_mut(..len) {
        Some(key) => {
            mem.read(addr, key);
            then(key)
        }
        None => {
            let mut key = vec![0; len];
            mem.read(addr, &mut key);
            then(&key)
        }
    }
}

fn find(world: &World<'_>, map: u64, key: u64, cpu: Option<u32>) -> u64 {
    let Some((map, side)) = world.map(map) else { return 0 };
    let side = cpu.map_or(side, |cpu| Side::Program(cpu as usize));
    with_key(world.mem, map, key, |key| {
        let place = map.storage().lookup(key, side);
        if map.holds_sockets() {
            place.map_or(0, |place| sockmap::lookup(world, map, place))
        } else if map.holds_maps() {
            place.and_then(|place| world.maps.inner(place)).map_or(0, Map::handle)
        } else {
            place.map_or(0, Place::addr)
        }
    })
}

/// `bpf_map_lookup_elem(map, key)`
pub(super) fn lookup(world: &mut World<'_>, [map, key, ..]: [u64; 5]) -> u64 {
    find(world, map, key, None)
}

/// `bpf_map_lookup_percpu_elem(map, key, cpu)`
pub(super) fn lookup_percpu(world: &mut World<'_>, [map, key, cpu, ..]: [u64; 5]) -> u64 {
    let cpu = cpu as u32;
    if cpu as usize >= world.maps.cpus() { 0 } else { find(world, map, key, Some(cpu)) }
}

/// `bpf_map_update_elem(map, key, value, flags)`
pub(super) fn update(world: &mut World<'_>, [map, key, value, flags, _]: [u64; 5]) -> u64 {
    let Some((map, side)) = world.map(map) else { return Errno::EINVAL.r0() };
    if map.holds_sockets() {
        return r0(sockmap::update(world, map, key, value, flags));
    }
    let value = Value::At(world.mem, value);
    r0(with_key(world.mem, map, key, |key| map.storage().update(key, value, flags, side)))
}

/// `bpf_map_delete_elem(map, key)`
pub(super) fn delete(world: &mut World<'_>, [map, key, ..]: [u64; 5]) -> u64 {
    let Some((map, _)) = world.map(map) else { return Errno::EINVAL.r0() };
    r0(with_key(world.mem, map, key, |key| map.storage().delete(key)))
}

fn keyless<'w>(world: &World<'w>, map: u64) -> Result<&'w dyn Keyless, Errno> {
    world.map(map).and_then(|(map, _)| map.storage().keyless()).ok_or(Errno::EINVAL)
}

/// `bpf_map_push_elem(map, value, flags)`
pub(super) fn push(world: &mut World<'_>, [map, value, flags, ..]: [u64; 5]) -> u64 {
    r0(keyless(world, map).and_then(|map| map.push(Value::At(world.mem, value), flags)))
}

/// `bpf_map_pop_elem(map, value)`
pub(super) fn pop(world: &mut World<'_>, [map, value, ..]: [u64; 5]) -> u64 {
    r0(keyless(world, map).and_then(|map| map.pop(Out::At(world.mem, value))))
}

/// `bpf_map_peek_elem(map, value)`
pub(super) fn peek(world: &mut World<'_>, [map, value, ..]: [u64; 5]) -> u64 {
    r0(keyless(world, map).and_then(|map| map.peek(Out::At(world.mem, value))))
}

/// `bpf_ringbuf_reserve(map, size, flags)`
pub(super) fn ring_reserve(world: &mut World<'_>, [map, size, flags, ..]: [u64; 5]) -> u64 {
    if flags != 0 {
        return 0;
    }
    let ring = world.map(map).and_then(|(map, _)| map.storage().ring());
    ring.and_then(|ring| ring.reserve(size)).map_or(0, Place::addr)
}

fn commit(world: &World<'_>, record: u64, discard: bool) -> u64 {
    if let Some(ring) = world.maps.ring_of(record) {
        ring.commit(record, discard);
    }
    0
}

/// `bpf_ringbuf_submit(record, flags)`: the flags are about waking the consumer
pub(super) fn ring_submit(world: &mut World<'_>, [record, ..]: [u64; 5]) -> u64 {
    commit(world, record, false)
}

/// `bpf_ringbuf_discard(record, flags)`
pub(super) fn ring_discard(world: &mut World<'_>, [record, ..]: [u64; 5]) -> u64 {
    commit(world, record, true)
}

/// `bpf_ringbuf_output(map, data, size, flags)`
pub(super) fn ring_output(world: &mut World<'_>, [map, data, size, flags, _]: [u64; 5]) -> u64 {
    /// `BPF_RB_NO_WAKEUP`, `BPF_RB_FORCE_WAKEUP`.
    const KNOWN: u64 = 3;
    if flags & !KNOWN != 0 {
        return Errno::EINVAL.r0();
    }
    let Some(ring) = world.map(map).and_then(|(map, _)| map.storage().ring()) else {
        return Errno::EINVAL.r0();
    };
    let Some(place) = ring.reserve(size) else { return Errno::EAGAIN.r0() };
    Value::At(world.mem, data).write_to(place, 0, size as usize);
    ring.commit(place.addr(), false);
    0
}

/// `bpf_ringbuf_query(map, flags)`
pub(super) fn ring_query(world: &mut World<'_>, [map, what, ..]: [u64; 5]) -> u64 {
    world.map(map).and_then(|(map, _)| map.storage().ring()).map_or(0, |ring| ring.query(what))
}

/// `bpf_perf_event_output(ctx, map, flags, data, size)`: the low half of the flags is the entry, all ones for that of this CPU; of
/// packets, 20 bits above it say how many bytes follow the data.
pub(super) fn event_output(world: &mut World<'_>, [_, map, flags, data, size]: [u64; 5]) -> u64 {
    r0(put_out(world, map, flags, Value::At(world.mem, data), size as usize))
}

fn put_out(world: &World<'_>, map: u64, flags: u64, data: Value<'_>, size: usize) -> Result<(), Errno> {
    /// `BPF_F_INDEX_MASK`, which is `BPF_F_CURRENT_CPU`, too.
    const INDEX: u64 = 0xffff_ffff;
    /// `BPF_F_CTXLEN_MASK`
    const PACKET: u64 = 0xf_ffff << 32;
    let packet = world.packet().ok();
    let known = if packet.is_some() { INDEX | PACKET } else { INDEX };
    if flags & !known != 0 {
        return Err(Errno::EINVAL);
    }
    let len = ((flags & PACKET) >> 32) as usize;
    let bytes = match packet {
        Some(packet) => Value::At(world.mem, packet.at(0, len).ok_or(Errno::EFAULT)?),
        None => Value::Zero,
    };
    let (map, _) = world.map(map).ok_or(Errno::EINVAL)?;
    let events = map.storage().events().ok_or(Errno::EINVAL)?;
    let cpu = world.machine.cpu;
    let index = if flags & INDEX == INDEX { cpu } else { (flags & INDEX) as u32 };
    events.output(index, cpu as usize, [(data, size), (bytes, len)])
}
