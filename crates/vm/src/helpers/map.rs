//! Map helpers, ring buffers among them.

use crate::errno::{Errno, r0};
use crate::maps::storage::Place;
use crate::maps::{Map, Side, Value};
use crate::memory::Memory;
use crate::world::World;

/// The longest key that is copied to the host's stack; a longer one is copied to the heap.
const SHORT_KEY: usize = 64;

/// Copies the key at an address, and hands it on.
fn with_key<T>(mem: Memory, map: &Map, addr: u64, then: impl FnOnce(&[u8]) -> T) -> T {
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
        if map.holds_maps() {
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
    let value = Value::At(world.mem, value);
    r0(with_key(world.mem, map, key, |key| map.storage().update(key, value, flags, side)))
}

/// `bpf_map_delete_elem(map, key)`
pub(super) fn delete(world: &mut World<'_>, [map, key, ..]: [u64; 5]) -> u64 {
    let Some((map, _)) = world.map(map) else { return Errno::EINVAL.r0() };
    r0(with_key(world.mem, map, key, |key| map.storage().delete(key)))
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
