//! Typed objects as arguments: is the pointer trusted enough, and does it point to the right structure?

use belay_object::btf::{Btf, Kind, TypeId};
use belay_spec::{KfuncFlags, SockKind};

use crate::fault::{Check, Stop};
use crate::object::{Flags, Object, ObjectType};
use crate::value::{Pointer, Value};
use crate::walk::Walk;

use super::callee::Callee;
use super::kind::{is_projection, keyword};

/// Flags that make a pointer trusted by themselves.
const TRUSTING: [Flags; 3] = [Flags::ALLOCATED, Flags::TRUSTED, Flags::NON_OWNING];

impl Walk<'_> {
    /// Refuses a pointer that the function could not rely on.
    pub(super) fn kfunc_trust(&self, callee: &Callee<'_>, at: usize, value: &Value) -> Check {
        let rcu = callee.has(KfuncFlags::RCU);
        if !callee.wants_trusted() && !rcu || is_trusted(value) {
            return Ok(());
        }
        let n = at + 1;
        if !rcu {
            return Err(self.kfunc_lost(callee, at, value, format!("R{n} must be referenced or trusted")));
        }
        if is_rcu(value) {
            return Ok(());
        }
        Err(self.kfunc_lost(callee, at, value, format!("R{n} must be a rcu pointer")))
    }

    /// The pointer must be one to this structure, or to one that begins with it.
    pub(super) fn kfunc_object(
        &self,
        callee: &Callee<'_>,
        at: usize,
        value: &Value,
        wanted: TypeId,
    ) -> Check {
        let types = callee.types;
        let wanted_name = types.name(wanted);
        let unsafe_pointer = match value.as_pointer() {
            Some(Pointer::Object(object)) => has_unsafe_flags(value, object) && !is_rcu(value),
            Some(Pointer::Socket(_) | Pointer::Map(_)) => false,
            _ => true,
        };
        if unsafe_pointer {
            let found = value.type_name();
            let expected = match value.as_pointer() {
                Some(Pointer::Object(object)) => {
                    let kept = TRUSTING.iter().filter(|flag| object.flags.has(**flag));
                    let flags = kept.fold(Flags::NONE, |flags, flag| flags | *flag);
                    format!("{}ptr_", flags.prefix())
                }
                _ => Value { nullable: false, ..*value }.type_name(),
            };
            return Err(self.kfunc_lost(
                callee,
                at,
                value,
                format!("arg#{at} is {found} expected {expected} or socket"),
            ));
        }
        let Some((found_types, found)) = self.structure_of(value)? else {
            return Err(Stop::unsupported("an argument whose structure is not known"));
        };
        let found_name = found_types.name(found);
        let strict = callee.has(KfuncFlags::RELEASE) && value.reference.is_some()
            || is_init_form(found_name, wanted_name)
            || is_init_form(wanted_name, found_name);
        let same_types = std::ptr::eq(found_types, types);
        let matches = same_types && starts_with(types, found, i64::from(value.off), wanted, strict);
        if matches || is_projection(wanted_name, found_name) {
            return Ok(());
        }
        let kernel = format!(
            "kernel function {} args#{at} expected pointer to {} {wanted_name} but R{} has a pointer to {} {found_name}",
            callee.name,
            keyword(&types.get(wanted).kind),
            at + 1,
            keyword(&found_types.get(found).kind),
        );
        Err(self.kfunc_fault(at, kernel))
    }

    /// The structure that a typed pointer points to, and the types that it is one of.
    pub(super) fn structure_of(&self, value: &Value) -> Check<Option<(&Btf, TypeId)>> {
        let name = match value.as_pointer() {
            Some(Pointer::Object(Object { ty: ObjectType::Kernel(id), .. })) => {
                let types = self.kernel_types();
                return Ok(Some((types, types.strip(id).id)));
            }
            Some(Pointer::Object(Object { ty: ObjectType::Program(id), .. })) => {
                return Ok(self.btf.map(|types| (types, types.strip(id).id)));
            }
            Some(Pointer::Map(_)) => "bpf_map",
            Some(Pointer::Socket(SockKind::Sock)) => "sock",
            Some(Pointer::Socket(SockKind::SockCommon)) => "sock_common",
            Some(Pointer::Socket(SockKind::TcpSock)) => "tcp_sock",
            _ => return Ok(None),
        };
        Ok(Some((self.kernel_types(), self.kernel_structure(name)?)))
    }
}

/// Whether the pointer passes as a trusted argument: it holds a reference, or the kernel vouches for it.
pub(super) fn is_trusted(value: &Value) -> bool {
    if value.reference.is_some() {
        return true;
    }
    match value.as_pointer() {
        Some(Pointer::Object(object)) => {
            TRUSTING.iter().any(|flag| object.flags.has(*flag)) && !has_unsafe_flags(value, object)
        }
        Some(
            Pointer::Socket(SockKind::Sock | SockKind::SockCommon | SockKind::TcpSock) | Pointer::Map(_),
        ) => !value.nullable,
        _ => false,
    }
}

/// Whether the object lives as long as the RCU section.
pub(super) fn is_rcu(value: &Value) -> bool {
    matches!(value.as_pointer(), Some(Pointer::Object(object)) if object.flags.has(Flags::RCU))
}

/// Anything beside the flags that make a pointer trusted makes it unsafe to pass on.
fn has_unsafe_flags(value: &Value, object: Object) -> bool {
    let trusting = TRUSTING.iter().fold(Flags::NONE, |flags, flag| flags | *flag);
    value.nullable || object.flags.without(trusting) != Flags::NONE
}

/// `nf_conn___init` is a `nf_conn` that is not in the table yet: the two do not pass for each other.
fn is_init_form(form: &str, of: &str) -> bool {
    form.strip_suffix("___init").is_some_and(|base| base == of)
}

/// Whether a structure has one of type `wanted` at `off`; with `strict` only by being it.
pub(super) fn starts_with(types: &Btf, mut found: TypeId, off: i64, wanted: TypeId, strict: bool) -> bool {
    const MAX_DEPTH: u32 = 32;
    let Ok(mut off) = u32::try_from(off) else { return false };
    for _ in 0..MAX_DEPTH {
        if off == 0 && found == wanted {
            return true;
        }
        if strict {
            return false;
        }
        match structure_at(types, found, off) {
            Some(inner) => (found, off) = (inner, 0),
            None => return false,
        }
    }
    false
}

/// The outermost structure that begins at `off` within a structure, itself excluded.
fn structure_at(types: &Btf, mut of: TypeId, mut off: u32) -> Option<TypeId> {
    const MAX_DEPTH: u32 = 32;
    for _ in 0..MAX_DEPTH {
        let members = types.get(of).kind.members()?;
        let (inner, start) = members.iter().find_map(|member| {
            let start = member.bit_offset / 8;
            let mut ty = types.strip(member.ty);
            let size = types.size_of(member.ty)?;
            if off < start || off >= start.checked_add(size)? {
                return None;
            }
            let mut start = start;
            while let Kind::Array { element, .. } = ty.kind {
                let each = types.size_of(element).filter(|size| *size > 0)?;
                start += (off - start) / each * each;
                ty = types.strip(element);
            }
            ty.kind.members().map(|_| (ty.id, start))
        })?;
        if off == start {
            return Some(inner);
        }
        (of, off) = (inner, off - start);
    }
    None
}
