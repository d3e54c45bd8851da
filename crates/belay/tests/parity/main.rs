//! One verdict from three mouths: what a program's file expects, what Belay says, what the live kernel says.
//!
//! Every program of every object (`*.bpf.o`) and text (`*.s`) under `bpf/` and `tests/programs/` is a test of its own.
//! What is expected stands in the comments at the head of the text, or of the C file beside the object
//! ([`expect`](mod@expect)); programs without such a header are products and must be accepted. Belay is held to it on every
//! machine; where the running kernel can be asked, the expectation itself is held to the kernel. Where Belay falls short is
//! listed in [`gaps`], and a gap that closes must leave the list. On the release that the words are of, both must walk
//! equally many instructions, too.
//!
//! `BLESS=1` rewrites the expectations of texts after the running kernel (verdict, last line of its log) and Belay (code).
//! `BELAY_REQUIRE=kernel` makes a kernel that cannot be asked a failure.

mod expect;
mod gaps;
mod judge;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use belay_linux::{Kernel, reason};
use belay_object::{Object, Options};
use belay_spec::Release;
use libtest_mimic::{Arguments, Failed, Trial};

use expect::Expectation;
use judge::{Answer, Counts};

fn main() {
    let arguments = Arguments::from_args();
    let kernel = Kernel::for_test("the kernel's side of every parity test");
    let bless = std::env::var_os("BLESS").is_some();
    let mut trials = Vec::new();
    let files = files();
    for path in &files {
        trials.extend(trials_of(path, kernel.as_ref(), bless));
    }
    trials.push(Trial::test("the lists are those of the files", move || check_lists(&files)));
    libtest_mimic::run(&arguments, trials).exit();
}

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every object and text, in order.
fn files() -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut directories = vec![root().join("bpf"), root().join("tests/programs")];
    while let Some(directory) = directories.pop() {
        let entries =
            std::fs::read_dir(&directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
        for entry in entries {
            let path = entry.unwrap_or_else(|e| panic!("{}: {e}", directory.display())).path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                directories.push(path);
            } else if name.ends_with(".bpf.o") || name.ends_with(".s") {
                found.insert(path);
            }
        }
    }
    found
}

/// A path as the tests show it, from the root of the repository.
fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The lifetime programs are as many as they were designed to be, each fault with a code and the kernel's words, and no gap
/// names a file that is gone.
fn check_lists(files: &BTreeSet<PathBuf>) -> Result<(), Failed> {
    let names: Vec<String> = files.iter().map(|path| shown(path)).collect();
    let stale = gaps::stale(&names);
    if !stale.is_empty() {
        return Err(format!("gaps of files that are gone: {stale:?}").into());
    }
    let (mut faults, mut correct) = (0, 0);
    for path in files.iter().filter(|path| shown(path).starts_with("tests/programs/lifetime/")) {
        let expected = Expectation::beside(path)?;
        let fault = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("fault-"));
        match (fault, &expected.code, &expected.linux) {
            (true, Some(_), Some(_)) => faults += 1,
            (false, None, None) => correct += 1,
            _ => return Err(format!("{}: expects {expected}", shown(path)).into()),
        }
    }
    if (faults, correct) == (13, 12) {
        Ok(())
    } else {
        Err(format!("{faults} faults, {correct} correct").into())
    }
}

/// The tests of one file: one a program, or one that fails if the file cannot be read.
fn trials_of(path: &Path, kernel: Option<&Kernel>, bless: bool) -> Vec<Trial> {
    let shown = shown(path);
    let gap = gaps::gap(&shown);
    let read = || -> Result<(Object, Expectation), Failed> {
        let bytes = std::fs::read(path).map_err(|e| format!("{shown}: {e}"))?;
        let object = Object::parse(&shown, &bytes, &Options::default()).map_err(|e| e.to_string())?;
        if let Some(broken) = object.broken.first() {
            return Err(broken.error.to_string().into());
        }
        if object.programs.is_empty() {
            return Err(format!("{shown}: no program in it").into());
        }
        Ok((object, Expectation::beside(path)?))
    };
    let (object, expected) = match read() {
        Ok(read) => read,
        Err(failed) => return vec![Trial::test(shown, || Err(failed))],
    };
    let object = Arc::new(object);
    let live = kernel.is_some();
    let measured = kernel.and_then(Kernel::profile) == Some(Release::V6_18);
    let names: Vec<String> = object.programs.iter().map(|program| program.name.clone()).collect();
    names
        .into_iter()
        .enumerate()
        .map(|(index, name)| {
            let (object, expected, path) = (Arc::clone(&object), expected.clone(), path.to_path_buf());
            let title = format!("{shown}::{name}");
            let shown = shown.clone();
            Trial::test(title, move || {
                let program = object.programs.get(index).ok_or("the program is gone")?;
                let (belay, ours) = judge::belay(&object, program);
                let (linux, theirs) = match live.then(|| judge::kernel(&object, program)) {
                    Some((linux, theirs)) => (Some(linux), theirs.filter(|_| measured)),
                    None => (None, None),
                };
                if bless && path.extension().is_some_and(|e| e == "s") {
                    return expect::bless(&path, linux.as_ref(), &belay);
                }
                compare(&expected, &belay, linux.as_ref(), measured, gap)?;
                if gap.is_some() { Ok(()) } else { compare_counts(&shown, ours, theirs) }
            })
        })
        .collect()
}

/// Belay walks the very instructions that Linux walks, and keeps as many states: where that ends, one of them stops
/// a path that the other walks on.
fn compare_counts(file: &str, ours: Counts, linux: Option<Counts>) -> Result<(), Failed> {
    let Some(linux) = linux else { return Ok(()) };
    match (ours == linux, gaps::counts_differ(file)) {
        (true, false) | (false, true) => Ok(()),
        (false, false) => Err(format!("{ours:?} instructions and states, the kernel {linux:?}").into()),
        (true, true) => Err("walked as the kernel walks it: take it from `OTHER_COUNTS`".into()),
    }
}

/// All disagreements at once. The kernel's words are compared only on the release that they were written down from; they
/// may be those of any line of its log.
fn compare(
    expected: &Expectation,
    belay: &Answer,
    linux: Option<&Answer>,
    measured: bool,
    gap: Option<&str>,
) -> Result<(), Failed> {
    let mut complaints = Vec::new();
    if let Some(linux) = linux {
        if linux.verdict() != Some(expected.verdict) {
            complaints.push(format!("expected {expected}, the kernel says {linux}"));
        } else if let (true, Some(words), Answer::Reject { log, .. }) = (measured, &expected.linux, linux)
            && !log.lines().any(|line| line.starts_with(words.as_str()))
        {
            complaints.push(format!("expected the kernel to say `{words}`, it says `{}`", reason(log)));
        }
    }
    let agrees = belay.verdict() == Some(expected.verdict)
        && !matches!(belay, Answer::Reject { code, .. } if expected.code.as_ref() != Some(code));
    match gap {
        None if !agrees => complaints.push(format!("expected {expected}, Belay says {belay}")),
        Some(gap) if agrees => complaints.push(format!("the gap `{gap}` is closed: take it from the list")),
        Some(gap) if !belay.to_string().starts_with(gap) => {
            complaints.push(format!("expected {expected}, or the gap `{gap}`; Belay says {belay}"));
        }
        _ => {}
    }
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
}
