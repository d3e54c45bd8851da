//! `belay kernel verify`: the running kernel's own verdict.

use belay_diagnostics::printable;
use belay_linux::{LogLevel, Verdict, probe, verify_programs};
use serde::Serialize;

use super::args::{Format, KernelVerifyArgs};
use super::{Error, Exit, Output, Streams, input};

/// Lines of a log that are shown without `-v`.
const LAST_LINES: usize = 6;

#[derive(Serialize)]
struct Document {
    schema: u32,
    path: String,
    kernel: String,
    programs: Vec<Report>,
}

#[derive(Serialize)]
struct Report {
    name: String,
    section: String,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    insns_processed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_ns: Option<u64>,
    log: String,
}

pub(super) fn verify(args: &KernelVerifyArgs, streams: &mut Streams) -> Result<Exit, Error> {
    let object = input::object(&args.object, streams)?;
    let wanted: Vec<String> =
        input::programs(&object, &args.program)?.iter().map(|program| program.name.clone()).collect();
    let kernel = probe().map_err(|e| Error::new(e.to_string()))?;
    let level = if args.output.verbose { LogLevel::Full } else { LogLevel::Stats };
    let loaded = verify_programs(&object, level, |program| wanted.contains(&program.name))
        .map_err(|e| Error::file(&object.path, e))?;
    let reports: Vec<Report> =
        loaded.programs.iter().map(|p| report(&p.name, &p.section, &p.verdict)).collect();
    let exit = exit(&reports, args.exit_zero);

    let mut out = Output::open(&args.output, streams)?;
    if args.output.format == Format::Json {
        let path = object.path.clone();
        let schema = belay_diagnostics::json::SCHEMA;
        out.json(&Document { schema, path, kernel: kernel.release, programs: reports })?;
    } else {
        for report in &reports {
            print(args, &object.path, &kernel.release, report, &mut out)?;
        }
    }
    out.finish()?;
    match object.broken.first().filter(|_| args.program.is_empty()) {
        Some(broken) => Err(Error::new(printable(&broken.error.to_string()))),
        None => Ok(exit),
    }
}

fn report(name: &str, section: &str, verdict: &Verdict) -> Report {
    let (name, section, word) = (name.to_owned(), section.to_owned(), verdict.word());
    let blank = Report {
        name,
        section,
        verdict: word,
        errno: None,
        reason: None,
        insns_processed: None,
        time_ns: None,
        log: String::new(),
    };
    match verdict {
        Verdict::Accept(loaded) => Report {
            insns_processed: loaded.stats.map(|stats| stats.insns_processed),
            time_ns: Some(loaded.time_ns),
            log: loaded.log.clone(),
            ..blank
        },
        Verdict::Reject(rejected) => Report {
            errno: Some(rejected.errno.to_string()),
            reason: Some(rejected.reason().to_owned()),
            insns_processed: rejected.stats.map(|stats| stats.insns_processed),
            time_ns: Some(rejected.time_ns),
            log: rejected.log.clone(),
            ..blank
        },
        Verdict::Unjudged(why) => Report { reason: Some(why.clone()), ..blank },
    }
}

fn print(
    args: &KernelVerifyArgs,
    path: &str,
    kernel: &str,
    report: &Report,
    out: &mut Output<'_>,
) -> Result<(), Error> {
    let accepted = report.verdict == "accept";
    if accepted && (args.output.quiet || args.output.format == Format::Concise) {
        return Ok(());
    }
    let errno = report.errno.as_ref().map_or_else(String::new, |errno| format!(", {errno}"));
    let reason = match &report.reason {
        Some(reason) if !reason.is_empty() => format!(": {}", printable(reason)),
        _ => String::new(),
    };
    let (path, name) = (printable(path), printable(&report.name));
    out.line(format!("{path}: `{name}` (linux {kernel}): {}{errno}{reason}", report.verdict))?;
    if args.output.format == Format::Concise {
        return Ok(());
    }
    let lines: Vec<&str> = report.log.lines().filter(|line| !line.is_empty()).collect();
    let skipped = match (args.output.verbose, accepted) {
        (true, _) => 0,
        // Of an accepted program only the counts are of interest.
        (false, true) => lines.len(),
        (false, false) => lines.len().saturating_sub(LAST_LINES),
    };
    if skipped > 0 && !accepted {
        out.line(format!("    ({skipped} lines before; `-v` shows them)"))?;
    }
    for line in lines.iter().skip(skipped) {
        out.line(format!("    {}", printable(line)))?;
    }
    Ok(())
}

fn exit(reports: &[Report], exit_zero: bool) -> Exit {
    let has = |word: &str| reports.iter().any(|report| report.verdict == word);
    match () {
        () if has("unjudged") => Exit::Error,
        () if has("reject") && !exit_zero => Exit::Findings,
        () => Exit::Clean,
    }
}
