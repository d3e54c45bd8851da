//! Which paths are walked, in which order, and when one may stop.
//!
//! Depth first, "not taken" before "taken", as Linux does. Where paths may meet, the state is kept; a later path whose
//! state an earlier one covers stops there. A kept state that is still being walked marks a loop: meeting it with
//! exactly the same state means that the loop never ends.
//!
//! The hot path records only which way each undecided branch went, as a list linked to its parent: a failing path is
//! walked again from those decisions (`replay`).

use std::collections::HashMap;

use belay_isa::{Insn, Pc};

use crate::fault::{Check, Fault, Stop};
use crate::prune::{Compare, covers};
use crate::state::State;
use crate::walk::{Next, Walk};

/// Most instructions that are walked for one program.
pub const INSTRUCTION_LIMIT: u64 = 1_000_000;
/// Most branches that wait.
const PENDING_LIMIT: usize = 8192;
/// Jump targets after which a state is kept in any case.
const LONG_PATH: u32 = 40;

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
    /// How many instructions the path has, the failing one included.
    pub(crate) steps: u64,
}

/// Index of a kept state.
type StateId = u32;
/// Index of a decision; the path up to it.
type PathId = u32;

/// A state before an instruction, kept for comparison.
struct Kept {
    pc: Pc,
    state: State,
    parent: Option<StateId>,
    /// How many paths from here are still to be walked.
    open: u32,
    /// How often it covered another state, and how often it was compared in vain.
    hits: u32,
    misses: u32,
}

impl Kept {
    /// A state that is compared again and again without covering anything costs more than it saves.
    fn is_useless(&self) -> bool {
        self.misses > self.hits * 3 + 3
    }
}

/// The place and state from which a path goes on.
struct Pending {
    pc: Pc,
    state: State,
    parent: Option<StateId>,
    path: Option<PathId>,
    /// Instructions walked on this path.
    steps: u64,
    /// Jump targets passed since the last state was kept on this path.
    hops: u32,
}

/// How much had been walked when a state was last kept, on any path.
#[derive(Clone, Copy, Default)]
struct Progress {
    insns: u64,
    jumps: u64,
}

/// Whether a path goes on past a meeting point.
enum Meeting {
    Covered,
    GoOn,
}

struct Explorer<'w, 'p> {
    walk: &'w mut Walk<'p>,
    kept: Vec<Kept>,
    by_pc: HashMap<u32, Vec<StateId>>,
    pending: Vec<Pending>,
    decisions: Vec<(Option<PathId>, bool)>,
    jumps: u64,
    last_kept: Progress,
    stats: &'w mut Stats,
}

/// Walks every path from this state on; `stats` counts on.
pub(crate) fn explore(walk: &mut Walk<'_>, entry: State, pc: Pc, stats: &mut Stats) -> Result<(), Failure> {
    let mut explorer = Explorer {
        walk,
        kept: Vec::new(),
        by_pc: HashMap::new(),
        pending: Vec::new(),
        decisions: Vec::new(),
        jumps: 0,
        last_kept: Progress { insns: stats.insns_processed, jumps: 0 },
        stats,
    };
    explorer.pending.push(Pending { pc, state: entry, parent: None, path: None, steps: 0, hops: 0 });
    while let Some(path) = explorer.pending.pop() {
        explorer.follow(path)?;
    }
    Ok(())
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
                Err(_) if path.state.widened => {
                    let stop = Stop::unsupported("a loop of callbacks that depends on exact numbers");
                    return Err(Failure { stop, pc: path.pc, decisions: Vec::new(), steps: 0 });
                }
                Err(stop) => {
                    let decisions = self.decisions_up_to(path.path);
                    return Err(Failure { stop, pc: path.pc, decisions, steps: path.steps });
                }
            }
        }
    }

    /// One instruction; `false` when the path ends.
    fn advance(&mut self, path: &mut Pending) -> Check<bool> {
        self.stats.insns_processed += 1;
        path.steps += 1;
        if self.stats.insns_processed > INSTRUCTION_LIMIT {
            return Err(Fault::TooComplex { processed: self.stats.insns_processed }.into());
        }
        if self.walk.layout.is_meeting_point(path.pc) {
            path.hops += 1;
            if let Meeting::Covered = self.meet(path)? {
                return Ok(false);
            }
        }
        if self.walk.layout.insn(path.pc).is_some_and(is_jump) {
            self.jumps += 1;
        }
        match self.walk.step(&mut path.state, path.pc)? {
            Next::End => Ok(false),
            Next::Goto(pc) => {
                let returned = matches!(self.walk.layout.insn(path.pc), Some(Insn::Exit));
                path.pc = pc;
                if returned && self.walk.layout.calls_back(pc) {
                    self.widen(path);
                }
                Ok(true)
            }
            Next::Fork { taken: (target, state), fall } => {
                let waiting = Pending {
                    pc: target,
                    state: *state,
                    parent: path.parent,
                    path: Some(self.decide(path.path, true)),
                    steps: path.steps,
                    hops: path.hops,
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
        // Keeping every state would cost more than it saves.
        let jumps = self.jumps - self.last_kept.jumps;
        let insns = self.stats.insns_processed - self.last_kept.insns;
        let long = path.hops > LONG_PATH;
        let turn = self.walk.layout.calls_back(path.pc);
        let mut keep = long || turn || jumps >= 2 && insns >= 8;
        self.walk.stack_use.refresh(self.walk.layout);
        let here = self.by_pc.entry(path.pc.0).or_default();
        let mut covered = false;
        let mut at = here.len();
        while at > 0 {
            at -= 1;
            let id = here[at];
            let kept = &mut self.kept[id as usize];
            if turn {
                // The loop is the helper's: a turn that an earlier one covers, finished or not, adds nothing.
                if covers(&kept.state, &path.state, path.pc, self.walk, Compare::Covers) {
                    covered = true;
                    break;
                }
                continue;
            }
            if kept.open > 0 {
                if covers(&kept.state, &path.state, path.pc, self.walk, Compare::Same) {
                    return Err(Fault::InfiniteLoop { pc: path.pc }.into());
                }
                // Around a short loop nothing is gained by keeping each turn.
                if !long && jumps < 20 && insns < 100 {
                    keep = false;
                }
            } else if covers(&kept.state, &path.state, path.pc, self.walk, Compare::CoversClosed) {
                kept.hits += 1;
                covered = true;
                break;
            }
            if keep {
                kept.misses += 1;
            }
            if kept.is_useless() {
                here.remove(at);
            }
        }
        if covered {
            return Ok(Meeting::Covered);
        }
        if keep {
            let id = self.kept.len() as StateId;
            here.push(id);
            let state = path.state.clone();
            self.kept.push(Kept { pc: path.pc, state, parent: path.parent, open: 1, hits: 0, misses: 0 });
            self.stats.states += 1;
            self.last_kept = Progress { insns: self.stats.insns_processed, jumps: self.jumps };
            path.parent = Some(id);
            path.hops = 0;
        }
        Ok(Meeting::GoOn)
    }

    /// After a callback: forgets what differs from the turn before.
    fn widen(&self, path: &mut Pending) {
        let mut at = path.parent;
        while let Some(id) = at {
            let kept = &self.kept[id as usize];
            if kept.pc == path.pc && kept.state.frames.len() == path.state.frames.len() {
                path.state.widen_against(&kept.state);
                return;
            }
            at = kept.parent;
        }
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

fn is_jump(insn: &Insn) -> bool {
    matches!(
        insn,
        Insn::Ja { .. }
            | Insn::Jal { .. }
            | Insn::Branch { .. }
            | Insn::MayGoto { .. }
            | Insn::Call(_)
            | Insn::CallX { .. }
            | Insn::Exit
    )
}
