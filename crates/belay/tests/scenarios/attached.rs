//! The example programs of system calls attached for real: what their scenarios say is what processes see. (The others have
//! test runs, which `belay test --kernel` compares.)

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

use belay_linux::{Attached, Cgroup, Exist, Kernel, LoadedObject, LogLevel, NetNs, attach, verify_object};
use belay_object::{Object, Options};
use belay_spec::Hook;

use crate::root;

/// A namespace, a group, and a loaded example.
struct Lab {
    netns: NetNs,
    cgroup: Cgroup,
    loaded: LoadedObject,
}

impl Lab {
    fn of(test: &str, example: &str) -> Option<Lab> {
        Kernel::for_test(test)?;
        let cgroup = match Cgroup::new() {
            Ok(cgroup) => cgroup,
            Err(why) => {
                let required = std::env::var("BELAY_REQUIRE").is_ok_and(|all| all.contains("kernel"));
                assert!(!required, "control groups are required: {why}");
                eprintln!("skipped: {test}: {why}");
                return None;
            }
        };
        let path = root().join(format!("bpf/examples/{example}.bpf.o"));
        let bytes = std::fs::read(path).expect("the example");
        let object = Object::parse(example, &bytes, &Options::default()).expect("an object");
        let loaded = verify_object(&object, LogLevel::Stats).unwrap_or_else(|e| panic!("{e}"));
        Some(Lab { netns: NetNs::with_loopback().expect("a namespace"), cgroup, loaded })
    }

    fn put(&self, map: &str, key: &[u8], value: &[u8]) {
        let map = self.loaded.maps.by_name(map).expect("the map");
        map.update(key, value, Exist::Any).expect("it takes the entry");
    }

    fn attach(&self, target: &impl AsFd, program: &str, hook: &str) -> Attached {
        let program = self.loaded.program(program).and_then(|program| program.verdict.accepted());
        let hook = Hook::by_name(hook).expect("a hook");
        attach(target.as_fd(), program.expect("it is accepted").as_fd(), hook.attach_type)
            .expect("it attaches")
    }

    fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        self.cgroup.run(|| self.netns.run(act).expect("the namespace")).expect("the group")
    }
}

/// `struct end` of `balance.bpf.c`.
fn end(address: [u8; 4], port: u16, protocol: u16) -> Vec<u8> {
    [&address[..], &port.to_be_bytes(), &protocol.to_ne_bytes()].concat()
}

fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}

#[test]
fn the_balancer_connects_to_backends_and_looks_like_the_service() {
    let test = "the_balancer_connects_to_backends_and_looks_like_the_service";
    let Some(lab) = Lab::of(test, "balance") else { return };
    let (service, here) = ([192, 0, 2, 10], Ipv4Addr::LOCALHOST);
    let (backend, names) = lab.inside(|| (TcpListener::bind((here, 0)), UdpSocket::bind((here, 0))));
    let (backend, names) = (backend.expect("bound"), names.expect("bound"));
    let port = |address: io::Result<SocketAddr>| address.expect("an address").port();
    lab.put("services", &end(service, 443, 6), &words(&[0, 1]));
    lab.put("services", &end(service, 53, 17), &words(&[1, 1]));
    lab.put("services", &end(service, 80, 6), &words(&[0, 0]));
    lab.put("backends", &words(&[0]), &end(here.octets(), port(backend.local_addr()), 6));
    lab.put("backends", &words(&[1]), &end(here.octets(), port(names.local_addr()), 17));
    let attached: Vec<Attached> = ["connect4", "sendmsg4", "getpeername4", "recvmsg4"]
        .iter()
        .map(|name| lab.attach(&lab.cgroup, name, &format!("cgroup_sock_addr/{name}")))
        .collect();
    lab.inside(|| {
        let at = |port| SocketAddr::from((service, port));
        let client = TcpStream::connect(at(443)).expect("connected");
        assert_eq!(client.peer_addr().expect("connected"), at(443));
        let (_, from) = backend.accept().expect("accepted");
        assert_eq!(from, client.local_addr().expect("bound"));
        let refused = TcpStream::connect(at(80)).expect_err("no backend");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let asker = UdpSocket::bind((here, 0)).expect("bound");
        asker.send_to(b"who?", at(53)).expect("sent");
        let (_, from) = names.recv_from(&mut [0; 9]).expect("received");
        names.send_to(b"me", from).expect("sent");
        assert_eq!(asker.recv_from(&mut [0; 9]).expect("answered").1, at(53));
    });
    drop(attached);
}

#[test]
fn both_ends_of_a_local_connection_are_joined() {
    let Some(lab) = Lab::of("both_ends_of_a_local_connection_are_joined", "splice") else { return };
    let ends = lab.loaded.maps.by_name("ends").expect("the map");
    let attached = [lab.attach(&lab.cgroup, "established", "sock_ops"), lab.attach(ends, "sent", "sk_msg")];
    lab.inside(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let mut client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        let (mut server, _) = listener.accept().expect("accepted");
        server.set_read_timeout(Some(Duration::from_secs(5))).expect("settable");
        client.write_all(b"hello").expect("sent");
        let mut bytes = [0; 5];
        server.read_exact(&mut bytes).expect("received");
        assert_eq!(&bytes, b"hello");
        let first = ends.next_key(None).expect("readable").expect("one end");
        let second = ends.next_key(Some(&first)).expect("readable").expect("the other");
        let [local, remote] = [&first[..4], &first[4..8]];
        assert_eq!([&second[..4], &second[4..8]], [remote, local]);
        assert_eq!(ends.next_key(Some(&second)).expect("readable"), None);
        // TCP has seen none of it.
        assert_eq!(received(&server), 0);
    });
    drop(attached);
}

/// Bytes that came to a socket by TCP: `tcpi_bytes_received`.
fn received(socket: &TcpStream) -> u64 {
    let at =
        |stream: &TcpStream, end: fn(&TcpStream) -> io::Result<SocketAddr>| end(stream).expect("connected");
    let (local, remote) = (at(socket, TcpStream::local_addr), at(socket, TcpStream::peer_addr));
    let place = belay_linux::Place::host();
    let detail = belay_linux::Detail { tcp_info: true };
    let seen = belay_linux::snapshot(&[place], detail).expect("readable");
    let reader = seen.table.read();
    let info = reader.sockets().map(|socket| socket.info()).find(|info| {
        info.local.port == local.port() && info.remote.is_some_and(|end| end.port == remote.port())
    });
    info.expect("the socket").tcp.bytes_received
}
