//! One map four times: in the kernel, and beside each runner. Every operation is done to all, and all must answer alike.
//!
//! Programs operate through *one* program a map: it reads what to do from the array `cmd` and leaves in `out` what came
//! of it.

use std::fmt::Write as _;
use std::os::fd::AsFd;
use std::sync::Arc;

use belay_linux::{LoadedObject, LogLevel, NetNs, TestRun, test_run, verify_object};
use belay_object::{Object, Options};
use belay_spec::{Helper, MapKind, Release};
use belay_verifier::{Verdict, verify};
use belay_vm::{Checked, Compiled, Interpreter, Machine, Map, MapError, MapLimits, Maps, Packet, Strictness};

/// Room for a key and for a value in `cmd` and `out`.
pub(crate) const ROOM: usize = 32;

/// What a program can do to a map, by the helper's name; the order gives the number in `cmd`.
pub(crate) const CALLS: [&str; 7] = [
    "map_lookup_elem",
    "map_update_elem",
    "map_delete_elem",
    "map_push_elem",
    "map_pop_elem",
    "map_peek_elem",
    "map_lookup_percpu_elem",
];

/// What came of an operation: an error number, or what was read (empty where nothing is).
pub(crate) type Answer = Result<Option<Vec<u8>>, i32>;

/// One operation.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) by: By,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    pub(crate) flags: u64,
}

/// Who operates, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum By {
    /// A program, by the helper at that place of [`CALLS`].
    Program(usize),
    Lookup,
    Update,
    Delete,
    Take,
    Contains,
}

/// A map and a program that operates on it, everywhere.
pub(crate) struct Bench {
    netns: NetNs,
    kind: MapKind,
    kernel: LoadedObject,
    runners: Vec<(Runner, Arc<Maps>)>,
    machine: Machine,
}

/// What runs programs here.
enum Runner {
    Interpreter(Interpreter),
    Compiled(Compiled),
    Checked(Checked),
}

impl Runner {
    fn name(&self) -> &'static str {
        match self {
            Runner::Interpreter(_) => "interpreter",
            Runner::Compiled(_) => "machine code",
            Runner::Checked(_) => "checked interpreter",
        }
    }

    fn run(&self, machine: &mut Machine) {
        let mut packet = Packet::new(&[0; 64]).expect("a frame");
        match self {
            Runner::Interpreter(program) => drop(program.run(machine, &mut packet)),
            Runner::Compiled(program) => drop(program.run(machine, &mut packet)),
            Runner::Checked(program) => {
                let report = program.run(machine, &mut packet);
                assert!(report.is_clean(), "{report:#?}");
            }
        }
    }
}

/// The helpers that the program of a kind calls.
fn calls_of(kind: MapKind) -> impl Iterator<Item = usize> {
    (0..CALLS.len()).filter(move |call| {
        let helper = Helper::by_name(CALLS[*call]).expect("a helper");
        // Sockets are compared elsewhere, and maps of maps have no values.
        let plain =
            !kind.holds_maps() && !matches!(kind, MapKind::XSKMAP | MapKind::SOCKMAP | MapKind::SOCKHASH);
        plain && kind.allows(helper)
    })
}

/// The text of the program: `r6` is `cmd` (what, flags, key, value), `r7` is `out` (CPU, result, value).
fn text(map: &str) -> (String, MapKind) {
    let kind = map.split_whitespace().find_map(|word| word.strip_prefix("kind=")).expect("a kind");
    let kind = MapKind::by_name(kind).expect("known");
    let size = |what: &str| {
        let word = map.split_whitespace().find_map(|word| word.strip_prefix(what));
        word.map_or(0, |word| word.parse::<usize>().expect("a number"))
    };
    let value = size("value=");
    // Programs may not load a lock.
    let lock: Option<usize> =
        map.split_whitespace().find_map(|word| word.strip_prefix("fields=")?.split(':').next()?.parse().ok());
    let mut text = format!(
        ".license GPL\n.map cmd kind=array key=4 value=96 entries=1\n.map out kind=array key=4 value=64 entries=1\n\
         .map m {map}\n.hook sched_cls\n.prog test\n"
    );
    for (register, name) in [(6, "cmd"), (7, "out")] {
        let _ = write!(
            text,
            "*(u32 *)(r10 - 4) = 0\nr1 = {name} ll\nr2 = r10\nr2 += -4\ncall bpf_map_lookup_elem\n\
             if r0 == 0 goto end\nr{register} = r0\n"
        );
    }
    text += "call bpf_get_smp_processor_id\n*(u64 *)(r7 + 0) = r0\n";
    for off in (0..ROOM).step_by(8) {
        let _ = write!(
            text,
            "r1 = *(u64 *)(r6 + {})\n*(u64 *)(r10 - {}) = r1\nr1 = *(u64 *)(r6 + {})\n*(u64 *)(r10 - {}) = r1\n",
            16 + off,
            48 - off,
            16 + ROOM + off,
            96 - off,
        );
    }
    text += "r8 = *(u64 *)(r6 + 0)\nr9 = *(u64 *)(r6 + 8)\n";
    for call in calls_of(kind) {
        let _ = write!(text, "if r8 != {call} goto not{call}\nr1 = m ll\n");
        let (stack_key, stack_value) = ("r2 = r10\nr2 += -48\n", "r10\n");
        match CALLS[call] {
            "map_lookup_elem" | "map_delete_elem" => text += stack_key,
            "map_lookup_percpu_elem" => text += &format!("{stack_key}r3 = r9\n"),
            "map_update_elem" => text += &format!("{stack_key}r3 = {stack_value}r3 += -96\nr4 = r9\n"),
            "map_push_elem" => text += &format!("r2 = {stack_value}r2 += -96\nr3 = r9\n"),
            _ => text += &format!("r2 = {stack_value}r2 += -96\n"),
        }
        let _ = writeln!(text, "call bpf_{}", CALLS[call]);
        if CALLS[call].starts_with("map_lookup") {
            // The result says whether there is one; the value is copied to where the others have it.
            let _ = write!(text, "r8 = -2\nif r0 == 0 goto none{call}\n");
            let mut off = 0;
            while off < value {
                if lock == Some(off) {
                    off += 4;
                    continue;
                }
                let width = if value - off >= 4 { 4 } else { 1 };
                let _ = write!(
                    text,
                    "r1 = *(u{bits} *)(r0 + {off})\n*(u{bits} *)(r7 + {}) = r1\n",
                    16 + off,
                    bits = width * 8
                );
                off += width;
            }
            let _ = write!(text, "r8 = 0\nnone{call}:\n*(u64 *)(r7 + 8) = r8\n");
        } else {
            text += "*(u64 *)(r7 + 8) = r0\n";
            for off in (0..ROOM).step_by(8) {
                let _ = write!(text, "r1 = *(u64 *)(r10 - {})\n*(u64 *)(r7 + {}) = r1\n", 96 - off, 16 + off);
            }
        }
        let _ = write!(text, "goto end\nnot{call}:\n");
    }
    text += "end: r0 = 0\nexit\n";
    (text, kind)
}

/// How many CPUs the kernel keeps values for.
pub(crate) fn possible_cpus() -> usize {
    let list = std::fs::read_to_string("/sys/devices/system/cpu/possible").expect("readable");
    let last = list.trim().rsplit(['-', ',']).next().expect("a number");
    last.parse::<usize>().expect("a number") + 1
}

impl Bench {
    /// Makes the map of this definition (`kind=hash key=4 …`) everywhere; none where there is no kernel to ask.
    pub(crate) fn new(test: &str, map: &str) -> Option<Bench> {
        belay_linux::Kernel::for_test(test)?;
        let (text, kind) = text(map);
        let object = Object::parse("t.s", text.as_bytes(), &Options::default())
            .unwrap_or_else(|e| panic!("{e}\n{text}"));
        let netns = NetNs::with_loopback().expect("a namespace");
        let kernel = netns
            .run(|| verify_object(&object, LogLevel::Stats))
            .expect("there")
            .unwrap_or_else(|e| panic!("{e}"));
        let verdict = &kernel.program("test").expect("it is there").verdict;
        assert!(verdict.accepted().is_some(), "the kernel refuses it: {verdict:#?}\n{text}");
        let made = || {
            let limits = MapLimits { cpus: possible_cpus(), ..MapLimits::default() };
            Arc::new(Maps::within(&object.maps, limits).expect("the maps can be made"))
        };
        let judgement = verify(&object, &object.programs[0], &belay_verifier::Options::default());
        let Verdict::Accept(verified) = judgement.verdict else { panic!("{:#?}\n{text}", judgement.verdict) };
        let (one, two, three) = (made(), made(), made());
        let interpreter = Interpreter::new(&verified, Arc::clone(&one)).expect("it runs");
        let compiled = Compiled::new(&verified, Arc::clone(&two)).expect("it compiles");
        let mut checked =
            Checked::new(&object.programs[0], Arc::clone(&three), Release::LATEST).expect("it runs");
        checked.strictness = Strictness { uninitialised_stack: false, ..Strictness::default() };
        let runners = vec![
            (Runner::Interpreter(interpreter), one),
            (Runner::Compiled(compiled), two),
            (Runner::Checked(checked), three),
        ];
        Some(Bench { netns, kind, kernel, runners, machine: Machine::default() })
    }

    /// What programs can do to the map.
    pub(crate) fn calls(&self) -> Vec<usize> {
        calls_of(self.kind).collect()
    }

    /// Does it everywhere; what all answered.
    ///
    /// # Panics
    /// Where they differ.
    pub(crate) fn step(&mut self, step: &Step) -> Answer {
        let theirs = match step.by {
            By::Program(call) => self.program_in_kernel(call, step),
            _ => self.user_in_kernel(step),
        };
        for (runner, maps) in &self.runners {
            let ours = match step.by {
                By::Program(call) => program_here(runner, &mut self.machine, maps, call, step),
                _ => user_here(maps.by_name("m").expect("it is there"), step),
            };
            assert_eq!(ours, theirs, "{}'s, the kernel's; {step:?}", runner.name());
        }
        theirs
    }

    /// Every entry, here and in the kernel, must be the same.
    pub(crate) fn compare_entries(&self) {
        let map = self.kernel.maps.by_name("m").expect("it is there");
        if matches!(self.kind, MapKind::QUEUE | MapKind::STACK | MapKind::BLOOM_FILTER) {
            return; // the kernel has no way to ask
        }
        let mut theirs = Vec::new();
        let mut key = None;
        while let Ok(Some(next)) = map.next_key(key.as_deref()) {
            if let Ok(Some(value)) = map.lookup(&next) {
                theirs.push((next.clone(), value));
            }
            key = Some(next);
        }
        theirs.sort();
        for (_, maps) in &self.runners {
            let mut ours: Vec<_> = maps.by_name("m").expect("it is there").iter().collect();
            ours.sort();
            assert_eq!(ours, theirs);
        }
    }

    fn command(call: usize, step: &Step) -> Vec<u8> {
        let mut command = [call as u64, step.flags].map(u64::to_le_bytes).concat();
        command.extend(&step.key);
        command.resize(16 + ROOM, 0);
        command.extend(&step.value);
        command.resize(96, 0);
        command
    }

    fn program_in_kernel(&mut self, call: usize, step: &Step) -> Answer {
        let (cmd, out) = (self.kernel.maps.by_name("cmd"), self.kernel.maps.by_name("out"));
        let (cmd, out) = (cmd.expect("it is there"), out.expect("it is there"));
        cmd.update_flags(&[0; 4], &Bench::command(call, step), 0).expect("writable");
        out.update_flags(&[0; 4], &[0; 64], 0).expect("writable");
        let program = self.kernel.program("test").and_then(|p| p.verdict.accepted()).expect("accepted");
        let run = TestRun { data_in: &[0; 64], ..TestRun::default() };
        self.netns.run(|| test_run(program.as_fd(), &run)).expect("there").expect("it runs");
        let out = out.lookup(&[0; 4]).expect("readable").expect("there");
        self.machine.cpu = u32::from_le_bytes(*out.first_chunk().expect("long enough"));
        answer(&out)
    }

    fn user_in_kernel(&self, step: &Step) -> Answer {
        let map = self.kernel.maps.by_name("m").expect("it is there");
        let Step { by, key, value, flags } = step;
        // Devices are looked up in the caller's namespace.
        let answer = self.netns.run(|| match by {
            By::Lookup => map.lookup(key),
            By::Update => map.update_flags(key, value, *flags).map(|()| None),
            By::Delete => map.delete(key).map(|there| there.then(Vec::new)),
            By::Take => map.take(key),
            By::Contains => map.contains(value).map(|there| there.then(Vec::new)),
            By::Program(_) => unreachable!("a program's"),
        });
        answer.expect("there").map_err(|errno| errno.0)
    }
}

fn program_here(runner: &Runner, machine: &mut Machine, maps: &Maps, call: usize, step: &Step) -> Answer {
    let (cmd, out) = (maps.by_name("cmd").expect("it is there"), maps.by_name("out").expect("it is there"));
    cmd.update(&[0; 4], &Bench::command(call, step), 0).expect("writable");
    out.update(&[0; 4], &[0; 64], 0).expect("writable");
    runner.run(machine);
    answer(&out.lookup(&[0; 4]).expect("readable").expect("there"))
}

/// What the program left in `out`.
fn answer(out: &[u8]) -> Answer {
    let result = i64::from_le_bytes(*out[8..].first_chunk().expect("long enough"));
    let value = Some(out[16..16 + ROOM].to_vec());
    if result == 0 { Ok(value) } else { Err(i32::try_from(-result).expect("an error")) }
}

fn user_here(map: &Map, step: &Step) -> Answer {
    let Step { by, key, value, flags } = step;
    let answer = match by {
        By::Lookup => map.lookup(key),
        By::Update => map.update(key, value, *flags).map(|()| None),
        By::Delete => map.delete(key).map(|()| Some(Vec::new())),
        By::Take => map.take(key),
        By::Contains => map.contains(value).map(|there| there.then(Vec::new)),
        By::Program(_) => unreachable!("a program's"),
    };
    match answer {
        // `belay_linux` says so of both.
        Err(MapError::Operation { errno: belay_vm::Errno::ENOENT, .. }) if *by == By::Delete => Ok(None),
        Err(MapError::Operation { errno, .. }) => Err(errno.0),
        Err(error) => panic!("{error}"),
        Ok(answer) => Ok(answer),
    }
}
