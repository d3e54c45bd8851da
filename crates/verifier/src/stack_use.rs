//! Which stack slots still matter at an instruction.
//!
//! What an instruction reads of the stack is seen only when it is walked: the pointer may come from anywhere. So each
//! access is noted where it happens, and a backward data flow over what was walked tells which slots may still be
//! read. This is sound for a state whose paths have all been walked to their ends: every read that they can
//! make has been noted. (A state whose paths are still open must be compared in full.)
//!
//! A callee that touches its caller's stack touches it, for the caller, at the call.

use belay_isa::Pc;

use crate::layout::Layout;

/// A set of slots of one frame; bit n is the slot at `fp - 8 * (n + 1)`.
pub(crate) type Slots = u64;

/// The slots that the bytes `min .. max` (offsets from the frame pointer) touch.
pub(crate) fn slots_of(min: i64, max: i64) -> Slots {
    let first = (-max).max(0) / 8;
    let last = (-min - 1).clamp(-1, 511) / 8;
    (first..=last).fold(0, |set, slot| set | 1 << slot)
}

/// The slots that the bytes surely fill.
pub(crate) fn slots_filled(min: i64, max: i64) -> Slots {
    (0..64).filter(|slot| min <= -8 * (slot + 1) && -8 * slot <= max).fold(0, |set, slot| set | 1 << slot)
}

/// What has been seen of the stack's use, by instruction.
pub(crate) struct StackUse {
    seen: Vec<Seen>,
    /// The instructions from which each one is reached.
    before: Vec<Vec<u32>>,
    /// Instructions of which more was seen since [`StackUse::refresh`].
    stale: Vec<u32>,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    walked: bool,
    read: Slots,
    /// What every visit filled; nothing until the first.
    filled: Option<Slots>,
    live: Slots,
}

impl StackUse {
    pub(crate) fn new(layout: &Layout) -> StackUse {
        let mut before = vec![Vec::new(); layout.len()];
        for (pc, insn) in layout.instructions() {
            for next in layout.successors(pc, insn) {
                if let Some(before) = before.get_mut(next.index()) {
                    before.push(pc.0);
                }
            }
        }
        StackUse { seen: vec![Seen::default(); layout.len()], before, stale: Vec::new() }
    }

    /// The instruction is walked. (What follows one that never was does not matter to anything before it.)
    pub(crate) fn note_walked(&mut self, pc: Pc) {
        self.note(pc, |seen| seen.walked = true);
    }

    /// The instruction may read these slots of the frame in which it runs.
    pub(crate) fn note_read(&mut self, pc: Pc, slots: Slots) {
        self.note(pc, |seen| seen.read |= slots);
    }

    /// The instruction surely fills these slots of the frame in which it runs, and no others.
    pub(crate) fn note_filled(&mut self, pc: Pc, slots: Slots) {
        self.note(pc, |seen| seen.filled = Some(seen.filled.map_or(slots, |before| before & slots)));
    }

    fn note(&mut self, pc: Pc, change: impl FnOnce(&mut Seen)) {
        let Some(seen) = self.seen.get_mut(pc.index()) else { return };
        let before = (seen.walked, seen.read, seen.filled);
        change(seen);
        if before != (seen.walked, seen.read, seen.filled) {
            self.stale.push(pc.0);
        }
    }

    /// The slots that may be read from the instruction on, in its frame.
    pub(crate) fn live(&self, pc: Pc) -> Slots {
        self.seen.get(pc.index()).map_or(Slots::MAX, |seen| seen.live)
    }

    /// The slots of a caller that may still be read while its call at `site` is under way. What the callee reads was
    /// noted at the call.
    pub(crate) fn live_during_call(&self, site: Pc) -> Slots {
        self.live(site) | self.live(Pc(site.0 + 1))
    }

    /// Brings what is live up to date with what was seen, backwards from there.
    pub(crate) fn refresh(&mut self, layout: &Layout) {
        while let Some(at) = self.stale.pop() {
            let (pc, seen) = (Pc(at), self.seen[at as usize]);
            let Some(insn) = layout.insn(pc).filter(|_| seen.walked) else { continue };
            let after = layout.successors(pc, insn).fold(0, |set, next| set | self.live_of_walked(next));
            let live = seen.read | after & !seen.filled.unwrap_or(0);
            if live != seen.live {
                self.seen[at as usize].live = live;
                self.stale.extend(&self.before[at as usize]);
            }
        }
    }

    fn live_of_walked(&self, pc: Pc) -> Slots {
        self.seen.get(pc.index()).filter(|seen| seen.walked).map_or(0, |seen| seen.live)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_touch_every_slot_that_they_overlap() {
        for min in -512_i64..0 {
            for size in 1..=16 {
                let max = (min + size).min(0);
                let touched = (0..64_i64).filter(|slot| min < -8 * slot && -8 * (slot + 1) < max);
                let expected = touched.fold(0, |set: u64, slot| set | 1 << slot);
                assert_eq!(slots_of(min, max), expected, "{min}..{max}");
                let filled =
                    (0..64_i64).filter(|slot| (-8 * (slot + 1)..-8 * slot).all(|b| min <= b && b < max));
                assert_eq!(
                    slots_filled(min, max),
                    filled.fold(0, |set: u64, slot| set | 1 << slot),
                    "{min}..{max}"
                );
            }
        }
    }
}
