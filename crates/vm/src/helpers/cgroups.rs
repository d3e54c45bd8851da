//! Whose group of processes is below which: `bpf_skb_under_cgroup`, `bpf_current_task_under_cgroup`.
//!
//! A map holds groups by their ids. A run knows one group, the machine's, which is the root or a child of it.

use crate::errno::Errno;
use crate::world::World;

use super::identity::{ROOT, has_socket};

/// Whether the machine's group is that of an entry, or below it.
fn under(world: &World<'_>, map: u64, index: u64) -> Result<bool, Errno> {
    let index = index as u32;
    let (map, side) = world.map(map).ok_or(Errno::EINVAL)?;
    if index >= map.def().max_entries {
        return Err(Errno::E2BIG);
    }
    let entry = map.storage().lookup(&index.to_le_bytes(), side).ok_or(Errno::EAGAIN)?;
    Ok([ROOT, world.machine.cgroup].contains(&entry.read_u64()))
}

/// `bpf_skb_under_cgroup(ctx, map, index)`: of the packet's socket
pub(super) fn packet(world: &mut World<'_>, [_, map, index, ..]: [u64; 5]) -> u64 {
    if !has_socket(world) {
        return Errno::ENOENT.r0();
    }
    under(world, map, index).map_or_else(Errno::r0, u64::from)
}

/// `bpf_current_task_under_cgroup(map, index)`
pub(super) fn task(world: &mut World<'_>, [map, index, ..]: [u64; 5]) -> u64 {
    under(world, map, index).map_or_else(Errno::r0, u64::from)
}
