//! Which stack slots still matter at an instruction, as Linux finds it out since 6.18.
//!
//! What an instruction reads of the stack is seen only when it is walked: the pointer may come from anywhere. So each
//! access is noted where it happens, and a backward data flow over what was walked tells which slots may still be
//! read. This is sound for a state whose paths have all been walked to their ends: every read that they can
//! make has been noted. (A state whose paths are still open must be compared in full.)
//!
//! What is noted belongs to an *instance* of a function: the function as called by this chain of calls. Other chains
//! hand it other pointers. An instance knows what it does to the frames of its callers, too; when it returns, that is
//! noted for the caller at the call, as if the call were one instruction.

use std::collections::HashMap;

use belay_isa::Pc;

use crate::early_exit::may_end_function;
use crate::layout::Layout;
use crate::state::{MAX_FRAMES, State};

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

type InstanceId = usize;

/// A function, and the calls that led to it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Chain {
    function: usize,
    sites: Vec<Pc>,
}

/// What one instruction does to one frame's stack.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// Slots that some visit read.
    read: Slots,
    /// Slots that every visit filled.
    filled: Slots,
    /// Slots that are filled on every way from here to the end of the function.
    surely_filled: Slots,
    /// Slots that may be read before they are filled.
    live: Slots,
}

/// What has been seen of one function under one chain of calls.
struct Instance {
    chain: Chain,
    start: u32,
    len: usize,
    /// By frame, its own last; none where nothing was noted.
    frames: Vec<Option<Vec<Seen>>>,
    visited: Vec<bool>,
    /// Whether more is known than `live` tells.
    stale: bool,
    /// Whether an instruction turned out to fill less than before.
    fills_less: bool,
}

impl Instance {
    fn seen(&mut self, frame: usize, at: usize) -> Option<&mut Seen> {
        let len = self.len;
        let seen = self.frames.get_mut(frame)?.get_or_insert_with(|| vec![Seen::default(); len]);
        seen.get_mut(at)
    }

    fn note_read(&mut self, frame: usize, pc: Pc, slots: Slots) {
        let Some(seen) = self.seen(frame, (pc.0 - self.start) as usize) else { return };
        let read = seen.read | slots;
        let news = read != seen.read && read & !seen.live != 0;
        seen.read = read;
        self.stale |= news;
    }

    fn note_filled(&mut self, pc: Pc, filled: &[Slots]) {
        let at = (pc.0 - self.start) as usize;
        let visited = self.visited.get(at).copied().unwrap_or(false);
        for (frame, &slots) in filled.iter().take(self.frames.len()).enumerate() {
            if slots == 0 && !visited {
                continue;
            }
            if slots == 0 && self.frames[frame].is_none() {
                continue;
            }
            let Some(seen) = self.seen(frame, at) else { continue };
            let (old, new) = (seen.filled, if visited { slots & seen.filled } else { slots });
            seen.filled = new;
            self.stale |= old != new;
            self.fills_less |= old & !new != 0;
        }
        if let Some(visited) = self.visited.get_mut(at) {
            *visited = true;
        }
    }

    fn live(&self, frame: usize, pc: Pc) -> Slots {
        let at = pc.0.checked_sub(self.start).map(|at| at as usize);
        let seen = self.frames.get(frame).and_then(Option::as_ref);
        seen.zip(at).and_then(|(seen, at)| seen.get(at)).map_or(0, |seen| seen.live)
    }

    /// Brings `live` and `surely_filled` up to date.
    fn flow(&mut self, layout: &Layout, order: &[Pc]) {
        for frame in self.frames.iter_mut().flatten() {
            if self.fills_less {
                frame.iter_mut().for_each(|seen| seen.surely_filled = 0);
            }
            let mut changed = true;
            while changed {
                changed = false;
                for &pc in order {
                    let Some(insn) = layout.insn(pc) else { continue };
                    let early = may_end_function(insn);
                    let (mut after, mut filled, mut ends) = (0, if early { 0 } else { Slots::MAX }, true);
                    for next in layout.successors(pc, insn) {
                        let next = frame.get((next.0 - self.start) as usize).copied().unwrap_or_default();
                        (after, filled, ends) = (after | next.live, filled & next.surely_filled, false);
                    }
                    let Some(seen) = frame.get_mut((pc.0 - self.start) as usize).filter(|_| !ends) else {
                        continue;
                    };
                    let live = after & !seen.filled | seen.read;
                    let filled = filled | seen.filled;
                    changed |= live != seen.live || filled != seen.surely_filled;
                    (seen.live, seen.surely_filled) = (live, filled);
                }
            }
        }
        self.stale = false;
        self.fills_less = false;
    }
}

/// What has been seen of the stack's use.
pub(crate) struct StackUse {
    instances: Vec<Instance>,
    by_chain: HashMap<Chain, InstanceId>,
    /// The instance that is being walked, if it is known.
    current: Option<InstanceId>,
    /// What the instruction that is being walked filled so far, by frame.
    filling: [Slots; MAX_FRAMES],
    /// Instructions of each function, each after those that it leads to (but for cycles).
    orders: Vec<Vec<Pc>>,
}

impl StackUse {
    pub(crate) fn new(layout: &Layout) -> StackUse {
        StackUse {
            instances: Vec::new(),
            by_chain: HashMap::new(),
            current: None,
            filling: [0; MAX_FRAMES],
            orders: layout.functions.iter().map(|function| layout.postorder(Pc(function.start))).collect(),
        }
    }

    /// The walk goes on in another function, or on another path.
    pub(crate) fn go_elsewhere(&mut self) {
        self.current = None;
    }

    /// An instruction is about to be walked in this state.
    pub(crate) fn begin(&mut self, layout: &Layout, state: &State) {
        if self.current.is_none() {
            self.current = Some(self.instance(layout, state, state.depth()));
        }
        self.filling[..state.frames.len()].fill(0);
    }

    /// The instruction that is being walked may read these slots of the frame.
    pub(crate) fn note_read(&mut self, pc: Pc, frame: usize, slots: Slots) {
        if let Some(current) = self.current {
            self.instances[current].note_read(frame, pc, slots);
        }
    }

    /// The instruction that is being walked surely fills these slots of the frame.
    pub(crate) fn note_filled(&mut self, frame: usize, slots: Slots) {
        if let Some(filling) = self.filling.get_mut(frame) {
            *filling |= slots;
        }
    }

    /// The instruction was walked.
    pub(crate) fn finish(&mut self, pc: Pc) {
        if let Some(current) = self.current {
            self.instances[current].note_filled(pc, &self.filling);
        }
    }

    /// Brings what is live up to date for the functions on the call stack: a path ends, or returns from a function.
    pub(crate) fn refresh(&mut self, layout: &Layout, state: &State) {
        self.current = None;
        for frame in (0..state.frames.len()).rev() {
            let id = self.instance(layout, state, frame);
            if !self.instances[id].stale {
                continue;
            }
            let function = self.instances[id].chain.function;
            self.instances[id].flow(layout, &self.orders[function]);
            if frame > 0 {
                self.tell_caller(layout, state, id, frame);
            }
        }
    }

    /// What the function does to the frames of its callers happens, for its caller, at the call.
    fn tell_caller(&mut self, layout: &Layout, state: &State, id: InstanceId, frame: usize) {
        let caller = self.instance(layout, state, frame - 1);
        let Some(&site) = self.instances[id].chain.sites.last() else { return };
        let mut filled = [0; MAX_FRAMES];
        for (outer, filled) in filled.iter_mut().enumerate().take(frame) {
            let entry = self.instances[id].frames.get(outer).and_then(Option::as_ref).and_then(|f| f.first());
            if let Some(&entry) = entry {
                *filled = entry.surely_filled;
                self.instances[caller].note_read(outer, site, entry.live);
            }
        }
        self.instances[caller].note_filled(site, &filled);
    }

    /// The slots of each frame that may still be read from this state on, which is before `pc`.
    pub(crate) fn live(&mut self, layout: &Layout, state: &State, pc: Pc) -> Vec<Slots> {
        let chain: Vec<InstanceId> =
            (0..state.frames.len()).map(|frame| self.instance(layout, state, frame)).collect();
        let own = |frame: usize| chain.last().map_or(Slots::MAX, |id| self.instances[*id].live(frame, pc));
        let callers = |frame: usize| {
            (frame..state.depth()).fold(0, |live, outer| {
                let site = state.frames[outer + 1].call_site.unwrap_or_default();
                // After the call; a helper that calls back goes on as before its call.
                let after = if layout.calls_back(site) { site } else { Pc(site.0 + 1) };
                live | self.instances[chain[outer]].live(frame, after)
            })
        };
        (0..state.frames.len()).map(|frame| own(frame) | callers(frame)).collect()
    }

    fn instance(&mut self, layout: &Layout, state: &State, frame: usize) -> InstanceId {
        let frames = state.frames.get(..=frame).unwrap_or_default();
        let function = frames.last().map_or(0, |frame| frame.function);
        let chain = Chain { function, sites: frames.iter().filter_map(|frame| frame.call_site).collect() };
        if let Some(&known) = self.by_chain.get(&chain) {
            return known;
        }
        let bounds = layout.functions.get(function).map_or(0..0, |function| function.start..function.end);
        let len = bounds.len();
        self.instances.push(Instance {
            chain: chain.clone(),
            start: bounds.start,
            len,
            frames: vec![None; frames.len()],
            visited: vec![false; len],
            stale: false,
            fills_less: false,
        });
        self.by_chain.insert(chain, self.instances.len() - 1);
        self.instances.len() - 1
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
