//! `__sk_buff` as flow dissectors see it: bytes and `bpf_flow_keys`.
//!
//! The keys lie in the context's block, behind the structure.

use super::{Seen, Sockets, fields, get_bytes, put_bytes, put64};
use crate::input::{FlowDissection, FlowKeys};
use crate::memory::Block;

fields! {
    Fields of "__sk_buff" { flow_keys; data, data_end, }
}

/// Where the keys stand in the block.
const KEYS: usize = 256;

/// The address of the keys.
pub(crate) fn keys(block: &Block) -> u64 {
    block.addr() + KEYS as u64
}

impl Seen for FlowDissection {
    fn enter(&mut self, block: &Block, _: Sockets<'_>) {
        let fields = Fields::get();
        self.packet.enter(true);
        put64(block, fields.data, self.packet.data_addr());
        put64(block, fields.data_end, self.packet.end_addr());
        put64(block, fields.flow_keys, keys(block));
        let [.., high, low] = self.packet.ethernet();
        put_bytes(block, KEYS, &FlowKeys::before(self.start, [high, low], self.flags).0);
    }

    fn leave(&mut self, block: &Block) {
        self.keys = FlowKeys(get_bytes(block, KEYS));
        self.keys.settle(self.start, u16::try_from(self.packet.len()).unwrap_or(u16::MAX));
    }
}
