//! Where exceptions may be thrown, and who may call the function that catches them: asked of the whole program after
//! its walk, when it is known which functions are called back (6.18).

use belay_isa::{CallTarget, Insn, Pc};
use belay_spec::KfuncRole;

use crate::fault::{Fault, Stop};
use crate::walk::Walk;

/// Refuses exceptions out of functions that something calls back, and calls of the function that catches them.
pub(crate) fn check_exceptions(walk: &Walk<'_>) -> Result<(), (Pc, Stop)> {
    let layout = walk.layout;
    let catches = layout.exception_callback;
    let called_back = under_callbacks(walk);
    for (index, function) in layout.functions.iter().enumerate() {
        for at in function.start..function.end {
            let pc = Pc(at);
            let Some(insn) = layout.insn(pc) else { continue };
            if called_back[index] && throws(walk, insn) {
                return Err((pc, Fault::ThrowInCallback { pc, function: index }.into()));
            }
            let callee = layout.callee_index(pc, insn);
            if callee.is_some() && callee == catches {
                return Err((pc, Fault::ExceptionCallbackCalled { pc }.into()));
            }
        }
    }
    Ok(())
}

/// For each function, whether it runs below one that is called back.
fn under_callbacks(walk: &Walk<'_>) -> Vec<bool> {
    let layout = walk.layout;
    let mut found = vec![false; layout.functions.len()];
    let mut pending: Vec<usize> = walk.called_back.iter().copied().chain(layout.exception_callback).collect();
    while let Some(index) = pending.pop() {
        if std::mem::replace(&mut found[index], true) {
            continue;
        }
        let function = &layout.functions[index];
        let callees =
            (function.start..function.end).filter_map(|at| layout.callee_index(Pc(at), layout.insn(Pc(at))?));
        pending.extend(callees);
    }
    found
}

fn throws(walk: &Walk<'_>, insn: &Insn) -> bool {
    let &Insn::Call(CallTarget::Kfunc { id, .. }) = insn else { return false };
    let named = usize::try_from(id).ok().and_then(|id| walk.externs.get(id));
    let kfunc = named.and_then(|named| walk.kernel.kfunc(named.kernel_name()));
    kfunc.is_some_and(|kfunc| kfunc.role == KfuncRole::Throw)
}
