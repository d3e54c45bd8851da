//! The tables against the running kernel, if it is of a release that they describe. Skipped, with a message, where it
//! cannot be asked.

mod measured;

use std::os::fd::AsFd;
use std::sync::{Arc, LazyLock};

use belay_isa::Slot;
use belay_linux::{AttachBtf, Flags, Kernel, Load, LogLevel, Map, load, reason};
use belay_object::MapDef;
use belay_object::btf::{Btf, Kind};
use belay_spec::{ArgKind, Context, Helper, Hook, MapKind, Opening, Release, SockKind, TargetKind};
use measured::read;

/// The kernel's release, or the test ends here.
macro_rules! release {
    ($test:literal) => {
        match Kernel::for_test($test).map(|kernel| (kernel.profile(), kernel.release)) {
            None => return,
            Some((Some(release), _)) => release,
            Some((None, name)) => {
                eprintln!("skipped: {}: linux {name} is not a release that the tables describe", $test);
                return;
            }
        }
    };
}

const EXIT: Slot = Slot { opcode: 0x95, dst: 0, src: 0, off: 0, imm: 0 };

fn slot(opcode: u8, dst: u8, src: u8, off: i16, imm: i32) -> Slot {
    Slot { opcode, dst, src, off, imm }
}

fn mov(dst: u8, imm: i32) -> Slot {
    slot(0xb7, dst, 0, 0, imm)
}

fn call(helper: u32) -> Slot {
    slot(0x85, 0, 0, 0, helper as i32)
}

/// The hooks for which the kernel at hand loads programs. (It refuses to make trampolines.)
fn loadable() -> impl Iterator<Item = &'static Hook> {
    let trampoline = |hook: &&Hook| {
        matches!(hook.target_kind(), TargetKind::Function | TargetKind::SecurityHook | TargetKind::Program)
    };
    Hook::all().iter().filter(move |hook| !trampoline(hook))
}

/// A target of the hook, and its name in the kernel's types.
fn target(hook: &Hook) -> (&'static str, Option<AttachBtf>) {
    let (target, name) = match hook.target_kind() {
        TargetKind::Tracepoint => ("task_newtask", "btf_trace_task_newtask"),
        TargetKind::Iterator => ("tcp", "bpf_iter_tcp"),
        TargetKind::Member => ("tcp_congestion_ops.ssthresh", "tcp_congestion_ops"),
        _ => return ("", None),
    };
    static TYPES: LazyLock<Arc<Btf>> = LazyLock::new(|| Btf::running_kernel().expect("the kernel's types"));
    let wanted =
        |kind: &Kind<'_>| matches!(kind, Kind::Typedef { .. } | Kind::Func { .. } | Kind::Struct { .. });
    let id = TYPES.find(name, wanted).unwrap_or_else(|| panic!("no `{name}`"));
    (target, Some(AttachBtf { type_id: id.0, object_fd: 0 }))
}

/// What the kernel said to a program: `None` if it loads.
fn refusal(hook: &Hook, sleepable: bool, insns: &[Slot]) -> Option<String> {
    let flags = Flags { sleepable, ..Flags::default() };
    let request = Load {
        prog_type: hook.prog_type,
        attach_type: hook.attach_type,
        insns,
        license: "GPL",
        name: "belay_spec",
        log: LogLevel::Stats,
        flags,
        attach_btf: target(hook).1,
        ..Load::default()
    };
    load(&request).err().map(|rejected| reason(&rejected.log).to_owned())
}

/// Only sleepable programs may be loaded for this hook.
fn must_sleep(hook: &Hook) -> bool {
    hook.name == "syscall"
}

/// Calls the helper with the number 1 in every argument.
fn with_ones(hook: &Hook, helper: &Helper) -> Option<String> {
    let ones: Vec<Slot> = (1..=5).map(|reg| mov(reg, 1)).collect();
    refusal(hook, must_sleep(hook), &[&ones[..], &[call(helper.id), mov(0, 1), EXIT]].concat())
}

#[test]
fn every_hook_refuses_the_helpers_that_it_does_not_allow() {
    let release = release!("every_hook_refuses_the_helpers_that_it_does_not_allow");
    let (mut allowed, mut refused) = (0, 0);
    for hook in loadable() {
        for helper in Helper::all() {
            let said = with_ones(hook, helper).unwrap_or_default();
            let unknown = ["cannot use helper", "unknown func", "helper call is not allowed in probe"]
                .iter()
                .any(|refusal| said.contains(refusal));
            let opening = hook.opening(release, helper, target(hook).0);
            let open = matches!(opening, Opening::Open | Opening::AroundFunctions);
            assert_eq!(open, !unknown, "{} {}: {said}", hook.name, helper.name);
            if unknown { refused += 1 } else { allowed += 1 }
        }
    }
    assert!(allowed > 3000 && refused > 3000, "{allowed} allowed, {refused} refused");
}

#[test]
fn the_first_pointer_argument_is_asked_for_in_every_hook() {
    let release = release!("the_first_pointer_argument_is_asked_for_in_every_hook");
    let mut asked = 0;
    let mut wrong = Vec::new();
    for hook in loadable() {
        for helper in Helper::all() {
            let Some(helper) = hook.signature(release, helper.id) else { continue };
            if hook.opening(release, helper, target(hook).0) != Opening::Open {
                continue;
            }
            // A sleeping helper is refused before its arguments are looked at.
            if helper.effects.may_sleep && !must_sleep(hook) {
                continue;
            }
            let expected = helper.args.iter().zip(1..).find_map(|(arg, reg)| {
                arg.kind.expected(release).map(|types| format!("R{reg} type=scalar expected={types}"))
            });
            let said = with_ones(hook, helper);
            let label = format!("{} {}", hook.name, helper.name);
            if said != expected {
                wrong.push(format!("{label}: {said:?} not {expected:?}"));
            }
            asked += 1;
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(asked > 3000, "only {asked} helpers were asked");
}

/// A program that looks up a socket of this view, does `body` with it in `r0`, and lets it go.
fn with_socket(lookup: &Helper, body: &[Slot]) -> Vec<Slot> {
    let mut insns = vec![slot(0xbf, 6, 1, 0, 0)];
    insns.extend([slot(0x7a, 10, 0, -16, 0), slot(0x7a, 10, 0, -8, 0)]);
    insns.extend([slot(0xbf, 2, 10, 0, 0), slot(0x07, 2, 0, 0, -16), mov(3, 12), mov(4, -1), mov(5, 0)]);
    insns.extend([call(lookup.id), slot(0x55, 0, 0, 2, 0), mov(0, 0), EXIT]);
    insns.push(slot(0xbf, 7, 0, 0, 0));
    insns.extend(body);
    let release = Helper::by_name("sk_release").expect("a helper");
    insns.extend([slot(0xbf, 1, 7, 0, 0), call(release.id), mov(0, 0), EXIT]);
    insns
}

#[test]
fn socket_views_are_read_as_described() {
    release!("socket_views_are_read_as_described");
    let hook = Hook::by_name("sched_cls").expect("a hook");
    let lookup = |name| Helper::by_name(name).expect("a helper");
    for (view, lookup) in
        [(SockKind::SockCommon, lookup("skc_lookup_tcp")), (SockKind::Sock, lookup("sk_lookup_tcp"))]
    {
        let structure: &Context = view.structure();
        for off in -8..=structure.size as i32 + 8 {
            for (size, opcode) in [(1, 0x71), (2, 0x69), (4, 0x61), (8, 0x79)] {
                let load = slot(opcode, 1, 0, off as i16, 0);
                let said = refusal(hook, false, &with_socket(lookup, &[load]));
                let label = format!("{} read of {size} at {off}: {said:?}", view.name());
                assert_eq!(view.can_read(off, size), said.is_none(), "{label}");
                let expected = format!("R0 invalid {} access off={off} size={size}", view.name());
                assert!(said.is_none_or(|said| said == expected), "{label}");
            }
        }
    }
}

#[test]
fn a_lookup_takes_an_empty_tuple_as_described() {
    let release = release!("a_lookup_takes_an_empty_tuple_as_described");
    let hook = Hook::by_name("sched_cls").expect("a hook");
    for name in ["sk_lookup_tcp", "sk_lookup_udp", "skc_lookup_tcp"] {
        let helper = Helper::by_name(name).and_then(|h| hook.signature(release, h.id)).expect("allowed");
        let mut insns = with_socket(helper, &[]);
        let size = insns.iter_mut().find(|i| i.opcode == 0xb7 && i.dst == 3).expect("the size");
        size.imm = 0;
        let rule = helper.args.get(2).map(|a| a.kind);
        let empty = rule == Some(ArgKind::Size(belay_spec::SizeRule::ZeroAllowed));
        assert_eq!(refusal(hook, false, &insns).is_none(), empty, "{name}");
        assert_eq!(empty, release > Release::V6_1, "{name}");
    }
}

#[test]
fn helpers_are_supported_in_the_program_types_described() {
    release!("helpers_are_supported_in_the_program_types_described");
    for helper in Helper::all().iter().filter(|h| !h.effects.supported_in.is_empty()) {
        assert!(helper.args.iter().all(|a| a.kind == ArgKind::Context), "{}", helper.name);
        for hook in loadable().filter(|h| h.opening(Release::LATEST, helper, target(h).0) == Opening::Open) {
            let said = refusal(hook, must_sleep(hook), &[call(helper.id), mov(0, 1), EXIT]);
            let expected = (!helper.effects.supported_in.contains(&hook.prog_type)).then(|| {
                let Helper { name, id, .. } = helper;
                format!("func {name}#{id} not supported for program type {}", hook.prog_type)
            });
            assert_eq!(said, expected, "{} {}", hook.name, helper.name);
        }
    }
}

#[test]
fn rules_hold_as_measured() {
    let release = release!("rules_hold_as_measured");
    let array = MapDef::new("array", MapKind::ARRAY, 4, 8, 4);
    let array = Map::create(&array).expect("an array");
    for fact in read("rules.json").as_array().expect("a list") {
        let text = fact["slots"].as_str().expect("slots");
        let insns: Vec<Slot> = text.split(' ').map(|hex| Slot::from_le_bytes(bytes(hex))).collect();
        let prog_type = fact["prog_type"].as_u64().and_then(|n| u32::try_from(n).ok()).expect("a number");
        let maps = [array.as_fd()];
        let request = Load { prog_type, insns: &insns, maps: &maps, name: "belay_rule", ..Load::default() };
        let loads = load(&request).map_err(|rejected| reason(&rejected.log).to_owned());
        let label = format!("{} ({}): {:?}", fact["rule"], fact["about"], loads.as_ref().err());
        assert_eq!(fact["loads"][release.to_string()], loads.is_ok(), "{label}");
    }
}

fn bytes(hex: &str) -> [u8; 8] {
    u64::from_str_radix(hex, 16).expect("sixteen digits").to_be_bytes()
}
