//! Which paths are walked, in which order, and when one may stop.
//!
//! Depth first, "not taken" before "taken", as Linux does. Where paths may meet, the state is kept; a later path whose
//! state an earlier one covers stops there. A kept state that is still being walked marks a loop: meeting it with
//! exactly the same state means that the loop never ends.
//!
//! The hot path records only which way each undecided branch went, as a list linked to its parent: a failing path is
//! walked again from those decisions (`replay`).

use std::collections::HashMap;

use belay_isa::Pc;

use crate::fault::{Check, Fault, Stop};
use crate::prune::{Compare, covers};
use crate::state::State;
use crate::walk::{Next, Walk};

/// Most instructions that are walked for one program.
pub const INSTRUCTION_LIMIT: u64 = 1_000_000;
/// Most branches that wait.
const PENDING_LIMIT: usize = 8192;

/// What the exploration did.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stats {
    /// Instructions walked, over all paths.
    pub insns_processed: u64,
    /// States kept for comparison.
    pub states: u64,
    /// Most branches that waited at a time.
    pub peak_pending: usize,
}

/// A failure, and the decisions that lead to it.
pub(crate) struct Failure {
    pub(crate) stop: Stop,
    pub(crate) pc: Pc,
    /// Whether each undecided branch of the path was taken, first to last.
    pub(crate) decisions: Vec<bool>,
}

/// Index of a kept state.
type StateId = u32;
/// Index of a decision; the path up to it.
type PathId = u32;

/// A state before an instruction, kept for comparison.
struct Kept {
    state: State,
    parent: Option<StateId>,
    /// How many paths from here are still to be walked.
    open: u32,
}

/// The place and state from which a path goes on.
struct Pending {
    pc: Pc,
    state: State,
    parent: Option<StateId>,
    path: Option<PathId>,
    since_kept: Since,
}

/// Work since the last state was kept on this path.
#[derive(Clone, Copy, Default)]
struct Since {
    insns: u32,
    jumps: u32,
}

/// Whether a path goes on past a meeting point.
enum Meeting {
    Covered,
    GoOn,
}

pub(crate) struct Explorer<'w, 'p> {
    walk: &'w mut Walk<'p>,
    kept: Vec<Kept>,
    by_pc: HashMap<u32, Vec<StateId>>,
    pending: Vec<Pending>,
    decisions: Vec<(Option<PathId>, bool)>,
    stats: Stats,
}

/// Walks every path of the program.
pub(crate) fn explore(walk: &mut Walk<'_>) -> Result<Stats, (Failure, Stats)> {
    let mut explorer = Explorer {
        walk,
        kept: Vec::new(),
        by_pc: HashMap::new(),
        pending: Vec::new(),
        decisions: Vec::new(),
        stats: Stats::default(),
    };
    let entry =
        Pending { pc: Pc(0), state: State::entry(), parent: None, path: None, since_kept: Since::default() };
    explorer.pending.push(entry);
    while let Some(path) = explorer.pending.pop() {
        if let Err(failure) = explorer.follow(path) {
            return Err((failure, explorer.stats));
        }
    }
    Ok(explorer.stats)
}

impl Explorer<'_, '_> {
    /// Follows one path to its end; branches that it leaves aside wait.
    fn follow(&mut self, mut path: Pending) -> Result<(), Failure> {
        loop {
            match self.advance(&mut path) {
                Ok(true) => {}
                Ok(false) => {
                    self.close(path.parent);
                    return Ok(());
                }
                Err(stop) => {
                    let decisions = self.decisions_up_to(path.path);
                    return Err(Failure { stop, pc: path.pc, decisions });
                }
            }
        }
    }

    /// One instruction; `false` when the path ends.
    fn advance(&mut self, path: &mut Pending) -> Check<bool> {
        self.stats.insns_processed += 1;
        if self.stats.insns_processed > INSTRUCTION_LIMIT {
            return Err(Fault::TooComplex { processed: self.stats.insns_processed }.into());
        }
        if self.walk.layout.is_meeting_point(path.pc) {
            if let Meeting::Covered = self.meet(path)? {
                return Ok(false);
            }
        }
        path.since_kept.insns += 1;
        match self.walk.step(&mut path.state, path.pc)? {
            Next::End => Ok(false),
            Next::Goto(pc) => {
                path.pc = pc;
                Ok(true)
            }
            Next::Fork { taken: (target, state), fall } => {
                path.since_kept.jumps += 1;
                let waiting = Pending {
                    pc: target,
                    state: *state,
                    parent: path.parent,
                    path: Some(self.decide(path.path, true)),
                    since_kept: path.since_kept,
                };
                if let Some(parent) = path.parent {
                    self.kept[parent as usize].open += 1;
                }
                self.pending.push(waiting);
                self.stats.peak_pending = self.stats.peak_pending.max(self.pending.len());
                if self.pending.len() > PENDING_LIMIT {
                    return Err(Fault::TooManyBranches { pending: self.pending.len() }.into());
                }
                path.path = Some(self.decide(path.path, false));
                path.pc = fall;
                Ok(true)
            }
        }
    }

    /// Compares with the states kept here, and perhaps keeps this one.
    fn meet(&mut self, path: &mut Pending) -> Check<Meeting> {
        let here = self.by_pc.entry(path.pc.0).or_default();
        // Keeping every state would cost more than it saves.
        let mut keep = path.since_kept.jumps >= 2 && path.since_kept.insns >= 8;
        for &id in here.iter().rev() {
            let kept = &self.kept[id as usize];
            if kept.open > 0 {
                if covers(&kept.state, &path.state, path.pc, self.walk.layout, Compare::Same) {
                    return Err(Fault::InfiniteLoop { pc: path.pc }.into());
                }
                // Around a short loop nothing is gained by keeping each turn.
                if path.since_kept.jumps < 20 && path.since_kept.insns < 100 {
                    keep = false;
                }
                continue;
            }
            if covers(&kept.state, &path.state, path.pc, self.walk.layout, Compare::Covers) {
                return Ok(Meeting::Covered);
            }
        }
        if keep {
            let id = self.kept.len() as StateId;
            here.push(id);
            self.kept.push(Kept { state: path.state.clone(), parent: path.parent, open: 1 });
            self.stats.states += 1;
            path.parent = Some(id);
            path.since_kept = Since::default();
        }
        Ok(Meeting::GoOn)
    }

    /// A path from this kept state was walked to its end.
    fn close(&mut self, mut at: Option<StateId>) {
        while let Some(id) = at {
            let kept = &mut self.kept[id as usize];
            kept.open -= 1;
            if kept.open > 0 {
                return;
            }
            at = kept.parent;
        }
    }

    fn decide(&mut self, parent: Option<PathId>, taken: bool) -> PathId {
        self.decisions.push((parent, taken));
        (self.decisions.len() - 1) as PathId
    }

    fn decisions_up_to(&self, mut at: Option<PathId>) -> Vec<bool> {
        let mut decisions = Vec::new();
        while let Some(id) = at {
            let (parent, taken) = self.decisions[id as usize];
            decisions.push(taken);
            at = parent;
        }
        decisions.reverse();
        decisions
    }
}
