//! The function with which a tree compares two of its nodes.
//!
//! It runs within the call, under the tree's lock, and borrows both nodes: it may look at them, neither let go of the
//! lock nor take nodes out. How often it runs is not known; as with helpers, both ways are walked (`callback`).

use belay_isa::{CallTarget, Insn, Pc, Reg};
use belay_spec::ReturnRange;

use crate::fault::Check;
use crate::state::State;
use crate::walk::Walk;

use super::Told;
use super::callee::Callee;

/// What a comparison answers: whether the first node comes before the second.
const ANSWERS: ReturnRange = ReturnRange::Within(0, 1);

impl Walk<'_> {
    /// The way into the comparing function. The node that is put in is still our own there: Linux walks it in the state
    /// before the call (6.18).
    pub(super) fn call_back_to_compare(
        &mut self,
        state: &mut State,
        pc: Pc,
        callee: &Callee<'_>,
        told: &Told,
    ) -> Check<(Pc, Box<State>)> {
        let (Some(entry), Some(root)) = (told.callback, told.root) else {
            return Err(callee.not_modelled());
        };
        let node = self.borrowed_node(root)?;
        let mut inside = self.enter_callback(state, pc, entry, ANSWERS)?;
        for reg in [Reg::R1, Reg::R2] {
            inside.set(reg, node);
        }
        Ok((entry, inside))
    }

    /// Whether the running function is one that compares nodes. (Functions that it calls in turn are not.)
    pub(crate) fn compares_nodes(&self, state: &State) -> bool {
        let frame = state.frame();
        let call = frame.call_site.filter(|_| frame.callback.is_some());
        // No other kernel function calls back before it returns.
        call.is_some_and(|pc| matches!(self.layout.insn(pc), Some(Insn::Call(CallTarget::Kfunc { .. }))))
    }
}
