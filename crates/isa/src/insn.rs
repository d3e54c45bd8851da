//! The meaning of an instruction.

use std::fmt;

use crate::imm64::Imm64;
use crate::table::{AluOp, AtomicOp, CmpOp, EndianOp, Size, Width};

/// A register, `r0` to `r10`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Reg(u8);

impl Reg {
    /// Return value of calls and of the program.
    pub const R0: Reg = Reg(0);
    /// First argument; the context at entry.
    pub const R1: Reg = Reg(1);
    /// Second argument.
    pub const R2: Reg = Reg(2);
    /// Third argument.
    pub const R3: Reg = Reg(3);
    /// Fourth argument.
    pub const R4: Reg = Reg(4);
    /// Fifth argument.
    pub const R5: Reg = Reg(5);
    /// First register that calls preserve.
    pub const R6: Reg = Reg(6);
    /// Preserved by calls.
    pub const R7: Reg = Reg(7);
    /// Preserved by calls.
    pub const R8: Reg = Reg(8);
    /// Last register that calls preserve.
    pub const R9: Reg = Reg(9);
    /// The frame pointer, read-only.
    pub const FP: Reg = Reg(10);

    /// The register of that number, if there is one.
    pub fn new(number: u8) -> Option<Reg> {
        (number <= 10).then_some(Reg(number))
    }

    /// Its number, 0 to 10.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Its number as an index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

/// Second operand of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Src {
    /// A constant, sign-extended to the width of the operation.
    Imm(i32),
    /// A register.
    Reg(Reg),
}

/// What a `call` names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CallTarget {
    /// A helper by its number (`src` 0).
    Helper(i32),
    /// A function of this program, as a distance in slots from the next instruction (`src` 1).
    Local(i32),
    /// A kernel function by BTF id, and the BTF descriptor's index (`src` 2).
    Kfunc {
        /// BTF id; inside Belay, the index in the object's table of externs.
        id: i32,
        /// Index of the BTF object's descriptor, 0 for the kernel itself.
        btf: i16,
    },
}

/// One decoded instruction.
///
/// Every field of the encoding that carries meaning is here, so encoding gives back the very slots that were
/// decoded; reserved fields are zero or decoding fails.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "field names are those of the encoding: dst, src, off, base")]
pub enum Insn {
    /// `r1 += r2`, `w1 s/= 7`
    Alu { op: AluOp, width: Width, dst: Reg, src: Src },
    /// `r1 = -r1`
    Neg { width: Width, dst: Reg },
    /// `r1 = r2`, `w1 = 7`
    Mov { width: Width, dst: Reg, src: Src },
    /// `r1 = (s8)r2`; from 8, 16 or (64-bit only) 32 bits
    MovSx { width: Width, bits: u8, dst: Reg, src: Reg },
    /// `r1 = addr_space_cast(r2, dst_as, src_as)`: the immediate is `dst_as << 16 | src_as`
    AddrSpaceCast { dst: Reg, src: Reg, dst_as: u16, src_as: u16 },
    /// `r1 = be16 r1`; of 16, 32 or 64 bits
    Endian { op: EndianOp, bits: u8, dst: Reg },
    /// `r1 = *(u32 *)(r2 + 4)`; `signed` is `*(s32 *)`
    Load { size: Size, signed: bool, dst: Reg, base: Reg, off: i16 },
    /// `*(u32 *)(r2 + 4) = r1`
    Store { size: Size, base: Reg, off: i16, src: Src },
    /// `lock *(u64 *)(r2 + 4) += r1`; 32 or 64 bits
    Atomic { op: AtomicOp, size: Size, base: Reg, off: i16, src: Reg },
    /// `r1 = load_acquire((u32 *)(r2 + 4))`
    LoadAcquire { size: Size, dst: Reg, base: Reg, off: i16 },
    /// `store_release((u32 *)(r2 + 4), r1)`
    StoreRelease { size: Size, base: Reg, off: i16, src: Reg },
    /// `r1 = 5 ll`; takes two slots
    LoadImm64 { dst: Reg, value: Imm64 },
    /// `r0 = *(u16 *)skb[12]`
    LoadAbs { size: Size, imm: i32 },
    /// `r0 = *(u16 *)skb[r6 + 12]`
    LoadInd { size: Size, src: Reg, imm: i32 },
    /// `goto +5`
    Ja { off: i16 },
    /// `gotol +5`: 32-bit offset
    Jal { off: i32 },
    /// `if r1 == r2 goto +5`
    Branch { op: CmpOp, width: Width, dst: Reg, src: Src, off: i16 },
    /// `may_goto +5`: leaves the loop when the budget is spent
    MayGoto { off: i16 },
    /// `call 84`, `call pc+3`
    Call(CallTarget),
    /// `callx r3`: decoded, never accepted
    CallX { reg: Reg },
    /// `exit`
    Exit,
}

impl Insn {
    /// How many slots it takes: two for `LD_IMM64`, else one.
    pub fn slots(&self) -> u32 {
        match self {
            Insn::LoadImm64 { .. } => 2,
            _ => 1,
        }
    }
}
