//! A type, decoded: its kind and what belongs to it.

use std::marker::PhantomData;

use super::{Btf, TypeId};
use sealed::Form;

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
    form: Form,
    record: PhantomData<T>,
}

/// A record that can be read; only this module's are.
pub trait Record<'a>: sealed::Read<'a> {}

impl<'a, T: sealed::Read<'a>> Record<'a> for T {}

mod sealed {
    use super::Btf;

    /// How a kind's records are encoded, where the kind alone does not say.
    #[derive(Clone, Copy)]
    pub enum Form {
        Plain,
        /// With the kind flag: members have bit sizes, enumerators are signed.
        Flagged,
        /// Enumerators of 64 bits.
        Wide,
    }

    pub trait Read<'a>: Sized {
        fn read(btf: &'a Btf, record: &'a [u8], form: Form) -> Self;
    }
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

impl<T> Records<'_, T> {
    /// How many there are, at most 65,535.
    pub fn len(&self) -> usize {
        self.data.len() / self.size
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }
}

impl<'a, T: Record<'a>> Records<'a, T> {
    /// The one of that index.
    pub fn get(&self, index: usize) -> Option<T> {
        let start = index.checked_mul(self.size)?;
        Some(T::read(self.btf, self.data.get(start..start.checked_add(self.size)?)?, self.form))
    }

    /// All, in the order of their declaration.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'a, T> {
        let (btf, form) = (self.btf, self.form);
        self.data.chunks_exact(self.size).map(move |record| T::read(btf, record, form))
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
    let form = if flag { Form::Flagged } else { Form::Plain };
    let kind = match number {
        1 => {
            let (first, encoding) = (word(tail, 0), word(tail, 0) >> 24);
            let (bits, offset) = (first & 0xff, (first >> 16) & 0xff);
            Kind::Int { size: third, bits, offset, signed: encoding & 1 != 0, boolean: encoding & 4 != 0 }
        }
        2 => Kind::Ptr(to),
        3 => Kind::Array { element: TypeId(word(tail, 0)), index: TypeId(word(tail, 1)), len: word(tail, 2) },
        4 | 5 => {
            let members = records(btf, tail, 12, form);
            if number == 4 {
                Kind::Struct { size: third, members }
            } else {
                Kind::Union { size: third, members }
            }
        }
        6 => Kind::Enum { size: third, signed: flag, values: records(btf, tail, 8, form) },
        7 => Kind::Fwd { union: flag },
        8 => Kind::Typedef(to),
        9 => Kind::Volatile(to),
        10 => Kind::Const(to),
        11 => Kind::Restrict(to),
        12 => Kind::Func { proto: to, linkage: linkage(vlen) },
        13 => Kind::FuncProto { ret: to, params: records(btf, tail, 8, form) },
        14 => Kind::Var { ty: to, linkage: linkage(word(tail, 0)) },
        15 => Kind::Section { size: third, vars: records(btf, tail, 12, form) },
        16 => Kind::Float { size: third },
        17 => Kind::DeclTag { ty: to, component: word(tail, 0).cast_signed() },
        18 => Kind::TypeTag(to),
        19 => Kind::Enum { size: third, signed: flag, values: records(btf, tail, 12, Form::Wide) },
        _ => Kind::Void,
    };
    Type { id, name: btf.string(word(record, 0)), kind }
}

fn records<'a, T>(btf: &'a Btf, data: &'a [u8], size: usize, form: Form) -> Records<'a, T> {
    Records { btf, data, size, form, record: PhantomData }
}

fn linkage(number: u32) -> Linkage {
    match number {
        0 => Linkage::Static,
        1 => Linkage::Global,
        _ => Linkage::Extern,
    }
}

impl<'a> sealed::Read<'a> for Member<'a> {
    fn read(btf: &'a Btf, r: &'a [u8], form: Form) -> Self {
        let offset = word(r, 2);
        let (bit_offset, bit_size) = match form {
            Form::Flagged => (offset & 0x00ff_ffff, offset >> 24),
            _ => (offset, 0),
        };
        Member { name: btf.string(word(r, 0)), ty: TypeId(word(r, 1)), bit_offset, bit_size }
    }
}

impl<'a> sealed::Read<'a> for Enumerator<'a> {
    fn read(btf: &'a Btf, r: &'a [u8], form: Form) -> Self {
        let low = word(r, 1);
        let value = match form {
            Form::Plain => u64::from(low),
            Form::Flagged => i64::from(low.cast_signed()).cast_unsigned(),
            Form::Wide => u64::from(word(r, 2)) << 32 | u64::from(low),
        };
        Enumerator { name: btf.string(word(r, 0)), value }
    }
}

impl<'a> sealed::Read<'a> for Param<'a> {
    fn read(btf: &'a Btf, r: &'a [u8], _: Form) -> Self {
        Param { name: btf.string(word(r, 0)), ty: TypeId(word(r, 1)) }
    }
}

impl<'a> sealed::Read<'a> for SectionVar {
    fn read(_: &'a Btf, r: &'a [u8], _: Form) -> Self {
        SectionVar { ty: TypeId(word(r, 0)), offset: word(r, 1), size: word(r, 2) }
    }
}
