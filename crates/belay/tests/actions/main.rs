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
mod kernel;
mod programs;
mod record;

use std::path::{Path, PathBuf};

use belay_linux::Kernel;
use capture::Capture;

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

#[test]
fn the_records_are_what_the_kernel_does() {
    if Kernel::for_test("the_records_are_what_the_kernel_does").is_none() {
        return;
    }
    let mut differing = Vec::new();
    for capture in captures() {
        let actual = record::write(&capture, |pass| kernel::run(&capture, pass));
        if let Err(difference) = record::compare(&capture, &actual) {
            differing.push(difference);
        }
    }
    assert!(
        differing.is_empty(),
        "\n{}\nrun with `BLESS=1` if the new actions are right",
        differing.join("\n")
    );
}
