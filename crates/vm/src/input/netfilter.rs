//! A packet on its way through netfilter.

use super::family;
use crate::packet::Packet;

/// Where on its way a packet is (`NF_INET_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NetfilterHook {
    /// It came in, and is not routed yet.
    #[default]
    PreRouting = 0,
    /// It is for this host.
    LocalIn = 1,
    /// It is for another host, and goes on.
    Forward = 2,
    /// This host has made it.
    LocalOut = 3,
    /// It is about to go out.
    PostRouting = 4,
}

impl NetfilterHook {
    /// All of them, by number.
    pub const ALL: [NetfilterHook; 5] = [
        NetfilterHook::PreRouting,
        NetfilterHook::LocalIn,
        NetfilterHook::Forward,
        NetfilterHook::LocalOut,
        NetfilterHook::PostRouting,
    ];

    /// Whether the kernel's test runs have a device that the packet came in by.
    fn has_input(self) -> bool {
        matches!(self, NetfilterHook::PreRouting | NetfilterHook::LocalIn | NetfilterHook::Forward)
    }

    /// Whether they have one that it goes out by.
    fn has_output(self) -> bool {
        matches!(self, NetfilterHook::Forward | NetfilterHook::LocalOut | NetfilterHook::PostRouting)
    }
}

/// What netfilter programs run on (`bpf_nf_ctx`): a packet, which they see from its network header on and cannot change.
#[derive(Debug)]
pub struct Netfilter {
    /// Where it is: `state->hook`.
    pub hook: NetfilterHook,
    /// `state->pf`: 2 for IPv4, 10 for IPv6.
    pub family: u8,
    /// The device that it came in by, `state->in`; 0 for none. Its name and MTU are those that the machine's routes give
    /// the device of this number.
    pub input: u32,
    /// The device that it goes out by, `state->out`; 0 for none.
    pub output: u32,
    /// The packet, with the Ethernet header that it has or would have.
    pub packet: Packet,
}

impl Netfilter {
    /// A packet at a hook, as in a test run of the kernel: its family is that of its frame, and both devices are the one of
    /// its metadata, where the hook knows them.
    pub fn new(hook: NetfilterHook, packet: Packet) -> Netfilter {
        let device = packet.metadata.ifindex;
        let known = |knows: bool| if knows { device } else { 0 };
        let (input, output) = (known(hook.has_input()), known(hook.has_output()));
        Netfilter { hook, family: family_of(&packet), input, output, packet }
    }
}

/// The address family of a packet, by the type of its frame.
pub(crate) fn family_of(packet: &Packet) -> u8 {
    const IPV6: [u8; 2] = [0x86, 0xdd];
    let family = if packet.ethernet().ends_with(&IPV6) { family::INET6 } else { family::INET };
    family as u8
}
