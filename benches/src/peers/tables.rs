//! What the peers' map helpers keep entries in.

use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use dashmap::{DashMap, Entry};

/// A helper of the peers.
type Helper = fn(u64, u64, u64, u64, u64) -> u64;

/// A table of the peers' helpers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// What a user would take: the hash map of `dashmap`, which threads may share and which grows. A value is written in place,
    /// as an address that a look-up gave must stay good.
    Shared,
    /// The least that a table can cost: sixteen places, searched from the key's on. Nothing is deleted, nobody else writes,
    /// nothing is resized.
    Places,
}

impl Table {
    /// `bpf_map_lookup_elem` and `bpf_map_update_elem`, for rbpf.
    pub fn helpers(self) -> [Helper; 2] {
        match self {
            Table::Shared => [aligned::lookup(), aligned::update()],
            Table::Places => [places::lookup, places::update],
        }
    }
}

fn key(address: u64) -> u32 {
    // SAFETY: the benchmark's program passes the address of a key on its stack.
    unsafe { (address as *const u32).read_unaligned() }
}

fn value(address: u64) -> u64 {
    // SAFETY: as for the key.
    unsafe { (address as *const u64).read_unaligned() }
}

/// rbpf's code calls with a stack that is not aligned as the ABI has it, which compiled code may fault on: it is aligned on the way.
mod aligned {
    use std::arch::naked_asm;

    use super::{Helper, shared};

    extern "C" fn shared_lookup(a: u64, b: u64, c: u64, d: u64, e: u64) -> u64 {
        shared::lookup(a, b, c, d, e)
    }

    extern "C" fn shared_update(a: u64, b: u64, c: u64, d: u64, e: u64) -> u64 {
        shared::update(a, b, c, d, e)
    }

    macro_rules! aligned {
        ($name:ident, $to:path) => {
            pub(super) fn $name() -> Helper {
                #[unsafe(naked)]
                extern "C" fn entry(_: u64, _: u64, _: u64, _: u64, _: u64) -> u64 {
                    naked_asm!("push rbp", "mov rbp, rsp", "and rsp, -16", "call {}", "leave", "ret", sym $to)
                }
                let entry: extern "C" fn(u64, u64, u64, u64, u64) -> u64 = entry;
                // SAFETY: rbpf calls helpers by the C ABI, whatever their type says.
                unsafe { std::mem::transmute::<_, Helper>(entry) }
            }
        };
    }

    aligned!(lookup, shared_lookup);
    aligned!(update, shared_update);
}

pub(super) mod shared {
    use super::*;

    type Map = DashMap<u32, Box<AtomicU64>, foldhash::fast::FixedState>;

    static ENTRIES: LazyLock<Map> = LazyLock::new(Map::default);

    pub(in crate::peers) fn lookup(_: u64, at: u64, _: u64, _: u64, _: u64) -> u64 {
        ENTRIES.get(&key(at)).map_or(0, |value| value.as_ptr() as u64)
    }

    pub(in crate::peers) fn update(_: u64, at: u64, from: u64, _: u64, _: u64) -> u64 {
        match ENTRIES.entry(key(at)) {
            Entry::Occupied(entry) => entry.get().store(value(from), Relaxed),
            Entry::Vacant(entry) => drop(entry.insert(Box::new(AtomicU64::new(value(from))))),
        }
        0
    }
}

pub(super) mod places {
    use super::*;

    const FREE: u64 = u64::MAX;

    static KEYS: [AtomicU64; 16] = [const { AtomicU64::new(FREE) }; 16];
    static VALUES: [AtomicU64; 16] = [const { AtomicU64::new(0) }; 16];

    pub(in crate::peers) fn lookup(_: u64, at: u64, _: u64, _: u64, _: u64) -> u64 {
        let key = u64::from(key(at));
        let mut place = key as usize % 16;
        loop {
            match KEYS[place].load(Relaxed) {
                found if found == key => return VALUES[place].as_ptr() as u64,
                FREE => return 0,
                _ => place = (place + 1) % 16,
            }
        }
    }

    pub(in crate::peers) fn update(_: u64, at: u64, from: u64, _: u64, _: u64) -> u64 {
        let key = u64::from(key(at));
        let mut place = key as usize % 16;
        loop {
            let there = KEYS[place].load(Relaxed);
            if there == key || there == FREE {
                KEYS[place].store(key, Relaxed);
                VALUES[place].store(value(from), Relaxed);
                return 0;
            }
            place = (place + 1) % 16;
        }
    }
}
