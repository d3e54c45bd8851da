//! Random programs that the verifier accepts, run here and in the running kernel: never a different result, packet,
//! context or map, and the checked interpreter never reports a fault or a leak.
//!
//! `BELAY_RUNS=N` asks for N runs, `BELAY_SEED=S` starts elsewhere. A seed gives a program, what its maps hold at first,
//! and 20 packets that it runs on one after the other. A difference is shrunk, line by line, as long as it stays, printed
//! with the packet and both results, and written into `BELAY_FOUND`: moved into `tests/runs` it stays found.
//!
//! What Linux leaves open is not generated: stack that nothing was written to, pointers as numbers, time and random
//! numbers that are looked at, values of entries that were deleted meanwhile, LRU maps that are full (which entry goes
//! depends on lists that the kernel keeps by CPU), the order of a hash map's entries, where a redirect sends the packet
//! (a test run sends it nowhere: the action alone is compared), many calls that each make a packet longer (the kernel may
//! double its memory for each, until there is none; and it takes a transport header for set that a test run never set), and callbacks that the kernel never looks at (`bpf_loop` of 0
//! rounds: it removes them, and may then find no function where one is named; `removed.rs` of the verifier says when).

mod calls;
#[path = "../fuzzing/campaign.rs"]
mod campaign;
mod case;
mod compare;
mod data;
mod flow;
mod generate;
mod golden;
mod kernel;
mod ours;
#[path = "../fuzzing/random.rs"]
mod random;
#[path = "../fuzzing/shrink.rs"]
mod shrink;
mod tables;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Instant;

use belay_linux::{Kernel, NetNs};

use campaign::{Seeds, setting};
use case::Case;
use compare::{Compared, Finding};
use ours::Processor;

/// How many differences are shrunk and shown.
const SHOWN: usize = 5;
/// Runs of a seed.
const PACKETS: u64 = 20;

/// How many CPUs per-CPU maps have values for.
fn processors() -> usize {
    static COUNT: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *COUNT.get_or_init(|| {
        let list = std::fs::read_to_string("/sys/devices/system/cpu/possible").unwrap_or_default();
        let last = list.trim().rsplit(['-', ',']).next().and_then(|last| last.parse::<usize>().ok());
        last.map_or(1, |last| last + 1)
    })
}

/// Keeps this thread, and so its test runs, on one processor.
fn stay_on(processor: usize) {
    let mut set = rustix::thread::CpuSet::new();
    set.set(processor);
    rustix::thread::sched_setaffinity(None, &set).expect("a processor of this machine");
}

/// What came up.
#[derive(Default)]
struct Tally {
    runs: u64,
    accepted: u64,
    rejected: u64,
    /// What could not be run, and how often.
    unsupported: BTreeMap<String, u64>,
    reasons: BTreeMap<String, u64>,
    findings: Vec<(u64, Finding)>,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.runs += other.runs;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        for (what, count) in other.unsupported {
            *self.unsupported.entry(what).or_default() += count;
        }
        for (what, count) in other.reasons {
            *self.reasons.entry(what).or_default() += count;
        }
        self.findings.extend(other.findings);
    }

    fn count(&mut self, seed: u64, compared: Compared) {
        match compared {
            Compared::Same { runs } => {
                self.accepted += 1;
                self.runs += runs;
            }
            Compared::Rejected(why) => {
                self.rejected += 1;
                *self.reasons.entry(why).or_default() += 1;
            }
            Compared::Unsupported(what) => *self.unsupported.entry(what).or_default() += 1,
            Compared::Different(finding) => self.findings.push((seed, finding)),
        }
    }
}

/// Tries seeds on one processor until there are none left.
fn work(number: usize, seeds: &Seeds) -> Tally {
    let processor = Processor { number, of: processors() };
    stay_on(number);
    let mut tally = Tally::default();
    while let Some(seed) = seeds.take() {
        tally.count(seed, compare::compare(&Case::new(seed), processor));
        if tally.findings.len() >= 50 {
            break;
        }
    }
    tally
}

/// Shrinks a finding; what to print of it.
fn report(seed: u64, finding: &Finding, processor: Processor) -> String {
    let small = compare::shrink(&Case::new(seed), finding, processor);
    let mut text = format!("--- seed {seed}: {finding}\n");
    let (case, finding) = &small;
    let _ = writeln!(text, "shrunk: {finding}");
    let written = case.written(&compare::in_kernel(case).unwrap_or_default());
    let path = campaign::keep("runs", &format!("seed-{seed}.s"), &written);
    let _ = writeln!(text, "{path}\n{written}");
    text
}

#[test]
fn runs_are_the_same_everywhere() {
    if Kernel::for_test("the differential test of runs").is_none() {
        return;
    }
    let (runs, seed) = (setting("BELAY_RUNS", 6000), setting("BELAY_SEED", 1));
    let seeds = Seeds::new(seed, runs.div_ceil(PACKETS));
    let netns = NetNs::with_loopback().expect("a namespace");
    let started = Instant::now();
    let mut tally = Tally::default();
    let worked =
        campaign::on_all_processors(|number| netns.run(|| work(number, &seeds)).expect("it is there"));
    worked.into_iter().for_each(|part| tally.add(part));
    let seconds = started.elapsed().as_secs_f64();
    let Tally { runs: ran, accepted, rejected, unsupported, reasons, findings } = &tally;
    println!(
        "seeds from {seed}: {accepted} programs in {ran} runs, {seconds:.0} s, {:.0} runs a second",
        *ran as f64 / seconds
    );
    println!("{rejected} rejected: {reasons:?}\nunsupported: {unsupported:?}\n{} findings", findings.len());
    findings.iter().for_each(|(seed, finding)| println!("seed {seed}: {finding}"));
    let shown: String = findings
        .iter()
        .take(SHOWN)
        .map(|(seed, finding)| {
            let shrunk = || {
                stay_on(0);
                report(*seed, finding, Processor { number: 0, of: processors() })
            };
            netns.run(shrunk).expect("it is there")
        })
        .collect();
    assert!(findings.is_empty(), "they differ\n{shown}");
    assert!(*accepted * 5 > *rejected * 20, "the generator has lost its sense");
}
