//! The programs in Belay: verified, then interpreted beside the capture's sockets.

use std::collections::HashMap;
use std::sync::Arc;

use belay_verifier::Verdict;
use belay_vm::{ANY, Interpreter, Machine, Maps, Packet, Redirect};

use crate::capture::Capture;
use crate::programs::{Counters, IFINDEX, Pass};
use crate::record::Answer;

/// What Belay answers for each packet of the capture.
pub(crate) fn run(capture: &Capture, pass: Pass) -> Vec<Answer> {
    let object = pass.object();
    let maps = Arc::new(Maps::from_defs(&object.maps).unwrap_or_else(|e| panic!("{e}")));
    for (map, key, value) in pass.fills() {
        let map = maps.by_name(map).unwrap_or_else(|| panic!("no map `{map}`"));
        map.update(&key, &value, ANY).unwrap_or_else(|e| panic!("{e}"));
    }
    let mut programs = HashMap::new();
    for program in &object.programs {
        let judged = belay_verifier::verify(&object, program, &belay_verifier::Options::default());
        let Verdict::Accept(verified) = judged.verdict else {
            panic!("{}: {:?}", program.name, judged.verdict)
        };
        let ready = Interpreter::new(&verified, Arc::clone(&maps)).unwrap_or_else(|e| panic!("{e}"));
        programs.insert(program.name.as_str(), ready);
    }
    let mut counters = Counters::of(pass, &object);
    let stats = maps.by_name("stats").expect("the counters");
    let mut machine = Machine::new(capture.sockets.clone());
    let answer = |bytes: &Vec<u8>| {
        let program = programs.get(pass.program(bytes)).expect("the program");
        let mut packet = Packet::new(bytes).unwrap_or_else(|e| panic!("{e}"));
        packet.metadata.ifindex = IFINDEX;
        let run = program.run(&mut machine, &mut packet);
        pass.check_packet(run.r0, bytes, &packet.bytes());
        if pass == Pass::Steer && pass.action(run.r0) == "redirect" {
            assert_eq!(run.trace.redirect, Some(Redirect::Device { ifindex: IFINDEX, flags: 0 }));
        }
        let reason = counters.raised(|index| stats.lookup(&index.to_ne_bytes()).expect("readable"));
        Answer { action: run.r0, reason }
    };
    let answers = capture.packets.iter().map(answer).collect();
    assert_eq!(capture.sockets.read().unbalanced().count(), 0, "references that were not given back");
    answers
}
