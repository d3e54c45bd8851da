//! `bpf_fib_lookup` and `bpf_check_mtu`: the kernel's answers in a namespace, and ours from the table that describes it.

use std::net::{Ipv4Addr, Ipv6Addr};

use belay_linux::NetNs;
use belay_vm::routes::Routes;

use super::program::{keep_stack, kept, on_stack, point, set};
use super::random::Random;
use super::{compare_on, frame, namespace, tcp};

/// What the commands of [`prepare`] make.
const TABLE: &str = r#"
[[device]]
name = "one"
index = 11
mac = "02:00:00:00:00:01"
addresses = ["192.0.2.1/24", "2001:db8:1::1/64"]
forwarding = true
[[device]]
name = "two"
index = 12
mtu = 1400
mac = "02:00:00:00:00:02"
addresses = ["198.51.100.1/25", "2001:db8:2::1/64"]
forwarding = true
[[device]]
name = "off"
index = 13
mac = "02:00:00:00:00:03"
addresses = ["203.0.113.1/30"]
[[route]]
to = "10.0.0.0/8"
via = "192.0.2.254"
[[route]]
to = "10.1.0.0/16"
via = "198.51.100.2"
metric = 7
[[route]]
to = "10.1.0.0/16"
via = "192.0.2.253"
metric = 3
source = "192.0.2.1"
[[route]]
to = "10.2.0.0/16"
kind = "blackhole"
[[route]]
to = "10.3.0.0/16"
kind = "unreachable"
[[route]]
to = "10.4.0.0/16"
kind = "prohibit"
[[route]]
to = "10.5.0.0/16"
via = "198.51.100.2"
mtu = 1000
[[route]]
to = "10.6.0.0/16"
device = "two"
[[route]]
to = "172.16.0.0/12"
via = "192.0.2.254"
table = 100
[[route]]
to = "2001:db8:a::/48"
via = "2001:db8:1::fe"
[[route]]
to = "2001:db8:a:1::/64"
via = "2001:db8:2::2"
metric = 5
[[route]]
to = "2001:db8:b::/48"
kind = "blackhole"
[[route]]
to = "2001:db8:c::/48"
kind = "prohibit"
[[route]]
to = "2001:db8:d::/48"
kind = "unreachable"
[[neighbour]]
address = "192.0.2.254"
mac = "02:00:00:00:00:fe"
device = "one"
[[neighbour]]
address = "198.51.100.2"
mac = "02:00:00:00:00:22"
[[neighbour]]
address = "10.6.0.1"
mac = "02:00:00:00:00:66"
[[neighbour]]
address = "2001:db8:1::fe"
mac = "02:00:00:00:06:fe"
[[neighbour]]
address = "2001:db8:2::2"
mac = "02:00:00:00:06:22"
"#;

/// The same, by `ip`.
const COMMANDS: &str = "
link add one index 11 address 02:00:00:00:00:01 type veth peer name one-peer
link add two index 12 address 02:00:00:00:00:02 mtu 1400 type veth peer name two-peer
link add off index 13 address 02:00:00:00:00:03 type veth peer name off-peer
addr add 192.0.2.1/24 dev one
addr add 198.51.100.1/25 dev two
addr add 203.0.113.1/30 dev off
addr add 2001:db8:1::1/64 dev one nodad
addr add 2001:db8:2::1/64 dev two nodad
link set one up
link set two up
link set off up
link set one-peer up
link set two-peer up
link set off-peer up
route add 10.0.0.0/8 via 192.0.2.254
route add 10.1.0.0/16 via 198.51.100.2 metric 7
route add 10.1.0.0/16 via 192.0.2.253 metric 3 src 192.0.2.1
route add blackhole 10.2.0.0/16
route add unreachable 10.3.0.0/16
route add prohibit 10.4.0.0/16
route add 10.5.0.0/16 via 198.51.100.2 mtu lock 1000
route add 10.6.0.0/16 dev two
route add 172.16.0.0/12 via 192.0.2.254 table 100
route add 2001:db8:a::/48 via 2001:db8:1::fe
route add 2001:db8:a:1::/64 via 2001:db8:2::2 metric 5
route add blackhole 2001:db8:b::/48
route add prohibit 2001:db8:c::/48
route add unreachable 2001:db8:d::/48
neigh add 192.0.2.254 lladdr 02:00:00:00:00:fe dev one nud permanent
neigh add 198.51.100.2 lladdr 02:00:00:00:00:22 dev two nud permanent
neigh add 10.6.0.1 lladdr 02:00:00:00:00:66 dev two nud permanent
neigh add 2001:db8:1::fe lladdr 02:00:00:00:06:fe dev one nud permanent
neigh add 2001:db8:2::2 lladdr 02:00:00:00:06:22 dev two nud permanent
";

fn prepare(netns: &NetNs) -> Routes {
    for command in COMMANDS.lines().filter(|line| !line.is_empty()) {
        let words: Vec<&str> = command.split(' ').collect();
        netns.ip(&words).unwrap_or_else(|e| panic!("{command}: {e}"));
    }
    let forward = |device: &str, on: &str| {
        for family in ["ipv4", "ipv6"] {
            std::fs::write(format!("/proc/sys/net/{family}/conf/{device}/forwarding"), on)
                .expect("a setting");
        }
    };
    netns
        .run(|| {
            forward("one", "1");
            forward("two", "1");
            forward("off", "0");
            forward("lo", "0");
        })
        .expect("the namespace is there");
    toml::from_str(TABLE).expect("well formed")
}

/// A question, as `struct bpf_fib_lookup` has it.
fn question(random: &mut Random) -> [u8; 64] {
    let v4 = |text: &str| text.parse::<Ipv4Addr>().expect("an address").octets();
    let v6 = |text: &str| text.parse::<Ipv6Addr>().expect("an address").octets();
    let mut params = [0; 64];
    params[0] = random.of(&[2, 2, 2, 10, 10, 1]);
    let length: u16 = random.of(&[0, 0, 60, 1000, 1001, 1400, 1401, 1500, 1501, 0xffff]);
    params[6..8].copy_from_slice(&length.to_le_bytes());
    params[8..12].copy_from_slice(&random.of(&[11_u32, 11, 12, 12, 13, 1, 99]).to_le_bytes());
    if params[0] == 10 {
        let to = ["2001:db8:a::1", "2001:db8:a:1::1", "2001:db8:b::1", "2001:db8:c::1", "2001:db8:d::1"];
        let near = [
            "2001:db8:1::fe",
            "2001:db8:2::2",
            "2001:db8:2::9",
            "2001:db8:1::1",
            "ff02::1",
            "fe80::1",
            "::1",
            "2001:db9::1",
        ];
        params[16..32].copy_from_slice(&v6(random.of(&["2001:db8:1::77", "2001:db8:1::77", "fe80::9"])));
        params[32..48].copy_from_slice(&v6(random.of(&[to.as_slice(), near.as_slice()].concat())));
    } else {
        let to = [
            "10.9.0.1",
            "10.1.0.1",
            "10.2.0.1",
            "10.3.0.1",
            "10.4.0.1",
            "10.5.0.1",
            "10.6.0.1",
            "10.6.0.2",
            "172.16.3.4",
        ];
        let near = [
            "192.0.2.254",
            "192.0.2.9",
            "192.0.2.1",
            "192.0.2.255",
            "198.51.100.2",
            "203.0.113.2",
            "11.0.0.1",
            "127.0.0.1",
        ];
        params[16..20].copy_from_slice(&v4("192.0.2.77"));
        params[32..36].copy_from_slice(&v4(random.of(&[to.as_slice(), near.as_slice()].concat())));
    }
    params[48..52].copy_from_slice(&random.of(&[0_u32, 100, 100, 254, 255, 77]).to_le_bytes());
    params[52..64].copy_from_slice(&[0x77; 12]);
    params
}

#[test]
fn packets_take_the_ways_of_the_kernel() {
    let Some(netns) = namespace("packets_take_the_ways_of_the_kernel") else { return };
    let routes = prepare(&netns);
    let mut random = Random(9);
    for _ in 0..150 {
        let (mut slot, mut body) = (0, "r6 = r1\n".to_owned());
        for _ in 0..6 {
            let flags = random.flags(&[1, 2, 4, 8, 9, 16, 16, 32, 64]);
            let size = random.of(&[64, 64, 64, 64, 64, 70, 63]);
            body += &on_stack(80, &[0; 16]);
            body += &on_stack(80, &question(&mut random));
            body += &format!("r1 = r6\n{}r3 = {size}\nr4 = {flags}\ncall bpf_fib_lookup\n", point(2, 80));
            body += &kept(&mut slot);
            body += &keep_stack(80, 8, &mut slot);
        }
        let hook = random.of(&["xdp", "sched_cls"]);
        let len = random.of(&[80, 80, 1390, 1418, 1419, 1518, 1519, 1600]);
        compare_on(&netns, &routes, hook, "", &format!("{body}r0 = 2\nexit"), &frame([0; 6], 0x0800, len));
    }
}

#[test]
fn lengths_are_checked_as_in_the_kernel() {
    let Some(netns) = namespace("lengths_are_checked_as_in_the_kernel") else { return };
    let routes = prepare(&netns);
    let mut random = Random(10);
    for _ in 0..60 {
        let (mut slot, mut body) = (0, "r6 = r1\n".to_owned());
        for _ in 0..8 {
            let given = random.of(&[0, 0, 0, 60, 1400, 1401, 1500, 1501, 65536, 65537, 0xffff_ffff]);
            let index = random.of(&[0, 0, 11, 12, 13, 1, 99]);
            let diff = random.of(&[0, 0, 1, -1, 40, -2000, 65457, 65470, 65471, i64::from(i32::MAX)]);
            let flags = random.of(&[0, 0, 0, 1, 2]);
            body += &on_stack(8, &u64::to_le_bytes(given));
            body +=
                &format!("r1 = r6\nr2 = {index}\n{}{}{}", point(3, 8), set(4, diff as u64), set(5, flags));
            body += &format!("call bpf_check_mtu\n{}", kept(&mut slot));
            body += &keep_stack(8, 1, &mut slot);
        }
        let hook = random.of(&["xdp", "sched_cls"]);
        compare_on(&netns, &routes, hook, "", &format!("{body}r0 = 2\nexit"), &tcp());
    }
}
