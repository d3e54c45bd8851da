//! Belay, or the live kernel, against verdicts of Linux on a corpus of objects that is no part of the repository.
//!
//! ```text
//! cargo run -p belay --example corpus -- [--objects DIR]... [--expected FILE | --live] [--only REGEX] [--area A]
//!     [--judge belay|kernel] [--list KIND] [--counts] [--slowest N] [--limit SECONDS] [--markdown]
//!     [--check FILE] [--speed]
//! ```
//!
//! `tests/corpus/build` builds the objects: the verifier's own tests into `objects`, other selftests into `wide`, both in
//! `$BELAY_CORPUS` or `~/.cache/belay-corpus`. Without `--objects` it is the first of them, with `--markdown`, `--check` or
//! `--speed` both.
//!
//! What Linux says is taken from `--expected`, from `expected.json` beside the objects, for the verifier's own tests
//! from `shared/corpus/expected.json` beside the repository, and where none of these is there (or with `--live`) from the
//! running kernel, which is asked once and remembered beside the objects.
//!
//! - `--judge kernel` has the running kernel in place of Belay, through Belay's own loader: it tests the object reader.
//! - `--only` picks by `object:program`, `--area` by area, `--list` prints the cases of one kind (`agree`, `false-accept`,
//!   `false-reject`, `unsupported`, `broken`, `panic`).
//! - `--counts` lists the programs of which Belay and Linux agree but for whose verdict they walked different numbers
//!   of instructions, or kept different numbers of states.
//! - `--markdown` prints `docs/parity.md`; `--check` compares with such a file and says what became worse.
//! - `--speed` prints `docs/speed.md`: Belay's time and the running kernel's for what both accept.
//! - A judge that has no answer after `--limit` seconds an object (20) counts as a panic.
//!
//! The exit code is 1 if there is a false accept, a panic, or something worse than in the checked file.

mod area;
mod case;
mod judge;
mod markdown;
mod record;
mod speed;
mod summary;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use case::{KINDS, Kind};
use judge::Judge;
use regex_lite::Regex;

type Failure = Box<dyn std::error::Error>;

/// Where to look, and what for.
struct Arguments {
    objects: Vec<PathBuf>,
    expected: Option<PathBuf>,
    live: bool,
    only: Regex,
    area: Option<String>,
    judge: Judge,
    list: Option<Kind>,
    counts: bool,
    slowest: usize,
    limit: Duration,
    markdown: bool,
    speed: bool,
    check: Option<PathBuf>,
}

fn main() -> Result<ExitCode, Failure> {
    let arguments = arguments()?;
    // A panic is a result here; its message is in the answer.
    std::panic::set_hook(Box::new(|_| {}));
    let mut cases = Vec::new();
    for directory in &arguments.objects {
        let source = record::Source::of(directory, arguments.expected.as_deref(), arguments.live);
        for (object, records) in source.records()? {
            let wanted = |name: &str| arguments.only.is_match(&format!("{object}:{name}"));
            let records: Vec<_> = records.into_iter().filter(|record| wanted(&record.program)).collect();
            if !records.is_empty() {
                let path = directory.join(&object);
                cases.extend(judge::judge(&path, records, arguments.judge, arguments.limit)?);
            }
        }
    }
    if let Some(area) = &arguments.area {
        cases.retain(|case| case.areas.contains(&area.as_str()));
    }
    let mut out = std::io::stdout().lock();
    let mut bad = cases.iter().any(|case| matches!(case.kind(), Kind::FalseAccept | Kind::Panic));
    if let Some(path) = &arguments.check {
        bad |= markdown::check(&mut out, path, &cases)?;
    } else if arguments.markdown {
        markdown::print(&mut out, &cases)?;
    } else if arguments.speed {
        speed::print(&mut out, &arguments.objects, &cases)?;
    } else if arguments.counts {
        summary::print_counts(&mut out, &cases)?;
    } else if let Some(kind) = arguments.list {
        summary::print_list(&mut out, &cases, kind)?;
    } else {
        summary::print(&mut out, &cases, arguments.slowest)?;
    }
    Ok(ExitCode::from(u8::from(bad)))
}

fn arguments() -> Result<Arguments, Failure> {
    let mut parsed = Arguments {
        objects: Vec::new(),
        expected: None,
        live: false,
        only: Regex::new("")?,
        area: None,
        judge: Judge::Belay,
        list: None,
        counts: false,
        slowest: 5,
        limit: Duration::from_secs(20),
        markdown: false,
        speed: false,
        check: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("`{word}` wants a value"));
        match word.as_str() {
            "--objects" => parsed.objects.push(value()?.into()),
            "--expected" => parsed.expected = Some(value()?.into()),
            "--counts" => parsed.counts = true,
            "--live" => parsed.live = true,
            "--only" => parsed.only = Regex::new(&value()?)?,
            "--area" => parsed.area = Some(value()?),
            "--slowest" => parsed.slowest = value()?.parse()?,
            "--limit" => parsed.limit = Duration::from_secs(value()?.parse()?),
            "--judge" => parsed.judge = Judge::named(&value()?)?,
            "--list" => {
                let name = value()?;
                let kind = KINDS.iter().find(|(_, n)| *n == name).ok_or(format!("no kind `{name}`"))?;
                parsed.list = Some(kind.0);
            }
            "--markdown" => parsed.markdown = true,
            "--speed" => parsed.speed = true,
            "--check" => parsed.check = Some(value()?.into()),
            _ => return Err(format!("unknown argument `{word}`").into()),
        }
    }
    if parsed.objects.is_empty() {
        let both = parsed.markdown || parsed.speed || parsed.check.is_some();
        let names: &[&str] = if both { &["objects", "wide"] } else { &["objects"] };
        parsed.objects = names.iter().map(|name| cache().join(name)).collect();
    }
    Ok(parsed)
}

/// Where `tests/corpus/build` leaves what it builds.
fn cache() -> PathBuf {
    match (std::env::var_os("BELAY_CORPUS"), std::env::var_os("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, home) => PathBuf::from(home.unwrap_or_default()).join(".cache/belay-corpus"),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()).into())
}
