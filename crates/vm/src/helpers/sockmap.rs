//! Maps that hold sockets: lookup and update by programs, redirects to their sockets, the choice in a reuseport group.

use belay_sockets::Socket;

use super::map::with_key;
use super::sockets;
use crate::errno::Errno;
use crate::maps::storage::Place;
use crate::maps::{Map, Value, admits, takes_redirects};
use crate::world::{Redirect, World};

/// `SK_DROP`, `SK_PASS`.
const DROP: u64 = 0;
const PASS: u64 = 1;
/// `BPF_F_INGRESS`
const INGRESS: u64 = 1;

/// Hands the socket in an entry to a function, if the table has it and such a map may hold it.
fn with<T>(world: &World<'_>, map: &Map, entry: Place<'_>, then: impl FnOnce(&Socket) -> T) -> Option<T> {
    let reader = world.machine.sockets.read();
    let socket = reader.with_cookie(entry.read_u64())?;
    admits(map.def().kind, socket).is_ok().then(|| then(socket))
}

/// What `bpf_map_lookup_elem` gives for an entry: the socket, acquired; or 0.
pub(super) fn lookup(world: &World<'_>, map: &Map, entry: Place<'_>) -> u64 {
    let acquired = with(world, map, entry, |socket| {
        socket.acquire();
        sockets::address(socket)
    });
    acquired.unwrap_or(0)
}

/// `bpf_map_update_elem` with a socket for its value.
pub(super) fn update(world: &World<'_>, map: &Map, key: u64, socket: u64, flags: u64) -> Result<(), Errno> {
    let id = sockets::at(&world.machine.sockets, socket).ok_or(Errno::EINVAL)?;
    let reader = world.machine.sockets.read();
    let socket = reader.socket(id).ok_or(Errno::EINVAL)?;
    admits(map.def().kind, socket)?;
    let (_, side) = world.map(map.handle()).ok_or(Errno::EINVAL)?;
    let cookie = socket.info().cookie.to_le_bytes();
    with_key(world.mem, map, key, |key| map.storage().update(key, Value::Bytes(&cookie), flags, side))
}

/// Redirects to the socket at a key, which is where `find` says.
fn redirect<'w>(
    world: &mut World<'w>,
    map: u64,
    flags: u64,
    find: impl FnOnce(&World<'w>, &'w Map) -> Option<Place<'w>>,
) -> u64 {
    if flags & !INGRESS != 0 {
        return DROP;
    }
    let Some((map, _)) = world.map(map) else { return DROP };
    let target = find(world, map)
        .and_then(|entry| with(world, map, entry, |socket| takes_redirects(socket).then(|| socket.id())))
        .flatten();
    let Some(socket) = target else { return DROP };
    world.machine.trace.redirect = Some(Redirect::Socket { socket, flags });
    PASS
}

/// `bpf_sk_redirect_map(skb, map, key, flags)`
pub(super) fn redirect_map(world: &mut World<'_>, [_, map, key, flags, _]: [u64; 5]) -> u64 {
    redirect(world, map, flags, |world, map| {
        let (_, side) = world.map(map.handle())?;
        map.storage().lookup(&(key as u32).to_le_bytes(), side)
    })
}

/// `bpf_sk_redirect_hash(skb, map, key, flags)`
pub(super) fn redirect_hash(world: &mut World<'_>, [_, map, key, flags, _]: [u64; 5]) -> u64 {
    redirect(world, map, flags, |world, map| {
        let (_, side) = world.map(map.handle())?;
        with_key(world.mem, map, key, |key| map.storage().lookup(key, side))
    })
}
