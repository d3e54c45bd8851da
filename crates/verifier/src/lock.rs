//! Locks in map values and in objects of the program's own: who holds one, and what may not happen meanwhile.
//!
//! A held lock is an entry of the state's references, beside what pointers hold. It is named by the pointer with which
//! it was taken: unlocking asks for a copy of that pointer, not for a pointer to an equal place.

use belay_isa::{Pc, Reg};
use belay_spec::Resource;

use crate::call::end_of_lock;
use crate::fault::{Check, Fault, Forbidden};
use crate::map_fields::Fields;
use crate::object::Flags;
use crate::record::FieldKind;
use crate::reference::{Holder, Lock, Reference};
use crate::state::State;
use crate::value::{Pointer, RefId, Value};
use crate::walk::Walk;

impl Walk<'_> {
    /// Takes the lock to which the register points.
    pub(crate) fn take_lock(&mut self, state: &mut State, pc: Pc, reg: Reg, resource: Resource) -> Check {
        let lock = self.lock_at(state, reg, resource)?;
        // Resilient locks may be taken one after the other, but for one that is held already.
        let clash = match resource {
            Resource::SpinLock => {
                let spins = |held: &&Reference| held.resource == Resource::SpinLock;
                state.references.locks().find(spins).map(|held| (held, Forbidden::SecondLock))
            }
            _ => {
                let same = |held: &&Reference| held.resource != Resource::SpinLock && held.lock == Some(lock);
                state.references.locks().find(same).map(|held| (held, Forbidden::SameLock))
            }
        };
        if let Some((held, what)) = clash {
            return Err(forbidden(held, what));
        }
        let id = RefId(self.fresh_id());
        state.references.take_lock(id, resource, pc, lock);
        Ok(())
    }

    /// Lets go of the lock to which the register points: it must be the one taken last.
    pub(crate) fn let_go(&mut self, state: &mut State, reg: Reg, resource: Resource) -> Check {
        let lock = self.lock_at(state, reg, resource)?;
        let name = lock_name(resource);
        let refuse = |kernel: String| Err(Fault::Unlock { reg, kernel }.into());
        let Some(last) = state.references.locks().next().copied() else {
            return refuse(format!("{name}_unlock without taking a lock"));
        };
        let held = state.references.locks().find(|held| held.resource == resource && held.lock == Some(lock));
        let Some(held) = held.copied() else {
            return refuse(format!("{name}_unlock of different lock"));
        };
        if last.lock != Some(lock) {
            return refuse(format!("{name}_unlock cannot be out of order"));
        }
        state.references.release(held.id);
        end_of_lock(state);
        Ok(())
    }

    /// The lock to which the register points.
    fn lock_at(&self, state: &State, reg: Reg, resource: Resource) -> Check<Lock> {
        let value = *state.reg(reg);
        let wanted = match resource {
            Resource::SpinLock => FieldKind::SpinLock,
            _ => FieldKind::ResSpinLock,
        };
        self.field_argument(reg, &value, &wanted)?;
        let holder = match value.as_pointer() {
            Some(Pointer::MapValue(map)) => Holder::Map(map),
            _ => Holder::Object,
        };
        Ok(Lock { holder, id: value.id })
    }

    /// An argument that must point to the one field of a kind in a map's value.
    pub(crate) fn field_argument(&self, reg: Reg, value: &Value, wanted: &FieldKind) -> Check {
        let (n, name) = (reg.number(), wanted.name());
        let refuse = |kernel: String| Err(Fault::FieldArgument { reg, field: name, kernel }.into());
        let Some(variable) = value.scalar.as_constant() else {
            let kernel =
                format!("R{n} doesn't have constant offset. {name} has to be at the constant offset");
            return refuse(kernel);
        };
        let (record, holder) = match value.as_pointer() {
            Some(Pointer::MapValue(map)) => {
                let (fields, holder) = (self.fields(map), format!("map '{}'", self.map(map)?.kernel_name));
                if *fields == Fields::Untyped {
                    return refuse(format!("{holder} has to have BTF in order to use {name}"));
                }
                (fields.record().clone(), holder)
            }
            Some(Pointer::Object(object)) => (self.record_of_object(object.ty)?, "local 'kptr'".to_owned()),
            _ => return refuse(format!("local 'kptr' has no valid {name}")),
        };
        let same = |kind: &FieldKind| kind.name() == name;
        let Some(field) = record.find(same) else {
            return refuse(format!("{holder} has no valid {name}"));
        };
        let off = i64::from(value.off).wrapping_add(variable as i64);
        if off != i64::from(field.off) {
            return refuse(format!("off {off} doesn't point to 'struct {name}' that is at {}", field.off));
        }
        Ok(())
    }

    /// Whether the lock beside that pointer's target is held.
    pub(crate) fn holds_lock_of(&self, state: &State, value: &Value) -> bool {
        let holder = match value.as_pointer() {
            Some(Pointer::MapValue(map)) => Holder::Map(map),
            _ => Holder::Object,
        };
        let wanted = Some(Lock { holder, id: value.id });
        state.references.locks().any(|held| held.lock == wanted)
    }

    /// Refuses what may not happen while a lock is held.
    pub(crate) fn without_locks(&self, state: &State, what: Forbidden) -> Check {
        match state.references.locks().last() {
            Some(held) => Err(forbidden(held, what)),
            None => Ok(()),
        }
    }

    /// Whether pointers to that thing are told apart by their ids even when they are not NULL: values and objects with
    /// a lock; maps out of a map of maps, if their values have timers.
    pub(crate) fn is_told_apart(&self, value: &Value) -> bool {
        match value.as_pointer() {
            Some(Pointer::MapValue(map)) => self.fields(map).record().has_lock(),
            Some(Pointer::Map(map)) => self.fields(map).record().runs_later(),
            Some(Pointer::Object(object)) if object.flags.has(Flags::ALLOCATED) => {
                self.record_of_object(object.ty).is_ok_and(|record| record.has_lock())
            }
            _ => false,
        }
    }
}

fn forbidden(held: &Reference, what: Forbidden) -> crate::fault::Stop {
    Fault::Locked { lock: held.id, acquired_at: held.acquired_at, what }.into()
}

fn lock_name(resource: Resource) -> &'static str {
    match resource {
        Resource::SpinLock => "bpf_spin",
        _ => "bpf_res_spin",
    }
}
