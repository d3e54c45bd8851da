//! JUnit's XML, which every CI reads: a file of scenarios is a suite, a scenario a case.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::run::{End, Outcome};

/// The document of a whole run.
pub fn junit(outcomes: &[Outcome], time: Duration) -> String {
    let mut report = Report::new("belay test");
    report.set_time(time);
    for of_file in outcomes.chunk_by(|a, b| a.place.file == b.place.file) {
        let name = of_file.first().map_or("", |outcome| &outcome.place.file);
        let mut suite = TestSuite::new(name);
        suite.set_time(of_file.iter().map(|outcome| outcome.time).sum());
        suite.add_test_cases(of_file.iter().map(case));
        report.add_test_suite(suite);
    }
    // Writing to a string cannot fail.
    report.to_string().unwrap_or_default()
}

fn case(outcome: &Outcome) -> TestCase {
    let status = match &outcome.end {
        End::Pass => TestCaseStatus::success(),
        End::Skip(why) => {
            let mut skipped = TestCaseStatus::skipped();
            skipped.set_message(why.as_str());
            skipped
        }
        End::Error(error) => {
            let mut failed = TestCaseStatus::non_success(NonSuccessKind::Error);
            failed.set_message(error.message.as_str()).set_description(error.to_string());
            failed
        }
        End::Fail(findings) => {
            let mut failed = TestCaseStatus::non_success(NonSuccessKind::Failure);
            if let Some(first) = findings.first() {
                failed.set_message(first.sentence());
            }
            let lines: Vec<String> = findings
                .iter()
                .flat_map(|finding| {
                    let head = format!("{}: {}", finding.place, finding.sentence());
                    std::iter::once(head).chain(finding.notes.iter().map(|note| format!("  {note}")))
                })
                .collect();
            failed.set_description(lines.join("\n"));
            failed
        }
    };
    let mut case = TestCase::new(outcome.name.as_str(), status);
    case.set_classname(outcome.place.file.as_str()).set_time(outcome.time);
    case
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_read_back() {
        let outcomes = super::super::tests::outcomes();
        let text = junit(&outcomes, Duration::from_millis(3));
        let report = Report::deserialize_from_str(&text).expect("JUnit");
        assert_eq!((report.tests, report.failures, report.errors), (4, 1, 1));
        let suite = &report.test_suites[0];
        assert_eq!(suite.name.as_str(), "a, b.scenario.toml");
        assert_eq!(suite.test_cases[1].name.as_str(), "a::scenario & 2");
        assert!(
            text.contains("packet 2 (&lt;syn>): action") || text.contains("packet 2 (&lt;syn&gt;): action")
        );
    }
}
