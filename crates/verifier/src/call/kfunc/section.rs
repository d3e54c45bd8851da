//! Sections in which other rules hold: RCU read sides, no preemption. A call opens or closes one; all must be
//! closed where the program ends.

use belay_spec::{KfuncFlags, KfuncRole, Resource};

use crate::fault::{Check, Fault, Leave};
use crate::object::{Flags, Object, Protection, StackObject};
use crate::state::State;
use crate::value::{Kind, Pointer};
use crate::walk::Walk;

use super::callee::Callee;

impl Walk<'_> {
    /// What the call does to the open sections, and whether they allow it.
    pub(super) fn enter_or_leave_section(&self, state: &mut State, callee: &Callee<'_>) -> Check {
        let refuse = |kernel: String| Err(Fault::Section { kernel }.into());
        let (name, sleeps) = (callee.name, callee.has(KfuncFlags::SLEEPABLE));
        match (callee.role, state.sections.rcu) {
            (KfuncRole::RcuLock, 0) => state.sections.rcu = 1,
            (KfuncRole::RcuLock, _) => {
                return refuse(format!("nested rcu read lock (kernel function {name})"));
            }
            (KfuncRole::RcuUnlock, 0) => {
                return refuse(format!("unmatched rcu read unlock (kernel function {name})"));
            }
            (KfuncRole::RcuUnlock, _) => {
                state.sections.rcu = 0;
                end_of_rcu_section(state);
            }
            (_, open) if open > 0 && sleeps => {
                return refuse(format!("kernel func {name} is sleepable within rcu_read_lock region"));
            }
            _ => {}
        }
        match (callee.role, state.sections.preempt) {
            (KfuncRole::PreemptDisable, open) => state.sections.preempt = open.saturating_add(1),
            (KfuncRole::PreemptEnable, 0) => {
                return refuse(format!("unmatched attempt to enable preemption (kernel function {name})"));
            }
            (KfuncRole::PreemptEnable, open) => state.sections.preempt = open - 1,
            (_, open) if open > 0 && sleeps => {
                return refuse(format!("kernel func {name} is sleepable within non-preemptible region"));
            }
            _ => {}
        }
        if sleeps && interrupts_are_off(state) {
            return refuse(format!("kernel func {name} is sleepable within IRQ-disabled region"));
        }
        Ok(())
    }

    /// A helper that may sleep is not called inside a section.
    pub(crate) fn check_may_sleep_here(&self, state: &State, name: &str, id: u32) -> Check {
        let region = match (state.sections.rcu, state.sections.preempt) {
            (0, 0) if !interrupts_are_off(state) => return Ok(()),
            (0, 0) => "IRQ-disabled region",
            (0, _) => "non-preemptible region",
            _ => "rcu_read_lock region",
        };
        let kernel = format!("sleepable helper {name}#{id} in {region}");
        Err(Fault::Section { kernel }.into())
    }

    /// Refuses to leave while a section is open.
    pub(crate) fn check_sections_closed(&self, state: &State, leave: Leave) -> Check {
        let region = match (state.sections.rcu, state.sections.preempt) {
            _ if interrupts_are_off(state) => "bpf_local_irq_save",
            (0, 0) => return Ok(()),
            (0, _) => "bpf_preempt_disable",
            _ => "bpf_rcu_read_lock",
        };
        Err(Fault::Section { kernel: format!("{leave} cannot be used inside {region}-ed region") }.into())
    }
}

fn interrupts_are_off(state: &State) -> bool {
    state.references.newest_first().any(|held| held.resource == Resource::Interrupts)
}

/// What was read under RCU may be gone from now on.
fn end_of_rcu_section(state: &mut State) {
    state.for_each_value(|value| {
        if let Kind::Pointer(Pointer::Object(object)) = value.kind
            && object.flags.has(Flags::RCU)
        {
            let flags = object.flags.without(Flags::RCU) | Flags::UNTRUSTED;
            value.kind = Kind::Pointer(Pointer::Object(Object { flags, ..object }));
            value.nullable = false;
        }
    });
    state.for_each_object(|object| {
        if let StackObject::Iterator { protection, .. } = object
            && *protection == Protection::Rcu
        {
            *protection = Protection::Lapsed;
        }
    });
}
