//! Packet bytes: readable as far as a comparison with the end of the packet has shown them to be there.

use belay_isa::Reg;

use crate::fault::{Bound, Check, Fault};
use crate::value::{PacketRange, Value};
use crate::walk::Walk;

use super::region::fits;

/// Size of `struct bpf_flow_keys`.
const FLOW_KEYS_SIZE: u32 = 56;

impl Walk<'_> {
    /// Checks `size` bytes at `off` (the constant part; what is known of the range counts from the variable part).
    pub(crate) fn packet_bytes(
        &self,
        reg: Reg,
        base: &Value,
        range: PacketRange,
        off: i64,
        size: u32,
    ) -> Check {
        if base.scalar.smin() < 0 {
            let found = base.type_name();
            return Err(
                Fault::RegionBounds { reg, found, bound: Bound::Negative, off, size, region: 0 }.into()
            );
        }
        match range {
            PacketRange::Known(range) if fits(off, size, range) => Ok(()),
            PacketRange::Known(range) => {
                Err(Fault::PacketBounds { reg, off, size, range: Some(range) }.into())
            }
            PacketRange::AtEnd | PacketRange::BeyondEnd => {
                Err(Fault::PacketBounds { reg, off, size, range: None }.into())
            }
        }
    }

    /// `struct bpf_flow_keys` is plain memory of a fixed size, at constant offsets.
    pub(crate) fn flow_keys_access(&self, at: super::At, off: i64, size: u32) -> Check<Value> {
        if !fits(off, size, FLOW_KEYS_SIZE) {
            let kernel = format!("invalid access to flow keys off={off} size={size}");
            return Err(Fault::PointerOffset { reg: at.base, found: "flow_keys".into(), kernel }.into());
        }
        Ok(Value::unknown())
    }
}
