//! Programs that do one thing wrong, and what the checked interpreter says of each: kind, place, and where it began.

use std::sync::Arc;

use belay_isa::{Pc, Reg};
use belay_object::{Object, Options};
use belay_sockets::SocketTable;
use belay_spec::{Release, Resource, SockKind};
use belay_vm::{Checked, Due, Ended, FaultKind, Machine, Maps, Packet, Report, Strictness, Target};

/// A listener on port 22, a connection to port 80.
const SOCKETS: &str = r#"
[[netns]]
name = "host"
[[tcp]]
state = "listen"
local = "0.0.0.0:22"
[[tcp]]
state = "established"
local = "10.0.0.1:80"
remote = "10.0.0.2:1024"
"#;

/// Looks up the listener; the result is in `r0`, the context in `r6`.
const LOOKUP: &str = r"
    r6 = r1
    r2 = 0
    *(u64 *)(r10 - 16) = r2
    *(u32 *)(r10 - 8) = 0x16000000
    r2 = r10
    r2 += -16
    *(u32 *)(r10 - 8) = 0
    *(u16 *)(r10 - 6) = 0x1600
    r3 = 12
    r4 = -1
    r5 = 0
    call bpf_sk_lookup_tcp
";

struct Ran {
    report: Report,
    held: u64,
}

fn run_as(hook: &str, maps: &str, body: &str) -> Ran {
    let text = format!(".license GPL\n{maps}\n.hook {hook}\n.prog test\n{body}\n");
    let object =
        Object::parse("t.s", text.as_bytes(), &Options::default()).expect("the program is well formed");
    let made = Arc::new(Maps::from_defs(&object.maps).expect("the maps can be made"));
    let checked = Checked::new(&object.programs[0], made, Release::LATEST).expect("all of it runs");
    let sockets = SocketTable::from_toml("sockets.toml", SOCKETS).expect("the table is well formed");
    let mut machine = Machine::new(sockets);
    let mut packet = Packet::new(&[0x11; 60]).expect("a frame");
    let report = checked.run(&mut machine, &mut packet);
    let held = machine.sockets.read().unbalanced().count() as u64;
    Ran { report, held }
}

fn run(body: &str) -> Report {
    let ran = run_as("sched_cls", ".map counts kind=hash key=4 value=8 entries=4", body);
    assert_eq!(ran.held, 0, "the runner gives back what the program kept");
    ran.report
}

/// The fault of a program, with its place.
fn fault(body: &str) -> (FaultKind, Pc) {
    let fault = run(body).result.expect_err("the program must be stopped");
    assert!(!fault.to_string().is_empty());
    (fault.kind, fault.pc)
}

#[test]
fn a_good_program_is_clean() {
    let report =
        run(&format!("{LOOKUP} if r0 == 0 goto out\n r1 = r0\n call bpf_sk_release\nout: r0 = 2\n exit"));
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.result, Ok(2));
    assert_eq!(report.trace.lookups.len(), 1);
    assert!(report.trace.lookups[0].found.is_some());
    assert_eq!(report.instructions, 17);
}

#[test]
fn registers_must_be_written() {
    assert_eq!(fault("r0 = r3\nexit"), (FaultKind::UninitialisedRegister(Reg::R3), Pc(0)));
    assert_eq!(fault("r2 = 1\nexit"), (FaultKind::UninitialisedRegister(Reg::R0), Pc(1)));
    // A call makes r1 to r5 unreadable.
    assert_eq!(
        fault("call bpf_ktime_get_ns\nr0 = r1\nexit"),
        (FaultKind::UninitialisedRegister(Reg::R1), Pc(1))
    );
    assert_eq!(fault("r10 = 1\nexit"), (FaultKind::FramePointerWritten, Pc(0)));
}

#[test]
fn the_stack_has_bounds_and_unwritten_bytes() {
    let kind = |off| FaultKind::UninitialisedStack { off };
    assert_eq!(fault("r0 = *(u64 *)(r10 - 8)\nexit"), (kind(-8), Pc(0)));
    assert_eq!(fault("*(u32 *)(r10 - 8) = 1\nr0 = *(u64 *)(r10 - 8)\nexit"), (kind(-4), Pc(1)));
    let outside = |off| FaultKind::OutOfBounds { target: Target::Stack, off, size: 8, len: 512 };
    assert_eq!(fault("*(u64 *)(r10 - 520) = 0\nexit"), (outside(-8), Pc(0)));
    assert_eq!(fault("*(u64 *)(r10 - 4) = 0\nexit"), (outside(508), Pc(0)));
}

#[test]
fn numbers_and_null_are_no_pointers() {
    assert_eq!(
        fault("r2 = 0x1234\nr0 = *(u8 *)(r2 + 0)\nexit"),
        (FaultKind::NotAPointer { register: Reg::R2, value: 0x1234 }, Pc(1))
    );
    let null = "r2 = r10\nr2 += -4\n*(u32 *)(r2 + 0) = 1\nr1 = counts ll\ncall bpf_map_lookup_elem\nr0 = *(u64 *)(r0 + 0)\nexit";
    let report = run(null).result.expect_err("no such key");
    assert_eq!(report.kind, FaultKind::NullPointer { register: Reg::R0 });
    assert_eq!((report.pc, report.acquired_at), (Pc(6), Some(Pc(5))));
    // A pointer that was overwritten in part is a number.
    let spoiled =
        "*(u64 *)(r10 - 8) = r1\n*(u8 *)(r10 - 1) = 0\nr2 = *(u64 *)(r10 - 8)\nr0 = *(u32 *)(r2 + 0)\nexit";
    assert!(matches!(fault(spoiled), (FaultKind::NotAPointer { register: Reg::R2, .. }, Pc(3))));
    // 32-bit arithmetic makes a number of it, too.
    assert!(matches!(fault("w2 = w1\nr0 = *(u32 *)(r2 + 0)\nexit"), (FaultKind::NotAPointer { .. }, Pc(1))));
}

#[test]
fn packets_end_and_move() {
    let load = "r2 = *(u32 *)(r1 + 76)\n";
    let outside = FaultKind::OutOfBounds { target: Target::Packet, off: 57, size: 4, len: 60 };
    assert_eq!(fault(&format!("{load}r0 = *(u32 *)(r2 + 57)\nexit")), (outside, Pc(1)));
    assert_eq!(run(&format!("{load}r0 = *(u32 *)(r2 + 56)\nexit")).result, Ok(0x1111_1111));
    let end = "r2 = *(u32 *)(r1 + 80)\nr0 = *(u8 *)(r2 - 1)\nexit";
    assert!(matches!(fault(end), (FaultKind::OutOfBounds { target: Target::PacketEnd, .. }, Pc(1))));
    let report =
        run("r6 = r1\nr7 = *(u32 *)(r6 + 76)\nr2 = 0\ncall bpf_skb_pull_data\nr0 = *(u8 *)(r7 + 0)\nexit");
    let moved = report.result.expect_err("the packet may have moved");
    assert_eq!(moved.kind, FaultKind::UseAfterEnd { target: Target::Packet, why: Ended::PacketMoved });
    assert_eq!((moved.pc, moved.ended_at), (Pc(4), Some(Pc(3))));
}

#[test]
fn context_fields_have_widths_and_rules() {
    assert_eq!(fault("r0 = *(u64 *)(r1 + 0)\nexit"), (FaultKind::ContextAccess { off: 0, size: 8 }, Pc(0)));
    assert_eq!(
        fault("r0 = *(u32 *)(r1 + 192)\nexit"),
        (FaultKind::ContextAccess { off: 192, size: 4 }, Pc(0))
    );
    assert_eq!(fault("*(u32 *)(r1 + 0) = 1\nexit"), (FaultKind::ContextAccess { off: 0, size: 4 }, Pc(0)));
    assert_eq!(run("*(u32 *)(r1 + 8) = 7\nr0 = *(u16 *)(r1 + 8)\nexit").result, Ok(7));
    assert_eq!(run("*(u64 *)(r1 + 52) = 7\nr0 = *(u32 *)(r1 + 52)\nexit").result.unwrap_err().pc, Pc(0));
    assert_eq!(run("r2 = 7\n*(u64 *)(r1 + 48) = r2\nr0 = *(u64 *)(r1 + 48)\nexit").result, Ok(7));
}

#[test]
fn a_socket_that_is_kept_is_a_leak() {
    let report = run(&format!("{LOOKUP} r0 = 0\nexit"));
    assert_eq!(report.result, Ok(0));
    let [leak] = report.leaks.as_slice() else { panic!("{report:?}") };
    assert_eq!((leak.resource, leak.by, leak.due), (Resource::Socket, "bpf_sk_lookup_tcp", Due::Exit));
    assert_eq!((leak.acquired_at, leak.noticed_at), (Pc(11), Pc(13)));
    assert_eq!(
        leak.to_string(),
        "program `test`: socket from `bpf_sk_lookup_tcp` at instruction 11 is still held at instruction 13, where the \
         program ends"
    );
}

#[test]
fn a_socket_is_used_and_released_once() {
    let kind = SockKind::Sock;
    let socket = || Target::Socket(kind);
    let twice =
        format!("{LOOKUP} r7 = r0\nr1 = r0\ncall bpf_sk_release\nr1 = r7\ncall bpf_sk_release\nr0 = 0\nexit");
    let fault = run(&twice).result.expect_err("twice");
    assert_eq!(fault.kind, FaultKind::DoubleRelease { target: socket() });
    assert_eq!((fault.pc, fault.acquired_at, fault.ended_at), (Pc(16), Some(Pc(11)), Some(Pc(14))));
    let after = format!("{LOOKUP} r7 = r0\nr1 = r0\ncall bpf_sk_release\nr0 = *(u32 *)(r7 + 0)\nexit");
    let fault = run(&after).result.expect_err("used after release");
    assert_eq!(fault.kind, FaultKind::UseAfterEnd { target: socket(), why: Ended::Released });
    assert_eq!((fault.pc, fault.acquired_at, fault.ended_at), (Pc(15), Some(Pc(11)), Some(Pc(14))));
    let derived = format!(
        "{LOOKUP} r7 = r0\nr1 = r0\ncall bpf_tcp_sock\nr8 = r0\nr1 = r7\ncall bpf_sk_release\nr0 = *(u32 *)(r8 + 0)\nexit"
    );
    let fault = run(&derived).result.expect_err("derived");
    assert_eq!(
        fault.kind,
        FaultKind::UseAfterEnd { target: Target::Socket(SockKind::TcpSock), why: Ended::Released }
    );
    let field = format!("{LOOKUP} r1 = *(u64 *)(r0 + 0)\nr0 = 0\nexit");
    assert_eq!(run(&field).result.unwrap_err().kind, FaultKind::SocketAccess { kind, off: 0, size: 8 });
    let written = format!("{LOOKUP} *(u32 *)(r0 + 0) = 0\nr0 = 0\nexit");
    assert_eq!(run(&written).result.unwrap_err().kind, FaultKind::ReadOnly { target: socket() });
}

#[test]
fn a_borrowed_socket_is_not_released_and_outlives_its_parent() {
    let borrow = format!("{LOOKUP} r7 = r0\nr1 = r0\ncall bpf_get_listener_sock\nr8 = r0\n");
    let release = format!("{borrow} r1 = r8\ncall bpf_sk_release\nr0 = 0\nexit");
    assert!(matches!(run(&release).result.unwrap_err().kind, FaultKind::NotOwned { .. }));
    let good = format!("{borrow} r1 = r7\ncall bpf_sk_release\nr0 = *(u32 *)(r8 + 72)\nexit");
    let report = run(&good);
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.result, Ok(10), "TCP_LISTEN");
}

#[test]
fn arguments_are_held_to_the_signature() {
    let wrong = |body: &str, register: Reg, expected: &'static str| {
        let (kind, _) = fault(body);
        assert!(
            matches!(&kind, FaultKind::Argument { register: r, expected: e, .. } if *r == register && *e == expected),
            "{body}: {kind:?}"
        );
    };
    wrong("r1 = 5\nr2 = r10\ncall bpf_map_lookup_elem\nexit", Reg::R1, "a map");
    wrong("r6 = r1\nr1 = counts ll\nr2 = r6\ncall bpf_map_lookup_elem\nexit", Reg::R2, "memory");
    wrong("r2 = 0\nr3 = r10\nr3 += -8\nr4 = 0\ncall bpf_skb_load_bytes\nexit", Reg::R4, "a size above 0");
    wrong(
        "r2 = 0\nr3 = *(u32 *)(r1 + 76)\nr4 = 4\ncall bpf_skb_load_bytes\nexit",
        Reg::R3,
        "memory outside the packet",
    );
    wrong("r1 = counts ll\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\nexit", Reg::R1, "a map of another kind");
    let (kind, pc) = fault("r2 = 0\nr3 = r10\nr3 += -8\nr4 = 9\ncall bpf_skb_load_bytes\nexit");
    assert_eq!(
        (kind, pc),
        (FaultKind::OutOfBounds { target: Target::Stack, off: 504, size: 9, len: 512 }, Pc(4))
    );
    let (kind, _) = fault("r2 = -8\ncall bpf_xdp_adjust_head\nexit");
    assert_eq!(kind, FaultKind::HelperNotAllowed(44));
}

#[test]
fn the_key_of_a_map_must_be_written() {
    let (kind, pc) = fault("r2 = r10\nr2 += -4\nr1 = counts ll\ncall bpf_map_lookup_elem\nexit");
    assert_eq!((kind, pc), (FaultKind::UninitialisedStack { off: -4 }, Pc(4)));
}

#[test]
fn a_frame_ends_with_its_function() {
    let body = "call inner\nr0 = *(u64 *)(r0 + 0)\nexit\n.func inner\n*(u64 *)(r10 - 8) = 1\nr0 = r10\nr0 += -8\nexit";
    let fault = run(body).result.expect_err("the frame is gone");
    assert_eq!(fault.kind, FaultKind::UseAfterEnd { target: Target::Stack, why: Ended::Returned });
    assert_eq!((fault.pc, fault.ended_at), (Pc(1), Some(Pc(6))));
    assert_eq!(
        run("call deeper\nexit\n.func deeper\ncall deeper\nexit").result.unwrap_err().kind,
        FaultKind::CallDepth
    );
    let preserved = "r6 = 7\ncall inner\nr0 += r6\nexit\n.func inner\nr0 = r6\nexit";
    assert_eq!(run(preserved).result.unwrap_err().kind, FaultKind::UninitialisedRegister(Reg::R6));
}

#[test]
fn endless_programs_end() {
    let text = ".hook xdp\n.prog test\ntop: goto top\n";
    let object = Object::parse("t.s", text.as_bytes(), &Options::default()).expect("well formed");
    let mut checked = Checked::new(&object.programs[0], Arc::default(), Release::LATEST).expect("runs");
    checked.strictness = Strictness { budget: 1000, ..Strictness::default() };
    let report = checked.run(&mut Machine::default(), &mut Packet::new(&[0; 14]).expect("a frame"));
    assert_eq!(report.result.unwrap_err().kind, FaultKind::Budget(1000));
    assert_eq!(report.instructions, 1000);
    assert_eq!(fault("r0 = 0\ngoto -3").0, FaultKind::LeftProgram);
}

#[test]
fn records_are_submitted_once() {
    let maps = ".map ring kind=ringbuf entries=4096";
    let reserve = "r1 = ring ll\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\n";
    let leaked = run_as("sched_cls", maps, &format!("{reserve} r0 = 0\nexit")).report;
    assert_eq!(leaked.leaks.len(), 1);
    assert_eq!(leaked.leaks[0].resource, Resource::RingbufRecord);
    let beyond = run_as("sched_cls", maps, &format!("{reserve} *(u64 *)(r0 + 4) = 1\nexit")).report;
    assert_eq!(
        beyond.result.unwrap_err().kind,
        FaultKind::OutOfBounds { target: Target::Record, off: 4, size: 8, len: 8 }
    );
    let good =
        format!("{reserve} *(u64 *)(r0 + 0) = 1\nr1 = r0\nr2 = 0\ncall bpf_ringbuf_submit\nr0 = 0\nexit");
    assert!(run_as("sched_cls", maps, &good).report.is_clean());
}

#[test]
fn callbacks_balance_their_own_references() {
    let body = format!(
        "r6 = r1\nr1 = 2\nr2 = callback ll\nr3 = r10\nr3 += -8\n*(u64 *)(r10 - 8) = r6\nr4 = 0\ncall bpf_loop\nexit\n\
         callback:\nr1 = *(u64 *)(r2 + 0)\n{LOOKUP} r0 = 0\nexit"
    );
    let report = run(&body);
    assert_eq!(report.result, Ok(2), "two rounds");
    assert_eq!(report.leaks.iter().map(|leak| leak.due).collect::<Vec<_>>(), [Due::Callback; 2]);
}

#[test]
fn packets_of_cgroup_programs_are_read_only() {
    let body = "r2 = *(u32 *)(r1 + 76)\n*(u8 *)(r2 + 0) = 1\nr0 = 1\nexit";
    let ran = run_as("cgroup_skb/ingress", "", body);
    assert_eq!(ran.report.result.unwrap_err().kind, FaultKind::ReadOnly { target: Target::Packet });
    let ran = run_as("cgroup_skb/ingress", "", "r0 = *(u32 *)(r1 + 0)\nexit");
    assert_eq!(ran.report.result, Ok(46), "the packet begins at the network header");
}

#[test]
fn null_that_was_checked_is_the_number_zero() {
    // A look-up that finds nothing; the packet pointer plus its result is still a packet pointer.
    let report = run("
        r6 = r1
        *(u64 *)(r10 - 16) = 0
        *(u64 *)(r10 - 8) = 0
        r2 = r10
        r2 += -16
        r3 = 12
        r4 = -1
        r5 = 0
        call bpf_sk_lookup_tcp
        if r0 != 0 goto found
        r2 = *(u32 *)(r6 + 76)
        r2 += r0
        r3 = *(u32 *)(r6 + 80)
        r4 = r2
        r4 += 14
        if r4 > r3 goto out
        r0 = *(u8 *)(r2 + 13)
        exit
    found:
        r1 = r0
        call bpf_sk_release
    out:
        r0 = 0
        exit");
    assert_eq!(report.result, Ok(0x11), "{report:?}");
}

#[test]
fn context_fields_are_loaded_with_their_sign() {
    // `len` is 60; a pointer has no sign to extend.
    assert_eq!(run("r0 = *(s8 *)(r1 + 0)\nexit").result, Ok(60));
    let (kind, pc) = fault("r0 = *(s32 *)(r1 + 76)\nexit");
    assert_eq!((kind, pc), (FaultKind::ContextAccess { off: 76, size: 4 }, Pc(0)));
}

#[test]
fn null_memory_goes_with_size_zero_only() {
    let call = |size: u32| format!("r1 = 0\nr2 = {size}\nr3 = 0\nr4 = 0\nr5 = 7\ncall bpf_csum_diff\nexit");
    assert_eq!(run(&call(0)).result, Ok(7));
    assert!(matches!(fault(&call(8)).0, FaultKind::Argument { helper: "bpf_csum_diff", .. }));
}

#[test]
fn an_atomic_operation_gives_a_spilled_pointer_back() {
    let operations = [
        "r1 = xchg_64(r10 - 8, r1)",
        "r1 = atomic_fetch_add((u64 *)(r10 - 8), r1)",
        "r0 = 0\nr0 = cmpxchg_64(r10 - 8, r0, r1)\nr1 = r0",
    ];
    for operation in operations {
        let report =
            run(&format!("*(u64 *)(r10 - 8) = r1\n{operation}\nr0 = *(u32 *)(r1 + 0)\nr0 = 0\nexit"));
        assert!(report.is_clean(), "{operation}: {report:#?}");
    }
    // What it leaves there is a number.
    let body = "*(u64 *)(r10 - 8) = r1\nr2 = 8\nlock *(u64 *)(r10 - 8) += r2\nr1 = *(u64 *)(r10 - 8)\nr0 = *(u32 *)(r1 + 0)\nexit";
    let fault = run(body).result.expect_err("a number");
    assert!(matches!(fault.kind, FaultKind::NotAPointer { .. }), "{fault}");
}

/// A place on the stack for what a kernel function makes.
const PLACE: &str = "r1 = r10\n r1 += -8\n";

#[test]
fn iterators_end_and_are_not_made_up() {
    let new = format!("{PLACE} r2 = 0\n r3 = 3\n call bpf_iter_num_new\n");
    let report = run(&format!("{new} r0 = 0\n exit"));
    let leak = &report.leaks[0];
    assert_eq!((leak.resource, leak.by, leak.acquired_at), (Resource::Iterator, "bpf_iter_num_new", Pc(4)));
    let wrong =
        |expected| FaultKind::KfuncArgument { kfunc: "bpf_iter_num_next", register: Reg::R1, expected };
    let next = format!("{PLACE} call bpf_iter_num_next\n");
    assert_eq!(fault(&format!("*(u64 *)(r10 - 8) = 5\n {next} r0 = 0\n exit")).0, wrong("an iterator"));
    let ended = format!("{new} {PLACE} call bpf_iter_num_destroy\n {next} r0 = 0\n exit");
    assert_eq!(fault(&ended).0, wrong("an iterator"));
    // What it stands at is gone with it.
    let late =
        format!("{new} {next} r6 = r0\n {PLACE} call bpf_iter_num_destroy\n r0 = *(u32 *)(r6 + 0)\n exit");
    let kind = FaultKind::UseAfterEnd { target: Target::Slice, why: Ended::Released };
    assert_eq!(fault(&late).0, kind);
    let written = format!("{new} {next} *(u32 *)(r0 + 0) = 1\n exit");
    assert_eq!(fault(&written).0, FaultKind::ReadOnly { target: Target::Slice });
}

#[test]
fn sections_are_left_and_interrupts_restored() {
    let report = run("call bpf_rcu_read_lock\n call bpf_preempt_disable\n r0 = 0\n exit");
    let kept: Vec<_> = report.leaks.iter().map(|leak| leak.resource).collect();
    assert_eq!(kept, [Resource::RcuSection, Resource::Preemption]);
    let unbalanced = |kfunc| FaultKind::Unbalanced { kfunc };
    assert_eq!(fault("call bpf_rcu_read_unlock\n r0 = 0\n exit").0, unbalanced("bpf_rcu_read_unlock"));
    let save = |at: i32| format!("r1 = r10\n r1 += -{at}\n call bpf_local_irq_save\n");
    let restore = |at: i32| format!("r1 = r10\n r1 += -{at}\n call bpf_local_irq_restore\n");
    let crossed = format!("{}{}{} r0 = 0\n exit", save(8), save(16), restore(8));
    assert_eq!(fault(&crossed).0, unbalanced("bpf_local_irq_restore"));
    let nested = format!("{}{}{}{} r0 = 0\n exit", save(8), save(16), restore(16), restore(8));
    assert!(run(&nested).is_clean());
}

#[test]
fn slices_of_a_packet_go_when_it_may_move() {
    let made = "r6 = r1\n r2 = 0\n r3 = r10\n r3 += -16\n call bpf_dynptr_from_skb\n";
    let slice = "r1 = r10\n r1 += -16\n r2 = 0\n r3 = 0\n r4 = 8\n call bpf_dynptr_slice\n";
    assert!(run(&format!("{made}{slice} r0 = *(u64 *)(r0 + 0)\n r0 = 0\n exit")).is_clean());
    let moved = "r7 = r0\n r1 = r6\n r2 = 100\n r3 = 0\n call bpf_skb_change_tail\n";
    let kind = FaultKind::UseAfterEnd { target: Target::Slice, why: Ended::PacketMoved };
    assert_eq!(fault(&format!("{made}{slice}{moved} r0 = *(u64 *)(r7 + 0)\n exit")).0, kind);
    // The dynptr itself stays.
    assert!(run(&format!("{made}{slice}{moved}{slice} r0 = *(u64 *)(r0 + 0)\n r0 = 0\n exit")).is_clean());
    let outside = FaultKind::OutOfBounds { target: Target::Slice, off: 4, size: 8, len: 8 };
    assert_eq!(fault(&format!("{made}{slice} r0 = *(u64 *)(r0 + 4)\n exit")).0, outside);
    assert_eq!(
        fault(&format!("{made}{slice} *(u8 *)(r0 + 0) = 4\n exit")).0,
        FaultKind::ReadOnly { target: Target::Slice }
    );
    let overwritten = format!("{made} *(u64 *)(r10 - 16) = 7\n {slice} r0 = 0\n exit");
    let wrong =
        FaultKind::KfuncArgument { kfunc: "bpf_dynptr_slice", register: Reg::R1, expected: "a dynptr" };
    assert_eq!(fault(&overwritten).0, wrong);
}
