//! What the checked interpreter reports.

use std::fmt;

use belay_isa::{Pc, Reg};
use belay_spec::{Helper, Resource, SockKind};

/// What a pointer points into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A frame of the call stack.
    Stack,
    /// The context.
    Context,
    /// The packet.
    Packet,
    /// The metadata before the packet.
    PacketMeta,
    /// The end of the packet: an address to compare with, not to follow.
    PacketEnd,
    /// A value of the map of that name.
    MapValue(String),
    /// A key of the map of that name.
    MapKey(String),
    /// A ring-buffer record.
    Record,
    /// A socket.
    Socket(SockKind),
    /// A structure of the kernel whose fields Belay does not have.
    Kernel(&'static str),
    /// What a flow dissector found (`bpf_flow_keys`).
    FlowKeys,
    /// The memory that a program without a hook was given.
    Memory,
    /// A piece of a dynptr's memory, or what an iterator stands at.
    Slice,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Stack => f.write_str("the stack"),
            Target::Context => f.write_str("the context"),
            Target::Packet => f.write_str("the packet"),
            Target::PacketMeta => f.write_str("the packet's metadata"),
            Target::PacketEnd => f.write_str("the end of the packet"),
            Target::MapValue(map) => write!(f, "a value of map `{map}`"),
            Target::MapKey(map) => write!(f, "a key of map `{map}`"),
            Target::Record => f.write_str("a ring-buffer record"),
            Target::Socket(kind) => write!(f, "a `{}`", kind.name()),
            Target::Kernel(name) => write!(f, "a `struct {name}`"),
            Target::FlowKeys => f.write_str("the flow keys"),
            Target::Memory => f.write_str("the memory"),
            Target::Slice => f.write_str("a slice"),
        }
    }
}

/// Why what a pointer points to is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The reference was released.
    Released,
    /// A helper may have moved the packet's bytes.
    PacketMoved,
    /// The function whose stack it was returned.
    Returned,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A register is read that nothing was written to.
    UninitialisedRegister(Reg),
    /// Bytes of the stack are read that nothing was written to.
    UninitialisedStack {
        /// The first such byte, from the frame pointer.
        off: i64,
    },
    /// A number is used as an address.
    NotAPointer {
        /// Where it stands.
        register: Reg,
        /// The number.
        value: u64,
    },
    /// NULL is used as an address; `acquired_at` is the call that returned it.
    NullPointer {
        /// Where it stands.
        register: Reg,
    },
    /// An access is not within what the pointer points into.
    OutOfBounds {
        /// What it points into.
        target: Target,
        /// Where the access begins, from the target's start.
        off: i64,
        /// Its size in bytes.
        size: u64,
        /// The target's size in bytes.
        len: u64,
    },
    /// What the pointer points into is gone since `ended_at`.
    UseAfterEnd {
        /// What it pointed into.
        target: Target,
        /// Why it is gone.
        why: Ended,
    },
    /// A store to what can only be read.
    ReadOnly {
        /// What it is.
        target: Target,
    },
    /// The context has no such field for this hook, or not at this width.
    ContextAccess {
        /// The offset.
        off: i64,
        /// The width in bytes.
        size: u32,
    },
    /// The view of a socket has no such field, or not at this width.
    SocketAccess {
        /// The view.
        kind: SockKind,
        /// The offset.
        off: i64,
        /// The width in bytes.
        size: u32,
    },
    /// An atomic access whose address is not a multiple of its size.
    Misaligned {
        /// The width in bytes.
        size: u32,
    },
    /// A write to `r10`.
    FramePointerWritten,
    /// The slot holds no instruction.
    InvalidInstruction,
    /// Execution left the program.
    LeftProgram,
    /// More calls in progress than Linux allows.
    CallDepth,
    /// A helper's argument is not what its signature asks for.
    Argument {
        /// The helper.
        helper: &'static str,
        /// The register.
        register: Reg,
        /// What it must be.
        expected: &'static str,
    },
    /// A kernel function's argument is not what it asks for.
    KfuncArgument {
        /// The function.
        kfunc: &'static str,
        /// The register.
        register: Reg,
        /// What it must be.
        expected: &'static str,
    },
    /// A section is left, or a state restored, that is not the one last entered, or saved.
    Unbalanced {
        /// The kernel function that is called.
        kfunc: &'static str,
    },
    /// The hook may not call this helper, or no kernel has it.
    HelperNotAllowed(i32),
    /// A release of what was released at `ended_at` already.
    DoubleRelease {
        /// What it was.
        target: Target,
    },
    /// A release of something that the program only borrowed.
    NotOwned {
        /// What it is.
        target: Target,
    },
    /// The instruction budget is spent.
    Budget(u64),
    /// The program does what Belay's runtime does not have.
    Unsupported(&'static str),
}

/// Where and why the checked interpreter stopped a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The program: after a tail call not the one that was started.
    pub program: String,
    /// The instruction.
    pub pc: Pc,
    /// What went wrong.
    pub kind: FaultKind,
    /// Where the object concerned was acquired, or the pointer concerned was returned.
    pub acquired_at: Option<Pc>,
    /// Where the object concerned was released, or otherwise ended.
    pub ended_at: Option<Pc>,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FaultKind::UninitialisedRegister(reg) => write!(f, "`{reg}` is read before it is written"),
            FaultKind::UninitialisedStack { off } => {
                write!(f, "the stack at `r10{off:+}` is read before it is written")
            }
            FaultKind::NotAPointer { register, value } => {
                write!(f, "`{register}` is the number {value:#x}, not a pointer")
            }
            FaultKind::NullPointer { register } => write!(f, "`{register}` is NULL"),
            FaultKind::OutOfBounds { target, off, size, len } => {
                write!(f, "{size} bytes at offset {off} of {target}, which has {len}")
            }
            FaultKind::UseAfterEnd { target, why } => match why {
                Ended::Released => write!(f, "{target} is used after its release"),
                Ended::PacketMoved => write!(f, "{target} may have moved since this pointer was loaded"),
                Ended::Returned => write!(f, "{target} of a function that has returned is used"),
            },
            FaultKind::ReadOnly { target } => write!(f, "{target} cannot be written"),
            FaultKind::ContextAccess { off, size } => {
                write!(f, "the context has no field of {size} bytes at offset {off}")
            }
            FaultKind::SocketAccess { kind, off, size } => {
                write!(f, "`{}` has no field of {size} bytes at offset {off}", kind.name())
            }
            FaultKind::Misaligned { size } => write!(f, "an atomic access of {size} bytes is not aligned"),
            FaultKind::FramePointerWritten => f.write_str("`r10` is read-only"),
            FaultKind::InvalidInstruction => f.write_str("this is no instruction"),
            FaultKind::LeftProgram => f.write_str("execution left the program"),
            FaultKind::CallDepth => f.write_str("more than 8 functions are active"),
            FaultKind::KfuncArgument { kfunc, register, expected } => {
                write!(f, "`{kfunc}` wants {expected} in `{register}`")
            }
            FaultKind::Unbalanced { kfunc } => write!(f, "`{kfunc}` without the call that it ends"),
            FaultKind::Argument { helper, register, expected } => {
                write!(f, "`{helper}` wants {expected} in `{register}`")
            }
            FaultKind::HelperNotAllowed(id) => {
                write!(f, "`{}` cannot be called here", HelperName(i64::from(*id)))
            }
            FaultKind::DoubleRelease { target } => write!(f, "{target} is released a second time"),
            FaultKind::NotOwned { target } => {
                write!(f, "{target} is borrowed: only an acquired one may be released")
            }
            FaultKind::Budget(limit) => write!(f, "the program did not end within {limit} instructions"),
            FaultKind::Unsupported(what) => write!(f, "unsupported: {what}"),
        }
    }
}

/// A helper's name, or its number where it has none.
struct HelperName(i64);

impl fmt::Display for HelperName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match u32::try_from(self.0).ok().and_then(Helper::by_id) {
            Some(helper) => f.write_str(helper.name),
            None => write!(f, "helper {}", self.0),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "program `{}`, instruction {}: {}", self.program, self.pc, self.kind)?;
        if let Some(pc) = self.acquired_at {
            write!(f, "; acquired at instruction {pc}")?;
        }
        if let Some(pc) = self.ended_at {
            write!(f, "; ended at instruction {pc}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

/// Where a reference had to be released at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Before the program ended.
    Exit,
    /// Before the tail call.
    TailCall,
    /// Before the callback returned.
    Callback,
}

/// A reference that was still held where it had to be released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// What kind of resource it is.
    pub resource: Resource,
    /// The helper, or kernel function, that acquired it.
    pub by: &'static str,
    /// The program that acquired it.
    pub program: String,
    /// Where it was acquired.
    pub acquired_at: Pc,
    /// By when it had to be released.
    pub due: Due,
    /// The instruction where that was: the last one executed, the tail call, the callback's return.
    pub noticed_at: Pc,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.resource {
            Resource::Socket => "socket",
            Resource::RingbufRecord => "ring-buffer record",
            Resource::RingbufDynptr => "dynptr",
            Resource::Kptr | Resource::Object(_) => "kernel object",
            Resource::LocalObject => "object",
            Resource::Iterator => "iterator",
            Resource::Interrupts => "saved interrupt state",
            Resource::RcuSection => "RCU section",
            Resource::Preemption => "preemption",
            Resource::SpinLock | Resource::ResilientLock { .. } => "lock",
        };
        write!(
            f,
            "program `{}`: {what} from `{}` at instruction {} is still held at instruction {}, {}",
            self.program,
            self.by,
            self.acquired_at,
            self.noticed_at,
            match self.due {
                Due::Exit => "where the program ends",
                Due::TailCall => "where a tail call leaves the program",
                Due::Callback => "where the callback that acquired it returns",
            }
        )
    }
}
