//! Loops that end by comparison: a turn is covered by an earlier one that is itself not walked to its end.
//!
//! Such a stop is sound only if the earlier state's marks are complete, and they are not yet: paths from it are still
//! open, the one that stops among them. So the comparison counts every number, and the stop is noted as a *way back*
//! from the end of the turn to the state that covered it. When all paths of the loop have been walked, what the
//! covering state relies on is walked back along each way, over and over until no mark is new (what is relied on in the
//! next turn is relied on at the end of this one).
//!
//! A loop is a cycle of the control flow, as entered by one chain of calls ([`LoopId`]): a state in a function that
//! is called from within a cycle belongs to that cycle.

use std::collections::HashMap;

use belay_isa::Pc;

use crate::kept::StateId;
use crate::layout::{CycleId, Layout};
use crate::precision::Point;
use crate::state::State;

/// A cycle, and the calls that lead to its function.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct LoopId {
    sites: Vec<Pc>,
    cycle: CycleId,
}

impl LoopId {
    /// The outermost loop in which a state before `pc` is.
    pub(crate) fn of(layout: &Layout, state: &State, pc: Pc) -> Option<LoopId> {
        let mut sites = Vec::new();
        for callee in state.frames.iter().skip(1) {
            let site = callee.call_site?;
            if let Some(cycle) = layout.cycle(site) {
                return Some(LoopId { sites, cycle });
            }
            sites.push(site);
        }
        layout.cycle(pc).map(|cycle| LoopId { sites, cycle })
    }
}

/// The end of a turn, and the state that covered it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WayBack {
    /// The end of the turn.
    pub(crate) end: Point,
    /// The state that covered it.
    pub(crate) covered_by: StateId,
}

/// One loop that is being walked, or was.
#[derive(Default)]
struct Open {
    /// The first state kept in it: when all its paths are walked, the loop is.
    entry: Option<StateId>,
    ways_back: Vec<WayBack>,
}

/// All loops.
#[derive(Default)]
pub(crate) struct Loops(HashMap<LoopId, Open>);

impl Loops {
    /// A state was kept in the loop.
    pub(crate) fn enter(&mut self, id: LoopId, state: StateId) {
        self.0.entry(id).or_default().entry.get_or_insert(state);
    }

    /// Whether marks of the loop's states may be missing.
    pub(crate) fn is_incomplete(&self, id: &LoopId) -> bool {
        self.0.get(id).is_some_and(|open| !open.ways_back.is_empty())
    }

    /// A turn ended in a state of the loop.
    pub(crate) fn add(&mut self, id: LoopId, way: WayBack) {
        self.0.entry(id).or_default().ways_back.push(way);
    }

    /// All paths from the state are walked. If the loop was entered by it, the loop is done: gives its ways back, the
    /// last first.
    pub(crate) fn leave(&mut self, id: &LoopId, state: StateId) -> Vec<WayBack> {
        match self.0.get_mut(id) {
            Some(open) if open.entry == Some(state) => {
                open.entry = None;
                open.ways_back.iter().rev().copied().collect()
            }
            _ => Vec::new(),
        }
    }

    /// The marks of the loop's states are complete.
    pub(crate) fn settle(&mut self, id: &LoopId) {
        if let Some(open) = self.0.get_mut(id) {
            open.ways_back.clear();
        }
    }
}
