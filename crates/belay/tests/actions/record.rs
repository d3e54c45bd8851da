//! The record of a capture: a line a packet, what each pass did with it and why.

use std::fmt::Write;

use crate::capture::{Capture, leaves};
use crate::programs::Pass;

/// What came of one packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    /// The program's return value.
    pub(crate) action: u32,
    /// The counter that it raised.
    pub(crate) reason: String,
}

/// The record of a capture, from what `run` answers for each pass.
pub(crate) fn write(capture: &Capture, run: impl Fn(Pass) -> Vec<Answer>) -> String {
    let passes = Pass::ALL.map(|pass| (pass, run(pass)));
    let mut text =
        format!("# {}: what Linux does with each packet; see crates/belay/tests/actions\n", capture.name);
    let _ = writeln!(text, "#       {:<26}{:<26}steer", "firewall", "ingress alone");
    for (index, packet) in capture.packets.iter().enumerate() {
        let way = if leaves(packet) { "out" } else { "in" };
        let _ = write!(text, "{:>3} {way:<4}", index + 1);
        for (pass, answers) in &passes {
            let told = match answers.get(index) {
                Some(answer) => format!("{} {}", pass.action(answer.action), answer.reason),
                None => "nothing".into(),
            };
            let _ = write!(text, "{told:<26}");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// As [`compare`], but with `BLESS` in the environment it writes the record.
pub(crate) fn compare_or_bless(capture: &Capture, actual: &str) -> Result<(), String> {
    if std::env::var_os("BLESS").is_none() {
        return compare(capture, actual);
    }
    std::fs::write(&capture.record, actual).map_err(|e| format!("{}: {e}", capture.record.display()))
}

/// Compares with the record on disk: the lines that differ.
pub(crate) fn compare(capture: &Capture, actual: &str) -> Result<(), String> {
    let path = capture.record.display();
    let expected = std::fs::read_to_string(&capture.record).map_err(|e| format!("{path}: {e}"))?;
    if expected == actual {
        return Ok(());
    }
    let mut difference = format!("\n{path} says -, now it is +");
    let mut actual = actual.lines();
    for line in expected.lines() {
        let now = actual.next().unwrap_or("");
        if line != now {
            let _ = write!(difference, "\n-{line}\n+{now}");
        }
    }
    actual.for_each(|line| {
        let _ = write!(difference, "\n+{line}");
    });
    Err(difference)
}
