//! `bpf_sock_addr`: `connect`, `bind`, `sendmsg` and their answers, by real calls on loopback.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use belay_sockets::SocketTable;
use belay_vm::{Sock, SockAddr, UserAddress};
use socket2::{Domain, Socket, Type};

use crate::judge::{Lab, every_load, every_socket_load, hook, keep, object, ours, same};

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// The address that the process, or the kernel, goes on with.
fn address(call: &SockAddr) -> SocketAddr {
    match call.address {
        UserAddress::Inet(address) => address,
        UserAddress::Unix(_) => panic!("a path"),
    }
}

/// Keeps every number of the context and of the socket behind it. The cookie and queue of a socket are the machine's.
fn see_everything(name: &str) -> (String, Vec<String>) {
    let (loads, mut names) = every_load(hook(name), &[], 0);
    let (socket, more) = every_socket_load(&["rx_queue_mapping"], names.len());
    names.extend(more);
    (format!("r6 = r1\n{loads}r7 = *(u64 *)(r6 + 64)\n{socket}"), names)
}

/// Stores a port (in network order) and, where there is one, the last four bytes of an address.
fn rewrite(to: SocketAddr) -> String {
    let port = to.port().to_be();
    let address = match to {
        SocketAddr::V4(to) => {
            format!("r1 = {}\n*(u32 *)(r6 + 4) = r1\n", u32::from_ne_bytes(to.ip().octets()).cast_signed())
        }
        SocketAddr::V6(to) => {
            let octets = to.ip().octets();
            let words = octets.as_chunks::<4>().0.iter().enumerate();
            words
                .map(|(i, word)| {
                    let word = u32::from_ne_bytes(*word).cast_signed();
                    format!("r1 = {word}\n*(u32 *)(r6 + {}) = r1\n", 8 + 4 * i)
                })
                .collect()
        }
    };
    format!("{address}r1 = {}\n*(u32 *)(r6 + 24) = r1\n", u32::from(port) | 0x7700_0000)
}

#[test]
fn connections_go_where_the_program_says() {
    let Some(lab) = Lab::for_test("connections_go_where_the_program_says") else { return };
    for (name, host, sock) in [("connect4", "127.0.0.1", Sock::tcp4()), ("connect6", "[::1]", Sock::tcp6())] {
        let name = format!("cgroup_sock_addr/{name}");
        let listener =
            lab.netns.run(|| TcpListener::bind(format!("{host}:0"))).expect("inside").expect("bound");
        let real = listener.local_addr().expect("an address");
        let asked = at(&format!("{host}:9"));
        let (see, names) = see_everything(&name);
        let object = object(&name, "", &format!("{see}{}r0 = 1\nexit", rewrite(real)));
        let act = || -> io::Result<SocketAddr> { std::net::TcpStream::connect(asked)?.peer_addr() };
        let (kernel, reached) = lab.watch(hook(&name), &object, act);
        let (ran, after) = ours(&object, &SocketTable::empty(), || SockAddr::new(sock.clone(), asked));
        same(&ran.out, &kernel, &names);
        assert_eq!(reached.expect("it connects"), real);
        assert_eq!(address(&after), real);
    }
}

#[test]
fn refused_calls_fail_with_the_error_that_was_set() {
    let Some(lab) = Lab::for_test("refused_calls_fail_with_the_error_that_was_set") else { return };
    let name = "cgroup_sock_addr/connect4";
    for (retval, value) in [(0, 0), (-13, 0), (-13, 1), (5, 0), (-5000, 0), (-4095, 0)] {
        let body = format!(
            "call bpf_get_retval\n{}r1 = {retval}\ncall bpf_set_retval\n{}call bpf_get_retval\n{}r0 = {value}\nexit",
            keep(0),
            keep(1),
            keep(2)
        );
        let object = object(name, "", &body);
        let act = || {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
            // In the thread that has called: whatever number it is.
            let done = socket.connect(&at("127.0.0.1:9").into());
            done.err().and_then(|error| error.raw_os_error()).unwrap_or(0)
        };
        let (kernel, error) = lab.watch(hook(name), &object, act);
        let (ran, after) =
            ours(&object, &SocketTable::empty(), || SockAddr::new(Sock::udp4(), at("127.0.0.1:9")));
        same(&ran.out, &kernel, &[]);
        let result = ran.action.expect("it ran").result(after.retval);
        assert_eq!(result.min(0), -error, "retval {retval}, action {value}");
    }
}

#[test]
fn sockets_are_bound_where_the_program_says() {
    let Some(lab) = Lab::for_test("sockets_are_bound_where_the_program_says") else { return };
    for (name, asked, to, sock) in [
        ("bind4", "127.0.0.1:7001", "127.0.0.2:7002", Sock::udp4()),
        ("bind6", "[::1]:7001", "[::]:7002", Sock::udp6()),
    ] {
        let name = format!("cgroup_sock_addr/{name}");
        let (see, names) = see_everything(&name);
        let object = object(&name, "", &format!("{see}{}r0 = 1\nexit", rewrite(at(to))));
        let (kernel, bound) = lab.watch(hook(&name), &object, || UdpSocket::bind(asked)?.local_addr());
        let (ran, after) = ours(&object, &SocketTable::empty(), || SockAddr::new(sock.clone(), at(asked)));
        same(&ran.out, &kernel, &names);
        assert_eq!(bound.expect("it binds"), at(to));
        assert_eq!(address(&after), at(to));
    }
}

#[test]
fn datagrams_are_sent_where_the_program_says() {
    let Some(lab) = Lab::for_test("datagrams_are_sent_where_the_program_says") else { return };
    for (name, any, host, sock) in [
        ("sendmsg4", "0.0.0.0:7100", "127.0.0.1", Sock::udp4()),
        ("sendmsg6", "[::]:7100", "[::1]", Sock::udp6()),
    ] {
        let name = format!("cgroup_sock_addr/{name}");
        let receiver =
            lab.netns.run(|| UdpSocket::bind(format!("{host}:0"))).expect("inside").expect("bound");
        let (real, asked) = (receiver.local_addr().expect("an address"), at(&format!("{host}:9")));
        let (see, names) = see_everything(&name);
        // From another address, too: 127.0.0.5, or ::1.
        let source = match asked {
            SocketAddr::V4(_) => "r1 = 0x0500007f\n*(u32 *)(r6 + 40) = r1\n",
            SocketAddr::V6(_) => "r1 = 0x01000000\n*(u32 *)(r6 + 56) = r1\n",
        };
        let object = object(&name, "", &format!("{see}{}{source}r0 = 1\nexit", rewrite(real)));
        let act = || -> io::Result<SocketAddr> {
            UdpSocket::bind(any)?.send_to(b"hello", asked)?;
            receiver.recv_from(&mut [0; 9]).map(|(_, from)| from)
        };
        let (kernel, from) = lab.watch(hook(&name), &object, act);
        let bound = sock.clone().bound(at(any));
        let (ran, after) = ours(&object, &SocketTable::empty(), || SockAddr::new(bound.clone(), asked));
        same(&ran.out, &kernel, &names);
        assert_eq!(address(&after), real);
        assert_eq!(from.expect("it arrives").ip(), after.source, "the source that the program chose");
    }
}

/// A process's question about an address.
type Ask = fn(&UdpSocket) -> io::Result<SocketAddr>;

#[test]
fn processes_are_told_the_address_that_the_program_says() {
    let Some(lab) = Lab::for_test("processes_are_told_the_address_that_the_program_says") else { return };
    for (family, host, other, sock) in
        [("4", "127.0.0.1", "127.0.0.9:99", Sock::udp4()), ("6", "[::1]", "[fd00::9]:99", Sock::udp6())]
    {
        let make = || -> io::Result<(UdpSocket, SocketAddr)> {
            let socket = UdpSocket::bind(format!("{host}:0"))?;
            let own = socket.local_addr()?;
            socket.connect(own)?;
            Ok((socket, own))
        };
        let told: [(&str, Ask); 3] = [
            ("getsockname", |socket| socket.local_addr()),
            ("getpeername", |socket| socket.peer_addr()),
            ("recvmsg", |socket| {
                socket.send(b"hello")?;
                Ok(socket.recv_from(&mut [0; 9])?.1)
            }),
        ];
        for (call, ask) in told {
            let name = format!("cgroup_sock_addr/{call}{family}");
            let (see, names) = see_everything(&name);
            let object = object(&name, "", &format!("{see}{}r0 = 1\nexit", rewrite(at(other))));
            let (socket, own) = lab.inside(make).expect("a socket");
            let (kernel, answer) = lab.watch(hook(&name), &object, || ask(&socket));
            let model = sock.clone().bound(own).connected(own);
            let (ran, after) = ours(&object, &SocketTable::empty(), || SockAddr::new(model.clone(), own));
            same(&ran.out, &kernel, &names);
            assert_eq!(answer.expect("an answer"), at(other), "{name}");
            assert_eq!(address(&after), at(other), "{name}");
        }
    }
}

#[test]
fn sockets_connect_from_where_bpf_bind_says() {
    let Some(lab) = Lab::for_test("sockets_connect_from_where_bpf_bind_says") else { return };
    let listener = lab.netns.run(|| TcpListener::bind("127.0.0.1:0")).expect("inside").expect("bound");
    let asked = listener.local_addr().expect("an address");
    let name = "cgroup_sock_addr/connect4";
    let mut body =
        "r6 = r1\n*(u64 *)(r10 - 24) = 0\n*(u64 *)(r10 - 16) = 0\n*(u64 *)(r10 - 8) = 0\n".to_owned();
    // Too short, of no family, and then 127.0.0.7 with any port.
    for (slot, (family, len)) in [(2, 1), (2, 15), (0, 16), (10, 23), (2, 16)].into_iter().enumerate() {
        body += &format!(
            "r1 = {family}\n*(u16 *)(r10 - 24) = r1\nr1 = 0x0700007f\n*(u32 *)(r10 - 20) = r1\nr1 = r6\nr2 = r10\n\
             r2 += -24\nr3 = {len}\ncall bpf_bind\n{}",
            keep(slot)
        );
    }
    let object = object(name, "", &format!("{body}r0 = 1\nexit"));
    let act = || -> io::Result<SocketAddr> { std::net::TcpStream::connect(asked)?.local_addr() };
    let (kernel, from) = lab.watch(hook(name), &object, act);
    let (ran, after) = ours(&object, &SocketTable::empty(), || SockAddr::new(Sock::tcp4(), asked));
    same(&ran.out, &kernel, &[]);
    let from = from.expect("it connects").ip();
    assert_eq!(after.bound.map(|bound| bound.ip()), Some(from));
    assert_eq!(after.sock.src_ip4, from);
}
