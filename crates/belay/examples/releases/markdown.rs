//! `docs/releases.md`: how often Belay agrees with each release, and in what the releases differ.

use std::fmt::Write;

use belay_spec::{Release, Rule};

use crate::compare::{Case, Kind, count};

/// The page.
pub(crate) fn page(results: &[(Release, Vec<Case>)], command: &str) -> String {
    let mut text = format!(
        "# Linux 6.1 and 6.12\n\
         `belay verify --kernel 6.1` and `--kernel 6.12` say what these kernels say. Debian 12's cloud kernels, booted in QEMU, were\n\
         asked about the programs of this repository, the conformance corpus, and random programs, each as written and with one\n\
         thing amiss. This page is written by\n\n    tests/vm/fetch\n    {command}\n"
    );
    for (release, cases) in results {
        let _ = writeln!(text, "\n## Agreement with {release}\n");
        let header: Vec<&str> = Kind::ALL.iter().map(|(_, name)| *name).collect();
        let _ = writeln!(text, "| area | {} |", header.join(" | "));
        let _ = writeln!(text, "| --- |{}", " ---: |".repeat(header.len()));
        let areas = count(cases);
        for (area, counts) in &areas {
            let row: Vec<String> = Kind::ALL
                .iter()
                .map(|(kind, _)| counts.get(kind).copied().unwrap_or(0).to_string())
                .collect();
            let _ = writeln!(text, "| {area} | {} |", row.join(" | "));
        }
        let total = |wanted: Kind| cases.iter().filter(|case| case.kind() == wanted).count().to_string();
        let row: Vec<String> = Kind::ALL.iter().map(|(kind, _)| total(*kind)).collect();
        let _ = writeln!(text, "| all | {} |", row.join(" | "));
        let differ =
            |case: &&Case| matches!(case.kind(), Kind::FalseAccept | Kind::FalseReject | Kind::Panic);
        for case in cases.iter().filter(differ) {
            let name = case.source.rsplit('/').next().unwrap_or(&case.source);
            let _ = writeln!(
                text,
                "\nDiffers: `{name}:{}`. Linux: {}. Belay: {}.",
                case.program,
                case.theirs(),
                case.ours()
            );
        }
    }
    text.push_str(
        "\n*Unsupported* is what Belay has no verdict on; *not judged* could not be asked: maps, types or functions that the release \
         does not have.\n\n## What the releases differ in\n\
         Each is a `Rule` of `belay-spec`, and shown by a program (`tests/programs/releases`, `crates/spec/tests/facts/rules.json`) \
         whose verdict\nchanges with it.\n\n| rule | since | |\n| --- | --- | --- |\n",
    );
    for (rule, since) in Rule::ALL {
        let _ = writeln!(text, "| `{rule:?}` | {since} |{} |", rule.text());
    }
    text
}
