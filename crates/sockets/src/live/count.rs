//! How many programs hold a socket, whether it is in the table, and whether it has come to its end: one word.
//!
//! A socket is *linked* while lookups may find it, and *dead* once it is neither linked nor held. The writer alone makes
//! it dead, with one compare-and-exchange of a word that says that nobody holds it; from then on no reference can be had.
//! So an acquisition is one addition, and looks at what was there before.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::sync::AtomicU64;

/// Lookups may find it.
const LINKED: u64 = 1 << 63;
/// It is over: its slot is empty, or about to be.
const DEAD: u64 = 1 << 62;
/// The references.
const HELD: u64 = DEAD - 1;

/// The word.
#[derive(Debug)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// Of a slot that holds no socket.
    pub(crate) fn dead() -> Count {
        Count(AtomicU64::new(DEAD))
    }

    /// The slot holds a socket again.
    pub(crate) fn revive(&self) {
        self.0.store(LINKED, Release);
    }

    /// Takes a reference; `false`, and none is taken, from a socket that is over.
    pub(crate) fn acquire(&self) -> bool {
        let alive = self.0.fetch_add(1, Acquire) & DEAD == 0;
        if !alive {
            // Nobody reads a dead count but to see that it is dead.
            self.0.fetch_sub(1, Relaxed);
        }
        alive
    }

    /// Gives a reference back; `false`, and nothing is changed, if there is none.
    pub(crate) fn release(&self) -> bool {
        let less = |word: u64| (word & HELD != 0).then(|| word - 1);
        self.0.try_update(Release, Relaxed, less).is_ok()
    }

    /// Lookups no longer find it. Returns whether it is over, which it is not while somebody holds it.
    pub(crate) fn unlink(&self) -> bool {
        let unlinked = |word: u64| if word & HELD == 0 { DEAD } else { word & !LINKED };
        self.0.try_update(AcqRel, Relaxed, |word| Some(unlinked(word))).is_ok_and(|old| old & HELD == 0)
    }

    /// Ends an unlinked socket that nobody holds any more; whether it is over now.
    pub(crate) fn end(&self) -> bool {
        self.0.compare_exchange(0, DEAD, AcqRel, Relaxed).is_ok()
    }

    /// References held now.
    pub(crate) fn held(&self) -> u64 {
        match self.0.load(Relaxed) {
            word if word & DEAD != 0 => 0,
            word => word & HELD,
        }
    }

    /// Whether lookups may find it.
    pub(crate) fn is_linked(&self) -> bool {
        self.0.load(Acquire) & LINKED != 0
    }
}
