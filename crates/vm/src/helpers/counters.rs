//! What an event of a perf event array has counted: `bpf_perf_event_read`, `bpf_perf_event_read_value`.
//!
//! The events here are those that programs put data out through, and such an event counts nothing. There is no other: no
//! processor counts for a run.

use belay_isa::Size;

use crate::errno::Errno;
use crate::world::World;

/// `BPF_F_INDEX_MASK`, which is `BPF_F_CURRENT_CPU`, too.
const INDEX: u64 = 0xffff_ffff;
/// Bytes of a `struct bpf_perf_event_value`: a count, and for how long the event was enabled and ran.
const VALUE: u64 = 24;

/// The count of the event that the flags name.
fn count(world: &World<'_>, map: u64, flags: u64) -> Result<u64, Errno> {
    if flags & !INDEX != 0 {
        return Err(Errno::EINVAL);
    }
    let cpu = world.machine.cpu;
    let index = if flags == INDEX { cpu } else { flags as u32 };
    let (map, _) = world.map(map).ok_or(Errno::EINVAL)?;
    let of = map.storage().events().ok_or(Errno::EINVAL)?.cpu_of(index)?;
    // An event is read where it counts.
    if of == cpu { Ok(0) } else { Err(Errno::EINVAL) }
}

/// `bpf_perf_event_read(map, flags)`
pub(super) fn read(world: &mut World<'_>, [map, flags, ..]: [u64; 5]) -> u64 {
    count(world, map, flags).unwrap_or_else(Errno::r0)
}

/// `bpf_perf_event_read_value(map, flags, to, size)`: events run from the beginning of the machine's clock on
pub(super) fn read_value(world: &mut World<'_>, [map, flags, to, size, _]: [u64; 5]) -> u64 {
    world.mem.clear(to, size as u32 as usize);
    if size as u32 != VALUE as u32 {
        return Errno::EINVAL.r0();
    }
    match count(world, map, flags) {
        Ok(count) => {
            let now = world.machine.now();
            for (off, value) in [(0, count), (8, now), (16, now)] {
                world.mem.store(to.wrapping_add(off), Size::DW, value);
            }
            0
        }
        Err(errno) => errno.r0(),
    }
}
