//! Where a lookup finds its candidates: lists of sockets by flow, by local address and port, by port alone, by cookie.
//!
//! A list is in the order in which Linux would walk it, which decides between equals: the newest first, but IPv6 sockets with
//! `SO_REUSEPORT` join at the tail. Flows of IPv4 that a dual-stack socket carries are IPv4 flows here, as there: an
//! IPv6 tuple of mapped addresses finds none of them.

use std::net::IpAddr;

use crate::address::{Endpoint, Family, Protocol, Tuple};
use crate::info::{NO_IPV4, is_v6only_address};
use crate::key::{self, Hasher};
use crate::live::chains::{By, Chains, Links, List};
use crate::live::section::Section;
use crate::live::slots::Slots;
use crate::namespace::NetnsId;
use crate::socket::Socket;
use crate::state::State;

/// By flow: connected sockets.
pub(crate) struct Flow;
/// By local address and port: listeners, and all UDP sockets.
pub(crate) struct Local;
/// By port: UDP sockets of IPv6 addresses that are not `IPV6_V6ONLY`. Linux keeps [`NO_IPV4`] for them.
pub(crate) struct Shadow;
/// By cookie: all.
pub(crate) struct Cookie;

impl By for Flow {
    fn links(socket: &Socket) -> &Links {
        &socket.flow
    }

    fn hash(socket: &Socket, hasher: &Hasher) -> u64 {
        socket.flow_hash(hasher)
    }
}

impl By for Local {
    fn links(socket: &Socket) -> &Links {
        &socket.local
    }

    fn hash(socket: &Socket, _: &Hasher) -> u64 {
        socket.local_hash()
    }
}

impl By for Shadow {
    fn links(socket: &Socket) -> &Links {
        &socket.shadow
    }

    fn hash(socket: &Socket, hasher: &Hasher) -> u64 {
        hasher.port(socket.netns(), socket.local_port())
    }
}

impl By for Cookie {
    fn links(socket: &Socket) -> &Links {
        &socket.by_cookie
    }

    fn hash(socket: &Socket, hasher: &Hasher) -> u64 {
        hasher.cookie(socket.cookie())
    }
}

/// The slots, and the lists through them.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) slots: Slots,
    pub(crate) hasher: Hasher,
    flows: Chains<Flow>,
    locals: Chains<Local>,
    shadows: Chains<Shadow>,
    cookies: Chains<Cookie>,
}

impl Index {
    /// Room for so many sockets at once.
    pub(crate) fn with_capacity(sockets: usize) -> Index {
        Index {
            slots: Slots::with_capacity(sockets),
            hasher: Hasher::default(),
            flows: Chains::with_capacity(sockets),
            // Few sockets listen where many are connected.
            locals: Chains::with_capacity(sockets / 16),
            shadows: Chains::with_capacity(0),
            cookies: Chains::with_capacity(sockets),
        }
    }

    /// Lets lookups find a socket, which is newer than all that are there.
    pub(crate) fn insert(&self, socket: &Socket, section: &Section) {
        let (slots, hasher) = (&self.slots, &self.hasher);
        if is_listed(socket) {
            if socket.family() == Family::V6 && socket.reuseport() {
                self.locals.insert_last(slots, socket, hasher, section);
            } else {
                self.locals.insert_first(slots, socket, hasher, section);
            }
        }
        if has_shadow(socket) {
            self.shadows.insert_first(slots, socket, hasher, section);
        }
        if socket.is_flow() {
            self.flows.insert_first(slots, socket, hasher, section);
        }
    }

    /// Lets its cookie find a socket.
    pub(crate) fn insert_cookie(&self, socket: &Socket, section: &Section) {
        self.cookies.insert_first(&self.slots, socket, &self.hasher, section);
    }

    /// Lets nothing find a socket any more.
    pub(crate) fn remove(&self, socket: &Socket) {
        let (slots, hasher) = (&self.slots, &self.hasher);
        if socket.is_flow() {
            self.flows.remove(slots, socket, hasher);
        }
        if is_listed(socket) {
            self.locals.remove(slots, socket, hasher);
        }
        if has_shadow(socket) {
            self.shadows.remove(slots, socket, hasher);
        }
        self.cookies.remove(slots, socket, hasher);
    }

    /// The UDP sockets that an IPv4 packet to `at` finds by port alone, newest first. Since 6.14 Linux walks all UDP
    /// sockets of a port when everything else missed, and takes the placeholder of an IPv6 socket for its address.
    pub(crate) fn shadow(
        &self,
        netns: NetnsId,
        at: Endpoint,
    ) -> Option<List<'_, Shadow, impl Fn(&Socket) -> bool>> {
        let hash = (at.addr == IpAddr::V4(NO_IPV4)).then(|| self.hasher.port(netns, at.port))?;
        let fits = move |socket: &Socket| socket.netns() == netns && socket.local_port() == at.port;
        Some(self.shadows.list(&self.slots, hash, fits))
    }

    /// The sockets with exactly this flow (packet order), newest first.
    #[inline]
    pub(crate) fn flow(
        &self,
        netns: NetnsId,
        protocol: Protocol,
        tuple: Tuple,
    ) -> List<'_, Flow, impl Fn(&Socket) -> bool> {
        let key = key::flow(netns, protocol, &tuple, &self.hasher);
        self.flows.list(&self.slots, self.hasher.flow(key), move |socket| socket.is_of(key, &tuple))
    }

    /// The listeners or UDP sockets at this local address and port, in Linux's order.
    #[inline]
    pub(crate) fn local(
        &self,
        netns: NetnsId,
        protocol: Protocol,
        at: Endpoint,
    ) -> List<'_, Local, impl Fn(&Socket) -> bool> {
        let hash = self.hasher.local(netns, protocol, at);
        self.locals.list(&self.slots, hash, move |socket| {
            socket.local_hash() == hash
                && socket.local_port() == at.port
                && socket.netns() == netns
                && socket.protocol() == protocol
        })
    }

    /// The socket with this cookie.
    pub(crate) fn cookie(&self, cookie: u64) -> Option<&Socket> {
        let list = self.cookies.list(&self.slots, self.hasher.cookie(cookie), |s| s.cookie() == cookie);
        list.settle(|list| list.iter().next())
    }
}

/// Whether lookups find it by its local address.
pub(crate) fn is_listed(socket: &Socket) -> bool {
    socket.protocol() == Protocol::Udp || socket.state() == State::Listen
}

fn has_shadow(socket: &Socket) -> bool {
    socket.protocol() == Protocol::Udp && !socket.v6only() && is_v6only_address(socket.local().addr)
}
