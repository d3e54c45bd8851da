//! Objects that have a type: what their fields give, and who may write them.
//!
//! How far a pointer that was loaded from an object may be relied on depends on the pointer that led there, on the
//! field, and on whether the RCU section in which it was read goes on (6.18). The kernel marks the fields that hand
//! their object's trust on by structures of their own, `task_struct__safe_rcu`: they are read off its types.

use std::ops::Range;

use belay_isa::Reg;
use belay_object::btf::{Btf, Kind, TypeId};
use belay_spec::{Rule, Writable};

use crate::fault::{Check, Direction, Fault, Stop};
use crate::object::{Flags, Object, ObjectType};
use crate::state::State;
use crate::value::{Pointer, Value};
use crate::walk::Walk;

use super::field::{Field, field_at};

/// How far a field hands on the trust in its object; each is the suffix of the structure that lists the fields.
const SAFE_RCU: &str = "__safe_rcu";
const SAFE_RCU_OR_NULL: &str = "__safe_rcu_or_null";
const SAFE_TRUSTED: &str = "__safe_trusted";
const SAFE_TRUSTED_OR_NULL: &str = "__safe_trusted_or_null";

impl Walk<'_> {
    /// Loads from, or stores to, `size` bytes at `off` of an object.
    #[allow(clippy::too_many_arguments, reason = "an access, and where it is")]
    pub(crate) fn object_access(
        &mut self,
        state: &State,
        reg: Reg,
        base: &Value,
        object: Object,
        off: i64,
        size: u32,
        direction: Direction,
    ) -> Check<Value> {
        let types = self.types_of(object.ty)?;
        let structure = object.ty.id();
        let name = types.name(structure);
        let n = reg.number();
        if matches!(object.ty, ObjectType::Kernel(_))
            && !self.gpl_compatible
            && self.release.has(Rule::KernelTypesNeedGpl)
        {
            return Err(Fault::ObjectLicence { structure: name.to_owned() }.into());
        }
        let refuse = |kernel: String| Err(Fault::ObjectField { reg, kernel }.into());
        if off < 0 {
            return refuse(format!("R{n} is ptr_{name} invalid negative access: off={off}"));
        }
        if base.scalar.as_constant() != Some(0) {
            let variable = base.scalar.tnum();
            return refuse(format!(
                "R{n} is ptr_{name} invalid variable offset: off={off}, var_off={variable}"
            ));
        }
        for (flag, what) in [(Flags::USER, "user"), (Flags::PER_CPU, "percpu")] {
            if object.flags.has(flag) {
                return refuse(format!("R{n} is ptr_{name} access {what} memory: off={off}"));
            }
        }
        let writes = direction == Direction::Write;
        let off = u32::try_from(off).unwrap_or(u32::MAX);
        if matches!(object.ty, ObjectType::Program(_)) || object.flags.has(Flags::ALLOCATED) {
            return self.local_object_access(reg, object, off, size, writes);
        }
        if writes {
            let writable = self.writable_structure().filter(|_| !object.flags.has(Flags::UNTRUSTED));
            return match check_written_field(types, name, writable, off, size) {
                Ok(()) => Ok(Value::unknown()),
                Err(kernel) => Err(Fault::ObjectReadOnly { reg, kernel }.into()),
            };
        }
        match field_at(types, structure, off, size, true) {
            Err(kernel) => refuse(kernel),
            Ok(Field::Number) => Ok(Value::unknown()),
            Ok(Field::Pointer { to, flags, name }) => {
                let (flags, nullable) = self.trust_of_field(state, base, object, to, flags, name)?;
                let ty = ObjectType::Kernel(to);
                let value = Value::pointer(Pointer::Object(Object { ty, flags }));
                Ok(if nullable { value.maybe(self.fresh_id()) } else { value })
            }
        }
    }

    /// The structure that programs at this hook, or in this table, may write to.
    fn writable_structure(&self) -> Option<&'static Writable> {
        Writable::at(self.target.split_once('.').map_or(self.hook.name, |(table, _)| table))
    }

    /// An object of the program's own: numbers to read and write, but for what only calls may touch. A pointer that is
    /// stored in it comes back as a number.
    fn local_object_access(
        &self,
        reg: Reg,
        object: Object,
        off: u32,
        size: u32,
        writes: bool,
    ) -> Check<Value> {
        if writes && (!object.flags.has(Flags::ALLOCATED) || object.flags.has(Flags::UNTRUSTED)) {
            return Err(Fault::ObjectReadOnly { reg, kernel: "only read is supported".into() }.into());
        }
        let record = self.record_of_object(object.ty)?;
        let touched = record.fields().iter().find(|field| {
            off < field.off.saturating_add(field.kind.size()) && field.off < off.saturating_add(size)
        });
        if let Some(field) = touched.filter(|_| object.flags.has(Flags::ALLOCATED)) {
            let kernel = format!("direct access to {} is disallowed", field.kind.name());
            return Err(Fault::ObjectField { reg, kernel }.into());
        }
        match field_at(self.types_of(object.ty)?, object.ty.id(), off, size, true) {
            Err(kernel) => Err(Fault::ObjectField { reg, kernel }.into()),
            Ok(_) if object.flags.has(Flags::ALLOCATED) => Ok(Value::unknown()),
            Ok(Field::Number) => Ok(Value::unknown()),
            Ok(Field::Pointer { .. }) => {
                Err(Stop::unsupported("pointers in untrusted objects of the program's own"))
            }
        }
    }

    /// Whether the state is inside a read-side critical section of RCU: every program that cannot sleep is, and whoever
    /// holds a lock.
    pub(crate) fn in_rcu_section(&self, state: &State) -> bool {
        !state.sleepable || state.sections.rcu > 0 || state.references.holds_lock()
    }

    /// The flags of a pointer loaded from a field, and whether it may be NULL.
    fn trust_of_field(
        &self,
        state: &State,
        base: &Value,
        parent: Object,
        to: TypeId,
        flags: Flags,
        field: &str,
    ) -> Check<(Flags, bool)> {
        // Neither trusted nor protected by RCU, as older helpers give them.
        let plain = flags.without(Flags::TRUSTED | Flags::ALLOCATED | Flags::RCU);
        if parent.flags.has(Flags::UNTRUSTED) {
            return Ok((Flags::UNTRUSTED, false));
        }
        let relied_on = base.is_trusted() || parent.flags.has(Flags::RCU);
        if !relied_on {
            return Ok((plain, false));
        }
        let types = self.kernel_types();
        let listed = |suffix| is_listed(types, parent.ty.id(), suffix, field, to);
        Ok(if listed(SAFE_TRUSTED) {
            (flags | Flags::TRUSTED, false)
        } else if listed(SAFE_TRUSTED_OR_NULL) {
            (flags | Flags::TRUSTED, true)
        } else if !self.in_rcu_section(state) {
            (Flags::UNTRUSTED, false)
        } else if listed(SAFE_RCU) {
            (flags | Flags::RCU, false)
        } else if listed(SAFE_RCU_OR_NULL) {
            (flags.without(Flags::UNTRUSTED) | Flags::RCU, true)
        } else if flags.has(Flags::RCU) {
            (flags, true)
        } else if flags.has(Flags::PER_CPU) || flags.has(Flags::USER) {
            (flags, false)
        } else {
            (plain, false)
        })
    }
}

/// Whether a store of `size` bytes at `off` stays in a field that programs of this hook may write.
fn check_written_field(
    types: &Btf,
    structure: &str,
    writable: Option<&Writable>,
    off: u32,
    size: u32,
) -> Result<(), String> {
    let Some(writable) = writable.filter(|writable| writable.is_of(structure)) else {
        return Err("only read is supported".to_owned());
    };
    let whole = writable.structure;
    for field in writable.fields {
        let structure = types.find(whole, |kind| kind.members().is_some());
        let place = structure.and_then(|structure| types.member_at(structure, field.path));
        let Some(Range { start, end }) = place else { continue };
        let begins = off == start || field.anywhere && (start..end).contains(&off);
        if !begins {
            continue;
        }
        if u64::from(off) + u64::from(size) <= u64::from(end) {
            return Ok(());
        }
        return Err(format!(
            "write access at off {off} with size {size} beyond the member of {whole} ended at {end}"
        ));
    }
    Err(format!("no write support to {whole} at off {off}"))
}

/// Whether the kernel lists the field, by name and type, among those that hand on trust.
fn is_listed(types: &Btf, structure: TypeId, suffix: &str, field: &str, to: TypeId) -> bool {
    let name = format!("{}{suffix}", types.name(structure));
    let list = types.find(&name, |kind| matches!(kind, Kind::Struct { .. }));
    let Some(members) = list.and_then(|list| types.get(list).kind.members()) else { return false };
    members.iter().any(|member| match types.get(member.ty).kind {
        Kind::Ptr(target) => member.name == field && types.strip(target).id == to,
        _ => false,
    })
}
