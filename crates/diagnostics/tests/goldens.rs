//! What the renderers print, held in files: `BLESS=1 cargo test -p belay-diagnostics` writes them anew.
//!
//! The programs are the thirteen lifetime faults of `tests/programs/lifetime` and the assembly texts of
//! `tests/goldens/*.s`; beside each golden stand the full report with the instruction lane, the concise line and the JSON.

use std::path::{Path, PathBuf};

use belay_diagnostics::json::JsonDiagnostic;
use belay_diagnostics::{Diagnostic, Role, Style, concise, full};
use belay_object::{Object, Options};
use belay_spec::Release;
use belay_verifier::{Verdict, verify};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens")
}

/// Files of a directory whose name fits, by name.
fn files(directory: &Path, fits: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let listing = std::fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    let mut files: Vec<PathBuf> = listing
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(&fits))
        .collect();
    files.sort();
    files
}

/// The object, and the diagnostic of its first program that is rejected.
fn diagnose(path: &Path) -> Option<Diagnostic> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
    let object = Object::parse(name, &bytes, &Options::default()).unwrap_or_else(|e| panic!("{e}"));
    assert!(object.broken.is_empty(), "{name}: {:?}", object.broken);
    object.programs.iter().find_map(|program| match verify(&object, program, &Default::default()).verdict {
        Verdict::Reject(rejection) => Some(Diagnostic::of(&object, program, &rejection, Release::LATEST)),
        _ => None,
    })
}

fn render(diagnostic: &Diagnostic) -> String {
    let plain = full::render(diagnostic, Style::default());
    let lanes = full::render(diagnostic, Style { instructions: true, ..Style::default() });
    let json = serde_json::to_string_pretty(&JsonDiagnostic::from(diagnostic)).expect("JSON");
    format!("{plain}\n{lanes}\n{}\n\n{json}\n", concise::render(diagnostic))
}

/// Compares with a golden, or writes it.
fn compare(name: &str, actual: &str) -> Result<(), String> {
    let path = goldens().join(format!("{name}.txt"));
    if std::env::var_os("BLESS").is_some_and(|bless| bless == "1") {
        std::fs::write(&path, actual).expect("a golden");
        return Ok(());
    }
    let expected = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    if expected == actual {
        return Ok(());
    }
    Err(format!("--- {name}: expected\n{expected}\n--- {name}: actual\n{actual}"))
}

#[test]
fn reports_are_as_recorded() {
    let lifetime = files(&root().join("tests/programs/lifetime"), |name| name.ends_with(".bpf.o"));
    let texts = files(&goldens(), |name| name.ends_with(".s"));
    assert!(lifetime.len() >= 25 && texts.len() >= 4, "{} objects, {} texts", lifetime.len(), texts.len());
    let mut differing = Vec::new();
    for path in lifetime.iter().chain(&texts) {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let stem = name.split('.').next().expect("a stem");
        match diagnose(path) {
            Some(diagnostic) => differing.extend(compare(stem, &render(&diagnostic)).err()),
            None => assert!(stem.starts_with("correct-"), "{name} is accepted"),
        }
    }
    assert!(
        differing.is_empty(),
        "{}\nrun with `BLESS=1` if the new reports are right",
        differing.join("\n")
    );
}

/// The marks that a person would make: of each fault program the line of the acquisition and the line of the fault.
#[test]
fn labels_stand_on_the_right_lines() {
    #[rustfmt::skip]
    let marks = [
        ("fault-double-release",                 "S0103", "sk = bpf_sk_lookup_tcp(", "bpf_sk_release(sk);"),
        ("fault-leak-in-subprogram",             "S0101", "sk = bpf_sk_lookup_tcp(", "}"),
        ("fault-leak-into-callers-stack",        "S0101", "*found = bpf_sk_lookup_tcp(", "}"),
        ("fault-leak-last-copy-overwritten",     "S0102", "sk = bpf_sk_lookup_tcp(", "sk = bpf_sk_lookup_tcp("),
        ("fault-leak-never-released",            "S0101", "sk = bpf_sk_lookup_tcp(", "}"),
        ("fault-leak-one-branch",                "S0101", "sk = bpf_sk_lookup_tcp(", "if (sk->state == BPF_TCP_LISTEN)"),
        ("fault-leak-value-compare",             "S0101", "sk = bpf_sk_lookup_tcp(", "if (sk == (void *)-1)"),
        ("fault-release-maybe-null",             "S0104", "sk = bpf_sk_lookup_tcp(", "bpf_sk_release(sk);"),
        ("fault-tail-call-while-holding",        "S0108", "sk = bpf_sk_lookup_tcp(", "bpf_tail_call("),
        ("fault-use-derived-after-release",      "S0106", "sk = bpf_sk_lookup_tcp(", "if (tcp && tcp->snd_cwnd > 10)"),
        ("fault-use-field-after-release",        "S0105", "sk = bpf_sk_lookup_tcp(", "if (sk->state == BPF_TCP_LISTEN)"),
        ("fault-use-helper-after-release",       "S0105", "sk = bpf_sk_lookup_tcp(", "full = bpf_sk_fullsock(sk);"),
        ("fault-use-spilled-copy-after-release", "S0105", "sk = bpf_sk_lookup_tcp(", "return kept->mark == 7"),
    ];
    for (name, code, acquired, failed) in marks {
        let path = root().join(format!("tests/programs/lifetime/{name}.bpf.o"));
        let diagnostic = diagnose(&path).unwrap_or_else(|| panic!("{name} is accepted"));
        assert_eq!(diagnostic.code.0, code, "{name}");
        assert_eq!(diagnostic.labels.iter().filter(|label| label.role == Role::Primary).count(), 1, "{name}");
        let text = |label: &belay_diagnostics::Label| {
            label.span.as_ref().map(|span| span.text.trim().to_owned()).unwrap_or_default()
        };
        let first = diagnostic.labels.first().expect("a label");
        let primary = diagnostic.primary().expect("a primary label");
        assert!(text(first).starts_with(acquired), "{name}: acquired at `{}`", text(first));
        assert!(text(primary).starts_with(failed), "{name}: failed at `{}`", text(primary));
        // The line numbers are those of the source beside the object.
        let source =
            std::fs::read_to_string(root().join(format!("tests/programs/lifetime/{name}.bpf.c"))).expect("C");
        for span in diagnostic.labels.iter().filter_map(|label| label.span.as_ref()) {
            let line = source.lines().nth(span.line as usize - 1).unwrap_or_default();
            assert_eq!(line, span.text, "{name}:{}", span.line);
        }
    }
}

#[test]
fn hostile_text_does_not_reach_the_terminal() {
    let text = ".license GPL\n.hook sched_cls\n.prog x\n  r0 = r2 # \u{1b}[31m red \u{202e} turned\n  exit\n";
    let object = Object::parse("a\u{1b}[2J.s", text.as_bytes(), &Options::default()).expect("an object");
    let Verdict::Reject(rejection) = verify(&object, &object.programs[0], &Default::default()).verdict else {
        panic!("accepted")
    };
    let diagnostic = Diagnostic::of(&object, &object.programs[0], &rejection, Release::LATEST);
    let shown =
        full::render(&diagnostic, Style { instructions: true, color: false }) + &concise::render(&diagnostic);
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
}
