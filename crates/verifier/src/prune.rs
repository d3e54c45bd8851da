//! When a path need not be walked on: another one came here before with a state that allows everything this one
//! does, and it went well.

use crate::layout::RegSet;
use crate::object::StackObject;
use crate::stack_use::Slots;
use crate::state::{Byte, Frame, SLOT_SIZE, Slot, State};
use crate::value::{Kind, PacketRange, Pointer, RefId, Value};
use crate::walk::Walk;
use belay_isa::{Pc, Reg};

/// How closely two states are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compare {
    /// Whether the old state, all of whose paths have ended, covers the new one: only what they read matters.
    CoversClosed,
    /// Whether the old state covers the new one.
    Covers,
    /// Whether they are the same: a loop that changes nothing.
    Same,
}

/// Ids of the old state and what they are called in the new one. Zero is not tied to anything.
#[derive(Default)]
struct Names(Vec<(u32, u32)>);

impl Names {
    /// Whether `old` can be called `new`, consistently.
    fn agree(&mut self, old: u32, new: u32) -> bool {
        if old == 0 || new == 0 {
            return old == new;
        }
        for &(o, n) in &self.0 {
            if o == old || n == new {
                return o == old && n == new;
            }
        }
        self.0.push((old, new));
        true
    }

    /// The same for numbers: a tie that the old state had must be there, one that only the new state has is no harm.
    fn agree_on_number(&mut self, old: u32, new: u32) -> bool {
        old == 0 || new != 0 && self.agree(old, new)
    }
}

/// Whether `old`, a state before `pc` whose paths went well (or are still walked), covers `new`.
pub(crate) fn covers(old: &State, new: &State, pc: Pc, walk: &Walk<'_>, compare: Compare) -> bool {
    // What differs most often, and costs least to see, first.
    if old.frames.len() != new.frames.len()
        || old.references.held().len() != new.references.held().len()
        || old.sections != new.sections
    {
        return false;
    }
    let mut names = Names::default();
    let frames = old.frames.iter().zip(&new.frames).enumerate().all(|(index, (o, n))| {
        // A caller goes on after its call.
        let site = new.frames.get(index + 1).and_then(|callee| callee.call_site);
        let matters = Matters {
            regs: walk.layout.live(site.map_or(pc, |site| Pc(site.0 + 1))),
            calling: site.is_some(),
            slots: match (compare, site) {
                (Compare::CoversClosed, None) => walk.stack_use.live(pc),
                (Compare::CoversClosed, Some(site)) => walk.stack_use.live_during_call(site),
                (Compare::Covers | Compare::Same, _) => Slots::MAX,
            },
        };
        frame_covers(o, n, matters, compare, &mut names)
    });
    frames && references_agree(old, new, &mut names)
}

/// What of a frame may still be read.
#[derive(Clone, Copy)]
struct Matters {
    regs: RegSet,
    /// Whether a call is under way: it will set `r0`.
    calling: bool,
    slots: Slots,
}

fn frame_covers(old: &Frame, new: &Frame, matters: Matters, compare: Compare, names: &mut Names) -> bool {
    if old.function != new.function
        || old.call_site != new.call_site
        || old.callbacks_made > new.callbacks_made
    {
        return false;
    }
    let read_later = |reg: Reg| {
        compare == Compare::Same || !(matters.calling && reg == Reg::R0) && matters.regs.contains(reg)
    };
    let regs = old.regs.iter().all(|(reg, value)| {
        reg == Reg::FP || !read_later(reg) || value_covers(value, &new.regs[reg], compare, names)
    });
    regs && stack_covers(old, new, matters.slots, compare, names)
}

fn value_covers(old: &Value, new: &Value, compare: Compare, names: &mut Names) -> bool {
    if compare != Compare::Same && old.kind == Kind::Uninit {
        return true;
    }
    if old.nullable != new.nullable || old.off != new.off && (old.is_pointer() || old.linked_by_sum) {
        return false;
    }
    let same_id = |names: &mut Names| {
        names.agree(old.id, new.id) && names.agree(reference_id(old.reference), reference_id(new.reference))
    };
    if compare == Compare::Same {
        return old.kind == new.kind && old.scalar == new.scalar && same_id(names);
    }
    match (old.kind, new.kind) {
        (Kind::Scalar, Kind::Scalar) => {
            old.linked_by_sum == new.linked_by_sum
                && new.scalar.is_subset_of(&old.scalar)
                && names.agree_on_number(old.id, new.id)
        }
        (Kind::Pointer(o), Kind::Pointer(n)) => {
            pointer_covers(o, n) && new.scalar.is_subset_of(&old.scalar) && same_id(names)
        }
        (Kind::StackObject(o), Kind::StackObject(n)) => {
            object_covers(o, n) && names.agree(reference_id(old.reference), reference_id(new.reference))
        }
        (o, n) => o == n,
    }
}

/// The same object. How many elements an iterator gave does not matter.
fn object_covers(old: StackObject, new: StackObject) -> bool {
    let timeless = |object| match object {
        StackObject::Iterator { ty, first, drained, .. } => {
            StackObject::Iterator { ty, first, drained, depth: 0 }
        }
        object => object,
    };
    timeless(old) == timeless(new)
}

/// The same target; of a packet, at least as many bytes known to be there.
fn pointer_covers(old: Pointer, new: Pointer) -> bool {
    let range_covers = |old: PacketRange, new: PacketRange| match (old, new) {
        (PacketRange::Known(old), PacketRange::Known(new)) => old <= new,
        (old, new) => old == new,
    };
    match (old, new) {
        (Pointer::Packet(o), Pointer::Packet(n)) | (Pointer::PacketMeta(o), Pointer::PacketMeta(n)) => {
            range_covers(o, n)
        }
        (old, new) => old == new,
    }
}

fn stack_covers(old: &Frame, new: &Frame, live: Slots, compare: Compare, names: &mut Names) -> bool {
    old.stack.slots().iter().enumerate().all(|(index, slot)| match new.stack.slot(index) {
        _ if live >> index & 1 == 0 => true,
        Some(new) => slot_covers(slot, new, compare, names),
        None => slot.bytes.iter().all(|b| *b == Byte::Uninit || compare != Compare::Same && *b == Byte::Misc),
    }) && (compare != Compare::Same || old.stack.slots().len() == new.stack.slots().len())
}

fn slot_covers(old: &Slot, new: &Slot, compare: Compare, names: &mut Names) -> bool {
    let bytes = old.bytes.iter().zip(&new.bytes).all(|(o, n)| match (o, n) {
        (o, n) if o == n => true,
        _ if compare == Compare::Same => false,
        // Anything may stand where nothing, or anything, was known to stand.
        (Byte::Uninit | Byte::Misc, _) => true,
        _ => false,
    });
    let spilled = |slot: &Slot| slot.spill_size();
    let size = spilled(old);
    if !bytes {
        return covers_as_number(old, new, compare, names);
    }
    if old.bytes.contains(&Byte::Object) {
        return value_covers(&old.spilled, &new.spilled, compare, names);
    }
    size == 0 || size == spilled(new) && value_covers(&old.spilled, &new.spilled, compare, names)
}

/// A slot that holds a spilled number of eight bytes may stand for bytes of which nothing is known, and the other way.
fn covers_as_number(old: &Slot, new: &Slot, compare: Compare, names: &mut Names) -> bool {
    let as_number = |slot: &Slot| {
        let spilled = slot.spill_size() == SLOT_SIZE && slot.spilled.is_scalar();
        let unknown = slot.bytes.iter().all(|b| matches!(b, Byte::Misc | Byte::Uninit));
        match (spilled, unknown) {
            (true, _) => Some(slot.spilled),
            (_, true) => Some(Value::unknown()),
            _ => None,
        }
    };
    match (as_number(old), as_number(new)) {
        (Some(old), Some(new)) if compare != Compare::Same => value_covers(&old, &new, compare, names),
        _ => false,
    }
}

/// The same obligations, in the same order.
fn references_agree(old: &State, new: &State, names: &mut Names) -> bool {
    let (old, new) = (old.references.held(), new.references.held());
    old.len() == new.len()
        && old.iter().zip(new).all(|(o, n)| o.resource == n.resource && names.agree(o.id.0, n.id.0))
}

fn reference_id(reference: Option<RefId>) -> u32 {
    reference.map_or(0, |id| id.0)
}
