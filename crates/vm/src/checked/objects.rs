//! Loads from objects of the kernel's own types: which field one means, by the types of the kernel that the program is for.

use belay_isa::{Pc, Src, Width};

use super::fault::FaultKind;
use super::guard::{Guard, Stop};
use super::region::{Region, Tag, What};
use crate::engine::State;
use crate::objects;
use crate::op::Op;
use crate::world::World;

impl Guard {
    /// A load through NULL that stands for an object which is not there: the kernel gives 0.
    pub(super) fn load_nothing(&mut self, op: Op) -> Result<Option<Op>, Stop> {
        let Op::Load { dst, base, .. } = op else { return Ok(None) };
        let Tag::Null(at) = self.shadow.get(base) else { return Ok(None) };
        if !self.no_objects.contains(&at) {
            return Ok(None);
        }
        self.define(dst, Tag::Null(at))?;
        Ok(Some(Op::Mov { width: Width::W64, dst, src: Src::Imm(0) }))
    }

    /// A load from an object of this structure.
    pub(super) fn load_object(
        &mut self,
        state: &State<'_>,
        world: &World<'_>,
        op: Op,
        region: &Region,
        structure: &'static str,
    ) -> Result<Op, Stop> {
        const UNKNOWN: FaultKind = FaultKind::Unsupported("this field of an object of the kernel's");
        let Op::Load { size, signed, dst, base, off } = op else { return Err(self.fault(UNKNOWN)) };
        let at = state.address(base, off).wrapping_sub(region.base);
        let btf = state.code.kernel.profile().btf();
        let field =
            u32::try_from(at).ok().zip(objects::by_name(btf, structure)).and_then(|(at, structure)| {
                let found = objects::found(btf, structure, world.layout.form, at, size.bytes()).ok()?;
                Some((at, found))
            });
        let Some((at, found)) = field else { return Err(self.fault(UNKNOWN)) };
        let tag = match found.to {
            None => Tag::Number,
            Some(to) => {
                let value = world.mem.load(region.base.wrapping_add(found.place as u64), size);
                self.object(to, value, region)
            }
        };
        self.define(dst, tag)?;
        let origin = off.wrapping_sub_unsigned(at);
        Ok(Op::LoadObject { size, signed, dst, base, origin, place: found.place })
    }

    /// The tag of a pointer to an object of this structure, which was found in another region.
    pub(super) fn object(&mut self, structure: &'static str, value: u64, within: &Region) -> Tag {
        if value == 0 {
            self.no_objects.insert(self.pc);
            return Tag::Null(self.pc);
        }
        let what = What::Kernel(structure);
        Tag::Pointer(match within.reference {
            Some(_) => self.regions.add(what, value, 0, within.reference),
            None => self.regions.lasting(what, value, 0),
        })
    }
}

/// Where a pointer that is NULL was loaded: of each such instruction its place.
pub(super) type NoObjects = std::collections::HashSet<Pc>;
