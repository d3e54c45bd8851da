//! Why a slot is not an instruction.

use std::fmt;

use crate::slot::Pc;
use crate::table::Size;

/// An instruction that does not decode, and where.
///
/// Its text is that of Linux 6.18 and names no place: whoever prints it puts the file and instruction before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{kind}")]
pub struct DecodeError {
    /// The instruction's first slot.
    pub pc: Pc,
    /// What is wrong with it.
    pub kind: DecodeErrorKind,
}

/// What is wrong with an instruction. `Display` says it in the words of Linux 6.18 (measured), where Linux has words.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeErrorKind {
    /// There is no slot at that index.
    #[error("no instruction here: the program has {slots} slots")]
    OutOfRange {
        /// How many slots there are.
        slots: usize,
    },
    /// No operation has this opcode.
    #[error("unknown opcode {0:02x}")]
    UnknownOpcode(u8),
    /// A field that the operation does not use is not zero, or a selector has no such value.
    #[error("{form} uses reserved fields")]
    ReservedField {
        /// Linux's name for the group of operations: `BPF_ALU`, `BPF_LD_[ABS|IND]`.
        form: &'static str,
        /// The field at fault.
        field: Field,
    },
    /// A field that RFC 9669 wants zero is not, and Linux does not look at it: Linux may accept the instruction,
    /// but an [`Insn`](crate::Insn) has no place for the value. Only `off` of `exit`, and the second immediate of a
    /// function's address.
    #[error("{form} with a non-zero `{field}`, which Linux ignores")]
    IgnoredField {
        /// The operation: `BPF_EXIT`.
        form: &'static str,
        /// The field at fault.
        field: Field,
    },
    /// A register number above 10.
    #[error("R{0} is invalid")]
    InvalidRegister(u8),
    /// The immediate of an atomic operation names none.
    #[error("BPF_ATOMIC uses invalid atomic opcode {0:02x}")]
    UnknownAtomic(i32),
    /// Atomic arithmetic on one or two bytes.
    #[error("invalid atomic operand size")]
    AtomicSize(Size),
    /// `may_goto` with another field than `off`.
    #[error("invalid may_goto imm {imm}")]
    MayGoto {
        /// Its immediate; zero when `dst` or `src` is at fault.
        imm: i32,
    },
    /// The second slot of an `LD_IMM64` is missing, or has more than an immediate.
    #[error("invalid bpf_ld_imm64 insn")]
    MalformedImm64,
    /// The `src` field of an `LD_IMM64` has no meaning, or its second immediate should be zero.
    #[error("unrecognized bpf_ld_imm64 insn")]
    UnknownImm64 {
        /// The `src` field.
        src: u8,
    },
}

impl DecodeErrorKind {
    /// Whether Linux finds this fault in a scan of the whole program, before it follows any path.
    ///
    /// The other faults reject a program only when a path reaches the instruction: behind a branch that is never
    /// taken, Linux 6.18 accepts them (measured).
    pub fn found_by_scan(self) -> bool {
        match self {
            Self::OutOfRange { .. }
            | Self::UnknownOpcode(_)
            | Self::MalformedImm64
            | Self::UnknownImm64 { .. } => true,
            Self::ReservedField { form, field } => {
                form == "BPF_LDX" && matches!(field, Field::Imm | Field::Opcode)
            }
            Self::IgnoredField { .. }
            | Self::InvalidRegister(_)
            | Self::UnknownAtomic(_)
            | Self::AtomicSize(_)
            | Self::MayGoto { .. } => false,
        }
    }
}

/// A field of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// The mode bits of the opcode.
    Opcode,
    /// The destination register.
    Dst,
    /// The source register.
    Src,
    /// The offset.
    Off,
    /// The immediate.
    Imm,
    /// The immediate of the second slot.
    NextImm,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::Opcode => "opcode",
            Field::Dst => "dst",
            Field::Src => "src",
            Field::Off => "off",
            Field::Imm => "imm",
            Field::NextImm => "next_imm",
        })
    }
}
