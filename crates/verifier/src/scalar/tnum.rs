//! Tristate numbers: what is known of each bit.
//!
//! A [`Tnum`] stands for the set of words that agree with `value` on every bit that is clear in `mask`. Invariant:
//! `value & mask == 0` (a bit is a known zero, a known one, or unknown), so no tnum is empty and equal sets have equal
//! representations. The operators are those of Vishwanathan et al., "Sound, Precise, and Fast Abstract Interpretation
//! with Tristate Numbers" (CGO 2022), with the multiplication that Linux uses since 6.18.

use super::word::{Wide, Word};
use belay_spec::{Release, Rule};
use std::fmt;

/// Knowledge of single bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Tnum<U = u64> {
    /// The known bits; zero where unknown.
    pub value: U,
    /// Set where the bit is unknown.
    pub mask: U,
}

#[allow(
    clippy::should_implement_trait,
    reason = "an abstract sum is a set of sums: `+` would promise too much"
)]
impl<U: Word> Tnum<U> {
    /// Any word.
    pub const UNKNOWN: Self = Tnum { value: U::ZERO, mask: U::MAX };

    /// Exactly `value`.
    pub fn constant(value: U) -> Self {
        Tnum { value, mask: U::ZERO }
    }

    /// `value` with the bits of `mask` unknown, whatever they are in `value`.
    pub fn new(value: U, mask: U) -> Self {
        Tnum { value: value & !mask, mask }
    }

    /// The least tnum that contains `min ..= max`: the common leading bits are known.
    pub fn range(min: U, max: U) -> Self {
        let varying = U::BITS - (min ^ max).leading_zeros();
        Tnum::new(min, U::low_mask(varying))
    }

    /// The value, when every bit is known.
    pub fn as_constant(self) -> Option<U> {
        self.is_constant().then_some(self.value)
    }

    /// Whether every bit is known.
    pub fn is_constant(self) -> bool {
        self.mask == U::ZERO
    }

    /// Whether nothing is known.
    pub fn is_unknown(self) -> bool {
        self.mask == U::MAX
    }

    /// The least member in unsigned order.
    pub fn min(self) -> U {
        self.value
    }

    /// The greatest member in unsigned order.
    pub fn max(self) -> U {
        self.value | self.mask
    }

    /// The least member in signed order.
    pub fn signed_min(self) -> U::Signed {
        (self.value | (self.mask & U::SIGN)).signed()
    }

    /// The greatest member in signed order.
    pub fn signed_max(self) -> U::Signed {
        (self.value | (self.mask & !U::SIGN)).signed()
    }

    /// Whether `word` is a member.
    pub fn contains(self, word: U) -> bool {
        word & !self.mask == self.value
    }

    /// The least member that is not below `word`, if there is one.
    pub fn least_from(self, word: U) -> Option<U> {
        let clash = (word ^ self.value) & !self.mask;
        // From the highest bit that `word` may not have as it is, downwards.
        let tail = U::low_mask(U::BITS - clash.leading_zeros());
        let head = word & self.mask & !tail;
        if clash == U::ZERO {
            Some(word)
        } else if self.value & clash > word & clash {
            // `word` has a zero where a one is due: keep the head, the rest as small as can be.
            Some(self.value | head)
        } else {
            // It has a one where a zero is due: count the unknown bits of the head one up.
            let (next, wraps) = (head | !self.mask | tail).overflowing_add(U::ONE);
            (!wraps).then(|| self.value | (next & self.mask))
        }
    }

    /// The least member above `word`; the greatest one if none is.
    pub fn next_after(self, word: U) -> U {
        let (from, wraps) = word.overflowing_add(U::ONE);
        let next = if wraps { None } else { self.least_from(from) };
        next.unwrap_or(self.max())
    }

    /// Whether every member is one of `other`'s.
    pub fn is_subset_of(self, other: Self) -> bool {
        self.mask & !other.mask == U::ZERO && other.contains(self.value)
    }

    /// Whether some word is a member of both.
    pub fn overlaps(self, other: Self) -> bool {
        let known = !(self.mask | other.mask);
        self.value & known == other.value & known
    }

    /// What both know. Where they contradict each other the bit becomes a known one: who intersects must be ready
    /// for an empty result, and learns of it from [`Tnum::overlaps`].
    pub fn intersect(self, other: Self) -> Self {
        Tnum::new(self.value | other.value, self.mask & other.mask)
    }

    /// The least tnum that contains both.
    pub fn union(self, other: Self) -> Self {
        Tnum::new(self.value, self.mask | other.mask | (self.value ^ other.value))
    }

    /// Whether every member is a multiple of `size`, a power of two; zero counts as one.
    pub fn is_aligned(self, size: U) -> bool {
        size == U::ZERO || self.max() & size.wrapping_sub(U::ONE) == U::ZERO
    }

    /// Sums. A carry can only differ where the sum of the least members and that of the greatest differ.
    pub fn add(self, other: Self) -> Self {
        let least = self.value.wrapping_add(other.value);
        let greatest = least.wrapping_add(self.mask.wrapping_add(other.mask));
        Tnum::new(least, (least ^ greatest) | self.mask | other.mask)
    }

    /// Differences. A borrow can only differ where the extreme differences differ.
    pub fn sub(self, other: Self) -> Self {
        let base = self.value.wrapping_sub(other.value);
        let greatest = base.wrapping_add(self.mask);
        let least = base.wrapping_sub(other.mask);
        Tnum::new(base, (greatest ^ least) | self.mask | other.mask)
    }

    /// Products, by long multiplication: a known one of `self` adds the shifted `other`, an unknown bit may or may not.
    pub fn mul(self, release: Release, other: Self) -> Self {
        if !release.has(Rule::SharpProducts) {
            return self.mul_apart(other);
        }
        let mut sum = Tnum::constant(U::ZERO);
        let mut shift = 0;
        while shift < U::BITS && self.max().shr(shift) != U::ZERO {
            let added = sum.add(other.shl(shift));
            if self.value.shr(shift) & U::ONE != U::ZERO {
                sum = added;
            } else if self.mask.shr(shift) & U::ONE != U::ZERO {
                sum = sum.union(added);
            }
            shift += 1;
        }
        sum
    }

    /// Products with what is known and what is not multiplied apart: that of the values, and added to it whatever bits the
    /// unknown ones may contribute.
    fn mul_apart(self, other: Self) -> Self {
        let known = Tnum::constant(self.value.wrapping_mul(other.value));
        let unknown = |mask: U| Tnum { value: U::ZERO, mask };
        let mut sum = Tnum::constant(U::ZERO);
        let mut shift = 0;
        while shift < U::BITS && self.max().shr(shift) != U::ZERO {
            let row = other.shl(shift);
            if self.value.shr(shift) & U::ONE != U::ZERO {
                sum = sum.add(unknown(row.mask));
            } else if self.mask.shr(shift) & U::ONE != U::ZERO {
                sum = sum.add(unknown(row.max()));
            }
            shift += 1;
        }
        known.add(sum)
    }

    /// Conjunctions: one where both are one, zero where either is.
    pub fn and(self, other: Self) -> Self {
        let ones = self.value & other.value;
        Tnum { value: ones, mask: self.max() & other.max() & !ones }
    }

    /// Disjunctions: one where either is, zero where both are.
    pub fn or(self, other: Self) -> Self {
        let ones = self.value | other.value;
        Tnum { value: ones, mask: (self.mask | other.mask) & !ones }
    }

    /// Exclusive disjunctions: known where both are.
    pub fn xor(self, other: Self) -> Self {
        Tnum::new(self.value ^ other.value, self.mask | other.mask)
    }

    /// Shifted left by a known amount.
    pub fn shl(self, amount: u32) -> Self {
        Tnum { value: self.value.shl(amount), mask: self.mask.shl(amount) }
    }

    /// Shifted right by a known amount, filled with zeros.
    pub fn shr(self, amount: u32) -> Self {
        Tnum { value: self.value.shr(amount), mask: self.mask.shr(amount) }
    }

    /// Shifted right by a known amount, filled with the sign (known or not).
    pub fn sar(self, amount: u32) -> Self {
        Tnum { value: self.value.sar(amount), mask: self.mask.sar(amount) }
    }

    /// The lowest `bits` bits, the rest zero.
    pub fn truncate(self, bits: u32) -> Self {
        let kept = U::low_mask(bits);
        Tnum { value: self.value & kept, mask: self.mask & kept }
    }
}

impl<W: Wide> Tnum<W> {
    /// What is known of the lower half.
    pub fn low(self) -> Tnum<W::Half> {
        Tnum { value: self.value.low(), mask: self.mask.low() }
    }

    /// Zero extension of a half.
    pub fn of_low(low: Tnum<W::Half>) -> Self {
        Tnum { value: W::of_low(low.value), mask: W::of_low(low.mask) }
    }

    /// The upper half of this one over another lower half.
    pub fn with_low(self, low: Tnum<W::Half>) -> Self {
        Tnum { value: self.value.with_low(low.value), mask: self.mask.with_low(low.mask) }
    }
}

/// As in the kernel's log: `(0x0; 0xff)`, or the number when all is known.
impl<U: Word> fmt::Display for Tnum<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_constant() {
            Some(value) => super::display::unsigned(f, value.to_u64()),
            None => write!(f, "({:#x}; {:#x})", self.value.to_u64(), self.mask.to_u64()),
        }
    }
}
