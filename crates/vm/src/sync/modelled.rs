//! Atomics of `loom` whose every access is seen by its search for orders.
//!
//! `loom` 0.7 remembers the last access to an atomic alone. A thread that loads a word and then stores to it hides from the
//! search whoever loaded the word before: the order in which the store comes first is never tried, and models of readers
//! beside writers pass after one order. So each atomic has a companion that every access changes, without order: of two
//! changes the search tries both orders. The companion makes nothing visible to anybody: a load may still see every value
//! that it may see without.

use std::sync::atomic::Ordering::{self, Relaxed};

macro_rules! atomic {
    ($name:ident, $int:ty) => {
        #[derive(Debug)]
        pub(crate) struct $name {
            seen: loom::sync::atomic::AtomicBool,
            value: loom::sync::atomic::$name,
        }

        #[allow(dead_code, reason = "the interface of the standard library's, as far as maps use it")]
        impl $name {
            pub(crate) fn new(value: $int) -> $name {
                let seen = loom::sync::atomic::AtomicBool::new(false);
                $name { seen, value: loom::sync::atomic::$name::new(value) }
            }

            fn access(&self) -> &loom::sync::atomic::$name {
                self.seen.fetch_or(false, Relaxed);
                &self.value
            }

            pub(crate) fn load(&self, order: Ordering) -> $int {
                self.access().load(order)
            }

            pub(crate) fn store(&self, value: $int, order: Ordering) {
                self.access().store(value, order);
            }

            pub(crate) fn swap(&self, value: $int, order: Ordering) -> $int {
                self.access().swap(value, order)
            }

            pub(crate) fn fetch_add(&self, value: $int, order: Ordering) -> $int {
                self.access().fetch_add(value, order)
            }

            pub(crate) fn fetch_sub(&self, value: $int, order: Ordering) -> $int {
                self.access().fetch_sub(value, order)
            }

            pub(crate) fn fetch_or(&self, value: $int, order: Ordering) -> $int {
                self.access().fetch_or(value, order)
            }

            pub(crate) fn fetch_and(&self, value: $int, order: Ordering) -> $int {
                self.access().fetch_and(value, order)
            }

            pub(crate) fn compare_exchange(
                &self,
                current: $int,
                new: $int,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$int, $int> {
                self.access().compare_exchange(current, new, success, failure)
            }

            pub(crate) fn compare_exchange_weak(
                &self,
                current: $int,
                new: $int,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$int, $int> {
                self.access().compare_exchange(current, new, success, failure)
            }

            pub(crate) fn try_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                change: impl FnMut($int) -> Option<$int>,
            ) -> Result<$int, $int> {
                self.access().fetch_update(set, fetch, change)
            }
        }
    };
}

atomic!(AtomicU32, u32);
atomic!(AtomicU64, u64);
