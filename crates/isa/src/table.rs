//! The one table: every operation, its bits in the encoding and its text.
//!
//! Decoding, encoding, printing and parsing read these rows and know no opcode or mnemonic of their own, so a new
//! operator is a new row. Two kinds of table stand here:
//!
//! * *operators* ([`AluOp`], [`CmpOp`], [`AtomicOp`], [`Size`], …) tell which bits and which text name an operation;
//! * *forms* ([`FORMS`]) tell, for each opcode, what the four fields `dst`, `src`, `off`, `imm` hold. A field that
//!   holds nothing is *reserved* and must be zero.
//!
//! Source of the bits: RFC 9669 sections 3 to 5; what Linux adds (`may_goto`, `load_acquire`, `store_release`,
//! address-space casts) and the names that it gives to each form in its messages are measured on Linux 6.18.

/// Defines an operator: the public enum, the list of all of it, and its rows.
macro_rules! operators {
    ($(#[$meta:meta])* $vis:vis $name:ident -> $row:ident { $($(#[$doc:meta])* $variant:ident => $value:expr,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        $vis enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// Every one, in the table's order.
            $vis const ALL: &'static [$name] = &[$($name::$variant,)*];

            pub(crate) const fn row(self) -> $row {
                match self {
                    $($name::$variant => $value,)*
                }
            }
        }
    };
}

/// Classes of arithmetic and jumps: the low three bits of an opcode.
pub(crate) mod class {
    pub(crate) const ALU: u8 = 0x04;
    pub(crate) const JMP: u8 = 0x05;
    pub(crate) const JMP32: u8 = 0x06;
    pub(crate) const ALU64: u8 = 0x07;
}

/// The operation bits of an arithmetic or jump opcode.
pub(crate) const CODE_MASK: u8 = 0xf0;
/// The size bits of a memory opcode.
pub(crate) const SIZE_MASK: u8 = 0x18;
/// Set in an arithmetic or jump opcode when the second operand is a register.
pub(crate) const SOURCE_REG: u8 = 0x08;

operators! {
    /// Width of an arithmetic or jump operation.
    pub Width -> WidthRow {
        /// 32 bits: `w` registers; the upper half of the destination becomes zero.
        W32 => WidthRow { alu: class::ALU, jmp: class::JMP32, letter: 'w' },
        /// 64 bits.
        W64 => WidthRow { alu: class::ALU64, jmp: class::JMP, letter: 'r' },
    }
}

/// The classes that a width selects, and the letter that registers of that width print with.
pub(crate) struct WidthRow {
    pub(crate) alu: u8,
    pub(crate) jmp: u8,
    pub(crate) letter: char,
}

operators! {
    /// Size of a memory access.
    pub Size -> SizeRow {
        /// One byte, `u8`.
        B => SizeRow { bits: 0x10, bytes: 1, unsigned: "u8", signed: "s8" },
        /// Two bytes, `u16`.
        H => SizeRow { bits: 0x08, bytes: 2, unsigned: "u16", signed: "s16" },
        /// Four bytes, `u32`.
        W => SizeRow { bits: 0x00, bytes: 4, unsigned: "u32", signed: "s32" },
        /// Eight bytes, `u64`.
        DW => SizeRow { bits: 0x18, bytes: 8, unsigned: "u64", signed: "s64" },
    }
}

/// Opcode bits of a size, and the names of its types.
pub(crate) struct SizeRow {
    pub(crate) bits: u8,
    pub(crate) bytes: u32,
    pub(crate) unsigned: &'static str,
    pub(crate) signed: &'static str,
}

operators! {
    /// Binary arithmetic (moves, negation and byte swaps are instructions of their own).
    #[allow(missing_docs, reason = "the names are the mnemonics of RFC 9669 section 4.1")]
    pub AluOp -> AluRow {
        Add => alu(0x00, 0, "+="),
        Sub => alu(0x10, 0, "-="),
        Mul => alu(0x20, 0, "*="),
        Div => alu(0x30, 0, "/="),
        Sdiv => alu(0x30, 1, "s/="),
        Or => alu(0x40, 0, "|="),
        And => alu(0x50, 0, "&="),
        Lsh => alu(0x60, 0, "<<="),
        Rsh => alu(0x70, 0, ">>="),
        Mod => alu(0x90, 0, "%="),
        Smod => alu(0x90, 1, "s%="),
        Xor => alu(0xa0, 0, "^="),
        Arsh => alu(0xc0, 0, "s>>="),
    }
}

/// Opcode bits, the value of `off` that selects the operation, and its operator.
pub(crate) struct AluRow {
    pub(crate) code: u8,
    pub(crate) off: i16,
    pub(crate) text: &'static str,
}

const fn alu(code: u8, off: i16, text: &'static str) -> AluRow {
    AluRow { code, off, text }
}

operators! {
    /// Comparison of a conditional jump.
    #[allow(missing_docs, reason = "the names are the mnemonics of RFC 9669 section 4.3")]
    pub CmpOp -> CmpRow {
        Eq => CmpRow { code: 0x10, text: "==" },
        Gt => CmpRow { code: 0x20, text: ">" },
        Ge => CmpRow { code: 0x30, text: ">=" },
        /// `dst & src != 0`
        Set => CmpRow { code: 0x40, text: "&" },
        Ne => CmpRow { code: 0x50, text: "!=" },
        Sgt => CmpRow { code: 0x60, text: "s>" },
        Sge => CmpRow { code: 0x70, text: "s>=" },
        Lt => CmpRow { code: 0xa0, text: "<" },
        Le => CmpRow { code: 0xb0, text: "<=" },
        Slt => CmpRow { code: 0xc0, text: "s<" },
        Sle => CmpRow { code: 0xd0, text: "s<=" },
    }
}

/// Opcode bits and operator of a comparison.
pub(crate) struct CmpRow {
    pub(crate) code: u8,
    pub(crate) text: &'static str,
}

operators! {
    /// Byte order operations.
    pub EndianOp -> EndianRow {
        /// `htole`: truncate on a little-endian machine.
        ToLe => EndianRow { opcode: 0xd4, text: "le" },
        /// `htobe`: swap on a little-endian machine.
        ToBe => EndianRow { opcode: 0xdc, text: "be" },
        /// `bswap`: swap on any machine.
        Swap => EndianRow { opcode: 0xd7, text: "bswap" },
    }
}

/// The opcode, and the function's name without its width.
pub(crate) struct EndianRow {
    pub(crate) opcode: u8,
    pub(crate) text: &'static str,
}

/// Read-modify-write operations on memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AtomicOp {
    /// `+=`; the old value goes to the source register with `fetch`.
    Add {
        /// Whether the old value is returned.
        fetch: bool,
    },
    /// `|=`
    Or {
        /// Whether the old value is returned.
        fetch: bool,
    },
    /// `&=`
    And {
        /// Whether the old value is returned.
        fetch: bool,
    },
    /// `^=`
    Xor {
        /// Whether the old value is returned.
        fetch: bool,
    },
    /// Exchange; the old value goes to the source register.
    Xchg,
    /// Compare with `r0`, exchange if equal; the old value goes to `r0`.
    Cmpxchg,
}

impl AtomicOp {
    /// Every one, in the table's order.
    pub const ALL: &'static [AtomicOp] = &[
        AtomicOp::Add { fetch: false },
        AtomicOp::Add { fetch: true },
        AtomicOp::Or { fetch: false },
        AtomicOp::Or { fetch: true },
        AtomicOp::And { fetch: false },
        AtomicOp::And { fetch: true },
        AtomicOp::Xor { fetch: false },
        AtomicOp::Xor { fetch: true },
        AtomicOp::Xchg,
        AtomicOp::Cmpxchg,
    ];

    pub(crate) const fn row(self) -> AtomicRow {
        use AtomicText::{Cmpxchg, Fetch, Lock, Xchg};
        let (imm, text) = match self {
            AtomicOp::Add { fetch: false } => (0x00, Lock("+=")),
            AtomicOp::Add { fetch: true } => (0x01, Fetch("add")),
            AtomicOp::Or { fetch: false } => (0x40, Lock("|=")),
            AtomicOp::Or { fetch: true } => (0x41, Fetch("or")),
            AtomicOp::And { fetch: false } => (0x50, Lock("&=")),
            AtomicOp::And { fetch: true } => (0x51, Fetch("and")),
            AtomicOp::Xor { fetch: false } => (0xa0, Lock("^=")),
            AtomicOp::Xor { fetch: true } => (0xa1, Fetch("xor")),
            AtomicOp::Xchg => (0xe1, Xchg),
            AtomicOp::Cmpxchg => (0xf1, Cmpxchg),
        };
        AtomicRow { imm, text }
    }
}

/// The immediate that selects an atomic operation, and how it is written.
pub(crate) struct AtomicRow {
    pub(crate) imm: i32,
    pub(crate) text: AtomicText,
}

/// The four ways to write an atomic operation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtomicText {
    /// `lock *(u64 *)(r10 - 8) += r1`
    Lock(&'static str),
    /// `r1 = atomic_fetch_add((u64 *)(r10 - 8), r1)`
    Fetch(&'static str),
    /// `r1 = xchg_64(r10 - 8, r1)`
    Xchg,
    /// `r0 = cmpxchg_64(r10 - 8, r0, r1)`
    Cmpxchg,
}

/// Value of `off` that makes a 64-bit move an address-space cast.
pub(crate) const ADDR_SPACE_CAST: i16 = 1;

/// Immediate of an atomic store that is a `load_acquire`.
pub(crate) const LOAD_ACQUIRE: i32 = 0x100;
/// Immediate of an atomic store that is a `store_release`.
pub(crate) const STORE_RELEASE: i32 = 0x110;

operators! {
    /// The kinds of a 64-bit immediate, by the `src` field of `LD_IMM64` (RFC 9669 section 5.4).
    #[allow(missing_docs, reason = "the names are those of `Imm64`, which documents them")]
    pub(crate) Imm64Kind -> Imm64Row {
        Value => imm64(0, "", Second::HighWord),
        Map => imm64(1, "map", Second::Unrecognized),
        MapValue => imm64(2, "map", Second::Offset),
        BtfId => imm64(3, "btf", Second::Descriptor),
        Func => imm64(4, "subprog", Second::Ignored),
        MapIndex => imm64(5, "map_idx", Second::Unrecognized),
        MapIndexValue => imm64(6, "map_idx", Second::Offset),
    }
}

/// The `src` field, the word that it is written with, and what the second slot's immediate is.
pub(crate) struct Imm64Row {
    pub(crate) src: u8,
    pub(crate) word: &'static str,
    pub(crate) second: Second,
}

const fn imm64(src: u8, word: &'static str, second: Second) -> Imm64Row {
    Imm64Row { src, word, second }
}

/// What the immediate of an `LD_IMM64`'s second slot holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Second {
    /// The upper half of the value.
    HighWord,
    /// An offset in bytes: `map[3][0]+8`.
    Offset,
    /// A file descriptor: `btf[3]@5`.
    Descriptor,
    /// Nothing; Linux does not recognize the instruction unless it is zero.
    Unrecognized,
    /// Nothing; Linux overwrites it.
    Ignored,
}

/// The shape of an instruction: which variant of `Insn` an opcode belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    Alu,
    Neg,
    Mov,
    Endian,
    LdImm64,
    LdAbs,
    LdInd,
    Ldx,
    LdxSigned,
    /// A load whose mode loads do not have: Linux calls the mode a reserved field.
    LdxMode,
    St,
    Stx,
    Atomic,
    Ja,
    Jal,
    Branch,
    MayGoto,
    Call,
    CallX,
    Exit,
}

/// What a field of the slot is to a form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Use {
    /// Nothing: it must be zero.
    Reserved,
    /// Nothing: RFC 9669 says zero, Linux does not look.
    Ignored,
    /// The number of a register, at most 10.
    Reg,
    /// A value, or a selector that the form's own rules check.
    Data,
}

/// One form: the opcodes that have it, what its fields hold, and what Linux calls it in its messages.
pub(crate) struct FormRow {
    pub(crate) form: Form,
    /// The opcodes `op` with `op & mask == opcode`.
    pub(crate) opcode: u8,
    mask: u8,
    pub(crate) dst: Use,
    pub(crate) src: Use,
    pub(crate) off: Use,
    pub(crate) imm: Use,
    pub(crate) linux: &'static str,
}

use Form as F;
use Use::{Data, Ignored, Reg, Reserved as Zero};

const fn row(form: Form, opcode: u8, mask: u8, fields: [Use; 4], linux: &'static str) -> FormRow {
    let [dst, src, off, imm] = fields;
    FormRow { form, opcode, mask, dst, src, off, imm, linux }
}

/// Every form. The first row that matches an opcode is its row, so special cases stand before general ones.
#[rustfmt::skip]
pub(crate) const FORMS: &[FormRow] = &[
    //                 opcode mask   dst   src   off      imm
    row(F::Neg,        0x84, 0xff, [Reg,  Zero, Zero,    Zero], "BPF_NEG"),
    row(F::Neg,        0x87, 0xff, [Reg,  Zero, Zero,    Zero], "BPF_NEG"),
    row(F::Mov,        0xb4, 0xff, [Reg,  Zero, Zero,    Data], "BPF_MOV"),
    row(F::Mov,        0xb7, 0xff, [Reg,  Zero, Zero,    Data], "BPF_MOV"),
    row(F::Mov,        0xbc, 0xff, [Reg,  Reg,  Data,    Data], "BPF_MOV"),
    row(F::Mov,        0xbf, 0xff, [Reg,  Reg,  Data,    Data], "BPF_MOV"),
    row(F::Endian,     0xd4, 0xff, [Reg,  Zero, Zero,    Data], "BPF_END"),
    row(F::Endian,     0xdc, 0xff, [Reg,  Zero, Zero,    Data], "BPF_END"),
    row(F::Endian,     0xd7, 0xff, [Reg,  Zero, Zero,    Data], "BPF_END"),
    row(F::Alu,        0x04, 0x0f, [Reg,  Zero, Data,    Data], "BPF_ALU"),
    row(F::Alu,        0x07, 0x0f, [Reg,  Zero, Data,    Data], "BPF_ALU"),
    row(F::Alu,        0x0c, 0x0f, [Reg,  Reg,  Data,    Zero], "BPF_ALU"),
    row(F::Alu,        0x0f, 0x0f, [Reg,  Reg,  Data,    Zero], "BPF_ALU"),
    row(F::Ja,         0x05, 0xff, [Zero, Zero, Data,    Zero], "BPF_JA"),
    row(F::Jal,        0x06, 0xff, [Zero, Zero, Zero,    Data], "BPF_JA"),
    row(F::Call,       0x85, 0xff, [Zero, Data, Data,    Data], "BPF_CALL"),
    row(F::CallX,      0x8d, 0xff, [Data, Data, Data,    Data], "BPF_CALLX"),
    row(F::Exit,       0x95, 0xff, [Zero, Zero, Ignored, Zero], "BPF_EXIT"),
    row(F::MayGoto,    0xe5, 0xff, [Data, Data, Data,    Data], "BPF_JCOND"),
    row(F::Branch,     0x05, 0x0f, [Reg,  Zero, Data,    Data], "BPF_JMP/JMP32"),
    row(F::Branch,     0x06, 0x0f, [Reg,  Zero, Data,    Data], "BPF_JMP/JMP32"),
    row(F::Branch,     0x0d, 0x0f, [Reg,  Reg,  Data,    Zero], "BPF_JMP/JMP32"),
    row(F::Branch,     0x0e, 0x0f, [Reg,  Reg,  Data,    Zero], "BPF_JMP/JMP32"),
    row(F::LdImm64,    0x18, 0xff, [Reg,  Data, Data,    Data], "BPF_LD_IMM64"),
    row(F::LdAbs,      0x20, 0xff, [Zero, Zero, Zero,    Data], "BPF_LD_[ABS|IND]"),
    row(F::LdAbs,      0x28, 0xff, [Zero, Zero, Zero,    Data], "BPF_LD_[ABS|IND]"),
    row(F::LdAbs,      0x30, 0xff, [Zero, Zero, Zero,    Data], "BPF_LD_[ABS|IND]"),
    row(F::LdInd,      0x40, 0xff, [Zero, Reg,  Zero,    Data], "BPF_LD_[ABS|IND]"),
    row(F::LdInd,      0x48, 0xff, [Zero, Reg,  Zero,    Data], "BPF_LD_[ABS|IND]"),
    row(F::LdInd,      0x50, 0xff, [Zero, Reg,  Zero,    Data], "BPF_LD_[ABS|IND]"),
    row(F::Ldx,        0x61, 0xe7, [Reg,  Reg,  Data,    Zero], "BPF_LDX"),
    row(F::LdxSigned,  0x81, 0xe7, [Reg,  Reg,  Data,    Zero], "BPF_LDX"),
    row(F::LdxMode,    0x01, 0xe7, [Data, Data, Data,    Data], "BPF_LDX"),
    row(F::LdxMode,    0x21, 0xe7, [Data, Data, Data,    Data], "BPF_LDX"),
    row(F::LdxMode,    0x41, 0xe7, [Data, Data, Data,    Data], "BPF_LDX"),
    row(F::LdxMode,    0xa1, 0xe7, [Data, Data, Data,    Data], "BPF_LDX"),
    row(F::LdxMode,    0xc1, 0xe7, [Data, Data, Data,    Data], "BPF_LDX"),
    row(F::LdxMode,    0xe1, 0xe7, [Data, Data, Data,    Data], "BPF_LDX"),
    row(F::St,         0x62, 0xe7, [Reg,  Zero, Data,    Data], "BPF_ST"),
    row(F::Stx,        0x63, 0xe7, [Reg,  Reg,  Data,    Zero], "BPF_STX"),
    row(F::Atomic,     0xc3, 0xe7, [Reg,  Reg,  Data,    Data], "BPF_ATOMIC"),
];

/// The row of an opcode, or `None` when no form has it.
pub(crate) fn form_of(opcode: u8) -> Option<&'static FormRow> {
    let code = opcode & CODE_MASK;
    FORMS.iter().find(|row| opcode & row.mask == row.opcode).filter(|row| match row.form {
        Form::Alu => AluOp::ALL.iter().any(|op| op.row().code == code),
        Form::Branch => CmpOp::ALL.iter().any(|op| op.row().code == code),
        _ => true,
    })
}

/// The opcode of a form, with what varies inside it (operation, size, source) zero or as in the form's first row.
pub(crate) fn opcode_of(form: Form) -> u8 {
    // Every form has a row, which a test asserts.
    FORMS.iter().find(|row| row.form == form).map_or(0, |row| row.opcode)
}

impl Size {
    /// The size in bytes.
    pub fn bytes(self) -> u32 {
        self.row().bytes
    }

    /// The size in bits.
    pub fn bits(self) -> u32 {
        self.row().bytes * 8
    }

    pub(crate) fn of_opcode(opcode: u8) -> Size {
        // The four sizes are the four values of the two bits.
        Self::ALL.iter().copied().find(|size| size.row().bits == opcode & SIZE_MASK).unwrap_or(Size::W)
    }
}

impl AluOp {
    /// The operator as it is written: `+=`, `s>>=`.
    pub fn text(self) -> &'static str {
        self.row().text
    }
}

impl CmpOp {
    /// The operator as it is written: `==`, `s<=`, `&`.
    pub fn text(self) -> &'static str {
        self.row().text
    }
}
