//! Global functions: verified once on their own, for any arguments of their types; a call only checks the arguments.
//!
//! What a parameter may be stands in the object's BTF, as clang wrote it. Tagged parameters (`__arg_ctx` and the like)
//! and dynptrs are not modelled.

use belay_isa::{CallTarget, Insn, Pc, Reg};
use belay_object::btf::{Btf, Kind, Linkage, TypeId};
use belay_spec::{Helper, TargetKind};

use crate::fault::{Check, Fault, Forbidden, Stop};
use crate::memory::MemoryUse;
use crate::scalar::Scalar;
use crate::state::{Frame, State};
use crate::value::{Memory, Pointer, Value};
use crate::walk::Walk;

use super::{ARGUMENTS, Arguments, scratch_caller_saved};

/// What a parameter of a global function takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Parameter {
    /// A number.
    Number,
    /// The context.
    Context,
    /// Memory of this size, or NULL.
    Memory(u32),
}

impl Walk<'_> {
    /// A call of a global function: the arguments must be what its types say; the result is any number.
    pub(super) fn call_global(&mut self, state: &mut State, pc: Pc, index: usize) -> Check<Pc> {
        self.without_locks(state, Forbidden::GlobalCall)?;
        let parameters = self.parameters(index)?;
        for (reg, parameter) in ARGUMENTS.into_iter().zip(&parameters) {
            if !self.takes(state, pc, reg, *parameter)? {
                let name = &self.layout.functions[index].name;
                let kernel = format!("Caller passes invalid args into func#{index} ('{name}')");
                return Err(Fault::GlobalArgument { reg, kernel }.into());
            }
        }
        self.globals_called.insert(index);
        scratch_caller_saved(state);
        state.set(Reg::R0, Value::number(Scalar::unknown()));
        if self.may_move_packet(index) {
            state.take_away_packet_pointers();
        }
        Ok(Pc(pc.0 + 1))
    }

    /// The state in which a global function is verified on its own.
    pub(crate) fn global_entry(&mut self, index: usize) -> Check<State> {
        let mut frame = Frame::new(index, None, 0);
        for (reg, parameter) in ARGUMENTS.into_iter().zip(self.parameters(index)?) {
            frame.regs[reg] = match parameter {
                Parameter::Number => Value::unknown(),
                Parameter::Context => Value::pointer(Pointer::Context),
                Parameter::Memory(size) => {
                    Value::pointer(Pointer::Memory(Memory::of(size))).maybe(self.fresh_id())
                }
            };
        }
        Ok(State::of(frame))
    }

    /// Whether the register holds what the parameter takes.
    fn takes(&mut self, state: &mut State, pc: Pc, reg: Reg, parameter: Parameter) -> Check<bool> {
        let value = *state.reg(reg);
        Ok(match parameter {
            Parameter::Number => value.is_scalar(),
            Parameter::Context => {
                value.as_pointer() == Some(Pointer::Context) && self.constant_offset(reg, &value).is_ok()
            }
            Parameter::Memory(_) if value.is_null() => true,
            Parameter::Memory(size) => {
                let told = Arguments { pc, ..Arguments::default() };
                let value = Value { nullable: false, ..value };
                let both = [MemoryUse::Reads, MemoryUse::Changes];
                let refused = both
                    .into_iter()
                    .map(|touch| self.helper_memory(state, &told, reg, &value, size, touch))
                    .find(Result::is_err);
                match refused {
                    Some(Err(Stop::Unsupported(what))) => return Err(Stop::Unsupported(what)),
                    refused => refused.is_none(),
                }
            }
        })
    }

    /// What the function takes, by its type.
    fn parameters(&self, index: usize) -> Check<Vec<Parameter>> {
        let function = &self.layout.functions[index];
        let unknown = || Stop::unsupported(format!("the type of the global function `{}`", function.name));
        let (btf, func) = self.btf.zip(function.btf_func).ok_or_else(unknown)?;
        let Kind::Func { proto, linkage: Linkage::Global } = btf.get(func).kind else {
            return Err(unknown());
        };
        let Kind::FuncProto { ret, params } = btf.get(proto).kind else { return Err(unknown()) };
        if has_tags(btf, func) {
            return Err(Stop::unsupported(format!("tagged parameters of `{}`", function.name)));
        }
        let refuse = |kernel: String| Err(Fault::Program { kernel }.into());
        let name = &function.name;
        if !is_number(btf, ret) {
            return refuse(format!(
                "Global function {name}() doesn't return scalar. Only those are supported."
            ));
        }
        let mut parameters = Vec::new();
        for param in params.iter() {
            parameters.push(match btf.strip(param.ty).kind {
                Kind::Ptr(target) => {
                    let pointee = btf.strip(target);
                    if !pointee.name.is_empty() && pointee.name == self.hook.context.name {
                        Parameter::Context
                    } else if self.is_tracing() {
                        return Err(Stop::unsupported(format!(
                            "pointer parameters of `{name}` at a tracing hook"
                        )));
                    } else if pointee.name == "bpf_dynptr" {
                        return Err(Stop::unsupported(format!("dynptr parameters (`{name}`)")));
                    } else {
                        let size = btf.size_of(target).filter(|size| *size > 0);
                        match size {
                            Some(size) => Parameter::Memory(size),
                            None => {
                                return refuse(format!(
                                    "arg#{} reference type('UNKNOWN {}') size cannot be determined",
                                    parameters.len(),
                                    pointee.name
                                ));
                            }
                        }
                    }
                }
                _ if is_number(btf, param.ty) => Parameter::Number,
                _ => return Err(unknown()),
            });
        }
        if parameters.len() > ARGUMENTS.len() {
            return refuse(format!(
                "Global function {name}() with {} > 5 args. Buggy compiler.",
                parameters.len()
            ));
        }
        Ok(parameters)
    }

    /// Whether the hook's context goes by several types: a plain pointer may be one of them.
    fn is_tracing(&self) -> bool {
        const TRACING: [&str; 6] = [
            "kprobe",
            "kprobe/session",
            "tracepoint",
            "perf_event",
            "raw_tracepoint",
            "raw_tracepoint_writable",
        ];
        TRACING.contains(&self.hook.name) || self.hook.target_kind() != TargetKind::None
    }

    /// Whether the function, or one that it calls, has a helper that may move the packet. A tail call counts, too.
    fn may_move_packet(&self, index: usize) -> bool {
        let mut seen = vec![false; self.layout.functions.len()];
        let mut pending = vec![index];
        while let Some(index) = pending.pop() {
            if std::mem::replace(&mut seen[index], true) {
                continue;
            }
            let function = &self.layout.functions[index];
            for at in function.start..function.end {
                match self.layout.insn(Pc(at)) {
                    Some(Insn::Call(CallTarget::Helper(id))) => {
                        let helper = u32::try_from(*id).ok().and_then(Helper::by_id);
                        if helper.is_some_and(|h| h.effects.invalidates_packet || h.effects.tail_call) {
                            return true;
                        }
                    }
                    Some(insn) => pending.extend(self.layout.callee_index(Pc(at), insn)),
                    None => {}
                }
            }
        }
        false
    }
}

fn is_number(btf: &Btf, id: TypeId) -> bool {
    matches!(btf.strip(id).kind, Kind::Int { .. } | Kind::Enum { .. })
}

/// Whether the function, or a parameter of it, is tagged (`__attribute__((btf_decl_tag))`).
fn has_tags(btf: &Btf, func: TypeId) -> bool {
    btf.ids().any(|id| matches!(btf.get(id).kind, Kind::DeclTag { ty, .. } if ty == func))
}
