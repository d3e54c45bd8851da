//! A type, decoded: its kind and what belongs to it.

use super::{Btf, TypeId};

/// A type.
#[derive(Clone, Copy, Debug)]
pub struct Type<'a> {
    /// Its id.
    pub id: TypeId,
    /// Its name; empty if it has none.
    pub name: &'a str,
    /// What it is.
    pub kind: Kind<'a>,
}

/// What a type is (`BTF_KIND_*`).
#[derive(Clone, Copy, Debug)]
pub enum Kind<'a> {
    /// `void`.
    Void,
    /// An integer.
    Int {
        /// Size in bytes.
        size: u32,
        /// Bits that carry the value.
        bits: u32,
        /// First of those bits; 0 but in old bit-field encodings.
        offset: u32,
        /// Whether it is signed.
        signed: bool,
        /// Whether it is `bool`.
        boolean: bool,
    },
    /// A pointer to.
    Ptr(TypeId),
    /// An array.
    Array {
        /// Type of an element.
        element: TypeId,
        /// Type of the index.
        index: TypeId,
        /// Number of elements.
        len: u32,
    },
    /// A structure.
    Struct {
        /// Size in bytes.
        size: u32,
        /// Its members.
        members: Members<'a>,
    },
    /// A union.
    Union {
        /// Size in bytes.
        size: u32,
        /// Its members.
        members: Members<'a>,
    },
    /// An enumeration, of 32-bit (`ENUM`) or 64-bit values (`ENUM64`).
    Enum {
        /// Size in bytes.
        size: u32,
        /// Whether the values are signed.
        signed: bool,
        /// Its values.
        values: Records<'a, Enumerator<'a>>,
    },
    /// A structure or union that is only declared.
    Fwd {
        /// Whether it is a union.
        union: bool,
    },
    /// Another name of.
    Typedef(TypeId),
    /// `volatile`.
    Volatile(TypeId),
    /// `const`.
    Const(TypeId),
    /// `restrict`.
    Restrict(TypeId),
    /// A function.
    Func {
        /// Its prototype.
        proto: TypeId,
        /// Its linkage.
        linkage: Linkage,
    },
    /// A function's prototype.
    FuncProto {
        /// Return type.
        ret: TypeId,
        /// Parameters; a last one of type `void` stands for `...`.
        params: Records<'a, Param<'a>>,
    },
    /// A variable.
    Var {
        /// Its type.
        ty: TypeId,
        /// Its linkage.
        linkage: Linkage,
    },
    /// A data section, `.rodata`, `.maps`.
    Section {
        /// Size in bytes.
        size: u32,
        /// Its variables.
        vars: Records<'a, SectionVar>,
    },
    /// A floating-point number.
    Float {
        /// Size in bytes.
        size: u32,
    },
    /// A `btf_decl_tag` attribute; the type's name is its text.
    DeclTag {
        /// What is tagged.
        ty: TypeId,
        /// Member or parameter that is tagged, or -1 for the whole.
        component: i32,
    },
    /// A `btf_type_tag` attribute; the type's name is its text.
    TypeTag(TypeId),
}

impl<'a> Kind<'a> {
    /// `const`, `volatile`, `restrict`, a tag or a typedef: what it qualifies.
    pub fn modified(&self) -> Option<TypeId> {
        match *self {
            Kind::Typedef(to) => Some(to),
            _ => self.qualified(),
        }
    }

    /// `const`, `volatile`, `restrict` or a tag: what it qualifies.
    pub fn qualified(&self) -> Option<TypeId> {
        match *self {
            Kind::Volatile(to) | Kind::Const(to) | Kind::Restrict(to) | Kind::TypeTag(to) => Some(to),
            _ => None,
        }
    }

    /// The members of a structure or union.
    pub fn members(&self) -> Option<Members<'a>> {
        match *self {
            Kind::Struct { members, .. } | Kind::Union { members, .. } => Some(members),
            _ => None,
        }
    }
}

/// Visibility of a function or variable to other objects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Linkage {
    /// Of this file.
    Static,
    /// Of the whole program.
    Global,
    /// Declared here, defined elsewhere.
    Extern,
}

/// A member of a structure or union.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member<'a> {
    /// Its name; empty for anonymous ones.
    pub name: &'a str,
    /// Its type.
    pub ty: TypeId,
    /// Where it starts, in bits.
    pub bit_offset: u32,
    /// Width of a bit field; 0 for anything else.
    pub bit_size: u32,
}

/// A value of an enumeration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Enumerator<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value: sign-extended if the enumeration is signed, else zero-extended.
    pub value: u64,
}

/// A parameter of a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Param<'a> {
    /// Its name; may be empty.
    pub name: &'a str,
    /// Its type.
    pub ty: TypeId,
}

/// A variable of a data section.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SectionVar {
    /// Its `VAR` (in `.ksyms`, also a `FUNC`).
    pub ty: TypeId,
    /// Offset in the section, in bytes.
    pub offset: u32,
    /// Size in bytes.
    pub size: u32,
}

/// Members of a structure or union.
pub type Members<'a> = Records<'a, Member<'a>>;

/// The records that follow a type: members, parameters, values.
pub struct Records<'a, T> {
    btf: &'a Btf,
    data: &'a [u8],
    size: usize,
    read: fn(&'a Btf, &'a [u8]) -> T,
}

impl<T> Clone for Records<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Records<'_, T> {}

impl<T> std::fmt::Debug for Records<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{} records]", self.len())
    }
}

impl<'a, T> Records<'a, T> {
    /// How many there are, at most 65,535.
    pub fn len(&self) -> usize {
        self.data.len() / self.size
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The one of that index.
    pub fn get(&self, index: usize) -> Option<T> {
        let start = index.checked_mul(self.size)?;
        Some((self.read)(self.btf, self.data.get(start..start.checked_add(self.size)?)?))
    }

    /// All, in the order of their declaration.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'a, T> {
        let (btf, read) = (self.btf, self.read);
        self.data.chunks_exact(self.size).map(move |record| read(btf, record))
    }
}

/// The `index`th 32-bit word of a record; 0 past its end (the parser has checked the ends).
pub(super) fn word(data: &[u8], index: usize) -> u32 {
    let bytes = index.checked_mul(4).and_then(|at| data.get(at..at.checked_add(4)?));
    bytes.and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

/// How many bytes follow the three-word header of a type.
pub(super) fn tail_len(kind: u32, vlen: u32) -> Option<u32> {
    Some(match kind {
        1 | 14 | 17 => 4,
        2 | 7 | 8 | 9 | 10 | 11 | 12 | 16 | 18 => 0,
        3 => 12,
        4 | 5 | 15 | 19 => vlen * 12,
        6 | 13 => vlen * 8,
        _ => return None,
    })
}

/// Kind number, `vlen` and the kind flag of a type's second word.
pub(super) fn split_info(info: u32) -> (u32, u32, bool) {
    ((info >> 24) & 0x1f, info & 0xffff, info >> 31 != 0)
}

pub(super) fn decode(btf: &Btf, id: TypeId) -> Type<'_> {
    let void = Type { id: TypeId::VOID, name: "", kind: Kind::Void };
    if id == TypeId::VOID {
        return void;
    }
    let Some(&start) = btf.offsets.get(id.0 as usize) else { return void };
    let Some(record) = btf.bytes.get(start as usize..) else { return void };
    let (number, vlen, flag) = split_info(word(record, 1));
    let third = word(record, 2);
    let tail = tail_len(number, vlen).and_then(|len| record.get(12..12 + len as usize)).unwrap_or_default();
    let to = TypeId(third);
    let kind = match number {
        1 => {
            let (first, encoding) = (word(tail, 0), word(tail, 0) >> 24);
            let (bits, offset) = (first & 0xff, (first >> 16) & 0xff);
            Kind::Int { size: third, bits, offset, signed: encoding & 1 != 0, boolean: encoding & 4 != 0 }
        }
        2 => Kind::Ptr(to),
        3 => Kind::Array { element: TypeId(word(tail, 0)), index: TypeId(word(tail, 1)), len: word(tail, 2) },
        4 | 5 => {
            let read = if flag { read_member_with_bits } else { read_member };
            let members = Records { btf, data: tail, size: 12, read };
            if number == 4 {
                Kind::Struct { size: third, members }
            } else {
                Kind::Union { size: third, members }
            }
        }
        6 => {
            let read = if flag { read_signed } else { read_unsigned };
            Kind::Enum { size: third, signed: flag, values: Records { btf, data: tail, size: 8, read } }
        }
        7 => Kind::Fwd { union: flag },
        8 => Kind::Typedef(to),
        9 => Kind::Volatile(to),
        10 => Kind::Const(to),
        11 => Kind::Restrict(to),
        12 => Kind::Func { proto: to, linkage: linkage(vlen) },
        13 => Kind::FuncProto { ret: to, params: Records { btf, data: tail, size: 8, read: read_param } },
        14 => Kind::Var { ty: to, linkage: linkage(word(tail, 0)) },
        15 => Kind::Section { size: third, vars: Records { btf, data: tail, size: 12, read: read_var } },
        16 => Kind::Float { size: third },
        17 => Kind::DeclTag { ty: to, component: word(tail, 0).cast_signed() },
        18 => Kind::TypeTag(to),
        19 => Kind::Enum {
            size: third,
            signed: flag,
            values: Records { btf, data: tail, size: 12, read: read_wide },
        },
        _ => Kind::Void,
    };
    Type { id, name: btf.string(word(record, 0)), kind }
}

fn linkage(number: u32) -> Linkage {
    match number {
        0 => Linkage::Static,
        1 => Linkage::Global,
        _ => Linkage::Extern,
    }
}

fn read_member<'a>(btf: &'a Btf, r: &'a [u8]) -> Member<'a> {
    Member { name: btf.string(word(r, 0)), ty: TypeId(word(r, 1)), bit_offset: word(r, 2), bit_size: 0 }
}

fn read_member_with_bits<'a>(btf: &'a Btf, r: &'a [u8]) -> Member<'a> {
    let offset = word(r, 2);
    Member { bit_offset: offset & 0x00ff_ffff, bit_size: offset >> 24, ..read_member(btf, r) }
}

fn read_signed<'a>(btf: &'a Btf, r: &'a [u8]) -> Enumerator<'a> {
    Enumerator { name: btf.string(word(r, 0)), value: i64::from(word(r, 1).cast_signed()).cast_unsigned() }
}

fn read_unsigned<'a>(btf: &'a Btf, r: &'a [u8]) -> Enumerator<'a> {
    Enumerator { name: btf.string(word(r, 0)), value: u64::from(word(r, 1)) }
}

fn read_wide<'a>(btf: &'a Btf, r: &'a [u8]) -> Enumerator<'a> {
    Enumerator { name: btf.string(word(r, 0)), value: u64::from(word(r, 2)) << 32 | u64::from(word(r, 1)) }
}

fn read_param<'a>(btf: &'a Btf, r: &'a [u8]) -> Param<'a> {
    Param { name: btf.string(word(r, 0)), ty: TypeId(word(r, 1)) }
}

fn read_var<'a>(_: &'a Btf, r: &'a [u8]) -> SectionVar {
    SectionVar { ty: TypeId(word(r, 0)), offset: word(r, 1), size: word(r, 2) }
}
