//! `sk_lookup`: contexts by `BPF_PROG_TEST_RUN`.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;

use belay_linux::{Kernel, NetNs, TestRun, test_run};
use belay_sockets::{Endpoint, Protocol, SocketInfo, SocketTable, State};
use belay_vm::{ANY, Maps, SkLookup};
use socket2::{Domain, SockRef, Socket, Type};

use crate::judge::{InKernel, every_load, hook, keep, object, ours, ours_filled, same};

/// `struct bpf_sk_lookup`
fn context(lookup: &SkLookup) -> Vec<u8> {
    let mut bytes = vec![0; 72];
    let mut put = |off: usize, value: &[u8]| bytes[off..off + value.len()].copy_from_slice(value);
    put(8, &(if lookup.local.is_ipv4() { 2_u32 } else { 10 }).to_ne_bytes());
    put(12, &u32::from(lookup.protocol.number()).to_ne_bytes());
    for (address, v4, v6) in [(lookup.remote, 16, 20), (lookup.local, 40, 44)] {
        match address.ip() {
            IpAddr::V4(ip) => put(v4, &ip.octets()),
            IpAddr::V6(ip) => put(v6, &ip.octets()),
        }
    }
    put(36, &lookup.remote.port().to_be_bytes());
    put(60, &u32::from(lookup.local.port()).to_ne_bytes());
    put(64, &lookup.ingress_ifindex.to_ne_bytes());
    bytes
}

fn lookups() -> Vec<SkLookup> {
    let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let v4 = SkLookup::new(Protocol::Tcp, at("10.1.2.3:40000"), at("10.4.5.6:443"));
    let v6 = SkLookup::new(Protocol::Udp, at("[fd00:1:2:3::9]:1234"), at("[fd00::4:5:6:7]:65535"));
    vec![SkLookup::default(), v4, v6]
}

#[test]
fn lookups_are_seen_as_in_the_kernel() {
    if Kernel::for_test("lookups_are_seen_as_in_the_kernel").is_none() {
        return;
    }
    let netns = NetNs::with_loopback().expect("a namespace");
    let (loads, names) = every_load(hook("sk_lookup"), &[], 0);
    let body = format!("r6 = r1\n{loads}r0 = 1\nexit");
    let object = object("sk_lookup", "", &body);
    for lookup in lookups() {
        let kernel = InKernel::load(&object);
        let context = context(&lookup);
        let run = TestRun { ctx_in: &context, ..TestRun::default() };
        let result = netns.run(|| test_run(kernel.program(), &run)).expect("inside").expect("it runs");
        let (ran, after) = ours(&object, &SocketTable::empty(), || lookup.clone());
        same(&ran.out, &kernel.out(), &names);
        assert_eq!(ran.action.map(|action| action.value), Some(result.retval.cast_signed()));
        assert_eq!(after, lookup, "nothing was assigned");
    }
}

#[test]
fn assigning_nothing_answers_as_in_the_kernel() {
    if Kernel::for_test("assigning_nothing_answers_as_in_the_kernel").is_none() {
        return;
    }
    let netns = NetNs::with_loopback().expect("a namespace");
    let mut body = "r6 = r1\n".to_owned();
    for (slot, flags) in [0_u64, 1, 2, 3, 4, 1 << 40].into_iter().enumerate() {
        body += &format!("r1 = r6\nr2 = 0\nr3 = {flags} ll\ncall bpf_sk_assign\n{}", keep(slot));
    }
    for (value, fate) in [(1, belay_spec::Fate::Pass), (0, belay_spec::Fate::Drop)] {
        let object = object("sk_lookup", "", &format!("{body}r0 = {value}\nexit"));
        let kernel = InKernel::load(&object);
        let lookup = SkLookup::default();
        let context = context(&lookup);
        let run = TestRun { ctx_in: &context, ..TestRun::default() };
        let result = netns.run(|| test_run(kernel.program(), &run)).expect("inside").expect("it runs");
        let (ran, _) = ours(&object, &SocketTable::empty(), || lookup.clone());
        same(&ran.out, &kernel.out(), &[]);
        let action = ran.action.expect("it ran");
        assert_eq!((action.value, action.fate), (result.retval.cast_signed(), fate));
    }
}

/// Real sockets of every sort that a program could try to assign, and the same in a table.
fn candidates(netns: &NetNs) -> (Vec<OwnedFd>, SocketTable) {
    let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let only6 = || {
        let socket = Socket::new(Domain::IPV6, Type::STREAM, None).expect("a socket");
        socket.set_only_v6(true).expect("settable");
        socket.bind(&at("[::]:7402").into()).expect("bound");
        socket.listen(1).expect("listening");
        socket
    };
    let sockets = netns.run(|| {
        let peer = TcpListener::bind("127.0.0.1:7400").expect("bound");
        let connected = UdpSocket::bind("127.0.0.1:7404").expect("bound");
        connected.connect("127.0.0.1:7403").expect("connected");
        let stream = TcpStream::connect("127.0.0.1:7400").expect("connected");
        let wide = TcpListener::bind("[::]:7401").expect("bound");
        let datagrams = UdpSocket::bind("127.0.0.1:7403").expect("bound");
        [peer.into(), wide.into(), only6().into(), datagrams.into(), connected.into(), stream.into()]
    });
    let sockets: [OwnedFd; 6] = sockets.expect("inside");
    let mut builder = SocketTable::builder();
    let netns = builder.netns("here").expect("a namespace");
    for fd in &sockets {
        let socket = SockRef::from(fd);
        let end = |address: SocketAddr| Endpoint::new(address.ip(), address.port());
        let local = socket.local_addr().ok().and_then(|a| a.as_socket()).expect("an address");
        let remote = socket.peer_addr().ok().and_then(|a| a.as_socket());
        let protocol =
            if socket.r#type().expect("a type") == Type::STREAM { Protocol::Tcp } else { Protocol::Udp };
        let state = match (protocol, remote) {
            (_, Some(_)) => State::Established,
            (Protocol::Tcp, None) => State::Listen,
            (Protocol::Udp, None) => State::Close,
        };
        let mut info = SocketInfo::new(netns, protocol, state, end(local));
        info.remote = remote.map(end);
        info.v6only = local.is_ipv6() && socket.only_v6().expect("readable");
        info.cookie = socket.cookie().expect("readable");
        builder.insert(info).expect("no conflict");
    }
    (sockets.into(), builder.build().expect("a table"))
}

#[test]
fn sockets_are_assigned_and_refused_as_in_the_kernel() {
    if Kernel::for_test("sockets_are_assigned_and_refused_as_in_the_kernel").is_none() {
        return;
    }
    let netns = NetNs::with_loopback().expect("a namespace");
    let (real, table) = candidates(&netns);
    let mut body = "r6 = r1\n".to_owned();
    for (slot, (key, flags)) in
        [0, 1, 2, 3, 4, 5].into_iter().flat_map(|key| [(key, 0), (key, 1), (key, 3)]).enumerate()
    {
        body += &format!(
            "*(u32 *)(r10 - 4) = {key}\nr1 = sockets ll\nr2 = r10\nr2 += -4\ncall bpf_map_lookup_elem\n\
             if r0 == 0 goto none{slot}\nr7 = r0\nr1 = r6\nr2 = r7\nr3 = {flags}\ncall bpf_sk_assign\n{}\
             r0 = *(u64 *)(r6 + 0)\nif r0 == 0 goto free{slot}\nr0 = *(u32 *)(r0 + 44)\n{}free{slot}: r1 = r7\n\
             call bpf_sk_release\nnone{slot}: r0 = 0\n",
            keep(2 * slot),
            keep(2 * slot + 1)
        );
    }
    let object = object(
        "sk_lookup",
        ".map sockets kind=sockmap key=4 value=8 entries=6",
        &format!("{body}r0 = 1\nexit"),
    );
    let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let mut chosen = 0;
    for (protocol, remote, local) in [
        (Protocol::Tcp, "10.0.0.1:1", "10.0.0.2:2"),
        (Protocol::Tcp, "[fd00::1]:1", "[fd00::2]:2"),
        (Protocol::Udp, "10.0.0.1:1", "10.0.0.2:2"),
        (Protocol::Udp, "[fd00::1]:1", "[fd00::2]:2"),
    ] {
        let lookup = SkLookup::new(protocol, at(remote), at(local));
        let kernel = InKernel::load(&object);
        for (key, fd) in (0_u32..).zip(&real) {
            kernel.set_socket("sockets", key, fd);
        }
        let context = context(&lookup);
        let run = TestRun { ctx_in: &context, ..TestRun::default() };
        let result = netns.run(|| test_run(kernel.program(), &run)).expect("inside").expect("it runs");
        let fill = |maps: &Maps| {
            let reader = table.read();
            for (key, socket) in (0_u32..).zip(reader.sockets()) {
                let map = maps.by_name("sockets").expect("it is there");
                map.set_socket(&key.to_ne_bytes(), socket, ANY).expect("it may hold it");
            }
        };
        let (ran, after) = ours_filled(&object, &table, fill, || lookup.clone());
        same(&ran.out, &kernel.out(), &[]);
        let reader = table.read();
        let selected =
            after.selected.and_then(|id| reader.socket(id)).map_or(0, |socket| socket.info().cookie);
        let (cookie, _) = result.ctx_out.split_first_chunk().expect("8 bytes");
        assert_eq!(selected, u64::from_ne_bytes(*cookie), "{protocol} from {remote}");
        assert_eq!(
            after.answer(ran.action.expect("it ran"), &table, reader.default_netns().expect("one")),
            after.selected
        );
        chosen += usize::from(after.selected.is_some());
    }
    assert!(chosen >= 3, "{chosen} lookups found a socket");
    assert_eq!(table.read().unbalanced().count(), 0);
}
