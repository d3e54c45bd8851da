//! When a local type and a kernel type are the same thing: three relations, from loose to strict.
//!
//! *Compatible fields* may be read for one another: any two structures, any two integers. *Compatible types* have the
//! same shape down to their names: existence of a type. *Matching types* have the same members too, recursively.

use super::Fuel;
use crate::btf::{Btf, Kind, MAX_DEPTH, TypeId, essential_name};
use crate::error::Fault;

/// A type and the set that it belongs to.
type In<'b> = (&'b Btf, TypeId);

/// Whether two types are of one kind; enumerations of either width are.
pub(super) fn same_kind(a: &Kind<'_>, b: &Kind<'_>) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

pub(super) fn fields_compatible((local_btf, mut local): In<'_>, (kernel_btf, mut kernel): In<'_>) -> bool {
    for _ in 0..MAX_DEPTH {
        let (a, b) = (local_btf.strip(local), kernel_btf.strip(kernel));
        return match (a.kind, b.kind) {
            (Kind::Struct { .. } | Kind::Union { .. }, Kind::Struct { .. } | Kind::Union { .. }) => true,
            (Kind::Int { offset: 0, .. }, Kind::Int { offset: 0, .. }) => true,
            (Kind::Ptr(_), Kind::Ptr(_)) | (Kind::Float { .. }, Kind::Float { .. }) => true,
            (Kind::Fwd { .. }, Kind::Fwd { .. }) | (Kind::Enum { .. }, Kind::Enum { .. }) => {
                let (a, b) = (essential_name(a.name), essential_name(b.name));
                a.is_empty() || b.is_empty() || a == b
            }
            (Kind::Array { element: a, .. }, Kind::Array { element: b, .. }) => {
                (local, kernel) = (a, b);
                continue;
            }
            _ => false,
        };
    }
    false
}

/// The caller has compared the names of the roots.
pub(super) fn types_compatible(
    (local_btf, mut local): In<'_>,
    (kernel_btf, mut kernel): In<'_>,
    depth: u32,
    fuel: &Fuel,
) -> Result<bool, Fault> {
    if depth == 0 {
        return Ok(false);
    }
    for _ in 0..MAX_DEPTH {
        fuel.burn(1)?;
        (local, kernel) = match (local_btf.strip(local).kind, kernel_btf.strip(kernel).kind) {
            (Kind::Void, Kind::Void)
            | (Kind::Struct { .. }, Kind::Struct { .. })
            | (Kind::Union { .. }, Kind::Union { .. })
            | (Kind::Enum { .. }, Kind::Enum { .. })
            | (Kind::Fwd { .. }, Kind::Fwd { .. })
            | (Kind::Int { offset: 0, .. }, Kind::Int { offset: 0, .. }) => return Ok(true),
            (Kind::Ptr(a), Kind::Ptr(b)) => (a, b),
            (Kind::Array { element: a, .. }, Kind::Array { element: b, .. }) => (a, b),
            (Kind::FuncProto { ret: a, params: local }, Kind::FuncProto { ret: b, params: kernel }) => {
                if local.len() != kernel.len() {
                    return Ok(false);
                }
                for (a, b) in local.iter().zip(kernel.iter()) {
                    if !types_compatible((local_btf, a.ty), (kernel_btf, b.ty), depth - 1, fuel)? {
                        return Ok(false);
                    }
                }
                (a, b)
            }
            _ => return Ok(false),
        };
    }
    Ok(false)
}

/// Whether the kernel's type has everything that the local one has. Behind a pointer, structures need only the name.
pub(super) fn types_match(
    (local_btf, mut local): In<'_>,
    (kernel_btf, mut kernel): In<'_>,
    mut behind_pointer: bool,
    depth: u32,
    fuel: &Fuel,
) -> Result<bool, Fault> {
    if depth == 0 {
        return Ok(false);
    }
    for _ in 0..MAX_DEPTH {
        fuel.burn(1)?;
        let (a, b) = (local_btf.strip(local), kernel_btf.strip(kernel));
        if essential_name(a.name) != essential_name(b.name) {
            return Ok(false);
        }
        (local, kernel) = match (a.kind, b.kind) {
            (Kind::Void, Kind::Void) => return Ok(true),
            (Kind::Fwd { union: a }, Kind::Fwd { union: b }) => return Ok(a == b),
            (Kind::Fwd { union }, Kind::Struct { .. }) | (Kind::Struct { .. }, Kind::Fwd { union }) => {
                return Ok(behind_pointer && !union);
            }
            (Kind::Fwd { union }, Kind::Union { .. }) | (Kind::Union { .. }, Kind::Fwd { union }) => {
                return Ok(behind_pointer && union);
            }
            (Kind::Enum { size: a, values: local, .. }, Kind::Enum { size: b, values: kernel, .. }) => {
                if a != b || local.len() > kernel.len() {
                    return Ok(false);
                }
                for wanted in local.iter() {
                    fuel.burn(kernel.len())?;
                    let name = essential_name(wanted.name);
                    if !kernel.iter().any(|v| essential_name(v.name) == name) {
                        return Ok(false);
                    }
                }
                return Ok(true);
            }
            (Kind::Struct { members: local, .. }, Kind::Struct { members: kernel, .. })
            | (Kind::Union { members: local, .. }, Kind::Union { members: kernel, .. }) => {
                if behind_pointer {
                    return Ok(true);
                }
                if local.len() > kernel.len() {
                    return Ok(false);
                }
                for wanted in local.iter() {
                    let name = essential_name(wanted.name);
                    let mut matched = false;
                    for member in kernel.iter() {
                        fuel.burn(1)?;
                        if essential_name(member.name) != name {
                            continue;
                        }
                        let (a, b) = ((local_btf, wanted.ty), (kernel_btf, member.ty));
                        if types_match(a, b, behind_pointer, depth - 1, fuel)? {
                            matched = true;
                            break;
                        }
                    }
                    if !matched {
                        return Ok(false);
                    }
                }
                return Ok(true);
            }
            (Kind::Int { size: a, signed: s, .. }, Kind::Int { size: b, signed: t, .. }) => {
                return Ok(a == b && s == t);
            }
            (Kind::Ptr(a), Kind::Ptr(b)) => {
                behind_pointer = true;
                (a, b)
            }
            (Kind::Array { element: a, len: m, .. }, Kind::Array { element: b, len: n, .. }) if m == n => {
                (a, b)
            }
            (Kind::FuncProto { ret: a, params: local }, Kind::FuncProto { ret: b, params: kernel }) => {
                if local.len() != kernel.len() {
                    return Ok(false);
                }
                for (a, b) in local.iter().zip(kernel.iter()) {
                    let (a, b) = ((local_btf, a.ty), (kernel_btf, b.ty));
                    if !types_match(a, b, behind_pointer, depth - 1, fuel)? {
                        return Ok(false);
                    }
                }
                (a, b)
            }
            _ => return Ok(false),
        };
    }
    Ok(false)
}
