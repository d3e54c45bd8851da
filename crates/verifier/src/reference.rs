//! References: obligations that an acquiring call makes and a releasing one ends.
//!
//! The rules stand here once for every resource; which calls acquire and release is data in `belay-spec`.
//! A state holds the list of what is held; values carry the ids. Invariant: a value's `reference` either is in the
//! list or is gone: releasing takes every carrier away in the same step.

use std::rc::Rc;

use belay_isa::Pc;
use belay_spec::Resource;

use crate::value::{Id, RefId};

/// One obligation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reference {
    /// Its name on this path.
    pub(crate) id: RefId,
    /// What is held.
    pub(crate) resource: Resource,
    /// The call that made it.
    pub(crate) acquired_at: Pc,
    /// If it is a lock: which one.
    pub(crate) lock: Option<Lock>,
}

/// Which lock is held: that of the value or object with this id. Values of maps of one element have the id 0, since
/// every pointer to them is to the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lock {
    /// What kind of thing it lies in.
    pub(crate) holder: Holder,
    /// Id of the pointer with which it was taken.
    pub(crate) id: Id,
}

/// What a lock lies in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Holder {
    /// The value of the map of that index.
    Map(u32),
    /// An object that the program allocated.
    Object,
}

/// What is held at one point of a path, in the order of acquisition. Copies of a state share the list until one of
/// them changes it.
#[derive(Clone, Default, Debug)]
pub(crate) struct References(Rc<Vec<Reference>>);

impl References {
    /// Notes a new obligation.
    pub(crate) fn acquire(&mut self, id: RefId, resource: Resource, acquired_at: Pc) {
        Rc::make_mut(&mut self.0).push(Reference { id, resource, acquired_at, lock: None });
    }

    /// Notes a lock that is held from now on.
    pub(crate) fn take_lock(&mut self, id: RefId, resource: Resource, acquired_at: Pc, lock: Lock) {
        Rc::make_mut(&mut self.0).push(Reference { id, resource, acquired_at, lock: Some(lock) });
    }

    /// The locks that are held, oldest first.
    pub(crate) fn locks(&self) -> impl DoubleEndedIterator<Item = &Reference> {
        self.0.iter().filter(|r| r.lock.is_some())
    }

    /// Ends one; `None` if it is not held.
    pub(crate) fn release(&mut self, id: RefId) -> Option<Reference> {
        let at = self.0.iter().position(|r| r.id == id)?;
        Some(Rc::make_mut(&mut self.0).remove(at))
    }

    /// The obligation of that name, if it is held.
    pub(crate) fn get(&self, id: RefId) -> Option<&Reference> {
        self.0.iter().find(|r| r.id == id)
    }

    /// What is held, oldest first.
    pub(crate) fn held(&self) -> &[Reference] {
        &self.0
    }

    /// Whether both are the same list, unchanged since one was copied from the other.
    pub(crate) fn is_unchanged(&self, other: &References) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}
