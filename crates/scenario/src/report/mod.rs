//! What a run of scenarios is told as: one file a format. None of them knows a kind of expectation.

mod full;
mod github;
mod json;
mod junit;
mod lines;

use std::time::Duration;

pub use full::{Style, full, starting, summary};
pub use github::github;
pub use json::json;
pub use junit::junit;
pub use lines::concise;

use crate::run::{End, Outcome};

/// How often each end came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// As expected.
    pub passed: usize,
    /// Not as expected.
    pub failed: usize,
    /// Could not be run.
    pub errors: usize,
    /// The kernel could not run it.
    pub skipped: usize,
    /// Not begun, after one that failed.
    pub not_run: usize,
}

impl Tally {
    /// Counts outcomes of `total` scenarios.
    pub fn of<'o>(outcomes: impl IntoIterator<Item = &'o Outcome>, total: usize) -> Tally {
        let mut tally = Tally { not_run: total, ..Tally::default() };
        for outcome in outcomes {
            tally.not_run = tally.not_run.saturating_sub(1);
            match outcome.end {
                End::Pass => tally.passed += 1,
                End::Fail(_) => tally.failed += 1,
                End::Error(_) => tally.errors += 1,
                End::Skip(_) => tally.skipped += 1,
            }
        }
        tally
    }

    /// How many were run, or tried.
    pub fn run(&self) -> usize {
        self.passed + self.failed + self.errors
    }

    /// `11 passed, 1 failed`.
    pub fn sentence(&self) -> String {
        let counts = [
            (self.passed, "passed"),
            (self.failed, "failed"),
            (self.errors, if self.errors == 1 { "error" } else { "errors" }),
            (self.skipped, "skipped"),
            (self.not_run, "not run"),
        ];
        let told = counts.iter().enumerate().filter(|(at, (count, _))| *at == 0 || *count > 0);
        told.map(|(_, (count, word))| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
    }
}

/// Seconds, as `cargo nextest` has them.
fn seconds(time: Duration) -> String {
    format!("[{:>8.3}s]", time.as_secs_f64())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::file::ScenarioError;
    use crate::packet::Difference;
    use crate::run::{Finding, Sides};
    use belay_sockets::Place;

    /// One outcome of every kind, with text that each format has to escape.
    pub(crate) fn outcomes() -> Vec<Outcome> {
        let place = |line| Place { file: "a, b.scenario.toml".to_owned(), line, column: 3 };
        let finding = Finding {
            place: place(7),
            event: Some("packet 2 (<syn>)".to_owned()),
            what: "action".to_owned(),
            sides: Sides::Expected,
            expected: "TC_ACT_OK".to_owned(),
            actual: "100%".to_owned(),
            rows: Vec::new(),
            notes: vec!["a note".to_owned()],
        };
        let rows = Finding {
            place: place(9),
            event: None,
            what: "packet".to_owned(),
            sides: Sides::Kernel,
            expected: String::new(),
            actual: String::new(),
            rows: vec![
                Difference { what: "ip.ttl".to_owned(), expected: "63".to_owned(), actual: "64".to_owned() },
                Difference {
                    what: "eth.dst".to_owned(),
                    expected: "02:00".to_owned(),
                    actual: "x".to_owned(),
                },
            ],
            notes: Vec::new(),
        };
        let error = ScenarioError { place: place(1), message: "unknown key `a`\u{1b}".to_owned() };
        let ends =
            [End::Pass, End::Fail(vec![finding, rows]), End::Error(error), End::Skip("no clock".to_owned())];
        let outcome = |(line, end)| Outcome {
            name: format!("a::scenario & {line}"),
            place: place(line),
            time: Duration::from_micros(1500),
            packets: 2,
            events: 1,
            end,
        };
        (1..).zip(ends).map(outcome).collect()
    }

    #[test]
    fn a_tally_tells_what_there_was() {
        let tally = Tally::of(&outcomes(), 6);
        assert_eq!(tally.sentence(), "1 passed, 1 failed, 1 error, 1 skipped, 2 not run");
        assert_eq!(Tally::of(&[], 0).sentence(), "0 passed");
    }
}
