//! `SO_REUSEPORT` groups: sockets that share an address, of which a flow hash picks one.
//!
//! Linux seeds its hash with a secret of the running kernel, so which member it picks cannot be known from outside. Belay picks with
//! a hash of its own: the same flow always finds the same member, flows spread evenly, and the group is the one that Linux would choose from.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::address::{Endpoint, Family, Protocol, Tuple};
use crate::namespace::NetnsId;
use crate::socket::{Socket, SocketId, SocketInfo};
use crate::state::State;

/// Names one group of a table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupId(pub(crate) u32);

/// A group.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Group {
    pub(crate) members: Vec<SocketId>,
    /// A member left by connecting: Linux no longer takes the group's choice for the best and goes on scoring.
    pub(crate) has_connections: bool,
}

impl Group {
    /// The members, in the order in which they joined.
    pub fn members(&self) -> &[SocketId] {
        &self.members
    }

    /// The member for this flow, connected ones passed by; `None` if all are connected.
    pub(crate) fn pick<'t>(&self, flow: &Tuple, sockets: &'t [Socket]) -> Option<&'t Socket> {
        let count = self.members.len();
        // Multiply-shift: hash / 2^32 of the way through the members, so below `count`.
        let start = usize::try_from((u64::from(flow_hash(flow)) * count as u64) >> 32).ok()?;
        (0..count)
            .filter_map(|step| self.members.get((start + step) % count))
            .filter_map(|id| sockets.get(id.index()))
            .find(|s| s.info().state != State::Established)
    }
}

/// FNV-1a over the tuple's bytes, its halves mixed into 32 bits.
fn flow_hash(flow: &Tuple) -> u32 {
    let mix = |hash: u64, bytes: &[u8]| {
        bytes.iter().fold(hash, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3))
    };
    let start = 0xcbf2_9ce4_8422_2325;
    let hash = match flow {
        Tuple::V4 { saddr, daddr, .. } => mix(mix(start, &saddr.octets()), &daddr.octets()),
        Tuple::V6 { saddr, daddr, .. } => mix(mix(start, &saddr.octets()), &daddr.octets()),
    };
    let hash = mix(mix(hash, &flow.source().port.to_be_bytes()), &flow.destination().port.to_be_bytes());
    let folded = hash ^ (hash >> 32);
    #[expect(clippy::cast_possible_truncation, reason = "folding keeps the low half")]
    let low = folded as u32;
    low.wrapping_mul(0x9e37_79b1)
}

/// What makes two sockets members of one group.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct GroupKey {
    netns: NetnsId,
    protocol: Protocol,
    family: Family,
    v6only: bool,
    local: Endpoint,
    device: u32,
    uid: u32,
}

impl GroupKey {
    fn of(info: &SocketInfo) -> Self {
        GroupKey {
            netns: info.netns,
            protocol: info.protocol,
            family: info.family(),
            v6only: info.v6only,
            local: info.local,
            device: info.device,
            uid: info.uid,
        }
    }
}

/// The groups of a table while it is built, from its sockets in the order in which they were bound.
///
/// The order matters for UDP, where a socket that connects leaves its group (since Linux 6.13; all of it measured on 6.18). The group is then marked: it
/// no longer ends a lookup by itself. The next socket of that address asks the first one there for its group, and if that is the one
/// that left, the two found a new group.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    /// The socket of each address that is first in Linux's list.
    first: HashMap<GroupKey, SocketId>,
    /// The group of each socket, by its id.
    membership: Vec<Option<GroupId>>,
    groups: Vec<Group>,
}

impl Groups {
    /// Takes the next socket; all are to pass here, in order.
    pub(crate) fn add(&mut self, id: SocketId, info: &SocketInfo) {
        let membership = self.join(id, info);
        self.membership.push(membership);
    }

    fn join(&mut self, id: SocketId, info: &SocketInfo) -> Option<GroupId> {
        if !info.reuseport || (info.protocol == Protocol::Tcp && info.state != State::Listen) {
            return None;
        }
        let at = match self.meet(id, info) {
            None => self.found(None)?,
            Some(other) => match self.membership.get(other.index()).copied().flatten() {
                Some(group) => group,
                None => self.found(Some(other))?,
            },
        };
        let group = self.groups.get_mut(at.0 as usize)?;
        if info.protocol == Protocol::Udp && info.state == State::Established {
            group.has_connections = true;
            return None;
        }
        group.members.push(id);
        Some(at)
    }

    /// The socket at which the new one looks for its group: the first in Linux's list of the port, which has the newest
    /// IPv4 socket at its head and the IPv6 sockets with `SO_REUSEPORT` at its tail.
    fn meet(&mut self, id: SocketId, info: &SocketInfo) -> Option<SocketId> {
        match self.first.entry(GroupKey::of(info)) {
            Entry::Vacant(entry) => {
                entry.insert(id);
                None
            }
            Entry::Occupied(mut entry) => Some(match info.family() {
                Family::V4 => entry.insert(id),
                Family::V6 => *entry.get(),
            }),
        }
    }

    /// A new group, of one member or none yet.
    fn found(&mut self, first: Option<SocketId>) -> Option<GroupId> {
        let id = GroupId(u32::try_from(self.groups.len()).ok()?);
        self.groups.push(Group { members: first.into_iter().collect(), has_connections: false });
        if let Some(entry) = first.and_then(|first| self.membership.get_mut(first.index())) {
            *entry = Some(id);
        }
        Some(id)
    }

    /// The groups, and the group of each socket in order.
    pub(crate) fn finish(self) -> (Vec<Group>, Vec<Option<GroupId>>) {
        (self.groups, self.membership)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn flows_spread_evenly_and_stay() {
        let mut hits = [0u32; 4];
        for sport in 0..4000 {
            let flow = Tuple::V4 { saddr: Ipv4Addr::LOCALHOST, daddr: Ipv4Addr::LOCALHOST, sport, dport: 80 };
            assert_eq!(flow_hash(&flow), flow_hash(&flow));
            hits[((u64::from(flow_hash(&flow)) * 4) >> 32) as usize] += 1;
        }
        assert!(hits.iter().all(|h| (800..1200).contains(h)), "{hits:?}");
    }
}
