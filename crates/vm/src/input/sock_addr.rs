//! Addresses that a process names, before the kernel takes them: `connect`, `bind`, `sendmsg`, and their answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Sock;
use super::sock::family;

/// What hooks of addresses run on (`bpf_sock_addr`). The program may change the address, as if the process had given another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SockAddr {
    /// The socket of the call.
    pub sock: Sock,
    /// The address: what `connect` or `sendmsg` is to reach, `bind` to take, or the others to answer.
    pub address: UserAddress,
    /// The address that a message is to be sent from; 0 for the kernel to choose (`sendmsg4`, `sendmsg6`).
    pub source: IpAddr,
    /// What the program's `bpf_set_retval` set: an error (negative), or 0.
    pub retval: i32,
    /// Where the program's `bpf_bind` bound the socket, before it is connected.
    pub bound: Option<SocketAddr>,
}

/// An address of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserAddress {
    /// `AF_INET`, `AF_INET6`.
    Inet(SocketAddr),
    /// `AF_UNIX`: the path.
    Unix(Vec<u8>),
}

impl UserAddress {
    /// Its family's number.
    pub(crate) fn family(&self) -> u32 {
        match self {
            UserAddress::Inet(SocketAddr::V4(_)) => family::INET,
            UserAddress::Inet(SocketAddr::V6(_)) => family::INET6,
            UserAddress::Unix(_) => family::UNIX,
        }
    }
}

impl SockAddr {
    /// A call on this socket with this Internet address.
    pub fn new(sock: Sock, address: SocketAddr) -> SockAddr {
        let source = match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        SockAddr { sock, address: UserAddress::Inet(address), source, retval: 0, bound: None }
    }

    /// A call on a Unix socket with this path.
    pub fn unix(sock: Sock, path: &[u8]) -> SockAddr {
        let address = UserAddress::Unix(path.to_vec());
        SockAddr { sock, address, source: IpAddr::V4(Ipv4Addr::UNSPECIFIED), retval: 0, bound: None }
    }
}

impl Default for SockAddr {
    /// A TCP socket's call with 0.0.0.0:0.
    fn default() -> Self {
        SockAddr::new(Sock::tcp4(), SocketAddr::from(([0; 4], 0)))
    }
}
