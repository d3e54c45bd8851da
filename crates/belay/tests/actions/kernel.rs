//! The programs in the running kernel, in a namespace that holds the capture's sockets.

use std::os::fd::AsFd;

use belay_linux::{Exist, LoadedObject, LogLevel, Map, Population, TestRun, test_run, verify_object};

use crate::capture::Capture;
use crate::programs::{Counters, IFINDEX, Pass};
use crate::record::Answer;

/// `struct __sk_buff`: its size and the offset of `ifindex`.
const SK_BUFF: usize = 192;
const SK_BUFF_IFINDEX: usize = 40;

/// What the kernel answers for each packet of the capture.
pub(crate) fn run(capture: &Capture, pass: Pass) -> Vec<Answer> {
    let netns = capture.sockets.read().default_netns().expect("a namespace");
    let population =
        Population::of(&capture.sockets, netns).unwrap_or_else(|e| panic!("{}: {e}", capture.name));
    let object = pass.object();
    let loaded = verify_object(&object, LogLevel::Stats).unwrap_or_else(|e| panic!("{e}"));
    for (map, key, value) in pass.fills() {
        let map = loaded.maps.by_name(map).unwrap_or_else(|| panic!("no map `{map}`"));
        map.update(&key, &value, Exist::Any).unwrap_or_else(|e| panic!("map `{}`: {e}", map.name()));
    }
    let mut counters = Counters::of(pass, &object);
    let stats = loaded.maps.by_name("stats").expect("the counters");
    let answers = population.namespace().run(|| {
        capture.packets.iter().map(|packet| answer(pass, &loaded, packet, stats, &mut counters)).collect()
    });
    answers.expect("the namespace is there")
}

fn answer(pass: Pass, loaded: &LoadedObject, packet: &[u8], stats: &Map, counters: &mut Counters) -> Answer {
    let name = pass.program(packet);
    let verdict = &loaded.program(name).unwrap_or_else(|| panic!("no program `{name}`")).verdict;
    let program = verdict.accepted().unwrap_or_else(|| panic!("`{name}` is refused: {verdict:?}"));
    let mut context = Vec::new();
    if pass != Pass::Steer {
        context = vec![0; SK_BUFF];
        context[SK_BUFF_IFINDEX..SK_BUFF_IFINDEX + 4].copy_from_slice(&IFINDEX.to_ne_bytes());
    }
    let run = TestRun { data_in: packet, ctx_in: &context, ..TestRun::default() };
    let result = test_run(program.as_fd(), &run)
        .unwrap_or_else(|e| panic!("`{name}` cannot run on {packet:02x?}: {e:?}"));

    pass.check_packet(result.retval, packet, &result.data_out);
    let reason = counters.raised(|index| stats.lookup(&index.to_ne_bytes()).expect("readable"));
    Answer { action: result.retval, reason }
}
