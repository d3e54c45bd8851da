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

/// Whether a socket has `SO_REUSEPORT`, and which group it is in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Reuseport {
    /// The option is not set.
    #[default]
    Off,
    /// The group follows from address, port, family, device and user, as in Linux at the time of `bind`.
    Auto,
    /// A named group: for a socket whose address changed after it joined (a wildcard UDP socket that connected).
    Named(String),
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
    /// `IPV6_V6ONLY`. Linux sets it itself on a socket bound to an IPv6 address that is neither `::` nor mapped.
    pub v6only: bool,
    /// The device of `SO_BINDTODEVICE`, as an ifindex; 0 for none.
    pub device: u32,
    /// `SO_REUSEPORT`.
    pub reuseport: Reuseport,
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
            v6only: false,
            device: 0,
            reuseport: Reuseport::Off,
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

    /// Whether IPv4 lookups pass it by: `IPV6_V6ONLY`, or bound to an address that only IPv6 has.
    pub fn is_v6only(&self) -> bool {
        match self.local.addr {
            IpAddr::V4(_) => false,
            // `bind()` turns the option on for such an address; a socket that got it by connecting can carry no IPv4 either.
            IpAddr::V6(a) => self.v6only || !(a.is_unspecified() || a.to_ipv4_mapped().is_some()),
        }
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

/// `127.0.0.6`: what Linux keeps in the IPv4 fields of a socket whose address only IPv6 has (measured on 6.18).
const NO_IPV4: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 6);

/// The four addresses that Linux keeps for every socket whatever its family. Lookups compare these and programs read
/// them, so an IPv4 lookup and the IPv4 fields of an IPv6 socket follow from one rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct KernelAddresses {
    pub(crate) local4: Ipv4Addr,
    pub(crate) remote4: Ipv4Addr,
    pub(crate) local6: Ipv6Addr,
    pub(crate) remote6: Ipv6Addr,
}

impl KernelAddresses {
    fn of(info: &SocketInfo) -> Self {
        let (local4, local6) = both_families(info.local.addr);
        let (remote4, remote6) =
            info.remote.map_or((Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED), |r| both_families(r.addr));
        KernelAddresses { local4, remote4, local6, remote6 }
    }
}

fn both_families(addr: IpAddr) -> (Ipv4Addr, Ipv6Addr) {
    match addr {
        IpAddr::V4(a) => (a, Ipv6Addr::UNSPECIFIED),
        IpAddr::V6(a) if a.is_unspecified() => (Ipv4Addr::UNSPECIFIED, a),
        IpAddr::V6(a) => (a.to_ipv4_mapped().unwrap_or(NO_IPV4), a),
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
