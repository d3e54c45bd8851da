//! Machine words: the only place that knows how wide a scalar is.
//!
//! The domain is written over [`Wide`], a word that has a lower half, so the code that ships for 64-bit registers
//! and their 32-bit halves is the code that the tests run on every value of a register of four, six or eight bits.
//! A word holds plain bits; [`Word::Signed`] is the same bits in two's complement reading.

use std::fmt::Debug;
use std::hash::Hash;
use std::ops::{BitAnd, BitOr, BitXor, Not};

/// An unsigned machine word and its two's complement reading.
pub trait Word:
    Copy
    + Debug
    + Ord
    + Hash
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
    + BitXor<Output = Self>
    + Not<Output = Self>
{
    /// The two's complement reading, ordered as integers.
    type Signed: Copy + Debug + Ord + Hash;

    /// Width in bits, at most 64.
    const BITS: u32;
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// All bits set, the greatest unsigned value.
    const MAX: Self;
    /// Only the sign bit set.
    const SIGN: Self;
    /// Zero in signed reading.
    const SIGNED_ZERO: Self::Signed;
    /// The least signed value.
    const SIGNED_MIN: Self::Signed;
    /// The greatest signed value.
    const SIGNED_MAX: Self::Signed;

    /// The lower `BITS` of `bits`.
    fn from_u64(bits: u64) -> Self;
    /// The value, zero-extended.
    fn to_u64(self) -> u64;
    /// The same bits in signed reading.
    fn signed(self) -> Self::Signed;
    /// The bits of a signed value.
    fn of_signed(value: Self::Signed) -> Self;
    /// A signed value, sign-extended.
    fn signed_to_i64(value: Self::Signed) -> i64;

    /// Sum, and whether it wrapped.
    fn overflowing_add(self, other: Self) -> (Self, bool);
    /// Difference, and whether it wrapped.
    fn overflowing_sub(self, other: Self) -> (Self, bool);
    /// Product modulo 2^`BITS`.
    fn wrapping_mul(self, other: Self) -> Self;
    /// Product, if it is representable.
    fn checked_mul(self, other: Self) -> Option<Self>;
    /// Signed sum, if it is representable.
    fn signed_add(a: Self::Signed, b: Self::Signed) -> Option<Self::Signed>;
    /// Signed difference, if it is representable.
    fn signed_sub(a: Self::Signed, b: Self::Signed) -> Option<Self::Signed>;
    /// Signed product, if it is representable.
    fn signed_mul(a: Self::Signed, b: Self::Signed) -> Option<Self::Signed>;

    /// Shift left; zero when `amount` is not below `BITS`.
    fn shl(self, amount: u32) -> Self;
    /// Logical shift right; zero when `amount` is not below `BITS`.
    fn shr(self, amount: u32) -> Self;
    /// Arithmetic shift right; only copies of the sign when `amount` is not below `BITS`.
    fn sar(self, amount: u32) -> Self;
    /// Number of zero bits above the highest one.
    fn leading_zeros(self) -> u32;

    /// Sum modulo 2^`BITS`.
    fn wrapping_add(self, other: Self) -> Self {
        self.overflowing_add(other).0
    }
    /// Difference modulo 2^`BITS`.
    fn wrapping_sub(self, other: Self) -> Self {
        self.overflowing_sub(other).0
    }
    /// The lowest `bits` bits set.
    fn low_mask(bits: u32) -> Self {
        if bits == 0 { Self::ZERO } else { Self::MAX.shr(Self::BITS.saturating_sub(bits)) }
    }
    /// The lowest `bits` bits, sign-extended.
    fn sign_extend(self, bits: u32) -> Self {
        let unused = Self::BITS.saturating_sub(bits);
        self.shl(unused).sar(unused)
    }
}

/// A word with two halves: a register and the subregister that 32-bit instructions use.
pub trait Wide: Word {
    /// A word of half the width.
    type Half: Word;

    /// The lower half.
    fn low(self) -> Self::Half {
        Self::Half::from_u64(self.to_u64())
    }
    /// The upper half.
    fn high(self) -> Self::Half {
        Self::Half::from_u64(self.shr(Self::Half::BITS).to_u64())
    }
    /// Zero extension of a half.
    fn of_low(low: Self::Half) -> Self {
        Self::from_u64(low.to_u64())
    }
    /// Sign extension of a half.
    fn of_low_signed(low: <Self::Half as Word>::Signed) -> Self {
        Self::of_low(Self::Half::of_signed(low)).sign_extend(Self::Half::BITS)
    }
    /// This word with another lower half.
    fn with_low(self, low: Self::Half) -> Self {
        (self & !Self::of_low(Self::Half::MAX)) | Self::of_low(low)
    }
}

macro_rules! machine_word {
    ($unsigned:ty, $signed:ty) => {
        #[allow(clippy::cast_lossless, reason = "one text for both widths")]
        impl Word for $unsigned {
            type Signed = $signed;

            const BITS: u32 = <$unsigned>::BITS;
            const ZERO: Self = 0;
            const ONE: Self = 1;
            const MAX: Self = <$unsigned>::MAX;
            const SIGN: Self = <$signed>::MIN as $unsigned;
            const SIGNED_ZERO: $signed = 0;
            const SIGNED_MIN: $signed = <$signed>::MIN;
            const SIGNED_MAX: $signed = <$signed>::MAX;

            fn from_u64(bits: u64) -> Self {
                bits as $unsigned
            }
            fn to_u64(self) -> u64 {
                self as u64
            }
            fn signed(self) -> $signed {
                self as $signed
            }
            fn of_signed(value: $signed) -> Self {
                value as $unsigned
            }
            fn signed_to_i64(value: $signed) -> i64 {
                value as i64
            }
            fn overflowing_add(self, other: Self) -> (Self, bool) {
                <$unsigned>::overflowing_add(self, other)
            }
            fn overflowing_sub(self, other: Self) -> (Self, bool) {
                <$unsigned>::overflowing_sub(self, other)
            }
            fn wrapping_mul(self, other: Self) -> Self {
                <$unsigned>::wrapping_mul(self, other)
            }
            fn checked_mul(self, other: Self) -> Option<Self> {
                <$unsigned>::checked_mul(self, other)
            }
            fn signed_add(a: $signed, b: $signed) -> Option<$signed> {
                a.checked_add(b)
            }
            fn signed_sub(a: $signed, b: $signed) -> Option<$signed> {
                a.checked_sub(b)
            }
            fn signed_mul(a: $signed, b: $signed) -> Option<$signed> {
                a.checked_mul(b)
            }
            fn shl(self, amount: u32) -> Self {
                self.checked_shl(amount).unwrap_or(0)
            }
            fn shr(self, amount: u32) -> Self {
                self.checked_shr(amount).unwrap_or(0)
            }
            fn sar(self, amount: u32) -> Self {
                (self as $signed >> amount.min(<$unsigned>::BITS - 1)) as $unsigned
            }
            fn leading_zeros(self) -> u32 {
                <$unsigned>::leading_zeros(self)
            }
        }
    };
}

machine_word!(u64, i64);
machine_word!(u32, i32);

impl Wide for u64 {
    type Half = u32;
}
