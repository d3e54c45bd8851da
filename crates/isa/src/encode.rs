//! From instructions to slots.

use std::ops::Deref;

use crate::insn::{CallTarget, Insn, Reg, Src};
use crate::slot::Slot;
use crate::table::{self, Form, SOURCE_REG, Size, Width};

/// The slots of one instruction, one or two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Encoded {
    slots: [Slot; 2],
    two: bool,
}

impl Deref for Encoded {
    type Target = [Slot];

    fn deref(&self) -> &[Slot] {
        let [first, _] = &self.slots;
        if self.two { &self.slots } else { std::slice::from_ref(first) }
    }
}

impl Insn {
    /// The slots of this instruction.
    ///
    /// [`decode`](crate::decode) gives the instruction back, unless it holds a number that the encoding has and Linux
    /// does not: a byte swap of other than 16, 32 or 64 bits, a sign extension from other than 8, 16 or (64-bit only)
    /// 32 bits, a signed 64-bit load, an atomic operation or packet load of a size that does not exist.
    pub fn encode(&self) -> Encoded {
        let mut second = None;
        let slot = match *self {
            Insn::Alu { op, width, dst, src } => {
                let row = op.row();
                with_src(
                    Slot { opcode: width.row().alu | row.code, dst: dst.number(), off: row.off, ..EMPTY },
                    src,
                )
            }
            Insn::Neg { width, dst } => one(Form::Neg, width.row().alu, dst),
            Insn::Mov { width, dst, src } => with_src(one(Form::Mov, width.row().alu, dst), src),
            Insn::MovSx { width, bits, dst, src } => {
                let slot = with_src(one(Form::Mov, width.row().alu, dst), Src::Reg(src));
                Slot { off: i16::from(bits), ..slot }
            }
            Insn::AddrSpaceCast { dst, src, dst_as, src_as } => {
                let slot = with_src(one(Form::Mov, Width::W64.row().alu, dst), Src::Reg(src));
                let [s0, s1] = src_as.to_le_bytes();
                let [d0, d1] = dst_as.to_le_bytes();
                Slot { off: table::ADDR_SPACE_CAST, imm: i32::from_le_bytes([s0, s1, d0, d1]), ..slot }
            }
            Insn::Endian { op, bits, dst } => {
                Slot { opcode: op.row().opcode, dst: dst.number(), imm: i32::from(bits), ..EMPTY }
            }
            Insn::Load { size, signed, dst, base, off } => {
                let form = if signed { Form::LdxSigned } else { Form::Ldx };
                Slot { opcode: sized(form, size), dst: dst.number(), src: base.number(), off, imm: 0 }
            }
            Insn::Store { size, base, off, src: Src::Imm(imm) } => {
                Slot { opcode: sized(Form::St, size), dst: base.number(), src: 0, off, imm }
            }
            Insn::Store { size, base, off, src: Src::Reg(src) } => {
                Slot { opcode: sized(Form::Stx, size), dst: base.number(), src: src.number(), off, imm: 0 }
            }
            Insn::Atomic { op, size, base, off, src } => atomic(size, base, src, off, op.row().imm),
            Insn::LoadAcquire { size, dst, base, off } => atomic(size, dst, base, off, table::LOAD_ACQUIRE),
            Insn::StoreRelease { size, base, off, src } => atomic(size, base, src, off, table::STORE_RELEASE),
            Insn::LoadImm64 { dst, value } => {
                let (kind, low, high) = value.parts();
                second = Some(Slot { imm: high, ..EMPTY });
                let opcode = table::opcode_of(Form::LdImm64);
                Slot { opcode, dst: dst.number(), src: kind.row().src, off: 0, imm: low }
            }
            Insn::LoadAbs { size, imm } => Slot { opcode: sized(Form::LdAbs, size), imm, ..EMPTY },
            Insn::LoadInd { size, src, imm } => {
                Slot { opcode: sized(Form::LdInd, size), src: src.number(), imm, ..EMPTY }
            }
            Insn::Ja { off } => Slot { opcode: table::opcode_of(Form::Ja), off, ..EMPTY },
            Insn::Jal { off } => Slot { opcode: table::opcode_of(Form::Jal), imm: off, ..EMPTY },
            Insn::Branch { op, width, dst, src, off } => with_src(
                Slot { opcode: width.row().jmp | op.row().code, dst: dst.number(), off, ..EMPTY },
                src,
            ),
            Insn::MayGoto { off } => Slot { opcode: table::opcode_of(Form::MayGoto), off, ..EMPTY },
            Insn::Call(target) => {
                let (src, off, imm) = match target {
                    CallTarget::Helper(id) => (0, 0, id),
                    CallTarget::Local(distance) => (1, 0, distance),
                    CallTarget::Kfunc { id, btf } => (2, btf, id),
                };
                Slot { opcode: table::opcode_of(Form::Call), dst: 0, src, off, imm }
            }
            Insn::CallX { reg } => Slot { opcode: table::opcode_of(Form::CallX), dst: reg.number(), ..EMPTY },
            Insn::Exit => Slot { opcode: table::opcode_of(Form::Exit), ..EMPTY },
        };
        Encoded { slots: [slot, second.unwrap_or(EMPTY)], two: second.is_some() }
    }
}

const EMPTY: Slot = Slot { opcode: 0, dst: 0, src: 0, off: 0, imm: 0 };

/// A slot of an arithmetic form whose operation bits are fixed.
fn one(form: Form, class: u8, dst: Reg) -> Slot {
    Slot { opcode: table::opcode_of(form) & table::CODE_MASK | class, dst: dst.number(), ..EMPTY }
}

fn with_src(slot: Slot, src: Src) -> Slot {
    match src {
        Src::Imm(imm) => Slot { imm, ..slot },
        Src::Reg(src) => Slot { opcode: slot.opcode | SOURCE_REG, src: src.number(), ..slot },
    }
}

fn sized(form: Form, size: Size) -> u8 {
    table::opcode_of(form) & !table::SIZE_MASK | size.row().bits
}

fn atomic(size: Size, dst: Reg, src: Reg, off: i16, imm: i32) -> Slot {
    Slot { opcode: sized(Form::Atomic, size), dst: dst.number(), src: src.number(), off, imm }
}
