//! Dynptrs as arguments: made, used and released by calls (6.18).
//!
//! A dynptr that the program made lies in two slots of its stack; one that it was handed (in a callback, in a global
//! function) is a pointer that nothing can be done to but use it. Clones share the reference of their source: releasing
//! one ends all of them, and every slice.

use belay_isa::{Pc, Reg};
use belay_spec::{Arg, ArgKind, Helper, Resource, Rule};

use crate::fault::{Check, Fault, Stop};
use crate::object::{DynptrSource, StackObject};
use crate::stack_object::{ObjectSlots, Ties};
use crate::state::State;
use crate::value::{Ghost, Id, Kind, Memory, Pointer, RefId, Slice, Value};
use crate::walk::Walk;

use super::Arguments;

/// Stack slots of a dynptr.
const SLOTS: usize = 2;

/// A dynptr that an argument names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Dynptr {
    /// Its name: slices carry it.
    pub(crate) id: Id,
    /// Where its data lie.
    pub(crate) source: DynptrSource,
    /// What it holds.
    pub(crate) reference: Option<RefId>,
}

impl DynptrSource {
    /// Linux's name for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            DynptrSource::Local => "local",
            DynptrSource::Ringbuf => "ringbuf",
            DynptrSource::Skb => "skb",
            DynptrSource::Xdp => "xdp",
            DynptrSource::SkbMeta => "skb_meta",
            DynptrSource::File => "file",
        }
    }

    /// Whether its data lie in a packet, so that slices die when that may move.
    pub(crate) fn in_packet(self) -> bool {
        matches!(self, DynptrSource::Skb | DynptrSource::Xdp | DynptrSource::SkbMeta)
    }
}

impl Walk<'_> {
    /// A dynptr argument of a helper.
    pub(super) fn dynptr_argument(
        &mut self,
        state: &mut State,
        helper: &Helper,
        arg: &Arg,
        reg: Reg,
        told: &mut Arguments,
    ) -> Check {
        if !self.release.has(Rule::DynptrRules) {
            return Err(Stop::unsupported(format!("dynptrs of Linux {}", self.release)));
        }
        if arg.kind == (ArgKind::Dynptr { out: true }) {
            let held = helper.effects.acquires == Some(Resource::RingbufDynptr);
            let source = if held { DynptrSource::Ringbuf } else { DynptrSource::Local };
            let reference = held.then(|| self.fresh_id()).map(RefId);
            if let Some(reference) = reference {
                state.references.acquire(reference, Resource::RingbufDynptr, told.pc);
            }
            return self.make_dynptr(state, told.pc, reg, source, reference);
        }
        if arg.releases {
            self.owned_dynptr(state, reg)?;
        }
        let dynptr = self.dynptr(state, told.pc, reg, !arg.releases)?;
        if arg.releases && dynptr.source != DynptrSource::Ringbuf {
            let (name, n) = (DynptrSource::Ringbuf.name(), reg.number() - 1);
            let kernel = format!("Expected a dynptr of type {name} as arg #{n}");
            return Err(Fault::DynptrKind { reg, kernel }.into());
        }
        told.dynptr = Some(dynptr);
        if arg.releases {
            told.releases = Some(reg);
        }
        Ok(())
    }

    /// The initialised dynptr that the register names. `kept`: the call does not change the dynptr itself, so that one
    /// which the program was handed will do.
    pub(crate) fn dynptr(&mut self, state: &State, pc: Pc, reg: Reg, kept: bool) -> Check<Dynptr> {
        let value = *state.reg(reg);
        if let Some(Pointer::Dynptr(source)) = value.as_pointer() {
            if !kept {
                let kernel = "cannot pass pointer to const bpf_dynptr, the helper mutates it".to_string();
                return Err(Fault::DynptrKind { reg, kernel }.into());
            }
            return Ok(Dynptr { id: value.id, source, reference: None });
        }
        let kernel = format!("Expected an initialized dynptr as arg #{}", reg.number() - 1);
        let slots = match self.object_slots(&value, SLOTS, "dynptr") {
            Ok(slots) => slots,
            Err(misplaced) => return Err(Fault::NoObject { reg, kernel, misplaced: Some(misplaced) }.into()),
        };
        if let Some(dynptr) = self.dynptr_in(state, pc, slots) {
            return Ok(dynptr);
        }
        Err(match self.object_ghost(state, slots) {
            Ghost::None => Fault::NoObject { reg, kernel, misplaced: None },
            ghost => Fault::UseAfter { reg, ghost, kernel },
        }
        .into())
    }

    fn dynptr_in(&mut self, state: &State, pc: Pc, slots: ObjectSlots) -> Option<Dynptr> {
        let values = self.object_at(state, pc, slots)?;
        let parts = values.iter().map(|value| match value.kind {
            Kind::StackObject(StackObject::Dynptr { source, first }) => Some((source, first)),
            _ => None,
        });
        let parts: Vec<_> = parts.collect::<Option<_>>()?;
        match (parts.as_slice(), values.first()) {
            (&[(source, true), (_, false)], Some(&Value { id, reference, .. })) => {
                Some(Dynptr { id, source, reference })
            }
            _ => None,
        }
    }

    /// Makes a dynptr where the register points; it holds the reference, if any.
    pub(crate) fn make_dynptr(
        &mut self,
        state: &mut State,
        pc: Pc,
        reg: Reg,
        source: DynptrSource,
        reference: Option<RefId>,
    ) -> Check {
        let value = *state.reg(reg);
        let kernel = || "Dynptr has to be an uninitialized dynptr".to_string();
        if matches!(value.as_pointer(), Some(Pointer::Dynptr(_))) {
            return Err(Fault::DynptrKind { reg, kernel: kernel() }.into());
        }
        let slots = match self.object_slots(&value, SLOTS, "dynptr") {
            Ok(slots) => slots,
            Err(misplaced) => {
                return Err(
                    Fault::NoRoomForObject { reg, kernel: kernel(), misplaced: Some(misplaced) }.into()
                );
            }
        };
        self.clear_for_object(state, pc, reg, SLOTS)?;
        let id = self.fresh_id();
        let what = |first| StackObject::Dynptr { source, first };
        self.make_object(state, slots, |_| Ties { id, reference }, what);
        Ok(())
    }

    /// Refuses to release what holds nothing.
    fn owned_dynptr(&mut self, state: &State, reg: Reg) -> Check {
        let value = *state.reg(reg);
        if matches!(value.as_pointer(), Some(Pointer::Dynptr(_))) {
            let kernel = "cannot release unowned const bpf_dynptr".to_string();
            return Err(Fault::DynptrNotOwned { reg, kernel }.into());
        }
        let slots = self.object_slots(&value, SLOTS, "dynptr");
        if slots.as_ref().is_ok_and(|slots| self.object_holds(state, *slots)) {
            return Ok(());
        }
        let kernel = format!("arg {} is an unacquired reference", reg.number());
        let ghost = slots.as_ref().map_or(Ghost::None, |slots| self.object_ghost(state, *slots));
        Err(match (ghost, slots) {
            (Ghost::Owner(_), _) => Fault::UseAfter { reg, ghost, kernel },
            (_, Err(misplaced)) => Fault::NoObject { reg, kernel, misplaced: Some(misplaced) },
            _ => Fault::DynptrNotOwned { reg, kernel },
        }
        .into())
    }

    /// Ends the dynptr's obligation, and with it the slices, and the clones in the same frame. (Linux does not look
    /// for clones in other frames: those stay usable, by a fault of every release.)
    pub(super) fn release_dynptr(&mut self, state: &mut State, reg: Reg, dynptr: Dynptr) {
        let (Some(reference), Some(Pointer::Stack { frame })) =
            (dynptr.reference, state.reg(reg).as_pointer())
        else {
            return;
        };
        state.references.release(reference);
        state.take_away_carriers(reference);
        state.forget_objects(frame, reference);
        if !self.faults.follow_everywhere(state.has_objects_elsewhere(frame, reference)) {
            (0..state.frames.len() as u8).for_each(|frame| {
                state.forget_objects(frame, reference);
            });
        }
    }

    /// The memory that a helper gives as a slice of the dynptr.
    pub(super) fn slice_of(&self, dynptr: Dynptr, size: u32) -> Value {
        let slice = Slice { dynptr: dynptr.id, packet: dynptr.source.in_packet(), bound: true };
        let memory = Memory { slice: Some(slice), ..Memory::of(size) };
        Value { reference: dynptr.reference, ..Value::pointer(Pointer::Memory(memory)) }
    }
}
