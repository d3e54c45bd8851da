//! Regions with a size: map values, map keys, records. Offsets may be variable within bounds.

use belay_isa::Reg;

use crate::fault::{Bound, Check, Direction, Fault};
use crate::value::Value;
use crate::walk::Walk;

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
    /// Checks bytes of a buffer whose size is only known when the program attaches: any known place behind its start.
    #[allow(clippy::too_many_arguments, reason = "an access, and where it is")]
    pub(crate) fn buffer_bytes(
        &self,
        reg: Reg,
        base: &Value,
        off: i64,
        size: u32,
        direction: Direction,
        read_only: bool,
        what: &str,
    ) -> Check {
        if read_only && direction == Direction::Write {
            return Err(Fault::ReadOnly { reg, found: base.type_name() }.into());
        }
        let n = reg.number();
        let what = match (what, read_only) {
            ("", true) => "rdonly",
            ("", false) => "rdwr",
            (what, _) => what,
        };
        let kernel = if off < 0 {
            format!("R{n} invalid {what} buffer access: off={off}, size={size}")
        } else if base.scalar.as_constant() != Some(0) {
            let variable = base.scalar.tnum();
            format!("R{n} invalid variable buffer offset: off={off}, var_off={variable}")
        } else {
            return Ok(());
        };
        Err(Fault::BufferPlace { reg, kernel }.into())
    }
}

/// Whether `size` bytes at `off` lie within a region.
pub(crate) fn fits(off: i64, size: u32, region: u32) -> bool {
    off >= 0 && off.checked_add(i64::from(size)).is_some_and(|end| end <= i64::from(region))
}
