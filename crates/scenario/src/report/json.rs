//! One document, with a version.

use std::time::Duration;

use belay_diagnostics::json::SCHEMA;
use serde::Serialize;

use super::Tally;
use crate::run::{End, Finding, Outcome};

#[derive(Serialize)]
struct Document<'o> {
    schema: u32,
    scenarios: Vec<JsonOutcome<'o>>,
    summary: Summary,
}

#[derive(Serialize)]
struct Summary {
    passed: usize,
    failed: usize,
    errors: usize,
    skipped: usize,
    not_run: usize,
    time_ns: u64,
}

#[derive(Serialize)]
struct JsonOutcome<'o> {
    name: &'o str,
    file: &'o str,
    line: usize,
    column: usize,
    outcome: &'static str,
    time_ns: u64,
    packets: usize,
    events: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<JsonFinding<'o>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<JsonError<'o>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<&'o str>,
}

#[derive(Serialize)]
struct JsonError<'o> {
    line: usize,
    column: usize,
    message: &'o str,
}

#[derive(Serialize)]
struct JsonFinding<'o> {
    line: usize,
    column: usize,
    /// `packet 1`, `connect 2 (name)`; nothing for what holds in the end.
    event: Option<&'o str>,
    what: &'o str,
    /// What the two values are: `expected` and `actual`, or `belay` and `linux`.
    sides: [&'static str; 2],
    values: [&'o str; 2],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<JsonDifference<'o>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notes: &'o [String],
}

#[derive(Serialize)]
struct JsonDifference<'o> {
    what: &'o str,
    values: [&'o str; 2],
}

/// The document of a whole run.
pub fn json(outcomes: &[Outcome], tally: &Tally, time: Duration) -> String {
    let Tally { passed, failed, errors, skipped, not_run } = *tally;
    let document = Document {
        schema: SCHEMA,
        scenarios: outcomes.iter().map(outcome).collect(),
        summary: Summary { passed, failed, errors, skipped, not_run, time_ns: nanoseconds(time) },
    };
    // Strings and numbers: nothing in it can fail.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn outcome(outcome: &Outcome) -> JsonOutcome<'_> {
    let mut told = JsonOutcome {
        name: &outcome.name,
        file: &outcome.place.file,
        line: outcome.place.line,
        column: outcome.place.column,
        outcome: match outcome.end {
            End::Pass => "pass",
            End::Fail(_) => "fail",
            End::Error(_) => "error",
            End::Skip(_) => "skip",
        },
        time_ns: nanoseconds(outcome.time),
        packets: outcome.packets,
        events: outcome.events,
        findings: Vec::new(),
        error: None,
        skipped: None,
    };
    match &outcome.end {
        End::Pass => {}
        End::Fail(findings) => told.findings = findings.iter().map(finding).collect(),
        End::Error(error) => {
            told.error = Some(JsonError {
                line: error.place.line,
                column: error.place.column,
                message: &error.message,
            });
        }
        End::Skip(why) => told.skipped = Some(why),
    }
    told
}

fn finding(finding: &Finding) -> JsonFinding<'_> {
    JsonFinding {
        line: finding.place.line,
        column: finding.place.column,
        event: finding.event.as_deref(),
        what: &finding.what,
        sides: finding.sides.names(),
        values: [&finding.expected, &finding.actual],
        differences: finding
            .rows
            .iter()
            .map(|row| JsonDifference { what: &row.what, values: [&row.expected, &row.actual] })
            .collect(),
        notes: &finding.notes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_tells_everything() {
        let outcomes = super::super::tests::outcomes();
        let text = json(&outcomes, &Tally::of(&outcomes, 4), Duration::from_millis(3));
        let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(document["schema"], 1);
        assert_eq!(document["scenarios"][1]["findings"][0]["values"][1], "100%");
        assert_eq!(document["scenarios"][1]["findings"][1]["differences"][0]["what"], "ip.ttl");
        assert_eq!(document["scenarios"][2]["error"]["line"], 1);
        assert_eq!(document["scenarios"][3]["skipped"], "no clock");
        assert_eq!(document["summary"]["errors"], 1);
    }
}
