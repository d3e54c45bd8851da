//! How failures are told, in every format: `failing.FORMAT.txt`. `BLESS=1` writes them anew.

use crate::{belay_test, root, stdout};

/// Times differ from run to run.
fn without_times(text: &str) -> String {
    let replaced = [
        (r"\[ *\d+\.\d{3}s\]", "[   0.000s]"),
        (r#""time_ns": \d+"#, "\"time_ns\": 0"),
        (r#" time="[^"]*""#, " time=\"0\""),
    ];
    replaced.iter().fold(text.to_owned(), |text, (pattern, with)| {
        regex_lite::Regex::new(pattern).expect("a pattern").replace_all(&text, *with).into_owned()
    })
}

#[test]
fn failures_are_told_in_every_format() {
    let mut differing = Vec::new();
    for format in ["full", "concise", "json", "junit", "github"] {
        let output = belay_test(&["crates/belay/tests/scenarios", "--format", format]);
        // Two of the scenarios cannot be read.
        assert_eq!(output.status.code(), Some(2), "{format}");
        assert!(output.stderr.is_empty(), "{format}");
        let text = without_times(&stdout(&output));
        let path = root().join(format!("crates/belay/tests/scenarios/failing.{format}.txt"));
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &text).expect("written");
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != text {
            differing.push(format!("{}:\n{text}", path.display()));
        }
    }
    assert!(differing.is_empty(), "{}\nrun with `BLESS=1` if this is right", differing.join("\n"));
}
