//! Elements of equal size at stable addresses, allocated as they are needed and never given back.
//!
//! Memory grows in chunks, each twice the one before, so that a map declared for millions of entries costs what it
//! holds. Numbers of freed elements wait in a lock-free stack whose links lie in the elements themselves.

use std::sync::OnceLock;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use super::storage::Place;
use crate::memory::Block;
use crate::sync::{AtomicU32, AtomicU64};

/// The number of an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Slot(pub(crate) u32);

/// The first chunk's elements, as a power of two.
const FIRST: u32 = 6;

/// The word of an element that links free ones; its low two bits are the owner's, and zero while the element is free.
/// (The first word is left alone: a reader may still be standing on an element that was just freed.)
const LINK: usize = 1;

/// The store of one map's elements.
pub(crate) struct Slab {
    chunks: [OnceLock<Block>; 33 - FIRST as usize],
    size: usize,
    capacity: u32,
    /// Elements handed out so far, free ones included.
    grown: AtomicU32,
    /// Low half: the first free element's number plus one. High half: counts changes, so that a number that was
    /// taken and given back in between is not mistaken for the old one.
    free: AtomicU64,
}

impl Slab {
    /// For `capacity` elements of `size` bytes (a multiple of 8, at least 16).
    pub(crate) fn new(size: usize, capacity: u32) -> Slab {
        Slab {
            chunks: [const { OnceLock::new() }; 33 - FIRST as usize],
            size,
            capacity,
            grown: AtomicU32::new(0),
            free: AtomicU64::new(0),
        }
    }

    /// How many elements were ever handed out: the numbers below it are in use or free, none above.
    pub(crate) fn grown(&self) -> u32 {
        self.grown.load(Relaxed).min(self.capacity)
    }

    /// The place of an element, if it was ever handed out.
    #[inline]
    pub(crate) fn place(&self, slot: Slot) -> Option<Place<'_>> {
        let (chunk, within) = locate(slot);
        let block = self.chunks.get(chunk)?.get()?;
        Some(Place { block, off: within * self.size })
    }

    /// The element in which an address lies.
    pub(crate) fn slot_at(&self, addr: u64) -> Option<Slot> {
        let chunks = self.chunks.iter().map_while(OnceLock::get).enumerate();
        let (chunk, block) = chunks.filter(|(_, block)| block.extent(addr) > 0).last()?;
        let before = (1_u64 << (FIRST as usize + chunk)) - (1 << FIRST);
        let within = (addr - block.addr()) / self.size as u64;
        u32::try_from(before + within).ok().map(Slot)
    }

    /// How many bytes lie from an address on, in the memory of the elements.
    pub(crate) fn extent(&self, addr: u64) -> usize {
        self.chunks.iter().map_while(OnceLock::get).map(|block| block.extent(addr)).max().unwrap_or(0)
    }

    /// A word of an element.
    #[inline]
    pub(crate) fn word(&self, slot: Slot, index: usize) -> Option<&AtomicU64> {
        let place = self.place(slot)?;
        place.block.word(place.off / 8 + index)
    }

    /// An element that nobody else has; none when all are in use.
    pub(crate) fn take(&self) -> Option<Slot> {
        // Somebody may have given one back, and others taken what was left to grow by, between the first two.
        self.pop().or_else(|| self.grow()).or_else(|| self.pop())
    }

    fn pop(&self) -> Option<Slot> {
        let mut head = self.free.load(Acquire);
        loop {
            let slot = Slot((head as u32).checked_sub(1)?);
            // The next owner may be writing here already; then the exchange below fails.
            let next = (self.word(slot, LINK)?.load(Relaxed) >> 2) as u32;
            let new = ((head >> 32).wrapping_add(1) << 32) | u64::from(next);
            match self.free.compare_exchange_weak(head, new, AcqRel, Acquire) {
                Ok(_) => return Some(slot),
                Err(now) => head = now,
            }
        }
    }

    fn grow(&self) -> Option<Slot> {
        let number = self
            .grown
            .try_update(Relaxed, Relaxed, |grown| (grown < self.capacity).then_some(grown + 1))
            .ok()?;
        let (chunk, _) = locate(Slot(number));
        let wanted = 1_usize << (FIRST as usize + chunk);
        // The last chunk need not reach beyond the capacity.
        let before = wanted - (1 << FIRST);
        let elements = wanted.min((self.capacity as usize).saturating_sub(before));
        self.chunks.get(chunk)?.get_or_init(|| Block::zeroed(elements * self.size));
        Some(Slot(number))
    }

    /// Gives an element back: it may be handed out again at once.
    pub(crate) fn give(&self, slot: Slot) {
        let Some(link) = self.word(slot, LINK) else { return };
        let mut head = self.free.load(Acquire);
        loop {
            link.store(u64::from(head as u32) << 2, Relaxed);
            let new = ((head >> 32).wrapping_add(1) << 32) | u64::from(slot.0 + 1);
            match self.free.compare_exchange_weak(head, new, AcqRel, Acquire) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }
}

/// The chunk of an element, and its index there.
#[inline]
fn locate(slot: Slot) -> (usize, usize) {
    let shifted = u64::from(slot.0) + (1 << FIRST);
    let order = shifted.ilog2();
    ((order - FIRST) as usize, (shifted - (1 << order)) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_number_has_its_own_place() {
        let mut seen = HashSet::new();
        for number in 0..if cfg!(miri) { 300 } else { 10_000 } {
            let (chunk, within) = locate(Slot(number));
            assert!(within < 1 << (FIRST as usize + chunk));
            assert!(seen.insert((chunk, within)));
        }
        assert_eq!(locate(Slot(0)), (0, 0));
        assert_eq!(locate(Slot(64)), (1, 0));
        assert!(locate(Slot(u32::MAX)).0 < 33 - FIRST as usize);
    }

    #[test]
    fn hands_out_its_capacity_and_what_comes_back() {
        let slab = Slab::new(16, 100);
        let slots: Vec<_> = std::iter::from_fn(|| slab.take()).collect();
        assert_eq!(slots.len(), 100);
        let places: HashSet<_> = slots.iter().map(|s| slab.place(*s).unwrap().addr()).collect();
        assert_eq!(places.len(), 100);
        slab.give(slots[7]);
        slab.give(slots[9]);
        assert_eq!((slab.take(), slab.take(), slab.take()), (Some(slots[9]), Some(slots[7]), None));
    }

    #[test]
    fn threads_never_share_an_element() {
        let slab = Slab::new(24, 64);
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                let slab = &slab;
                scope.spawn(move || {
                    for round in 0..if cfg!(miri) { 20 } else { 2_000 } {
                        let Some(slot) = slab.take() else { continue };
                        let mine = thread << 32 | round;
                        slab.word(slot, 2).unwrap().store(mine, Relaxed);
                        assert_eq!(slab.word(slot, 2).unwrap().load(Relaxed), mine);
                        slab.give(slot);
                    }
                });
            }
        });
    }
}
