//! The exhaustive set of slots that several tests walk.

use belay_isa::{Insn, Pc, Slot, decode};

/// Every opcode with every pair of register fields and the offsets and immediates that mean something to some form.
pub(crate) fn every_slot() -> impl Iterator<Item = Slot> {
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
                IMMS.into_iter().map(move |imm| Slot { opcode, dst: regs & 15, src: regs >> 4, off, imm })
            })
        })
    })
}

/// Every instruction among them, each once; two-slot ones with a zero and a negative second immediate.
#[allow(dead_code, reason = "each test binary uses its part")]
pub(crate) fn every_insn() -> impl Iterator<Item = Insn> {
    every_slot().flat_map(|first| {
        let seconds: &[i32] = if first.opcode == 0x18 { &[0, -7] } else { &[0] };
        seconds
            .iter()
            .filter_map(move |imm| decode(&[first, Slot { imm: *imm, ..Slot::default() }], Pc(0)).ok())
    })
}
