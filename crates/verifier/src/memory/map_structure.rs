//! Fields of a map itself: `struct bpf_map` and what lies around it, read-only.

use crate::fault::{Check, Direction, Fault, Stop};
use crate::object::{Object, ObjectType};
use crate::value::{Pointer, Value};
use crate::walk::Walk;

use super::field::{Field, field_at};
use super::{Action, At};

impl Walk<'_> {
    /// Loads from `off` of the map's structure. What pointers it gives are of the older sort: readable, not trusted.
    pub(crate) fn map_structure_access(
        &mut self,
        at: At,
        map: u32,
        off: i64,
        action: Action,
    ) -> Check<Value> {
        let kind = self.map(map)?.kind;
        let Some(structure) = kind.structure() else {
            return Err(Stop::unsupported("fields of a map of this kind"));
        };
        let reg = at.base;
        let Ok(off) = u32::try_from(off) else {
            let n = reg.number();
            let kernel = format!("R{n} is {structure} invalid negative access: off={off}");
            return Err(Fault::ObjectField { reg, kernel }.into());
        };
        if action.direction() == Direction::Write {
            return Err(Fault::MapWritten { reg, structure }.into());
        }
        let types = self.kernel_types();
        match field_at(types, self.kernel_structure(structure)?, off, at.size.bytes(), true) {
            Err(kernel) => Err(Fault::ObjectField { reg, kernel }.into()),
            Ok(Field::Number) => Ok(Value::unknown()),
            Ok(Field::Pointer { to, flags, .. }) => {
                let ty = ObjectType::Kernel(to);
                Ok(Value::pointer(Pointer::Object(Object { ty, flags })))
            }
        }
    }
}
