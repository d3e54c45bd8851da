//! Random populations, random questions: whatever Linux lets us bind, the table must take and answer for alike.
//! `BELAY_ROUNDS=2000` asks six million questions instead of the usual few ten thousand.

use std::net::IpAddr;

use belay_linux::Kernel;
use belay_sockets::{Endpoint, Family, LookupKind, Protocol, Query, Tuple};

use crate::compare::assert_same;
use crate::dice::Dice;
use crate::lab::{Lab, Options, is_wildcard};
use crate::oracle::Oracle;

const ROUNDS: u64 = 12;
const SOCKETS: usize = 120;
const QUESTIONS: usize = 4000;

/// Addresses to bind, to connect to and to ask for: near misses of one another.
const ADDRESSES: [&str; 12] = [
    "0.0.0.0",
    "127.0.0.1",
    "10.0.0.1",
    "10.0.0.2",
    "127.0.0.6",
    "::",
    "::1",
    "fd00::1",
    "fd00::2",
    "::ffff:10.0.0.1",
    "::ffff:0.0.0.0",
    "::ffff:127.0.0.1",
];
const PORTS: [u16; 6] = [80, 81, 82, 83, 84, 85];

fn some_end(dice: &mut Dice) -> Endpoint {
    let addr: IpAddr = dice.pick(&ADDRESSES).parse().expect("an address");
    Endpoint::new(addr, dice.pick(&PORTS))
}

fn some_options(dice: &mut Dice) -> Options {
    Options {
        v6only: dice.one_in(4),
        reuseport: dice.one_in(2),
        reuseaddr: dice.one_in(2),
        device: if dice.one_in(3) { Some(dice.pick(&Lab::DEVICES)) } else { None },
    }
}

/// Tries to open a socket at random; Linux may refuse it.
fn some_socket(lab: &mut Lab, dice: &mut Dice) {
    let at = some_end(dice);
    let options = some_options(dice);
    match dice.roll(4) {
        0 | 1 => drop(lab.listen(at, &options)),
        2 => drop(lab.udp(Some(at), None, at.family(), &options)),
        _ => {
            let to = some_end(dice);
            let at = (!dice.one_in(4)).then_some(at);
            // A wildcard group's socket may, once connected, found a group with the next socket of its new address, which
            // no list of sockets shows. `scripted` has the case without the next one.
            let leaves = at.is_none_or(|at| is_wildcard(at.addr));
            let options = Options { reuseport: options.reuseport && !leaves, ..options };
            if !to.addr.is_unspecified() {
                drop(lab.udp(at, Some(to), at.unwrap_or(to).family(), &options));
            }
        }
    }
}

/// Connections to random listeners, both ends recorded.
fn some_connections(lab: &mut Lab, dice: &mut Dice) {
    let listeners: Vec<_> = (0..lab.infos().len())
        .filter(|at| {
            lab.infos()[*at].protocol == Protocol::Tcp
                && !lab.infos()[*at].reuseport
                && lab.infos()[*at].device <= 1
        })
        .collect();
    for at in listeners {
        let info = lab.infos()[at].clone();
        let addr = match (info.local.addr, dice.one_in(2)) {
            (IpAddr::V4(a), _) if a.is_unspecified() => "10.0.0.1".parse().expect("an address"),
            (IpAddr::V6(a), true) if a.is_unspecified() && !info.v6only => {
                "10.0.0.2".parse().expect("an address")
            }
            (IpAddr::V6(a), _) if a.is_unspecified() => "fd00::2".parse().expect("an address"),
            (IpAddr::V6(a), _) => {
                a.to_ipv4_mapped().filter(|a| !a.is_unspecified()).map_or(IpAddr::V6(a), IpAddr::V4)
            }
            (addr, _) => addr,
        };
        let listening = lab.open[at].as_ref().expect("open").try_clone().expect("a clone");
        let none = Options::default();
        let Ok((client, accepted)) = lab.connect(Endpoint::new(addr, info.local.port), &listening, &none)
        else {
            continue;
        };
        let inherited = Options { device: Lab::DEVICES.into_iter().find(|(_, i)| *i == info.device), ..none };
        let client_info = lab.observed(&client, Protocol::Tcp, belay_sockets::State::Established, &none);
        lab.record(Some(client), client_info);
        let accepted_info =
            lab.observed(&accepted, Protocol::Tcp, belay_sockets::State::Established, &inherited);
        lab.record(Some(accepted), accepted_info);
    }
}

/// A question near some socket: its own flow, with a part or two exchanged for another's.
fn some_question(lab: &Lab, dice: &mut Dice) -> Option<Query> {
    let info = &lab.infos()[dice.roll(lab.infos().len())];
    let mut to = info.local;
    let mut from = info.remote.unwrap_or_else(|| some_end(dice));
    for _ in 0..dice.roll(3) {
        let other = &lab.infos()[dice.roll(lab.infos().len())];
        match dice.roll(6) {
            0 => to.addr = some_end(dice).addr,
            1 => from.addr = some_end(dice).addr,
            2 => to.port = other.local.port,
            3 => from.port = other.remote.unwrap_or(other.local).port,
            4 => to = other.local,
            _ => from = other.remote.unwrap_or(from),
        }
    }
    // IPv4 in either writing.
    let write = |end: Endpoint, mapped: bool| match end.addr {
        IpAddr::V4(a) if mapped => Endpoint::new(a.to_ipv6_mapped(), end.port),
        IpAddr::V6(a) if !mapped => a.to_ipv4_mapped().map_or(end, |a| Endpoint::new(a, end.port)),
        _ => end,
    };
    let mapped = dice.one_in(3);
    let tuple = Tuple::new(write(from, mapped), write(to, mapped))?;
    let protocol = if dice.one_in(8) { dice.pick(&[Protocol::Tcp, Protocol::Udp]) } else { info.protocol };
    let kind = match protocol {
        Protocol::Tcp => dice.pick(&[LookupKind::Full, LookupKind::Common]),
        Protocol::Udp => LookupKind::Full,
    };
    Some(Query { netns: Lab::NETNS, protocol, tuple, ifindex: dice.pick(&Lab::DEVICES).1, kind })
}

#[test]
fn random_populations_answer_alike() {
    if Kernel::for_test("sockets: random populations").is_none() {
        return;
    }
    let oracle = Oracle::new();
    let rounds = std::env::var("BELAY_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    for seed in 0..rounds {
        let mut dice = Dice(seed);
        let mut lab = Lab::new();
        for _ in 0..SOCKETS {
            some_socket(&mut lab, &mut dice);
        }
        some_connections(&mut lab, &mut dice);
        let table = lab.table();
        let questions: Vec<_> = (0..QUESTIONS).filter_map(|_| some_question(&lab, &mut dice)).collect();
        let reader = table.read();
        let hits = questions.iter().filter(|q| reader.lookup(q).is_some()).count();
        let flows = lab.infos().iter().filter(|i| i.remote.is_some()).count();
        let connected =
            lab.infos().iter().filter(|i| i.remote.is_some() && i.protocol == Protocol::Tcp).count();
        let v6 = lab.infos().iter().filter(|i| i.family() == Family::V6).count();
        eprintln!(
            "seed {seed}: {} sockets ({v6} IPv6, {flows} with a peer, {connected} TCP), {} questions, {hits} hits",
            lab.infos().len(),
            questions.len()
        );
        assert!(lab.infos().len() > 30 && flows > 5 && hits * 5 > questions.len(), "too little was asked");
        assert_same(&lab, &oracle, &table, &questions);
    }
}
