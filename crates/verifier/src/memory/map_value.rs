//! Map values: memory of the map's value size. What a frozen map holds is known at verification.

use belay_isa::Reg;
use belay_object::MapDef;

use crate::fault::{Check, Direction, Fault, Stop};
use crate::special_fields::SpecialField;
use crate::value::Value;
use crate::walk::Walk;

use super::{Action, At};

/// `BPF_F_RDONLY_PROG`
const READ_ONLY: u32 = 1 << 7;
/// `BPF_F_WRONLY_PROG`
const WRITE_ONLY: u32 = 1 << 8;

impl Walk<'_> {
    pub(crate) fn map_value_access(&self, at: At, base: &Value, map: u32, action: Action) -> Check<Value> {
        let off = at.off + i64::from(base.off);
        self.map_value_bytes(at.base, base, map, off, at.size.bytes(), action.direction())?;
        if let (Action::Load, Some(known)) = (action, self.frozen_bytes(base, map, off, at.size.bytes())?) {
            return Ok(Value::constant(known));
        }
        Ok(Value::unknown())
    }

    /// Checks `size` bytes at `off` of a map's value.
    pub(crate) fn map_value_bytes(
        &self,
        reg: Reg,
        base: &Value,
        map: u32,
        off: i64,
        size: u32,
        direction: Direction,
    ) -> Check {
        let def = self.map(map)?;
        let forbidden = match direction {
            Direction::Write => def.flags & READ_ONLY != 0,
            Direction::Read => def.flags & WRITE_ONLY != 0,
        };
        if forbidden {
            return Err(Fault::MapAccess { map: def.name.clone(), direction }.into());
        }
        self.region_bytes(reg, base, off, size, def.value_size)?;
        self.spare_special_fields(base, map, off, size)
    }

    /// Locks, timers and the like are the helpers' alone.
    fn spare_special_fields(&self, base: &Value, map: u32, off: i64, size: u32) -> Check {
        let (start, end) = (off + base.scalar.smin(), off + base.scalar.umax() as i64 + i64::from(size));
        let fields = self.special_fields.get(map as usize).map_or(&[][..], Vec::as_slice);
        let touched = fields
            .iter()
            .find(|field| start < i64::from(field.off) + i64::from(field.size) && i64::from(field.off) < end);
        match touched {
            None => Ok(()),
            Some(SpecialField { name: "kptr", .. }) => Err(Stop::unsupported("kptrs in map values")),
            Some(field) => Err(Fault::SpecialField { name: field.name }.into()),
        }
    }

    /// The bytes of a frozen read-only map at a constant offset, as a number.
    fn frozen_bytes(&self, base: &Value, map: u32, off: i64, size: u32) -> Check<Option<u64>> {
        let def = self.map(map)?;
        let Some(contents) = def.contents.as_ref().filter(|_| is_constant(def)) else {
            return Ok(None);
        };
        let Some(variable) = base.scalar.as_constant() else { return Ok(None) };
        let start = usize::try_from(off + variable as i64).ok();
        let bytes = start.and_then(|start| contents.get(start..start + size as usize));
        Ok(bytes.map(|bytes| bytes.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b))))
    }
}

/// Whether nobody can change the map's values: neither programs nor user space.
pub(crate) fn is_constant(def: &MapDef) -> bool {
    def.frozen && def.flags & READ_ONLY != 0
}
