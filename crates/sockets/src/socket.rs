//! A socket: what describes it, and the object that a table holds.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::address::{Endpoint, Family, Protocol};
use crate::namespace::NetnsId;
use crate::reference::{Found, Lifetime, ReleaseError};
use crate::reuseport::GroupId;
use crate::state::State;
use crate::view::{self, SOCK_VIEW_SIZE, TCP_VIEW_SIZE, TcpInfo};

/// Names one socket of a table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SocketId(pub(crate) u32);

impl SocketId {
    /// Its place in the table's order of insertion.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "socket#{}", self.0)
    }
}

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
    fn of(info: &SocketInfo) -> Self {
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

/// A socket of a table.
///
/// Its layout is fixed: the bytes of `struct bpf_sock` come first, those of `struct bpf_tcp_sock` at
/// [`Socket::TCP_VIEW_OFFSET`], both 8-byte aligned. A runner may thus use one address for all views of a socket and
/// find the `Socket` again from it.
#[repr(C, align(8))]
#[derive(Debug)]
pub struct Socket {
    view: [u8; SOCK_VIEW_SIZE],
    tcp_view: [u8; TCP_VIEW_SIZE],
    /// References that programs hold. Not the table's own: a socket in its table is always alive.
    references: AtomicU64,
    id: SocketId,
    info: SocketInfo,
    addresses: KernelAddresses,
    group: Option<GroupId>,
    listener: Option<SocketId>,
}

impl Socket {
    /// Where [`Socket::view`] lies in the object, in bytes.
    pub const VIEW_OFFSET: usize = std::mem::offset_of!(Socket, view);
    /// Where [`Socket::tcp_view`] lies in the object, in bytes.
    pub const TCP_VIEW_OFFSET: usize = std::mem::offset_of!(Socket, tcp_view);

    pub(crate) fn new(id: SocketId, info: SocketInfo, group: Option<GroupId>) -> Self {
        let addresses = KernelAddresses::of(&info);
        Socket {
            view: view::sock(&info, &addresses),
            tcp_view: info.tcp.to_bytes(),
            references: AtomicU64::new(0),
            id,
            info,
            addresses,
            group,
            listener: None,
        }
    }

    pub(crate) fn set_listener(&mut self, listener: SocketId) {
        self.listener = Some(listener);
    }

    pub(crate) fn addresses(&self) -> &KernelAddresses {
        &self.addresses
    }

    /// Its name in the table.
    pub fn id(&self) -> SocketId {
        self.id
    }

    /// What describes it.
    pub fn info(&self) -> &SocketInfo {
        &self.info
    }

    /// Its reuseport group.
    pub fn group(&self) -> Option<GroupId> {
        self.group
    }

    /// Of a request socket: the listener that answers for it.
    pub fn listener(&self) -> Option<SocketId> {
        self.listener
    }

    /// The bytes of `struct bpf_sock` as a program on this machine reads them. A request or time-wait socket fills only the fields
    /// of `sock_common`.
    pub fn view(&self) -> &[u8; SOCK_VIEW_SIZE] {
        &self.view
    }

    /// The bytes of `struct bpf_tcp_sock` as a program on this machine reads them; zeros unless [`Socket::is_tcp_full`].
    pub fn tcp_view(&self) -> &[u8; TCP_VIEW_SIZE] {
        &self.tcp_view
    }

    /// `bpf_sk_fullsock`: not NULL for anything but request and time-wait sockets.
    pub fn is_full(&self) -> bool {
        self.info.state.is_full()
    }

    /// `bpf_tcp_sock`, `bpf_skc_to_tcp_sock`: not NULL for full TCP sockets, listeners included.
    pub fn is_tcp_full(&self) -> bool {
        self.is_full() && self.info.protocol == Protocol::Tcp
    }

    /// Whether a reference is counted.
    pub fn lifetime(&self) -> Lifetime {
        self.info.lifetime()
    }

    /// References that programs hold now. Always 0 for [`Lifetime::Rcu`].
    pub fn references(&self) -> u64 {
        self.references.load(Ordering::Relaxed)
    }

    /// Takes a reference (nothing to do for [`Lifetime::Rcu`]).
    pub fn acquire(&self) {
        if self.lifetime() == Lifetime::Counted {
            self.references.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// `bpf_sk_release`: gives a reference back (nothing to do for [`Lifetime::Rcu`]).
    ///
    /// # Errors
    /// If no program holds a reference to it.
    pub fn release(&self) -> Result<(), ReleaseError> {
        if self.lifetime() == Lifetime::Rcu {
            return Ok(());
        }
        self.references
            .fetch_update(Ordering::Release, Ordering::Relaxed, |held| held.checked_sub(1))
            .map(|_| ())
            .map_err(|_| ReleaseError { socket: self.id })
    }

    /// This socket as the answer of a lookup.
    pub fn as_found(&self) -> Found<'_> {
        match self.lifetime() {
            Lifetime::Counted => Found::Counted(self),
            Lifetime::Rcu => Found::Rcu(self),
        }
    }
}

impl fmt::Display for Socket {
    /// As `tcp established 10.0.0.1:22 <- 10.0.0.2:4000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.info.protocol, self.info.state, self.info.local)?;
        self.info.remote.map_or(Ok(()), |remote| write!(f, " <- {remote}"))
    }
}
