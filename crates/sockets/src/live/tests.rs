//! What loom explores: the table itself, with a writer and readers in every order in which their steps can fall.
//!
//! `RUSTFLAGS="--cfg belay_loom" cargo test -p belay-sockets --lib live`; a thread is interrupted at most twice where it need not
//! stop, or `LOOM_MAX_PREEMPTIONS` times.

use loom::thread;

use crate::address::{Endpoint, Protocol, Tuple};
use crate::info::SocketInfo;
use crate::lookup::{LookupKind, Query};
use crate::namespace::NetnsId;
use crate::socket::SocketId;
use crate::state::State;
use crate::table::SocketTable;

fn end(last: u8, port: u16) -> Endpoint {
    Endpoint::new([10, 0, 0, last], port)
}

fn flow(port: u16) -> SocketInfo {
    SocketInfo::new(NetnsId::FIRST, Protocol::Tcp, State::Established, end(1, 80)).to(end(2, port))
}

fn listener() -> SocketInfo {
    SocketInfo::new(NetnsId::FIRST, Protocol::Tcp, State::Listen, end(1, 80))
}

fn query(port: u16) -> Query {
    let tuple = Tuple::new(end(2, port), end(1, 80)).expect("one family");
    Query { netns: NetnsId::FIRST, protocol: Protocol::Tcp, tuple, ifindex: 1, kind: LookupKind::Common }
}

/// What a program does with a flow: finds the socket, holds it, reads it, lets it go. It must be that flow's all along.
fn visit(table: &SocketTable, port: u16) -> Option<SocketId> {
    let reader = table.read();
    let socket = reader.acquire(&query(port))?.socket();
    let id = socket.id();
    let mine = || socket.remote() == Some(end(2, port)) && socket.references() >= 1;
    assert!(mine());
    thread::yield_now();
    assert!(mine() && reader.socket(id).is_some(), "as long as it is held");
    socket.release().expect("held");
    assert_eq!(socket.remote(), Some(end(2, port)), "as long as the section is open");
    Some(id)
}

/// In the end every slot is somewhere, and nobody holds anything.
fn balanced(table: &SocketTable, sockets: usize) {
    table.collect();
    let usage = table.collect();
    assert_eq!(table.read().unbalanced().count(), 0);
    assert_eq!((usage.sockets, usage.held, usage.empty), (sockets, 0, usage.slots - sockets));
    assert_eq!(table.read().sockets().count(), sockets);
}

fn table(flows: &[u16]) -> (SocketTable, Vec<SocketId>) {
    let table = SocketTable::empty();
    let ids = flows.iter().map(|port| table.insert(flow(*port)).expect("room")).collect();
    (table, ids)
}

fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(builder.preemption_bound.unwrap_or(2));
    builder.max_branches = 100_000;
    builder.check(model);
}

fn spawn<T: 'static>(
    table: &SocketTable,
    then: impl FnOnce(&SocketTable) -> T + 'static,
) -> thread::JoinHandle<T> {
    let table = table.clone();
    thread::spawn(move || then(&table))
}

#[test]
fn an_inserted_socket_is_found_whole() {
    explore(|| {
        let (table, _) = table(&[]);
        let reader = spawn(&table, |table| visit(table, 1));
        let id = table.insert(flow(1)).expect("room");
        assert_eq!(visit(&table, 1), Some(id));
        assert!(reader.join().expect("no panic").is_none_or(|found| found == id));
        balanced(&table, 1);
    });
}

#[test]
fn a_removed_socket_is_not_used_after_its_end() {
    explore(|| {
        let (table, ids) = table(&[1]);
        let reader = spawn(&table, |table| (visit(table, 1), visit(table, 1)));
        assert!(table.remove(ids[0]));
        assert_eq!(visit(&table, 1), None);
        let (first, second) = reader.join().expect("no panic");
        assert!(second.is_none() || first.is_some(), "it does not come back");
        balanced(&table, 0);
    });
}

#[test]
fn a_slot_that_is_used_again_is_not_taken_for_what_it_was() {
    explore(|| {
        let (table, ids) = table(&[1]);
        let reader = spawn(&table, |table| (visit(table, 1), visit(table, 2)));
        assert!(table.remove(ids[0]));
        table.collect();
        let id = table.insert(flow(2)).expect("room");
        assert!(visit(&table, 1).is_none() && visit(&table, 2) == Some(id));
        let (first, second) = reader.join().expect("no panic");
        assert!(first.is_none_or(|found| found == ids[0]) && second.is_none_or(|found| found == id));
        balanced(&table, 1);
    });
}

#[test]
fn two_readers_share_the_last_reference() {
    explore(|| {
        let (table, ids) = table(&[1]);
        let readers = [spawn(&table, |table| visit(table, 1)), spawn(&table, |table| visit(table, 1))];
        assert!(table.remove(ids[0]));
        for reader in readers {
            reader.join().expect("no panic");
        }
        balanced(&table, 0);
    });
}

#[test]
fn a_neighbour_is_never_lost() {
    explore(|| {
        // All in one list, in which the one in the middle goes.
        let (table, ids) = table(&[1]);
        let reader = spawn(&table, |table| visit(table, 1));
        let other = table.insert(flow(2)).expect("room");
        assert!(table.remove(other));
        assert_eq!(reader.join().expect("no panic"), Some(ids[0]));
        balanced(&table, 1);
    });
}

#[test]
fn a_table_that_grows_loses_nothing() {
    explore(|| {
        let (table, ids) = table(&[1]);
        let reader = spawn(&table, |table| visit(table, 1));
        // The second socket doubles the lists.
        let other = table.insert(flow(2)).expect("room");
        assert_eq!(reader.join().expect("no panic"), Some(ids[0]));
        assert_eq!((visit(&table, 1), visit(&table, 2)), (Some(ids[0]), Some(other)));
        balanced(&table, 2);
    });
}

#[test]
fn a_socket_that_becomes_another_is_always_there() {
    explore(|| {
        let (table, ids) = table(&[1]);
        let reader = spawn(&table, |table| visit(table, 1).expect("one of the two"));
        let waiting = SocketInfo { state: State::TimeWait, ..flow(1) };
        let new = table.update(ids[0], waiting).expect("it may be");
        let found = reader.join().expect("no panic");
        assert!(found == new || found == ids[0]);
        balanced(&table, 1);
    });
}

#[test]
fn a_reader_between_the_new_socket_and_the_old_one_finds_one() {
    explore(|| {
        // The reader may stand on the newer one, past where the other comes in, while the older one behind it goes.
        let (table, ids) = table(&[1, 3]);
        let reader = spawn(&table, |table| visit(table, 1).expect("one of the two"));
        let waiting = SocketInfo { state: State::TimeWait, ..flow(1) };
        table.update(ids[0], waiting).expect("it may be");
        reader.join().expect("no panic");
        balanced(&table, 2);
    });
}

#[test]
fn a_listener_stays_while_the_section_is_open() {
    explore(|| {
        let (table, _) = table(&[]);
        let id = table.insert(listener()).expect("room");
        let reader = spawn(&table, |table| {
            let reader = table.read();
            let Some(found) = reader.acquire(&query(1)) else { return };
            thread::yield_now();
            assert_eq!((found.socket().local(), found.socket().state()), (end(1, 80), State::Listen));
            found.socket().release().expect("nothing is counted");
        });
        assert!(table.remove(id));
        table.collect();
        table.insert(flow(2)).expect("room");
        reader.join().expect("no panic");
        balanced(&table, 1);
    });
}

#[test]
fn two_writers_take_turns() {
    explore(|| {
        let (table, _) = table(&[]);
        let come_and_go = |port: u16| {
            move |table: &SocketTable| {
                let id = table.insert(flow(port)).expect("room");
                assert_eq!(visit(table, port), Some(id));
                assert!(table.remove(id));
            }
        };
        let other = spawn(&table, come_and_go(1));
        come_and_go(2)(&table);
        other.join().expect("no panic");
        balanced(&table, 0);
    });
}
