//! What threads share maps by: the standard library's atomics and locks, or those of `loom`, which tries every order in
//! which threads may take their steps and every value that a load may see (`RUSTFLAGS="--cfg belay_loom"`).
//!
//! All of `maps` takes them from here; the models are in `maps/models.rs`.

#[cfg(belay_loom)]
pub(crate) use belay_sockets::modelled::{AtomicU32, AtomicU64};
#[cfg(belay_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard};
#[cfg(not(belay_loom))]
pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64};
#[cfg(not(belay_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard};
