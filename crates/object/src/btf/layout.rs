//! How types lie in memory: what a name stands for, size and alignment.

use std::ops::Range;

use super::{Btf, Kind, MAX_DEPTH, Member, Type, TypeId};

impl Btf {
    /// The type behind qualifiers, tags and typedefs; `void` if there are too many of them.
    pub fn strip(&self, id: TypeId) -> Type<'_> {
        self.follow(id, |kind| kind.modified())
    }

    /// The type behind qualifiers and tags, typedefs kept.
    pub fn strip_qualifiers(&self, id: TypeId) -> Type<'_> {
        self.follow(id, |kind| kind.qualified())
    }

    fn follow(&self, mut id: TypeId, next: impl Fn(&Kind<'_>) -> Option<TypeId>) -> Type<'_> {
        for _ in 0..MAX_DEPTH {
            let ty = self.get(id);
            match next(&ty.kind) {
                Some(to) => id = to,
                None => return ty,
            }
        }
        self.get(TypeId::VOID)
    }

    /// Where a member lies in a structure, in bytes. The path names the members that lead to it, with dots between; those
    /// of structures and unions without a name are members of what holds them.
    pub fn member_at(&self, structure: TypeId, path: &str) -> Option<Range<u32>> {
        let (mut ty, mut place) = (structure, 0..0_u32);
        for name in path.split('.') {
            let (member, start) = self.member_named(ty, name, 0)?;
            let bits = place.start.checked_mul(8)?.checked_add(start)?;
            let end = match member.bit_size {
                0 => (bits / 8).checked_add(self.size_of(member.ty)?)?,
                width => bits.checked_add(width)?.div_ceil(8),
            };
            (ty, place) = (member.ty, bits / 8..end);
        }
        Some(place)
    }

    /// The type of a member, named as in [`Btf::member_at`].
    pub fn member_type(&self, structure: TypeId, path: &str) -> Option<TypeId> {
        path.split('.').try_fold(structure, |ty, name| Some(self.member_named(ty, name, 0)?.0.ty))
    }

    /// The member of that name, and its first bit.
    fn member_named(&self, structure: TypeId, name: &str, depth: u32) -> Option<(Member<'_>, u32)> {
        self.strip(structure).kind.members()?.iter().find_map(|member| match member.name {
            "" if depth < MAX_DEPTH => {
                let (inner, start) = self.member_named(member.ty, name, depth + 1)?;
                Some((inner, start.checked_add(member.bit_offset)?))
            }
            known if known == name => Some((member, member.bit_offset)),
            _ => None,
        })
    }

    /// What lies at an offset of a structure, for people: the names of the members that lead there.
    pub fn member_path(&self, structure: TypeId, off: u32) -> String {
        let (mut ty, mut off, mut path) = (structure, off, Vec::new());
        for _ in 0..MAX_DEPTH {
            let holds = |member: &Member<'_>| {
                let start = member.bit_offset / 8;
                let bits = member.bit_offset % 8 + member.bit_size;
                let size =
                    if member.bit_size > 0 { bits.div_ceil(8) } else { self.size_of(member.ty).unwrap_or(0) };
                off >= start && off - start < size
            };
            let Some(member) = self.strip(ty).kind.members().and_then(|members| members.iter().find(holds))
            else {
                break;
            };
            if !member.name.is_empty() {
                path.push(member.name);
            }
            (ty, off) = (member.ty, off - member.bit_offset / 8);
        }
        path.join(".")
    }

    /// The size in bytes of a value of the type; none for `void`, functions, and what overflows.
    pub fn size_of(&self, mut id: TypeId) -> Option<u32> {
        let mut count: u32 = 1;
        for _ in 0..MAX_DEPTH {
            let ty = self.get(id);
            let size = match ty.kind {
                Kind::Int { size, .. }
                | Kind::Struct { size, .. }
                | Kind::Union { size, .. }
                | Kind::Enum { size, .. }
                | Kind::Section { size, .. }
                | Kind::Float { size } => size,
                Kind::Ptr(_) => 8,
                Kind::Array { element, len, .. } => {
                    count = count.checked_mul(len)?;
                    id = element;
                    continue;
                }
                Kind::Var { ty, .. } | Kind::DeclTag { ty, .. } => {
                    id = ty;
                    continue;
                }
                _ => {
                    id = ty.kind.modified()?;
                    continue;
                }
            };
            return count.checked_mul(size);
        }
        None
    }

    /// The alignment in bytes that a value of the type needs, packed structures accounted for; none as [`Btf::size_of`].
    pub fn align_of(&self, id: TypeId) -> Option<u32> {
        // Each structure costs its members; hostile nesting runs out of fuel instead of time.
        let mut fuel = 100_000;
        self.align(id, 0, &mut fuel)
    }

    fn align(&self, id: TypeId, depth: u32, fuel: &mut u32) -> Option<u32> {
        *fuel = fuel.checked_sub(1)?;
        if depth > MAX_DEPTH {
            return None;
        }
        let ty = self.get(id);
        match ty.kind {
            Kind::Int { size, .. } | Kind::Enum { size, .. } | Kind::Float { size } => Some(size.clamp(1, 8)),
            Kind::Ptr(_) => Some(8),
            Kind::Array { element, .. } => self.align(element, depth + 1, fuel),
            Kind::Var { ty, .. } => self.align(ty, depth + 1, fuel),
            Kind::Struct { size, members } | Kind::Union { size, members } => {
                let mut most = 1;
                for member in members.iter() {
                    let align = self.align(member.ty, depth + 1, fuel)?;
                    most = most.max(align);
                    if member.bit_size == 0 && member.bit_offset % (8 * align) != 0 {
                        return Some(1);
                    }
                }
                Some(if size % most == 0 { most } else { 1 })
            }
            _ => self.align(ty.kind.modified()?, depth + 1, fuel),
        }
    }
}
