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
/// section is open; a section that is opened after that sees what was done before it began to wait, and it sees what the
/// sections did that were open. Nothing else is ordered by a section.
#[cfg(belay_loom)]
mod model {
    use std::sync::atomic::Ordering::{Acquire, Release};
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use loom::sync::atomic::AtomicUsize;

    /// Invisible to loom.
    #[derive(Default)]
    struct Open {
        sections: usize,
        /// How often that number has changed.
        changes: usize,
        waiting: Vec<Box<dyn FnOnce() + Send>>,
    }

    loom::lazy_static! {
        static ref OPEN: Mutex<Open> = Mutex::default();
        static ref ENDED: AtomicUsize = AtomicUsize::new(0);
        static ref DONE: AtomicUsize = AtomicUsize::new(0);
    }

    fn open() -> MutexGuard<'static, Open> {
        OPEN.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(open: &mut Open, sections: usize) {
        (open.sections, open.changes) = (sections, open.changes + 1);
    }

    pub(super) struct Guard;

    pub(super) fn pin() -> Guard {
        let sections = open().sections;
        change(&mut open(), sections + 1);
        DONE.fetch_add(1, Acquire);
        Guard
    }

    impl Guard {
        pub(super) fn defer(&self, then: impl FnOnce() + Send + 'static) {
            open().waiting.push(Box::new(then));
        }

        pub(super) fn flush(&self) {}
    }

    impl Drop for Guard {
        fn drop(&mut self) {
            ENDED.fetch_add(1, Release);
            loop {
                let before = {
                    let mut open = open();
                    if open.sections > 1 || open.waiting.is_empty() {
                        let sections = open.sections;
                        return change(&mut open, sections - 1);
                    }
                    open.changes
                };
                // The last one: whoever begins after this sees what all did that have ended.
                ENDED.fetch_add(1, Acquire);
                DONE.fetch_add(1, Release);
                let due = {
                    let mut open = open();
                    if open.changes != before {
                        continue;
                    }
                    change(&mut open, 0);
                    std::mem::take(&mut open.waiting)
                };
                return due.into_iter().for_each(|then| then());
            }
        }
    }
}
