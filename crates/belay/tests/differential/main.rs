//! Random programs, judged by Belay and by the running kernel: never a different verdict. What is accepted runs on both
//! runners: never a fault, never a leak, never a different result.
//!
//! `BELAY_PROGRAMS=N` asks for N programs (default 3,000), `BELAY_SEED=S` starts elsewhere. A program on which the two
//! differ is shrunk, line by line, as far as they still differ, and printed with both answers. It is also written as a
//! golden test, with the kernel's verdict as what is expected, into `BELAY_FOUND` (default: the build's own temporary
//! directory): moved into `tests/programs` it stays found.

#[path = "../fuzzing/campaign.rs"]
mod campaign;
mod flow;
mod generate;
mod judges;
mod near;
#[path = "../fuzzing/random.rs"]
mod random;
mod resource;
mod runs;
#[path = "../fuzzing/shrink.rs"]
mod shrink;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Instant;

use belay_linux::Kernel;

use campaign::{Seeds, setting};
use judges::{Judges, Opinions};
use random::Random;
use runs::Runs;

/// How often an accepted program is asked about again, each time with one thing amiss.
const NEAR_MISSES: usize = 8;
/// How many differences are shrunk and shown.
const SHOWN: u64 = 5;

/// What came up.
#[derive(Default)]
struct Tally {
    accepted: u64,
    rejected: u64,
    unsupported: u64,
    /// What Belay refused for, and what it gave no verdict on, and how often.
    reasons: BTreeMap<String, u64>,
    false_accepts: u64,
    false_rejects: u64,
    troubles: u64,
    report: String,
}

impl Tally {
    fn different(&self) -> u64 {
        self.false_accepts + self.false_rejects + self.troubles
    }

    fn count(&mut self, opinions: &Opinions) {
        let reason = match opinions.belay.split(':').next() {
            Some("accept") => {
                self.accepted += 1;
                return;
            }
            Some("reject") => {
                self.rejected += 1;
                opinions.belay.split_whitespace().nth(1).unwrap_or_default().to_string()
            }
            _ => {
                self.unsupported += 1;
                opinions.belay.clone()
            }
        };
        *self.reasons.entry(reason).or_default() += 1;
    }

    fn add(&mut self, other: Tally) {
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.unsupported += other.unsupported;
        for (reason, count) in other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
        self.false_accepts += other.false_accepts;
        self.false_rejects += other.false_rejects;
        self.troubles += other.troubles;
        self.report += &other.report;
    }
}

/// Asks about one program and its near misses.
fn judge(number: u64, judges: &Judges, tally: &mut Tally) {
    let mut random = Random::new(number);
    let text = generate::program(&mut random);
    let first = judges
        .opinions(&text, Runs::Equal)
        .unwrap_or_else(|| panic!("seed {number} gives no program:\n{text}"));
    // A random program that is wrong is wrong in many ways. One thing amiss in a right one shows whether the rule that it
    // breaks is there.
    let near: Vec<String> = match first.belay.as_str() {
        "accept" => (0..NEAR_MISSES).map(|_| near::amiss(&mut random, &text)).collect(),
        _ => Vec::new(),
    };
    note(number, &text, &first, judges, tally);
    for text in &near {
        if let Some(opinions) = judges.opinions(text, Runs::Clean) {
            note(number, text, &opinions, judges, tally);
        }
    }
}

fn note(number: u64, text: &str, opinions: &Opinions, judges: &Judges, tally: &mut Tally) {
    tally.count(opinions);
    if let Some(trouble) = &opinions.trouble {
        tally.troubles += 1;
        let _ = writeln!(tally.report, "--- seed {number}\ntrouble: {trouble}\n{text}");
    }
    if !opinions.differ() {
        return;
    }
    match opinions.is_false_accept() {
        true => tally.false_accepts += 1,
        false => tally.false_rejects += 1,
    }
    if tally.different() <= SHOWN {
        let small = judges.shrink(text);
        let (belay, kernel) = (&opinions.belay, &opinions.kernel);
        let path = keep(number, tally.different(), &small, kernel);
        let _ =
            writeln!(tally.report, "--- seed {number}, {path}\nbelay:  {belay}\nkernel: {kernel}\n{small}");
    }
}

/// Writes a difference down as a golden test; where.
fn keep(number: u64, count: u64, text: &str, kernel: &str) -> String {
    let head = match kernel.split_once(": ") {
        Some((verdict, words)) => format!("# expect: {verdict}\n# linux 6.18: {words}\n"),
        None => format!("# expect: {kernel}\n"),
    };
    let golden = format!("{head}# Found by the differential test.\n\n{text}\n");
    campaign::keep("differential", &format!("seed-{number}-{count}.s"), &golden)
}

#[test]
fn belay_and_the_kernel_never_differ() {
    if Kernel::for_test("the differential test of verdicts").is_none() {
        return;
    }
    let (programs, seed) = (setting("BELAY_PROGRAMS", 3000), setting("BELAY_SEED", 1));
    let judges = Judges::new();
    let seeds = Seeds::new(seed, programs);
    let started = Instant::now();
    let mut tally = Tally::default();
    let worked = campaign::on_all_processors(|_| {
        let mut tally = Tally::default();
        while let Some(number) = seeds.take() {
            judge(number, &judges, &mut tally);
        }
        tally
    });
    worked.into_iter().for_each(|part| tally.add(part));
    let Tally { accepted, rejected, unsupported, false_accepts, false_rejects, troubles, .. } = tally;
    let asked = accepted + rejected + unsupported;
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{programs} seeds from {seed}: {asked} programs in {seconds:.0} s, {:.0} a second",
        asked as f64 / seconds
    );
    println!("{accepted} accepted, {rejected} rejected, {unsupported} unsupported: {:?}", tally.reasons);
    println!("{false_accepts} false accepts, {false_rejects} false rejects, {troubles} troubles");
    assert_eq!(tally.different(), 0, "they differ\n{}", tally.report);
    let often = |count: u64| programs < 1000 || count * 10 >= programs;
    assert!(often(accepted) && often(rejected), "both verdicts must come up often");
}
