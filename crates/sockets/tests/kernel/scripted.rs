//! Populations made on purpose: every state, every kind of listener, namespaces by id.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use belay_linux::Kernel;
use belay_sockets::{Endpoint, Family, LookupKind, Protocol, Query, SocketInfo, State, Tuple};

use crate::compare::{assert_same, differs};
use crate::lab::{Lab, Options, exchange, finish};
use crate::oracle::Oracle;

fn end(text: &str) -> Endpoint {
    text.parse().expect("an endpoint")
}

fn query(protocol: Protocol, from: Endpoint, to: Endpoint, ifindex: u32, kind: LookupKind) -> Query {
    let tuple = Tuple::new(from, to).expect("one family");
    Query { netns: Lab::NETNS, protocol, tuple, ifindex, kind }
}

/// Both helpers, on each device.
fn everywhere(protocol: Protocol, from: Endpoint, to: Endpoint) -> Vec<Query> {
    let kinds: &[_] = match protocol {
        Protocol::Tcp => &[LookupKind::Full, LookupKind::Common],
        Protocol::Udp => &[LookupKind::Full],
    };
    let on = |kind: LookupKind| Lab::DEVICES.map(|(_, ifindex)| query(protocol, from, to, ifindex, kind));
    kinds.iter().flat_map(|kind| on(*kind)).collect()
}

/// The flow of a recorded socket, as packets to it carry it: as IPv4 and as mapped IPv6 where both can be written.
fn flows(info: &SocketInfo) -> Vec<(Endpoint, Endpoint)> {
    let Some(remote) = info.remote else { return Vec::new() };
    let both = |e: Endpoint| match e.addr {
        std::net::IpAddr::V4(a) => (Some(e), Endpoint::new(a.to_ipv6_mapped(), e.port)),
        std::net::IpAddr::V6(a) => (a.to_ipv4_mapped().map(|v4| Endpoint::new(v4, e.port)), e),
    };
    let ((from4, from6), (to4, to6)) = (both(remote), both(info.local));
    from4.zip(to4).into_iter().chain([(from6, to6)]).collect()
}

/// Waits until the kernel shows every socket in its recorded state, then compares every flow.
fn assert_flows(lab: &Lab, oracle: &Oracle) {
    let table = lab.table();
    let queries: Vec<_> = lab
        .infos()
        .iter()
        .flat_map(|info| flows(info).into_iter().map(|(from, to)| (info.protocol, from, to)))
        .flat_map(|(protocol, from, to)| everywhere(protocol, from, to))
        .collect();
    assert!(queries.len() >= lab.infos().iter().filter(|i| i.remote.is_some()).count() * 3);
    let deadline = Instant::now() + Duration::from_secs(3);
    let settled = || queries.iter().all(|q| differs(oracle, &table, q).is_none());
    while Instant::now() < deadline && !lab.here.run(settled).expect("a namespace") {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_same(lab, oracle, &table, &queries);
}

/// Closes both ends of a connection in the order `first`, `second` and records the states that they then show.
fn record_pair(lab: &mut Lab, pair: (socket2::Socket, socket2::Socket), states: (State, State)) {
    let none = Options::default();
    for (socket, state) in [(pair.0, states.0), (pair.1, states.1)] {
        let info = lab.observed(&socket, Protocol::Tcp, state, &none);
        lab.record(Some(socket), info);
    }
}

#[test]
fn every_tcp_state_is_found_as_the_kernel_finds_it() {
    if Kernel::for_test("sockets: TCP states").is_none() {
        return;
    }
    let oracle = Oracle::new();
    let mut lab = Lab::new();
    let none = Options::default();
    for (listener, targets) in [
        ("10.0.0.1:80", vec!["10.0.0.1:80"]),
        ("[::]:81", vec!["10.0.0.1:81", "[fd00::1]:81", "[::ffff:10.0.0.1]:81"]),
        ("[fd00::1]:82", vec!["[fd00::1]:82"]),
    ] {
        let mark = lab.listen(end(listener), &none).expect("a listener");
        for target in targets {
            let listening = lab.open[mark as usize - 1].as_ref().expect("open").try_clone().expect("a clone");
            let connect = |lab: &Lab| {
                let (mut a, mut b) = lab.connect(end(target), &listening, &none).expect("a connection");
                exchange(&mut a, &mut b);
                (a, b)
            };
            // Client and server established.
            let pair = connect(&lab);
            record_pair(&mut lab, pair, (State::Established, State::Established));
            // One side has finished, the other not yet: FIN_WAIT2 and CLOSE_WAIT.
            let (a, b) = connect(&lab);
            finish(&b);
            record_pair(&mut lab, (b, a), (State::FinWait2, State::CloseWait));
            // Both have: the first is in TIME_WAIT, the second is gone.
            let (a, b) = connect(&lab);
            let waiting = lab.observed(&b, Protocol::Tcp, State::TimeWait, &none);
            finish(&b);
            std::thread::sleep(Duration::from_millis(20));
            finish(&a);
            std::thread::sleep(Duration::from_millis(20));
            drop((a, b));
            lab.record(None, waiting);
            // Closed, not only finished: FIN_WAIT2 is kept as a time-wait socket.
            let (a, b) = connect(&lab);
            let waiting = lab.observed(&b, Protocol::Tcp, State::TimeWait, &none);
            drop(b);
            lab.record(None, waiting);
            let info = lab.observed(&a, Protocol::Tcp, State::CloseWait, &none);
            lab.record(Some(a), info);
        }
    }
    request_socket(&mut lab, (Ipv4Addr::new(10, 0, 0, 1), 80), Family::V4);
    request_socket(&mut lab, (Ipv4Addr::new(10, 0, 0, 2), 81), Family::V6);
    syn_sent(&mut lab, "10.1.0.77:9");
    syn_sent(&mut lab, "[fd01::77]:9");
    unanswered_fins(&mut lab, "10.1.0.2:90", "10.1.0.1:91");
    assert_flows(&lab, &oracle);
}

/// A SYN whose answer reaches nobody leaves a request socket behind. Its family is the listener's.
fn request_socket(lab: &mut Lab, to: (Ipv4Addr, u16), listener: Family) {
    let from = (Ipv4Addr::new(10, 1, 0, 99), 1234);
    lab.forge_syn(from, to);
    let end = |(addr, port): (Ipv4Addr, u16)| match listener {
        Family::V4 => Endpoint::new(addr, port),
        Family::V6 => Endpoint::new(addr.to_ipv6_mapped(), port),
    };
    lab.record(None, SocketInfo::new(Lab::NETNS, Protocol::Tcp, State::NewSynRecv, end(to)).to(end(from)));
}

/// A SYN that nobody answers, on a socket of a device.
fn syn_sent(lab: &mut Lab, to: &str) {
    let options = Options { device: Some(Lab::DEVICES[1]), ..Options::default() };
    let socket = lab.socket(Protocol::Tcp, end(to).family(), &options).expect("a socket");
    socket.set_nonblocking(true).expect("non-blocking");
    socket.connect(&crate::lab::address(end(to))).expect_err("in progress");
    let info = lab.observed(&socket, Protocol::Tcp, State::SynSent, &options).to(end(to));
    lab.record(Some(socket), info);
}

/// Connections to the peer's namespace, which then loses its address: our FINs are never acknowledged.
fn unanswered_fins(lab: &mut Lab, there: &str, here: &str) {
    let options = Options { device: Some(Lab::DEVICES[1]), ..Options::default() };
    let listener = lab.listen_there(there, false);
    let connect = |lab: &Lab| {
        let (mut a, mut b) = lab.connect(end(there), &listener, &options).expect("a connection");
        exchange(&mut a, &mut b);
        (a, b)
    };
    // A listener of the device hands the device on to what it accepts.
    let mark = lab.listen(end(here), &options).expect("a listener");
    let bound = lab.open[mark as usize - 1].as_ref().expect("open").try_clone().expect("a clone");
    let client = lab.there.run(|| socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None));
    let client = client.expect("a namespace").expect("a socket");
    client.connect(&crate::lab::address(end(here))).expect("a connection");
    let (accepted, _) = bound.accept().expect("accept");
    let info = lab.observed(&accepted, Protocol::Tcp, State::Established, &options);
    lab.record(Some(accepted), info);
    lab.extra.push(client);

    let (fin_wait, peer_of_fin_wait) = connect(lab);
    let (last_ack, peer_of_last_ack) = connect(lab);
    finish(&peer_of_last_ack);
    std::thread::sleep(Duration::from_millis(50));
    lab.there.ip(&["addr", "flush", "dev", "w0"]).expect("ip");
    finish(&fin_wait);
    finish(&last_ack);
    for (socket, state) in [(fin_wait, State::FinWait1), (last_ack, State::LastAck)] {
        let info = lab.observed(&socket, Protocol::Tcp, state, &options);
        let info = if info.remote.is_some() { info } else { info.to(end(there)) };
        lab.record(Some(socket), info);
    }
    lab.extra.extend([peer_of_fin_wait, peer_of_last_ack, listener]);
}

#[test]
fn listeners_are_chosen_as_the_kernel_chooses() {
    if Kernel::for_test("sockets: listeners").is_none() {
        return;
    }
    let oracle = Oracle::new();
    let mut lab = Lab::new();
    let on = |index: usize| Some(Lab::DEVICES[index]);
    let none = Options::default();
    let group = Options { reuseport: true, ..none };
    let v6only = Options { v6only: true, ..none };
    let cases = [
        ("0.0.0.0:80", none),
        ("127.0.0.1:81", none),
        ("[::]:82", none),
        ("[::]:83", v6only),
        ("0.0.0.0:83", none),
        ("[::ffff:10.0.0.1]:84", none),
        ("[::ffff:0.0.0.0]:85", none),
        ("[fd00::1]:86", none),
        // The order of these matters: a group's socket ends the walk as soon as it is the best so far.
        ("0.0.0.0:87", Options { device: on(1), ..group }),
        ("0.0.0.0:87", group),
        ("0.0.0.0:88", group),
        ("0.0.0.0:88", Options { device: on(1), ..group }),
        ("10.0.0.1:89", group),
        ("0.0.0.0:89", Options { device: on(2), ..group }),
        ("[::]:90", group),
        ("0.0.0.0:90", group),
        ("[::]:91", Options { device: on(1), ..group }),
        ("0.0.0.0:91", group),
        ("[::]:92", group),
        ("[::]:92", Options { device: on(1), ..group }),
        ("[::]:92", Options { v6only: true, ..group }),
        ("0.0.0.0:93", group),
        ("0.0.0.0:93", group),
        ("0.0.0.0:93", group),
        ("0.0.0.0:94", Options { device: on(2), ..none }),
    ];
    for (at, options) in cases {
        lab.listen(end(at), &options).unwrap_or_else(|e| panic!("{at} {options:?}: {e}"));
    }
    let from = ["10.0.0.2:5000", "203.0.113.9:5000", "[fd00::2]:5000", "[::ffff:10.0.0.2]:5000"];
    let to = [
        "10.0.0.1",
        "127.0.0.1",
        "127.0.0.6",
        "255.255.255.255",
        "[fd00::1]",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "[::]",
        "0.0.0.0",
    ];
    let mut queries = Vec::new();
    for (from, to) in from.iter().flat_map(|f| to.iter().map(move |t| (f, t))) {
        for port in 79..96 {
            let (from, to) = (end(from), end(&format!("{to}:{port}")));
            if from.family() == to.family() {
                queries.extend(everywhere(Protocol::Tcp, from, to));
            }
        }
    }
    assert!(queries.len() > 1500);
    assert_same(&lab, &oracle, &lab.table(), &queries);
}

#[test]
fn udp_is_chosen_as_the_kernel_chooses() {
    if Kernel::for_test("sockets: UDP").is_none() {
        return;
    }
    let oracle = Oracle::new();
    let mut lab = Lab::new();
    let none = Options::default();
    let shared = Options { reuseaddr: true, ..none };
    let group = Options { reuseport: true, ..none };
    let on = |options: Options, index: usize| Options { device: Some(Lab::DEVICES[index]), ..options };
    let cases = [
        (Some("0.0.0.0:80"), None, none),
        (Some("10.0.0.1:81"), Some("10.0.0.2:53"), shared),
        (Some("10.0.0.1:81"), None, shared),
        (Some("0.0.0.0:81"), None, on(shared, 1)),
        (Some("[::]:82"), None, none),
        (Some("[::]:83"), None, Options { v6only: true, ..none }),
        (Some("[fd00::1]:84"), Some("[fd00::2]:53"), none),
        (Some("[::ffff:10.0.0.1]:85"), Some("[::ffff:10.0.0.2]:53"), none),
        (Some("[::]:86"), Some("[::ffff:10.0.0.2]:53"), none),
        (Some("0.0.0.0:87"), None, group),
        (Some("0.0.0.0:87"), None, group),
        (Some("0.0.0.0:87"), None, on(group, 1)),
        (Some("10.0.0.1:88"), None, group),
        (Some("10.0.0.1:88"), Some("10.0.0.2:53"), group),
        (Some("10.0.0.1:88"), None, group),
        (Some("[::]:89"), None, shared),
        (Some("0.0.0.0:89"), None, shared),
        (Some("0.0.0.0:90"), Some("10.0.0.2:53"), group),
        (Some("0.0.0.0:90"), None, group),
        (None, Some("10.0.0.2:53"), none),
        (None, Some("[fd00::2]:53"), none),
    ];
    for (at, to, options) in cases {
        let family = end(at.or(to).expect("one end")).family();
        lab.udp(at.map(end), to.map(end), family, &options)
            .unwrap_or_else(|e| panic!("{at:?} {options:?}: {e}"));
    }
    let from = [
        "10.0.0.2:53",
        "10.0.0.2:54",
        "203.0.113.9:53",
        "127.0.0.6:53",
        "[fd00::2]:53",
        "[::ffff:10.0.0.2]:53",
    ];
    let to = [
        "10.0.0.1",
        "127.0.0.1",
        "127.0.0.6",
        "224.0.0.1",
        "[fd00::1]",
        "[ff02::1]",
        "[::ffff:10.0.0.1]",
        "[::]",
        "0.0.0.0",
    ];
    let ports: Vec<u16> = (79..92).chain(lab.infos().iter().map(|i| i.local.port)).collect();
    let mut queries = Vec::new();
    for (from, to) in from.iter().flat_map(|f| to.iter().map(move |t| (f, t))) {
        for port in &ports {
            let (from, to) = (end(from), end(&format!("{to}:{port}")));
            if from.family() == to.family() {
                queries.extend(everywhere(Protocol::Udp, from, to));
            }
        }
    }
    assert_same(&lab, &oracle, &lab.table(), &queries);
    assert_flows(&lab, &oracle);
}
