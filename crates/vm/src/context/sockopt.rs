//! `bpf_sockopt`: a call of `getsockopt` or `setsockopt`.

use super::{Seen, Sockets, fields, get32, put32, put64};
use crate::input::Sockopt;
use crate::memory::Block;

fields! {
    Fields of "bpf_sockopt" { sk, optval, optval_end, level, optname, optlen, retval; }
}

/// Where `bpf_get_retval` reads and `bpf_set_retval` writes: the field is the same number.
pub(super) fn retval() -> usize {
    Fields::get().retval
}

impl Seen for Sockopt {
    fn enter(&mut self, block: &Block, sockets: Sockets<'_>) {
        let fields = Fields::get();
        put64(block, fields.sk, sockets.model(&self.sock));
        put64(block, fields.optval, self.value().addr());
        put64(block, fields.optval_end, self.value().end_addr());
        put32(block, fields.level, self.level.cast_unsigned());
        put32(block, fields.optname, self.optname.cast_unsigned());
        put32(block, fields.optlen, self.optlen.cast_unsigned());
        put32(block, fields.retval, self.retval.cast_unsigned());
    }

    fn leave(&mut self, block: &Block) {
        let fields = Fields::get();
        self.level = get32(block, fields.level).cast_signed();
        self.optname = get32(block, fields.optname).cast_signed();
        self.optlen = get32(block, fields.optlen).cast_signed();
        self.retval = get32(block, fields.retval).cast_signed();
    }
}
