//! `sock_ops` and `sk_msg`: the events of a real connection, and what is sent on one.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use belay_linux::attach;
use belay_sockets::{SocketTable, State};
use belay_vm::{SkMsg, Sock, SockOps};

use crate::judge::{InKernel, Lab, every_load, hook, keep, object, ours, same};

/// A real socket's model: TCP keeps the mapped addresses of an IPv4 connection, too.
pub(crate) fn model(local: SocketAddr, remote: SocketAddr) -> Sock {
    let sock = if local.is_ipv4() { Sock::tcp4() } else { Sock::tcp6() };
    let mapped = |address: SocketAddr| match address.ip() {
        std::net::IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        std::net::IpAddr::V6(ip) => ip,
    };
    let sock = sock.bound(local).connected(remote);
    Sock { src_ip6: mapped(local), dst_ip6: mapped(remote), ..sock }
}

#[test]
fn events_of_connections_are_seen_as_in_the_kernel() {
    let Some(lab) = Lab::for_test("events_of_connections_are_seen_as_in_the_kernel") else { return };
    // What the connection has measured, and packets, are the machine's.
    let tcp = belay_sockets::TcpInfo::FIELDS.iter().map(|(name, ..)| *name);
    let machines: Vec<&str> =
        tcp.chain(["sk_txhash", "skb_len", "skb_tcp_flags", "skb_hwtstamp", "srtt_us"]).collect();
    let (see, mut names) = every_load(hook("sock_ops"), &machines, 0);
    let mut rest = String::new();
    let mut slot = names.len();
    for flags in [0, 0x7f, 0xff, -1] {
        rest += &format!(
            "r1 = r6\nr2 = {flags}\ncall bpf_sock_ops_cb_flags_set\n{}r0 = *(u32 *)(r6 + 84)\n{}",
            keep(slot),
            keep(slot + 1)
        );
        names.extend([format!("set {flags}"), format!("flags after {flags}")]);
        slot += 2;
    }
    // No more events.
    rest += "r1 = r6\nr2 = 0\ncall bpf_sock_ops_cb_flags_set\nr1 = 77\n*(u32 *)(r6 + 4) = r1\n";
    rest += &format!("r0 = *(u32 *)(r6 + 4)\n{}", keep(slot));
    /// `BPF_SOCK_OPS_TCP_CONNECT_CB`, `_ACTIVE_ESTABLISHED_CB`, `_PASSIVE_ESTABLISHED_CB`
    const OPS: [u32; 3] = [3, 4, 5];
    for host in ["127.0.0.1", "[::1]"] {
        for op in OPS {
            let skip = format!("r6 = r1\nr1 = *(u32 *)(r6 + 0)\nif r1 != {op} goto end\n");
            let object = object("sock_ops", "", &format!("{skip}{see}{rest}end: r0 = 1\nexit"));
            let act = || {
                let listener = TcpListener::bind(format!("{host}:0")).expect("bound");
                let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
                let (server, _) = listener.accept().expect("accepted");
                let ends =
                    |end: &TcpStream| (end.local_addr().expect("bound"), end.peer_addr().expect("connected"));
                (ends(&client), ends(&server))
            };
            let (kernel, (client, server)) = lab.watch(hook("sock_ops"), &object, act);
            let make = || {
                let (local, remote) = if op == 5 { server } else { client };
                let mut event = SockOps::new(op, model(local, remote));
                // A connection that was accepted is reported before its state changes.
                event.sock.state = match op {
                    3 => State::SynSent,
                    4 => State::Established,
                    _ => State::SynRecv,
                };
                event
            };
            let (ran, after) = ours(&object, &SocketTable::empty(), make);
            // Where a connection was accepted, Linux has no IPv4 address for the other end of IPv6, but a placeholder.
            let accepted6 = op == 5 && host == "[::1]";
            let known = |name: &str| !(accepted6 && name.ends_with("remote_ip4"));
            let pick = |out: &[u64]| -> Vec<u64> {
                out.iter()
                    .enumerate()
                    .map(|(i, v)| if names.get(i).is_none_or(|n| known(n)) { *v } else { 0 })
                    .collect()
            };
            same(&pick(&ran.out), &pick(&kernel), &names);
            assert_eq!((after.reply(), after.cb_flags), (77, 0));
        }
    }
}

#[test]
fn messages_are_seen_and_judged_as_in_the_kernel() {
    let Some(lab) = Lab::for_test("messages_are_seen_and_judged_as_in_the_kernel") else { return };
    let (see, mut names) = every_load(hook("sk_msg"), &[], 0);
    let mut body = format!("r6 = r1\n{see}");
    let mut slot = names.len();
    for (start, end, flags) in
        [(0, 5, 0), (2, 11, 0), (3, 3, 0), (5, 12, 0), (0, 4, 1), (11, 12, 0), (0, 11, 0)]
    {
        body += &format!(
            "r1 = r6\nr2 = {start}\nr3 = {end}\nr4 = {flags}\ncall bpf_msg_pull_data\n{}r7 = *(u64 *)(r6 + 0)\n\
             r8 = *(u64 *)(r6 + 8)\nr0 = r8\nr0 -= r7\n{}r1 = r7\nr1 += 1\nif r1 > r8 goto none{slot}\nr0 = *(u8 *)(r7 + 0)\n\
             {}none{slot}: r0 = 0\n",
            keep(slot),
            keep(slot + 1),
            keep(slot + 2)
        );
        names.extend(
            ["result", "length", "first byte"].map(|what| format!("pull {start}..{end}, {flags}: {what}")),
        );
        slot += 3;
    }
    body += &format!("r1 = r6\nr2 = 11\ncall bpf_msg_apply_bytes\n{}", keep(slot));
    body += "r7 = *(u64 *)(r6 + 0)\nr8 = *(u64 *)(r6 + 8)\nr1 = r7\nr1 += 1\nif r1 > r8 goto end\nr1 = 0x4a\n*(u8 *)(r7 + 0) = r1\n";
    for (value, sent) in [(1, Some(11)), (0, None), (7, None)] {
        let map = ".map peers kind=sockmap key=4 value=8 entries=1";
        let object = object("sk_msg", map, &format!("{body}end: r0 = {value}\nexit"));
        let kernel = InKernel::load(&object);
        let (ends, done, received) = lab.inside(|| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
            let mut client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
            let (mut server, _) = listener.accept().expect("accepted");
            let peers = kernel.map("peers");
            let attached =
                attach(peers.as_fd(), kernel.program(), hook("sk_msg").attach_type).expect("it attaches");
            kernel.set_socket("peers", 0, &client);
            server.set_read_timeout(Some(Duration::from_millis(200))).expect("settable");
            let done = client.write(b"hello world").ok();
            let mut bytes = [0; 99];
            let received = server.read(&mut bytes).map(|len| bytes[..len].to_vec()).unwrap_or_default();
            drop(attached);
            ((client.local_addr().expect("bound"), client.peer_addr().expect("connected")), done, received)
        });
        let make = || SkMsg::new(model(ends.0, ends.1), b"hello world");
        let (ran, after) = ours(&object, &SocketTable::empty(), make);
        same(&ran.out, &kernel.out(), &names);
        let passed = ran.action.expect("it ran").fate == belay_spec::Fate::Pass;
        assert_eq!((done, passed), (sent, sent.is_some()), "returned {value}");
        if passed {
            assert_eq!(received, after.bytes());
        }
        assert_eq!(after.apply_bytes, 11);
    }
}
