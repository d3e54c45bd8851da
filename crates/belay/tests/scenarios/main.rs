//! `belay test`: what is shipped passes, what is documented holds, failures are told, and nothing makes it panic.

mod attached;
mod events;
mod golden;
mod robustness;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use belay_linux::Kernel;
use belay_scenario::{End, Finding, Library, Options, Outcome, RunnerKind, Sides, read, run};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `belay test ARGS` at the repository's root.
fn belay_test(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_belay"));
    command.current_dir(root()).env_remove("BELAY_FORMAT").arg("test").args(args);
    command.output().expect("the command runs")
}

/// The texts of the shipped scenarios.
fn shipped() -> Vec<String> {
    let folder = std::fs::read_dir(root().join("tests/scenarios")).expect("the folder");
    let mut paths: Vec<PathBuf> = folder.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read_to_string(path).expect("a text")).collect()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// Scenarios of a text, as if it lay at the repository's root.
fn outcomes(text: &str, options: Options) -> Vec<Outcome> {
    let library = Library::default();
    let file = root().join("doc.scenario.toml").display().to_string();
    let ran = read(&file, text, &library).into_iter().map(|scenario| match scenario {
        Ok(scenario) => run(&scenario, &library, options),
        Err(error) => panic!("{error}\n{text}"),
    });
    ran.collect()
}

fn findings(outcome: &Outcome) -> &[Finding] {
    match &outcome.end {
        End::Fail(findings) => findings,
        other => panic!("{}: {other:?}", outcome.name),
    }
}

#[test]
fn what_is_shipped_passes_on_every_runner() {
    for runner in [&[][..], &["--checked"], &["--jit"]] {
        let args = [&["tests/scenarios", "-q"], runner].concat();
        let output = belay_test(&args);
        assert_eq!(output.status.code(), Some(0), "{args:?}:\n{}", stdout(&output));
    }
}

#[test]
fn linux_does_the_same_with_what_is_shipped() {
    if Kernel::for_test("linux_does_the_same_with_what_is_shipped").is_none() {
        return;
    }
    let output = belay_test(&["tests/scenarios", "--kernel"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    // A skip has its reason; whatever has a test run must run.
    let reasons = [
        (1, "the kernel's clock cannot be set"),
        (1, "EINVAL"),
        (14, "the kernel has no test run for"),
        (1, "a test run of netfilter has neither"),
    ];
    for (count, reason) in reasons {
        assert_eq!(text.matches(reason).count(), count, "{reason}: {text}");
    }
    assert!(text.contains("17 skipped"), "{text}");
}

/// The TOML blocks of a page.
fn examples(page: &str) -> Vec<&str> {
    page.split("```toml\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

#[test]
fn every_documented_example_holds() {
    let page = std::fs::read_to_string(root().join("docs/scenarios.md")).expect("the page");
    let examples = examples(&page);
    assert!(examples.len() >= 12, "{} examples", examples.len());
    for text in examples {
        for runner in [RunnerKind::Interpreter, RunnerKind::Checked, RunnerKind::Jit] {
            for outcome in outcomes(text, Options { runner, kernel: false }) {
                assert!(matches!(outcome.end, End::Pass), "{runner:?}: {:?}\n{text}", outcome.end);
            }
        }
    }
}

/// A program that writes down the time: Belay's stands still, the kernel's does not.
const CLOCK: &str = r#"
assembly = """
.license GPL
.map seen kind=array key=4 value=8 entries=1
.hook sched_cls
.prog stamp
  call bpf_ktime_get_ns
  r6 = r0
  *(u32 *)(r10 - 4) = 0
  r2 = r10
  r2 += -4
  r1 = seen ll
  call bpf_map_lookup_elem
  if r0 == 0 goto out
  *(u64 *)(r0 + 0) = r6
out:
  r0 = r6
  r0 &= 1
  exit
"""
[[packet]]
layers = "ip / udp"
"#;

#[test]
fn what_the_kernel_does_otherwise_is_a_finding() {
    if Kernel::for_test("what_the_kernel_does_otherwise_is_a_finding").is_none() {
        return;
    }
    let options = Options { kernel: true, ..Options::default() };
    let differing = outcomes(CLOCK, options);
    let of_map = findings(&differing[0]).iter().find(|finding| finding.what.contains("map `seen`"));
    let of_map = of_map.expect("the maps differ");
    assert_eq!((of_map.sides, of_map.rows[0].expected.as_str()), (Sides::Kernel, "1000000000"));
    let named =
        CLOCK.replace("r0 &= 1", "r0 = 0").replace("[[packet]]", "kernel.differs = 'seen'\n[[packet]]");
    assert!(matches!(outcomes(&named, options)[0].end, End::Pass));
    let late = named.replace("layers", "time = '1s'\nlayers");
    assert!(matches!(&outcomes(&late, options)[0].end, End::Skip(why) if why.contains("clock")));
}

#[test]
fn a_leak_of_an_unverified_program_is_found() {
    let text = r#"
object = "tests/programs/lifetime/fault-leak-never-released.bpf.o"
unverified = true
sockets.tcp = [{ state = "listen", local = "0.0.0.0:22" }]
[[packet]]
layers = "ip / tcp dport=8080"
"#;
    let told = outcomes(text, Options::default());
    let [finding] = findings(&told[0]) else { panic!("{told:?}") };
    assert_eq!((finding.what.as_str(), finding.expected.as_str()), ("references", "all released"));
    let expected = text.to_owned() + "expect.leaks = 1\n";
    assert!(matches!(outcomes(&expected, Options::default())[0].end, End::Pass));
}

#[test]
fn timers_run_as_packets_let_time_pass() {
    let text = r#"
object = "tests/programs/timers/called-later.bpf.o"
[[packet]]
layers = "ip / udp"
expect.maps.array = [{ key = 2, value = { called = 0 } }]
[[packet]]
layers = "ip / udp"
time = "2500us"
expect.maps.array = [{ key = 2, value = { called = 2 } }]
"#;
    for runner in [RunnerKind::Interpreter, RunnerKind::Jit, RunnerKind::Checked] {
        let told = outcomes(text, Options { runner, ..Options::default() });
        assert!(matches!(told[0].end, End::Pass), "{told:#?}");
    }
}

#[test]
fn a_filter_picks_and_fail_fast_stops() {
    let listed = belay_test(&["tests/scenarios", "--list", "-k", "steer::", "-k", "::an audit"]);
    let text = stdout(&listed);
    assert_eq!(text.lines().count(), 6, "{text}");
    assert!(text.contains("tests/scenarios/firewall::an audit drops nothing\n"), "{text}");
    let nothing = belay_test(&["tests/scenarios", "-k", "no such name"]);
    assert_eq!(nothing.status.code(), Some(2));
    let stopped = belay_test(&["crates/belay/tests/scenarios", "--fail-fast", "-j", "1"]);
    assert!(stdout(&stopped).contains(" not run"), "{}", stdout(&stopped));
}
