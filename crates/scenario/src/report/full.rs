//! For people: a line a scenario, as `cargo nextest` has it, and below a failure what was expected and what was found.

use std::time::Duration;

use belay_diagnostics::printable;

use super::{Tally, seconds};
use crate::run::{End, Finding, Outcome};

/// How it is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// In colours.
    pub color: bool,
    /// Only what is wrong.
    pub quiet: bool,
    /// More than is needed.
    pub verbose: bool,
}

#[derive(Clone, Copy)]
enum Paint {
    Good,
    Bad,
    Dim,
    Bold,
}

impl Style {
    fn paint(self, paint: Paint, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Good => "1;32",
            Paint::Bad => "1;31",
            Paint::Dim => "1;33",
            Paint::Bold => "1",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    fn word(self, outcome: &Outcome) -> String {
        let paint = match outcome.end {
            End::Pass => Paint::Good,
            End::Skip(_) => Paint::Dim,
            End::Fail(_) | End::Error(_) => Paint::Bad,
        };
        self.paint(paint, &format!("{:>12}", outcome.word()))
    }
}

/// The first line.
pub fn starting(scenarios: usize, files: usize, style: Style) -> String {
    if style.quiet {
        return String::new();
    }
    let word = style.paint(Paint::Good, &format!("{:>12}", "Starting"));
    format!("{word} {} in {}\n", counted(scenarios, "scenario"), counted(files, "file"))
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// One scenario.
pub fn full(outcome: &Outcome, style: Style) -> String {
    let mut text = head(outcome, style);
    match &outcome.end {
        End::Pass if style.quiet => return String::new(),
        End::Pass => {
            if style.verbose {
                text.pop();
                let counts = [(outcome.packets, "packet"), (outcome.events, "event")];
                let counts = counts.iter().filter(|(count, _)| *count > 0);
                let told: Vec<String> = counts.map(|(count, what)| counted(*count, what)).collect();
                let told = if told.is_empty() { "nothing ran".to_owned() } else { told.join(", ") };
                text.push_str(&format!(" ({told})\n"));
            }
        }
        End::Skip(_) if style.quiet => return String::new(),
        End::Skip(why) => text.push_str(&format!("{:>12} {}\n", "", printable(why))),
        End::Error(error) => text.push_str(&format!("  {}\n", printable(&error.to_string()))),
        End::Fail(findings) => {
            for finding in findings {
                tell(&mut text, finding, style);
            }
        }
    }
    text
}

fn head(outcome: &Outcome, style: Style) -> String {
    let name = style.paint(Paint::Bold, &printable(&outcome.name));
    format!("{} {} {name}\n", style.word(outcome), seconds(outcome.time))
}

/// A finding, by rows: what, expected, actual.
fn tell(text: &mut String, finding: &Finding, style: Style) {
    let event = finding.event.as_ref().map_or_else(String::new, |event| format!("{event}: "));
    text.push_str(&printable(&format!("  {}: {event}{}", finding.place, finding.what)));
    text.push('\n');
    let [left, right] = finding.sides.names();
    if !finding.expected.is_empty() || !finding.actual.is_empty() {
        for (side, paint, value) in
            [(left, Paint::Good, &finding.expected), (right, Paint::Bad, &finding.actual)]
        {
            text.push_str(&format!("{:>16}  {}\n", side, style.paint(paint, &printable(value))));
        }
    }
    if !finding.rows.is_empty() {
        let width = |of: fn(&crate::packet::Difference) -> &str, least: usize| {
            finding.rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0).max(least)
        };
        let (first, second) = (width(|row| &row.what, 0), width(|row| &row.expected, left.len()));
        text.push_str(&format!("      {:first$}  {left:second$}  {right}\n", ""));
        for row in &finding.rows {
            let expected = style.paint(Paint::Good, &format!("{:second$}", printable(&row.expected)));
            let actual = style.paint(Paint::Bad, &printable(&row.actual));
            text.push_str(&format!("      {:first$}  {expected}  {actual}\n", printable(&row.what)));
        }
    }
    for note in &finding.notes {
        text.push_str(&format!("      {}\n", printable(note)).replace("      \n", "\n"));
    }
}

/// The last lines: counts, and once more what went wrong.
pub fn summary(outcomes: &[Outcome], tally: &Tally, time: Duration, style: Style) -> String {
    let bad = tally.failed + tally.errors > 0;
    let paint = if bad { Paint::Bad } else { Paint::Good };
    let mut text = format!("{}\n", "─".repeat(12));
    let word = style.paint(paint, &format!("{:>12}", "Summary"));
    let run = counted(tally.run(), "scenario");
    text.push_str(&format!("{word} {} {run} run: {}\n", seconds(time), tally.sentence()));
    for outcome in outcomes.iter().filter(|o| matches!(o.end, End::Fail(_) | End::Error(_))) {
        text.push_str(&head(outcome, style));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_both_sides() {
        let outcomes = super::super::tests::outcomes();
        let style = Style::default();
        let text: String = outcomes.iter().map(|outcome| full(outcome, style)).collect();
        let expected = "        \
        PASS [   0.002s] a::scenario & 1
        FAIL [   0.002s] a::scenario & 2
  a, b.scenario.toml:7:3: packet 2 (<syn>): action
        expected  TC_ACT_OK
          actual  100%
      a note
  a, b.scenario.toml:9:3: packet
               belay  linux
      ip.ttl   63     64
      eth.dst  02:00  x
       ERROR [   0.002s] a::scenario & 3
  a, b.scenario.toml:1:3: unknown key `a`?
        SKIP [   0.002s] a::scenario & 4
             no clock
";
        assert_eq!(text, expected);
        let quiet = Style { quiet: true, ..style };
        assert_eq!(full(&outcomes[0], quiet), "");
        assert!(full(&outcomes[1], Style { color: true, ..style }).contains("\u{1b}[1;31m"));
    }
}
