//! The command itself, `belay run`, with the policy that lies beside the captures.

use std::process::Command;

use serde_json::Value;

use crate::capture::Capture;
use crate::programs::Pass;

/// The actions that the command prints for each packet of the capture.
pub(crate) fn run(capture: &Capture, pass: Pass) -> Vec<u32> {
    let captures = crate::root().join("tests/captures");
    let file = |extension: &str| captures.join(format!("{}.{extension}", capture.name));
    let mut command = Command::new(env!("CARGO_BIN_EXE_belay"));
    command.arg("run").arg(crate::root().join("bpf/firewall.bpf.o"));
    command.arg("--packets").arg(file("pcap")).arg("--sockets").arg(file("toml"));
    command.arg("--map").arg(format!("policy={}", captures.join("policy.toml").display()));
    command.args(["--format", "json", "--program", "ingress"]);
    if pass == Pass::Firewall {
        command.args(["--egress", "egress"]);
    }
    let output = command.output().expect("the command runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packets = report["packets"].as_array().expect("packets");
    packets.iter().map(|packet| packet["value"].as_i64().expect("an action") as u32).collect()
}
