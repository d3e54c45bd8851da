//! Belay for Linux 6.1 and 6.12 says what these kernels say: Debian's, booted in QEMU, judge every program of the
//! repository and some random ones.
//!
//! `tests/vm/fetch` fetches the kernels. Where they or QEMU are missing the comparison is skipped, and says so;
//! `BELAY_REQUIRE=qemu` makes that a failure. `cargo run -p belay --example releases` compares more, and lists what differs.

#[allow(dead_code, reason = "the example tells more of a comparison")]
#[path = "../../examples/releases/compare.rs"]
mod compare;
#[path = "../differential/flow.rs"]
mod flow;
#[allow(dead_code, reason = "the differential test asks in other words")]
#[path = "../differential/generate/mod.rs"]
mod generate;
#[path = "../differential/near.rs"]
mod near;
#[path = "../fuzzing/random.rs"]
mod random;
#[path = "../differential/resource.rs"]
mod resource;
#[allow(dead_code, reason = "the example asks more")]
#[path = "../../examples/releases/sources.rs"]
mod sources;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use belay_object::Object;
use belay_oracle::Machine;
use belay_profile::KernelProfile;
use belay_spec::{Release, Rule};
use belay_verifier::{Kernel, Options, Verdict, verify};

use compare::{Kind, compare};

/// Seeds of the random programs that are asked about.
const SEEDS: std::ops::Range<u64> = 1..151;

/// Programs of `belay-spec` that show rules, with the kernels' verdicts.
const FACTS: &str = "crates/spec/tests/facts/rules.json";

/// Rules that are shown by programs with another point.
const SHOWN_ELSEWHERE: &[(Rule, &str)] = &[
    (Rule::PacketMovedByGlobals, "tests/programs/calls/global-function-moves-the-packet.bpf.o"),
    (Rule::TrustedPointers, "tests/programs/objects/task-is-never-null.s"),
    (Rule::KernelTypesNeedGpl, "tests/programs/objects/task-not-gpl.s"),
    (Rule::DynptrRules, "tests/programs/dynptr/one-over-two-used.s"),
    (Rule::LocksAcrossFunctions, "tests/programs/locks/locked-in-a-function.s"),
    (Rule::TaggedParameters, "tests/programs/calls/parameter-that-is-never-null.bpf.o"),
    (Rule::UntrustedParameters, "tests/programs/calls/parameter-trusts-nothing.bpf.o"),
    (Rule::FieldsOfMaps, "tests/programs/kptrs/plain-bytes-instead.s"),
    (Rule::LaterFieldsOfMaps, "tests/programs/locks/both-kinds-in-one-value.s"),
    (Rule::NullStoredUnnoted, "tests/programs/kptrs/null-on-one-path-only.s"),
];

/// Programs on which Belay and a release differ today. A row goes when its test says that it is closed.
const GAPS: &[(Release, &str)] = &[
    // Narrow loads of pointers that tracepoints hand out are refused since some release after 6.1.
    (Release::V6_1, "tracepoint-pointer-half.s"),
    // Arguments of structures of operations that are named as ones that may be NULL are pointers like others there.
    (Release::V6_1, "member-null-argument.s"),
    // A lock that the release does not know is bytes there; Belay refuses the map before it asks.
    (Release::V6_1, "resilient-lock-at-a-kprobe.s"),
    (Release::V6_12, "resilient-lock-at-a-kprobe.s"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn judged_by(release: Release) {
    let Some(machine) = Machine::for_test(release, "the verdicts of another release") else { return };
    let mut sources = sources::own();
    sources.extend(sources::random(SEEDS));
    let cases = compare(&machine, &sources).unwrap_or_else(|error| panic!("{error}"));
    let differs = |kind: Kind| matches!(kind, Kind::FalseAccept | Kind::FalseReject | Kind::Panic);
    let mut report = String::new();
    let mut gaps: Vec<&str> = GAPS.iter().filter(|(of, _)| *of == release).map(|(_, file)| *file).collect();
    for case in cases.iter().filter(|case| differs(case.kind())) {
        if let Some(at) = gaps.iter().position(|file| case.source.ends_with(file)) {
            gaps.remove(at);
            continue;
        }
        let (source, program) = (&case.source, &case.program);
        let _ = writeln!(report, "{source}:{program}\n  linux: {}\n  belay: {}", case.theirs(), case.ours());
    }
    assert!(gaps.is_empty(), "linux {release}: gaps that are closed, take them from the list: {gaps:?}");
    assert!(report.is_empty(), "linux {release} and Belay differ\n{report}");
    let count = |kind: Kind| cases.iter().filter(|case| case.kind() == kind).count();
    let (agree, judged) = (count(Kind::Agree), cases.len() - count(Kind::Unjudged));
    println!("linux {release}: {agree} of {judged} agree; on the others Belay has no verdict");
    assert!(agree > 400 && agree * 10 > judged * 7, "too little was compared: {agree} of {judged}");
}

#[test]
fn linux_6_1_says_what_belay_says() {
    judged_by(Release::V6_1);
}

#[test]
fn linux_6_12_says_what_belay_says() {
    judged_by(Release::V6_12);
}

/// `OnlyMember` to `only-member`.
fn file_name(rule: Rule) -> String {
    format!("{rule:?}").chars().fold(String::new(), |mut name, c| {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(c.to_ascii_lowercase());
        name
    })
}

/// What shows the rule: a fact, a program named after it, or what is listed above.
fn shown_by(rule: Rule) -> PathBuf {
    let facts = std::fs::read_to_string(root().join(FACTS)).unwrap_or_else(|e| panic!("{FACTS}: {e}"));
    if facts.contains(&format!("\"rule\": \"{rule:?}\"")) {
        return root().join(FACTS);
    }
    let elsewhere = SHOWN_ELSEWHERE.iter().find(|(listed, _)| *listed == rule);
    if let Some((_, path)) = elsewhere {
        return root().join(path);
    }
    let text = root().join(format!("tests/programs/releases/{}.s", file_name(rule)));
    if text.exists() { text } else { text.with_extension("bpf.o") }
}

/// A rule that no program shows is a guess. The verdict must change with the release that brought it.
#[test]
fn every_rule_is_shown_by_a_program() {
    for (rule, since) in Rule::ALL {
        let path = shown_by(*rule);
        assert!(path.exists(), "{rule:?} is shown by no program: {} is not there", path.display());
        if path.extension().is_some_and(|extension| extension == "json") {
            continue;
        }
        let before = Release::ALL.into_iter().filter(|release| release < since).max();
        let before = before.unwrap_or_else(|| panic!("{rule:?} is as old as the oldest release"));
        let (old, new) = (accepts(&path, before), accepts(&path, *since));
        assert_ne!(old, new, "{rule:?}: {} is the same in {before} and {since}", path.display());
    }
}

/// Whether Belay accepts the first program of the file; `None`: no verdict.
fn accepts(path: &Path, release: Release) -> Option<bool> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let options = KernelProfile::builtin(release).object_options();
    let object =
        Object::parse(&path.display().to_string(), &bytes, &options).unwrap_or_else(|e| panic!("{e}"));
    let program = object.programs.first().unwrap_or_else(|| panic!("{}: no program", path.display()));
    match verify(&object, program, &Options { kernel: Kernel::BuiltIn(release), ..Options::default() })
        .verdict
    {
        Verdict::Accept(_) => Some(true),
        Verdict::Reject(_) => Some(false),
        Verdict::Unsupported { .. } => None,
    }
}
