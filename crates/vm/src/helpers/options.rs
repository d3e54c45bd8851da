//! Options of sockets: `bpf_setsockopt`, `bpf_getsockopt`, and the events that a connection reports.
//!
//! A model of a socket keeps what was set. Which options there are, of which sizes and values, is Linux's; so are the values
//! of those that nobody set, as far as they do not depend on the machine's settings.

use belay_isa::Size;

use crate::context::sock_ops;
use crate::errno::Errno;
use crate::input::{ALL_CB_FLAGS, Input, Sock, family};
use crate::world::World;

const SOCKET: i32 = 1;
const IP: i32 = 0;
const TCP: i32 = 6;
const IPV6: i32 = 41;

/// `TCP_CONGESTION`: a name, up to 16 bytes.
const CONGESTION: i32 = 13;
const CONGESTION_LEN: usize = 16;
/// `SO_MARK`, `SO_PRIORITY`, `SO_BINDTOIFINDEX`: of which the socket has fields.
const MARK: i32 = 36;
const PRIORITY: i32 = 12;
const BIND_TO_INDEX: i32 = 62;
/// `TCP_BPF_SOCK_OPS_CB_FLAGS`
const CB_FLAGS: i32 = 1008;

/// `IP_TOS`, `IPV6_TCLASS`: of a stream the two bits of congestion are the kernel's.
const TOS: i32 = 1;
const TCLASS: i32 = 67;
const CONGESTION_BITS: i32 = 3;

/// What a number may be, and what becomes of it.
#[derive(Clone, Copy)]
enum Rule {
    /// Anything.
    Any,
    /// The low eight bits.
    Byte,
    /// Zero or not.
    Flag,
    /// From one number to another, or `EINVAL`.
    Within(i32, i32),
    /// Likewise; -1 stands for the value of a new socket.
    WithinOrFirst(i32, i32),
    /// The kernel doubles it, between these bounds; a negative number is a large one.
    Doubled(u32, u32),
    /// Up to a number, and 1 at least; a negative number is a large one.
    UpTo(u32),
}

/// Options that are numbers: level, name, rule, and the value of a new socket.
#[rustfmt::skip]
static NUMBERS: &[(i32, i32, Rule, i32)] = &[
    (SOCKET,  2,             Rule::Flag,                    0),       // SO_REUSEADDR
    (SOCKET,  7,             Rule::Doubled(4608, 8 << 20),  16_384),  // SO_SNDBUF
    (SOCKET,  8,             Rule::Doubled(2304, 8 << 20),  131_072), // SO_RCVBUF
    (SOCKET,  9,             Rule::Flag,                    0),       // SO_KEEPALIVE
    (SOCKET,  PRIORITY,      Rule::Any,                     0),
    (SOCKET,  15,            Rule::Flag,                    0),       // SO_REUSEPORT
    (SOCKET,  18,            Rule::UpTo(16 << 20),          1),       // SO_RCVLOWAT
    (SOCKET,  MARK,          Rule::Any,                     0),
    (SOCKET,  47,            Rule::Any,                     -1),      // SO_MAX_PACING_RATE
    (SOCKET,  BIND_TO_INDEX, Rule::Within(0, i32::MAX),     0),
    (SOCKET,  74,            Rule::WithinOrFirst(0, 1),     1),       // SO_TXREHASH
    (IP,      TOS,           Rule::Byte,                    0),
    (IPV6,    TCLASS,        Rule::WithinOrFirst(0, 255),   0),
    (IPV6,    70,            Rule::Flag,                    1),       // IPV6_AUTOFLOWLABEL
    (TCP,     1,             Rule::Flag,                    0),       // TCP_NODELAY
    (TCP,     2,             Rule::Any,                     536),     // TCP_MAXSEG
    (TCP,     4,             Rule::Within(1, 32_767),       7200),    // TCP_KEEPIDLE
    (TCP,     5,             Rule::Within(1, 32_767),       75),      // TCP_KEEPINTVL
    (TCP,     6,             Rule::Within(1, 127),          9),       // TCP_KEEPCNT
    (TCP,     7,             Rule::Within(1, 127),          6),       // TCP_SYNCNT
    (TCP,     16,            Rule::Within(0, 1),            0),       // TCP_THIN_LINEAR_TIMEOUTS
    (TCP,     18,            Rule::Within(0, i32::MAX),     0),       // TCP_USER_TIMEOUT
    (TCP,     25,            Rule::Any,                     0),       // TCP_NOTSENT_LOWAT
    (TCP,     27,            Rule::Within(0, 2),            0),       // TCP_SAVE_SYN
    (TCP,     CB_FLAGS,      Rule::Within(0, ALL_CB_FLAGS as i32), 0),
];

/// The rule and the first value of an option that is a number; none if this socket has no such option.
fn number(sock: &Sock, level: i32, name: i32) -> Option<(Rule, i32)> {
    let has = match level {
        SOCKET => true,
        IP => [family::INET, family::INET6].contains(&sock.family),
        IPV6 => sock.family == family::INET6,
        TCP => sock.is_tcp(),
        _ => false,
    };
    let row = NUMBERS.iter().find(|row| (row.0, row.1) == (level, name)).filter(|_| has)?;
    Some((row.2, row.3))
}

/// What becomes of a number that is set.
fn taken(rule: Rule, first: i32, value: i32) -> Result<i32, Errno> {
    Ok(match rule {
        Rule::Any => value,
        Rule::Byte => value & 0xff,
        Rule::Flag => i32::from(value != 0),
        Rule::WithinOrFirst(..) if value == -1 => first,
        Rule::Within(low, high) | Rule::WithinOrFirst(low, high) if (low..=high).contains(&value) => value,
        Rule::Within(..) | Rule::WithinOrFirst(..) => return Err(Errno::EINVAL),
        Rule::Doubled(low, high) => value.cast_unsigned().saturating_mul(2).clamp(low, high).cast_signed(),
        Rule::UpTo(high) => value.cast_unsigned().clamp(1, high).cast_signed(),
    })
}

/// The socket whose options a program sets and asks for.
fn sock<'w>(world: &'w World<'_>) -> Result<&'w Sock, Errno> {
    match &world.input {
        Input::SockOps(event) if !event.is_locked() => Err(Errno::EOPNOTSUPP),
        // A request has none.
        Input::SockOps(event) if !event.is_fullsock => Err(Errno::EINVAL),
        input => input.sock().ok_or(Errno::EINVAL),
    }
}

/// `bpf_setsockopt(ctx or socket, level, name, value, len)`
pub(super) fn set(world: &mut World<'_>, [_, level, name, from, len]: [u64; 5]) -> u64 {
    let (level, name, len) = (level as i32, name as i32, len as usize);
    let mut bytes = [0; CONGESTION_LEN];
    let known = len.min(bytes.len());
    world.mem.read(from, &mut bytes[..known]);
    let known = sock(world).map(|_| ());
    let result = known.and_then(|()| match world.input.sock_mut() {
        Some(sock) => put(sock, level, name, &bytes, len),
        None => Err(Errno::EINVAL),
    });
    match result {
        Ok(()) => {
            if let Input::SockOps(event) = &mut world.input
                && (level, name) == (TCP, CB_FLAGS)
            {
                event.cb_flags = i32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]).cast_unsigned();
                sock_ops::set_cb_flags(&world.machine.context, event.cb_flags);
            }
            world.show_sock();
            0
        }
        Err(errno) => errno.r0(),
    }
}

fn put(
    sock: &mut Sock,
    level: i32,
    name: i32,
    bytes: &[u8; CONGESTION_LEN],
    len: usize,
) -> Result<(), Errno> {
    if (level, name) == (TCP, CONGESTION) && sock.is_tcp() {
        // The name's last byte is the end of the string.
        let text = bytes.get(..len.min(CONGESTION_LEN - 1)).unwrap_or_default();
        if len < 2 {
            return Err(Errno::EINVAL);
        }
        sock.options.insert((level, name), text.to_vec());
        return Ok(());
    }
    let (rule, first) = number(sock, level, name).ok_or(Errno::EINVAL)?;
    let [a, b, c, d, ..] = *bytes;
    if len != 4 {
        return Err(Errno::EINVAL);
    }
    let value = taken(rule, first, i32::from_ne_bytes([a, b, c, d]))?;
    let streamed = sock.is_tcp() && [(IP, TOS), (IPV6, TCLASS)].contains(&(level, name));
    let value = if streamed { value & !CONGESTION_BITS } else { value };
    match (level, name) {
        (SOCKET, MARK) => sock.mark = value.cast_unsigned(),
        (SOCKET, PRIORITY) => sock.priority = value.cast_unsigned(),
        (SOCKET, BIND_TO_INDEX) => sock.device = value.cast_unsigned(),
        _ => {
            sock.options.insert((level, name), value.to_ne_bytes().to_vec());
        }
    }
    Ok(())
}

/// `bpf_getsockopt(ctx or socket, level, name, value, len)`: what there is no value for is zero
pub(super) fn get(world: &mut World<'_>, [_, level, name, to, len]: [u64; 5]) -> u64 {
    let (level, name, room) = (level as i32, name as i32, len as usize);
    if let Some(answer) = syn_headers(world, level, name) {
        return copy_syn(world, answer, to, room);
    }
    let answer = sock(world).and_then(|sock| value(sock, level, name, room));
    world.mem.clear(to, room);
    match answer {
        Ok(bytes) => {
            world.mem.write(to, bytes.get(..room).unwrap_or(&bytes));
            0
        }
        Err(errno) => errno.r0(),
    }
}

/// The headers of the packet that asked for the connection, where a program of `sock_ops` asks for them.
fn syn_headers(world: &World<'_>, level: i32, name: i32) -> Option<Result<Vec<u8>, Errno>> {
    /// `TCP_BPF_SYN`, `TCP_BPF_SYN_IP`, `TCP_BPF_SYN_MAC`
    const SYN: i32 = 1005;
    const SYN_IP: i32 = 1006;
    const SYN_MAC: i32 = 1007;
    let Input::SockOps(event) = &world.input else { return None };
    let asked = level == TCP && (SYN..=SYN_MAC).contains(&name) && event.is_locked();
    let Some(syn) = event.syn.as_ref().filter(|_| asked) else {
        return asked.then_some(Err(Errno::ENOENT));
    };
    Some(match name {
        SYN => Ok(syn.transport.clone()),
        SYN_IP => Ok([&syn.network[..], &syn.transport].concat()),
        _ if syn.link.is_empty() => Err(Errno::ENOENT),
        _ => Ok([&syn.link[..], &syn.network, &syn.transport].concat()),
    })
}

/// Copies headers, followed by zeros; their length, if they fit.
fn copy_syn(world: &World<'_>, answer: Result<Vec<u8>, Errno>, to: u64, room: usize) -> u64 {
    world.mem.clear(to, room);
    let bytes = match answer {
        Ok(bytes) => bytes,
        Err(errno) => return errno.r0(),
    };
    world.mem.write(to, bytes.get(..room).unwrap_or(&bytes));
    if bytes.len() > room { Errno::ENOSPC.r0() } else { bytes.len() as u64 }
}

fn value(sock: &Sock, level: i32, name: i32, room: usize) -> Result<Vec<u8>, Errno> {
    let kept = sock.options.get(&(level, name));
    if (level, name) == (TCP, CONGESTION) && sock.is_tcp() {
        if room < 2 {
            return Err(Errno::EINVAL);
        }
        let text = kept.cloned().unwrap_or_else(|| b"cubic".to_vec());
        return Ok(text.into_iter().take(room - 1).collect());
    }
    let (_, first) = number(sock, level, name).ok_or(Errno::EINVAL)?;
    if room != Size::W.bytes() as usize {
        return Err(Errno::EINVAL);
    }
    let field = match (level, name) {
        (SOCKET, MARK) => Some(sock.mark),
        (SOCKET, PRIORITY) => Some(sock.priority),
        (SOCKET, BIND_TO_INDEX) => Some(sock.device),
        _ => None,
    };
    Ok(match (field, kept) {
        (Some(field), _) => field.to_ne_bytes().to_vec(),
        (None, Some(bytes)) => bytes.clone(),
        (None, None) => first.to_ne_bytes().to_vec(),
    })
}

/// `bpf_sock_ops_cb_flags_set(ctx, flags)`: the flags that there are not
pub(super) fn set_cb_flags(world: &mut World<'_>, [_, flags, ..]: [u64; 5]) -> u64 {
    let Input::SockOps(event) = &mut world.input else { return Errno::EINVAL.r0() };
    if !event.is_locked() {
        return Errno::EOPNOTSUPP.r0();
    }
    if !event.is_fullsock {
        return Errno::EINVAL.r0();
    }
    let flags = flags as u32;
    event.cb_flags = flags & ALL_CB_FLAGS;
    sock_ops::set_cb_flags(&world.machine.context, event.cb_flags);
    i64::from((flags & !ALL_CB_FLAGS).cast_signed()) as u64
}
