//! `sk_msg_md`: a message on its way out of a socket.

use super::{Seen, Sockets, fields, put_bytes, put32, put64};
use crate::input::SkMsg;
use crate::memory::Block;

fields! {
    Fields of "sk_msg_md" {
        data, data_end, family, remote_ip4, local_ip4, remote_ip6, local_ip6, remote_port, local_port, size, sk;
    }
}

impl Seen for SkMsg {
    fn enter(&mut self, block: &Block, sockets: Sockets<'_>) {
        let fields = Fields::get();
        self.show_first();
        let sock = &self.sock;
        put32(block, fields.family, sock.family);
        put_bytes(block, fields.remote_ip4, &sock.dst_ip4.octets());
        put_bytes(block, fields.local_ip4, &sock.src_ip4.octets());
        put_bytes(block, fields.remote_ip6, &sock.dst_ip6.octets());
        put_bytes(block, fields.local_ip6, &sock.src_ip6.octets());
        put32(block, fields.remote_port, u32::from(sock.dst_port.to_be()) << 16);
        put32(block, fields.local_port, sock.src_port.into());
        put64(block, fields.sk, sockets.model(sock));
        self.refresh(block);
    }

    fn refresh(&self, block: &Block) {
        let fields = Fields::get();
        put64(block, fields.data, self.shown().addr());
        put64(block, fields.data_end, self.shown().end_addr());
        put32(block, fields.size, self.shown().total() as u32);
    }
}
