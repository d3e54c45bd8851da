//! Arithmetic: what an ALU instruction makes of two scalars.
//!
//! A 32-bit instruction works on the lower halves and clears the upper one, so its result is that of the half,
//! zero-extended. A 64-bit instruction has a result for the register and one for its lower half, each from its own
//! operands, because the half of a sum is the sum of the halves; only shifts move bits across and need their own
//! rules.

use super::ScalarOf;
use super::bounds::Bounds;
use super::tnum::Tnum;
use super::word::{Wide, Word};
use belay_isa::{AluOp, Width};
use belay_spec::{Release, Rule};

impl<W: Wide> ScalarOf<W> {
    /// The result of `dst op= src`.
    ///
    /// Division and modulo are not tracked by Linux 6.18, nor is a shift by anything but a constant below the width:
    /// the result is unknown, in all 64 bits even for the 32-bit forms. (Division by zero gives zero and modulo by
    /// zero leaves the operand, RFC 9669 section 4.1: both are among the unknown.)
    pub fn alu(release: Release, op: AluOp, width: Width, dst: &Self, src: &Self) -> Self {
        if !release.has(Rule::VariableOperands) && !src.is_operand(op, width) {
            return Self::UNKNOWN;
        }
        match op {
            AluOp::Add | AluOp::Sub | AluOp::Mul | AluOp::And | AluOp::Or | AluOp::Xor => {
                let bits = combine_bits(release, op, dst.tnum, src.tnum);
                let low = combine(release, op, &dst.low, &src.low, bits.low());
                match width {
                    Width::W32 => Self::zero_extended(release, bits.low(), low),
                    Width::W64 => {
                        let full = combine(release, op, &dst.full, &src.full, bits);
                        Self::from_parts(release, bits, full, low).checked(release)
                    }
                }
            }
            AluOp::Lsh | AluOp::Rsh | AluOp::Arsh => match (src.shift_amount(width), width) {
                (Some(amount), Width::W32) => dst.shift_low(release, op, amount),
                (Some(amount), Width::W64) => dst.shift_full(release, op, amount),
                (None, _) => Self::UNKNOWN,
            },
            AluOp::Div | AluOp::Sdiv | AluOp::Mod | AluOp::Smod => Self::UNKNOWN,
        }
    }

    /// Whether releases without [`Rule::VariableOperands`] look at this second operand at all: it must be a constant but for
    /// sums, differences and conjunctions, and no contradiction.
    fn is_operand(&self, op: AluOp, width: Width) -> bool {
        let (constant, exact, empty) = match width {
            Width::W32 => {
                let constant = self.as_constant32();
                (
                    constant.is_some(),
                    constant.is_some_and(|c| self.low == Bounds::constant(c)),
                    self.low.is_empty(),
                )
            }
            Width::W64 => {
                let constant = self.as_constant();
                (
                    constant.is_some(),
                    constant.is_some_and(|c| self.full == Bounds::constant(c)),
                    self.full.is_empty(),
                )
            }
        };
        let variable_allowed = matches!(op, AluOp::Add | AluOp::Sub | AluOp::And);
        !empty && if constant { exact } else { variable_allowed }
    }

    /// The variable part of `pointer += number`, where `self` is that of the pointer.
    ///
    /// Linux computes it apart from numbers: the lower half is derived from the register, not added, and an unsigned
    /// range of which any end wraps is forgotten.
    pub fn pointer_plus(&self, release: Release, number: &Self) -> Self {
        let wraps = self.full.umax.overflowing_add(number.full.umax).1;
        Self::pointer_moved(release, self.tnum.add(number.tnum), self.full.add(release, &number.full), wraps)
    }

    /// The variable part of `pointer -= number`, as in [`ScalarOf::pointer_plus`].
    pub fn pointer_minus(&self, release: Release, number: &Self) -> Self {
        let wraps = self.full.umin < number.full.umax;
        Self::pointer_moved(release, self.tnum.sub(number.tnum), self.full.sub(release, &number.full), wraps)
    }

    fn pointer_moved(release: Release, bits: Tnum<W>, mut full: Bounds<W>, wraps: bool) -> Self {
        if wraps {
            (full.umin, full.umax) = (W::ZERO, W::MAX);
        }
        Self::from_parts(release, bits, full, Bounds::UNKNOWN).checked(release)
    }

    /// The two values that Linux follows one by one through `dst &= src` and `dst |= src`, instead of their join.
    ///
    /// A register (or lower half) that is all zeros or all ones, as an arithmetic shift by the width less one makes it,
    /// is a mask: joining the results for `0` and `-1` would lose that the result is one of two numbers. With a
    /// constant `src` the kernel forks here: it goes on with the second of the pair (all ones), and later walks the
    /// same instruction again with the first (zero).
    pub fn fork_before(release: Release, op: AluOp, dst: &Self, src: &Self) -> Option<(Self, Self)> {
        if !release.has(Rule::MasksForked)
            || !matches!(op, AluOp::And | AluOp::Or)
            || src.as_constant().is_none()
        {
            return None;
        }
        let ones = (W::MAX.signed(), W::Half::MAX.signed());
        if (dst.full.smin, dst.full.smax) == (ones.0, W::SIGNED_ZERO) {
            Some((Self::constant(W::ZERO), Self::constant(W::MAX)))
        } else if (dst.low.smin, dst.low.smax) == (ones.1, W::Half::SIGNED_ZERO) {
            Some((dst.with_known_low(W::Half::ZERO), dst.with_known_low(W::Half::MAX)))
        } else {
            None
        }
    }

    fn with_known_low(&self, low: W::Half) -> Self {
        ScalarOf {
            tnum: self.tnum.with_low(Tnum::constant(low)),
            full: self.full,
            low: Bounds::constant(low),
        }
    }

    /// The result of `dst = -dst`.
    pub fn neg(&self, release: Release, width: Width) -> Self {
        if !release.has(Rule::NegationTracked) {
            return Self::UNKNOWN;
        }
        Self::alu(release, AluOp::Sub, width, &Self::constant(W::ZERO), self)
    }

    /// A half, zero-extended. The signed range of the register is that of the half where it has no sign, else every
    /// zero-extended half.
    pub(super) fn zero_extended(release: Release, bits: Tnum<W::Half>, low: Bounds<W::Half>) -> Self {
        Self::from_parts(release, Tnum::of_low(bits), Bounds::of_low(&low), low).checked(release)
    }

    /// The amount of a shift, if it is one constant below the width. Linux asks the whole register to be below it
    /// even where only the lower half is used.
    fn shift_amount(&self, width: Width) -> Option<u32> {
        let (amount, limit) = match width {
            Width::W32 => (W::of_low(self.as_constant32()?), W::Half::BITS),
            Width::W64 => (self.as_constant()?, W::BITS),
        };
        let below_width = self.full.umax.to_u64() < u64::from(limit);
        below_width.then(|| u32::try_from(amount.to_u64()).ok()).flatten()
    }

    fn shift_low(&self, release: Release, op: AluOp, amount: u32) -> Self {
        let bits = shift_bits(op, self.tnum.low(), amount);
        Self::zero_extended(release, bits, shift(op, &self.low, amount))
    }

    fn shift_full(&self, release: Release, op: AluOp, amount: u32) -> Self {
        let mut full = shift(op, &self.full, amount);
        let low = match op {
            AluOp::Lsh => self.low.shl(amount),
            // What comes down from the upper half is only known by its bits.
            _ => Bounds::UNKNOWN,
        };
        if op == AluOp::Lsh && amount == W::Half::BITS {
            // First half of the idiom `r <<= 32; r s>>= 32`: the lower half's sign becomes the register's.
            let raised = |half| W::of_low(W::Half::of_signed(half)).shl(amount).signed();
            (full.smin, full.smax) = (raised(self.low.smin), raised(self.low.smax));
        }
        Self::from_parts(release, shift_bits(op, self.tnum, amount), full, low).checked(release)
    }
}

impl<W: Wide> Bounds<W> {
    /// The ranges of a register whose lower half has these and whose upper half is zero.
    pub(super) fn of_low(low: &Bounds<W::Half>) -> Self {
        let (smin, smax) = if low.smin >= W::Half::SIGNED_ZERO && low.smax >= W::Half::SIGNED_ZERO {
            (W::of_low_signed(low.smin), W::of_low_signed(low.smax))
        } else {
            (W::ZERO, W::of_low(W::Half::MAX))
        };
        let (umin, umax) = (W::of_low(low.umin), W::of_low(low.umax));
        Bounds { umin, umax, smin: smin.signed(), smax: smax.signed() }
    }
}

fn combine_bits<U: Word>(release: Release, op: AluOp, dst: Tnum<U>, src: Tnum<U>) -> Tnum<U> {
    match op {
        AluOp::Add => dst.add(src),
        AluOp::Sub => dst.sub(src),
        AluOp::Mul => dst.mul(release, src),
        AluOp::And => dst.and(src),
        AluOp::Or => dst.or(src),
        AluOp::Xor => dst.xor(src),
        _ => Tnum::UNKNOWN,
    }
}

/// The ranges of a result whose bits are already known.
fn combine<U: Word>(
    release: Release,
    op: AluOp,
    dst: &Bounds<U>,
    src: &Bounds<U>,
    bits: Tnum<U>,
) -> Bounds<U> {
    match op {
        AluOp::Add => dst.add(release, src),
        AluOp::Sub => dst.sub(release, src),
        AluOp::Mul => dst.mul(release, src),
        AluOp::And => dst.and(src, bits),
        AluOp::Or => dst.or(src, bits),
        AluOp::Xor => Bounds::of_bits(bits),
        _ => Bounds::UNKNOWN,
    }
}

fn shift_bits<U: Word>(op: AluOp, bits: Tnum<U>, amount: u32) -> Tnum<U> {
    match op {
        AluOp::Lsh => bits.shl(amount),
        AluOp::Rsh => bits.shr(amount),
        AluOp::Arsh => bits.sar(amount),
        _ => Tnum::UNKNOWN,
    }
}

fn shift<U: Word>(op: AluOp, bounds: &Bounds<U>, amount: u32) -> Bounds<U> {
    match op {
        AluOp::Lsh => bounds.shl(amount),
        AluOp::Rsh => bounds.shr(amount),
        AluOp::Arsh => bounds.sar(amount),
        _ => Bounds::UNKNOWN,
    }
}
