//! What arithmetic and comparisons compute: RFC 9669 sections 4.1 to 4.3, on plain numbers.
//!
//! One definition for every runner (and the yardstick for the JIT). 32-bit operations take the low halves and give a
//! zero-extended result; shifts mask their count; division by zero gives 0 and modulo by zero the dividend, as Linux does.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "reinterpreting the bits is what these operations do"
)]

use belay_isa::{AluOp, CmpOp, EndianOp, Width};

/// A binary operation.
#[inline]
pub(crate) fn binary(op: AluOp, width: Width, a: u64, b: u64) -> u64 {
    match width {
        Width::W64 => binary64(op, a, b),
        Width::W32 => u64::from(binary32(op, a as u32, b as u32)),
    }
}

/// Binary arithmetic on one width: the same operators, only the words and the mask of a shift's amount differ.
macro_rules! binary {
    ($name:ident, $word:ty, $signed:ty) => {
        #[inline]
        fn $name(op: AluOp, a: $word, b: $word) -> $word {
            let (sa, sb) = (a as $signed, b as $signed);
            let amount = b & (<$word>::BITS - 1) as $word;
            match op {
                AluOp::Add => a.wrapping_add(b),
                AluOp::Sub => a.wrapping_sub(b),
                AluOp::Mul => a.wrapping_mul(b),
                AluOp::Div => a.checked_div(b).unwrap_or(0),
                AluOp::Sdiv if sb == 0 => 0,
                AluOp::Sdiv => sa.wrapping_div(sb) as $word,
                AluOp::Mod => a.checked_rem(b).unwrap_or(a),
                AluOp::Smod if sb == 0 => a,
                AluOp::Smod => sa.wrapping_rem(sb) as $word,
                AluOp::Or => a | b,
                AluOp::And => a & b,
                AluOp::Xor => a ^ b,
                AluOp::Lsh => a << amount,
                AluOp::Rsh => a >> amount,
                AluOp::Arsh => (sa >> amount) as $word,
            }
        }
    };
}

binary!(binary64, u64, i64);
binary!(binary32, u32, i32);

/// Arithmetic negation.
#[inline]
pub(crate) fn negate(width: Width, a: u64) -> u64 {
    match width {
        Width::W64 => a.wrapping_neg(),
        Width::W32 => u64::from((a as u32).wrapping_neg()),
    }
}

/// A move: all of the value, or its low half.
#[inline]
pub(crate) fn truncate(width: Width, a: u64) -> u64 {
    match width {
        Width::W64 => a,
        Width::W32 => u64::from(a as u32),
    }
}

/// A move that extends the sign of the low `bits` (8, 16 or 32) to the width.
#[inline]
pub(crate) fn sign_extend(width: Width, bits: u8, a: u64) -> u64 {
    let wide = match bits {
        8 => i64::from(a as i8),
        16 => i64::from(a as i16),
        _ => i64::from(a as i32),
    };
    truncate(width, wide as u64)
}

/// A byte order operation on the low `bits` (16, 32 or 64); the rest becomes zero.
#[inline]
pub(crate) fn endian(op: EndianOp, bits: u8, a: u64) -> u64 {
    let swap = match op {
        EndianOp::Swap => true,
        EndianOp::ToBe => cfg!(target_endian = "little"),
        EndianOp::ToLe => cfg!(target_endian = "big"),
    };
    match (bits, swap) {
        (16, false) => u64::from(a as u16),
        (16, true) => u64::from((a as u16).swap_bytes()),
        (32, false) => u64::from(a as u32),
        (32, true) => u64::from((a as u32).swap_bytes()),
        (_, false) => a,
        (_, true) => a.swap_bytes(),
    }
}

/// A comparison.
#[inline]
pub(crate) fn holds(op: CmpOp, width: Width, a: u64, b: u64) -> bool {
    let (a, b, sa, sb) = match width {
        Width::W64 => (a, b, a as i64, b as i64),
        Width::W32 => (u64::from(a as u32), u64::from(b as u32), i64::from(a as i32), i64::from(b as i32)),
    };
    match op {
        CmpOp::Eq => a == b,
        CmpOp::Ne => a != b,
        CmpOp::Gt => a > b,
        CmpOp::Ge => a >= b,
        CmpOp::Lt => a < b,
        CmpOp::Le => a <= b,
        CmpOp::Set => a & b != 0,
        CmpOp::Sgt => sa > sb,
        CmpOp::Sge => sa >= sb,
        CmpOp::Slt => sa < sb,
        CmpOp::Sle => sa <= sb,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_never_traps() {
        let min64 = i64::MIN as u64;
        let min32 = u64::from(i32::MIN as u32);
        let all = u64::MAX;
        assert_eq!(binary(AluOp::Div, Width::W64, 7, 0), 0);
        assert_eq!(binary(AluOp::Mod, Width::W64, 7, 0), 7);
        assert_eq!(binary(AluOp::Sdiv, Width::W64, 7, 0), 0);
        assert_eq!(binary(AluOp::Smod, Width::W64, all, 0), all);
        assert_eq!(binary(AluOp::Sdiv, Width::W64, min64, all), min64);
        assert_eq!(binary(AluOp::Smod, Width::W64, min64, all), 0);
        assert_eq!(binary(AluOp::Sdiv, Width::W32, min32, all), min32);
        assert_eq!(binary(AluOp::Smod, Width::W32, min32, all), 0);
        // The dividend's upper half goes even where the operation leaves the dividend alone.
        assert_eq!(binary(AluOp::Mod, Width::W32, 0x1_0000_0007, 0x5_0000_0000), 7);
    }

    #[test]
    fn narrow_results_are_zero_extended() {
        assert_eq!(binary(AluOp::Sub, Width::W32, 0, 1), 0xffff_ffff);
        assert_eq!(binary(AluOp::Arsh, Width::W32, 0x8000_0000, 63), 0xffff_ffff);
        assert_eq!(negate(Width::W32, 1), 0xffff_ffff);
        assert_eq!(sign_extend(Width::W32, 8, 0x80), 0xffff_ff80);
        assert_eq!(sign_extend(Width::W64, 32, 0x8000_0000), 0xffff_ffff_8000_0000);
        assert_eq!(endian(EndianOp::Swap, 16, 0x1234_5678), 0x7856);
    }

    #[test]
    fn comparisons_see_their_width() {
        assert!(holds(CmpOp::Eq, Width::W32, 0x1_0000_0000, 0));
        assert!(!holds(CmpOp::Eq, Width::W64, 0x1_0000_0000, 0));
        assert!(holds(CmpOp::Slt, Width::W32, 0xffff_ffff, 0));
        assert!(holds(CmpOp::Sgt, Width::W64, 0xffff_ffff, 0));
    }
}
