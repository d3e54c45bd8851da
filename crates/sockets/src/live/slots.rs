//! The slots: memory for sockets that stays where it is.
//!
//! They lie in chunks, each as large as all before it, so that a table of any size has few: an address leads back to
//! its slot by a look at each.

use std::fmt;
use std::sync::OnceLock;

use crate::socket::Socket;

/// The least slots that a table has room for, as a power of two.
#[cfg(not(belay_loom))]
const LEAST: u32 = 6;
#[cfg(belay_loom)]
const LEAST: u32 = 1;
/// Slot numbers have 32 bits.
const CHUNKS: usize = (u32::BITS - LEAST + 1) as usize;
/// More slots than this cannot be: some numbers mean other things.
const MOST: u32 = u32::MAX - 1;

/// The slots.
pub(crate) struct Slots {
    /// How many the first chunk has, as a power of two.
    first: u32,
    chunks: [OnceLock<Box<[Socket]>>; CHUNKS],
}

impl Slots {
    /// Room for so many at once, and for more when they come.
    pub(crate) fn with_capacity(sockets: usize) -> Slots {
        let first = sockets.next_power_of_two().ilog2().clamp(LEAST, u32::BITS - 1);
        Slots { first, chunks: [const { OnceLock::new() }; CHUNKS] }
    }

    /// The chunk of a slot, and its place there.
    #[inline]
    fn place(&self, slot: u32) -> (usize, usize) {
        let chunk = u32::BITS - (slot >> self.first).leading_zeros();
        let before = if chunk == 0 { 0 } else { 1 << (self.first + chunk - 1) };
        (chunk as usize, (slot - before) as usize)
    }

    /// A slot.
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&Socket> {
        let (chunk, at) = self.place(slot);
        self.chunks.get(chunk)?.get()?.get(at)
    }

    /// A slot that was not there so far, or was; `None` for a number that no slot has.
    pub(crate) fn make(&self, slot: u32) -> Option<&Socket> {
        let (chunk, at) = self.place(slot);
        if slot > MOST {
            return None;
        }
        let sockets = self.chunks.get(chunk)?.get_or_init(|| {
            let before = slot - at as u32;
            let size = before.max(1 << self.first);
            (0..size).map(|at| Socket::empty(before + at)).collect()
        });
        sockets.get(at)
    }

    /// The chunks, largest first: within each, sockets follow each other in memory.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &[Socket]> {
        self.chunks.iter().rev().filter_map(OnceLock::get).map(|chunk| &**chunk)
    }

    /// Every slot, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Socket> {
        self.chunks.iter().map_while(OnceLock::get).flatten()
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slots({} chunks)", self.chunks().count())
    }
}

#[cfg(all(test, not(belay_loom)))]
mod tests {
    use super::*;

    #[test]
    fn slots_have_their_number_and_keep_their_place() {
        let slots = Slots::with_capacity(100);
        assert!(slots.get(0).is_none(), "not there yet");
        let place = |slot| std::ptr::from_ref(slots.make(slot).expect("room")).addr();
        let places: Vec<usize> = (0..2000).map(place).collect();
        for (slot, place) in (0..).zip(places) {
            let socket = slots.get(slot).expect("made");
            assert_eq!((socket.slot(), std::ptr::from_ref(socket).addr()), (slot, place));
        }
        assert!(slots.make(u32::MAX).is_none());
        assert_eq!(slots.iter().count(), 128 + 128 + 256 + 512 + 1024);
    }
}
