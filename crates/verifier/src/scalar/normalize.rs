//! The reduction of the product: each component tightens the others.
//!
//! A scalar's members are the words that every component allows, so any component may be narrowed by what the
//! others exclude without changing the set. How far Linux goes is observable (a bound it misses is a program that it
//! rejects), so the steps and the number of rounds are those of 6.18, measured, and no fixed point is sought.

use super::ScalarOf;
use super::bounds::Bounds;
use super::tnum::Tnum;
use super::word::{Wide, Word};
use belay_spec::{Release, Rule};

/// After three rounds Linux stops, whether or not another would learn more.
const ROUNDS: usize = 3;

impl<W: Wide> ScalarOf<W> {
    /// Tightens every component by the others. No member is lost, and none is won but for one rule of Linux that
    /// forgets a little (`sign_extension_without_sign`). When there is no member, some range may (but need not) come
    /// out with its ends crossed: see [`ScalarOf::is_contradictory`].
    pub fn normalize(&mut self, release: Release) {
        self.ranges_from_bits(release);
        if release.has(Rule::MutualRanges) {
            for _ in 0..ROUNDS {
                self.low_from_full();
                self.low.reconcile_signs();
                self.full.reconcile_signs();
                self.full_from_low();
            }
        } else {
            self.low.share_known_sign();
            self.full.share_known_sign();
        }
        self.bits_from_ranges();
        // The new bits may be sharper than the ranges: (0x0; 0xfc) makes a maximum of 0xff 0xfc.
        self.ranges_from_bits(release);
    }

    fn ranges_from_bits(&mut self, release: Release) {
        self.low.clamp_to_bits(self.tnum.low());
        self.full.clamp_to_bits(self.tnum);
        if release.has(Rule::OnlyMember)
            && let Some(only) = self.only_member()
        {
            *self = Self::constant(only);
        }
    }

    /// The one word that has the known bits and lies in the unsigned range, if there is only one. (Where there is
    /// none, on a path that cannot be, Linux may name one all the same, and this must name the same.)
    fn only_member(&self) -> Option<W> {
        let (first, last) = (self.full.umin, self.full.umax);
        let next = self.tnum.next_after(first);
        if self.tnum.contains(first) {
            return (next > last).then_some(first);
        }
        let nothing_after = next == self.tnum.max() || (next <= last && self.tnum.next_after(next) > last);
        nothing_after.then_some(next)
    }

    fn bits_from_ranges(&mut self) {
        let bits = self.tnum.intersect(Tnum::range(self.full.umin, self.full.umax));
        let low = bits.low().intersect(Tnum::range(self.low.umin, self.low.umax));
        self.tnum = bits.with_low(low);
    }

    /// A range of registers says something of the lower halves when the upper half is the same throughout, or takes
    /// two consecutive values with lower halves that run from negative to non-negative.
    fn low_from_full(&mut self) {
        let unsigned = (self.full.umin, self.full.umax);
        let signed = (W::of_signed(self.full.smin), W::of_signed(self.full.smax));
        for (first, last) in [unsigned, signed] {
            if first.high() == last.high() {
                self.low.clamp_to_run(first.low(), last.low());
            }
        }
        for (first, last) in [unsigned, signed] {
            let consecutive = first.high().wrapping_add(Word::ONE) == last.high();
            let (first, last) = (first.low().signed(), last.low().signed());
            if consecutive && first < W::Half::SIGNED_ZERO && W::Half::SIGNED_ZERO <= last {
                self.low.clamp_signed(first, last);
            }
        }
    }

    /// The lower half's range narrows both ends of the register's: an end keeps its upper half and takes the lower
    /// half's bound for its own. The half's unsigned range will do: where the signed one is a range in unsigned order
    /// too, it has already been learnt from.
    fn full_from_low(&mut self) {
        self.full.clamp_ends(self.low.umin, self.low.umax);
        self.sign_extension_without_sign();
    }

    /// A register that holds a sign-extended half, as after a signed load, and whose half is known not to be negative,
    /// is that half. Linux takes the half's range in place of the register's, even where the register's was the
    /// narrower one (measured: bits `(0x0; 0x8000000000000001)` and the signed range `-64424509441 ..= 0` have only 0 in
    /// common, and become `0 ..= 1`).
    fn sign_extension_without_sign(&mut self) {
        let least = W::of_low_signed(W::Half::SIGNED_MIN).signed();
        let greatest = W::of_low_signed(W::Half::SIGNED_MAX).signed();
        if self.low.smin >= W::Half::SIGNED_ZERO && self.full.smin >= least && self.full.smax <= greatest {
            let (min, max) = (W::of_low_signed(self.low.smin), W::of_low_signed(self.low.smax));
            self.full = Bounds { umin: min, umax: max, smin: min.signed(), smax: max.signed() };
            self.tnum = self.tnum.intersect(Tnum::range(min, max));
        }
    }
}

impl<U: Word> Bounds<U> {
    fn clamp_to_bits(&mut self, bits: Tnum<U>) {
        self.clamp_unsigned(bits.min(), bits.max());
        self.clamp_signed(bits.signed_min(), bits.signed_max());
    }

    /// The words run upwards from `first` to `last`: a range in each order in which the run does not wrap.
    fn clamp_to_run(&mut self, first: U, last: U) {
        if first <= last {
            self.clamp_unsigned(first, last);
        }
        if first.signed() <= last.signed() {
            self.clamp_signed(first.signed(), last.signed());
        }
    }

    /// Exchanges knowledge between the unsigned and the signed range where one of them shows the sign: then they are one
    /// range. All that releases without [`Rule::MutualRanges`] do; where nothing is left, they do it in this way.
    fn share_known_sign(&mut self) {
        let (first, last) = (U::of_signed(self.smin), U::of_signed(self.smax));
        if self.smin >= U::SIGNED_ZERO || self.smax < U::SIGNED_ZERO {
            (self.umin, self.umax) = (self.umin.max(first), self.umax.min(last));
        } else if self.umax.signed() >= U::SIGNED_ZERO {
            self.umax = self.umax.min(last);
        } else if self.umin.signed() < U::SIGNED_ZERO {
            self.umin = self.umin.max(first);
        } else {
            return;
        }
        (self.smin, self.smax) = (self.umin.signed(), self.umax.signed());
    }

    /// Exchanges knowledge between the unsigned and the signed range.
    ///
    /// On the circle of words each range is an arc. If one does not cross the other's seam, it is a range of the
    /// other order too. If the signed arc crosses the unsigned seam, it is two pieces, one at each end of the unsigned
    /// order; when the unsigned range touches only one of them, both shrink to what they share.
    fn reconcile_signs(&mut self) {
        if self.umin.signed() <= self.umax.signed() {
            self.clamp_signed(self.umin.signed(), self.umax.signed());
        }
        let (first, last) = (U::of_signed(self.smin), U::of_signed(self.smax));
        if first <= last {
            self.clamp_unsigned(first, last);
        } else if self.umax < first {
            self.smin = self.umin.signed();
            self.umax = self.umax.min(last);
        } else if last < self.umin {
            self.smax = self.umax.signed();
            self.umin = self.umin.max(first);
        }
    }
}

impl<W: Wide> Bounds<W> {
    fn clamp_ends(&mut self, min: W::Half, max: W::Half) {
        self.clamp_unsigned(self.umin.with_low(min), self.umax.with_low(max));
        let first = W::of_signed(self.smin).with_low(min);
        let last = W::of_signed(self.smax).with_low(max);
        self.clamp_signed(first.signed(), last.signed());
    }
}
