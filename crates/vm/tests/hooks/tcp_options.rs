//! `sock_ops`: options that programs reserve, write and read in the TCP headers of a real connection.
//!
//! Every program asks for the events of its connection's headers, reserves eight bytes of options and writes an experiment's; at
//! the one event that a test is about it leaves what it sees. The header of that event is what our run gets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use belay_linux::attach;
use belay_sockets::SocketTable;
use belay_vm::{Sock, SockOps, SynHeaders};
use std::os::fd::AsFd;

use crate::judge::{InKernel, Lab, hook, keep, object, ours, same};

/// `BPF_SOCK_OPS_TCP_CONNECT_CB`, `_ACTIVE_ESTABLISHED_CB`, `_PASSIVE_ESTABLISHED_CB`, `_TCP_LISTEN_CB`, `_PARSE_HDR_OPT_CB`,
/// `_HDR_OPT_LEN_CB`, `_WRITE_HDR_OPT_CB`
const CONNECT: u32 = 3;
const ACTIVE: u32 = 4;
const PASSIVE: u32 = 5;
const PARSE: u32 = 13;
const LEN: u32 = 14;
const WRITE: u32 = 15;

/// The slot that says that the event was seen.
const SEEN: usize = 511;
/// The first slot of the header's bytes, of which there are at most 60, and of those of the packet that asked for the
/// connection: IPv6 and TCP.
const HEADER: usize = 300;
const SYN: usize = 370;

/// An event, and the room for options at that time.
struct Event {
    name: &'static str,
    op: u32,
    /// What is also true of it, or a jump to `skip`.
    unless: &'static str,
    room: u8,
    is_fullsock: bool,
    args: u32,
}

/// Where what is not said is usual.
const fn event(name: &'static str, op: u32, unless: &'static str, room: u8) -> Event {
    Event { name, op, unless, room, is_fullsock: true, args: 0 }
}

/// `SYN`, and `SYN` with `ACK`.
const NOT_SYN: &str = "r1 = *(u32 *)(r6 + 212)\nif r1 != 2 goto skip\n";
const NOT_SYNACK: &str = "r1 = *(u32 *)(r6 + 212)\nif r1 != 18 goto skip\n";
/// A packet of more than a header.
const NOT_DATA: &str = "r1 = *(u32 *)(r6 + 208)\nif r1 < 70 goto skip\n";
const NOT_FULL: &str = "r1 = *(u32 *)(r6 + 72)\nif r1 == 0 goto skip\n";

const EVENTS: &[Event] = &[
    event("connect", CONNECT, "", 0),
    event("active", ACTIVE, "", 0),
    event("passive", PASSIVE, "", 0),
    event("length of a SYN", LEN, NOT_SYN, 20),
    Event { is_fullsock: false, ..event("length of a SYN's answer", LEN, NOT_SYNACK, 20) },
    // For the size of segments there is no packet.
    Event { args: 1, ..event("length at large", LEN, "r1 = *(u32 *)(r6 + 4)\nif r1 != 1 goto skip\n", 28) },
    event("SYN", WRITE, NOT_SYN, 8),
    Event { is_fullsock: false, ..event("a SYN's answer", WRITE, NOT_SYNACK, 8) },
    event("data", WRITE, NOT_DATA, 8),
    event("arrived data", PARSE, NOT_DATA, 0),
    event("arrived", PARSE, NOT_FULL, 0),
];

/// Calls with an option: the helper, its bytes, the room for it, flags.
const CALLS: &[(&str, &[u8], usize, u64)] = &[
    ("load", &[2, 0], 16, 0),
    ("load", &[2, 0], 2, 0),
    ("load", &[2, 0], 3, 0),
    ("load", &[2, 4], 16, 0),
    ("load", &[3, 0], 16, 0),
    ("load", &[8, 0], 16, 0),
    ("load", &[8, 0], 4, 0),
    ("load", &[77, 0], 16, 0),
    ("load", &[0, 0], 16, 0),
    ("load", &[1, 0], 16, 0),
    ("load", &[8, 0], 1, 0),
    ("load", &[8, 0], 16, 2),
    ("load", &[254, 0], 16, 0),
    ("load", &[254, 4, 0xeb, 0x9f], 16, 0),
    ("load", &[254, 6, 0xeb, 0x9f, 1, 2], 16, 0),
    ("load", &[254, 6, 0xeb, 0x9f, 1, 3], 16, 0),
    ("load", &[254, 4, 0xeb, 0x9e], 16, 0),
    ("load", &[254, 4, 0xeb, 0x9f], 3, 0),
    ("load", &[253, 4, 0xeb, 0x9f], 16, 0),
    ("load", &[254, 5, 0xeb, 0x9f, 1], 16, 0),
    ("load", &[2, 0], 16, 1),
    ("load", &[8, 0], 16, 1),
    ("load", &[254, 4, 0xeb, 0x9f], 16, 1),
    ("load", &[254, 4, 0xeb, 0x9e], 16, 1),
    ("store", &[254, 3, 0, 0], 16, 0),
    ("store", &[0, 2], 16, 0),
    ("store", &[1, 2], 16, 0),
    ("store", &[77, 2], 1, 0),
    ("store", &[77, 2], 16, 1),
    ("store", &[77, 9], 16, 0),
    ("store", &[77, 5], 4, 0),
    ("store", &[2, 4, 0, 0], 16, 0),
    ("store", &[8, 4, 0, 0], 16, 0),
    ("store", &[254, 6, 0xeb, 0x9f, 1, 2], 16, 0),
    ("load", &[254, 4, 0xeb, 0x9f], 16, 0),
    ("store", &[254, 4, 0xeb, 0x9f], 16, 0),
    ("store", &[254, 4, 0xeb, 0x9e], 16, 0),
    ("store", &[77, 0], 16, 0),
    ("store", &[77, 2], 16, 0),
    ("load", &[77, 0], 16, 0),
    ("store", &[79, 2], 16, 0),
];

/// The event's own part: what there is to see, all the calls, and options that are reserved.
fn body() -> (String, Vec<String>) {
    let (mut text, mut names) = (String::new(), Vec::new());
    let mut see = |what: String, lines: &str, text: &mut String| {
        *text += &format!("{lines}{}", keep(names.len()));
        names.push(what);
    };
    for (off, size) in [(208, 32), (212, 8), (212, 16), (212, 32), (4, 32), (72, 32)] {
        see(format!("context {off}"), &format!("r0 = *(u{size} *)(r6 + {off})\n"), &mut text);
    }
    let length = "r7 = *(u64 *)(r6 + 192)\nr0 = *(u64 *)(r6 + 200)\nr0 -= r7\n";
    see("header".to_owned(), length, &mut text);
    for (helper, bytes, room, flags) in CALLS {
        let mut words = [0; 16];
        words[..bytes.len()].copy_from_slice(bytes);
        let (low, high) = words.split_at(8);
        let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("8 bytes"));
        text += &format!(
            "r1 = {} ll\n*(u64 *)(r10 - 16) = r1\nr1 = {} ll\n*(u64 *)(r10 - 8) = r1\n",
            word(low),
            word(high)
        );
        let call =
            format!("r1 = r6\nr2 = r10\nr2 += -16\nr3 = {room}\nr4 = {flags}\ncall bpf_{helper}_hdr_opt\n");
        let what = format!("{helper} {bytes:?}, {room}, {flags}");
        see(what.clone(), &call, &mut text);
        // What timestamps say is the machine's.
        if bytes[0] != 8 {
            see(format!("{what}: low"), "r0 = *(u64 *)(r10 - 16)\n", &mut text);
            see(format!("{what}: high"), "r0 = *(u64 *)(r10 - 8)\n", &mut text);
        }
        if *helper == "store" {
            see(format!("header after {what}"), length, &mut text);
        }
    }
    for (len, flags) in [(1, 0), (2, 1), (41, 0), (3, 0), (25, 0), (17, 0), (8, 0), (2, 0), (1000, 0)] {
        let call = format!("r1 = r6\nr2 = {len}\nr3 = {flags}\ncall bpf_reserve_hdr_opt\n");
        see(format!("reserve {len}, {flags}"), &call, &mut text);
    }
    for (name, len) in [(1005, 60), (1005, 20), (1006, 100), (1007, 120), (1007, 19), (1004, 60), (1, 4)] {
        let call =
            format!("r1 = r6\nr2 = 6\nr3 = {name}\nr4 = r10\nr4 += -120\nr5 = {len}\ncall bpf_getsockopt\n");
        see(format!("option {name}, {len}"), &call, &mut text);
    }
    (text, names)
}

/// Keeps the bytes of the header, each in its slot, and of the packet that asked for the connection.
fn keep_headers() -> String {
    let mut text = String::new();
    for at in 0..60 {
        text += &format!(
            "r7 = *(u64 *)(r6 + 192)\nr8 = *(u64 *)(r6 + 200)\nr1 = r7\nr1 += {}\nif r1 > r8 goto headed\nr0 = *(u8 *)(r7 + {at})\n{}",
            at + 1,
            keep(HEADER + at)
        );
    }
    text += "headed: r1 = r6\nr2 = 6\nr3 = 1006\nr4 = r10\nr4 += -120\nr5 = 104\ncall bpf_getsockopt\n";
    for at in 0..13 {
        text += &format!("r0 = *(u64 *)(r10 - {})\n{}", 120 - 8 * at, keep(SYN + at));
    }
    text
}

/// The whole program.
fn program(event: &Event) -> (String, Vec<String>) {
    let (body, names) = body();
    let filler: String = (0..15).map(|at| format!("*(u64 *)(r10 - {}) = 0\n", 120 - 8 * at)).collect();
    let text = format!(
        "r6 = r1\n{filler}r9 = *(u32 *)(r6 + 0)\nif r9 != {op} goto skip\n{unless}\
         *(u32 *)(r10 - 124) = {SEEN}\nr1 = out ll\nr2 = r10\nr2 += -124\ncall bpf_map_lookup_elem\nif r0 == 0 goto skip\n\
         r1 = *(u64 *)(r0 + 0)\nif r1 != 0 goto skip\nr1 = 1\n*(u64 *)(r0 + 0) = r1\n{headers}{body}\
         skip: r9 = *(u32 *)(r6 + 0)\nif r9 == 3 goto ask\nif r9 == 11 goto ask\nif r9 == {LEN} goto reserve\nif r9 != {WRITE} goto end\n\
         r1 = 0x02019ffb06fe ll\n*(u64 *)(r10 - 16) = r1\n*(u8 *)(r10 - 14) = 0xeb\n\
         r1 = r6\nr2 = r10\nr2 += -16\nr3 = 6\nr4 = 0\ncall bpf_store_hdr_opt\ngoto end\n\
         reserve: r1 = r6\nr2 = 8\nr3 = 0\ncall bpf_reserve_hdr_opt\ngoto end\n\
         ask: r1 = r6\nr2 = 0x50\ncall bpf_sock_ops_cb_flags_set\n\
         *(u32 *)(r10 - 16) = 2\nr1 = r6\nr2 = 6\nr3 = 27\nr4 = r10\nr4 += -16\nr5 = 4\ncall bpf_setsockopt\n\
         end: r0 = 1\nexit",
        op = event.op,
        unless = event.unless,
        headers = keep_headers(),
    );
    (text, names)
}

/// A connection, and some data in both directions.
fn talk(host: &str) {
    let listener = TcpListener::bind(format!("{host}:0")).expect("bound");
    let mut client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
    let (mut server, _) = listener.accept().expect("accepted");
    client.write_all(b"a question of more than a few bytes").expect("sent");
    let mut bytes = [0; 100];
    let _ = server.read(&mut bytes).expect("received");
    server.write_all(b"an answer, too, is long enough to see").expect("sent");
    let _ = client.read(&mut bytes).expect("received");
}

#[test]
fn options_of_headers_are_as_in_the_kernel() {
    let Some(lab) = Lab::for_test("options_of_headers_are_as_in_the_kernel") else { return };
    for (event, host) in EVENTS.iter().flat_map(|event| [(event, "127.0.0.1"), (event, "[::1]")]) {
        let (text, mut names) = program(event);
        let object = object("sock_ops", "", &text);
        let kernel = InKernel::load(&object);
        let attached = attach(lab.cgroup.as_fd(), kernel.program(), hook("sock_ops").attach_type);
        lab.inside(|| talk(host));
        drop(attached.expect("it attaches"));
        let theirs = kernel.out();
        assert_eq!(theirs[SEEN], 1, "{}: it never came", event.name);
        // What the context says, and then the header, are the input's.
        let header: Vec<u8> =
            theirs[HEADER..].iter().take(theirs[6] as usize).map(|byte| *byte as u8).collect();
        let words: Vec<u8> = theirs[SYN..SYN + 13].iter().flat_map(|word| word.to_le_bytes()).collect();
        let network = if host == "[::1]" { 40 } else { 20 };
        let asked = (words[0] != 0).then(|| {
            let len = usize::from(words[network + 12] >> 4) * 4;
            let transport = words[network..network + len].to_vec();
            SynHeaders { link: vec![0; 14], network: words[..network].to_vec(), transport }
        });
        let make = || {
            let mut ours = SockOps::new(event.op, if network == 40 { Sock::tcp6() } else { Sock::tcp4() });
            ours.set_header(&header, 0);
            (ours.skb_len, ours.skb_tcp_flags) = (theirs[0] as u32, theirs[3] as u32);
            (ours.option_room, ours.is_fullsock) = (event.room, event.is_fullsock);
            (ours.args, ours.syn) = ([event.args, 0, 0, 0], asked.clone());
            ours
        };
        let (ran, _) = ours(&object, &SocketTable::empty(), make);
        names.resize(HEADER, String::new());
        names = names.into_iter().map(|name| format!("{}, {host}: {name}", event.name)).collect();
        same(&ran.out, &theirs, &names);
    }
}
