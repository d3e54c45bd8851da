//! A path into a type, as the compiler wrote it, and the same path in a type of the kernel.

use super::{Fuel, Wanted, compat};
use crate::btf::{Btf, Kind, MAX_DEPTH, TypeId};
use crate::error::{ErrorKind, Fault};

/// Longest path: libbpf's limit.
const LONGEST: usize = 64;

/// A path, resolved in one set of types.
pub(super) struct Spec<'b> {
    pub(super) btf: &'b Btf,
    pub(super) root: TypeId,
    pub(super) steps: Vec<Step<'b>>,
    /// Where the path ends, in bits from the root's start.
    pub(super) bit_offset: u64,
}

/// A step that the source shows: a named member, an element of an array, a value of an enumeration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'b> {
    /// The structure that has the member, or the element's type; no qualifiers.
    pub(super) ty: TypeId,
    pub(super) index: u32,
    /// Of members and enumerators.
    pub(super) name: Option<&'b str>,
}

impl<'b> Spec<'b> {
    /// Reads `0:3:1` as a path from `root`.
    pub(super) fn parse(btf: &'b Btf, root: TypeId, text: &str, wanted: Wanted) -> Result<Spec<'b>, Fault> {
        let fault = || Fault::new(ErrorKind::Core, format!("the path `{text}` does not lead into the type"));
        let path: Option<Vec<u32>> = text.split(':').map(|n| n.parse().ok()).collect();
        let path = path.filter(|path| path.len() <= LONGEST).ok_or_else(fault)?;
        let (&first, rest) = path.split_first().ok_or_else(fault)?;
        let mut spec = Spec { btf, root, steps: Vec::new(), bit_offset: 0 };
        let start = btf.strip(root);
        match wanted {
            Wanted::Type(_) if path == [0] => {}
            Wanted::Type(_) => return Err(fault()),
            Wanted::Enumerator(_) => {
                let Kind::Enum { values, .. } = start.kind else { return Err(fault()) };
                let value = values.get(first as usize).filter(|_| rest.is_empty()).ok_or_else(fault)?;
                spec.steps.push(Step { ty: start.id, index: first, name: Some(value.name) });
            }
            Wanted::Field(_) => {
                spec.element(start.id, first).ok_or_else(fault)?;
                let mut at = start.id;
                for &index in rest {
                    at = spec.step(at, index).ok_or_else(fault)?;
                }
            }
        }
        Ok(spec)
    }

    /// One more number of the path, from a type that it has reached; gives the type that it leads to.
    fn step(&mut self, at: TypeId, index: u32) -> Option<TypeId> {
        let ty = self.btf.strip(at);
        match ty.kind {
            Kind::Struct { members, .. } | Kind::Union { members, .. } => {
                let member = members.get(index as usize)?;
                self.advance(member.bit_offset.into())?;
                if !member.name.is_empty() {
                    self.steps.push(Step { ty: ty.id, index, name: Some(member.name) });
                }
                Some(member.ty)
            }
            Kind::Array { element, len, .. } => {
                if index >= len && !self.ends_in_flexible_array(len) {
                    return None;
                }
                let element = self.btf.strip(element).id;
                self.element(element, index)?;
                Some(element)
            }
            _ => None,
        }
    }

    fn element(&mut self, ty: TypeId, index: u32) -> Option<()> {
        let bits = u64::from(self.btf.size_of(ty)?).checked_mul(8)?.checked_mul(index.into())?;
        self.advance(bits)?;
        self.steps.push(Step { ty, index, name: None });
        Some(())
    }

    /// Moves on, within what fits into an instruction many times over: arithmetic on offsets cannot overflow then.
    fn advance(&mut self, bits: u64) -> Option<()> {
        self.bit_offset = self.bit_offset.checked_add(bits).filter(|&at| at < 1 << 40)?;
        Some(())
    }

    /// Whether the array that the path has reached has no length of its own: the last member of its structure.
    fn ends_in_flexible_array(&self, len: u32) -> bool {
        let Some(step) = self.steps.last().filter(|step| len == 0 && step.name.is_some()) else {
            return false;
        };
        let members = self.btf.get(step.ty).kind.members();
        members.is_some_and(|members| step.index as usize + 1 == members.len())
    }

    /// The same path from `root` of the kernel's types, if it exists there.
    pub(super) fn find_in<'k>(
        &self,
        kernel: &'k Btf,
        root: TypeId,
        wanted: Wanted,
        fuel: &Fuel,
    ) -> Result<Option<Spec<'k>>, Fault> {
        let mut found = Spec { btf: kernel, root, steps: Vec::new(), bit_offset: 0 };
        let exists = match wanted {
            Wanted::Type(super::TypeFact::Matches) => {
                compat::types_match((self.btf, self.root), (kernel, root), false, MAX_DEPTH, fuel)?
            }
            Wanted::Type(_) => {
                compat::types_compatible((self.btf, self.root), (kernel, root), MAX_DEPTH, fuel)?
            }
            Wanted::Enumerator(_) => self.find_enumerator(&mut found, fuel)?,
            Wanted::Field(_) => self.find_field(&mut found, fuel)?,
        };
        Ok(exists.then_some(found))
    }

    fn find_enumerator(&self, found: &mut Spec<'_>, fuel: &Fuel) -> Result<bool, Fault> {
        let Some(name) = self.steps.first().and_then(|step| step.name) else { return Ok(false) };
        let ty = found.btf.strip(found.root);
        let Kind::Enum { values, .. } = ty.kind else { return Ok(false) };
        fuel.burn(values.len())?;
        let name = crate::btf::essential_name(name);
        let same = (0..).zip(values.iter()).find(|(_, v)| crate::btf::essential_name(v.name) == name);
        let step = same.map(|(index, value)| Step { ty: ty.id, index, name: Some(value.name) });
        found.steps.extend(step);
        Ok(step.is_some())
    }

    fn find_field(&self, found: &mut Spec<'_>, fuel: &Fuel) -> Result<bool, Fault> {
        let mut at = found.btf.strip(found.root).id;
        for (i, step) in self.steps.iter().enumerate() {
            let next = if let Some(name) = step.name {
                let wanted = self.btf.get(step.ty).kind.members().and_then(|m| m.get(step.index as usize));
                let Some(wanted) = wanted else { return Ok(false) };
                found.find_member((self.btf, wanted.ty), name, at, 0, fuel)?
            } else if i == 0 {
                found.element(at, step.index).map(|()| at)
            } else {
                // Only an array has elements; a structure of the same place is another thing.
                matches!(found.btf.strip(at).kind, Kind::Array { .. })
                    .then(|| found.step(at, step.index))
                    .flatten()
            };
            let Some(next) = next else { return Ok(false) };
            at = found.btf.strip(next).id;
        }
        Ok(true)
    }

    /// Finds the member `name` in `at` or in its anonymous members, and steps to it; gives the member's type.
    fn find_member(
        &mut self,
        local: (&Btf, TypeId),
        name: &str,
        at: TypeId,
        depth: u32,
        fuel: &Fuel,
    ) -> Result<Option<TypeId>, Fault> {
        let btf = self.btf;
        let ty = btf.strip(at);
        let Some(members) = ty.kind.members().filter(|_| depth < MAX_DEPTH) else { return Ok(None) };
        for (index, member) in (0..).zip(members.iter()) {
            fuel.burn(1)?;
            let before = self.bit_offset;
            let Some(()) = self.advance(member.bit_offset.into()) else { return Ok(None) };
            if member.name.is_empty() {
                if let Some(found) = self.find_member(local, name, member.ty, depth + 1, fuel)? {
                    return Ok(Some(found));
                }
            } else if member.name == name {
                if !compat::fields_compatible(local, (btf, member.ty)) {
                    return Ok(None);
                }
                self.steps.push(Step { ty: ty.id, index, name: Some(member.name) });
                return Ok(Some(member.ty));
            }
            self.bit_offset = before;
        }
        Ok(None)
    }
}
