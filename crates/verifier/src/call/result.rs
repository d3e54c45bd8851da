//! What a helper call leaves in `r0`.

use belay_isa::Pc;
use belay_spec::{Helper, MapKind, Ret, SockKind};

use crate::fault::{Check, Fault, Stop};
use crate::scalar::Scalar;
use crate::state::State;
use crate::value::{Ghost, Pointer, RefId, Value};
use crate::walk::Walk;

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
            Ret::Within(min, max) => return Ok(Value::number(Scalar::signed_range(min, max))),
            Ret::AtMostSize => {
                let max = told.size_max.and_then(|max| i64::try_from(max).ok()).unwrap_or(i64::MAX);
                return Ok(Value::number(Scalar::signed_range(-MAX_ERRNO, max)));
            }
            Ret::MapValue { nullable } => self.map_lookup_result(told, nullable)?,
            Ret::Socket { kind, nullable } => (Pointer::Socket(kind), nullable),
            Ret::AllocMem { nullable } => {
                let size = told.alloc_size.unwrap_or(0);
                (Pointer::Memory { size, record: true }, nullable)
            }
            Ret::DynptrMem { .. } | Ret::Btf { .. } | Ret::Kptr { .. } | Ret::MemOrBtf { .. } => {
                return Err(Stop::unsupported(format!("the result of `{}`", helper.name)));
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
        if let Some(resource) = helper.effects.acquires {
            // One id for both: a NULL result means that nothing was acquired.
            let id = self.fresh_id();
            state.references.acquire(RefId(id), resource, pc);
            value.reference = Some(RefId(id));
            value.id = id;
        }
        Ok(value)
    }

    /// A look-up gives the map's value; in some kinds of map the value is itself an object.
    fn map_lookup_result(&self, told: &Arguments, nullable: bool) -> Check<(Pointer, bool)> {
        let Some(map) = told.map else {
            return Err(Fault::Program { kernel: "kernel subsystem misconfigured verifier".into() }.into());
        };
        let def = self.map(map)?;
        match def.kind {
            MapKind(12) | MapKind(13) => Err(Stop::unsupported("maps of maps")),
            MapKind(15) | MapKind(18) => Err(Stop::unsupported("look-ups in socket maps")),
            MapKind(17) => Ok((Pointer::Socket(SockKind::XdpSock), nullable)),
            MapKind(2) | MapKind(6) => {
                let in_bounds = told.known_key.is_some_and(|key| key < u64::from(def.max_entries));
                let decided = in_bounds && self.release.has(belay_spec::Rule::ImmediateContextStores);
                Ok((Pointer::MapValue(map), nullable && !decided))
            }
            _ => Ok((Pointer::MapValue(map), nullable)),
        }
    }
}
