//! What must hold for every instruction, every slot and every text.

use belay_isa::{
    AluOp, AtomicOp, CallTarget, CmpOp, EndianOp, Imm64, Insn, NoSymbols, Pc, Reg, Size, Slot, Src, Width,
    assemble, decode, decode_all, directive, disassemble, parse_insn,
};
use proptest::prelude::*;
use proptest::sample::select;

fn reg() -> impl Strategy<Value = Reg> {
    (0u8..=10).prop_map(|number| Reg::new(number).unwrap())
}

fn src() -> impl Strategy<Value = Src> {
    prop_oneof![imm().prop_map(Src::Imm), reg().prop_map(Src::Reg)]
}

/// Small numbers and the edges, more often than chance would have it.
fn imm() -> impl Strategy<Value = i32> {
    prop_oneof![-20i32..20, any::<i32>(), select(vec![i32::MIN, i32::MAX])]
}

fn off() -> impl Strategy<Value = i16> {
    prop_oneof![-20i16..20, any::<i16>(), select(vec![i16::MIN, i16::MAX])]
}

fn width() -> impl Strategy<Value = Width> {
    select(Width::ALL)
}

fn size() -> impl Strategy<Value = Size> {
    select(Size::ALL)
}

/// Every size but the eight bytes that signed loads and packet loads do not have.
fn narrow() -> impl Strategy<Value = Size> {
    select(vec![Size::B, Size::H, Size::W])
}

fn imm64() -> impl Strategy<Value = Imm64> {
    prop_oneof![
        any::<u64>().prop_map(Imm64::Value),
        imm().prop_map(Imm64::Map),
        (imm(), imm()).prop_map(|(map, off)| Imm64::MapValue(map, off)),
        (imm(), imm()).prop_map(|(id, fd)| Imm64::BtfId(id, fd)),
        imm().prop_map(Imm64::Func),
        imm().prop_map(Imm64::MapIndex),
        (imm(), imm()).prop_map(|(index, off)| Imm64::MapIndexValue(index, off)),
    ]
}

/// Every instruction that Linux 6.18 decodes, and `callx`.
fn insn() -> impl Strategy<Value = Insn> {
    let data =
        prop_oneof![
            (select(AluOp::ALL), width(), reg(), src()).prop_map(|(op, width, dst, src)| Insn::Alu {
                op,
                width,
                dst,
                src
            }),
            (width(), reg()).prop_map(|(width, dst)| Insn::Neg { width, dst }),
            (width(), reg(), src()).prop_map(|(width, dst, src)| Insn::Mov { width, dst, src }),
            (
                select(vec![
                    (Width::W32, 8),
                    (Width::W32, 16),
                    (Width::W64, 8),
                    (Width::W64, 16),
                    (Width::W64, 32)
                ]),
                reg(),
                reg()
            )
                .prop_map(|((width, bits), dst, src)| Insn::MovSx { width, bits, dst, src }),
            (reg(), reg(), any::<u16>(), any::<u16>())
                .prop_map(|(dst, src, dst_as, src_as)| Insn::AddrSpaceCast { dst, src, dst_as, src_as }),
            (select(EndianOp::ALL), select(vec![16, 32, 64]), reg())
                .prop_map(|(op, bits, dst)| Insn::Endian { op, bits, dst }),
            (reg(), imm64()).prop_map(|(dst, value)| Insn::LoadImm64 { dst, value }),
        ];
    let memory = prop_oneof![
        (size(), reg(), reg(), off()).prop_map(|(size, dst, base, off)| Insn::Load {
            size,
            signed: false,
            dst,
            base,
            off
        }),
        (narrow(), reg(), reg(), off()).prop_map(|(size, dst, base, off)| Insn::Load {
            size,
            signed: true,
            dst,
            base,
            off
        }),
        (size(), reg(), off(), src()).prop_map(|(size, base, off, src)| Insn::Store { size, base, off, src }),
        (select(AtomicOp::ALL), select(vec![Size::W, Size::DW]), reg(), off(), reg())
            .prop_map(|(op, size, base, off, src)| Insn::Atomic { op, size, base, off, src }),
        (size(), reg(), reg(), off()).prop_map(|(size, dst, base, off)| Insn::LoadAcquire {
            size,
            dst,
            base,
            off
        }),
        (size(), reg(), off(), reg()).prop_map(|(size, base, off, src)| Insn::StoreRelease {
            size,
            base,
            off,
            src
        }),
        (narrow(), imm()).prop_map(|(size, imm)| Insn::LoadAbs { size, imm }),
        (narrow(), reg(), imm()).prop_map(|(size, src, imm)| Insn::LoadInd { size, src, imm }),
    ];
    let control = prop_oneof![
        off().prop_map(|off| Insn::Ja { off }),
        imm().prop_map(|off| Insn::Jal { off }),
        (select(CmpOp::ALL), width(), reg(), src(), off())
            .prop_map(|(op, width, dst, src, off)| Insn::Branch { op, width, dst, src, off }),
        off().prop_map(|off| Insn::MayGoto { off }),
        imm().prop_map(|id| Insn::Call(CallTarget::Helper(id))),
        imm().prop_map(|distance| Insn::Call(CallTarget::Local(distance))),
        (imm(), off()).prop_map(|(id, btf)| Insn::Call(CallTarget::Kfunc { id, btf })),
        reg().prop_map(|reg| Insn::CallX { reg }),
        Just(Insn::Exit),
    ];
    prop_oneof![data, memory, control]
}

fn slot() -> impl Strategy<Value = Slot> {
    (any::<u8>(), any::<u8>(), any::<u8>(), off(), imm()).prop_map(|(opcode, dst, src, off, imm)| Slot {
        opcode,
        dst,
        src,
        off,
        imm,
    })
}

/// Words of assembly in an order that rarely means something.
fn word_soup() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "r0",
        "r10",
        "r11",
        "w3",
        "=",
        "+=",
        "s>>=",
        "s<",
        "&",
        "-",
        "+",
        "*",
        "(",
        ")",
        "[",
        "]",
        "u32",
        "s8",
        "u64",
        "skb",
        "goto",
        "gotol",
        "may_goto",
        "if",
        "lock",
        "call",
        "callx",
        "exit",
        "pc",
        "ll",
        "map",
        "subprog",
        "btf",
        "@",
        "#",
        "kfunc",
        "be16",
        "bswap7",
        "load_acquire",
        "store_release",
        "atomic_fetch_add",
        "cmpxchg_64",
        "xchg32_32",
        "addr_space_cast",
        "0",
        "1f",
        "0b",
        "5",
        "0x7fffffffffffffff",
        "18446744073709551615",
        "99999999999999999999",
        "label",
        ":",
        ",",
        ";",
        "//",
        "/*",
        "*/",
        "\u{e9}",
        "\t",
    ];
    proptest::collection::vec((select(WORDS), any::<bool>()), 0..14).prop_map(|words| {
        words.iter().map(|(word, blank)| format!("{word}{}", if *blank { " " } else { "" })).collect()
    })
}

/// A printed instruction with one character gone, doubled or replaced.
fn damaged() -> impl Strategy<Value = String> {
    (insn(), any::<prop::sample::Index>(), 0u8..3, any::<char>()).prop_map(|(insn, at, how, with)| {
        let mut text: Vec<char> = insn.to_string().chars().collect();
        let at = at.index(text.len());
        match how {
            0 => drop(text.remove(at)),
            1 => text.insert(at, text[at]),
            _ => text[at] = with,
        }
        text.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decode_undoes_encode(insn in insn()) {
        let encoded = insn.encode();
        prop_assert_eq!(encoded.len(), insn.slots() as usize);
        prop_assert_eq!(decode(&encoded, Pc(0)), Ok(insn));
        for slot in encoded.iter() {
            prop_assert_eq!(Slot::from_le_bytes(slot.to_le_bytes()), *slot);
        }
    }

    #[test]
    fn parse_undoes_print(insn in insn()) {
        let text = insn.to_string();
        prop_assert_eq!(parse_insn(&text), Ok(insn), "{}", text);
    }

    /// Blanks are free, except inside words.
    #[test]
    fn blanks_do_not_matter(insn in insn()) {
        let text = insn.to_string();
        let wide = text.replace(' ', " \t ").replace('(', " ( ").replace(')', " ) ").replace('[', " [ ").replace(',', " , ");
        prop_assert_eq!(parse_insn(&wide), Ok(insn), "{}", wide);
    }

    #[test]
    fn a_disassembled_program_assembles_to_itself(insns in proptest::collection::vec(insn(), 0..20)) {
        let slots: Vec<Slot> = insns.iter().flat_map(|insn| insn.encode().to_vec()).collect();
        let listing: Vec<_> = decode_all(&slots).unwrap();
        let text: String = listing.iter().map(|(_, insn)| format!("{insn}\n")).collect();
        let assembly = assemble(&text, &NoSymbols).unwrap();
        prop_assert_eq!(&assembly.slots, &slots);
        let lines: Vec<u32> = (1..).zip(&insns).flat_map(|(line, insn)| vec![line; insn.slots() as usize]).collect();
        prop_assert_eq!(assembly.lines, lines);
    }

    /// Any slots, any register numbers: an answer or an error with the right place, and the whole program is listed.
    #[test]
    fn any_slots_decode_or_say_why(slots in proptest::collection::vec(slot(), 0..6), pc in 0u32..8) {
        if let Err(error) = decode(&slots, Pc(pc)) {
            prop_assert_eq!(error.pc, Pc(pc));
        }
        let mut expected = 0;
        for (pc, insn) in disassemble(&slots) {
            prop_assert_eq!(pc.0, expected);
            expected += match insn {
                Ok(insn) => insn.slots(),
                Err(_) if slots[pc.index()].opcode == 0x18 && slots.get(pc.index() + 1).is_some_and(|s| s.opcode == 0) => 2,
                Err(_) => 1,
            };
        }
        prop_assert_eq!(expected as usize, slots.len());
        prop_assert!(decode(&slots, Pc(u32::MAX)).is_err());
    }

    /// Any text parses or fails at a column inside it; what parses is what its own printing says.
    #[test]
    fn any_text_parses_or_says_where(text in prop_oneof![any::<String>(), word_soup(), damaged()]) {
        match parse_insn(&text) {
            Ok(insn) => prop_assert_eq!(parse_insn(&insn.to_string()), Ok(insn)),
            Err(error) => {
                prop_assert!(error.column >= 1 && error.column as usize <= text.chars().count() + 1, "{}", error);
                prop_assert!(!error.message.is_empty());
            }
        }
        let _ = directive(&text);
        if let Err(error) = assemble(&text, &NoSymbols) {
            let line = text.lines().nth(error.line as usize - 1).unwrap_or_default();
            prop_assert!(error.column >= 1 && error.column as usize <= line.chars().count() + 1, "{}", error);
        }
    }
}
