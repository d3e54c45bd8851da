//! What the cases come to, as text: a row for each area, the reasons, the times.

use std::collections::BTreeMap;
use std::io::Write;

use crate::case::{Case, KINDS, Kind};

pub(crate) fn print_list(out: &mut impl Write, cases: &[Case], kind: Kind) -> std::io::Result<()> {
    for case in cases.iter().filter(|case| case.kind() == kind) {
        let e = &case.record;
        writeln!(out, "{}:{} ({})", e.object, e.program, e.section)?;
        let reason = if e.reason.is_empty() { "accept" } else { &e.reason };
        writeln!(out, "    linux: {reason}\n    judge: {}", case.text())?;
    }
    Ok(())
}

/// The programs for whose verdict Linux walked or kept another number, and how many there are.
pub(crate) fn print_counts(out: &mut impl Write, cases: &[Case]) -> std::io::Result<()> {
    let (mut insns, mut states, mut all) = (0, 0, 0);
    for case in cases {
        let Some((ours, linux)) = case.both_counts() else { continue };
        let differ = (ours.0 != linux.0, ours.1 != linux.1);
        (insns, states, all) = (insns + usize::from(differ.0), states + usize::from(differ.1), all + 1);
        if differ != (false, false) {
            let e = &case.record;
            let name = format!("{}:{}", e.object, e.program);
            let numbers = format!("{:>9}{:>9}{:>7}{:>7}", ours.0, linux.0, ours.1, linux.1);
            writeln!(out, "{name:<72}{:>8}{numbers}", e.verdict)?;
        }
    }
    writeln!(out, "of {all} agreed verdicts {insns} took another number of instructions, {states} of states")
}

pub(crate) fn print(out: &mut impl Write, cases: &[Case], slowest: usize) -> std::io::Result<()> {
    let mut areas: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
    for case in cases {
        for area in &case.areas {
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

fn print_row(out: &mut impl Write, name: &str, cases: &[&Case]) -> std::io::Result<()> {
    write!(out, "{name:<22}{:>6}", cases.len())?;
    for (kind, _) in KINDS {
        write!(out, "{:>14}", cases.iter().filter(|case| case.kind() == kind).count())?;
    }
    let reasons: Vec<bool> = cases.iter().filter_map(|case| case.same_reason()).collect();
    let same = reasons.iter().filter(|same| **same).count();
    writeln!(out, "{:>14}", format!("{same}/{}", reasons.len()))
}

/// What stands between us and agreement, most frequent first; numbers are left out of the messages.
fn print_reasons(out: &mut impl Write, cases: &[Case]) -> std::io::Result<()> {
    for (kind, name) in KINDS.into_iter().filter(|(kind, _)| *kind != Kind::Agree) {
        let mut counts: BTreeMap<String, (usize, &Case)> = BTreeMap::new();
        for case in cases.iter().filter(|case| case.kind() == kind) {
            let about = if kind == Kind::FalseAccept { case.record.reason.clone() } else { case.text() };
            counts.entry(without_numbers(&about)).or_insert((0, case)).0 += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by(|a, b| b.1.0.cmp(&a.1.0).then_with(|| a.0.cmp(&b.0)));
        if !counts.is_empty() {
            writeln!(out, "\n{name}:")?;
        }
        for (message, (count, case)) in counts.iter().take(25) {
            writeln!(out, "{count:>5}  {message}   ({}:{})", case.record.object, case.record.program)?;
        }
    }
    Ok(())
}

pub(crate) fn without_numbers(text: &str) -> String {
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

fn print_times(out: &mut impl Write, cases: &[Case], slowest: usize) -> std::io::Result<()> {
    let mut agreed: Vec<&Case> =
        cases.iter().filter(|case| case.kind() == Kind::Agree && case.ns > 0 && case.record.ns > 0).collect();
    let (ours, kernel) = agreed.iter().fold((0, 0), |sum, case| (sum.0 + case.ns, sum.1 + case.record.ns));
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
        let e = &case.record;
        writeln!(out, "{:>10.2} ms (kernel {:>8.2})  {}:{}", ms(case.ns), ms(e.ns), e.object, e.program)?;
    }
    Ok(())
}
