//! What has misled people about lookups, each as a case: asked of the kernel, and of a table that is a snapshot.
//!
//! Elsewhere: namespaces by id, other widths of that argument and flags that must be zero (`arguments`), groups by their hash (`near`).
//! Not about lookups, so not here: what the verifier lets a program read of an answer, packets of another shape (fragments,
//! options, segmentation), ICMP, programs that are replaced, and `skb->sk`.

use belay_linux::Kernel;
use belay_sockets::{Found, LookupKind, NetnsId, Protocol, Query, Tuple};

use crate::near::{asked, same};
use crate::oracle::{Answer, Oracle};
use crate::worlds::World;

/// What was found: by the kernel, and the very same by Belay.
struct Case {
    oracle: Oracle,
    world: World,
}

impl Case {
    /// `None` where there is no kernel to ask.
    fn of(name: &str, toml: &str) -> Option<Case> {
        Kernel::for_test(&format!("sockets: {name}"))?;
        Some(Case { oracle: Oracle::new(), world: World::of(toml) })
    }

    /// The answer of both, as its words in `ss`.
    fn find(&self, how: &str, from: &str, to: &str, ifindex: u32) -> Option<(String, Answer)> {
        let (protocol, kind) = match how {
            "sk_udp" => (Protocol::Udp, LookupKind::Full),
            "sk_tcp" => (Protocol::Tcp, LookupKind::Full),
            _ => (Protocol::Tcp, LookupKind::Common),
        };
        let end = |text: &str| text.parse().expect("an end");
        let tuple = Tuple::new(end(from), end(to)).expect("one family");
        let query = Query { netns: NetnsId::FIRST, protocol, tuple, ifindex, kind };
        let kernel =
            self.world.population.namespace().run(|| self.oracle.ask(&asked(&query))).expect("inside");
        let reader = self.world.table.read();
        let ours = reader.lookup(&query).map(Found::socket);
        match (kernel, ours) {
            (None, None) => None,
            (Some(answer), Some(ours)) => {
                let theirs = reader.with_cookie(answer.cookie);
                assert_eq!(same(&answer, theirs, ours), None, "{how} {from} -> {to}");
                Some((ours.to_string(), answer))
            }
            (kernel, ours) => panic!("{how} {from} -> {to}: the kernel finds {kernel:?}, we {ours:?}"),
        }
    }

    fn name(&self, how: &str, from: &str, to: &str) -> Option<String> {
        self.find(how, from, to, 1).map(|(name, _)| name)
    }
}

#[test]
fn pitfall_1_and_10_request_and_time_wait_sockets_need_the_common_helper() {
    let Some(case) = Case::of(
        "request and time-wait sockets",
        r#"
[[tcp]]
state = "listen"
local = "10.0.0.1:80"
[[tcp]]
state = "new_syn_recv"
local = "10.0.0.1:80"
remote = "10.9.0.1:1"
[[tcp]]
state = "time_wait"
local = "10.0.0.1:80"
remote = "10.9.0.1:2"
"#,
    ) else {
        return;
    };
    let found = |how: &str, port: u16| case.name(how, &format!("10.9.0.1:{port}"), "10.0.0.1:80");
    let listener = || Some("tcp listen 10.0.0.1:80".to_owned());
    assert_eq!(found("sk_tcp", 1), listener());
    assert_eq!(found("skc_tcp", 1).as_deref(), Some("tcp new_syn_recv 10.0.0.1:80 <- 10.9.0.1:1"));
    assert_eq!(found("sk_tcp", 2), None);
    assert_eq!(found("skc_tcp", 2).as_deref(), Some("tcp time_wait 10.0.0.1:80 <- 10.9.0.1:2"));
    // The last segment of a handshake with a SYN cookie has no request socket to find.
    assert_eq!(found("skc_tcp", 3), listener());
}

#[test]
fn pitfall_1_a_connection_that_was_closed_first_is_in_time_wait_whatever_it_waits_for() {
    if Kernel::for_test("sockets: FIN_WAIT2 after close").is_none() {
        return;
    }
    let mut world = World::of("");
    let client = world.population.namespace().run(|| {
        let listener = std::net::TcpListener::bind("10.0.0.1:80").expect("a listener");
        let client = std::net::TcpStream::connect("10.0.0.1:80").expect("a connection");
        drop(listener.accept().expect("its other end"));
        client
    });
    let client = client.expect("inside");
    let from = client.local_addr().expect("an end").to_string();
    std::thread::sleep(std::time::Duration::from_millis(50));
    world.table = crate::worlds::see(&world.population);
    let case = Case { oracle: Oracle::new(), world };
    let (name, answer) = case.find("skc_tcp", &from, "10.0.0.1:80", 1).expect("a socket");
    assert_eq!((name, answer.word(72)), (format!("tcp time_wait 10.0.0.1:80 <- {from}"), 6));
}

#[test]
fn pitfall_4_ports_have_different_orders_and_ipv6_sockets_show_an_ipv4_address() {
    let Some(case) = Case::of(
        "byte orders",
        r#"
[[udp]]
local = "10.0.0.1:4660"
remote = "10.9.0.1:22136"
[[udp]]
local = "[fd00::1]:4661"
[[udp]]
local = "[::]:4662"
"#,
    ) else {
        return;
    };
    let (_, answer) = case.find("sk_udp", "10.9.0.1:22136", "10.0.0.1:4660", 1).expect("a socket");
    assert_eq!((answer.word(44), &answer.view[48..52]), (0x1234, &[0x56, 0x78, 0, 0][..]));
    let (_, answer) = case.find("sk_udp", "[fd00::2]:1", "[fd00::1]:4661", 1).expect("a socket");
    assert_eq!((answer.word(4), &answer.view[24..28]), (10, &[127, 0, 0, 6][..]));
    let (_, answer) = case.find("sk_udp", "10.9.0.1:1", "10.0.0.1:4662", 1).expect("a socket");
    assert_eq!(answer.word(4), 10, "a dual-stack socket is of the other family");
}

#[test]
fn pitfall_5_and_17_a_tuple_is_in_packet_order_and_in_the_packets_writing() {
    let Some(case) = Case::of(
        "tuples",
        r#"
[[tcp]]
state = "established"
local = "10.0.0.1:80"
remote = "10.9.0.1:1"
[[tcp]]
state = "established"
local = "[::ffff:10.0.0.1]:80"
remote = "[::ffff:10.9.0.1]:2"
"#,
    ) else {
        return;
    };
    for port in [1, 2] {
        let (peer, mapped) = (format!("10.9.0.1:{port}"), format!("[::ffff:10.9.0.1]:{port}"));
        assert!(case.name("sk_tcp", &peer, "10.0.0.1:80").is_some());
        assert_eq!(case.name("sk_tcp", "10.0.0.1:80", &peer), None, "straight on egress");
        assert_eq!(case.name("sk_tcp", &mapped, "[::ffff:10.0.0.1]:80"), None, "mapped");
    }
}

#[test]
fn pitfall_7_and_8_wildcards_match_any_address_and_unconnected_sockets_any_peer() {
    let Some(case) = Case::of(
        "wildcards",
        r#"
[[tcp]]
state = "listen"
local = "0.0.0.0:80"
[[udp]]
local = "0.0.0.0:53"
[[udp]]
local = "10.0.0.1:54"
remote = "10.9.0.1:53"
"#,
    ) else {
        return;
    };
    for to in ["203.0.113.9", "255.255.255.255", "224.0.0.1", "10.0.0.1"] {
        assert!(case.name("skc_tcp", "198.51.100.7:1", &format!("{to}:80")).is_some(), "{to}");
        assert!(case.name("sk_udp", "198.51.100.7:1", &format!("{to}:53")).is_some(), "{to}");
    }
    let (_, answer) = case.find("sk_udp", "198.51.100.7:1", "10.0.0.1:53", 1).expect("a socket");
    assert_eq!((answer.word(48), answer.word(72)), (0, 7), "no peer, and closed");
    assert!(case.name("sk_udp", "10.9.0.1:53", "10.0.0.1:54").is_some());
    assert_eq!(case.name("sk_udp", "198.51.100.7:53", "10.0.0.1:54"), None, "connected to somebody else");
}

#[test]
fn pitfall_14_a_bound_socket_wants_its_device() {
    let Some(case) = Case::of(
        "devices",
        r#"
[[tcp]]
state = "listen"
local = "0.0.0.0:80"
device = "v0"
[[udp]]
local = "0.0.0.0:53"
device = "v1"
"#,
    ) else {
        return;
    };
    for ifindex in [1, 20, 21] {
        let tcp = case.find("sk_tcp", "10.9.0.1:1", "10.0.0.1:80", ifindex);
        let udp = case.find("sk_udp", "10.9.0.1:1", "10.0.0.1:53", ifindex);
        assert_eq!((tcp.is_some(), udp.is_some()), (ifindex == 20, ifindex == 21), "on {ifindex}");
    }
}

#[test]
fn pitfall_24_what_does_not_listen_or_only_to_itself_is_missed() {
    let Some(case) = Case::of(
        "misses",
        r#"
[[tcp]]
state = "close"
local = "0.0.0.0:80"
[[tcp]]
state = "listen"
local = "127.0.0.1:81"
[[tcp]]
state = "listen"
local = "[::]:82"
v6only = true
"#,
    ) else {
        return;
    };
    for port in [80, 81, 82] {
        assert_eq!(case.name("sk_tcp", "10.9.0.1:1", &format!("10.0.0.1:{port}")), None, "{port}");
    }
    assert!(case.name("sk_tcp", "127.0.0.1:1", "127.0.0.1:81").is_some());
    assert!(case.name("sk_tcp", "[fd00::2]:1", "[fd00::1]:82").is_some());
}

#[test]
fn pitfall_16_a_tuple_of_another_size_finds_nothing() {
    if Kernel::for_test("sockets: sizes of a tuple").is_none() {
        return;
    }
    let world = World::of("[[tcp]]\nstate = \"listen\"\nlocal = \"[::]:80\"\n");
    for size in 1..=40usize {
        let mut bytes = vec![0; 40];
        // The port where either form has it.
        bytes[10..12].copy_from_slice(&80u16.to_be_bytes());
        bytes[34..36].copy_from_slice(&80u16.to_be_bytes());
        let kernel =
            world.population.namespace().run(|| Oracle::finds_of_size(size, &bytes)).expect("inside");
        assert_eq!(kernel, size == Tuple::V4_SIZE || size == Tuple::V6_SIZE, "{size} bytes");
        assert_eq!(Tuple::from_bytes(&bytes[..size]).is_some(), kernel, "{size} bytes");
    }
}
