//! What came of a scenario.

use std::time::Duration;

use belay_sockets::Place;

use crate::file::ScenarioError;
use crate::packet::Difference;
use crate::scenario::Step;

/// One scenario's end.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its name; of a file that cannot be read, the file's.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// How long it took.
    pub time: Duration,
    /// How many packets ran.
    pub packets: usize,
    /// How many other events.
    pub events: usize,
    /// How it ended.
    pub end: End,
}

/// How a scenario ended.
#[derive(Clone, Debug)]
pub enum End {
    /// Everything was as expected.
    Pass,
    /// Something was not.
    Fail(Vec<Finding>),
    /// It could not be run.
    Error(ScenarioError),
    /// The kernel cannot run it, and why.
    Skip(String),
}

/// Something that was not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The expectation, or the event.
    pub place: Place,
    /// The packet or event, `packet 2 (syn)`, `connect 1`; none for what holds in the end.
    pub event: Option<String>,
    /// What it is about: `action`.
    pub what: String,
    /// The two that differ.
    pub sides: Sides,
    /// What was expected; empty where the rows say it all.
    pub expected: String,
    /// What was found.
    pub actual: String,
    /// Field by field.
    pub rows: Vec<Difference>,
    /// Further lines: a diagnostic.
    pub notes: Vec<String>,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// The scenario's word, and the run.
    Expected,
    /// Belay's run, and the kernel's.
    Kernel,
}

impl Sides {
    /// What either is called.
    pub fn names(self) -> [&'static str; 2] {
        match self {
            Sides::Expected => ["expected", "actual"],
            Sides::Kernel => ["belay", "linux"],
        }
    }
}

impl Finding {
    pub(crate) fn new(
        place: &Place,
        what: &str,
        expected: impl Into<String>,
        actual: impl Into<String>,
    ) -> Finding {
        Finding {
            place: place.clone(),
            event: None,
            what: what.to_owned(),
            sides: Sides::Expected,
            expected: expected.into(),
            actual: actual.into(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(crate) fn with_rows(self, rows: Vec<Difference>) -> Finding {
        Finding { rows, ..self }
    }

    pub(crate) fn of_step(self, step: &Step) -> Finding {
        Finding { event: Some(step.title()), ..self }
    }

    /// In one line, without the place.
    pub fn sentence(&self) -> String {
        let [left, right] = self.sides.names();
        let event = self.event.as_ref().map_or_else(String::new, |event| format!("{event}: "));
        let what = &self.what;
        let mut parts = Vec::new();
        if !self.expected.is_empty() || !self.actual.is_empty() {
            parts.push(format!("{left} {}, {right} {}", self.expected, self.actual));
        }
        parts.extend(
            self.rows
                .iter()
                .map(|row| format!("{} {left} {}, {right} {}", row.what, row.expected, row.actual)),
        );
        format!("{event}{what}: {}", parts.join("; "))
    }
}

impl Outcome {
    /// `PASS`, `FAIL`, `ERROR` or `SKIP`.
    pub fn word(&self) -> &'static str {
        match self.end {
            End::Pass => "PASS",
            End::Fail(_) => "FAIL",
            End::Error(_) => "ERROR",
            End::Skip(_) => "SKIP",
        }
    }
}
