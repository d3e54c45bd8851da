//! Moves, extensions, truncations, loads and byte swaps.

use super::bounds::Bounds;
use super::tnum::Tnum;
use super::word::{Wide, Word};
use super::{Scalar, ScalarOf};
use belay_isa::{EndianOp, Size, Width};
use belay_spec::{Release, Rule};

impl<W: Wide> ScalarOf<W> {
    /// The result of `dst = self`; the 32-bit form clears the upper half.
    pub fn mov(&self, release: Release, width: Width) -> Self {
        match width {
            Width::W64 => *self,
            Width::W32 => self.zero_extend32(release),
        }
    }

    /// The lower half, zero-extended.
    pub fn zero_extend32(&self, release: Release) -> Self {
        Self::zero_extended(release, self.tnum.low(), self.low)
    }

    /// The lowest `bits` bits, zero-extended: what a narrow load or store keeps.
    pub fn truncate(&self, release: Release, bits: u32) -> Self {
        if bits >= W::BITS {
            return *self;
        }
        let kept = W::low_mask(bits);
        let same_upper_bits = (self.full.umin ^ self.full.umax) & !kept == W::ZERO;
        let (min, max) =
            if same_upper_bits { (self.full.umin & kept, self.full.umax & kept) } else { (W::ZERO, kept) };
        let full = Bounds { umin: min, umax: max, smin: min.signed(), smax: max.signed() };
        let tnum = self.tnum.truncate(bits);
        let kept_low = bits >= W::Half::BITS;
        match release.has(Rule::MutualRanges) {
            true => Self::from_parts(release, tnum, full, if kept_low { self.low } else { Bounds::UNKNOWN }),
            // Where the lower half stays as it was, nothing is derived from anything.
            false if kept_low => ScalarOf { tnum, full, low: self.low },
            false => Self::from_parts(release, tnum, full, full.low_half()),
        }
    }

    /// The lowest `bits` bits, sign-extended to `width`, the upper half cleared by the 32-bit form (`movsx`; signed
    /// loads are the 64-bit form). `bits` is at most that of the lower half.
    ///
    /// Linux does not normalize the 64-bit result, and neither does this: the bits stay unknown where the range
    /// crosses zero.
    pub fn sign_extend(&self, release: Release, bits: u32, width: Width) -> Self {
        match width {
            Width::W32 => {
                let low = self.low.sign_extend(bits);
                Self::zero_extended(release, bits_of_range(&low), low)
            }
            Width::W64 => {
                let full = self.full.sign_extend(bits);
                let low = match full.umin == W::ZERO && full.umax == W::MAX {
                    true => Bounds::signed(
                        W::of_signed(full.smin).low().signed(),
                        W::of_signed(full.smax).low().signed(),
                    ),
                    false => Bounds {
                        umin: full.umin.low(),
                        umax: full.umax.low(),
                        smin: full.umin.low().signed(),
                        smax: full.umax.low().signed(),
                    },
                };
                ScalarOf { tnum: bits_of_range(&full), full, low }
            }
        }
    }
}

impl<W: Wide> Bounds<W> {
    /// The ranges of the lower half, each known where the register's fits in it whole.
    pub(super) fn low_half(&self) -> Bounds<W::Half> {
        let mut low = Bounds::UNKNOWN;
        let (least, greatest) = (W::Half::SIGNED_MIN, W::Half::SIGNED_MAX);
        let fits =
            W::of_low_signed(least).signed() <= self.smin && self.smax <= W::of_low_signed(greatest).signed();
        if fits {
            let half = |value| W::of_signed(value).low().signed();
            (low.smin, low.smax) = (half(self.smin), half(self.smax));
        }
        if self.umin.high() == W::Half::ZERO && self.umax.high() == W::Half::ZERO {
            (low.umin, low.umax) = (self.umin.low(), self.umax.low());
        }
        low
    }
}

fn bits_of_range<U: Word>(bounds: &Bounds<U>) -> Tnum<U> {
    Tnum::range(bounds.umin, bounds.umax)
}

impl Scalar {
    /// What a load of `size` bytes from memory of unknown content gives, zero- or sign-extended to 64 bits.
    pub fn load(release: Release, size: Size, signed: bool) -> Self {
        Self::UNKNOWN.extend_loaded(release, size, signed)
    }

    /// What a load of the lowest `size` bytes of this value gives, zero- or sign-extended to 64 bits.
    pub fn extend_loaded(&self, release: Release, size: Size, signed: bool) -> Self {
        let bits = size.bytes() * 8;
        match (size, signed) {
            (Size::DW, _) => *self,
            (_, false) => self.truncate(release, bits),
            (_, true) => self.sign_extend(release, bits, Width::W64),
        }
    }

    /// The lowest `size` bytes, zero-extended.
    pub fn coerce_to_size(&self, release: Release, size: Size) -> Self {
        self.truncate(release, size.bytes() * 8)
    }

    /// The result of a byte order instruction on the lowest `bits` (16, 32 or 64) bits, zero above, on a
    /// little-endian machine. A swap leaves only the bits known; without one it is a truncation.
    pub fn byte_swap(&self, release: Release, op: EndianOp, bits: u8) -> Self {
        if !release.has(Rule::ByteSwapTracked) {
            return Self::UNKNOWN;
        }
        let bits = u32::from(bits);
        match op {
            EndianOp::ToLe => self.truncate(release, bits),
            EndianOp::ToBe | EndianOp::Swap => {
                let swap = |word: u64| word.swap_bytes().shr(u64::BITS.saturating_sub(bits));
                Self::of_bits(release, Tnum { value: swap(self.tnum.value), mask: swap(self.tnum.mask) })
            }
        }
    }
}
