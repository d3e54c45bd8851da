//! The cycles of the control flow: which instructions can reach themselves again within their function.
//!
//! Instructions that reach each other form a cycle, a strongly connected component of the flow graph (found by
//! Tarjan's algorithm, without recursion: a program may be a million instructions long). A call of a helper that calls
//! back is a cycle of its own: the loop is the helper's.

use belay_isa::Pc;

use super::Layout;

/// Names a cycle.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct CycleId(u32);

const UNSEEN: u32 = u32::MAX;

/// The cycle of each instruction, if it is on one.
pub(super) fn cycles(layout: &Layout) -> Vec<Option<CycleId>> {
    let mut search = Search {
        layout,
        order: vec![UNSEEN; layout.len()],
        low: vec![0; layout.len()],
        waiting: Vec::new(),
        is_waiting: vec![false; layout.len()],
        cycles: vec![None; layout.len()],
        seen: 0,
        found: 0,
    };
    for (pc, _) in layout.instructions() {
        if search.order[pc.index()] == UNSEEN {
            search.from(pc);
        }
    }
    search.cycles
}

struct Search<'l> {
    layout: &'l Layout,
    order: Vec<u32>,
    low: Vec<u32>,
    waiting: Vec<Pc>,
    is_waiting: Vec<bool>,
    cycles: Vec<Option<CycleId>>,
    seen: u32,
    found: u32,
}

impl Search<'_> {
    fn from(&mut self, start: Pc) {
        let mut stack = vec![(start, self.enter(start))];
        while let Some((pc, successors)) = stack.last_mut() {
            let pc = *pc;
            match successors.pop() {
                Some(next) if self.order.get(next.index()).is_none_or(|order| *order != UNSEEN) => {
                    if self.is_waiting.get(next.index()).copied().unwrap_or(false) {
                        self.low[pc.index()] = self.low[pc.index()].min(self.order[next.index()]);
                    }
                }
                Some(next) => {
                    let successors = self.enter(next);
                    stack.push((next, successors));
                }
                None => {
                    stack.pop();
                    if let Some((caller, _)) = stack.last() {
                        self.low[caller.index()] = self.low[caller.index()].min(self.low[pc.index()]);
                    }
                    if self.low[pc.index()] == self.order[pc.index()] {
                        self.close(pc);
                    }
                }
            }
        }
    }

    fn enter(&mut self, pc: Pc) -> Vec<Pc> {
        self.order[pc.index()] = self.seen;
        self.low[pc.index()] = self.seen;
        self.seen += 1;
        self.waiting.push(pc);
        self.is_waiting[pc.index()] = true;
        self.layout.insn(pc).map_or_else(Vec::new, |insn| self.layout.successors(pc, insn).collect())
    }

    /// All that waits since `first` reaches `first` and is reached from it.
    fn close(&mut self, first: Pc) {
        let from = self.waiting.iter().rposition(|pc| *pc == first).unwrap_or(0);
        let members = self.waiting.split_off(from);
        let loops_alone = self.layout.insn(first).is_some_and(|insn| {
            self.layout.calls_back(first) || self.layout.successors(first, insn).any(|next| next == first)
        });
        let is_cycle = members.len() > 1 || loops_alone;
        for pc in members {
            self.is_waiting[pc.index()] = false;
            if is_cycle {
                self.cycles[pc.index()] = Some(CycleId(self.found));
            }
        }
        self.found += u32::from(is_cycle);
    }
}
