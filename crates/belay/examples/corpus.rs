//! Belay, or the live kernel, against recorded verdicts of Linux on a corpus of objects.
//!
//! ```text
//! cargo run -p belay --example corpus -- [--objects DIR] [--only REGEX] [--area A] [--judge belay|kernel] [--list KIND] [--slowest N] [--limit SECONDS]
//! ```
//!
//! The corpus is not part of the repository: `expected.json` is looked for in `shared/corpus` beside the repository and
//! its ancestors (or given by `--expected`), the objects in `$BELAY_CORPUS/objects` or `~/.cache/belay-corpus/objects`.
//! `--objects` takes others, with the verdicts in `expected.json` beside them if there is one.
//!
//! `--only` picks by `object:program`. `--judge kernel` asks the running kernel through Belay's own loader, which must
//! agree with the recorded verdicts: it tests the object reader. `--list` prints the cases of one kind (`agree`,
//! `false-accept`, `false-reject`, `unsupported`, `broken`, `panic`). A judge that gives no answer within `--limit` counts as
//! a panic. The exit code is 1 if there is a false accept or a panic.

use std::collections::BTreeMap;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use belay_linux::{LogLevel, Verdict, verify_programs};
use belay_object::{Object, Options, Program};
use belay_spec::Release;
use regex_lite::Regex;
use serde::Deserialize;

type Failure = Box<dyn std::error::Error>;

/// A recorded verdict.
#[derive(Deserialize)]
struct Expected {
    object: String,
    program: String,
    section: String,
    verdict: String,
    reason: String,
    ns: u64,
    areas: Vec<String>,
}

/// What the judge says.
enum Answer {
    Accept,
    Reject {
        code: String,
        message: String,
    },
    Unsupported(String),
    /// The object, or the program in it, cannot be read.
    Broken(String),
    Panic(String),
}

/// An answer, compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Agree,
    FalseAccept,
    FalseReject,
    Unsupported,
    Broken,
    Panic,
}

const KINDS: [(Kind, &str); 6] = [
    (Kind::Agree, "agree"),
    (Kind::FalseAccept, "false-accept"),
    (Kind::FalseReject, "false-reject"),
    (Kind::Unsupported, "unsupported"),
    (Kind::Broken, "broken"),
    (Kind::Panic, "panic"),
];

struct Case<'a> {
    expected: &'a Expected,
    answer: Answer,
    ns: u64,
}

impl Case<'_> {
    fn kind(&self) -> Kind {
        match (&self.answer, self.expected.verdict.as_str()) {
            (Answer::Accept, "accept") | (Answer::Reject { .. }, "reject") => Kind::Agree,
            (Answer::Accept, _) => Kind::FalseAccept,
            (Answer::Reject { .. }, _) => Kind::FalseReject,
            (Answer::Unsupported(_), _) => Kind::Unsupported,
            (Answer::Broken(_), _) => Kind::Broken,
            (Answer::Panic(_), _) => Kind::Panic,
        }
    }

    fn text(&self) -> String {
        match &self.answer {
            Answer::Accept => "accept".to_string(),
            Answer::Reject { code, message } if code.is_empty() => format!("reject: {message}"),
            Answer::Reject { code, message } => format!("reject[{code}]: {message}"),
            Answer::Unsupported(what) => format!("unsupported: {what}"),
            Answer::Broken(why) => format!("broken: {why}"),
            Answer::Panic(why) => format!("panic: {why}"),
        }
    }

    /// Whether both refuse for the same reason, word for word.
    fn same_reason(&self) -> Option<bool> {
        match &self.answer {
            Answer::Reject { message, .. } if self.kind() == Kind::Agree => {
                Some(*message == self.expected.reason)
            }
            _ => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Judge {
    Belay,
    Kernel,
}

struct Arguments {
    only: Regex,
    area: Option<String>,
    judge: Judge,
    list: Option<Kind>,
    slowest: usize,
    limit: Duration,
    expected: PathBuf,
    objects: PathBuf,
}

fn main() -> Result<ExitCode, Failure> {
    let arguments = arguments()?;
    let expected: Vec<Expected> = serde_json::from_slice(&read(&arguments.expected)?)?;
    let wanted = |e: &&Expected| {
        arguments.only.is_match(&format!("{}:{}", e.object, e.program))
            && arguments.area.as_ref().is_none_or(|area| e.areas.contains(area))
    };
    let mut by_object: BTreeMap<&str, Vec<&Expected>> = BTreeMap::new();
    for e in expected.iter().filter(wanted) {
        by_object.entry(&e.object).or_default().push(e);
    }
    // A panic is a result here; its message is in the answer.
    std::panic::set_hook(Box::new(|_| {}));
    let mut cases = Vec::new();
    for (name, expected) in by_object {
        judge_object(&arguments, name, &expected, &mut cases)?;
    }
    let mut out = std::io::stdout().lock();
    if let Some(kind) = arguments.list {
        print_list(&mut out, &cases, kind)?;
    } else {
        print_summary(&mut out, &cases, arguments.slowest)?;
    }
    let bad = cases.iter().any(|case| matches!(case.kind(), Kind::FalseAccept | Kind::Panic));
    Ok(ExitCode::from(u8::from(bad)))
}

fn arguments() -> Result<Arguments, Failure> {
    let objects = match (std::env::var_os("BELAY_CORPUS"), std::env::var_os("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, home) => PathBuf::from(home.unwrap_or_default()).join(".cache/belay-corpus"),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let beside =
        root.ancestors().map(|dir| dir.join("shared/corpus/expected.json")).find(|path| path.exists());
    let mut parsed = Arguments {
        only: Regex::new("")?,
        area: None,
        judge: Judge::Belay,
        list: None,
        slowest: 5,
        limit: Duration::from_secs(10),
        expected: beside.unwrap_or_else(|| root.join("../shared/corpus/expected.json")),
        objects: objects.join("objects"),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("`{word}` wants a value"));
        match word.as_str() {
            "--only" => parsed.only = Regex::new(&value()?)?,
            "--area" => parsed.area = Some(value()?),
            "--slowest" => parsed.slowest = value()?.parse()?,
            "--limit" => parsed.limit = Duration::from_secs(value()?.parse()?),
            "--expected" => parsed.expected = value()?.into(),
            "--objects" => {
                parsed.objects = value()?.into();
                let recorded = parsed.objects.join("expected.json");
                if recorded.exists() {
                    parsed.expected = recorded;
                }
            }
            "--judge" => {
                parsed.judge = match value()?.as_str() {
                    "belay" => Judge::Belay,
                    "kernel" => Judge::Kernel,
                    other => return Err(format!("no judge `{other}`: `belay` or `kernel`").into()),
                }
            }
            "--list" => {
                let name = value()?;
                let kind = KINDS.iter().find(|(_, n)| *n == name).ok_or(format!("no kind `{name}`"))?;
                parsed.list = Some(kind.0);
            }
            _ => return Err(format!("unknown argument `{word}`").into()),
        }
    }
    Ok(parsed)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()).into())
}

fn judge_object<'a>(
    arguments: &Arguments,
    name: &str,
    expected: &[&'a Expected],
    cases: &mut Vec<Case<'a>>,
) -> Result<(), Failure> {
    let path = arguments.objects.join(name);
    let bytes = read(&path)?;
    let path = path.display().to_string();
    let object = match caught(|| Object::parse(&path, &bytes, &Options::default())) {
        Ok(Ok(object)) => object,
        Ok(Err(error)) => {
            let why = error.to_string();
            cases.extend(expected.iter().map(|e| Case {
                expected: e,
                answer: Answer::Broken(why.clone()),
                ns: 0,
            }));
            return Ok(());
        }
        Err(panic) => {
            cases.extend(expected.iter().map(|e| Case {
                expected: e,
                answer: Answer::Panic(panic.clone()),
                ns: 0,
            }));
            return Ok(());
        }
    };
    let object = Arc::new(object);
    for e in expected {
        let (answer, ns) = match object.programs.iter().position(|program| program.name == e.program) {
            Some(index) => within(arguments.limit, arguments.judge, &object, index),
            None => {
                let broken = object.broken.iter().find(|broken| broken.name == e.program);
                let why = broken.map_or("no such program".to_string(), |broken| broken.error.to_string());
                (Answer::Broken(why), 0)
            }
        };
        cases.push(Case { expected: e, answer, ns });
    }
    Ok(())
}

/// The answer, if it comes in time; a judge that takes too long goes on in the background.
fn within(limit: Duration, judge: Judge, object: &Arc<Object>, index: usize) -> (Answer, u64) {
    let (send, receive) = channel();
    let object = Arc::clone(object);
    std::thread::spawn(move || {
        let answer = caught(|| match object.programs.get(index) {
            Some(program) => answer(judge, &object, program),
            None => (Answer::Broken("no such program".to_string()), 0),
        });
        // Nobody listens any more after the limit.
        let _ = send.send(answer.unwrap_or_else(|panic| (Answer::Panic(panic), 0)));
    });
    receive.recv_timeout(limit).unwrap_or_else(|_| (Answer::Panic(format!("no answer in {limit:?}")), 0))
}

fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text =
            panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        text.unwrap_or("a panic without a message").to_string()
    })
}

/// The judge's answer, and how long it took in nanoseconds.
fn answer(judge: Judge, object: &Object, program: &Program) -> (Answer, u64) {
    match judge {
        Judge::Belay => {
            let start = Instant::now();
            let answer = belay_verdict(object, program);
            (answer, u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX))
        }
        Judge::Kernel => kernel_verdict(object, program),
    }
}

/// Belay's verdict on one program.
fn belay_verdict(object: &Object, program: &Program) -> Answer {
    let options = belay_verifier::Options { release: Release::V6_18 };
    match belay_verifier::verify(object, program, &options).verdict {
        belay_verifier::Verdict::Accept(_) => Answer::Accept,
        belay_verifier::Verdict::Reject(rejection) => {
            Answer::Reject { code: rejection.code.to_string(), message: rejection.fault.to_string() }
        }
        belay_verifier::Verdict::Unsupported { what, .. } => Answer::Unsupported(what),
    }
}

fn kernel_verdict(object: &Object, program: &Program) -> (Answer, u64) {
    match verify_programs(object, LogLevel::Stats, |p| p.name == program.name) {
        Err(error) => (Answer::Broken(error.to_string()), 0),
        Ok(mut loaded) => match loaded.programs.pop().map(|p| p.verdict) {
            None => (Answer::Broken("no such program".to_string()), 0),
            Some(Verdict::Accept(loaded)) => (Answer::Accept, loaded.time_ns),
            Some(Verdict::Unjudged(why)) => (Answer::Unsupported(why), 0),
            Some(Verdict::Reject(rejected)) => {
                let message = match rejected.reason() {
                    "" => rejected.errno.to_string(),
                    reason => reason.to_string(),
                };
                (Answer::Reject { code: String::new(), message }, rejected.time_ns)
            }
        },
    }
}

fn print_list(out: &mut impl Write, cases: &[Case<'_>], kind: Kind) -> std::io::Result<()> {
    for case in cases.iter().filter(|case| case.kind() == kind) {
        let e = case.expected;
        writeln!(out, "{}:{} ({})", e.object, e.program, e.section)?;
        let reason = if e.reason.is_empty() { "accept" } else { &e.reason };
        writeln!(out, "    linux: {reason}\n    judge: {}", case.text())?;
    }
    Ok(())
}

fn print_summary(out: &mut impl Write, cases: &[Case<'_>], slowest: usize) -> std::io::Result<()> {
    let mut areas: BTreeMap<&str, Vec<&Case<'_>>> = BTreeMap::new();
    for case in cases {
        for area in &case.expected.areas {
            areas.entry(area).or_default().push(case);
        }
    }
    write!(out, "{:<22}{:>6}", "area", "cases")?;
    for (_, name) in KINDS {
        write!(out, "{name:>14}")?;
    }
    writeln!(out, "{:>14}", "same reason")?;
    for (area, cases) in &areas {
        print_row(out, area, cases)?;
    }
    print_row(out, "all", &cases.iter().collect::<Vec<_>>())?;
    print_reasons(out, cases)?;
    print_times(out, cases, slowest)
}

fn print_row(out: &mut impl Write, name: &str, cases: &[&Case<'_>]) -> std::io::Result<()> {
    write!(out, "{name:<22}{:>6}", cases.len())?;
    for (kind, _) in KINDS {
        write!(out, "{:>14}", cases.iter().filter(|case| case.kind() == kind).count())?;
    }
    let reasons: Vec<bool> = cases.iter().filter_map(|case| case.same_reason()).collect();
    let same = reasons.iter().filter(|same| **same).count();
    writeln!(out, "{:>14}", format!("{same}/{}", reasons.len()))
}

/// What stands between us and agreement, most frequent first; numbers are left out of the messages.
fn print_reasons(out: &mut impl Write, cases: &[Case<'_>]) -> std::io::Result<()> {
    for (kind, name) in KINDS.into_iter().filter(|(kind, _)| *kind != Kind::Agree) {
        let mut counts: BTreeMap<String, (usize, &Case<'_>)> = BTreeMap::new();
        for case in cases.iter().filter(|case| case.kind() == kind) {
            let about = if kind == Kind::FalseAccept { case.expected.reason.clone() } else { case.text() };
            counts.entry(without_numbers(&about)).or_insert((0, case)).0 += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by(|a, b| b.1.0.cmp(&a.1.0).then_with(|| a.0.cmp(&b.0)));
        if !counts.is_empty() {
            writeln!(out, "\n{name}:")?;
        }
        for (message, (count, case)) in counts.iter().take(25) {
            writeln!(out, "{count:>5}  {message}   ({}:{})", case.expected.object, case.expected.program)?;
        }
    }
    Ok(())
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

fn print_times(out: &mut impl Write, cases: &[Case<'_>], slowest: usize) -> std::io::Result<()> {
    let mut agreed: Vec<&Case<'_>> = cases
        .iter()
        .filter(|case| case.kind() == Kind::Agree && case.ns > 0 && case.expected.ns > 0)
        .collect();
    let (ours, kernel) = agreed.iter().fold((0, 0), |sum, case| (sum.0 + case.ns, sum.1 + case.expected.ns));
    if agreed.is_empty() {
        return Ok(());
    }
    let ms = |ns: u64| ns as f64 / 1e6;
    writeln!(
        out,
        "\ntime where we agree: {:.1} ms, recorded kernel {:.1} ms, ratio {:.2}",
        ms(ours),
        ms(kernel),
        ours as f64 / kernel as f64
    )?;
    agreed.sort_by_key(|case| std::cmp::Reverse(case.ns));
    for case in agreed.iter().take(slowest) {
        let e = case.expected;
        writeln!(out, "{:>10.2} ms (kernel {:>8.2})  {}:{}", ms(case.ns), ms(e.ns), e.object, e.program)?;
    }
    Ok(())
}
