//! The table while it changes: what lookups find before and after, who stays readable, what an id means.

use std::time::{Duration, Instant};

use belay_sockets::{
    Conflict, Device, Endpoint, Found, LookupKind, NetnsId, NsidArg, Protocol, Query, Reader, Section,
    SocketId, SocketInfo, SocketTable, State, Tuple,
};

fn end(text: &str) -> Endpoint {
    text.parse().expect("an endpoint")
}

fn tcp(local: &str, remote: &str) -> SocketInfo {
    SocketInfo::new(NetnsId::FIRST, Protocol::Tcp, State::Established, end(local)).to(end(remote))
}

fn listener(local: &str) -> SocketInfo {
    SocketInfo::new(NetnsId::FIRST, Protocol::Tcp, State::Listen, end(local))
}

fn query(protocol: Protocol, from: &str, to: &str) -> Query {
    Query {
        netns: NetnsId::FIRST,
        protocol,
        tuple: Tuple::new(end(from), end(to)).expect("one family"),
        ifindex: 1,
        kind: LookupKind::Full,
    }
}

fn find<'r>(reader: &'r Reader<'_>, from: &str, to: &str) -> Option<Found<'r>> {
    reader.lookup(&query(Protocol::Tcp, from, to))
}

fn found(table: &SocketTable, from: &str, to: &str) -> Option<SocketId> {
    find(&table.read(), from, to).map(|found| found.socket().id())
}

/// Empties the memory of what was removed, as far as it can be: sections of other tests' threads may be in the way for a
/// while. How many sockets are held.
fn settle(table: &SocketTable) -> usize {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(20) {
        let usage = table.collect();
        if usage.sockets + usage.held + usage.empty == usage.slots {
            return usage.held;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("something is nowhere: {:?}", table.collect());
}

#[test]
fn sockets_come_and_go() {
    let table = SocketTable::empty();
    let at = |port: u16| tcp("10.0.0.1:80", &format!("10.0.0.2:{port}"));
    let ids: Vec<SocketId> = (1..=1000).map(|port| table.insert(at(port)).expect("room")).collect();
    let lookup = |port: u16| found(&table, &format!("10.0.0.2:{port}"), "10.0.0.1:80");
    for (port, id) in (1..).zip(&ids) {
        assert_eq!(lookup(port), Some(*id));
    }
    for id in ids.iter().step_by(2) {
        assert!(table.remove(*id));
        assert!(!table.remove(*id), "once");
    }
    for (port, id) in (1..).zip(&ids) {
        assert_eq!(lookup(port), Some(*id).filter(|_| port % 2 == 0), "port {port}");
    }
    assert_eq!(table.read().sockets().count(), 500);
    assert!(table.read().sockets().all(|s| table.read().with_cookie(s.cookie()).is_some()));
}

#[test]
fn a_reused_slot_is_another_socket() {
    let table = SocketTable::empty();
    let first = table.insert(tcp("10.0.0.1:80", "10.0.0.2:1")).expect("room");
    assert!(table.remove(first));
    settle(&table);
    let second = (0..1000)
        .map(|port| table.insert(tcp("10.0.0.1:80", &format!("10.0.0.2:{}", port + 2))).expect("room"))
        .find(|id| id.index() == first.index())
        .expect("the slot is used again");
    assert_ne!(first, second);
    assert_eq!((first.to_string(), second.to_string()), ("socket#0".into(), "socket#0.1".into()));
    let reader = table.read();
    assert!(reader.socket(first).is_none());
    assert_eq!(reader.socket(second).map(|s| s.id()), Some(second));
}

#[test]
fn a_removed_socket_is_readable_until_its_release() {
    let table = SocketTable::empty();
    let id = table.insert(tcp("10.0.0.1:80", "10.0.0.2:1")).expect("room");
    table.read().acquire(&query(Protocol::Tcp, "10.0.0.2:1", "10.0.0.1:80")).expect("found");
    assert!(table.remove(id));
    assert_eq!(settle(&table), 1, "held");
    let others = (2..2000).map(|port| table.insert(tcp("10.0.0.1:80", &format!("10.0.0.2:{port}"))));
    assert!(others.flatten().all(|other| other.index() != id.index()), "its memory is not used");
    {
        let reader = table.read();
        assert!(found(&table, "10.0.0.2:1", "10.0.0.1:80").is_none());
        let socket = reader.socket(id).expect("held");
        assert_eq!(socket.to_string(), "tcp established 10.0.0.1:80 <- 10.0.0.2:1");
        assert_eq!(reader.unbalanced().map(|(s, held)| (s.id(), held)).collect::<Vec<_>>(), [(id, 1)]);
        socket.release().expect("held");
        assert!(socket.release().is_err());
        assert_eq!(socket.info().remote, Some(end("10.0.0.2:1")), "until the section ends");
    }
    assert_eq!(settle(&table), 0);
    assert!(table.read().socket(id).is_none());
}

#[test]
fn what_a_section_has_found_stays_in_it() {
    let table = SocketTable::empty();
    let id = table.insert(listener("10.0.0.1:80")).expect("room");
    let section = Section::open();
    let reader = table.within(&section);
    let listener = find(&reader, "10.0.0.2:1", "10.0.0.1:80").expect("found").socket();
    assert!(table.remove(id));
    table.collect();
    for port in 81..2000 {
        table.insert(self::listener(&format!("10.0.0.1:{port}"))).expect("room");
    }
    assert_eq!(listener.to_string(), "tcp listen 10.0.0.1:80");
    assert!(!listener.is_linked() && reader.socket(id).is_none(), "its id means nothing any more");
}

#[test]
fn a_listener_takes_its_request_sockets_along() {
    let table = SocketTable::empty();
    let request = SocketInfo { state: State::NewSynRecv, ..tcp("10.0.0.1:80", "10.0.0.2:1") };
    assert!(matches!(table.insert(request.clone()), Err(Conflict::NoListener { .. })));
    let first = table.insert(listener("0.0.0.0:80")).expect("room");
    let request = table.insert(request).expect("it has a listener");
    assert_eq!(found(&table, "10.0.0.2:1", "10.0.0.1:80"), Some(first));
    let all = SocketInfo { v6only: false, ..listener("[::]:80") };
    let second = table.update(first, all).expect("it may be");
    assert_ne!(first, second);
    assert_eq!(found(&table, "10.0.0.2:1", "10.0.0.1:80"), Some(second), "the request is now its");
    assert!(table.remove(second));
    assert!(table.read().socket(request).is_none());
    assert_eq!(found(&table, "10.0.0.2:1", "10.0.0.1:80"), None);
}

#[test]
fn a_group_follows_its_members() {
    let table = SocketTable::empty();
    let member = || SocketInfo { reuseport: true, ..listener("0.0.0.0:80") };
    let ids: Vec<_> = (0..20).map(|_| table.insert(member()).expect("room")).collect();
    let hit = |table: &SocketTable| -> std::collections::BTreeSet<_> {
        (1..=2000).filter_map(|port| found(table, &format!("10.0.0.2:{port}"), "10.0.0.1:80")).collect()
    };
    assert_eq!(hit(&table), ids.iter().copied().collect());
    for id in &ids[5..] {
        assert!(table.remove(*id));
    }
    assert_eq!(hit(&table), ids[..5].iter().copied().collect());
    let groups: Vec<_> = table.read().sockets().map(|s| s.group()).collect();
    assert!(groups.iter().all(|group| *group == groups[0] && group.is_some()));
    for id in &ids[..5] {
        assert!(table.remove(*id));
    }
    assert!(hit(&table).is_empty());
    let alone = table.insert(member()).expect("room");
    assert_eq!(hit(&table), [alone].into());
}

#[test]
fn the_newest_comes_first_after_removals_too() {
    let table = SocketTable::empty();
    let udp = || SocketInfo {
        reuseaddr: true,
        ..SocketInfo::new(NetnsId::FIRST, Protocol::Udp, State::Close, end("10.0.0.1:53"))
    };
    let lookup = || {
        let reader = table.read();
        reader.lookup(&query(Protocol::Udp, "10.0.0.2:1", "10.0.0.1:53")).map(|f| f.socket().id())
    };
    let ids: Vec<_> = (0..100).map(|_| table.insert(udp()).expect("shared")).collect();
    for id in ids.iter().rev() {
        assert_eq!(lookup(), Some(*id));
        assert!(table.remove(*id));
    }
    assert_eq!(lookup(), None);
}

#[test]
fn a_connection_lives_through_its_states() {
    let table = SocketTable::empty();
    let mut info = SocketInfo { state: State::SynSent, cookie: 7, ..tcp("10.0.0.1:80", "10.0.0.2:1") };
    let id = table.insert(info.clone()).expect("room");
    for state in [State::Established, State::FinWait1, State::FinWait2] {
        (info.state, info.mark, info.tcp.snd_cwnd) = (state, 9, 44);
        assert_eq!(table.update(id, info.clone()), Ok(id), "in place");
        assert_eq!(table.read().socket(id).map(|s| s.info()), Some(info.clone()));
    }
    info.state = State::TimeWait;
    let waiting = table.update(id, SocketInfo { cookie: 0, ..info.clone() }).expect("it may be");
    assert_ne!(waiting, id, "another socket, with the same cookie");
    assert!(table.read().socket(id).is_none());
    assert_eq!(table.read().socket(waiting).map(|s| s.info()), Some(info));
    assert_eq!(table.read().with_cookie(7).map(|s| s.id()), Some(waiting));
    assert_eq!(table.update(id, tcp("10.0.0.1:80", "10.0.0.2:1")), Err(Conflict::UnknownSocket(id)));
}

#[test]
fn conflicts_are_found_and_end_with_the_socket() {
    let table = SocketTable::empty();
    let flow = || tcp("10.0.0.1:80", "10.0.0.2:1");
    let first = table.insert(flow()).expect("room");
    assert_eq!(table.insert(flow()), Err(Conflict::FlowExists { first }));
    let cookie = table.read().socket(first).expect("there").cookie();
    let other = SocketInfo { cookie, ..tcp("10.0.0.1:80", "10.0.0.2:2") };
    assert_eq!(table.insert(other.clone()), Err(Conflict::CookieExists(cookie)));
    assert!(table.remove(first));
    assert!(table.insert(other).is_ok() && table.insert(flow()).is_ok());
    let first = table.insert(listener("10.0.0.1:80")).expect("room");
    assert_eq!(table.insert(listener("10.0.0.1:80")), Err(Conflict::AddressExists { first }));
}

#[test]
fn namespaces_and_devices_come_and_go() {
    let table = SocketTable::empty();
    let blue = table.netns("blue").expect("a new name");
    table.nsid(NetnsId::FIRST, 7, blue).expect("free");
    let eth0 = Device { ifindex: 2, name: "eth0".into(), addresses: Vec::new() };
    let there = SocketInfo { netns: blue, device: 2, ..listener("10.0.0.1:80") };
    assert_eq!(table.insert(there.clone()), Err(Conflict::UnknownDevice(2)));
    table.device(blue, eth0).expect("a new device");
    let id = table.insert(there).expect("room");
    assert_eq!(table.read().resolve(NetnsId::FIRST, NsidArg::Id(7)), Some(blue));
    assert_eq!(table.remove_device(blue, 1), Err(Conflict::UnknownDevice(1)), "`lo` stays");
    table.remove_device(blue, 2).expect("it was there");
    assert!(table.remove_netns(blue) && !table.remove_netns(blue));
    assert!(table.read().socket(id).is_none() && table.read().netns(blue).is_none());
    assert_ne!(table.netns("blue"), Ok(blue), "a new one");
}

#[test]
fn what_came_and_went_is_written_in_the_order_of_insertion() {
    let table = SocketTable::empty();
    let ids: Vec<_> = (0..40).map(|n| table.insert(listener(&format!("10.0.0.1:{}", n + 1)))).collect();
    for id in ids.into_iter().flatten().step_by(3) {
        assert!(table.remove(id));
    }
    settle(&table);
    for n in 0..40 {
        table.insert(listener(&format!("10.0.0.2:{}", n + 1))).expect("room");
    }
    let text = table.to_toml();
    let again = SocketTable::from_toml("written", &text).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(again.to_toml(), text);
    assert!(text.find("10.0.0.1:39").expect("kept") < text.find("10.0.0.2:1\"").expect("new"));
}
