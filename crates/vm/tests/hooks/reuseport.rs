//! `sk_reuseport`: datagrams for a group of real sockets.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

use belay_linux::{Kernel, NetNs, attach_reuseport};
use belay_sockets::{Endpoint, Protocol, SocketInfo, SocketTable, State};
use belay_vm::{ANY, Maps, Reuseport};
use socket2::{Domain, SockRef, Socket, Type};

use crate::judge::{InKernel, every_load, hook, keep, object, ours_filled, same};

/// Where the two members, one of another port and one of IPv6 are bound.
const BOUND: [&str; 4] = ["127.0.0.1:7501", "127.0.0.1:7501", "127.0.0.1:7502", "[::1]:7501"];
const CLIENT: &str = "127.0.0.1:7599";
const PAYLOAD: &[u8] = b"a datagram";

fn member(address: &str) -> UdpSocket {
    let address: SocketAddr = address.parse().expect("an address");
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None).expect("a socket");
    socket.set_reuse_port(true).expect("settable");
    socket.bind(&address.into()).expect("bound");
    let socket = UdpSocket::from(socket);
    socket.set_read_timeout(Some(Duration::from_millis(200))).expect("settable");
    socket
}

/// The datagram from the client, as it comes in by loopback.
fn frame() -> Vec<u8> {
    let udp = (8 + PAYLOAD.len()) as u16;
    let mut frame = vec![0; 12];
    frame.extend([0x08, 0x00, 0x45, 0]);
    frame.extend((20 + udp).to_be_bytes());
    frame.extend([0, 0, 0x40, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
    frame.extend(7599_u16.to_be_bytes());
    frame.extend(7501_u16.to_be_bytes());
    frame.extend(udp.to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(PAYLOAD);
    frame
}

#[test]
fn packets_go_to_the_member_that_the_program_selects() {
    if Kernel::for_test("packets_go_to_the_member_that_the_program_selects").is_none() {
        return;
    }
    let netns = NetNs::with_loopback().expect("a namespace");
    let name = "sk_reuseport/select";
    // The hash is the machine's.
    let (see, mut names) = every_load(hook(name), &["hash"], 0);
    let mut body = format!("r6 = r1\n{see}");
    let mut slot = names.len();
    let mut note = |body: &mut String, what: &str, text: String| {
        *body += &format!("{text}{}", keep(slot));
        names.push(what.to_owned());
        slot += 1;
    };
    note(&mut body, "length", "r7 = *(u64 *)(r6 + 0)\nr8 = *(u64 *)(r6 + 8)\nr0 = r8\nr0 -= r7\n".to_owned());
    body += "r1 = r7\nr1 += 8\nif r1 > r8 goto short\n";
    note(&mut body, "ports", "r0 = *(u32 *)(r7 + 0)\n".to_owned());
    body += "short: r0 = 0\n";
    note(&mut body, "family", "r7 = *(u64 *)(r6 + 40)\nr0 = *(u32 *)(r7 + 4)\n".to_owned());
    for (offset, len, relative) in [(8, 8, None), (17, 2, None), (12, 8, Some(1)), (0, 4, Some(1))] {
        let call = if relative.is_some() { "bpf_skb_load_bytes_relative" } else { "bpf_skb_load_bytes" };
        let start = relative.map_or_else(String::new, |start: i32| format!("r5 = {start}\n"));
        let load = format!(
            "*(u64 *)(r10 - 8) = 0\nr1 = r6\nr2 = {offset}\nr3 = r10\nr3 += -8\nr4 = {len}\n{start}call {call}\n"
        );
        note(&mut body, "loaded", load);
        note(&mut body, "bytes", "r0 = *(u64 *)(r10 - 8)\n".to_owned());
    }
    for (key, flags) in [(2, 0), (3, 0), (4, 0), (0, 0), (1, 0), (0, 1)] {
        let select = format!(
            "*(u32 *)(r10 - 4) = {key}\nr1 = r6\nr2 = members ll\nr3 = r10\nr3 += -4\nr4 = {flags}\ncall bpf_sk_select_reuseport\n"
        );
        note(&mut body, &format!("select {key}, {flags}"), select);
    }
    for (value, received) in [(1, true), (0, false), (7, false)] {
        let map = ".map members kind=reuseport_sockarray key=4 value=8 entries=5";
        let object = object(name, map, &format!("{body}r0 = {value}\nexit"));
        let kernel = InKernel::load(&object);
        let (members, by) = netns
            .run(|| {
                let members = BOUND.map(member);
                attach_reuseport(members[0].as_fd(), kernel.program()).expect("it attaches");
                for (key, member) in (0_u32..).zip(&members) {
                    kernel.set_socket("members", key, member);
                }
                let client = UdpSocket::bind(CLIENT).expect("bound");
                client.send_to(PAYLOAD, BOUND[0]).expect("sent");
                let by = members.iter().position(|member| member.recv(&mut [0; 99]).is_ok());
                (members, by)
            })
            .expect("inside");
        let mut builder = SocketTable::builder();
        let here = builder.netns("here").expect("a namespace");
        let ids: Vec<_> = BOUND
            .iter()
            .zip(&members)
            .map(|(bound, real)| {
                let end: Endpoint = bound.parse().expect("an endpoint");
                let mut info = SocketInfo::new(here, Protocol::Udp, State::Close, end);
                info.reuseport = true;
                info.cookie = SockRef::from(real).cookie().expect("readable");
                builder.insert(info).expect("no conflict")
            })
            .collect();
        let table = builder.build().expect("a table");
        let fill = |maps: &Maps| {
            let reader = table.read();
            for (key, socket) in (0_u32..).zip(reader.sockets()) {
                let map = maps.by_name("members").expect("it is there");
                map.set_socket(&key.to_ne_bytes(), socket, ANY).expect("it may hold it");
            }
        };
        let make = || Reuseport::new(&frame(), Some(ids[0])).expect("a frame");
        let (ran, after) = ours_filled(&object, &table, fill, make);
        same(&ran.out, &kernel.out(), &names);
        let passed = ran.action.expect("it ran").fate == belay_spec::Fate::Pass;
        let reached = after.selected.filter(|_| passed).map(belay_sockets::SocketId::index);
        assert_eq!((reached, by.is_some()), (by, received), "returned {value}");
    }
}
