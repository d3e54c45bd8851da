//! The programs, what fills their maps, and how their answers read: the same for the kernel and for Belay.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use belay_object::btf::Kind;
use belay_object::{Object, Options};

/// The programs of one pass: which one a packet gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pass {
    /// `ingress` and `egress` by direction.
    Firewall,
    /// `ingress` alone.
    Ingress,
    /// `steer`.
    Steer,
}

impl Pass {
    pub(crate) const ALL: [Pass; 3] = [Pass::Firewall, Pass::Ingress, Pass::Steer];

    pub(crate) fn object(self) -> Object {
        let file = match self {
            Pass::Firewall | Pass::Ingress => "bpf/firewall.bpf.o",
            Pass::Steer => "bpf/steer.bpf.o",
        };
        let bytes = std::fs::read(crate::root().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        Object::parse(file, &bytes, &Options::default()).unwrap_or_else(|e| panic!("{e}"))
    }

    /// The program that this packet gets.
    pub(crate) fn program(self, packet: &[u8]) -> &'static str {
        match self {
            Pass::Firewall if crate::capture::leaves(packet) => "egress",
            Pass::Firewall | Pass::Ingress => "ingress",
            Pass::Steer => "steer",
        }
    }

    /// The name of an action.
    pub(crate) fn action(self, value: u32) -> String {
        let name = match (self, value.cast_signed()) {
            (Pass::Firewall | Pass::Ingress, -1) => "unspec",
            (Pass::Firewall | Pass::Ingress, 0) => "ok",
            (Pass::Firewall | Pass::Ingress, 2) => "shot",
            (Pass::Steer, 1) => "drop",
            (Pass::Steer, 2) => "pass",
            (Pass::Steer, 4) => "redirect",
            (_, other) => return other.to_string(),
        };
        name.into()
    }

    /// What its maps hold before the first packet: map, key, value.
    pub(crate) fn fills(self) -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
        match self {
            Pass::Firewall | Pass::Ingress => policy(),
            Pass::Steer => vec![("target", 0u32.to_ne_bytes().into(), target())],
        }
    }

    /// Whether the packet afterwards is what it should be: only `steer` changes one, and only its link addresses.
    pub(crate) fn check_packet(self, action: u32, before: &[u8], after: &[u8]) {
        let redirected = self == Pass::Steer && self.action(action) == "redirect";
        let link = if redirected { &TARGET_MACS[..] } else { &before[..12] };
        assert_eq!((&after[..12], &after[12..]), (link, &before[12..]), "the packet afterwards");
    }
}

/// The counters of a program, which say why it answers as it does.
pub(crate) struct Counters {
    reasons: Vec<String>,
    packets: Vec<u64>,
}

impl Counters {
    /// The counters of a fresh object; the enumeration in its types names them.
    pub(crate) fn of(pass: Pass, object: &Object) -> Counters {
        let name = if pass == Pass::Steer { "outcome" } else { "reason" };
        let btf = object.btf.as_ref().expect("types");
        let id = btf.find(name, |kind| matches!(kind, Kind::Enum { .. })).expect("the enumeration");
        let Kind::Enum { values, .. } = btf.get(id).kind else { panic!("an enumeration") };
        for (index, value) in values.iter().enumerate() {
            assert_eq!(value.value, index as u64, "counters are numbered from 0");
        }
        let reasons: Vec<String> = values.iter().map(|value| value.name.to_string()).collect();
        Counters { packets: vec![0; reasons.len()], reasons }
    }

    /// The one counter that went up since the last packet. `read` gives the value of an entry of `stats`, one `struct count`
    /// a CPU. A suppressed event is counted beside it, and depends on the clock.
    pub(crate) fn raised(&mut self, read: impl Fn(u32) -> Option<Vec<u8>>) -> String {
        let mut raised = Vec::new();
        for ((index, reason), before) in (0u32..).zip(&self.reasons).zip(&mut self.packets) {
            let value = read(index).unwrap_or_default();
            let cpus = value.chunks_exact(16).filter_map(|cpu| cpu.first_chunk().copied());
            let packets = cpus.map(u64::from_ne_bytes).sum();
            if packets != *before && reason != "EVENTS_SUPPRESSED" {
                raised.push(reason.as_str());
            }
            *before = packets;
        }
        assert_eq!(raised.len(), 1, "each packet is counted once: {raised:?}");
        raised.concat()
    }
}

/// The device of every capture, which `steer` also redirects to, and the link addresses that it writes.
pub(crate) const IFINDEX: u32 = 2;
const TARGET_MACS: [u8; 12] = [2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8];

fn target() -> Vec<u8> {
    [&IFINDEX.to_ne_bytes()[..], &TARGET_MACS, &1u32.to_ne_bytes()].concat()
}

/// TCP 8080, UDP 9000 and pings from everywhere, but nothing from one stranger; SSH from a network that is not here.
fn policy() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    const ANY: (IpAddr, u32) = (IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0);
    let elsewhere = (Ipv4Addr::new(192, 0, 2, 128).into(), 96 + 25);
    let stranger = ("2001:db8::3".parse().expect("an address"), 128);
    [
        (6, 8080, ANY, true),
        (17, 9000, ANY, true),
        (1, 8, ANY, true),
        (58, 128, ANY, true),
        (58, 128, stranger, false),
        (6, 22, elsewhere, true),
    ]
    .into_iter()
    .map(|(protocol, port, source, allow)| {
        ("policy", policy_key(protocol, port, source), u32::from(allow).to_ne_bytes().into())
    })
    .collect()
}

/// `struct policy_key`; of the prefix only the bits of the address are counted here.
fn policy_key(protocol: u8, port: u16, (source, prefix): (IpAddr, u32)) -> Vec<u8> {
    let source = match source {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    [&(32 + prefix).to_ne_bytes()[..], &[protocol, 0], &port.to_be_bytes(), &source.octets()].concat()
}
