//! The places that steer the exploration of paths, as Linux chooses them (6.18).
//!
//! - At a *meeting point* the state is compared with earlier ones, and perhaps kept.
//! - A *jump point* may be reached from elsewhere than the instruction before it: a path's history notes it.
//! - At a *turn* of a loop that the verifier does not unroll (a helper that calls back, `may_goto`, the `next` of an
//!   iterator) the state is kept every time, since only a comparison there ends the loop.

use belay_isa::{CallTarget, Imm64, Insn, Pc};
use belay_spec::Helper;

use super::{Layout, callee, jump_target};

/// A loop that ends by comparison: what its turn is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// A helper calls a function of the program, perhaps once more.
    Callback,
    /// `may_goto`: leaves the loop after some number of turns.
    MayGoto,
    /// The `next` of an open-coded iterator.
    Next,
}

/// What is special about an instruction.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Point {
    pub(super) meets: bool,
    pub(super) jumped_to: bool,
    pub(super) turn: Option<Turn>,
}

pub(super) fn points(layout: &Layout) -> Vec<Point> {
    let mut points = vec![Point::default(); layout.len()];
    let mut mark = |pc: Pc, jumped_to: bool| {
        if let Some(point) = points.get_mut(pc.index()) {
            point.meets = true;
            point.jumped_to |= jumped_to;
        }
    };
    for (pc, insn) in layout.instructions() {
        let target = jump_target(pc, insn).map(|to| Pc(to as u32));
        let after = Pc(pc.0 + insn.slots());
        match insn {
            Insn::Ja { .. } | Insn::Jal { .. } => target.into_iter().for_each(|to| mark(to, true)),
            Insn::Branch { .. } | Insn::MayGoto { .. } => {
                mark(pc, false);
                target.into_iter().for_each(|to| mark(to, true));
            }
            Insn::Call(_) | Insn::LoadImm64 { value: Imm64::Func(_), .. } => {
                mark(after, true);
                if let Some(entry) = callee(pc, insn) {
                    mark(pc, false);
                    mark(Pc(entry as u32), true);
                }
                if turn(layout, insn) == Some(Turn::Next) {
                    mark(pc, false);
                }
                match callback(layout, insn) {
                    Some(true) => mark(pc, false),
                    Some(false) => mark(pc, true),
                    None => {}
                }
            }
            _ => {}
        }
    }
    for (pc, insn) in layout.instructions() {
        if let Some(point) = points.get_mut(pc.index()) {
            point.turn = turn(layout, insn);
        }
    }
    points
}

fn turn(layout: &Layout, insn: &Insn) -> Option<Turn> {
    match insn {
        Insn::MayGoto { .. } => Some(Turn::MayGoto),
        insn if callback(layout, insn) == Some(false) => Some(Turn::Callback),
        insn if layout.kfuncs.called_by(insn).is_some_and(|kfunc| kfunc.next) => Some(Turn::Next),
        _ => None,
    }
}

/// Whether what is called calls back, and if so whether only later.
fn callback(layout: &Layout, insn: &Insn) -> Option<bool> {
    if let Some(kfunc) = layout.kfuncs.called_by(insn) {
        return kfunc.callback;
    }
    let Insn::Call(CallTarget::Helper(id)) = insn else { return None };
    let helper = u32::try_from(*id).ok().and_then(Helper::by_id)?;
    helper.callback().map(|callback| callback.later)
}
