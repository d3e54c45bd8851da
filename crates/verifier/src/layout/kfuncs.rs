//! What the shape of a program hangs on in the kernel functions that it calls.

use belay_isa::{CallTarget, Insn};
use belay_object::{Extern, ExternKind};
use belay_profile::KernelProfile;
use belay_spec::{KfuncFlags, KfuncRole};

/// A kernel function, as far as the shape of its caller hangs on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct KfuncShape {
    /// How many arguments it takes.
    pub(super) args: usize,
    /// Whether it is the `next` of an iterator.
    pub(super) next: bool,
    /// Whether it calls a function of the program, and if so whether only later.
    pub(super) callback: Option<bool>,
}

/// The kernel functions that a program may name, by the index of their symbol.
#[derive(Clone, Default, Debug)]
pub(crate) struct KfuncShapes(Vec<Option<KfuncShape>>);

impl KfuncShapes {
    /// Those of an object. The kernel's types are asked for only if it names any.
    pub(crate) fn of(externs: &[Extern], kernel: &KernelProfile) -> KfuncShapes {
        let shape = |symbol: &Extern| {
            let kfunc = (symbol.kind == ExternKind::Kfunc).then(|| kernel.kfunc(symbol.kernel_name()))??;
            let callback = match kfunc.role {
                KfuncRole::RbtreeAdd => Some(false),
                role if role.callback_later().is_some() => Some(true),
                _ => None,
            };
            let next = kfunc.flags().has(KfuncFlags::ITER_NEXT);
            Some(KfuncShape { args: kfunc.params(kernel.btf()).count(), next, callback })
        };
        KfuncShapes(externs.iter().map(shape).collect())
    }

    /// The function that an instruction calls.
    pub(super) fn called_by(&self, insn: &Insn) -> Option<KfuncShape> {
        let Insn::Call(CallTarget::Kfunc { id, .. }) = insn else { return None };
        usize::try_from(*id).ok().and_then(|id| self.0.get(id).copied().flatten())
    }
}
