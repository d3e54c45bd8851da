//! The proof token: a program that the verifier accepted, with what it learned of each access.

use std::collections::BTreeMap;

use belay_isa::Pc;
use belay_object::btf::TypeId;
use belay_object::{MapDef, Program};
use belay_spec::{OwnSignatures, Release, SockKind};

use crate::kernel_faults::Footing;
use crate::object::Flags;
use crate::verdict::Kernel;

/// What the memory that an instruction touches is. The verifier refuses a program in which one instruction meets
/// two of the kinds that need different code, so this is one value an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Touch {
    /// Nothing, or the instruction was never reached.
    None,
    /// Plain memory: stack, packet, map value, record.
    Memory,
    /// The context.
    Context(&'static str),
    /// A field of a socket.
    Socket(SockKind),
    /// Memory that a call handed out: a record, a slice.
    Region,
    /// The program's arena.
    Arena,
    /// An object of a kernel's or the program's own type.
    Object(Trust),
}

/// What a load through pointers to objects of the kernel's types reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ObjectLoad {
    /// The structure, in the kernel's types.
    pub structure: TypeId,
    /// Where in it the load begins.
    pub off: u32,
}

/// How far the pointers to objects that an instruction follows may be relied on. Two stores through differently
/// trusted pointers are different code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trust(pub(crate) Flags);

/// A program that the verifier accepted. Only the verifier makes one; whoever holds one need check nothing again.
#[derive(Debug, Clone)]
pub struct Verified {
    pub(crate) program: Program,
    pub(crate) maps: Vec<MapDef>,
    pub(crate) kernel: Kernel,
    pub(crate) processors: u32,
    pub(crate) helpers: OwnSignatures,
    pub(crate) touches: Vec<Touch>,
    pub(crate) object_loads: BTreeMap<Pc, Option<ObjectLoad>>,
    pub(crate) foreign_pointers: Option<Pc>,
    pub(crate) reads_map: Option<Pc>,
    pub(crate) footing: Footing,
    pub(crate) frames: Vec<(Pc, u32)>,
}

impl Verified {
    /// The program, as it was verified.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The maps that its instructions name by index.
    pub fn maps(&self) -> &[MapDef] {
        &self.maps
    }

    /// The release whose rules it satisfies.
    pub fn release(&self) -> Release {
        self.kernel.release()
    }

    /// The kernel that it was judged against, in whose types [`Verified::object_load`] is said.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// What the instruction at `pc` reads, if it loads from an object of the kernel's types, and the same field on every
    /// path.
    pub fn object_load(&self, pc: Pc) -> Option<ObjectLoad> {
        self.object_loads.get(&pc).copied().flatten()
    }

    /// An instruction, if there is one, that gives the program a pointer which says it points to an object, and may point
    /// anywhere: one that a map kept, or an argument on which nothing relies.
    pub fn foreign_pointers(&self) -> Option<Pc> {
        self.foreign_pointers
    }

    /// What the acceptance rests on.
    pub fn footing(&self) -> Footing {
        self.footing
    }

    /// The processors that it may run on are numbered below this.
    pub fn processors(&self) -> u32 {
        self.processors
    }

    /// The own helpers that it was verified with: it runs only where these are.
    pub fn helpers(&self) -> &OwnSignatures {
        &self.helpers
    }

    /// The functions by their first instruction, in order, each with the bytes of stack that it reaches below the end of
    /// its frame: at most 512.
    pub fn frames(&self) -> &[(Pc, u32)] {
        &self.frames
    }

    /// An instruction that reads the kernel's `struct bpf_map` of a map, if there is one: for [`Verified::touch`] that is
    /// memory, but memory that only a kernel has.
    pub fn reads_map(&self) -> Option<Pc> {
        self.reads_map
    }

    /// What the instruction at `pc` touches.
    pub fn touch(&self, pc: Pc) -> Touch {
        self.touches.get(pc.index()).copied().unwrap_or(Touch::None)
    }
}
