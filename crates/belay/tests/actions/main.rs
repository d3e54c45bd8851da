//! The programs in `bpf/` on every packet of every capture: what Linux does with it, and that Belay does the same.
//!
//! For each capture the kernel's actions are recorded beside it (`NAME.actions`). With a kernel at hand, a namespace is
//! made with the capture's sockets (`NAME.toml`), the programs are loaded there and every packet goes through
//! `BPF_PROG_TEST_RUN`: the record must say the same (`BLESS=1` writes it anew). So a clone without root still compares
//! Belay with Linux.
//!
//! Three passes, each with fresh maps:
//! * `firewall`: `ingress` for what arrives and `egress` for what leaves, in the capture's order, as when attached;
//! * `ingress`: `ingress` for every packet, whose answers no `egress` has announced;
//! * `steer`: `steer` for every packet.

mod capture;
mod command;
mod kernel;
mod programs;
mod record;
mod simulated;

use std::path::{Path, PathBuf};

use belay_linux::Kernel;
use capture::Capture;
use programs::Pass;
use record::Answer;

/// `tests/captures` of the repository.
fn captures() -> Vec<Capture> {
    let directory = root().join("tests/captures");
    let mut names: Vec<String> = std::fs::read_dir(&directory)
        .expect("tests/captures")
        .filter_map(|entry| {
            entry.ok()?.file_name().into_string().ok()?.strip_suffix(".pcap").map(String::from)
        })
        .collect();
    names.sort();
    assert!(names.len() >= 9, "captures are missing: {names:?}");
    names.iter().map(|name| Capture::read(&directory, name)).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What differs from the records, capture by capture.
fn differences(
    run: impl Fn(&Capture, Pass) -> Vec<Answer>,
    compare: fn(&Capture, &str) -> Result<(), String>,
) -> String {
    let told = captures().into_iter().map(|capture| {
        let actual = record::write(&capture, |pass| run(&capture, pass));
        compare(&capture, &actual).err().unwrap_or_default()
    });
    told.collect::<Vec<_>>().concat()
}

#[test]
fn the_interpreter_does_what_the_records_say() {
    let differing = differences(simulated::interpreted, record::compare);
    assert!(differing.is_empty(), "{differing}");
}

#[test]
fn native_code_does_what_the_records_say() {
    let differing = differences(simulated::compiled, record::compare);
    assert!(differing.is_empty(), "{differing}");
}

#[test]
fn the_checked_interpreter_does_what_the_records_say() {
    let differing = differences(simulated::checked, record::compare);
    assert!(differing.is_empty(), "{differing}");
}

/// The interpreter's answers are those of the records, by the test above.
#[test]
fn the_command_prints_what_the_interpreter_does() {
    for capture in captures() {
        for pass in [Pass::Firewall, Pass::Ingress] {
            let actions: Vec<u32> =
                simulated::interpreted(&capture, pass).iter().map(|answer| answer.action).collect();
            assert_eq!(command::run(&capture, pass), actions, "{}, {pass:?}", capture.name);
        }
    }
}

#[test]
fn linux_does_what_the_records_say() {
    if Kernel::for_test("linux_does_what_the_records_say").is_none() {
        return;
    }
    let differing = differences(kernel::run, record::compare_or_bless);
    assert!(differing.is_empty(), "{differing}\nrun with `BLESS=1` if the new actions are right");
}
