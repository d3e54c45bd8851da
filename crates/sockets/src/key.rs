//! What sockets are found by, as words and as a hash: a flow, a local address and port, a cookie.
//!
//! The hash has a seed of its own in every table, since it is strangers who choose the flows.

use std::hash::{BuildHasher, Hasher as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::address::{Endpoint, Protocol, Tuple};
use crate::namespace::NetnsId;

use foldhash::fast::RandomState;

/// The hash of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hasher(RandomState);

impl Hasher {
    #[inline]
    fn of<const N: usize>(&self, words: [u64; N]) -> u64 {
        if cfg!(belay_loom) {
            // The same every time; and sockets meet, but those with odd remote ports none with even ones.
            return words.iter().fold(0, |all, word| all ^ word) >> 48 & 1;
        }
        let mut hasher = self.0.build_hasher();
        for word in words {
            hasher.write_u64(word);
        }
        hasher.finish()
    }

    /// The hash of a flow's key.
    #[inline]
    pub(crate) fn flow(&self, words: [u64; 2]) -> u64 {
        self.of(words)
    }

    /// The hash of a local address and port. Linux takes a mapped address for the IPv4 address in it, and the two wildcards
    /// for one; so does this.
    #[inline]
    pub(crate) fn local(&self, netns: NetnsId, protocol: Protocol, at: Endpoint) -> u64 {
        let address = u128::from(canonical(at.addr));
        self.of([(address >> 64) as u64, address as u64, rest(netns, protocol, false, [0, at.port])])
    }

    /// The hash of a port.
    pub(crate) fn port(&self, netns: NetnsId, port: u16) -> u64 {
        self.of([rest(netns, Protocol::Udp, true, [0, port])])
    }

    /// The hash of a cookie.
    pub(crate) fn cookie(&self, cookie: u64) -> u64 {
        self.of([cookie])
    }
}

/// The IPv6 address that stands for an address and those that Linux hashes like it.
#[inline]
fn canonical(addr: IpAddr) -> Ipv6Addr {
    let v4 = match addr {
        IpAddr::V4(a) => a,
        IpAddr::V6(a) => match a.to_ipv4_mapped() {
            Some(v4) => v4,
            None => return a,
        },
    };
    if v4 == Ipv4Addr::UNSPECIFIED { Ipv6Addr::UNSPECIFIED } else { v4.to_ipv6_mapped() }
}

/// Ports, protocol, family and namespace in one word. A namespace's number has 30 bits ([`NetnsId::MOST`]).
#[inline]
fn rest(netns: NetnsId, protocol: Protocol, v6: bool, ports: [u16; 2]) -> u64 {
    let [sport, dport] = ports.map(u64::from);
    let (udp, v6) = (u64::from(protocol == Protocol::Udp), u64::from(v6));
    sport << 48 | dport << 32 | v6 << 31 | udp << 30 | u64::from(netns.0)
}

/// A flow's key in two words, which of an IPv4 flow say everything. Of an IPv6 flow the first is the hash of its addresses.
#[inline]
pub(crate) fn flow(netns: NetnsId, protocol: Protocol, tuple: &Tuple, hasher: &Hasher) -> [u64; 2] {
    match *tuple {
        Tuple::V4 { saddr, daddr, sport, dport } => {
            let ends = u64::from(u32::from(saddr)) << 32 | u64::from(u32::from(daddr));
            [ends, rest(netns, protocol, false, [sport, dport])]
        }
        Tuple::V6 { saddr, daddr, sport, dport } => {
            let [s, d] = [u128::from(saddr), u128::from(daddr)];
            let ends = hasher.of([(s >> 64) as u64, s as u64, (d >> 64) as u64, d as u64]);
            [ends, rest(netns, protocol, true, [sport, dport])]
        }
    }
}
