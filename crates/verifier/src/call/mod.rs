//! Calls: helpers by their signature, functions of the program by walking into them.
//!
//! Nothing here asks for a helper by name: what a call demands, gives, acquires and releases is data in `belay-spec`.

mod argument;
mod callback;
mod dynptr;
mod global;
mod kfunc;
mod local;
mod object;
mod parameter;
mod result;
mod string;

use belay_isa::{Pc, Reg};
use belay_spec::{Arg, ArgKind, Helper, OWN_HELPERS, Opening, Resource};

use crate::fault::{Check, Fault, Forbidden, Leave};
use crate::object::{DynptrSource, Flags, Object};
use crate::record::Kptr;
use crate::reference::Reference;
use crate::state::State;
use crate::value::{Ghost, Id, Kind, Pointer, RefId, Value};
use crate::walk::{Next, Walk};

pub(crate) use kfunc::end_of_lock;

use dynptr::Dynptr;

/// Registers of the arguments, in order.
const ARGUMENTS: [Reg; 5] = [Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5];
/// Registers that do not survive a call.
const CALLER_SAVED: [Reg; 6] = [Reg::R0, Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5];

/// A map, and which one of those in a map of maps.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Holder {
    map: u32,
    uid: Id,
}

/// What the arguments of one call told.
#[derive(Default)]
struct Arguments {
    /// The call.
    pc: Pc,
    /// The map passed, by index.
    map: Option<u32>,
    /// Of a map that came out of a map of maps: which one.
    map_uid: Id,
    /// The map in whose value a timer or the like lies.
    holder: Option<Holder>,
    /// The field of a [`belay_spec::ArgKind::Kptr`] argument.
    kptr: Option<Kptr>,
    /// The key passed, if the verifier knows it.
    known_key: Option<u64>,
    /// The kernel structure passed.
    object: Option<Object>,
    /// The reference that an argument carries.
    reference: Option<RefId>,
    /// The register whose reference the call releases.
    releases: Option<Reg>,
    /// The initialised dynptr passed.
    dynptr: Option<Dynptr>,
    /// The type of what is to become the data of a dynptr.
    dynptr_data: Option<String>,
    /// The constant size of the memory that the call returns.
    alloc_size: Option<u32>,
    /// The string passed that is known at verification.
    string: Option<Reg>,
    /// The last size argument.
    size: Option<Reg>,
    /// The largest value of the last size argument.
    size_max: Option<u64>,
    /// First instruction of the function that the helper calls.
    callback: Option<Pc>,
    /// What the helper hands on to that function.
    caller_context: Option<Value>,
}

impl Walk<'_> {
    /// `call helper`: where the path goes. If the helper calls a function of the program, that way too.
    pub(crate) fn call_helper(&mut self, state: &mut State, pc: Pc, id: i32) -> Check<Next> {
        if !self.helper(id).is_some_and(unlocks) {
            self.without_locks(state, Forbidden::Call)?;
        }
        let helper = self.allowed_helper(state, id)?;
        if helper.effects.may_sleep {
            self.check_may_sleep_here(state, helper.name, helper.id)?;
        }
        let mut told = Arguments { pc, ..Arguments::default() };
        for (arg, reg) in helper.args.iter().zip(ARGUMENTS) {
            self.check_argument(state, helper, arg, reg, &mut told)?;
        }
        self.check_map_kind(helper, &told)?;
        match (told.releases, told.dynptr) {
            (Some(reg), Some(dynptr)) => self.release_dynptr(state, reg, dynptr),
            (Some(reg), None) if told.kptr.is_some() && self.in_rcu_section(state) => hand_over(state, reg),
            (Some(reg), None) => release(state, reg),
            (None, _) => {}
        }
        if let Some(found) = told.dynptr_data.take().filter(|found| found != "map_value") {
            return Err(Fault::DynptrData { found }.into());
        }
        if helper.effects.tail_call {
            if state.depth() == 0 {
                self.check_nothing_held(state, Leave::TailCall)?;
            }
            self.tail_callers.insert(state.frame().function);
            self.rely_on_index(state, &told)?;
        }
        if let Some(reg) = told.string.filter(|_| helper.effects.formats) {
            let format = self.constant_string(reg, state.reg(reg))?;
            self.check_format(state, &told, format)?;
        }
        let next = match helper.callback() {
            Some(callback) => self.call_back(state, pc, helper, callback, &told)?,
            None => Next::Goto(Pc(pc.0 + 1)),
        };
        let result = self.call_result(state, pc, helper, &told)?;
        scratch_caller_saved(state);
        state.set(Reg::R0, result);
        let writes_packet = helper.effects.writes_dynptr
            && told.dynptr.is_some_and(|d| matches!(d.source, DynptrSource::Skb | DynptrSource::SkbMeta));
        if helper.effects.invalidates_packet || writes_packet {
            state.take_away_packet_pointers();
        }
        Ok(next)
    }

    /// A tail call by a known index becomes a jump to a known program.
    fn rely_on_index(&mut self, state: &State, told: &Arguments) -> Check {
        let Some(map) = told.map else { return Ok(()) };
        let most = u64::from(self.map(map)?.max_entries);
        if state.reg(Reg::R3).as_constant().is_some_and(|index| index < most) {
            self.relies_on(state, Reg::R3);
        }
        Ok(())
    }

    /// The helper of that number, as most hooks see it: the kernel's, or an own one.
    fn helper(&self, id: i32) -> Option<&'static Helper> {
        u32::try_from(id).ok().and_then(|id| self.helpers.helper(id))
    }

    fn allowed_helper(&self, state: &State, id: i32) -> Check<&'static Helper> {
        let Some(known) = self.helper(id) else { return Err(Fault::UnknownHelper { id }.into()) };
        let helper = if OWN_HELPERS.contains(&known.id) { known } else { self.kernels_helper(known)? };
        if helper.effects.gpl_only && !self.gpl_compatible {
            return Err(Fault::HelperGpl { name: helper.name }.into());
        }
        if helper.effects.may_sleep && !state.sleepable {
            return Err(Fault::HelperSleeps { name: helper.name }.into());
        }
        let here = self.hook.prog_type;
        if !helper.effects.supported_in.is_empty() && !helper.effects.supported_in.contains(&here) {
            let kernel = format!("func {}#{} not supported for program type {here}", helper.name, helper.id);
            return Err(Fault::Program { kernel }.into());
        }
        Ok(helper)
    }

    /// One of the kernel's helpers, with its signature in this hook, if it is open to the program.
    fn kernels_helper(&self, known: &Helper) -> Check<&'static Helper> {
        let Some(helper) = self.kernel.signature(self.hook, known.id) else {
            return Err(Fault::HelperNotAllowed { name: known.name, id: known.id }.into());
        };
        let refuse = |kernel: String| Err(Fault::Program { kernel }.into());
        match self.hook.opening(self.release, helper, self.target) {
            Opening::Open => Ok(helper),
            Opening::Closed => Err(Fault::HelperNotAllowed { name: known.name, id: known.id }.into()),
            Opening::ClosedHere => refuse("helper call is not allowed in probe".to_string()),
            Opening::AroundFunctions => {
                let (name, id) = (helper.name, helper.id);
                refuse(format!("func {name}#{id} supported only for fentry/fexit/fmod_ret programs"))
            }
        }
    }

    fn check_map_kind(&self, helper: &Helper, told: &Arguments) -> Check {
        let Some(map) = told.map else { return Ok(()) };
        let kind = self.map(map)?.kind;
        if self.hook.allows_on_map(helper, kind) {
            return Ok(());
        }
        Err(Fault::MapKind { kind: kind.0, name: helper.name, id: helper.id }.into())
    }

    /// Refuses to leave while something is held.
    pub(crate) fn check_nothing_held(&self, state: &State, leave: Leave) -> Check {
        self.without_locks(state, Forbidden::Leaving(leave))?;
        // (That interrupts are off is told as an open section.)
        let owed = |held: &&Reference| held.resource != Resource::Interrupts;
        match state.references.newest_first().filter(owed).last() {
            Some(held) => {
                Err(Fault::Leak { reference: held.id, acquired_at: held.acquired_at, leave }.into())
            }
            None => self.check_sections_closed(state, leave),
        }
    }
}

/// Whether the helper lets go of a lock: the one that may be called while one is held.
fn unlocks(helper: &Helper) -> bool {
    helper.args.iter().any(|arg| arg.kind == ArgKind::SpinLock && arg.releases)
}

/// Ends the obligation that the register's pointer carries and takes every copy of it away. Releasing NULL releases
/// nothing.
fn release(state: &mut State, reg: Reg) {
    if let Some(reference) = state.reg(reg).reference {
        state.references.release(reference);
        state.take_away_carriers(reference);
    }
}

/// Ends the obligation, since a map's value owns the object from now on. Until the end of the RCU section per-CPU
/// objects stay usable, no longer as our own.
fn hand_over(state: &mut State, reg: Reg) {
    let Some(reference) = state.reg(reg).reference else { return };
    state.for_each_value(|value| {
        let Kind::Pointer(Pointer::Object(object)) = &mut value.kind else { return };
        if value.reference == Some(reference) && object.flags.has(Flags::ALLOCATED | Flags::PER_CPU) {
            object.flags = object.flags.without(Flags::ALLOCATED) | Flags::RCU;
            value.reference = None;
        }
    });
    state.references.release(reference);
    state.take_away_carriers(reference);
}

/// After a call `r0` to `r5` hold nothing; what they held is remembered for explanations.
pub(crate) fn scratch_caller_saved(state: &mut State) {
    for reg in CALLER_SAVED {
        let value = state.reg(reg);
        let ghost = match (value.kind, value.reference) {
            (Kind::Pointer(_), Some(id)) => Ghost::Owner(id),
            _ => value.ghost,
        };
        state.set(reg, Value { ghost, ..Value::uninit() });
    }
}

/// Whether the argument is memory whose size the next argument gives.
fn is_sized_memory(arg: &Arg) -> bool {
    matches!(arg.kind, ArgKind::MemIn | ArgKind::MemOut | ArgKind::MemInOut | ArgKind::DynptrData)
}
