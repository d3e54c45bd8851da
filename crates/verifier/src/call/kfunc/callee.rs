//! Which kernel function a call names, and whether this program may call it.

use belay_isa::{CallTarget, Insn, Pc};
use belay_object::ExternKind;
use belay_object::btf::{Btf, Kind, Param, Records, TypeId};
use belay_spec::{KfuncFlags, KfuncRole, Resource};

use crate::fault::{Check, Fault, Stop};
use crate::walk::Walk;

/// A kernel function, as one release has it.
pub(super) struct Callee<'p> {
    pub(super) name: &'p str,
    pub(super) flags: KfuncFlags,
    pub(super) role: KfuncRole,
    /// What it acquires or releases, if it does.
    pub(super) resource: Option<Resource>,
    /// The types that its signature is written in.
    pub(super) types: &'p Btf,
    pub(super) ret: TypeId,
    pub(super) params: Records<'p, Param<'p>>,
}

impl Callee<'_> {
    pub(super) fn has(&self, flags: KfuncFlags) -> bool {
        self.flags.has(flags)
    }

    /// Whether its pointer arguments must be trusted.
    pub(super) fn wants_trusted(&self) -> bool {
        self.has(KfuncFlags::TRUSTED_ARGS) || self.has(KfuncFlags::RELEASE)
    }
}

impl<'p> Walk<'p> {
    /// What Linux asks of every call before any path is walked.
    pub(crate) fn check_kfunc_calls(&self) -> Result<(), (Pc, Stop)> {
        for (pc, insn) in self.layout.instructions() {
            let &Insn::Call(CallTarget::Kfunc { id, .. }) = insn else { continue };
            if !self.gpl_compatible {
                let kernel = "cannot call kernel function from non-GPL compatible program".to_string();
                return Err((pc, Fault::Program { kernel }.into()));
            }
            let named = usize::try_from(id).ok().and_then(|id| self.externs.get(id));
            let kfunc = named.and_then(|named| self.kernel.kfunc(named.kernel_name()));
            if kfunc.is_some_and(|kfunc| kfunc.role == KfuncRole::DeviceMetadata) {
                let kernel = "metadata kfuncs require device-bound program".to_string();
                return Err((pc, Fault::Program { kernel }.into()));
            }
        }
        Ok(())
    }

    /// The function that a call names by its index among the externs.
    pub(super) fn callee(&self, id: i32, module: i16) -> Check<Callee<'p>> {
        let named = usize::try_from(id).ok().and_then(|id| self.externs.get(id));
        let Some(named) = named.filter(|named| named.kind == ExternKind::Kfunc && module == 0) else {
            return Err(Stop::unsupported("a kernel function that no symbol names"));
        };
        let name = named.kernel_name();
        let Some(found) = self.kernel.kfunc(name) else {
            return Err(Stop::unsupported(format!("the kernel function `{name}`, which is not known")));
        };
        if !found.callable_at(self.release, self.hook.prog_type, self.program.attach_type) {
            let kernel = format!("calling kernel function {name} is not allowed");
            return Err(Fault::KfuncNotAllowed { kernel }.into());
        }
        let types = self.kernel.btf();
        let Kind::FuncProto { ret, params } = types.get(found.proto).kind else {
            return Err(Stop::unsupported(format!("the type of the kernel function `{name}`")));
        };
        let (flags, role, resource) = (found.flags(), found.role, found.resource);
        Ok(Callee { name: &found.name, flags, role, resource, types, ret, params })
    }
}
