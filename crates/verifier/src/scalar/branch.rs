//! Conditional jumps: whether a comparison is decided, and what either way teaches of its operands.

use super::ScalarOf;
use super::bounds::Bounds;
use super::tnum::Tnum;
use super::word::{Wide, Word};
use belay_isa::{CmpOp, Width};
use belay_spec::{Release, Rule};

/// Whether a jump is taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// By every pair of members.
    Always,
    /// By no pair of members.
    Never,
    /// By some, or the domain cannot tell.
    Unknown,
}

/// Whether a refinement left anything.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[must_use]
pub enum Consistency {
    /// Both operands still have their components in order.
    Consistent,
    /// No pair of members goes this way, and the components show it. Linux walks the path all the same, having
    /// forgotten the ranges of the operand but not its bits, and so do we.
    Contradiction,
}

impl<W: Wide> ScalarOf<W> {
    /// Whether `if a op b` is decided.
    pub fn branch(release: Release, op: CmpOp, width: Width, a: &Self, b: &Self) -> Outcome {
        if !release.has(Rule::RegisterBranches) && b.constant_at(width).is_none() {
            return Outcome::Unknown;
        }
        if !release.has(Rule::EqualityRuledOut) && matches!(op, CmpOp::Eq | CmpOp::Ne) {
            let equal = a.constant_at(width).map(|a| Some(a) == b.constant_at(width));
            return equal.map_or(Outcome::Unknown, |equal| Outcome::of(equal == (op == CmpOp::Eq), true));
        }
        match width {
            Width::W32 => decide(op, &a.low, a.tnum.low(), &b.low, b.tnum.low()),
            Width::W64 => match (op, decide(op, &a.full, a.tnum, &b.full, b.tnum)) {
                // Where the registers could be equal the lower halves may still rule it out.
                (CmpOp::Eq, Outcome::Unknown) if a.low.excludes(&b.low) => Outcome::Never,
                (CmpOp::Ne, Outcome::Unknown) if a.low.excludes(&b.low) => Outcome::Always,
                (_, outcome) => outcome,
            },
        }
    }

    /// Narrows both operands of `if a op b` to what the branch shows, `taken` or not, and normalizes them. For an
    /// operand that is an immediate, pass a constant and drop it.
    ///
    /// Meant for jumps that [`ScalarOf::branch`] did not decide; on a decided one it may report a contradiction.
    pub fn refine(
        release: Release,
        op: CmpOp,
        width: Width,
        taken: bool,
        a: &mut Self,
        b: &mut Self,
    ) -> Consistency {
        if !release.has(Rule::RegisterBranches) {
            return Self::refine_one(release, op, width, taken, a, b);
        }
        match fact(op, taken) {
            Fact::Order(order, Sides::AsWritten) => Self::refine_order(order, width, a, b),
            Fact::Order(order, Sides::Swapped) => Self::refine_order(order, width, b, a),
            Fact::Equal => Self::refine_equal(width, a, b),
            Fact::Unequal if !release.has(Rule::InequalityNarrows) => {}
            Fact::Unequal => Self::refine_against_constant(width, a, b, Self::exclude),
            Fact::SharesBit => Self::refine_against_constant(width, a, b, Self::set_single_bit),
            Fact::SharesNoBit => Self::refine_against_constant(width, a, b, Self::clear_bits),
        }
        let (a, b) = (a.settle(release), b.settle(release));
        if a == Consistency::Consistent { b } else { a }
    }

    /// [`ScalarOf::refine`] of releases without [`Rule::RegisterBranches`]: a comparison with a constant teaches of the other
    /// operand; of two registers, equality alone teaches of both.
    fn refine_one(
        release: Release,
        op: CmpOp,
        width: Width,
        taken: bool,
        a: &mut Self,
        b: &mut Self,
    ) -> Consistency {
        let (mut left, mut right) = (*a, *b);
        let both = match (a.constant_at(width), b.constant_at(width)) {
            (None, None) => true,
            (_, b_known) => {
                // (Where both are, the second is the constant.)
                match b_known.is_some() {
                    true => right = Self::constant(b_known.unwrap_or(W::ZERO)),
                    false => left = Self::constant(a.constant_at(width).unwrap_or(W::ZERO)),
                }
                false
            }
        };
        match fact(op, taken) {
            Fact::Equal if both && width == Width::W32 => return Consistency::Consistent,
            Fact::Equal => Self::refine_equal(width, &mut left, &mut right),
            _ if both => return Consistency::Consistent,
            Fact::Order(order, Sides::AsWritten) => Self::refine_order(order, width, &mut left, &mut right),
            Fact::Order(order, Sides::Swapped) => Self::refine_order(order, width, &mut right, &mut left),
            Fact::Unequal => {}
            Fact::SharesBit => {
                Self::refine_against_constant(width, &mut left, &mut right, Self::set_single_bit);
            }
            Fact::SharesNoBit => {
                Self::refine_against_constant(width, &mut left, &mut right, Self::clear_bits);
            }
        }
        match (both, b.constant_at(width)) {
            (true, _) => {
                (*a, *b) = (left, right);
                b.normalize(release);
                a.normalize(release);
            }
            (false, Some(_)) => *a = left.derived_from(width).normalized(release),
            (false, None) => *b = right.derived_from(width).normalized(release),
        }
        Consistency::Consistent
    }

    /// With the ranges of the part that was not compared forgotten, and derived from those of the part that was.
    fn derived_from(mut self, width: Width) -> Self {
        match width {
            Width::W32 if self.tnum.max().high() == W::Half::ZERO => self.full = Bounds::of_low(&self.low),
            Width::W32 => self.full = Bounds::UNKNOWN,
            Width::W64 => self.low = self.full.low_half(),
        }
        self
    }

    fn normalized(mut self, release: Release) -> Self {
        self.normalize(release);
        self
    }

    /// [`ScalarOf::refine`] for `if r op r`, a register compared with itself. Linux learns from it as if the operands
    /// were two registers that share their storage (`r < r` keeps neither end of the range); nothing but
    /// an order teaches anything.
    pub fn refine_same(
        release: Release,
        op: CmpOp,
        width: Width,
        taken: bool,
        operand: &mut Self,
    ) -> Consistency {
        if !release.has(Rule::RegisterBranches) {
            let mut twin = *operand;
            return Self::refine_one(release, op, width, taken, operand, &mut twin);
        }
        if let Fact::Order(order, _) = fact(op, taken) {
            let (mut lesser, mut greater) = (*operand, *operand);
            Self::refine_order(order, width, &mut lesser, &mut greater);
            operand.full.intersect(&lesser.full);
            operand.full.intersect(&greater.full);
            operand.low.intersect(&lesser.low);
            operand.low.intersect(&greater.low);
        }
        // Once for each operand that it is.
        operand.normalize(release);
        operand.settle(release)
    }

    fn settle(&mut self, release: Release) -> Consistency {
        self.normalize(release);
        if !self.is_contradictory() {
            return Consistency::Consistent;
        }
        self.forget_ranges();
        Consistency::Contradiction
    }

    fn refine_order(order: Order, width: Width, a: &mut Self, b: &mut Self) {
        match width {
            Width::W32 => order.clamp(&mut a.low, &mut b.low),
            Width::W64 => order.clamp(&mut a.full, &mut b.full),
        }
    }

    fn refine_equal(width: Width, a: &mut Self, b: &mut Self) {
        match width {
            Width::W32 => {
                a.low.intersect(&b.low);
                b.low = a.low;
                let low = a.tnum.low().intersect(b.tnum.low());
                a.tnum = a.tnum.with_low(low);
                b.tnum = b.tnum.with_low(low);
            }
            Width::W64 => {
                a.full.intersect(&b.full);
                b.full = a.full;
                a.tnum = a.tnum.intersect(b.tnum);
                b.tnum = a.tnum;
            }
        }
    }

    /// Applies a rule that needs one side constant to the other side; the right one is looked at first.
    fn refine_against_constant(width: Width, a: &mut Self, b: &mut Self, rule: fn(&mut Self, Width, W)) {
        if let Some(constant) = b.constant_at(width) {
            rule(a, width, constant);
        } else if let Some(constant) = a.constant_at(width) {
            rule(b, width, constant);
        }
    }

    /// The constant that a comparison of that width sees.
    fn constant_at(&self, width: Width) -> Option<W> {
        match width {
            Width::W32 => self.as_constant32().map(W::of_low),
            Width::W64 => self.as_constant(),
        }
    }

    fn exclude(&mut self, width: Width, value: W) {
        match width {
            Width::W32 => self.low.exclude_end(value.low()),
            Width::W64 => self.full.exclude_end(value),
        }
    }

    /// `self & mask != 0` says which bit is set only if there is one to choose from.
    fn set_single_bit(&mut self, width: Width, mask: W) {
        if mask == W::ZERO || mask & mask.wrapping_sub(W::ONE) != W::ZERO {
            return;
        }
        self.tnum = match width {
            Width::W32 => self.tnum.with_low(self.tnum.low().or(Tnum::constant(mask.low()))),
            Width::W64 => self.tnum.or(Tnum::constant(mask)),
        };
    }

    /// `self & mask == 0`. Linux forgets the ranges here, lest they contradict the bits on a dead branch.
    fn clear_bits(&mut self, width: Width, mask: W) {
        self.full = Bounds::UNKNOWN;
        self.low = Bounds::UNKNOWN;
        self.tnum = match width {
            Width::W32 => self.tnum.with_low(self.tnum.low().and(Tnum::constant(!mask.low()))),
            Width::W64 => self.tnum.and(Tnum::constant(!mask)),
        };
    }
}

/// Decides a comparison of words whose ranges and bits are known.
fn decide<U: Word>(op: CmpOp, a: &Bounds<U>, a_bits: Tnum<U>, b: &Bounds<U>, b_bits: Tnum<U>) -> Outcome {
    match op {
        CmpOp::Eq => equality(a, a_bits, b, b_bits),
        CmpOp::Ne => equality(a, a_bits, b, b_bits).negated(),
        CmpOp::Set => shared_bits(a_bits, b_bits),
        CmpOp::Lt => Outcome::of(a.umax < b.umin, a.umin >= b.umax),
        CmpOp::Le => Outcome::of(a.umax <= b.umin, a.umin > b.umax),
        CmpOp::Gt => Outcome::of(a.umin > b.umax, a.umax <= b.umin),
        CmpOp::Ge => Outcome::of(a.umin >= b.umax, a.umax < b.umin),
        CmpOp::Slt => Outcome::of(a.smax < b.smin, a.smin >= b.smax),
        CmpOp::Sle => Outcome::of(a.smax <= b.smin, a.smin > b.smax),
        CmpOp::Sgt => Outcome::of(a.smin > b.smax, a.smax <= b.smin),
        CmpOp::Sge => Outcome::of(a.smin >= b.smax, a.smax < b.smin),
    }
}

fn equality<U: Word>(a: &Bounds<U>, a_bits: Tnum<U>, b: &Bounds<U>, b_bits: Tnum<U>) -> Outcome {
    let same_constant = a_bits.is_constant() && a_bits == b_bits;
    Outcome::of(same_constant, !a_bits.overlaps(b_bits) || a.excludes(b))
}

/// Linux decides `&` only against a constant.
fn shared_bits<U: Word>(a: Tnum<U>, b: Tnum<U>) -> Outcome {
    if !a.is_constant() && !b.is_constant() {
        return Outcome::Unknown;
    }
    let common = a.and(b);
    Outcome::of(common.min() != U::ZERO, common.max() == U::ZERO)
}

impl Outcome {
    fn of(always: bool, never: bool) -> Self {
        match (always, never) {
            (true, _) => Outcome::Always,
            (false, true) => Outcome::Never,
            (false, false) => Outcome::Unknown,
        }
    }

    fn negated(self) -> Self {
        match self {
            Outcome::Always => Outcome::Never,
            Outcome::Never => Outcome::Always,
            Outcome::Unknown => Outcome::Unknown,
        }
    }
}

/// What one way of a branch shows.
enum Fact {
    Order(Order, Sides),
    Equal,
    Unequal,
    SharesBit,
    SharesNoBit,
}

/// An order between a lesser and a greater operand.
enum Order {
    Less,
    LessOrEqual,
    SignedLess,
    SignedLessOrEqual,
}

/// Which operand is the lesser one.
enum Sides {
    AsWritten,
    Swapped,
}

fn fact(op: CmpOp, taken: bool) -> Fact {
    use Order::{Less, LessOrEqual, SignedLess, SignedLessOrEqual};
    use Sides::{AsWritten, Swapped};
    match (op, taken) {
        (CmpOp::Eq, true) | (CmpOp::Ne, false) => Fact::Equal,
        (CmpOp::Ne, true) | (CmpOp::Eq, false) => Fact::Unequal,
        (CmpOp::Set, true) => Fact::SharesBit,
        (CmpOp::Set, false) => Fact::SharesNoBit,
        (CmpOp::Lt, true) | (CmpOp::Ge, false) => Fact::Order(Less, AsWritten),
        (CmpOp::Le, true) | (CmpOp::Gt, false) => Fact::Order(LessOrEqual, AsWritten),
        (CmpOp::Gt, true) | (CmpOp::Le, false) => Fact::Order(Less, Swapped),
        (CmpOp::Ge, true) | (CmpOp::Lt, false) => Fact::Order(LessOrEqual, Swapped),
        (CmpOp::Slt, true) | (CmpOp::Sge, false) => Fact::Order(SignedLess, AsWritten),
        (CmpOp::Sle, true) | (CmpOp::Sgt, false) => Fact::Order(SignedLessOrEqual, AsWritten),
        (CmpOp::Sgt, true) | (CmpOp::Sle, false) => Fact::Order(SignedLess, Swapped),
        (CmpOp::Sge, true) | (CmpOp::Slt, false) => Fact::Order(SignedLessOrEqual, Swapped),
    }
}

impl Order {
    /// The lesser loses what no value of the greater exceeds, the greater what exceeds no value of the lesser. At the
    /// very end of the number line a strict order has no neighbour to step to; no undecided jump gets there.
    fn clamp<U: Word>(&self, lesser: &mut Bounds<U>, greater: &mut Bounds<U>) {
        let one = U::ONE.signed();
        match self {
            Order::LessOrEqual => {
                lesser.umax = lesser.umax.min(greater.umax);
                greater.umin = greater.umin.max(lesser.umin);
            }
            Order::Less => {
                lesser.umax = lesser.umax.min(greater.umax.wrapping_sub(U::ONE));
                greater.umin = greater.umin.max(lesser.umin.wrapping_add(U::ONE));
            }
            Order::SignedLessOrEqual => {
                lesser.smax = lesser.smax.min(greater.smax);
                greater.smin = greater.smin.max(lesser.smin);
            }
            Order::SignedLess => {
                lesser.smax = lesser.smax.min(U::signed_sub(greater.smax, one).unwrap_or(U::SIGNED_MAX));
                greater.smin = greater.smin.max(U::signed_add(lesser.smin, one).unwrap_or(U::SIGNED_MIN));
            }
        }
    }
}

impl<U: Word> Bounds<U> {
    /// Drops `value` where it is an end of a range; a hole in the middle cannot be represented.
    fn exclude_end(&mut self, value: U) {
        let (below, above) = (value.wrapping_sub(U::ONE), value.wrapping_add(U::ONE));
        if self.umin == value {
            self.umin = above;
        }
        if self.umax == value {
            self.umax = below;
        }
        if self.smin == value.signed() {
            self.smin = above.signed();
        }
        if self.smax == value.signed() {
            self.smax = below.signed();
        }
    }
}
