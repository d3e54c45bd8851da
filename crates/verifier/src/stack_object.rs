//! Objects that live in stack slots: dynptrs, open-coded iterators, saved interrupt flags.
//!
//! Calls make them, use them and end them; each kind says in its own file when. Here stands what holds for all: where
//! one may lie, what becomes of it when its bytes are overwritten, and that loads do not see its insides (6.18).
//!
//! An object's slots are marked byte by byte ([`Byte::Object`]). A dynptr is whole or gone: a store into any byte of it
//! destroys it and takes its slices away; one that holds a reference may not be overwritten at all. Other objects
//! lose just the bytes that are overwritten; a reference that they hold can then never be released.

use belay_isa::{Pc, Reg, Size};

use crate::fault::{Check, Direction, Fault};
use crate::memory::{Action, At};
use crate::object::StackObject;
use crate::state::{Byte, SLOT_SIZE, STACK_SIZE, Slot, Stack, State};
use crate::value::{Ghost, Id, Kind, Pointer, RefId, Value};
use crate::walk::Walk;

/// The slots of one object, or the place for them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ObjectSlots {
    /// The frame on whose stack they lie.
    frame: u8,
    /// Index of the slot of the lowest address: the first of the object.
    first: usize,
    /// How many.
    count: usize,
}

impl ObjectSlots {
    /// How many.
    pub(crate) fn len(self) -> usize {
        self.count
    }

    /// The value of the first slot, to change; `None` if the stack has not grown so far.
    pub(crate) fn first_value_mut(self, state: &mut State) -> Option<&mut Value> {
        let stack = &mut state.frames.get_mut(usize::from(self.frame))?.stack;
        (self.first < stack.slots().len()).then(|| &mut stack.slot_mut(self.first).spilled)
    }

    /// Their indices, the first slot's first. Slots are counted down from the frame pointer.
    fn indices(self) -> impl Iterator<Item = usize> {
        (0..self.count).map(move |n| self.first - n)
    }

    /// Their bytes, as offsets from the frame pointer: `min .. max`.
    fn bytes(self) -> (i64, i64) {
        let min = -((self.first as i64 + 1) * SLOT_SIZE as i64);
        (min, min + (self.count * SLOT_SIZE) as i64)
    }
}

/// What ties an object to the rest of the state.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Ties {
    /// Names the object: what was derived from it carries the same.
    pub(crate) id: Id,
    /// The obligation that it holds.
    pub(crate) reference: Option<RefId>,
}

impl Walk<'_> {
    /// Which `count` slots a pointer to the stack names; what Linux says if no object called `what` can lie there.
    pub(crate) fn object_slots(
        &self,
        value: &Value,
        count: usize,
        what: &str,
    ) -> Result<ObjectSlots, String> {
        let Some(Pointer::Stack { frame }) = value.as_pointer() else {
            return Err(format!("{what} is not on the stack"));
        };
        let Some(variable) = value.scalar.as_constant() else {
            return Err(format!("{what} has to be at a constant offset"));
        };
        let off = i64::from(value.off).wrapping_add(variable as i64);
        // (An offset of zero names, for an object of one slot, the slot at `fp-8`: so does Linux.)
        let first = usize::try_from((-off - 1) / SLOT_SIZE as i64).unwrap_or(0);
        if off % SLOT_SIZE as i64 != 0 || off > 0 || first + 1 < count {
            return Err(format!("cannot pass in {what} at an offset={off}"));
        }
        Ok(ObjectSlots { frame, first, count })
    }

    /// Writes the slots as plain stores of eight bytes would, lest an object be made where there is something that
    /// must not be overwritten. `reg` points to the first.
    pub(crate) fn clear_for_object(&mut self, state: &mut State, pc: Pc, reg: Reg, count: usize) -> Check {
        for slot in 0..count {
            let off = (slot * SLOT_SIZE) as i64;
            let at = At { pc, base: reg, off, size: Size::DW, signed: false, aligned: false };
            self.access(state, at, Action::Update)?;
        }
        Ok(())
    }

    /// Makes an object there; `what` says what each slot holds, by whether it is the first.
    pub(crate) fn make_object(
        &self,
        state: &mut State,
        slots: ObjectSlots,
        ties: impl Fn(bool) -> Ties,
        what: impl Fn(bool) -> StackObject,
    ) {
        let Some(frame) = state.frames.get_mut(usize::from(slots.frame)) else { return };
        frame.stack.grow(slots.bytes().0);
        for index in slots.indices() {
            let first = index == slots.first;
            let Ties { id, reference } = ties(first);
            let kind = Kind::StackObject(what(first));
            let spilled = Value { kind, id, reference, ..Value::uninit() };
            *frame.stack.slot_mut(index) = Slot { bytes: [Byte::Object; SLOT_SIZE], spilled };
        }
    }

    /// The object whose first slot is the first of these, if every byte of all of them belongs to an object; notes that
    /// they are read.
    pub(crate) fn object_at(&mut self, state: &State, pc: Pc, slots: ObjectSlots) -> Option<Vec<Value>> {
        let (min, max) = slots.bytes();
        self.note_object_read(pc, slots.frame, min, max);
        let stack = &state.frames.get(usize::from(slots.frame))?.stack;
        let whole = |index: usize| {
            let slot = stack.slot(index)?;
            (slot.is_object() && slot.bytes.iter().all(|b| *b == Byte::Object)).then_some(slot.spilled)
        };
        slots.indices().map(whole).collect()
    }

    /// Whether the first slot holds a reference.
    pub(crate) fn object_holds(&self, state: &State, slots: ObjectSlots) -> bool {
        let frame = state.frames.get(usize::from(slots.frame));
        let slot = frame.and_then(|frame| frame.stack.slot(slots.first));
        slot.is_some_and(|slot| slot.spilled.reference.is_some())
    }

    /// Whether any byte there belongs to an object other than a dynptr.
    #[allow(dead_code, reason = "for iterators and saved interrupt flags, which are to come")]
    pub(crate) fn meets_object(&self, state: &State, slots: ObjectSlots) -> bool {
        let Some(frame) = state.frames.get(usize::from(slots.frame)) else { return false };
        slots.indices().filter_map(|index| frame.stack.slot(index)).any(|slot| {
            let dynptr = matches!(slot.spilled.kind, Kind::StackObject(StackObject::Dynptr { .. }));
            !dynptr && slot.bytes.contains(&Byte::Object)
        })
    }

    /// What stood in the slots is gone; they hold nothing.
    pub(crate) fn forget_object(&self, state: &mut State, slots: ObjectSlots, ghost: Ghost) {
        let Some(frame) = state.frames.get_mut(usize::from(slots.frame)) else { return };
        let grown = frame.stack.slots().len();
        for index in slots.indices().filter(|index| *index < grown) {
            frame.stack.slot_mut(index).forget_object(ghost);
        }
    }

    /// What was there, if a call took it away.
    pub(crate) fn object_ghost(&self, state: &State, slots: ObjectSlots) -> Ghost {
        let frame = state.frames.get(usize::from(slots.frame));
        let slot = frame.and_then(|frame| frame.stack.slot(slots.first));
        slot.map_or(Ghost::None, |slot| self.lost_ghost(state, &slot.spilled))
    }

    /// A plain store into these bytes destroys the dynptrs that they touch.
    pub(crate) fn destroy_dynptrs(&self, state: &mut State, frame: u8, min: i64, max: i64) -> Check {
        let first = Stack::locate(min).0;
        let last = Stack::locate(max - 1).0;
        for index in (last..=first).rev() {
            self.destroy_dynptr(state, frame, index)?;
        }
        Ok(())
    }

    fn destroy_dynptr(&self, state: &mut State, frame: u8, index: usize) -> Check {
        let stack = &state.frames[usize::from(frame)].stack;
        let Some(slot) = stack.slot(index) else { return Ok(()) };
        let Kind::StackObject(StackObject::Dynptr { first, .. }) = slot.spilled.kind else { return Ok(()) };
        let Value { id, reference, .. } = slot.spilled;
        if let Some(reference) = reference {
            return Err(Fault::DynptrOverwritten { reference }.into());
        }
        let slots = ObjectSlots { frame, first: if first { index } else { index + 1 }, count: 2 };
        self.forget_object(state, slots, Ghost::None);
        state.take_away_slices(id);
        Ok(())
    }

    /// Refuses bytes of an object among those that are read, `min .. max`; `fixed` if that is where they surely lie.
    pub(crate) fn spare_objects(
        &self,
        state: &State,
        frame: u8,
        (min, max): (i64, i64),
        describe: impl Fn(i64) -> String,
    ) -> Check {
        let Some(frame) = state.frames.get(usize::from(frame)) else { return Ok(()) };
        let (low, high) = (min.max(-STACK_SIZE), max.min(0));
        match (low..high).find(|off| frame.stack.byte(*off) == Byte::Object) {
            Some(off) => {
                Err(Fault::ObjectBytes { direction: Direction::Read, kernel: describe(off - min) }.into())
            }
            None => Ok(()),
        }
    }

    /// Refuses bytes of a dynptr among those that a helper fills.
    pub(crate) fn spare_dynptrs(&self, state: &State, frame: u8, min: i64, max: i64) -> Check {
        let Some(frame) = state.frames.get(usize::from(frame)) else { return Ok(()) };
        let of_dynptr = |off: &i64| {
            let slot = frame.stack.slot(Stack::locate(*off).0);
            slot.is_some_and(|slot| {
                matches!(slot.spilled.kind, Kind::StackObject(StackObject::Dynptr { .. }))
            })
        };
        match (min.max(-STACK_SIZE)..max.min(0)).find(of_dynptr) {
            Some(off) => {
                let kernel = format!("potential write to dynptr at off={off} disallowed");
                Err(Fault::ObjectBytes { direction: Direction::Write, kernel }.into())
            }
            None => Ok(()),
        }
    }
}
