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
            matches!(op, Op::Helper(_) | Op::Kfunc(_) | Op::Own(_) | Op::Call { .. } | Op::LoadPacket { .. })
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

#[cfg(test)]
mod tests {
    use belay_isa::{CmpOp, Reg, Src, Width};

    use super::*;

    fn numbered(ops: impl IntoIterator<Item = Op>) -> Vec<(u32, Op)> {
        (0..).zip(ops).collect()
    }

    fn back(to: u32) -> Op {
        Op::Branch { op: CmpOp::Ne, width: Width::W64, dst: Reg::R1, src: Src::Imm(0), to }
    }

    const STEP: Op = Op::Mov { width: Width::W64, dst: Reg::R0, src: Src::Imm(1) };

    #[test]
    fn the_innermost_of_nested_loops_is_emitted_several_times() {
        let ops = numbered([STEP, STEP, STEP, back(2), back(1), Op::Exit]);
        assert_eq!(loops(&ops), BTreeMap::from([(2, Loop { head: 2, end: 4, copies: MOST_COPIES })]));
    }

    #[test]
    fn a_loop_with_two_ways_back_is_one_loop() {
        let ops = numbered([STEP, back(0), STEP, back(0), Op::Exit]);
        assert_eq!(loops(&ops), BTreeMap::from([(0, Loop { head: 0, end: 4, copies: MOST_COPIES })]));
    }

    #[test]
    fn calls_and_long_loops_are_emitted_once() {
        assert!(loops(&numbered([Op::Call { to: 3 }, back(0), Op::Exit, Op::Exit])).is_empty());
        let long = std::iter::repeat_n(STEP, MOST_OPS as usize).chain([back(0), Op::Exit]);
        assert!(loops(&numbered(long)).is_empty());
    }

    #[test]
    fn loops_that_overlap_are_never_both_taken() {
        let found = loops(&numbered([STEP, STEP, back(0), STEP, back(1), Op::Exit]));
        assert_eq!(found.into_keys().collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn each_copy_leads_to_the_next() {
        let found = Loop { head: 4, end: 8, copies: 3 };
        assert_eq!((0..3).map(|copy| found.copy_at(4, copy)).collect::<Vec<_>>(), [1, 2, 0]);
        assert_eq!((found.copy_at(6, 2), found.copy_at(3, 2), found.copy_at(8, 2)), (2, 0, 0));
    }
}
