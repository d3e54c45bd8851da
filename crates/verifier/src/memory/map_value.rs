//! Map values: memory of the map's value size. What a frozen map holds is known at verification.

use belay_isa::Reg;
use belay_object::MapDef;

use crate::fault::{Check, Direction, Fault};
use crate::record::{FieldKind, Kptr};
use crate::state::State;
use crate::value::Value;
use crate::walk::Walk;

use super::{Action, At};

/// `BPF_F_RDONLY_PROG`
const READ_ONLY: u32 = 1 << 7;
/// `BPF_F_WRONLY_PROG`
const WRITE_ONLY: u32 = 1 << 8;

impl Walk<'_> {
    pub(crate) fn map_value_access(
        &mut self,
        state: &State,
        at: At,
        base: &Value,
        map: u32,
        action: Action,
    ) -> Check<Value> {
        let off = at.off + i64::from(base.off);
        self.value_in_bounds(at.base, base, map, off, at.size.bytes(), action.direction())?;
        if let Some((field, kptr)) = self.spare_special_fields(base, map, off, at.size.bytes())? {
            return self.kptr_access(state, at, base, (field, kptr), off, action);
        }
        if let (Action::Load, Some(known)) = (action, self.frozen_bytes(base, map, off, at.size.bytes())?) {
            return Ok(Value::constant(known));
        }
        Ok(Value::unknown())
    }

    /// Checks `size` bytes at `off` of a map's value, of which a helper makes use.
    pub(crate) fn map_value_bytes(
        &self,
        reg: Reg,
        base: &Value,
        map: u32,
        off: i64,
        size: u32,
        direction: Direction,
    ) -> Check {
        self.value_in_bounds(reg, base, map, off, size, direction)?;
        match self.spare_special_fields(base, map, off, size)? {
            None => Ok(()),
            Some(_) => {
                let kernel = "kptr cannot be accessed indirectly by helper".into();
                Err(Fault::KptrAccess { reg, kernel }.into())
            }
        }
    }

    fn value_in_bounds(
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
        self.region_bytes(reg, base, off, size, def.value_size)
    }

    /// Locks, timers and the like are the helpers' alone. Gives the pointer that is touched, with its offset, if there
    /// is one.
    fn spare_special_fields(
        &self,
        base: &Value,
        map: u32,
        off: i64,
        size: u32,
    ) -> Check<Option<(u32, Kptr)>> {
        let (start, end) = (off + base.scalar.smin(), off + base.scalar.umax() as i64 + i64::from(size));
        let touched = self.fields(map).record().fields().iter().find(|field| {
            start < i64::from(field.off) + i64::from(field.kind.size()) && i64::from(field.off) < end
        });
        match touched.map(|field| (field.off, &field.kind)) {
            None => Ok(None),
            Some((off, FieldKind::Kptr(kptr))) => Ok(Some((off, *kptr))),
            Some((_, kind)) => Err(Fault::SpecialField { name: kind.name() }.into()),
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
