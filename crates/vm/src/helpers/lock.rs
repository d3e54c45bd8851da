//! Spin locks: `bpf_spin_lock`, `bpf_spin_unlock`.
//!
//! A lock is known by its address, and what lies there is left alone: whether it is taken stands in a table of this
//! process, in which several addresses share a place. So no bytes that anybody put into a map value can stop a program for ever.
//! A program holds one lock at a time (the verifier and the guard see to that), so sharing a place delays, and cannot deadlock.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::world::World;

/// How many places there are: many more than threads.
const PLACES: usize = 1024;

static TAKEN: [AtomicBool; PLACES] = [const { AtomicBool::new(false) }; PLACES];

fn place(addr: u64) -> &'static AtomicBool {
    // Locks of an array's values lie apart by the size of a value: the upper half of the product spreads them.
    let spread = (addr >> 2).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    &TAKEN[spread as usize % PLACES]
}

/// Takes the lock at an address, once nobody has it.
pub(crate) fn take(addr: u64) {
    /// Rounds until the processor is left to others: the holder may be waiting for it.
    const PATIENCE: u32 = 100;
    let lock = place(addr);
    let mut rounds = 0;
    while lock.compare_exchange_weak(false, true, Acquire, Relaxed).is_err() {
        rounds += 1;
        if rounds < PATIENCE { std::hint::spin_loop() } else { std::thread::yield_now() }
    }
}

/// Gives it back.
pub(crate) fn give_back(addr: u64) {
    place(addr).store(false, Release);
}

/// `bpf_spin_lock(lock)`
pub(super) fn lock(_: &mut World<'_>, [lock, ..]: [u64; 5]) -> u64 {
    take(lock);
    0
}

/// `bpf_spin_unlock(lock)`
pub(super) fn unlock(_: &mut World<'_>, [lock, ..]: [u64; 5]) -> u64 {
    give_back(lock);
    0
}
