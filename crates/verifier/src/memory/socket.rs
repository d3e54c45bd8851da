//! Fields of a socket: read-only numbers, at the offsets and widths of its view.

use belay_spec::SockKind;

use crate::fault::{Bound, Check, Direction, Fault};
use crate::value::Value;
use crate::walk::Walk;

use super::{Action, At};

impl Walk<'_> {
    pub(crate) fn socket_access(
        &self,
        at: At,
        base: &Value,
        kind: SockKind,
        off: i64,
        action: Action,
    ) -> Check<Value> {
        let (reg, size) = (at.base, at.size.bytes());
        let found = || base.type_name();
        if action.direction() == Direction::Write {
            return Err(Fault::ReadOnly { reg, found: found() }.into());
        }
        if base.scalar.smin() < 0 {
            return Err(Fault::RegionBounds {
                reg,
                found: found(),
                bound: Bound::Negative,
                off,
                size,
                region: 0,
            }
            .into());
        }
        match i32::try_from(off) {
            Ok(off) if kind.can_read(off, size) => Ok(Value::unknown()),
            _ => Err(Fault::SocketField { reg, found: found(), off, size }.into()),
        }
    }
}
