//! The cases as `docs/parity.md`, and the comparison with what stands there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use crate::case::{Case, Kind};
use crate::record::Record;
use crate::summary::without_numbers;
use crate::{Failure, read};

/// Columns of counts in a table's row, after the area.
const COLUMNS: [&str; 6] = ["programs", "agree", "false accept", "false reject", "unsupported", "agreement"];

const HEAD: &str = "\
# Parity with Linux 6.18
What Belay says of the kernel's own BPF selftests (those of Linux 6.12), and what a running Linux 6.18 says: each program loaded
alone, as root, with the program type and flags that libbpf takes from its section's name. *False accept*: Linux refuses what Belay
accepts; there must be none. *False reject*: the other way round. *Unsupported*: Belay gives no verdict, since it would be a guess.

This page is written by

    tests/corpus/build
    cargo run --release -p belay --example corpus -- --live --markdown > docs/parity.md

and CI fails on a false accept, a crash, an object that takes more than 20 seconds, or less agreement than stands here (`--check
docs/parity.md`). A program is in one area by its file, and may be in others by what it does. Programs that this kernel cannot judge
(a test module or a configuration option is missing) are not in the tables.
";

/// What the rest of a group's programs are, where the answers themselves do not say it: object, program (both as they
/// begin), and why.
const REASONS: &[(&str, &str, &str)] = &[];

/// The counts of an area.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    programs: usize,
    agree: usize,
    false_accept: usize,
    false_reject: usize,
    /// And what cannot be read.
    unsupported: usize,
}

impl Counts {
    fn add(&mut self, kind: Kind) {
        self.programs += 1;
        match kind {
            Kind::Agree => self.agree += 1,
            Kind::FalseAccept => self.false_accept += 1,
            Kind::FalseReject => self.false_reject += 1,
            Kind::Unsupported | Kind::Broken | Kind::Panic => self.unsupported += 1,
        }
    }

    fn row(self, area: &str) -> String {
        let Counts { programs, agree, false_accept, false_reject, unsupported } = self;
        // Rounded down: 100 % is all of them.
        let tenths = agree * 1000 / programs.max(1);
        format!(
            "| {area} | {programs} | {agree} | {false_accept} | {false_reject} | {unsupported} | {}.{} % |",
            tenths / 10,
            tenths % 10
        )
    }

    /// The counts of a row that [`Counts::row`] wrote.
    fn read(row: &str) -> Option<(&str, Counts)> {
        let mut cells = row.strip_prefix('|')?.split('|').map(str::trim);
        let area = cells.next()?;
        let mut next = || cells.next()?.parse().ok();
        let counts = Counts {
            programs: next()?,
            agree: next()?,
            false_accept: next()?,
            false_reject: next()?,
            unsupported: next()?,
        };
        Some((area, counts))
    }
}

/// The two parts of the corpus, by what the objects' names begin with.
const PARTS: [(&str, bool); 2] = [("The verifier's own tests", true), ("The other selftests", false)];

fn is_own(case: &Case) -> bool {
    case.record.object.starts_with("verifier_")
}

/// The counts of each area of each part, `all` last.
fn tables(cases: &[Case]) -> Vec<(&'static str, Vec<(&str, Counts)>)> {
    let table = |(title, own): (&'static str, bool)| {
        let mut areas = BTreeMap::<&str, Counts>::new();
        let mut all = Counts::default();
        for case in cases.iter().filter(|case| is_own(case) == own) {
            all.add(case.kind());
            for area in &case.areas {
                areas.entry(area).or_default().add(case.kind());
            }
        }
        let mut rows: Vec<_> = areas.into_iter().collect();
        rows.push(("all", all));
        (title, rows)
    };
    PARTS.into_iter().map(table).collect()
}

/// Prints the page.
pub(crate) fn print(out: &mut impl Write, cases: &[Case]) -> std::io::Result<()> {
    writeln!(out, "{HEAD}")?;
    for (title, rows) in tables(cases) {
        writeln!(out, "## {title}\n\n| area | {} |", COLUMNS.join(" | "))?;
        writeln!(out, "| --- |{}", " ---: |".repeat(COLUMNS.len()))?;
        for (area, counts) in rows {
            writeln!(out, "{}", counts.row(area))?;
        }
        writeln!(out)?;
    }
    print_disagreements(out, cases)
}

fn print_disagreements(out: &mut impl Write, cases: &[Case]) -> std::io::Result<()> {
    writeln!(out, "## Where they differ, and why")?;
    let kinds = [
        (Kind::FalseAccept, "Accepted by Belay alone"),
        (Kind::FalseReject, "Refused by Belay alone"),
        (Kind::Unsupported, "No verdict"),
        (Kind::Broken, "Not read"),
        (Kind::Panic, "Crashed, or took too long"),
    ];
    for (kind, title) in kinds {
        let mut groups = BTreeMap::<String, BTreeMap<&str, Vec<&str>>>::new();
        for case in cases.iter().filter(|case| case.kind() == kind) {
            let objects = groups.entry(reason(case)).or_default();
            objects.entry(&case.record.object).or_default().push(&case.record.program);
        }
        if groups.is_empty() {
            continue;
        }
        let count = |objects: &BTreeMap<&str, Vec<&str>>| objects.values().map(Vec::len).sum::<usize>();
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|(_, objects)| std::cmp::Reverse(count(objects)));
        writeln!(out, "\n### {title}")?;
        for (reason, objects) in &groups {
            let mut line = format!("- {} × {reason}:", count(objects));
            for (object, programs) in objects {
                let object = object.strip_suffix(".bpf.o").unwrap_or(object);
                let _ = write!(line, " `{object}` ({})", programs.join(", "));
            }
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

/// Why the two differ: as the table of reasons says, or as the judge itself does.
fn reason(case: &Case) -> String {
    let named = REASONS.iter().find(|(object, program, _)| {
        case.record.object.starts_with(object) && case.record.program.starts_with(program)
    });
    match named {
        Some((.., why)) => (*why).to_string(),
        None if case.kind() == Kind::FalseAccept => {
            format!("Linux says `{}`", without_numbers(&case.record.reason))
        }
        None => without_numbers(&case.text()),
    }
}

/// Compares with a page written earlier; whether something became worse.
pub(crate) fn check(out: &mut impl Write, path: &Path, cases: &[Case]) -> Result<bool, Failure> {
    let page = String::from_utf8(read(path)?)?;
    let mut before = BTreeMap::new();
    let mut title = "";
    for line in page.lines() {
        title = line.strip_prefix("## ").unwrap_or(title);
        if let Some((area, counts)) = Counts::read(line) {
            before.insert((title, area), counts);
        }
    }
    if before.is_empty() {
        return Err(format!("{}: no table in it", path.display()).into());
    }
    let (mut worse, mut changed) = (false, false);
    for (title, rows) in tables(cases) {
        for (area, now) in rows {
            let Some(then) = before.remove(&(title, area)).filter(|then| *then != now) else { continue };
            changed = true;
            // Another set of programs (another kernel, another compiler) is compared by its share.
            let less = now.agree * then.programs < then.agree * now.programs;
            if less || now.false_accept > 0 {
                worse = true;
                writeln!(out, "worse: {title}:\n  was {}\n  is  {}", then.row(area), now.row(area))?;
            }
        }
    }
    for case in cases.iter().filter(|case| matches!(case.kind(), Kind::FalseAccept | Kind::Panic)) {
        let Record { object, program, .. } = &case.record;
        writeln!(out, "{object}:{program}: linux says `{}`, belay {}", case.record.verdict, case.text())?;
    }
    for (title, area) in before.keys().filter(|_| !cases.is_empty()) {
        writeln!(out, "{title}: no program of the area `{area}` was judged")?;
    }
    let programs = cases.len();
    match (worse, changed) {
        (true, _) => writeln!(out, "{programs} programs: {} is better than this", path.display())?,
        (false, true) => writeln!(out, "{programs} programs: {} may be written anew", path.display())?,
        (false, false) => writeln!(out, "{programs} programs: as {} says", path.display())?,
    }
    Ok(worse)
}
