//! Programs that Linux accepts by a fault of its verifier: what is not safe without the fault runs only where every step is
//! checked, and what is safe runs as it is written.

use std::sync::Arc;

use belay_object::{Object, Options};
use belay_sockets::SocketTable;
use belay_spec::Release;
use belay_verifier::{Footing, Verdict, Verified, verify};
use belay_vm::{Checked, Compiled, FaultKind, Interpreter, Machine, Maps, Packet};

const INDEX: &str = include_str!("../../../tests/programs/releases/fetched-index.s");
const CHOICE: &str = include_str!("../../../tests/programs/releases/fetched-choice.s");

fn read(text: &str) -> Object {
    Object::parse("test.s", text.as_bytes(), &Options::default()).expect("it is assembled")
}

fn accepted(object: &Object, release: Release) -> Verified {
    match verify(object, &object.programs[0], &release.into()).verdict {
        Verdict::Accept(verified) => *verified,
        verdict => panic!("{verdict:?}"),
    }
}

#[test]
fn what_is_safe_by_a_fault_alone_does_not_run_unwatched() {
    let object = read(INDEX);
    let verified = accepted(&object, Release::V6_18);
    assert!(matches!(verified.footing(), Footing::Unproved(_)), "{:?}", verified.footing());
    let maps = Arc::new(Maps::from_defs(&object.maps).expect("maps"));
    let refused = [
        Compiled::new(&verified, Arc::clone(&maps)).expect_err("no native code").to_string(),
        Interpreter::new(&verified, Arc::clone(&maps)).expect_err("not interpreted").to_string(),
    ];
    for why in refused {
        assert!(why.contains("what the kernel accepts by a fault of its verifier"), "{why}");
    }
    assert!(matches!(
        verify(&object, &object.programs[0], &Release::V6_12.into()).verdict,
        Verdict::Reject(_)
    ));

    let checked = Checked::new(&object.programs[0], maps, Release::V6_18).expect("it is checked");
    let mut machine = Machine::new(SocketTable::empty());
    let report = checked.run(&mut machine, &mut Packet::new(&[0; 60]).expect("a frame"));
    assert_eq!(report.result.map_err(|fault| fault.kind), Ok(0), "an index of 0");
    let report = checked.run(&mut machine, &mut Packet::new(&[0; 200]).expect("a frame"));
    let fault = report.result.expect_err("an index of 200");
    assert!(matches!(fault.kind, FaultKind::OutOfBounds { .. }), "{:?}", fault.kind);
}

#[test]
fn what_is_safe_without_the_fault_runs_as_it_is_written() {
    let object = read(CHOICE);
    let verified = accepted(&object, Release::V6_18);
    assert_eq!(verified.footing(), Footing::Proved);
    assert_eq!(accepted(&object, Release::V6_12).footing(), Footing::Sound);
    let maps = Arc::new(Maps::from_defs(&object.maps).expect("maps"));
    let native = Compiled::new(&verified, Arc::clone(&maps)).expect("it is compiled");
    let interpreter = Interpreter::new(&verified, maps).expect("it is interpreted");
    let mut machine = Machine::new(SocketTable::empty());
    for (len, chosen) in [(60, 0), (200, 1)] {
        let packet = || Packet::new(&vec![0; len]).expect("a frame");
        assert_eq!(native.run(&mut machine, &mut packet()).r0, chosen);
        assert_eq!(interpreter.run(&mut machine, &mut packet()).r0, chosen);
    }
}
