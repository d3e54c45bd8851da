//! How many processors a program was verified for, and that it never sees a higher number.

use std::sync::Arc;

use belay_object::{Object, Options as ObjectOptions};
use belay_spec::Release;
use belay_verifier::{Kernel, Options, Verdict, Verified, verify};
use belay_vm::{Compiled, Interpreter, Machine, MapLimits, Maps, Packet, PrepareError};

/// Writes to the entry of the processor, of which there are two.
const PROGRAM: &str = ".license GPL\n.data each bytes=00 size=2\n.section tc\n.prog x\ncall bpf_get_smp_processor_id\n\
                       r1 = each+0 ll\nr1 += r0\n*(u8 *)(r1 + 0) = 7\nexit\n";

fn object() -> Object {
    Object::parse("t.s", PROGRAM.as_bytes(), &ObjectOptions::default()).expect("well formed")
}

fn proof(object: &Object, processors: Option<u32>) -> Result<Verified, String> {
    let options = Options { processors, ..Options::default() };
    match verify(object, &object.programs[0], &options).verdict {
        Verdict::Accept(proof) => Ok(*proof),
        Verdict::Reject(rejection) => Err(rejection.fault.to_string()),
        Verdict::Unsupported { what, .. } => Err(what),
    }
}

#[test]
fn the_verifier_knows_as_many_as_it_is_told() {
    let object = object();
    assert_eq!(proof(&object, Some(2)).map(|proof| proof.processors()), Ok(2));
    assert!(proof(&object, Some(3)).is_err_and(|why| why.contains("outside of the allowed memory range")));
    assert!(proof(&object, None).is_err(), "a release runs on any machine");
    assert_eq!(Kernel::BuiltIn(Release::LATEST).profile().processors(), 8192);
}

#[test]
fn a_run_is_on_one_of_those_that_the_program_was_verified_for() {
    let object = object();
    let proof = proof(&object, Some(2)).expect("it is right for two");
    let maps = |cpus| {
        Arc::new(Maps::within(&object.maps, MapLimits { cpus, ..MapLimits::default() }).expect("maps"))
    };
    let Err(refused) = Interpreter::new(&proof, maps(3)) else { panic!("maps for three") };
    assert!(matches!(refused, PrepareError::Processors { proved: 2, given: 3, .. }), "{refused}");
    let (maps, mut machine) = (maps(2), Machine::default());
    let (slow, fast) = (Interpreter::new(&proof, maps.clone()), Compiled::new(&proof, maps));
    let (slow, fast) = (slow.expect("it runs"), fast.expect("it compiles"));
    for (cpu, seen) in [(0, 0), (1, 1), (2, 1), (u32::MAX, 1)] {
        machine.cpu = cpu;
        let mut packet = Packet::new(&[0; 60]).expect("a frame");
        assert_eq!(slow.run(&mut machine, &mut packet).r0, seen);
        assert_eq!(fast.run(&mut machine, &mut packet).r0, seen);
    }
}
