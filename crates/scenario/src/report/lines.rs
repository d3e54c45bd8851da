//! One line a finding: `file:line:col: error: scenario: what`, for editors and scripts.

use belay_diagnostics::printable;

use crate::run::{End, Outcome};

/// The lines of one scenario; none if it passed.
pub fn concise(outcome: &Outcome) -> String {
    let name = &outcome.name;
    let lines: Vec<String> = match &outcome.end {
        End::Pass => Vec::new(),
        End::Skip(why) => vec![format!("{}: skipped: {name}: {why}", outcome.place)],
        End::Error(error) => vec![format!("{}: error: {}", error.place, error.message)],
        End::Fail(findings) => findings
            .iter()
            .map(|finding| format!("{}: error: {name}: {}", finding.place, finding.sentence()))
            .collect(),
    };
    lines.iter().map(|line| printable(line) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_a_finding() {
        let text: String = super::super::tests::outcomes().iter().map(concise).collect();
        let expected = "\
a, b.scenario.toml:7:3: error: a::scenario & 2: packet 2 (<syn>): action: expected TC_ACT_OK, actual 100%
a, b.scenario.toml:9:3: error: a::scenario & 2: packet: ip.ttl belay 63, linux 64; eth.dst belay 02:00, linux x
a, b.scenario.toml:1:3: error: unknown key `a`?
a, b.scenario.toml:4:3: skipped: a::scenario & 4: no clock
";
        assert_eq!(text, expected);
    }
}
