//! Open-coded iterators: `new` makes one on the stack and with it an obligation, `next` gives an element or ends the
//! loop, `destroy` discharges the obligation.
//!
//! How many elements there are is not known, so `next` goes both ways: on with an element, and on without one, after
//! which the iterator is drained. When the way with an element need not be walked again is the business of `explore`.

use belay_isa::{Pc, Reg};
use belay_object::btf::TypeId;
use belay_spec::{KfuncFlags, Resource};

use crate::fault::{Check, Fault};
use crate::object::{Protection, StackObject};
use crate::stack_object::{ObjectSlots, Ties};
use crate::state::{SLOT_SIZE, State};
use crate::value::{Ghost, Kind, Pointer, RefId, Value};
use crate::walk::{Next, Walk};

use super::callee::Callee;

/// The iterator that a call works on.
#[derive(Clone, Copy)]
pub(super) struct Iterator {
    slots: ObjectSlots,
    /// The obligation that it holds.
    pub(super) reference: Option<RefId>,
    /// Whether its elements are protected by an RCU section.
    pub(super) rcu: bool,
    drained: bool,
}

impl Walk<'_> {
    /// The argument of one of an iterator's functions.
    pub(super) fn iterator_argument(
        &mut self,
        state: &mut State,
        pc: Pc,
        callee: &Callee<'_>,
        at: usize,
        reg: Reg,
        ty: TypeId,
    ) -> Check<Iterator> {
        let value = *state.reg(reg);
        let what = callee.types.name(ty);
        let name = what.strip_prefix("bpf_").unwrap_or(what);
        if !matches!(value.as_pointer(), Some(Pointer::Stack { .. })) {
            let kernel = format!("arg#{at} expected pointer to an iterator on stack");
            return Err(self.kfunc_lost(callee, at, &value, kernel));
        }
        let size = callee.types.size_of(ty).unwrap_or(0) as usize;
        let count = size / SLOT_SIZE;
        let slots =
            self.object_slots(&value, count, "iter").map_err(|kernel| self.kfunc_fault(at, kernel))?;
        if callee.has(KfuncFlags::ITER_NEW) {
            return self.new_iterator(state, pc, callee, (at, reg), slots, (ty, name));
        }
        let refuse = |walk: &Self, kernel: String| {
            let ghost = walk.object_ghost(state, slots);
            match ghost {
                Ghost::None => walk.kfunc_fault(at, kernel),
                ghost => Fault::UseAfter { reg, ghost, kernel }.into(),
            }
        };
        let uninitialised = format!("expected an initialized {name} as arg #{at}");
        let Some(parts) = self.object_at(state, pc, slots).filter(|parts| is_iterator_of(parts, ty)) else {
            return Err(refuse(self, uninitialised));
        };
        let first = parts.first().copied().unwrap_or_else(Value::uninit);
        let Kind::StackObject(StackObject::Iterator { drained, protection, .. }) = first.kind else {
            return Err(refuse(self, uninitialised));
        };
        if protection == Protection::Lapsed {
            return Err(self.kfunc_fault(at, format!("expected an RCU CS when using {}", callee.name)));
        }
        Ok(Iterator { slots, reference: first.reference, rcu: protection == Protection::Rcu, drained })
    }

    fn new_iterator(
        &mut self,
        state: &mut State,
        pc: Pc,
        callee: &Callee<'_>,
        (at, reg): (usize, Reg),
        slots: ObjectSlots,
        (ty, name): (TypeId, &str),
    ) -> Check<Iterator> {
        if self.meets_object(state, slots) {
            return Err(self.kfunc_fault(at, format!("expected uninitialized {name} as arg #{at}")));
        }
        self.clear_for_object(state, pc, reg, slots.len())?;
        let protection = match callee.has(KfuncFlags::RCU_PROTECTED) {
            false => Protection::None,
            true if self.in_rcu_section(state) => Protection::Rcu,
            true => Protection::Lapsed,
        };
        let id = self.fresh_id();
        let reference = Some(RefId(id));
        state.references.acquire(RefId(id), Resource::Iterator, pc);
        self.make_object(
            state,
            slots,
            |first| Ties { id: 0, reference: reference.filter(|_| first) },
            |first| StackObject::Iterator { ty, first, drained: false, depth: 0, protection },
        );
        Ok(Iterator { slots, reference, rcu: protection == Protection::Rcu, drained: false })
    }

    /// `destroy`: the iterator is gone, and what it gave with it.
    pub(super) fn destroy_iterator(&self, state: &mut State, iterator: Iterator) {
        let ghost = iterator.reference.map_or(Ghost::None, Ghost::Owner);
        self.forget_object(state, iterator.slots, ghost);
        if let Some(reference) = iterator.reference {
            state.references.release(reference);
            state.take_away_carriers(reference);
        }
    }

    /// `next`: both ways. The state has the result that the call gives; here it stays with the way that has no element.
    pub(super) fn advance_iterator(&mut self, state: &mut State, pc: Pc, iterator: Iterator) -> Next {
        let after = Pc(pc.0 + 1);
        if iterator.drained {
            state.set(Reg::R0, Value::constant(0));
            return Next::Goto(after);
        }
        let mut with_element = Box::new(state.clone());
        let element = with_element.reg(Reg::R0);
        let element = Value { nullable: false, id: 0, ..*element };
        with_element.set(Reg::R0, element);
        set_iterator(&mut with_element, iterator.slots, |_, depth| *depth += 1);
        set_iterator(state, iterator.slots, |drained, _| *drained = true);
        state.set(Reg::R0, Value::constant(0));
        Next::Turn { again: (after, with_element), on: after }
    }
}

/// The slots are those of one whole iterator of that type.
fn is_iterator_of(parts: &[Value], wanted: TypeId) -> bool {
    parts.iter().enumerate().all(|(at, part)| match part.kind {
        Kind::StackObject(StackObject::Iterator { ty, first, .. }) => {
            ty == wanted && first == (at == 0) && part.reference.is_some() == first
        }
        _ => false,
    })
}

fn set_iterator(state: &mut State, slots: ObjectSlots, change: impl FnOnce(&mut bool, &mut u32)) {
    if let Some(value) = slots.first_value_mut(state)
        && let Kind::StackObject(StackObject::Iterator { drained, depth, .. }) = &mut value.kind
    {
        change(drained, depth);
    }
}
