//! Interrupts turned off: the state before is saved in a slot of the stack, and restored from it, last saved first.

use belay_isa::{Pc, Reg};
use belay_spec::{KfuncRole, Resource};

use crate::fault::{Check, Fault};
use crate::object::StackObject;
use crate::stack_object::Ties;
use crate::state::State;
use crate::value::{Ghost, Kind, Pointer, RefId};
use crate::walk::Walk;

use super::callee::Callee;

/// Slots of the saved flags.
const SLOTS: usize = 1;

impl Walk<'_> {
    /// The argument that names the saved flags: made by a call that saves, gone after one that restores.
    pub(super) fn interrupt_flags(
        &mut self,
        state: &mut State,
        pc: Pc,
        callee: &Callee<'_>,
        at: usize,
        reg: Reg,
    ) -> Check {
        let value = *state.reg(reg);
        if !matches!(value.as_pointer(), Some(Pointer::Stack { .. })) {
            let kernel = format!("arg#{at} doesn't point to an irq flag on stack");
            return Err(self.kfunc_lost(callee, at, &value, kernel));
        }
        let saves = matches!(callee.role, KfuncRole::IrqSave | KfuncRole::ResilientLock { .. });
        let by_lock =
            matches!(callee.role, KfuncRole::ResilientLock { .. } | KfuncRole::ResilientUnlock { .. });
        let wrong = match saves {
            true => format!("expected uninitialized irq flag as arg#{at}"),
            false => format!("expected an initialized irq flag as arg#{at}"),
        };
        let Ok(slots) = self.object_slots(&value, SLOTS, "irq_flag") else {
            return Err(self.kfunc_fault(at, wrong));
        };
        if saves {
            if self.meets_object(state, slots) {
                return Err(self.kfunc_fault(at, wrong));
            }
            self.clear_for_object(state, pc, reg, SLOTS)?;
            let reference = RefId(self.fresh_id());
            state.references.acquire(reference, Resource::Interrupts, pc);
            let ties = |_| Ties { id: 0, reference: Some(reference) };
            self.make_object(state, slots, ties, |_| StackObject::IrqFlags { by_lock });
            return Ok(());
        }
        let parts = self.object_at(state, pc, slots);
        let flags = parts.as_deref().and_then(<[_]>::first).copied();
        let saved = flags.and_then(|flags| match (flags.kind, flags.reference) {
            (Kind::StackObject(StackObject::IrqFlags { by_lock }), Some(reference)) => {
                Some((by_lock, reference))
            }
            _ => None,
        });
        let Some((saved_by_lock, reference)) = saved else {
            return Err(match self.object_ghost(state, slots) {
                Ghost::None => self.kfunc_fault(at, wrong),
                ghost => Fault::UseAfter { reg, ghost, kernel: wrong }.into(),
            });
        };
        let family = |by_lock| if by_lock { "lock" } else { "native" };
        if saved_by_lock != by_lock {
            let kernel = format!(
                "irq flag acquired by {} kfuncs cannot be restored with {} kfuncs",
                family(saved_by_lock),
                family(by_lock)
            );
            return Err(self.kfunc_fault(at, kernel));
        }
        let newest = state.references.newest_first().find(|held| held.resource == Resource::Interrupts);
        if let Some(newest) = newest.filter(|newest| newest.id != reference) {
            let kernel = format!(
                "cannot restore irq state out of order, expected id={} acquired at insn_idx={}",
                newest.id, newest.acquired_at
            );
            return Err(Fault::Section { kernel }.into());
        }
        state.references.release(reference);
        self.forget_object(state, slots, Ghost::Owner(reference));
        Ok(())
    }
}
