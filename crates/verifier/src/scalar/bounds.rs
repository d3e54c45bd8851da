//! Ranges of one machine word, unsigned and signed side by side, and what arithmetic does to them.
//!
//! [`Bounds`] stands for the words that lie in both ranges. It is written once and used for the register and for its
//! lower half. The results are those of Linux 6.18, which deliberately forgets some things: being more precise
//! would accept programs that the kernel rejects.

use super::tnum::Tnum;
use super::word::Word;
use belay_spec::{Release, Rule};

/// An unsigned and a signed range of the same word. A bound may exceed its opposite: then there is no member.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Bounds<U: Word> {
    /// Least unsigned value.
    pub umin: U,
    /// Greatest unsigned value.
    pub umax: U,
    /// Least signed value.
    pub smin: U::Signed,
    /// Greatest signed value.
    pub smax: U::Signed,
}

#[allow(
    clippy::should_implement_trait,
    reason = "an abstract sum is a set of sums: `+` would promise too much"
)]
impl<U: Word> Bounds<U> {
    /// Every word.
    pub const UNKNOWN: Self =
        Bounds { umin: U::ZERO, umax: U::MAX, smin: U::SIGNED_MIN, smax: U::SIGNED_MAX };

    /// Exactly `value`.
    pub fn constant(value: U) -> Self {
        Bounds { umin: value, umax: value, smin: value.signed(), smax: value.signed() }
    }

    /// The words `min ..= max` in unsigned order, with the signed range when that is one range too.
    pub fn unsigned(umin: U, umax: U) -> Self {
        let mut bounds = Bounds { umin, umax, ..Self::UNKNOWN };
        if umin.signed() <= umax.signed() {
            (bounds.smin, bounds.smax) = (umin.signed(), umax.signed());
        }
        bounds
    }

    /// The words `min ..= max` in signed order; the unsigned range stays open.
    pub fn signed(smin: U::Signed, smax: U::Signed) -> Self {
        Bounds { smin, smax, ..Self::UNKNOWN }
    }

    /// Whether `word` lies in both ranges.
    pub fn contains(&self, word: U) -> bool {
        self.umin <= word && word <= self.umax && self.smin <= word.signed() && word.signed() <= self.smax
    }

    /// Whether both ranges lie within `other`'s.
    pub fn is_within(&self, other: &Self) -> bool {
        other.umin <= self.umin
            && self.umax <= other.umax
            && other.smin <= self.smin
            && self.smax <= other.smax
    }

    /// Whether a range has no member. (Ranges that are not empty can still be disjoint.)
    pub fn is_empty(&self) -> bool {
        self.umin > self.umax || self.smin > self.smax
    }

    /// Whether some range of one is disjoint from its counterpart, so that no word lies in both.
    pub fn excludes(&self, other: &Self) -> bool {
        self.umin > other.umax || self.umax < other.umin || self.smin > other.smax || self.smax < other.smin
    }

    /// Keeps the unsigned values `min ..= max`.
    pub fn clamp_unsigned(&mut self, min: U, max: U) {
        self.umin = self.umin.max(min);
        self.umax = self.umax.min(max);
    }

    /// Keeps the signed values `min ..= max`.
    pub fn clamp_signed(&mut self, min: U::Signed, max: U::Signed) {
        self.smin = self.smin.max(min);
        self.smax = self.smax.min(max);
    }

    /// Keeps what `other` allows too.
    pub fn intersect(&mut self, other: &Self) {
        self.clamp_unsigned(other.umin, other.umax);
        self.clamp_signed(other.smin, other.smax);
    }

    /// The least ranges that contain both.
    pub fn union(&self, other: &Self) -> Self {
        Bounds {
            umin: self.umin.min(other.umin),
            umax: self.umax.max(other.umax),
            smin: self.smin.min(other.smin),
            smax: self.smax.max(other.smax),
        }
    }

    /// Sums. The unsigned ends may both wrap (then so does every sum between them), not just one.
    pub fn add(&self, release: Release, other: &Self) -> Self {
        let (umin, min_wraps) = self.umin.overflowing_add(other.umin);
        let (umax, max_wraps) = self.umax.overflowing_add(other.umax);
        let unsigned = is_one_range(release, min_wraps, max_wraps).then_some((umin, umax));
        let signed = U::signed_add(self.smin, other.smin).zip(U::signed_add(self.smax, other.smax));
        Self::from_ends(unsigned, signed)
    }

    /// Differences; the ends wrap both or not at all, as in sums.
    pub fn sub(&self, release: Release, other: &Self) -> Self {
        let (umin, min_wraps) = self.umin.overflowing_sub(other.umax);
        let (umax, max_wraps) = self.umax.overflowing_sub(other.umin);
        let unsigned = is_one_range(release, min_wraps, max_wraps).then_some((umin, umax));
        let signed = U::signed_sub(self.smin, other.smax).zip(U::signed_sub(self.smax, other.smin));
        Self::from_ends(unsigned, signed)
    }

    /// Products: known when no product of ends overflows.
    pub fn mul(&self, release: Release, other: &Self) -> Self {
        if !release.has(Rule::SignedProducts) {
            return self.mul_half_words(other);
        }
        let unsigned = self.umin.checked_mul(other.umin).zip(self.umax.checked_mul(other.umax));
        let corners = [
            U::signed_mul(self.smin, other.smin),
            U::signed_mul(self.smin, other.smax),
            U::signed_mul(self.smax, other.smin),
            U::signed_mul(self.smax, other.smax),
        ];
        let signed = match corners {
            [Some(a), Some(b), Some(c), Some(d)] => Some((a.min(b).min(c.min(d)), a.max(b).max(c.max(d)))),
            _ => None,
        };
        Self::from_ends(unsigned, signed)
    }

    /// Products of factors that are not negative and fit in half the width, so that none overflows.
    fn mul_half_words(&self, other: &Self) -> Self {
        let greatest = U::low_mask(U::BITS / 2);
        let fits = |factor: &Self| factor.smin >= U::SIGNED_ZERO && factor.umax <= greatest;
        match self.umin.checked_mul(other.umin).zip(self.umax.checked_mul(other.umax)) {
            Some((umin, umax)) if fits(self) && fits(other) => match umax.signed() < U::SIGNED_ZERO {
                true => Bounds { umin, umax, ..Self::UNKNOWN },
                false => Self::unsigned(umin, umax),
            },
            _ => Self::UNKNOWN,
        }
    }

    /// Conjunctions whose bits are `bits`: none exceeds either operand.
    pub fn and(&self, other: &Self, bits: Tnum<U>) -> Self {
        Self::unsigned(bits.min(), self.umax.min(other.umax))
    }

    /// Disjunctions whose bits are `bits`: none is below either operand.
    pub fn or(&self, other: &Self, bits: Tnum<U>) -> Self {
        Self::unsigned(self.umin.max(other.umin), bits.max())
    }

    /// Words of which only the bits are known.
    pub fn of_bits(bits: Tnum<U>) -> Self {
        Self::unsigned(bits.min(), bits.max())
    }

    /// Shifted left. The unsigned range survives when the greatest value, at most the one power of two that still
    /// fits, loses no bit; the signed range never does.
    pub fn shl(&self, amount: u32) -> Self {
        let fits = amount < U::BITS && self.umax <= U::ONE.shl(U::BITS - 1 - amount);
        let unsigned = fits.then(|| (self.umin.shl(amount), self.umax.shl(amount)));
        Self::from_ends(unsigned, None)
    }

    /// Shifted right with zeros. The signed range is left to be derived from the unsigned one.
    pub fn shr(&self, amount: u32) -> Self {
        Self::from_ends(Some((self.umin.shr(amount), self.umax.shr(amount))), None)
    }

    /// Shifted right with the sign. The unsigned range is left to be derived from the signed one.
    pub fn sar(&self, amount: u32) -> Self {
        let shift = |value| U::of_signed(value).sar(amount).signed();
        Self::from_ends(None, Some((shift(self.smin), shift(self.smax))))
    }

    /// Sign extension of the lowest `bits` bits: exact when the range stays on one side of the new sign bit, else
    /// everything that this width can hold.
    pub fn sign_extend(&self, bits: u32) -> Self {
        let (first, last) = (U::of_signed(self.smin), U::of_signed(self.smax));
        let (smin, smax) = (first.sign_extend(bits).signed(), last.sign_extend(bits).signed());
        let same_upper_bits = (first ^ last) & !U::low_mask(bits) == U::ZERO;
        let same_sign = (smin < U::SIGNED_ZERO) == (smax < U::SIGNED_ZERO);
        if same_upper_bits && same_sign {
            Bounds { umin: U::of_signed(smin), umax: U::of_signed(smax), smin, smax }
        } else {
            let greatest = U::low_mask(bits.saturating_sub(1));
            Self::signed((!greatest).signed(), greatest.signed())
        }
    }

    /// Range by range; one that is not known is open.
    fn from_ends(unsigned: Option<(U, U)>, signed: Option<(U::Signed, U::Signed)>) -> Self {
        let (umin, umax) = unsigned.unwrap_or((U::ZERO, U::MAX));
        let (smin, smax) = signed.unwrap_or((U::SIGNED_MIN, U::SIGNED_MAX));
        Bounds { umin, umax, smin, smax }
    }
}

/// Whether sums between two ends that may wrap are one range: when neither wraps, or, since
/// [`Rule::WrappingSums`], when both do.
fn is_one_range(release: Release, min_wraps: bool, max_wraps: bool) -> bool {
    min_wraps == max_wraps && (!min_wraps || release.has(Rule::WrappingSums))
}
