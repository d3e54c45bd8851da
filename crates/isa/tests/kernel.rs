//! The running kernel as the yardstick of decoding: what it calls no instruction we do, in the same words, and nothing
//! else. Needs Linux 6.18 and the right to load programs; `BELAY_REQUIRE=kernel` makes their absence a failure.

use belay_isa::{DecodeErrorKind, Insn, Pc, Slot, decode, parse_insn};
use belay_linux::{Kernel, Load, LogLevel, load};
use belay_spec::Release;

const SOCKET_FILTER: u32 = 1;

fn slot(opcode: u8, dst: u8, src: u8, off: i16, imm: i32) -> Slot {
    Slot { opcode, dst, src, off, imm }
}

/// The probe stands behind a branch on unknown data, so what follows it is reachable whatever it does.
fn program(probe: &[Slot]) -> (Vec<Slot>, Pc) {
    let mut slots = vec![slot(0xbf, 6, 1, 0, 0), slot(0x61, 7, 6, 0, 0)];
    slots.extend([0, 1, 2, 3, 4, 5, 8, 9].map(|reg| slot(0xb7, reg, 0, 0, 1)));
    slots.push(slot(0x15, 7, 0, i16::try_from(probe.len()).unwrap(), 0));
    let pc = Pc(u32::try_from(slots.len()).unwrap());
    slots.extend(probe);
    // Farther than any offset that the test tries.
    slots.extend([slot(0xb7, 0, 0, 0, 0); 40]);
    slots.push(slot(0x95, 0, 0, 0, 0));
    (slots, pc)
}

/// What the kernel said about the instruction at `pc`.
enum Said {
    /// It is no instruction, in these words.
    NoInstruction(String),
    /// It walked over it, whatever it said then, and printed it so.
    Walked(String),
    /// It refused the program's shape before it walked it: jumps out of range, calls that break a function.
    Unasked,
}

fn ask(slots: &[Slot], pc: Pc) -> Said {
    let request = Load {
        prog_type: SOCKET_FILTER,
        insns: slots,
        name: "decode",
        license: "GPL",
        // A shorter log forgets the paths that were found good.
        log: LogLevel::Verbose,
        ..Load::default()
    };
    let log = load(&request).map_or_else(|rejected| rejected.log, |loaded| loaded.log.clone());
    if let Some(line) = log.lines().find(|line| speaks_of_decoding(line)) {
        return Said::NoInstruction(line.to_owned());
    }
    let head = format!("{pc}: (");
    let text = log.lines().find_map(|line| line.strip_prefix(&head)?.split_once(") "));
    match text {
        // After the instruction come the registers that it changed.
        Some((_, text)) => Said::Walked(text.split(';').next().unwrap_or(text).trim_end().to_owned()),
        None => Said::Unasked,
    }
}

fn speaks_of_decoding(line: &str) -> bool {
    let register = line.strip_prefix('R').and_then(|rest| rest.strip_suffix(" is invalid"));
    register.is_some_and(|number| number.parse::<u8>().is_ok())
        || line.ends_with(" uses reserved fields")
        || line.starts_with("unknown opcode ")
        || line.starts_with("BPF_ATOMIC uses invalid atomic opcode ")
        || line.starts_with("invalid may_goto imm ")
        || ["invalid atomic operand size", "invalid bpf_ld_imm64 insn", "unrecognized bpf_ld_imm64 insn"]
            .contains(&line)
}

/// Each opcode with register pairs and with offsets and immediates that select something somewhere.
fn probes() -> Vec<Vec<Slot>> {
    let mut probes = Vec::new();
    for opcode in 0..=255u8 {
        for dst in [0, 1, 10, 11] {
            for src in [0, 1, 2, 3, 9, 13] {
                probes.extend([0, 16].map(|imm| vec![slot(opcode, dst, src, 0, imm)]));
            }
        }
        // What Linux does not know at all, it does not know with any offset: the registers' probes suffice.
        let plain = [slot(opcode, 1, 0, 0, 0)];
        let (slots, pc) = program(&plain);
        if matches!(ask(&slots, pc), Said::NoInstruction(words) if words.starts_with("unknown opcode")) {
            continue;
        }
        for (dst, src) in [(0, 0), (1, 2)] {
            for off in [0, 1, 2, 8, 16, 32, -1] {
                for imm in
                    [0, 1, 2, 8, 32, 64, 0x40, 0x50, 0xa0, 0xa1, 0xe0, 0xe1, 0xf1, 0x100, 0x110, 0x111, -1]
                {
                    probes.push(vec![slot(opcode, dst, src, off, imm)]);
                }
            }
        }
    }
    // Maps (1, 2) are left out: there is none to name.
    for src in [0, 3, 4, 5, 6, 7, 15] {
        for off in [0, 1] {
            for dst in [1, 11] {
                let seconds = [
                    slot(0, 0, 0, 0, 0),
                    slot(0, 0, 0, 0, 1),
                    slot(0, 1, 0, 0, 0),
                    slot(0, 0, 1, 0, 0),
                    slot(0, 0, 0, 1, 0),
                    slot(0xb7, 0, 0, 0, 0),
                ];
                probes.extend(seconds.map(|second| vec![slot(0x18, dst, src, off, 1), second]));
            }
        }
    }
    probes.retain(|probe| !matches!(probe[..], [Slot { opcode: 0x18, src: 1 | 2, .. }, ..]));
    probes
}

#[test]
fn the_kernel_decodes_what_we_decode() {
    let Some(kernel) = Kernel::for_test("the kernel decodes what we decode") else { return };
    if kernel.profile() != Some(Release::V6_18) {
        eprintln!(
            "skipped: the kernel decodes what we decode: decoding is that of Linux 6.18, not {kernel:?}"
        );
        return;
    }
    let (mut refused, mut walked, mut unasked) = (0, 0, 0);
    for probe in probes() {
        let (slots, pc) = program(&probe);
        let ours = decode(&slots, pc);
        let said = ask(&slots, pc);
        match (&said, ours) {
            // `callx` has a meaning for compilers, none for Linux.
            (Said::NoInstruction(words), Ok(Insn::CallX { .. })) => assert_eq!(words, "unknown opcode 8d"),
            (Said::NoInstruction(words), Err(error)) => assert_eq!(*words, error.to_string(), "{probe:?}"),
            (Said::NoInstruction(words), Ok(insn)) => panic!("{probe:?}: we say `{insn}`, Linux `{words}`"),
            // The log names helpers, and prints a 64-bit immediate like a 32-bit one.
            (Said::Walked(_), Ok(Insn::Call(_) | Insn::LoadImm64 { .. })) => {}
            (Said::Walked(text), Ok(insn)) => assert_eq!(parse_insn(text), Ok(insn), "{text}"),
            (Said::Walked(_), Err(error)) => {
                assert!(
                    matches!(error.kind, DecodeErrorKind::IgnoredField { .. }),
                    "{probe:?}: {error}, Linux walks"
                );
            }
            (Said::Unasked, Ok(_)) => {}
            // The address of a function splits the program in functions, whose shape is checked first.
            (Said::Unasked, Err(_)) if probe[0].opcode == 0x18 && probe[0].src == 4 => {}
            (Said::Unasked, Err(error)) => {
                assert!(!error.kind.found_by_scan(), "{probe:?}: {error}, Linux silent");
            }
        }
        match said {
            Said::NoInstruction(_) => refused += 1,
            Said::Walked(_) => walked += 1,
            Said::Unasked => {
                unasked += 1;
                let jumps = matches!(probe[0].opcode & 7, 5 | 6);
                assert!(jumps || probe[0].opcode == 0x18, "{probe:?}: Linux never came to it");
            }
        }
    }
    eprintln!("{refused} refused, {walked} walked, {unasked} not asked");
    assert!(refused > 10_000 && walked > 3_000 && unasked < walked, "{refused} {walked} {unasked}");
}

/// Behind a branch that is never taken, Linux looks at opcodes, loads and `LD_IMM64`, and at nothing else.
#[test]
fn dead_code_is_only_scanned() {
    if Kernel::for_test("dead code is only scanned").is_none() {
        return;
    }
    let dead = [
        slot(0x8f, 0, 0, 0, 0),
        slot(0x61, 1, 2, -8, 3),
        slot(0x21, 1, 2, -8, 0),
        slot(0x07, 1, 3, 9, 1),
        slot(0xb7, 1, 3, 0, 1),
        slot(0xdc, 1, 0, 0, 7),
        slot(0xdb, 10, 3, -8, 0x33),
        slot(0xcb, 10, 3, -8, 0),
        slot(0x0f, 12, 1, 0, 0),
        slot(0x85, 0, 7, 0, 1),
        slot(0x7a, 10, 7, -8, 1),
        slot(0x05, 1, 0, 0, 0),
        slot(0x30, 1, 0, 0, 0),
    ];
    for dead in dead {
        let slots = [slot(0xb7, 0, 0, 0, 0), slot(0x15, 0, 0, 1, 0), dead, slot(0x95, 0, 0, 0, 0)];
        let error = decode(&slots, Pc(2)).unwrap_err();
        let accepted =
            load(&Load { prog_type: SOCKET_FILTER, insns: &slots, name: "dead", ..Load::default() }).is_ok();
        assert_eq!(accepted, !error.kind.found_by_scan(), "{dead:?}: {error}");
    }
}
