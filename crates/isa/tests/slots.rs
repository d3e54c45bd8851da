//! Slots and instructions go into each other without loss, and what Linux 6.18 rejects is rejected in its words.

use belay_isa::{Pc, Slot, decode};

fn slot(opcode: u8, dst: u8, src: u8, off: i16, imm: i32) -> Slot {
    Slot { opcode, dst, src, off, imm }
}

/// Every opcode with every pair of register fields and the offsets and immediates that mean something to some form.
fn every_slot() -> impl Iterator<Item = Slot> {
    const OFFS: [i16; 10] = [0, 1, 2, 8, 16, 32, 64, -1, i16::MIN, i16::MAX];
    const IMMS: [i32; 26] = [
        0,
        1,
        2,
        8,
        16,
        32,
        64,
        0x10,
        0x40,
        0x41,
        0x50,
        0x51,
        0xa0,
        0xa1,
        0xe0,
        0xe1,
        0xf0,
        0xf1,
        0x100,
        0x101,
        0x110,
        0x111,
        0x1_0000,
        -1,
        i32::MIN,
        i32::MAX,
    ];
    (0..=255u8).flat_map(|opcode| {
        (0..=255u8).flat_map(move |regs| {
            OFFS.into_iter().flat_map(move |off| {
                IMMS.into_iter().map(move |imm| slot(opcode, regs & 15, regs >> 4, off, imm))
            })
        })
    })
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
