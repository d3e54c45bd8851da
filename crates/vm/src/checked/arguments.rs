//! Helper calls: the arguments against the signature before, the effects on tags and references after.

use belay_isa::Reg;
use belay_spec::{Arg, ArgKind, MapKind, OWN_HELPERS, Resource, Ret, SizeRule, SockKind};

use super::fault::{Ended, Fault, FaultKind};
use super::guard::{Guard, Stop, Use, view_size};
use super::region::{Held, RefId, Region, Tag, What};
use crate::engine::State;
use crate::helpers::dynptr::{self, Span};
use crate::timers;
use crate::world::World;

/// The most bytes that a size argument may name (`BPF_MAX_VAR_SIZ`).
const MAX_SIZE: u64 = 1 << 29;

pub(super) const ARGUMENTS: [Reg; 5] = [Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5];

/// One argument, as it stands.
#[derive(Clone, Copy)]
struct Given {
    helper: &'static belay_spec::Helper,
    reg: Reg,
    value: u64,
    /// May point into the packet.
    packet: bool,
    /// The argument after it: the size of the memory.
    size: u64,
}

impl Given {
    /// Whether the helper takes a map of this kind here.
    fn takes(&self, world: &World<'_>, kind: MapKind) -> bool {
        match world.layout.hook {
            Some(hook) => hook.allows_on_map(self.helper, kind),
            None => kind.allows(self.helper),
        }
    }
}

/// The signature of a helper in the hook of the running program.
fn signature(world: &World<'_>, state: &State<'_>, id: u32) -> Option<&'static belay_spec::Helper> {
    if OWN_HELPERS.contains(&id) {
        return state.code.own_signature(id);
    }
    match world.layout.hook {
        Some(hook) => hook.signature(state.code.release, id),
        None => belay_spec::Helper::by_id(id),
    }
}

impl Guard {
    /// Tests the arguments of a call.
    pub(super) fn before_helper(
        &mut self,
        state: &State<'_>,
        world: &World<'_>,
        id: u32,
        calls_back: bool,
    ) -> Result<(), Stop> {
        let Some(signature) = signature(world, state, id) else {
            return Err(self.fault(FaultKind::HelperNotAllowed(id as i32)));
        };
        let args = state.args();
        let packet = world.layout.hook.is_some_and(|hook| hook.packet_reaches(signature));
        for (index, arg) in signature.args.iter().enumerate().take(5) {
            let size = args.get(index + 1).copied().unwrap_or(0);
            let given = Given { helper: signature, reg: ARGUMENTS[index], value: args[index], packet, size };
            self.argument(state, world, arg, given, args[0])?;
        }
        if calls_back {
            let context = self.shadow.get(Reg::R3);
            self.shadow.frame_mut(state.depth).callback_context = context;
        }
        if signature.effects.invalidates_packet {
            self.regions.end_packet(self.pc);
        }
        Ok(())
    }

    fn wrong(&self, given: Given, expected: &'static str) -> Stop {
        self.fault(FaultKind::Argument { helper: given.helper.name, register: given.reg, expected })
    }

    fn argument(
        &mut self,
        state: &State<'_>,
        world: &World<'_>,
        arg: &Arg,
        given: Given,
        first: u64,
    ) -> Result<(), Stop> {
        let tag = self.written(given.reg)?;
        if arg.nullable && given.value == 0 && !matches!(tag, Tag::Pointer(_)) {
            // Linux's verifier lets a pointer pass that may be NULL together with a size above zero (6.18).
            let sized = matches!(arg.kind, ArgKind::MemIn | ArgKind::MemOut | ArgKind::MemInOut);
            return if sized && given.size > 0 {
                Err(self.wrong(given, "memory, or a size of 0"))
            } else {
                Ok(())
            };
        }
        // Of the map in the first argument, which was tested before this one.
        let map = world.map(first).map(|(map, _)| map.def());
        let key = map.map_or(0, |map| u64::from(map.key_size));
        let value = map.map_or(0, |map| u64::from(map.value_size));
        // What a value is depends on the map: those of some are sockets.
        let kind = map.and_then(|map| map.kind.resolve(arg.kind)).unwrap_or(arg.kind);
        match kind {
            ArgKind::Any | ArgKind::Stack => Ok(()),
            ArgKind::Zero if matches!(tag, Tag::Number | Tag::Null(_)) && given.value == 0 => Ok(()),
            ArgKind::Zero => Err(self.wrong(given, "zero")),
            ArgKind::Scalar if matches!(tag, Tag::Number | Tag::Null(_)) => Ok(()),
            ArgKind::Scalar => Err(self.wrong(given, "a number")),
            ArgKind::Context => self.require_context(state, world, given.reg),
            ArgKind::Map => match world.map(given.value) {
                Some((map, _)) if tag == Tag::Map && given.takes(world, map.def().kind) => Ok(()),
                Some(_) if tag == Tag::Map => Err(self.wrong(given, "a map of another kind")),
                _ => Err(self.wrong(given, "a map")),
            },
            ArgKind::MapKey => self.memory(world, given, key, true, false),
            ArgKind::MapValue => self.memory(world, given, value, true, false),
            ArgKind::MapValueOut => self.memory(world, given, value, false, true),
            ArgKind::MemIn => self.memory(world, given, given.size, true, false),
            ArgKind::MemOut => self.memory(world, given, given.size, false, true),
            ArgKind::MemInOut => self.memory(world, given, given.size, true, true),
            ArgKind::FixedIn { size, .. } => self.memory(world, given, size.into(), true, false),
            ArgKind::FixedInOut { size, .. } => self.memory(world, given, size.into(), true, true),
            ArgKind::FixedOut { size, .. } => self.memory(world, given, size.into(), false, true),
            ArgKind::Size(SizeRule::NonZero) if given.value == 0 => Err(self.wrong(given, "a size above 0")),
            ArgKind::Size(_) if given.value > MAX_SIZE => Err(self.wrong(given, "a size")),
            ArgKind::Size(_) => Ok(()),
            ArgKind::AllocSize => {
                self.allocated = given.value;
                Ok(())
            }
            ArgKind::SockCommon | ArgKind::Socket | ArgKind::BtfSockCommon => {
                let region = self.resource(world, arg, given)?;
                let fits = match region.what {
                    What::Socket(SockKind::SockCommon) => kind != ArgKind::Socket,
                    What::Socket(_) | What::Kernel(_) => true,
                    _ => false,
                };
                if !fits || given.value != region.base {
                    return Err(self.wrong(given, "a socket"));
                }
                self.release(world, arg, &region)
            }
            ArgKind::RingbufRecord => {
                let region = self.resource(world, arg, given)?;
                if region.what != What::Record || given.value != region.base {
                    return Err(self.wrong(given, "a reserved ring-buffer record"));
                }
                self.release(world, arg, &region)
            }
            ArgKind::Callback if tag == Tag::Function => Ok(()),
            ArgKind::Callback => Err(self.wrong(given, "a function")),
            ArgKind::ConstStr => self.string(world, given),
            ArgKind::SpinLock => {
                self.memory(world, given, 4, false, true)?;
                self.lock(arg, given)
            }
            ArgKind::Timer => {
                let region = self.pointee(world, given.reg, given.value)?;
                let What::Value(handle) = region.what else {
                    return Err(self.wrong(given, "a timer in a map value"));
                };
                let offset = world.maps.by_handle(handle).and_then(timers::offset);
                if offset != Some(given.value.wrapping_sub(region.base)) {
                    return Err(self.wrong(given, "the timer of a map value"));
                }
                self.memory(world, given, 16, false, true)
            }
            ArgKind::DynptrData => {
                let region = self.pointee(world, given.reg, given.value)?;
                if !matches!(region.what, What::Value(_)) {
                    return Err(self.wrong(given, "memory in a map value"));
                }
                self.memory(world, given, given.size, false, true)
            }
            ArgKind::Dynptr { out: true } => {
                self.dynptr_place(world, given)?;
                self.memory(world, given, dynptr::SIZE, false, true)
            }
            ArgKind::Dynptr { out: false } => self.dynptr(world, arg, given),
            _ => Err(self.fault(FaultKind::Unsupported("arguments of this kind"))),
        }
    }

    /// Requires a register to be the context, unmodified.
    pub(super) fn require_context(&self, state: &State<'_>, world: &World<'_>, reg: Reg) -> Result<(), Stop> {
        let region = self.pointee(world, reg, state.get(reg))?;
        if region.what == What::Context && state.get(reg) == region.base {
            return Ok(());
        }
        Err(self.fault(FaultKind::NotAPointer { register: reg, value: state.get(reg) }))
    }

    /// Requires memory that the helper reads (initialised) or writes.
    fn memory(
        &mut self,
        world: &World<'_>,
        given: Given,
        size: u64,
        read: bool,
        write: bool,
    ) -> Result<(), Stop> {
        // A size of zero touches nothing, wherever the pointer points.
        if size == 0 {
            return Ok(());
        }
        if size > MAX_SIZE {
            return Err(self.wrong(given, "memory of a smaller size"));
        }
        let region = self.pointee(world, given.reg, given.value)?;
        if matches!(region.what, What::Context | What::Socket(_) | What::Kernel(_)) {
            return Err(self.wrong(given, "memory"));
        }
        if matches!(region.what, What::Packet | What::PacketMeta) && !given.packet {
            return Err(self.wrong(given, "memory outside the packet"));
        }
        let access = if write { Use::Write } else { Use::Read };
        self.access(world, &region, given.value, size, access)?;
        if read {
            self.initialised(&region, given.value, size)?;
        }
        if write {
            self.stored(&region, given.value, size, Tag::Number);
        }
        Ok(())
    }

    /// Takes or gives back a spin lock: one at a time, and the one that is held.
    fn lock(&mut self, arg: &Arg, given: Given) -> Result<(), Stop> {
        match (arg.releases, self.regions.lock()) {
            (false, None) => {
                self.acquire(Resource::SpinLock, given.helper.name, given.value);
                Ok(())
            }
            (false, Some(_)) => Err(self.wrong(given, "a lock, while none is held")),
            (true, Some(held)) if held == given.value => {
                self.regions.unlock();
                Ok(())
            }
            (true, _) => Err(self.wrong(given, "the lock that is held")),
        }
    }

    /// Requires a place for a dynptr: aligned stack. Where it is: the depth of the frame, and the offset in it.
    fn dynptr_place(&self, world: &World<'_>, given: Given) -> Result<(usize, u64), Stop> {
        let region = self.pointee(world, given.reg, given.value)?;
        let off = given.value.wrapping_sub(region.base);
        match region.what {
            What::Stack(depth) if off.is_multiple_of(8) => Ok((depth, off)),
            _ => Err(self.wrong(given, "a dynptr on the stack")),
        }
    }

    /// Requires a dynptr whose memory is still there, and carries out its release.
    fn dynptr(&mut self, world: &World<'_>, arg: &Arg, given: Given) -> Result<(), Stop> {
        let (depth, off) = self.dynptr_place(world, given)?;
        let region = self.shadow.frame(depth).dynptr(off).and_then(|id| self.regions.get(id)).copied();
        let Some(region) = region else { return Err(self.wrong(given, "a dynptr")) };
        if let Some((_, why)) = region.ended {
            let target = self.target(world, region.what);
            return Err(self.fault_of(&region, FaultKind::UseAfterEnd { target, why }));
        }
        if arg.releases {
            self.release(world, arg, &region)?;
            self.shadow.frame_mut(depth).store(off, dynptr::SIZE, Tag::Number);
        }
        Ok(())
    }

    /// A helper has made a dynptr: notes whose memory it is for.
    fn made_dynptr(&mut self, world: &World<'_>, signature: &belay_spec::Helper, args: [u64; 5]) {
        let place = |wanted: fn(ArgKind) -> bool| signature.args.iter().position(|arg| wanted(arg.kind));
        let Some(index) = place(|kind| kind == ArgKind::Dynptr { out: true }) else { return };
        let Span { addr, len, .. } = Span::at(world, args[index]);
        let reference =
            signature.effects.acquires.map(|resource| self.acquire(resource, signature.name, addr));
        // The memory's own region, so that what may not be written stays so.
        let given = place(|kind| kind == ArgKind::DynptrData).map(|index| self.shadow.get(ARGUMENTS[index]));
        let what = match given {
            Some(Tag::Pointer(id)) => self.regions.get(id).map_or(What::Memory, |region| region.what),
            Some(_) => What::Memory,
            None => What::Record,
        };
        let region = self.regions.add(what, addr, len, reference);
        if let Tag::Pointer(stack) = self.shadow.get(ARGUMENTS[index])
            && let Some(stack) = self.regions.get(stack).copied()
        {
            for slot in [0, 8] {
                self.stored(&stack, args[index].wrapping_add(slot), 8, Tag::Dynptr(region));
            }
        }
    }

    /// The region of the memory of the dynptr that a call was given.
    fn dynptr_memory(&self, signature: &belay_spec::Helper, args: [u64; 5]) -> Option<Region> {
        let index = signature.args.iter().position(|arg| arg.kind == ArgKind::Dynptr { out: false })?;
        let Tag::Pointer(stack) = self.shadow.get(ARGUMENTS[index]) else { return None };
        let stack = self.regions.get(stack)?;
        let What::Stack(depth) = stack.what else { return None };
        let id = self.shadow.frame(depth).dynptr(args[index].wrapping_sub(stack.base))?;
        self.regions.get(id).copied()
    }

    /// The program holds something from here on.
    pub(super) fn acquire(&mut self, resource: Resource, by: &'static str, address: u64) -> RefId {
        self.regions.acquire(Held {
            resource,
            by,
            program: self.program.clone(),
            acquired_at: self.pc,
            address,
            depth: self.depth,
            released: false,
            reported: false,
        })
    }

    /// Requires a string that ends inside the region.
    fn string(&self, world: &World<'_>, given: Given) -> Result<(), Stop> {
        let region = self.pointee(world, given.reg, given.value)?;
        let end = region.base.saturating_add(region.len);
        let mut at = given.value;
        while at < end {
            self.access(world, &region, at, 1, Use::Read)?;
            if world.mem.load(at, belay_isa::Size::B) == 0 {
                return Ok(());
            }
            at += 1;
        }
        Err(self.wrong(given, "a string that ends with a zero"))
    }

    /// The region of a resource; releasing one that is gone has a fault of its own.
    fn resource(&self, world: &World<'_>, arg: &Arg, given: Given) -> Result<Region, Stop> {
        self.pointee(world, given.reg, given.value).map_err(|fault| match fault.kind {
            FaultKind::UseAfterEnd { target, why: Ended::Released } if arg.releases => {
                Box::new(Fault { kind: FaultKind::DoubleRelease { target }, ..*fault })
            }
            kind => Box::new(Fault { kind, ..*fault }),
        })
    }

    /// Carries out what an argument releases.
    fn release(&mut self, world: &World<'_>, arg: &Arg, region: &Region) -> Result<(), Stop> {
        if !arg.releases {
            return Ok(());
        }
        match region.reference {
            Some(reference) => {
                self.regions.release(reference, self.pc);
                Ok(())
            }
            None => {
                let target = self.target(world, region.what);
                Err(self.fault(FaultKind::NotOwned { target }))
            }
        }
    }

    /// What a call that was made has changed.
    pub(super) fn after_helper(
        &mut self,
        state: &State<'_>,
        world: &World<'_>,
        id: u32,
        args: [u64; 5],
        r0: u64,
    ) -> Result<(), Stop> {
        let Some(signature) = signature(world, state, id) else {
            return self.returned(Tag::Uninit);
        };
        self.made_dynptr(world, signature, args);
        if signature.effects.writes_dynptr && Span::at(world, args[0]).kind.moves_what_it_writes() {
            self.regions.end_packet(self.pc);
        }
        let derived = signature.effects.derives_from.and_then(|arg| {
            let reg = ARGUMENTS.get(usize::from(arg))?;
            match self.shadow.get(*reg) {
                Tag::Pointer(id) => self.regions.get(id)?.reference,
                _ => None,
            }
        });
        let mut acquires = signature.effects.acquires;
        let (what, len) = match signature.ret {
            Ret::Void => return self.returned(Tag::Uninit),
            Ret::Scalar | Ret::Within(..) | Ret::Processor | Ret::AtMostSize => {
                return self.returned(Tag::Number);
            }
            _ if r0 == 0 => return self.returned(Tag::Null(self.pc)),
            Ret::MapValue { .. } => match world.map(args[0]) {
                Some((map, _)) if map.socket_element().is_some() => {
                    let (view, acquired) = map.socket_element().unwrap_or((SockKind::Sock, false));
                    acquires = acquired.then_some(Resource::Socket);
                    (What::Socket(view), view_size(view))
                }
                Some((map, _)) if map.holds_maps() => return self.returned(Tag::Map),
                Some((map, _)) => (What::Value(map.handle()), u64::from(map.def().value_size)),
                None => return self.returned(Tag::Number),
            },
            Ret::Socket { kind, .. } => (What::Socket(kind), view_size(kind)),
            Ret::AllocMem { .. } => (What::Record, self.allocated),
            Ret::Btf { name, .. } => (What::Kernel(name), 0),
            Ret::DynptrMem { .. } => {
                let Some(memory) = self.dynptr_memory(signature, args) else {
                    return self.returned(Tag::Number);
                };
                let part =
                    self.regions.add(memory.what, r0, u64::from(self.allocated as u32), memory.reference);
                return self.returned(Tag::Pointer(part));
            }
            Ret::Kptr { .. } | Ret::MemOrBtf { .. } => {
                return Err(self.fault(FaultKind::Unsupported("results of this kind")));
            }
        };
        let id = match (what, acquires) {
            (What::Value(_), _) => self.regions.lasting(what, r0, len),
            (_, Some(resource)) => {
                let reference = self.acquire(resource, signature.name, r0);
                self.regions.add(what, r0, len, Some(reference))
            }
            (_, None) => self.regions.add(what, r0, len, derived),
        };
        self.returned(Tag::Pointer(id))
    }

    pub(super) fn returned(&mut self, tag: Tag) -> Result<(), Stop> {
        self.shadow.set(Reg::R0, tag);
        self.shadow.clobber();
        Ok(())
    }
}
