//! SYN cookies: sequence numbers by which a server knows a client again of which it has kept nothing.
//!
//! A cookie says, under a secret, which addresses and ports it was made for, in which minute, and which of four segment sizes
//! the client announced. The secret is the run's own, so the numbers differ from every kernel's; what they prove is the same.

use std::hash::{DefaultHasher, Hasher};

use belay_isa::Size;
use belay_sockets::{Family, Protocol, SocketId, State};

use super::sockets;
use crate::errno::Errno;
use crate::world::World;

/// The low bits of a cookie: segment size and its proof. The minute stands above them.
const COOKIE_BITS: u32 = 24;
const COOKIE_MASK: u32 = (1 << COOKIE_BITS) - 1;
/// The minutes for which a cookie is good.
const MAX_AGE: u32 = 2;
/// Nanoseconds of a minute.
const MINUTE: u64 = 60_000_000_000;
/// The segment sizes that a cookie can say, over IPv4 and over IPv6.
const SIZES_V4: [u16; 4] = [536, 1300, 1440, 1460];
const SIZES_V6: [u16; 4] = [1220, 1420, 1440, 8940];
/// What a client that announces no size is taken to mean.
const DEFAULT_V4: u16 = 536;
const DEFAULT_V6: u16 = 1220;
/// Bytes of headers without options.
const TCP_HEADER: u64 = 20;
const IPV4_HEADER: u64 = 20;
const IPV6_HEADER: u64 = 40;

/// The flags of a TCP header.
mod tcp {
    pub(super) const FIN: u8 = 1;
    pub(super) const SYN: u8 = 2;
    pub(super) const RST: u8 = 4;
    pub(super) const ACK: u8 = 16;
}

/// A TCP header, at an address.
#[derive(Clone, Copy)]
struct Tcp<'w, 'r> {
    world: &'w World<'r>,
    addr: u64,
}

impl Tcp<'_, '_> {
    fn byte(self, off: u64) -> u8 {
        self.world.mem.load(self.addr.wrapping_add(off), Size::B) as u8
    }

    fn word(self, off: u64) -> u32 {
        (self.world.mem.load(self.addr.wrapping_add(off), Size::W) as u32).swap_bytes()
    }

    fn flags(self) -> u8 {
        self.byte(13)
    }

    /// The length of the header, with its options.
    fn len(self) -> u64 {
        u64::from(self.byte(12) >> 4) * 4
    }

    /// The segment size that the options announce.
    fn segment(self) -> Option<u16> {
        const END: u8 = 0;
        const NOTHING: u8 = 1;
        const MSS: (u8, u8) = (2, 4);
        let (mut at, mut size) = (TCP_HEADER, None);
        while at < self.len() {
            match self.byte(at) {
                END => break,
                NOTHING => at += 1,
                _ if at + 1 >= self.len() => break,
                kind => {
                    let len = self.byte(at + 1);
                    if len < 2 || at + u64::from(len) > self.len() {
                        break;
                    }
                    if (kind, len) == MSS {
                        let announced = u16::from_be_bytes([self.byte(at + 2), self.byte(at + 3)]);
                        size = Some(announced).filter(|announced| *announced != 0);
                    }
                    at += u64::from(len);
                }
            }
        }
        size
    }
}

/// What a cookie is made for.
struct Connection {
    /// Both addresses, then both ports: 12 or 36 bytes.
    tuple: [u8; 36],
    v6: bool,
    secret: u64,
    minute: u32,
}

impl Connection {
    fn new(world: &World<'_>, ip: u64, tcp: u64, v6: bool) -> Connection {
        let mut tuple = [0; 36];
        let (addresses, ports) = if v6 { (8, 32) } else { (12, 8) };
        world.mem.read(ip.wrapping_add(addresses), &mut tuple[..ports]);
        world.mem.read(tcp, &mut tuple[ports..ports + 4]);
        Connection { tuple, v6, secret: world.machine.seed, minute: (world.machine.now() / MINUTE) as u32 }
    }

    fn sizes(&self) -> [u16; 4] {
        if self.v6 { SIZES_V6 } else { SIZES_V4 }
    }

    /// The proof for a minute; `which` of two.
    fn proof(&self, which: u8, minute: u32) -> u32 {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.secret);
        hasher.write_u8(which);
        hasher.write(&self.tuple);
        hasher.write_u32(minute);
        hasher.finish() as u32
    }

    /// A cookie for a client that begins at that sequence number, and the segment size that it says.
    fn make(&self, sequence: u32, announced: u16) -> (u32, u16) {
        let sizes = self.sizes();
        let index = sizes.iter().rposition(|size| announced >= *size).unwrap_or(0);
        let low = self.proof(1, self.minute).wrapping_add(index as u32) & COOKIE_MASK;
        let cookie = self
            .proof(0, 0)
            .wrapping_add(sequence)
            .wrapping_add(self.minute << COOKIE_BITS)
            .wrapping_add(low);
        (cookie, sizes[index])
    }

    /// The segment size that a cookie says, if it is one of ours and not too old.
    fn check(&self, sequence: u32, cookie: u32) -> Option<u16> {
        let rest = cookie.wrapping_sub(self.proof(0, 0).wrapping_add(sequence));
        let age = self.minute.wrapping_sub(rest >> COOKIE_BITS) & (u32::MAX >> COOKIE_BITS);
        if age >= MAX_AGE {
            return None;
        }
        let index = rest.wrapping_sub(self.proof(1, self.minute.wrapping_sub(age))) & COOKIE_MASK;
        self.sizes().get(index as usize).copied()
    }
}

/// The answer that gives a cookie: the segment size above it.
fn answer((cookie, size): (u32, u16)) -> u64 {
    u64::from(cookie) | u64::from(size) << 32
}

fn generate(world: &World<'_>, ip: u64, tcp: u64, v6: bool) -> u64 {
    let header = Tcp { world, addr: tcp };
    let announced = header.segment().unwrap_or(if v6 { DEFAULT_V6 } else { DEFAULT_V4 });
    answer(Connection::new(world, ip, tcp, v6).make(header.word(4), announced))
}

/// Whether the acknowledgement of a segment is a cookie.
fn is_good(world: &World<'_>, ip: u64, tcp: u64, v6: bool) -> bool {
    let header = Tcp { world, addr: tcp };
    let (sequence, cookie) = (header.word(4).wrapping_sub(1), header.word(8).wrapping_sub(1));
    Connection::new(world, ip, tcp, v6).check(sequence, cookie).is_some()
}

fn raw_generate(world: &World<'_>, ip: u64, tcp: u64, len: u64, v6: bool) -> u64 {
    let len = u64::from(len as u32);
    if len < TCP_HEADER || len != (Tcp { world, addr: tcp }).len() {
        return Errno::EINVAL.r0();
    }
    generate(world, ip, tcp, v6)
}

fn raw_check(world: &World<'_>, ip: u64, tcp: u64, v6: bool) -> u64 {
    if is_good(world, ip, tcp, v6) { 0 } else { Errno::EACCES.r0() }
}

/// `bpf_tcp_raw_gen_syncookie_ipv4(ip, tcp, len)`
pub(super) fn raw_generate_v4(world: &mut World<'_>, [ip, tcp, len, ..]: [u64; 5]) -> u64 {
    raw_generate(world, ip, tcp, len, false)
}

/// `bpf_tcp_raw_gen_syncookie_ipv6(ip, tcp, len)`
pub(super) fn raw_generate_v6(world: &mut World<'_>, [ip, tcp, len, ..]: [u64; 5]) -> u64 {
    raw_generate(world, ip, tcp, len, true)
}

/// `bpf_tcp_raw_check_syncookie_ipv4(ip, tcp)`
pub(super) fn raw_check_v4(world: &mut World<'_>, [ip, tcp, ..]: [u64; 5]) -> u64 {
    raw_check(world, ip, tcp, false)
}

/// `bpf_tcp_raw_check_syncookie_ipv6(ip, tcp)`
pub(super) fn raw_check_v6(world: &mut World<'_>, [ip, tcp, ..]: [u64; 5]) -> u64 {
    raw_check(world, ip, tcp, true)
}

/// Which IP versions a listener takes.
#[derive(Clone, Copy)]
struct Takes {
    v4: bool,
    v6: bool,
}

/// The listener at an address, and what it takes.
fn listener(world: &World<'_>, sk: u64) -> Option<(SocketId, Takes)> {
    let reader = world.sockets();
    let socket = sockets::at(&reader, sk)?;
    let listens = socket.state() == State::Listen && socket.protocol() == Protocol::Tcp;
    let v6 = socket.family() == Family::V6;
    listens.then(|| (socket.id(), Takes { v4: !(v6 && socket.v6only()), v6 }))
}

/// Whether the IP header's version is IPv6; the error where it does not fit its length or the socket's family.
fn version(world: &World<'_>, ip: u64, len: u64, takes: Takes) -> Result<bool, Errno> {
    let len = u64::from(len as u32);
    if len < IPV4_HEADER {
        return Err(Errno::EINVAL);
    }
    match world.mem.load(ip, Size::B) >> 4 {
        4 if !takes.v4 => Err(Errno::EINVAL),
        4 => Ok(false),
        6 if len < IPV6_HEADER || !takes.v6 => Err(Errno::EINVAL),
        6 => Ok(true),
        _ => Err(Errno::EPROTONOSUPPORT),
    }
}

/// `bpf_tcp_check_syncookie(sk, ip, ip_len, tcp, tcp_len)`
pub(super) fn check(world: &mut World<'_>, [sk, ip, ip_len, tcp, tcp_len]: [u64; 5]) -> u64 {
    let check = || {
        let found = listener(world, sk).filter(|_| tcp_len as u32 >= TCP_HEADER as u32);
        let (id, takes) = found.filter(|_| world.machine.syncookies != 0).ok_or(Errno::EINVAL)?;
        let flags = Tcp { world, addr: tcp }.flags();
        if flags & tcp::ACK == 0 || flags & (tcp::RST | tcp::SYN) != 0 {
            return Err(Errno::ENOENT);
        }
        if (ip_len as u32) < IPV4_HEADER as u32 {
            return Err(Errno::EINVAL);
        }
        if !world.machine.overflows.recent(id, world.machine.now()) {
            return Err(Errno::ENOENT);
        }
        let v6 = version(world, ip, ip_len, takes)?;
        if is_good(world, ip, tcp, v6) { Ok(()) } else { Err(Errno::ENOENT) }
    };
    crate::errno::r0(check())
}

/// `bpf_tcp_gen_syncookie(sk, ip, ip_len, tcp, tcp_len)`: where cookies are sent to all (`net.ipv4.tcp_syncookies=2`), as no
/// queue here is ever full
pub(super) fn gen_cookie(world: &mut World<'_>, [sk, ip, ip_len, tcp, tcp_len]: [u64; 5]) -> u64 {
    let make = || {
        let header = Tcp { world, addr: tcp };
        let len = u64::from(tcp_len as u32);
        if len < TCP_HEADER || len != header.len() {
            return Err(Errno::EINVAL);
        }
        let (id, takes) = listener(world, sk).ok_or(Errno::EINVAL)?;
        if world.machine.syncookies == 0 {
            return Err(Errno::ENOENT);
        }
        let flags = header.flags();
        if flags & tcp::SYN == 0 || flags & (tcp::ACK | tcp::FIN | tcp::RST) != 0 {
            return Err(Errno::EINVAL);
        }
        let v6 = version(world, ip, ip_len, takes)?;
        if world.machine.syncookies != ALWAYS {
            return Err(Errno::ENOENT);
        }
        Ok((id, generate(world, ip, tcp, v6)))
    };
    match make() {
        Ok((id, cookie)) => {
            let now = world.machine.now();
            world.machine.overflows.note(id, now);
            cookie
        }
        Err(errno) => errno.r0(),
    }
}

/// `net.ipv4.tcp_syncookies` where they are sent even if there is room.
const ALWAYS: u8 = 2;

/// When cookies were last sent for each listener: an acknowledgement that comes much later is none.
#[derive(Debug, Default)]
pub(crate) struct Overflows(Vec<(SocketId, u64)>);

impl Overflows {
    fn note(&mut self, socket: SocketId, now: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == socket) {
            Some((_, last)) => *last = now,
            None => self.0.push((socket, now)),
        }
    }

    fn recent(&self, socket: SocketId, now: u64) -> bool {
        let last = self.0.iter().find(|(known, _)| *known == socket).map(|(_, last)| *last);
        last.is_some_and(|last| now.saturating_sub(last) <= u64::from(MAX_AGE) * MINUTE)
    }
}
