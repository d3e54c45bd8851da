//! The checkers of `exhaustive` can fail: each finds its counterexample in an operator that is broken on purpose.
//!
//! Each mutant is a mistake that is easy to make in a transfer function.

use super::LATEST;
use super::exhaustive::{
    Nibble, find_changed_set, find_lost_pair, find_lost_result, find_wrong_decision, simple_scalars,
};
use crate::scalar::branch::{Consistency, Outcome};
use crate::scalar::word::Word;
use crate::scalar::{Bounds, ScalarOf, Tnum};
use belay_isa::{AluOp, CmpOp, Width};

type Small = ScalarOf<Nibble>;

/// The real operator, but for one operation of one width.
fn mutant(
    broken: AluOp,
    at: Width,
    result: impl Fn(&Small, &Small) -> Small,
) -> impl Fn(AluOp, Width, &Small, &Small) -> Small {
    move |op, width, a, b| {
        if (op, width) == (broken, at) { result(a, b) } else { Small::alu(LATEST, op, width, a, b) }
    }
}

#[track_caller]
fn assert_caught(counterexample: Option<String>) {
    assert!(counterexample.is_some(), "the mutant survives");
}

fn with_full(full: Bounds<Nibble>) -> Small {
    Small::from_parts(LATEST, Tnum::UNKNOWN, full, Bounds::UNKNOWN)
}

#[test]
fn wrong_arithmetic_is_caught() {
    let scalars = simple_scalars();
    let caught = |alu: &dyn Fn(AluOp, Width, &Small, &Small) -> Small| {
        assert_caught(find_lost_result(&scalars, &scalars, alu));
    };
    // Only one end of a sum wraps, and nobody looks.
    caught(&mutant(AluOp::Add, Width::W64, |a, b| {
        let (umin, umax) = (a.umin().wrapping_add(b.umin()), a.umax().wrapping_add(b.umax()));
        with_full(Bounds { umin, umax, ..Bounds::UNKNOWN })
    }));
    // A difference pairs like ends.
    caught(&mutant(AluOp::Sub, Width::W64, |a, b| {
        let ends = Nibble::signed_sub(a.smin(), b.smin()).zip(Nibble::signed_sub(a.smax(), b.smax()));
        ends.map_or(Small::UNKNOWN, |(smin, smax)| with_full(Bounds::signed(smin, smax)))
    }));
    // A product of mixed signs has its extremes at the ends of both ranges.
    caught(&mutant(AluOp::Mul, Width::W64, |a, b| {
        let ends = Nibble::signed_mul(a.smin(), b.smin()).zip(Nibble::signed_mul(a.smax(), b.smax()));
        ends.map_or(Small::UNKNOWN, |(smin, smax)| with_full(Bounds::signed(smin, smax)))
    }));
    // A conjunction is bounded by the minima.
    caught(&mutant(AluOp::And, Width::W64, |a, b| {
        with_full(Bounds { umin: a.umin().min(b.umin()), umax: a.umax().min(b.umax()), ..Bounds::UNKNOWN })
    }));
    // A disjunction is bounded by the maxima.
    caught(&mutant(AluOp::Or, Width::W64, |a, b| {
        with_full(Bounds { umin: a.umin().max(b.umin()), umax: a.umax().max(b.umax()), ..Bounds::UNKNOWN })
    }));
    // A 32-bit instruction leaves the upper half alone.
    caught(&mutant(AluOp::Add, Width::W32, |a, b| Small::alu(LATEST, AluOp::Add, Width::W64, a, b)));
    // The lower half of a shift to the right is the shifted lower half.
    caught(&mutant(AluOp::Rsh, Width::W64, |a, b| match b.as_constant() {
        Some(amount) if amount.to_u64() < 4 => {
            Small::from_parts(LATEST, Tnum::UNKNOWN, Bounds::UNKNOWN, a.low().shr(amount.to_u64() as u32))
        }
        _ => Small::UNKNOWN,
    }));
    // A shift by the width or more gives zero.
    caught(&mutant(AluOp::Lsh, Width::W64, |a, b| match b.as_constant() {
        Some(amount) => Small::of_bits(LATEST, a.tnum().shl(amount.to_u64() as u32)),
        None => Small::UNKNOWN,
    }));
    // Division by zero never happens.
    caught(&mutant(AluOp::Div, Width::W64, |a, b| match b.as_constant() {
        Some(divisor) if divisor != Nibble::ZERO => Small::alu(LATEST, AluOp::Div, Width::W64, a, b),
        _ => with_full(Bounds { umin: Nibble::ONE, ..Bounds::UNKNOWN }),
    }));
}

#[test]
fn wrong_decisions_are_caught() {
    let scalars = simple_scalars();
    // `<=` is taken for `<`.
    let strict = |op, width, a: &Small, b: &Small| {
        Small::branch(LATEST, if op == CmpOp::Le { CmpOp::Lt } else { op }, width, a, b)
    };
    assert_caught(find_wrong_decision(&scalars, strict));
    // A comparison of lower halves is decided by the registers.
    let wide = |op, _, a: &Small, b: &Small| Small::branch(LATEST, op, Width::W64, a, b);
    assert_caught(find_wrong_decision(&scalars, wide));
    // Lower halves that may be equal make registers that are.
    let narrow = |op, width, a: &Small, b: &Small| match Small::branch(LATEST, op, width, a, b) {
        Outcome::Unknown if op == CmpOp::Eq => Small::branch(LATEST, op, Width::W32, a, b),
        outcome => outcome,
    };
    assert_caught(find_wrong_decision(&scalars, narrow));
}

#[test]
fn wrong_refinements_are_caught() {
    let scalars = simple_scalars();
    let caught = |refine: &dyn Fn(CmpOp, Width, bool, &mut Small, &mut Small) -> Consistency| {
        assert_caught(find_lost_pair(&scalars, refine));
    };
    // `<=` is taken for `<`.
    caught(&|op, width, taken, a, b| {
        Small::refine(LATEST, if op == CmpOp::Le { CmpOp::Lt } else { op }, width, taken, a, b)
    });
    // The branch not taken learns what the taken one does.
    caught(&|op, width, _, a, b| Small::refine(LATEST, op, width, true, a, b));
    // A set bit among several: which one it is stays open.
    caught(&|op, width, taken, a, b| {
        if (op, width, taken) == (CmpOp::Set, Width::W64, true) {
            a.tnum = a.tnum.or(b.tnum);
            return Consistency::Consistent;
        }
        Small::refine(LATEST, op, width, taken, a, b)
    });
    // A comparison of lower halves says nothing of the upper ones.
    caught(&|op, width, taken, a, b| {
        Small::refine(LATEST, op, if op == CmpOp::Eq { Width::W64 } else { width }, taken, a, b)
    });
    // A contradiction where there is none.
    caught(&|op, width, taken, a, b| {
        let _ = Small::refine(LATEST, op, width, taken, a, b);
        Consistency::Contradiction
    });
}

#[test]
fn wrong_reductions_are_caught() {
    let raw = || simple_scalars().into_iter();
    // The signed range of a scalar is always its unsigned one.
    assert_caught(find_changed_set(raw(), |scalar| {
        scalar.full.clamp_signed(scalar.full.umin.signed(), scalar.full.umax.signed());
    }));
    // The lower halves of a range are a range.
    assert_caught(find_changed_set(raw(), |scalar| {
        let (first, last) = (scalar.full.umin.to_u64(), scalar.full.umax.to_u64());
        scalar.low.clamp_unsigned(Word::from_u64(first), Word::from_u64(last));
    }));
    // What is forgotten is lost too.
    assert_caught(find_changed_set(raw(), |scalar| *scalar = Small::UNKNOWN));
}
