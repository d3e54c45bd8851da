//! How types lie in memory: what a name stands for, size and alignment.

use super::{Btf, Kind, MAX_DEPTH, Type, TypeId};

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
