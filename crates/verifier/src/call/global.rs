//! Global functions: verified once on their own, for any arguments of their types; a call only checks the arguments.
//!
//! What a parameter may be says [`super::parameter`].

use belay_isa::{CallTarget, Insn, Pc, Reg};
use belay_spec::{Helper, Rule};

use crate::fault::{Check, Fault, Forbidden, Stop};
use crate::memory::MemoryUse;
use crate::object::{Flags, Object, ObjectType};
use crate::scalar::Scalar;
use crate::state::{Frame, State};
use crate::value::{Memory, Pointer, Value};
use crate::walk::Walk;

use super::object::takes_object;
use super::parameter::Parameter;
use super::{ARGUMENTS, Arguments, scratch_caller_saved};

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
        if self.release.has(Rule::PacketMovedByGlobals) && self.may_move_packet(index) {
            state.take_away_packet_pointers();
        }
        Ok(Pc(pc.0 + 1))
    }

    /// The state in which a global function is verified on its own.
    pub(crate) fn global_entry(&mut self, index: usize) -> Check<State> {
        let mut frame = Frame::new(index, None, 0);
        let parameters = self.parameters(index)?;
        if self.layout.exception_callback == Some(index) && parameters != [Parameter::Number] {
            let kernel = "exception cb only supports single integer argument".to_string();
            return Err(Fault::Program { kernel }.into());
        }
        for (reg, parameter) in ARGUMENTS.into_iter().zip(parameters) {
            frame.regs[reg] = match parameter {
                // (Where an address in the arena is taken, a number may be passed.)
                Parameter::Number | Parameter::Arena => Value::unknown(),
                Parameter::Context => Value::pointer(Pointer::Context),
                Parameter::Memory { size, nullable } => {
                    let memory = Value::pointer(Pointer::Memory(Memory::of(size)));
                    if nullable { memory.maybe(self.fresh_id()) } else { memory }
                }
                Parameter::Object { ty, trusted, nullable } => {
                    let flags = if trusted { Flags::TRUSTED } else { Flags::UNTRUSTED };
                    if !trusted {
                        let start = Pc(self.layout.functions[index].start);
                        self.foreign_pointers.get_or_insert(start);
                    }
                    let ty = ObjectType::Kernel(ty);
                    let object = Value::pointer(Pointer::Object(Object { ty, flags }));
                    if nullable { object.maybe(self.fresh_id()) } else { object }
                }
            };
        }
        Ok(State::of(frame, self.program.sleepable))
    }

    /// Whether the register holds what the parameter takes.
    fn takes(&mut self, state: &mut State, pc: Pc, reg: Reg, parameter: Parameter) -> Check<bool> {
        let value = *state.reg(reg);
        Ok(match parameter {
            Parameter::Number => value.is_scalar(),
            Parameter::Arena => value.is_scalar() || value.as_pointer() == Some(Pointer::Arena),
            Parameter::Context => {
                value.as_pointer() == Some(Pointer::Context) && self.constant_offset(reg, &value).is_ok()
            }
            // Anything may be passed where nothing is relied on.
            Parameter::Object { trusted: false, .. } => true,
            Parameter::Object { ty, nullable, .. } => {
                if value.nullable && !nullable {
                    return Ok(false);
                }
                match value.as_pointer() {
                    Some(Pointer::Object(object)) if takes_object(object) => {
                        let wanted = self.kernel_types().name(ty);
                        self.check_object_type(reg, &value, object, wanted).is_ok()
                            && self.known_offset(reg, &value).is_ok()
                    }
                    _ => value.is_null() && nullable,
                }
            }
            Parameter::Memory { nullable: false, .. } if value.is_null() => {
                return Err(Stop::unsupported("NULL for a parameter that must not be NULL"));
            }
            Parameter::Memory { nullable: false, .. } if value.nullable => false,
            Parameter::Memory { .. } if value.is_null() => true,
            Parameter::Memory { size, .. } => {
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
