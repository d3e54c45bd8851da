//! Casts of sockets to the kernel's own structures, and what these say: of real sockets, found by look-ups in the kernel and
//! in a snapshot of the namespace.

use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};

use belay_linux::{Detail, Kernel, NetNs, Place, TestRun, snapshot, test_run};
use belay_object::btf::Kind;
use belay_profile::KernelProfile;
use belay_spec::Release;
use belay_vm::Packet;

use crate::judge::{InKernel, keep, object, ours, same};

/// What every socket's structure begins with, what full sockets have, and TCP's own.
const COMMON: &[&str] = &[
    "skc_family",
    "skc_state",
    "skc_bound_dev_if",
    "skc_num",
    "skc_dport",
    "skc_rcv_saddr",
    "skc_daddr",
    "skc_v6_rcv_saddr",
    "skc_v6_daddr",
];
const SOCK: &[&str] = &["sk_type", "sk_protocol", "sk_mark", "sk_priority"];
const TCP: &[&str] =
    &["snd_cwnd", "snd_ssthresh", "mss_cache", "packets_out", "lost_out", "sacked_out", "delivered_ce"];

/// Fields behind a path.
type Part = (&'static str, &'static [&'static str]);

/// A cast, the structure that it gives, and where in that the fields are.
const CASTS: &[(&str, &str, &[Part])] = &[
    (
        "bpf_skc_to_tcp_sock",
        "tcp_sock",
        &[("inet_conn.icsk_inet.sk.__sk_common.", COMMON), ("inet_conn.icsk_inet.sk.", SOCK), ("", TCP)],
    ),
    (
        "bpf_skc_to_tcp6_sock",
        "tcp6_sock",
        &[("tcp.inet_conn.icsk_inet.sk.__sk_common.", COMMON), ("tcp.inet_conn.icsk_inet.sk.", SOCK)],
    ),
    ("bpf_skc_to_udp6_sock", "udp6_sock", &[("udp.inet.sk.__sk_common.", COMMON), ("udp.inet.sk.", SOCK)]),
    ("bpf_skc_to_tcp_timewait_sock", "tcp_timewait_sock", &[("tw_sk.__tw_common.", COMMON)]),
    ("bpf_skc_to_tcp_request_sock", "tcp_request_sock", &[("req.req.__req_common.", COMMON)]),
    ("bpf_skc_to_unix_sock", "unix_sock", &[]),
    ("bpf_skc_to_mptcp_sock", "mptcp_sock", &[]),
];

/// The tuple of a socket with this local end and, if it is connected, this remote end, as a packet to it has it.
fn tuple(local: SocketAddr, remote: SocketAddr) -> Vec<u8> {
    let mut bytes = Vec::new();
    for address in [remote, local] {
        match address {
            SocketAddr::V4(address) => bytes.extend(address.ip().octets()),
            SocketAddr::V6(address) => bytes.extend(address.ip().octets()),
        }
    }
    bytes.extend(remote.port().to_be_bytes());
    bytes.extend(local.port().to_be_bytes());
    bytes
}

/// Looks a socket up, casts it to everything, and reads what that has.
fn program(lookup: &str, tuple: &[u8]) -> (String, Vec<String>) {
    let btf = KernelProfile::builtin(Release::LATEST).btf();
    let mut text = "r6 = r1\n".to_owned();
    for (index, word) in tuple.chunks(4).enumerate() {
        let value = u32::from_ne_bytes(word.try_into().expect("words"));
        text += &format!("r2 = {value:#x} ll\n*(u32 *)(r10 - {}) = r2\n", 40 - 4 * index);
    }
    text += &format!(
        "r1 = r6\nr2 = r10\nr2 += -40\nr3 = {}\nr4 = -1\nr5 = 0\ncall {lookup}\nr7 = r0\nif r0 == 0 goto end\n",
        tuple.len()
    );
    let mut names = Vec::new();
    for (cast, structure, parts) in CASTS {
        let found = btf.find(structure, |kind| matches!(kind, Kind::Struct { .. })).expect("a structure");
        text += &format!("r1 = r7\ncall {cast}\nr8 = r0\nr0 = 0\nif r8 == 0 goto not_{structure}\n");
        let first = names.len();
        names.push(format!("{cast}: whether it is one"));
        for (prefix, fields) in *parts {
            // An IPv4 socket that waits has whatever was in that memory for IPv6 addresses.
            let unset = tuple.len() == 12 && *structure == "tcp_timewait_sock";
            for field in fields.iter().filter(|field| !(unset && field.contains("_v6_"))) {
                let lies = btf
                    .member_at(found, &format!("{prefix}{field}"))
                    .unwrap_or_else(|| panic!("{structure}.{field}"));
                let size = (lies.end - lies.start).min(8);
                for off in lies.step_by(size as usize) {
                    text += &format!("r0 = *(u{} *)(r8 + {off})\n{}", 8 * size, keep(names.len()));
                    names.push(format!("{structure}.{field} at {off}"));
                }
            }
        }
        text += &format!("r0 = 1\nnot_{structure}:\n{}", keep(first));
    }
    (text + "r1 = r7\ncall bpf_sk_release\nend: r0 = 0\nexit", names)
}

#[test]
fn casts_of_sockets_give_what_they_give_in_the_kernel() {
    if Kernel::for_test("casts_of_sockets_give_what_they_give_in_the_kernel").is_none() {
        return;
    }
    let netns = NetNs::with_loopback().expect("a namespace");
    let mut asked: Vec<(&str, SocketAddr, SocketAddr)> = Vec::new();
    let kept = netns
        .run(|| {
            let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
            let mut kept: Vec<Box<dyn Send + std::any::Any>> = Vec::new();
            for (host, port) in [("127.0.0.1", 7600), ("[::1]", 7601)] {
                let local = at(&format!("{host}:{port}"));
                let listener = TcpListener::bind(local).expect("bound");
                let client = TcpStream::connect(local).expect("connected");
                let served = listener.accept().expect("a connection").0;
                let near = client.local_addr().expect("an address");
                asked.push(("bpf_skc_lookup_tcp", local, at(&format!("{host}:9"))));
                asked.push(("bpf_skc_lookup_tcp", near, local));
                asked.push(("bpf_sk_lookup_tcp", near, local));
                // Whoever closes first waits.
                let gone = TcpStream::connect(local).expect("connected");
                let waiting = gone.local_addr().expect("an address");
                let other = listener.accept().expect("a connection").0;
                drop(gone);
                std::thread::sleep(std::time::Duration::from_millis(50));
                drop(other);
                std::thread::sleep(std::time::Duration::from_millis(50));
                asked.push(("bpf_skc_lookup_tcp", waiting, local));
                let datagrams = UdpSocket::bind(local).expect("bound");
                asked.push(("bpf_sk_lookup_udp", local, at(&format!("{host}:9"))));
                kept.extend([Box::new((listener, client, served)) as Box<_>, Box::new(datagrams) as Box<_>]);
            }
            kept
        })
        .expect("inside");
    let detail = Detail { tcp_info: true };
    let seen = netns.run(|| snapshot(&[Place::host()], detail).expect("it tells"));
    let table = seen.expect("inside").table;
    let mut found = [0; CASTS.len()];
    for (lookup, local, remote) in asked {
        let (text, names) = program(lookup, &tuple(local, remote));
        let object = object("sched_cls", "", &text);
        let kernel = InKernel::load(&object);
        let run = TestRun { data_in: &[0; 60], ..TestRun::default() };
        netns.run(|| test_run(kernel.program(), &run)).expect("inside").expect("it runs");
        let (ran, _) = ours(&object, &table, || Packet::new(&[0; 60]).expect("a frame"));
        let names: Vec<_> = names.iter().map(|name| format!("{lookup} {local} {remote}: {name}")).collect();
        same(&ran.out, &kernel.out(), &names);
        for (index, (cast, ..)) in CASTS.iter().enumerate() {
            let slot = names
                .iter()
                .position(|name| name.ends_with(&format!("{cast}: whether it is one")))
                .expect("named");
            found[index] += kernel.out()[slot];
        }
    }
    drop(kept);
    assert!(found[..4].iter().all(|found| *found > 0), "each of the first casts succeeds: {found:?}");
    assert_eq!(found[4..], [0, 0, 0]);
}
