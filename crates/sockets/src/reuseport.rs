//! `SO_REUSEPORT` groups: sockets that share an address, of which a flow hash picks one.
//!
//! Linux seeds its hash with a secret of the running kernel, so which member it picks cannot be known from outside. Belay picks with
//! a hash of its own: the same flow always finds the same member, flows spread evenly, and the group is the one that Linux would choose from.

use std::collections::HashMap;

use crate::address::{Endpoint, Family, Protocol, Tuple};
use crate::namespace::NetnsId;
use crate::socket::{Reuseport, Socket, SocketId, SocketInfo};
use crate::state::State;

/// Names one group of a table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupId(pub(crate) u32);

/// A group.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Group {
    pub(crate) members: Vec<SocketId>,
    /// A UDP member is connected: Linux then no longer trusts the group's choice and goes on scoring.
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
enum GroupKey {
    Auto {
        netns: NetnsId,
        protocol: Protocol,
        family: Family,
        v6only: bool,
        local: Endpoint,
        device: u32,
        uid: u32,
    },
    Named {
        netns: NetnsId,
        protocol: Protocol,
        name: String,
    },
}

/// The groups of a table while it is built.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    keys: HashMap<GroupKey, GroupId>,
    groups: Vec<Group>,
}

impl Groups {
    /// The group that a socket joins: TCP listeners and UDP sockets with the option set.
    pub(crate) fn join(&mut self, id: SocketId, info: &SocketInfo) -> Option<GroupId> {
        if info.protocol == Protocol::Tcp && info.state != State::Listen {
            return None;
        }
        let (netns, protocol) = (info.netns, info.protocol);
        let key = match &info.reuseport {
            Reuseport::Off => return None,
            Reuseport::Named(name) => GroupKey::Named { netns, protocol, name: name.clone() },
            Reuseport::Auto => GroupKey::Auto {
                netns,
                protocol,
                family: info.family(),
                v6only: info.is_v6only(),
                local: info.local,
                device: info.device,
                uid: info.uid,
            },
        };
        let next = GroupId(u32::try_from(self.groups.len()).ok()?);
        let at = *self.keys.entry(key).or_insert(next);
        if at == next {
            self.groups.push(Group::default());
        }
        let group = self.groups.get_mut(at.0 as usize)?;
        group.members.push(id);
        group.has_connections |= protocol == Protocol::Udp && info.state == State::Established;
        Some(at)
    }

    pub(crate) fn finish(self) -> Vec<Group> {
        self.groups
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
