//! The programs in Belay, beside the capture's sockets: verified and interpreted, verified and compiled, and once more in
//! the checked interpreter, which trusts no verdict.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use belay_object::Object;
use belay_spec::Release;
use belay_verifier::{Verdict, Verified};
use belay_vm::{ANY, Checked, Compiled, Interpreter, Machine, Maps, Packet, Redirect, Trace};

use crate::capture::Capture;
use crate::programs::{Counters, IFINDEX, Pass};
use crate::record::Answer;

/// A program that can run on a packet: its action and its trace.
type Runner = Box<dyn Fn(&mut Machine, &mut Packet) -> (u32, Trace)>;

/// What the interpreter answers for each packet of the capture.
pub(crate) fn interpreted(capture: &Capture, pass: Pass) -> Vec<Answer> {
    run(capture, pass, |verified, maps| {
        let program = Interpreter::new(verified, maps).unwrap_or_else(|e| panic!("{e}"));
        Box::new(move |machine, packet| {
            let run = program.run(machine, packet);
            (run.r0, run.trace)
        })
    })
}

/// What native code answers.
pub(crate) fn compiled(capture: &Capture, pass: Pass) -> Vec<Answer> {
    run(capture, pass, |verified, maps| {
        let program = Compiled::new(verified, maps).unwrap_or_else(|e| panic!("{e}"));
        Box::new(move |machine, packet| {
            let run = program.run(machine, packet);
            (run.r0, machine.trace().clone())
        })
    })
}

/// What the checked interpreter answers, without a fault or a leak.
pub(crate) fn checked(capture: &Capture, pass: Pass) -> Vec<Answer> {
    run(capture, pass, |verified, maps| {
        let program =
            Checked::new(verified.program(), maps, Release::LATEST).unwrap_or_else(|e| panic!("{e}"));
        Box::new(move |machine, packet| {
            let report = program.run(machine, packet);
            let action =
                report.result.unwrap_or_else(|fault| panic!("an accepted program faults: {fault:?}"));
            assert!(report.leaks.is_empty(), "an accepted program leaks: {:?}", report.leaks);
            (action, report.trace)
        })
    })
}

fn run(capture: &Capture, pass: Pass, ready: impl Fn(&Verified, Arc<Maps>) -> Runner) -> Vec<Answer> {
    let (object, programs) = verified(pass);
    let maps = Arc::new(Maps::from_defs(&object.maps).unwrap_or_else(|e| panic!("{e}")));
    for (map, key, value) in pass.fills() {
        let map = maps.by_name(map).unwrap_or_else(|| panic!("no map `{map}`"));
        map.update(&key, &value, ANY).unwrap_or_else(|e| panic!("{e}"));
    }
    let programs: HashMap<&str, Runner> =
        programs.iter().map(|v| (v.program().name.as_str(), ready(v, Arc::clone(&maps)))).collect();
    let mut counters = Counters::of(pass, object);
    let stats = maps.by_name("stats").expect("the counters");
    let mut machine = Machine::new(capture.sockets.clone());
    let answer = |bytes: &Vec<u8>| {
        let program = programs.get(pass.program(bytes)).expect("the program");
        let mut packet = Packet::new(bytes).unwrap_or_else(|e| panic!("{e}"));
        packet.metadata.ifindex = IFINDEX;
        let (action, trace) = program(&mut machine, &mut packet);
        pass.check_packet(action, bytes, &packet.bytes());
        if pass == Pass::Steer && pass.action(action) == "redirect" {
            assert_eq!(trace.redirect, Some(Redirect::Device { ifindex: IFINDEX, flags: 0 }));
        }
        let reason = counters.raised(|index| stats.lookup(&index.to_ne_bytes()).expect("readable"));
        Answer { action, reason }
    };
    let answers = capture.packets.iter().map(answer).collect();
    assert_eq!(capture.sockets.read().unbalanced().count(), 0, "references that were not given back");
    answers
}

/// The object of a pass and its programs, verified once for all captures.
fn verified(pass: Pass) -> &'static (Object, Vec<Verified>) {
    static FIREWALL: OnceLock<(Object, Vec<Verified>)> = OnceLock::new();
    static STEER: OnceLock<(Object, Vec<Verified>)> = OnceLock::new();
    let once = if pass == Pass::Steer { &STEER } else { &FIREWALL };
    once.get_or_init(|| {
        let object = pass.object();
        let programs = object
            .programs
            .iter()
            .map(|program| {
                match belay_verifier::verify(&object, program, &belay_verifier::Options::default()).verdict {
                    Verdict::Accept(verified) => *verified,
                    verdict => panic!("{}: {verdict:?}", program.name),
                }
            })
            .collect();
        (object, programs)
    })
}
