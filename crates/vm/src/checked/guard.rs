//! The guard: looks at every step before it is taken.
//!
//! It holds a [`Tag`] for each register and stack slot, and keeps them in step with the values that the engine computes.
//! **Safety rests on [`Guard::access`]**: no address reaches the engine's [`crate::memory::Memory`] unless the whole
//! access was found inside a region that has not ended. (Helpers get the same test in [`super::arguments`].)
//! Regions are made only for memory that lives as long as the run: stack, context, packet buffer, map values, ring
//! buffers, sockets of the machine's table.

use belay_isa::{AluOp, AtomicOp, Pc, Reg, Size, Src, Width};
use belay_spec::{FieldKind, SockKind};

use super::Strictness;
use super::fault::{Due, Ended, Fault, FaultKind, Leak, Target};
use super::objects::NoObjects;
use super::region::{Region, RegionId, Regions, Tag, What};
use super::shadow::Shadow;
use crate::context::Form;
use crate::engine::{self, End, FRAME_SIZE, MAX_FRAMES, Monitor, State, Then};
use crate::helpers::{Body, Helper};
use crate::input::FLOW_KEYS;
use crate::kfuncs::Kfunc;
use crate::maps::Map;
use crate::op::{Constant, Invalid, Op};
use crate::prepare;
use crate::world::World;

/// A fault, on its way out.
pub(crate) type Stop = Box<Fault>;

/// Watches one run.
pub(crate) struct Guard {
    strictness: Strictness,
    pub(crate) shadow: Shadow,
    pub(crate) regions: Regions,
    leaks: Vec<Leak>,
    /// The instruction that is looked at.
    pub(crate) pc: Pc,
    /// Its program.
    pub(crate) program: String,
    /// The depth of the call stack there.
    pub(crate) depth: usize,
    context: Option<RegionId>,
    /// Where NULL was loaded in place of an object's address.
    pub(super) no_objects: NoObjects,
    /// Sizes that a helper's arguments gave, from before its call to after it.
    pub(crate) allocated: u64,
    /// The region of the dynptr that a call of a kernel function was given last: a clone may take its place.
    pub(crate) source: Option<RegionId>,
}

/// What an access does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Use {
    Read,
    Write,
}

impl Guard {
    pub(crate) fn new(strictness: Strictness) -> Guard {
        Guard {
            strictness,
            shadow: Shadow::new(),
            regions: Regions::default(),
            leaks: Vec::new(),
            pc: Pc(0),
            program: String::new(),
            depth: 0,
            context: None,
            no_objects: NoObjects::new(),
            allocated: 0,
            source: None,
        }
    }

    /// Takes up the watch at the entry of a program.
    pub(crate) fn start(&mut self, state: &State<'_>, world: &World<'_>, raw_len: u64) {
        self.program.clone_from(&state.code.name);
        let (what, len) = match world.layout.hook {
            Some(hook) => (What::Context, u64::from(hook.context.size)),
            None => (What::Memory, raw_len),
        };
        let context = self.regions.add(what, world.context, len, None);
        self.context = Some(context);
        self.shadow.set(Reg::R1, Tag::Pointer(context));
        if world.layout.form == Form::Raw {
            self.shadow.set(Reg::R2, Tag::Number);
        }
        self.new_frame(state);
    }

    /// Takes up the watch at the entry of a callback that runs on its own, for an element of a map.
    pub(crate) fn start_callback(&mut self, state: &State<'_>, map: &Map) {
        self.program.clone_from(&state.code.name);
        self.element_arguments(state, map);
        self.new_frame(state);
    }

    /// A callback is called with a map, a key and the value: they are in the registers.
    fn element_arguments(&mut self, state: &State<'_>, map: &Map) {
        let (handle, def) = (map.handle(), map.def());
        let key = self.regions.lasting(What::Key(handle), state.get(Reg::R2), def.key_size.into());
        let value = self.regions.lasting(What::Value(handle), state.get(Reg::R3), def.value_size.into());
        self.shadow.set(Reg::R1, Tag::Map);
        self.shadow.set(Reg::R2, Tag::Pointer(key));
        self.shadow.set(Reg::R3, Tag::Pointer(value));
    }

    /// Executes under watch; the low half of what the program returns, and all of it.
    pub(super) fn run<'r>(
        &mut self,
        state: &mut State<'r>,
        world: &mut World<'r>,
    ) -> (Result<u32, Fault>, u64) {
        match engine::execute(self, state, world) {
            Ok(End::Exit(r0)) => {
                self.leaks_at_exit();
                (Ok(r0 as u32), r0)
            }
            Ok(End::Stuck(why)) => (Err(self.stuck(state, why)), 0),
            Err(fault) => (Err(*fault), 0),
        }
    }

    /// As [`Guard::run`]: what a callback that runs on its own comes to.
    pub(crate) fn watch<'r>(&mut self, state: &mut State<'r>, world: &mut World<'r>) -> Result<u32, Fault> {
        self.run(state, world).0
    }

    /// A fault here.
    pub(crate) fn fault(&self, kind: FaultKind) -> Stop {
        Box::new(Fault {
            program: self.program.clone(),
            pc: self.pc,
            kind,
            acquired_at: None,
            ended_at: None,
        })
    }

    /// A fault that concerns a region: with the places where it began and ended.
    pub(crate) fn fault_of(&self, region: &Region, kind: FaultKind) -> Stop {
        let acquired_at = region.reference.and_then(|reference| self.regions.acquired_at(reference));
        Box::new(Fault { acquired_at, ended_at: region.ended.map(|(pc, _)| pc), ..*self.fault(kind) })
    }

    /// The fault of a slot that cannot be executed.
    pub(crate) fn stuck(&self, state: &State<'_>, why: Invalid) -> Fault {
        let kind = match why {
            Invalid::Encoding | Invalid::Middle | Invalid::Map => FaultKind::InvalidInstruction,
            Invalid::Outside => FaultKind::LeftProgram,
            Invalid::Depth => FaultKind::CallDepth,
            Invalid::Helper(id) => FaultKind::HelperNotAllowed(id),
            Invalid::Kfunc => FaultKind::Unsupported("this kernel function"),
            Invalid::Unsupported(what) => FaultKind::Unsupported(what),
        };
        Fault { pc: Pc(state.pc), ..*self.fault(kind) }
    }

    /// What a region is, in words.
    pub(crate) fn target(&self, world: &World<'_>, what: What) -> Target {
        let name = |map: u64| world.maps.by_handle(map).map_or_else(String::new, |map| map.name().to_owned());
        match what {
            What::Stack(_) => Target::Stack,
            What::Context => Target::Context,
            What::Packet => Target::Packet,
            What::PacketMeta => Target::PacketMeta,
            What::PacketEnd => Target::PacketEnd,
            What::Value(map) => Target::MapValue(name(map)),
            What::Key(map) => Target::MapKey(name(map)),
            What::Record => Target::Record,
            What::Socket(kind) => Target::Socket(kind),
            What::Kernel(name) => Target::Kernel(name),
            What::Memory => Target::Memory,
            What::Slice { .. } => Target::Slice,
            What::FlowKeys => Target::FlowKeys,
        }
    }

    /// Requires a register to be written.
    pub(crate) fn written(&self, reg: Reg) -> Result<Tag, Stop> {
        match self.shadow.get(reg) {
            Tag::Uninit => Err(self.fault(FaultKind::UninitialisedRegister(reg))),
            tag => Ok(tag),
        }
    }

    fn operand(&self, src: Src) -> Result<Tag, Stop> {
        match src {
            Src::Imm(_) => Ok(Tag::Number),
            Src::Reg(reg) => self.written(reg),
        }
    }

    /// Sets the tag of a register that an instruction writes.
    pub(super) fn define(&mut self, dst: Reg, tag: Tag) -> Result<(), Stop> {
        if dst == Reg::FP {
            return Err(self.fault(FaultKind::FramePointerWritten));
        }
        self.shadow.set(dst, tag);
        Ok(())
    }

    /// The live region that a register points into.
    pub(crate) fn pointee(&self, world: &World<'_>, reg: Reg, value: u64) -> Result<Region, Stop> {
        let id = match self.written(reg)? {
            Tag::Pointer(id) => id,
            Tag::Null(pc) => {
                let fault = self.fault(FaultKind::NullPointer { register: reg });
                return Err(Box::new(Fault { acquired_at: Some(pc), ..*fault }));
            }
            _ => return Err(self.fault(FaultKind::NotAPointer { register: reg, value })),
        };
        let Some(region) = self.regions.get(id).copied() else {
            return Err(self.fault(FaultKind::NotAPointer { register: reg, value }));
        };
        match region.ended {
            Some((_, why)) => {
                let target = self.target(world, region.what);
                Err(self.fault_of(&region, FaultKind::UseAfterEnd { target, why }))
            }
            None => Ok(region),
        }
    }

    /// Requires `size` bytes at an address to lie in a region and to allow this use. **The one test that memory safety
    /// rests on.**
    pub(crate) fn access(
        &self,
        world: &World<'_>,
        region: &Region,
        addr: u64,
        size: u64,
        access: Use,
    ) -> Result<(), Stop> {
        let off = addr.wrapping_sub(region.base);
        if off.checked_add(size).is_none_or(|end| end > region.len) {
            let target = self.target(world, region.what);
            let kind = FaultKind::OutOfBounds { target, off: off as i64, size, len: region.len };
            return Err(self.fault_of(region, kind));
        }
        let writable = match region.what {
            What::Stack(_) | What::Record | What::Memory | What::PacketMeta | What::FlowKeys => true,
            What::Slice { writable, .. } => writable,
            What::Value(map) => world.map(map).is_some_and(|(map, _)| map.programs_write()),
            What::Packet => world.layout.hook.is_some_and(belay_spec::Hook::packet_writable),
            // Stores to the context are judged by field.
            What::Context | What::PacketEnd | What::Key(_) | What::Socket(_) | What::Kernel(_) => false,
        };
        if access == Use::Write && !writable {
            let target = self.target(world, region.what);
            return Err(self.fault_of(region, FaultKind::ReadOnly { target }));
        }
        Ok(())
    }

    /// Requires stack bytes to be written.
    pub(crate) fn initialised(&self, region: &Region, addr: u64, size: u64) -> Result<(), Stop> {
        let What::Stack(depth) = region.what else { return Ok(()) };
        if !self.strictness.uninitialised_stack {
            return Ok(());
        }
        match self.shadow.frame(depth).unwritten(addr.wrapping_sub(region.base), size) {
            Some(off) => {
                let off = off as i64 - i64::from(FRAME_SIZE);
                Err(self.fault(FaultKind::UninitialisedStack { off }))
            }
            None => Ok(()),
        }
    }

    /// Notes that memory was written.
    pub(crate) fn stored(&mut self, region: &Region, addr: u64, size: u64, tag: Tag) {
        if let What::Stack(depth) = region.what {
            self.shadow.frame_mut(depth).store(addr.wrapping_sub(region.base), size, tag);
        }
    }

    fn load(&mut self, state: &State<'_>, world: &World<'_>, op: Op) -> Result<Op, Stop> {
        let (Op::Load { size, dst, base, off, .. } | Op::LoadAcquire { size, dst, base, off }) = op else {
            return Ok(op);
        };
        if let Some(nothing) = self.load_nothing(op)? {
            return Ok(nothing);
        }
        let region = self.pointee(world, base, state.get(base))?;
        let addr = state.address(base, off);
        match region.what {
            What::Context => return self.load_context(state, world, op, &region),
            What::Kernel(structure) => return self.load_object(state, world, op, &region, structure),
            _ => {}
        }
        self.access(world, &region, addr, u64::from(size.bytes()), Use::Read)?;
        self.initialised(&region, addr, size.bytes().into())?;
        let off = addr.wrapping_sub(region.base);
        let tag = match region.what {
            What::Stack(depth) => self.shadow.frame(depth).load(off, size.bytes().into()),
            What::Socket(kind) => {
                // In bounds, so the offset is small.
                if !kind.can_read(off as i32, size.bytes()) {
                    let kind = FaultKind::SocketAccess { kind, off: off as i64, size: size.bytes() };
                    return Err(self.fault_of(&region, kind));
                }
                Tag::Number
            }
            _ => Tag::Number,
        };
        self.define(dst, tag)?;
        Ok(op)
    }

    /// The offset of a context access, if the kernel could mean it.
    fn context_off(
        &self,
        state: &State<'_>,
        region: &Region,
        base: Reg,
        off: i32,
        size: Size,
    ) -> Result<i32, Stop> {
        let at = state.address(base, off).wrapping_sub(region.base) as i64;
        i32::try_from(at)
            .ok()
            .filter(|at| *at >= 0 && (*at as u64) + u64::from(size.bytes()) <= region.len)
            .ok_or_else(|| self.fault(FaultKind::ContextAccess { off: at, size: size.bytes() }))
    }

    fn load_context(
        &mut self,
        state: &State<'_>,
        world: &World<'_>,
        op: Op,
        region: &Region,
    ) -> Result<Op, Stop> {
        let Op::Load { size, signed, dst, base, off } = op else {
            return Err(self.fault(FaultKind::Unsupported("this load from the context")));
        };
        let at = self.context_off(state, region, base, off, size)?;
        let Some(native) = world.layout.load(state.code.release, at, size) else {
            return Err(self.fault(FaultKind::ContextAccess { off: at.into(), size: size.bytes() }));
        };
        if signed && native.kind != FieldKind::Scalar {
            return Err(self.fault(FaultKind::ContextAccess { off: at.into(), size: size.bytes() }));
        }
        // A place inside the context's block: the structure, or the addresses behind it.
        let value = world.mem.load(region.base.wrapping_add(native.off as u64), native.size);
        let tag = match native.kind {
            FieldKind::Structure(structure) => self.object(structure, value, region),
            kind => self.field_tag(world, kind, value),
        };
        self.define(dst, tag)?;
        Ok(Op::Load { size: native.size, signed, dst, base, off: off + (native.off - at) })
    }

    /// What a field of the context is that holds this value.
    fn field_tag(&mut self, world: &World<'_>, kind: FieldKind, value: u64) -> Tag {
        // Without such bytes the field holds 0, and what begins there has no length.
        let (data, end) = world.input.data().unwrap_or((value, value));
        let id = match kind {
            FieldKind::Packet => self.regions.packet(What::Packet, data, end.saturating_sub(data)),
            FieldKind::PacketMeta => {
                let len = world.input.packet().map_or(0, |packet| packet.meta_len() as u64);
                self.regions.packet(What::PacketMeta, data.saturating_sub(len), len)
            }
            FieldKind::PacketEnd => self.regions.packet(What::PacketEnd, end, 0),
            FieldKind::Socket { kind, .. } if world.is_socket(value) => {
                self.regions.add(What::Socket(kind), value, view_size(kind), None)
            }
            FieldKind::Socket { .. } => return Tag::Null(self.pc),
            FieldKind::FlowKeys => self.regions.lasting(What::FlowKeys, value, FLOW_KEYS as u64),
            FieldKind::Scalar | FieldKind::TracepointBuffer | FieldKind::Structure(_) => return Tag::Number,
        };
        Tag::Pointer(id)
    }

    fn store(&mut self, state: &State<'_>, world: &World<'_>, op: Op) -> Result<Op, Stop> {
        let (size, base, off, src) = match op {
            Op::Store { size, base, off, src } => (size, base, off, src),
            Op::StoreRelease { size, base, off, src } => (size, base, off, Src::Reg(src)),
            _ => return Ok(op),
        };
        let tag = self.operand(src)?;
        let region = self.pointee(world, base, state.get(base))?;
        if region.what == What::Context {
            let at = self.context_off(state, &region, base, off, size)?;
            let here = Op::Store { size, base, off: at, src };
            // Fields that can be stored to stand at the offset that the program knows.
            return match prepare::in_context(here, world.layout, state.code.release) {
                Some(Op::Store { size, base, src, .. }) => Ok(Op::Store { size, base, off, src }),
                Some(Op::StoreBelow { size, base, src, limit, .. }) => {
                    Ok(Op::StoreBelow { size, base, off, src, limit })
                }
                _ => Err(self.fault(FaultKind::ContextAccess { off: at.into(), size: size.bytes() })),
            };
        }
        let addr = state.address(base, off);
        self.access(world, &region, addr, size.bytes().into(), Use::Write)?;
        self.stored(&region, addr, size.bytes().into(), tag);
        Ok(op)
    }

    fn atomic(&mut self, state: &State<'_>, world: &World<'_>, op: Op) -> Result<Op, Stop> {
        let Op::Atomic { op: what, size, base, off, src } = op else { return Ok(op) };
        self.written(src)?;
        if what == AtomicOp::Cmpxchg {
            self.written(Reg::R0)?;
        }
        let region = self.pointee(world, base, state.get(base))?;
        let addr = state.address(base, off);
        if !addr.is_multiple_of(size.bytes().into()) {
            return Err(self.fault(FaultKind::Misaligned { size: size.bytes() }));
        }
        self.access(world, &region, addr, size.bytes().into(), Use::Write)?;
        self.initialised(&region, addr, size.bytes().into())?;
        // What was there comes out as it was: the verifier, too, gives a spilled pointer back.
        let old = match region.what {
            What::Stack(depth) => {
                self.shadow.frame(depth).load(addr.wrapping_sub(region.base), size.bytes().into())
            }
            _ => Tag::Number,
        };
        self.stored(&region, addr, size.bytes().into(), Tag::Number);
        match what {
            AtomicOp::Cmpxchg => self.define(Reg::R0, old)?,
            AtomicOp::Xchg
            | AtomicOp::Add { fetch: true }
            | AtomicOp::Or { fetch: true }
            | AtomicOp::And { fetch: true }
            | AtomicOp::Xor { fetch: true } => self.define(src, old)?,
            _ => {}
        }
        Ok(op)
    }

    fn constant(&mut self, world: &World<'_>, dst: Reg, value: u64, what: Constant) -> Result<(), Stop> {
        let tag = match what {
            Constant::Number => Tag::Number,
            Constant::Map(_) => Tag::Map,
            Constant::Function(_) => Tag::Function,
            Constant::MapValue(index) => {
                let map = world.maps.by_index(index as usize);
                match map.and_then(|map| Some((map, map.direct_value()?))) {
                    Some((map, base)) => {
                        let len = u64::from(map.def().value_size);
                        Tag::Pointer(self.regions.lasting(What::Value(map.handle()), base, len))
                    }
                    None => return Err(self.fault(FaultKind::NotAPointer { register: dst, value })),
                }
            }
        };
        self.define(dst, tag)
    }

    fn alu(&mut self, op: AluOp, width: Width, dst: Reg, src: Src) -> Result<(), Stop> {
        let (a, b) = (self.written(dst)?, self.operand(src)?);
        let tag = match (op, width, a, b) {
            // NULL that a check has found is the number zero to what follows.
            (AluOp::Add | AluOp::Sub, Width::W64, Tag::Pointer(_), Tag::Number | Tag::Null(_)) => a,
            (AluOp::Add, Width::W64, Tag::Number | Tag::Null(_), Tag::Pointer(_)) => b,
            (AluOp::Add | AluOp::Sub, Width::W64, Tag::Null(_), Tag::Number) => a,
            (AluOp::Add, Width::W64, Tag::Number, Tag::Null(_)) => b,
            _ => Tag::Number,
        };
        self.define(dst, tag)
    }

    /// A frame begins: its stack is unwritten, and pointers to what was there before are dead.
    fn new_frame(&mut self, state: &State<'_>) {
        let base = state.get(Reg::FP).wrapping_sub(FRAME_SIZE.into());
        let region = self.regions.add(What::Stack(state.depth), base, FRAME_SIZE.into(), None);
        let frame = self.shadow.frame_mut(state.depth);
        frame.clear();
        frame.region = Some(region);
        self.shadow.set(Reg::FP, Tag::Pointer(region));
        self.depth = state.depth;
    }

    fn end_frame(&mut self, depth: usize) {
        if let Some(region) = self.shadow.frame_mut(depth).region.take() {
            self.regions.end(region, self.pc, Ended::Returned);
        }
    }

    /// Reports what is still held of what `of` accepts.
    fn leak(&mut self, due: Due, of: impl Fn(usize) -> bool) {
        for held in self.regions.held().filter(|held| !held.reported && of(held.depth)) {
            held.reported = true;
            self.leaks.push(Leak {
                resource: held.resource,
                by: held.by,
                program: held.program.clone(),
                acquired_at: held.acquired_at,
                due,
                noticed_at: self.pc,
            });
        }
    }

    /// The program ended: whatever it still holds is leaked.
    pub(crate) fn leaks_at_exit(&mut self) {
        self.leak(Due::Exit, |_| true);
    }

    /// Gives back what the program did not, so that the next run finds everything as it was; the leaks.
    pub(crate) fn settle(mut self, world: &mut World<'_>) -> Vec<Leak> {
        for held in self.regions.held() {
            world.give_back(held.resource, held.address);
        }
        self.leaks
    }
}

/// How many bytes a view of a socket has.
pub(crate) fn view_size(kind: SockKind) -> u64 {
    kind.structure().size.into()
}

impl Monitor for Guard {
    type Stop = Stop;

    fn before(&mut self, state: &State<'_>, world: &mut World<'_>, op: Op) -> Result<Op, Stop> {
        self.pc = Pc(state.pc);
        self.depth = state.depth;
        if state.executed >= self.strictness.budget {
            return Err(self.fault(FaultKind::Budget(self.strictness.budget)));
        }
        match op {
            Op::Alu { op, width, dst, src } => self.alu(op, width, dst, src)?,
            Op::Neg { dst, .. } | Op::Endian { dst, .. } => {
                self.written(dst)?;
                self.define(dst, Tag::Number)?;
            }
            Op::Mov { width, dst, src } => {
                let tag = self.operand(src)?;
                self.define(dst, if width == Width::W64 { tag } else { Tag::Number })?;
            }
            Op::MovSx { dst, src, .. } => {
                self.written(src)?;
                self.define(dst, Tag::Number)?;
            }
            Op::Load { .. } | Op::LoadAcquire { .. } => return self.load(state, world, op),
            Op::Store { .. } | Op::StoreRelease { .. } => return self.store(state, world, op),
            Op::Atomic { .. } => return self.atomic(state, world, op),
            Op::Const { dst, value, what } => self.constant(world, dst, value, what)?,
            Op::LoadPacket { index, .. } => {
                if let Some(index) = index {
                    self.written(index)?;
                }
                self.require_context(state, world, Reg::R6)?;
                self.shadow.set(Reg::R0, Tag::Number);
                self.shadow.clobber();
            }
            Op::Branch { dst, src, .. } => {
                self.written(dst)?;
                self.operand(src)?;
            }
            Op::Call { .. } => {
                if state.depth + 1 >= MAX_FRAMES {
                    return Err(self.fault(FaultKind::CallDepth));
                }
            }
            Op::Helper(helper) => self.before_helper(state, world, helper.id, calls_back(helper))?,
            Op::Kfunc(kfunc) => self.before_kfunc(state, world, kfunc)?,
            Op::Own(index) => {
                let id = state.code.own(index).map_or(0, |own| own.signature().id);
                self.before_helper(state, world, id, false)?;
            }
            Op::Exit => {
                let callback = state.frame().is_some_and(|frame| !matches!(frame.then, Then::Return));
                if state.depth == 0 || callback {
                    self.written(Reg::R0)?;
                }
            }
            // (The guard itself puts such loads in the place of others.)
            Op::Jump { .. }
            | Op::MayGoto { .. }
            | Op::LoadObject { .. }
            | Op::StoreBelow { .. }
            | Op::Invalid(_) => {}
        }
        Ok(op)
    }

    fn called(
        &mut self,
        state: &State<'_>,
        world: &World<'_>,
        helper: u32,
        args: [u64; 5],
        r0: u64,
    ) -> Result<(), Stop> {
        self.after_helper(state, world, helper, args, r0)
    }

    fn called_kfunc(
        &mut self,
        _: &State<'_>,
        world: &World<'_>,
        kfunc: &'static Kfunc,
        args: [u64; 5],
        r0: u64,
    ) -> Result<(), Stop> {
        self.after_kfunc(world, kfunc, args, r0)
    }

    fn entered(&mut self, state: &State<'_>, world: &World<'_>) -> Result<(), Stop> {
        let saved = self.shadow.preserved();
        let caller = state.depth.saturating_sub(1);
        self.shadow.frame_mut(state.depth).saved = saved;
        let context = self.shadow.frame(caller).callback_context;
        match state.frame().map(|frame| frame.then) {
            Some(Then::Loop { .. }) => {
                self.shadow.clobber();
                self.shadow.set(Reg::R1, Tag::Number);
                self.shadow.set(Reg::R2, context);
            }
            Some(Then::ForEach { map, .. }) => {
                self.shadow.clobber();
                if let Some((map, _)) = world.map(map) {
                    self.element_arguments(state, map);
                    self.shadow.set(Reg::R4, context);
                }
            }
            Some(Then::Return) | None => {}
        }
        self.shadow.set(Reg::R0, Tag::Uninit);
        self.shadow.set_preserved([Tag::Uninit; 4]);
        self.new_frame(state);
        Ok(())
    }

    fn left(&mut self, state: &State<'_>, then: Then) {
        let callee = state.depth + 1;
        if !matches!(then, Then::Return) {
            self.leak(Due::Callback, |depth| depth >= callee);
        }
        self.end_frame(callee);
        let saved = self.shadow.frame(callee).saved;
        self.shadow.set_preserved(saved);
        self.shadow.clobber();
        if let Some(region) = self.shadow.frame(state.depth).region {
            self.shadow.set(Reg::FP, Tag::Pointer(region));
        }
        self.depth = state.depth;
    }

    fn finished(&mut self, _: &State<'_>) {
        self.shadow.set(Reg::R0, Tag::Number);
        self.shadow.clobber();
    }

    fn tail_called(&mut self, state: &State<'_>) {
        self.leak(Due::TailCall, |_| true);
        self.program.clone_from(&state.code.name);
        self.end_frame(state.depth);
        self.shadow.set(Reg::R0, Tag::Uninit);
        self.shadow.clobber();
        self.shadow.set_preserved([Tag::Uninit; 4]);
        if let Some(context) = self.context {
            self.shadow.set(Reg::R1, Tag::Pointer(context));
        }
        self.new_frame(state);
    }
}

/// Whether a helper replaces or repeats functions, so that its result is not seen by [`Guard::called`].
pub(crate) fn calls_back(helper: &Helper) -> bool {
    matches!(helper.body, Body::Loop | Body::ForEach)
}
