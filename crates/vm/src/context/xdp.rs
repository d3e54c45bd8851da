//! `xdp_md`: what XDP programs see of a packet.

use super::{fields, put32, put64};
use crate::memory::Block;
use crate::packet::Packet;

fields! {
    Fields of "xdp_md" {
        ingress_ifindex, rx_queue_index, egress_ifindex;
        data, data_end, data_meta,
    }
}

#[inline]
pub(super) fn fill(block: &Block, packet: &Packet) {
    let fields = Fields::get();
    put32(block, fields.ingress_ifindex, packet.metadata.ifindex);
    put32(block, fields.rx_queue_index, packet.metadata.rx_queue);
    put32(block, fields.egress_ifindex, 0);
    refresh(block, packet);
}

#[inline]
pub(super) fn refresh(block: &Block, packet: &Packet) {
    let fields = Fields::get();
    put64(block, fields.data, packet.data_addr());
    put64(block, fields.data_end, packet.end_addr());
    put64(block, fields.data_meta, packet.meta_addr());
}
