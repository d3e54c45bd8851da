//! The form in which programs are executed: one [`Op`] a slot, with everything resolved that preparation can resolve
//! (jump targets, map addresses, helper bodies, context offsets).

use std::sync::{Arc, Weak};

use belay_isa::{AluOp, AtomicOp, CmpOp, EndianOp, Pc, Reg, Size, Src, Width};
use belay_spec::Release;
use belay_verifier::Kernel;

use crate::context::{Bound, Layout, Sight};
use crate::helpers::Helper;
use crate::jit::Published;
use crate::kfuncs::Kfunc;
use crate::own::OwnHelper;

/// Where a jump leads that leaves the program: no program has a slot of this number.
pub(crate) const OUTSIDE: u32 = u32::MAX;

/// What a 64-bit constant is, for the runner that asks where a pointer came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Constant {
    /// A number.
    Number,
    /// The handle of the map of that index.
    Map(u32),
    /// An address in the value of the map of that index.
    MapValue(u32),
    /// The function that starts at that slot.
    Function(u32),
}

/// Why a slot cannot be executed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Invalid {
    /// No instruction, or reserved fields are set.
    Encoding,
    /// The second slot of an `LD_IMM64`.
    Middle,
    /// Past either end of the program.
    Outside,
    /// A call on a full call stack.
    Depth,
    /// A map index that the object does not have, or a map without a direct value.
    Map,
    /// A helper that no kernel has.
    Helper(i32),
    /// A kernel function that does not run.
    Kfunc,
    /// An instruction that needs what Belay's runtime does not have; an arena, a kernel variable.
    Unsupported(&'static str),
}

/// One executable slot.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Alu {
        op: AluOp,
        width: Width,
        dst: Reg,
        src: Src,
    },
    Neg {
        width: Width,
        dst: Reg,
    },
    Mov {
        width: Width,
        dst: Reg,
        src: Src,
    },
    MovSx {
        width: Width,
        bits: u8,
        dst: Reg,
        src: Reg,
    },
    Endian {
        op: EndianOp,
        bits: u8,
        dst: Reg,
    },
    Load {
        size: Size,
        signed: bool,
        dst: Reg,
        base: Reg,
        off: i32,
    },
    /// A load from an object of the kernel's: 0 if there is none.
    LoadObject {
        size: Size,
        signed: bool,
        dst: Reg,
        base: Reg,
        /// Where the object begins, from what the register holds.
        origin: i32,
        /// Where in it the field is.
        place: i32,
    },
    Store {
        size: Size,
        base: Reg,
        off: i32,
        src: Src,
    },
    /// Stores a register if it is below a limit, and does nothing if not.
    StoreBelow {
        size: Size,
        base: Reg,
        off: i32,
        src: Reg,
        limit: u32,
    },
    Atomic {
        op: AtomicOp,
        size: Size,
        base: Reg,
        off: i32,
        src: Reg,
    },
    LoadAcquire {
        size: Size,
        dst: Reg,
        base: Reg,
        off: i32,
    },
    StoreRelease {
        size: Size,
        base: Reg,
        off: i32,
        src: Reg,
    },
    Const {
        dst: Reg,
        value: u64,
        what: Constant,
    },
    LoadPacket {
        size: Size,
        index: Option<Reg>,
        off: i32,
    },
    Jump {
        to: u32,
    },
    Branch {
        op: CmpOp,
        width: Width,
        dst: Reg,
        src: Src,
        to: u32,
    },
    MayGoto {
        to: u32,
    },
    Call {
        to: u32,
    },
    Helper(&'static Helper),
    /// A kernel function.
    Kfunc(&'static Kfunc),
    /// The own helper of that index in [`Code::own`].
    Own(u32),
    Exit,
    Invalid(Invalid),
}

/// A prepared program. It names its maps by handle and address, so it runs beside the [`crate::Maps`] it was
/// prepared with and no other.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) name: String,
    pub(crate) ops: Box<[Op]>,
    pub(crate) layout: Layout,
    pub(crate) release: Release,
    /// The kernel in whose types the program means fields of objects.
    pub(crate) kernel: Kernel,
    /// What it can see of its context: everything, unless a proof says otherwise.
    pub(crate) sight: Sight,
    /// The slots that load a bound of the packet, if native code gets those as arguments: then it calls nothing.
    pub(crate) passed: Option<Box<[(u32, Bound)]>>,
    /// Whether a proof stands behind it: the interpreter tail-calls nothing else.
    pub(crate) verified: bool,
    /// Functions by their first slot, with the bytes of stack that each uses; known of verified programs.
    pub(crate) frames: Box<[(Pc, u32)]>,
    /// The own helpers that it calls.
    pub(crate) own: Box<[Arc<OwnHelper>]>,
    /// Itself, once it is shared: what a timer holds on to.
    pub(crate) me: Weak<Code>,
    /// Its machine code, if it was compiled.
    pub(crate) native: Option<Published>,
}

impl Code {
    /// Makes it one that many may hold.
    pub(crate) fn shared(self) -> Arc<Code> {
        Arc::new_cyclic(|me| Code { me: me.clone(), ..self })
    }

    /// The own helper of an index, if the program calls one.
    pub(crate) fn own(&self, index: u32) -> Option<&Arc<OwnHelper>> {
        self.own.get(index as usize)
    }

    /// The signature of an own helper that the program calls.
    pub(crate) fn own_signature(&self, id: u32) -> Option<&'static belay_spec::Helper> {
        self.own.iter().map(|own| own.signature()).find(|signature| signature.id == id)
    }

    /// The bound of the packet that the slot at `pc` loads, and that native code got as an argument.
    pub(crate) fn passed(&self, pc: u32) -> Option<Bound> {
        self.passed.as_ref()?.iter().find(|(at, _)| *at == pc).map(|(_, bound)| *bound)
    }

    /// The slot at `pc`.
    #[inline]
    pub(crate) fn op(&self, pc: u32) -> Op {
        self.ops.get(pc as usize).copied().unwrap_or(Op::Invalid(Invalid::Outside))
    }
}
