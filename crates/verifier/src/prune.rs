//! When a path need not be walked on: another one came here before with a state that allows everything this one
//! does, and it went well. What "allows everything" means, and why numbers without a mark do not matter, is told in
//! `precision`.

use belay_isa::{Pc, Reg};
use belay_spec::{Release, Rule};

use crate::layout::Layout;
use crate::object::StackObject;
use crate::precision::Places;
use crate::state::{Byte, Frame, SLOT_SIZE, Slot, State};
use crate::value::{Kind, PacketRange, Pointer, RefId, Tie, Value};

/// How closely two states are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Compare {
    /// Whether the old state, all of whose paths went well, covers the new one: of the numbers only the marked matter.
    Covers,
    /// Whether the old state covers the new one, every number counted: its marks are not complete.
    Within,
    /// Whether they are the same: a loop that changes nothing.
    Same,
}

/// Ids of the old state and what they are called in the new one. Zero is not tied to anything.
struct Names {
    /// Whether ties of numbers matter, and no new id may go by two old ones.
    of_numbers: bool,
    known: Vec<(Name, Name)>,
    made_up: u32,
}

/// An id; those of numbers at a distance from it have names of their own.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Name {
    id: u32,
    tie: Tie,
    made_up: bool,
}

impl Name {
    fn of(id: u32) -> Name {
        Name { id, tie: Tie::Equal, made_up: false }
    }
}

impl Names {
    /// Whether `old` can be called `new`, consistently.
    fn agree(&mut self, old: u32, new: u32) -> bool {
        if old == 0 || new == 0 { old == new } else { self.match_up(Name::of(old), Name::of(new)) }
    }

    /// The same for numbers: a tie that the old state had must be there, one that only the new state has is no harm.
    fn agree_on_number(&mut self, old: &Value, new: &Value) -> bool {
        if old.id == 0 || !self.of_numbers {
            return true;
        }
        let name = |value: &Value| Name { tie: value.tie, ..Name::of(value.id) };
        let found = if new.id == 0 {
            // Tied to nothing, and surely not to another such number.
            self.made_up += 1;
            Name { id: self.made_up, tie: Tie::Equal, made_up: true }
        } else {
            name(new)
        };
        let base = |name: Name| Name { tie: Tie::Equal, ..name };
        self.match_up(name(old), found) && (!old.tie.is_sum() || self.match_up(base(name(old)), base(found)))
    }

    fn match_up(&mut self, old: Name, new: Name) -> bool {
        for &(o, n) in &self.known {
            if o == old || self.of_numbers && n == new {
                return o == old && n == new;
            }
        }
        self.known.push((old, new));
        true
    }
}

/// Whether `old`, a state before `pc` with these marks, covers `new`.
pub(crate) fn covers(
    release: Release,
    layout: &Layout,
    old: &State,
    marks: &[Places],
    new: &State,
    pc: Pc,
    compare: Compare,
) -> bool {
    // What differs most often, and costs least to see, first.
    let alike = old.sections == new.sections && old.sleepable == new.sleepable;
    if old.frames.len() != new.frames.len() || !alike {
        return false;
    }
    if old.frames.iter().zip(&new.frames).any(|(o, n)| o.call_site != n.call_site || o.function != n.function)
    {
        return false;
    }
    let of_numbers = release.has(Rule::NumberTiesCompared);
    let mut names = Names { of_numbers, known: Vec::new(), made_up: 0 };
    references_agree(old, new, &mut names)
        && old.frames.iter().zip(&new.frames).enumerate().all(|(index, (o, n))| {
            // A caller goes on at its call.
            let at = new.frames.get(index + 1).and_then(|callee| callee.call_site).unwrap_or(pc);
            let marks = marks.get(index).copied().unwrap_or_default();
            frame_covers(layout, o, marks, n, at, compare, &mut names)
        })
}

fn frame_covers(
    layout: &Layout,
    old: &Frame,
    marks: Places,
    new: &Frame,
    at: Pc,
    compare: Compare,
    names: &mut Names,
) -> bool {
    if old.callbacks_made > new.callbacks_made {
        return false;
    }
    let live = layout.live(at);
    let regs = old.regs.iter().all(|(reg, value)| {
        reg == Reg::FP
            || !live.contains(reg)
            || value_covers(value, marks.has_reg(reg), &new.regs[reg], compare, names)
    });
    regs && stack_covers(old, marks, new, compare, names)
}

fn value_covers(old: &Value, marked: bool, new: &Value, compare: Compare, names: &mut Names) -> bool {
    if compare == Compare::Same {
        return is_same(old, new, names);
    }
    match (old.kind, new.kind) {
        (Kind::Uninit, new) => compare == Compare::Covers || new == Kind::Uninit,
        (Kind::Scalar, Kind::Scalar) => {
            !marked && compare == Compare::Covers
                || is_tied_alike(old, new)
                    && names.agree_on_number(old, new)
                    && new.scalar.is_subset_of(&old.scalar)
        }
        (Kind::Pointer(o), Kind::Pointer(n)) if ranges_over_memory(o) => {
            old.nullable == new.nullable
                && old.off == new.off
                && pointer_covers(o, n)
                && new.scalar.is_subset_of(&old.scalar)
                && ids_agree(old, new, names)
        }
        (Kind::Pointer(_), Kind::Pointer(_)) => is_same(old, new, names),
        (o, n) => o == n,
    }
}

fn is_same(old: &Value, new: &Value, names: &mut Names) -> bool {
    old.kind == new.kind
        && old.nullable == new.nullable
        && old.off == new.off
        && old.scalar == new.scalar
        && ids_agree(old, new, names)
}

fn ids_agree(old: &Value, new: &Value, names: &mut Names) -> bool {
    old.uid == new.uid
        && names.agree(old.id, new.id)
        && names.agree(reference_id(old.reference), reference_id(new.reference))
}

/// A number tied at a distance must be so in both, at the same.
fn is_tied_alike(old: &Value, new: &Value) -> bool {
    match (old.tie, new.tie) {
        (Tie::Equal, Tie::Equal) => true,
        (Tie::Equal, _) => old.id == 0,
        (o, n) => o == n && old.off == new.off,
    }
}

/// The pointers whose offset may lie anywhere in what the old one allowed.
fn ranges_over_memory(pointer: Pointer) -> bool {
    matches!(
        pointer,
        Pointer::MapValue(_)
            | Pointer::MapKey(_)
            | Pointer::Memory { .. }
            | Pointer::TracepointBuffer
            | Pointer::Buffer { .. }
            | Pointer::Packet(_)
            | Pointer::PacketMeta(_)
    )
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

fn stack_covers(old: &Frame, marks: Places, new: &Frame, compare: Compare, names: &mut Names) -> bool {
    old.stack.slots().iter().enumerate().all(|(index, slot)| match new.stack.slot(index) {
        Some(new) => slot_covers(slot, marks.has_slot(index), new, compare, names),
        None if compare != Compare::Covers => false,
        None => slot.bytes.iter().all(|byte| is_anything(*byte)),
    })
}

/// Anything may stand where nothing, or anything, was known to stand.
fn is_anything(byte: Byte) -> bool {
    matches!(byte, Byte::Uninit | Byte::Misc)
}

fn slot_covers(old: &Slot, marked: bool, new: &Slot, compare: Compare, names: &mut Names) -> bool {
    if compare != Compare::Covers && old.bytes != new.bytes {
        return false;
    }
    if old.bytes.iter().all(|byte| is_anything(*byte)) {
        return true;
    }
    if let (Kind::StackObject(o), Kind::StackObject(n)) = (old.spilled.kind, new.spilled.kind) {
        let (o_held, n_held) = (reference_id(old.spilled.reference), reference_id(new.spilled.reference));
        return object_covers(o, n) && names.agree(o_held, n_held);
    }
    if let (Some(old), Some(new)) = (as_number(old), as_number(new)) {
        return value_covers(&old, marked, &new, compare, names);
    }
    old.bytes.iter().zip(&new.bytes).all(|(o, n)| is_anything(*o) || o == n)
        && (!old.is_spill() || value_covers(&old.spilled, marked, &new.spilled, compare, names))
}

/// The same object in the same condition; how far an iterator has come does not matter.
fn object_covers(old: StackObject, new: StackObject) -> bool {
    let settled = |object: StackObject| match object {
        StackObject::Iterator { ty, first, drained, depth: _, protection } => {
            StackObject::Iterator { ty, first, drained, depth: 0, protection }
        }
        object => object,
    };
    settled(old) == settled(new)
}

/// A slot with a number of eight bytes, or with bytes of which nothing is known, as that number.
fn as_number(slot: &Slot) -> Option<Value> {
    if slot.spill_size() == SLOT_SIZE && slot.spilled.is_scalar() {
        return Some(slot.spilled);
    }
    slot.bytes.iter().all(|byte| is_anything(*byte)).then(Value::unknown)
}

/// The same obligations, in the same order.
fn references_agree(old: &State, new: &State, names: &mut Names) -> bool {
    let (old, new) = (&old.references, &new.references);
    old.len() == new.len()
        && old.newest_first().zip(new.newest_first()).all(|(o, n)| {
            let lock = match (o.lock, n.lock) {
                (Some(o), Some(n)) => o.holder == n.holder && names.agree(o.id, n.id),
                (o, n) => o == n,
            };
            lock && o.resource == n.resource && names.agree(o.id.0, n.id.0)
        })
}

fn reference_id(reference: Option<RefId>) -> u32 {
    reference.map_or(0, |id| id.0)
}

/// Whether the running frames are the same to the last id, so that the states may be one turn of an endless loop apart.
pub(crate) fn may_be_looping(old: &State, new: &State) -> bool {
    old.frames.len() == new.frames.len()
        && old.frame().regs.iter().zip(new.frame().regs.iter()).all(|((_, o), (_, n))| {
            o.kind == n.kind
                && o.nullable == n.nullable
                && o.off == n.off
                && o.scalar == n.scalar
                && (o.id, o.tie, o.reference) == (n.id, n.tie, n.reference)
        })
}

/// Whether an iterator that both have has come further in one of them: no endless loop.
pub(crate) fn iterators_moved(old: &State, new: &State) -> bool {
    let depth = |slot: &Slot| match slot.spilled.kind {
        Kind::StackObject(StackObject::Iterator { drained: false, depth, .. }) => Some(depth),
        _ => None,
    };
    old.frames.iter().zip(&new.frames).any(|(old, new)| {
        old.stack.slots().iter().enumerate().any(|(index, slot)| {
            depth(slot).is_some_and(|before| new.stack.slot(index).and_then(depth) != Some(before))
        })
    })
}
