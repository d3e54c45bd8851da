//! Which socket a packet finds, in Linux's order.
//!
//! TCP: the exact flow, then listeners at the packet's address, then wildcard listeners; an exact address thus beats a bound device. UDP: the
//! exact flow, then sockets at the packet's address, then wildcard ones, by score. Within a stage the walk follows Linux's list order,
//! and the first socket with `SO_REUSEPORT` that is the best *so far* ends it, even if a better one would follow.
//!
//! Every rule is written once: [`Witness`] watches the walk, so that an explanation is the lookup itself and not a second opinion.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::address::{Protocol, Tuple};
use crate::explain::{Refusal, Stage};
use crate::namespace::NetnsId;
use crate::reuseport::Group;
use crate::score;
use crate::socket::Socket;
use crate::state::State;
use crate::table::Shared;

/// Which helper asks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LookupKind {
    /// `bpf_sk_lookup_tcp`, `bpf_sk_lookup_udp`: full sockets. A request socket is answered by its listener, a
    /// time-wait socket by NULL.
    Full,
    /// `bpf_skc_lookup_tcp`: whatever was found.
    Common,
}

/// A question to the table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Query {
    /// The namespace to search. [`Reader::resolve`](crate::Reader::resolve) turns a program's argument into one.
    pub netns: NetnsId,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The flow, in packet order.
    pub tuple: Tuple,
    /// The device of the program's context. Linux compares this number also in a namespace reached by id, where it
    /// may name another device.
    pub ifindex: u32,
    /// Which helper asks.
    pub kind: LookupKind,
}

/// Watches a lookup.
pub(crate) trait Witness {
    /// `socket` was scored in `stage`.
    fn consider(&mut self, _stage: Stage, _socket: &Socket, _score: Result<u32, Refusal>) {}
    /// `picked` answers for the group of `member`.
    fn group(&mut self, _stage: Stage, _member: &Socket, _picked: &Socket) {}
    /// The walk ended at `hit`, which the helper replaces by `answer`.
    fn replace(&mut self, _hit: &Socket, _answer: Option<&Socket>) {}
}

/// Nobody watches.
impl Witness for () {}

impl Shared {
    /// The answer to a query.
    pub(crate) fn search<W: Witness>(&self, query: &Query, witness: &mut W) -> Option<&Socket> {
        let hit = match query.protocol {
            Protocol::Tcp => self.tcp(query, witness),
            Protocol::Udp => self.udp(query, witness),
        }?;
        if query.kind == LookupKind::Common || hit.is_full() {
            return Some(hit);
        }
        let answer = hit.listener().and_then(|id| self.socket(id));
        witness.replace(hit, answer);
        answer
    }

    fn tcp<W: Witness>(&self, query: &Query, witness: &mut W) -> Option<&Socket> {
        self.flow(query, Stage::TcpFlow, witness).or_else(|| self.listener(query, witness))
    }

    /// The listener for a packet: also what owns a request socket.
    pub(crate) fn listener<W: Witness>(&self, query: &Query, witness: &mut W) -> Option<&Socket> {
        self.listener_at(query, query.tuple, Stage::TcpListener, witness)
            .or_else(|| self.listener_at(query, to_wildcard(query.tuple), Stage::TcpWildcard, witness))
    }

    fn listener_at<W: Witness>(
        &self,
        query: &Query,
        wanted: Tuple,
        stage: Stage,
        witness: &mut W,
    ) -> Option<&Socket> {
        let list = self.index.local(query.netns, query.protocol, wanted.destination());
        list.settle(|list| self.best_listener(list.iter(), query, wanted, stage, witness))
    }

    fn best_listener<'t, W: Witness>(
        &'t self,
        candidates: impl Iterator<Item = &'t Socket>,
        query: &Query,
        wanted: Tuple,
        stage: Stage,
        witness: &mut W,
    ) -> Option<&'t Socket> {
        let mut best: Option<(u32, &Socket)> = None;
        for socket in candidates {
            let score = score::listener(socket, &wanted, query.ifindex);
            witness.consider(stage, socket, score);
            let Ok(score) = score else { continue };
            if best.is_some_and(|(most, _)| score <= most) {
                continue;
            }
            if let Some(picked) = self.pick(query, stage, socket, witness) {
                return Some(picked);
            }
            best = Some((score, socket));
        }
        best.map(|(_, socket)| socket)
    }

    fn udp<W: Witness>(&self, query: &Query, witness: &mut W) -> Option<&Socket> {
        self.flow(query, Stage::UdpFlow, witness)
            .or_else(|| self.udp_at(query, query.tuple, Stage::UdpLocal, witness))
            .or_else(|| self.udp_at(query, to_wildcard(query.tuple), Stage::UdpWildcard, witness))
            .or_else(|| self.udp_by_port(query, witness))
    }

    fn udp_at<W: Witness>(
        &self,
        query: &Query,
        wanted: Tuple,
        stage: Stage,
        witness: &mut W,
    ) -> Option<&Socket> {
        let list = self.index.local(query.netns, query.protocol, wanted.destination());
        list.settle(|list| self.best_datagram(list.iter(), query, wanted, stage, witness))
    }

    fn best_datagram<'t, W: Witness>(
        &'t self,
        candidates: impl Iterator<Item = &'t Socket>,
        query: &Query,
        wanted: Tuple,
        stage: Stage,
        witness: &mut W,
    ) -> Option<&'t Socket> {
        let mut best: Option<(u32, &Socket)> = None;
        for socket in candidates {
            let score = score::udp(socket, &wanted, query.ifindex);
            witness.consider(stage, socket, score);
            let Ok(score) = score else { continue };
            if best.is_some_and(|(most, _)| score <= most) {
                continue;
            }
            best = Some((score, socket));
            if socket.state() == State::Established {
                continue;
            }
            let Some(picked) = self.pick(query, stage, socket, witness) else { continue };
            if !self.group_of(socket).is_some_and(Group::has_connections) {
                return Some(picked);
            }
            // A socket that left the group by connecting may fit better: keep scoring, from the better of the two.
            let rescored = score::udp(picked, &wanted, query.ifindex).unwrap_or(0);
            best = Some((score.max(rescored), picked));
        }
        best.map(|(_, socket)| socket)
    }

    fn udp_by_port<W: Witness>(&self, query: &Query, witness: &mut W) -> Option<&Socket> {
        let list = self.index.shadow(query.netns, query.tuple.destination())?;
        list.settle(|list| {
            let mut best: Option<(u32, &Socket)> = None;
            for socket in list.iter() {
                let score = score::udp(socket, &query.tuple, query.ifindex);
                witness.consider(Stage::UdpPort, socket, score);
                if let Ok(score) = score
                    && best.is_none_or(|(most, _)| score > most)
                {
                    best = Some((score, socket));
                }
            }
            best.map(|(_, socket)| socket)
        })
    }

    /// The first socket with exactly this flow whose device fits.
    #[inline]
    fn flow<W: Witness>(&self, query: &Query, stage: Stage, witness: &mut W) -> Option<&Socket> {
        let list = self.index.flow(query.netns, query.protocol, query.tuple);
        list.settle(|list| {
            list.iter().find(|socket| {
                let fits = score::device(socket, query.ifindex);
                witness.consider(stage, socket, fits.map(|()| 0));
                fits.is_ok()
            })
        })
    }

    /// The member that the flow's hash picks, if `socket` is in a group.
    fn pick<W: Witness>(
        &self,
        query: &Query,
        stage: Stage,
        socket: &Socket,
        witness: &mut W,
    ) -> Option<&Socket> {
        let picked = self.group_of(socket)?.pick(&query.tuple, &self.index.slots)?;
        witness.group(stage, socket, picked);
        Some(picked)
    }
}

/// The same packet to the wildcard address of its family.
fn to_wildcard(tuple: Tuple) -> Tuple {
    match tuple {
        Tuple::V4 { saddr, sport, dport, .. } => {
            Tuple::V4 { saddr, daddr: Ipv4Addr::UNSPECIFIED, sport, dport }
        }
        Tuple::V6 { saddr, sport, dport, .. } => {
            Tuple::V6 { saddr, daddr: Ipv6Addr::UNSPECIFIED, sport, dport }
        }
    }
}
