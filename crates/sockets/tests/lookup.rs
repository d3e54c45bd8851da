//! The rules of a lookup, case by case. Each case was also asked of a running kernel (`kernel.rs`).

use belay_sockets::{
    Endpoint, Found, LookupKind, NsidArg, Protocol, Query, Reader, Refusal, SocketTable, State, Tuple,
};

fn table(text: &str) -> SocketTable {
    SocketTable::from_toml("test.toml", text).unwrap_or_else(|e| panic!("{e}"))
}

/// The query of a packet `from -> to` on device `ifindex` in the first namespace.
fn query(reader: &Reader<'_>, protocol: Protocol, from: &str, to: &str, ifindex: u32) -> Query {
    let end = |text: &str| text.parse::<Endpoint>().expect("an endpoint");
    Query {
        netns: reader.default_netns().expect("a namespace"),
        protocol,
        tuple: Tuple::new(end(from), end(to)).expect("one family"),
        ifindex,
        kind: LookupKind::Full,
    }
}

/// What a packet finds, as its cookie; 0 for nothing.
fn cookie(table: &SocketTable, protocol: Protocol, from: &str, to: &str, ifindex: u32) -> u64 {
    let reader = table.read();
    reader.lookup(&query(&reader, protocol, from, to, ifindex)).map_or(0, |f| f.socket().info().cookie)
}

fn tcp(table: &SocketTable, from: &str, to: &str) -> u64 {
    cookie(table, Protocol::Tcp, from, to, 1)
}

fn udp(table: &SocketTable, from: &str, to: &str) -> u64 {
    cookie(table, Protocol::Udp, from, to, 1)
}

const TCP: &str = r#"
[[netns]]
name = "host"
devices = [{ name = "eth0", ifindex = 2 }, { name = "eth1", ifindex = 3 }]
[[tcp]]
state = "established"
local = "10.0.0.1:80"
remote = "10.0.0.2:4000"
cookie = 1
[[tcp]]
state = "listen"
local = "10.0.0.1:80"
cookie = 2
[[tcp]]
state = "listen"
local = "0.0.0.0:80"
device = "eth0"
cookie = 3
[[tcp]]
state = "listen"
local = "[::]:443"
cookie = 4
[[tcp]]
state = "listen"
local = "0.0.0.0:443"
device = "eth1"
cookie = 5
[[tcp]]
state = "listen"
local = "[::]:22"
v6only = true
cookie = 6
[[tcp]]
state = "close"
local = "0.0.0.0:99"
cookie = 7
"#;

#[test]
fn tcp_finds_the_flow_then_the_exact_listener_then_the_wildcard() {
    let table = table(TCP);
    assert_eq!(tcp(&table, "10.0.0.2:4000", "10.0.0.1:80"), 1, "the flow");
    assert_eq!(tcp(&table, "10.0.0.2:4001", "10.0.0.1:80"), 2, "another port: the exact listener");
    assert_eq!(
        cookie(&table, Protocol::Tcp, "10.0.0.2:1", "10.0.0.1:80", 2),
        2,
        "exact beats a bound device"
    );
    assert_eq!(
        cookie(&table, Protocol::Tcp, "10.0.0.2:1", "203.0.113.9:80", 2),
        3,
        "no check that the address is ours"
    );
    assert_eq!(tcp(&table, "10.0.0.2:1", "10.0.0.3:80"), 0, "the wildcard listener wants eth0");
    assert_eq!(tcp(&table, "10.0.0.2:1", "10.0.0.3:99"), 0, "bound, not listening");
    assert_eq!(tcp(&table, "10.0.0.1:80", "10.0.0.2:4000"), 0, "the flow backwards");
}

#[test]
fn dual_stack_listeners_take_ipv4_unless_v6only() {
    let table = table(TCP);
    assert_eq!(tcp(&table, "10.0.0.2:1", "10.0.0.3:443"), 4);
    assert_eq!(tcp(&table, "[2001:db8::2]:1", "[2001:db8::1]:443"), 4);
    assert_eq!(tcp(&table, "[::ffff:10.0.0.2]:1", "[::ffff:10.0.0.3]:443"), 4);
    assert_eq!(cookie(&table, Protocol::Tcp, "10.0.0.2:1", "10.0.0.3:443", 3), 5, "device and family");
    assert_eq!(tcp(&table, "10.0.0.2:1", "10.0.0.3:22"), 0, "v6only");
    assert_eq!(tcp(&table, "[2001:db8::2]:1", "[2001:db8::1]:22"), 6);
    assert_eq!(
        tcp(&table, "[::ffff:10.0.0.2]:1", "[::ffff:10.0.0.3]:22"),
        6,
        "an IPv6 tuple, if a mapped one"
    );
}

#[test]
fn a_mapped_tuple_finds_no_established_socket() {
    let table = table(
        r#"
        [[tcp]]
        state = "established"
        local = "[::ffff:10.0.0.1]:80"
        remote = "[::ffff:10.0.0.2]:4000"
        cookie = 1
        "#,
    );
    assert_eq!(tcp(&table, "10.0.0.2:4000", "10.0.0.1:80"), 1);
    assert_eq!(tcp(&table, "[::ffff:10.0.0.2]:4000", "[::ffff:10.0.0.1]:80"), 0);
}

#[test]
fn minisockets_are_for_skc_lookups() {
    let table = table(
        r#"
        [[tcp]]
        state = "listen"
        local = "0.0.0.0:80"
        cookie = 1
        [[tcp]]
        state = "new_syn_recv"
        local = "10.0.0.1:80"
        remote = "10.0.0.2:1"
        cookie = 2
        [[tcp]]
        state = "time_wait"
        local = "10.0.0.1:80"
        remote = "10.0.0.2:2"
        cookie = 3
        "#,
    );
    let reader = table.read();
    let ask = |from, kind| {
        let query = Query { kind, ..query(&reader, Protocol::Tcp, from, "10.0.0.1:80", 1) };
        reader.lookup(&query)
    };
    assert!(matches!(ask("10.0.0.2:1", LookupKind::Full), Some(Found::Rcu(s)) if s.info().cookie == 1));
    assert!(ask("10.0.0.2:2", LookupKind::Full).is_none(), "not the listener: time-wait hides it");
    let request = ask("10.0.0.2:1", LookupKind::Common).expect("the request socket");
    assert!(matches!(request, Found::Counted(s) if s.info().state == State::NewSynRecv && !s.is_full()));
    assert_eq!(reader.listener_of(request.socket()).map(|l| l.info().cookie), Some(1));
    let waiting = ask("10.0.0.2:2", LookupKind::Common).expect("the time-wait socket");
    assert!(matches!(waiting, Found::Counted(s) if !s.is_tcp_full()));
    assert!(reader.listener_of(waiting.socket()).is_none());
}

#[test]
fn udp_prefers_the_connected_socket_and_hides_it_from_strangers() {
    let table = table(
        r#"
        [[udp]]
        local = "10.0.0.1:5353"
        remote = "10.0.0.2:53"
        cookie = 1
        [[udp]]
        local = "10.0.0.1:5353"
        reuseaddr = true
        cookie = 2
        [[udp]]
        local = "10.0.0.1:6000"
        remote = "10.0.0.2:53"
        cookie = 3
        [[udp]]
        local = "0.0.0.0:7000"
        cookie = 4
        "#,
    );
    assert_eq!(udp(&table, "10.0.0.2:53", "10.0.0.1:5353"), 1);
    assert_eq!(udp(&table, "10.0.0.2:54", "10.0.0.1:5353"), 2);
    assert_eq!(udp(&table, "10.0.0.2:53", "10.0.0.1:6000"), 3);
    assert_eq!(udp(&table, "10.0.0.9:53", "10.0.0.1:6000"), 0);
    assert_eq!(udp(&table, "192.0.2.1:1", "224.0.0.1:7000"), 4, "any peer, any address");
}

#[test]
fn a_group_answers_with_one_member_a_flow_and_uses_all() {
    let member = |n: u32| {
        format!("[[tcp]]\nstate = \"listen\"\nlocal = \"0.0.0.0:80\"\nreuseport = true\ncookie = {n}\n")
    };
    let table = table(&(1..=4).map(member).collect::<String>());
    let found: Vec<_> =
        (1..200).map(|port| tcp(&table, &format!("10.0.0.2:{port}"), "10.0.0.1:80")).collect();
    assert!((1..=4).all(|member| found.contains(&member)), "{found:?}");
    assert_eq!(
        found,
        (1..200).map(|port| tcp(&table, &format!("10.0.0.2:{port}"), "10.0.0.1:80")).collect::<Vec<_>>()
    );
}

#[test]
fn namespaces_are_apart_and_their_ids_relative() {
    let table = table(
        r#"
        [[netns]]
        name = "red"
        nsids = { "7" = "blue" }
        [[netns]]
        name = "blue"
        nsids = { "0" = "red" }
        [[tcp]]
        netns = "blue"
        state = "listen"
        local = "0.0.0.0:80"
        "#,
    );
    let reader = table.read();
    let red = reader.netns_named("red").expect("red");
    let blue = reader.netns_named("blue").expect("blue");
    assert_eq!(reader.resolve(red, NsidArg::Current), Some(red));
    assert_eq!(reader.resolve(red, NsidArg::Id(7)), Some(blue));
    assert_eq!(reader.resolve(blue, NsidArg::Id(0)), Some(red));
    assert_eq!(reader.resolve(blue, NsidArg::Id(7)), None);
    assert_eq!(reader.resolve(red, NsidArg::Invalid), None);
    let here = query(&reader, Protocol::Tcp, "10.0.0.2:1", "10.0.0.1:80", 1);
    assert!(reader.lookup(&here).is_none());
    assert!(reader.lookup(&Query { netns: blue, ..here }).is_some());
}

#[test]
fn an_explanation_is_the_lookup() {
    let table = table(TCP);
    let reader = table.read();
    let explained = reader.explain(&query(&reader, Protocol::Tcp, "10.0.0.2:1", "10.0.0.3:80", 1));
    assert_eq!(explained.found, None);
    assert_eq!(
        explained.to_string(),
        "wildcard listeners: socket#2 (tcp listen 0.0.0.0:80) does not fit: bound to another device\nfound: nothing\n"
    );
    assert!(matches!(explained.steps[0].outcome, belay_sockets::Outcome::Refused(Refusal::OtherDevice)));
}

#[test]
fn a_group_ends_the_walk_as_soon_as_it_is_the_best_so_far() {
    let listener = |device: &str, cookie: u32| {
        format!(
            "[[tcp]]\nstate = \"listen\"\nlocal = \"0.0.0.0:80\"\nreuseport = true\n{device}cookie = {cookie}\n"
        )
    };
    let netns = "[[netns]]\nname = \"host\"\ndevices = [{ name = \"eth0\", ifindex = 2 }]\n";
    let on_eth0 = "device = \"eth0\"\n";
    let newer_unbound = table(&[netns, &listener(on_eth0, 1), &listener("", 2)].concat());
    let newer_bound = table(&[netns, &listener("", 2), &listener(on_eth0, 1)].concat());
    let find = |table, ifindex| cookie(table, Protocol::Tcp, "10.0.0.2:1", "10.0.0.1:80", ifindex);
    assert_eq!(find(&newer_unbound, 2), 2, "met first");
    assert_eq!(find(&newer_bound, 2), 1);
    assert_eq!((find(&newer_unbound, 1), find(&newer_bound, 1)), (2, 2));
}

#[test]
fn a_udp_socket_leaves_its_group_by_connecting_and_the_group_then_goes_on_scoring() {
    let dns = |remote: &str, device: &str, cookie: u32| {
        format!("[[udp]]\nlocal = \"10.0.0.1:53\"\nreuseport = true\n{remote}{device}cookie = {cookie}\n")
    };
    let netns = "[[netns]]\nname = \"host\"\ndevices = [{ name = \"eth0\", ifindex = 2 }]\n";
    let peer = "remote = \"10.0.0.2:7\"\n";
    let on_eth0 = "device = \"eth0\"\n";
    let find = |table, from| cookie(table, Protocol::Udp, from, "10.0.0.1:53", 2);
    let trusted = table(&[netns, &dns("", on_eth0, 1), &dns("", "", 2)].concat());
    assert_eq!(find(&trusted, "10.0.0.9:7"), 2, "the newest group is met first and ends the walk");
    let marked = table(&[netns, &dns("", on_eth0, 1), &dns("", "", 2), &dns(peer, "", 3)].concat());
    assert_eq!(
        find(&marked, "10.0.0.9:7"),
        1,
        "its group is no longer the last word: the device scores more"
    );
    assert_eq!(find(&marked, "10.0.0.2:7"), 3);
    let founded = table(&[netns, &dns("", on_eth0, 1), &dns(peer, "", 3), &dns("", "", 2)].concat());
    assert_eq!(find(&founded, "10.0.0.9:7"), 2, "a new group with the one that left, not marked");
}

#[test]
fn the_placeholder_of_an_ipv6_udp_socket_is_found_by_port() {
    let text = "[[udp]]\nlocal = \"[fd00::1]:9\"\nremote = \"[fd00::2]:53\"\nv6only = false\ncookie = 1\n";
    let connected = table(text);
    assert_eq!(udp(&connected, "192.0.2.1:53", "127.0.0.6:9"), 1, "whatever the sender's address");
    assert_eq!(udp(&connected, "192.0.2.1:54", "127.0.0.6:9"), 0, "but its port counts");
    assert_eq!(udp(&connected, "192.0.2.1:53", "127.0.0.5:9"), 0);
    let bound = table(&text.replace("v6only = false\n", ""));
    assert_eq!(udp(&bound, "192.0.2.1:53", "127.0.0.6:9"), 0, "`bind` makes it IPv6 only");
}

#[test]
fn two_flows_that_differ_in_their_device_are_two_sockets() {
    let flow = |device: &str, cookie: u32| {
        format!(
            "[[tcp]]\nstate = \"established\"\nlocal = \"10.0.0.1:80\"\nremote = \"10.0.0.2:7\"\ndevice = \"{device}\"\ncookie = {cookie}\n"
        )
    };
    let netns = "[[netns]]\nname = \"host\"\ndevices = [{ name = \"a\", ifindex = 2 }, { name = \"b\", ifindex = 3 }]\n";
    let table = table(&[netns, &flow("a", 1), &flow("b", 2)].concat());
    let find = |ifindex| cookie(&table, Protocol::Tcp, "10.0.0.2:7", "10.0.0.1:80", ifindex);
    assert_eq!([find(1), find(2), find(3)], [0, 1, 2]);
}
