//! Pointers that a map's value, or an object of the program's own, owns (`__kptr` and its kin).
//!
//! They are loaded and stored whole. What a load gives may be relied on as far as RCU protects the object; what owns
//! its object changes hands by `bpf_kptr_xchg` only.

use belay_isa::Size;
use belay_object::btf::TypeId;
use belay_spec::{Rule, is_rcu_protected};

use crate::fault::{Check, Fault};
use crate::object::{Flags, Object, ObjectType};
use crate::record::{Kptr, KptrKind};
use crate::state::State;
use crate::value::{Memory, Pointer, Value};
use crate::walk::Walk;

use super::field::begins_at;
use super::{Action, At};

impl Walk<'_> {
    /// A load or store that touches the pointer at `field`; `off` is where the access begins.
    pub(super) fn kptr_access(
        &mut self,
        state: &State,
        at: At,
        base: &Value,
        (field, kptr): (u32, Kptr),
        off: i64,
        action: Action,
    ) -> Check<Value> {
        let refuse = |kernel: String| Err(Fault::KptrAccess { reg: at.base, kernel }.into());
        let Some(variable) = base.scalar.as_constant() else {
            return refuse("kptr access cannot have variable offset".into());
        };
        let off = off.wrapping_add(variable as i64);
        if off != i64::from(field) {
            return refuse(format!("kptr access misaligned expected={field} off={off}"));
        }
        if at.size != Size::DW {
            return refuse("kptr access size must be BPF_DW".into());
        }
        if at.aligned || at.signed {
            return refuse("kptr in map can only be accessed using BPF_MEM instruction mode".into());
        }
        match (action, kptr.kind) {
            (Action::Load, _) => {
                self.foreign_pointers.get_or_insert(at.pc);
                self.loaded_kptr(state, kptr)
            }
            (_, KptrKind::User) => refuse("store to uptr disallowed".into()),
            (_, KptrKind::Owning | KptrKind::PerCpu) => refuse("store to referenced kptr disallowed".into()),
            (Action::StoreImm(0), _) => Ok(Value::unknown()),
            (Action::StoreImm(_), _) => {
                refuse(format!("BPF_ST imm must be 0 when storing to kptr at off={field}"))
            }
            (Action::StoreReg(reg), _) => {
                let value = *state.reg(reg);
                if !value.is_null() {
                    self.kptr_takes(reg, &value, kptr)?;
                } else if !self.faults.follow(Rule::NullStoredUnnoted, true) {
                    self.relies_on(state, reg);
                }
                Ok(Value::unknown())
            }
            (Action::Update, _) => {
                refuse("kptr in map can only be accessed using BPF_MEM instruction mode".into())
            }
        }
    }

    /// What a load of the pointer gives: perhaps NULL, and as valid as RCU keeps it.
    fn loaded_kptr(&mut self, state: &State, kptr: Kptr) -> Check<Value> {
        let ty = kptr.target;
        if kptr.kind == KptrKind::User {
            let size = self.btf.zip(program_type(ty)).and_then(|(btf, id)| btf.size_of(id)).unwrap_or(0);
            return Ok(Value::pointer(Pointer::Memory(Memory::of(size))).maybe(self.fresh_id()));
        }
        let protected = match kptr.kind {
            KptrKind::PerCpu => true,
            KptrKind::Owning => match ty {
                ObjectType::Kernel(_) => is_rcu_protected(self.types_of(ty)?.name(ty.id())),
                ObjectType::Program(_) => true,
            },
            KptrKind::Untrusted | KptrKind::User => false,
        };
        let mut flags = Flags::UNTRUSTED;
        if protected && self.in_rcu_section(state) {
            flags = Flags::RCU;
            if kptr.kind == KptrKind::PerCpu {
                flags = flags | Flags::PER_CPU;
            } else if program_type(ty).is_some() {
                flags = flags | Flags::ALLOCATED;
            }
            if self.has_node(ty) {
                flags = flags | Flags::NON_OWNING;
            }
        }
        Ok(Value::pointer(Pointer::Object(Object { ty, flags })).maybe(self.fresh_id()))
    }

    /// Refuses a value that the pointer may not be set to.
    pub(crate) fn kptr_takes(&self, reg: belay_isa::Reg, value: &Value, kptr: Kptr) -> Check {
        let ty = kptr.target;
        let target = self.types_of(ty)?.name(ty.id()).to_owned();
        let refused = |name: &str| {
            let alternative = match kptr.kind {
                KptrKind::Untrusted => format!(" or untrusted_ptr_{target}"),
                _ => String::new(),
            };
            let (n, found) = (reg.number(), value.type_name());
            let kernel =
                format!("invalid kptr access, R{n} type={found}{name} expected=ptr_{target}{alternative}");
            Err(Fault::KptrAccess { reg, kernel }.into())
        };
        let Some(Pointer::Object(object)) = value.as_pointer() else { return refused("") };
        let allowed = match object.ty {
            ObjectType::Kernel(_) if kptr.kind == KptrKind::Untrusted => {
                Flags::TRUSTED | Flags::RCU | Flags::UNTRUSTED
            }
            ObjectType::Kernel(_) => Flags::TRUSTED | Flags::RCU,
            ObjectType::Program(_) if kptr.kind == KptrKind::PerCpu => Flags::ALLOCATED | Flags::PER_CPU,
            ObjectType::Program(_) => Flags::ALLOCATED,
        };
        if object.flags.without(allowed) != Flags::NONE {
            return refused("");
        }
        let per_cpu = object.flags.has(Flags::PER_CPU);
        if per_cpu != (kptr.kind == KptrKind::PerCpu) {
            return refused("");
        }
        let name = self.types_of(object.ty)?.name(object.ty.id()).to_owned();
        self.object_offset(reg, value)?;
        let strict = kptr.kind != KptrKind::Untrusted;
        if self.same_object(object.ty, value.off, ty, strict)? {
            return Ok(());
        }
        refused(&name)
    }

    /// An object pointer may have a constant offset here, not a variable or a negative one.
    fn object_offset(&self, reg: belay_isa::Reg, value: &Value) -> Check {
        if value.scalar.as_constant() == Some(0) && value.off >= 0 {
            return Ok(());
        }
        self.constant_offset(reg, value)
    }

    /// Whether at `off` in an object of type `have` lies one of type `want`. Not `strict`: perhaps as the first member
    /// of what lies there, and so on.
    pub(crate) fn same_object(
        &self,
        have: ObjectType,
        off: i32,
        want: ObjectType,
        strict: bool,
    ) -> Check<bool> {
        let (btf, have, want) = match (have, want) {
            (ObjectType::Kernel(have), ObjectType::Kernel(want)) => (self.kernel_types(), have, want),
            (ObjectType::Program(have), ObjectType::Program(want)) => match self.btf {
                Some(btf) => (btf, have, want),
                None => return Ok(false),
            },
            _ => return Ok(false),
        };
        if off == 0 && have == want {
            return Ok(true);
        }
        if strict {
            return Ok(false);
        }
        Ok(u32::try_from(off).is_ok_and(|off| begins_at(btf, have, off, want)))
    }

    /// Whether objects of the type are nodes of lists or trees.
    fn has_node(&self, ty: ObjectType) -> bool {
        use crate::record::{FieldKind, Place, Record};
        let Some((btf, id)) = self.btf.zip(program_type(ty)) else { return false };
        let record = Record::of(btf, id, Place::Object, self.kernel).unwrap_or_default();
        record.find(|kind| matches!(kind, FieldKind::ListNode | FieldKind::TreeNode)).is_some()
    }
}

fn program_type(ty: ObjectType) -> Option<TypeId> {
    match ty {
        ObjectType::Program(id) => Some(id),
        ObjectType::Kernel(_) => None,
    }
}
