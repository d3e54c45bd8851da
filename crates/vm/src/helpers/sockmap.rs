//! Maps that hold sockets: lookup and update by programs, redirects to their sockets, the choice in a reuseport group.

use belay_sockets::{Family, Protocol, Socket, SocketId};

use super::map::with_key;
use super::sockets;
use crate::errno::{Errno, r0};
use crate::input::Input;
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
    let reader = world.sockets();
    let socket = reader.with_cookie(entry.read_u64())?;
    admits(map.def().kind, socket).is_ok().then(|| then(socket))
}

/// What `bpf_map_lookup_elem` gives for an entry: the socket, acquired; or 0.
pub(super) fn lookup(world: &World<'_>, map: &Map, entry: Place<'_>) -> u64 {
    let acquired = with(world, map, entry, |socket| socket.acquire().then(|| sockets::address(socket)));
    acquired.flatten().unwrap_or(0)
}

/// `bpf_map_update_elem` with a socket for its value.
pub(super) fn update(world: &World<'_>, map: &Map, key: u64, socket: u64, flags: u64) -> Result<(), Errno> {
    let reader = world.sockets();
    let socket = sockets::at(&reader, socket).ok_or(Errno::EINVAL)?;
    admits(map.def().kind, socket)?;
    let (_, side) = world.map(map.handle()).ok_or(Errno::EINVAL)?;
    let cookie = socket.cookie().to_le_bytes();
    with_key(world.mem, map, key, |key| map.storage().update(key, Value::Bytes(&cookie), flags, side))
}

/// The entry of a map at the index `key`, or at the key at that address.
fn entry<'w>(world: &World<'w>, map: &'w Map, key: u64, is_index: bool) -> Option<Place<'w>> {
    let (_, side) = world.map(map.handle())?;
    if is_index {
        return map.storage().lookup(&(key as u32).to_le_bytes(), side);
    }
    with_key(world.mem, map, key, |key| map.storage().lookup(key, side))
}

/// Redirects to the socket in an entry.
fn redirect(world: &mut World<'_>, [_, map, key, flags, _]: [u64; 5], is_index: bool) -> u64 {
    if flags & !INGRESS != 0 {
        return DROP;
    }
    let Some((map, _)) = world.map(map) else { return DROP };
    // A message leaves through TCP only.
    let tcp = matches!(world.input, Input::SkMsg(_)) && flags & INGRESS == 0;
    let may = |socket: &Socket| takes_redirects(socket) && (!tcp || socket.protocol() == Protocol::Tcp);
    let target = entry(world, map, key, is_index)
        .and_then(|entry| with(world, map, entry, |socket| may(socket).then(|| socket.id())))
        .flatten();
    let Some(socket) = target else { return DROP };
    world.machine.tracing().redirect = Some(Redirect::Socket { socket, flags });
    PASS
}

/// `bpf_sk_redirect_map(skb, map, key, flags)`, `bpf_msg_redirect_map(msg, map, key, flags)`
pub(super) fn redirect_map(world: &mut World<'_>, args: [u64; 5]) -> u64 {
    redirect(world, args, true)
}

/// `bpf_sk_redirect_hash(skb, map, key, flags)`, `bpf_msg_redirect_hash(msg, map, key, flags)`
pub(super) fn redirect_hash(world: &mut World<'_>, args: [u64; 5]) -> u64 {
    redirect(world, args, false)
}

/// `bpf_sock_map_update(ops, map, key, flags)`, `bpf_sock_hash_update(ops, map, key, flags)`: the connection of the event
pub(super) fn update_from_ops(world: &mut World<'_>, [_, map, key, flags, _]: [u64; 5]) -> u64 {
    r0(put_connection(world, map, key, flags))
}

fn put_connection(world: &World<'_>, map: u64, key: u64, flags: u64) -> Result<(), Errno> {
    /// `BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB`, `BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB`, `BPF_SOCK_OPS_TCP_LISTEN_CB`
    const EVENTS: [u32; 3] = [4, 5, 11];
    let Input::SockOps(event) = &world.input else { return Err(Errno::EOPNOTSUPP) };
    let (map, side) = world.map(map).ok_or(Errno::EINVAL)?;
    if !EVENTS.contains(&event.op) {
        return Err(Errno::EOPNOTSUPP);
    }
    let cookie = event.sock.cookie.to_le_bytes();
    with_key(world.mem, map, key, |key| map.storage().update(key, Value::Bytes(&cookie), flags, side))
}

/// `bpf_sk_select_reuseport(reuse, map, key, flags)`: nobody looks at the flags
pub(super) fn select_reuseport(world: &mut World<'_>, [_, map, key, ..]: [u64; 5]) -> u64 {
    let selected = choose(world, map, key);
    if let (Ok(socket), Input::Reuseport(input)) = (selected, &mut world.input) {
        input.selected = Some(socket);
    }
    r0(selected.map(drop))
}

/// The socket in an entry, if it is of the group that the packet is for.
fn choose(world: &World<'_>, map: u64, key: u64) -> Result<SocketId, Errno> {
    let Input::Reuseport(input) = &world.input else { return Err(Errno::EINVAL) };
    let (map, _) = world.map(map).ok_or(Errno::EINVAL)?;
    let entry = entry(world, map, key, false).ok_or(Errno::ENOENT)?;
    let reader = world.sockets();
    let reached = input.sk.and_then(|id| reader.socket(id));
    let found = with(world, map, entry, |socket| (socket.id(), socket.group(), Kind::of(socket)));
    let (id, group, kind) = found.ok_or(Errno::ENOENT)?;
    // Without a group it is a socket of a socket map: an array of groups' members has no such.
    let group = group.ok_or(Errno::EINVAL)?;
    match reached.map(|reached| (reached.group(), Kind::of(reached))) {
        Some((Some(reached), _)) if reached == group => Ok(id),
        Some((_, reached)) if reached.protocol != kind.protocol => Err(Errno::EPROTOTYPE),
        Some((_, reached)) if reached.family != kind.family => Err(Errno::EAFNOSUPPORT),
        _ => Err(Errno::EBADFD),
    }
}

/// What members of a group have in common.
struct Kind {
    protocol: Protocol,
    family: Family,
}

impl Kind {
    fn of(socket: &Socket) -> Kind {
        Kind { protocol: socket.protocol(), family: socket.family() }
    }
}
