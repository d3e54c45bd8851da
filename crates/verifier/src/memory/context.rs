//! Fields of the context. Which offsets, widths and directions a hook allows is data in `belay-spec`.

use belay_isa::Reg;
use belay_spec::{FieldKind, TargetKind};

use crate::fault::{Check, Fault};
use crate::object::Flags;
use crate::value::{PacketRange, Pointer, Value};
use crate::walk::Walk;

use super::{Action, At};

impl Walk<'_> {
    pub(crate) fn context_access(&mut self, at: At, base: &Value, action: Action) -> Check<Value> {
        self.constant_offset(at.base, base)?;
        let size = at.size.bytes();
        if self.hook.target_kind() != TargetKind::None {
            return self.argument_access(at, action);
        }
        let refused = Fault::ContextField { off: at.off, size, direction: action.direction() };
        let Ok(off) = i32::try_from(at.off) else { return Err(refused.into()) };
        let kind =
            self.hook.context_access(self.release, off, size, action.context_access()).ok_or(refused)?;
        if at.signed && kind != FieldKind::Scalar {
            return Err(Fault::ContextField { off: at.off, size, direction: action.direction() }.into());
        }
        Ok(match kind {
            FieldKind::Scalar => Value::unknown(),
            FieldKind::Packet => Value::pointer(Pointer::Packet(PacketRange::Known(0))),
            FieldKind::PacketMeta => Value::pointer(Pointer::PacketMeta(PacketRange::Known(0))),
            FieldKind::PacketEnd => Value::pointer(Pointer::PacketEnd),
            FieldKind::FlowKeys => Value::pointer(Pointer::FlowKeys),
            FieldKind::TracepointBuffer => Value::pointer(Pointer::TracepointBuffer),
            FieldKind::Structure(name) => self.kernel_object(name, Flags::TRUSTED)?,
            FieldKind::Socket { kind, nullable } => {
                let socket = Value::pointer(Pointer::Socket(kind));
                if nullable { socket.maybe(self.fresh_id()) } else { socket }
            }
        })
    }

    /// Refuses a pointer that has moved by an unknown distance, or back.
    pub(crate) fn known_offset(&self, reg: Reg, value: &Value) -> Check {
        if value.off < 0 {
            return self.constant_offset(reg, value);
        }
        self.constant_offset(reg, &Value { off: 0, ..*value })
    }

    /// Refuses a pointer that has moved from where it started.
    pub(crate) fn constant_offset(&self, reg: Reg, value: &Value) -> Check {
        if value.off == 0 && value.scalar.as_constant() == Some(0) {
            return Ok(());
        }
        let (found, n) = (value.type_name(), reg.number());
        let kernel = match value.off {
            0 => format!("variable {found} access var_off={} disallowed", value.scalar.tnum()),
            off if off < 0 => format!("negative offset {found} ptr R{n} off={off} disallowed"),
            off => format!("dereference of modified {found} ptr R{n} off={off} disallowed"),
        };
        Err(Fault::PointerOffset { reg, found, kernel }.into())
    }
}
