//! Slots and instructions go into each other without loss, and what is no instruction is refused in Linux's words.

mod every;

use belay_isa::{DecodeErrorKind as Kind, Field, Pc, Size, Slot, decode, decode_all, disassemble};
use every::every_slot;

fn slot(opcode: u8, dst: u8, src: u8, off: i16, imm: i32) -> Slot {
    Slot { opcode, dst, src, off, imm }
}

#[test]
fn encode_undoes_decode_for_every_slot() {
    let seconds = [slot(0, 0, 0, 0, 0), slot(0, 0, 0, 0, -7), slot(0xb7, 0, 0, 0, 0), slot(0, 1, 0, 0, 0)];
    let (mut decoded, mut refused) = (0u32, 0u32);
    for first in every_slot() {
        for second in seconds {
            let slots = [first, second];
            match decode(&slots, Pc(0)) {
                Ok(insn) => {
                    let encoded = insn.encode();
                    assert_eq!(encoded.len(), insn.slots() as usize);
                    assert_eq!(*encoded, slots[..encoded.len()], "{insn:?}");
                    decoded += 1;
                }
                Err(error) => {
                    assert_eq!(error.pc, Pc(0));
                    assert!(!error.to_string().is_empty());
                    refused += 1;
                }
            }
            if first.opcode != 0x18 {
                break;
            }
        }
    }
    assert!(decoded > 100_000 && refused > 10_000_000, "{decoded} decoded, {refused} refused");
}

/// Each with the words that Linux 6.18 was measured to use (`tests/kernel.rs` asks it again).
#[test]
fn what_is_no_instruction_is_refused_in_the_words_of_linux() {
    let reserved = |form, field| Kind::ReservedField { form, field };
    let cases: &[(&[Slot], Kind, &str)] = &[
        (&[slot(0x8f, 0, 0, 0, 0)], Kind::UnknownOpcode(0x8f), "unknown opcode 8f"),
        (&[slot(0x00, 0, 0, 0, 0)], Kind::UnknownOpcode(0), "unknown opcode 00"),
        (&[slot(0x07, 1, 3, 0, 1)], reserved("BPF_ALU", Field::Src), "BPF_ALU uses reserved fields"),
        (&[slot(0x07, 1, 0, 1, 1)], reserved("BPF_ALU", Field::Off), "BPF_ALU uses reserved fields"),
        (&[slot(0x3f, 1, 2, 2, 0)], reserved("BPF_ALU", Field::Off), "BPF_ALU uses reserved fields"),
        (&[slot(0xbc, 1, 2, 32, 0)], reserved("BPF_MOV", Field::Off), "BPF_MOV uses reserved fields"),
        (&[slot(0xbf, 1, 2, 8, 5)], reserved("BPF_MOV", Field::Imm), "BPF_MOV uses reserved fields"),
        (&[slot(0x87, 1, 2, 0, 0)], reserved("BPF_NEG", Field::Src), "BPF_NEG uses reserved fields"),
        (&[slot(0xdc, 1, 0, 0, 8)], reserved("BPF_END", Field::Imm), "BPF_END uses reserved fields"),
        (&[slot(0x61, 1, 2, 0, 9)], reserved("BPF_LDX", Field::Imm), "BPF_LDX uses reserved fields"),
        (&[slot(0x21, 1, 2, 0, 0)], reserved("BPF_LDX", Field::Opcode), "BPF_LDX uses reserved fields"),
        (
            &[slot(0x30, 1, 0, 0, 0)],
            reserved("BPF_LD_[ABS|IND]", Field::Dst),
            "BPF_LD_[ABS|IND] uses reserved fields",
        ),
        (&[slot(0x06, 0, 0, 1, 0)], reserved("BPF_JA", Field::Off), "BPF_JA uses reserved fields"),
        (
            &[slot(0x15, 1, 2, 0, 0)],
            reserved("BPF_JMP/JMP32", Field::Src),
            "BPF_JMP/JMP32 uses reserved fields",
        ),
        (&[slot(0x85, 0, 3, 0, 0)], reserved("BPF_CALL", Field::Src), "BPF_CALL uses reserved fields"),
        (&[slot(0x85, 0, 1, 1, 0)], reserved("BPF_CALL", Field::Off), "BPF_CALL uses reserved fields"),
        (&[slot(0x95, 0, 0, 0, 1)], reserved("BPF_EXIT", Field::Imm), "BPF_EXIT uses reserved fields"),
        (&[slot(0x0f, 1, 11, 0, 0)], Kind::InvalidRegister(11), "R11 is invalid"),
        (&[slot(0x0f, 200, 1, 0, 0)], Kind::InvalidRegister(200), "R200 is invalid"),
        (&[slot(0xdb, 1, 2, 0, 0x33)], Kind::UnknownAtomic(0x33), "BPF_ATOMIC uses invalid atomic opcode 33"),
        (&[slot(0xdb, 1, 2, 0, 2)], Kind::UnknownAtomic(2), "BPF_ATOMIC uses invalid atomic opcode 02"),
        (&[slot(0xcb, 1, 2, 0, 0)], Kind::AtomicSize(Size::H), "invalid atomic operand size"),
        (&[slot(0xe5, 0, 0, 0, 3)], Kind::MayGoto { imm: 3 }, "invalid may_goto imm 3"),
        (&[slot(0x18, 1, 0, 0, 0)], Kind::MalformedImm64, "invalid bpf_ld_imm64 insn"),
        (
            &[slot(0x18, 1, 0, 0, 0), slot(0xb7, 0, 0, 0, 0)],
            Kind::MalformedImm64,
            "invalid bpf_ld_imm64 insn",
        ),
        (
            &[slot(0x18, 1, 7, 0, 0), slot(0, 0, 0, 0, 0)],
            Kind::UnknownImm64 { src: 7 },
            "unrecognized bpf_ld_imm64 insn",
        ),
        (
            &[slot(0x18, 1, 1, 0, 0), slot(0, 0, 0, 0, 1)],
            Kind::UnknownImm64 { src: 1 },
            "unrecognized bpf_ld_imm64 insn",
        ),
        (
            &[slot(0x18, 1, 0, 1, 0), slot(0, 0, 0, 0, 1)],
            reserved("BPF_LD_IMM64", Field::Off),
            "BPF_LD_IMM64 uses reserved fields",
        ),
        (
            &[slot(0x95, 0, 0, 4, 0)],
            Kind::IgnoredField { form: "BPF_EXIT", field: Field::Off },
            "BPF_EXIT with a non-zero `off`, which Linux ignores",
        ),
        (&[], Kind::OutOfRange { slots: 0 }, "no instruction here: the program has 0 slots"),
    ];
    for (slots, kind, words) in cases {
        let error = decode(slots, Pc(0)).unwrap_err();
        assert_eq!(error.kind, *kind, "{slots:?}");
        assert_eq!(error.to_string(), *words);
    }
}

#[test]
fn a_program_is_listed_past_its_faults() {
    let slots = [
        slot(0x18, 1, 0, 0, 5),
        slot(0, 0, 0, 0, 1),
        slot(0x8f, 0, 0, 0, 0),
        slot(0x18, 1, 7, 0, 5),
        slot(0, 0, 0, 0, 1),
        slot(0x18, 1, 0, 0, 5),
        slot(0x95, 0, 0, 0, 0),
    ];
    let listing: Vec<String> = disassemble(&slots)
        .map(|(pc, insn)| insn.map_or_else(|error| format!("{pc}! {error}"), |insn| format!("{pc}: {insn}")))
        .collect();
    assert_eq!(
        listing,
        [
            "0: r1 = 4294967301 ll",
            "2! unknown opcode 8f",
            "3! unrecognized bpf_ld_imm64 insn",
            "5! invalid bpf_ld_imm64 insn",
            "6: exit"
        ]
    );
    assert_eq!(decode_all(&slots).unwrap_err().pc, Pc(2));
}
