//! An answer put into the instruction that asks: an immediate, an offset with its access size, or a 64-bit load.

use belay_isa::Slot;

use super::value::Answer;
use crate::error::{ErrorKind, Fault};

/// The helper number of instructions that cannot work on this kernel: libbpf's, which its users search for.
const POISON: i32 = 0x0bad_2310;

/// `LD_IMM64`.
const LOAD_IMM64: u8 = 0x18;
/// `call` of an immediate.
const CALL: u8 = 0x85;

/// Patches the first of `slots`.
pub(super) fn patch(slots: &mut [Slot], answer: &Answer) -> Result<(), Fault> {
    let Some(after) = answer.after else {
        poison(slots);
        return Ok(());
    };
    let expect = |found: u64| match answer.before {
        Some(before) if before != found => Err(fault(format!(
            "the instruction holds {found}, the object's types say {before}: they do not belong together"
        ))),
        _ => Ok(()),
    };
    match slots {
        [low, high, ..] if low.opcode == LOAD_IMM64 => {
            if low.src != 0 || low.off != 0 || high.opcode != 0 {
                return Err(fault("the relocated 64-bit load is malformed".to_owned()));
            }
            expect(u64::from(high.imm.cast_unsigned()) << 32 | u64::from(low.imm.cast_unsigned()))?;
            (low.imm, high.imm) = (low_half(after), low_half(after >> 32));
        }
        // ALU and ALU64 with an immediate.
        [insn, ..] if matches!(insn.opcode & 0x0f, 0x04 | 0x07) => {
            let found = i64::from(insn.imm).cast_unsigned();
            // The compiler may hold a 32-bit number that the types count as unsigned.
            expect(found).or_else(|e| expect(found & 0xffff_ffff).map_err(|_| e))?;
            insn.imm = low_half(after);
        }
        // LDX, ST and STX.
        [insn, ..] if matches!(insn.opcode & 0x07, 0x01..=0x03) => {
            expect(i64::from(insn.off).cast_unsigned())?;
            let off = i16::try_from(after);
            let off = off.map_err(|_| {
                fault(format!("the kernel has the field at {after}, too far for an instruction"))
            })?;
            if let Some(resize) = answer.resize {
                if !resize.sound {
                    poison(slots);
                    return Ok(());
                }
                if bytes_of(insn.opcode) != resize.before {
                    let (bytes, size) = (bytes_of(insn.opcode), resize.before);
                    return Err(fault(format!("accesses {bytes} bytes of a field of {size}")));
                }
                let size = size_bits(resize.after);
                let size =
                    size.ok_or_else(|| fault(format!("the kernel's field has {} bytes", resize.after)))?;
                insn.opcode = insn.opcode & !0x18 | size;
            }
            insn.off = off;
        }
        [insn, ..] => {
            return Err(fault(format!("an instruction of opcode {:#04x} cannot be relocated", insn.opcode)));
        }
        [] => {}
    }
    Ok(())
}

fn poison(slots: &mut [Slot]) {
    let wide = slots.first().is_some_and(|slot| slot.opcode == LOAD_IMM64);
    for slot in slots.iter_mut().take(if wide { 2 } else { 1 }) {
        *slot = Slot { opcode: CALL, imm: POISON, ..Slot::default() };
    }
}

fn low_half(value: u64) -> i32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or_default().cast_signed()
}

/// Bytes that a load or store accesses.
fn bytes_of(opcode: u8) -> u32 {
    match opcode & 0x18 {
        0x00 => 4,
        0x08 => 2,
        0x10 => 1,
        _ => 8,
    }
}

fn size_bits(bytes: u32) -> Option<u8> {
    Some(match bytes {
        1 => 0x10,
        2 => 0x08,
        4 => 0x00,
        8 => 0x18,
        _ => return None,
    })
}

fn fault(message: String) -> Fault {
    Fault::new(ErrorKind::Core, message)
}
