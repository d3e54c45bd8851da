//! The programs in the running kernel, in a namespace that holds the capture's sockets.

use std::os::fd::AsFd;

use belay_linux::{Exist, LoadedObject, LogLevel, Map, Population, TestRun, test_run, verify_object};

use crate::capture::Capture;
use crate::programs::{Pass, TARGET_IFINDEX, TARGET_MACS};
use crate::record::Answer;

/// `struct __sk_buff`: its size and the offset of `ifindex`.
const SK_BUFF: usize = 192;
const SK_BUFF_IFINDEX: usize = 40;

/// What the kernel answers for each packet of the capture.
pub fn run(capture: &Capture, pass: Pass) -> Vec<Answer> {
    let netns = capture.sockets.read().default_netns().expect("a namespace");
    let population =
        Population::of(&capture.sockets, netns).unwrap_or_else(|e| panic!("{}: {e}", capture.name));
    let object = pass.object();
    let loaded = verify_object(&object, LogLevel::Stats).unwrap_or_else(|e| panic!("{e}"));
    for (map, key, value) in pass.fills() {
        let map = loaded.maps.by_name(map).unwrap_or_else(|| panic!("no map `{map}`"));
        map.update(&key, &value, Exist::Any).unwrap_or_else(|e| panic!("map `{}`: {e}", map.name()));
    }
    let reasons = pass.reasons(&object);
    let stats = loaded.maps.by_name("stats").expect("the counters");
    let answers = population.namespace().run(|| {
        let mut counted = vec![0; reasons.len()];
        capture
            .packets
            .iter()
            .map(|packet| answer(pass, &loaded, packet, stats, &reasons, &mut counted))
            .collect()
    });
    answers.expect("the namespace is there")
}

fn answer(
    pass: Pass,
    loaded: &LoadedObject,
    packet: &[u8],
    stats: &Map,
    reasons: &[String],
    counted: &mut [u64],
) -> Answer {
    let name = pass.program(packet);
    let verdict = &loaded.program(name).unwrap_or_else(|| panic!("no program `{name}`")).verdict;
    let program = verdict.accepted().unwrap_or_else(|| panic!("`{name}` is refused: {verdict:?}"));
    let mut context = Vec::new();
    if pass != Pass::Steer {
        context = vec![0; SK_BUFF];
        context[SK_BUFF_IFINDEX..SK_BUFF_IFINDEX + 4].copy_from_slice(&2u32.to_ne_bytes());
    }
    let run = TestRun { data_in: packet, ctx_in: &context, ..TestRun::default() };
    let result = test_run(program.as_fd(), &run)
        .unwrap_or_else(|e| panic!("`{name}` cannot run on {packet:02x?}: {e:?}"));

    if pass == Pass::Steer && pass.action(result.retval) == "redirect" {
        assert_eq!(result.data_out[..12], TARGET_MACS, "link addresses for device {TARGET_IFINDEX}");
        assert_eq!(result.data_out[12..], packet[12..], "the rest of the packet");
    } else {
        assert_eq!(result.data_out, packet, "the packet");
    }
    Answer { action: result.retval, reason: raised(stats, reasons, counted) }
}

/// The counter that went up since the last packet. A suppressed event is counted beside it, and depends on the clock.
fn raised(stats: &Map, reasons: &[String], counted: &mut [u64]) -> String {
    let mut raised = Vec::new();
    for ((index, reason), before) in (0u32..).zip(reasons).zip(counted) {
        let value = stats.lookup(&index.to_ne_bytes()).expect("readable").unwrap_or_default();
        // One `struct count` a CPU, packets first.
        let packets: u64 =
            value.chunks_exact(16).filter_map(|cpu| cpu.first_chunk().copied()).map(u64::from_ne_bytes).sum();
        if packets != *before && reason != "EVENTS_SUPPRESSED" {
            raised.push(reason.as_str());
        }
        *before = packets;
    }
    assert_eq!(raised.len(), 1, "each packet is counted once: {raised:?}");
    raised.concat()
}
