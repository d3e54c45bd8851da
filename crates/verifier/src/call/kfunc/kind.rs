//! What an argument of a kernel function must be: read off its type, its name and the value that is passed, in
//! the order in which Linux asks (6.18).

use belay_object::btf::{Btf, Kind, Param, TypeId};
use belay_spec::{KfuncRole, ParamTag};

use crate::fault::{Check, Fault};
use crate::value::{Pointer, Value};
use crate::walk::Walk;

use super::callee::Callee;

/// What a pointer argument must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PointerKind {
    /// The context.
    Context,
    /// NULL was passed, and may be.
    Null,
    /// An owned object of the program's own type.
    LocalObject,
    /// An object of the program's own type that counts its references.
    RefcountedObject,
    /// A dynptr on the stack.
    Dynptr,
    /// An iterator on the stack.
    Iterator,
    /// The head of a list.
    ListHead,
    /// A node of a list.
    ListNode,
    /// The root of a tree.
    TreeRoot,
    /// A node of a tree.
    TreeNode,
    /// A constant string.
    ConstString,
    /// A map.
    Map,
    /// A field of a map's value that only calls use: its structure's name.
    Field(&'static str),
    /// Saved interrupt flags on the stack.
    IrqFlags,
    /// A pointer to an object of this type.
    Object(TypeId),
    /// A function of the program.
    Callback,
    /// Memory of this type.
    Memory(TypeId),
    /// Memory whose size the next argument gives; whether that must be a constant.
    SizedMemory { constant: bool },
}

/// Structures that mean something by themselves, wherever they are pointed to.
const BY_STRUCTURE: &[(&str, PointerKind)] = &[
    ("bpf_list_head", PointerKind::ListHead),
    ("bpf_list_node", PointerKind::ListNode),
    ("bpf_rb_root", PointerKind::TreeRoot),
    ("bpf_rb_node", PointerKind::TreeNode),
];

/// The same, asked for after the meanings of names.
const FIELDS: &[&str] = &["bpf_wq", "bpf_task_work", "bpf_res_spin_lock"];

/// How deep structures of numbers may nest.
const MAX_NESTING: u32 = 4;

impl Walk<'_> {
    /// What the pointer in argument `at` must be; `value` is what was passed.
    pub(super) fn pointer_kind(
        &self,
        callee: &Callee<'_>,
        at: usize,
        target: TypeId,
        value: &Value,
        next: Option<(&Param<'_>, &Value)>,
    ) -> Check<PointerKind> {
        let types = callee.types;
        let Some(param) = callee.params.iter().nth(at) else { return Ok(PointerKind::Null) };
        let pointee = types.strip(target);
        let tag = ParamTag::of(param.name);
        if callee.role == KfuncRole::KernelContext || self.is_context_structure(pointee.name) {
            return Ok(PointerKind::Context);
        }
        let nullable = param.name.ends_with("__nullable");
        if nullable && value.is_null() {
            return Ok(PointerKind::Null);
        }
        match tag {
            Some(ParamTag::LocalObject) => return Ok(PointerKind::LocalObject),
            Some(ParamTag::RefcountedObject) => return Ok(PointerKind::RefcountedObject),
            _ => {}
        }
        if pointee.name == "bpf_dynptr" || pointee.name == "bpf_dynptr_kern" {
            return Ok(PointerKind::Dynptr);
        }
        if at == 0 && callee.flags.is_iterator() || tag == Some(ParamTag::Iterator) {
            return Ok(PointerKind::Iterator);
        }
        if let Some((_, kind)) = BY_STRUCTURE.iter().find(|(name, _)| *name == pointee.name) {
            return Ok(*kind);
        }
        match tag {
            Some(ParamTag::ConstString) => return Ok(PointerKind::ConstString),
            Some(ParamTag::Map) => return Ok(PointerKind::Map),
            _ => {}
        }
        if let Some(name) = FIELDS.iter().find(|name| **name == pointee.name) {
            return Ok(PointerKind::Field(name));
        }
        if tag == Some(ParamTag::IrqFlag) {
            return Ok(PointerKind::IrqFlags);
        }
        if is_typed_object(value) {
            return match pointee.kind {
                Kind::Struct { .. } | Kind::Union { .. } => Ok(PointerKind::Object(pointee.id)),
                _ => {
                    let kernel = format!(
                        "kernel function {} args#{at} pointer type {} {} is not supported",
                        callee.name,
                        keyword(&pointee.kind),
                        pointee.name
                    );
                    Err(self.kfunc_fault(at, kernel))
                }
            };
        }
        if is_function_pointer(types, target) {
            return Ok(PointerKind::Callback);
        }
        let size = next.filter(|(_, value)| value.is_scalar()).and_then(|(param, _)| {
            match ParamTag::of(param.name) {
                Some(ParamTag::Size) => Some(false),
                Some(ParamTag::ConstSize) => Some(true),
                _ => None,
            }
        });
        let is_void = matches!(pointee.kind, Kind::Void);
        let plain = is_scalar(&pointee.kind) || is_structure_of_numbers(types, pointee.id, MAX_NESTING);
        if !(plain || size.is_some() && is_void) {
            let kernel = format!(
                "arg#{at} pointer type {} {} must point to {}scalar, or struct with scalar",
                keyword(&pointee.kind),
                name_or_unknown(pointee.name),
                if size.is_some() { "void, " } else { "" }
            );
            return Err(self.kfunc_lost(callee, at, value, kernel));
        }
        Ok(match size {
            Some(constant) => PointerKind::SizedMemory { constant },
            None => PointerKind::Memory(pointee.id),
        })
    }

    /// Whether a pointer to this structure means the context here: by its name for programs, or by the kernel's own
    /// structure behind it.
    fn is_context_structure(&self, name: &str) -> bool {
        let context = self.hook.context.name;
        !name.is_empty() && name == context || is_projection(context, name)
    }

    /// A refusal of argument `at`, counted from 0.
    pub(super) fn kfunc_fault(&self, at: usize, kernel: String) -> crate::fault::Stop {
        let reg = super::super::ARGUMENTS.get(at).copied().unwrap_or(belay_isa::Reg::R5);
        Fault::KfuncArgument { reg, kernel }.into()
    }
}

/// Whether `api`, a structure that programs know, stands for the kernel's structure `kernel`.
pub(super) fn is_projection(api: &str, kernel: &str) -> bool {
    matches!((api, kernel), ("__sk_buff", "sk_buff") | ("xdp_md", "xdp_buff"))
}

/// Pointers whose type the kernel knows: objects, sockets, maps.
pub(super) fn is_typed_object(value: &Value) -> bool {
    matches!(value.as_pointer(), Some(Pointer::Object(_) | Pointer::Socket(_) | Pointer::Map(_)))
}

pub(super) fn is_scalar(kind: &Kind<'_>) -> bool {
    matches!(kind, Kind::Int { .. } | Kind::Enum { .. })
}

fn is_function_pointer(types: &Btf, target: TypeId) -> bool {
    matches!(types.strip(target).kind, Kind::FuncProto { .. })
}

/// Whether a structure or union holds numbers only, in nested ones and arrays too.
pub(super) fn is_structure_of_numbers(types: &Btf, id: TypeId, depth: u32) -> bool {
    let Some(members) = types.get(id).kind.members() else { return false };
    depth > 0
        && members.iter().all(|member| {
            let ty = types.strip(member.ty);
            match ty.kind {
                Kind::Struct { .. } | Kind::Union { .. } => is_structure_of_numbers(types, ty.id, depth - 1),
                Kind::Array { element, len, .. } => len > 0 && is_scalar(&types.strip(element).kind),
                kind => is_scalar(&kind),
            }
        })
}

/// What the kernel's log calls a kind of type.
pub(super) fn keyword(kind: &Kind<'_>) -> &'static str {
    match kind {
        Kind::Void => "UNKNOWN",
        Kind::Int { .. } => "INT",
        Kind::Ptr(_) => "PTR",
        Kind::Array { .. } => "ARRAY",
        Kind::Struct { .. } => "STRUCT",
        Kind::Union { .. } => "UNION",
        Kind::Enum { .. } => "ENUM",
        Kind::Fwd { .. } => "FWD",
        Kind::Typedef(_) => "TYPEDEF",
        Kind::FuncProto { .. } => "FUNC_PROTO",
        Kind::Float { .. } => "FLOAT",
        _ => "UNKNOWN",
    }
}

/// The kernel's log writes `(anon)` for a type without a name.
fn name_or_unknown(name: &str) -> &str {
    if name.is_empty() { "(anon)" } else { name }
}
