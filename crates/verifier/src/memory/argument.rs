//! Contexts that are the arguments of a kernel function, tracepoint, iterator or structure member: eight bytes each, of
//! the types that the kernel gives them.

use belay_isa::Size;
use belay_object::btf::{Kind, Type, TypeId};
use belay_spec::{Argument, ReturnRange, TargetKind};

use crate::fault::{Check, Direction, Fault, Stop};
use crate::object::{Flags, Object, ObjectType};
use crate::scalar::Scalar;
use crate::value::{Pointer, Value};
use crate::walk::Walk;

use super::field::tag;
use super::{Action, At};

/// Bytes of the most arguments that a function may have.
const ARGUMENT_BYTES: i64 = 12 * 8;

/// The type of a target.
struct Signature {
    params: Vec<TypeId>,
    /// Parameters before the first that programs see.
    hidden: usize,
    ret: TypeId,
    /// The parameters that their names say may be NULL.
    nullable: Vec<bool>,
}

/// What an argument is.
enum Slot {
    Parameter(usize),
    Result,
}

impl Walk<'_> {
    /// Loads from an argument. Whatever is refused, the kernel's last line is the same.
    pub(crate) fn argument_access(&mut self, at: At, action: Action) -> Check<Value> {
        let (off, size) = (at.off, at.size.bytes());
        let refused = || Fault::ContextField { off, size, direction: action.direction() };
        let whole = off % 8 == 0 && (0..ARGUMENT_BYTES).contains(&off);
        if action.direction() == Direction::Write || !whole {
            return Err(refused().into());
        }
        let signature = self.signature()?;
        let slot = self.slot_at(&signature, off as u32).ok_or_else(refused)?;
        let types = self.kernel_types();
        let id = match slot {
            Slot::Parameter(index) => signature.params.get(index + signature.hidden).copied(),
            Slot::Result => Some(signature.ret),
        };
        let ty = types.strip(id.ok_or_else(refused)?);
        match (ty.kind, &slot) {
            (Kind::Int { size: 0..=8, .. } | Kind::Enum { .. }, Slot::Result) => Ok(self.result_of_target()),
            (Kind::Int { size: 0..=8, .. } | Kind::Enum { .. }, _) => Ok(Value::unknown()),
            (Kind::Struct { .. } | Kind::Union { .. }, _) => Ok(Value::unknown()),
            (Kind::Ptr(_), Slot::Result) if self.hook.name == "tracing/modify_return" => {
                Err(refused().into())
            }
            (Kind::Ptr(target), _) if at.size == Size::DW => {
                let value = self.pointer_argument(&signature, &slot, target)?.ok_or_else(refused)?;
                if at.signed && value.is_pointer() {
                    return Err(refused().into());
                }
                Ok(value)
            }
            _ => Err(refused().into()),
        }
    }

    /// What a pointer argument is worth; `None` if the kernel refuses to load it.
    fn pointer_argument(
        &mut self,
        signature: &Signature,
        slot: &Slot,
        target: TypeId,
    ) -> Check<Option<Value>> {
        let types = self.kernel_types();
        let pointee = types.strip(target);
        let unknown = || Stop::unsupported(format!("the arguments of `{}`", self.target));
        let index = match slot {
            Slot::Parameter(index) => *index,
            // The result is a pointer like the arguments.
            Slot::Result => signature.params.len() - signature.hidden,
        };
        let what = self.hook.argument(self.target, index as u32);
        if let Some(Argument::Buffer { read_only }) = what {
            return Ok(Some(Value::pointer(Pointer::Buffer { read_only }).maybe(self.fresh_id())));
        }
        match pointee.kind {
            Kind::Void | Kind::Int { .. } => return Ok(Some(Value::unknown())),
            Kind::Struct { .. } | Kind::Union { .. } => {}
            _ => return Ok(None),
        }
        let Some(Argument::Object { trusted, nullable }) = what else { return Err(unknown()) };
        let named_nullable = signature.nullable.get(index + signature.hidden).copied().unwrap_or(false);
        let trust = if trusted { Flags::TRUSTED } else { Flags::NONE };
        let flags = trust | tag(&types.get(target)).without(Flags::RCU);
        let to = self.promoted(flags, &pointee)?;
        let ty = ObjectType::Kernel(to);
        let value = Value::pointer(Pointer::Object(Object { ty, flags }));
        Ok(Some(if nullable || named_nullable { value.maybe(self.fresh_id()) } else { value }))
    }

    fn promoted(&self, flags: Flags, structure: &Type<'_>) -> Check<TypeId> {
        match self.hook.promoted(self.target, structure.name) {
            Some(name) if flags == Flags::TRUSTED => self.kernel_structure(name),
            _ => Ok(structure.id),
        }
    }

    /// What the target returned, as far as it is known.
    fn result_of_target(&self) -> Value {
        let range = self.hook.return_range_at(self.release, self.target);
        match range {
            Some(ReturnRange::Within(low, high)) if self.hook.name == "lsm/mac" => {
                Value::number(Scalar::signed_range(self.release, i64::from(low), i64::from(high)))
            }
            _ => Value::unknown(),
        }
    }

    /// Which argument begins at, or covers, the offset.
    fn slot_at(&self, signature: &Signature, off: u32) -> Option<Slot> {
        let types = self.kernel_types();
        let bytes = |id: TypeId| types.size_of(id).unwrap_or(0).next_multiple_of(8);
        let mut end = 0_u32;
        let index = signature.params.iter().position(|param| {
            end = end.saturating_add(bytes(*param));
            off < end
        });
        let seen = signature.params.len() - signature.hidden;
        match index {
            Some(index) if index < seen => Some(Slot::Parameter(index)),
            Some(_) if !self.hook.sees_result() => None,
            Some(index) => (index == seen).then_some(Slot::Result),
            None if self.hook.sees_result() && off < end.saturating_add(bytes(signature.ret)) => {
                (signature.hidden == 0).then_some(Slot::Result)
            }
            None => None,
        }
    }

    /// The target's type.
    fn signature(&self) -> Check<Signature> {
        let types = self.kernel_types();
        let target = self.target;
        let kind = self.hook.target_kind();
        let unknown =
            || Stop::unsupported(format!("the arguments of `{target}`: that kernel's types do not have it"));
        let proto = match kind {
            TargetKind::Tracepoint => {
                // Which arguments may be NULL was measured for the tracepoints of one kernel.
                let measured = belay_profile::KernelProfile::builtin(self.release).btf();
                let name = format!("btf_trace_{target}");
                measured.find(&name, |kind| matches!(kind, Kind::Typedef(_))).ok_or_else(unknown)?;
                let typedef =
                    types.find(&name, |kind| matches!(kind, Kind::Typedef(_))).ok_or_else(unknown)?;
                match types.strip(typedef).kind {
                    Kind::Ptr(proto) => proto,
                    _ => return Err(unknown()),
                }
            }
            TargetKind::Member => {
                let (structure, member) = target.split_once('.').ok_or_else(unknown)?;
                let structure = self.kernel_structure(structure)?;
                let members = types.get(structure).kind.members().ok_or_else(unknown)?;
                let member = members.iter().find(|m| m.name == member).ok_or_else(unknown)?;
                match types.strip(member.ty).kind {
                    Kind::Ptr(proto) => proto,
                    _ => return Err(unknown()),
                }
            }
            TargetKind::Function | TargetKind::Iterator | TargetKind::SecurityHook => {
                let prefix = match kind {
                    TargetKind::Iterator => "bpf_iter_",
                    TargetKind::SecurityHook => "bpf_lsm_",
                    _ => "",
                };
                let function = types.find_func(&format!("{prefix}{target}")).ok_or_else(unknown)?;
                match types.get(function).kind {
                    Kind::Func { proto, .. } => proto,
                    _ => return Err(unknown()),
                }
            }
            TargetKind::None | TargetKind::Program => return Err(unknown()),
        };
        let Kind::FuncProto { ret, params } = types.strip(proto).kind else { return Err(unknown()) };
        Ok(Signature {
            params: params.iter().map(|param| param.ty).collect(),
            nullable: params.iter().map(|param| param.name.ends_with("__nullable")).collect(),
            hidden: usize::from(kind == TargetKind::Tracepoint),
            ret,
        })
    }
}
