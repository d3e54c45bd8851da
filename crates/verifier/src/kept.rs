//! States that are kept for comparison, as a tree: each knows the one before it on its path.

use belay_isa::Pc;

use crate::precision::{Link, Places};
use crate::state::{MAX_FRAMES, State};
use crate::value::Value;

/// Index of a kept state.
pub(crate) type StateId = u32;

/// A state before an instruction.
pub(crate) struct Kept {
    /// The instruction.
    pub(crate) pc: Pc,
    /// What is known there.
    pub(crate) state: State,
    /// The places whose numbers the paths from here rely on, by frame.
    pub(crate) marks: Vec<Places>,
    /// The state kept before it on the same path.
    pub(crate) parent: Option<StateId>,
    /// Where the segment that leads here begins, and what is noted of it.
    pub(crate) first: Pc,
    pub(crate) segment: Link,
    /// The instruction that ran before; `None` at the entry.
    pub(crate) from: Option<Pc>,
    /// How many states lie before it on its path.
    pub(crate) depth: u32,
    /// How many paths from here are still to be walked.
    pub(crate) open: u32,
    /// How often it covered another state, and how often it was compared in vain.
    pub(crate) hits: u32,
    pub(crate) misses: u32,
    /// Whether what no path from here reads was forgotten.
    pub(crate) cleaned: bool,
    /// Whether it is compared no more.
    pub(crate) retired: bool,
}

impl Kept {
    /// Marks those of the places that hold numbers; gives those that were not marked before.
    pub(crate) fn mark(&mut self, frame: usize, places: Places) -> Places {
        let Some(marked) = self.marks.get_mut(frame).filter(|_| !places.is_empty()) else {
            return Places::default();
        };
        let fresh = places.without(*marked).and(Places::numbers_of(&self.state, frame));
        *marked = marked.or(fresh);
        fresh
    }

    /// The call sites of the state's frames and its instruction: where it is, as seen from the entry.
    pub(crate) fn is_called_as(&self, other: &State) -> bool {
        let sites = |state: &State| -> [Option<Pc>; MAX_FRAMES] {
            let mut sites = [None; MAX_FRAMES];
            for (site, frame) in sites.iter_mut().zip(&state.frames) {
                *site = frame.call_site;
            }
            sites
        };
        self.state.frames.len() == other.frames.len() && sites(&self.state) == sites(other)
    }

    /// Whether the state is in a function that runs later, and that one is in another run of it.
    pub(crate) fn is_of_another_run(&self, other: &State) -> bool {
        let run = self.state.frames.last().map_or(0, |frame| frame.later);
        run > 0 && run != other.frame().later
    }

    /// The numbers, by frame, that are not what they were here and that nothing relies on.
    pub(crate) fn changing(&self, now: &State) -> Vec<Places> {
        let frames = self.state.frames.iter().zip(&now.frames).zip(&self.marks);
        let changed =
            |old: &Value, new: &Value| old.is_scalar() && new.is_scalar() && !is_same_number(old, new);
        frames
            .map(|((old, new), marks)| {
                let regs = old.regs.iter().filter(|(reg, value)| changed(value, &new.regs[*reg]));
                let slots = old.stack.slots().iter().zip(new.stack.slots()).enumerate();
                let slots = slots.filter(|(_, (old, new))| {
                    old.is_spill() && new.is_spill() && changed(&old.spilled, &new.spilled)
                });
                let places = Places {
                    regs: regs.fold(0, |set, (reg, _)| set | 1 << reg.number()),
                    slots: slots.fold(0, |set, (index, _)| set | 1 << index),
                };
                places.without(*marks)
            })
            .collect()
    }

    /// Gives back the memory of a state that nothing will look at again.
    pub(crate) fn forget_if_done(&mut self) {
        if self.retired && self.open == 0 {
            self.state.frames = Vec::new();
            self.marks = Vec::new();
        }
    }
}

fn is_same_number(old: &Value, new: &Value) -> bool {
    old.scalar == new.scalar && old.off == new.off && (old.id == 0) == (new.id == 0)
}
