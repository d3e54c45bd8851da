//! Numbers that wait to be used again: slots, groups. A reader's thread may put one in, only the writer takes them out.
//!
//! Taking empties the stack at once, so that nobody can meet a head that went and came back.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use super::sync::AtomicU32;

/// No number.
pub(crate) const NONE: u32 = u32::MAX;

/// A stack that is linked through what the numbers name.
#[derive(Debug)]
pub(crate) struct Free(AtomicU32);

impl Free {
    pub(crate) fn new() -> Free {
        Free(AtomicU32::new(NONE))
    }

    /// Puts a number in, whose link this is.
    pub(crate) fn push(&self, number: u32, link: &AtomicU32) {
        let mut head = self.0.load(Relaxed);
        loop {
            link.store(head, Relaxed);
            match self.0.compare_exchange_weak(head, number, AcqRel, Relaxed) {
                Ok(_) => return,
                Err(newer) => head = newer,
            }
        }
    }

    /// Takes everything out: the first number, from which links lead to the others.
    pub(crate) fn take(&self) -> u32 {
        if self.0.load(Relaxed) == NONE { NONE } else { self.0.swap(NONE, Acquire) }
    }
}
