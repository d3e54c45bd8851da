//! What Linux would not allow is refused when it comes in, so that a lookup need not ask.

use std::net::IpAddr;

use crate::address::{Family, Protocol};
use crate::info::SocketInfo;
use crate::socket::SocketId;
use crate::state::State;

/// What cannot enter a table.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Conflict {
    /// A namespace of this name is there already.
    #[error("namespace `{0}` is there already: give each its own name")]
    NamespaceExists(String),
    /// More namespaces or sockets than a table can number (2^30 and 2^32 - 2).
    #[error("the table is full")]
    Full,
    /// The namespace is not the table's (any more).
    #[error("no such namespace")]
    UnknownNamespace,
    /// The ifindex or the name is taken in this namespace.
    #[error(
        "device `{name}` (ifindex {ifindex}) has the name or the ifindex of another one: give each its own"
    )]
    DeviceExists {
        /// The new device's name.
        name: String,
        /// The new device's ifindex.
        ifindex: u32,
    },
    /// An ifindex is at least 1, and 1 is `lo`.
    #[error("ifindex {0} is not a device's: it is at least 1, and 1 is `lo`")]
    BadIfindex(u32),
    /// The namespace knows another one by this id already.
    #[error("namespace id {0} is taken")]
    NsidExists(u32),
    /// A namespace id has 31 bits.
    #[error("namespace id {0} is negative: write one from 0 to 2147483647")]
    BadNsid(u32),
    /// The socket is bound to a device that its namespace does not have.
    #[error("no device with ifindex {0} in this namespace: declare it in `devices`")]
    UnknownDevice(u32),
    /// This state has a peer.
    #[error("a {0} socket in state `{1}` has a peer: add `remote`")]
    PeerMissing(Protocol, State),
    /// This state has no peer.
    #[error("a {0} socket in state `{1}` has no peer: remove `remote`")]
    PeerUnexpected(Protocol, State),
    /// Both ends must be of one family, and both mapped or neither.
    #[error(
        "`local` and `remote` are of different families: write both as IPv4, both as IPv6, or both as `::ffff:a.b.c.d`"
    )]
    MixedFamilies,
    /// IPv4 sockets have no such option.
    #[error("`v6only` is an option of IPv6 sockets: remove it")]
    V6OnlyOnIpv4,
    /// Only UDP's two states.
    #[error("a UDP socket is never in state `{0}`: leave `state` out")]
    NotAUdpState(State),
    /// A socket has a local port.
    #[error("port 0 is not a port: a socket in the table is bound, and a peer has one")]
    PortZero,
    /// The same flow twice.
    #[error("this flow has a socket already: remove one")]
    FlowExists {
        /// The earlier one.
        first: SocketId,
    },
    /// The same local address twice.
    #[error(
        "this local address has a socket already: to share it, write `reuseport = true` in both, or for UDP `reuseaddr = true`"
    )]
    AddressExists {
        /// The earlier one.
        first: SocketId,
    },
    /// A cookie names one socket.
    #[error("cookie {0} names another socket already")]
    CookieExists(u64),
    /// A request socket belongs to a listener.
    #[error("no listener for this request socket: add a `listen` socket for its local address")]
    NoListener {
        /// The request socket, as it would be called.
        request: SocketId,
    },
    /// The socket to change is not in the table (any more).
    #[error("{0} is not in the table")]
    UnknownSocket(SocketId),
}

/// What is wrong with a socket on its own.
pub(crate) fn check_shape(info: &SocketInfo) -> Result<(), Conflict> {
    let (protocol, state) = (info.protocol, info.state);
    let has_peer = match (protocol, state) {
        (Protocol::Udp, State::Established) => true,
        (Protocol::Udp, State::Close) => false,
        (Protocol::Udp, _) => return Err(Conflict::NotAUdpState(state)),
        (Protocol::Tcp, _) => state.is_connected(),
    };
    match info.remote {
        None if has_peer => return Err(Conflict::PeerMissing(protocol, state)),
        Some(_) if !has_peer => return Err(Conflict::PeerUnexpected(protocol, state)),
        Some(remote) if kind_of(remote.addr) != kind_of(info.local.addr) => {
            return Err(Conflict::MixedFamilies);
        }
        _ => {}
    }
    if info.v6only && info.family() == Family::V4 {
        return Err(Conflict::V6OnlyOnIpv4);
    }
    if info.local.port == 0 || info.remote.is_some_and(|r| r.port == 0) {
        return Err(Conflict::PortZero);
    }
    Ok(())
}

/// IPv4, IPv6, or IPv4 in IPv6: what both ends of a connected socket agree on.
fn kind_of(addr: IpAddr) -> (bool, bool) {
    match addr {
        IpAddr::V4(_) => (true, false),
        IpAddr::V6(a) => (false, a.to_ipv4_mapped().is_some()),
    }
}

/// Whether a new socket may have the identity of an older one. A connected TCP flow is unique. Addresses are shared by `SO_REUSEPORT`, and
/// for UDP by `SO_REUSEADDR` on both. Linux wants `SO_REUSEPORT` on both as well, but its shortcuts let a new socket that has it get past an
/// old one that has not, if there is another to share with (measured for both protocols).
pub(crate) fn may_share(new: &SocketInfo, old: &SocketInfo) -> bool {
    match new.protocol {
        Protocol::Tcp => new.state == State::Listen && new.reuseport,
        Protocol::Udp => new.reuseport || (new.reuseaddr && old.reuseaddr),
    }
}
