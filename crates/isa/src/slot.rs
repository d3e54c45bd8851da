//! The eight-byte slot, and the index of one.

use std::fmt;

/// Index of a slot in a program, counted in slots (an `LD_IMM64` takes two) as jumps and the kernel's log do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Pc(pub u32);

impl Pc {
    /// The index as a `usize`, to address a slice of slots.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Pc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One instruction slot, the basic encoding of RFC 9669 section 3.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Slot {
    /// Operation code: class in the low three bits.
    pub opcode: u8,
    /// Destination register number, 0 to 15 as encoded (11 to 15 are not registers).
    pub dst: u8,
    /// Source register number, or a selector of the instruction's form.
    pub src: u8,
    /// Signed 16-bit offset.
    pub off: i16,
    /// Signed 32-bit immediate.
    pub imm: i32,
}

impl Slot {
    /// Reads a slot from its little-endian bytes.
    pub fn from_le_bytes(bytes: [u8; 8]) -> Self {
        let [opcode, regs, o0, o1, i0, i1, i2, i3] = bytes;
        Slot {
            opcode,
            dst: regs & 0x0f,
            src: regs >> 4,
            off: i16::from_le_bytes([o0, o1]),
            imm: i32::from_le_bytes([i0, i1, i2, i3]),
        }
    }

    /// The slot as its little-endian bytes.
    pub fn to_le_bytes(self) -> [u8; 8] {
        let [o0, o1] = self.off.to_le_bytes();
        let [i0, i1, i2, i3] = self.imm.to_le_bytes();
        [self.opcode, (self.src << 4) | (self.dst & 0x0f), o0, o1, i0, i1, i2, i3]
    }
}
