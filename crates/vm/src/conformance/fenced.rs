//! With `--cfg guard_pages`: what leaves its memory dies, so whatever ran to its end in this build stayed inside.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::{program, unwatched};
use crate::checked::Checked;
use crate::machine::Machine;

/// What leaves eight bytes at `r1`, or the stack; and what, but for one byte, is the same and does not. (The stack of native
/// code is in its own frame, where nothing is fenced.)
const CASES: &[(&str, &str, bool)] = &[
    ("r0 = *(u8 *)(r1 + 8)", "r0 = *(u8 *)(r1 + 7)", COMPILED),
    ("r0 = *(u64 *)(r1 + 1)", "r0 = *(u64 *)(r1 + 0)", COMPILED),
    ("*(u8 *)(r1 + 8) = 1", "*(u8 *)(r1 + 7) = 1", COMPILED),
    ("r2 = 1\nlock *(u32 *)(r1 + 8) += r2", "r2 = 1\nlock *(u32 *)(r1 + 4) += r2", COMPILED),
    ("r0 = *(u8 *)(r1 + 8)", "r0 = *(u8 *)(r1 + 7)", INTERPRETED),
    ("*(u64 *)(r1 + 4) = 1", "*(u64 *)(r1 + 0) = 1", INTERPRETED),
    ("r0 = *(u8 *)(r10 + 0)", "r0 = *(u8 *)(r10 - 1)", INTERPRETED),
    ("*(u64 *)(r10 - 4) = 1", "*(u64 *)(r10 - 8) = 1", INTERPRETED),
];
const COMPILED: bool = true;
const INTERPRETED: bool = false;

/// Which case a child of the test runs.
const CASE: &str = "BELAY_LEAVES";

/// Runs a program that no verifier has seen and no guard watches.
fn run(text: &str, compiled: bool) {
    let checked = |text: &str| {
        let text = format!("r0 = 0\n{text}\nr0 = 0\nexit\n");
        let slots = belay_isa::assemble(&text, &belay_isa::NoSymbols).expect("well formed").slots;
        Checked::raw(&program(slots), Arc::default()).expect("it is prepared")
    };
    let harmless = checked("").run_raw(&mut Machine::default(), &mut []);
    assert_eq!(unwatched(&checked(text), &harmless, &[0; 8], compiled), 0);
}

#[test]
fn what_leaves_its_memory_dies() {
    const SIGSEGV: i32 = 11;
    if let Ok(case) = std::env::var(CASE) {
        let (leaves, _, compiled) = CASES[case.parse::<usize>().expect("a number")];
        return run(leaves, compiled);
    }
    for (number, (leaves, stays, compiled)) in CASES.iter().enumerate() {
        run(stays, *compiled);
        let child = Command::new(std::env::current_exe().expect("this one"))
            .args(["--exact", "conformance::fenced::what_leaves_its_memory_dies"])
            .env(CASE, number.to_string())
            .env("ASAN_OPTIONS", "handle_segv=0")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("it starts");
        assert_eq!(child.signal(), Some(SIGSEGV), "{leaves}: {child}, compiled: {compiled}");
    }
}
