//! The peers, each behind one call.
//!
//! None of them has maps: their users write helpers. Those of the benchmark keep entries in one of two [`Table`]s.

pub mod sbpf;
mod tables;

use rbpf::EbpfVmRaw;

pub use tables::Table;

/// One region for the peers: the packet's length in eight bytes, and the packet.
pub fn region(packet: &[u8]) -> Vec<u8> {
    [&(packet.len() as u64).to_le_bytes(), packet].concat()
}

/// A machine of rbpf.
pub fn rbpf(program: &[u8], table: Table) -> EbpfVmRaw<'_> {
    let mut vm = EbpfVmRaw::new(Some(program)).unwrap_or_else(|e| panic!("rbpf: {e}"));
    let [lookup, update] = table.helpers();
    vm.register_helper(1, lookup).expect("a helper");
    vm.register_helper(2, update).expect("a helper");
    vm
}
