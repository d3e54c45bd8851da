//! The choice of a socket for a packet: `sk_lookup` and `SO_REUSEPORT` groups.

use std::net::SocketAddr;

use belay_sockets::{Endpoint, LookupKind, NetnsId, Protocol, Query, SocketId, SocketTable, Tuple};
use belay_spec::{Action, Fate};

use crate::packet::{Packet, PacketError};

/// A lookup that found no connected socket (`bpf_sk_lookup`): the program may choose one before listeners are scored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkLookup {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The packet's sender.
    pub remote: SocketAddr,
    /// The packet's destination, of the same family.
    pub local: SocketAddr,
    /// The device that the packet came in by.
    pub ingress_ifindex: u32,
    /// The socket that `bpf_sk_assign` chose.
    pub selected: Option<SocketId>,
    /// Whether the chosen socket itself is meant, not its group (`BPF_SK_LOOKUP_F_NO_REUSEPORT`).
    pub no_reuseport: bool,
}

impl Default for SkLookup {
    /// TCP from 0.0.0.0:0 to 0.0.0.0:0.
    fn default() -> Self {
        let nobody = SocketAddr::from(([0; 4], 0));
        SkLookup::new(Protocol::Tcp, nobody, nobody)
    }
}

impl SkLookup {
    /// The lookup for a packet from `remote` to `local`.
    pub fn new(protocol: Protocol, remote: SocketAddr, local: SocketAddr) -> SkLookup {
        SkLookup { protocol, remote, local, ingress_ifindex: 0, selected: None, no_reuseport: false }
    }

    /// What the lookup returns, given the program's action: none after `SK_DROP`, the chosen socket (or the member of its group
    /// that its flow belongs to), or what is found without a program.
    pub fn answer(&self, action: Action, table: &SocketTable, netns: NetnsId) -> Option<SocketId> {
        if action.fate != Fate::Pass {
            return None;
        }
        let reader = table.read();
        let end = |address: SocketAddr| Endpoint::new(address.ip(), address.port());
        let tuple = Tuple::new(end(self.remote), end(self.local))?;
        match self.selected {
            Some(id) if self.no_reuseport => Some(id),
            Some(id) => reader.socket(id).map(|socket| reader.member_for(socket, &tuple).id()),
            None => {
                let (protocol, ifindex, kind) = (self.protocol, self.ingress_ifindex, LookupKind::Full);
                let found = reader.lookup(&Query { netns, protocol, tuple, ifindex, kind })?;
                Some(found.socket().id())
            }
        }
    }
}

/// A packet for a group of sockets that share an address (`sk_reuseport_md`), or a connection that is to move from a
/// socket that closes.
#[derive(Debug)]
pub struct Reuseport {
    /// The packet; the program sees it from its transport header on.
    pub packet: Packet,
    /// A socket of the group; without one the program sees a socket of zeros.
    pub sk: Option<SocketId>,
    /// The socket that the connection leaves (`sk_reuseport/migrate`).
    pub migrating: Option<SocketId>,
    /// The hash of the flow's addresses and ports.
    pub hash: u32,
    /// The socket that `bpf_sk_select_reuseport` chose. Without one `SK_PASS` leaves the choice to the hash.
    pub selected: Option<SocketId>,
}

impl Reuseport {
    /// A packet, from its Ethernet header, for the group of this socket.
    ///
    /// # Errors
    /// As [`Packet::new`].
    pub fn new(frame: &[u8], sk: Option<SocketId>) -> Result<Reuseport, PacketError> {
        Ok(Reuseport { packet: Packet::new(frame)?, sk, migrating: None, hash: 0, selected: None })
    }
}
