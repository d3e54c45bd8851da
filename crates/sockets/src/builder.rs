//! Filling a table: what Linux would not allow is refused here, so that a lookup need not ask.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use crate::address::{Endpoint, Family, Protocol, Tuple};
use crate::index::{Index, flow_of};
use crate::lookup::{LookupKind, Query};
use crate::namespace::{Device, Namespace, NetnsId};
use crate::reuseport::Groups;
use crate::socket::{Socket, SocketId, SocketInfo};
use crate::state::State;
use crate::table::{Snapshot, SocketTable};

/// What cannot enter a table.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Conflict {
    /// A namespace of this name is there already.
    #[error("namespace `{0}` is there already: give each its own name")]
    NamespaceExists(String),
    /// More namespaces or sockets than a table can number (2^32 - 1).
    #[error("the table is full")]
    Full,
    /// The namespace was not made by this builder.
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
        /// The request socket.
        request: SocketId,
    },
}

/// What may exist once only.
#[derive(PartialEq, Eq, Hash, Debug)]
enum Identity {
    Flow(NetnsId, Protocol, Tuple, u32),
    Local(NetnsId, Protocol, Endpoint, u32),
}

/// A table being filled. The order of insertion is the order in which the sockets were bound, which decides between equals.
#[derive(Debug, Default)]
pub struct Builder {
    namespaces: Vec<Namespace>,
    names: HashMap<String, NetnsId>,
    sockets: Vec<SocketInfo>,
    identities: HashMap<Identity, SocketId>,
    cookies: HashSet<u64>,
}

impl Builder {
    /// Adds a namespace with a loopback device.
    ///
    /// # Errors
    /// If the name is taken.
    pub fn netns(&mut self, name: &str) -> Result<NetnsId, Conflict> {
        let id = NetnsId(u32::try_from(self.namespaces.len()).map_err(|_| Conflict::Full)?);
        if self.names.contains_key(name) {
            return Err(Conflict::NamespaceExists(name.into()));
        }
        self.names.insert(name.into(), id);
        self.namespaces.push(Namespace::new(name.into()));
        Ok(id)
    }

    /// The namespaces so far.
    pub fn namespaces(&self) -> &[Namespace] {
        &self.namespaces
    }

    /// The namespace called `name`.
    pub fn netns_named(&self, name: &str) -> Option<NetnsId> {
        self.names.get(name).copied()
    }

    /// Adds a device. One called `lo` with ifindex 1 only brings its addresses: it is there already.
    ///
    /// # Errors
    /// If its name or ifindex is taken or no device's.
    pub fn device(&mut self, netns: NetnsId, device: Device) -> Result<(), Conflict> {
        let Device { ifindex, name, addresses } = device;
        let devices = &mut self.namespaces.get_mut(netns.index()).ok_or(Conflict::UnknownNamespace)?.devices;
        if ifindex == 0 || i32::try_from(ifindex).is_err() {
            return Err(Conflict::BadIfindex(ifindex));
        }
        match devices.iter_mut().find(|d| d.ifindex == ifindex || d.name == name) {
            Some(lo) if lo.ifindex == Namespace::LOOPBACK && lo.name == name && ifindex == lo.ifindex => {
                lo.addresses.extend(addresses);
            }
            Some(_) => return Err(Conflict::DeviceExists { name, ifindex }),
            None => devices.push(Device { ifindex, name, addresses }),
        }
        Ok(())
    }

    /// Lets `netns` know `target` as `nsid`.
    ///
    /// # Errors
    /// If the id is taken or negative as an `s32`.
    pub fn nsid(&mut self, netns: NetnsId, nsid: u32, target: NetnsId) -> Result<(), Conflict> {
        if i32::try_from(nsid).is_err() {
            return Err(Conflict::BadNsid(nsid));
        }
        if target.index() >= self.namespaces.len() {
            return Err(Conflict::UnknownNamespace);
        }
        let known = &mut self.namespaces.get_mut(netns.index()).ok_or(Conflict::UnknownNamespace)?.nsids;
        if known.contains_key(&nsid) {
            return Err(Conflict::NsidExists(nsid));
        }
        known.insert(nsid, target);
        Ok(())
    }

    /// Adds a socket.
    ///
    /// # Errors
    /// If Linux would not have let it exist beside the others.
    pub fn insert(&mut self, info: SocketInfo) -> Result<SocketId, Conflict> {
        let id = SocketId(u32::try_from(self.sockets.len()).map_err(|_| Conflict::Full)?);
        let netns = self.namespaces.get(info.netns.index()).ok_or(Conflict::UnknownNamespace)?;
        if info.device != 0 && netns.device_at(info.device).is_none() {
            return Err(Conflict::UnknownDevice(info.device));
        }
        check_shape(&info)?;
        if self.cookies.contains(&info.cookie) {
            return Err(Conflict::CookieExists(info.cookie));
        }
        self.check_identity(id, &info)?;
        if info.cookie != 0 {
            self.cookies.insert(info.cookie);
        }
        self.sockets.push(info);
        Ok(id)
    }

    fn check_identity(&mut self, id: SocketId, info: &SocketInfo) -> Result<(), Conflict> {
        let flow = flow_of(info).map(|tuple| Identity::Flow(info.netns, info.protocol, tuple, info.device));
        let is_flow = flow.is_some();
        if !is_flow && info.protocol == Protocol::Tcp && info.state == State::Close {
            return Ok(());
        }
        let identity = flow.unwrap_or(Identity::Local(info.netns, info.protocol, info.local, info.device));
        let first = *self.identities.entry(identity).or_insert(id);
        match self.sockets.get(first.index()) {
            Some(other) if !may_share(info, other) => {
                Err(if is_flow { Conflict::FlowExists { first } } else { Conflict::AddressExists { first } })
            }
            _ => Ok(()),
        }
    }

    /// The finished table: cookies are given to those without, request sockets find their listener.
    ///
    /// # Errors
    /// If a request socket has no listener.
    pub fn build(mut self) -> Result<SocketTable, Conflict> {
        self.choose_cookies();
        let mut index = Index::default();
        let mut groups = Groups::default();
        for (at, info) in (0u32..).zip(&self.sockets) {
            let id = SocketId(at);
            index.insert(id, info);
            groups.add(id, info);
        }
        let (groups, membership) = groups.finish();
        let cookies = (0u32..).zip(&self.sockets).map(|(at, info)| (info.cookie, SocketId(at))).collect();
        let sockets = (0u32..)
            .zip(self.sockets)
            .zip(membership)
            .map(|((at, info), group)| Socket::new(SocketId(at), info, group))
            .collect();
        let mut snapshot = Snapshot { namespaces: self.namespaces, sockets, groups, index, cookies };
        let owners = snapshot
            .sockets
            .iter()
            .filter(|s| s.info().state == State::NewSynRecv)
            .map(|s| owner(&snapshot, s).map(|listener| (s.id(), listener)))
            .collect::<Result<Vec<_>, _>>()?;
        for (request, listener) in owners {
            if let Some(socket) = snapshot.sockets.get_mut(request.index()) {
                socket.set_listener(listener);
            }
        }
        Ok(SocketTable::new(snapshot))
    }

    fn choose_cookies(&mut self) {
        let mut free = (1u64..).filter(|c| !self.cookies.contains(c));
        for info in self.sockets.iter_mut().filter(|i| i.cookie == 0) {
            info.cookie = free.next().unwrap_or(0);
        }
    }
}

/// The listener that received the SYN of a request socket.
fn owner(snapshot: &Snapshot, request: &Socket) -> Result<SocketId, Conflict> {
    let missing = Conflict::NoListener { request: request.id() };
    let info = request.info();
    let tuple = flow_of(info).ok_or(missing.clone())?;
    let query = Query {
        netns: info.netns,
        protocol: Protocol::Tcp,
        tuple,
        ifindex: info.device,
        kind: LookupKind::Common,
    };
    snapshot.listener(&query, &mut ()).map(Socket::id).ok_or(missing)
}

fn check_shape(info: &SocketInfo) -> Result<(), Conflict> {
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
fn may_share(new: &SocketInfo, old: &SocketInfo) -> bool {
    match new.protocol {
        Protocol::Tcp => new.state == State::Listen && new.reuseport,
        Protocol::Udp => new.reuseport || (new.reuseaddr && old.reuseaddr),
    }
}
