//! What a register or a stack slot holds.
//!
//! A [`Value`] is a number ([`Kind::Scalar`]), a pointer, or nothing that may be read. Of a pointer, `off` is the
//! constant part of its offset and `scalar` the variable part, as in Linux. Three ids tie values to each other:
//!
//! - `id` links values that are known to be the same: equal numbers, copies of one pointer that is not yet
//!   checked for NULL, packet pointers that share a variable part;
//! - `reference` names the obligation that the pointer carries;
//! - `ghost` names what the value *was* before a call took it away. It changes no verdict; it tells a use after
//!   release from a plain mistake.

use std::fmt;

use belay_isa::Reg;
use belay_spec::SockKind;

use crate::object::{DynptrSource, Flags, Object, StackObject};
use crate::scalar::Scalar;

/// Ties values together; 0 is "not tied".
pub(crate) type Id = u32;

/// Identifies a reference on one path; shown to users as `#1`, `#2` in the order of acquisition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RefId(pub u32);

impl fmt::Display for RefId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many bytes behind a packet pointer are known to be there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PacketRange {
    /// At least this many, counted from the pointer's variable part.
    Known(u32),
    /// The pointer is known to equal the end of the packet, or to lie behind it.
    AtEnd,
    /// The pointer is known to lie behind the end of the packet.
    BeyondEnd,
}

/// What a pointer points to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pointer {
    /// The context.
    Context,
    /// The stack of the frame with that index.
    Stack {
        /// Index in the call stack, 0 for the entry.
        frame: u8,
    },
    /// Packet bytes.
    Packet(PacketRange),
    /// Metadata before the packet.
    PacketMeta(PacketRange),
    /// End of the packet; only compared, never followed.
    PacketEnd,
    /// The map of that index itself.
    Map(u32),
    /// The value of the map of that index.
    MapValue(u32),
    /// The key of the map of that index, in a callback.
    MapKey(u32),
    /// Memory that a call handed out.
    Memory(Memory),
    /// A dynptr that the program may use but not change: of a callback, or of a global function's argument. The value's
    /// id names it.
    Dynptr(DynptrSource),
    /// A view of a socket.
    Socket(SockKind),
    /// An object of a kernel's or the program's own type.
    Object(Object),
    /// `struct bpf_flow_keys`.
    FlowKeys,
    /// Buffer of a writable raw tracepoint.
    TracepointBuffer,
    /// A key or value that an iterator hands out; its size is checked when the program attaches.
    Buffer {
        /// Whether it may only be read.
        read_only: bool,
    },
    /// Somewhere in the program's arena. Where does not matter: no offset is kept, and `scalar` is unknown.
    Arena,
    /// A function of this program.
    Function(u32),
}

/// Memory that a call handed out.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Memory {
    /// Its size in bytes.
    pub(crate) size: u32,
    /// Whether it is a ring-buffer record, which only the ring-buffer helpers release.
    pub(crate) record: bool,
    /// Whether it may only be read.
    pub(crate) read_only: bool,
    /// Whether it may lie anywhere, of any size: loads that fault read as zero, nothing else is allowed.
    pub(crate) untrusted: bool,
    /// The dynptr of which it is a slice.
    pub(crate) slice: Option<Slice>,
}

impl Memory {
    /// Plain memory of that size.
    pub(crate) fn of(size: u32) -> Memory {
        Memory { size, ..Memory::default() }
    }
}

/// What ties memory to the dynptr of which it is a slice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Slice {
    /// The dynptr's id.
    pub(crate) dynptr: Id,
    /// Whether it may lie in a packet: it dies when that may move.
    pub(crate) packet: bool,
    /// Whether it dies when its dynptr is overwritten: not if a kernel function gave it (measured on 6.18).
    pub(crate) bound: bool,
}

/// Number, pointer or nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Never written, or taken away by a call: must not be read.
    Uninit,
    /// A number.
    Scalar,
    /// A pointer.
    Pointer(Pointer),
    /// An object that lives on the stack; only in a slot.
    StackObject(StackObject),
}

/// What a value was before a call took it away.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Ghost {
    /// Nothing of interest.
    #[default]
    None,
    /// A pointer that carried this reference.
    Owner(RefId),
    /// Another view of the object of this reference (`bpf_tcp_sock`, `bpf_sk_fullsock`).
    View(RefId),
    /// A packet pointer, before the packet moved.
    Packet,
}

/// How `id` ties a number to others.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Tie {
    /// They are the same.
    #[default]
    Equal,
    /// It exceeds its base by `off`.
    Sum,
    /// The same, computed in 32 bits.
    Sum32,
}

impl Tie {
    /// Whether it is at a distance from its base.
    pub(crate) fn is_sum(self) -> bool {
        self != Tie::Equal
    }
}

/// What a register or a stack slot holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value {
    /// Number, pointer or nothing.
    pub(crate) kind: Kind,
    /// May be NULL instead.
    pub(crate) nullable: bool,
    /// Constant part of a pointer's offset; of a number, the constant by which it exceeds its linked base.
    pub(crate) off: i32,
    /// The number, or the variable part of a pointer's offset.
    pub(crate) scalar: Scalar,
    /// Ties this value to others.
    pub(crate) id: Id,
    /// Whether `id` ties a number by equality, or at the distance `off`.
    pub(crate) tie: Tie,
    /// The obligation that this pointer carries.
    pub(crate) reference: Option<RefId>,
    /// What it was.
    pub(crate) ghost: Ghost,
    /// Which map it is, or which map's value, of those that came out of a map of maps; 0 for other maps.
    pub(crate) uid: Id,
}

impl Value {
    /// Nothing that may be read.
    pub(crate) fn uninit() -> Value {
        Value {
            kind: Kind::Uninit,
            nullable: false,
            off: 0,
            scalar: Scalar::unknown(),
            id: 0,
            tie: Tie::Equal,
            reference: None,
            ghost: Ghost::None,
            uid: 0,
        }
    }

    /// A number of which this is known.
    pub(crate) fn number(scalar: Scalar) -> Value {
        Value { kind: Kind::Scalar, scalar, ..Value::uninit() }
    }

    /// A number of which nothing is known.
    pub(crate) fn unknown() -> Value {
        Value::number(Scalar::unknown())
    }

    /// A known number.
    pub(crate) fn constant(value: u64) -> Value {
        Value::number(Scalar::constant(value))
    }

    /// A pointer to the start of something.
    pub(crate) fn pointer(pointer: Pointer) -> Value {
        Value { kind: Kind::Pointer(pointer), scalar: Scalar::constant(0), ..Value::uninit() }
    }

    /// The same, but NULL is possible too; copies share `id`, so that checking one checks all.
    pub(crate) fn maybe(self, id: Id) -> Value {
        Value { nullable: true, id, ..self }
    }

    /// What it points to, if it is a pointer.
    pub(crate) fn as_pointer(&self) -> Option<Pointer> {
        match self.kind {
            Kind::Pointer(pointer) => Some(pointer),
            _ => None,
        }
    }

    /// Whether it is a pointer, NULL or not.
    pub(crate) fn is_pointer(&self) -> bool {
        matches!(self.kind, Kind::Pointer(_))
    }

    /// The tie to its dynptr, if it is a slice.
    pub(crate) fn slice(&self) -> Option<Slice> {
        match self.kind {
            Kind::Pointer(Pointer::Memory(memory)) => memory.slice,
            _ => None,
        }
    }

    /// Whether it is a pointer to an object, NULL or not.
    pub(crate) fn is_object(&self) -> bool {
        matches!(self.kind, Kind::Pointer(Pointer::Object(_)))
    }

    /// Whether a pointer to an object may be relied on: it holds a reference, or is trusted and nothing weakens that.
    pub(crate) fn is_trusted(&self) -> bool {
        if self.reference.is_some() {
            return true;
        }
        let Kind::Pointer(Pointer::Object(object)) = self.kind else { return false };
        let trusted = Flags::TRUSTED | Flags::ALLOCATED;
        object.flags.meets(trusted) && object.flags.without(trusted) == Flags::NONE && !self.nullable
    }

    /// Whether it is a number.
    pub(crate) fn is_scalar(&self) -> bool {
        self.kind == Kind::Scalar
    }

    /// Whether it may be read.
    pub(crate) fn is_init(&self) -> bool {
        self.kind != Kind::Uninit
    }

    /// The number, if it is one and known.
    pub(crate) fn as_constant(&self) -> Option<u64> {
        if self.is_scalar() { self.scalar.as_constant() } else { None }
    }

    /// Whether it is the number zero: NULL.
    pub(crate) fn is_null(&self) -> bool {
        self.as_constant() == Some(0)
    }

    /// Whether it is a pointer into the packet or its metadata, or the end of the packet.
    pub(crate) fn is_packet(&self) -> bool {
        matches!(self.kind, Kind::Pointer(Pointer::Packet(_) | Pointer::PacketMeta(_) | Pointer::PacketEnd))
    }

    /// What remains of it after a call took it away: a number that nobody knows.
    pub(crate) fn taken_away(&self, ghost: Ghost) -> Value {
        Value { ghost, ..Value::unknown() }
    }

    /// The kernel log's name for its type: `scalar`, `sock_or_null`, `map_value`.
    pub(crate) fn type_name(&self) -> String {
        let base = match self.kind {
            Kind::Uninit => "?",
            Kind::Scalar => "scalar",
            Kind::StackObject(_) => "?",
            Kind::Pointer(pointer) => match pointer {
                Pointer::Context => "ctx",
                Pointer::Stack { .. } => "fp",
                Pointer::Packet(_) => "pkt",
                Pointer::PacketMeta(_) => "pkt_meta",
                Pointer::PacketEnd => "pkt_end",
                // What a map of maps gives is called a value until it is checked for NULL.
                Pointer::Map(_) if self.nullable => "map_value",
                Pointer::Map(_) => "map_ptr",
                Pointer::Object(object) => {
                    let nullable = if self.nullable { "or_null_" } else { "" };
                    return format!("{}ptr_{nullable}", object.flags.prefix());
                }
                Pointer::MapValue(_) => "map_value",
                Pointer::MapKey(_) => "map_key",
                Pointer::Memory(Memory { record: true, .. }) => "ringbuf_mem",
                Pointer::Memory(Memory { untrusted: true, .. }) => "rdonly_untrusted_mem",
                Pointer::Memory(Memory { read_only: true, .. }) => "rdonly_mem",
                Pointer::Memory(_) => "mem",
                Pointer::Dynptr(_) => "dynptr_ptr",
                Pointer::Socket(kind) => kind.name(),
                Pointer::FlowKeys => "flow_keys",
                Pointer::TracepointBuffer => "tp_buffer",
                Pointer::Buffer { read_only: true } => "rdonly_buf",
                Pointer::Buffer { read_only: false } => "buf",
                Pointer::Arena => "arena",
                Pointer::Function(_) => "func",
            },
        };
        if self.nullable { format!("{base}_or_null") } else { base.to_string() }
    }
}

/// The eleven registers of a frame.
#[derive(Clone, Debug)]
pub(crate) struct Registers([Value; 11]);

impl Registers {
    /// All unreadable.
    pub(crate) fn uninit() -> Registers {
        Registers([Value::uninit(); 11])
    }

    /// All of them, `r0` first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Reg, &Value)> {
        self.0.iter().enumerate().filter_map(|(n, v)| Some((Reg::new(n as u8)?, v)))
    }

    /// All of them, to change.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.0.iter_mut()
    }
}

impl std::ops::Index<Reg> for Registers {
    type Output = Value;

    fn index(&self, reg: Reg) -> &Value {
        &self.0[reg.index()]
    }
}

impl std::ops::IndexMut<Reg> for Registers {
    fn index_mut(&mut self, reg: Reg) -> &mut Value {
        &mut self.0[reg.index()]
    }
}
