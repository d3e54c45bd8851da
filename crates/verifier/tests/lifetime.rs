//! The lifetime programs: each fault is rejected with the code that its source names, each correct one accepted.

use std::path::{Path, PathBuf};

use belay_object::{Object, Options as ReadOptions};
use belay_verifier::{Options, Verdict, verify};

fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/programs/lifetime")
}

/// The `expect:` line of a source: `accept`, or `reject CODE`.
fn expectation(source: &Path) -> String {
    let text = std::fs::read_to_string(source).expect("a readable source");
    let line = text.lines().find_map(|line| line.split_once("expect:")).expect("an `expect:` line").1;
    line.trim().trim_end_matches("*/").trim().to_string()
}

#[test]
fn every_lifetime_program_gets_its_verdict() {
    let mut counts = (0, 0);
    let mut wrong = Vec::new();
    let mut sources: Vec<PathBuf> = std::fs::read_dir(programs())
        .expect("tests/programs/lifetime")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "c"))
        .collect();
    sources.sort();
    for source in &sources {
        let path = source.with_extension("o");
        let bytes = std::fs::read(&path).expect("a built object beside its source");
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let object = Object::parse(&name, &bytes, &ReadOptions::default()).expect("an object that reads");
        let expected = expectation(source);
        match expected.starts_with("reject") {
            true => counts.0 += 1,
            false => counts.1 += 1,
        }
        // A fault object may hold helpers of its fault (a tail call's target); one program must show it.
        let verdicts: Vec<String> = object
            .programs
            .iter()
            .map(|program| match verify(&object, program, &Options::default()).verdict {
                Verdict::Accept(_) => "accept".to_string(),
                Verdict::Reject(rejection) => format!("reject {}", rejection.code),
                Verdict::Unsupported { what, .. } => format!("unsupported {what}"),
            })
            .collect();
        let met = match expected.as_str() {
            "accept" => verdicts.iter().all(|v| v == "accept"),
            expected => verdicts.iter().any(|v| v == expected),
        };
        if !met || verdicts.is_empty() {
            wrong.push(format!("{name}: expected {expected}, got {verdicts:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(counts, (13, 12), "thirteen faults and twelve correct programs");
}
