//! Every way in which a program is refused.
//!
//! A variant carries what went wrong as data; its `Display` is the line with which Linux 6.18 ends its log, so that
//! people can search for it. [`Fault::code`] gives Belay's stable code; the wording for users is the business of
//! `belay-diagnostics`.

use belay_isa::{Pc, Reg};
use thiserror::Error;

use crate::value::{Ghost, RefId};

/// A stable code, `S0101`; each has a page in `belay explain`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Code(pub &'static str);

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// Where a path may not go on while something is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leave {
    /// The end of the program.
    Exit,
    /// `bpf_tail_call`.
    TailCall,
    /// `LD_ABS` or `LD_IND`.
    PacketLoad,
    /// `bpf_throw`.
    Throw,
}

impl std::fmt::Display for Leave {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Leave::Exit => "BPF_EXIT instruction in main prog",
            Leave::TailCall => "tail_call",
            Leave::PacketLoad => "BPF_LD_[ABS|IND]",
            Leave::Throw => "bpf_throw",
        })
    }
}

/// What may not happen while a lock is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forbidden {
    /// Leaving the program, or what may leave it.
    Leaving(Leave),
    /// A call of a helper or kernel function.
    Call,
    /// A call of a global function.
    GlobalCall,
    /// The end of a called function.
    Returning,
    /// Another lock.
    SecondLock,
    /// The same lock again.
    SameLock,
}

impl std::fmt::Display for Forbidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Forbidden::Leaving(leave) => write!(f, "{leave} cannot be used inside bpf_spin_lock-ed region"),
            Forbidden::Call => f.write_str("function calls are not allowed while holding a lock"),
            // (The second line of "global function calls are not allowed while holding a lock,".)
            Forbidden::GlobalCall => f.write_str("use static function instead"),
            Forbidden::Returning => f.write_str("bpf_spin_unlock is missing"),
            Forbidden::SecondLock => f.write_str("Locking two bpf_spin_locks are not allowed"),
            Forbidden::SameLock => f.write_str("Acquiring the same lock again, AA deadlock detected"),
        }
    }
}

/// Direction of an access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// A load.
    Read,
    /// A store.
    Write,
}

impl std::fmt::Display for Direction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Direction::Read => "read from",
            Direction::Write => "write to",
        })
    }
}

/// Which bound of a region an access breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// The offset may be negative.
    Negative,
    /// The lowest address lies outside.
    Min,
    /// The highest address lies outside.
    Max,
    /// The offset has no useful upper bound.
    Unbounded,
}

/// Why a program is refused.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[allow(missing_docs, reason = "field names say what they hold; offsets and sizes are in bytes")]
pub enum Fault {
    // -- references ------------------------------------------------------------------------------------------
    /// Something is still held where the path leaves the program.
    #[error("{leave} would lead to reference leak")]
    Leak { reference: RefId, acquired_at: Pc, leave: Leave },
    /// A released reference is released again.
    #[error("{kernel}")]
    DoubleRelease { reg: Reg, reference: RefId, kernel: String },
    /// A pointer that may be NULL is used.
    #[error("{kernel}")]
    MaybeNullArgument { reg: Reg, found: String, releases: bool, kernel: String },
    /// A pointer that may be NULL is followed.
    #[error("R{} invalid mem access '{found}'", reg.number())]
    MaybeNullAccess { reg: Reg, found: String },
    /// A pointer is used that a call took away.
    #[error("{kernel}")]
    UseAfter { reg: Reg, ghost: Ghost, kernel: String },
    /// A borrowed pointer is passed to a releasing call.
    #[error("{kernel}")]
    NotOwned { reg: Reg, found: String, kernel: String },
    /// Arithmetic on a pointer that allows none.
    #[error("R{} pointer arithmetic on {found} prohibited", reg.number())]
    PointerArithmetic { reg: Reg, found: String },
    /// Arithmetic on a pointer that may be NULL.
    #[error("R{} pointer arithmetic on {found} prohibited, null-check it first", reg.number())]
    NullableArithmetic { reg: Reg, found: String },
    /// A store through a pointer to something read-only.
    #[error("R{} cannot write into {found}", reg.number())]
    ReadOnly { reg: Reg, found: String },
    /// No such field of a socket, or not at this width.
    #[error("R{} invalid {found} access off={off} size={size}", reg.number())]
    SocketField { reg: Reg, found: String, off: i64, size: u32 },
    /// Two references in one call.
    #[error("more than one arg with ref_obj_id R{} {second} {first}", reg.number())]
    TwoReferences { reg: Reg, first: RefId, second: RefId },

    /// A dynptr that holds a reference is overwritten.
    #[error("cannot overwrite referenced dynptr")]
    DynptrOverwritten { reference: RefId },
    /// A dynptr that holds nothing is passed to a releasing call.
    #[error("{kernel}")]
    DynptrNotOwned { reg: Reg, kernel: String },
    /// A place in a kernel structure that is no field, or not at this width.
    #[error("{kernel}")]
    ObjectField { reg: Reg, kernel: String },
    /// A place in a buffer that is not known, or lies before it.
    #[error("{kernel}")]
    BufferPlace { reg: Reg, kernel: String },
    /// A store into a kernel structure where none is allowed.
    #[error("{kernel}")]
    ObjectReadOnly { reg: Reg, kernel: String },
    /// A kernel structure is read by a program whose licence is not compatible with the GPL.
    #[error("Cannot access kernel 'struct {structure}' from non-GPL compatible program")]
    ObjectLicence { structure: String },
    /// An argument is a kernel structure of the wrong type.
    #[error("R{} is of type {found} but {expected} is expected", reg.number())]
    ObjectType { reg: Reg, found: String, expected: String },
    // -- locks and other fields for calls ------------------------------------------------------------------------
    /// Something happens that may not happen while a lock is held.
    #[error("{what}")]
    Locked { lock: RefId, acquired_at: Pc, what: Forbidden },
    /// A lock is let go that is not held, or not the last one taken.
    #[error("{kernel}")]
    Unlock { reg: Reg, kernel: String },
    /// An argument that must point to a lock, a timer or the like does not.
    #[error("{kernel}")]
    FieldArgument { reg: Reg, field: &'static str, kernel: String },
    /// A timer belongs to another map than the one that is passed with it.
    #[error("{what} pointer in {field} map_uid={uid} doesn't match map pointer in {reg} map_uid={map}",
        field = field_name(field), reg = field_name(reg))]
    OtherMap { reg: Reg, what: &'static str, field: Reg, uid: u32, map: u32 },
    /// A pointer in a map's value is loaded or stored in a way that its kind does not allow.
    #[error("{kernel}")]
    KptrAccess { reg: Reg, kernel: String },

    // -- registers -------------------------------------------------------------------------------------------
    /// A register is read that holds nothing.
    #[error("R{} !read_ok", reg.number())]
    Unreadable { reg: Reg },
    /// The frame pointer is written.
    #[error("frame pointer is read only")]
    FramePointer,
    /// 32-bit arithmetic on a pointer.
    #[error("R{} 32-bit pointer arithmetic prohibited", reg.number())]
    Pointer32 { reg: Reg },
    /// An operator that pointers do not allow.
    #[error("R{} {what} prohibited", reg.number())]
    PointerOperator { reg: Reg, what: String },
    /// The result of pointer arithmetic may lie anywhere.
    #[error("{kernel}")]
    PointerRange { reg: Reg, kernel: String },
    /// Division by the constant zero.
    #[error("div by zero")]
    DivisionByZero,
    /// A shift by a constant that is not below the width.
    #[error("invalid shift {amount}")]
    Shift { amount: i32 },

    // -- memory ----------------------------------------------------------------------------------------------
    /// What is followed is no pointer to memory.
    #[error("R{} invalid mem access '{found}'", reg.number())]
    NotMemory { reg: Reg, found: String },
    /// A map itself is written, not a value in it.
    #[error("only read from {structure} is supported")]
    MapWritten { reg: Reg, structure: &'static str },
    /// Outside the stack frame.
    #[error("invalid {direction} stack R{} off={off} size={size}", reg.number())]
    StackBounds { reg: Reg, direction: Direction, off: i64, size: u32 },
    /// A variable offset into the stack may lie outside.
    #[error("invalid {}variable-offset {direction} stack R{}{kernel}", if *unbounded { "unbounded " } else { "" }, reg.number())]
    StackVariable { reg: Reg, unbounded: bool, direction: Direction, kernel: String },
    /// A pointer is spilled at a width other than eight.
    #[error("invalid size of register spill")]
    SpillSize { reg: Reg },
    /// A part of a spilled pointer is read.
    #[error("invalid size of register fill")]
    FillSize,
    /// A pointer to this frame is put into the caller's.
    #[error("cannot spill pointers to stack into stack frame of the caller")]
    StackPointerEscapes,
    /// A pointer to the callee's frame is returned.
    #[error("cannot return stack pointer to the caller")]
    StackPointerReturned,
    /// Bytes of an object that lives on the stack are loaded, or filled by a call.
    #[error("{kernel}")]
    ObjectBytes { direction: Direction, kernel: String },
    /// Not aligned where alignment is required.
    #[error("misaligned {what}access off {off} size {size}")]
    Misaligned { what: &'static str, off: String, size: u32 },
    /// Outside the bytes of the packet that were checked.
    #[error("R{} offset is outside of the packet", reg.number())]
    PacketBounds { reg: Reg, off: i64, size: u32, range: Option<u32> },
    /// Packet bytes may not be written at this hook.
    #[error("cannot write into packet")]
    PacketReadOnly { reg: Reg },
    /// A slice that may be written is asked for where packets may not be.
    #[error("the prog does not allow writes to packet data")]
    SliceReadOnly,
    /// A helper at this hook may not touch packet bytes.
    #[error("helper access to the packet is not allowed")]
    PacketToHelper { reg: Reg },
    /// Outside a region: map value, key, record.
    #[error("{}", region_bounds(*reg, *bound))]
    RegionBounds { reg: Reg, found: String, bound: Bound, off: i64, size: u32, region: u32 },
    /// No such field of the context, or not at this width, or not in this direction.
    #[error("invalid bpf_context access off={off} size={size}")]
    ContextField { off: i64, size: u32, direction: Direction },
    /// A context pointer with an offset is followed or passed on.
    #[error("{kernel}")]
    PointerOffset { reg: Reg, found: String, kernel: String },
    /// A map that is read-only or write-only for programs.
    #[error("{}", if *direction == Direction::Write { "write into map forbidden" } else { "read from map forbidden" })]
    MapAccess { map: String, direction: Direction },
    /// A lock, a timer or the like in a map's value is loaded or stored.
    #[error("{name} cannot be accessed directly by load/store")]
    SpecialField { name: &'static str },
    /// An atomic operation on memory that allows none.
    #[error("BPF_ATOMIC {action} R{} {found} is not allowed", reg.number())]
    AtomicTarget { reg: Reg, action: &'static str, found: String },
    /// One instruction follows pointers that need different code.
    #[error("same insn cannot be used with different pointers")]
    MixedPointers { reg: Reg },

    // -- calls -----------------------------------------------------------------------------------------------
    /// No helper of that number.
    #[error("invalid func unknown#{id}")]
    UnknownHelper { id: i32 },
    /// The helper is not for this hook.
    #[error("program of this type cannot use helper {name}#{id}")]
    HelperNotAllowed { name: &'static str, id: u32 },
    /// The helper is for GPL-compatible programs.
    #[error("cannot call GPL-restricted function from non-GPL compatible program")]
    HelperGpl { name: &'static str },
    /// The helper may sleep, the program may not.
    #[error("helper call might sleep in a non-sleepable prog")]
    HelperSleeps { name: &'static str },
    /// An argument is of the wrong type.
    #[error("R{} type={found} expected={expected}", reg.number())]
    ArgumentType { reg: Reg, found: String, expected: String },
    /// A size argument is out of bounds.
    #[error("{kernel}")]
    ArgumentSize { reg: Reg, kernel: String },
    /// An argument that must be a constant is not.
    #[error("R{} is not a known constant'", reg.number())]
    ArgumentNotConstant { reg: Reg },
    /// An object on the stack cannot be where the argument points, `misplaced`, or is not there.
    #[error("{kernel}")]
    NoObject { reg: Reg, kernel: String, misplaced: Option<String> },
    /// An object is to be made on the stack where it cannot lie, `misplaced`, or where there is one already.
    #[error("{kernel}")]
    NoRoomForObject { reg: Reg, kernel: String, misplaced: Option<String> },
    /// A dynptr of another kind, or one that may not be changed.
    #[error("{kernel}")]
    DynptrKind { reg: Reg, kernel: String },
    /// The data of a dynptr are to lie where they cannot.
    #[error("Unsupported reg type {found} for bpf_dynptr_from_mem data")]
    DynptrData { found: String },
    /// A string that must be known at verification is not.
    #[error("{kernel}")]
    ConstantString { reg: Reg, kernel: String },
    /// A format that Linux does not print, or that does not fit its values.
    #[error("{kernel}")]
    Format { kernel: String },
    /// An argument is not what the type of a global function says.
    #[error("{kernel}")]
    GlobalArgument { reg: Reg, kernel: String },
    /// The kernel function is not for this hook.
    #[error("{kernel}")]
    KfuncNotAllowed { kernel: String },
    /// The kernel function may sleep, the program may not.
    #[error("{kernel}")]
    KfuncSleeps { kernel: String },
    /// An argument is not what the type of a kernel function says.
    #[error("{kernel}")]
    KfuncArgument { reg: Reg, kernel: String },
    /// A section (RCU, preemption) is not closed, not opened, or does not allow the call.
    #[error("{kernel}")]
    Section { kernel: String },
    /// A map of the wrong kind.
    #[error("cannot pass map_type {kind} into func {name}#{id}")]
    MapKind { kind: u32, name: &'static str, id: u32 },
    /// Too many frames.
    /// `walked`: a path got there; else a chain of calls could.
    #[error("the call stack of {frames} frames is too deep{}", if *walked { "" } else { " !" })]
    CallDepth { frames: usize, walked: bool },
    /// The frames of a chain of calls take too much stack.
    #[error("combined stack size of {calls} calls is {size}. Too large")]
    StackTotal { calls: usize, size: u32 },
    /// A tail call below a frame that takes too much stack.
    #[error("tail_calls are not allowed when call stack of previous frames is {size} bytes. Too large")]
    TailCallStack { size: u32 },
    /// `LD_ABS` or `LD_IND` at a hook that has no socket buffer.
    #[error("BPF_LD_[ABS|IND] instructions not allowed for this program type")]
    PacketLoadHook,
    /// `LD_ABS` or `LD_IND` without the context in `r6`.
    #[error("at the time of BPF_LD_ABS|IND R6 != pointer to skb")]
    PacketLoadContext,

    /// `bpf_throw` in a function that something calls back: nothing could unwind it.
    #[error("bpf_throw kfunc (insn {pc}) cannot be called from callback subprog {function}")]
    ThrowInCallback { pc: Pc, function: usize },
    /// The function that catches exceptions is called.
    #[error("insn {pc} cannot call exception cb directly")]
    ExceptionCallbackCalled { pc: Pc },

    // -- the program as a whole ------------------------------------------------------------------------------
    /// An instruction that does not decode.
    #[error("{kernel}")]
    Decode { at: Pc, kernel: String },
    /// No instructions.
    #[error("no instructions")]
    Empty,
    /// A jump that leaves its function.
    #[error("jump out of range from insn {from} to {to}")]
    JumpRange { from: Pc, to: i64 },
    /// A jump into the second slot of an `LD_IMM64`.
    #[error("jump into the middle of ldimm64 insn {to}")]
    JumpMiddle { to: Pc },
    /// A function that does not end in a jump or an exit.
    #[error("last insn is not an exit or jmp")]
    FallsThrough,
    /// An instruction that no path reaches.
    #[error("unreachable insn {pc}")]
    Unreachable { pc: Pc },
    /// A loop that does not change anything.
    #[error("infinite loop detected at insn {pc}")]
    InfiniteLoop { pc: Pc },
    /// More work than the limit.
    #[error("BPF program is too large. Processed {processed} insn")]
    TooComplex { processed: u64 },
    /// More pending branches than the limit.
    #[error("The sequence of {pending} jumps is too complex.")]
    TooManyBranches { pending: usize },
    /// The value returned is out of the hook's range.
    #[error("At {at} the register R{} has {kernel} should have been in [{min}, {max}]", reg.number())]
    ReturnRange { reg: Reg, at: &'static str, kernel: String, min: i32, max: i32 },
    /// What is returned is no number.
    #[error("At {at} the register R{} is not a known value ({found})", reg.number())]
    ReturnPointer { reg: Reg, at: &'static str, found: String },
    /// The program misses what its hook or maps demand.
    #[error("{kernel}")]
    Program { kernel: String },
}

fn field_name(reg: &Reg) -> String {
    format!("R{}", reg.number())
}

fn region_bounds(reg: Reg, bound: Bound) -> String {
    let n = reg.number();
    match bound {
        Bound::Negative => {
            format!("R{n} min value is negative, either use unsigned index or do a if (index >=0) check.")
        }
        Bound::Min => format!("R{n} min value is outside of the allowed memory range"),
        Bound::Max => format!("R{n} max value is outside of the allowed memory range"),
        Bound::Unbounded => {
            format!("R{n} unbounded memory access, make sure to bounds check any such access")
        }
    }
}

impl Fault {
    /// The obligation that was broken, if that is the fault.
    pub fn reference(&self) -> Option<RefId> {
        match self {
            Fault::Leak { reference, .. } | Fault::DoubleRelease { reference, .. } => Some(*reference),
            Fault::Locked { lock, .. } => Some(*lock),
            Fault::UseAfter { ghost: Ghost::Owner(reference) | Ghost::View(reference), .. } => {
                Some(*reference)
            }
            _ => None,
        }
    }

    /// Belay's stable code. A leak is `S0101` here; the replay tells `S0102` (the last copy was overwritten) apart.
    pub fn code(&self) -> Code {
        Code(match self {
            Fault::Leak { leave: Leave::Exit, .. } => "S0101",
            Fault::Leak { leave: Leave::TailCall, .. } => "S0108",
            Fault::Leak { leave: Leave::PacketLoad, .. } => "S0109",
            Fault::Leak { leave: Leave::Throw, .. } => "S0120",
            Fault::DoubleRelease { .. } => "S0103",
            Fault::MaybeNullArgument { .. } | Fault::MaybeNullAccess { .. } => "S0104",
            Fault::UseAfter { ghost: Ghost::View(_), .. } => "S0106",
            Fault::UseAfter { ghost: Ghost::Packet, .. } => "M0208",
            Fault::UseAfter { .. } => "S0105",
            Fault::NotOwned { .. } => "S0107",
            Fault::PointerArithmetic { .. } | Fault::NullableArithmetic { .. } => "S0110",
            Fault::ReadOnly { .. } => "S0111",
            Fault::SocketField { .. } => "S0112",
            Fault::TwoReferences { .. } => "S0115",
            Fault::DynptrOverwritten { .. } => "S0116",
            Fault::DynptrNotOwned { .. } => "S0107",
            Fault::Section { .. } => "S0117",

            Fault::ObjectField { .. } => "T0701",
            Fault::ObjectReadOnly { .. } => "T0702",
            Fault::ObjectLicence { .. } => "T0703",
            Fault::ObjectType { .. } => "T0704",

            Fault::Locked { what: Forbidden::Leaving(_), .. } => "L0701",
            Fault::Locked { .. } => "L0702",
            Fault::Unlock { .. } => "L0703",
            Fault::FieldArgument { .. } => "O0801",
            Fault::OtherMap { .. } => "O0802",
            Fault::KptrAccess { .. } => "O0803",

            Fault::Unreadable { .. } => "R0301",
            Fault::FramePointer => "R0302",
            Fault::Pointer32 { .. } | Fault::PointerOperator { .. } => "R0303",
            Fault::PointerRange { .. } => "R0304",
            Fault::DivisionByZero | Fault::Shift { .. } => "R0305",

            Fault::StackBounds { .. } | Fault::StackVariable { .. } => "M0201",
            Fault::SpillSize { .. } | Fault::FillSize => "M0203",
            Fault::StackPointerEscapes | Fault::StackPointerReturned => "M0204",
            Fault::PacketBounds { .. } => "M0205",
            Fault::PacketReadOnly { .. } | Fault::SliceReadOnly | Fault::PacketToHelper { .. } => "M0206",
            Fault::RegionBounds { .. } => "M0207",
            Fault::ContextField { .. } => "M0209",
            Fault::PointerOffset { .. } | Fault::BufferPlace { .. } => "M0210",
            Fault::NotMemory { .. } | Fault::MapWritten { .. } => "M0211",
            Fault::MapAccess { .. } | Fault::SpecialField { .. } => "M0212",
            Fault::Misaligned { .. } => "M0213",
            Fault::AtomicTarget { .. } => "M0214",
            Fault::MixedPointers { .. } => "M0215",
            Fault::ObjectBytes { .. } => "M0216",

            Fault::UnknownHelper { .. } | Fault::HelperNotAllowed { .. } | Fault::KfuncNotAllowed { .. } => {
                "C0401"
            }
            Fault::HelperGpl { .. } | Fault::HelperSleeps { .. } | Fault::KfuncSleeps { .. } => "C0402",
            Fault::ArgumentType { .. } | Fault::GlobalArgument { .. } | Fault::KfuncArgument { .. } => {
                "C0403"
            }
            Fault::ArgumentSize { .. } | Fault::ArgumentNotConstant { .. } => "C0404",
            Fault::NoObject { misplaced: Some(_), .. }
            | Fault::NoRoomForObject { misplaced: Some(_), .. } => "M0217",
            Fault::NoObject { .. } | Fault::NoRoomForObject { .. } => "C0409",

            Fault::ConstantString { .. } => "C0412",
            Fault::Format { .. } => "C0413",
            Fault::DynptrKind { .. } | Fault::DynptrData { .. } => "C0411",
            Fault::MapKind { .. } => "C0405",
            Fault::CallDepth { .. } | Fault::StackTotal { .. } | Fault::TailCallStack { .. } => "C0406",
            Fault::PacketLoadHook | Fault::PacketLoadContext => "C0408",
            Fault::ThrowInCallback { .. } | Fault::ExceptionCallbackCalled { .. } => "C0420",

            Fault::Decode { .. } | Fault::Empty => "F0501",
            Fault::JumpRange { .. } | Fault::JumpMiddle { .. } => "F0502",
            Fault::FallsThrough => "F0503",
            Fault::Unreachable { .. } => "F0504",
            Fault::InfiniteLoop { .. } => "F0505",
            Fault::TooComplex { .. } | Fault::TooManyBranches { .. } => "F0506",

            Fault::ReturnRange { .. } | Fault::ReturnPointer { .. } => "P0601",
            Fault::Program { .. } => "P0602",
        })
    }
}

/// Why verification stopped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// The program is refused.
    Fault(Box<Fault>),
    /// The program uses something that Belay does not model yet: no verdict.
    Unsupported(String),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Fault(Box::new(fault))
    }
}

impl Stop {
    /// No verdict, because of this.
    pub(crate) fn unsupported(what: impl Into<String>) -> Stop {
        Stop::Unsupported(what.into())
    }
}

/// The result of a check.
pub(crate) type Check<T = ()> = Result<T, Stop>;
