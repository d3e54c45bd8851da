//! From where a number was relied on, back to every state that must be marked for it.

use crate::kernel_faults::Faults;
use belay_isa::Pc;

use crate::kept::{Kept, StateId};
use crate::layout::Layout;

use super::backtrack::back_over;
use super::history::{History, Link};
use super::places::{Places, Wanted};

/// A point of a path: before the instruction at `pc`, some way after the kept state `parent`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    /// The instruction.
    pub(crate) pc: Pc,
    /// Where the segment begins: at the parent, or at the entry.
    pub(crate) first: Pc,
    /// The segment that leads from there to here.
    pub(crate) segment: Link,
    /// The last state kept on the path.
    pub(crate) parent: Option<StateId>,
}

/// Marks what must be known exactly in the states on the way to this point, so that what is wanted here is known.
/// Whether that changed any of them.
pub(crate) fn rely_on(
    states: &mut [Kept],
    history: &History,
    faults: &mut Faults,
    layout: &Layout,
    point: Point,
    mut wanted: Wanted,
) -> bool {
    let mut changed = false;
    if wanted.is_empty() {
        return false;
    }
    let (mut at, mut first, mut segment) = (Some(point.pc), point.first, point.segment);
    let mut parent = point.parent;
    let mut after = None;
    // What the instruction at the point itself does is not behind us.
    let mut ahead = true;
    loop {
        // Only a global function, walked on its own, has numbers at its very entry, and they are marked by now.
        let Some(mut pc) = at else { return changed };
        loop {
            let entry = history.of(segment, pc);
            if !std::mem::take(&mut ahead)
                && back_over(faults, layout, pc, after, entry, &mut wanted).is_err()
            {
                mark_everything(states, point.parent);
                return changed;
            }
            if wanted.is_empty() {
                return changed;
            }
            after = Some(pc);
            match history.before(&mut segment, pc, first) {
                Some(before) => pc = before,
                None => break,
            }
        }
        let Some(id) = parent else { break };
        let kept = &mut states[id as usize];
        for frame in 0..=wanted.frame {
            let fresh = kept.mark(frame, wanted.places[frame]);
            changed |= !fresh.is_empty();
            wanted.places[frame] = fresh;
        }
        if wanted.is_empty() {
            return changed;
        }
        after = Some(first);
        (at, first, segment, parent) = (kept.from, kept.first, kept.segment, kept.parent);
    }
    mark_everything(states, point.parent);
    changed
}

/// Where a walk back cannot follow: every number of every state on the way.
pub(crate) fn mark_everything(states: &mut [Kept], mut parent: Option<StateId>) {
    while let Some(id) = parent {
        let kept = &mut states[id as usize];
        for frame in 0..kept.state.frames.len() {
            kept.mark(frame, Places { regs: u16::MAX, slots: u64::MAX });
        }
        parent = kept.parent;
    }
}
