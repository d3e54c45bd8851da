//! Bit knowledge (tnums) at 64 bits, proven: whatever two members of the operands make is a member of the result.
//!
//! Each operator is described once more, as SMT-LIB terms. Z3 proves the description sound for all words; evaluated on
//! random operands the same terms say what the code says, so it is the code that is proven. Needs `z3`; skipped without
//! it, unless `BELAY_REQUIRE` names `z3`.

use std::io::Write;
use std::process::{Command, Stdio};

use belay_verifier::scalar::Tnum;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

type Operator = fn(Tnum, Tnum) -> Tnum;
type Shift = fn(Tnum, u32) -> Tnum;

/// An operator: what is proven of it, the value and the mask of its result in terms of the operands' `av`, `am`, `bv`, `bm`,
/// and the code.
struct Description {
    name: String,
    /// What holds for a member `x` of the first operand and `y` of the second: this term is a member of the result.
    concrete: String,
    value: String,
    mask: String,
    code: Box<dyn Fn(Tnum, Tnum) -> Tnum>,
}

fn description(name: &str, concrete: &str, value: &str, mask: &str, code: Operator) -> Description {
    let [name, concrete, value, mask] = [name, concrete, value, mask].map(str::to_string);
    Description { name, concrete, value, mask, code: Box::new(code) }
}

/// A result whose value is that of `base` where its mask is clear.
fn masked(name: &str, concrete: &str, base: &str, mask: &str, code: Operator) -> Description {
    description(name, concrete, &format!("(bvand {base} (bvnot {mask}))"), mask, code)
}

fn descriptions() -> Vec<Description> {
    let sum = "(bvadd av bv)";
    let sums = format!("(bvor (bvxor {sum} (bvadd {sum} (bvadd am bm))) (bvor am bm))");
    let difference = "(bvsub av bv)";
    let differences = format!("(bvor (bvxor (bvadd {difference} am) (bvsub {difference} bm)) (bvor am bm))");
    let both = "(bvand (bvand (bvor av am) (bvor bv bm)) (bvnot (bvand av bv)))";
    let either = "(bvand (bvor am bm) (bvnot (bvor av bv)))";
    let joined = "(bvor (bvor am bm) (bvxor av bv))";
    let mut all = vec![
        masked("add", "(bvadd x y)", sum, &sums, Tnum::add),
        masked("sub", "(bvsub x y)", difference, &differences, Tnum::sub),
        description("and", "(bvand x y)", "(bvand av bv)", both, Tnum::and),
        description("or", "(bvor x y)", "(bvor av bv)", either, Tnum::or),
        masked("xor", "(bvxor x y)", "(bvxor av bv)", "(bvor am bm)", Tnum::xor),
        masked("union, of the first", "x", "av", joined, Tnum::union),
        masked("union, of the second", "y", "av", joined, Tnum::union),
    ];
    for amount in 0..64_u32 {
        let shifted = |op: &str, of: &str| format!("({op} {of} #x{amount:016x})");
        let shifts: [(&str, Shift); 3] = [("bvshl", Tnum::shl), ("bvlshr", Tnum::shr), ("bvashr", Tnum::sar)];
        for (op, code) in shifts {
            all.push(Description {
                name: format!("{op} by {amount}"),
                concrete: shifted(op, "x"),
                value: shifted(op, "av"),
                mask: shifted(op, "am"),
                code: Box::new(move |a, _| code(a, amount)),
            });
        }
    }
    all
}

/// The word that a term stands for; the rest of the text behind it.
fn evaluate<'t>(text: &'t str, words: &[(&str, u64)]) -> (u64, &'t str) {
    let text = text.trim_start();
    if let Some(inside) = text.strip_prefix('(') {
        let (op, mut rest) = inside.split_once(' ').expect("an operator");
        let mut operands = Vec::new();
        while !rest.trim_start().starts_with(')') {
            let (word, behind) = evaluate(rest, words);
            operands.push(word);
            rest = behind;
        }
        let result = match (op, operands.as_slice()) {
            ("bvadd", [a, b]) => a.wrapping_add(*b),
            ("bvsub", [a, b]) => a.wrapping_sub(*b),
            ("bvand", [a, b]) => a & b,
            ("bvor", [a, b]) => a | b,
            ("bvxor", [a, b]) => a ^ b,
            ("bvnot", [a]) => !a,
            ("bvshl", [a, b]) => a << b,
            ("bvlshr", [a, b]) => a >> b,
            ("bvashr", [a, b]) => (a.cast_signed() >> b).cast_unsigned(),
            _ => panic!("no such term: `{op}` of {}", operands.len()),
        };
        return (result, &rest.trim_start()[1..]);
    }
    let end = text.find([' ', ')']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let word = match name.strip_prefix("#x") {
        Some(digits) => u64::from_str_radix(digits, 16).expect("a number"),
        None => words.iter().find(|(n, _)| *n == name).expect("a name").1,
    };
    (word, rest)
}

#[test]
fn the_descriptions_are_those_of_the_code() {
    let operands = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    let all = descriptions();
    TestRunner::default()
        .run(&operands, |(av, am, bv, bm)| {
            let (a, b) = (Tnum::new(av, am), Tnum::new(bv, bm));
            let words = [("av", a.value), ("am", a.mask), ("bv", b.value), ("bm", b.mask)];
            for Description { name, value, mask, code, .. } in &all {
                let said = (evaluate(value, &words).0, evaluate(mask, &words).0);
                let result = code(a, b);
                prop_assert_eq!(said, (result.value, result.mask), "{}", name);
            }
            Ok(())
        })
        .unwrap_or_else(|failed| panic!("{failed}"));
}

/// One answer a query, `unsat` where nothing contradicts the claim; `None` without Z3.
fn ask_z3(script: &str) -> Option<Vec<String>> {
    let started =
        Command::new("z3").args(["-in", "-T:300"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut z3 = match started {
        Ok(z3) => z3,
        Err(error) => {
            let required = std::env::var("BELAY_REQUIRE").unwrap_or_default();
            assert!(
                !required.split(',').any(|word| word.trim() == "z3"),
                "BELAY_REQUIRE names `z3`: {error}"
            );
            eprintln!("skipped: the proofs at 64 bits: z3: {error}");
            return None;
        }
    };
    z3.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("z3 reads");
    let output = z3.wait_with_output().expect("z3 ends");
    Some(String::from_utf8_lossy(&output.stdout).lines().map(str::to_string).collect())
}

/// A claim's negation: members of the operands whose result is no member, or a result that breaks the invariant.
fn query(description: &Description) -> String {
    let Description { concrete, value, mask, .. } = description;
    format!(
        "(push)\n(assert (or (distinct (bvand {concrete} (bvnot {mask})) {value}) (distinct (bvand {value} {mask}) {ZERO})))\n\
         (check-sat)\n(pop)\n"
    )
}

const ZERO: &str = "#x0000000000000000";

#[test]
fn z3_proves_the_operators_sound_at_64_bits() {
    let mut script = "(set-logic QF_BV)\n".to_string();
    for name in ["av", "am", "bv", "bm", "x", "y"] {
        script += &format!("(declare-const {name} (_ BitVec 64))\n");
    }
    for (value, mask, member) in [("av", "am", "x"), ("bv", "bm", "y")] {
        script += &format!("(assert (= (bvand {value} {mask}) {ZERO}))\n");
        script += &format!("(assert (= (bvand {member} (bvnot {mask})) {value}))\n");
    }
    let mut all = descriptions();
    // A sum whose carries are taken for known: Z3 must see it.
    let broken = masked("broken", "(bvadd x y)", "(bvadd av bv)", "(bvor am bm)", Tnum::add);
    all.push(broken);
    script.extend(all.iter().map(query));
    let Some(answers) = ask_z3(&script) else { return };
    assert_eq!(answers.len(), all.len(), "{answers:?}");
    for (description, answer) in all.iter().zip(&answers) {
        let expected = if description.name == "broken" { "sat" } else { "unsat" };
        assert_eq!(answer, expected, "{}", description.name);
    }
}
