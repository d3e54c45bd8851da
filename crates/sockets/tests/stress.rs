//! Threads that insert, remove, look up and release as fast as they can; in the end every reference is given back and every
//! slot accounted for.
//!
//! `BELAY_STRESS=10000000` sets the number of operations; few are done otherwise.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use belay_sockets::{
    Endpoint, LookupKind, NetnsId, Protocol, Query, SocketId, SocketInfo, SocketTable, State, Tuple,
};

/// Sockets that stay: a lookup must find them, whatever goes on.
const ANCHORS: u32 = 512;
/// Flows that come and go, of each writer.
const FLOWS: u32 = 2048;
const WRITERS: u32 = 2;
const READERS: u32 = 3;
/// References that a reader holds at most, from one section to others.
const HELD: usize = 32;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((((z ^ (z >> 31)) >> 32) * u64::from(bound)) >> 32) as u32
    }
}

/// The peer of the `n`th flow: anchors first, then the flows of each writer.
fn peer(n: u32) -> Endpoint {
    let [_, a, b, c] = (n >> 12).to_be_bytes();
    Endpoint::new([10, a, b, c], 1024 + (n & 0xfff) as u16)
}

fn local() -> Endpoint {
    Endpoint::new([192, 0, 2, 1], 80)
}

fn flow(n: u32) -> SocketInfo {
    SocketInfo::new(NetnsId::FIRST, Protocol::Tcp, State::Established, local()).to(peer(n))
}

/// One that is not counted: a listener of a group, or a UDP socket, at one of few addresses.
fn uncounted(n: u32) -> SocketInfo {
    let (protocol, state) =
        if n.is_multiple_of(2) { (Protocol::Tcp, State::Listen) } else { (Protocol::Udp, State::Close) };
    let local = Endpoint::new([192, 0, 2, 2], 1000 + (n % 16) as u16);
    SocketInfo { reuseport: true, ..SocketInfo::new(NetnsId::FIRST, protocol, state, local) }
}

fn query(protocol: Protocol, from: Endpoint, to: Endpoint) -> Query {
    let tuple = Tuple::new(from, to).expect("one family");
    Query { netns: NetnsId::FIRST, protocol, tuple, ifindex: 1, kind: LookupKind::Full }
}

/// Inserts, changes and removes its own sockets; how many operations it did.
fn write(table: &SocketTable, writer: u32, operations: u64) -> u64 {
    let mut random = Random(u64::from(writer));
    let first = ANCHORS + writer * FLOWS;
    let mut flows: Vec<Option<SocketId>> = vec![None; FLOWS as usize];
    let mut others: VecDeque<SocketId> = VecDeque::new();
    let mut done = 0;
    while done < operations {
        let n = random.below(FLOWS);
        let place = &mut flows[n as usize];
        *place = match *place {
            None => Some(table.insert(flow(first + n)).expect("the flow is free")),
            Some(id) if random.below(4) == 0 => {
                // In place, or by another socket that takes its place.
                let state = if random.below(2) == 0 { State::CloseWait } else { State::TimeWait };
                Some(table.update(id, SocketInfo { state, ..flow(first + n) }).expect("it is there"))
            }
            Some(id) => {
                assert!(table.remove(id), "nobody else removes it");
                None
            }
        };
        done += 1;
        if n.is_multiple_of(8) {
            others.push_back(table.insert(uncounted(random.below(64))).expect("they share"));
            done += 1;
        }
        if others.len() > 64 {
            assert!(others.pop_front().is_some_and(|id| table.remove(id)));
            done += 1;
        }
    }
    for id in flows.into_iter().flatten().chain(others) {
        assert!(table.remove(id));
        done += 1;
    }
    done
}

/// Looks sockets up, holds some, lets them go; how many operations it did.
fn read(table: &SocketTable, reader: u32, operations: u64) -> u64 {
    let mut random = Random(0x1000 + u64::from(reader));
    let mut held: Vec<(SocketId, Endpoint)> = Vec::new();
    let mut done = 0;
    while done < operations {
        let n = random.below(ANCHORS + WRITERS * FLOWS);
        let reader = table.read();
        if let Some(found) = reader.acquire(&query(Protocol::Tcp, peer(n), local())) {
            let socket = found.socket();
            assert_eq!(socket.remote(), Some(peer(n)), "another flow's socket");
            assert!(socket.references() > 0);
            held.push((socket.id(), peer(n)));
        } else {
            assert!(n >= ANCHORS, "a socket that stays was not found");
        }
        let protocol = if n.is_multiple_of(2) { Protocol::Tcp } else { Protocol::Udp };
        let at = Endpoint::new([192, 0, 2, 2], 1000 + (n % 16) as u16);
        if let Some(found) = reader.acquire(&query(protocol, peer(n), at)) {
            assert_eq!((found.socket().protocol(), found.socket().local()), (protocol, at));
            found.socket().release().expect("nothing is counted");
        }
        done += 2;
        while held.len() > random.below(HELD as u32) as usize {
            let (id, peer) = held.swap_remove(random.below(held.len() as u32) as usize);
            let socket = reader.socket(id).expect("it is held");
            assert_eq!((socket.id(), socket.remote()), (id, Some(peer)), "its memory was used again");
            socket.release().expect("held");
            done += 1;
        }
    }
    for (id, _) in held {
        table.read().socket(id).expect("it is held").release().expect("held");
        done += 1;
    }
    done
}

#[test]
fn whatever_threads_do_balances_to_zero() {
    let wanted = std::env::var("BELAY_STRESS").ok().and_then(|text| text.parse().ok()).unwrap_or(400_000_u64);
    let table = SocketTable::empty();
    for n in 0..ANCHORS {
        table.insert(flow(n)).expect("room");
    }
    let (started, done) = (Instant::now(), AtomicU64::new(0));
    let each = wanted / u64::from(WRITERS + READERS);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (table, done) = (&table, &done);
            scope.spawn(move || done.fetch_add(write(table, writer, each), Relaxed));
        }
        for reader in 0..READERS {
            let (table, done) = (&table, &done);
            scope.spawn(move || done.fetch_add(read(table, reader, each), Relaxed));
        }
    });
    let took = started.elapsed();
    let usage = (0..10_000)
        .map(|_| table.collect())
        .find(|usage| usage.sockets + usage.empty == usage.slots)
        .unwrap_or_else(|| panic!("slots are lost: {:?}", table.collect()));
    println!("{} operations in {took:.2?}; {usage:?}", done.into_inner());
    assert_eq!((usage.sockets, usage.held), (ANCHORS as usize, 0));
    assert_eq!(table.read().unbalanced().count(), 0);
    assert_eq!(table.read().sockets().count(), ANCHORS as usize);
    assert!(usage.slots < 200_000, "slots are used again: {usage:?}");
}
