//! Loops that are entered in their middle, which releases without [`Rule::LoopsEnteredAnywhere`](belay_spec::Rule) refuse.
//!
//! Such a release follows the flow of control depth first, not taken before taken, calls after what follows them. A jump may
//! lead back to where the search still is; an instruction that just goes on, or calls, may not. A loop's jump back is met first if
//! the loop is entered at its top, and never if it is entered below.

use belay_isa::{CallTarget, Imm64, Insn, Pc};

use super::{Layout, callee, jump_target};

/// How far the search is with an instruction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    No,
    Open,
    Done,
}

/// An edge, and whether it may lead back.
type Edge = (i64, bool);

/// The first edge that leads back although it must not.
pub(super) fn forbidden_back_edge(layout: &Layout) -> Option<(Pc, Pc)> {
    let mut seen = vec![Seen::No; layout.len()];
    let mut open = vec![(Pc(0), 0)];
    while let Some((pc, edge)) = open.last_mut() {
        let (at, next) = (*pc, *edge);
        *edge += 1;
        if let Some(seen) = seen.get_mut(at.index()) {
            *seen = Seen::Open;
        }
        let edges = layout.insn(at).map_or([None, None], |insn| edges(at, insn));
        match edges.get(next) {
            None => {
                if let Some(seen) = seen.get_mut(at.index()) {
                    *seen = Seen::Done;
                }
                open.pop();
            }
            Some(None) => {}
            Some(Some((to, may_loop))) => {
                let Some(to) = u32::try_from(*to).ok().map(Pc) else { continue };
                match seen.get(to.index()) {
                    Some(Seen::No) => open.push((to, 0)),
                    Some(Seen::Open) if !may_loop => return Some((at, to)),
                    _ => {}
                }
            }
        }
    }
    None
}

/// Where control goes from the instruction, in the order of the search.
fn edges(pc: Pc, insn: &Insn) -> [Option<Edge>; 2] {
    let on = i64::from(pc.0) + i64::from(insn.slots());
    match insn {
        Insn::Exit => [None, None],
        Insn::Ja { .. } | Insn::Jal { .. } => [jump_target(pc, insn).map(|to| (to, true)), None],
        Insn::Branch { .. } => [Some((on, true)), jump_target(pc, insn).map(|to| (to, true))],
        Insn::Call(CallTarget::Local(_)) => [Some((on, false)), callee(pc, insn).map(|to| (to, false))],
        Insn::LoadImm64 { value: Imm64::Func(_), .. } => {
            [Some((on, false)), callee(pc, insn).map(|to| (to, true))]
        }
        _ => [Some((on, false)), None],
    }
}
