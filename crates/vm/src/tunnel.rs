//! Tunnels, as far as programs see them: the key and the options that a packet came with, or is to be sent with.
//!
//! The kernel keeps them beside the packet (`struct ip_tunnel_info`); the device that sends it writes the headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The tunnel of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// The tunnel's number: a VNI, a GRE key.
    pub id: u32,
    /// The outer source address. Of a packet to be sent: this host's.
    pub source: IpAddr,
    /// The outer destination address.
    pub destination: IpAddr,
    /// The outer type of service.
    pub tos: u8,
    /// The outer hop limit.
    pub ttl: u8,
    /// The outer flow label, 20 bits.
    pub label: u32,
    /// Flags of `enum` `IP_TUNNEL_*_BIT`, by bit.
    pub flags: u16,
    /// Options: of Geneve, VXLAN, ERSPAN or GTP.
    pub options: Vec<u8>,
    /// Whether a program has set it, for sending; it may then set options, too.
    pub sending: bool,
}

impl Tunnel {
    /// An IPv4 tunnel of that number, without addresses.
    pub fn new(id: u32) -> Tunnel {
        let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Tunnel {
            id,
            source: nowhere,
            destination: nowhere,
            tos: 0,
            ttl: 0,
            label: 0,
            flags: 0,
            options: Vec::new(),
            sending: false,
        }
    }

    /// Whether its outer headers are IPv6.
    pub(crate) fn is_v6(&self) -> bool {
        self.source.is_ipv6()
    }
}

/// The words of an address as `struct bpf_tunnel_key` has them: an IPv4 address in host order, an IPv6 address as it is.
pub(crate) fn words_of(address: IpAddr) -> [u8; 16] {
    let mut words = [0; 16];
    match address {
        IpAddr::V4(v4) => words[..4].copy_from_slice(&v4.to_bits().to_le_bytes()),
        IpAddr::V6(v6) => words = v6.octets(),
    }
    words
}

/// The address in such words.
pub(crate) fn address_in(words: [u8; 16], v6: bool) -> IpAddr {
    let [a, b, c, d, ..] = words;
    if v6 { Ipv6Addr::from(words).into() } else { Ipv4Addr::from(u32::from_le_bytes([a, b, c, d])).into() }
}
