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

/// What is held at one point of a path. Copies of a state share the list; a new obligation goes in front of what all of
/// them share, so that a path which acquires for ever costs one node each time.
#[derive(Clone, Default, Debug)]
pub(crate) struct References(Option<Rc<Node>>);

/// The newest obligation, and those before it.
#[derive(Debug)]
struct Node {
    newest: Reference,
    older: References,
    /// How many there are from here on, and how many of them are locks.
    count: usize,
    locks: usize,
}

impl References {
    /// Notes a new obligation.
    pub(crate) fn acquire(&mut self, id: RefId, resource: Resource, acquired_at: Pc) {
        self.push(Reference { id, resource, acquired_at, lock: None });
    }

    /// Notes a lock that is held from now on.
    pub(crate) fn take_lock(&mut self, id: RefId, resource: Resource, acquired_at: Pc, lock: Lock) {
        self.push(Reference { id, resource, acquired_at, lock: Some(lock) });
    }

    fn push(&mut self, newest: Reference) {
        let older = std::mem::take(self);
        let (count, locks) = (older.len() + 1, older.lock_count() + usize::from(newest.lock.is_some()));
        *self = References(Some(Rc::new(Node { newest, older, count, locks })));
    }

    /// Ends one; `None` if it is not held.
    pub(crate) fn release(&mut self, id: RefId) -> Option<Reference> {
        self.get(id)?;
        let mut newer = Vec::new();
        while let Some(node) = self.0.take() {
            *self = node.older.clone();
            if node.newest.id == id {
                newer.into_iter().rev().for_each(|reference| self.push(reference));
                return Some(node.newest);
            }
            newer.push(node.newest);
        }
        None
    }

    /// The obligation of that name, if it is held.
    pub(crate) fn get(&self, id: RefId) -> Option<&Reference> {
        self.newest_first().find(|r| r.id == id)
    }

    /// How many are held.
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |node| node.count)
    }

    fn lock_count(&self) -> usize {
        self.0.as_ref().map_or(0, |node| node.locks)
    }

    /// What is held, newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Reference> {
        std::iter::successors(self.0.as_deref(), |node| node.older.0.as_deref()).map(|node| &node.newest)
    }

    /// The locks that are held, newest first.
    pub(crate) fn locks(&self) -> impl Iterator<Item = &Reference> {
        let count = self.lock_count();
        self.newest_first().filter(|reference| reference.lock.is_some()).take(count)
    }

    /// Whether a lock is held.
    pub(crate) fn holds_lock(&self) -> bool {
        self.lock_count() > 0
    }

    /// What only `before` holds and what only this holds, oldest first, but for what both share from the start.
    pub(crate) fn changes_since(&self, before: &References) -> (Vec<Reference>, Vec<Reference>) {
        let (mut gone, mut new) = (Vec::new(), Vec::new());
        let (mut old, mut now) = (before, self);
        while !old.is_unchanged(now) {
            let (side, from) =
                if old.len() >= now.len() { (&mut gone, &mut old) } else { (&mut new, &mut now) };
            let Some(node) = from.0.as_deref() else { break };
            side.push(node.newest);
            *from = &node.older;
        }
        gone.reverse();
        new.reverse();
        let only_in = |these: &[Reference], others: &[Reference]| {
            let missing = |held: &&Reference| others.iter().all(|other| other.id != held.id);
            these.iter().filter(missing).copied().collect()
        };
        (only_in(&gone, &new), only_in(&new, &gone))
    }

    /// Whether both are the same list, unchanged since one was copied from the other.
    pub(crate) fn is_unchanged(&self, other: &References) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Rc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }
}

/// One node after the other: a list of a hundred thousand, freed by recursion, would overflow the stack.
impl Drop for References {
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(node) = next {
            next = Rc::into_inner(node).and_then(|mut node| node.older.0.take());
        }
    }
}
