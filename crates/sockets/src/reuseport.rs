//! `SO_REUSEPORT` groups: sockets that share an address, of which a flow hash picks one.
//!
//! Linux seeds its hash with a secret of the running kernel, so which member it picks cannot be known from outside. Belay picks with
//! a hash of its own: the same flow always finds the same member, flows spread evenly, and the group is the one that Linux would choose from.
//!
//! Members join at the end, and the last one takes the place of one that leaves, as in Linux. Readers pick while they do.

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::address::{Endpoint, Family, Protocol, Tuple};
use crate::live::free::NONE;
use crate::live::slots::Slots;
use crate::live::sync::AtomicU32;
use crate::namespace::NetnsId;
use crate::socket::Socket;
use crate::state::State;

/// Names one group of a table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupId(pub(crate) u32);

/// Members that the first list has room for, and how many times as many the next one has.
const FIRST: usize = 8;
const STEP: usize = 16;
/// Lists: the last has room for 2^27 members.
const LISTS: usize = 7;

/// Which list holds, in three bits, and how many are in it.
#[derive(Clone, Copy)]
struct Extent(u32);

impl Extent {
    fn new(list: usize, count: usize) -> Extent {
        Extent((list as u32) << 29 | count as u32)
    }

    fn list(self) -> usize {
        (self.0 >> 29) as usize
    }

    fn count(self) -> usize {
        (self.0 & ((1 << 29) - 1)) as usize
    }
}

/// A group.
#[derive(Debug)]
pub(crate) struct Group {
    extent: AtomicU32,
    /// Members by their slot, in lists of growing size.
    lists: [OnceLock<Box<[AtomicU32]>>; LISTS],
    /// A member left by connecting: Linux no longer takes the group's choice for the best and goes on scoring.
    has_connections: AtomicBool,
    /// The next group that is empty, of an empty one.
    pub(crate) free: AtomicU32,
}

impl Group {
    pub(crate) fn new() -> Group {
        Group {
            extent: AtomicU32::new(0),
            lists: [const { OnceLock::new() }; LISTS],
            has_connections: AtomicBool::new(false),
            free: AtomicU32::new(NONE),
        }
    }

    fn extent(&self) -> Extent {
        Extent(self.extent.load(Acquire))
    }

    fn list(&self, list: usize) -> &[AtomicU32] {
        let Some(members) = self.lists.get(list) else { return &[] };
        members.get_or_init(|| (0..FIRST * STEP.pow(list as u32)).map(|_| AtomicU32::new(NONE)).collect())
    }

    /// Takes a member in.
    pub(crate) fn join(&self, slot: u32) {
        let extent = self.extent();
        let (mut list, count) = (extent.list(), extent.count());
        if count == self.list(list).len() {
            for (old, new) in self.list(list).iter().zip(self.list(list + 1)) {
                new.store(old.load(Relaxed), Relaxed);
            }
            list += 1;
        }
        if let Some(last) = self.list(list).get(count) {
            last.store(slot, Relaxed);
            self.extent.store(Extent::new(list, count + 1).0, Release);
        }
    }

    /// Lets a member go; whether the group is empty now.
    pub(crate) fn leave(&self, slot: u32) -> bool {
        let extent = self.extent();
        let members = self.list(extent.list()).get(..extent.count()).unwrap_or_default();
        let at = members.iter().find(|member| member.load(Relaxed) == slot);
        if let (Some(at), Some(last)) = (at, members.last()) {
            at.store(last.load(Relaxed), Release);
            self.extent.store(Extent::new(extent.list(), extent.count() - 1).0, Release);
        }
        self.extent().count() == 0
    }

    /// Marks it as one that a member left by connecting, or as none.
    pub(crate) fn set_connections(&self, some: bool) {
        self.has_connections.store(some, Relaxed);
    }

    pub(crate) fn has_connections(&self) -> bool {
        self.has_connections.load(Relaxed)
    }

    /// The member for this flow, connected ones passed by; `None` if all are connected.
    pub(crate) fn pick<'t>(&self, flow: &Tuple, slots: &'t Slots) -> Option<&'t Socket> {
        let extent = self.extent();
        let members = self.lists.get(extent.list())?.get()?;
        let count = extent.count();
        // Multiply-shift: hash / 2^32 of the way through the members, so below `count`.
        let start = usize::try_from((u64::from(flow_hash(flow)) * count as u64) >> 32).ok()?;
        (0..count)
            .filter_map(|step| members.get((start + step) % count))
            .filter_map(|slot| slots.get(slot.load(Acquire)))
            .find(|socket| socket.state() != State::Established)
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

/// What makes two sockets with `SO_REUSEPORT` members of one group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Address {
    netns: NetnsId,
    protocol: Protocol,
    family: Family,
    v6only: bool,
    local: Endpoint,
    device: u32,
    uid: u32,
}

impl Address {
    fn of(socket: &Socket) -> Self {
        Address {
            netns: socket.netns(),
            protocol: socket.protocol(),
            family: socket.family(),
            v6only: socket.v6only(),
            local: socket.local(),
            device: socket.device(),
            uid: socket.uid(),
        }
    }
}

/// What a new socket means to the groups.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'t> {
    /// Nothing.
    None,
    /// It is the first of its address: a group of its own.
    Founds,
    /// It goes to the group of this socket, which may have none yet.
    Joins(&'t Socket),
    /// It is connected: it does not join, but marks the group of this socket.
    Marks(&'t Socket),
}

/// The part of a socket that is about to be listed. `listed` are those at its address and port, in Linux's order.
///
/// Linux asks the first one there for its group. The order matters for UDP, where a socket that connects leaves its group (since Linux
/// 6.13; all of it measured on 6.18). The group is then marked: it no longer ends a lookup by itself. If the first one is
/// the one that left, the two found a new group.
pub(crate) fn part<'t>(new: &Socket, mut listed: impl Iterator<Item = &'t Socket>) -> Part<'t> {
    let listens = new.protocol() == Protocol::Udp || new.state() == State::Listen;
    if !new.reuseport() || !listens {
        return Part::None;
    }
    let address = Address::of(new);
    let connected = new.state() == State::Established;
    match listed.find(|other| other.reuseport() && Address::of(other) == address) {
        None if connected => Part::None,
        None => Part::Founds,
        Some(other) if connected => Part::Marks(other),
        Some(other) => Part::Joins(other),
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

    #[cfg(not(belay_loom))]
    #[test]
    fn the_last_member_takes_the_place_of_one_that_leaves() {
        let group = Group::new();
        (0..200).for_each(|slot| group.join(slot));
        assert!(!group.leave(3));
        let members = |group: &Group| -> Vec<u32> {
            let extent = group.extent();
            group.list(extent.list())[..extent.count()].iter().map(|m| m.load(Relaxed)).collect()
        };
        assert_eq!(members(&group).len(), 199);
        assert_eq!(members(&group)[..5], [0, 1, 2, 199, 4]);
        assert!(!group.leave(1000), "nobody's");
        let last = members(&group).into_iter().filter(|slot| group.leave(*slot)).count();
        assert_eq!((last, members(&group).len()), (1, 0));
    }
}
