//! `bpf_sock`: making, binding and closing sockets; and the options that programs set.

use std::net::UdpSocket;

use belay_sockets::SocketTable;
use belay_vm::{Sock, SockAddr};
use socket2::{Domain, Socket, Type};

use crate::judge::{Lab, every_load, hook, keep, object, ours, same};

#[test]
fn new_sockets_are_seen_and_marked_as_in_the_kernel() {
    let Some(lab) = Lab::for_test("new_sockets_are_seen_and_marked_as_in_the_kernel") else { return };
    let name = "cgroup_sock/sock_create";
    // The queue is all ones in more bits than were loaded.
    let (see, names) = every_load(hook(name), &["rx_queue_mapping"], 0);
    let set = "r1 = 0x4711\n*(u32 *)(r6 + 16) = r1\nr1 = 3\n*(u32 *)(r6 + 20) = r1\nr1 = 1\n*(u32 *)(r6 + 0) = r1\n";
    let again = format!("r0 = *(u32 *)(r6 + 16)\n{}", keep(names.len()));
    let object = object(name, "", &format!("r6 = r1\n{see}{set}{again}r0 = 1\nexit"));
    for (domain, kind, sock) in [
        (Domain::IPV4, Type::STREAM, Sock::tcp4()),
        (Domain::IPV6, Type::STREAM, Sock::tcp6()),
        (Domain::IPV4, Type::DGRAM, Sock::udp4()),
        (Domain::IPV6, Type::DGRAM, Sock::udp6()),
    ] {
        let act = || {
            let socket = Socket::new(domain, kind, None).expect("a socket");
            (socket.mark().expect("its mark"), socket.device().expect("its device"))
        };
        let (kernel, (mark, device)) = lab.watch(hook(name), &object, act);
        let (ran, after) = ours(&object, &SocketTable::empty(), || sock.clone());
        same(&ran.out, &kernel, &names);
        assert_eq!((after.mark, after.priority, after.device), (mark, 3, 1));
        assert_eq!(device.as_deref(), Some(&b"lo"[..]));
    }
}

#[test]
fn a_refused_socket_is_not_made() {
    let Some(lab) = Lab::for_test("a_refused_socket_is_not_made") else { return };
    let name = "cgroup_sock/sock_create";
    let object = object(name, "", "r0 = 0\nexit");
    let act = || Socket::new(Domain::IPV4, Type::DGRAM, None).err().and_then(|error| error.raw_os_error());
    let (_, error) = lab.watch(hook(name), &object, act);
    let (ran, after) = ours(&object, &SocketTable::empty(), Sock::udp4);
    assert_eq!(error, Some(-ran.action.expect("it ran").result(after.retval)));
}

#[test]
fn bound_and_closing_sockets_are_seen_as_in_the_kernel() {
    let Some(lab) = Lab::for_test("bound_and_closing_sockets_are_seen_as_in_the_kernel") else { return };
    for (call, address, sock) in [
        ("post_bind4", "127.0.0.1:7301", Sock::udp4()),
        ("post_bind6", "[::1]:7301", Sock::udp6()),
        ("sock_release", "127.0.0.1:7301", Sock::udp4()),
    ] {
        let name = format!("cgroup_sock/{call}");
        // The queue is the machine's.
        let (see, names) = every_load(hook(&name), &["rx_queue_mapping"], 0);
        let object = object(&name, "", &format!("r6 = r1\n{see}r0 = 1\nexit"));
        let (kernel, bound) = lab.watch(hook(&name), &object, || UdpSocket::bind(address).map(drop));
        bound.expect("it binds");
        let bound = sock.bound(address.parse().expect("an address"));
        let (ran, _) = ours(&object, &SocketTable::empty(), || bound.clone());
        same(&ran.out, &kernel, &names);
    }
}

#[test]
fn options_are_taken_and_told_as_in_the_kernel() {
    let Some(lab) = Lab::for_test("options_are_taken_and_told_as_in_the_kernel") else { return };
    let numbers: [(i32, &[i32]); 4] = [
        (1, &[2, 7, 8, 9, 12, 15, 18, 36, 47, 62, 74, 1, 6]),
        (0, &[1, 2]),
        (6, &[1, 4, 5, 6, 7, 16, 18, 25, 27, 99]),
        (41, &[67, 70]),
    ];
    for (level, names) in numbers {
        for name in names {
            let mut body = "r6 = r1\n".to_owned();
            let mut slot = 0;
            // Buffers begin as the machine's settings say.
            let buffer = level == 1 && [7, 8].contains(name);
            for (value, len) in
                [(None, 4), (Some(0), 4), (Some(1), 4), (Some(5000), 4), (Some(-1), 4), (Some(1), 3)]
            {
                if let Some(value) = value {
                    body += &format!(
                        "r1 = {value}\n*(u32 *)(r10 - 8) = r1\nr1 = r6\nr2 = {level}\nr3 = {name}\nr4 = r10\nr4 += -8\n\
                         r5 = {len}\ncall bpf_setsockopt\n{}",
                        keep(slot)
                    );
                }
                if !buffer || value.is_some() {
                    body += &format!(
                        "*(u64 *)(r10 - 8) = -1\nr1 = r6\nr2 = {level}\nr3 = {name}\nr4 = r10\nr4 += -8\nr5 = {len}\n\
                         call bpf_getsockopt\n{}r0 = *(u64 *)(r10 - 8)\n{}",
                        keep(slot + 1),
                        keep(slot + 2)
                    );
                }
                slot += 3;
            }
            for (hook_name, domain, sock) in [
                ("cgroup_sock_addr/connect4", Domain::IPV4, Sock::tcp4()),
                ("cgroup_sock_addr/connect6", Domain::IPV6, Sock::tcp6()),
            ] {
                let object = object(hook_name, "", &format!("{body}r0 = 0\nexit"));
                let to: std::net::SocketAddr = if domain == Domain::IPV4 { "127.0.0.1:9" } else { "[::1]:9" }
                    .parse()
                    .expect("an address");
                let act = || {
                    let socket = Socket::new(domain, Type::STREAM, None).expect("a socket");
                    let _ = socket.connect(&to.into());
                };
                let (kernel, ()) = lab.watch(hook(hook_name), &object, act);
                let (ran, _) = ours(&object, &SocketTable::empty(), || SockAddr::new(sock.clone(), to));
                let what = |slot| format!("level {level}, option {name}, slot {slot}, {hook_name}");
                same(&ran.out, &kernel, &(0..slot).map(what).collect::<Vec<_>>());
            }
        }
    }
}
