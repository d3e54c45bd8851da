//! What is known of a number in a register: the scalar domain.
//!
//! A [`Scalar`] stands for a set of 64-bit words. It is the reduced product of five components: the bits
//! ([`Tnum`]), an unsigned and a signed range of the register, and an unsigned and a signed range of its lower half
//! ([`Bounds`]). A word is a member when every component allows it; [`ScalarOf::normalize`] lets each component learn
//! from the others, and loses no member.
//!
//! Two promises, each with its own tests:
//!
//! - **Sound.** The result of an operator contains the result of every pair of members; a branch decision holds for
//!   every pair of members; a refinement loses no pair that takes the branch. Tested on *all* values of a small width
//!   (`tests::exhaustive`) and on random members at 64 bits (`tests::random`). The domain is generic over [`Wide`] for this.
//! - **No more and no less precise than Linux.** More precision would accept programs that the kernel rejects.
//!   `tests/scalar_kernel.rs` compares every component with what the kernel's log prints.
//!
//! What a release knows of numbers that an older one does not is a [`Rule`] each, asked for at the one place that it changes;
//! so whatever derives something takes the release first. The text describes the newest.

mod alu;
mod bounds;
mod branch;
mod convert;
mod display;
mod normalize;
mod tnum;
mod word;

#[cfg(test)]
mod tests;

pub use bounds::Bounds;
pub use branch::{Consistency, Outcome};
pub use tnum::Tnum;
pub use word::{Wide, Word};

use belay_spec::{Release, Rule};

/// What is known of a 64-bit register that holds a number.
pub type Scalar = ScalarOf<u64>;

/// What is known of a number as wide as `W`. [`Scalar`] is the one that ships; the tests use narrower ones.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ScalarOf<W: Wide> {
    tnum: Tnum<W>,
    full: Bounds<W>,
    low: Bounds<W::Half>,
}

impl<W: Wide> ScalarOf<W> {
    /// Any number.
    pub const UNKNOWN: Self = ScalarOf { tnum: Tnum::UNKNOWN, full: Bounds::UNKNOWN, low: Bounds::UNKNOWN };

    /// Any number.
    pub fn unknown() -> Self {
        Self::UNKNOWN
    }

    /// Exactly `value`.
    pub fn constant(value: W) -> Self {
        ScalarOf {
            tnum: Tnum::constant(value),
            full: Bounds::constant(value),
            low: Bounds::constant(value.low()),
        }
    }

    /// Exactly `value` in the lower half, zero above.
    pub fn constant32(value: W::Half) -> Self {
        Self::constant(W::of_low(value))
    }

    /// `min ..= max` in unsigned order.
    pub fn unsigned_range(release: Release, min: W, max: W) -> Self {
        Self::from_parts(
            release,
            Tnum::UNKNOWN,
            Bounds { umin: min, umax: max, ..Bounds::UNKNOWN },
            Bounds::UNKNOWN,
        )
    }

    /// `min ..= max` in signed order.
    pub fn signed_range(release: Release, min: W::Signed, max: W::Signed) -> Self {
        let full = Bounds::signed(min, max);
        Self::from_parts(release, Tnum::UNKNOWN, full, full.low_half())
    }

    /// The members of `tnum`.
    pub fn of_bits(release: Release, tnum: Tnum<W>) -> Self {
        Self::from_parts(release, tnum, Bounds::UNKNOWN, Bounds::UNKNOWN)
    }

    /// What all three allow, normalized.
    pub fn from_parts(release: Release, tnum: Tnum<W>, full: Bounds<W>, low: Bounds<W::Half>) -> Self {
        let mut scalar = ScalarOf { tnum, full, low };
        scalar.normalize(release);
        scalar
    }

    /// What is known of the bits.
    pub fn tnum(&self) -> Tnum<W> {
        self.tnum
    }

    /// The ranges of the register.
    pub fn full(&self) -> Bounds<W> {
        self.full
    }

    /// The ranges of its lower half.
    pub fn low(&self) -> Bounds<W::Half> {
        self.low
    }

    /// Least unsigned value.
    pub fn umin(&self) -> W {
        self.full.umin
    }

    /// Greatest unsigned value.
    pub fn umax(&self) -> W {
        self.full.umax
    }

    /// Least signed value.
    pub fn smin(&self) -> W::Signed {
        self.full.smin
    }

    /// Greatest signed value.
    pub fn smax(&self) -> W::Signed {
        self.full.smax
    }

    /// Least unsigned value of the lower half.
    pub fn u32_min(&self) -> W::Half {
        self.low.umin
    }

    /// Greatest unsigned value of the lower half.
    pub fn u32_max(&self) -> W::Half {
        self.low.umax
    }

    /// Least signed value of the lower half.
    pub fn s32_min(&self) -> <W::Half as Word>::Signed {
        self.low.smin
    }

    /// Greatest signed value of the lower half.
    pub fn s32_max(&self) -> <W::Half as Word>::Signed {
        self.low.smax
    }

    /// The value, when there is only one: as in Linux, when every bit is known.
    pub fn as_constant(&self) -> Option<W> {
        self.tnum.as_constant()
    }

    /// The value of the lower half, when there is only one.
    pub fn as_constant32(&self) -> Option<W::Half> {
        self.tnum.low().as_constant()
    }

    /// Whether nothing is known.
    pub fn is_unknown(&self) -> bool {
        *self == Self::UNKNOWN
    }

    /// Whether `word` is a member.
    pub fn contains(&self, word: W) -> bool {
        self.tnum.contains(word) && self.full.contains(word) && self.low.contains(word.low())
    }

    /// Whether every component lies within its counterpart in `other`: then so does every member. This is what state
    /// pruning asks of a register whose value mattered (Linux's `range_within` and `tnum_in`).
    pub fn is_subset_of(&self, other: &Self) -> bool {
        self.full.is_within(&other.full)
            && self.low.is_within(&other.low)
            && self.tnum.is_subset_of(other.tnum)
    }

    /// What both allow, normalized.
    pub fn intersect(&self, release: Release, other: &Self) -> Self {
        let mut both = *self;
        both.full.intersect(&other.full);
        both.low.intersect(&other.low);
        both.tnum = both.tnum.intersect(other.tnum);
        both.normalize(release);
        both
    }

    /// The least product that contains the members of both, component by component. Linux never joins states; this
    /// is for callers that must forget which of two it was.
    pub fn join(&self, release: Release, other: &Self) -> Self {
        let mut joined = ScalarOf {
            tnum: self.tnum.union(other.tnum),
            full: self.full.union(&other.full),
            low: self.low.union(&other.low),
        };
        joined.normalize(release);
        joined
    }

    /// Whether a component shows that there is no member: a range with crossed ends, or a constant that the ranges do
    /// not pin to the same value. Linux calls this a violated invariant, and goes on with the ranges forgotten.
    pub fn is_contradictory(&self) -> bool {
        let full_differs = self.as_constant().is_some_and(|value| self.full != Bounds::constant(value));
        let low_differs = self.as_constant32().is_some_and(|value| self.low != Bounds::constant(value));
        self.full.is_empty() || self.low.is_empty() || full_differs || low_differs
    }

    /// What Linux does with a contradictory register: the ranges say nothing any more, the bits stay as they came out.
    fn forget_ranges(&mut self) {
        self.full = Bounds::UNKNOWN;
        self.low = Bounds::UNKNOWN;
    }

    /// The result of an arithmetic instruction, as it is left in the register.
    fn checked(mut self, release: Release) -> Self {
        if release.has(Rule::MutualRanges) && self.is_contradictory() {
            self.forget_ranges();
        }
        self
    }
}
