//! Timers: one program that arms, cancels, deletes and replaces them, in the kernel and on every runner; then the clock.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use belay_linux::{Kernel, LogLevel, NetNs, TestRun, test_run, verify_object};
use belay_object::{Object, Options};
use belay_spec::Release;
use belay_verifier::{Verdict, Verified, verify};
use belay_vm::{Checked, Clock, Compiled, Entry, Fired, Interpreter, Machine, Maps, Packet};

/// Long enough for every callback.
const ALL: Duration = Duration::from_millis(60);

/// What the program leaves in `results` on Linux 6.18: before the timer is made, what each call returned; what it returned
/// then; who was called back, and what the calls of callbacks returned.
const RESULTS: [i64; 32] = [
    -22, -22, -22, -22, -22, 0, -16, -22, 0, -22, 0, -22, 0, 0, 1, 0, // of the program
    6, -105, 0, 18, 0, 0, 0, 0, -22, 0, 0, 0, 0, 0, 0, 0, // of callbacks, and of replaced ones
];

fn object() -> Object {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/programs/timers/called-later.bpf.o");
    let bytes = std::fs::read(path).expect("it is committed");
    Object::parse(path, &bytes, &Options::default()).expect("an object")
}

fn proof(object: &Object) -> Verified {
    match verify(object, &object.programs[0], &belay_verifier::Options::default()).verdict {
        Verdict::Accept(proof) => *proof,
        verdict => panic!("{verdict:#?}"),
    }
}

fn packet() -> Packet {
    Packet::new(&[0; 64]).expect("a frame")
}

/// Runs the program on one of the runners; what was called back while time passed, and the maps.
fn fired(runner: usize) -> (Vec<Fired>, Arc<Maps>, Machine) {
    let object = object();
    let (maps, mut machine) = (Arc::new(Maps::from_defs(&object.maps).expect("maps")), Machine::default());
    match runner {
        0 => drop(
            Interpreter::new(&proof(&object), maps.clone())
                .expect("it runs")
                .run(&mut machine, &mut packet()),
        ),
        1 => drop(
            Compiled::new(&proof(&object), maps.clone())
                .expect("it compiles")
                .run(&mut machine, &mut packet()),
        ),
        _ => {
            let checked = Checked::new(&object.programs[0], maps.clone(), Release::LATEST).expect("it runs");
            let report = checked.run(&mut machine, &mut packet());
            assert!(report.is_clean(), "{report:#?}");
        }
    }
    // (The runner is gone: a timer holds on to its program.)
    (machine.advance(&maps, ALL), maps, machine)
}

fn entries(maps: &Maps) -> Vec<Vec<Entry>> {
    let sorted = |name| {
        let mut all: Vec<Entry> = maps.by_name(name).expect("it is there").iter().collect();
        all.sort();
        all
    };
    ["results", "array", "hash"].map(sorted).into()
}

fn results(entries: &[Vec<Entry>]) -> Vec<i64> {
    entries[0].iter().map(|(_, value)| i64::from_le_bytes(*value.first_chunk().expect("8 bytes"))).collect()
}

#[test]
fn every_runner_does_what_the_kernel_does() {
    let ours: Vec<_> = (0..3).map(|runner| entries(&fired(runner).1)).collect();
    for one in &ours {
        assert_eq!(results(one), RESULTS);
        assert_eq!(*one, ours[0]);
    }
    if Kernel::for_test("timers in the kernel").is_none() {
        return;
    }
    let object = object();
    let netns = NetNs::with_loopback().expect("a namespace");
    let kernel = netns.run(|| verify_object(&object, LogLevel::Stats)).expect("there").expect("its maps");
    let program = kernel.program("arms").and_then(|program| program.verdict.accepted()).expect("accepted");
    let run = TestRun { data_in: &[0; 64], ..TestRun::default() };
    netns.run(|| test_run(program.as_fd(), &run)).expect("there").expect("it runs");
    std::thread::sleep(ALL * 4);
    let theirs: Vec<Vec<Entry>> = ["results", "array", "hash"]
        .iter()
        .map(|name| {
            let map = kernel.maps.by_name(name).expect("it is there");
            let (mut all, mut key) = (Vec::new(), None);
            while let Ok(Some(next)) = map.next_key(key.as_deref()) {
                all.extend(map.lookup(&next).expect("readable").map(|value| (next.clone(), value)));
                key = Some(next);
            }
            all.sort();
            all
        })
        .collect();
    assert_eq!(results(&theirs), RESULTS, "the kernel's");
    assert_eq!(ours[0], theirs);
}

#[test]
fn callbacks_run_at_their_time_and_in_its_order() {
    const START: u64 = 1_000_000_000;
    for runner in 0..3 {
        let (fired, maps, mut machine) = fired(runner);
        let at: Vec<u64> = fired.iter().map(|fired| (fired.at - START) / 1_000_000).collect();
        assert_eq!(at, [1, 2, 3, 5, 6, 7], "runner {runner}");
        assert!(fired.iter().all(|fired| fired.result == Ok(0) && fired.leaks.is_empty()), "{fired:#?}");
        assert!(fired.iter().all(|fired| fired.program == "arms"), "{fired:#?}");
        assert_eq!(machine.clock, Clock::Fixed(START + 60_000_000));
        assert_eq!(machine.advance(&maps, ALL * 100).len(), 0, "none is armed any more");
    }
}

#[test]
fn time_passes_in_steps_of_any_size() {
    let object = object();
    let (maps, mut machine) = (Arc::new(Maps::from_defs(&object.maps).expect("maps")), Machine::default());
    let program = Compiled::new(&proof(&object), maps.clone()).expect("it compiles");
    program.run(&mut machine, &mut packet());
    let step = Duration::from_micros(500);
    let fired: Vec<usize> = (0..16).map(|_| machine.advance(&maps, step).len()).collect();
    assert_eq!(fired, [0, 1, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0]);
    assert_eq!(results(&entries(&maps)), RESULTS);
}
