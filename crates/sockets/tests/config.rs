//! The TOML form: what it says, what it refuses and how, and that writing is the inverse of reading.

use std::path::Path;

use belay_sockets::{Device, Endpoint, NetnsId, Protocol, SocketInfo, SocketTable, State, TcpInfo};
use proptest::prelude::*;

const EXAMPLE: &str = r#"
[[netns]]
name = "host"
devices = [{ name = "eth0", ifindex = 2, addresses = ["10.0.0.1/24", "fd00::1/64"] }]
nsids = { "7" = "blue" }
[[netns]]
name = "blue"
[[tcp]]
netns = "blue"
state = "SYN-SENT"
local = "[fd00::1]:40000"
remote = "[fd00::2]:443"
tcp_info = { snd_cwnd = 3, bytes_received = 18446744073709551615 }
[[tcp]]
state = "listen"
local = "0.0.0.0:22"
device = "eth0"
mark = 5
uid = 1000
cookie = 77
[[udp]]
local = "10.0.0.1:5353"
remote = "10.0.0.2:53"
"#;

fn read(text: &str) -> Result<SocketTable, String> {
    SocketTable::from_toml("s.toml", text).map_err(|e| e.to_string())
}

#[test]
fn the_example_means_what_it_says() {
    let table = read(EXAMPLE).expect("a table");
    let reader = table.read();
    let names: Vec<_> = reader.netns_ids().map(|(_, n)| n.name().to_owned()).collect();
    assert_eq!(names, ["host", "blue"]);
    let host = reader.netns(NetnsId::FIRST).expect("the first");
    assert_eq!(
        host.devices().iter().map(|d| (d.ifindex, d.name.as_str())).collect::<Vec<_>>(),
        [(1, "lo"), (2, "eth0")]
    );
    let sockets: Vec<_> = reader.sockets().map(ToString::to_string).collect();
    assert_eq!(
        sockets,
        [
            "tcp syn_sent [fd00::1]:40000 <- [fd00::2]:443",
            "tcp listen 0.0.0.0:22",
            "udp established 10.0.0.1:5353 <- 10.0.0.2:53"
        ]
    );
    let info = |at: usize| reader.sockets().nth(at).expect("a socket").info();
    assert_eq!((info(0).tcp.snd_cwnd, info(0).tcp.bytes_received, info(0).tcp.mss_cache), (3, u64::MAX, 536));
    assert_eq!((info(1).device, info(1).mark, info(1).uid, info(1).cookie), (2, 5, 1000, 77));
    assert!(info(0).cookie != 0 && info(0).cookie != info(2).cookie);
}

#[test]
fn an_empty_text_is_one_empty_namespace() {
    let table = read("").expect("a table");
    assert_eq!(table.to_toml(), SocketTable::empty().to_toml());
    assert_eq!(table.read().sockets().count(), 0);
}

/// Text, and the message it gets.
const MISTAKES: &[(&str, &str)] = &[
    (
        "[[tcp]]\nlocal = \"1.2.3.4:5\"\n",
        "s.toml:2:9: a TCP socket needs a state: add `state = \"listen\"`, say",
    ),
    (
        "[[tcp]]\nstate = \"listen\"\nlocal = \"1.2.3.4\"\n",
        "s.toml:3:9: cannot read `1.2.3.4`: write an address and a port, as `10.0.0.1:22` or `[2001:db8::1]:22`",
    ),
    (
        "[[udp]]\nlocal = \"[fe80::1%2]:53\"\n",
        "s.toml:2:9: cannot read `[fe80::1%2]:53`: a scope belongs in `device = \"…\"`, not in the address",
    ),
    (
        "[[tcp]]\nstate = \"listening\"\nlocal = \"1.2.3.4:5\"\n",
        "s.toml:2:9: no state `listening`: write one of `established`, `syn_sent`, `syn_recv`, `fin_wait1`, `fin_wait2`, `time_wait`, `close`, `close_wait`, `last_ack`, `listen`, `closing`, `new_syn_recv`",
    ),
    (
        "[[tcp]]\nstate = \"established\"\nlocal = \"1.2.3.4:5\"\n",
        "s.toml:3:9: a tcp socket in state `established` has a peer: add `remote`",
    ),
    (
        "[[tcp]]\nstate = \"listen\"\nlocal = \"1.2.3.4:5\"\nremote = \"1.2.3.4:6\"\n",
        "s.toml:3:9: a tcp socket in state `listen` has no peer: remove `remote`",
    ),
    (
        "[[udp]]\nlocal = \"1.2.3.4:5\"\nremote = \"[::1]:6\"\n",
        "s.toml:2:9: `local` and `remote` are of different families: write both as IPv4, both as IPv6, or both as `::ffff:a.b.c.d`",
    ),
    (
        "[[udp]]\nstate = \"listen\"\nlocal = \"1.2.3.4:5\"\n",
        "s.toml:3:9: a UDP socket is never in state `listen`: leave `state` out",
    ),
    (
        "[[udp]]\nlocal = \"1.2.3.4:0\"\n",
        "s.toml:2:9: port 0 is not a port: a socket in the table is bound, and a peer has one",
    ),
    (
        "[[udp]]\nnetns = \"blue\"\nlocal = \"1.2.3.4:5\"\n",
        "s.toml:2:9: no namespace `blue`: declare it under `[[netns]]` (`host`)",
    ),
    (
        "[[udp]]\nlocal = \"1.2.3.4:5\"\ndevice = \"eth0\"\n",
        "s.toml:3:10: no device `eth0` in namespace `host`: declare it in `devices` (`lo`)",
    ),
    (
        "[[udp]]\nlocal = \"1.2.3.4:5\"\n\n[[udp]]\nlocal = \"1.2.3.4:5\"\n",
        "s.toml:5:9: this local address has a socket already: to share it, write `reuseport = true` in both, or for UDP `reuseaddr = true` (the first is at s.toml:2:9)",
    ),
    (
        "[[tcp]]\nstate = \"time_wait\"\nlocal = \"1.2.3.4:5\"\nremote = \"1.2.3.4:6\"\n[[tcp]]\nstate = \"established\"\nlocal = \"[::ffff:1.2.3.4]:5\"\nremote = \"[::ffff:1.2.3.4]:6\"\n",
        "s.toml:7:9: this flow has a socket already: remove one (the first is at s.toml:3:9)",
    ),
    (
        "[[tcp]]\nstate = \"new_syn_recv\"\nlocal = \"1.2.3.4:5\"\nremote = \"1.2.3.4:6\"\n",
        "s.toml:3:9: no listener for this request socket: add a `listen` socket for its local address",
    ),
    (
        "[[netns]]\nname = \"a\"\n[[netns]]\nname = \"a\"\n",
        "s.toml:4:8: namespace `a` is there already: give each its own name",
    ),
    (
        "[[netns]]\nname = \"a\"\nnsids = { x = \"a\" }\n",
        "s.toml:3:11: a namespace id is a number: write `nsids = { \"7\" = \"name\" }`",
    ),
    (
        "[[netns]]\nname = \"a\"\nnsids = { 4294967295 = \"a\" }\n",
        "s.toml:3:11: namespace id 4294967295 is negative: write one from 0 to 2147483647",
    ),
    (
        "[[netns]]\nname = \"a\"\ndevices = [{ name = \"eth0\", ifindex = 1 }]\n",
        "s.toml:3:21: device `eth0` (ifindex 1) has the name or the ifindex of another one: give each its own",
    ),
    (
        "[[udp]]\nlocal = \"1.2.3.4:5\"\ntcp_info = { cwnd = 1 }\n",
        "s.toml:3:14: no field `cwnd`: write one of `snd_cwnd`",
    ),
    (
        "[[udp]]\nlocal = \"1.2.3.4:5\"\ntcp_info = { snd_cwnd = 4294967296 }\n",
        "s.toml:3:25: this number does not fit 32 bits: write a smaller one",
    ),
    (
        "[[udp]]\nlocal = \"1.2.3.4:5\"\nv6only = true\n",
        "s.toml:2:9: `v6only` is an option of IPv6 sockets: remove it",
    ),
    ("[[udp]]\nlocal = \"1.2.3.4:5\"\nmark = -1\n", "s.toml:3:8: "),
    ("[[udp]]\nlocal = \"1.2.3.4:5\"\ncolour = \"red\"\n", "s.toml:3:1: unknown field `colour`"),
    ("[[udp]]\nlocal = 1.2.3.4:5\n", "s.toml:2:"),
];

#[test]
fn every_mistake_has_its_place_and_says_what_to_do() {
    for (text, message) in MISTAKES {
        let error = read(text).map(|t| t.to_toml()).expect_err(text);
        assert!(error.starts_with(message), "{text}\n got {error}\nwant {message}");
        assert!(!error.ends_with('.') && !error.contains('\n'), "{error}");
    }
}

#[test]
fn documentation_examples_are_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sockets.md");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let examples: Vec<_> =
        text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 3);
    for example in examples {
        let table =
            SocketTable::from_toml("docs/sockets.md", example).unwrap_or_else(|e| panic!("{e}\n{example}"));
        assert!(table.read().sockets().next().is_some());
    }
}

/// Tables of everything that can be said, valid or refused by the builder.
fn some_info() -> impl Strategy<Value = SocketInfo> {
    let addr = prop::sample::select(vec!["0.0.0.0", "10.0.0.1", "::", "fd00::1", "::ffff:10.0.0.1"]);
    let end = (addr, 1..4u16)
        .prop_map(|(a, port)| Endpoint::new(a.parse::<std::net::IpAddr>().expect("an address"), port));
    let ends = (end.clone(), prop::option::of(end));
    let state = prop::sample::select(State::ALL.to_vec());
    let flags = any::<[bool; 4]>();
    let numbers = (any::<u32>(), any::<u32>(), any::<u32>(), any::<u64>(), any::<i32>());
    let tcp = (any::<u64>(), any::<u32>());
    (ends, state, flags, numbers, 0..3u32, tcp).prop_map(
        |((local, remote), state, flags, numbers, device, tcp)| {
            let protocol = if flags[0] { Protocol::Tcp } else { Protocol::Udp };
            let mut tcp_info = TcpInfo::default();
            assert!(tcp_info.set("bytes_acked", tcp.0) && tcp_info.set("srtt_us", tcp.1.into()));
            SocketInfo {
                remote,
                v6only: flags[1],
                reuseport: flags[2],
                reuseaddr: flags[3],
                mark: numbers.0,
                priority: numbers.1,
                uid: numbers.2,
                cookie: numbers.3,
                rx_queue: numbers.4,
                device,
                tcp: tcp_info,
                ..SocketInfo::new(NetnsId::FIRST, protocol, state, local)
            }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        infos in prop::collection::vec(some_info(), 0..20),
        name in any::<String>(),
        nsid in 0..=i32::MAX.cast_unsigned(),
    ) {
        let mut builder = SocketTable::builder();
        let first = builder.netns(&name).expect("the first");
        let second = builder.netns("second").or_else(|_| builder.netns("third")).expect("another name");
        builder.nsid(first, nsid, second).expect("free");
        let addresses = vec!["10.0.0.1/24".parse().expect("an address")];
        builder.device(first, Device { ifindex: 2, name: name.clone() + "0", addresses }).expect("free");
        for info in infos {
            let _ = builder.insert(info);
        }
        // Request sockets may lack a listener: then there is no table to write.
        if let Ok(table) = builder.build() {
            let text = table.to_toml();
            let again = SocketTable::from_toml("again", &text).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
            prop_assert_eq!(&again.to_toml(), &text);
            let infos = |t: &SocketTable, p| {
                t.read().sockets().map(|s| s.info()).filter(|i| i.protocol == p).collect::<Vec<_>>()
            };
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                prop_assert_eq!(infos(&again, protocol), infos(&table, protocol));
            }
        }
    }

    #[test]
    fn hostile_text_is_an_error_and_never_a_panic(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        keep in any::<prop::sample::Index>(),
    ) {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        for (at, byte) in cuts {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(keep.index(bytes.len() * 2).max(1));
        let text = String::from_utf8_lossy(&bytes);
        if let Err(error) = SocketTable::from_toml("s.toml", &text) {
            prop_assert!(error.place.line >= 1 && error.place.line <= text.matches('\n').count() + 1);
            prop_assert!(error.place.column >= 1);
        }
    }
}

#[test]
fn deep_and_wide_texts_are_refused_or_read() {
    let deep = format!("x = {}", "[".repeat(200_000));
    assert!(read(&deep).is_err());
    let wide = "[[udp]]\nlocal = \"0.0.0.0:1\"\nreuseport = true\n".repeat(20_000);
    assert_eq!(read(&wide).expect("a table").read().sockets().count(), 20_000);
}
