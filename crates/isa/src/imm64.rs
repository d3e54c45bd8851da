//! The 64-bit immediate: what it names, how it lies in the two slots, how it is written.

use std::fmt;

use crate::table::{Imm64Kind, Second};

/// What an `LD_IMM64` loads (RFC 9669 section 5.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Imm64 {
    /// A 64-bit constant (`src` 0).
    Value(u64),
    /// A map by file descriptor; inside Belay, by its index in the object's map table (`src` 1).
    Map(i32),
    /// The address of a map's value plus an offset, map named as in [`Imm64::Map`] (`src` 2).
    MapValue(i32, i32),
    /// A kernel variable by BTF id, second word: the BTF object's descriptor (`src` 3).
    BtfId(i32, i32),
    /// A function of this program (`src` 4), as a distance in slots: from the second slot of the `LD_IMM64`, that is
    /// counted as a `call` in the first slot would count it.
    Func(i32),
    /// A map by its index in the loader's descriptor array (`src` 5).
    MapIndex(i32),
    /// The address of a map's value by array index, plus an offset (`src` 6).
    MapIndexValue(i32, i32),
}

impl Imm64 {
    /// The kind, and the immediates of the first and the second slot.
    pub(crate) fn parts(self) -> (Imm64Kind, i32, i32) {
        match self {
            Imm64::Value(value) => {
                let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
                (Imm64Kind::Value, i32::from_le_bytes([a, b, c, d]), i32::from_le_bytes([e, f, g, h]))
            }
            Imm64::Map(map) => (Imm64Kind::Map, map, 0),
            Imm64::MapValue(map, off) => (Imm64Kind::MapValue, map, off),
            Imm64::BtfId(id, fd) => (Imm64Kind::BtfId, id, fd),
            Imm64::Func(distance) => (Imm64Kind::Func, distance, 0),
            Imm64::MapIndex(index) => (Imm64Kind::MapIndex, index, 0),
            Imm64::MapIndexValue(index, off) => (Imm64Kind::MapIndexValue, index, off),
        }
    }

    /// The inverse of [`Imm64::parts`]. A kind that uses only the first immediate ignores the second.
    pub(crate) fn from_parts(kind: Imm64Kind, first: i32, second: i32) -> Imm64 {
        match kind {
            Imm64Kind::Value => {
                Imm64::Value(u64::from(second.cast_unsigned()) << 32 | u64::from(first.cast_unsigned()))
            }
            Imm64Kind::Map => Imm64::Map(first),
            Imm64Kind::MapValue => Imm64::MapValue(first, second),
            Imm64Kind::BtfId => Imm64::BtfId(first, second),
            Imm64Kind::Func => Imm64::Func(first),
            Imm64Kind::MapIndex => Imm64::MapIndex(first),
            Imm64Kind::MapIndexValue => Imm64::MapIndexValue(first, second),
        }
    }
}

/// As an operand, without the `ll` that ends the instruction: `-1`, `map[3]`, `map[3][0]+8`, `btf[7]@0`, `subprog[+5]`.
impl fmt::Display for Imm64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, first, second) = self.parts();
        let word = kind.row().word;
        match kind.row().second {
            Second::HighWord => {
                let value = i64::from(second) << 32 | i64::from(first.cast_unsigned());
                value.fmt(f)
            }
            Second::Unrecognized => write!(f, "{word}[{first}]"),
            Second::Offset => write!(f, "{word}[{first}][0]{second:+}"),
            Second::Descriptor => write!(f, "{word}[{first}]@{second}"),
            Second::Ignored => write!(f, "{word}[{first:+}]"),
        }
    }
}
