//! How long Belay takes for the programs that both accept, how long the running kernel takes, and how much memory Belay
//! needs: `docs/speed.md`.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use belay_linux::{LogLevel, Verdict as Answer, verify_programs};
use belay_object::{Object, Program};
use belay_verifier::{Verdict, verify};
use rayon::prelude::*;

use crate::Failure;
use crate::area::areas;
use crate::case::{Case, Kind};
use crate::judge::{Judge, options, parse};

/// The best of so many is taken: what is measured is the work, not what else the machine does.
const ROUNDS: usize = 5;
/// Programs that take longer are measured once.
const LONG: Duration = Duration::from_millis(200);
/// How many programs are named.
const SLOWEST: usize = 10;

const HEAD: &str = "\
# Speed
Time to verify the programs of the kernel's selftests that both Belay and Linux accept, side by side in one run, one thread, each
the best of five. Linux: the time of `bpf(BPF_PROG_LOAD)` without a log, which ends with the kernel's own JIT. Belay: from the parsed
object to the verdict. Written by

    tests/corpus/build
    cargo run --release -p belay --example corpus -- --live --speed > docs/speed.md
";

/// What one program takes.
struct Timed {
    name: String,
    area: &'static str,
    walked: u64,
    ours: Duration,
    kernel: Duration,
}

/// Sums over programs.
#[derive(Default)]
struct Sum {
    programs: usize,
    walked: u64,
    ours: Duration,
    kernel: Duration,
}

impl Sum {
    fn add(&mut self, timed: &Timed) {
        self.programs += 1;
        self.walked += timed.walked;
        self.ours += timed.ours;
        self.kernel += timed.kernel;
    }

    fn row(&self, name: &str) -> String {
        let Sum { programs, walked, ours, kernel } = self;
        let ratio = ours.as_secs_f64() / kernel.as_secs_f64().max(1e-9);
        format!("| {name} | {programs} | {walked} | {} | {} | {ratio:.2} |", ms(*ours), ms(*kernel))
    }
}

fn ms(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}

/// Measures the programs of these cases that both accept, and prints the page.
pub(crate) fn print(
    out: &mut impl Write,
    directories: &[impl AsRef<Path>],
    cases: &[Case],
) -> Result<(), Failure> {
    // Before the objects are read again, and the kernel's half needs memory, too.
    let memory = peak_memory();
    let objects = objects(directories, cases)?;
    let accepted: Vec<(&Object, &Program)> = objects
        .iter()
        .flat_map(|(object, programs)| programs.iter().map(move |index| (object, *index)))
        .filter_map(|(object, index)| Some((object, object.programs.get(index)?)))
        .collect();
    let started = Instant::now();
    accepted.par_iter().for_each(|(object, program)| drop(black_box(verify(object, program, &options()))));
    let parallel = started.elapsed();
    let timed: Vec<Timed> = accepted.iter().filter_map(|(object, program)| time(object, program)).collect();

    let mut sums = BTreeMap::<&str, Sum>::new();
    let mut all = Sum::default();
    for program in &timed {
        sums.entry(program.area).or_default().add(program);
        all.add(program);
    }
    writeln!(out, "{HEAD}")?;
    writeln!(out, "| area | programs | instructions walked | Belay, ms | Linux, ms | Belay / Linux |")?;
    writeln!(out, "| --- | ---: | ---: | ---: | ---: | ---: |")?;
    for (area, sum) in &sums {
        writeln!(out, "{}", sum.row(area))?;
    }
    writeln!(out, "{}", all.row("all"))?;
    writeln!(out, "\nThe {SLOWEST} that take Belay longest:\n")?;
    writeln!(out, "| program | instructions walked | Belay, ms | Linux, ms |\n| --- | ---: | ---: | ---: |")?;
    let mut slowest: Vec<&Timed> = timed.iter().collect();
    slowest.sort_by_key(|timed| std::cmp::Reverse(timed.ours));
    for Timed { name, walked, ours, kernel, .. } in slowest.iter().take(SLOWEST) {
        writeln!(out, "| {name} | {walked} | {} | {} |", ms(*ours), ms(*kernel))?;
    }
    let threads = rayon::current_num_threads();
    writeln!(
        out,
        "\nOn {threads} threads (`belay verify` of all files): {} ms. Peak memory of the process that judged all {} programs of \
         the corpus: {memory}.",
        ms(parallel),
        cases.len()
    )?;
    Ok(())
}

/// The objects that hold programs which both accept, and the indices of these.
fn objects(directories: &[impl AsRef<Path>], cases: &[Case]) -> Result<Vec<(Object, Vec<usize>)>, Failure> {
    let mut names = BTreeMap::<&str, Vec<&str>>::new();
    let both = |case: &&Case| case.kind() == Kind::Agree && case.record.verdict == "accept";
    for case in cases.iter().filter(both) {
        names.entry(&case.record.object).or_default().push(&case.record.program);
    }
    let mut objects = Vec::new();
    for (name, programs) in names {
        let path = directories.iter().map(|d| d.as_ref().join(name)).find(|path| path.exists());
        let Some(path) = path else { continue };
        let object = parse(name, &crate::read(&path)?, Judge::Kernel)?;
        let chosen = object.programs.iter().enumerate().filter(|(_, p)| programs.contains(&p.name.as_str()));
        let chosen = chosen.map(|(index, _)| index).collect();
        objects.push((object, chosen));
    }
    Ok(objects)
}

/// The best times of both; `None` if one of them no longer accepts it.
fn time(object: &Object, program: &Program) -> Option<Timed> {
    let ours = || {
        let judgement = black_box(verify(object, program, &options()));
        matches!(judgement.verdict, Verdict::Accept(_)).then_some((judgement.time, judgement.stats))
    };
    let kernel = || {
        let mut loaded = verify_programs(object, LogLevel::Off, |p| p.name == program.name).ok()?;
        match loaded.programs.pop()?.verdict {
            Answer::Accept(loaded) => Some(Duration::from_nanos(loaded.time_ns)),
            Answer::Reject(_) | Answer::Unjudged(_) => None,
        }
    };
    let (mut our_best, stats) = ours()?;
    let mut kernel_best = kernel()?;
    for _ in 1..ROUNDS {
        if our_best.max(kernel_best) < LONG {
            our_best = our_best.min(ours()?.0);
            kernel_best = kernel_best.min(kernel()?);
        }
    }
    let object_name = object.path.strip_suffix(".bpf.o").unwrap_or(&object.path);
    Some(Timed {
        name: format!("`{object_name}:{}`", program.name),
        area: areas(&object.path, None).first().copied().unwrap_or("other"),
        walked: stats.insns_processed,
        ours: our_best,
        kernel: kernel_best,
    })
}

/// `VmHWM` of this process.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|value| value.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.map_or("unknown".to_string(), |kib| format!("{} MiB", kib.div_ceil(1024)))
}
