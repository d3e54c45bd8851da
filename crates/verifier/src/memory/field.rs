//! What lies at an offset of a structure, by its BTF: a number, or a pointer to another structure.
//!
//! The walk is Linux's (6.18), with its liberties: numbers may be read at any width inside their member, arrays of
//! them as one piece, the last array of a structure without end; pointers only whole. Nothing here knows registers
//! or trust: [`Field`] says what lies there, `memory::object` what that is worth.

use belay_object::btf::{Btf, Kind, Member, Type, TypeId};

use crate::object::Flags;

/// How many structures inside each other the walk enters; no kernel's come near.
const MAX_STEPS: u32 = 256;

/// What lies at an offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Field<'t> {
    /// A number, or a pointer to something that is no structure.
    Number,
    /// A pointer to a structure.
    Pointer {
        /// The structure.
        to: TypeId,
        /// What its tag says ([`Flags::USER`], [`Flags::PER_CPU`], [`Flags::RCU`]), and [`Flags::UNTRUSTED`] if the way
        /// leads through a union.
        flags: Flags,
        /// The member's name.
        name: &'t str,
    },
}

/// What lies in `size` bytes at `off` of the structure. `endless`: whether a last array without a length goes on.
///
/// # Errors
/// The kernel's line.
pub(crate) fn field_at(
    types: &Btf,
    structure: TypeId,
    off: u32,
    size: u32,
    endless: bool,
) -> Result<Field<'_>, String> {
    let mut place = Place { types, structure: types.strip(structure), off, size, in_union: false };
    for _ in 0..MAX_STEPS {
        let (structure, off) = match place.step(endless)? {
            Step::Found(field) => return Ok(field),
            Step::Begins(structure) => (structure, 0),
            Step::Inside(structure, off) => (structure, off),
        };
        place.structure = types.strip(structure);
        place.off = off;
    }
    Err(place.nothing_there())
}

/// Whether an object of the wanted type begins at `off` of the structure: the structure itself, or one inside.
pub(crate) fn begins_at(types: &Btf, structure: TypeId, off: u32, wanted: TypeId) -> bool {
    if off == 0 && structure == wanted {
        return true;
    }
    let mut place = Place { types, structure: types.strip(structure), off, size: 1, in_union: false };
    for _ in 0..MAX_STEPS {
        let (structure, off) = match place.step(false) {
            Ok(Step::Begins(structure)) if structure == wanted => return true,
            Ok(Step::Begins(structure)) => (structure, 0),
            Ok(Step::Inside(structure, off)) => (structure, off),
            Ok(Step::Found(_)) | Err(_) => return false,
        };
        place.structure = types.strip(structure);
        place.off = off;
    }
    false
}

/// An access, as far as the walk has come.
struct Place<'t> {
    types: &'t Btf,
    structure: Type<'t>,
    off: u32,
    size: u32,
    in_union: bool,
}

/// One structure further.
enum Step<'t> {
    /// The walk is over.
    Found(Field<'t>),
    /// A structure begins exactly at the offset.
    Begins(TypeId),
    /// The offset lies inside a structure, at this offset of it.
    Inside(TypeId, u32),
}

/// The element type and the number of elements of a member; of what is no array: itself, once.
struct Elements {
    ty: TypeId,
    count: u32,
    array: bool,
}

impl<'t> Place<'t> {
    fn step(&mut self, endless: bool) -> Result<Step<'t>, String> {
        let (size, members) = match self.structure.kind {
            Kind::Struct { size, members } => (size, members),
            Kind::Union { size, members } => {
                // (A union of one member is how the kernel pads its pointers.)
                self.in_union |= members.len() != 1;
                (size, members)
            }
            _ => return Err(format!("Type '{}' is not a struct", self.structure.name)),
        };
        if self.end() > u64::from(size) {
            let last = members.iter().last().filter(|_| endless);
            return self.behind_the_end(last).ok_or_else(|| {
                let name = self.structure.name;
                format!("access beyond struct {name} at off {} size {}", self.off, self.size)
            });
        }
        for member in members.iter() {
            let start = member.bit_offset / 8;
            if self.end() <= u64::from(start) {
                break;
            }
            if member.bit_size != 0 {
                let bits_end = u64::from(member.bit_offset) + u64::from(member.bit_size);
                if self.off <= start && bits_end.div_ceil(8) <= self.end() {
                    return Ok(Step::Found(Field::Number));
                }
                continue;
            }
            if self.off < start {
                break;
            }
            if let Some(step) = self.enter(&member, start)? {
                return Ok(step);
            }
        }
        Err(self.nothing_there())
    }

    /// The first byte behind the access.
    fn end(&self) -> u64 {
        u64::from(self.off) + u64::from(self.size)
    }

    fn nothing_there(&self) -> String {
        format!("struct {} doesn't have field at offset {}", self.structure.name, self.off)
    }

    /// Behind the end of a structure lies only a last array without a length.
    fn behind_the_end(&self, last: Option<Member<'t>>) -> Option<Step<'t>> {
        let last = last?;
        let Kind::Array { element, len: 0, .. } = self.types.strip(last.ty).kind else { return None };
        let into = self.off.checked_sub(last.bit_offset / 8)?;
        let element = self.types.strip(element);
        match element.kind {
            Kind::Int { .. } => Some(Step::Found(Field::Number)),
            Kind::Struct { size, .. } | Kind::Union { size, .. } => {
                Some(Step::Inside(element.id, into.checked_rem(size)?))
            }
            _ => None,
        }
    }

    /// The member at `start`, which begins at or before the offset; `None` if it ends before it.
    fn enter(&self, member: &Member<'t>, mut start: u32) -> Result<Option<Step<'t>>, String> {
        let Some(whole) = self.types.size_of(member.ty) else {
            return Err(format!("field {} doesn't have size", member.name));
        };
        let end = start.saturating_add(whole);
        if self.off >= end {
            return Ok(None);
        }
        let elements = self.elements(member.ty);
        let size = whole.checked_div(elements.count).unwrap_or(0);
        if elements.array {
            let index = (self.off - start).checked_div(size).unwrap_or(0);
            start += index * size;
        }
        let ty = self.types.get(elements.ty);
        if ty.kind.members().is_some() {
            return Ok(Some(if self.off == start {
                Step::Begins(ty.id)
            } else {
                Step::Inside(ty.id, self.off - start)
            }));
        }
        if let Kind::Ptr(target) = ty.kind {
            if size != self.size || self.off != start {
                return Err(format!(
                    "cannot access ptr member {} with moff {start} in struct {} with off {} size {}",
                    member.name, self.structure.name, self.off, self.size
                ));
            }
            let to = self.types.strip(target);
            if to.kind.members().is_some() {
                let flags =
                    tag(&self.types.get(target)) | if self.in_union { Flags::UNTRUSTED } else { Flags::NONE };
                return Ok(Some(Step::Found(Field::Pointer { to: to.id, flags, name: member.name })));
            }
        }
        if self.end() > u64::from(end) && !self.in_union {
            return Err(format!(
                "access beyond the end of member {} (mend:{end}) in struct {} with off {} size {}",
                member.name, self.structure.name, self.off, self.size
            ));
        }
        Ok(Some(Step::Found(Field::Number)))
    }

    /// Arrays of arrays are one long array.
    fn elements(&self, id: TypeId) -> Elements {
        let mut found = Elements { ty: self.types.strip(id).id, count: 1, array: false };
        for _ in 0..belay_object::btf::MAX_DEPTH {
            let Kind::Array { element, len, .. } = self.types.get(found.ty).kind else { break };
            found = Elements {
                ty: self.types.strip(element).id,
                count: found.count.saturating_mul(len),
                array: true,
            };
        }
        found
    }
}

/// What the tag of a pointer's target says of the pointer.
pub(crate) fn tag(target: &Type<'_>) -> Flags {
    match (target.kind, target.name) {
        (Kind::TypeTag(_), "user") => Flags::USER,
        (Kind::TypeTag(_), "percpu") => Flags::PER_CPU,
        (Kind::TypeTag(_), "rcu") => Flags::RCU,
        _ => Flags::NONE,
    }
}
