//! Any text is scenarios or mistakes with their places, and a scenario ends the same on every runner.
#![no_main]

use std::sync::OnceLock;

use belay_scenario::{End, Library, Options, RunnerKind, read, run};
use libfuzzer_sys::fuzz_target;

/// Beside the committed scenarios: what these name is found.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/scenarios/fuzz.scenario.toml");

fuzz_target!(|text: &str| {
    // Files that never end are files like any other.
    if ["/dev", "/proc", "/sys"].iter().any(|special| text.contains(special)) {
        return;
    }
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    let library = LIBRARY.get_or_init(Library::default);
    for scenario in read(FILE, text, library).into_iter().flatten() {
        let end = |runner| match run(&scenario, library, Options { runner, kernel: false }).end {
            // Times are measured, places and words are not.
            End::Pass => "passes".to_owned(),
            end => format!("{end:?}"),
        };
        let ends = [RunnerKind::Interpreter, RunnerKind::Jit].map(end);
        assert_eq!(ends[0], ends[1], "interpreted, compiled");
    }
});
