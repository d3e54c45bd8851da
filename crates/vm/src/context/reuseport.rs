//! `sk_reuseport_md`: a packet for a group of sockets.

use super::{Seen, Sockets, fields, put_bytes, put32, put64};
use crate::input::Reuseport;
use crate::memory::Block;

fields! {
    Fields of "sk_reuseport_md" {
        data, data_end, len, eth_protocol, ip_protocol, bind_inany, hash, sk, migrating_sk;
    }
}

impl Seen for Reuseport {
    fn enter(&mut self, block: &Block, sockets: Sockets<'_>) {
        let fields = Fields::get();
        self.packet.enter_transport();
        self.selected = None;
        put64(block, fields.data, self.packet.data_addr());
        put64(block, fields.data_end, self.packet.end_addr());
        put32(block, fields.len, self.packet.len() as u32);
        let [.., high, low] = self.packet.ethernet();
        put_bytes(block, fields.eth_protocol, &[high, low]);
        if let Some(id) = self.sk {
            sockets.with(id, |socket| {
                put32(block, fields.ip_protocol, socket.protocol().number().into());
                put32(block, fields.bind_inany, socket.local().addr.is_unspecified().into());
            });
        }
        put32(block, fields.hash, self.hash);
        put64(block, fields.sk, self.sk.map_or_else(|| sockets.nobody(), |id| sockets.address(id)));
        put64(block, fields.migrating_sk, self.migrating.map_or(0, |id| sockets.address(id)));
    }
}
