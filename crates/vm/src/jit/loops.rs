//! Which loops are emitted several times over, so that most rounds of them take no jump.
//!
//! A loop of a few instructions spends its time in the jump back, and in moving what one round leaves to where the next one
//! looks for it. Copies of the loop behind each other, of which each leads to the next and the last to the first, have neither
//! between them, and the compiler folds what they count into constants. A copy is the same code again, exits and all:
//! it is right wherever control comes into it from.

use std::collections::BTreeMap;

use crate::op::Op;

/// Ops that the copies of a loop have together.
const MOST_OPS: u32 = 64;
/// Copies of a loop.
const MOST_COPIES: u32 = 8;

/// A loop that is emitted `copies` times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Loop {
    /// Its first slot, where every jump back leads.
    pub(super) head: u32,
    /// The slot after its last.
    pub(super) end: u32,
    pub(super) copies: u32,
}

impl Loop {
    /// Which copy a jump from `copy` to `pc` leads into: back to the head is on to the next.
    pub(super) fn copy_at(&self, pc: u32, copy: u32) -> u32 {
        if pc == self.head {
            (copy + 1) % self.copies
        } else if (self.head..self.end).contains(&pc) {
            copy
        } else {
            0
        }
    }
}

/// The loops of a function (its slots, with their numbers), by first slot: those without calls or loops inside.
pub(super) fn loops(ops: &[(u32, Op)]) -> BTreeMap<u32, Loop> {
    let mut ends: BTreeMap<u32, u32> = BTreeMap::new();
    for (pc, op) in ops {
        if let Op::Jump { to } | Op::Branch { to, .. } | Op::MayGoto { to } = op
            && to <= pc
        {
            let end = ends.entry(*to).or_default();
            *end = (pc + 1).max(*end);
        }
    }
    let is_simple = |&(&head, &end): &(&u32, &u32)| {
        let alone = ends
            .iter()
            .all(|(other, until)| *other == head || *until <= head || end <= *other || *other < head);
        let inside = ops.iter().filter(|(pc, _)| (head..end).contains(pc));
        let calls = inside.clone().any(|(_, op)| {
            matches!(op, Op::Helper(_) | Op::Own(_) | Op::Call { .. } | Op::LoadPacket { .. })
        });
        alone && !calls
    };
    let copies = |head: u32, end: u32| (MOST_OPS / (end - head)).min(MOST_COPIES);
    ends.iter()
        .filter(is_simple)
        .map(|(&head, &end)| (head, Loop { head, end, copies: copies(head, end) }))
        .filter(|(_, found)| found.copies > 1)
        .collect()
}
