//! Words of two to eight bits, for tests that try them all.

use crate::scalar::word::{Wide, Word};

/// A word of `N` bits, in the lower bits of a byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Small<const N: u32>(u8);

impl<const N: u32> Small<N> {
    const MASK: u8 = u8::MAX >> (8 - N);

    fn cut(bits: u8) -> Self {
        Small(bits & Self::MASK)
    }

    /// Every word.
    pub(super) fn all() -> impl Iterator<Item = Self> + Clone {
        (0..=Self::MASK).map(Small)
    }

    /// Its number among all words.
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    fn checked_signed(value: i8) -> Option<i8> {
        (Self::SIGNED_MIN <= value && value <= Self::SIGNED_MAX).then_some(value)
    }
}

macro_rules! bit_operator {
    ($($name:ident $method:ident $op:tt),*) => {$(
        impl<const N: u32> std::ops::$name for Small<N> {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                Small(self.0 $op other.0)
            }
        }
    )*};
}
bit_operator!(BitAnd bitand &, BitOr bitor |, BitXor bitxor ^);

impl<const N: u32> std::ops::Not for Small<N> {
    type Output = Self;
    fn not(self) -> Self {
        Self::cut(!self.0)
    }
}

impl<const N: u32> Word for Small<N> {
    type Signed = i8;

    const BITS: u32 = N;
    const ZERO: Self = Small(0);
    const ONE: Self = Small(1);
    const MAX: Self = Small(Self::MASK);
    const SIGN: Self = Small(1 << (N - 1));
    const SIGNED_ZERO: i8 = 0;
    const SIGNED_MIN: i8 = -1 << (N - 1);
    const SIGNED_MAX: i8 = !Self::SIGNED_MIN;

    fn from_u64(bits: u64) -> Self {
        Self::cut(bits as u8)
    }
    fn to_u64(self) -> u64 {
        self.0.into()
    }
    fn signed(self) -> i8 {
        (self.0 << (8 - N)).cast_signed() >> (8 - N)
    }
    fn of_signed(value: i8) -> Self {
        Self::cut(value.cast_unsigned())
    }
    fn signed_to_i64(value: i8) -> i64 {
        value.into()
    }
    fn overflowing_add(self, other: Self) -> (Self, bool) {
        let sum = u16::from(self.0) + u16::from(other.0);
        (Self::cut(sum as u8), sum > u16::from(Self::MASK))
    }
    fn overflowing_sub(self, other: Self) -> (Self, bool) {
        (Self::cut(self.0.wrapping_sub(other.0)), self.0 < other.0)
    }
    fn wrapping_mul(self, other: Self) -> Self {
        Self::cut(self.0.wrapping_mul(other.0))
    }
    fn checked_mul(self, other: Self) -> Option<Self> {
        self.0.checked_mul(other.0).filter(|product| *product <= Self::MASK).map(Small)
    }
    fn signed_add(a: i8, b: i8) -> Option<i8> {
        a.checked_add(b).and_then(Self::checked_signed)
    }
    fn signed_sub(a: i8, b: i8) -> Option<i8> {
        a.checked_sub(b).and_then(Self::checked_signed)
    }
    fn signed_mul(a: i8, b: i8) -> Option<i8> {
        a.checked_mul(b).and_then(Self::checked_signed)
    }
    fn shl(self, amount: u32) -> Self {
        Self::cut(self.0.checked_shl(amount).unwrap_or(0))
    }
    fn shr(self, amount: u32) -> Self {
        Small(self.0.checked_shr(amount).unwrap_or(0))
    }
    fn sar(self, amount: u32) -> Self {
        Self::of_signed(self.signed() >> amount.min(7))
    }
    fn leading_zeros(self) -> u32 {
        self.0.leading_zeros() - (8 - N)
    }
}

impl Wide for Small<4> {
    type Half = Small<2>;
}

impl Wide for Small<6> {
    type Half = Small<3>;
}

impl Wide for Small<8> {
    type Half = Small<4>;
}
