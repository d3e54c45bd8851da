//! Programs made of any bytes: what the verifier accepts comes to the same interpreted, checked and compiled.
#![no_main]

use std::sync::Arc;

use belay_object::{Object, Options};
use belay_sockets::SocketTable;
use belay_verifier::{Verdict, verify};
use belay_vm::{Checked, Compiled, Interpreter, Machine, Maps, Packet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = belay_fuzz::program::program(bytes);
    let object = Object::parse("fuzz.s", text.as_bytes(), &Options::default())
        .unwrap_or_else(|e| panic!("no program: {e}\n{text}"));
    let program = &object.programs[0];
    let Verdict::Accept(verified) = verify(&object, program, &belay_verifier::Options::default()).verdict
    else {
        return;
    };
    let on = |run: &dyn Fn(Arc<Maps>, &mut Machine, &mut Packet) -> u32| {
        let maps = Arc::new(Maps::from_defs(&object.maps).expect("they can be made"));
        let mut packet = Packet::new(&std::array::from_fn::<u8, 80, _>(|i| i as u8 * 3)).expect("a frame");
        let result = run(Arc::clone(&maps), &mut Machine::new(SocketTable::empty()), &mut packet);
        let held: Vec<_> = maps.iter().map(|map| maps.dump(map)).collect();
        (result, packet.bytes(), held)
    };
    let checked = on(&|maps, machine, packet| {
        let checked = Checked::new(program, maps, verified.release()).expect("it runs");
        let report = checked.run(machine, packet);
        assert!(report.is_clean(), "accepted, but: {:?} {:?}\n{text}", report.result, report.leaks);
        report.r0 as u32
    });
    let interpreted = on(&|maps, machine, packet| {
        Interpreter::new(&verified, maps).expect("it runs").run(machine, packet).r0
    });
    assert_eq!(checked, interpreted, "checked, interpreted\n{text}");
    let compiled = on(&|maps, machine, packet| {
        Compiled::new(&verified, maps).expect("it is compiled").run(machine, packet).r0
    });
    assert_eq!(interpreted, compiled, "interpreted, compiled\n{text}");
});
