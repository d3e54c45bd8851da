//! `bpf_sock`: the context of hooks that make, bind and close sockets; and how a model of a socket lies in memory.

use super::{RETVAL, Seen, Sockets, fields, get32, put_bytes, put32};
use crate::input::Sock;
use crate::memory::Block;

fields! {
    Fields of "bpf_sock" {
        bound_dev_if, family, r#type, protocol, mark, priority, src_ip4, src_ip6, src_port, dst_port, dst_ip4, dst_ip6,
        state, rx_queue_mapping;
    }
}

/// Writes `struct bpf_sock`.
pub(super) fn put(block: &Block, sock: &Sock) {
    let fields = Fields::get();
    put32(block, fields.bound_dev_if, sock.device);
    put32(block, fields.family, sock.family);
    put32(block, fields.r#type, sock.kind);
    put32(block, fields.protocol, sock.protocol);
    put32(block, fields.mark, sock.mark);
    put32(block, fields.priority, sock.priority);
    put_bytes(block, fields.src_ip4, &sock.src_ip4.octets());
    put_bytes(block, fields.src_ip6, &sock.src_ip6.octets());
    put32(block, fields.src_port, sock.src_port.into());
    put32(block, fields.dst_port, sock.dst_port.to_be().into());
    put_bytes(block, fields.dst_ip4, &sock.dst_ip4.octets());
    put_bytes(block, fields.dst_ip6, &sock.dst_ip6.octets());
    put32(block, fields.state, sock.state.number().into());
    // Linux fills all 64 bits with ones where there is no queue, even for a load of four bytes, of which its verifier
    // expects four. Belay keeps what the verifier promises.
    put32(block, fields.rx_queue_mapping, sock.rx_queue_mapping.cast_unsigned());
}

impl Seen for Sock {
    fn enter(&mut self, block: &Block, _: Sockets<'_>) {
        put(block, self);
        put32(block, RETVAL, self.retval.cast_unsigned());
    }

    fn leave(&mut self, block: &Block) {
        let fields = Fields::get();
        self.device = get32(block, fields.bound_dev_if);
        self.mark = get32(block, fields.mark);
        self.priority = get32(block, fields.priority);
        self.retval = get32(block, RETVAL).cast_signed();
    }
}
