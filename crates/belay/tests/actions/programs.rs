//! The programs, what fills their maps, and how their answers read: the same for the kernel and for Belay.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use belay_object::btf::Kind;
use belay_object::{Object, Options};

/// The programs of one pass: which one a packet gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pass {
    /// `ingress` and `egress` by direction.
    Firewall,
    /// `ingress` alone.
    Ingress,
    /// `steer`.
    Steer,
}

impl Pass {
    pub const ALL: [Pass; 3] = [Pass::Firewall, Pass::Ingress, Pass::Steer];

    pub fn object(self) -> Object {
        let file = match self {
            Pass::Firewall | Pass::Ingress => "bpf/firewall.bpf.o",
            Pass::Steer => "bpf/steer.bpf.o",
        };
        let bytes = std::fs::read(crate::root().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        Object::parse(file, &bytes, &Options::default()).unwrap_or_else(|e| panic!("{e}"))
    }

    /// The program that this packet gets.
    pub fn program(self, packet: &[u8]) -> &'static str {
        match self {
            Pass::Firewall if crate::capture::leaves(packet) => "egress",
            Pass::Firewall | Pass::Ingress => "ingress",
            Pass::Steer => "steer",
        }
    }

    /// The name of an action.
    pub fn action(self, value: u32) -> String {
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
    pub fn fills(self) -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
        match self {
            Pass::Firewall | Pass::Ingress => policy(),
            Pass::Steer => vec![("target", 0u32.to_ne_bytes().into(), target())],
        }
    }

    /// Counters that say why, and the enumeration that names them.
    pub fn reasons(self, object: &Object) -> Vec<String> {
        let name = if self == Pass::Steer { "outcome" } else { "reason" };
        let btf = object.btf.as_ref().expect("types");
        let id = btf.find(name, |kind| matches!(kind, Kind::Enum { .. })).expect("the enumeration");
        let Kind::Enum { values, .. } = btf.get(id).kind else { panic!("an enumeration") };
        for (index, value) in values.iter().enumerate() {
            assert_eq!(value.value, index as u64, "counters are numbered from 0");
        }
        values.iter().map(|value| value.name.to_string()).collect()
    }
}

/// The device that `steer` redirects to, and the link addresses that it writes.
pub const TARGET_IFINDEX: u32 = 2;
pub const TARGET_MACS: [u8; 12] = [2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8];

fn target() -> Vec<u8> {
    [&TARGET_IFINDEX.to_ne_bytes()[..], &TARGET_MACS, &1u32.to_ne_bytes()].concat()
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
