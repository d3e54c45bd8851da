//! Regions with a size: map values, map keys, records. Offsets may be variable within bounds.

use belay_isa::Reg;

use crate::fault::{Bound, Check, Fault};
use crate::value::Value;
use crate::walk::Walk;

use super::At;

/// Largest variable offset that the verifier follows.
pub(crate) const MAX_VARIABLE_OFFSET: u64 = 1 << 29;

impl Walk<'_> {
    /// Checks that `size` bytes at `off` plus the pointer's variable part lie within `region` bytes.
    pub(crate) fn region_bytes(&self, reg: Reg, base: &Value, off: i64, size: u32, region: u32) -> Check {
        let refuse = |bound| {
            let found = base.type_name();
            Err(Fault::RegionBounds { reg, found, bound, off, size, region }.into())
        };
        let (smin, umax) = (base.scalar.smin(), base.scalar.umax());
        // The lowest address must be computable without overflow, then not lie before the region.
        let lowest = smin.checked_add(off);
        match lowest {
            None => return refuse(Bound::Negative),
            Some(lowest) if smin < 0 && (lowest < 0 || lowest != i64::from(lowest as i32)) => {
                return refuse(Bound::Negative);
            }
            Some(lowest) if !fits(lowest, size, region) => return refuse(Bound::Min),
            Some(_) => {}
        }
        if umax >= MAX_VARIABLE_OFFSET {
            return refuse(Bound::Unbounded);
        }
        if !fits(off + umax as i64, size, region) {
            return refuse(Bound::Max);
        }
        Ok(())
    }
}

impl Walk<'_> {
    /// The buffer of a writable tracepoint: how large it is, is asked where the program is attached. (6.18)
    pub(crate) fn tracepoint_buffer_access(&self, at: At, base: &Value, off: i64) -> Check {
        let (n, size) = (at.base.number(), at.size.bytes());
        let found = base.type_name();
        if off < 0 {
            let kernel = format!("R{n} invalid tracepoint buffer access: off={off}, size={size}");
            return Err(Fault::PointerOffset { reg: at.base, found, kernel }.into());
        }
        if base.scalar.as_constant().is_none() {
            let var_off = base.scalar.tnum();
            let kernel = format!("R{n} invalid variable buffer offset: off={off}, var_off={var_off}");
            return Err(Fault::PointerOffset { reg: at.base, found, kernel }.into());
        }
        Ok(())
    }
}

/// Whether `size` bytes at `off` lie within a region.
pub(crate) fn fits(off: i64, size: u32, region: u32) -> bool {
    off >= 0 && off.checked_add(i64::from(size)).is_some_and(|end| end <= i64::from(region))
}
