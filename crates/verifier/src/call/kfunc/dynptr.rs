//! Dynptrs of kernel functions: made over the context's packet, cloned, sliced (6.18).

use belay_isa::{Pc, Reg};
use belay_object::btf::Param;
use belay_spec::{DynptrSource as ContextSource, KfuncRole, ParamTag};

use crate::call::ARGUMENTS;
use crate::fault::{Check, Fault};
use crate::object::DynptrSource;
use crate::state::State;
use crate::value::{Memory, Pointer, Slice, Value};
use crate::walk::Walk;

use super::Told;
use super::callee::Callee;

impl Walk<'_> {
    /// A dynptr argument: one that the call makes, or one that it uses.
    pub(super) fn kfunc_dynptr(
        &mut self,
        state: &mut State,
        pc: Pc,
        callee: &Callee<'_>,
        (at, param): (usize, &Param<'_>),
        told: &mut Told,
    ) -> Check {
        let reg = ARGUMENTS.get(at).copied().unwrap_or(Reg::R5);
        let value = *state.reg(reg);
        if !matches!(value.as_pointer(), Some(Pointer::Stack { .. } | Pointer::Dynptr(_))) {
            let kernel = format!("arg#{at} expected pointer to stack or const struct bpf_dynptr");
            return Err(self.kfunc_lost(callee, at, &value, kernel));
        }
        if ParamTag::of(param.name) != Some(ParamTag::Uninit) {
            told.dynptr = Some(self.dynptr(state, pc, reg, true)?);
            return Ok(());
        }
        let (source, reference) = match (callee.role, told.dynptr) {
            (KfuncRole::DynptrFromContext { source }, _) => (over(source), None),
            (KfuncRole::DynptrClone, Some(cloned)) => (cloned.source, cloned.reference),
            _ => return Err(callee.not_modelled()),
        };
        self.make_dynptr(state, pc, reg, source, reference)
    }

    /// The slice that the call gives. It dies when the packet may move; neither overwriting the dynptr nor giving up
    /// what it holds ends it (measured).
    pub(super) fn kfunc_slice(&self, callee: &Callee<'_>, told: &Told, writable: bool) -> Check<Value> {
        if writable && !self.hook.packet_writable() {
            return Err(Fault::SliceReadOnly.into());
        }
        let (Some(dynptr), Some(size)) = (told.dynptr, told.constant) else {
            return Err(callee.not_modelled());
        };
        let slice = Slice { dynptr: dynptr.id, packet: dynptr.source.in_packet(), bound: false };
        let memory = Memory { read_only: !writable, slice: Some(slice), ..Memory::of(size as u32) };
        Ok(Value::pointer(Pointer::Memory(memory)))
    }
}

fn over(source: ContextSource) -> DynptrSource {
    match source {
        ContextSource::Skb => DynptrSource::Skb,
        ContextSource::SkbMeta => DynptrSource::SkbMeta,
        ContextSource::Xdp => DynptrSource::Xdp,
        ContextSource::File => DynptrSource::File,
    }
}
