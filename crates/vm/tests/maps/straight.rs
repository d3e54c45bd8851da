//! Programs that go straight ahead and leave what they learn in the array `out`: in the kernel and in each runner.

use std::os::fd::AsFd;
use std::sync::Arc;

use belay_linux::{LoadedObject, LogLevel, NetNs, TestRun, test_run, verify_object};
use belay_object::{Object, Options};
use belay_sockets::SocketTable;
use belay_spec::Release;
use belay_verifier::{Verdict, Verified, verify};
use belay_vm::{Checked, Compiled, Interpreter, Machine, MapLimits, Maps, Packet, Strictness};

use crate::harness::possible_cpus;

/// Slots of `out`.
pub(crate) const OUT: u32 = 128;

/// A program with its maps, judged.
pub(crate) struct Case {
    object: Object,
    verified: Verified,
}

/// A program in the kernel.
pub(crate) struct Kernel {
    pub(crate) loaded: LoadedObject,
}

/// What came of a run.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Outcome {
    pub(crate) r0: u32,
    pub(crate) out: Vec<u64>,
}

impl Case {
    /// A program of a hook with these maps and this body.
    pub(crate) fn new(hook: &str, maps: &str, body: &str) -> Case {
        let section = if hook == "xdp" { ".section xdp".to_owned() } else { format!(".hook {hook}") };
        let text = format!(
            ".license GPL\n.map out kind=array key=4 value=8 entries={OUT}\n{maps}\n{section}\n.prog test\n{body}\n"
        );
        let object = Object::parse("t.s", text.as_bytes(), &Options::default())
            .unwrap_or_else(|e| panic!("{e}\n{text}"));
        let judgement = verify(&object, &object.programs[0], &belay_verifier::Options::default());
        let verified = match judgement.verdict {
            Verdict::Accept(verified) => verified,
            Verdict::Reject(rejection) => panic!("{:?}\n{text}", rejection.fault),
            Verdict::Unsupported { what, .. } => panic!("{what}\n{text}"),
        };
        Case { object, verified: *verified }
    }

    /// Loads it.
    pub(crate) fn in_kernel(&self, netns: &NetNs) -> Kernel {
        let loaded = netns.run(|| verify_object(&self.object, LogLevel::Stats)).expect("there");
        let loaded = loaded.unwrap_or_else(|e| panic!("{e}"));
        let verdict = &loaded.program("test").expect("it is there").verdict;
        assert!(verdict.accepted().is_some(), "the kernel refuses it: {verdict:#?}");
        Kernel { loaded }
    }

    /// Makes its maps.
    pub(crate) fn maps(&self) -> Arc<Maps> {
        let limits = MapLimits { cpus: possible_cpus(), ..MapLimits::default() };
        Arc::new(Maps::within(&self.object.maps, limits).expect("the maps can be made"))
    }

    /// Runs it in each runner, beside maps that `prepare` has seen, on `cpu`; what came of it, and the maps.
    pub(crate) fn here(
        &self,
        table: &SocketTable,
        cpu: u32,
        frame: &[u8],
        prepare: impl Fn(&Maps),
    ) -> [(&'static str, Outcome, Arc<Maps>); 3] {
        ["interpreter", "machine code", "checked interpreter"].map(|runner| {
            let maps = self.maps();
            prepare(&maps);
            let mut machine = Machine::new(table.clone());
            machine.cpu = cpu;
            let mut packet = Packet::new(frame).expect("a frame");
            let beside = Arc::clone(&maps);
            let r0 = match runner {
                "interpreter" => {
                    Interpreter::new(&self.verified, beside).expect("runs").run(&mut machine, &mut packet).r0
                }
                "machine code" => {
                    Compiled::new(&self.verified, beside).expect("runs").run(&mut machine, &mut packet).r0
                }
                _ => {
                    let mut program =
                        Checked::new(&self.object.programs[0], beside, Release::LATEST).expect("runs");
                    program.strictness = Strictness { uninitialised_stack: false, ..Strictness::default() };
                    let report = program.run(&mut machine, &mut packet);
                    assert!(report.is_clean(), "{report:#?}");
                    report.result.expect("clean")
                }
            };
            assert_eq!(table.read().unbalanced().count(), 0, "{runner}: every reference was given back");
            let out = maps.by_name("out").expect("there").iter().map(|(_, value)| number(&value)).collect();
            (runner, Outcome { r0, out }, maps)
        })
    }
}

impl Kernel {
    /// Runs it once.
    pub(crate) fn run(&self, netns: &NetNs, frame: &[u8]) -> Outcome {
        let program = self.loaded.program("test").and_then(|p| p.verdict.accepted()).expect("accepted");
        let run = TestRun { data_in: frame, ..TestRun::default() };
        let result = netns.run(|| test_run(program.as_fd(), &run)).expect("there").expect("it runs");
        let out = self.loaded.maps.by_name("out").expect("there");
        let slot = |index: u32| out.lookup(&index.to_le_bytes()).expect("readable").expect("there");
        Outcome { r0: result.retval, out: (0..OUT).map(|index| number(&slot(index))).collect() }
    }
}

fn number(value: &[u8]) -> u64 {
    u64::from_le_bytes(value.try_into().expect("8 bytes"))
}

/// Tells where a runner's outcome is not the kernel's.
pub(crate) fn same(runner: &str, ours: &Outcome, kernel: &Outcome) {
    let slots = ours.out.iter().zip(&kernel.out).enumerate().filter(|(_, (ours, theirs))| ours != theirs);
    let different: Vec<_> = slots
        .map(|(slot, (ours, theirs))| format!("out[{slot}]: {ours:#x}, the kernel's {theirs:#x}"))
        .collect();
    assert!(
        different.is_empty() && ours.r0 == kernel.r0,
        "{runner}: r0 {}, {} {different:#?}",
        ours.r0,
        kernel.r0
    );
}

/// Text that is built up, and counts the slots of `out` that it fills.
#[derive(Default)]
pub(crate) struct Text {
    pub(crate) body: String,
    pub(crate) slots: u32,
    labels: u32,
}

impl Text {
    pub(crate) fn add(&mut self, text: &str) {
        self.body += text;
        self.body.push('\n');
    }

    /// A label of its own.
    pub(crate) fn label(&mut self) -> String {
        self.labels += 1;
        format!("l{}", self.labels)
    }

    /// Stores `r0` into the next slot of `out`; `r6` to `r9` survive.
    pub(crate) fn keep(&mut self) {
        let slot = self.slots;
        self.slots += 1;
        assert!(self.slots <= OUT, "room in `out`");
        self.add(&format!(
            "*(u64 *)(r10 - 256) = r0\n*(u32 *)(r10 - 260) = {slot}\nr1 = out ll\nr2 = r10\nr2 += -260\nr3 = r10\n\
             r3 += -256\nr4 = 0\ncall bpf_map_update_elem"
        ));
    }
}
