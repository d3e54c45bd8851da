//! Loads and stores: which bytes a pointer may touch, and what a load gives.
//!
//! [`Walk::access`] decides by the kind of pointer; each kind of memory has a file of its own.

mod argument;
mod context;
mod field;
mod kptr;
mod map_structure;
mod map_value;
mod object;
mod packet;
mod region;
mod socket;
mod stack;

pub(crate) use field::begins_at;
pub(crate) use map_value::is_constant;
pub(crate) use region::MAX_VARIABLE_OFFSET;
pub(crate) use stack::{MemoryUse, width_of};

use belay_isa::{Pc, Reg, Size};
use belay_spec::{Access, Release};

use crate::fault::{Check, Direction, Fault, Stop};
use crate::object::{Flags, Object, ObjectType};
use crate::scalar::{Scalar, Tnum};
use crate::state::State;
use crate::value::{Ghost, Kind, Pointer, Value};
use crate::verified::{ObjectLoad, Touch, Trust};
use crate::walk::Walk;

/// What an instruction does to memory.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    /// Loads.
    Load,
    /// Stores this register.
    StoreReg(Reg),
    /// Stores this constant.
    StoreImm(i32),
    /// Reads and stores in one, the value is anything (atomics).
    Update,
}

impl Action {
    pub(crate) fn direction(self) -> Direction {
        match self {
            Action::Load => Direction::Read,
            _ => Direction::Write,
        }
    }

    fn context_access(self) -> Access {
        match self {
            Action::Load => Access::Read,
            Action::StoreReg(_) | Action::Update => Access::WriteReg,
            Action::StoreImm(_) => Access::WriteImm,
        }
    }
}

/// One access: `size` bytes at `base + off`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    pub(crate) pc: Pc,
    pub(crate) base: Reg,
    pub(crate) off: i64,
    pub(crate) size: Size,
    /// A sign-extending load: of no use for pointers.
    pub(crate) signed: bool,
    /// Must be aligned whatever the machine (atomics).
    pub(crate) aligned: bool,
}

impl Walk<'_> {
    /// Checks one access and performs it on the state. A load gives the value, zero-extended.
    pub(crate) fn access(&mut self, state: &mut State, at: At, action: Action) -> Check<Value> {
        let base = *state.reg(at.base);
        let size = at.size.bytes();
        let off = at.off + i64::from(base.off);
        let Kind::Pointer(pointer) = base.kind else {
            return Err(self.not_memory(state, at.base, &base));
        };
        if base.nullable {
            let found = base.type_name();
            return Err(Fault::MaybeNullAccess { reg: at.base, found }.into());
        }
        if at.aligned {
            self.check_alignment(&base, pointer, at.off, size)?;
        }
        self.note_touch(at, pointer, action)?;
        let loaded = match pointer {
            Pointer::Stack { frame } => return self.stack_access(state, at, &base, frame, action),
            Pointer::Context => self.context_access(at, &base, action)?,
            Pointer::Packet(range) => {
                if action.direction() == Direction::Write && !self.hook.packet_writable() {
                    return Err(Fault::PacketReadOnly { reg: at.base }.into());
                }
                self.packet_bytes(at.base, &base, range, off, size)?;
                Value::unknown()
            }
            Pointer::PacketMeta(range) => {
                self.packet_bytes(at.base, &base, range, off, size)?;
                Value::unknown()
            }
            Pointer::MapValue(map) => self.map_value_access(state, at, &base, map, action)?,
            Pointer::MapKey(map) => {
                if action.direction() == Direction::Write {
                    return Err(Fault::ReadOnly { reg: at.base, found: base.type_name() }.into());
                }
                let key_size = self.map(map)?.key_size;
                self.region_bytes(at.base, &base, off, size, key_size)?;
                Value::unknown()
            }
            Pointer::Memory(memory) => {
                if memory.read_only && action.direction() == Direction::Write {
                    return Err(Fault::ReadOnly { reg: at.base, found: base.type_name() }.into());
                }
                if !memory.untrusted {
                    self.region_bytes(at.base, &base, off, size, memory.size)?;
                }
                Value::unknown()
            }
            Pointer::Socket(kind) => self.socket_access(at, &base, kind, off, action)?,
            Pointer::FlowKeys => self.flow_keys_access(at, off, size)?,
            Pointer::Object(object) => {
                let value =
                    self.object_access(state, at.base, &base, object, off, size, action.direction())?;
                self.note_object_load(at.pc, object, off);
                value
            }
            Pointer::Map(map) => self.map_structure_access(at, map, off, action)?,
            Pointer::TracepointBuffer => {
                self.buffer_bytes(at.base, &base, off, size, action.direction(), false, "tracepoint")?;
                Value::unknown()
            }
            Pointer::Buffer { read_only } => {
                self.buffer_bytes(at.base, &base, off, size, action.direction(), read_only, "")?;
                Value::unknown()
            }
            Pointer::Arena => self.arena_access(at)?,
            Pointer::Function(_) | Pointer::PacketEnd | Pointer::Dynptr(_) => {
                return Err(self.not_memory(state, at.base, &base));
            }
        };
        Ok(narrowed(self.release, loaded, at.size))
    }

    /// The stack is always accessed aligned, other memory where the instruction demands it. Packets begin two bytes
    /// behind an aligned address, so that IP headers are aligned.
    pub(crate) fn check_alignment(&self, base: &Value, pointer: Pointer, off: i64, size: u32) -> Check {
        const PACKET_START: i64 = 2;
        let packet = matches!(pointer, Pointer::Packet(_) | Pointer::PacketMeta(_));
        let start = if packet { PACKET_START } else { 0 };
        let fixed = start + i64::from(base.off) + off;
        // (Arenas may be accessed anyhow.)
        if pointer == Pointer::Arena
            || size <= 1
            || base.scalar.tnum().add(Tnum::constant(fixed as u64)).is_aligned(u64::from(size))
        {
            return Ok(());
        }
        let what = match pointer {
            Pointer::Stack { .. } => "stack ",
            Pointer::MapValue(_) => "value ",
            Pointer::MapKey(_) => "key ",
            Pointer::Context => "context ",
            _ if packet => "packet ",
            _ => "",
        };
        let start = if packet { format!("{start}+") } else { String::new() };
        let off = format!("{start}{}+{}+{}", base.scalar.tnum(), base.off, off);
        Err(Fault::Misaligned { what, off, size }.into())
    }

    /// The fault of following something that is no memory: plainly wrong, or taken away by a call.
    pub(crate) fn not_memory(&self, state: &State, reg: Reg, value: &Value) -> Stop {
        let fault = Fault::NotMemory { reg, found: value.type_name() };
        match self.lost_ghost(state, value) {
            Ghost::None => fault.into(),
            ghost => Fault::UseAfter { reg, ghost, kernel: fault.to_string() }.into(),
        }
    }

    /// What the value was, if that is why it cannot be used: its reference is no longer held.
    pub(crate) fn lost_ghost(&self, state: &State, value: &Value) -> Ghost {
        match value.ghost {
            Ghost::Owner(id) | Ghost::View(id) if state.references.get(id).is_some() => Ghost::None,
            ghost => ghost,
        }
    }

    /// Runners turn a load of a context or socket field into other code than a plain load: one instruction cannot be
    /// both.
    fn note_touch(&mut self, at: At, pointer: Pointer, action: Action) -> Check {
        let touch = match pointer {
            Pointer::Memory(_) => Touch::Region,
            Pointer::Object(object) => Touch::Object(Trust(object.flags)),
            Pointer::Context => Touch::Context(self.hook.context.name),
            Pointer::Socket(kind) => Touch::Socket(kind),
            Pointer::Arena => Touch::Arena,
            _ => Touch::Memory,
        };
        if let Pointer::Map(_) = pointer {
            self.reads_map.get_or_insert(at.pc);
        }
        let Some(noted) = self.touches.get_mut(at.pc.index()) else { return Ok(()) };
        match *noted {
            Touch::None => *noted = touch,
            before if before == touch => {}
            Touch::Memory | Touch::Region if matches!(touch, Touch::Memory | Touch::Region) => {}
            // A load becomes one that survives bad addresses, if one of its pointers needs that.
            Touch::Object(_) | Touch::Region
                if matches!(touch, Touch::Object(_) | Touch::Region) && matches!(action, Action::Load) =>
            {
                if *noted == Touch::Region || touch == Touch::Region {
                    self.object_loads.insert(at.pc, None);
                }
                *noted = Touch::Object(Trust(Flags::UNTRUSTED));
            }
            _ => return Err(Fault::MixedPointers { reg: at.base }.into()),
        }
        Ok(())
    }
}

impl Walk<'_> {
    /// A load that means one field on all paths can be one of where a runner keeps that field.
    fn note_object_load(&mut self, pc: Pc, object: Object, off: i64) {
        let load = match (object.ty, u32::try_from(off)) {
            (ObjectType::Kernel(structure), Ok(off)) => Some(ObjectLoad { structure, off }),
            _ => None,
        };
        let noted = self.object_loads.entry(pc).or_insert(load);
        if *noted != load {
            *noted = None;
        }
    }
}

/// A load of fewer than eight bytes leaves the rest zero.
fn narrowed(release: Release, value: Value, size: Size) -> Value {
    if value.is_scalar() && size != Size::DW {
        Value::number(value.scalar.coerce_to_size(release, size))
    } else {
        value
    }
}

/// The number that a load of `size` bytes gives when nothing else is known.
pub(crate) fn unknown_of(release: Release, size: Size) -> Value {
    Value::number(Scalar::load(release, size, false))
}
