//! What a call of a kernel function leaves in `r0`.

use belay_isa::Pc;
use belay_object::btf::Kind;
use belay_spec::{KfuncFlags, KfuncRole, Release};

use crate::fault::{Check, Fault, Stop};
use crate::object::{Flags, Object, ObjectType};
use crate::state::State;
use crate::value::{Memory, Pointer, Value};
use crate::walk::Walk;

use super::Told;
use super::callee::Callee;
use super::kind::{is_scalar, keyword};

impl Walk<'_> {
    pub(super) fn kfunc_result(
        &mut self,
        state: &mut State,
        pc: Pc,
        callee: &Callee<'_>,
        told: &Told,
    ) -> Check<Value> {
        if let Some(value) = self.graph_result(callee, told)? {
            return self.kept_result(state, pc, callee, told, value);
        }
        let types = callee.types;
        let ret = types.strip(callee.ret);
        let target = match ret.kind {
            Kind::Void => return Ok(Value::uninit()),
            Kind::Ptr(target) => target,
            // The way on which the lock is held (`lock_not_taken` is the other).
            _ if matches!(callee.role, KfuncRole::ResilientLock { .. }) => return Ok(Value::constant(0)),
            kind if is_scalar(&kind) => return Ok(Value::unknown()),
            _ => return Err(Stop::unsupported(format!("the result of `{}`", callee.name))),
        };
        let pointee = types.strip(target);
        let refuse = |kernel: String| Err(Fault::Program { kernel }.into());
        let value = match (callee.role, pointee.kind) {
            (KfuncRole::KernelContext, _) => {
                let Some(context) = told.kernel_context else {
                    return Err(Stop::unsupported("the kernel's structure behind this context"));
                };
                object(ObjectType::Kernel(context), Flags::TRUSTED)
            }
            (KfuncRole::ReadOnlyCast, _) => {
                let wanted = types.get(belay_object::btf::TypeId(told.constant.unwrap_or(0) as u32));
                match wanted.kind {
                    Kind::Struct { .. } | Kind::Union { .. } => {
                        object(ObjectType::Kernel(wanted.id), Flags::UNTRUSTED)
                    }
                    Kind::Void if self.release < Release::LATEST => {
                        return Err(Stop::unsupported("a read-only cast to memory without a type"));
                    }
                    Kind::Void => {
                        let memory = Memory { read_only: true, untrusted: true, ..Memory::default() };
                        Value::pointer(Pointer::Memory(memory))
                    }
                    _ => {
                        return refuse(format!(
                            "kfunc {} type ID argument must be of a struct or void",
                            callee.name
                        ));
                    }
                }
            }
            (KfuncRole::DynptrSlice { writable }, _) => self.kfunc_slice(callee, told, writable)?,
            // A `void *` is a number.
            (_, Kind::Void) => return Ok(Value::unknown()),
            (_, Kind::Struct { .. } | Kind::Union { .. }) if callee.has(KfuncFlags::ITER_NEXT) => {
                let rcu = told.iterator.is_some_and(|iterator| iterator.rcu);
                let flags = if rcu { Flags::RCU } else { Flags::TRUSTED };
                object(ObjectType::Kernel(pointee.id), flags)
            }
            (_, Kind::Struct { .. } | Kind::Union { .. }) => {
                object(ObjectType::Kernel(pointee.id), Flags::NONE)
            }
            _ => {
                let (size, read_only) = match told.buffer {
                    Some(buffer) => buffer,
                    None => (types.size_of(target).unwrap_or(0), true),
                };
                if size == 0 {
                    return refuse(format!(
                        "kernel function {} returns pointer type {} {} is not supported",
                        callee.name,
                        keyword(&pointee.kind),
                        pointee.name
                    ));
                }
                let memory = Memory { read_only, ..Memory::of(size) };
                Value { reference: told.reference, ..Value::pointer(Pointer::Memory(memory)) }
            }
        };
        self.kept_result(state, pc, callee, told, value)
    }

    /// The result, perhaps NULL, perhaps with an obligation.
    fn kept_result(
        &mut self,
        state: &mut State,
        pc: Pc,
        callee: &Callee<'_>,
        told: &Told,
        mut value: Value,
    ) -> Check<Value> {
        // (A further reference to what the program owns cannot fail.)
        if callee.has(KfuncFlags::RET_NULL) && !told.owned {
            value = value.maybe(self.fresh_id());
        }
        if !callee.has(KfuncFlags::ACQUIRE) {
            return Ok(value);
        }
        let Some(resource) = callee.resource else {
            return Err(Stop::unsupported(format!("what `{}` acquires", callee.name)));
        };
        let acquired = self.acquired(state, pc, value, resource);
        Ok(if value.nullable { acquired } else { Value { id: value.id, ..acquired } })
    }
}

fn object(ty: ObjectType, flags: Flags) -> Value {
    Value::pointer(Pointer::Object(Object { ty, flags }))
}
