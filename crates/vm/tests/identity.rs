//! Whose packet it is, and the cookies of a listener.

use std::sync::Arc;

use belay_object::{Object, Options};
use belay_sockets::SocketTable;
use belay_spec::Release;
use belay_vm::{Checked, Clock, Machine, Maps, Packet};

const SOCKETS: &str = r#"
[[netns]]
name = "host"
[[tcp]]
state = "listen"
local = "0.0.0.0:80"
uid = 1000
cookie = 77
"#;

/// Keeps `r0` in a slot of `out`.
fn keep(slot: u32) -> String {
    format!(
        "*(u64 *)(r10 - 256) = r0\n*(u32 *)(r10 - 260) = {slot}\nr1 = out ll\nr2 = r10\nr2 += -260\nr3 = r10\n\
         r3 += -256\nr4 = 0\ncall bpf_map_update_elem\n"
    )
}

/// What a tc program leaves in `out`.
fn run(body: &str, machine: &mut Machine, packet: &mut Packet) -> Vec<u64> {
    let text = format!(
        ".license GPL\n.map out kind=array key=4 value=8 entries=8\n.section tc\n.prog test\nr6 = r1\n{body}end: r0 = 0\nexit\n"
    );
    let object =
        Object::parse("t.s", text.as_bytes(), &Options::default()).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let maps = Arc::new(Maps::from_defs(&object.maps).expect("the maps can be made"));
    let program = Checked::new(&object.programs[0], Arc::clone(&maps), Release::LATEST).expect("it runs");
    let report = program.run(machine, packet);
    assert!(report.is_clean(), "{report:#?}");
    let out = maps.by_name("out").expect("it is there");
    out.iter().map(|(_, value)| u64::from_le_bytes(value.try_into().expect("8 bytes"))).collect()
}

fn machine() -> Machine {
    Machine::new(SocketTable::from_toml("t.toml", SOCKETS).expect("well formed"))
}

#[test]
fn a_packet_is_known_by_its_socket() {
    let body = ["bpf_get_socket_cookie", "bpf_get_socket_uid", "bpf_get_netns_cookie", "bpf_skb_cgroup_id"];
    let body: String =
        (0..).zip(body).map(|(slot, helper)| format!("r1 = r6\ncall {helper}\n{}", keep(slot))).collect();
    let (mut machine, mut packet) = (machine(), Packet::new(&[0; 60]).expect("a frame"));
    assert_eq!(run(&body, &mut machine, &mut packet)[..4], [0, 65534, 1, 0], "it has none");
    packet.metadata.socket = machine.sockets.read().with_cookie(77).map(|socket| socket.id());
    machine.cgroup = 4711;
    assert_eq!(run(&body, &mut machine, &mut packet)[..4], [77, 1000, 1, 4711]);
}

/// Looks the listener up (`r7`), makes a cookie for a SYN, and checks the ACK that answers it.
fn handshake() -> String {
    let mut body = String::new();
    // From 10.0.0.1:9 to 10.0.0.2:80.
    for (at, word) in [(16, 0x0100_000a), (12, 0x0200_000a), (8, 0x5000_0900_u32)] {
        body += &format!("w2 = {word:#x}\n*(u32 *)(r10 - {at}) = r2\n");
    }
    body += "r1 = r6\nr2 = r10\nr2 += -16\nr3 = 12\nr4 = -1\nr5 = 0\ncall bpf_sk_lookup_tcp\nif r0 == 0 goto end\nr7 = r0\n";
    // The IP header at r10 - 40, the TCP header at r10 - 64.
    for (at, word) in [(40, 0x45), (36, 0), (32, 0), (28, 0x0100_000a), (24, 0x0200_000a)] {
        body += &format!("w2 = {word:#x}\n*(u32 *)(r10 - {at}) = r2\n");
    }
    for (at, word) in [(64, 0x5000_0900_u32), (60, 0x0100_0000), (56, 0), (52, 0x0250), (48, 0)] {
        body += &format!("w2 = {word:#x}\n*(u32 *)(r10 - {at}) = r2\n");
    }
    let call = |helper: &str| {
        format!("r1 = r7\nr2 = r10\nr2 += -40\nr3 = 20\nr4 = r10\nr4 += -64\nr5 = 20\ncall {helper}\n")
    };
    body += &call("bpf_tcp_gen_syncookie");
    body += &format!("r8 = r0\nif r0 s< 0 goto failed\nr0 >>= 32\nfailed: {}", keep(0));
    for (slot, change) in [(1, 1), (2, 5)] {
        body += &format!("w2 = w8\nw2 += {change}\nr2 = be32 r2\n*(u32 *)(r10 - 56) = r2\n");
        body += "w2 = 0x2000000\n*(u32 *)(r10 - 60) = r2\nw2 = 0x1050\n*(u32 *)(r10 - 52) = r2\n";
        body += &call("bpf_tcp_check_syncookie");
        body += &keep(slot);
    }
    body + "r1 = r7\ncall bpf_sk_release\n"
}

#[test]
fn a_listener_knows_the_cookies_that_it_gave() {
    let mut packet = Packet::new(&[0; 60]).expect("a frame");
    let (enoent, einval) = (-2_i64 as u64, -22_i64 as u64);
    let mut machine = machine();
    assert_eq!(
        run(&handshake(), &mut machine, &mut packet)[..3],
        [enoent; 3],
        "there is room for every connection"
    );
    machine.syncookies = 0;
    assert_eq!(run(&handshake(), &mut machine, &mut packet)[..3], [enoent, einval, einval]);
    machine.syncookies = 2;
    assert_eq!(run(&handshake(), &mut machine, &mut packet)[..3], [536, 0, enoent]);
}

/// IP and TCP headers of zeros at `r10 - 40` and `r10 - 64`, but for a header length and this acknowledgement.
fn headers(acknowledged: u32) -> String {
    let zeros: String = (3..=8).map(|word| format!("*(u64 *)(r10 - {}) = r2\n", 8 * word)).collect();
    let addresses = "r1 = r10\nr1 += -40\nr2 = r10\nr2 += -64\n";
    format!(
        "r2 = 0\n{zeros}w2 = {:#x}\n*(u32 *)(r10 - 56) = r2\nw2 = 0x50\n*(u8 *)(r10 - 52) = r2\n{addresses}",
        acknowledged.swap_bytes()
    )
}

#[test]
fn a_cookie_is_good_for_two_minutes() {
    const MINUTE: u64 = 60_000_000_000;
    let (mut machine, mut packet) = (machine(), Packet::new(&[0; 60]).expect("a frame"));
    machine.clock = Clock::Fixed(10 * MINUTE);
    let make = headers(0) + "r3 = 20\ncall bpf_tcp_raw_gen_syncookie_ipv4\n" + &keep(0);
    let cookie = run(&make, &mut machine, &mut packet)[0] as u32;
    // The acknowledgement comes with the next sequence number.
    let check = headers(cookie.wrapping_add(1))
        .replace("*(u64 *)(r10 - 64) = r2", "r3 = 0x100000000000000 ll\n*(u64 *)(r10 - 64) = r3")
        + "call bpf_tcp_raw_check_syncookie_ipv4\n"
        + &keep(0);
    for (minute, expected) in [(9, -13), (10, 0), (11, 0), (12, -13), (300, -13)] {
        machine.clock = Clock::Fixed(minute * MINUTE + 5);
        assert_eq!(run(&check, &mut machine, &mut packet)[0] as i64, expected, "{minute}");
    }
}
