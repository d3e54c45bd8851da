//! `belay verify`: the verdict on every program of every file, for every release asked for.
//!
//! The report is the data, so it goes to stdout as with `ruff`, `clippy` and their kind: `-o` and pipes take it whole.
//! What keeps Belay from a verdict (an unreadable file, a program that cannot be linked) goes to stderr, or into the
//! JSON document. Exit 2 also stands for `unsupported`: no verdict was reached.

use std::time::Duration;

use belay_diagnostics::json::{JsonDiagnostic, SCHEMA};
use belay_diagnostics::{Diagnostic, concise, full, printable};
use belay_object::{Attach, Object, Program};
use belay_spec::Release;
use belay_verifier::{Footing, Judgement, Kernel, Options, Verdict, Verified, verify as judge};
use rayon::prelude::*;
use serde::Serialize;

use super::args::{Format, VerifyArgs};
use super::input::ReadObject;
use super::{Error, Exit, Output, Streams, input, profile};

/// `verify --format json`.
#[derive(Serialize)]
struct Document {
    schema: u32,
    files: Vec<FileReport>,
}

#[derive(Serialize)]
struct FileReport {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    programs: Vec<ProgramReport>,
}

/// A program judged by one release.
#[derive(Serialize)]
pub(super) struct ProgramReport {
    name: String,
    section: String,
    hook: Option<String>,
    kernel: String,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    diagnostics: Vec<JsonDiagnostic>,
    stats: StatsReport,
}

#[derive(Serialize, Default)]
struct StatsReport {
    insns_processed: u64,
    states: u64,
    time_ns: u64,
}

/// How often each verdict was given.
#[derive(Default)]
struct Tally {
    accepted: usize,
    rejected: usize,
    unsupported: usize,
    errors: usize,
}

pub(super) fn verify(args: &VerifyArgs, streams: &mut Streams) -> Result<Exit, Error> {
    let mut tally = Tally::default();
    let mut reports = Vec::new();
    let mut messages = Vec::new();
    // Read everything first: `-` and the report use the same streams.
    let kernels = profile::kernels(&args.kernels, streams)?;
    let files: Vec<(&str, Result<Vec<u8>, Error>)> =
        args.files.iter().map(|file| (file.as_str(), input::read(file, streams))).collect();
    let objects: Vec<(String, Result<ReadObject, Error>)> = files
        .into_par_iter()
        .map(|(file, bytes)| {
            let object = bytes.and_then(|bytes| ReadObject::of(file, &bytes, &kernels));
            (input::name(file).to_owned(), object)
        })
        .collect();
    let mut out = Output::open(&args.output, streams)?;
    // One program's verdict owes nothing to another's: all processors, and the report in order.
    let judged: Vec<Result<JudgedObject<'_>, Error>> = objects
        .par_iter()
        .map(|(_, object)| {
            object.as_ref().map_err(Error::clone).and_then(|object| judge_all(args, object, &kernels))
        })
        .collect();
    for ((path, _), judged) in objects.iter().zip(judged) {
        let mut report = FileReport { path: path.clone(), error: None, programs: Vec::new() };
        let failure = match judged {
            Ok(judged) => file(args, judged, &mut out, &mut tally, &mut report.programs)?,
            Err(Error::Message(message)) => vec![message],
            Err(closed) => return Err(closed),
        };
        if !failure.is_empty() {
            tally.errors += failure.len();
            report.error = Some(failure.join("\n"));
            messages.extend(failure);
        }
        reports.push(report);
    }
    if args.output.format == Format::Json {
        out.json(&Document { schema: SCHEMA, files: reports })?;
    } else if args.output.format == Format::Full && !args.output.quiet && tally.count() > 1 {
        out.line(tally.sentence())?;
    }
    out.finish()?;
    if args.output.format != Format::Json {
        for message in messages {
            writeln!(streams.stderr, "belay: error: {message}").map_err(|e| Error::output(&e))?;
        }
    }
    Ok(tally.exit(args.exit_zero))
}

/// The verdicts on the programs of one object that are asked for.
struct JudgedObject<'o> {
    object: &'o Object,
    programs: Vec<Judged<'o>>,
}

/// One program by one kernel.
struct Judged<'o> {
    object: &'o Object,
    program: &'o Program,
    kernel: &'o Kernel,
    judgement: Judgement,
    diagnostic: Option<Diagnostic>,
}

/// Judges the programs of one object that are asked for, by each kernel.
fn judge_all<'o>(
    args: &VerifyArgs,
    read: &'o ReadObject,
    kernels: &'o [Kernel],
) -> Result<JudgedObject<'o>, Error> {
    let mut jobs: Vec<(usize, &Object, &Program, &Kernel)> = Vec::new();
    let mut first = None;
    for (index, kernel) in kernels.iter().enumerate() {
        let Some(object) = read.for_kernel(index) else { continue };
        first = first.or(Some(object));
        let programs = input::programs(object, &args.program)?;
        jobs.extend(programs.into_iter().enumerate().map(|(at, program)| (at, object, program, kernel)));
    }
    let options = |kernel: &Kernel| Options {
        kernel: kernel.clone(),
        processors: args.kernels.cpus,
        ..Options::default()
    };
    // The sort is stable: each program by the kernels in their order.
    jobs.sort_by_key(|(at, ..)| *at);
    let programs = jobs.into_par_iter().map(|(_, object, program, kernel)| {
        let judgement = judge(object, program, &options(kernel));
        let diagnostic = diagnostic(object, program, &judgement, kernel.release());
        Judged { object, program, kernel, judgement, diagnostic }
    });
    let object = first.ok_or_else(|| Error::new("no kernel is named"))?;
    Ok(JudgedObject { object, programs: programs.collect() })
}

/// Reports on the programs of one object; what kept it from a verdict comes back as messages.
fn file(
    args: &VerifyArgs,
    judged: JudgedObject<'_>,
    out: &mut Output<'_>,
    tally: &mut Tally,
    reports: &mut Vec<ProgramReport>,
) -> Result<Vec<String>, Error> {
    let object = judged.object;
    for Judged { object, program, kernel, judgement, diagnostic } in judged.programs {
        tally.add(&judgement.verdict);
        if args.output.format == Format::Json {
            reports.push(report(program, &judgement, diagnostic.as_ref(), kernel.profile().name()));
        } else {
            print(args, object, program, &judgement, diagnostic.as_ref(), kernel.profile().name(), out)?;
        }
    }
    if args.program.is_empty() {
        return Ok(object.broken.iter().map(|broken| printable(&broken.error.to_string())).collect());
    }
    Ok(Vec::new())
}

/// The diagnostic of a rejection.
pub(super) fn diagnostic(
    object: &Object,
    program: &Program,
    judgement: &Judgement,
    release: Release,
) -> Option<Diagnostic> {
    match &judgement.verdict {
        Verdict::Reject(rejection) => Some(Diagnostic::of(object, program, rejection, release)),
        Verdict::Accept(_) | Verdict::Unsupported { .. } => None,
    }
}

/// The hook's name, for programs of one.
pub(super) fn hook_name(program: &Program) -> Option<&'static str> {
    match &program.attach {
        Attach::Hook(hook) => Some(hook.name),
        Attach::Unmodelled { .. } | Attach::Unknown => None,
    }
}

fn print(
    args: &VerifyArgs,
    object: &Object,
    program: &Program,
    judgement: &Judgement,
    diagnostic: Option<&Diagnostic>,
    kernel: &str,
    out: &mut Output<'_>,
) -> Result<(), Error> {
    let path = printable(&object.path);
    let name = printable(&program.name);
    let kernel = printable(kernel);
    let brief = args.output.format == Format::Concise;
    match (&judgement.verdict, diagnostic) {
        (Verdict::Accept(_), _) if brief || args.output.quiet => Ok(()),
        (Verdict::Accept(verified), _) => {
            let hook = hook_name(program).unwrap_or("no hook");
            let (walked, states) = (judgement.stats.insns_processed, judgement.stats.states);
            let time = duration(judgement.time);
            out.line(format!(
                "{path}: `{name}` ({hook}, kernel {kernel}): accept, {walked} instructions walked, {states} states, {time}"
            ))?;
            fault_of_the_kernel(verified).map_or(Ok(()), |note| out.line(format!("   = note: {note}")))
        }
        (Verdict::Unsupported { what, pc }, _) => {
            let at = pc.map_or_else(String::new, |pc| format!(", at instruction {pc}"));
            out.line(format!("{path}: `{name}` (kernel {kernel}): unsupported: {}{at}", printable(what)))
        }
        (Verdict::Reject(_), Some(diagnostic)) if brief => out.line(concise::render(diagnostic)),
        (Verdict::Reject(_), Some(diagnostic)) => {
            out.text(&full::render(diagnostic, out.style(&args.output)))?;
            out.line(format!("{path}: `{name}` (kernel {kernel}): reject\n"))
        }
        (Verdict::Reject(_), None) => Ok(()),
    }
}

/// What is to be said of an acceptance that is the kernel's mistake.
fn fault_of_the_kernel(verified: &Verified) -> Option<String> {
    match verified.footing() {
        Footing::Sound => None,
        Footing::Proved => Some(
            "this kernel accepts it by a fault of its verifier; the program is safe without the fault, too, but the kernel may \
             remove instructions that it wrongly takes for unreachable"
                .to_owned(),
        ),
        Footing::Unproved(pc) => Some(format!(
            "this kernel accepts it by a fault of its verifier; the program is not safe: see instruction {pc}. Here it \
             runs only with `--checked`"
        )),
    }
}

/// A program's entry in the JSON document.
pub(super) fn report(
    program: &Program,
    judgement: &Judgement,
    diagnostic: Option<&Diagnostic>,
    kernel: &str,
) -> ProgramReport {
    let (verdict, reason) = match &judgement.verdict {
        Verdict::Accept(verified) => ("accept", fault_of_the_kernel(verified)),
        Verdict::Reject(_) => ("reject", None),
        Verdict::Unsupported { what, .. } => ("unsupported", Some(what.clone())),
    };
    ProgramReport {
        name: program.name.clone(),
        section: program.section.clone(),
        hook: hook_name(program).map(str::to_owned),
        kernel: kernel.to_owned(),
        verdict,
        reason,
        diagnostics: diagnostic.map(JsonDiagnostic::from).into_iter().collect(),
        stats: StatsReport {
            insns_processed: judgement.stats.insns_processed,
            states: judgement.stats.states,
            time_ns: u64::try_from(judgement.time.as_nanos()).unwrap_or(u64::MAX),
        },
    }
}

/// A duration for people: three digits at most before a unit changes.
fn duration(time: Duration) -> String {
    let micros = time.as_micros();
    match micros {
        0..=999 => format!("{micros} us"),
        1000..=999_999 => format!("{:.1} ms", time.as_secs_f64() * 1e3),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

impl Tally {
    fn add(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Accept(_) => self.accepted += 1,
            Verdict::Reject(_) => self.rejected += 1,
            Verdict::Unsupported { .. } => self.unsupported += 1,
        }
    }

    fn count(&self) -> usize {
        self.accepted + self.rejected + self.unsupported
    }

    fn sentence(&self) -> String {
        let Tally { accepted, rejected, unsupported, .. } = self;
        format!("{accepted} accepted, {rejected} rejected, {unsupported} unsupported")
    }

    /// An error or a missing verdict weighs more than a rejection: the rest may hide one.
    fn exit(&self, exit_zero: bool) -> Exit {
        match self {
            Tally { errors: 1.., .. } | Tally { unsupported: 1.., .. } => Exit::Error,
            Tally { rejected: 1.., .. } if !exit_zero => Exit::Findings,
            _ => Exit::Clean,
        }
    }
}
