//! One argument of a helper call against its kind: the right type, the obligation it carries, and what the kind
//! demands beyond that.

use belay_isa::{Pc, Reg};
use belay_object::MapDef;
use belay_spec::{Arg, ArgKind, Helper, MapKind, Resource, Rule, SizeRule, SockKind};

use crate::fault::{Check, Direction, Fault, Stop};
use crate::map_fields::Fields;
use crate::memory::{MAX_VARIABLE_OFFSET, MemoryUse};
use crate::object::Flags;
use crate::record::{FieldKind, Kptr, KptrKind};
use crate::state::{Byte, Stack, State};
use crate::value::{Ghost, Kind, Pointer, Value};
use crate::walk::Walk;

use super::object::{is_readable_object, moves_freely, takes_object, takes_per_cpu};
use super::{ARGUMENTS, Arguments, Holder, is_sized_memory};

impl Walk<'_> {
    pub(super) fn check_argument(
        &mut self,
        state: &mut State,
        helper: &Helper,
        arg: &Arg,
        reg: Reg,
        told: &mut Arguments,
    ) -> Check {
        let value = *self.readable(state, reg)?;
        if arg.kind == ArgKind::Any {
            return Ok(());
        }
        if arg.kind == ArgKind::Zero {
            let kernel = format!("{}() doesn't support non-zero flags", helper.short_name());
            self.relies_on(state, reg);
            return if value.is_null() { Ok(()) } else { Err(Fault::ArgumentSize { reg, kernel }.into()) };
        }
        if is_packet_bytes(&value) && !self.hook.packet_reaches(helper) {
            return Err(Fault::PacketToHelper { reg }.into());
        }
        if arg.nullable && value.is_null() {
            return Ok(());
        }
        let arg = &self.resolved(arg, told)?;
        self.check_type(state, arg, reg, &value)?;
        self.check_object(helper, arg, reg, &value, told)?;
        if let (ArgKind::KptrObject, Some(kptr)) = (arg.kind, told.kptr) {
            if value.nullable {
                let kernel = format!("Possibly NULL pointer passed to helper arg{}", reg.number());
                let found = value.type_name();
                return Err(Fault::MaybeNullArgument { reg, found, releases: true, kernel }.into());
            }
            self.kptr_takes(reg, &value, kptr)?;
        }
        self.check_reference(arg, reg, &value, told)?;
        self.check_contents(state, helper, arg, reg, &value, told)
    }

    /// What a map's value must be depends on the map: of a socket map it is a socket.
    fn resolved(&self, arg: &Arg, told: &Arguments) -> Check<Arg> {
        let Some(map) = told.map else { return Ok(*arg) };
        match self.map(map)?.kind.resolve(arg.kind) {
            Some(kind) => Ok(Arg { kind, ..*arg }),
            None => Err(Fault::Program { kernel: "invalid arg_type for sockmap/sockhash".into() }.into()),
        }
    }

    /// Is it the right kind of thing at all?
    fn check_type(&self, state: &State, arg: &Arg, reg: Reg, value: &Value) -> Check {
        if self.matches_kind(arg, value) {
            return Ok(());
        }
        let expected = arg.kind.expected(self.release).unwrap_or("scalar").to_string();
        let found = value.type_name();
        if value.nullable && self.matches_kind(arg, &Value { nullable: false, ..*value }) {
            let kernel = Fault::ArgumentType { reg, found: found.clone(), expected }.to_string();
            return Err(Fault::MaybeNullArgument { reg, found, releases: arg.releases, kernel }.into());
        }
        Err(match (self.lost_ghost(state, value), arg.releases) {
            (Ghost::None, _) => Fault::ArgumentType { reg, found, expected },
            (Ghost::Owner(reference) | Ghost::View(reference), true) => {
                let kernel = Fault::ArgumentType { reg, found, expected }.to_string();
                Fault::DoubleRelease { reg, reference, kernel }
            }
            (ghost, _) => {
                let kernel = Fault::ArgumentType { reg, found, expected }.to_string();
                Fault::UseAfter { reg, ghost, kernel }
            }
        }
        .into())
    }

    /// The obligation that it carries.
    fn check_reference(&self, arg: &Arg, reg: Reg, value: &Value, told: &mut Arguments) -> Check {
        // A lock is let go, not the value that it lies in.
        if arg.kind == ArgKind::SpinLock {
            return Ok(());
        }
        if value.is_pointer() {
            self.check_offset(arg, reg, value)?;
        }
        // (The reference of a dynptr stands in its slots.)
        if arg.releases && !matches!(arg.kind, ArgKind::Dynptr { .. }) {
            if value.reference.is_none() && !value.is_null() {
                let n = reg.number();
                let kernel = format!("R{n} must be referenced when passed to release function");
                return Err(Fault::NotOwned { reg, found: value.type_name(), kernel }.into());
            }
            told.releases = Some(reg);
        }
        match (told.reference, value.reference) {
            (Some(first), Some(second)) => Err(Fault::TwoReferences { reg, first, second }.into()),
            (None, Some(reference)) => {
                told.reference = Some(reference);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Which pointers may have moved from where they started: memory may, objects may not.
    fn check_offset(&self, arg: &Arg, reg: Reg, value: &Value) -> Check {
        let Some(pointer) = value.as_pointer() else { return Ok(()) };
        if matches!(arg.kind, ArgKind::Dynptr { .. }) && matches!(pointer, Pointer::Stack { .. }) {
            return Ok(());
        }
        if arg.releases && value.off != 0 {
            let n = reg.number();
            let kernel =
                format!("R{n} must have zero offset when passed to release func or trusted arg to kfunc");
            return Err(Fault::PointerOffset { reg, found: value.type_name(), kernel }.into());
        }
        match pointer {
            Pointer::Stack { .. }
            | Pointer::Packet(_)
            | Pointer::PacketMeta(_)
            | Pointer::MapKey(_)
            | Pointer::MapValue(_)
            | Pointer::TracepointBuffer
            | Pointer::Buffer { .. } => Ok(()),
            Pointer::Memory(_) if arg.kind != ArgKind::RingbufRecord => Ok(()),
            Pointer::Object(object) if moves_freely(object) => self.known_offset(reg, value),
            Pointer::Object(object) if object.flags.has(Flags::ALLOCATED) && !arg.releases => Ok(()),
            _ => self.constant_offset(reg, value),
        }
    }

    /// What the kind demands beyond the type.
    fn check_contents(
        &mut self,
        state: &mut State,
        helper: &Helper,
        arg: &Arg,
        reg: Reg,
        value: &Value,
        told: &mut Arguments,
    ) -> Check {
        match arg.kind {
            ArgKind::Any
            | ArgKind::Scalar
            | ArgKind::Zero
            | ArgKind::Context
            | ArgKind::SockCommon
            | ArgKind::Socket
            | ArgKind::BtfSockCommon
            | ArgKind::Btf(_)
            | ArgKind::PercpuBtf
            | ArgKind::RingbufRecord => Ok(()),
            // Checked together with the size that follows.
            ArgKind::MemIn | ArgKind::MemOut | ArgKind::MemInOut => Ok(()),
            ArgKind::DynptrData => {
                told.dynptr_data = Some(value.type_name());
                Ok(())
            }
            ArgKind::ConstStr => {
                told.string = Some(reg);
                self.constant_string(reg, value).map(|_| ())
            }
            ArgKind::Dynptr { .. } => self.dynptr_argument(state, helper, arg, reg, told),
            ArgKind::Size(rule) => self.check_size(state, helper, rule, reg, value, told),
            ArgKind::Map => self.map_argument(reg, value, told),
            ArgKind::Kptr => {
                told.kptr = Some(self.kptr_argument(reg, value)?);
                Ok(())
            }
            ArgKind::KptrObject => Ok(()),
            ArgKind::SpinLock if self.compares_nodes(state) => {
                let kernel = "can't spin_{lock,unlock} in rbtree cb".to_owned();
                Err(Fault::Unlock { reg, kernel }.into())
            }
            ArgKind::SpinLock if arg.releases => self.let_go(state, reg, Resource::SpinLock),
            ArgKind::SpinLock => self.take_lock(state, told.pc, reg, Resource::SpinLock),
            ArgKind::Timer => {
                self.field_argument(reg, value, &FieldKind::Timer)?;
                if let Some(Pointer::MapValue(map)) = value.as_pointer() {
                    told.holder = Some(Holder { map, uid: value.uid });
                }
                Ok(())
            }
            ArgKind::MapKey => {
                let size = self.argument_map(told)?.key_size;
                if size == 0 {
                    return Err(Fault::ArgumentSize { reg, kernel: "invalid zero-sized read".into() }.into());
                }
                self.helper_memory(state, told, reg, value, size, MemoryUse::Reads)?;
                self.known_key(state, value, size, told)
            }
            ArgKind::MapValue => {
                let size = self.argument_map(told)?.value_size;
                self.helper_memory(state, told, reg, value, size, MemoryUse::Reads)
            }
            ArgKind::MapValueOut => {
                let size = self.argument_map(told)?.value_size;
                self.helper_memory(state, told, reg, value, size, MemoryUse::Fills)
            }
            ArgKind::FixedIn { size, aligned } => {
                self.helper_memory(state, told, reg, value, size, MemoryUse::Reads)?;
                self.argument_alignment(value, size, aligned)
            }
            ArgKind::FixedOut { size, aligned } => {
                self.helper_memory(state, told, reg, value, size, MemoryUse::Fills)?;
                self.argument_alignment(value, size, aligned)
            }
            ArgKind::FixedInOut { size, aligned } => {
                self.helper_memory(state, told, reg, value, size, MemoryUse::Changes)?;
                self.argument_alignment(value, size, aligned)
            }
            ArgKind::Callback => {
                if let Some(Pointer::Function(entry)) = value.as_pointer() {
                    told.callback = Some(Pc(entry));
                }
                Ok(())
            }
            ArgKind::Stack => {
                told.caller_context = Some(*value);
                Ok(())
            }
            ArgKind::AllocSize => {
                let Some(size) = value.as_constant() else {
                    return Err(Fault::ArgumentNotConstant { reg }.into());
                };
                // Linux keeps the lower half: a size of 2^32 gives memory of no bytes.
                self.relies_on(state, reg);
                told.alloc_size = Some(size as u32);
                Ok(())
            }
        }
    }

    /// A pointer to a pointer that owns its object.
    fn kptr_argument(&self, reg: Reg, value: &Value) -> Check<Kptr> {
        let n = reg.number();
        let refuse = |kernel: String| Err(Fault::FieldArgument { reg, field: "kptr", kernel }.into());
        let Some(Pointer::MapValue(map)) = value.as_pointer() else {
            return Err(Stop::unsupported("kptrs in objects"));
        };
        let fields = self.fields(map);
        if *fields == Fields::Untyped {
            let name = &self.map(map)?.name;
            return refuse(format!("map '{name}' has to have BTF in order to use bpf_kptr_xchg"));
        }
        let Some(variable) = value.scalar.as_constant() else {
            return refuse(format!(
                "R{n} doesn't have constant offset. kptr has to be at the constant offset"
            ));
        };
        if fields.record().find(|kind| matches!(kind, FieldKind::Kptr(_))).is_none() {
            return refuse(format!("R{n} has no valid kptr"));
        }
        let off = i64::from(value.off).wrapping_add(variable as i64);
        match fields.record().at(off).map(|field| &field.kind) {
            Some(FieldKind::Kptr(kptr)) if matches!(kptr.kind, KptrKind::Owning | KptrKind::PerCpu) => {
                Ok(*kptr)
            }
            Some(FieldKind::Kptr(_)) => refuse(format!("off={off} kptr isn't referenced kptr")),
            _ => refuse(format!("off={off} doesn't point to kptr")),
        }
    }

    /// A map. A timer that came before must lie in it: its callback gets this very map.
    fn map_argument(&self, reg: Reg, value: &Value, told: &mut Arguments) -> Check {
        let Some(Pointer::Map(map)) = value.as_pointer() else { return Ok(()) };
        if let Some(holder) = told.holder
            && holder != (Holder { map, uid: value.uid })
        {
            return Err(Fault::OtherMap {
                reg,
                what: "timer",
                field: Reg::R1,
                uid: holder.uid,
                map: value.uid,
            }
            .into());
        }
        told.map = Some(map);
        told.map_uid = value.uid;
        Ok(())
    }

    fn argument_alignment(&self, value: &Value, size: u32, aligned: bool) -> Check {
        match value.as_pointer() {
            Some(pointer) if aligned => self.check_alignment(value, pointer, 0, size),
            _ => Ok(()),
        }
    }

    fn argument_map(&self, told: &Arguments) -> Check<&MapDef> {
        match told.map {
            Some(map) => self.map(map),
            None => Err(Fault::Program { kernel: "invalid map_ptr to access map->key".into() }.into()),
        }
    }

    /// A size: not negative, bounded, and the memory before it that large.
    fn check_size(
        &mut self,
        state: &mut State,
        helper: &Helper,
        rule: SizeRule,
        reg: Reg,
        value: &Value,
        told: &mut Arguments,
    ) -> Check {
        let n = reg.number();
        let refuse = |kernel: String| Err(Fault::ArgumentSize { reg, kernel }.into());
        let (umin, umax) = (value.scalar.umin(), value.scalar.umax());
        told.size_max = Some(umax);
        told.size = Some(reg);
        if value.scalar.smin() < 0 {
            return refuse(format!("R{n} min value is negative, either use unsigned or 'var &= const'"));
        }
        if umin == 0 && rule == SizeRule::NonZero {
            return refuse(format!("R{n} invalid zero-sized read: u64=[{umin},{umax}]"));
        }
        if umax >= MAX_VARIABLE_OFFSET {
            return refuse(format!("R{n} unbounded memory access, use 'var &= const' or 'if (var < const)'"));
        }
        self.relies_on(state, reg);
        // The memory is the argument before this one.
        let before = usize::from(n).checked_sub(2);
        let arg = before.and_then(|at| helper.args.get(at)).filter(|arg| is_sized_memory(arg));
        let (Some(arg), Some(memory)) = (arg, before.and_then(|at| ARGUMENTS.get(at))) else { return Ok(()) };
        let pointer = *state.reg(*memory);
        if pointer.is_null() && umax == 0 && rule == SizeRule::ZeroAllowed {
            return Ok(());
        }
        let touch = match arg.kind {
            ArgKind::MemIn => MemoryUse::Reads,
            ArgKind::MemOut | ArgKind::DynptrData if umin == umax => MemoryUse::Fills,
            _ => MemoryUse::Changes,
        };
        self.helper_memory(state, told, *memory, &pointer, umax as u32, touch)
    }

    /// The key, if the verifier knows it and that matters: look-ups in arrays find what surely is there.
    fn known_key(&mut self, state: &State, value: &Value, size: u32, told: &mut Arguments) -> Check {
        let in_array = matches!(self.argument_map(told)?.kind, MapKind::ARRAY | MapKind::PERCPU_ARRAY);
        let Some(Pointer::Stack { frame }) = value.as_pointer().filter(|_| in_array) else { return Ok(()) };
        let Some(variable) = value.scalar.as_constant() else { return Ok(()) };
        let off = i64::from(value.off).saturating_add(variable as i64);
        let Some(stack) = state.frames.get(usize::from(frame)).map(|frame| &frame.stack) else {
            return Ok(());
        };
        if (off..off.saturating_add(i64::from(size))).all(|at| stack.byte(at) == Byte::Zero) {
            told.known_key = Some(0);
            return Ok(());
        }
        let (index, byte) = Stack::locate(off);
        let Some(slot) = stack.slot(index) else { return Ok(()) };
        // From the key to the end of what was spilled, which may begin before it: then Linux takes the whole number for the
        // key, and is right in that the array has such an entry.
        if slot.spill_size().checked_sub(byte) == Some(size as usize) {
            told.known_key = slot.spilled.as_constant();
            if told.known_key.is_some() {
                self.relies_on_slot(frame, index as u8);
            }
        }
        Ok(())
    }

    /// Memory that a helper reads or writes.
    #[allow(clippy::too_many_arguments, reason = "an access, and where it is")]
    pub(super) fn helper_memory(
        &mut self,
        state: &mut State,
        told: &Arguments,
        reg: Reg,
        value: &Value,
        size: u32,
        touch: MemoryUse,
    ) -> Check {
        let (off, direction) = (i64::from(value.off), touch.direction());
        match value.as_pointer() {
            Some(Pointer::Stack { frame }) => {
                self.stack_for_helper(state, told.pc, reg, value, frame, size, touch)
            }
            Some(Pointer::Packet(range) | Pointer::PacketMeta(range)) => {
                self.packet_bytes(reg, value, range, off, size)
            }
            Some(Pointer::MapValue(map)) => self.map_value_bytes(reg, value, map, off, size, direction),
            Some(Pointer::MapKey(_)) if direction == Direction::Write => {
                Err(Fault::ReadOnly { reg, found: value.type_name() }.into())
            }
            Some(Pointer::MapKey(map)) => {
                let key_size = self.map(map)?.key_size;
                self.region_bytes(reg, value, off, size, key_size)
            }
            Some(Pointer::Memory(memory)) => {
                if memory.read_only && direction == Direction::Write {
                    return Err(Fault::ReadOnly { reg, found: value.type_name() }.into());
                }
                self.region_bytes(reg, value, off, size, memory.size)
            }
            Some(Pointer::Buffer { read_only }) => {
                self.buffer_bytes(reg, value, off, size, direction, read_only, "")
            }
            Some(Pointer::Object(object)) => {
                self.object_access(state, reg, value, object, off, size, direction).map(|_| ())
            }
            _ => {
                let (found, expected) = (value.type_name(), "fp".to_string());
                Err(Fault::ArgumentType { reg, found, expected }.into())
            }
        }
    }
}

/// What a pointer that goes into a map's value may be, beside allocated.
const KPTR_OBJECTS: [Flags; 4] = [Flags::NONE, Flags::TRUSTED, Flags::RCU, Flags::PER_CPU];

fn is_packet_bytes(value: &Value) -> bool {
    matches!(value.as_pointer(), Some(Pointer::Packet(_) | Pointer::PacketMeta(_)))
}

impl Walk<'_> {
    /// Whether the value's type is one that the argument takes.
    fn matches_kind(&self, arg: &Arg, value: &Value) -> bool {
        if value.nullable && !arg.nullable {
            return false;
        }
        let pointer = match value.kind {
            Kind::Pointer(pointer) => pointer,
            Kind::Scalar => {
                return matches!(arg.kind, ArgKind::Scalar | ArgKind::Size(_) | ArgKind::AllocSize);
            }
            Kind::Uninit | Kind::StackObject(_) => return false,
        };
        match arg.kind {
            ArgKind::Context => pointer == Pointer::Context,
            ArgKind::Map => matches!(pointer, Pointer::Map(_)),
            ArgKind::MapKey
            | ArgKind::MapValue
            | ArgKind::MapValueOut
            | ArgKind::MemIn
            | ArgKind::MemOut
            | ArgKind::MemInOut
            | ArgKind::DynptrData
            | ArgKind::FixedIn { .. }
            | ArgKind::FixedOut { .. }
            | ArgKind::FixedInOut { .. } => match pointer {
                // Read-only memory is for arguments that promise to read only.
                Pointer::Memory(memory) => {
                    let reads_only = matches!(arg.kind, ArgKind::MemIn | ArgKind::FixedIn { .. });
                    !memory.untrusted && (!memory.read_only || reads_only)
                }
                Pointer::Stack { .. }
                | Pointer::Packet(_)
                | Pointer::PacketMeta(_)
                | Pointer::MapKey(_)
                | Pointer::MapValue(_)
                | Pointer::Buffer { read_only: false } => true,
                Pointer::Buffer { read_only: true } => {
                    matches!(arg.kind, ArgKind::MemIn | ArgKind::FixedIn { .. })
                }
                Pointer::Object(object) => {
                    object.flags == Flags::TRUSTED && self.release.has(Rule::TrustedPointers)
                }
                _ => false,
            },
            ArgKind::SockCommon => matches!(pointer, Pointer::Socket(_)),
            ArgKind::BtfSockCommon => match pointer {
                Pointer::Object(object) => is_readable_object(object),
                pointer => matches!(pointer, Pointer::Socket(_)),
            },
            ArgKind::Socket => pointer == Pointer::Socket(SockKind::Sock),
            ArgKind::ConstStr => matches!(pointer, Pointer::MapValue(_)),
            ArgKind::Callback => matches!(pointer, Pointer::Function(_)),
            ArgKind::Stack => matches!(pointer, Pointer::Stack { .. }),
            ArgKind::Dynptr { .. } => matches!(pointer, Pointer::Stack { .. } | Pointer::Dynptr(_)),
            ArgKind::RingbufRecord => matches!(pointer, Pointer::Memory(memory) if memory.record),
            ArgKind::Btf(_) => matches!(pointer, Pointer::Object(object) if takes_object(object)),
            ArgKind::PercpuBtf => matches!(pointer, Pointer::Object(object) if takes_per_cpu(object)),
            ArgKind::Timer => matches!(pointer, Pointer::MapValue(_)),
            ArgKind::SpinLock | ArgKind::Kptr => match pointer {
                Pointer::Object(object) => object.flags == Flags::ALLOCATED,
                pointer => matches!(pointer, Pointer::MapValue(_)),
            },
            ArgKind::KptrObject => match pointer {
                Pointer::Object(object) => KPTR_OBJECTS.contains(&object.flags.without(Flags::ALLOCATED)),
                _ => false,
            },
            ArgKind::Scalar | ArgKind::Size(_) | ArgKind::AllocSize => false,
            // Kinds that are not modelled are refused as such where their contents are checked.
            _ => true,
        }
    }
}
