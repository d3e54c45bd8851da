//! Storage of sockets and cgroups.

use super::sockets;
use crate::context::Form;
use crate::errno::{Errno, r0};
use crate::maps::Value;
use crate::maps::storage::Place;
use crate::world::World;

/// `BPF_SK_STORAGE_GET_F_CREATE`, `BPF_LOCAL_STORAGE_GET_F_CREATE`
const CREATE: u64 = 1;

/// The cookie of the full socket at an address: the key of its storage.
fn owner(world: &World<'_>, socket: u64) -> Option<[u8; 8]> {
    // The socket that the program runs for, which may be the context itself.
    if sockets::is_model(world, socket) || (socket == world.context && world.layout.form == Form::Sock) {
        return world.input.sock().map(|sock| sock.cookie.to_le_bytes());
    }
    let reader = world.sockets();
    let socket = sockets::at(&reader, socket).filter(|socket| socket.is_full())?;
    Some(socket.cookie().to_le_bytes())
}

/// `bpf_sk_storage_get(map, sk, value, flags)`: the value, if any, is what a new storage starts with
pub(super) fn socket_get(world: &mut World<'_>, [map, socket, value, flags, _]: [u64; 5]) -> u64 {
    if flags & !CREATE != 0 {
        return 0;
    }
    let Some(owner) = owner(world, socket) else { return 0 };
    let Some((map, side)) = world.map(map) else { return 0 };
    let storage = map.storage();
    let initial = if value == 0 { Value::Zero } else { Value::At(world.mem, value) };
    let found = storage.lookup(&owner, side);
    let place = found.or_else(|| if flags == CREATE { storage.obtain(&owner, initial, side) } else { None });
    place.map_or(0, Place::addr)
}

/// `bpf_sk_storage_delete(map, sk)`
pub(super) fn socket_delete(world: &mut World<'_>, [map, socket, ..]: [u64; 5]) -> u64 {
    let Some(owner) = owner(world, socket) else { return Errno::EINVAL.r0() };
    let Some((map, _)) = world.map(map) else { return Errno::EINVAL.r0() };
    r0(map.storage().delete(&owner))
}

/// `bpf_get_local_storage(map, flags)`: of the cgroup that the program is attached to
pub(super) fn cgroup_get(world: &mut World<'_>, [map, ..]: [u64; 5]) -> u64 {
    let Some((map, side)) = world.map(map) else { return 0 };
    // `struct bpf_cgroup_storage_key`: a map whose key has no room for the attach type shares among all types.
    let attach_type = world.layout.hook.map_or(0, |hook| hook.attach_type);
    let mut key = [0; 16];
    key[..8].copy_from_slice(&world.machine.cgroup.to_le_bytes());
    key[8..12].copy_from_slice(&attach_type.to_le_bytes());
    let Some(key) = key.get(..map.def().key_size as usize) else { return 0 };
    let storage = map.storage();
    let place = storage.lookup(key, side).or_else(|| storage.obtain(key, Value::Zero, side));
    place.map_or(0, Place::addr)
}
