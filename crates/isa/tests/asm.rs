//! Labels, names, lines and messages of the assembler.

use belay_isa::{
    Assembler, Assembly, CallTarget, Directive, Imm64, NoSymbols, Pc, Symbols, assemble, directive,
    disassemble, parse_insn,
};

/// Two helpers, a kfunc, a map with index 3 and a variable 16 bytes into the value of map 4.
struct Names;

impl Symbols for Names {
    fn callee(&self, name: &str) -> Option<CallTarget> {
        match name {
            "bpf_map_lookup_elem" => Some(CallTarget::Helper(1)),
            "bpf_redirect" => Some(CallTarget::Helper(23)),
            "bpf_skb_ct_lookup" => Some(CallTarget::Kfunc { id: 7, btf: 1 }),
            _ => None,
        }
    }

    fn address(&self, name: &str, offset: i32) -> Option<Imm64> {
        match name {
            "connections" if offset == 0 => Some(Imm64::Map(3)),
            "counter" => Some(Imm64::MapValue(4, 16 + offset)),
            _ => None,
        }
    }
}

fn listing(assembly: &Assembly) -> Vec<String> {
    disassemble(&assembly.slots).map(|(pc, insn)| format!("{pc}: {}", insn.unwrap())).collect()
}

#[test]
fn labels_and_names_become_numbers() {
    let text = "
# A comment, and another form of it below.
start:  r6 = r1
        r1 = connections ll     // two slots
        r2 = counter+8 ll; r3 = counter - 8 ll
        r4 = visit ll
        call bpf_map_lookup_elem
        call bpf_redirect#23    # as the kernel's log names it
        call bpf_skb_ct_lookup
        call visit
        if r0 == 0 goto out
        goto start
        gotol start
1:      may_goto 1f
        if w1 s< w2 goto 1b
1:      goto 1b
; a line of source, as llvm-objdump -S shows it
visit:
out: .Lend: exit
";
    let assembly = assemble(text, &Names).unwrap();
    assert_eq!(
        listing(&assembly),
        [
            "0: r6 = r1",
            "1: r1 = map[3] ll",
            "3: r2 = map[4][0]+24 ll",
            "5: r3 = map[4][0]+8 ll",
            "7: r4 = subprog[+11] ll",
            "9: call 1",
            "10: call 23",
            "11: call kfunc[7]@1",
            "12: call pc+6",
            "13: if r0 == 0 goto +5",
            "14: goto -15",
            "15: gotol -16",
            "16: may_goto +1",
            "17: if w1 s< w2 goto -2",
            "18: goto -1",
            "19: exit",
        ]
    );
    let labels: Vec<_> = assembly.labels.iter().map(|(name, pc)| (name.as_str(), pc.0)).collect();
    assert_eq!(labels, [(".Lend", 19), ("out", 19), ("start", 0), ("visit", 19)]);
    assert_eq!(assembly.lines, [3, 4, 4, 5, 5, 5, 5, 6, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 19]);
}

#[test]
fn messages_name_the_place_and_the_fault() {
    let cases = [
        ("r0 = 0\n  nonsense", "2:3: `nonsense` does not begin an instruction"),
        ("r0", "1:3: expected `=` or an operator such as `+=`"),
        ("r0 = 0 r1 = 1", "1:8: expected the end of the instruction, found `r1`"),
        ("r11 = 0", "1:1: there is no register `r11`: the last is `r10`"),
        ("r1 = w2", "1:6: `r2` is needed here"),
        ("w1 += r2", "1:7: `w2` is needed here"),
        ("w1 = 5 ll", "1:1: `r1` is needed here"),
        ("w1 = *(u64 *)(r2 + 0)", "1:1: `r1` is needed here"),
        ("r1 += -2147483649", "1:7: -2147483649 does not fit: from -2147483648 to 4294967295"),
        ("r1 = 4294967296", "1:6: 4294967296 has more than 32 bits: write `r1 = 4294967296 ll`"),
        ("r1 = *(u32 *)(r2 + 32768)", "1:18: 32768 does not fit: from -32768 to 32767"),
        ("r1 = 99999999999999999999", "1:6: `99999999999999999999` is not a number of at most 64 bits"),
        ("r1 = *(u24 *)(r2 + 0)", "1:8: `u24` is not a type: u8 to u64, s8 to s32"),
        ("r1 = *(s64 *)(r2 + 0)", "1:7: a signed load is of `s8`, `s16` or `s32`"),
        ("*(s8 *)(r2 + 0) = r1", "1:2: only loads are signed"),
        ("lock *(u8 *)(r2 + 0) += r1", "1:6: atomic operations are of `u32` or `u64`"),
        (
            "r1 = atomic_fetch_add((u64 *)(r2 + 0), r3)",
            "1:40: the old value goes to the register that holds the operand",
        ),
        ("r1 = -r2", "1:7: a negation reads the register that it writes"),
        ("r1 = be24 r1", "1:6: `be24` is not a byte order operation such as `be16`"),
        ("r1 = frobnicate(r2)", "1:6: there is no function `frobnicate`"),
        ("r1 = connections", "1:17: expected `ll` after `connections`"),
        ("r1 = nothing ll", "1:6: there is no map, variable or function `nothing`"),
        ("r1 = map[1]@2 ll", "1:6: `map[…]` has no such form"),
        ("goto nowhere", "1:6: there is no label `nowhere`"),
        ("1: goto 1f", "1:9: there is no label `1` after this"),
        ("goto 2b\n2:", "1:6: there is no label `2` before this"),
        ("call nobody", "1:6: there is no label, helper or kfunc `nobody`"),
        ("call bpf_redirect#24", "1:6: helper `bpf_redirect` has the number 23, not 24"),
        ("a: r0 = 0\nb: a: exit", "2:4: label `a` stands twice, first at instruction 0"),
        ("r0 = 0 /* open", "1:8: this comment does not end on its line"),
        ("exit\n .maps connections", "2:2: unknown directive `.maps`"),
        ("r0 = \u{e9}", "1:6: unexpected `\u{e9}`"),
        ("\u{e9}", "1:1: unexpected `\u{e9}`"),
    ];
    for (text, message) in cases {
        assert_eq!(assemble(text, &Names).unwrap_err().to_string(), message, "{text}");
    }
    assert_eq!(
        parse_insn("goto out").unwrap_err().message,
        "`out` is a name: a single instruction takes numbers"
    );
    assert_eq!(parse_insn("").unwrap_err().to_string(), "column 1: expected an instruction");
}

#[test]
fn a_jump_reaches_as_far_as_its_field() {
    let far = |jump: &str, between: usize| {
        assemble(&format!("{jump} end\n{}end: exit", "r0 = 0\n".repeat(between)), &NoSymbols)
    };
    assert!(far("goto", 32767).is_ok());
    assert_eq!(
        far("if r1 == r2 goto", 32768).unwrap_err().to_string(),
        "1:18: the label is 32768 slots away: this jump reaches 32767, `gotol` farther"
    );
    assert!(far("gotol", 40_000).is_ok());
    // A call counts in 32 bits.
    assert!(far("call", 40_000).is_ok());
}

#[test]
fn the_caller_takes_the_directives() {
    let text = ".section tc\n  .map connections, hash # note\nloop: goto loop\n.L1: exit\n..x y\n.";
    let mut directives = Vec::new();
    let mut assembler = Assembler::new();
    for (number, line) in (10..).zip(text.lines()) {
        match directive(line) {
            Some(directive) => directives.push((directive, assembler.pc())),
            None if line == "." => {}
            None => assembler.line(number, line).unwrap(),
        }
    }
    assert_eq!(
        directives,
        [
            (Directive { name: "section", arguments: "tc" }, Pc(0)),
            (Directive { name: "map", arguments: "connections, hash # note" }, Pc(0)),
            (Directive { name: ".x", arguments: "y" }, Pc(2)),
        ]
    );
    assert_eq!(assembler.finish(&NoSymbols).unwrap().lines, [12, 13]);
}

#[test]
fn the_forms_of_the_kernel_log_are_read() {
    let cases = [
        ("r1 = *(u32 *)(r2 -8)", "r1 = *(u32 *)(r2 - 8)"),
        ("*(u64 *)(r10 -8) = r1", "*(u64 *)(r10 - 8) = r1"),
        ("if r1 == 0xffffffff goto pc+5", "if r1 == -1 goto +5"),
        ("goto pc-3", "goto -3"),
        ("gotol pc+70000", "gotol +70000"),
        ("may_goto pc+1", "may_goto +1"),
        ("call pc-4", "call pc-4"),
        ("lock *(u32 *)(r2 -8) += r3", "lock *(u32 *)(r2 - 8) += w3"),
        ("r3 = atomic64_fetch_add((u64 *)(r2 -8), r3)", "r3 = atomic_fetch_add((u64 *)(r2 - 8), r3)"),
        ("r3 = atomic_fetch_xor((u32 *)(r2 -8), r3)", "w3 = atomic_fetch_xor((u32 *)(r2 - 8), w3)"),
        ("r3 = atomic64_xchg((u64 *)(r2 -8), r3)", "r3 = xchg_64(r2 - 8, r3)"),
        ("r0 = atomic_cmpxchg((u32 *)(r2 -8), r0, r3)", "w0 = cmpxchg32_32(r2 - 8, w0, w3)"),
        ("r3 = load_acquire((u16 *)(r2 -8))", "w3 = load_acquire((u16 *)(r2 - 8))"),
        ("store_release((u64 *)(r2 -8), r3)", "store_release((u64 *)(r2 - 8), r3)"),
        ("r0 = *(u16 *)skb[r6 + -14]", "r0 = *(u16 *)skb[r6 - 14]"),
    ];
    for (linux, ours) in cases {
        assert_eq!(parse_insn(linux).map(|insn| insn.to_string()).as_deref(), Ok(ours), "{linux}");
    }
}
