//! What a helper call leaves in `r0`.

use belay_isa::Pc;
use belay_spec::{Element, Helper, MapKind, Resource, Ret, Rule};

use crate::fault::{Check, Fault, Stop};
use crate::object::{Flags, Object, ObjectType};
use crate::record::{Kptr, KptrKind};
use crate::scalar::Scalar;
use crate::state::State;
use crate::value::{Ghost, Memory, Pointer, RefId, Value};
use crate::walk::{Walk, inner_map};

use super::Arguments;

/// Largest error number that a helper returns, negated.
const MAX_ERRNO: i64 = 4095;

impl Walk<'_> {
    pub(super) fn call_result(
        &mut self,
        state: &mut State,
        pc: Pc,
        helper: &Helper,
        told: &Arguments,
    ) -> Check<Value> {
        let (pointer, nullable) = match helper.ret {
            Ret::Void => return Ok(Value::uninit()),
            Ret::Scalar => return Ok(Value::unknown()),
            Ret::Within(min, max) => return Ok(Value::number(Scalar::signed_range(self.release, min, max))),
            Ret::Processor => {
                let last = i64::from(self.processors.saturating_sub(1));
                return Ok(Value::number(Scalar::signed_range(self.release, 0, last)));
            }
            Ret::AtMostSize => {
                let max = told.size_max.and_then(|max| i64::try_from(max).ok()).unwrap_or(i64::MAX);
                return Ok(Value::number(Scalar::signed_range(self.release, -MAX_ERRNO, max)));
            }
            Ret::MapValue { nullable } => return self.map_value_result(state, pc, told, nullable),
            Ret::Socket { kind, nullable } => (Pointer::Socket(kind), nullable),
            Ret::AllocMem { nullable } => {
                let size = told.alloc_size.unwrap_or(0);
                (Pointer::Memory(Memory { record: true, ..Memory::of(size) }), nullable)
            }
            Ret::Btf { name, nullable, trusted } => {
                let ty = ObjectType::Kernel(self.kernel_structure(name)?);
                let flags = if trusted { Flags::TRUSTED } else { Flags::NONE };
                (Pointer::Object(Object { ty, flags }), nullable)
            }
            Ret::MemOrBtf { nullable } => (self.per_cpu_result(helper, told)?, nullable),
            Ret::DynptrMem { nullable } => {
                let Some(dynptr) = told.dynptr else {
                    return Err(Fault::Program { kernel: "no dynptr arg found".into() }.into());
                };
                let slice = self.slice_of(dynptr, told.alloc_size.unwrap_or(0));
                return Ok(if nullable { slice.maybe(self.fresh_id()) } else { slice });
            }
            Ret::Kptr { nullable } => {
                let Some(kptr) = told.kptr else {
                    return Err(Stop::unsupported(format!("the result of `{}`", helper.name)));
                };
                (Pointer::Object(self.owned_object(kptr)?), nullable)
            }
        };
        let mut value = Value::pointer(pointer);
        if nullable {
            value = value.maybe(self.fresh_id());
        }
        if helper.effects.derives_from.is_some() {
            value.reference = told.reference;
            value.ghost = told.reference.map_or(Ghost::None, Ghost::View);
        }
        Ok(match helper.effects.acquires {
            // What holds it is not the result but the dynptr that the call made.
            Some(Resource::RingbufDynptr) => value,
            Some(resource) => self.acquired(state, pc, value, resource),
            None => value,
        })
    }

    /// The object that a pointer in a map's value owned.
    fn owned_object(&self, kptr: Kptr) -> Check<Object> {
        let ty = kptr.target;
        let flags = match (ty, kptr.kind) {
            (ObjectType::Kernel(_), _) => Flags::NONE,
            (ObjectType::Program(_), KptrKind::PerCpu) => Flags::ALLOCATED | Flags::PER_CPU,
            (ObjectType::Program(_), _) => Flags::ALLOCATED,
        };
        Ok(Object { ty, flags })
    }

    /// The pointer, carrying a new obligation. One id for both: a NULL result means that nothing was acquired.
    pub(super) fn acquired(&mut self, state: &mut State, pc: Pc, value: Value, resource: Resource) -> Value {
        let id = self.fresh_id();
        state.references.acquire(RefId(id), resource, pc);
        Value { reference: Some(RefId(id)), id, ..value }
    }

    /// A look-up gives the map's value; in some kinds of map the value is itself an object.
    fn map_value_result(
        &mut self,
        state: &mut State,
        pc: Pc,
        told: &Arguments,
        nullable: bool,
    ) -> Check<Value> {
        let Some(map) = told.map else {
            return Err(Fault::Program { kernel: "kernel subsystem misconfigured verifier".into() }.into());
        };
        let def = self.map(map)?;
        let (pointer, acquires) = match def.kind.rules().map(|rules| rules.element) {
            Some(Element::Socket { view, acquires }) => (Pointer::Socket(view), acquires),
            Some(Element::Map) => (Pointer::Map(inner_map(map)), false),
            // Storages have no elements to look up, but helpers of their own that give the value.
            _ => (Pointer::MapValue(map), false),
        };
        let in_array = matches!(def.kind, MapKind::ARRAY | MapKind::PERCPU_ARRAY)
            && told.known_key.is_some_and(|key| key < u64::from(def.max_entries));
        let value = Value { uid: told.map_uid, ..Value::pointer(pointer) };
        if !nullable || in_array && self.release.has(Rule::ConstantKeyNotNull) {
            let id = if self.is_told_apart(&value) { self.fresh_id() } else { 0 };
            return Ok(Value { id, ..value });
        }
        let value = value.maybe(self.fresh_id());
        Ok(if acquires { self.acquired(state, pc, value, Resource::Socket) } else { value })
    }
}
