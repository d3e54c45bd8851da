//! Calls of kernel functions: their arguments by the kernel's own types, what they acquire and release by their flags,
//! and the few meanings that Linux keys by function by their role.
//!
//! Nothing here asks for a function by name: flags and roles are data in `belay-spec`, signatures are the kernel's.

mod argument;
mod callee;
mod compare;
mod dynptr;
mod graph;
mod interrupts;
mod iterator;
mod kind;
mod object;
mod result;
mod section;

use belay_isa::{Pc, Reg};
use belay_object::btf::TypeId;
use belay_spec::{KfuncFlags, KfuncRole, Release, runs_under_lock};

use crate::fault::{Check, Fault, Forbidden, Leave, Stop};
use crate::object::Object;
use crate::record::Root;
use crate::scalar::Scalar;
use crate::state::State;
use crate::value::{RefId, Value};
use crate::walk::{Next, Walk};

use super::dynptr::Dynptr;
use super::{ARGUMENTS, Holder, release, scratch_caller_saved};
use callee::Callee;
pub(crate) use graph::end_of_lock;
use iterator::Iterator;

/// The largest number of an error.
const MAX_ERRNO: i64 = 4095;

/// What the arguments of one call told.
#[derive(Default)]
struct Told {
    /// The constant (`__k`, or the size of a `__szk` pair).
    constant: Option<u64>,
    /// The size of the memory that is returned, and whether it is read-only.
    buffer: Option<(u32, bool)>,
    /// The reference that an argument carries.
    reference: Option<RefId>,
    /// The register whose reference the call releases.
    releases: Option<Reg>,
    /// The function that the call calls back.
    callback: Option<Pc>,
    /// The map in whose value a work queue or the like lies, and the argument that points to it.
    holder: Option<(Holder, Reg)>,
    /// The initialised dynptr passed last.
    dynptr: Option<Dynptr>,
    /// The context as the kernel's own structure.
    kernel_context: Option<TypeId>,
    /// The list or tree that the call works on.
    root: Option<Root>,
    /// The object whose type the result has, and whether the program owned it.
    object: Option<Object>,
    owned: bool,
    /// The reference of the object that goes into the list or tree.
    inserted: Option<RefId>,
    /// The iterator that the call works on.
    iterator: Option<Iterator>,
}

impl Walk<'_> {
    /// `call kfunc`.
    pub(crate) fn call_kfunc(&mut self, state: &mut State, pc: Pc, id: i32, module: i16) -> Check<Next> {
        let callee = self.callee(id, module)?;
        if !runs_under_lock(callee.role, callee.name) {
            self.without_locks(state, Forbidden::Call)?;
        }
        if callee.has(KfuncFlags::SLEEPABLE) && !state.sleepable {
            return Err(Fault::KfuncSleeps {
                kernel: format!("program must be sleepable to call sleepable kfunc {}", callee.name),
            }
            .into());
        }
        let failed = matches!(callee.role, KfuncRole::ResilientLock { .. })
            .then(|| lock_not_taken(self.release, state));
        let told = self.kfunc_arguments(state, pc, &callee)?;
        let compared = match callee.role {
            KfuncRole::RbtreeAdd => Some(self.call_back_to_compare(state, pc, &callee, &told)?),
            _ => None,
        };
        self.enter_or_leave_section(state, &callee)?;
        if let Some(reg) = told.releases {
            release(state, reg);
        }
        match callee.role {
            KfuncRole::Plain
            | KfuncRole::KernelContext
            | KfuncRole::ReadOnlyCast
            | KfuncRole::RcuLock
            | KfuncRole::RcuUnlock
            | KfuncRole::PreemptDisable
            | KfuncRole::PreemptEnable
            | KfuncRole::DynptrFromContext { .. }
            | KfuncRole::DynptrClone
            | KfuncRole::DynptrSlice { .. }
            | KfuncRole::NumberIterator
            | KfuncRole::IrqSave
            | KfuncRole::IrqRestore
            | KfuncRole::ObjectNew { .. }
            | KfuncRole::ObjectDrop { .. }
            | KfuncRole::RefcountAcquire
            | KfuncRole::ListPush
            | KfuncRole::ListPop
            | KfuncRole::ListPeek
            | KfuncRole::RbtreeAdd
            | KfuncRole::RbtreeRemove
            | KfuncRole::RbtreePeek
            | KfuncRole::Arena
            | KfuncRole::WorkqueueCallback
            | KfuncRole::TaskWork
            | KfuncRole::RbtreeStep
            | KfuncRole::ResilientLock { .. }
            | KfuncRole::ResilientUnlock { .. }
            | KfuncRole::MovesPacket => {}
            KfuncRole::CssTaskIterator if !state.sleepable && !self.may_list_tasks() => {
                let kernel =
                    "css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs".to_string();
                return Err(Fault::KfuncNotAllowed { kernel }.into());
            }
            KfuncRole::CssTaskIterator => {}
            KfuncRole::Throw => return self.throw(state),
            _ => return Err(callee.not_modelled()),
        }
        if let Some(reference) = told.inserted {
            self.give_away(state, reference)?;
        }
        let later = match (callee.role.callback_later(), told.callback, told.holder) {
            (Some(callback), Some(entry), Some((holder, _))) => {
                Some(self.run_later(state, pc, callback, entry, holder)?)
            }
            _ => None,
        };
        let result = self.kfunc_result(state, pc, &callee, &told)?;
        scratch_caller_saved(state);
        state.set(Reg::R0, result);
        if callee.role == KfuncRole::MovesPacket {
            state.take_away_packet_pointers();
        }
        let on = Pc(pc.0 + 1);
        if let Some(taken) = compared.or(failed.map(|state| (on, state))) {
            return Ok(Next::Fork { taken, fall: on });
        }
        match told.iterator {
            Some(iterator) if callee.has(KfuncFlags::ITER_NEXT) => {
                Ok(self.advance_iterator(state, pc, iterator))
            }
            Some(iterator) if callee.has(KfuncFlags::ITER_DESTROY) => {
                self.destroy_iterator(state, iterator);
                Ok(Next::Goto(on))
            }
            _ => Ok(later.unwrap_or(Next::Goto(on))),
        }
    }
}

impl Walk<'_> {
    /// `bpf_throw` ends the program from wherever it is: nothing may be held in any frame. What it is given is what the
    /// program returns, unless the program has a function for that.
    fn throw(&mut self, state: &State) -> Check<Next> {
        if self.layout.exception_callback.is_none() {
            self.check_return(state, Reg::R1)?;
        }
        self.check_nothing_held(state, Leave::Throw)?;
        Ok(Next::End)
    }

    /// Whether the tasks of a cgroup may be listed here: other hooks may hold the locks that this takes.
    fn may_list_tasks(&self) -> bool {
        const LSM: u32 = 29;
        const TRACING: u32 = 26;
        const ITERATOR: u32 = 28;
        self.hook.prog_type == LSM || self.hook.prog_type == TRACING && self.hook.attach_type == ITERATOR
    }
}

/// After a call that did not get its lock: nothing has changed, and `r0` says why not.
fn lock_not_taken(release: Release, state: &State) -> Box<State> {
    let mut failed = Box::new(state.clone());
    scratch_caller_saved(&mut failed);
    failed.set(Reg::R0, Value::number(Scalar::signed_range(release, -MAX_ERRNO, -1)));
    failed
}

impl Callee<'_> {
    /// No verdict: the verifier does not know what this function does.
    fn not_modelled(&self) -> Stop {
        Stop::unsupported(format!("the kernel function `{}`", self.name))
    }
}
