//! A table that is a snapshot, asked what the kernel is asked: about flows that are somebody's, or miss one by a little.
//!
//! `BELAY_TUPLES=1000000` asks a million questions instead of the usual few ten thousand.

use std::collections::BTreeMap;

use belay_linux::Kernel;
use belay_sockets::{
    Endpoint, Found, LookupKind, NetnsId, Protocol, Query, Socket, SocketInfo, SocketTable, Tuple,
};

use crate::compare::fields;
use crate::dice::Dice;
use crate::oracle::{Answer, CURRENT_NETNS, Oracle, Question};
use crate::worlds::{IFINDEXES, World, see, some_address, writing};

const TUPLES: usize = 40_000;
/// The sockets of a world, and how many questions it is asked: time-wait and request sockets do not last.
const SOCKETS: usize = 4000;
const TUPLES_A_WORLD: usize = 100_000;

/// What was asked and answered, for the one who reads the log.
#[derive(Default)]
struct Count {
    worlds: usize,
    sockets: usize,
    tuples: usize,
    hits: usize,
    /// Answers of the kernel by protocol and state.
    states: BTreeMap<String, usize>,
    /// Of sockets in a reuseport group, those where the kernel's hash picked another member.
    other_member: usize,
}

#[test]
fn snapshots_answer_near_misses_as_the_kernel() {
    if Kernel::for_test("sockets: near misses of a snapshot").is_none() {
        return;
    }
    let wanted = std::env::var("BELAY_TUPLES").ok().and_then(|n| n.parse().ok()).unwrap_or(TUPLES);
    let oracle = Oracle::new();
    let mut count = Count::default();
    while count.tuples < wanted {
        let mut dice = Dice(count.worlds as u64);
        let world = World::random(&mut dice, SOCKETS);
        let asked = TUPLES_A_WORLD.min(wanted - count.tuples);
        ask(&world, &oracle, &mut dice, asked, &mut count);
    }
    eprintln!(
        "{} tuples in {} worlds of {} sockets: {} found a socket ({:?}), {} another member of its group; no difference",
        count.tuples, count.worlds, count.sockets, count.hits, count.states, count.other_member
    );
    assert!(count.hits * 4 > count.tuples && count.states.len() > 10, "too little was asked");
}

/// Asks both about so many flows.
fn ask(world: &World, oracle: &Oracle, dice: &mut Dice, tuples: usize, count: &mut Count) {
    let sockets: Vec<SocketInfo> = world.table.read().sockets().map(Socket::info).collect();
    let queries: Vec<Query> = (0..tuples).map(|_| question(&sockets, dice)).collect();
    count.worlds += 1;
    count.tuples += tuples;
    count.sockets += sockets.len();
    let asked = || {
        let differ = |query| differs(oracle, &world.table, query, count);
        queries.iter().filter_map(differ).collect::<Vec<_>>()
    };
    let wrong = world.population.namespace().run(asked).expect("the namespace");
    assert!(
        wrong.is_empty(),
        "{} of {tuples} answers differ\n{}\nthe table is {}, a later one {}",
        wrong.len(),
        wrong[..wrong.len().min(10)].join("\n"),
        written(&world.table, "before"),
        written(&see(&world.population), "after"),
    );
}

/// Where a table is for whoever looks for the reason.
fn written(table: &SocketTable, name: &str) -> String {
    let path = std::env::temp_dir().join(format!("belay-near-{}-{name}.toml", std::process::id()));
    match std::fs::write(&path, table.to_toml()) {
        Ok(()) => path.display().to_string(),
        Err(error) => error.to_string(),
    }
}

/// A question near some socket: its own flow, with a part or two exchanged.
fn question(sockets: &[SocketInfo], dice: &mut Dice) -> Query {
    let some = |dice: &mut Dice| &sockets[dice.roll(sockets.len())];
    loop {
        let info = some(dice);
        let mut to = info.local;
        let stranger = Endpoint::new(some_address(dice), 1000 + dice.number(40));
        let mut from = info.remote.unwrap_or(stranger);
        for _ in 0..dice.pick(&[0, 0, 1, 1, 1, 2]) {
            let other = some(dice);
            match dice.roll(9) {
                0 => to.addr = some_address(dice),
                1 => from.addr = some_address(dice),
                2 => to.port = other.local.port,
                3 => from.port = other.remote.unwrap_or(other.local).port,
                4 => to = other.local,
                5 => from = other.remote.unwrap_or(from),
                6 => std::mem::swap(&mut to, &mut from),
                7 => to.port ^= 1,
                _ => from.port ^= 1,
            }
        }
        // A wildcard is no address of a packet; as good as any other, though.
        if crate::lab::is_wildcard(to.addr) && !dice.one_in(20) {
            to.addr = some_address(dice);
        }
        let mapped = dice.one_in(4);
        let written_as = |end: Endpoint| Endpoint::new(writing(end.addr, mapped), end.port);
        let Some(tuple) = Tuple::new(written_as(from), written_as(to)) else { continue };
        let protocol =
            if dice.one_in(10) { dice.pick(&[Protocol::Tcp, Protocol::Udp]) } else { info.protocol };
        let kind = match protocol {
            Protocol::Tcp => dice.pick(&[LookupKind::Full, LookupKind::Common]),
            Protocol::Udp => LookupKind::Full,
        };
        let own = if info.device == 0 { 1 } else { info.device };
        let ifindex = if dice.one_in(2) { own } else { dice.pick(&IFINDEXES) };
        return Query { netns: NetnsId::FIRST, protocol, tuple, ifindex, kind };
    }
}

/// Asks both; what differs, in words. To be called inside the namespace.
fn differs(oracle: &Oracle, table: &SocketTable, query: &Query, count: &mut Count) -> Option<String> {
    let kernel = oracle.ask(&asked(query));
    let reader = table.read();
    let ours = reader.lookup(query).map(Found::socket);
    let wrong = match (&kernel, ours) {
        (None, None) => return None,
        (Some(answer), Some(socket)) => {
            count.hits += 1;
            let theirs = reader.with_cookie(answer.cookie);
            if let Some(theirs) = theirs {
                *count.states.entry(format!("{} {}", theirs.protocol(), theirs.state())).or_default() += 1;
                count.other_member += usize::from(theirs.id() != socket.id());
            }
            same(answer, theirs, socket)?
        }
        (Some(answer), None) => format!(
            "the kernel finds {}, we nothing",
            reader.with_cookie(answer.cookie).map_or_else(|| "a socket unseen".into(), ToString::to_string)
        ),
        (None, Some(socket)) => format!("the kernel finds nothing, we {socket}"),
    };
    Some(format!("{query:?}\n  {wrong}\n{}", reader.explain(query)))
}

/// The question as a program asks it.
pub(crate) fn asked(query: &Query) -> Question {
    Question {
        protocol: query.protocol,
        kind: query.kind,
        tuple: query.tuple,
        ifindex: query.ifindex,
        netns: CURRENT_NETNS,
        flags: 0,
    }
}

/// Whether it is the socket that the kernel found: the same one, or another member of its group, whose hash nobody knows.
pub(crate) fn same(answer: &Answer, theirs: Option<&Socket>, ours: &Socket) -> Option<String> {
    let Some(theirs) = theirs else {
        return Some(format!("the kernel finds a socket unseen (cookie {}), we {ours}", answer.cookie));
    };
    let is_of_group = theirs.group().is_some() && theirs.group() == ours.group();
    if theirs.id() != ours.id() && !is_of_group {
        return Some(format!(
            "the kernel finds {theirs} ({:?}), we {ours} ({:?})",
            theirs.info(),
            ours.info()
        ));
    }
    if (answer.full, answer.tcp) != (theirs.is_full(), theirs.is_tcp_full()) {
        return Some(format!("full {} and tcp {}, but we have {theirs}", answer.full, answer.tcp));
    }
    fields(&answer.view, theirs)
}
