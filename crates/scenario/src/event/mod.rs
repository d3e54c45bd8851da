//! What programs run on, beside packets: one kind of event a family of hooks.
//!
//! A kind is called as its hooks are (`connect` for `cgroup_sock_addr/connect4` and `connect6`): one table says which hooks
//! those are ([`Kind`]), one what a program may leave of an event ([`Field`]). How either is written in a file is the matter
//! of `file`.

mod field;
mod kind;
pub(crate) mod names;
mod value;

use belay_sockets::SocketId;
use belay_vm::{
    DeviceAccess, FlowDissection, Input, Netfilter, NetfilterHook, Packet, Reuseport, SkLookup, SkMsg, Sock,
    SockAddr, SockOps, Sockopt, Sysctl,
};

pub(crate) use field::{After, Field, differing_keys, fields};
pub(crate) use kind::{Kind, PACKET};
pub(crate) use value::{Data, Form, Value, Wish, Written};

use crate::host::Host;

/// What a program is run on, as the scenario has it.
#[derive(Debug)]
pub(crate) enum Event {
    Packet(Incoming),
    FlowDissector { frame: Vec<u8>, flags: u32, buffered: bool },
    Netfilter(Filtered),
    SkLookup(SkLookup),
    SkReuseport { frame: Vec<u8>, group: Option<SocketId>, migrating: Option<SocketId>, hash: u32 },
    SockAddr(Box<SockAddr>),
    Sock(Box<Sock>),
    SockOps(Box<SockOps>),
    SkMsg(Box<SkMsg>),
    Sockopt(Box<Sockopt>),
    Sysctl(Sysctl),
    Device(DeviceAccess),
}

/// A packet on its way through netfilter.
#[derive(Debug)]
pub(crate) struct Filtered {
    pub(crate) frame: Vec<u8>,
    pub(crate) hook: NetfilterHook,
    /// The devices that it comes in and goes out by; the host's, where the hook knows one, if none is given.
    pub(crate) input: Option<u32>,
    pub(crate) output: Option<u32>,
    pub(crate) mark: u32,
}

/// A packet.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) frame: Vec<u8>,
    /// The device; the host's if none is given.
    pub(crate) ifindex: Option<u32>,
    pub(crate) mark: u32,
    pub(crate) priority: u32,
    /// The socket that it belongs to.
    pub(crate) socket: Option<SocketId>,
}

/// The input of one run.
#[derive(Debug)]
pub(crate) enum Staged {
    Packet(Packet),
    FlowDissector(FlowDissection),
    Netfilter(Netfilter),
    SkLookup(SkLookup),
    SkReuseport(Reuseport),
    SockAddr(SockAddr),
    Sock(Sock),
    SockOps(SockOps),
    SkMsg(SkMsg),
    Sockopt(Sockopt),
    Sysctl(Sysctl),
    Device(DeviceAccess),
}

impl Event {
    /// The frame that a packet is; empty for events without one.
    pub(crate) fn frame(&self) -> &[u8] {
        match self {
            Event::Packet(Incoming { frame, .. })
            | Event::FlowDissector { frame, .. }
            | Event::Netfilter(Filtered { frame, .. })
            | Event::SkReuseport { frame, .. } => frame,
            _ => &[],
        }
    }

    /// An input for one run. `as_test_run`: packets come from nowhere.
    ///
    /// # Errors
    /// If the bytes are no packet.
    pub(crate) fn stage(&self, host: &Host, as_test_run: bool) -> Result<Staged, String> {
        Ok(match self {
            Event::Packet(incoming) => Staged::Packet(incoming.packet(host, as_test_run)?),
            Event::FlowDissector { frame, flags, buffered } => {
                let packet = FlowDissection::new(frame).map_err(|e| e.to_string())?;
                Staged::FlowDissector(FlowDissection { flags: *flags, buffered: *buffered, ..packet })
            }
            Event::Netfilter(filtered) => Staged::Netfilter(filtered.passage(host, as_test_run)?),
            Event::SkReuseport { frame, group, migrating, hash } => {
                let packet = Reuseport::new(frame, *group).map_err(|e| e.to_string())?;
                Staged::SkReuseport(Reuseport { migrating: *migrating, hash: *hash, ..packet })
            }
            Event::SkLookup(input) => Staged::SkLookup(input.clone()),
            Event::SockAddr(input) => Staged::SockAddr(SockAddr::clone(input)),
            Event::Sock(input) => Staged::Sock(Sock::clone(input)),
            Event::SockOps(input) => Staged::SockOps(SockOps::clone(input)),
            Event::SkMsg(input) => Staged::SkMsg(SkMsg::clone(input)),
            Event::Sockopt(input) => Staged::Sockopt(Sockopt::clone(input)),
            Event::Sysctl(input) => Staged::Sysctl(input.clone()),
            Event::Device(input) => Staged::Device(*input),
        })
    }
}

impl Filtered {
    fn passage(&self, host: &Host, as_test_run: bool) -> Result<Netfilter, String> {
        /// The loopback device, which a test run has at every hook for the one that packets go out by.
        const LOOPBACK: u32 = 1;
        let mut packet = host.packet(&self.frame)?;
        packet.metadata.ingress_ifindex = 0;
        packet.metadata.mark = self.mark;
        // The packet's own device is the one that it comes in by; once it is routed, the one that it goes out by.
        let own = if self.hook == NetfilterHook::PostRouting { self.output } else { self.input };
        packet.metadata.ifindex = own.unwrap_or(packet.metadata.ifindex);
        if as_test_run {
            packet.metadata.ifindex = LOOPBACK;
        }
        let mut passage = Netfilter::new(self.hook, packet);
        if as_test_run {
            (passage.input, passage.output) = (0, LOOPBACK);
        }
        passage.input = self.input.unwrap_or(passage.input);
        passage.output = self.output.unwrap_or(passage.output);
        Ok(passage)
    }
}

impl Incoming {
    fn packet(&self, host: &Host, as_test_run: bool) -> Result<Packet, String> {
        let mut packet = host.packet(&self.frame)?;
        let metadata = &mut packet.metadata;
        if let Some(ifindex) = self.ifindex {
            (metadata.ifindex, metadata.ingress_ifindex) = (ifindex, ifindex);
        }
        if as_test_run {
            metadata.ingress_ifindex = 0;
        }
        (metadata.mark, metadata.priority) = (self.mark, self.priority);
        metadata.socket = self.socket;
        Ok(packet)
    }
}

impl Staged {
    /// What the runners take.
    pub(crate) fn input(&mut self) -> Input<'_> {
        match self {
            Staged::Packet(input) => input.into(),
            Staged::FlowDissector(input) => input.into(),
            Staged::Netfilter(input) => input.into(),
            Staged::SkLookup(input) => input.into(),
            Staged::SkReuseport(input) => input.into(),
            Staged::SockAddr(input) => input.into(),
            Staged::Sock(input) => input.into(),
            Staged::SockOps(input) => input.into(),
            Staged::SkMsg(input) => input.into(),
            Staged::Sockopt(input) => input.into(),
            Staged::Sysctl(input) => input.into(),
            Staged::Device(input) => input.into(),
        }
    }

    /// The packet's bytes, and its mark.
    pub(crate) fn packet(&self) -> (Vec<u8>, u32) {
        match self {
            Staged::Packet(packet) => (packet.bytes(), packet.metadata.mark),
            _ => (Vec::new(), 0),
        }
    }

    /// The socket that the event is about, if it is in no table.
    pub(crate) fn sock(&self) -> Option<&Sock> {
        Some(match self {
            Staged::SockAddr(input) => &input.sock,
            Staged::Sock(input) => input,
            Staged::SockOps(input) => &input.sock,
            Staged::SkMsg(input) => &input.sock,
            Staged::Sockopt(input) => &input.sock,
            _ => return None,
        })
    }
}
