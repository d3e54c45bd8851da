//! Every committed program, its verdict: what its header promises, what Belay says, what Linux says.
//!
//! The programs of `tests/programs/lifetime` state in their source what is to be said of them; those of `bpf/` and of the
//! other directories must be accepted. Belay's half needs nothing, the kernel's half needs root.

use std::path::{Path, PathBuf};

use belay_linux::{Kernel, LogLevel, verify_object};
use belay_object::{Object, Options};
use belay_verifier::Verdict;

/// What the header of a source says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Expectation {
    /// `// expect: reject CODE`; `None` is `// expect: accept`.
    code: Option<String>,
    /// `// linux 6.18: MESSAGE`, a part of what the kernel says.
    kernel: Option<String>,
}

/// Programs that Belay has no verdict on yet. They go from here as the verifier learns what they use.
const NOT_YET: [&str; 2] = ["correct-sk-lookup-hook.bpf.o", "correct-skc.bpf.o"];

struct Case {
    name: String,
    object: Object,
    expected: Expectation,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn objects(directory: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display())) {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            objects(&path, into);
        } else if path.to_string_lossy().ends_with(".bpf.o") {
            into.push(path);
        }
    }
}

/// The cases under a directory of the repository.
fn cases(directory: &str) -> Vec<Case> {
    let mut paths = Vec::new();
    objects(&root().join(directory), &mut paths);
    paths.sort();
    paths.iter().map(|path| case(path)).collect()
}

fn case(path: &Path) -> Case {
    let name = path.file_name().expect("a file").to_string_lossy().into_owned();
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{name}: {e}"));
    let object = Object::parse(&name, &bytes, &Options::default()).unwrap_or_else(|e| panic!("{e}"));
    assert!(!object.programs.is_empty() && object.broken.is_empty(), "{name}: {:?}", object.broken);
    let source = std::fs::read_to_string(path.with_extension("c")).unwrap_or_else(|e| panic!("{name}: {e}"));
    Case { expected: expectation(&name, &source), name, object }
}

fn expectation(name: &str, source: &str) -> Expectation {
    let header: Vec<&str> = source.lines().map_while(|line| line.strip_prefix("//")).map(str::trim).collect();
    let find = |key: &str| header.iter().find_map(|line| line.strip_prefix(key)).map(str::to_string);
    let code = match find("expect: ").as_deref() {
        None | Some("accept") => None,
        Some(verdict) => {
            let code = verdict.strip_prefix("reject ");
            Some(code.unwrap_or_else(|| panic!("{name}: `expect: {verdict}`")).to_string())
        }
    };
    Expectation { code, kernel: find("linux 6.18: ") }
}

#[test]
fn there_are_thirteen_faults_and_twelve_correct_programs() {
    let cases = cases("tests/programs/lifetime");
    let faults: Vec<&Case> = cases.iter().filter(|case| case.name.starts_with("fault-")).collect();
    let correct = cases.iter().filter(|case| case.name.starts_with("correct-"));
    assert_eq!((faults.len(), correct.clone().count(), cases.len()), (13, 12, 25));
    for case in faults {
        assert!(
            case.expected.code.is_some() && case.expected.kernel.is_some(),
            "{}: {:?}",
            case.name,
            case.expected
        );
    }
    for case in correct {
        assert_eq!(case.expected, Expectation::default(), "{}", case.name);
    }
}

#[test]
fn belay_says_what_the_sources_promise() {
    let mut wrong = Vec::new();
    for case in ["bpf", "tests/programs"].into_iter().flat_map(cases) {
        for program in &case.object.programs {
            let judged = belay_verifier::verify(&case.object, program, &belay_verifier::Options::default());
            let code = match judged.verdict {
                Verdict::Accept(_) => None,
                Verdict::Reject(rejection) => Some(rejection.code.0.to_string()),
                Verdict::Unsupported { .. } if NOT_YET.contains(&case.name.as_str()) => continue,
                Verdict::Unsupported { what, .. } => Some(format!("unsupported: {what}")),
            };
            if code != case.expected.code {
                wrong.push(format!(
                    "{} {}: {code:?}, expected {:?}",
                    case.name, program.name, case.expected.code
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_kernel_says_what_the_sources_promise() {
    let Some(kernel) = Kernel::for_test("the_kernel_says_what_the_sources_promise") else { return };
    // The words are those of one release; the verdicts are the same for all.
    let words = kernel.release.starts_with("6.18.");
    let mut wrong = Vec::new();
    for case in ["bpf", "tests/programs"].into_iter().flat_map(cases) {
        let loaded =
            verify_object(&case.object, LogLevel::Stats).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        for program in &loaded.programs {
            let verdict = match &program.verdict {
                belay_linux::Verdict::Accept(_) => None,
                belay_linux::Verdict::Reject(rejected) => Some(rejected.log.as_str()),
                belay_linux::Verdict::Unjudged(why) => panic!("{} {}: {why}", case.name, program.name),
            };
            let right = match (&case.expected.kernel, verdict) {
                (None, None) => true,
                (Some(message), Some(log)) => !words || log.contains(message),
                _ => false,
            };
            if !right {
                wrong.push(format!(
                    "{} {}: {verdict:?}, expected {:?}",
                    case.name, program.name, case.expected
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
