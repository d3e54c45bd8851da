//! What programs put out: events with and without bytes of the packet.

use std::os::fd::AsRawFd;

use belay_linux::NetNs;
use belay_sockets::SocketTable;
use perf_event::events::Software;
use perf_event::{Builder, SampleFlag, Sampler};

use crate::straight::{Case, Text, same};

/// An event of that CPU, with a buffer of one page, and its descriptor.
fn event(cpu: usize) -> (Sampler, i32) {
    let mut builder = Builder::new(Software::BPF_OUTPUT);
    builder.any_pid().one_cpu(cpu).sample(SampleFlag::RAW).sample_period(1).enabled(true).include_kernel();
    let counter = builder.build().expect("the kernel opens it");
    let fd = counter.as_raw_fd();
    (counter.sampled(4096).expect("the kernel maps it"), fd)
}

/// The data of the records in a buffer: what follows the length.
fn records(sampler: &mut Sampler) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(record) = sampler.next_record() {
        let bytes = record.data().concat();
        // `PERF_RECORD_SAMPLE`; others tell of lost ones.
        if record.ty() == 9 {
            all.push(bytes[4..].to_vec());
        }
    }
    all
}

#[test]
fn events_carry_data_and_packet_bytes() {
    if belay_linux::Kernel::for_test("events_carry_data_and_packet_bytes").is_none() {
        return;
    }
    let frame: Vec<u8> = (0..80).collect();
    for hook in ["sched_cls", "xdp", "cgroup_skb/ingress"] {
        let mut text = Text::default();
        text.add("r6 = r1\nr1 = 0x8877665544332211 ll\n*(u64 *)(r10 - 16) = r1\n*(u64 *)(r10 - 8) = -2");
        let current: u64 = 0xffff_ffff;
        let cases = [
            (current, 16),
            (current, 0),
            (current, 5),
            (current | 20 << 32, 4),
            (current | 80 << 32, 0),
            (current | 81 << 32, 8),
            (current | 0xf_ffff << 32, 8),
            (current | 1 << 52, 8),
            (9, 8),
            (9 | 81 << 32, 8),
            (2, 8),
        ];
        for (flags, size) in cases {
            text.add(&format!(
                "r1 = r6\nr2 = m ll\nr3 = {flags:#x} ll\nr4 = r10\nr4 += -16\nr5 = {size}\ncall bpf_perf_event_output"
            ));
            text.keep();
        }
        // Until the page is full.
        for _ in 0..60 {
            text.add(&format!(
                "r1 = r6\nr2 = m ll\nr3 = {:#x} ll\nr4 = r10\nr4 += -16\nr5 = 16\ncall bpf_perf_event_output",
                current | 60 << 32
            ));
            text.keep();
        }
        text.add("call bpf_get_smp_processor_id");
        text.keep();
        text.add("r0 = 1\nexit");
        let case = Case::new(hook, ".map m kind=perf_event_array key=4 value=4 entries=4", &text.body);

        let netns = NetNs::with_loopback().expect("a namespace");
        let kernel = case.in_kernel(&netns);
        // Nothing is open yet.
        let before = kernel.run(&netns, &frame);
        let events: Vec<_> =
            (0..crate::harness::possible_cpus().min(4)).map(|cpu| (cpu, event(cpu))).collect();
        let map = kernel.loaded.maps.by_name("m").expect("there");
        for (cpu, (_, fd)) in events.iter().filter(|(cpu, _)| *cpu != 2) {
            map.update_flags(&(*cpu as u32).to_ne_bytes(), &fd.to_ne_bytes(), 0).expect("an event");
        }
        let after = kernel.run(&netns, &frame);
        let cpu = after.out[text.slots as usize - 1];
        assert_ne!(cpu, 2, "entry 2 is to be empty");
        let theirs: Vec<_> = events
            .into_iter()
            .filter(|(of, _)| *of as u64 == cpu)
            .flat_map(|(_, (mut s, _))| records(&mut s))
            .collect();
        assert!(theirs.len() > 10, "{theirs:?}");

        let table = SocketTable::empty();
        let open = |maps: &belay_vm::Maps| {
            let map = maps.by_name("m").expect("there");
            map.open_events(4096);
            let _ = map.delete(&2_u32.to_le_bytes());
        };
        let cpu_before = before.out[text.slots as usize - 1] as u32;
        for (runner, ours, _) in case.here(&table, cpu_before, &frame, |_| ()) {
            same(runner, &ours, &before);
        }
        for (runner, ours, maps) in case.here(&table, cpu as u32, &frame, open) {
            same(runner, &ours, &after);
            let map = maps.by_name("m").expect("there");
            assert!(map.lost() > 0, "{runner}: some did not fit");
            let ours = map.drain();
            assert_eq!(ours.len(), theirs.len(), "{runner}");
            for (ours, theirs) in ours.iter().zip(&theirs) {
                // Linux adds what is missing to a multiple of 8 with the length.
                assert_eq!((ours.len() + 4).next_multiple_of(8) - 4, theirs.len(), "{runner}");
                assert_eq!(*ours, theirs[..ours.len()], "{runner}");
            }
        }
    }
}

#[test]
fn events_that_count_nothing_are_read_as_in_the_kernel() {
    if belay_linux::Kernel::for_test("events_that_count_nothing_are_read_as_in_the_kernel").is_none() {
        return;
    }
    let current: u64 = 0xffff_ffff;
    let mut text = Text::default();
    text.add("r6 = r1");
    for flags in [current, 0, 1, 2, 3, 4, 9, 1 << 32, current | 1 << 32] {
        text.add(&format!("r1 = m ll\nr2 = {flags:#x} ll\ncall bpf_perf_event_read"));
        text.keep();
        for size in [24, 8, 32] {
            for word in [8, 16, 24, 32] {
                text.add(&format!("*(u64 *)(r10 - {word}) = 77"));
            }
            text.add(&format!(
                "r1 = m ll\nr2 = {flags:#x} ll\nr3 = r10\nr3 += -32\nr4 = {size}\ncall bpf_perf_event_read_value"
            ));
            text.keep();
            // The count, and whether the event ran whenever it was enabled.
            text.add("r0 = *(u64 *)(r10 - 32)");
            text.keep();
            text.add("r0 = *(u64 *)(r10 - 24)\nr1 = *(u64 *)(r10 - 16)\nr0 -= r1");
            text.keep();
        }
    }
    text.add("call bpf_get_smp_processor_id");
    text.keep();
    text.add("r0 = 1\nexit");
    let case = Case::new("xdp", ".map m kind=perf_event_array key=4 value=4 entries=4", &text.body);
    let netns = NetNs::with_loopback().expect("a namespace");
    let (kernel, frame) = (case.in_kernel(&netns), [0; 60]);
    let events: Vec<_> = (0..crate::harness::possible_cpus().min(3)).map(|cpu| (cpu, event(cpu))).collect();
    let map = kernel.loaded.maps.by_name("m").expect("there");
    for (cpu, (_, fd)) in events.iter().filter(|(cpu, _)| *cpu != 2) {
        map.update_flags(&(*cpu as u32).to_ne_bytes(), &fd.to_ne_bytes(), 0).expect("an event");
    }
    let theirs = kernel.run(&netns, &frame);
    let cpu = theirs.out[text.slots as usize - 1];
    let open = |maps: &belay_vm::Maps| {
        let map = maps.by_name("m").expect("there");
        map.open_events(4096);
        let _ = map.delete(&2_u32.to_le_bytes());
        let _ = map.delete(&3_u32.to_le_bytes());
    };
    for (runner, ours, _) in case.here(&SocketTable::empty(), cpu as u32, &frame, open) {
        same(runner, &ours, &theirs);
    }
}
