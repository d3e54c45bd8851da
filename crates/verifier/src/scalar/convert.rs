//! Moves, extensions, truncations, loads and byte swaps.

use super::bounds::Bounds;
use super::tnum::Tnum;
use super::word::{Wide, Word};
use super::{Scalar, ScalarOf};
use belay_isa::{EndianOp, Size, Width};

impl<W: Wide> ScalarOf<W> {
    /// The result of `dst = self`; the 32-bit form clears the upper half.
    pub fn mov(&self, width: Width) -> Self {
        match width {
            Width::W64 => *self,
            Width::W32 => self.zero_extend32(),
        }
    }

    /// The lower half, zero-extended.
    pub fn zero_extend32(&self) -> Self {
        Self::zero_extended(self.tnum.low(), self.low)
    }

    /// The lowest `bits` bits, zero-extended: what a narrow load or store keeps.
    pub fn truncate(&self, bits: u32) -> Self {
        if bits >= W::BITS {
            return *self;
        }
        let kept = W::low_mask(bits);
        let same_upper_bits = (self.full.umin ^ self.full.umax) & !kept == W::ZERO;
        let (min, max) =
            if same_upper_bits { (self.full.umin & kept, self.full.umax & kept) } else { (W::ZERO, kept) };
        let full = Bounds { umin: min, umax: max, smin: min.signed(), smax: max.signed() };
        let low = if bits < W::Half::BITS { Bounds::UNKNOWN } else { self.low };
        Self::from_parts(self.tnum.truncate(bits), full, low)
    }

    /// The lowest `bits` bits, sign-extended to `width`, the upper half cleared by the 32-bit form (`movsx`; signed
    /// loads are the 64-bit form). `bits` is at most that of the lower half.
    ///
    /// Linux does not normalize the 64-bit result, and neither does this: the bits stay unknown where the range
    /// crosses zero.
    pub fn sign_extend(&self, bits: u32, width: Width) -> Self {
        match width {
            Width::W32 => {
                let low = self.low.sign_extend(bits);
                Self::zero_extended(bits_of_range(&low), low)
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

fn bits_of_range<U: Word>(bounds: &Bounds<U>) -> Tnum<U> {
    Tnum::range(bounds.umin, bounds.umax)
}

impl Scalar {
    /// What a load of `size` bytes from memory of unknown content gives, zero- or sign-extended to 64 bits.
    pub fn load(size: Size, signed: bool) -> Self {
        Self::UNKNOWN.extend_loaded(size, signed)
    }

    /// What a load of the lowest `size` bytes of this value gives, zero- or sign-extended to 64 bits.
    pub fn extend_loaded(&self, size: Size, signed: bool) -> Self {
        let bits = size.bytes() * 8;
        match (size, signed) {
            (Size::DW, _) => *self,
            (_, false) => self.truncate(bits),
            (_, true) => self.sign_extend(bits, Width::W64),
        }
    }

    /// The lowest `size` bytes, zero-extended.
    pub fn coerce_to_size(&self, size: Size) -> Self {
        self.truncate(size.bytes() * 8)
    }

    /// The result of a byte order instruction on the lowest `bits` (16, 32 or 64) bits, zero above, on a
    /// little-endian machine. A swap leaves only the bits known; without one it is a truncation.
    pub fn byte_swap(&self, op: EndianOp, bits: u8) -> Self {
        let bits = u32::from(bits);
        match op {
            EndianOp::ToLe => self.truncate(bits),
            EndianOp::ToBe | EndianOp::Swap => {
                let swap = |word: u64| word.swap_bytes().shr(u64::BITS.saturating_sub(bits));
                Self::of_bits(Tnum { value: swap(self.tnum.value), mask: swap(self.tnum.mask) })
            }
        }
    }
}
