//! Workflow commands of GitHub Actions: an annotation a finding.

use crate::run::{End, Outcome};

/// The annotations of one scenario; none if it passed or was skipped.
pub fn github(outcome: &Outcome) -> String {
    let annotation = |place: &belay_sockets::Place, message: &str| {
        format!(
            "::error file={},line={},col={},title={}::{}\n",
            property(&place.file),
            place.line,
            place.column,
            property(&format!("belay test: {}", outcome.name)),
            data(message)
        )
    };
    match &outcome.end {
        End::Pass | End::Skip(_) => String::new(),
        End::Error(error) => annotation(&error.place, &error.message),
        End::Fail(findings) => {
            findings.iter().map(|finding| annotation(&finding.place, &finding.sentence())).collect()
        }
    }
}

/// What a message must not hold as it is.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Nor a property's value.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_github_is_escaped() {
        let text: String = super::super::tests::outcomes().iter().map(github).collect();
        let first = text.lines().next().unwrap_or_default();
        assert_eq!(
            first,
            "::error file=a%2C b.scenario.toml,line=7,col=3,title=belay test%3A a%3A%3Ascenario & 2::packet 2 (<syn>): action: expected TC_ACT_OK, actual 100%25"
        );
        assert_eq!(text.lines().count(), 3);
    }
}
