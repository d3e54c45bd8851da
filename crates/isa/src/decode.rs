//! From slots to instructions.
//!
//! Decoding is strict: what it returns encodes to the very slots that it came from. The checks stand in the order of
//! Linux 6.18, so that an instruction with two faults is reported for the same one (measured).

use crate::error::{DecodeError, DecodeErrorKind as Kind, Field};
use crate::imm64::Imm64;
use crate::insn::{CallTarget, Insn, Reg, Src};
use crate::slot::{Pc, Slot};
use crate::table::{
    self, AluOp, AtomicOp, CODE_MASK, CmpOp, EndianOp, Form, FormRow, Imm64Kind, SOURCE_REG, Second, Size,
    Use, Width, class,
};

/// Decodes the instruction that starts at `pc`; an `LD_IMM64` reads the slot after it too.
///
/// # Errors
/// When there is no such slot, or it is not an instruction of Linux 6.18.
pub fn decode(slots: &[Slot], pc: Pc) -> Result<Insn, DecodeError> {
    let here = slots.get(pc.index()).ok_or(Kind::OutOfRange { slots: slots.len() });
    let next = pc.index().checked_add(1).and_then(|index| slots.get(index));
    here.and_then(|slot| decode_slot(*slot, next)).map_err(|kind| DecodeError { pc, kind })
}

/// Decodes a whole program, in order.
///
/// # Errors
/// The first instruction that does not decode.
pub fn decode_all(slots: &[Slot]) -> Result<Vec<(Pc, Insn)>, DecodeError> {
    disassemble(slots).map(|(pc, insn)| Ok((pc, insn?))).collect()
}

/// Every instruction of a program with its place. An instruction that does not decode is passed over as one slot, or as
/// two when its opcode is that of `LD_IMM64` and the slot after it looks like the other half.
pub fn disassemble(slots: &[Slot]) -> impl Iterator<Item = (Pc, Result<Insn, DecodeError>)> + '_ {
    let mut next = Pc(0);
    std::iter::from_fn(move || {
        let pc = next;
        let slot = slots.get(pc.index())?;
        let insn = decode(slots, pc);
        let two = match &insn {
            Ok(insn) => insn.slots() == 2,
            Err(_) => is_imm64(slot) && slots.get(pc.index() + 1).is_some_and(|slot| slot.opcode == 0),
        };
        next = Pc(pc.0.checked_add(if two { 2 } else { 1 })?);
        Some((pc, insn))
    })
}

fn is_imm64(slot: &Slot) -> bool {
    table::form_of(slot.opcode).is_some_and(|row| row.form == Form::LdImm64)
}

fn decode_slot(slot: Slot, next: Option<&Slot>) -> Result<Insn, Kind> {
    let row = table::form_of(slot.opcode).ok_or(Kind::UnknownOpcode(slot.opcode))?;
    if row.form == Form::Branch {
        // Linux looks at the destination of a comparison before it looks at anything else.
        reg(slot.dst)?;
    }
    check_reserved(row, slot)?;
    let reserved = |field| Kind::ReservedField { form: row.linux, field };
    let size = Size::of_opcode(slot.opcode);
    let Slot { off, imm, .. } = slot;
    match row.form {
        Form::Alu => {
            let op = alu_op(row, slot)?;
            let src = src(slot)?;
            Ok(Insn::Alu { op, width: alu_width(slot), dst: reg(slot.dst)?, src })
        }
        Form::Neg => Ok(Insn::Neg { width: alu_width(slot), dst: reg(slot.dst)? }),
        Form::Mov => decode_mov(slot, reserved),
        Form::Endian => {
            let op = EndianOp::ALL.iter().copied().find(|op| op.row().opcode == slot.opcode);
            let op = op.ok_or(Kind::UnknownOpcode(slot.opcode))?;
            let bits = match imm {
                16 => 16,
                32 => 32,
                64 => 64,
                _ => return Err(reserved(Field::Imm)),
            };
            Ok(Insn::Endian { op, bits, dst: reg(slot.dst)? })
        }
        Form::LdImm64 => decode_imm64(row, slot, next),
        Form::LdAbs => Ok(Insn::LoadAbs { size, imm }),
        Form::LdInd => Ok(Insn::LoadInd { size, src: reg(slot.src)?, imm }),
        Form::LdxSigned if size == Size::DW => Err(Kind::UnknownOpcode(slot.opcode)),
        Form::Ldx | Form::LdxSigned => {
            let base = reg(slot.src)?;
            Ok(Insn::Load { size, signed: row.form == Form::LdxSigned, dst: reg(slot.dst)?, base, off })
        }
        Form::LdxMode => Err(reserved(Field::Opcode)),
        Form::St => Ok(Insn::Store { size, base: reg(slot.dst)?, off, src: Src::Imm(imm) }),
        Form::Stx => {
            let src = Src::Reg(reg(slot.src)?);
            Ok(Insn::Store { size, base: reg(slot.dst)?, off, src })
        }
        Form::Atomic => decode_atomic(slot, size),
        Form::Ja => Ok(Insn::Ja { off }),
        Form::Jal => Ok(Insn::Jal { off: imm }),
        Form::Branch => {
            let width = if slot.opcode & 7 == class::JMP { Width::W64 } else { Width::W32 };
            Ok(Insn::Branch { op: cmp_op(slot)?, width, dst: reg(slot.dst)?, src: src(slot)?, off })
        }
        Form::MayGoto => match slot {
            Slot { dst: 0, src: 0, imm: 0, .. } => Ok(Insn::MayGoto { off }),
            _ => Err(Kind::MayGoto { imm }),
        },
        Form::Call => match (slot.src, off) {
            (0, 0) => Ok(Insn::Call(CallTarget::Helper(imm))),
            (1, 0) => Ok(Insn::Call(CallTarget::Local(imm))),
            (0 | 1, _) => Err(reserved(Field::Off)),
            (2, btf) => Ok(Insn::Call(CallTarget::Kfunc { id: imm, btf })),
            _ => Err(reserved(Field::Src)),
        },
        // Linux knows no such opcode, so it has no words for its fields.
        Form::CallX => match (slot, Reg::new(slot.dst)) {
            (Slot { src: 0, off: 0, imm: 0, .. }, Some(reg)) => Ok(Insn::CallX { reg }),
            _ => Err(Kind::UnknownOpcode(slot.opcode)),
        },
        Form::Exit => Ok(Insn::Exit),
    }
}

fn decode_mov(slot: Slot, reserved: impl Fn(Field) -> Kind) -> Result<Insn, Kind> {
    let width = alu_width(slot);
    let Slot { off, imm, .. } = slot;
    if slot.opcode & SOURCE_REG == 0 {
        return Ok(Insn::Mov { width, dst: reg(slot.dst)?, src: Src::Imm(imm) });
    }
    match (off, imm, width) {
        (table::ADDR_SPACE_CAST, _, Width::W64) => {
            let src = reg(slot.src)?;
            let [s0, s1, d0, d1] = imm.to_le_bytes();
            let (dst_as, src_as) = (u16::from_le_bytes([d0, d1]), u16::from_le_bytes([s0, s1]));
            Ok(Insn::AddrSpaceCast { dst: reg(slot.dst)?, src, dst_as, src_as })
        }
        (0, 0, _) => {
            let src = Src::Reg(reg(slot.src)?);
            Ok(Insn::Mov { width, dst: reg(slot.dst)?, src })
        }
        (8 | 16, 0, _) | (32, 0, Width::W64) => {
            let src = reg(slot.src)?;
            let bits = u8::try_from(off).map_err(|_| reserved(Field::Off))?;
            Ok(Insn::MovSx { width, bits, dst: reg(slot.dst)?, src })
        }
        (0 | 8 | 16, _, _) | (32, _, Width::W64) => Err(reserved(Field::Imm)),
        _ => Err(reserved(Field::Off)),
    }
}

fn decode_imm64(row: &FormRow, slot: Slot, next: Option<&Slot>) -> Result<Insn, Kind> {
    let Some(&Slot { opcode: 0, dst: 0, src: 0, off: 0, imm: high }) = next else {
        return Err(Kind::MalformedImm64);
    };
    let low = slot.imm;
    let kind = Imm64Kind::ALL.iter().copied().find(|kind| kind.row().src == slot.src);
    let kind = kind.ok_or(Kind::UnknownImm64 { src: slot.src })?;
    let second = kind.row().second;
    if second == Second::Unrecognized && high != 0 {
        return Err(Kind::UnknownImm64 { src: slot.src });
    }
    // Linux comes to what follows only when a path does.
    if slot.off != 0 {
        return Err(Kind::ReservedField { form: row.linux, field: Field::Off });
    }
    let dst = reg(slot.dst)?;
    if second == Second::Ignored && high != 0 {
        return Err(Kind::IgnoredField { form: row.linux, field: Field::NextImm });
    }
    let value = Imm64::from_parts(kind, low, high);
    Ok(Insn::LoadImm64 { dst, value })
}

fn decode_atomic(slot: Slot, size: Size) -> Result<Insn, Kind> {
    let Slot { off, imm, .. } = slot;
    let regs = || Ok((reg(slot.src)?, reg(slot.dst)?));
    match imm {
        table::LOAD_ACQUIRE => regs().map(|(base, dst)| Insn::LoadAcquire { size, dst, base, off }),
        table::STORE_RELEASE => regs().map(|(src, base)| Insn::StoreRelease { size, base, off, src }),
        _ => {
            let op = AtomicOp::ALL
                .iter()
                .copied()
                .find(|op| op.row().imm == imm)
                .ok_or(Kind::UnknownAtomic(imm))?;
            if !matches!(size, Size::W | Size::DW) {
                return Err(Kind::AtomicSize(size));
            }
            regs().map(|(src, base)| Insn::Atomic { op, size, base, off, src })
        }
    }
}

fn check_reserved(row: &FormRow, slot: Slot) -> Result<(), Kind> {
    let fields = [
        (row.dst, slot.dst == 0, Field::Dst),
        (row.src, slot.src == 0, Field::Src),
        (row.off, slot.off == 0, Field::Off),
        (row.imm, slot.imm == 0, Field::Imm),
    ];
    // What Linux checks comes before what only we do.
    for kind in [Use::Reserved, Use::Ignored] {
        let fault = fields.iter().find(|(field_use, zero, _)| *field_use == kind && !zero);
        let Some((_, _, field)) = fault else { continue };
        let (form, field) = (row.linux, *field);
        return Err(match kind {
            Use::Ignored => Kind::IgnoredField { form, field },
            _ => Kind::ReservedField { form, field },
        });
    }
    Ok(())
}

fn alu_op(row: &FormRow, slot: Slot) -> Result<AluOp, Kind> {
    let same = |op: &&AluOp| op.row().code == slot.opcode & CODE_MASK && op.row().off == slot.off;
    AluOp::ALL.iter().find(same).copied().ok_or(Kind::ReservedField { form: row.linux, field: Field::Off })
}

fn cmp_op(slot: Slot) -> Result<CmpOp, Kind> {
    let op = CmpOp::ALL.iter().copied().find(|op| op.row().code == slot.opcode & CODE_MASK);
    op.ok_or(Kind::UnknownOpcode(slot.opcode))
}

fn alu_width(slot: Slot) -> Width {
    if slot.opcode & 7 == class::ALU64 { Width::W64 } else { Width::W32 }
}

fn src(slot: Slot) -> Result<Src, Kind> {
    if slot.opcode & SOURCE_REG == 0 { Ok(Src::Imm(slot.imm)) } else { reg(slot.src).map(Src::Reg) }
}

fn reg(number: u8) -> Result<Reg, Kind> {
    Reg::new(number).ok_or(Kind::InvalidRegister(number))
}
