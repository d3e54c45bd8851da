//! Every value of a small word.
//!
//! A set of words is a bit mask here, so a check over all members of two scalars is a few machine operations.

use super::small::Small;
use super::{ALU_OPS, CMP_OPS, LATEST, WIDTHS, concrete};
use crate::scalar::ScalarOf;
use crate::scalar::bounds::Bounds;
use crate::scalar::branch::{Consistency, Outcome};
use crate::scalar::tnum::Tnum;
use crate::scalar::word::{Wide, Word};
use belay_isa::{AluOp, CmpOp, Width};
use belay_spec::Release;
use std::collections::HashSet;
use std::fmt::Debug;

/// A register of four bits with halves of two: small enough for all pairs of scalars.
pub(super) type Nibble = Small<4>;
/// A register of six bits with halves of three: for one scalar at a time.
type Sixbit = Small<6>;

/// A word small enough that a set of them fits in 64 bits.
pub(super) trait Enumerable: Wide<Half: Listed> + Listed {}
impl<W: Wide<Half: Listed> + Listed> Enumerable for W {}

pub(super) trait Listed: Word {
    fn list() -> Vec<Self>;
    fn bit(self) -> u64;
}

impl<const N: u32> Listed for Small<N> {
    fn list() -> Vec<Self> {
        Self::all().collect()
    }
    fn bit(self) -> u64 {
        1 << self.index()
    }
}

/// The members, as a mask.
pub(super) fn members<W: Enumerable>(scalar: &ScalarOf<W>) -> u64 {
    W::list().into_iter().filter(|word| scalar.contains(*word)).map(Listed::bit).sum()
}

fn words<W: Enumerable>(mask: u64) -> impl Iterator<Item = W> {
    W::list().into_iter().filter(move |word| mask & word.bit() != 0)
}

fn tnums<U: Listed>() -> Vec<Tnum<U>> {
    let all = U::list();
    all.iter()
        .flat_map(|mask| all.iter().map(move |value| (*value, *mask)))
        .filter(|(value, mask)| *value & *mask == U::ZERO)
        .map(|(value, mask)| Tnum { value, mask })
        .collect()
}

fn ranges<U: Listed>() -> Vec<Bounds<U>> {
    let all = U::list();
    let pairs: Vec<(U, U)> = all.iter().flat_map(|a| all.iter().map(move |b| (*a, *b))).collect();
    let unsigned =
        pairs.iter().filter(|(a, b)| a <= b).map(|(a, b)| Bounds { umin: *a, umax: *b, ..Bounds::UNKNOWN });
    let signed = pairs.iter().filter(|(a, b)| a.signed() <= b.signed()).map(|(a, b)| Bounds {
        smin: a.signed(),
        smax: b.signed(),
        ..Bounds::UNKNOWN
    });
    unsigned.chain(signed).collect()
}

/// Every scalar of which only one component says anything, not normalized.
fn single_components<W: Enumerable>() -> Vec<ScalarOf<W>> {
    let any = ScalarOf::UNKNOWN;
    let bits = tnums().into_iter().map(|tnum| ScalarOf { tnum, ..any });
    let full = ranges().into_iter().map(|full| ScalarOf { full, ..any });
    let low = ranges().into_iter().map(|low| ScalarOf { low, ..any });
    bits.chain(full).chain(low).collect()
}

/// Two scalars laid over each other, not normalized.
fn overlay<W: Enumerable>(a: &ScalarOf<W>, b: &ScalarOf<W>) -> ScalarOf<W> {
    let mut both = *a;
    both.full.intersect(&b.full);
    both.low.intersect(&b.low);
    both.tnum = both.tnum.intersect(b.tnum);
    both
}

/// The distinct normalized scalars among `candidates` that have members.
fn normalized<W: Enumerable>(candidates: impl Iterator<Item = ScalarOf<W>>) -> Vec<ScalarOf<W>> {
    let mut seen = HashSet::new();
    candidates
        .map(|mut scalar| {
            scalar.normalize(LATEST);
            scalar
        })
        .filter(|scalar| members(scalar) != 0 && seen.insert(*scalar))
        .collect()
}

/// Every normalized scalar that one component alone gives.
pub(super) fn simple_scalars() -> Vec<ScalarOf<Nibble>> {
    normalized(single_components().into_iter())
}

/// Every normalized scalar that two components give.
fn compound_scalars() -> Vec<ScalarOf<Nibble>> {
    let singles = single_components();
    normalized(singles.iter().flat_map(|a| singles.iter().map(|b| overlay(a, b))))
}

/// Every `step`th: a run with another stride tries other ones.
fn every<T: Copy>(step: usize, list: &[T]) -> Vec<T> {
    list.iter().copied().step_by(step).collect()
}

/// The first pair of scalars and words for which `alu` loses the result.
pub(super) fn find_lost_result<W: Enumerable>(
    left: &[ScalarOf<W>],
    right: &[ScalarOf<W>],
    alu: impl Fn(AluOp, Width, &ScalarOf<W>, &ScalarOf<W>) -> ScalarOf<W>,
) -> Option<String> {
    for op in ALU_OPS {
        for width in WIDTHS {
            let results: Vec<Vec<u64>> = table(|x, y| concrete::alu::<W>(op, width, x, y).bit());
            for a in left {
                for b in right {
                    let result = members(&alu(op, width, a, b));
                    for (x, row) in words::<W>(members(a)).zip(rows::<W, _>(&results, members(a))) {
                        for (y, wanted) in words::<W>(members(b)).zip(rows::<W, _>(row, members(b))) {
                            if result & wanted == 0 {
                                return Some(format!("{op:?} {width:?}: {x:?} of {a:?}, {y:?} of {b:?}"));
                            }
                        }
                    }
                }
            }
        }
    }
    None
}

/// `of` for every pair of words.
fn table<W: Enumerable, T>(of: impl Fn(W, W) -> T) -> Vec<Vec<T>> {
    W::list().into_iter().map(|x| W::list().into_iter().map(|y| of(x, y)).collect()).collect()
}

fn rows<W: Enumerable, T>(table: &[T], mask: u64) -> impl Iterator<Item = &T> {
    W::list().into_iter().zip(table).filter(move |(word, _)| mask & word.bit() != 0).map(|(_, row)| row)
}

/// The first pair of scalars for which `branch` decides against a pair of members.
pub(super) fn find_wrong_decision<W: Enumerable>(
    scalars: &[ScalarOf<W>],
    branch: impl Fn(CmpOp, Width, &ScalarOf<W>, &ScalarOf<W>) -> Outcome,
) -> Option<String> {
    let sets: Vec<(ScalarOf<W>, u64)> = scalars.iter().map(|scalar| (*scalar, members(scalar))).collect();
    for op in CMP_OPS {
        for width in WIDTHS {
            let taken = taken_masks::<W>(op, width, true);
            for (a, a_members) in &sets {
                for (b, b_members) in &sets {
                    let some_taken = rows::<W, _>(&taken, *a_members).any(|ys| ys & b_members != 0);
                    let some_not = rows::<W, _>(&taken, *a_members).any(|ys| !ys & b_members != 0);
                    let right = match branch(op, width, a, b) {
                        Outcome::Always => !some_not,
                        Outcome::Never => !some_taken,
                        Outcome::Unknown => true,
                    };
                    if !right {
                        return Some(format!("{op:?} {width:?}: {a:?}, {b:?}"));
                    }
                }
            }
        }
    }
    None
}

/// For each left word, the right words with which the jump goes that way.
fn taken_masks<W: Enumerable>(op: CmpOp, width: Width, taken: bool) -> Vec<u64> {
    let goes = |x, y: &W| concrete::holds(op, width, x, *y) == taken;
    W::list()
        .into_iter()
        .map(|x| W::list().into_iter().filter(|y| goes(x, y)).map(Listed::bit).sum())
        .collect()
}

/// The first pair of scalars for which `refine` loses a pair of members that goes this way, or denies that there is one.
pub(super) fn find_lost_pair<W: Enumerable>(
    scalars: &[ScalarOf<W>],
    refine: impl Fn(CmpOp, Width, bool, &mut ScalarOf<W>, &mut ScalarOf<W>) -> Consistency,
) -> Option<String> {
    let sets: Vec<(ScalarOf<W>, u64)> = scalars.iter().map(|scalar| (*scalar, members(scalar))).collect();
    for (op, width, taken) in ways() {
        let partners = taken_masks::<W>(op, width, taken);
        for (a, a_members) in &sets {
            for (b, b_members) in &sets {
                let (mut a_after, mut b_after) = (*a, *b);
                let consistency = refine(op, width, taken, &mut a_after, &mut b_after);
                let (mut a_wanted, mut b_wanted) = (0, 0);
                for (x, ys) in words::<W>(*a_members).zip(rows::<W, _>(&partners, *a_members)) {
                    b_wanted |= ys & b_members;
                    if ys & b_members != 0 {
                        a_wanted |= x.bit();
                    }
                }
                let lost = a_wanted & !members(&a_after) != 0 || b_wanted & !members(&b_after) != 0;
                let denied = consistency == Consistency::Contradiction && a_wanted != 0;
                if lost || denied {
                    return Some(format!(
                        "{op:?} {width:?} {taken}: {a:?}, {b:?} became {a_after:?}, {b_after:?}"
                    ));
                }
            }
        }
    }
    None
}

fn ways() -> impl Iterator<Item = (CmpOp, Width, bool)> {
    let with_width = CMP_OPS.into_iter().flat_map(|op| WIDTHS.map(|width| (op, width)));
    with_width.flat_map(|(op, width)| [false, true].map(|taken| (op, width, taken)))
}

/// The first scalar of which `normalize` changes the set of members. (Of an empty set Linux makes what it likes; and
/// a register that is found to be its own lower half may win members, see `sign_extension_without_sign`.)
pub(super) fn find_changed_set<W: Enumerable>(
    raw: impl Iterator<Item = ScalarOf<W>>,
    normalize: impl Fn(&mut ScalarOf<W>),
) -> Option<String> {
    for scalar in raw {
        let mut after = scalar;
        normalize(&mut after);
        let before = members(&scalar);
        let kept = before & !members(&after) == 0 && (before == members(&after) || is_lower_half(&after));
        if before != 0 && !kept {
            return Some(format!("{scalar:?} became {after:?}"));
        }
    }
    None
}

/// Whether the register is its lower half, and that half is not negative.
fn is_lower_half<W: Enumerable>(scalar: &ScalarOf<W>) -> bool {
    let low = scalar.low;
    scalar.full.umax == W::of_low(low.umax) && low.smin >= W::Half::SIGNED_ZERO
}

fn each_release(check: impl Fn(Release)) {
    Release::ALL.into_iter().for_each(check);
}

#[track_caller]
fn assert_none(counterexample: Option<String>) {
    if let Some(counterexample) = counterexample {
        panic!("{counterexample}");
    }
}

#[test]
fn the_lists_are_complete() {
    assert_eq!(tnums::<Nibble>().len(), 81);
    assert_eq!(ranges::<Nibble>().len(), 2 * 136);
    // Constants, and whatever else; each with members, none twice.
    let simple = simple_scalars();
    assert!(Nibble::all().all(|word| simple.contains(&ScalarOf::constant(word))));
    assert!(compound_scalars().len() > simple.len());
}

#[test]
fn normalize_keeps_the_members() {
    let singles = single_components::<Nibble>();
    let pairs = || singles.iter().flat_map(|a| singles.iter().map(move |b| overlay(a, b)));
    each_release(|release| assert_none(find_changed_set(pairs(), |scalar| scalar.normalize(release))));
    let compounds = compound_scalars();
    let triples = compounds.iter().flat_map(|a| singles.iter().map(move |b| overlay(a, b)));
    each_release(|release| {
        assert_none(find_changed_set(triples.clone(), |scalar| scalar.normalize(release)));
    });
    // Six bits tell upper halves that are consecutive from those that are not.
    let singles = every(7, &single_components::<Sixbit>());
    let pairs = singles.iter().flat_map(|a| singles.iter().map(move |b| overlay(a, b)));
    each_release(|release| assert_none(find_changed_set(pairs.clone(), |scalar| scalar.normalize(release))));
}

#[test]
fn normalize_tightens_only() {
    for scalar in compound_scalars() {
        let mut again = scalar;
        again.normalize(LATEST);
        assert!(again.is_subset_of(&scalar), "{scalar:?} became {again:?}");
    }
}

#[test]
fn arithmetic_loses_no_result() {
    let simple = simple_scalars();
    let compound = compound_scalars();
    let (left, right) = (every(7, &compound), every(11, &compound));
    each_release(|release| {
        let alu = |op, width, a: &_, b: &_| ScalarOf::alu(release, op, width, a, b);
        assert_none(find_lost_result(&simple, &simple, alu));
        assert_none(find_lost_result(&left, &right, alu));
    });
}

#[test]
fn arithmetic_of_constants_is_exact() {
    let exact = [AluOp::Add, AluOp::Sub, AluOp::Mul, AluOp::And, AluOp::Or, AluOp::Xor];
    for (op, width) in exact.into_iter().flat_map(|op| WIDTHS.map(|width| (op, width))) {
        for (x, y) in Nibble::all().flat_map(|x| Nibble::all().map(move |y| (x, y))) {
            let result = ScalarOf::alu(LATEST, op, width, &ScalarOf::constant(x), &ScalarOf::constant(y));
            assert_eq!(
                result,
                ScalarOf::constant(concrete::alu(op, width, x, y)),
                "{x:?} {op:?} {width:?} {y:?}"
            );
        }
    }
}

#[test]
fn a_fork_covers_its_register() {
    for (op, scalar) in [AluOp::And, AluOp::Or]
        .into_iter()
        .flat_map(|op| compound_scalars().into_iter().map(move |s| (op, s)))
    {
        if let Some((zero, ones)) =
            ScalarOf::fork_before(LATEST, op, &scalar, &ScalarOf::constant(Nibble::ONE))
        {
            let covered = members(&zero) | members(&ones);
            assert_eq!(members(&scalar) & !covered, 0, "{scalar:?}: {zero:?}, {ones:?}");
        }
    }
}

#[test]
fn conversions_lose_no_result() {
    let singles = single_components::<Sixbit>();
    let scalars = normalized(
        every(5, &singles).iter().flat_map(|a| every(13, &singles).into_iter().map(move |b| overlay(a, &b))),
    );
    let singles = normalized(singles.into_iter());
    for (scalar, release) in
        scalars.iter().chain(&singles).flat_map(|scalar| Release::ALL.map(|release| (scalar, release)))
    {
        let covers = |result: ScalarOf<Sixbit>, of: &dyn Fn(Sixbit) -> Sixbit, what: &dyn Debug| {
            let wanted: u64 =
                words::<Sixbit>(members(scalar)).map(|word| of(word).bit()).fold(0, |a, b| a | b);
            assert_eq!(wanted & !members(&result), 0, "{what:?} of {scalar:?} is {result:?}");
        };
        for width in WIDTHS {
            covers(scalar.neg(release, width), &|x| concrete::neg(width, x), &("neg", width));
            let kept = if width == Width::W32 { 3 } else { 6 };
            covers(scalar.mov(release, width), &|x| concrete::truncate(kept, x), &("mov", width));
            for bits in 1..=3.min(kept - 1) {
                let extended = scalar.sign_extend(release, bits, width);
                covers(extended, &|x| concrete::sign_extend(bits, width, x), &("sign_extend", bits, width));
            }
        }
        for bits in 1..=6 {
            covers(scalar.truncate(release, bits), &|x| concrete::truncate(bits, x), &("truncate", bits));
        }
    }
}

#[test]
fn decisions_hold_for_all_members() {
    each_release(|release| {
        let branch = |op, width, a: &_, b: &_| ScalarOf::branch(release, op, width, a, b);
        assert_none(find_wrong_decision(&simple_scalars(), branch));
        assert_none(find_wrong_decision(&every(5, &compound_scalars()), branch));
    });
}

#[test]
fn comparisons_of_constants_are_decided() {
    for (op, width) in CMP_OPS.into_iter().flat_map(|op| WIDTHS.map(|width| (op, width))) {
        for (x, y) in Nibble::all().flat_map(|x| Nibble::all().map(move |y| (x, y))) {
            let expected = if concrete::holds(op, width, x, y) { Outcome::Always } else { Outcome::Never };
            let outcome = ScalarOf::branch(LATEST, op, width, &ScalarOf::constant(x), &ScalarOf::constant(y));
            assert_eq!(outcome, expected, "{x:?} {op:?} {width:?} {y:?}");
        }
    }
}

#[test]
fn refinement_loses_no_pair() {
    each_release(|release| {
        let refine =
            |op, width, taken, a: &mut _, b: &mut _| ScalarOf::refine(release, op, width, taken, a, b);
        assert_none(find_lost_pair(&simple_scalars(), refine));
        assert_none(find_lost_pair(&every(9, &compound_scalars()), refine));
    });
}

#[test]
fn comparing_a_register_with_itself_loses_no_word() {
    // Linux takes both operands of `r < r` for different numbers, and may lose the ends of the range where the jump
    // cannot go. Where it can, nothing is lost.
    for (op, width, taken) in ways().filter(|(op, ..)| *op != CmpOp::Set) {
        if concrete::holds(op, width, Nibble::ONE, Nibble::ONE) != taken {
            continue;
        }
        for scalar in compound_scalars() {
            let mut after = scalar;
            let consistency = ScalarOf::refine_same(LATEST, op, width, taken, &mut after);
            assert_eq!(consistency, Consistency::Consistent, "{op:?} {width:?}: {scalar:?}");
            assert_eq!(
                members(&scalar) & !members(&after),
                0,
                "{op:?} {width:?}: {scalar:?} became {after:?}"
            );
        }
    }
}

#[test]
fn subsumption_intersection_and_join() {
    let scalars: Vec<(ScalarOf<Nibble>, u64)> =
        compound_scalars().into_iter().step_by(3).map(|scalar| (scalar, members(&scalar))).collect();
    for (a, a_members) in &scalars {
        assert!(a.is_subset_of(a));
        for (b, b_members) in &scalars {
            let within = a_members & !b_members == 0;
            assert!(within || !a.is_subset_of(b), "{a:?} is not within {b:?}");
            let both = a.intersect(LATEST, b);
            let (kept, shared) = (members(&both), a_members & b_members);
            assert_eq!(shared & !kept, 0, "the intersection of {a:?} and {b:?} is {both:?}");
            assert!(
                shared == 0 || kept == shared || is_lower_half(&both),
                "the intersection of {a:?} and {b:?}"
            );
            let joined = a.join(LATEST, b);
            assert_eq!((a_members | b_members) & !members(&joined), 0, "the join of {a:?} and {b:?}");
        }
    }
}

#[test]
fn tnum_operators_are_sound_and_the_exact_ones_are_the_least() {
    type Operator = fn(Tnum<Nibble>, Tnum<Nibble>) -> Tnum<Nibble>;
    let operators: [(AluOp, Operator, bool); 7] = [
        (AluOp::Add, Tnum::add, true),
        (AluOp::Sub, Tnum::sub, true),
        (AluOp::Mul, |a, b| a.mul(Release::V6_12, b), false),
        (AluOp::Mul, |a, b| a.mul(LATEST, b), false),
        (AluOp::And, Tnum::and, true),
        (AluOp::Or, Tnum::or, true),
        (AluOp::Xor, Tnum::xor, true),
    ];
    let tnums = tnums::<Nibble>();
    for (op, operator, exact) in operators {
        for (a, b) in tnums.iter().flat_map(|a| tnums.iter().map(move |b| (*a, *b))) {
            let pairs = Nibble::all().flat_map(|x| Nibble::all().map(move |y| (x, y)));
            let results = pairs
                .filter(|(x, y)| a.contains(*x) && b.contains(*y))
                .map(|(x, y)| concrete::alu(op, Width::W64, x, y));
            let least = results.map(Tnum::constant).reduce(Tnum::union).expect("no tnum is empty");
            let result = operator(a, b);
            assert!(least.is_subset_of(result), "{op:?} {a:?} {b:?}");
            assert!(!exact || least == result, "{op:?} {a:?} {b:?} is {least:?}, not {result:?}");
        }
    }
}

#[test]
fn tnums_of_ranges_are_the_least_and_their_members_are_found_in_order() {
    for (min, max) in Sixbit::all().flat_map(|a| Sixbit::all().map(move |b| (a, b))).filter(|(a, b)| a <= b) {
        let within = Sixbit::all().filter(|word| min <= *word && *word <= max);
        let least = within.map(Tnum::constant).reduce(Tnum::union).expect("the range is not empty");
        assert_eq!(Tnum::range(min, max), least, "{min:?} to {max:?}");
    }
    for (tnum, word) in
        tnums::<Sixbit>().into_iter().flat_map(|tnum| Sixbit::all().map(move |word| (tnum, word)))
    {
        let from = Sixbit::all().find(|member| tnum.contains(*member) && *member >= word);
        assert_eq!(tnum.least_from(word), from, "{tnum:?} from {word:?}");
        let after = Sixbit::all().find(|member| tnum.contains(*member) && *member > word);
        assert_eq!(tnum.next_after(word), after.unwrap_or(tnum.max()), "{tnum:?} after {word:?}");
    }
}
