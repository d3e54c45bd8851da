//! Addresses as packets, sockets and `struct bpf_sock_tuple` carry them, and the IPv4 shadow of an IPv6 socket.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// The transport protocol of a socket or a lookup.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Protocol {
    /// `IPPROTO_TCP`.
    Tcp,
    /// `IPPROTO_UDP`.
    Udp,
}

impl Protocol {
    /// The IP protocol number, the `protocol` field of `struct bpf_sock`.
    pub fn number(self) -> u8 {
        match self {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
        }
    }

    /// The socket type (`SOCK_STREAM`, `SOCK_DGRAM`), the `type` field of `struct bpf_sock`.
    pub fn socket_type(self) -> u8 {
        match self {
            Protocol::Tcp => 1,
            Protocol::Udp => 2,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        })
    }
}

/// The address family of a socket. A dual-stack socket that carries IPv4 is still [`Family::V6`], as in Linux.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Family {
    /// `AF_INET`.
    V4,
    /// `AF_INET6`.
    V6,
}

impl Family {
    /// The number of the family, the `family` field of `struct bpf_sock`.
    pub fn number(self) -> u8 {
        match self {
            Family::V4 => 2,
            Family::V6 => 10,
        }
    }
}

/// An address and a port (host order): one end of a flow. Written `10.0.0.1:22` and `[fe80::1]:22`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Endpoint {
    /// The address; an IPv6 socket that carries IPv4 has `::ffff:a.b.c.d` here.
    pub addr: IpAddr,
    /// The port, in host order.
    pub port: u16,
}

impl Endpoint {
    /// An endpoint of `addr` and `port` (host order).
    pub fn new(addr: impl Into<IpAddr>, port: u16) -> Self {
        Endpoint { addr: addr.into(), port }
    }

    /// The family of a socket that has this endpoint.
    pub fn family(self) -> Family {
        match self.addr {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", SocketAddr::new(self.addr, self.port))
    }
}

impl FromStr for Endpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(SocketAddr::V4(a)) => Ok(Endpoint::new(*a.ip(), a.port())),
            Ok(SocketAddr::V6(a)) if a.scope_id() == 0 => Ok(Endpoint::new(*a.ip(), a.port())),
            Ok(SocketAddr::V6(_)) => Err("a scope belongs in `device = \"…\"`, not in the address"),
            Err(_) => Err("write an address and a port, as `10.0.0.1:22` or `[2001:db8::1]:22`"),
        }
    }
}

/// The 4-tuple of a lookup in *packet order*: `s…` is the packet's sender, `d…` its destination (`struct
/// bpf_sock_tuple`). On egress a program must flip it: `saddr` is then the address of the remote end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Tuple {
    /// `ipv4`, 12 bytes.
    V4 {
        /// Source address.
        saddr: Ipv4Addr,
        /// Destination address.
        daddr: Ipv4Addr,
        /// Source port, host order.
        sport: u16,
        /// Destination port, host order.
        dport: u16,
    },
    /// `ipv6`, 36 bytes.
    V6 {
        /// Source address.
        saddr: Ipv6Addr,
        /// Destination address.
        daddr: Ipv6Addr,
        /// Source port, host order.
        sport: u16,
        /// Destination port, host order.
        dport: u16,
    },
}

impl Tuple {
    /// `tuple_size` of the IPv4 form, in bytes.
    pub const V4_SIZE: usize = 12;
    /// `tuple_size` of the IPv6 form, in bytes.
    pub const V6_SIZE: usize = 36;

    /// Reads the bytes that a program hands to a lookup helper: addresses and ports in network order. The length
    /// selects the family; any length but 12 and 36 is `None`, for which the helpers return NULL (measured).
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.len() {
            Self::V4_SIZE => Some(Tuple::V4 {
                saddr: Ipv4Addr::from(field::<4>(bytes, 0)?),
                daddr: Ipv4Addr::from(field::<4>(bytes, 4)?),
                sport: u16::from_be_bytes(field(bytes, 8)?),
                dport: u16::from_be_bytes(field(bytes, 10)?),
            }),
            Self::V6_SIZE => Some(Tuple::V6 {
                saddr: Ipv6Addr::from(field::<16>(bytes, 0)?),
                daddr: Ipv6Addr::from(field::<16>(bytes, 16)?),
                sport: u16::from_be_bytes(field(bytes, 32)?),
                dport: u16::from_be_bytes(field(bytes, 34)?),
            }),
            _ => None,
        }
    }

    /// The bytes of `struct bpf_sock_tuple`'s member for this family, in network order.
    pub fn to_bytes(self) -> Vec<u8> {
        match self {
            Tuple::V4 { saddr, daddr, sport, dport } => {
                [&saddr.octets()[..], &daddr.octets(), &sport.to_be_bytes(), &dport.to_be_bytes()].concat()
            }
            Tuple::V6 { saddr, daddr, sport, dport } => {
                [&saddr.octets()[..], &daddr.octets(), &sport.to_be_bytes(), &dport.to_be_bytes()].concat()
            }
        }
    }

    /// The tuple of a packet from `source` to `destination`; `None` if their families differ.
    pub fn new(source: Endpoint, destination: Endpoint) -> Option<Self> {
        let (sport, dport) = (source.port, destination.port);
        match (source.addr, destination.addr) {
            (IpAddr::V4(saddr), IpAddr::V4(daddr)) => Some(Tuple::V4 { saddr, daddr, sport, dport }),
            (IpAddr::V6(saddr), IpAddr::V6(daddr)) => Some(Tuple::V6 { saddr, daddr, sport, dport }),
            _ => None,
        }
    }

    /// The tuple of the answer: source and destination exchanged.
    #[must_use]
    pub fn flip(self) -> Self {
        match self {
            Tuple::V4 { saddr, daddr, sport, dport } => {
                Tuple::V4 { saddr: daddr, daddr: saddr, sport: dport, dport: sport }
            }
            Tuple::V6 { saddr, daddr, sport, dport } => {
                Tuple::V6 { saddr: daddr, daddr: saddr, sport: dport, dport: sport }
            }
        }
    }

    /// The packet's sender: the remote end of a socket that it is for.
    pub fn source(self) -> Endpoint {
        match self {
            Tuple::V4 { saddr, sport, .. } => Endpoint::new(saddr, sport),
            Tuple::V6 { saddr, sport, .. } => Endpoint::new(saddr, sport),
        }
    }

    /// The packet's destination: the local end of a socket that it is for.
    pub fn destination(self) -> Endpoint {
        match self {
            Tuple::V4 { daddr, dport, .. } => Endpoint::new(daddr, dport),
            Tuple::V6 { daddr, dport, .. } => Endpoint::new(daddr, dport),
        }
    }
}

impl fmt::Display for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.source(), self.destination())
    }
}

fn field<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_tuple_is_read_in_packet_order_and_network_order() {
        let bytes = [10, 0, 0, 2, 10, 0, 0, 1, 0x9c, 0x40, 0x01, 0xbb];
        let tuple = Tuple::from_bytes(&bytes).expect("12 bytes");
        assert_eq!(tuple.to_string(), "10.0.0.2:40000 -> 10.0.0.1:443");
        assert_eq!(tuple.to_bytes(), bytes);
        assert_eq!(tuple.flip().to_string(), "10.0.0.1:443 -> 10.0.0.2:40000");
    }

    #[test]
    fn only_two_sizes_are_tuples() {
        for size in 0..64 {
            assert_eq!(Tuple::from_bytes(&vec![0; size]).is_some(), size == 12 || size == 36, "{size} bytes");
        }
    }

    #[test]
    fn an_endpoint_with_a_scope_is_refused() {
        assert!("[fe80::1%2]:80".parse::<Endpoint>().is_err());
        assert!("10.0.0.1".parse::<Endpoint>().is_err());
    }

    proptest! {
        #[test]
        fn tuples_and_endpoints_survive_the_round_trip(bytes in prop::collection::vec(any::<u8>(), 36)) {
            for size in [12, 36] {
                let tuple = Tuple::from_bytes(&bytes[..size]).expect("a tuple size");
                prop_assert_eq!(tuple.to_bytes(), &bytes[..size]);
                prop_assert_eq!(tuple.flip().flip(), tuple);
                prop_assert_eq!(Tuple::new(tuple.source(), tuple.destination()), Some(tuple));
                prop_assert_eq!(tuple.source().to_string().parse::<Endpoint>(), Ok(tuple.source()));
            }
        }
    }
}
