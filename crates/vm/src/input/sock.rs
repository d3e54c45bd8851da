//! The socket that a program runs for, where it is in no table: a model of one.
//!
//! Hooks of sockets run while a socket is made, bound, connected, configured: before any lookup could find it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use belay_sockets::{Socket, State, TcpInfo};

/// `AF_UNIX`, `AF_INET`, `AF_INET6`.
pub(crate) mod family {
    pub(crate) const UNIX: u32 = 1;
    pub(crate) const INET: u32 = 2;
    pub(crate) const INET6: u32 = 10;
}

/// `SOCK_STREAM`, `SOCK_DGRAM`; `IPPROTO_TCP`, `IPPROTO_UDP`.
const STREAM: u32 = 1;
const DATAGRAM: u32 = 2;
const TCP: u32 = 6;
const UDP: u32 = 17;

/// A socket: the fields of `struct bpf_sock`, `struct bpf_tcp_sock` behind them, and its options. A new one is as `socket`
/// makes it. What hooks of sockets (`sock_create`, `post_bind4`, …) run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sock {
    /// The device that it is bound to; 0 for none.
    pub device: u32,
    /// `AF_INET`, `AF_INET6`, …
    pub family: u32,
    /// `SOCK_STREAM`, `SOCK_DGRAM`, … (the field `type`).
    pub kind: u32,
    /// `IPPROTO_TCP`, `IPPROTO_UDP`, …
    pub protocol: u32,
    /// `SO_MARK`.
    pub mark: u32,
    /// `SO_PRIORITY`.
    pub priority: u32,
    /// The local IPv4 address.
    pub src_ip4: Ipv4Addr,
    /// The local IPv6 address.
    pub src_ip6: Ipv6Addr,
    /// The local port.
    pub src_port: u16,
    /// The remote port (in network order where programs see it).
    pub dst_port: u16,
    /// The remote IPv4 address.
    pub dst_ip4: Ipv4Addr,
    /// The remote IPv6 address.
    pub dst_ip6: Ipv6Addr,
    /// Its state.
    pub state: State,
    /// The receive queue, -1 if none was recorded.
    pub rx_queue_mapping: i32,
    /// What `struct bpf_tcp_sock` shows, if it is a TCP socket.
    pub tcp: TcpInfo,
    /// `SO_COOKIE`.
    pub cookie: u64,
    /// The owner.
    pub uid: u32,
    /// Options that were set, by level and name.
    pub options: BTreeMap<(i32, i32), Vec<u8>>,
    /// What a hook's `bpf_set_retval` set: an error (negative), or 0.
    pub retval: i32,
}

impl Default for Sock {
    /// A TCP socket of IPv4.
    fn default() -> Self {
        Sock::tcp4()
    }
}

impl Sock {
    /// A new socket of any family, type and protocol.
    pub fn new(family: u32, kind: u32, protocol: u32) -> Sock {
        Sock {
            device: 0,
            family,
            kind,
            protocol,
            mark: 0,
            priority: 0,
            src_ip4: Ipv4Addr::UNSPECIFIED,
            src_ip6: Ipv6Addr::UNSPECIFIED,
            src_port: 0,
            dst_port: 0,
            dst_ip4: Ipv4Addr::UNSPECIFIED,
            dst_ip6: Ipv6Addr::UNSPECIFIED,
            state: State::Close,
            rx_queue_mapping: -1,
            tcp: TcpInfo::default(),
            cookie: 1,
            uid: 0,
            options: BTreeMap::new(),
            retval: 0,
        }
    }

    /// `socket(AF_INET, SOCK_STREAM, 0)`
    pub fn tcp4() -> Sock {
        Sock::new(family::INET, STREAM, TCP)
    }

    /// `socket(AF_INET6, SOCK_STREAM, 0)`
    pub fn tcp6() -> Sock {
        Sock::new(family::INET6, STREAM, TCP)
    }

    /// `socket(AF_INET, SOCK_DGRAM, 0)`
    pub fn udp4() -> Sock {
        Sock::new(family::INET, DATAGRAM, UDP)
    }

    /// `socket(AF_INET6, SOCK_DGRAM, 0)`
    pub fn udp6() -> Sock {
        Sock::new(family::INET6, DATAGRAM, UDP)
    }

    /// The same socket, bound to this address.
    #[must_use]
    pub fn bound(mut self, local: SocketAddr) -> Sock {
        /// What Linux keeps as the IPv4 address of a socket whose address only IPv6 has.
        const NO_IPV4: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 6);
        self.src_port = local.port();
        match local.ip() {
            IpAddr::V4(ip) => self.src_ip4 = ip,
            IpAddr::V6(ip) => {
                let elsewhere = if ip.is_unspecified() { Ipv4Addr::UNSPECIFIED } else { NO_IPV4 };
                self.src_ip4 = ip.to_ipv4_mapped().unwrap_or(elsewhere);
                self.src_ip6 = ip;
            }
        }
        self
    }

    /// The same socket, connected to this address.
    #[must_use]
    pub fn connected(mut self, remote: SocketAddr) -> Sock {
        (self.dst_port, self.state) = (remote.port(), State::Established);
        match remote.ip() {
            IpAddr::V4(ip) => self.dst_ip4 = ip,
            IpAddr::V6(ip) => self.dst_ip6 = ip,
        }
        self
    }

    /// Whether it is one of UDP.
    pub(crate) fn is_udp(&self) -> bool {
        self.kind == DATAGRAM && self.protocol == UDP && matches!(self.family, family::INET | family::INET6)
    }

    /// Whether there is something behind `struct bpf_tcp_sock`.
    pub(crate) fn is_tcp(&self) -> bool {
        self.kind == STREAM && self.protocol == TCP && matches!(self.family, family::INET | family::INET6)
    }
}

impl From<&Socket> for Sock {
    /// A model of a table's socket.
    fn from(socket: &Socket) -> Sock {
        let info = socket.info();
        let (family, protocol) = (u32::from(info.family().number()), u32::from(info.protocol.number()));
        let mut sock = Sock::new(family, u32::from(info.protocol.socket_type()), protocol);
        sock = sock.bound(SocketAddr::new(info.local.addr, info.local.port));
        if let Some(remote) = info.remote {
            sock = sock.connected(SocketAddr::new(remote.addr, remote.port));
        }
        Sock {
            device: info.device,
            mark: info.mark,
            priority: info.priority,
            state: info.state,
            rx_queue_mapping: info.rx_queue,
            tcp: info.tcp.clone(),
            cookie: info.cookie,
            uid: info.uid,
            ..sock
        }
    }
}
