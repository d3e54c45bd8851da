//! What the instructions do to numbers (RFC 9669 sections 4.1 to 4.3), at any width up to 64 bits.
//!
//! Written in 128-bit integers and nothing of the domain, so that the two cannot share a mistake.

use crate::scalar::word::{Wide, Word};
use belay_isa::{AluOp, CmpOp, Width};

pub(super) fn alu<W: Wide>(op: AluOp, width: Width, x: W, y: W) -> W {
    let bits = operand_bits::<W>(width);
    W::from_u64(alu_bits(op, bits, cut(x.to_u64(), bits), cut(y.to_u64(), bits)))
}

pub(super) fn neg<W: Wide>(width: Width, x: W) -> W {
    let bits = operand_bits::<W>(width);
    W::from_u64(cut(x.to_u64().wrapping_neg(), bits))
}

pub(super) fn sign_extend<W: Wide>(from: u32, width: Width, x: W) -> W {
    W::from_u64(cut(as_signed(cut(x.to_u64(), from), from) as u64, operand_bits::<W>(width)))
}

pub(super) fn truncate<W: Wide>(to: u32, x: W) -> W {
    W::from_u64(cut(x.to_u64(), to))
}

pub(super) fn holds<W: Wide>(op: CmpOp, width: Width, x: W, y: W) -> bool {
    let bits = operand_bits::<W>(width);
    let (x, y) = (cut(x.to_u64(), bits), cut(y.to_u64(), bits));
    let (sx, sy) = (as_signed(x, bits), as_signed(y, bits));
    match op {
        CmpOp::Eq => x == y,
        CmpOp::Ne => x != y,
        CmpOp::Gt => x > y,
        CmpOp::Ge => x >= y,
        CmpOp::Lt => x < y,
        CmpOp::Le => x <= y,
        CmpOp::Set => x & y != 0,
        CmpOp::Sgt => sx > sy,
        CmpOp::Sge => sx >= sy,
        CmpOp::Slt => sx < sy,
        CmpOp::Sle => sx <= sy,
    }
}

fn alu_bits(op: AluOp, bits: u32, x: u64, y: u64) -> u64 {
    let (wide_x, wide_y) = (i128::from(x), i128::from(y));
    let (sx, sy) = (as_signed(x, bits), as_signed(y, bits));
    let amount = y % u64::from(bits);
    let result = match op {
        AluOp::Add => wide_x + wide_y,
        AluOp::Sub => wide_x - wide_y,
        AluOp::Mul => (u128::from(x) * u128::from(y)).cast_signed(),
        AluOp::Div => wide_x.checked_div(wide_y).unwrap_or(0),
        AluOp::Mod => wide_x.checked_rem(wide_y).unwrap_or(wide_x),
        AluOp::Sdiv => sx.checked_div(sy).unwrap_or(0),
        AluOp::Smod => sx.checked_rem(sy).unwrap_or(sx),
        AluOp::Or => i128::from(x | y),
        AluOp::And => i128::from(x & y),
        AluOp::Xor => i128::from(x ^ y),
        AluOp::Lsh => wide_x << amount,
        AluOp::Rsh => wide_x >> amount,
        AluOp::Arsh => sx >> amount,
    };
    cut(result as u64, bits)
}

fn operand_bits<W: Wide>(width: Width) -> u32 {
    match width {
        Width::W32 => W::Half::BITS,
        Width::W64 => W::BITS,
    }
}

fn cut(word: u64, bits: u32) -> u64 {
    if bits == 64 { word } else { word & ((1 << bits) - 1) }
}

fn as_signed(word: u64, bits: u32) -> i128 {
    let word = i128::from(word);
    if word >> (bits - 1) == 0 { word } else { word - (1 << bits) }
}
