//! The lifetime programs: what the verifier refuses, the checked interpreter catches in a run that gets there; what the
//! verifier accepts runs clean on both runners and gives every socket back.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use belay_object::{Object, Options};
use belay_sockets::SocketTable;
use belay_spec::Release;
use belay_verifier::{Verdict, verify};
use belay_vm::{
    Checked, Compiled, Due, Ended, FaultKind, Interpreter, Machine, Maps, Packet, PrepareError, Report,
};

/// What the programs ask for: somebody on the SSH port, in every way that a lookup can end.
const TABLES: [&str; 3] = [
    "[[netns]]\nname = \"host\"\n",
    "[[netns]]\nname = \"host\"\n[[tcp]]\nstate = \"listen\"\nlocal = \"0.0.0.0:22\"\n\
     [[udp]]\nlocal = \"0.0.0.0:53\"\n",
    "[[netns]]\nname = \"host\"\n[[tcp]]\nstate = \"listen\"\nlocal = \"[::]:22\"\n\
     [[tcp]]\nstate = \"established\"\nlocal = \"10.0.0.2:80\"\nremote = \"10.0.0.1:8080\"\n",
];

fn objects(prefix: &str) -> Vec<(String, Object)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/programs/lifetime");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(dir).expect("it is there").map(|e| e.unwrap().path()).collect();
    files.sort();
    let name = |file: &PathBuf| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    files
        .into_iter()
        .filter(|file| name(file).starts_with(prefix) && name(file).ends_with(".bpf.o"))
        .map(|file| {
            let bytes = std::fs::read(&file).expect("readable");
            let object = Object::parse(&name(&file), &bytes, &Options::default()).expect("an object");
            (name(&file), object)
        })
        .collect()
}

/// A TCP segment from 10.0.0.1:8080 to 10.0.0.2:80.
fn segment() -> Packet {
    let mut frame = [0_u8; 54];
    frame[12..14].copy_from_slice(&[8, 0]);
    frame[14..34].copy_from_slice(&[0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame[34..40].copy_from_slice(&[0x1f, 0x90, 0, 80, 0, 0]);
    frame[46] = 0x50;
    Packet::new(&frame).expect("a frame")
}

fn machine(table: &str) -> Machine {
    Machine::new(SocketTable::from_toml("t.toml", table).unwrap_or_else(|e| panic!("{e}")))
}

/// The reports of an object's first program, one a table; none if its hook does not run yet.
fn reports(object: &Object) -> Option<Vec<Report>> {
    let run = |table: &&str| {
        // (A map of a kind that does not run belongs to a hook that does not.)
        let maps = Arc::new(Maps::from_defs(&object.maps).ok()?);
        let checked = match Checked::new(&object.programs[0], Arc::clone(&maps), Release::LATEST) {
            Ok(checked) => checked,
            Err(PrepareError::Hook { .. }) => return None,
            Err(other) => panic!("{other}"),
        };
        if let Some(array) = maps.iter().find(|map| map.def().kind == belay_spec::MapKind::PROG_ARRAY) {
            checked.install(array.name(), 0).expect("there is room");
        }
        let mut machine = machine(table);
        let report = checked.run(&mut machine, &mut segment());
        assert_eq!(machine.sockets.read().unbalanced().count(), 0, "the runner gives back what was kept");
        Some(report)
    };
    TABLES.iter().map(run).collect()
}

/// Whether a report says what the program is meant to show.
fn shows(name: &str, report: &Report) -> bool {
    let leaked = |due| report.leaks.iter().any(|leak| leak.due == due);
    let Err(fault) = &report.result else {
        return name.contains("leak") && leaked(Due::Exit);
    };
    match &fault.kind {
        FaultKind::DoubleRelease { .. } => name.contains("double-release"),
        FaultKind::NullPointer { .. } => name.contains("maybe-null"),
        FaultKind::UseAfterEnd { why: Ended::Released, .. } => name.contains("after-release"),
        FaultKind::NotAPointer { .. } => name.contains("overwritten"),
        _ => false,
    }
}

#[test]
fn every_fault_is_caught_in_some_run() {
    let faults = objects("fault-");
    assert_eq!(faults.len(), 13);
    for (name, object) in faults {
        let reports = reports(&object).expect("the hook runs");
        if name.contains("value-compare") {
            // It leaks a socket whose address is -1: no run has one, and a checker of runs can say nothing.
            assert!(reports.iter().all(Report::is_clean), "{name}");
            continue;
        }
        let caught = match name.contains("tail-call") {
            true => reports.iter().any(|r| r.leaks.iter().any(|leak| leak.due == Due::TailCall)),
            false => reports.iter().any(|report| shows(&name, report)),
        };
        let seen: Vec<_> = reports.iter().map(|r| (&r.result, &r.leaks, &r.trace.lookups)).collect();
        assert!(caught, "{name}: {seen:?}");
    }
}

#[test]
fn every_correct_program_is_clean_and_balanced() {
    let mut ran = 0;
    for (name, object) in objects("correct-") {
        let Some(reports) = reports(&object) else {
            assert!(name.contains("sk-lookup-hook"), "{name}: unsupported hook");
            continue;
        };
        for report in &reports {
            assert!(report.is_clean(), "{name}: {report:#?}");
        }
        let judgement = verify(&object, &object.programs[0], &belay_verifier::Options::default());
        let verified = match judgement.verdict {
            Verdict::Accept(verified) => verified,
            Verdict::Unsupported { what, .. } => {
                eprintln!("skipped: {name} on the interpreter: the verifier does not model {what}");
                continue;
            }
            Verdict::Reject(rejection) => panic!("{name}: {rejection:?}"),
        };
        for (table, report) in TABLES.iter().zip(reports) {
            let maps = Arc::new(Maps::from_defs(&object.maps).expect("the maps can be made"));
            let program = Interpreter::new(&verified, maps).unwrap_or_else(|e| panic!("{name}: {e}"));
            let mut machine = machine(table);
            let run = program.run(&mut machine, &mut segment());
            assert_eq!(Ok(run.r0), report.result, "{name}");
            assert_eq!((run.instructions, &run.trace), (report.instructions, &report.trace), "{name}");
            assert_eq!(machine.sockets.read().unbalanced().count(), 0, "{name}: references are balanced");
            let maps = Arc::new(Maps::from_defs(&object.maps).expect("the maps can be made"));
            let native = Compiled::new(&verified, maps).unwrap_or_else(|e| panic!("{name}: {e}"));
            let outcome = native.run(&mut machine, &mut segment());
            assert_eq!((outcome.r0, machine.trace()), (run.r0, &report.trace), "{name}, compiled");
            assert_eq!(machine.sockets.read().unbalanced().count(), 0, "{name}, compiled");
            ran += 1;
        }
    }
    assert!(ran >= 10 * TABLES.len(), "only {ran} runs");
}
