//! An accepted program on both runners.

use std::sync::Arc;

use belay_sockets::SocketTable;
use belay_verifier::Verified;
use belay_vm::{Checked, Compiled, FaultKind, Interpreter, Machine, Maps, Packet, Report, Trace};

/// A host with something to find: the random programs ask for port 22, or for nothing at all.
const SOCKETS: &str = r#"
[[netns]]
name = "host"
[[tcp]]
state = "listen"
local = "0.0.0.0:22"
[[udp]]
local = "0.0.0.0:22"
"#;

/// Instructions of a run: more than any bounded loop of theirs, and no more than that of one that is not.
const BUDGET: u64 = 1 << 16;

/// What is asked of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runs {
    /// That the checks see neither a fault nor a leak. Of programs that may compare addresses no more can be asked.
    Clean,
    /// The same result on all runners, too.
    Equal,
}

/// What goes wrong when the program runs: a fault or a leak that the checks see, or two results.
pub(crate) fn trouble(verified: &Verified, runs: Runs) -> Option<String> {
    // Both grounds stay alive, so that an address is never the same in two runs.
    let (mut first, mut second, mut third) =
        (Ground::new(verified), Ground::new(verified), Ground::new(verified));
    let report = first.checked(verified)?;
    if is_hole_of_linux(&report) || is_beyond_the_runners(&report) {
        return None;
    }
    if !report.is_clean() {
        return Some(format!("{:?}, leaks {:?}", report.result, report.leaks));
    }
    if runs == Runs::Clean {
        return None;
    }
    let plain = match Interpreter::new(verified, Arc::clone(&third.maps)) {
        Ok(plain) => plain,
        // Both have the same helpers, and none has kernel functions; the checked one asks when it gets there.
        Err(error) if error.to_string().contains("unsupported") => return None,
        Err(error) => return Some(format!("only the checked interpreter takes it: {error}")),
    };
    let mut fourth = Ground::new(verified);
    let native = match Compiled::new(verified, Arc::clone(&fourth.maps)) {
        Ok(native) => native,
        Err(error) => return Some(format!("only the interpreters take it: {error}")),
    };
    let run = plain.run(&mut third.machine, &mut third.packet);
    let outcome = native.run(&mut fourth.machine, &mut fourth.packet);
    let (expected, bytes) = (report.result.as_ref().ok(), first.packet.bytes());
    let same = |r0: u32, trace: &Trace, packet: &Packet| {
        Some(&r0) == expected && *trace == report.trace && packet.bytes() == bytes
    };
    if same(run.r0, &run.trace, &third.packet) && same(outcome.r0, fourth.machine.trace(), &fourth.packet) {
        return None;
    }
    // A program that makes numbers of addresses has another result each time.
    let again = second.checked(verified)?;
    let by_address = again.result != report.result
        || again.trace != report.trace
        || second.packet.bytes() != first.packet.bytes();
    (!by_address).then(|| {
        let native = fourth.machine.trace();
        format!(
            "checked {:?} {:?}, plain {} {:?}, native {} {native:?}",
            report.result, report.trace, run.r0, run.trace, outcome.r0
        )
    })
}

/// Linux accepts a pointer that may be NULL where a helper takes "memory or NULL", together with a size above zero
/// (`bpf_csum_diff` of an unchecked map value, 6.18). Its run is a fault, and the checked interpreter says so.
fn is_hole_of_linux(report: &Report) -> bool {
    let Err(fault) = &report.result else { return false };
    matches!(fault.kind, FaultKind::Argument { helper, expected: "memory, or a size of 0", .. } if helper == "bpf_csum_diff")
}

/// What the verifier knows and the runners do not: kernel functions, the kernel's own structures behind a map's pointer,
/// and the clock that ends a `may_goto` loop.
fn is_beyond_the_runners(report: &Report) -> bool {
    const MAP: u64 = u64::from_be_bytes(*b"\0\0\0\0\0map");
    let Err(fault) = &report.result else { return false };
    match fault.kind {
        FaultKind::Unsupported(_) | FaultKind::Budget(_) => true,
        FaultKind::NotAPointer { value, .. } => value >> 40 == MAP,
        _ => false,
    }
}

/// What a run needs beside the program.
struct Ground {
    maps: Arc<Maps>,
    machine: Machine,
    packet: Packet,
}

impl Ground {
    fn new(verified: &Verified) -> Ground {
        let maps = Arc::new(Maps::from_defs(verified.maps()).expect("small maps"));
        Ground { maps, machine: machine(), packet: packet() }
    }

    fn checked(&mut self, verified: &Verified) -> Option<Report> {
        let maps = Arc::clone(&self.maps);
        let mut checked = Checked::new(verified.program(), maps, verified.release()).ok()?;
        // The kernel lets a privileged program read stack bytes that were never written, so the verifier does too.
        checked.strictness.uninitialised_stack = false;
        checked.strictness.budget = BUDGET;
        Some(checked.run(&mut self.machine, &mut self.packet))
    }
}

fn machine() -> Machine {
    Machine::new(SocketTable::from_toml("sockets.toml", SOCKETS).expect("a table"))
}

/// A TCP segment over IPv4, 64 bytes.
fn packet() -> Packet {
    let mut frame: Vec<u8> = (0..64).collect();
    frame[12..14].copy_from_slice(&[8, 0]);
    frame[14] = 0x45;
    frame[23] = 6;
    Packet::new(&frame).expect("a frame")
}
