//! Objects of the program's own, and the lists and trees that hold them.
//!
//! A list's head or a tree's root lies beside the lock that must be held. Whoever puts an object in keeps a pointer that
//! does not own it, valid until the lock is let go; whoever takes one out owns it.

use belay_isa::Reg;
use belay_object::btf::{Kind as BtfKind, TypeId};
use belay_spec::KfuncRole;

use crate::fault::{Check, Fault, Stop};
use crate::object::{Flags, Object, ObjectType};
use crate::record::{FieldKind, Record, Root};
use crate::state::State;
use crate::value::{Kind, Pointer, RefId, Value};
use crate::walk::Walk;

use super::callee::Callee;
use super::{ARGUMENTS, Told};

/// Largest object of which each CPU has one.
const LARGEST_PER_CPU: u32 = 512;

impl Walk<'_> {
    /// An owned object of the program's own.
    pub(super) fn local_object_argument(&self, callee: &Callee<'_>, at: usize, value: &Value) -> Check {
        let percpu = matches!(callee.role, KfuncRole::ObjectDrop { percpu: true });
        let refuse = |kernel: String| Err(self.kfunc_lost(callee, at, value, kernel));
        match plain_object(value) {
            Some(Object { flags: Flags::ALLOCATED, .. }) if percpu => {
                return refuse(format!("arg#{at} expected for bpf_obj_drop_impl()"));
            }
            Some(Object { flags: Flags::ALLOCATED, .. }) => {}
            Some(object) if object.flags == Flags::ALLOCATED | Flags::PER_CPU => {
                if !percpu {
                    return refuse(format!("arg#{at} expected for bpf_percpu_obj_drop_impl()"));
                }
            }
            _ => return refuse(format!("arg#{at} expected pointer to allocated object")),
        }
        if value.reference.is_none() {
            return refuse("allocated object must be referenced".into());
        }
        Ok(())
    }

    /// An object that counts who owns it.
    pub(super) fn refcounted_argument(
        &self,
        callee: &Callee<'_>,
        at: usize,
        value: &Value,
        told: &mut Told,
    ) -> Check {
        let refuse = |kernel: String| Err(self.kfunc_lost(callee, at, value, kernel));
        let allocated = plain_object(value).filter(|object| object.flags.has(Flags::ALLOCATED));
        let Some(object) = allocated.filter(|object| !object.flags.has(Flags::UNTRUSTED)) else {
            return refuse(format!("arg#{at} is neither owning or non-owning ref"));
        };
        let record = self.record_of_object(object.ty)?;
        if record.find(|kind| matches!(kind, FieldKind::Refcount)).is_none() {
            return refuse(format!("arg#{at} doesn't point to a type with bpf_refcount field"));
        }
        told.object = Some(object);
        told.owned = !object.flags.has(Flags::NON_OWNING);
        Ok(())
    }

    /// The head of a list or the root of a tree; its lock must be held.
    pub(super) fn root_argument(
        &self,
        state: &State,
        callee: &Callee<'_>,
        at: usize,
        tree: bool,
        told: &mut Told,
    ) -> Check {
        let value = *state.reg(ARGUMENTS[at]);
        let refuse = |kernel: String| Err(self.kfunc_lost(callee, at, &value, kernel));
        let name = if tree { "bpf_rb_root" } else { "bpf_list_head" };
        let record = match plain_pointer(&value) {
            Some(Pointer::MapValue(map)) => self.fields(map).record().clone(),
            Some(Pointer::Object(object)) if object.flags == Flags::ALLOCATED => {
                if value.reference.is_none() {
                    return refuse("allocated object must be referenced".into());
                }
                self.record_of_object(object.ty)?
            }
            _ => return refuse(format!("arg#{at} expected pointer to map value or allocated object")),
        };
        let Some(off) = known_offset(&value) else {
            let n = at + 1;
            return refuse(format!(
                "R{n} doesn't have constant offset. {name} has to be at the constant offset"
            ));
        };
        let root = match record.at(off).map(|field| &field.kind) {
            Some(FieldKind::TreeRoot(root)) if tree => *root,
            Some(FieldKind::ListHead(root)) if !tree => *root,
            _ => return refuse(format!("{name} not found at offset={off}")),
        };
        if !self.holds_lock_of(state, &value) {
            let lock = record
                .find(|kind| matches!(kind, FieldKind::SpinLock))
                .map_or(-22, |field| i64::from(field.off));
            return refuse(format!("bpf_spin_lock at off={lock} must be held for {name}"));
        }
        told.root = Some(root);
        Ok(())
    }

    /// A node, in an object that the list or tree can hold.
    pub(super) fn node_argument(
        &self,
        state: &State,
        callee: &Callee<'_>,
        at: usize,
        tree: bool,
        told: &mut Told,
    ) -> Check {
        let value = *state.reg(ARGUMENTS[at]);
        let refuse = |kernel: String| Err(self.kfunc_lost(callee, at, &value, kernel));
        let inserts = matches!(callee.role, KfuncRole::ListPush | KfuncRole::RbtreeAdd);
        let object = plain_object(&value);
        if inserts {
            if object.is_none_or(|object| object.flags != Flags::ALLOCATED) {
                return refuse(format!("arg#{at} expected pointer to allocated object"));
            }
            if value.reference.is_none() {
                return refuse("allocated object must be referenced".into());
            }
        } else if !object.is_some_and(|object| object.flags.has(Flags::NON_OWNING))
            && value.reference.is_none()
        {
            let name = callee.name;
            return refuse(format!("{name} can only take non-owning or refcounted bpf_rb_node pointer"));
        } else if self.compares_nodes(state) {
            return refuse(format!("{} not allowed in rbtree cb", callee.name));
        }
        let Some(object) = object else { return Err(callee.not_modelled()) };
        let (node, head) =
            if tree { ("bpf_rb_node", "bpf_rb_root") } else { ("bpf_list_node", "bpf_list_head") };
        let Some(off) = known_offset(&value) else {
            let n = at + 1;
            return refuse(format!(
                "R{n} doesn't have constant offset. {node} has to be at the constant offset"
            ));
        };
        let record = self.record_of_object(object.ty)?;
        let found = record.at(off).is_some_and(|field| field.kind.name() == node);
        if !found {
            return refuse(format!("{node} not found at offset={off}"));
        }
        let Some(Root { object: wanted, node: place }) = told.root else {
            return Err(callee.not_modelled());
        };
        let types = self.types_of(object.ty)?;
        let name = types.name(wanted);
        if object.ty != ObjectType::Program(wanted) {
            let found = types.name(object.ty.id());
            return refuse(format!(
                "operation on {head} expects arg#1 {node} at offset={place} in struct {name}, but arg is at offset={off} in struct {found}"
            ));
        }
        if off != i64::from(place) {
            return refuse(format!(
                "arg#1 offset={off}, but expected {node} at offset={place} in struct {name}"
            ));
        }
        if inserts {
            told.inserted = value.reference;
        }
        Ok(())
    }

    /// What the call gives, if it is an object of the program's own.
    pub(super) fn graph_result(&mut self, callee: &Callee<'_>, told: &Told) -> Check<Option<Value>> {
        let object = |ty: TypeId, flags| Pointer::Object(Object { ty: ObjectType::Program(ty), flags });
        Ok(Some(match (callee.role, told.root) {
            (KfuncRole::ObjectNew { percpu }, _) => {
                let ty = self.new_object_type(told.constant.unwrap_or(0), percpu)?;
                let flags = if percpu { Flags::ALLOCATED | Flags::PER_CPU } else { Flags::ALLOCATED };
                Value::pointer(object(ty, flags))
            }
            (KfuncRole::RefcountAcquire, _) => {
                let Some(of) = told.object else { return Err(callee.not_modelled()) };
                Value::pointer(Pointer::Object(Object { flags: Flags::ALLOCATED, ..of }))
            }
            (KfuncRole::ListPop | KfuncRole::RbtreeRemove, Some(root)) => {
                Value { off: root.node as i32, ..Value::pointer(object(root.object, Flags::ALLOCATED)) }
            }
            (KfuncRole::ListPeek | KfuncRole::RbtreePeek | KfuncRole::RbtreeStep, Some(root)) => {
                self.borrowed_node(root)?
            }
            _ => return Ok(None),
        }))
    }

    /// The structure of which a new object is asked for.
    fn new_object_type(&self, id: u64, percpu: bool) -> Check<TypeId> {
        let refuse = |kernel: String| Err(Fault::KfuncArgument { reg: Reg::R1, kernel }.into());
        let Ok(id) = u32::try_from(id) else {
            return refuse("local type ID argument must be in range [0, U32_MAX]".into());
        };
        let Some(types) = self.btf else {
            return refuse("bpf_obj_new/bpf_percpu_obj_new requires prog BTF".into());
        };
        let ty = types.get(TypeId(id));
        let BtfKind::Struct { size, .. } = ty.kind else {
            return refuse("bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct".into());
        };
        if percpu {
            if size > LARGEST_PER_CPU {
                return refuse(format!(
                    "bpf_percpu_obj_new type size ({size}) is greater than {LARGEST_PER_CPU}"
                ));
            }
            if !super::kind::is_structure_of_numbers(types, ty.id, 4) {
                return refuse("bpf_percpu_obj_new type ID argument must be of a struct of scalars".into());
            }
            if !self.record_of_object(ObjectType::Program(ty.id))?.fields().is_empty() {
                return refuse("bpf_percpu_obj_new type ID argument must not contain special fields".into());
            }
        }
        Ok(ty.id)
    }

    /// A pointer to a node that the list or tree owns.
    pub(super) fn borrowed_node(&self, root: Root) -> Check<Value> {
        let ty = ObjectType::Program(root.object);
        let object = Object { ty, flags: self.borrowed(ty)? };
        Ok(Value { off: root.node as i32, ..Value::pointer(Pointer::Object(object)) })
    }

    /// The flags of a pointer to an object that a list or tree owns.
    fn borrowed(&self, ty: ObjectType) -> Check<Flags> {
        let counted = self.record_of_object(ty)?.find(|kind| matches!(kind, FieldKind::Refcount)).is_some();
        let flags = Flags::ALLOCATED | Flags::NON_OWNING;
        Ok(if counted { flags | Flags::RCU } else { flags })
    }

    /// The list or tree owns the object from now on: our pointers to it only borrow.
    pub(super) fn give_away(&self, state: &mut State, reference: RefId) -> Check {
        let carried = state.values().find(|value| value.reference == Some(reference)).copied();
        let Some(object) = carried.as_ref().and_then(plain_object) else { return Ok(()) };
        let flags = self.borrowed(object.ty)?;
        state.for_each_value(|value| {
            if value.reference == Some(reference)
                && let Kind::Pointer(Pointer::Object(object)) = &mut value.kind
            {
                object.flags = flags;
                value.reference = None;
            }
        });
        state.references.release(reference);
        Ok(())
    }

    /// The fields of an object of the program's own.
    pub(crate) fn record_of_object(&self, ty: ObjectType) -> Check<Record> {
        let unknown = || Stop::unsupported("an object whose fields break a rule");
        match (ty, self.btf) {
            (ObjectType::Program(id), Some(btf)) => {
                Record::of(btf, id, crate::record::Place::Object, self.kernel).map_err(|_| unknown())
            }
            _ => Ok(Record::EMPTY),
        }
    }
}

/// Pointers that do not own their object are void when the lock is let go.
pub(crate) fn end_of_lock(state: &mut State) {
    state.for_each_value(|value| {
        if matches!(value.as_pointer(), Some(Pointer::Object(object)) if object.flags.has(Flags::NON_OWNING))
        {
            *value = Value::unknown();
        }
    });
}

/// The pointer, if it is not NULL.
fn plain_pointer(value: &Value) -> Option<Pointer> {
    value.as_pointer().filter(|_| !value.nullable)
}

fn plain_object(value: &Value) -> Option<Object> {
    match plain_pointer(value) {
        Some(Pointer::Object(object)) => Some(object),
        _ => None,
    }
}

fn known_offset(value: &Value) -> Option<i64> {
    let variable = value.scalar.as_constant()?;
    Some(i64::from(value.off).wrapping_add(variable as i64))
}
