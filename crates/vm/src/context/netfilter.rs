//! `bpf_nf_ctx`: a packet on its way through netfilter.
//!
//! The context's two pointers lead to structures of the kernel (see `objects`), which lie in the same block: the packet is
//! a `__sk_buff`, as the block begins with one, and behind it stands what those do not say.

use belay_isa::Size;

use super::{Sockets, put_bytes, put32, put64, skb};
use crate::input::{NetfilterHook, family};
use crate::memory::Block;
use crate::packet::Packet;
use crate::routes::Routes;

/// `struct nf_hook_state`, from its own address on.
pub(crate) const HOOK: usize = 0;
pub(crate) const FAMILY: usize = 1;
pub(crate) const IN: usize = 8;
pub(crate) const OUT: usize = 16;
/// `struct net_device`, likewise.
pub(crate) const IFINDEX: usize = 0;
pub(crate) const MTU: usize = 4;
pub(crate) const NAME: usize = 8;
const NAME_SIZE: usize = 16;
/// What `struct sk_buff` has beside a `__sk_buff`: from the block's begin on, which is its address.
pub(crate) const DATA_LEN: usize = 304;
pub(crate) const DEVICE: usize = 312;
pub(crate) const MAC_HEADER: usize = 320;
pub(crate) const NETWORK_HEADER: usize = 322;
pub(crate) const TRANSPORT_HEADER: usize = 324;

/// Where `state` and the devices lie in the block, and the context's own pointers.
const STATE_AT: usize = 256;
const STATE_POINTER: usize = 288;
const PACKET_POINTER: usize = 296;
const IN_AT: usize = 328;
const OUT_AT: usize = 352;
const DEVICE_AT: usize = 376;

/// The room before a packet in a test run (`NET_SKB_PAD`), from which headers are counted.
const HEADROOM: i64 = 64;
/// A header whose place is not known.
const UNSET: u64 = 0xffff;

/// Where the pointer stands that a load at `off` of the context gives.
pub(super) fn pointer(off: i32) -> Option<i32> {
    Some(match off {
        0 => STATE_POINTER as i32,
        8 => PACKET_POINTER as i32,
        _ => return None,
    })
}

/// What a packet is on its way through.
#[derive(Clone, Copy)]
pub(super) struct Passage {
    pub(super) hook: NetfilterHook,
    pub(super) family: u8,
    pub(super) input: u32,
    pub(super) output: u32,
}

/// Writes the context of a packet that a netfilter program sees: from its network header on.
pub(super) fn fill(block: &Block, passage: Passage, packet: &Packet, sockets: Sockets<'_>, routes: &Routes) {
    let Passage { hook, family, .. } = passage;
    skb::fill(block, packet, sockets);
    let begin = block.addr();
    put64(block, STATE_POINTER, begin + STATE_AT as u64);
    put64(block, PACKET_POINTER, begin);
    // One device is one object.
    let input = device(block, IN_AT, passage.input, routes);
    let output = match passage.output {
        same if same == passage.input => input,
        other => device(block, OUT_AT, other, routes),
    };
    block.put(STATE_AT + HOOK, Size::B, hook as u64);
    block.put(STATE_AT + FAMILY, Size::B, family.into());
    put64(block, STATE_AT + IN, input);
    put64(block, STATE_AT + OUT, output);
    put64(block, DATA_LEN, 0);
    block.put(TRANSPORT_HEADER, Size::H, UNSET);
    let network = HEADROOM + packet.network_off() - packet.mac_off();
    block.put(NETWORK_HEADER, Size::H, network as u64);
    match hook {
        NetfilterHook::LocalOut => sent(block, family),
        _ => block.put(MAC_HEADER, Size::H, HEADROOM as u64),
    }
    let own = match packet.metadata.ifindex {
        _ if hook == NetfilterHook::LocalOut => 0,
        same if same == passage.input => input,
        same if same == passage.output => output,
        other => device(block, DEVICE_AT, other, routes),
    };
    put64(block, DEVICE, own);
}

/// A packet that the host has made has had no link header yet.
fn sent(block: &Block, family: u8) {
    const IPV4: u16 = 0x0800;
    const IPV6: u16 = 0x86dd;
    block.put(MAC_HEADER, Size::H, UNSET);
    skb::set_pkt_type(block, 0);
    skb::set_network_protocol(block, if u32::from(family) == family::INET6 { IPV6 } else { IPV4 });
}

/// Writes a device; its address, 0 if there is none.
fn device(block: &Block, at: usize, index: u32, routes: &Routes) -> u64 {
    if index == 0 {
        return 0;
    }
    put32(block, at + IFINDEX, index);
    if let Some(link) = routes.device(index) {
        put32(block, at + MTU, link.mtu);
        let name = link.name.as_bytes();
        put_bytes(block, at + NAME, name.get(..NAME_SIZE - 1).unwrap_or(name));
    }
    block.addr() + at as u64
}
