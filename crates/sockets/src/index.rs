//! Where a lookup finds its candidates: hash tables from flow, and from local address and port, to chains of sockets.
//!
//! A chain is in the order in which Linux would walk it, which decides between equals. Flows of IPv4 that a dual-stack socket
//! carries are IPv4 flows here, as there: an IPv6 tuple of mapped addresses finds none of them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use foldhash::fast::RandomState;

use crate::address::{Endpoint, Family, Protocol, Tuple};
use crate::namespace::NetnsId;
use crate::socket::{NO_IPV4, SocketId, SocketInfo, is_v6only_address};
use crate::state::State;

type Table<K, V> = HashMap<K, V, RandomState>;
type FlowKey = (NetnsId, Protocol, Tuple);
type LocalKey = (NetnsId, Protocol, Slot, u16);

/// A local address as Linux hashes it: a mapped address with the IPv4 address in it, the two wildcards as one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Slot(Ipv6Addr);

impl Slot {
    fn of(addr: IpAddr) -> Self {
        let v4 = match addr {
            IpAddr::V4(a) => Some(a),
            IpAddr::V6(a) => a.to_ipv4_mapped(),
        };
        match (v4, addr) {
            (Some(Ipv4Addr::UNSPECIFIED), _) => Slot(Ipv6Addr::UNSPECIFIED),
            (Some(a), _) => Slot(a.to_ipv6_mapped()),
            (None, IpAddr::V6(a)) => Slot(a),
            (None, IpAddr::V4(a)) => Slot(a.to_ipv6_mapped()),
        }
    }
}

/// The tables.
#[derive(Debug, Default)]
pub(crate) struct Index {
    flows: Table<FlowKey, Vec<SocketId>>,
    locals: Table<LocalKey, Local>,
    /// UDP sockets of IPv6 addresses that are not `IPV6_V6ONLY`, by port: Linux keeps [`NO_IPV4`] for them.
    shadows: Table<(NetnsId, u16), Vec<SocketId>>,
}

/// The chain of one local address, in two halves so that insertion at either end is cheap.
#[derive(Debug, Default)]
struct Local {
    /// Walked first, from the back: the newest is at the head of Linux's list.
    head: Vec<SocketId>,
    /// Walked last, from the front: IPv6 sockets with `SO_REUSEPORT` join at the tail.
    tail: Vec<SocketId>,
}

impl Index {
    /// Adds a socket, which is newer than all that are there.
    pub(crate) fn insert(&mut self, id: SocketId, info: &SocketInfo) {
        if let Some(tuple) = flow_of(info) {
            self.flows.entry((info.netns, info.protocol, tuple)).or_default().push(id);
        }
        let is_listed = match info.protocol {
            Protocol::Tcp => info.state == State::Listen,
            Protocol::Udp => true,
        };
        if is_listed {
            let key = (info.netns, info.protocol, Slot::of(info.local.addr), info.local.port);
            let chain = self.locals.entry(key).or_default();
            if info.family() == Family::V6 && info.reuseport {
                chain.tail.push(id);
            } else {
                chain.head.push(id);
            }
        }
        if info.protocol == Protocol::Udp && is_v6only_address(info.local.addr) && !info.v6only {
            self.shadows.entry((info.netns, info.local.port)).or_default().push(id);
        }
    }

    /// The UDP sockets that an IPv4 packet to `at` finds by port alone, newest first. Since 6.14 Linux walks all UDP
    /// sockets of a port when everything else missed, and takes the placeholder of an IPv6 socket for its address.
    pub(crate) fn shadow(&self, netns: NetnsId, at: Endpoint) -> impl Iterator<Item = SocketId> {
        let is_placeholder = at.addr == IpAddr::V4(NO_IPV4);
        let chain = self.shadows.get(&(netns, at.port)).filter(|_| is_placeholder);
        chain.into_iter().flatten().rev().copied()
    }

    /// The sockets with exactly this flow (packet order), newest first.
    pub(crate) fn flow(
        &self,
        netns: NetnsId,
        protocol: Protocol,
        tuple: Tuple,
    ) -> impl Iterator<Item = SocketId> {
        self.flows.get(&(netns, protocol, tuple)).into_iter().flatten().rev().copied()
    }

    /// The listeners or UDP sockets at this local address and port, in Linux's order.
    pub(crate) fn local(
        &self,
        netns: NetnsId,
        protocol: Protocol,
        at: Endpoint,
    ) -> impl Iterator<Item = SocketId> {
        let chain = self.locals.get(&(netns, protocol, Slot::of(at.addr), at.port));
        chain.into_iter().flat_map(|c| c.head.iter().rev().chain(&c.tail).copied())
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
