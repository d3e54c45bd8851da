//! Every state that a table can name is a real socket in a namespace made from it: the kernel's own list says so.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use belay_linux::{Kernel, Population};
use belay_sockets::{Endpoint, SocketTable, State};

const TABLE: &str = r#"
[[netns]]
name = "host"
devices = [{ name = "eth0", ifindex = 5, addresses = ["192.0.2.1/24", "2001:db8::1/64"] }]

[[tcp]]
state = "listen"
local = "[::]:8080"
[[tcp]]
state = "listen"
local = "192.0.2.1:22"
device = "eth0"
[[tcp]]
state = "established"
local = "[::ffff:192.0.2.1]:8080"
remote = "[::ffff:192.0.2.2]:40001"
[[tcp]]
state = "established"
local = "192.0.2.1:22"
remote = "192.0.2.2:40002"
[[tcp]]
state = "syn_sent"
local = "192.0.2.1:50001"
remote = "192.0.2.2:80"
[[tcp]]
state = "fin_wait1"
local = "192.0.2.1:50002"
remote = "192.0.2.2:80"
[[tcp]]
state = "fin_wait2"
local = "192.0.2.1:50003"
remote = "192.0.2.2:80"
[[tcp]]
state = "time_wait"
local = "[::ffff:192.0.2.1]:8080"
remote = "[::ffff:192.0.2.2]:40004"
[[tcp]]
state = "time_wait"
local = "[2001:db8::1]:50004"
remote = "[2001:db8::2]:80"
[[tcp]]
state = "close_wait"
local = "[2001:db8::1]:50005"
remote = "[2001:db8::2]:80"
[[tcp]]
state = "last_ack"
local = "192.0.2.1:50006"
remote = "192.0.2.2:80"
[[tcp]]
state = "closing"
local = "192.0.2.1:50007"
remote = "192.0.2.2:80"
[[tcp]]
state = "new_syn_recv"
local = "[2001:db8::1]:8080"
remote = "[2001:db8::2]:40008"

[[udp]]
local = "0.0.0.0:53"
[[udp]]
local = "[2001:db8::1]:50009"
remote = "[2001:db8::2]:53"
[[udp]]
local = "192.0.2.1:7000"
reuseport = true
[[udp]]
local = "192.0.2.1:7000"
reuseport = true
"#;

/// A socket as both sides can say it: protocol, local, remote, state.
type Entry = (String, Endpoint, Endpoint, u8);

#[test]
fn the_kernel_lists_what_the_table_says() {
    if Kernel::for_test("the_kernel_lists_what_the_table_says").is_none() {
        return;
    }
    let table = SocketTable::from_toml("table", TABLE).expect("a table");
    let netns = table.read().default_netns().expect("a namespace");
    let population = Population::of(&table, netns).unwrap_or_else(|e| panic!("{e}"));
    let listed = population.namespace().run(listed).expect("the namespace is there");
    assert_eq!(listed, described(&table));
}

fn described(table: &SocketTable) -> BTreeSet<Entry> {
    table
        .read()
        .sockets()
        .map(|s| s.info())
        .map(|info| {
            let any: IpAddr = if info.local.addr.is_ipv4() {
                Ipv4Addr::UNSPECIFIED.into()
            } else {
                Ipv6Addr::UNSPECIFIED.into()
            };
            let state = match info.state {
                State::NewSynRecv => State::SynRecv, // the list knows one name for both
                state => state,
            };
            let remote = info.remote.unwrap_or(Endpoint::new(any, 0));
            (info.protocol.to_string(), info.local, remote, state.number())
        })
        .collect()
}

/// `/proc/net/{tcp,tcp6,udp,udp6}` of the calling thread's namespace.
fn listed() -> BTreeSet<Entry> {
    let mut entries = BTreeSet::new();
    for file in ["tcp", "tcp6", "udp", "udp6"] {
        let text = std::fs::read_to_string(format!("/proc/thread-self/net/{file}")).expect("proc");
        for line in text.lines().skip(1) {
            let mut fields = line.split_ascii_whitespace().skip(1);
            let mut end = || endpoint(fields.next().expect("an end"));
            let (local, remote) = (end(), end());
            let state = u8::from_str_radix(fields.next().expect("a state"), 16).expect("hexadecimal");
            entries.insert((file[..3].to_string(), local, remote, state));
        }
    }
    entries
}

/// `0100007F:0016`: words in the machine's order, the port as a number.
fn endpoint(text: &str) -> Endpoint {
    let (address, port) = text.split_once(':').expect("address and port");
    let bytes: Vec<u8> = address
        .as_bytes()
        .chunks(8)
        .flat_map(|word| {
            let word = std::str::from_utf8(word).expect("ASCII");
            u32::from_str_radix(word, 16).expect("hexadecimal").to_ne_bytes()
        })
        .collect();
    let port = u16::from_str_radix(port, 16).expect("hexadecimal");
    match <[u8; 4]>::try_from(&bytes[..]) {
        Ok(v4) => Endpoint::new(Ipv4Addr::from(v4), port),
        Err(_) => Endpoint::new(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).expect("16 bytes")), port),
    }
}
