//! Kernel structures as arguments and results of calls.

use belay_isa::Reg;
use belay_object::btf::Kind;
use belay_spec::{Arg, ArgKind, Helper};

use crate::fault::{Check, Fault, Stop};
use crate::memory::begins_at;
use crate::object::{Flags, Object, ObjectType};
use crate::value::{Memory, Pointer, Value};
use crate::walk::Walk;

use super::Arguments;

/// Whether a helper that asks for a kernel structure takes such a pointer at all: one that it may read.
pub(super) fn takes_object(object: Object) -> bool {
    is_readable_object(object) || object.flags == Flags::RCU
}

/// The same for socket casts: an RCU pointer does not pass there (6.18).
pub(super) fn is_readable_object(object: Object) -> bool {
    object.flags == Flags::NONE || object.flags == Flags::TRUSTED
}

/// Whether it names a per-CPU variable.
pub(super) fn takes_per_cpu(object: Object) -> bool {
    let rest = object.flags.without(Flags::PER_CPU);
    object.flags.has(Flags::PER_CPU) && (takes_object(Object { flags: rest, ..object }))
}

/// The pointers to objects that may point into the object, by a known distance.
pub(super) fn moves_freely(object: Object) -> bool {
    takes_object(object)
}

impl Walk<'_> {
    /// A kernel structure must be of the type asked for, or begin with one.
    pub(super) fn check_object(
        &mut self,
        helper: &Helper,
        arg: &Arg,
        reg: Reg,
        value: &Value,
        told: &mut Arguments,
    ) -> Check {
        let Some(Pointer::Object(object)) = value.as_pointer() else { return Ok(()) };
        told.object = Some(object);
        let wanted = match arg.kind {
            ArgKind::Btf(name) => name,
            ArgKind::BtfSockCommon => "sock_common",
            kind if kind.is_memory() && kind.writes() => {
                let (name, n, found) = (helper.name, reg.number(), value.type_name());
                let kernel = format!("{name}() may write into memory pointed by R{n} type={found}");
                return Err(Fault::ObjectReadOnly { reg, kernel }.into());
            }
            _ => return Ok(()),
        };
        self.check_object_type(reg, value, object, wanted)
    }

    /// Whether an object of that structure begins where the pointer points.
    pub(crate) fn check_object_type(&self, reg: Reg, value: &Value, object: Object, wanted: &str) -> Check {
        let types = self.types_of(object.ty)?;
        let (found, target) = (object.ty.id(), self.kernel_structure(wanted)?);
        let at = u32::try_from(value.off).unwrap_or(u32::MAX);
        let kernel = matches!(object.ty, ObjectType::Kernel(_));
        if kernel && begins_at(types, found, at, target) {
            return Ok(());
        }
        let (found, expected) = (types.name(found).to_owned(), wanted.to_owned());
        Err(Fault::ObjectType { reg, found, expected }.into())
    }

    /// What a helper gives that looks a per-CPU variable up: the object, or memory of its size.
    pub(super) fn per_cpu_result(&self, helper: &Helper, told: &Arguments) -> Check<Pointer> {
        let unknown = || Stop::unsupported(format!("the result of `{}`", helper.name));
        let object = told.object.filter(|object| !object.flags.has(Flags::RCU)).ok_or_else(unknown)?;
        let types = self.types_of(object.ty)?;
        match types.strip(object.ty.id()).kind {
            Kind::Struct { .. } | Kind::Union { .. } => {
                Ok(Pointer::Object(Object { flags: Flags::NONE, ..object }))
            }
            _ => {
                let size = types.size_of(object.ty.id()).ok_or_else(unknown)?;
                Ok(Pointer::Memory(Memory { read_only: true, ..Memory::of(size) }))
            }
        }
    }
}
