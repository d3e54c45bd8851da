//! Spin locks keep threads apart, and a run that forgets to unlock stops nobody.

use std::sync::Arc;

use belay_object::{Object, Options};
use belay_spec::{Release, Resource};
use belay_verifier::{Verdict, verify};
use belay_vm::{Checked, Interpreter, Machine, Maps, Packet};

/// Looks the value up and takes its lock; `r7` is the value.
const TAKE: &str = "*(u32 *)(r10 - 4) = 0\nr1 = values ll\nr2 = r10\nr2 += -4\ncall bpf_map_lookup_elem\n\
                    if r0 == 0 goto end\nr7 = r0\nr1 = r7\ncall bpf_spin_lock\n";

fn object(body: &str) -> Object {
    let text = format!(
        ".license GPL\n.map values kind=array key=4 value=16 entries=1 fields=0:bpf_spin_lock\n.section xdp\n.prog test\n\
         {TAKE}{body}\nend: r0 = 2\nexit\n"
    );
    Object::parse("t.s", text.as_bytes(), &Options::default()).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn maps(object: &Object) -> Arc<Maps> {
    Arc::new(Maps::from_defs(&object.maps).expect("the maps can be made"))
}

#[test]
fn no_addition_under_a_lock_is_lost() {
    const THREADS: u64 = 4;
    const RUNS: u64 = 20_000;
    let object =
        object("r8 = *(u64 *)(r7 + 8)\nr8 += 1\n*(u64 *)(r7 + 8) = r8\nr1 = r7\ncall bpf_spin_unlock");
    let Verdict::Accept(verified) =
        verify(&object, &object.programs[0], &belay_verifier::Options::default()).verdict
    else {
        panic!("it is balanced")
    };
    let maps = maps(&object);
    let program = Interpreter::new(&verified, Arc::clone(&maps)).expect("it runs");
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let (mut machine, mut packet) = (Machine::default(), Packet::new(&[0; 60]).expect("a frame"));
                for _ in 0..RUNS {
                    program.run(&mut machine, &mut packet);
                }
            });
        }
    });
    let (_, value) = maps.by_name("values").expect("it is there").iter().next().expect("one value");
    assert_eq!(value[8..], (THREADS * RUNS).to_le_bytes());
}

#[test]
fn a_lock_that_is_kept_is_a_leak_and_is_given_back() {
    let object = object("");
    let program = Checked::new(&object.programs[0], maps(&object), Release::LATEST).expect("it runs");
    for _ in 0..3 {
        let report = program.run(&mut Machine::default(), &mut Packet::new(&[0; 60]).expect("a frame"));
        let kept: Vec<_> = report.leaks.iter().map(|leak| leak.resource).collect();
        assert_eq!((report.result, kept), (Ok(2), vec![Resource::SpinLock]));
    }
}

#[test]
fn a_second_lock_and_a_foreign_unlock_are_faults() {
    for body in ["r1 = r7\ncall bpf_spin_lock", "r1 = r7\nr1 += 4\ncall bpf_spin_unlock"] {
        let object = object(body);
        let program = Checked::new(&object.programs[0], maps(&object), Release::LATEST).expect("it runs");
        let report = program.run(&mut Machine::default(), &mut Packet::new(&[0; 60]).expect("a frame"));
        assert!(report.result.is_err(), "{report:?}");
    }
}
