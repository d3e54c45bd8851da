//! The kernel's own types, for programs that meet kernel structures.

use belay_object::btf::{Btf, Kind, TypeId};

use crate::fault::{Check, Stop};
use crate::object::{Flags, Object, ObjectType};
use crate::value::{Pointer, Value};
use crate::walk::Walk;

impl<'p> Walk<'p> {
    /// The types of the kernel that the program is judged for.
    pub(crate) fn kernel_types(&self) -> &'p Btf {
        self.kernel.btf()
    }

    /// The kernel structure of that name.
    pub(crate) fn kernel_structure(&self, name: &str) -> Check<TypeId> {
        let types = self.kernel_types();
        let is_structure = |id: &TypeId| matches!(types.get(*id).kind, Kind::Struct { .. });
        let found = types.by_essential_name(name).find(is_structure);
        found.ok_or_else(|| Stop::unsupported(format!("`struct {name}`, which that kernel does not have")))
    }

    /// A pointer to a kernel structure of that name.
    pub(crate) fn kernel_object(&self, name: &str, flags: Flags) -> Check<Value> {
        let ty = ObjectType::Kernel(self.kernel_structure(name)?);
        Ok(Value::pointer(Pointer::Object(Object { ty, flags })))
    }

    /// The types that an object's type is one of.
    pub(crate) fn types_of(&self, ty: ObjectType) -> Check<&'p Btf> {
        match ty {
            ObjectType::Kernel(_) => Ok(self.kernel_types()),
            ObjectType::Program(_) => self.btf.ok_or_else(|| Stop::unsupported("objects without types")),
        }
    }
}
