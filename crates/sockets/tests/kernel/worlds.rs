//! Worlds made at random: thousands of sockets in every state, addresses close to one another.
//!
//! What is made here is forgotten at once: the table under test is a snapshot of what the kernel then holds.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};

use belay_linux::{Detail, Origin, Place, Population, snapshot};
use belay_sockets::{Endpoint, LookupKind, NetnsId, Protocol, Query, SocketInfo, SocketTable, State, Tuple};

use crate::dice::Dice;

/// The devices and their addresses, and a name for each.
const DEVICES: &str = r#"
[[netns]]
name = "world"
devices = [
    { name = "lo", ifindex = 1, addresses = ["10.0.0.1/32", "10.0.0.2/32", "fd00::1/128", "fd00::2/128"] },
    { name = "v0", ifindex = 20, addresses = ["10.1.0.1/24", "fd01::1/64"] },
    { name = "v1", ifindex = 21, addresses = ["10.2.0.1/24", "fd02::1/64"] },
]
"#;
const LO: u32 = 1;
pub(crate) const IFINDEXES: [u32; 3] = [LO, 20, 21];

/// Addresses of ours, by family.
const LOCAL4: [&str; 5] = ["10.0.0.1", "10.0.0.2", "127.0.0.1", "10.1.0.1", "10.2.0.1"];
const LOCAL6: [&str; 5] = ["fd00::1", "fd00::2", "::1", "fd01::1", "fd02::1"];
/// Peers: beyond a device, or nowhere. None is ours, or the stack would answer our segments itself.
const REMOTE4: [&str; 4] = ["10.1.0.9", "10.2.0.9", "10.9.0.1", "10.0.0.9"];
const REMOTE6: [&str; 4] = ["fd01::9", "fd02::9", "fd09::1", "fd00::9"];
/// What else a packet may be for.
const STRANGE: [&str; 7] =
    ["203.0.113.9", "255.255.255.255", "127.0.0.6", "224.0.0.1", "ff02::1", "0.0.0.0", "::"];

/// Few ports, so that sockets meet.
const PORTS: u16 = 40;
const FIRST_PORT: u16 = 1000;

/// A namespace full of sockets, and the table that a snapshot of it is.
pub(crate) struct World {
    pub(crate) population: Population,
    pub(crate) table: SocketTable,
    /// Both ends of real connections.
    _connections: Vec<TcpStream>,
}

impl World {
    /// So many sockets are tried; Linux refuses some.
    pub(crate) fn random(dice: &mut Dice, sockets: usize) -> World {
        let devices = SocketTable::from_toml("devices", DEVICES).expect("a table");
        let mut population = Population::of(&devices, NetnsId::FIRST).expect("a namespace");
        let some = |dice: &mut Dice, one: fn(&mut Dice) -> SocketInfo, count| -> Vec<_> {
            (0..count).map(|_| one(dice)).collect()
        };
        population.add(&some(dice, listener, sockets / 4)).expect("the namespace");
        population.add(&some(dice, datagrams, sockets / 4)).expect("the namespace");
        population.add(&some(dice, connection, sockets / 2)).expect("the namespace");
        let connections = accepted(&population, dice, sockets / 40);
        // Each in the listener's name that a lookup finds now: none may come later.
        population.add(&requests(&see(&population), dice, sockets / 20)).expect("the namespace");
        let table = see(&population);
        World { population, table, _connections: connections }
    }

    /// These sockets and no others.
    pub(crate) fn of(toml: &str) -> World {
        let wanted = SocketTable::from_toml("world", &format!("{DEVICES}{toml}")).expect("a table");
        let population = Population::of(&wanted, NetnsId::FIRST).unwrap_or_else(|e| panic!("{e}"));
        let table = see(&population);
        World { population, table, _connections: Vec::new() }
    }
}

/// A snapshot, which has a place for everything and a file of which reads back.
pub(crate) fn see(population: &Population) -> SocketTable {
    let place = Place::of("world", population.namespace().try_clone().expect("a namespace"));
    let seen = snapshot(&[place], Detail::default()).expect("a snapshot");
    assert_eq!((seen.origin, seen.left_out), (Origin::Read, Vec::new()));
    let text = seen.table.to_toml();
    let again = SocketTable::from_toml("snapshot", &text).expect("a snapshot reads back");
    assert_eq!(again.to_toml(), text);
    again
}

fn parsed(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn some_port(dice: &mut Dice) -> u16 {
    FIRST_PORT + dice.number(PORTS)
}

/// An address of ours, in any writing.
fn some_local(dice: &mut Dice) -> IpAddr {
    let v4 = dice.pick(&LOCAL4).parse::<std::net::Ipv4Addr>().expect("an address");
    match dice.roll(8) {
        0..=3 => v4.into(),
        4..=6 => parsed(dice.pick(&LOCAL6)),
        _ => v4.to_ipv6_mapped().into(),
    }
}

fn some_binding(dice: &mut Dice) -> IpAddr {
    match dice.roll(12) {
        0 | 1 => parsed("0.0.0.0"),
        2 | 3 => parsed("::"),
        4 => parsed("::ffff:0.0.0.0"),
        _ => some_local(dice),
    }
}

/// A peer of the family and writing of an address.
fn some_peer(dice: &mut Dice, of: IpAddr) -> IpAddr {
    let v4 = dice.pick(&REMOTE4).parse::<std::net::Ipv4Addr>().expect("an address");
    match of {
        IpAddr::V4(_) => v4.into(),
        IpAddr::V6(a) if a.to_ipv4_mapped().is_some() => v4.to_ipv6_mapped().into(),
        IpAddr::V6(a) if a.is_unspecified() && dice.one_in(3) => v4.to_ipv6_mapped().into(),
        IpAddr::V6(_) => parsed(dice.pick(&REMOTE6)),
    }
}

fn some_device(dice: &mut Dice) -> u32 {
    if dice.one_in(4) { dice.pick(&[LO, 20, 21]) } else { 0 }
}

fn fresh(dice: &mut Dice, protocol: Protocol, state: State, local: Endpoint) -> SocketInfo {
    let info = SocketInfo::new(NetnsId::FIRST, protocol, state, local);
    SocketInfo {
        device: some_device(dice),
        mark: u32::from(dice.number(1000)),
        priority: u32::from(dice.number(7)),
        v6only: local.addr.is_ipv6() && dice.one_in(3),
        ..info
    }
}

fn listener(dice: &mut Dice) -> SocketInfo {
    let local = Endpoint::new(some_binding(dice), some_port(dice));
    SocketInfo { reuseport: dice.one_in(2), ..fresh(dice, Protocol::Tcp, State::Listen, local) }
}

fn datagrams(dice: &mut Dice) -> SocketInfo {
    let local = Endpoint::new(some_binding(dice), some_port(dice));
    let info = fresh(dice, Protocol::Udp, State::Close, local);
    let is_wildcard = crate::lab::is_wildcard(local.addr);
    let remote = dice.one_in(2).then(|| Endpoint::new(some_peer(dice, local.addr), some_port(dice)));
    // A group that is bound to the wildcard and then connects may found another one with the next socket of its new address, which no list
    // of sockets shows.
    let reuseport = dice.one_in(2) && !(is_wildcard && remote.is_some());
    SocketInfo { remote, reuseport, reuseaddr: dice.one_in(2), ..info }
}

/// A connection in any state that lasts.
fn connection(dice: &mut Dice) -> SocketInfo {
    let local = Endpoint::new(some_local(dice), some_port(dice));
    let remote = Endpoint::new(some_peer(dice, local.addr), some_port(dice));
    let state = dice.pick(&[
        State::Established,
        State::Established,
        State::SynSent,
        State::FinWait1,
        State::FinWait2,
        State::TimeWait,
        State::CloseWait,
        State::LastAck,
        State::Closing,
    ]);
    let info = SocketInfo { v6only: false, ..fresh(dice, Protocol::Tcp, state, local).to(remote) };
    // Its peer's segments come by another device than a bound socket expects.
    let is_led = !matches!(state, State::Established | State::SynSent | State::FinWait1);
    SocketInfo { device: if is_led { 0 } else { info.device }, ..info }
}

/// Connections of two ends, one of which a listener accepted.
fn accepted(population: &Population, dice: &mut Dice, count: usize) -> Vec<TcpStream> {
    let to: Vec<IpAddr> =
        (0..count).map(|_| parsed(if dice.one_in(2) { "10.0.0.1" } else { "fd00::1" })).collect();
    let connect = || {
        let listener = TcpListener::bind("[::]:900").expect("a listener");
        let pair = |addr: IpAddr| {
            let client = TcpStream::connect(SocketAddr::new(addr, 900)).expect("a connection");
            [client, listener.accept().expect("its other end").0]
        };
        to.into_iter().flat_map(pair).collect()
    };
    population.namespace().run(connect).expect("the namespace")
}

/// The device that a packet from here to an address of ours seems to come by: though `lo` delivers it, Linux goes by the
/// device that has the address.
fn device_of(local: IpAddr) -> u32 {
    let of = |all: [&str; 2], device| all.iter().any(|addr| parsed(addr) == local).then_some(device);
    of(["10.1.0.1", "fd01::1"], 20).or(of(["10.2.0.1", "fd02::1"], 21)).unwrap_or(LO)
}

/// Handshakes that stay open, with listeners that there are. The request socket is bound as its listener is.
fn requests(table: &SocketTable, dice: &mut Dice, count: usize) -> Vec<SocketInfo> {
    let reader = table.read();
    let mut wanted = Vec::new();
    for _ in 0..count {
        let addr = some_local(dice);
        let addr = writing(addr, false);
        let remote = Endpoint::new(some_peer(dice, addr), 5000 + dice.number(1000));
        let local = Endpoint::new(addr, some_port(dice));
        let tuple = Tuple::new(remote, local).expect("one family");
        let query = Query {
            netns: NetnsId::FIRST,
            protocol: Protocol::Tcp,
            tuple,
            ifindex: device_of(addr),
            kind: LookupKind::Full,
        };
        let Some(listener) = reader.lookup(&query).map(|found| found.socket().info()) else {
            continue;
        };
        let mapped = listener.local.addr.is_ipv6();
        let end = |end: Endpoint| Endpoint::new(writing(end.addr, mapped), end.port);
        let info =
            SocketInfo::new(NetnsId::FIRST, Protocol::Tcp, State::NewSynRecv, end(local)).to(end(remote));
        // An answer needs a route, and no peer is behind `lo`.
        let is_answered = listener.device == 0;
        if listener.state == State::Listen && is_answered && !addr.is_loopback() {
            wanted.push(SocketInfo { device: listener.device, ..info });
        }
    }
    wanted
}

/// IPv4 in one of its writings.
pub(crate) fn writing(addr: IpAddr, mapped: bool) -> IpAddr {
    match addr {
        IpAddr::V4(a) if mapped => a.to_ipv6_mapped().into(),
        IpAddr::V6(a) if !mapped => a.to_ipv4_mapped().map_or(addr, IpAddr::V4),
        _ => addr,
    }
}

/// An address that is somebody's, or almost.
pub(crate) fn some_address(dice: &mut Dice) -> IpAddr {
    match dice.roll(6) {
        0 => parsed(dice.pick(&STRANGE)),
        1 => parsed(dice.pick(&REMOTE4)),
        2 => parsed(dice.pick(&REMOTE6)),
        _ => some_local(dice),
    }
}
