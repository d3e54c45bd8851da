//! `bpf_sysctl`: a read or write of a setting.

use super::{RETVAL, Seen, Sockets, fields, get32, put32};
use crate::input::Sysctl;
use crate::memory::Block;

fields! {
    Fields of "bpf_sysctl" { write, file_pos; }
}

impl Seen for Sysctl {
    fn enter(&mut self, block: &Block, _: Sockets<'_>) {
        let fields = Fields::get();
        put32(block, fields.write, self.new.is_some().into());
        put32(block, fields.file_pos, self.file_pos);
        put32(block, RETVAL, self.retval.cast_unsigned());
    }

    fn leave(&mut self, block: &Block) {
        self.file_pos = get32(block, Fields::get().file_pos);
        self.retval = get32(block, RETVAL).cast_signed();
    }
}
