//! The command's conventions: exit codes, streams, formats.

use std::path::Path;
use std::process::{Command, Output};

use belay_profile::{Facts, KernelProfile};
use belay_spec::Release;
use serde_json::Value;

const GOOD: &str = "tests/programs/lifetime/correct-tcp.bpf.o";
const BAD: &str = "tests/programs/lifetime/fault-leak-one-branch.bpf.o";
const PACKETS: &str = "tests/captures/tcp-inbound.pcap";

fn belay(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_belay"))
        .args(args)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .env_remove("BELAY_FORMAT")
        .output()
        .expect("the binary runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("text")
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("text")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", stdout(output)))
}

#[test]
fn exit_codes_tell_accepted_rejected_and_unusable() {
    assert_eq!(code(&belay(&["verify", GOOD])), 0);
    assert_eq!(code(&belay(&["verify", BAD])), 1);
    assert_eq!(code(&belay(&["verify", GOOD, BAD])), 1);
    assert_eq!(code(&belay(&["verify", "--exit-zero", BAD])), 0);
    assert_eq!(code(&belay(&["verify", "no-such-file.o", BAD])), 2);
    assert_eq!(code(&belay(&["verify", PACKETS])), 2);
    assert_eq!(code(&belay(&["verify"])), 2);
    assert_eq!(code(&belay(&["verify", "--kernel", "5.4", GOOD])), 2);
    assert_eq!(code(&belay(&["--help"])), 0);
    assert_eq!(code(&belay(&["explain", "S9999"])), 2);
}

/// What the kernel accepts by mistake is accepted, and called a mistake; it does not run unwatched.
#[test]
fn mistakes_of_the_kernel_are_told() {
    const MISTAKE: &str = "tests/programs/releases/fetched-index.s";
    let told = "this kernel accepts it by a fault of its verifier; the program is not safe";
    let accepted = belay(&["verify", MISTAKE]);
    assert_eq!(code(&accepted), 0);
    assert!(stdout(&accepted).contains(told), "{}", stdout(&accepted));
    let document = json(&belay(&["verify", "--format", "json", MISTAKE]));
    let program = &document["files"][0]["programs"][0];
    assert_eq!(program["verdict"], "accept");
    assert!(program["reason"].as_str().is_some_and(|reason| reason.starts_with(told)), "{program}");
    let run = belay(&["run", MISTAKE, "--packets", PACKETS]);
    assert_eq!(code(&run), 2);
    assert!(stderr(&run).contains("what the kernel accepts by a fault of its verifier"), "{}", stderr(&run));
    assert_eq!(code(&belay(&["run", "--checked", MISTAKE, "--packets", PACKETS])), 1);
}

#[test]
fn the_report_is_on_stdout_and_errors_on_stderr() {
    let rejected = belay(&["verify", "--format", "concise", BAD]);
    let line = "tests/programs/lifetime/fault-leak-one-branch.bpf.c:22:6: error[S0101]: ";
    assert!(stdout(&rejected).starts_with(line), "{}", stdout(&rejected));
    assert_eq!(stderr(&rejected), "");
    let missing = belay(&["verify", "no-such-file.o"]);
    assert_eq!(stdout(&missing), "");
    assert_eq!(stderr(&missing), "belay: error: no-such-file.o: cannot be read: no such file or directory\n");
    assert_eq!(stdout(&belay(&["verify", "-q", GOOD])), "");
}

#[test]
fn a_recorded_kernel_judges_beside_the_releases() {
    let types = KernelProfile::builtin(Release::V6_18).btf().select(|ty| ty.name == "iphdr").expect("types");
    let mut facts = Facts::of("6.18-mine", Release::V6_18);
    // Nothing but a map look-up: the socket look-up of the program is refused.
    facts.helpers.insert("sched_cls".to_owned(), vec![1]);
    let bytes = KernelProfile::new(facts, types).write();
    let directory = std::env::temp_dir().join(format!("belay-cli-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let path = directory.join("mine.profile");
    std::fs::write(&path, &bytes).expect("written");
    let kernels = format!("6.18,{}", path.display());
    let document = json(&belay(&["verify", "--format", "json", "--kernel", &kernels, GOOD]));
    let told: Vec<(&str, &str)> = document["files"][0]["programs"]
        .as_array()
        .expect("programs")
        .iter()
        .map(|p| (p["kernel"].as_str().expect("a name"), p["verdict"].as_str().expect("a verdict")))
        .collect();
    assert_eq!(told, [("6.18", "accept"), ("6.18-mine", "reject")]);

    std::fs::write(&path, &bytes[..100]).expect("written");
    let damaged = belay(&["verify", "--kernel", &kernels, GOOD]);
    assert_eq!(code(&damaged), 2);
    let why = "a kernel profile whose parts do not fill its 100 bytes";
    assert!(stderr(&damaged).contains(why), "{}", stderr(&damaged));
    std::fs::remove_dir_all(&directory).expect("removed");
    let unknown = belay(&["verify", "--kernel", "5.4", GOOD]);
    let why = "unknown kernel release `5.4`: one of 6.1, 6.12, 6.18, or a file that `belay kernel profile` recorded";
    assert_eq!(stderr(&unknown), format!("belay: error: {why}\n"));
}

#[test]
fn json_follows_the_schema() {
    let document = json(&belay(&["verify", "--format", "json", "--kernel", "6.18,6.12", BAD]));
    assert_eq!(document["schema"], 1);
    let programs = document["files"][0]["programs"].as_array().expect("programs");
    assert_eq!(programs.len(), 2);
    assert_eq!(programs[1]["kernel"], "6.12");
    let program = &programs[0];
    assert_eq!(program["name"], "leak");
    assert_eq!(program["section"], "tc");
    assert_eq!(program["hook"], "sched_cls");
    assert_eq!(program["verdict"], "reject");
    assert!(program["stats"]["insns_processed"].as_u64().expect("a count") > 0);
    let diagnostic = &program["diagnostics"][0];
    assert_eq!(diagnostic["code"], "S0101");
    assert_eq!(diagnostic["insn"], 28);
    assert_eq!(diagnostic["kernel_message"], "Unreleased reference id=2 alloc_insn=16");
    assert_eq!(diagnostic["spans"][0]["source"]["line"], 18);
}

#[test]
fn errors_in_json_mode_are_json() {
    for args in [
        &["verify", "--format", "json", "no-such-file.o"][..],
        &["run", "--format=json", GOOD, "--packets", "no-such-file.pcap"],
        &["verify", "--format", "json", "--no-such-flag"],
        &["explain", "--format", "json", "S9999"],
    ] {
        let output = belay(args);
        assert_eq!(code(&output), 2, "{args:?}");
        assert_eq!(stderr(&output), "", "{args:?}");
        let document = json(&output);
        let told = document["error"]["message"].is_string() || document["files"][0]["error"].is_string();
        assert!(told && document["schema"] == 1, "{args:?}: {document}");
    }
}

#[test]
fn an_object_with_several_programs_wants_a_choice() {
    let output = belay(&["run", "bpf/firewall.bpf.o", "--packets", PACKETS]);
    assert_eq!(code(&output), 2);
    let expected = "belay: error: bpf/firewall.bpf.o: holds several programs (`ingress`, `egress`): choose one with `--program`\n";
    assert_eq!(stderr(&output), expected);
}

#[test]
fn a_rejected_program_is_not_run_and_the_checked_interpreter_finds_its_leak() {
    let sockets = ["--sockets", "crates/belay/tests/ssh.toml"];
    let refused = belay(&[&["run", BAD, "--packets", PACKETS][..], &sockets].concat());
    assert_eq!((code(&refused), stdout(&refused)), (1, ""));
    assert!(stderr(&refused).contains("error[S0101]"), "{}", stderr(&refused));
    let checked = belay(
        &[&["run", BAD, "--packets", PACKETS, "--unverified", "--format", "json"][..], &sockets].concat(),
    );
    assert_eq!(code(&checked), 1, "{}", stderr(&checked));
    let document = json(&checked);
    assert_eq!(document["summary"]["leaks"], 67);
    let finding = &document["packets"][0]["findings"][0];
    assert_eq!(finding["kind"], "leak");
    let acquired = finding["acquired_at"].as_str().expect("a place");
    assert!(acquired.contains("fault-leak-one-branch.bpf.c:18"), "{acquired}");
    let told = belay(&[&["run", BAD, "--packets", PACKETS, "--unverified"][..], &sockets].concat());
    assert!(stdout(&told).ends_with("0 faults, 67 leaks, 0 packets not run\n"), "{}", stdout(&told));
}

#[test]
fn a_map_that_is_too_large_is_an_error_not_an_allocation() {
    let path = std::env::temp_dir().join(format!("belay-large-map-{}.s", std::process::id()));
    let text = ".license GPL\n.map huge kind=array key=4 value=1048576 entries=4096\n.hook sched_cls\n.prog x\n  r0 = 0\n  exit\n";
    std::fs::write(&path, text).expect("a file");
    let output = belay(&["run", path.to_str().expect("a path"), "--packets", PACKETS]);
    std::fs::remove_file(&path).expect("the file");
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("map `huge`"), "{}", stderr(&output));
}

#[test]
fn the_firewall_runs_on_a_capture() {
    let args =
        ["run", "bpf/firewall.bpf.o", "--program", "ingress", "--egress", "egress", "--packets", PACKETS];
    let files =
        ["--sockets", "tests/captures/tcp-inbound.toml", "--map", "policy=tests/captures/policy.toml"];
    let output = belay(&[&args[..], &files].concat());
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("tcp 192.0.2.2:40001 > 192.0.2.1:8080 [S]"), "{text}");
    assert!(text.contains("tcp listen [::]:8080"), "{text}");
    assert!(text.ends_with("every reference to a socket was released\n"), "{text}");
}

#[test]
fn what_does_not_run_on_packets_says_what_it_runs_on() {
    let path = std::env::temp_dir().join(format!("belay-connect-{}.s", std::process::id()));
    let text = ".license GPL\n.hook cgroup_sock_addr/connect4\n.prog x\n  r0 = 1\n  exit\n";
    std::fs::write(&path, text).expect("a file");
    let runs: [&[&str]; 2] = [&[], &["--unverified"]];
    for more in runs {
        let arguments = ["run", path.to_str().expect("a path"), "--packets", PACKETS];
        let output = belay(&[&arguments[..], more].concat());
        assert_eq!(code(&output), 2);
        let why = "program `x`: `cgroup_sock_addr/connect4` runs on `bpf_sock_addr`, not on packets";
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
        assert!(stderr(&output).contains("a scenario with `[[connect]]` runs it"), "{}", stderr(&output));
    }
    std::fs::remove_file(&path).expect("the file");
}

#[test]
fn what_a_program_prints_is_shown_before_its_packet_is_through_on_every_runner() {
    let path = std::env::temp_dir().join(format!("belay-prints-{}.s", std::process::id()));
    let text = ".license GPL\n.hook sched_cls\n.prog x\n*(u32 *)(r10 - 8) = 0x6e656c\nr3 = *(u32 *)(r1 + 0)\nr1 = r10\n\
                r1 += -8\nr2 = 4\ncall bpf_trace_printk\nr0 = 0\nexit\n";
    std::fs::write(&path, text).expect("a file");
    let arguments = ["run", path.to_str().expect("a path"), "--packets", PACKETS];
    let choices: [(&[&str], &str); 5] = [
        (&[], "jit"),
        (&["--jit"], "jit"),
        (&["--interpreter"], "interpreter"),
        (&["--checked"], "checked"),
        (&["--unverified"], "checked"),
    ];
    for (choice, runner) in choices {
        let output = belay(&[&arguments[..], choice].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let lines: Vec<&str> = stdout(&output).lines().collect();
        assert!(lines[1].starts_with("       printed: len"), "{choice:?}: {}", lines[1]);
        assert!(
            lines[2].starts_with("    1 ") && lines[2].ends_with("TC_ACT_OK"),
            "{choice:?}: {}",
            lines[2]
        );
        assert!(lines[3].starts_with("       printed: len"), "{choice:?}: {}", lines[3]);
        let document = json(&belay(&[&arguments[..], choice, &["--format", "json"]].concat()));
        assert_eq!(document["runner"], runner, "{choice:?}");
        assert_eq!(document["packets"][0]["printed"].as_array().map(Vec::len), Some(1), "{choice:?}");
    }
    std::fs::remove_file(&path).expect("the file");
    assert_eq!(code(&belay(&[&arguments[..], &["--jit", "--checked"]].concat())), 2);
}

#[test]
fn disasm_shows_the_machine_code_of_what_verifies() {
    let output = belay(&["disasm", "--jit", GOOD]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains(", compiled for "), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let load =
        lines.iter().position(|line| line.contains("= *(u32 *)(r1 + ")).expect("a load from the context");
    let machine = lines[load + 1].trim_start();
    let (offset, instruction) = machine.split_once("  ").expect("an offset and an instruction");
    assert!(u32::from_str_radix(offset, 16).is_ok() && !instruction.is_empty(), "{machine}");

    let output = belay(&["disasm", "--jit", BAD]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("only what verifies is compiled, and this is rejected (S0"), "{message}");
}

#[test]
fn maps_are_dumped_and_filled_again() {
    let dir = std::env::temp_dir().join(format!("belay-dump-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    let program = dir.join("count.s");
    // Counts packets, and puts the count out by a ring buffer and as an event, with four bytes of the packet.
    let text = "\
.license GPL
.map counts kind=hash key=4 value=8 entries=4
.map ring kind=ringbuf entries=4096
.map events kind=perf_event_array key=4 value=4 entries=1
.map last kind=queue value=4 entries=2
.map filter kind=bloom_filter value=4 entries=2
.hook sched_cls
.prog count
r6 = r1
*(u32 *)(r10 - 4) = 7
r1 = counts ll
r2 = r10
r2 += -4
call bpf_map_lookup_elem
r7 = 1
if r0 == 0 goto first
r7 = *(u64 *)(r0 + 0)
r7 += 1
first: *(u64 *)(r10 - 16) = r7
r1 = counts ll
r2 = r10
r2 += -4
r3 = r10
r3 += -16
r4 = 0
call bpf_map_update_elem
r1 = ring ll
r2 = r10
r2 += -16
r3 = 2
r4 = 0
call bpf_ringbuf_output
r1 = r6
r2 = events ll
r3 = 0x4ffffffff ll
r4 = r10
r4 += -16
r5 = 2
call bpf_perf_event_output
r8 = r0
r1 = last ll
r2 = r10
r2 += -16
r3 = 2
call bpf_map_push_elem
r0 = r8
exit
";
    std::fs::write(&program, text).expect("writable");
    let saved = dir.join("counts.toml");
    let (program, saved) = (program.to_str().expect("UTF-8"), saved.to_str().expect("UTF-8"));
    let run = |more: &[&str]| {
        let output = belay(&[&["run", program, "--packets", PACKETS], more].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        stdout(&output).to_owned()
    };
    let save = format!("counts={saved}");
    let maps = ["--dump-map", "ring", "--dump-map", "events", "--dump-map", "last", "--dump-map"];
    let text = run(&[&maps[..], &["counts", "--dump-map", &save, "-q"]].concat());
    let counts = std::fs::read_to_string(saved).expect("it was written");
    let packets = counts.trim_end().rsplit(' ').next().expect("a count").parse::<u64>().expect("a number");
    assert!(packets > 3);
    assert_eq!(counts, format!("[[entry]]\nkey = 7\nvalue = {packets}\n"));
    assert!(text.ends_with(&format!("\n# map counts\n{counts}")), "{text}");
    assert!(text.contains("\n# map ring\nrecords = [\"hex:0100\", \"hex:0200\","), "{text}");
    assert!(text.contains(&format!("\n# map last\nvalues = [{}, {packets}]\n", packets - 1)), "{text}");

    // Filled from the first run's dump, the second goes on counting.
    let json = run(&["--map", &save, "--dump-map", "counts", "--dump-map", "events", "--format", "json"]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["maps"]["counts"]["entry"][0], serde_json::json!({ "key": 7, "value": 2 * packets }));
    let events = json["maps"]["events"]["records"].as_array().expect("records");
    assert_eq!(events.len() as u64, packets);
    assert_eq!(events[0].as_str().expect("text").len(), "hex:".len() + 2 * (2 + 4));

    for (asked, why) in [("none", "the object has no map `none`"), ("filter", "is a Bloom filter")] {
        let output = belay(&["run", program, "--packets", PACKETS, "--dump-map", asked]);
        assert_eq!(code(&output), 2);
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
    }
    std::fs::remove_dir_all(&dir).expect("removable");
}

#[test]
fn disasm_names_helpers_and_shows_the_source() {
    let output = belay(&["disasm", GOOD]);
    assert_eq!(code(&output), 0);
    for part in ["call bpf_sk_release", "; tests/programs/lifetime/correct-tcp.bpf.c:", "<L1>", "L1:"] {
        assert!(stdout(&output).contains(part), "{part}: {}", stdout(&output));
    }
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_is_no_error() {
    use std::process::Stdio;
    let mut child = Command::new(env!("CARGO_BIN_EXE_belay"))
        .args(["explain"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    // Nobody will read: closed before the first byte.
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the binary ends");
    assert_eq!((code(&output), stderr(&output)), (0, ""));
}

/// A line without how long something took, which stands between brackets.
fn untimed(line: &str) -> String {
    match (line.find('['), line.find("s]")) {
        (Some(from), Some(to)) if from < to => [&line[..from], &line[to + 2..]].concat(),
        _ => line.to_owned(),
    }
}

/// The commands of the README print what it shows (`…` stands for rows left out).
#[test]
fn the_readme_shows_what_its_commands_print() {
    let readme = include_str!("../../../README.md");
    let mut compared = 0;
    for console in readme.split("```console\n").skip(1) {
        let shown = console.split("```").next().expect("a block").replace("\\\n", " ");
        let mut lines = shown.lines();
        let command = lines.next().expect("a command");
        let Some(args) = command.strip_prefix("$ cargo run -- ") else { continue };
        let output = belay(&args.split_whitespace().collect::<Vec<_>>());
        let printed: Vec<String> = stdout(&output).lines().map(untimed).collect();
        for line in lines.filter(|line| *line != "…") {
            assert!(printed.contains(&untimed(line)), "`{line}` is not printed by {args}");
            compared += 1;
        }
    }
    assert!(compared > 20, "only {compared} lines of the README were compared");
}
