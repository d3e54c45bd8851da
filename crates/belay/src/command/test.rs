//! `belay test`: scenarios, found in files and folders, run in parallel, told in order.
//!
//! What a scenario is, how it runs and how each format looks is `belay-scenario`'s business; here are the command line,
//! the streams and the exit status. An error in a scenario is part of the report, and costs no other scenario its run.

use belay_diagnostics::printable;
use belay_scenario::report::{self, Style, Tally};
use belay_scenario::{End, Options, Outcome, RunnerKind, Suite, kernel, sources};

use super::args::{TestArgs, TestFormat};
use super::{Error, Exit, Output, Streams};

pub(super) fn test(args: &TestArgs, streams: &mut Streams) -> Result<Exit, Error> {
    if args.kernel {
        kernel().as_ref().map_err(|unavailable| Error::new(unavailable.to_string()))?;
    }
    let sources = sources(&args.paths).map_err(Error::new)?;
    let mut suite = Suite::read(&sources);
    if suite.is_empty() {
        let where_to = printable(&args.paths.join(", "));
        return Err(Error::new(format!("no scenario in {where_to}: their names end in `.scenario.toml`")));
    }
    suite.filter(&args.filter);
    if suite.is_empty() {
        return Err(Error::new("no scenario has a name that fits `--filter`"));
    }
    let mut out = Output::open(&args.output, streams)?;
    if args.list {
        for name in suite.names() {
            out.line(printable(name))?;
        }
        out.finish()?;
        return Ok(Exit::Clean);
    }
    // The pool is this call's own: tests call it from many threads.
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.jobs.map_or(0, usize::from))
        .build()
        .map_err(|e| Error::new(format!("no threads: {e}")))?;
    run(args, &suite, &pool, &mut out).and_then(|exit| out.finish().map(|()| exit))
}

fn run(
    args: &TestArgs,
    suite: &Suite,
    pool: &rayon::ThreadPool,
    out: &mut Output<'_>,
) -> Result<Exit, Error> {
    let style = Style { color: out.color(), quiet: args.output.quiet, verbose: args.output.verbose };
    let format = args.output.format;
    let runner = match (args.checked, args.jit) {
        (true, _) => RunnerKind::Checked,
        (_, true) => RunnerKind::Jit,
        _ => RunnerKind::Interpreter,
    };
    let options = Options { runner, kernel: args.kernel };
    if format == TestFormat::Full {
        out.text(&report::starting(suite.len(), suite.files, style))?;
    }
    let mut outcomes: Vec<Outcome> = Vec::new();
    let time = suite.run(pool, options, args.fail_fast, |outcome| {
        let text = match format {
            TestFormat::Full => report::full(&outcome, style),
            TestFormat::Concise => report::concise(&outcome),
            TestFormat::Github => report::github(&outcome),
            TestFormat::Json | TestFormat::Junit => String::new(),
        };
        outcomes.push(outcome);
        out.text(&text).and_then(|()| out.flush())
    })?;
    let tally = Tally::of(&outcomes, suite.len());
    out.text(&match format {
        TestFormat::Full => report::summary(&outcomes, &tally, time, style),
        TestFormat::Json => report::json(&outcomes, &tally, time),
        TestFormat::Junit => report::junit(&outcomes, time),
        TestFormat::Concise | TestFormat::Github => String::new(),
    })?;
    Ok(outcomes.iter().map(exit).max().unwrap_or(Exit::Clean))
}

fn exit(outcome: &Outcome) -> Exit {
    match outcome.end {
        End::Pass | End::Skip(_) => Exit::Clean,
        End::Fail(_) => Exit::Findings,
        End::Error(_) => Exit::Error,
    }
}
