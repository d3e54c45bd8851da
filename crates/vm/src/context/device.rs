//! `bpf_cgroup_dev_ctx`: an access to a device.

use super::{RETVAL, Seen, Sockets, fields, get32, put32};
use crate::input::DeviceAccess;
use crate::memory::Block;

fields! {
    Fields of "bpf_cgroup_dev_ctx" { access_type, major, minor; }
}

/// The lower half of `access_type`: `BPF_DEVCG_DEV_BLOCK`, `BPF_DEVCG_DEV_CHAR`.
const BLOCK: u32 = 1;
const CHARACTERS: u32 = 2;
/// The upper half: `BPF_DEVCG_ACC_MKNOD`, `_READ`, `_WRITE`.
const MKNOD: u32 = 1 << 16;
const READ: u32 = 2 << 16;
const WRITE: u32 = 4 << 16;

impl Seen for DeviceAccess {
    fn enter(&mut self, block: &Block, _: Sockets<'_>) {
        let fields = Fields::get();
        let kind = if self.block { BLOCK } else { CHARACTERS };
        let accesses = [(self.mknod, MKNOD), (self.read, READ), (self.write, WRITE)];
        let access: u32 = accesses.iter().filter(|(asked, _)| *asked).map(|(_, bit)| bit).sum();
        put32(block, fields.access_type, access | kind);
        put32(block, fields.major, self.major);
        put32(block, fields.minor, self.minor);
        put32(block, RETVAL, self.retval.cast_unsigned());
    }

    fn leave(&mut self, block: &Block) {
        self.retval = get32(block, RETVAL).cast_signed();
    }
}
