//! Socket helpers: lookup, release, casts, assignment.
//!
//! A program's pointer to a socket is the address of the table's [`Socket`], whose first bytes are `struct bpf_sock`;
//! `struct bpf_tcp_sock` lies behind them in the same object. So every pointer leads back to its socket by arithmetic on
//! the few slices of the table's memory. Whoever has such a pointer got it in this run, whose read section keeps what it
//! points to; and if the socket is counted, holds it.

use belay_sockets::{Family, LookupKind, Protocol, Query, Reader, Socket, SocketId, State, Tuple};

use crate::context::{Form, sk_lookup};
use crate::errno::{Errno, r0};
use crate::input::{Input, Sock, family};
use crate::world::{SocketLookup, World};

/// The address of a socket. Its provenance is exposed, so that loads may find the way back.
pub(crate) fn address(socket: &Socket) -> u64 {
    std::ptr::from_ref(socket).expose_provenance() as u64
}

/// The socket that an address lies in, at one of its views.
#[inline]
pub(crate) fn at<'r>(reader: &'r Reader<'_>, addr: u64) -> Option<&'r Socket> {
    let addr = addr as usize;
    reader.memory().find_map(|sockets| {
        let off = addr.checked_sub(sockets.as_ptr().addr())?;
        let socket = sockets.get(off / size_of::<Socket>())?;
        let within = off % size_of::<Socket>();
        (within == Socket::VIEW_OFFSET || within == Socket::TCP_VIEW_OFFSET).then_some(socket)
    })
}

/// Whether an address is that of the socket that the program runs for and that is in no table; at one of its views.
pub(crate) fn is_model(world: &World<'_>, addr: u64) -> bool {
    let model = world.machine.model.addr();
    addr == model || addr == model + Socket::TCP_VIEW_OFFSET as u64
}

/// The socket that the program runs for, if an address is its.
fn model<'w>(world: &'w World<'_>, addr: u64) -> Option<(&'w Sock, u64)> {
    let sock = world.input.sock()?;
    is_model(world, addr).then(|| (sock, world.machine.model.addr()))
}

/// Hands the socket at an address to a function.
fn with<T>(world: &World<'_>, addr: u64, then: impl FnOnce(&Socket) -> T) -> Option<T> {
    at(&world.sockets(), addr).map(then)
}

/// Gives a reference back.
pub(crate) fn release(world: &World<'_>, addr: u64) {
    if let Some(socket) = at(&world.sockets(), addr) {
        // An error says that nothing was held: only an unverified program gets here, and the guard has reported it.
        let _ = socket.release();
    }
}

/// `bpf_sk_lookup_tcp(ctx, tuple, size, netns, flags)`
pub(super) fn lookup_tcp(world: &mut World<'_>, args: [u64; 5]) -> u64 {
    lookup(world, 84, Protocol::Tcp, LookupKind::Full, args)
}

/// `bpf_sk_lookup_udp(ctx, tuple, size, netns, flags)`
pub(super) fn lookup_udp(world: &mut World<'_>, args: [u64; 5]) -> u64 {
    lookup(world, 85, Protocol::Udp, LookupKind::Full, args)
}

/// `bpf_skc_lookup_tcp(ctx, tuple, size, netns, flags)`
pub(super) fn skc_lookup_tcp(world: &mut World<'_>, args: [u64; 5]) -> u64 {
    lookup(world, 99, Protocol::Tcp, LookupKind::Common, args)
}

fn lookup(world: &mut World<'_>, helper: u32, protocol: Protocol, kind: LookupKind, args: [u64; 5]) -> u64 {
    let [_, tuple, size, netns, flags] = args;
    let tuple = read_tuple(world, tuple, size as u32);
    let argument = match world.layout.form {
        Form::Xdp => belay_sockets::NsidArg::xdp(netns),
        _ => belay_sockets::NsidArg::wide(netns),
    };
    let ifindex = world.input.ifindex();
    let netns = {
        let reader = world.sockets();
        let current = world.machine.netns.or_else(|| reader.default_netns());
        current.and_then(|current| reader.resolve(current, argument))
    };
    let query = match (tuple, netns) {
        (Some(tuple), Some(netns)) if flags == 0 => Some(Query { netns, protocol, tuple, ifindex, kind }),
        _ => None,
    };
    let (addr, found) = acquire(world, query.as_ref());
    if world.machine.recording {
        world.machine.tracing().lookups.push(SocketLookup { helper, tuple, netns, found });
    }
    addr
}

/// Looks a socket up and takes a reference: its address, 0 if there is none.
pub(crate) fn acquire(world: &World<'_>, query: Option<&Query>) -> (u64, Option<SocketId>) {
    let reader = world.sockets();
    let found = query.and_then(|query| reader.acquire(query)).map(|found| found.socket());
    (found.map_or(0, address), found.map(Socket::id))
}

/// The tuple at an address; none unless its size is that of a family.
fn read_tuple(world: &World<'_>, addr: u64, size: u32) -> Option<Tuple> {
    let mut bytes = [0; Tuple::V6_SIZE];
    let bytes =
        bytes.get_mut(..size as usize).filter(|b| [Tuple::V4_SIZE, Tuple::V6_SIZE].contains(&b.len()))?;
    world.mem.read(addr, bytes);
    Tuple::from_bytes(bytes)
}

/// `bpf_sk_release(sk)`
pub(super) fn sk_release(world: &mut World<'_>, [sk, ..]: [u64; 5]) -> u64 {
    release(world, sk);
    0
}

/// `bpf_sk_fullsock(sk)`
pub(super) fn fullsock(world: &mut World<'_>, [sk, ..]: [u64; 5]) -> u64 {
    if let Some((_, addr)) = model(world, sk) {
        return addr;
    }
    with(world, sk, |socket| if socket.is_full() { address(socket) } else { 0 }).unwrap_or(0)
}

/// `bpf_tcp_sock(sk)`
pub(super) fn tcp_sock(world: &mut World<'_>, [sk, ..]: [u64; 5]) -> u64 {
    if let Some((sock, addr)) = model(world, sk) {
        return if sock.is_tcp() { addr + Socket::TCP_VIEW_OFFSET as u64 } else { 0 };
    }
    with(
        world,
        sk,
        |socket| {
            if socket.is_tcp_full() { address(socket) + Socket::TCP_VIEW_OFFSET as u64 } else { 0 }
        },
    )
    .unwrap_or(0)
}

/// `bpf_skc_to_tcp_sock(sk)`
pub(super) fn to_tcp_sock(world: &mut World<'_>, [sk, ..]: [u64; 5]) -> u64 {
    if let Some((sock, addr)) = model(world, sk) {
        return if sock.is_tcp() { addr } else { 0 };
    }
    with(world, sk, |socket| if socket.is_tcp_full() { address(socket) } else { 0 }).unwrap_or(0)
}

/// The socket at an address, if it is of this kind: of the table, and of what the program runs for.
fn cast(world: &World<'_>, sk: u64, fits: fn(&Socket) -> bool, model_fits: fn(&Sock) -> bool) -> u64 {
    if let Some((sock, addr)) = model(world, sk) {
        return if model_fits(sock) { addr } else { 0 };
    }
    with(world, sk, |socket| if fits(socket) { address(socket) } else { 0 }).unwrap_or(0)
}

/// `bpf_skc_to_tcp6_sock(sk)`
pub(super) fn to_tcp6_sock(world: &mut World<'_>, [sk, ..]: [u64; 5]) -> u64 {
    let sock = |sock: &Sock| sock.is_tcp() && sock.family == family::INET6;
    cast(world, sk, |socket| socket.is_tcp_full() && socket.info().family() == Family::V6, sock)
}

/// `bpf_skc_to_tcp_timewait_sock(sk)`
pub(super) fn to_timewait_sock(world: &mut World<'_>, [sk, ..]: [u64; 5]) -> u64 {
    cast(world, sk, |socket| socket.state() == State::TimeWait, |_| false)
}

/// `bpf_skc_to_tcp_request_sock(sk)`
pub(super) fn to_request_sock(world: &mut World<'_>, [sk, ..]: [u64; 5]) -> u64 {
    cast(world, sk, |socket| socket.state() == State::NewSynRecv, |_| false)
}

/// `bpf_skc_to_udp6_sock(sk)`
pub(super) fn to_udp6_sock(world: &mut World<'_>, [sk, ..]: [u64; 5]) -> u64 {
    let sock = |sock: &Sock| sock.is_udp() && sock.family == family::INET6;
    let udp6 = |socket: &Socket| socket.protocol() == Protocol::Udp && socket.info().family() == Family::V6;
    cast(world, sk, udp6, sock)
}

/// `bpf_skc_to_unix_sock(sk)`
pub(super) fn to_unix_sock(world: &mut World<'_>, [sk, ..]: [u64; 5]) -> u64 {
    cast(world, sk, |_| false, |sock| sock.family == family::UNIX)
}

/// `bpf_skc_to_mptcp_sock(sk)`: no socket here is one
pub(super) fn to_mptcp_sock(_: &mut World<'_>, _: [u64; 5]) -> u64 {
    0
}

/// `bpf_get_listener_sock(sk)`
pub(super) fn listener(world: &mut World<'_>, [sk, ..]: [u64; 5]) -> u64 {
    if let Some((sock, addr)) = model(world, sk) {
        return if sock.state == State::Listen { addr } else { 0 };
    }
    let reader = world.sockets();
    at(&reader, sk).and_then(|socket| reader.listener_of(socket)).map_or(0, address)
}

/// `bpf_sk_assign(ctx, sk, flags)`: recorded
pub(super) fn assign(world: &mut World<'_>, [_, sk, flags, ..]: [u64; 5]) -> u64 {
    if world.layout.form == Form::SkLookup {
        return r0(select(world, sk, flags));
    }
    if flags != 0 {
        return Errno::EINVAL.r0();
    }
    let assigned = at(&world.sockets(), sk).map(Socket::id);
    world.machine.tracing().assigned = assigned;
    0
}

/// `bpf_sk_assign` in `sk_lookup`: the lookup's answer, if the socket could be one
fn select(world: &mut World<'_>, sk: u64, flags: u64) -> Result<(), Errno> {
    /// `BPF_SK_LOOKUP_F_REPLACE`, `BPF_SK_LOOKUP_F_NO_REUSEPORT`
    const REPLACE: u64 = 1;
    const NO_REUSEPORT: u64 = 2;
    if flags & !(REPLACE | NO_REUSEPORT) != 0 {
        return Err(Errno::EINVAL);
    }
    let Input::SkLookup(lookup) = &mut world.input else { return Err(Errno::EINVAL) };
    let reader = world.machine.sockets.within(world.reading.section());
    let chosen = if sk == 0 { None } else { Some(at(&reader, sk).ok_or(Errno::ESOCKTNOSUPPORT)?) };
    if let Some(socket) = chosen.map(Socket::info) {
        let waits = match socket.protocol {
            Protocol::Tcp => socket.state == State::Listen,
            Protocol::Udp => socket.state == State::Close,
        };
        if !waits {
            return Err(Errno::ESOCKTNOSUPPORT);
        }
        if socket.protocol != lookup.protocol {
            return Err(Errno::EPROTOTYPE);
        }
        let wanted = if lookup.local.is_ipv4() { Family::V4 } else { Family::V6 };
        if socket.family() != wanted && (socket.family() == Family::V4 || socket.v6only) {
            return Err(Errno::EAFNOSUPPORT);
        }
    }
    if sk_lookup::selected(&world.machine.context) != 0 && flags & REPLACE == 0 {
        return Err(Errno::EEXIST);
    }
    (lookup.selected, lookup.no_reuseport) = (chosen.map(Socket::id), flags & NO_REUSEPORT != 0);
    sk_lookup::select(&world.machine.context, sk);
    Ok(())
}
