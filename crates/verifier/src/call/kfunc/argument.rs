//! The arguments of a kernel function, one after the other.

use belay_isa::{Pc, Reg};
use belay_object::btf::{Kind, Param};
use belay_spec::{KfuncFlags, KfuncRole, ParamTag, Resource};

use crate::fault::{Check, Fault, Stop};
use crate::memory::{MAX_VARIABLE_OFFSET, MemoryUse};
use crate::object::Flags;
use crate::record::FieldKind;
use crate::state::State;
use crate::value::{Ghost, Pointer, Value};
use crate::walk::Walk;

use super::super::{ARGUMENTS, Arguments, Holder};
use super::Told;
use super::callee::Callee;
use super::kind::{PointerKind, is_scalar, keyword};

impl Walk<'_> {
    pub(super) fn kfunc_arguments(&mut self, state: &mut State, pc: Pc, callee: &Callee<'_>) -> Check<Told> {
        let mut told = Told::default();
        let params: Vec<Param<'_>> = callee.params.iter().collect();
        if params.len() > ARGUMENTS.len() {
            let kernel = format!("Function {} has {} > 5 args", callee.name, params.len());
            return Err(Fault::Program { kernel }.into());
        }
        let mut at = 0;
        while let (Some(param), Some(&reg)) = (params.get(at), ARGUMENTS.get(at)) {
            let tag = ParamTag::of(param.name);
            let ty = callee.types.strip(param.ty);
            match ty.kind {
                _ if matches!(tag, Some(ParamTag::Ignored | ParamTag::Program)) => {}
                kind if is_scalar(&kind) => {
                    self.kfunc_number(state, reg, param, tag, &mut told)?;
                }
                Kind::Ptr(_) => {
                    let paired = self.kfunc_pointer(state, pc, callee, at, &params, &mut told)?;
                    at += usize::from(paired);
                }
                kind => {
                    let kernel = format!("Unrecognized arg#{at} type {}", keyword(&kind));
                    return Err(self.kfunc_fault(at, kernel));
                }
            }
            at += 1;
        }
        if callee.has(KfuncFlags::RELEASE) && told.releases.is_none() {
            let kernel = format!("release kernel function {} expects refcounted PTR_TO_BTF_ID", callee.name);
            return Err(
                Fault::NotOwned { reg: Reg::R1, found: state.reg(Reg::R1).type_name(), kernel }.into()
            );
        }
        Ok(told)
    }

    /// A number; some must be known.
    fn kfunc_number(
        &mut self,
        state: &State,
        reg: Reg,
        param: &Param<'_>,
        tag: Option<ParamTag>,
        told: &mut Told,
    ) -> Check {
        let value = *state.reg(reg);
        let refuse = |kernel: String| Err(Fault::KfuncArgument { reg, kernel }.into());
        let n = reg.number();
        if !value.is_scalar() {
            return refuse(format!("R{n} is not a scalar"));
        }
        let known = value.as_constant();
        if tag == Some(ParamTag::Const) {
            let Some(known) = known else { return refuse(format!("R{n} must be a known constant")) };
            self.relies_on(state, reg);
            told.constant = Some(known);
            return Ok(());
        }
        let read_only = match param.name {
            "rdonly_buf_size" => true,
            "rdwr_buf_size" => false,
            _ => return Ok(()),
        };
        let Some(known) = known else { return refuse(format!("R{n} is not a const")) };
        let Ok(size) = u32::try_from(known) else {
            return refuse(format!("R{n} rdonly/rdwr_buf_size exceeds u32 max"));
        };
        self.relies_on(state, reg);
        told.buffer = Some((size, read_only));
        Ok(())
    }

    /// A pointer; `true` if the next argument, the size of its memory, was checked with it.
    fn kfunc_pointer(
        &mut self,
        state: &mut State,
        pc: Pc,
        callee: &Callee<'_>,
        at: usize,
        params: &[Param<'_>],
        told: &mut Told,
    ) -> Check<bool> {
        let reg = ARGUMENTS[at];
        let value = *state.reg(reg);
        let Kind::Ptr(target) = callee.types.strip(params[at].ty).kind else { return Ok(false) };
        let nullable = params[at].name.ends_with("__nullable");
        let wants_object = callee.wants_trusted() || callee.has(KfuncFlags::RCU);
        if wants_object && (value.is_null() || value.nullable) && !nullable {
            let kernel = format!("Possibly NULL pointer passed to trusted arg{at}");
            let releases = callee.has(KfuncFlags::RELEASE);
            let found = value.type_name();
            return Err(Fault::MaybeNullArgument { reg, found, releases, kernel }.into());
        }
        if let Some(reference) = value.reference {
            if callee.has(KfuncFlags::RELEASE) {
                if let Some(first) = told.reference {
                    return Err(Fault::TwoReferences { reg, first, second: reference }.into());
                }
                told.releases = Some(reg);
            }
            told.reference = Some(reference);
        }
        let next =
            params.get(at + 1).zip(ARGUMENTS.get(at + 1)).map(|(param, reg)| (param, *state.reg(*reg)));
        let next = next.as_ref().map(|(param, value)| (*param, value));
        let kind = self.pointer_kind(callee, at, target, &value, next)?;
        match kind {
            PointerKind::Null => return Ok(false),
            // (Linux takes every kernel object for a map here, and looks at its type below.)
            PointerKind::Map if !matches!(value.as_pointer(), Some(Pointer::Map(_) | Pointer::Object(_))) => {
                return Err(self.kfunc_lost(
                    callee,
                    at,
                    &value,
                    format!("pointer in R{} isn't map pointer", at + 1),
                ));
            }
            PointerKind::Map | PointerKind::Object(_) => {
                self.kfunc_trust(callee, at, &value)?;
            }
            _ => {}
        }
        self.kfunc_offset(callee, reg, &value)?;
        match kind {
            PointerKind::Context => self.kfunc_context(callee, at, &value, told)?,
            PointerKind::Object(wanted) => self.kfunc_object(callee, at, &value, wanted)?,
            PointerKind::Map => {
                self.kfunc_map(reg, &value, told)?;
                let wanted = self.kernel_structure("bpf_map")?;
                self.kfunc_object(callee, at, &value, wanted)?;
            }
            PointerKind::IrqFlags => self.interrupt_flags(state, pc, callee, at, reg)?,
            PointerKind::Iterator => {
                let ty = callee.types.strip(target).id;
                let iterator = self.iterator_argument(state, pc, callee, at, reg, ty)?;
                told.reference = iterator.reference;
                told.iterator = Some(iterator);
            }
            PointerKind::LocalObject => self.local_object_argument(callee, at, &value)?,
            PointerKind::RefcountedObject => self.refcounted_argument(callee, at, &value, told)?,
            PointerKind::ListHead => self.root_argument(state, callee, at, false, told)?,
            PointerKind::TreeRoot => self.root_argument(state, callee, at, true, told)?,
            PointerKind::ListNode => self.node_argument(state, callee, at, false, told)?,
            PointerKind::TreeNode => self.node_argument(state, callee, at, true, told)?,
            PointerKind::Callback => match value.as_pointer() {
                Some(Pointer::Function(entry)) => told.callback = Some(Pc(entry)),
                _ => {
                    return Err(self.kfunc_lost(
                        callee,
                        at,
                        &value,
                        format!("arg{at} expected pointer to func"),
                    ));
                }
            },
            PointerKind::Field("bpf_res_spin_lock") => {
                self.resilient_lock_argument(state, pc, callee, at, &value)?;
            }
            PointerKind::Dynptr => self.kfunc_dynptr(state, pc, callee, (at, &params[at]), told)?,
            PointerKind::ConstString => {
                self.constant_string(reg, &value)?;
            }
            PointerKind::Memory(target) => {
                let Some(size) = callee.types.size_of(target) else {
                    return Err(Stop::unsupported(format!("argument {at} of `{}`", callee.name)));
                };
                if !value.is_null() {
                    self.kfunc_memory(state, pc, reg, &value, size)?;
                }
            }
            PointerKind::SizedMemory { constant } => {
                self.kfunc_sized_memory(state, pc, at, &params[at], constant, told)?;
                return Ok(true);
            }
            PointerKind::Field(name) => {
                let field = match name {
                    "bpf_wq" => FieldKind::Workqueue,
                    "bpf_task_work" => FieldKind::TaskWork,
                    _ => return Err(callee.not_modelled()),
                };
                let Some(Pointer::MapValue(map)) = value.as_pointer() else {
                    let kernel = format!("arg#{at} doesn't point to a map value");
                    return Err(self.kfunc_lost(callee, at, &value, kernel));
                };
                self.field_argument(reg, &value, &field)?;
                told.holder = Some((Holder { map, uid: value.uid }, reg));
            }
            _ => return Err(callee.not_modelled()),
        }
        Ok(false)
    }

    /// A map that must be the one in whose value an argument before it lies.
    fn kfunc_map(&self, reg: Reg, value: &Value, told: &Told) -> Check {
        let Some((holder, field)) = told.holder else { return Ok(()) };
        let Some(Pointer::Map(map)) = value.as_pointer() else {
            return Err(Stop::unsupported("a map known by its type only, for what runs later"));
        };
        if holder == (Holder { map, uid: value.uid }) {
            return Ok(());
        }
        // (Linux 6.18 looks at the map's own fields before it compares.)
        let runs_later = self.fields(map).record().runs_later();
        if !runs_later {
            return Err(Stop::unsupported("a map without what runs later"));
        }
        let what = if field == Reg::R1 { "workqueue" } else { "bpf_task_work" };
        Err(Fault::OtherMap { reg, what, field, uid: holder.uid, map: value.uid }.into())
    }

    fn kfunc_context(&self, callee: &Callee<'_>, at: usize, value: &Value, told: &mut Told) -> Check {
        if value.as_pointer() != Some(Pointer::Context) {
            let found = value.type_name();
            let kernel = format!("arg#{at} expected pointer to ctx, but got {found}");
            return Err(self.kfunc_lost(callee, at, value, kernel));
        }
        if callee.role == KfuncRole::KernelContext {
            let Some(name) = self.hook.context.kernel_structure() else {
                return Err(Stop::unsupported("the kernel's structure behind this context"));
            };
            told.kernel_context = Some(self.kernel_structure(name)?);
        }
        Ok(())
    }

    /// A resilient lock, to be taken or let go.
    fn resilient_lock_argument(
        &mut self,
        state: &mut State,
        pc: Pc,
        callee: &Callee<'_>,
        at: usize,
        value: &Value,
    ) -> Check {
        let reg = ARGUMENTS[at];
        let holds_locks = match value.as_pointer() {
            Some(Pointer::MapValue(_)) => true,
            Some(Pointer::Object(object)) => object.flags == Flags::ALLOCATED,
            _ => false,
        };
        if !holds_locks || value.nullable {
            let kernel = format!("arg#{at} doesn't point to map value or allocated object");
            return Err(self.kfunc_lost(callee, at, value, kernel));
        }
        match callee.role {
            KfuncRole::ResilientLock { irq: irqsave } => {
                self.take_lock(state, pc, reg, Resource::ResilientLock { irqsave })
            }
            KfuncRole::ResilientUnlock { irq: irqsave } => {
                self.let_go(state, reg, Resource::ResilientLock { irqsave })
            }
            _ => Err(callee.not_modelled()),
        }
    }

    /// Memory that the function may read and write.
    fn kfunc_memory(&mut self, state: &mut State, pc: Pc, reg: Reg, value: &Value, size: u32) -> Check {
        let arguments = Arguments { pc, ..Arguments::default() };
        let value = Value { nullable: false, ..*value };
        self.helper_memory(state, &arguments, reg, &value, size, MemoryUse::Reads)?;
        self.helper_memory(state, &arguments, reg, &value, size, MemoryUse::Changes)
    }

    /// Memory with its size in the next argument.
    fn kfunc_sized_memory(
        &mut self,
        state: &mut State,
        pc: Pc,
        at: usize,
        param: &Param<'_>,
        constant: bool,
        told: &mut Told,
    ) -> Check {
        let (reg, size_reg) = (ARGUMENTS[at], ARGUMENTS[at + 1]);
        let (value, size) = (*state.reg(reg), *state.reg(size_reg));
        let optional = ParamTag::of(param.name) == Some(ParamTag::Optional);
        self.relies_on(state, size_reg);
        if !(value.is_null() && optional) {
            let (smin, umax) = (size.scalar.smin(), size.scalar.umax());
            let fits = smin >= 0 && umax < MAX_VARIABLE_OFFSET;
            let allowed = match fits {
                true if value.is_null() && umax == 0 => Ok(()),
                true => self.kfunc_memory(state, pc, reg, &value, umax as u32),
                false => Err(self.kfunc_fault(at, String::new())),
            };
            match allowed {
                Ok(()) => {}
                Err(Stop::Unsupported(what)) => return Err(Stop::Unsupported(what)),
                Err(_) => {
                    let kernel =
                        format!("arg#{at} arg#{} memory, len pair leads to invalid memory access", at + 1);
                    return Err(self.kfunc_fault(at, kernel));
                }
            }
        }
        if constant {
            let Some(known) = size.as_constant() else {
                let kernel = format!("R{} must be a known constant", at + 2);
                return Err(self.kfunc_fault(at + 1, kernel));
            };
            told.constant = Some(known);
        }
        Ok(())
    }

    /// Which pointers may have moved from where they started.
    fn kfunc_offset(&self, callee: &Callee<'_>, reg: Reg, value: &Value) -> Check {
        let Some(pointer) = value.as_pointer() else { return Ok(()) };
        let n = reg.number();
        if callee.has(KfuncFlags::RELEASE) && value.reference.is_some() && value.off != 0 {
            let kernel =
                format!("R{n} must have zero offset when passed to release func or trusted arg to kfunc");
            return Err(Fault::PointerOffset { reg, found: value.type_name(), kernel }.into());
        }
        match pointer {
            Pointer::Stack { .. }
            | Pointer::Packet(_)
            | Pointer::PacketMeta(_)
            | Pointer::MapKey(_)
            | Pointer::MapValue(_)
            | Pointer::Memory(_)
            | Pointer::TracepointBuffer => Ok(()),
            // An offset that is known names a structure within the object.
            Pointer::Object(_) => {
                let moved = Value { off: 0, ..*value };
                if value.off < 0 {
                    return self.constant_offset(reg, value);
                }
                self.constant_offset(reg, &moved)
            }
            _ => self.constant_offset(reg, value),
        }
    }

    /// A refusal of argument `at`: plainly wrong, or of something that a call took away.
    pub(super) fn kfunc_lost(&self, callee: &Callee<'_>, at: usize, value: &Value, kernel: String) -> Stop {
        let releases = callee.has(KfuncFlags::RELEASE);
        let reg = ARGUMENTS.get(at).copied().unwrap_or(Reg::R5);
        match value.ghost {
            Ghost::None => Fault::KfuncArgument { reg, kernel }.into(),
            _ if value.is_pointer() => Fault::KfuncArgument { reg, kernel }.into(),
            Ghost::Owner(reference) | Ghost::View(reference) if releases => {
                Fault::DoubleRelease { reg, reference, kernel }.into()
            }
            ghost => Fault::UseAfter { reg, ghost, kernel }.into(),
        }
    }
}
