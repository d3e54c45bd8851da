//! Whose packet it is: cookie, owner, namespace and cgroup of the socket that a program runs for.
//!
//! A run knows one cgroup, the machine's: every socket and the current task are in it. It is the root (1) or a child of it.

use belay_sockets::Socket;

use super::sockets;
use crate::errno::Errno;
use crate::input::Input;
use crate::world::World;

/// The user that stands for one that is not known (`overflowuid`).
const OVERFLOW_UID: u32 = 65534;
/// The root of all cgroups.
pub(super) const ROOT: u64 = 1;

/// Hands the socket of the table that a packet belongs to on.
fn with_owner<T>(world: &World<'_>, then: impl FnOnce(&Socket) -> T) -> Option<T> {
    let id = world.input.packet()?.metadata.socket?;
    world.sockets().socket(id).map(then)
}

/// `bpf_get_socket_cookie(ctx)`, or of a socket where the hook's programs hand one over
pub(super) fn cookie(world: &mut World<'_>, [first, ..]: [u64; 5]) -> u64 {
    if let Some(sock) = world.input.sock() {
        return sock.cookie;
    }
    if let Input::Reuseport(_) = world.input {
        return sockets::at(&world.sockets(), first).map_or(0, Socket::cookie);
    }
    with_owner(world, Socket::cookie).unwrap_or(0)
}

/// `bpf_get_socket_uid(ctx)`
pub(super) fn uid(world: &mut World<'_>, _: [u64; 5]) -> u64 {
    let uid = with_owner(world, |socket| socket.is_full().then(|| socket.uid())).flatten();
    uid.unwrap_or(OVERFLOW_UID).into()
}

/// `bpf_get_netns_cookie(ctx)`: namespaces are counted from 1, which is the first, and NULL stands for that
pub(super) fn netns_cookie(world: &mut World<'_>, [context, ..]: [u64; 5]) -> u64 {
    const FIRST: u64 = 1;
    if context == 0 {
        return FIRST;
    }
    let owner = with_owner(world, Socket::netns);
    owner.or(world.machine.netns).map_or(FIRST, |netns| netns.index() as u64 + FIRST)
}

/// The cgroup that is that many levels below the root, on the way to the machine's.
fn ancestor(world: &World<'_>, level: u64) -> u64 {
    let own = world.machine.cgroup;
    match level as i32 {
        0 => ROOT,
        1 if own != ROOT => own,
        _ => 0,
    }
}

/// Whether a packet has a full socket.
pub(super) fn has_socket(world: &World<'_>) -> bool {
    with_owner(world, Socket::is_full).unwrap_or(false)
}

/// `bpf_skb_cgroup_id(ctx)`
pub(super) fn packet_cgroup(world: &mut World<'_>, _: [u64; 5]) -> u64 {
    if has_socket(world) { world.machine.cgroup } else { 0 }
}

/// `bpf_skb_ancestor_cgroup_id(ctx, level)`
pub(super) fn packet_ancestor(world: &mut World<'_>, [_, level, ..]: [u64; 5]) -> u64 {
    if has_socket(world) { ancestor(world, level) } else { 0 }
}

/// Whether a full socket stands at an address.
fn is_full(world: &World<'_>, sk: u64) -> bool {
    sockets::at(&world.sockets(), sk).is_some_and(Socket::is_full)
}

/// `bpf_sk_cgroup_id(sk)`
pub(super) fn socket_cgroup(world: &mut World<'_>, [sk, ..]: [u64; 5]) -> u64 {
    if is_full(world, sk) { world.machine.cgroup } else { 0 }
}

/// `bpf_sk_ancestor_cgroup_id(sk, level)`
pub(super) fn socket_ancestor(world: &mut World<'_>, [sk, level, ..]: [u64; 5]) -> u64 {
    if is_full(world, sk) { ancestor(world, level) } else { 0 }
}

/// `bpf_get_current_cgroup_id()`
pub(super) fn current_cgroup(world: &mut World<'_>, _: [u64; 5]) -> u64 {
    world.machine.cgroup
}

/// `bpf_get_current_ancestor_cgroup_id(level)`
pub(super) fn current_ancestor(world: &mut World<'_>, [level, ..]: [u64; 5]) -> u64 {
    ancestor(world, level)
}

/// `bpf_get_current_pid_tgid()`
pub(super) fn pid_tgid(world: &mut World<'_>, _: [u64; 5]) -> u64 {
    u64::from(world.machine.task.tgid) << 32 | u64::from(world.machine.task.pid)
}

/// `bpf_get_current_uid_gid()`
pub(super) fn uid_gid(world: &mut World<'_>, _: [u64; 5]) -> u64 {
    u64::from(world.machine.task.gid) << 32 | u64::from(world.machine.task.uid)
}

/// `bpf_get_current_comm(to, size)`: with zeros behind it
pub(super) fn comm(world: &mut World<'_>, [to, size, ..]: [u64; 5]) -> u64 {
    /// `TASK_COMM_LEN`, without the zero at its end.
    const LONGEST: usize = 15;
    let size = size as u32 as usize;
    let name = world.machine.task.comm.as_bytes();
    let name = &name[..name.len().min(LONGEST).min(size.saturating_sub(1))];
    world.mem.clear(to, size);
    world.mem.write(to, name);
    0
}

/// `bpf_get_ns_current_pid_tgid(dev, ino, to, size)`: no namespace of processes is known by a file here
pub(super) fn no_pid_namespace(world: &mut World<'_>, [_, _, to, size, _]: [u64; 5]) -> u64 {
    world.mem.clear(to, size as u32 as usize);
    Errno::EINVAL.r0()
}
