//! What a program computes here, it computes in the running kernel: result, packet bytes and map contents.
//!
//! Each program leaves what it learned in the array `out`, runs through `BPF_PROG_TEST_RUN` in a namespace of its own, and in
//! both runners.

mod cookies;
mod functions;
mod headers;
mod memory;
mod program;
mod random;
mod routes;
mod text;
mod types;

use std::os::fd::AsFd;
use std::sync::Arc;

use belay_linux::{LogLevel, NetNs, TestRun, test_run, verify_object};
use belay_object::{Object, Options};
use belay_spec::Release;
use belay_verifier::{Verdict, Verified, verify};
use belay_vm::routes::Routes;
use belay_vm::{Checked, Compiled, Interpreter, Machine, Maps, Packet, Strictness};

/// Slots of `out`.
const OUT: u32 = 64;

/// What came of one run.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    r0: u32,
    out: Vec<u64>,
    packet: Vec<u8>,
}

fn object(hook: &str, maps: &str, body: &str) -> Object {
    // The plain section: the first that names the hook may ask for more, such as frags.
    let section = if hook == "xdp" { ".section xdp".to_owned() } else { format!(".hook {hook}") };
    let text = format!(
        ".license GPL\n.map out kind=array key=4 value=8 entries={OUT}\n{maps}\n{section}\n.prog test\n{body}\n"
    );
    Object::parse("t.s", text.as_bytes(), &Options::default()).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn in_kernel(object: &Object, hook: &str, netns: &NetNs, frame: &[u8]) -> Outcome {
    let loaded = verify_object(object, LogLevel::Stats).unwrap_or_else(|e| panic!("{e}"));
    let verdict = &loaded.program("test").expect("it is there").verdict;
    let program = verdict.accepted().unwrap_or_else(|| panic!("the kernel refuses it: {verdict:#?}"));
    let run = TestRun { data_in: frame, ..TestRun::default() };
    let result =
        netns.run(|| test_run(program.as_fd(), &run)).expect("the namespace is there").expect("it runs");
    let map = loaded.maps.by_name("out").expect("it is there");
    let slot =
        |index: u32| map.lookup(&index.to_le_bytes()).expect("readable").expect("an array has every slot");
    let out = (0..OUT).map(|index| u64::from_le_bytes(slot(index).try_into().expect("8 bytes"))).collect();
    // Above the link layer the kernel gives back an Ethernet header of zeros, too.
    let above = hook.starts_with("cgroup_skb") || hook.starts_with("lwt_");
    let packet = result.data_out.get(if above { 14 } else { 0 }..).unwrap_or_default().to_vec();
    Outcome { r0: result.retval, out, packet }
}

fn out_of(maps: &Maps) -> Vec<u64> {
    let map = maps.by_name("out").expect("it is there");
    map.iter().map(|(_, value)| u64::from_le_bytes(value.try_into().expect("8 bytes"))).collect()
}

fn machine(routes: &Routes) -> Machine {
    let mut machine = Machine::default();
    machine.routes = routes.clone();
    machine
}

/// What the kernel gives back of a packet: metadata, too.
fn bytes(packet: &Packet) -> Vec<u8> {
    [packet.meta(), packet.data()].concat()
}

fn checked(object: &Object, routes: &Routes, frame: &[u8]) -> Outcome {
    let maps = Arc::new(Maps::from_defs(&object.maps).expect("the maps can be made"));
    let mut program = Checked::new(&object.programs[0], Arc::clone(&maps), Release::LATEST).expect("it runs");
    program.strictness = Strictness { uninitialised_stack: false, ..Strictness::default() };
    let mut packet = Packet::new(frame).expect("a frame");
    let report = program.run(&mut machine(routes), &mut packet);
    assert!(report.is_clean(), "{report:#?}");
    Outcome { r0: report.result.expect("clean"), out: out_of(&maps), packet: bytes(&packet) }
}

/// None where the verifier does not model the program yet.
fn interpreted(object: &Object, routes: &Routes, frame: &[u8]) -> Option<Outcome> {
    let judgement = verify(object, &object.programs[0], &belay_verifier::Options::default());
    let verified = match judgement.verdict {
        Verdict::Accept(verified) => verified,
        Verdict::Unsupported { what, .. } => {
            eprintln!("skipped: the interpreter: {what}");
            return None;
        }
        Verdict::Reject(rejection) => panic!("the kernel accepts it: {rejection:#?}"),
    };
    let once = |run: fn(&Verified, &Arc<Maps>, &mut Machine, &mut Packet) -> u32| {
        let maps = Arc::new(Maps::from_defs(&object.maps).expect("the maps can be made"));
        let mut packet = Packet::new(frame).expect("a frame");
        let r0 = run(&verified, &maps, &mut machine(routes), &mut packet);
        Outcome { r0, out: out_of(&maps), packet: bytes(&packet) }
    };
    let interpreted = once(|verified, maps, machine, packet| {
        let program = Interpreter::new(verified, Arc::clone(maps)).expect("it runs");
        program.run(machine, packet).r0
    });
    let compiled = once(|verified, maps, machine, packet| {
        let program = Compiled::new(verified, Arc::clone(maps)).expect("it is compiled");
        program.run(machine, packet).r0
    });
    assert_eq!(compiled, interpreted, "native code differs from the interpreter");
    Some(interpreted)
}

impl Outcome {
    /// Where another outcome is not the same.
    fn differences(&self, kernel: &Outcome) -> Vec<String> {
        let slots = self.out.iter().zip(&kernel.out).enumerate().filter(|(_, (ours, theirs))| ours != theirs);
        let mut all: Vec<_> = slots
            .map(|(slot, (ours, theirs))| {
                format!("out[{slot}]: {:#x} here, {:#x} in the kernel", ours, theirs)
            })
            .collect();
        if self.r0 != kernel.r0 {
            all.push(format!("r0: {:#x} here, {:#x} in the kernel", self.r0, kernel.r0));
        }
        if self.packet != kernel.packet {
            let (ours, theirs) = (&self.packet, &kernel.packet);
            let first = ours.iter().zip(theirs).position(|(a, b)| a != b);
            all.push(format!(
                "packet: {} and {} bytes, first difference at {first:?}",
                ours.len(),
                theirs.len()
            ));
        }
        all
    }
}

/// Runs a program everywhere; all outcomes must be equal.
fn compare(netns: &NetNs, hook: &str, maps: &str, body: &str, frame: &[u8]) -> Outcome {
    compare_on(netns, &Routes::default(), hook, maps, body, frame)
}

/// The same, in a namespace with this routing table.
fn compare_on(netns: &NetNs, routes: &Routes, hook: &str, maps: &str, body: &str, frame: &[u8]) -> Outcome {
    let object = object(hook, maps, body);
    let kernel = in_kernel(&object, hook, netns, frame);
    let ours = checked(&object, routes, frame);
    let differences = ours.differences(&kernel);
    assert!(differences.is_empty(), "{hook}, checked interpreter:\n{differences:#?}\n{}", brief(body));
    if let Some(ours) = interpreted(&object, routes, frame) {
        let differences = ours.differences(&kernel);
        assert!(differences.is_empty(), "{hook}, interpreter:\n{differences:#?}\n{}", brief(body));
    }
    kernel
}

/// The start of a program's text.
fn brief(body: &str) -> String {
    body.lines().take(12).map(|line| format!("    {line}\n")).collect()
}

fn namespace(test: &str) -> Option<NetNs> {
    belay_linux::Kernel::for_test(test)?;
    Some(NetNs::with_loopback().expect("a namespace"))
}

/// Stores `r0` into a slot of `out`; `r6` to `r9` survive.
fn keep(slot: u32) -> String {
    format!(
        "*(u64 *)(r10 - 256) = r0\n*(u32 *)(r10 - 260) = {slot}\nr1 = out ll\nr2 = r10\nr2 += -260\nr3 = r10\n\
         r3 += -256\nr4 = 0\ncall bpf_map_update_elem\n"
    )
}

/// An IPv4 TCP segment; the destination address and type can be chosen.
fn frame(destination: [u8; 6], ethertype: u16, len: usize) -> Vec<u8> {
    let mut frame = destination.to_vec();
    frame.extend([2, 0, 0, 0, 0, 9]);
    frame.extend(ethertype.to_be_bytes());
    frame.extend([0x45, 0, 0, 40, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend([0x1f, 0x90, 0x00, 0x50, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 0xff, 0xff, 0xab, 0xcd, 0, 0]);
    frame.resize(len, 0x5a);
    frame
}

fn tcp() -> Vec<u8> {
    frame([0; 6], 0x0800, 80)
}

/// The hooks of packets that the kernel test-runs.
const HOOKS: [&str; 7] =
    ["sched_cls", "cgroup_skb/ingress", "cgroup_skb/egress", "xdp", "lwt_in", "lwt_out", "lwt_xmit"];

#[test]
fn context_fields_have_the_kernels_values() {
    let Some(netns) = namespace("context_fields_have_the_kernels_values") else { return };
    // `napi_id` and the addresses of the socket are this machine's; a test run comes with a socket of its own.
    let different = ["napi_id", "sk", "family", "remote_ip4", "local_ip4", "remote_ip6", "local_ip6"];
    let frames = [
        tcp(),
        frame([0xff; 6], 0x86dd, 60),
        frame([1, 0, 0x5e, 0, 0, 1], 0x0806, 1514),
        frame([2, 0, 0, 0, 0, 1], 0x8100, 64),
        frame([0; 6], 46, 64),
    ];
    for name in HOOKS {
        let hook = belay_spec::Hook::by_name(name).expect("a hook");
        let mut body = "r6 = r1\n".to_owned();
        let mut slot = 0;
        for field in hook.context.fields {
            let access = belay_spec::Access::Read;
            let kind = hook.context_access(Release::LATEST, field.offset, field.element, access);
            if kind != Some(belay_spec::FieldKind::Scalar) || different.contains(&field.name) {
                continue;
            }
            for element in 0..field.count {
                let (size, off) = (field.element * 8, field.offset + (field.element * element) as i32);
                body += &format!("r0 = *(u{size} *)(r6 + {off})\n{}", keep(slot));
                slot += 1;
            }
        }
        body += "r0 = 1\nexit\n";
        for frame in &frames {
            compare(&netns, name, "", &body, frame);
        }
        assert!(slot >= 2, "{name}: fields were compared");
    }
}

#[test]
fn packet_bytes_lie_where_the_kernel_has_them() {
    let Some(netns) = namespace("packet_bytes_lie_where_the_kernel_has_them") else { return };
    for hook in HOOKS {
        let (data, end) = if hook == "xdp" { (0, 4) } else { (76, 80) };
        let body = format!(
            "r7 = *(u32 *)(r1 + {data})\nr8 = *(u32 *)(r1 + {end})\nr9 = r7\nr9 += 20\nif r9 > r8 goto end\n\
             r0 = *(u64 *)(r7 + 3)\n{}r0 = r8\nr0 -= r7\n{}end: r0 = 1\nexit",
            keep(0),
            keep(1)
        );
        let outcome = compare(&netns, hook, "", &body, &tcp());
        assert_ne!(outcome.out[0], 0);
    }
}

#[test]
fn loads_from_packets_by_helper_and_instruction() {
    let Some(netns) = namespace("loads_from_packets_by_helper_and_instruction") else { return };
    let mut body = "r6 = r1\n".to_owned();
    let mut slot = 0;
    for (offset, len) in [(0, 8), (12, 2), (72, 8), (73, 8), (80, 1), (0x7fff_ffff, 4), (-4, 4), (65536, 1)] {
        body += &format!(
            "r2 = -1\n*(u64 *)(r10 - 8) = r2\nr1 = r6\nr2 = {offset}\nr3 = r10\nr3 += -8\nr4 = {len}\n\
             call bpf_skb_load_bytes\n{}r0 = *(u64 *)(r10 - 8)\n{}",
            keep(slot),
            keep(slot + 1)
        );
        slot += 2;
    }
    for (offset, len, start) in [(0, 8, 0), (0, 8, 1), (60, 6, 1), (60, 7, 1), (0, 4, 2), (70000, 4, 0)] {
        body += &format!(
            "r2 = -1\n*(u64 *)(r10 - 8) = r2\nr1 = r6\nr2 = {offset}\nr3 = r10\nr3 += -8\nr4 = {len}\nr5 = {start}\n\
             call bpf_skb_load_bytes_relative\n{}r0 = *(u64 *)(r10 - 8)\n{}",
            keep(slot),
            keep(slot + 1)
        );
        slot += 2;
    }
    for (size, at) in [(8, 12), (16, 12), (32, 26), (16, -0x10_0000 + 2), (16, -0x20_0000 + 12)] {
        body += &format!("r0 = *(u{size} *)skb[{at}]\n{}", keep(slot));
        slot += 1;
    }
    body += &format!("r7 = 10\nr0 = *(u16 *)skb[r7 + 2]\n{}r0 = 1\nexit", keep(slot));
    for hook in ["sched_cls", "cgroup_skb/ingress"] {
        if hook == "sched_cls" {
            compare(&netns, hook, "", &body, &tcp());
        }
        let short: String =
            body.lines().take_while(|l| !l.contains("skb[")).map(|l| format!("{l}\n")).collect();
        compare(&netns, hook, "", &format!("{short}r0 = 1\nexit"), &tcp());
    }
    // Beyond the packet the program ends with 0.
    for at in ["79", "80", "0x7fffffff", "-1", "-0x300000"] {
        let body = format!("r6 = r1\nr0 = *(u16 *)skb[{at}]\nr0 = 7\nexit");
        assert_eq!(compare(&netns, "sched_cls", "", &body, &tcp()).r0, 0, "{at}");
    }
}

#[test]
fn stores_and_checksums() {
    let Some(netns) = namespace("stores_and_checksums") else { return };
    let mut body = "r6 = r1\n".to_owned();
    let mut slot = 0;
    for (offset, len, flags) in
        [(0, 8, 0), (20, 4, 1), (30, 4, 2), (76, 4, 3), (77, 4, 0), (0, 4, 4), (-1, 4, 0)]
    {
        body += &format!(
            "*(u64 *)(r10 - 8) = 0x1234567\nr1 = r6\nr2 = {offset}\nr3 = r10\nr3 += -8\nr4 = {len}\nr5 = {flags}\n\
             call bpf_skb_store_bytes\n{}",
            keep(slot)
        );
        slot += 1;
    }
    for helper in ["bpf_l3_csum_replace", "bpf_l4_csum_replace"] {
        let cases = [
            (24, 0x0a00, 0x0b00, 2),
            (24, 0x0a00_0001, 0x0b00_0001, 4),
            (50, 0, 0x1234_5678, 0),
            (50, 1, 2, 0),
            (50, 1, 2, 3),
            (51, 1, 2, 2),
            (79, 1, 2, 2),
            (78, 0xffff, 0, 2),
            (65536, 1, 2, 2),
            (50, 1, 2, 0x12),
            (50, 1, 2, 0x22),
            (52, 1, 2, 0x22),
            (52, 1, 2, 0x62),
            (52, 1, 2, 0x102),
        ];
        for (offset, from, to, flags) in cases {
            body += &format!(
                "r1 = r6\nr2 = {offset}\nr3 = {from}\nr4 = {to}\nr5 = {flags}\ncall {helper}\n{}",
                keep(slot)
            );
            slot += 1;
        }
    }
    for (from, to, seed) in
        [(8, 0, 0), (0, 8, 0), (8, 8, 77), (0, 0, 5), (8, 4, -1), (4, 6, 0), (0, 4, 0x1_0000)]
    {
        body += &format!(
            "r2 = 0x12345678 ll\n*(u64 *)(r10 - 8) = r2\nr2 = 0xfedcba9876543210 ll\n*(u64 *)(r10 - 16) = r2\n\
             r1 = r10\nr1 += -8\nr2 = {from}\nr3 = r10\nr3 += -16\nr4 = {to}\nr5 = {seed}\ncall bpf_csum_diff\n{}",
            keep(slot)
        );
        slot += 1;
    }
    body += &format!("r1 = r6\nr2 = 5\ncall bpf_csum_update\n{}r0 = 0\nexit", keep(slot));
    compare(&netns, "sched_cls", "", &body, &tcp());
}

#[test]
fn packets_grow_and_shrink_as_in_the_kernel() {
    let Some(netns) = namespace("packets_grow_and_shrink_as_in_the_kernel") else { return };
    let call = |helper: &str, args: &[i64]| -> String {
        let mut text = "r6 = r1\nr1 = r6\n".to_owned();
        for (index, arg) in args.iter().enumerate() {
            text += &format!("r{} = {arg}\n", index + 2);
        }
        text + &format!("call {helper}\n{}r0 = 2\nexit", keep(0))
    };
    for delta in [0, 4, 14, 66, 67, 80, 81, -1, -128, -216, -217, -224, -225, -256, -257, 70000] {
        compare(&netns, "xdp", "", &call("bpf_xdp_adjust_head", &[delta]), &tcp());
    }
    for delta in [0, 1, 100, 3440, 3441, 3700, -66, -67, -80, 1 << 20] {
        compare(&netns, "xdp", "", &call("bpf_xdp_adjust_tail", &[delta]), &tcp());
    }
    for delta in [0, -4, -5, -32, -64, -128, -252, -256, 4, -300] {
        compare(&netns, "xdp", "", &call("bpf_xdp_adjust_meta", &[delta]), &tcp());
    }
    for len in [0, 13, 14, 20, 34, 79, 80, 81, 200, 3000, 4100, 16065, 65550, 70000] {
        compare(&netns, "sched_cls", "", &call("bpf_skb_change_tail", &[len, 0]), &tcp());
    }
    compare(&netns, "sched_cls", "", &call("bpf_skb_change_tail", &[60, 1]), &tcp());
    for len in [0, 1, 14, 64, 200, 300, 4000, 15985, 65536] {
        compare(&netns, "sched_cls", "", &call("bpf_skb_change_head", &[len, 0]), &tcp());
    }
    for len in [0, 14, 80, 81, -1] {
        compare(&netns, "sched_cls", "", &call("bpf_skb_pull_data", &[len]), &tcp());
    }
}

#[test]
fn helpers_that_redirect_answer_alike() {
    let Some(netns) = namespace("helpers_that_redirect_answer_alike") else { return };
    for flags in [0, 1, 2] {
        // XDP test runs do not carry a redirect out, and tc results are not acted upon.
        let body = format!("r1 = 1\nr2 = {flags}\ncall bpf_redirect\n{}r0 = 0\nexit", keep(0));
        compare(&netns, "sched_cls", "", &body, &tcp());
        compare(&netns, "xdp", "", &body, &tcp());
    }
    let map = ".map ports kind=devmap key=4 value=4 entries=4";
    for flags in [0, 1, 3, 4, 8] {
        let body =
            format!("r1 = ports ll\nr2 = 1\nr3 = {flags}\ncall bpf_redirect_map\n{}r0 = 2\nexit", keep(0));
        compare(&netns, "xdp", map, &body, &tcp());
    }
}

#[test]
fn maps_answer_programs_as_in_the_kernel() {
    let Some(netns) = namespace("maps_answer_programs_as_in_the_kernel") else { return };
    let kinds = [
        "kind=hash key=4 value=8 entries=3",
        "kind=hash key=4 value=8 entries=3 flags=1",
        "kind=lru_hash key=4 value=8 entries=300",
        "kind=percpu_hash key=4 value=8 entries=3",
        "kind=lru_percpu_hash key=4 value=8 entries=300",
        "kind=array key=4 value=8 entries=3",
        "kind=percpu_array key=4 value=8 entries=3",
    ];
    for kind in kinds {
        let array = kind.contains("array");
        let mut body = String::new();
        let mut slot = 0;
        let mut call = |helper: &str, key: i32, value: i32, flags: i32| {
            body += &format!(
                "*(u32 *)(r10 - 4) = {key}\n*(u64 *)(r10 - 16) = {value}\nr1 = m ll\nr2 = r10\nr2 += -4\n"
            );
            if helper == "update" {
                body += &format!("r3 = r10\nr3 += -16\nr4 = {flags}\n");
            }
            body += &format!("call bpf_map_{helper}_elem\n");
            if helper == "lookup" {
                body += &format!("if r0 == 0 goto none{slot}\nr0 = *(u64 *)(r0 + 0)\nnone{slot}:\n");
            }
            body += &keep(slot);
            slot += 1;
        };
        call("lookup", 1, 0, 0);
        call("update", 1, 11, 2);
        call("update", 1, 12, 1);
        call("update", 1, 13, 1);
        call("update", 1, 14, 2);
        call("lookup", 1, 0, 0);
        call("update", 1, 15, 3);
        call("update", 1, 15, 4);
        call("update", 1, 15, 8);
        call("update", 2, 22, 0);
        call("update", 0, 33, 0);
        if !kind.contains("lru") {
            call("update", 3, 44, 0);
            call("update", 77, 44, 0);
        }
        call("lookup", 2, 0, 0);
        if !array {
            call("delete", 1, 0, 0);
            call("delete", 1, 0, 0);
            call("lookup", 1, 0, 0);
            call("update", 3, 55, 0);
            call("lookup", 3, 0, 0);
            call("delete", 99, 0, 0);
        } else {
            call("delete", 1, 0, 0);
        }
        body += "r0 = 0\nexit";
        compare(&netns, "sched_cls", &format!(".map m {kind}"), &body, &tcp());
    }
}

#[test]
fn a_replaced_value_stays_readable() {
    let Some(netns) = namespace("a_replaced_value_stays_readable") else { return };
    // Look up, replace, read through the old pointer; replace again.
    let set = |value: i32| {
        format!(
            "*(u64 *)(r10 - 16) = {value}\nr1 = m ll\nr2 = r10\nr2 += -4\nr3 = r10\nr3 += -16\nr4 = 0\n\
             call bpf_map_update_elem\n"
        )
    };
    let find = "r1 = m ll\nr2 = r10\nr2 += -4\ncall bpf_map_lookup_elem\n";
    let body = format!(
        "*(u32 *)(r10 - 4) = 1\n{}{find}if r0 == 0 goto end\nr6 = r0\n{}r0 = *(u64 *)(r6 + 0)\n{}{find}\
         if r0 == 0 goto end\nr0 = *(u64 *)(r0 + 0)\n{}{}r0 = *(u64 *)(r6 + 0)\n{}end: r0 = 0\nexit",
        set(5),
        set(6),
        keep(0),
        keep(1),
        set(7),
        keep(2),
    );
    for kind in ["hash", "array", "percpu_hash", "percpu_array"] {
        let map = format!(".map m kind={kind} key=4 value=8 entries=3");
        compare(&netns, "sched_cls", &map, &body, &tcp());
    }
}

#[test]
fn prefixes_and_rings_answer_as_in_the_kernel() {
    let Some(netns) = namespace("prefixes_and_rings_answer_as_in_the_kernel") else { return };
    let mut body = String::new();
    let mut slot = 0;
    let mut call = |helper: &str, length: i32, address: i32, value: i32, flags: i32| {
        body += &format!(
            "*(u32 *)(r10 - 8) = {length}\n*(u32 *)(r10 - 4) = {address}\n*(u64 *)(r10 - 16) = {value}\nr1 = m ll\n\
             r2 = r10\nr2 += -8\n"
        );
        if helper == "update" {
            body += &format!("r3 = r10\nr3 += -16\nr4 = {flags}\n");
        }
        body += &format!("call bpf_map_{helper}_elem\n");
        if helper == "lookup" {
            body += &format!("if r0 == 0 goto none{slot}\nr0 = *(u64 *)(r0 + 0)\nnone{slot}:\n");
        }
        body += &keep(slot);
        slot += 1;
    };
    let address = |a: u8, b: u8, c: u8, d: u8| i32::from_le_bytes([a, b, c, d]);
    call("update", 8, address(10, 0, 0, 0), 8, 0);
    call("update", 16, address(10, 1, 2, 3), 16, 1);
    call("update", 16, address(10, 1, 9, 9), 17, 1);
    call("update", 32, address(10, 1, 2, 3), 32, 2);
    call("update", 33, 0, 1, 0);
    call("update", 24, address(10, 1, 2, 0), 24, 0);
    call("update", 25, address(10, 1, 2, 0), 25, 0);
    call("update", 1, address(10, 1, 2, 0), 25, 3);
    for (length, last) in [(32, 3), (24, 3), (23, 3), (16, 3), (15, 3), (8, 3), (7, 3), (0, 0), (33, 3)] {
        call("lookup", length, address(10, 1, 2, last), 0, 0);
    }
    call("lookup", 32, address(10, 9, 9, 9), 0, 0);
    call("lookup", 32, address(11, 9, 9, 9), 0, 0);
    call("delete", 16, address(10, 1, 2, 3), 0, 0);
    call("delete", 16, address(10, 1, 2, 3), 0, 0);
    call("delete", 99, address(10, 1, 2, 3), 0, 0);
    call("lookup", 20, address(10, 1, 2, 3), 0, 0);
    call("update", 0, 0, 99, 0);
    call("lookup", 32, address(99, 9, 9, 9), 0, 0);
    body += "r0 = 0\nexit";
    compare(&netns, "sched_cls", ".map m kind=lpm_trie key=8 value=8 entries=3 flags=1", &body, &tcp());

    let mut body = String::new();
    let mut slot = 0;
    for size in [8, 4000, 4080, 4088, 4089, 100_000] {
        body += &format!(
            "r1 = m ll\nr2 = {size}\nr3 = 0\ncall bpf_ringbuf_reserve\nr6 = 0\nif r0 == 0 goto none{slot}\nr1 = r0\nr2 = 0\n\
             call bpf_ringbuf_discard\nr6 = 1\nnone{slot}:\nr0 = r6\n{}",
            keep(slot)
        );
        slot += 1;
        for what in [0, 1, 2, 3, 4] {
            body += &format!("r1 = m ll\nr2 = {what}\ncall bpf_ringbuf_query\n{}", keep(slot));
            slot += 1;
        }
    }
    body += "r0 = 0\nexit";
    compare(&netns, "sched_cls", ".map m kind=ringbuf entries=4096", &body, &tcp());
}

#[test]
fn arithmetic_and_comparisons_agree() {
    let Some(netns) = namespace("arithmetic_and_comparisons_agree") else { return };
    let numbers: [u64; 11] = [
        0,
        1,
        2,
        7,
        63,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        0x1234_5678_9abc_def0,
        0x8000_0000_0000_0000,
        u64::MAX,
    ];
    // What the kernel does not fold: both operands come from a map, as numbers it does not know.
    let operand = |reg: u32, value: u64| {
        format!("r2 = {value:#x} ll\n*(u64 *)(r10 - 8) = r2\nr{reg} = *(u64 *)(r10 - 8)\n")
    };
    let alu = ["+=", "-=", "*=", "/=", "s/=", "%=", "s%=", "|=", "&=", "^=", "<<=", ">>=", "s>>="];
    let compare_ops = ["==", "!=", ">", ">=", "<", "<=", "&", "s>", "s>=", "s<", "s<="];
    for (a, b) in numbers.iter().flat_map(|a| numbers.iter().map(move |b| (*a, *b))) {
        let mut body = String::new();
        let mut slot = 0;
        for op in alu {
            for prefix in ["r", "w"] {
                body += &operand(7, a);
                body += &operand(8, b);
                body += &format!("{prefix}7 {op} {prefix}8\nr0 = r7\n{}", keep(slot));
                slot += 1;
            }
        }
        for prefix in ["r", "w"] {
            body += "r9 = 0\n";
            for (bit, op) in compare_ops.iter().enumerate() {
                body += &operand(7, a);
                body += &operand(8, b);
                body += &format!("if {prefix}7 {op} {prefix}8 goto +1\ngoto +1\nr9 |= {}\n", 1 << bit);
            }
            body += &format!("r0 = r9\n{}", keep(slot));
            slot += 1;
        }
        body += "r0 = 0\nexit";
        compare(&netns, "sched_cls", "", &body, &tcp());
    }
}
