//! Calls of kernel functions: the arguments against the table before, the effects on tags and references after.

use belay_isa::Reg;
use belay_spec::Resource;

use super::arguments::ARGUMENTS;
use super::fault::FaultKind;
use super::guard::{Guard, Stop, Use};
use super::region::{RefId, RegionId, Tag, What};
use crate::engine::State;
use crate::helpers::dynptr::{self, Span};
use crate::kfuncs::{Border, Gives, Kfunc, Param, Section};
use crate::world::World;

/// The most bytes that a slice may have.
const MAX_SLICE: u64 = 1 << 29;
/// The bytes of a saved state of interrupts.
const INTERRUPTS: u64 = 8;

/// One argument, as it stands.
#[derive(Clone, Copy)]
struct Given {
    kfunc: &'static Kfunc,
    reg: Reg,
    value: u64,
    /// The argument after it.
    size: u64,
}

impl Section {
    fn resource(self) -> Resource {
        match self {
            Section::Rcu => Resource::RcuSection,
            Section::Preemption => Resource::Preemption,
        }
    }
}

impl Guard {
    /// Tests the arguments of a call.
    pub(super) fn before_kfunc(
        &mut self,
        state: &State<'_>,
        world: &World<'_>,
        kfunc: &'static Kfunc,
    ) -> Result<(), Stop> {
        let args = state.args();
        for ((param, reg), index) in kfunc.params.iter().zip(ARGUMENTS).zip(0..) {
            let size = args.get(index + 1).copied().unwrap_or(0);
            self.parameter(world, *param, Given { kfunc, reg, value: args[index], size })?;
        }
        match kfunc.border {
            Border::None => {}
            Border::Enters(section) => {
                self.acquire(section.resource(), kfunc.name, 0);
            }
            Border::Leaves(section) => {
                let newest = self.regions.newest(section.resource());
                let newest = newest.ok_or_else(|| self.fault(FaultKind::Unbalanced { kfunc: kfunc.name }))?;
                self.regions.release(newest, self.pc);
            }
        }
        Ok(())
    }

    fn refuse(&self, given: Given, expected: &'static str) -> Stop {
        self.fault(FaultKind::KfuncArgument { kfunc: given.kfunc.name, register: given.reg, expected })
    }

    fn parameter(&mut self, world: &World<'_>, param: Param, given: Given) -> Result<(), Stop> {
        let tag = self.written(given.reg)?;
        let number = matches!(tag, Tag::Number | Tag::Null(_));
        match param {
            Param::Number if number => Ok(()),
            Param::Number => Err(self.refuse(given, "a number")),
            Param::Context => self.context_or_object(world, given),
            Param::Dynptr => {
                self.source = Some(self.live_dynptr(world, given)?);
                Ok(())
            }
            Param::NewDynptr => {
                self.stack_bytes(world, given, dynptr::SIZE, "a place for a dynptr on the stack")
            }
            // What is there is asked for when it is read.
            Param::Text => Ok(()),
            Param::Bytes => self.bytes(world, given),
            Param::Spare if number && given.value == 0 => Ok(()),
            Param::Spare => self.spare(world, given),
            Param::SliceSize if number && given.value <= MAX_SLICE => {
                self.allocated = given.value;
                Ok(())
            }
            Param::SliceSize => Err(self.refuse(given, "a size")),
            Param::NewIterator(size) => {
                self.stack_bytes(world, given, size, "a place for an iterator on the stack")
            }
            Param::Iterator => self.iterator(world, given).map(|_| ()),
            Param::EndedIterator => {
                let (region, depth, off) = self.iterator(world, given)?;
                if let Some(reference) = self.regions.get(region).and_then(|region| region.reference) {
                    self.regions.release(reference, self.pc);
                }
                self.shadow.frame_mut(depth).forget(off, Tag::Iterator(region));
                Ok(())
            }
            Param::NewInterrupts => {
                self.stack_bytes(world, given, INTERRUPTS, "a place for the state of interrupts on the stack")
            }
            Param::Interrupts => {
                let (depth, off) = self.stack_place(world, given, "the saved state of interrupts")?;
                let Some(Tag::Interrupts(saved)) = self.shadow.frame(depth).slot(off) else {
                    return Err(self.refuse(given, "the saved state of interrupts"));
                };
                if self.regions.newest(Resource::Interrupts) != Some(saved) {
                    return Err(self.fault(FaultKind::Unbalanced { kfunc: given.kfunc.name }));
                }
                self.regions.release(saved, self.pc);
                self.shadow.frame_mut(depth).forget(off, Tag::Interrupts(saved));
                Ok(())
            }
        }
    }

    /// Requires the context, or the kernel's own structure behind it.
    fn context_or_object(&self, world: &World<'_>, given: Given) -> Result<(), Stop> {
        let region = self.pointee(world, given.reg, given.value)?;
        let fits = matches!(region.what, What::Context | What::Kernel(_)) && given.value == region.base;
        if fits { Ok(()) } else { Err(self.refuse(given, "the context")) }
    }

    /// The place on the stack that an argument points to: the depth of the frame, and the offset in it.
    fn stack_place(
        &self,
        world: &World<'_>,
        given: Given,
        expected: &'static str,
    ) -> Result<(usize, u64), Stop> {
        let region = self.pointee(world, given.reg, given.value)?;
        let off = given.value.wrapping_sub(region.base);
        match region.what {
            What::Stack(depth) if off.is_multiple_of(8) => Ok((depth, off)),
            _ => Err(self.refuse(given, expected)),
        }
    }

    /// Requires so many bytes of stack, which the call writes.
    fn stack_bytes(
        &mut self,
        world: &World<'_>,
        given: Given,
        size: u64,
        expected: &'static str,
    ) -> Result<(), Stop> {
        self.stack_place(world, given, expected)?;
        let region = self.pointee(world, given.reg, given.value)?;
        self.access(world, &region, given.value, size, Use::Write)?;
        self.stored(&region, given.value, size, Tag::Number);
        Ok(())
    }

    /// Requires a dynptr whose memory is still there; the region of that.
    fn live_dynptr(&self, world: &World<'_>, given: Given) -> Result<RegionId, Stop> {
        let (depth, off) = self.stack_place(world, given, "a dynptr on the stack")?;
        let found = self.shadow.frame(depth).dynptr(off);
        let Some((id, region)) = found.and_then(|id| Some((id, *self.regions.get(id)?))) else {
            return Err(self.refuse(given, "a dynptr"));
        };
        match region.ended {
            Some((_, why)) => {
                let target = self.target(world, region.what);
                Err(self.fault_of(&region, FaultKind::UseAfterEnd { target, why }))
            }
            None => Ok(id),
        }
    }

    /// Requires memory of the size that follows, which the call may write.
    fn spare(&mut self, world: &World<'_>, given: Given) -> Result<(), Stop> {
        if given.size == 0 || given.size > MAX_SLICE {
            return Ok(());
        }
        let region = self.pointee(world, given.reg, given.value)?;
        if matches!(region.what, What::Context | What::Socket(_) | What::Kernel(_)) {
            return Err(self.refuse(given, "memory"));
        }
        self.access(world, &region, given.value, given.size, Use::Write)?;
        self.stored(&region, given.value, given.size, Tag::Number);
        Ok(())
    }

    /// Requires memory of the size that follows, which the call reads.
    fn bytes(&self, world: &World<'_>, given: Given) -> Result<(), Stop> {
        if given.size == 0 {
            return Ok(());
        }
        let region = self.pointee(world, given.reg, given.value)?;
        if matches!(region.what, What::Context | What::Socket(_) | What::Kernel(_)) {
            return Err(self.refuse(given, "memory"));
        }
        self.access(world, &region, given.value, given.size, Use::Read)?;
        self.initialised(&region, given.value, given.size)
    }

    /// Requires an iterator: its region, and where it is.
    fn iterator(&self, world: &World<'_>, given: Given) -> Result<(RegionId, usize, u64), Stop> {
        let (depth, off) = self.stack_place(world, given, "an iterator on the stack")?;
        match self.shadow.frame(depth).slot(off) {
            Some(Tag::Iterator(id)) if self.begins(id, given.value) => Ok((id, depth, off)),
            _ => Err(self.refuse(given, "an iterator")),
        }
    }

    fn begins(&self, id: RegionId, at: u64) -> bool {
        self.regions.get(id).is_some_and(|region| region.base == at && region.ended.is_none())
    }

    /// What a call that was made has changed.
    pub(super) fn after_kfunc(
        &mut self,
        world: &World<'_>,
        kfunc: &'static Kfunc,
        args: [u64; 5],
        r0: u64,
    ) -> Result<(), Stop> {
        for ((param, reg), value) in kfunc.params.iter().zip(ARGUMENTS).zip(args) {
            match *param {
                Param::NewDynptr => {
                    let id = self.dynptr_region(world, kfunc, value);
                    self.mark(reg, value, dynptr::SIZE, Tag::Dynptr(id));
                }
                Param::NewIterator(size) => {
                    let reference = self.acquire(Resource::Iterator, kfunc.name, value);
                    let what = What::Slice { packet: false, writable: false };
                    let id = self.regions.add(what, value, size, Some(reference));
                    self.mark(reg, value, size, Tag::Iterator(id));
                }
                Param::NewInterrupts => {
                    let reference = self.acquire(Resource::Interrupts, kfunc.name, value);
                    self.mark(reg, value, INTERRUPTS, Tag::Interrupts(reference));
                }
                _ => {}
            }
        }
        let tag = match kfunc.gives {
            Gives::Nothing => Tag::Uninit,
            Gives::Number => Tag::Number,
            Gives::Slice { .. } | Gives::Element(_) if r0 == 0 => Tag::Null(self.pc),
            Gives::KernelContext => match world.layout.form.kernel_structure() {
                Some(structure) => Tag::Pointer(self.regions.lasting(What::Kernel(structure), r0, 0)),
                None => {
                    return Err(self.fault(FaultKind::Unsupported("the kernel's structure of this context")));
                }
            },
            Gives::Slice { writable } => self.slice(world, kfunc, args, r0, writable),
            Gives::Element(size) => {
                let iterator = self.iterator_reference(args[0]);
                let what = What::Slice { packet: false, writable: false };
                Tag::Pointer(self.regions.add(what, r0, size, iterator))
            }
        };
        self.returned(tag)
    }

    /// Marks the slots of the stack from an argument on.
    fn mark(&mut self, reg: Reg, value: u64, size: u64, tag: Tag) {
        if let Tag::Pointer(stack) = self.shadow.get(reg)
            && let Some(stack) = self.regions.get(stack).copied()
        {
            for slot in (0..size).step_by(8) {
                self.stored(&stack, value.wrapping_add(slot), 8, tag);
            }
        }
    }

    /// The region that a dynptr which a call has made stands for: that of the one it was cloned from, or nothing of its own
    /// for a packet, whose bytes are looked for at each call.
    fn dynptr_region(&mut self, world: &World<'_>, kfunc: &'static Kfunc, made: u64) -> RegionId {
        if kfunc.params.contains(&Param::Dynptr)
            && let Some(source) = self.source
        {
            return source;
        }
        let span = Span::at(world, made);
        self.regions.add(What::Memory, span.addr, 0, None)
    }

    /// The slice that a call gave: the spare memory, or part of the dynptr's.
    fn slice(
        &mut self,
        world: &World<'_>,
        kfunc: &'static Kfunc,
        args: [u64; 5],
        r0: u64,
        writable: bool,
    ) -> Tag {
        let spare = kfunc.params.iter().position(|param| *param == Param::Spare);
        if let Some(index) = spare.filter(|index| args[*index] == r0) {
            return self.shadow.get(ARGUMENTS[index]);
        }
        let span = Span::at(world, args[0]);
        let what = What::Slice { packet: span.kind.in_packet(), writable };
        Tag::Pointer(self.regions.add(what, r0, u64::from(self.allocated as u32), None))
    }

    /// The reference of the iterator that the first argument names.
    fn iterator_reference(&self, at: u64) -> Option<RefId> {
        let Tag::Pointer(stack) = self.shadow.get(Reg::R1) else { return None };
        let stack = self.regions.get(stack)?;
        let What::Stack(depth) = stack.what else { return None };
        match self.shadow.frame(depth).slot(at.wrapping_sub(stack.base)) {
            Some(Tag::Iterator(id)) => self.regions.get(id)?.reference,
            _ => None,
        }
    }
}
