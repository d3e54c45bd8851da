//! What describes a socket, and the addresses that Linux makes of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::address::{Endpoint, Family, Protocol, Tuple};
use crate::namespace::NetnsId;
use crate::reference::Lifetime;
use crate::state::State;
use crate::view::TcpInfo;

/// What describes a socket: the input of a table. [`SocketInfo::new`] fills in what Linux gives a fresh socket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SocketInfo {
    /// The namespace it lives in.
    pub netns: NetnsId,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Its state. UDP is `Established` if it has a peer, else `Close`.
    pub state: State,
    /// The local end. An IPv6 address makes it an `AF_INET6` socket; `::ffff:a.b.c.d` is one that carries IPv4.
    pub local: Endpoint,
    /// The remote end, for the states that have one.
    pub remote: Option<Endpoint>,
    /// `IPV6_V6ONLY`. `bind` turns it on for an IPv6 address that is neither `::` nor mapped, so that is the default for one.
    pub v6only: bool,
    /// The device of `SO_BINDTODEVICE`, as an ifindex; 0 for none.
    pub device: u32,
    /// `SO_REUSEPORT`: listeners and UDP sockets of one address, family, device and user share it as a group. `false` on a
    /// UDP socket that was bound to the wildcard and then connected: its address is no longer that of its group.
    pub reuseport: bool,
    /// `SO_REUSEADDR` (UDP): the same address may be bound twice.
    pub reuseaddr: bool,
    /// `SO_MARK`.
    pub mark: u32,
    /// `SO_PRIORITY`.
    pub priority: u32,
    /// The owner; sockets of different users are never in one reuseport group.
    pub uid: u32,
    /// `SO_COOKIE`; 0 lets the table choose one.
    pub cookie: u64,
    /// The receive queue, -1 if none was recorded.
    pub rx_queue: i32,
    /// What `struct bpf_tcp_sock` shows.
    pub tcp: TcpInfo,
}

impl SocketInfo {
    /// A socket with Linux's defaults and no peer: nothing bound but `local`, no options.
    pub fn new(netns: NetnsId, protocol: Protocol, state: State, local: Endpoint) -> Self {
        SocketInfo {
            netns,
            protocol,
            state,
            local,
            remote: None,
            v6only: is_v6only_address(local.addr),
            device: 0,
            reuseport: false,
            reuseaddr: false,
            mark: 0,
            priority: 0,
            uid: 0,
            cookie: 0,
            rx_queue: -1,
            tcp: TcpInfo::default(),
        }
    }

    /// The same socket with this peer.
    #[must_use]
    pub fn to(self, remote: Endpoint) -> Self {
        SocketInfo { remote: Some(remote), ..self }
    }

    /// The family, which follows from the local address.
    pub fn family(&self) -> Family {
        self.local.family()
    }

    /// Whether programs hold it by reference count. Listeners and UDP sockets are freed after a grace period instead
    /// (`SOCK_RCU_FREE`), so a lookup takes no reference and a release gives none back.
    pub fn lifetime(&self) -> Lifetime {
        match (self.protocol, self.state) {
            (Protocol::Udp, _) | (Protocol::Tcp, State::Listen) => Lifetime::Rcu,
            (Protocol::Tcp, _) => Lifetime::Counted,
        }
    }
}

/// What Linux keeps as the local IPv4 address of a socket whose local address only IPv6 has (measured on 6.18).
pub(crate) const NO_IPV4: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 6);

/// The four addresses that Linux keeps for every socket whatever its family. Lookups compare these and programs read
/// them, so an IPv4 lookup and the IPv4 fields of an IPv6 socket follow from one rule.
///
/// Two of them depend on the socket's history, which a table does not know; programs that look at the family first never
/// see it. The remote IPv4 address of an IPv6 flow is zero here, as after `connect`, but [`NO_IPV4`] on a TCP socket that was
/// accepted. The local IPv6 address of an IPv4 TCP flow is mapped here, but zero if the socket was bound before it connected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct KernelAddresses {
    pub(crate) local4: Ipv4Addr,
    pub(crate) remote4: Ipv4Addr,
    pub(crate) local6: Ipv6Addr,
    pub(crate) remote6: Ipv6Addr,
}

impl KernelAddresses {
    pub(crate) fn of(info: &SocketInfo) -> Self {
        let remote = info.remote.map(|r| r.addr);
        // Linux writes the mapped form beside an IPv4 address when TCP connects or accepts; `bind`, UDP and the making of a time-wait
        // socket do not.
        let mapped =
            info.protocol == Protocol::Tcp && info.state.is_connected() && info.state != State::TimeWait;
        let ipv6 = |addr| match addr {
            IpAddr::V4(a) if mapped => a.to_ipv6_mapped(),
            IpAddr::V4(_) => Ipv6Addr::UNSPECIFIED,
            IpAddr::V6(a) => a,
        };
        KernelAddresses {
            local4: ipv4(info.local.addr).unwrap_or(NO_IPV4),
            remote4: remote.and_then(ipv4).unwrap_or(Ipv4Addr::UNSPECIFIED),
            local6: ipv6(info.local.addr),
            remote6: remote.map_or(Ipv6Addr::UNSPECIFIED, ipv6),
        }
    }
}

/// The IPv4 address that an address stands for.
fn ipv4(addr: IpAddr) -> Option<Ipv4Addr> {
    match addr {
        IpAddr::V4(a) => Some(a),
        IpAddr::V6(a) if a.is_unspecified() => Some(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(a) => a.to_ipv4_mapped(),
    }
}

/// Whether `bind` to this address makes an IPv6 socket take IPv6 only.
pub(crate) fn is_v6only_address(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(_) => false,
        IpAddr::V6(a) => !a.is_unspecified() && a.to_ipv4_mapped().is_none(),
    }
}

/// The flow of a connected socket in packet order; IPv4 if both ends are IPv4 or mapped.
pub(crate) fn flow_of(info: &SocketInfo) -> Option<Tuple> {
    let is_flow = match info.protocol {
        Protocol::Tcp => info.state.is_connected(),
        Protocol::Udp => info.state == State::Established,
    };
    let remote = info.remote.filter(|_| is_flow)?;
    Tuple::new(unmapped(remote), unmapped(info.local)).or_else(|| Tuple::new(remote, info.local))
}

fn unmapped(end: Endpoint) -> Endpoint {
    match end.addr {
        IpAddr::V6(a) => a.to_ipv4_mapped().map_or(end, |v4| Endpoint::new(v4, end.port)),
        IpAddr::V4(_) => end,
    }
}
