//! Belay for Linux 6.1 and 6.12 against these kernels themselves, booted in QEMU.
//!
//! ```text
//! tests/vm/fetch                                   # once: the kernels
//! cargo run -p belay --example releases -- [--release 6.1|6.12] [--corpus] [--random FROM..TO] [--only TEXT]
//!                                          [--list KIND] [--show SEED] [--write]
//! ```
//!
//! Always asks about the repository's own programs; `--corpus` adds the corpus' objects, `--random` programs of the
//! differential test's generator, by seed. `--list` prints the cases of one kind (`false accept`, `unsupported`, …, or `words`:
//! refused by both in other words). `--write` writes `docs/releases.md`.

mod compare;
#[path = "../../tests/differential/flow.rs"]
mod flow;
#[allow(dead_code, reason = "the differential test asks in other words")]
#[path = "../../tests/differential/generate/mod.rs"]
mod generate;
mod markdown;
#[path = "../../tests/differential/near.rs"]
mod near;
#[path = "../../tests/fuzzing/random.rs"]
mod random;
#[path = "../../tests/differential/resource.rs"]
mod resource;
mod sources;

use std::collections::BTreeMap;
use std::ops::Range;
use std::process::ExitCode;

use belay_oracle::{Machine, MachineError};
use belay_spec::Release;

use compare::{Case, Kind, compare, count};

type Failure = Box<dyn std::error::Error>;

#[derive(Default)]
struct Arguments {
    releases: Vec<Release>,
    corpus: bool,
    random: Option<Range<u64>>,
    only: Option<String>,
    list: Option<String>,
    show: Option<u64>,
    write: bool,
}

fn main() -> Result<ExitCode, Failure> {
    let arguments = arguments()?;
    if let Some(seed) = arguments.show {
        for source in sources::random(seed..seed + 1) {
            println!("--- {}\n{}", source.name, String::from_utf8_lossy(&source.bytes));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut sources = sources::own();
    if arguments.corpus {
        sources.extend(sources::corpus());
    }
    if let Some(seeds) = arguments.random.clone() {
        sources.extend(sources::random(seeds));
    }
    let machines: Vec<Machine> =
        arguments.releases.iter().map(|release| Machine::find(*release)).collect::<Result<_, _>>()?;
    let sources = &sources;
    let results: Vec<Result<Vec<Case>, MachineError>> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            machines.iter().map(|machine| scope.spawn(move || compare(machine, sources))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a comparison ends")).collect()
    });
    if arguments.write {
        let results: Vec<(Release, Vec<Case>)> = machines
            .iter()
            .zip(results)
            .map(|(machine, cases)| Ok((machine.release(), cases?)))
            .collect::<Result<_, MachineError>>()?;
        let words: Vec<String> = std::env::args().skip(1).collect();
        let command = format!("cargo run -p belay --example releases -- {}", words.join(" "));
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/releases.md");
        std::fs::write(path, markdown::page(&results, &command))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut bad = false;
    for (machine, cases) in machines.iter().zip(results) {
        let mut cases = cases?;
        if let Some(only) = &arguments.only {
            cases.retain(|case| format!("{}:{}", case.source, case.program).contains(only.as_str()));
        }
        println!("== linux {}", machine.release());
        match &arguments.list {
            Some(kind) => list(&cases, kind),
            None => summary(&cases),
        }
        bad |= cases.iter().any(|case| matches!(case.kind(), Kind::FalseAccept | Kind::Panic));
    }
    Ok(ExitCode::from(u8::from(bad)))
}

fn arguments() -> Result<Arguments, Failure> {
    let mut parsed = Arguments::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("`{word}` wants a value"));
        match word.as_str() {
            "--release" => parsed.releases.push(value()?.parse()?),
            "--corpus" => parsed.corpus = true,
            "--random" => {
                let range = value()?;
                let (from, to) = range.split_once("..").ok_or("`--random` wants FROM..TO")?;
                parsed.random = Some(from.parse()?..to.parse()?);
            }
            "--only" => parsed.only = Some(value()?),
            "--list" => parsed.list = Some(value()?),
            "--write" => parsed.write = true,
            "--show" => parsed.show = Some(value()?.parse()?),
            _ => return Err(format!("unknown argument `{word}`").into()),
        }
    }
    if parsed.releases.is_empty() {
        parsed.releases = vec![Release::V6_1, Release::V6_12];
    }
    Ok(parsed)
}

fn list(cases: &[Case], kind: &str) {
    let words = |case: &&Case| kind == "words" && case.kind() == Kind::Agree && !case.same_words();
    let named = |case: &&Case| Kind::ALL.iter().any(|(k, name)| *name == kind && *k == case.kind());
    let refused = |case: &&Case| case.theirs() != "accept";
    for case in cases.iter().filter(|case| named(case) || words(case) && refused(case)) {
        println!(
            "{}:{}\n    linux: {}\n    belay: {}",
            case.source,
            case.program,
            case.theirs(),
            case.ours()
        );
    }
}

fn summary(cases: &[Case]) {
    print!("{:<16}", "area");
    for (_, name) in Kind::ALL {
        print!("{name:>14}");
    }
    println!();
    let areas = count(cases);
    for (area, counts) in &areas {
        row(area, counts);
    }
    let all = areas.values().flatten().fold(BTreeMap::new(), |mut all, (kind, n)| {
        *all.entry(*kind).or_default() += n;
        all
    });
    row("all", &all);
    for (kind, name) in Kind::ALL.into_iter().skip(1) {
        let mut reasons: BTreeMap<String, (usize, &Case)> = BTreeMap::new();
        for case in cases.iter().filter(|case| case.kind() == kind) {
            let text = match kind {
                Kind::FalseAccept | Kind::Unjudged => case.theirs(),
                _ => case.ours(),
            };
            reasons.entry(without_numbers(&text)).or_insert((0, case)).0 += 1;
        }
        let mut reasons: Vec<_> = reasons.into_iter().collect();
        reasons.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        if !reasons.is_empty() {
            println!("\n{name}:");
        }
        for (text, (count, case)) in reasons.iter().take(30) {
            println!("{count:>6}  {text}   ({}:{})", case.source, case.program);
        }
    }
}

fn row(name: &str, counts: &BTreeMap<Kind, usize>) {
    print!("{name:<16}");
    for (kind, _) in Kind::ALL {
        print!("{:>14}", counts.get(&kind).copied().unwrap_or(0));
    }
    println!();
}

fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '0'..='9' if out.ends_with('N') => {}
            '0'..='9' => out.push('N'),
            _ => out.push(c),
        }
    }
    out
}
