//! Which paths are walked, in which order, and when one may stop.
//!
//! Depth first, "not taken" before "taken", as Linux does. Where paths may meet, the state is kept now and then; a later
//! path whose state an earlier one covers stops there. A kept state that is still being walked marks a loop: meeting
//! it with exactly the same state means that the loop never ends. When states are kept, compared and dropped is
//! Linux's choice to the letter (6.18): it decides how many instructions are walked, and with that which programs are
//! too complex.
//!
//! The hot path records which way each undecided branch went, as a list linked to its parent: a failing path is walked
//! again from those decisions (`replay`); and what a walk back needs (`precision`).

use belay_isa::{Insn, Pc};
use belay_spec::Rule;

use crate::early_exit::may_end_function;
use crate::fault::{Check, Fault, Stop};
use crate::kept::{Kept, StateId};
use crate::layout::Turn;
use crate::loops::{LoopId, Loops, WayBack};
use crate::precision::{History, Link, Notes, Places, Point, Wanted, mark_everything, rely_on};
use crate::prune::{Compare, covers, iterators_moved, may_be_looping};
use crate::state::State;
use crate::value::{Kind, Pointer};
use crate::walk::{Next, Walk};

/// Most instructions that are walked for one program.
pub const INSTRUCTION_LIMIT: u64 = 1_000_000;
/// Most branches that wait.
const PENDING_LIMIT: usize = 8192;
/// Length of a segment after which a state is kept in any case.
const LONG_SEGMENT: u32 = 40;
/// How often the marks of a loop are walked back along its ways before everything is marked.
const LOOP_ROUNDS: usize = 64;

/// What the exploration did.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stats {
    /// Instructions walked, over all paths.
    pub insns_processed: u64,
    /// States kept for comparison.
    pub states: u64,
    /// Most branches that waited at a time.
    pub peak_pending: usize,
    /// Jumps, calls and exits walked.
    pub(crate) jumps: u64,
    /// How much had been walked when a state was last kept, on any path.
    last_kept: Progress,
}

/// How much was walked.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Progress {
    insns: u64,
    jumps: u64,
}

/// A failure, and the decisions that lead to it.
pub(crate) struct Failure {
    pub(crate) stop: Stop,
    pub(crate) pc: Pc,
    /// What was decided on the path, first to last.
    pub(crate) decisions: Vec<Decision>,
    /// How many instructions the path has, the failing one included.
    pub(crate) steps: u64,
}

/// What an instruction alone does not tell of a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Decision {
    /// Whether an undecided branch was taken.
    Branch(bool),
    /// What was forgotten at a loop's turn, so that the loop converges: places by frame.
    Forget(Vec<Places>),
}

/// Index of a decision; the path up to it.
type PathId = u32;

/// The place and state from which a path goes on.
struct Pending {
    pc: Pc,
    /// The instruction before.
    from: Option<Pc>,
    state: State,
    parent: Option<StateId>,
    /// How many states were kept on the path.
    depth: u32,
    /// What is noted of the instructions since the last of them.
    segment: Link,
    path: Option<PathId>,
    /// Instructions walked on this path.
    steps: u64,
}

struct Explorer<'w, 'p> {
    walk: &'w mut Walk<'p>,
    kept: Vec<Kept>,
    /// States to compare with, by instruction and call site, the last kept first.
    shelves: Vec<Vec<StateId>>,
    pending: Vec<Pending>,
    decisions: Vec<(Option<PathId>, Decision)>,
    history: History,
    loops: Loops,
    stats: &'w mut Stats,
}

/// Walks every path from this state on; `stats` counts on.
pub(crate) fn explore(walk: &mut Walk<'_>, entry: State, pc: Pc, stats: &mut Stats) -> Result<(), Failure> {
    let shelves = vec![Vec::new(); walk.layout.len()];
    let mut explorer = Explorer {
        walk,
        kept: Vec::new(),
        shelves,
        pending: Vec::new(),
        decisions: Vec::new(),
        history: History::default(),
        loops: Loops::default(),
        stats,
    };
    let (segment, depth) = (Link::default(), 0);
    explorer.pending.push(Pending {
        pc,
        from: None,
        state: entry,
        parent: None,
        depth,
        segment,
        path: None,
        steps: 0,
    });
    while let Some(path) = explorer.pending.pop() {
        explorer.walk.stack_use.go_elsewhere();
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
                    self.walk.stack_use.refresh(self.walk.layout, &path.state);
                    return Ok(());
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
        let pc = path.pc;
        self.walk.reached.mark(pc);
        if self.walk.layout.is_meeting_point(pc) && self.meets_a_cover(path)? {
            return Ok(false);
        }
        let insn = self.walk.layout.insn(pc).copied();
        if insn.as_ref().is_some_and(is_jump) {
            self.stats.jumps += 1;
        }
        let leaves = |insn: &Insn| matches!(insn, Insn::Exit) || may_end_function(insn);
        if path.state.depth() > 0 && insn.as_ref().is_some_and(leaves) {
            self.walk.stack_use.refresh(self.walk.layout, &path.state);
        }
        let next = self.walk.step(&mut path.state, pc)?;
        self.take_notes(path);
        path.from = Some(pc);
        match next {
            Next::End => Ok(false),
            Next::Goto(to) => {
                path.pc = to;
                if matches!(insn, Some(Insn::Exit))
                    && self.walk.layout.calls_back(to)
                    && self.walk.release.has(Rule::CallbacksIterated)
                {
                    let places = self.changing(&path.state, to, path.depth);
                    path.state.forget(&places);
                    path.path = Some(self.decide(path.path, Decision::Forget(places)));
                }
                Ok(true)
            }
            Next::Fork { taken: (target, state), fall } => {
                let decision = self.decide(path.path, Decision::Branch(true));
                self.put_aside(path, target, *state, decision)?;
                path.path = Some(self.decide(path.path, Decision::Branch(false)));
                path.pc = fall;
                Ok(true)
            }
            Next::Later { run: (entry, state), on } => {
                let decision = self.decide(path.path, Decision::Branch(true));
                let (segment, depth) = (Link::default(), 0);
                self.wait(Pending {
                    pc: entry,
                    from: path.from,
                    state: *state,
                    parent: None,
                    depth,
                    segment,
                    path: Some(decision),
                    steps: path.steps,
                })?;
                path.path = Some(self.decide(path.path, Decision::Branch(false)));
                path.pc = on;
                Ok(true)
            }
            Next::Turn { again: (target, mut state), on } => {
                // The state kept right here is this turn's own.
                let places = self.changing(&state, pc, path.depth.saturating_sub(1));
                state.forget(&places);
                let decision = self.decide(path.path, Decision::Branch(true));
                let decision = self.decide(Some(decision), Decision::Forget(places));
                self.put_aside(path, target, *state, decision)?;
                path.path = Some(self.decide(path.path, Decision::Branch(false)));
                path.pc = on;
                Ok(true)
            }
        }
    }

    /// The other way of a fork waits until this path has ended.
    fn put_aside(&mut self, path: &Pending, pc: Pc, state: State, decision: PathId) -> Check {
        if let Some(parent) = path.parent {
            self.kept[parent as usize].open += 1;
        }
        self.wait(Pending {
            pc,
            from: path.from,
            state,
            parent: path.parent,
            depth: path.depth,
            segment: path.segment,
            path: Some(decision),
            steps: path.steps,
        })
    }

    fn wait(&mut self, path: Pending) -> Check {
        self.pending.push(path);
        self.stats.peak_pending = self.stats.peak_pending.max(self.pending.len());
        if self.pending.len() > PENDING_LIMIT {
            return Err(Fault::TooManyBranches { pending: self.pending.len() }.into());
        }
        Ok(())
    }

    /// Keeps what the instruction just walked noted, and marks what it relied on.
    fn take_notes(&mut self, path: &mut Pending) {
        if self.walk.layout.is_jump_point(path.pc) || self.walk.notes.worth_keeping() {
            path.segment = self.history.push(path.segment, path.pc, path.from, &self.walk.notes);
        }
        if let Some(wanted) = self.walk.notes.wanted() {
            self.rely_on(self.point(path), wanted);
        }
    }

    fn point(&self, path: &Pending) -> Point {
        let first = match path.parent {
            Some(id) => self.kept[id as usize].pc,
            None => self.walk.layout.entry_of(&path.state),
        };
        Point { pc: path.pc, first, segment: path.segment, parent: path.parent }
    }

    fn rely_on(&mut self, point: Point, wanted: Wanted) -> bool {
        let layout = self.walk.layout;
        rely_on(&mut self.kept, &self.history, &mut self.walk.faults, layout, point, wanted)
    }

    /// Compares with the states kept here; if none covers this one, it is perhaps kept, too.
    fn meets_a_cover(&mut self, path: &mut Pending) -> Check<bool> {
        let turn = self.walk.layout.turn(path.pc);
        let force = turn.is_some() || path.segment.len > LONG_SEGMENT;
        let jumps = self.stats.jumps - self.stats.last_kept.jumps;
        let insns = self.stats.insns_processed - self.stats.last_kept.insns;
        // Keeping every state would cost more than it saves.
        let mut keep = force || jumps >= 2 && insns >= 8;
        let shelf = self.shelf(&path.state, path.pc);
        self.clean(shelf, path);
        let mut at = self.shelves[shelf].len();
        while at > 0 {
            at -= 1;
            let id = self.shelves[shelf][at];
            let kept = &self.kept[id as usize];
            if kept.pc != path.pc {
                continue;
            }
            let is_open = kept.open > 0;
            let covering = if is_open {
                match turn {
                    // Not the same run of a function that runs later: it comes here again, but not in a loop.
                    _ if kept.is_of_another_run(&path.state) => None,
                    // (Linux does not count a helper's turns among the ways back: measured on 6.18.)
                    Some(turn) if self.covers_turn(id, path, turn) => Some(turn != Turn::Callback),
                    Some(Turn::Callback | Turn::Next) => None,
                    _ if self.never_ends(id, path) => {
                        return Err(Fault::InfiniteLoop { pc: path.pc }.into());
                    }
                    _ => None,
                }
            } else {
                let incomplete = self.is_incomplete(id);
                let compare = if incomplete { Compare::Within } else { Compare::Covers };
                self.covers(id, path, compare).then_some(incomplete)
            };
            if let Some(in_loop) = covering {
                self.stop_at(id, path, in_loop);
                return Ok(true);
            }
            // Around a short loop nothing is gained by keeping each turn.
            if is_open && !force && jumps < 20 && insns < 100 {
                keep = false;
            }
            self.missed(shelf, at, turn.is_some(), keep);
        }
        if keep {
            self.keep(shelf, path);
        }
        Ok(false)
    }

    /// Where states before this instruction, in a function called from here, are kept.
    fn shelf(&self, state: &State, pc: Pc) -> usize {
        let site = state.frame().call_site.map_or(u32::MAX, |site| site.0);
        ((pc.0 ^ site) as usize).checked_rem(self.shelves.len()).unwrap_or(0)
    }

    fn covers(&self, id: StateId, path: &Pending, compare: Compare) -> bool {
        let kept = &self.kept[id as usize];
        covers(self.walk.release, self.walk.layout, &kept.state, &kept.marks, &path.state, path.pc, compare)
    }

    /// Whether this turn of a loop adds nothing to the one that the kept state began.
    fn covers_turn(&self, id: StateId, path: &Pending, turn: Turn) -> bool {
        let kept = &self.kept[id as usize];
        match turn {
            Turn::Callback => self.covers(id, path, Compare::Within),
            Turn::MayGoto => {
                kept.state.may_goto_turns != path.state.may_goto_turns
                    && self.covers(id, path, Compare::Within)
            }
            Turn::Next => self.covers(id, path, Compare::Within) && is_drawing(&path.state),
        }
    }

    /// Whether the path came back to where it was with nothing changed.
    fn never_ends(&self, id: StateId, path: &Pending) -> bool {
        let old = &self.kept[id as usize].state;
        // (Before, a number that nothing relied upon yet did not count, however it changed.)
        let compare =
            if self.walk.release.has(Rule::LoopsComparedExactly) { Compare::Same } else { Compare::Covers };
        may_be_looping(old, &path.state)
            && self.covers(id, path, compare)
            && !iterators_moved(old, &path.state)
            && old.may_goto_turns == path.state.may_goto_turns
            && old.callback_turns == path.state.callback_turns
    }

    /// The path ends here, since the kept state covers it: what that relies on, this path relies on.
    fn stop_at(&mut self, id: StateId, path: &mut Pending, in_loop: bool) {
        self.kept[id as usize].hits += 1;
        if self.walk.layout.is_jump_point(path.pc) {
            path.segment = self.history.push(path.segment, path.pc, path.from, &Notes::default());
        }
        let end = self.point(path);
        self.rely_as(id, end);
        if in_loop && let Some(here) = self.loop_of(id) {
            self.loops.add(here, WayBack { end, covered_by: id });
        }
    }

    /// Relies, at that point, on all that the kept state relies on.
    fn rely_as(&mut self, id: StateId, end: Point) -> bool {
        let marks = &self.kept[id as usize].marks;
        let mut wanted = Wanted::at(marks.len().saturating_sub(1));
        for (frame, places) in marks.iter().enumerate() {
            wanted.add(frame, *places);
        }
        self.rely_on(end, wanted)
    }

    /// A comparison in vain. A state that is compared again and again without covering anything costs more than it saves;
    /// where loops turn, more patience pays.
    fn missed(&mut self, shelf: usize, at: usize, is_turn: bool, keep: bool) {
        let id = self.shelves[shelf][at];
        let kept = &mut self.kept[id as usize];
        if keep {
            kept.misses += 1;
        }
        let patience = if is_turn && kept.open > 0 { 64 } else { 3 };
        if kept.misses > kept.hits * patience + patience {
            kept.retired = true;
            self.shelves[shelf].remove(at);
            self.forget_if_done(id);
        }
    }

    fn keep(&mut self, shelf: usize, path: &mut Pending) {
        let id = self.kept.len() as StateId;
        let Point { first, segment, .. } = self.point(path);
        self.kept.push(Kept {
            pc: path.pc,
            state: path.state.clone(),
            marks: vec![Places::default(); path.state.frames.len()],
            parent: path.parent,
            first,
            segment,
            from: path.from,
            depth: path.depth,
            open: 1,
            hits: 0,
            misses: 0,
            cleaned: false,
            retired: false,
        });
        self.shelves[shelf].push(id);
        self.stats.states += 1;
        self.stats.last_kept = Progress { insns: self.stats.insns_processed, jumps: self.stats.jumps };
        if let Some(here) = self.loop_of(id) {
            self.loops.enter(here, id);
        }
        path.parent = Some(id);
        path.depth += 1;
        path.segment = Link::default();
    }

    /// Forgets, in the states kept here, what their paths never read. Once is enough: all of them have been walked.
    fn clean(&mut self, shelf: usize, path: &Pending) {
        for at in 0..self.shelves[shelf].len() {
            let id = self.shelves[shelf][at];
            let kept = &self.kept[id as usize];
            let is_due = !kept.cleaned && kept.open == 0 && kept.pc == path.pc;
            if !is_due || !kept.is_called_as(&path.state) || self.is_incomplete(id) {
                continue;
            }
            let layout = self.walk.layout;
            let kept = &mut self.kept[id as usize];
            let slots = self.walk.stack_use.live(layout, &kept.state, kept.pc);
            for (frame, slots) in slots.into_iter().enumerate() {
                let site = kept.state.frames.get(frame + 1).and_then(|callee| callee.call_site);
                let live = layout.live(site.unwrap_or(kept.pc));
                kept.state.clean(frame, |reg| live.contains(reg), slots);
                if let Some(marks) = kept.marks.get_mut(frame) {
                    *marks = marks.and(Places::numbers_of(&kept.state, frame));
                }
            }
            kept.cleaned = true;
        }
    }

    fn loop_of(&self, id: StateId) -> Option<LoopId> {
        let kept = &self.kept[id as usize];
        LoopId::of(self.walk.layout, &kept.state, kept.pc)
    }

    fn is_incomplete(&self, id: StateId) -> bool {
        self.loop_of(id).is_some_and(|here| self.loops.is_incomplete(&here))
    }

    /// The numbers that changed since an earlier turn of the same loop and that nothing relied upon: forgetting them
    /// lets the loop converge. The earlier turn is the last one kept before `pc` on this path, less than `depth` deep.
    fn changing(&self, state: &State, pc: Pc, depth: u32) -> Vec<Places> {
        let shelf = &self.shelves[self.shelf(state, pc)];
        let earlier = shelf.iter().rev().map(|id| &self.kept[*id as usize]).find(|kept| {
            kept.pc == pc
                && kept.open > 0
                && kept.depth < depth
                && kept.is_called_as(state)
                && !kept.is_of_another_run(state)
        });
        earlier.map_or_else(Vec::new, |kept| kept.changing(state))
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
            if let Some(here) = self.loop_of(id) {
                self.complete(&here, id);
            }
            self.forget_if_done(id);
        }
    }

    /// Completes the marks of a loop whose paths have all been walked.
    fn complete(&mut self, here: &LoopId, entry: StateId) {
        let ways = self.loops.leave(here, entry);
        let mut rounds = 0;
        loop {
            rounds += 1;
            if rounds > LOOP_ROUNDS {
                ways.iter().for_each(|way| mark_everything(&mut self.kept, way.end.parent));
                break;
            }
            let mut changed = false;
            for way in &ways {
                changed |= self.rely_as(way.covered_by, way.end);
            }
            if !changed {
                break;
            }
        }
        if !ways.is_empty() {
            self.loops.settle(here);
        }
    }

    fn forget_if_done(&mut self, id: StateId) {
        if self.kept[id as usize].retired && !self.is_incomplete(id) {
            self.kept[id as usize].forget_if_done();
        }
    }

    fn decide(&mut self, parent: Option<PathId>, decision: Decision) -> PathId {
        self.decisions.push((parent, decision));
        (self.decisions.len() - 1) as PathId
    }

    fn decisions_up_to(&self, mut at: Option<PathId>) -> Vec<Decision> {
        let mut decisions = Vec::new();
        while let Some(id) = at {
            let (parent, decision) = &self.decisions[id as usize];
            decisions.push(decision.clone());
            at = *parent;
        }
        decisions.reverse();
        decisions
    }
}

/// Whether the iterator that `next` is called for may have more.
fn is_drawing(state: &State) -> bool {
    use crate::object::StackObject;
    use crate::state::Stack;
    let value = state.reg(belay_isa::Reg::R1);
    let Some(Pointer::Stack { frame }) = value.as_pointer() else { return false };
    let off = i64::from(value.off) + value.scalar.as_constant().unwrap_or(0) as i64;
    let (slot, _) = Stack::locate(off);
    let slot = state.frames.get(usize::from(frame)).and_then(|frame| frame.stack.slot(slot));
    slot.is_some_and(|slot| {
        matches!(slot.spilled.kind, Kind::StackObject(StackObject::Iterator { drained: false, .. }))
    })
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
