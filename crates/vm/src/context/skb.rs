//! `__sk_buff`: what tc, cgroup and socket programs see of a packet.

use belay_sockets::Socket;

use super::{Sockets, fields, get32, get64, put_bytes, put32, put64};
use crate::memory::Block;
use crate::packet::Packet;

fields! {
    Fields of "__sk_buff" {
        len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority, ingress_ifindex,
        ifindex, tc_index, cb, hash, tc_classid, napi_id, tstamp, tstamp_type, wire_len, gso_segs, gso_size, hwtstamp, family,
        remote_ip4, local_ip4, remote_ip6, local_ip6, remote_port, local_port, sk;
        data, data_end, data_meta,
    }
}

/// Where the packet's length stands.
pub(super) const LEN: usize = Fields::PLACES.len;

/// `pkt_type` (`<linux/if_packet.h>`): for this host, to all, to a group, to another host.
mod pkt_type {
    pub(super) const HOST: u32 = 0;
    pub(super) const BROADCAST: u32 = 1;
    pub(super) const MULTICAST: u32 = 2;
    pub(super) const OTHERHOST: u32 = 3;
}

pub(super) fn fill(block: &Block, packet: &Packet, sockets: Sockets<'_>) {
    let fields = Fields::get();
    let known = &packet.metadata;
    let header = packet.ethernet();
    put32(block, fields.pkt_type, pkt_type(&header, known.device_address));
    put32(block, fields.protocol, u32::from(protocol(&header)));
    put32(block, fields.mark, known.mark);
    put32(block, fields.queue_mapping, known.queue_mapping & 0xffff);
    set_vlan(block, known.vlan);
    put32(block, fields.priority, known.priority);
    put32(block, fields.ingress_ifindex, known.ingress_ifindex);
    put32(block, fields.ifindex, known.ifindex);
    put32(block, fields.tc_index, known.tc_index & 0xffff);
    put32(block, fields.tc_classid, known.tc_classid & 0xffff);
    for (index, word) in known.cb.iter().enumerate() {
        put32(block, fields.cb + 4 * index, *word);
    }
    put32(block, fields.hash, known.hash);
    put32(block, fields.napi_id, known.napi_id);
    put64(block, fields.tstamp, known.tstamp);
    put64(block, fields.hwtstamp, known.hwtstamp);
    put32(block, fields.wire_len, known.wire_len);
    put32(block, fields.gso_segs, known.gso_segs);
    put32(block, fields.gso_size, known.gso_size);
    if let Some(id) = known.socket {
        put64(block, fields.sk, sockets.address(id));
        sockets.with(id, |socket| put_socket(block, socket));
    }
    refresh(block, packet);
}

/// Writes the addresses of the packet's socket.
fn put_socket(block: &Block, socket: &Socket) {
    let fields = Fields::get();
    let view = socket.view();
    let bytes = |off: usize, len: usize| view.get(off..off + len).unwrap_or_default();
    put_bytes(block, fields.family, bytes(view::FAMILY, 4));
    put_bytes(block, fields.local_ip4, bytes(view::SRC_IP4, 4));
    put_bytes(block, fields.local_ip6, bytes(view::SRC_IP6, 16));
    put_bytes(block, fields.local_port, bytes(view::SRC_PORT, 4));
    // The port is in the upper half here.
    put_bytes(block, fields.remote_port + 2, bytes(view::DST_PORT, 2));
    put_bytes(block, fields.remote_ip4, bytes(view::DST_IP4, 4));
    put_bytes(block, fields.remote_ip6, bytes(view::DST_IP6, 16));
}

/// Offsets in `struct bpf_sock`.
mod view {
    pub(super) const FAMILY: usize = 4;
    pub(super) const SRC_IP4: usize = 24;
    pub(super) const SRC_IP6: usize = 28;
    pub(super) const SRC_PORT: usize = 44;
    pub(super) const DST_PORT: usize = 48;
    pub(super) const DST_IP4: usize = 52;
    pub(super) const DST_IP6: usize = 56;
}

#[inline]
pub(super) fn refresh(block: &Block, packet: &Packet) {
    let fields = Fields::get();
    put32(block, fields.len, packet.len() as u32);
    put64(block, fields.data, packet.data_addr());
    put64(block, fields.data_end, packet.end_addr());
    put64(block, fields.data_meta, packet.meta_addr());
}

pub(super) fn take_back(block: &Block, packet: &mut Packet) {
    let fields = Fields::get();
    let known = &mut packet.metadata;
    known.mark = get32(block, fields.mark);
    known.queue_mapping = get32(block, fields.queue_mapping);
    known.priority = get32(block, fields.priority);
    known.tc_index = get32(block, fields.tc_index);
    known.tc_classid = get32(block, fields.tc_classid);
    for (index, word) in known.cb.iter_mut().enumerate() {
        *word = get32(block, fields.cb + 4 * index);
    }
    known.hash = get32(block, fields.hash);
    known.vlan = vlan(block);
    known.tstamp = get64(block, fields.tstamp);
}

/// Sets `skb->hash`.
pub(crate) fn set_hash(block: &Block, hash: u32) {
    put32(block, Fields::get().hash, hash);
}

/// `skb->hash`.
pub(crate) fn hash(block: &Block) -> u32 {
    get32(block, Fields::get().hash)
}

/// Sets `skb->tstamp`, and whose time it is.
pub(crate) fn set_tstamp(block: &Block, tstamp: u64, kind: u8) {
    let fields = Fields::get();
    put64(block, fields.tstamp, tstamp);
    let _ = block.write(fields.tstamp_type, &[kind]);
}

/// `skb->protocol`, in host order.
pub(crate) fn network_protocol(block: &Block) -> u16 {
    u16::from_be(get32(block, Fields::get().protocol) as u16)
}

/// Sets `skb->protocol`, given in host order.
pub(crate) fn set_network_protocol(block: &Block, protocol: u16) {
    put32(block, Fields::get().protocol, u32::from(protocol.to_be()));
}

/// The VLAN tag outside the packet's bytes: protocol and tag control information.
pub(crate) fn vlan(block: &Block) -> Option<(u16, u16)> {
    let fields = Fields::get();
    let proto = u16::from_be(get32(block, fields.vlan_proto) as u16);
    (get32(block, fields.vlan_present) != 0).then(|| (proto, get32(block, fields.vlan_tci) as u16))
}

/// Sets or takes away the VLAN tag outside the packet's bytes.
pub(crate) fn set_vlan(block: &Block, tag: Option<(u16, u16)>) {
    let fields = Fields::get();
    let (proto, tci) = tag.unwrap_or_default();
    put32(block, fields.vlan_present, u32::from(tag.is_some()));
    put32(block, fields.vlan_proto, u32::from(proto.to_be()));
    put32(block, fields.vlan_tci, u32::from(tci));
}

/// Sets `skb->pkt_type`; false, and nothing done, unless it is one for frames that arrive.
pub(crate) fn set_pkt_type(block: &Block, kind: u32) -> bool {
    let known = kind <= pkt_type::OTHERHOST;
    if known {
        put32(block, Fields::get().pkt_type, kind);
    }
    known
}

/// Sets the segments of a GSO packet, and their size.
pub(crate) fn set_gso(block: &Block, segments: u32, size: u32) {
    let fields = Fields::get();
    put32(block, fields.gso_segs, segments);
    put32(block, fields.gso_size, size);
}

/// For whom the frame is (`eth_type_trans`).
fn pkt_type(header: &[u8; 14], device: [u8; 6]) -> u32 {
    let Some(destination) = header.first_chunk::<6>() else { return pkt_type::HOST };
    // The loopback device's addresses are all zero, its broadcast address too.
    let loopback = device == [0; 6];
    if *destination == device {
        pkt_type::HOST
    } else if *destination == [0xff; 6] && !loopback {
        pkt_type::BROADCAST
    } else if destination[0] & 1 != 0 {
        pkt_type::MULTICAST
    } else {
        pkt_type::OTHERHOST
    }
}

/// The protocol in network order, as the field holds it: the frame's type, or for lengths (802.3) what the kernel
/// takes them for.
fn protocol(header: &[u8; 14]) -> u16 {
    const ETH_P_802_2: u16 = 0x0004;
    let [.., high, low] = *header;
    let host = u16::from_be_bytes([high, low]);
    if host >= 0x600 { host.to_be() } else { ETH_P_802_2.to_be() }
}
