//! The table of kernel functions against what kernels register, and against the running kernel.
//!
//! `facts/kfuncs.json` was read out of the kernels' own tables: of the running one by `belay kernel profile`, of Debian's in
//! QEMU; of modules from the section `.BTF_ids` of their files.

mod measured;

use belay_isa::Slot;
use belay_linux::{AttachBtf, Flags, Kernel, Load, LogLevel, load};
use belay_object::btf::{Btf, Kind};
use belay_spec::{Kfunc, KfuncFlags, KfuncSets, Release};
use measured::read;

#[test]
fn the_table_is_what_kernels_register() {
    let facts = read("kfuncs.json");
    for release in Release::ALL {
        let measured = facts[release.to_string()].as_object().expect("a map by name");
        for row in Kfunc::all() {
            let Some(fact) = measured.get(row.name) else {
                assert_eq!(row.registration(release), None, "{release} {}", row.name);
                continue;
            };
            let flags = fact["flags"].as_u64().and_then(|n| u32::try_from(n).ok()).map(KfuncFlags);
            let sets = fact["sets"].as_str().expect("names").split(' ');
            let sets =
                sets.map(|set| KfuncSets::by_name(set).expect("a set")).fold(KfuncSets::NONE, KfuncSets::and);
            let registered = row.registration(release).map(|r| (Some(r.flags), r.sets));
            assert_eq!(registered, Some((flags, sets)), "{release} {}", row.name);
        }
        assert!(measured.keys().all(|name| Kfunc::by_name(name).is_some()), "{release}");
    }
}

#[test]
fn flags_and_roles_go_together() {
    for row in Kfunc::all() {
        for registration in Release::ALL.into_iter().filter_map(|release| row.registration(release)) {
            let flags = registration.flags;
            let holds =
                flags.has(KfuncFlags::ACQUIRE) || flags.has(KfuncFlags::RELEASE) || flags.is_iterator();
            assert!(row.resource.is_none() || holds, "{}", row.name);
        }
    }
    assert!(Kfunc::all().is_sorted_by(|a, b| a.name < b.name));
}

/// Program types that load without more, with the expected attach type and what they attach to.
const PROGRAMS: &[(u32, u32, &str)] = &[
    (1, 0, ""),
    (2, 0, ""),
    (3, 0, ""),
    (4, 0, ""),
    (5, 0, ""),
    (6, 0, ""),
    (7, 0, ""),
    (8, 0, ""),
    (9, 2, ""),
    (10, 0, ""),
    (11, 0, ""),
    (12, 0, ""),
    (13, 3, ""),
    (14, 0, ""),
    (15, 6, ""),
    (16, 7, ""),
    (17, 0, ""),
    (18, 8, ""),
    (19, 0, ""),
    (21, 0, ""),
    (22, 17, ""),
    (23, 18, ""),
    (24, 0, ""),
    (25, 22, ""),
    (26, 23, "btf_trace_sched_switch"),
    (26, 28, "bpf_iter_task"),
    (26, 28, "bpf_iter_tcp"),
    (30, 36, ""),
    (31, 0, ""),
    (32, 45, ""),
];

/// What the kernel says to a program that only calls a function.
fn calling(btf: &Btf, (prog_type, attach_type, target): (u32, u32, &str), function: u32) -> String {
    let call = Slot { opcode: 0x85, dst: 0, src: 2, off: 0, imm: function.cast_signed() };
    let exit = [Slot { opcode: 0xb7, imm: 1, ..Slot::default() }, Slot { opcode: 0x95, ..Slot::default() }];
    let attach_to = |kind: &Kind<'_>| matches!(kind, Kind::Func { .. } | Kind::Typedef(_));
    let attach_btf =
        btf.find(target, attach_to).map(|id| AttachBtf { type_id: id.0, ..AttachBtf::default() });
    let request = Load {
        prog_type,
        attach_type,
        insns: &[&[call], &exit[..]].concat(),
        name: "belay_kfunc",
        log: LogLevel::Full,
        flags: Flags { sleepable: prog_type == 31, ..Flags::default() },
        attach_btf: attach_btf.filter(|_| !target.is_empty()),
        ..Load::default()
    };
    load(&request).err().map(|rejected| rejected.log).unwrap_or_default()
}

#[test]
fn the_running_kernel_lets_the_programs_call_that_the_table_names() {
    const TEST: &str = "the_running_kernel_lets_the_programs_call_that_the_table_names";
    let Some(kernel) = Kernel::for_test(TEST) else { return };
    let Some(release) = kernel.profile() else {
        eprintln!("skipped: {TEST}: linux {} is not a release that the tables describe", kernel.release);
        return;
    };
    let btf = Btf::running_kernel().expect("the kernel's types");
    let (mut allowed, mut refused) = (0, 0);
    for row in Kfunc::all() {
        let Some(function) = btf.find_func(row.name) else { continue };
        for &program @ (prog_type, attach_type, _) in PROGRAMS {
            let said = calling(&btf, program, function.0);
            let not_allowed = said.contains("is not allowed")
                || said.contains("metadata kfuncs require device-bound program");
            let expected = row.registration(release).is_some_and(|registration| {
                registration.sets.meets(KfuncSets::of_program(release, prog_type))
                    && row.scope.holds(prog_type, attach_type)
            });
            assert_eq!(expected, !not_allowed, "{} in {program:?}: {said}", row.name);
            if expected { allowed += 1 } else { refused += 1 }
        }
    }
    assert!(allowed > 500 && refused > 500, "{allowed} allowed, {refused} refused");
    eprintln!("{allowed} allowed, {refused} refused");
}
