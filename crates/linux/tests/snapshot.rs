//! Snapshots of real sockets, in namespaces of our own.
//!
//! What a population was made from is what a snapshot of it has to say.

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use belay_linux::{Detail, Follower, Kernel, NetNs, Origin, Place, Population, snapshot};
use belay_sockets::{NetnsId, SocketInfo, SocketTable, State};

/// Every state, each kind of binding; what the kernel chooses (cookies, owners) left out.
const EVERYTHING: &str = r#"
[[netns]]
name = "host"
devices = [
    { name = "lo", ifindex = 1, addresses = ["10.0.0.1/32", "fd00::1/128"] },
    { name = "eth0", ifindex = 20, addresses = ["10.1.0.1/24", "fd01::1/64"] },
]
[[tcp]]
state = "listen"
local = "0.0.0.0:80"
[[tcp]]
state = "listen"
local = "[::]:81"
mark = 7
priority = 5
[[tcp]]
state = "listen"
local = "[::]:80"
v6only = true
[[tcp]]
state = "listen"
local = "10.0.0.1:82"
reuseport = true
[[tcp]]
state = "listen"
local = "10.0.0.1:82"
reuseport = true
[[tcp]]
state = "listen"
local = "10.0.0.1:82"
reuseport = true
device = "eth0"
[[tcp]]
state = "established"
local = "10.0.0.1:80"
remote = "10.9.0.1:1001"
mark = 9
[[tcp]]
state = "established"
local = "[::ffff:10.0.0.1]:81"
remote = "[::ffff:10.9.0.1]:1001"
[[tcp]]
state = "syn_sent"
local = "10.1.0.1:4000"
remote = "10.1.0.9:9"
device = "eth0"
[[tcp]]
state = "new_syn_recv"
local = "10.0.0.1:80"
remote = "10.9.0.1:1002"
[[tcp]]
state = "new_syn_recv"
local = "[fd00::1]:81"
remote = "[fd09::1]:1002"
mark = 7
[[tcp]]
state = "fin_wait1"
local = "[fd00::1]:81"
remote = "[fd09::1]:1003"
[[tcp]]
state = "fin_wait2"
local = "10.0.0.1:80"
remote = "10.9.0.1:1004"
[[tcp]]
state = "time_wait"
local = "10.0.0.1:80"
remote = "10.9.0.1:1005"
[[tcp]]
state = "close_wait"
local = "10.0.0.1:80"
remote = "10.9.0.1:1006"
[[tcp]]
state = "last_ack"
local = "10.0.0.1:80"
remote = "10.9.0.1:1007"
[[tcp]]
state = "closing"
local = "10.0.0.1:80"
remote = "10.9.0.1:1008"
[[udp]]
local = "0.0.0.0:53"
[[udp]]
local = "[::]:54"
v6only = true
[[udp]]
local = "10.0.0.1:55"
reuseport = true
[[udp]]
local = "10.0.0.1:55"
reuseport = true
[[udp]]
local = "10.0.0.1:56"
remote = "10.9.0.1:53"
[[udp]]
local = "[fd00::1]:57"
remote = "[fd09::1]:53"
device = "eth0"
"#;

/// What a snapshot has to tell of a socket, as text. The kernel lets no one read the owner's choice of cookie, and gives a connection
/// options of its own.
fn told(info: &SocketInfo) -> String {
    let is_bound = matches!(info.state, State::Listen | State::Close);
    let info = SocketInfo {
        cookie: 0,
        uid: 0,
        reuseaddr: false,
        rx_queue: -1,
        reuseport: info.reuseport && is_bound,
        v6only: info.v6only && is_bound,
        ..info.clone()
    };
    format!("{info:?}")
}

fn all_told(table: &SocketTable) -> BTreeSet<String> {
    table.read().sockets().map(|socket| told(&socket.info())).collect()
}

#[test]
fn a_population_is_seen_as_it_was_made() {
    if Kernel::for_test("a snapshot of every state").is_none() {
        return;
    }
    let made = SocketTable::from_toml("everything", EVERYTHING).expect("a table");
    let population = Population::of(&made, NetnsId::FIRST).expect("a population");
    let place = Place::of("host", population.namespace().try_clone().expect("a clone"));
    let seen = snapshot(&[place], Detail::default()).expect("a snapshot");
    assert_eq!((seen.origin, seen.left_out), (Origin::Read, Vec::new()));
    let (made, told) = (all_told(&made), all_told(&seen.table));
    let missing: Vec<_> = made.difference(&told).collect();
    let extra: Vec<_> = told.difference(&made).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing {missing:#?}\nextra {extra:#?}");
    let cookies: BTreeSet<u64> = seen.table.read().sockets().map(|s| s.info().cookie).collect();
    assert_eq!(cookies.len(), seen.table.read().sockets().count(), "each has a cookie of its own");

    let text = seen.table.to_toml();
    let again = SocketTable::from_toml("snapshot", &text).expect("a snapshot reads back");
    assert_eq!(again.to_toml(), text);
}

#[test]
fn namespaces_know_each_other_by_the_kernels_ids() {
    if Kernel::for_test("a snapshot of two namespaces").is_none() {
        return;
    }
    let (one, two) = (NetNs::with_loopback().expect("one"), NetNs::with_loopback().expect("two"));
    one.veth("v1", &two, "v2").expect("a pair");
    let listening = two.run(|| TcpListener::bind("127.0.0.1:80")).expect("two").expect("a listener");
    let seen =
        snapshot(&[Place::of("one", one), Place::of("two", two)], Detail::default()).expect("a snapshot");
    let reader = seen.table.read();
    let id = |name| reader.netns_named(name).expect("a namespace");
    let knows = |name| reader.netns(id(name)).expect("it").nsids().values().copied().collect::<Vec<_>>();
    assert_eq!((knows("one"), knows("two")), (vec![id("two")], vec![id("one")]));
    assert!(reader.sockets().all(|socket| socket.info().netns == id("two")));
    drop(listening);
}

/// The sockets of a table, as the command prints them.
fn names(follower: &Follower) -> BTreeSet<String> {
    follower.table().read().sockets().map(ToString::to_string).collect()
}

/// Takes announcements until the table is as wanted; the kernel sends them a little later.
fn caught_up(follower: &mut Follower, wanted: &[String]) {
    let wanted: BTreeSet<String> = wanted.iter().cloned().collect();
    let deadline = Instant::now() + Duration::from_secs(5);
    while names(follower) != wanted && Instant::now() < deadline {
        follower.catch_up().expect("announcements");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(names(follower), wanted);
}

#[test]
fn a_followed_table_sees_sockets_come_and_go() {
    if Kernel::for_test("a table that follows").is_none() {
        return;
    }
    let namespace = NetNs::with_loopback().expect("a namespace");
    let place = Place::of("followed", namespace.try_clone().expect("a clone"));
    let mut follower = Follower::start(place, Detail::default()).expect("a follower");
    assert_eq!(names(&follower), BTreeSet::new());

    let (listener, datagrams) = namespace
        .run(|| {
            (TcpListener::bind("127.0.0.1:80").expect("bound"), UdpSocket::bind("[::1]:53").expect("bound"))
        })
        .expect("inside");
    let listening = "tcp listen 127.0.0.1:80".to_owned();
    let changes = follower.refresh().expect("a look");
    assert_eq!((changes.added, changes.removed, changes.changed, changes.left_out.len()), (2, 0, 0, 0));
    assert_eq!(names(&follower), [listening.clone(), "udp close [::1]:53".into()].into());
    // Nothing happened meanwhile.
    assert_eq!(follower.refresh().expect("a look"), belay_linux::Changes::default());

    drop(datagrams);
    caught_up(&mut follower, std::slice::from_ref(&listening));

    let client = namespace.run(|| TcpStream::connect("127.0.0.1:80").expect("connected")).expect("inside");
    let (accepted, from) = listener.accept().expect("accepted");
    follower.refresh().expect("a look");
    let served = format!("tcp established 127.0.0.1:80 <- {from}");
    assert_eq!(
        names(&follower),
        [listening.clone(), served, format!("tcp established {from} <- 127.0.0.1:80")].into()
    );

    // Who closes first waits, with the cookie of the connection; the other one is gone.
    let cookie = |follower: &Follower, name: &str| {
        let reader = follower.table().read();
        reader.sockets().find(|socket| socket.to_string() == name).map(|socket| socket.cookie())
    };
    let before = cookie(&follower, &format!("tcp established {from} <- 127.0.0.1:80"));
    drop(client);
    std::thread::sleep(Duration::from_millis(20));
    drop(accepted);
    let waits = format!("tcp time_wait {from} <- 127.0.0.1:80");
    caught_up(&mut follower, &[listening, waits.clone()]);
    assert_eq!(cookie(&follower, &waits), before);
    assert!(before.is_some());

    drop(listener);
    caught_up(&mut follower, &[waits]);
}
