//! What stands at an address, as text, by its type: what `bpf_snprintf_btf` prints.
//!
//! Linux's text, with its peculiarities: elements of arrays have no names; what is zero is left out, and so is a structure or an
//! array of nothing else, unless asked for or the whole; an array of pointers or of arrays shows its first element over and over;
//! an enumeration of one byte is read as if it had four. Memory is read in pieces of 32 bytes, as there, so that what cannot be
//! read is missed at the same place.

use belay_object::btf::{Btf, Kind, Member, Type, TypeId};

use crate::errno::Errno;

/// `BTF_F_COMPACT`: without line breaks and indentation.
const COMPACT: u64 = 1;
/// `BTF_F_NONAME`: without names of types and members.
const NO_NAMES: u64 = 2;
/// `BTF_F_ZERO`: what is zero, too.
const ZERO: u64 = 8;
/// All flags; the other one, `BTF_F_PTR_RAW`, makes no difference where pointers are never hidden.
pub(super) const FLAGS: u64 = 15;

/// Bytes that are read at once, and how many of them must be there for a value.
const PIECE: usize = 32;
const LARGEST: u64 = 16;
/// How deep types may be nested, other names of them counted, and how many values are shown: no kernel has more.
const MAX_NESTED: usize = 64;
const MAX_VALUES: u32 = 1 << 20;
/// Modifiers, pointers and arrays that a name is made of at most.
const MAX_NAMED: usize = 10;
/// Bytes of a name, without its end.
const MAX_NAME: usize = 79;

/// What came of it.
pub(super) struct Text {
    pub(super) bytes: Vec<u8>,
    /// Whether anything was printed, be it nothing.
    pub(super) printed: bool,
    pub(super) result: Result<(), Errno>,
}

/// Shows the type at an address; `read` fills a piece of memory.
pub(super) fn show(
    types: &Btf,
    id: TypeId,
    at: u64,
    flags: u64,
    read: impl Fn(u64, &mut [u8]) -> Result<(), Errno>,
) -> Text {
    let mut show = Show {
        types,
        read,
        flags,
        text: Text { bytes: Vec::new(), printed: false, result: Ok(()) },
        depth: 0,
        nested: 0,
        deepest: 0,
        trial: None,
        in_array: false,
        ended: false,
        characters: false,
        member: None,
        id,
        is_union: false,
        whole: (at, 0),
        piece: (0, [0; PIECE]),
        values: 0,
    };
    show.any(types.get(id), id, at, 0);
    show.text
}

struct Show<'t, R> {
    types: &'t Btf,
    read: R,
    flags: u64,
    text: Text,
    depth: usize,
    nested: usize,
    /// The depth of the deepest value that is shown.
    deepest: usize,
    /// Nothing is printed while it is found out whether there is anything to be shown at this depth.
    trial: Option<usize>,
    /// Whether the element of an array is shown, and whether its string has ended.
    in_array: bool,
    ended: bool,
    /// Whether the array is of characters.
    characters: bool,
    member: Option<Member<'t>>,
    /// The type that is shown, typedefs kept.
    id: TypeId,
    is_union: bool,
    /// Where all of it lies, and how many bytes it has.
    whole: (u64, u64),
    /// The piece that was read last, and where it lies.
    piece: (u64, [u8; PIECE]),
    values: u32,
}

impl<'t, R: Fn(u64, &mut [u8]) -> Result<(), Errno>> Show<'t, R> {
    /// Shows a type, which `id` may be another name of.
    fn any(&mut self, ty: Type<'t>, id: TypeId, at: u64, bit: u32) {
        self.values += 1;
        if self.values > MAX_VALUES || self.nested > MAX_NESTED {
            self.text.result = Err(Errno::E2BIG);
            return;
        }
        self.nested += 1;
        self.of_kind(ty, id, at, bit);
        self.nested -= 1;
    }

    fn of_kind(&mut self, ty: Type<'t>, id: TypeId, at: u64, bit: u32) {
        match ty.kind {
            Kind::Int { bits, offset, signed, .. } => self.int(ty, id, at, (bit, bits, offset), signed),
            Kind::Ptr(_) => self.value_at(ty, id, at, |show, off| {
                let pointer = u64::from_le_bytes(show.bytes(off));
                show.value(pointer != 0, &format!("0x{pointer:016x}"));
            }),
            Kind::Enum { .. } => self.value_at(ty, id, at, |show, off| show.enumerator(ty, off)),
            Kind::Array { element, len, .. } => {
                self.unless_zero(|show| show.array(ty, id, at, bit, element, len));
            }
            Kind::Struct { .. } | Kind::Union { .. } => {
                self.unless_zero(|show| show.structure(ty, id, at));
            }
            Kind::Var { ty, .. } => {
                let ty = self.types.strip(ty);
                self.any(ty, ty.id, at, bit);
            }
            Kind::Section { .. } => self.section(ty, id, at, bit),
            Kind::Fwd { .. } => self.unsupported(7),
            Kind::Func { .. } => self.unsupported(12),
            Kind::FuncProto { .. } => self.unsupported(13),
            Kind::Float { .. } => self.unsupported(16),
            Kind::DeclTag { .. } => self.unsupported(17),
            Kind::Void => self.unsupported(0),
            Kind::Typedef(_) | Kind::Volatile(_) | Kind::Const(_) | Kind::Restrict(_) | Kind::TypeTag(_) => {
                self.any(self.types.strip(id), id, at, bit);
            }
        }
    }

    fn unsupported(&mut self, kind: u32) {
        self.print(format!("<unsupported kind:{kind}>").as_bytes());
    }

    /// Shows a value of a type that has no parts, where it can be read.
    fn value_at(&mut self, ty: Type<'t>, id: TypeId, at: u64, value: impl FnOnce(&mut Self, usize)) {
        if let Some(off) = self.start(ty, id, at) {
            value(self, off);
            self.end();
        }
    }

    fn int(&mut self, ty: Type<'t>, id: TypeId, at: u64, (bit, bits, first): (u32, u32, u32), signed: bool) {
        self.value_at(ty, id, at, |show, off| {
            if bit != 0 || first != 0 || !matches!(bits, 8 | 16 | 32 | 64 | 128) {
                let bit = bit + first;
                return show.bit_field(off + bit as usize / 8, bit % 8, bits);
            }
            let number = u128::from_le_bytes(show.bytes(off));
            if bits == 128 {
                return show.wide(number);
            }
            let unused = 128 - bits;
            let unsigned = number << unused >> unused;
            if bits == 8 && show.characters && show.character(unsigned as u8) {
                return;
            }
            let text = match signed {
                true => ((number << unused).cast_signed() >> unused).to_string(),
                false => unsigned.to_string(),
            };
            show.value(unsigned != 0, &text);
        });
    }

    /// Shows a byte of a string, if it is a character that can be; false if it is to be shown as a number.
    fn character(&mut self, byte: u8) -> bool {
        self.ended |= byte == 0;
        if self.ended {
            return true;
        }
        // Of Latin-1.
        let printable = matches!(byte, 0x20..=0x7e | 0xa0..);
        if printable {
            self.line(&[b'\'', byte, b'\'']);
        }
        printable
    }

    /// Shows bits, from one of the byte at `off` on.
    fn bit_field(&mut self, off: usize, bit: u32, bits: u32) {
        let number = u128::from_le_bytes(self.bytes(off));
        let above = 128_u32.saturating_sub(bits + bit);
        let number = number.checked_shl(above).unwrap_or(0);
        self.wide(number.checked_shr(128_u32.saturating_sub(bits)).unwrap_or(0));
    }

    fn wide(&mut self, number: u128) {
        let text = match (number >> 64, number as u64) {
            (0, low) => format!("0x{low:x}"),
            (high, low) => format!("0x{high:x}{low:016x}"),
        };
        self.value(number != 0, &text);
    }

    fn enumerator(&mut self, ty: Type<'t>, off: usize) {
        let Kind::Enum { size, signed, values } = ty.kind else { return };
        let wide = size == 8;
        let number = if wide {
            u64::from_le_bytes(self.bytes(off))
        } else {
            u32::from_le_bytes(self.bytes(off)).into()
        };
        let same = |value: u64| if wide { value == number } else { value as u32 == number as u32 };
        if let Some(named) = values.iter().find(|named| same(named.value)) {
            // A name is never nothing, whatever it stands for.
            return self.value(true, named.name);
        }
        let text = match (signed, wide) {
            (true, true) => number.cast_signed().to_string(),
            (true, false) => (number as u32).cast_signed().to_string(),
            (false, _) => number.to_string(),
        };
        self.value(number != 0, &text);
    }

    /// Shows something of several parts: if it is a part itself, and nothing but zeros, not at all.
    fn unless_zero(&mut self, mut show: impl FnMut(&mut Self)) {
        let member = self.member;
        if self.depth > 0 && self.flags & ZERO == 0 {
            let within = self.depth + 1;
            if self.trial.is_none() {
                (self.trial, self.deepest) = (Some(within), 0);
            }
            show(self);
            self.member = member;
            if self.trial != Some(within) {
                return;
            }
            self.trial = None;
            if self.deepest <= self.depth {
                return;
            }
        }
        show(self);
    }

    fn structure(&mut self, ty: Type<'t>, id: TypeId, at: u64) {
        if !self.open(ty, id, at) {
            return;
        }
        for member in ty.kind.members().into_iter().flat_map(|members| members.iter()) {
            self.member = Some(member);
            let (at, bit) = (at.wrapping_add(u64::from(member.bit_offset / 8)), member.bit_offset % 8);
            let ty = self.types.get(member.ty);
            if member.bit_size == 0 {
                self.any(ty, member.ty, at, bit);
            } else {
                if let Some(off) = self.start(ty, member.ty, at) {
                    self.bit_field(off, bit, member.bit_size);
                }
                self.end();
            }
            self.member = None;
        }
        self.close("}");
    }

    fn array(&mut self, ty: Type<'t>, id: TypeId, at: u64, bit: u32, element: TypeId, len: u32) {
        let of = self.types.strip(element);
        let size = match of.kind {
            Kind::Int { size, .. }
            | Kind::Struct { size, .. }
            | Kind::Union { size, .. }
            | Kind::Enum { size, .. }
            | Kind::Section { size, .. }
            | Kind::Float { size } => size,
            _ => 0,
        };
        self.characters = matches!(of.kind, Kind::Int { size: 1, .. });
        self.ended = false;
        if !self.open(ty, id, at) {
            return;
        }
        for index in 0..len {
            (self.in_array, self.member) = (true, None);
            self.any(of, element, at.wrapping_add(u64::from(index) * u64::from(size)), bit);
            (self.in_array, self.member) = (false, None);
            if self.ended || self.values > MAX_VALUES {
                break;
            }
        }
        (self.characters, self.ended) = (false, false);
        self.close("]");
    }

    fn section(&mut self, ty: Type<'t>, id: TypeId, at: u64, bit: u32) {
        let Kind::Section { vars, .. } = ty.kind else { return };
        if self.start(ty, id, at).is_none() {
            return;
        }
        self.value(true, &format!("section (\"{}\") = {{", ty.name));
        for (index, var) in vars.iter().enumerate() {
            if index > 0 {
                self.print(b",");
            }
            self.any(self.types.get(var.ty), var.ty, at.wrapping_add(var.offset.into()), bit);
        }
        self.end();
    }

    /// Begins to show a type: where in the piece it stands, which is read if it must be; none if it cannot be.
    fn start(&mut self, ty: Type<'t>, id: TypeId, at: u64) -> Option<usize> {
        (self.id, self.is_union) = (id, matches!(ty.kind, Kind::Union { .. }));
        let Some(size) = self.types.size_of(ty.id).map(u64::from) else {
            self.text.result = Err(Errno::EINVAL);
            return None;
        };
        if self.depth == 0 {
            self.whole = (at, size);
        } else if let Some(off) = self.in_piece(at, size.min(LARGEST)) {
            return Some(off);
        }
        let (head, all) = self.whole;
        let left = head.wrapping_add(all).wrapping_sub(at).cast_signed();
        let (_, piece) = &mut self.piece;
        let wanted = usize::try_from(left).ok().and_then(|left| piece.get_mut(..left.min(PIECE)));
        self.text.result = wanted.map_or(Err(Errno::EFAULT), |wanted| (self.read)(at, wanted));
        self.text.result.ok()?;
        self.piece.0 = at;
        Some(0)
    }

    fn in_piece(&self, at: u64, size: u64) -> Option<usize> {
        let off = at.checked_sub(self.piece.0)?;
        (off.checked_add(size)? < PIECE as u64).then_some(off as usize)
    }

    fn end(&mut self) {
        (self.id, self.is_union) = (TypeId::VOID, false);
    }

    /// Bytes of the piece, and zeros behind it.
    fn bytes<const N: usize>(&self, off: usize) -> [u8; N] {
        std::array::from_fn(|index| self.piece.1.get(off + index).copied().unwrap_or(0))
    }

    /// Begins to show something of several parts; false if it cannot be read.
    fn open(&mut self, ty: Type<'t>, id: TypeId, at: u64) -> bool {
        let there = self.start(ty, id, at).is_some();
        if there {
            let line = [self.indent(), &self.name(), self.newline()].concat();
            self.print(line.as_bytes());
            self.depth += 1;
        }
        there
    }

    fn close(&mut self, bracket: &str) {
        self.depth -= 1;
        let line = [self.indent(), bracket, self.delimiter(), self.newline()].concat();
        self.print(line.as_bytes());
        self.end();
    }

    /// Shows a value, unless it is zero and zeros are left out.
    fn value(&mut self, matters: bool, text: &str) {
        if matters || self.flags & ZERO != 0 || self.depth == 0 {
            self.line(text.as_bytes());
        }
    }

    fn line(&mut self, value: &[u8]) {
        let name = self.name();
        let line: [&[u8]; 5] = [
            self.indent().as_bytes(),
            name.as_bytes(),
            value,
            self.delimiter().as_bytes(),
            self.newline().as_bytes(),
        ];
        self.print(&line.concat());
        self.deepest = self.deepest.max(self.depth);
    }

    fn print(&mut self, text: &[u8]) {
        if self.trial.is_none() {
            self.text.bytes.extend(text);
            self.text.printed = true;
        }
    }

    fn indent(&self) -> &'static str {
        const SPACES: &str = "                                ";
        let depth = if self.flags & COMPACT == 0 { self.depth.min(SPACES.len()) } else { 0 };
        SPACES.get(..depth).unwrap_or_default()
    }

    fn newline(&self) -> &'static str {
        if self.flags & COMPACT == 0 { "\n" } else { "" }
    }

    fn delimiter(&self) -> &'static str {
        match self.depth {
            0 => "",
            _ if self.is_union && self.flags & COMPACT != 0 => "|",
            _ => ",",
        }
    }

    /// `.member = (struct type *[])`, and the bracket that opens what it is.
    fn name(&self) -> String {
        if self.in_array {
            return String::new();
        }
        let mut ty = self.types.get(self.member.map_or(self.id, |member| member.ty));
        let (mut named, mut pointers, mut arrays) = (None, 0, 0);
        let mut steps = 0;
        loop {
            let next = match ty.kind {
                Kind::Typedef(of) => {
                    named = named.or(Some(ty.name));
                    of
                }
                Kind::Array { element, .. } => {
                    arrays += 1;
                    element
                }
                Kind::Ptr(of) => {
                    pointers += 1;
                    of
                }
                _ => break,
            };
            // What `void` is behind keeps its own name: none.
            if next == TypeId::VOID {
                break;
            }
            ty = self.types.strip_qualifiers(next);
            steps += 1;
            if steps == MAX_NAMED {
                return String::new();
            }
        }
        let kind = match ty.kind {
            Kind::Struct { .. } => "struct",
            Kind::Union { .. } => "union",
            Kind::Enum { .. } => "enum",
            _ => "",
        };
        let bracket = match kind {
            _ if pointers > 0 => "",
            _ if arrays > 0 => "[",
            "struct" | "union" => "{",
            _ => "",
        };
        if self.flags & NO_NAMES != 0 {
            return bracket.to_owned();
        }
        let kind = if named.is_some() { "" } else { kind };
        let name = named.unwrap_or(ty.name);
        let member = self.member.map(|member| member.name).filter(|name| !name.is_empty());
        let member = member.map_or(String::new(), |name| format!(".{name} = "));
        let gap = if kind.is_empty() || name.is_empty() { "" } else { " " };
        let space = if pointers > 0 { " " } else { "" };
        let mut text = format!(
            "{member}({kind}{gap}{name}{space}{}{}){bracket}",
            "*".repeat(pointers),
            "[]".repeat(arrays)
        );
        text.truncate(text.floor_char_boundary(MAX_NAME));
        text
    }
}
