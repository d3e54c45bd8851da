//! Packets whose flow is to be dissected, and what the dissector found.

use crate::packet::{ETHERNET, Packet, PacketError};

/// A packet for a flow dissector (`__sk_buff` with `bpf_flow_keys`).
#[derive(Debug)]
pub struct FlowDissection {
    /// The packet, seen from its Ethernet header on.
    pub packet: Packet,
    /// Where the dissection begins, from there: behind the Ethernet header, as in a test run.
    pub start: u16,
    /// What to look for: `BPF_FLOW_DISSECTOR_F_*`.
    pub flags: u32,
    /// Whether the kernel has an `sk_buff` already, so that `bpf_skb_load_bytes` works. A driver's look at a header has
    /// none, nor has a test run.
    pub buffered: bool,
    /// What the program found.
    pub keys: FlowKeys,
}

impl FlowDissection {
    /// A packet, from its Ethernet header.
    ///
    /// # Errors
    /// As [`Packet::new`].
    pub fn new(frame: &[u8]) -> Result<FlowDissection, PacketError> {
        let (packet, keys) = (Packet::new(frame)?, FlowKeys::default());
        Ok(FlowDissection { packet, start: ETHERNET as u16, flags: 0, buffered: false, keys })
    }
}

/// `sizeof(struct bpf_flow_keys)`
pub(crate) const FLOW_KEYS: usize = 56;

/// `struct bpf_flow_keys`, byte for byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowKeys(pub [u8; FLOW_KEYS]);

impl Default for FlowKeys {
    fn default() -> Self {
        FlowKeys([0; FLOW_KEYS])
    }
}

macro_rules! numbers {
    ($($name:ident: $kind:ty = $from:ident at $offset:literal, $doc:literal;)*) => {
        impl FlowKeys {
            $(#[doc = $doc]
            pub fn $name(&self) -> $kind {
                let bytes = self.0.get($offset..).and_then(<[u8]>::first_chunk);
                bytes.map_or(0, |bytes| <$kind>::$from(*bytes))
            })*
        }
    };
}

numbers! {
    nhoff: u16 = from_ne_bytes at 0, "Where the network header begins.";
    thoff: u16 = from_ne_bytes at 2, "Where the transport header begins.";
    addr_proto: u16 = from_ne_bytes at 4, "The type of the addresses: `ETH_P_IP`, `ETH_P_IPV6`.";
    is_frag: u8 = from_ne_bytes at 6, "Whether it is a fragment.";
    is_first_frag: u8 = from_ne_bytes at 7, "Whether it is the first one.";
    is_encap: u8 = from_ne_bytes at 8, "Whether it came in a tunnel.";
    ip_proto: u8 = from_ne_bytes at 9, "The transport protocol.";
    n_proto: u16 = from_be_bytes at 10, "The network protocol: `ETH_P_IP`, `ETH_P_IPV6`, …";
    sport: u16 = from_be_bytes at 12, "The source port.";
    dport: u16 = from_be_bytes at 14, "The destination port.";
    ipv4_src: u32 = from_be_bytes at 16, "The IPv4 source address.";
    ipv4_dst: u32 = from_be_bytes at 20, "The IPv4 destination address.";
    ipv6_src: u128 = from_be_bytes at 16, "The IPv6 source address.";
    ipv6_dst: u128 = from_be_bytes at 32, "The IPv6 destination address.";
    flags: u32 = from_ne_bytes at 48, "What was to be looked for.";
    flow_label: u32 = from_be_bytes at 52, "The IPv6 flow label.";
}

impl FlowKeys {
    /// What the program starts from: the network header's place, and its protocol.
    pub(crate) fn before(start: u16, protocol: [u8; 2], flags: u32) -> FlowKeys {
        let mut keys = FlowKeys::default();
        keys.set(0, &start.to_ne_bytes());
        keys.set(2, &start.to_ne_bytes());
        keys.set(10, &protocol);
        keys.set(48, &flags.to_ne_bytes());
        keys
    }

    /// Keeps both places within the packet, as the kernel does after every run.
    pub(crate) fn settle(&mut self, start: u16, len: u16) {
        let clamp = |value: u16, low: u16| value.max(low).min(len);
        let network = clamp(self.nhoff(), start);
        let transport = clamp(self.thoff(), network);
        self.set(0, &network.to_ne_bytes());
        self.set(2, &transport.to_ne_bytes());
    }

    fn set(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.0.get_mut(at..).and_then(|rest| rest.get_mut(..bytes.len())) {
            place.copy_from_slice(bytes);
        }
    }
}
