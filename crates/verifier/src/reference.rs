//! References: obligations that an acquiring call makes and a releasing one ends.
//!
//! The rules stand here once for every resource; which calls acquire and release is data in `belay-spec`.
//! A state holds the list of what is held; values carry the ids. Invariant: a value's `reference` either is in the
//! list or is gone: releasing takes every carrier away in the same step.

use belay_isa::Pc;
use belay_spec::Resource;

use crate::value::RefId;

/// One obligation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reference {
    /// Its name on this path.
    pub(crate) id: RefId,
    /// What is held.
    pub(crate) resource: Resource,
    /// The call that made it.
    pub(crate) acquired_at: Pc,
}

/// What is held at one point of a path, in the order of acquisition.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct References(Vec<Reference>);

impl References {
    /// Notes a new obligation.
    pub(crate) fn acquire(&mut self, id: RefId, resource: Resource, acquired_at: Pc) {
        self.0.push(Reference { id, resource, acquired_at });
    }

    /// Ends one; `None` if it is not held.
    pub(crate) fn release(&mut self, id: RefId) -> Option<Reference> {
        let at = self.0.iter().position(|r| r.id == id)?;
        Some(self.0.remove(at))
    }

    /// The obligation of that name, if it is held.
    pub(crate) fn get(&self, id: RefId) -> Option<&Reference> {
        self.0.iter().find(|r| r.id == id)
    }

    /// What is held, oldest first.
    pub(crate) fn held(&self) -> &[Reference] {
        &self.0
    }
}
