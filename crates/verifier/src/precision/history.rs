//! What a walk back over a path must know beyond the instructions.
//!
//! Entries of all paths lie in one list, each linked to the one before it on its path: a path that forks shares what
//! it has with both its ways, at no cost. The entries since the last kept state are a *segment*; a kept state has
//! the segment that leads to it.

use belay_isa::Pc;

use super::places::{Linked, Notes};

/// The last entry of a segment; none if it is empty.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Link {
    /// Index of the entry, plus one.
    at: u32,
    /// How many entries the segment has.
    pub(crate) len: u32,
}

/// What is known of one instruction of a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// The instruction.
    pub(crate) pc: Pc,
    /// The one that ran before it; `None` at the entry of the program.
    pub(crate) from: Option<Pc>,
    /// The slot that it spilled to or filled from.
    pub(crate) spill: Option<(u8, u8)>,
    /// Whether the left and the right side of a comparison is a pointer to the stack.
    pub(crate) stack_operands: (bool, bool),
    /// The numbers that it narrowed together.
    pub(crate) linked: Linked,
    before: Link,
}

/// The entries of all paths.
#[derive(Default)]
pub(crate) struct History(Vec<Entry>);

impl History {
    /// Adds what the instruction noted to a segment.
    pub(crate) fn push(&mut self, segment: Link, pc: Pc, from: Option<Pc>, notes: &Notes) -> Link {
        let linked = if notes.linked.len() > 1 { notes.linked } else { Linked::default() };
        let (spill, stack_operands) = (notes.spill, notes.stack_operands);
        self.0.push(Entry { pc, from, spill, stack_operands, linked, before: segment });
        Link { at: self.0.len() as u32, len: segment.len + 1 }
    }

    /// The last entry of the segment, if it is of the instruction at `pc`.
    pub(super) fn of(&self, segment: Link, pc: Pc) -> Option<&Entry> {
        let entry = self.0.get((segment.at as usize).checked_sub(1)?)?;
        (entry.pc == pc && segment.len > 0).then_some(entry)
    }

    /// The instruction before the one at `pc` in the segment that began at `first`; `None` where it begins.
    pub(super) fn before(&self, segment: &mut Link, pc: Pc, first: Pc) -> Option<Pc> {
        let entry = self.of(*segment, pc);
        if pc == first && (segment.len == 0 || segment.len == 1 && entry.is_some()) {
            return None;
        }
        match entry {
            Some(entry) => {
                *segment = entry.before;
                entry.from
            }
            None => pc.0.checked_sub(1).map(Pc),
        }
    }
}
