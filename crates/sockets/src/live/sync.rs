//! The atomics on which readers and the writer meet: the machine's, or loom's when it explores their interleavings
//! (`RUSTFLAGS="--cfg belay_loom"`).

#[cfg(not(belay_loom))]
pub(crate) use std::sync::Mutex;
#[cfg(not(belay_loom))]
pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64};

#[cfg(belay_loom)]
pub(crate) use loom::sync::Mutex;
#[cfg(belay_loom)]
pub(crate) use modelled::{AtomicU32, AtomicU64};

/// Atomics of loom whose every access its search sees. loom 0.7 remembers the last access to an atomic alone: a thread that
/// loads a word and then stores to it hides whoever loaded the word before, and the order in which the store comes first is
/// never tried, and models of readers beside writers pass after one. So each atomic has a companion that every access changes,
/// without order: of two changes the search tries both orders. It makes nothing visible to anybody: a load may still see every
/// value that it may see without.
#[cfg(belay_loom)]
pub mod modelled {
    use std::ops::Deref;
    use std::sync::atomic::Ordering::{self, Relaxed};

    macro_rules! atomic {
        ($name:ident, $int:ty) => {
            #[derive(Debug)]
            /// An atomic whose every access the search sees.
            pub struct $name {
                seen: loom::sync::atomic::AtomicBool,
                value: loom::sync::atomic::$name,
            }

            impl $name {
                /// Of that value.
                pub fn new(value: $int) -> $name {
                    let seen = loom::sync::atomic::AtomicBool::new(false);
                    $name { seen, value: loom::sync::atomic::$name::new(value) }
                }

                /// By its name in the standard library, which loom does not know yet.
                pub fn try_update(
                    &self,
                    set: Ordering,
                    fetch: Ordering,
                    change: impl FnMut($int) -> Option<$int>,
                ) -> Result<$int, $int> {
                    self.fetch_update(set, fetch, change)
                }
            }

            impl Deref for $name {
                type Target = loom::sync::atomic::$name;

                fn deref(&self) -> &Self::Target {
                    self.seen.fetch_or(false, Relaxed);
                    &self.value
                }
            }
        };
    }

    atomic!(AtomicU32, u32);
    atomic!(AtomicU64, u64);
}
