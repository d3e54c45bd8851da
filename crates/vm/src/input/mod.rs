//! What a program runs on: one type a family of contexts, behind one [`Input`].
//!
//! Each type has public fields, whose defaults are those of the kernel's test runs, and is changed by the run as the
//! kernel's own object would be. A run on an input of another family than the program's (a socket program on a packet)
//! is as harmless as any: the program sees a context of zeros without packet bytes, and the input stays as it is.

mod bytes;
mod control;
mod flow;
mod lookup;
mod netfilter;
mod sk_msg;
mod sock;
mod sock_addr;
mod sock_ops;
mod sockopt;

use crate::packet::Packet;
pub use control::{DeviceAccess, Sysctl};
pub(crate) use flow::FLOW_KEYS;
pub use flow::{FlowDissection, FlowKeys};
pub use lookup::{Reuseport, SkLookup};
pub(crate) use netfilter::family_of;
pub use netfilter::{Netfilter, NetfilterHook};
pub use sk_msg::SkMsg;
pub use sock::Sock;
pub(crate) use sock::family;
pub use sock_addr::{SockAddr, UserAddress};
pub(crate) use sock_ops::{ALL_CB_FLAGS, op};
pub use sock_ops::{SockOps, SynHeaders};
pub use sockopt::{Sockopt, SockoptOutcome};

macro_rules! inputs {
    ($($variant:ident($type:ty), $doc:literal;)*) => {
        /// What a program runs on. Made `from` a reference to what a variant holds, so that `run(&mut machine, &mut packet)`
        /// says all there is to say.
        #[derive(Debug)]
        #[non_exhaustive]
        pub enum Input<'r> {
            $(#[doc = $doc] $variant(&'r mut $type),)*
            /// Programs of no hook have nothing but their memory.
            Nothing,
        }

        $(impl<'r> From<&'r mut $type> for Input<'r> {
            fn from(input: &'r mut $type) -> Self {
                Input::$variant(input)
            }
        })*
    };
}

inputs! {
    Packet(Packet), "`__sk_buff`, `xdp_md`: tc, XDP, socket filters, `cgroup_skb`, `sk_skb`, light-weight tunnels.";
    FlowDissection(FlowDissection), "`__sk_buff` with `bpf_flow_keys`: `flow_dissector`.";
    SkLookup(SkLookup), "`bpf_sk_lookup`.";
    Reuseport(Reuseport), "`sk_reuseport_md`.";
    SockAddr(SockAddr), "`bpf_sock_addr`: `bind4`, `connect4`, `sendmsg4`, …";
    Sock(Sock), "`bpf_sock`: `sock_create`, `post_bind4`, `sock_release`.";
    SockOps(SockOps), "`bpf_sock_ops`.";
    SkMsg(SkMsg), "`sk_msg_md`.";
    Sockopt(Sockopt), "`bpf_sockopt`: `getsockopt`, `setsockopt`.";
    Sysctl(Sysctl), "`bpf_sysctl`.";
    Device(DeviceAccess), "`bpf_cgroup_dev_ctx`.";
    Netfilter(Netfilter), "`bpf_nf_ctx`: `netfilter`.";
}

impl Input<'_> {
    /// The packet, if there is one that helpers may read.
    pub(crate) fn packet(&self) -> Option<&Packet> {
        match self {
            Input::Packet(packet) => Some(packet),
            Input::Reuseport(input) => Some(&input.packet),
            Input::Netfilter(input) => Some(&input.packet),
            Input::FlowDissection(input) if input.buffered => Some(&input.packet),
            _ => None,
        }
    }

    /// The packet, to be changed.
    pub(crate) fn packet_mut(&mut self) -> Option<&mut Packet> {
        match self {
            Input::Packet(packet) => Some(packet),
            _ => None,
        }
    }

    /// The bytes that the program sees, from one address to another.
    pub(crate) fn data(&self) -> Option<(u64, u64)> {
        let packet = |packet: &Packet| (packet.data_addr(), packet.end_addr());
        let bytes = |bytes: &bytes::Bytes| (bytes.addr(), bytes.end_addr());
        Some(match self {
            Input::Packet(input) => packet(input),
            Input::FlowDissection(input) => packet(&input.packet),
            Input::Reuseport(input) => packet(&input.packet),
            Input::SockOps(input) => bytes(input.shown()),
            Input::SkMsg(input) => bytes(input.shown()),
            Input::Sockopt(input) => bytes(input.value()),
            _ => return None,
        })
    }

    /// The socket that the program runs for, if it is in no table.
    pub(crate) fn sock(&self) -> Option<&Sock> {
        Some(match self {
            Input::SockAddr(input) => &input.sock,
            Input::Sock(input) => input,
            Input::SockOps(input) => &input.sock,
            Input::SkMsg(input) => &input.sock,
            Input::Sockopt(input) => &input.sock,
            _ => return None,
        })
    }

    /// The same socket, to be changed.
    pub(crate) fn sock_mut(&mut self) -> Option<&mut Sock> {
        Some(match self {
            Input::SockAddr(input) => &mut input.sock,
            Input::Sock(input) => input,
            Input::SockOps(input) => &mut input.sock,
            Input::SkMsg(input) => &mut input.sock,
            Input::Sockopt(input) => &mut input.sock,
            _ => return None,
        })
    }

    /// The device that the program runs for.
    pub(crate) fn ifindex(&self) -> u32 {
        match self {
            Input::SkLookup(input) => input.ingress_ifindex,
            _ => self.packet().map_or(0, |packet| packet.metadata.ifindex),
        }
    }
}
