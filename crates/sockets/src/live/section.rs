//! Read sections: what is found in one stays what it is until the section ends.

use std::fmt;

#[cfg(not(belay_loom))]
use crossbeam_epoch as epoch;
#[cfg(belay_loom)]
use model as epoch;

/// A read section, of all tables: opening one is a few nanoseconds, and one within another next to nothing. A long one delays
/// the reuse of memory, and nothing else. It belongs to the thread that opened it.
pub struct Section(epoch::Guard);

impl Section {
    /// Opens a section.
    pub fn open() -> Section {
        Section(epoch::pin())
    }

    /// Does something once every section is over that was open when this was called, in whatever thread notices first:
    /// a reader's perhaps, so it may neither lock nor allocate.
    pub(crate) fn after(&self, then: impl FnOnce() + Send + 'static) {
        self.0.defer(then);
    }

    /// Looks whether something that waits can be done now.
    pub(crate) fn hurry(&self) {
        self.0.flush();
    }
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Section")
    }
}

/// What loom is told of sections: their contract, not crossbeam's way to keep it. What waits is done as soon as no
/// section is open. Its own state is invisible to loom, so that a section orders nothing between threads.
#[cfg(belay_loom)]
mod model {
    use std::sync::{Mutex, PoisonError};

    type Waiting = Box<dyn FnOnce() + Send>;

    loom::lazy_static! {
        static ref OPEN: Mutex<(usize, Vec<Waiting>)> = Mutex::new((0, Vec::new()));
    }

    pub(super) struct Guard;

    pub(super) fn pin() -> Guard {
        OPEN.lock().unwrap_or_else(PoisonError::into_inner).0 += 1;
        Guard
    }

    impl Guard {
        pub(super) fn defer(&self, then: impl FnOnce() + Send + 'static) {
            OPEN.lock().unwrap_or_else(PoisonError::into_inner).1.push(Box::new(then));
        }

        pub(super) fn flush(&self) {}
    }

    impl Drop for Guard {
        fn drop(&mut self) {
            let due = {
                let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
                open.0 -= 1;
                if open.0 == 0 { std::mem::take(&mut open.1) } else { Vec::new() }
            };
            for then in due {
                then();
            }
        }
    }
}
