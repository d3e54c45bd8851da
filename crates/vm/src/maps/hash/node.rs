//! An element of a hash map: a header, the key, the values of the CPUs, and what is the owner's.
//!
//! The header is two words: the link (high half: the key's hash; low half: the next element) and the state.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::super::slab::Slot;
use super::super::storage::{Place, stride};
use crate::sync::AtomicU64;

/// A link that ends a list.
pub(super) const END: u32 = 1 << 31;
/// State: linked into a bucket.
pub(super) const USED: u64 = 1;
/// State: looked up since the hand last came by.
pub(super) const RECENT: u64 = 2;

/// Words before the key.
const HEADER: usize = 2;
/// The header's words: the link; the state, which is the slab's while the element is free.
const LINK: usize = 0;
const STATE: usize = 1;

/// Bytes of an element with so many bytes of values, and behind them so many of its owner's.
pub(super) fn size(key_size: usize, values: usize, extra: usize) -> usize {
    HEADER * 8 + stride(key_size) + values + stride(extra)
}

/// An element, found in memory once.
#[derive(Clone, Copy)]
pub(super) struct Node<'m> {
    pub(super) slot: Slot,
    pub(super) place: Place<'m>,
}

impl<'m> Node<'m> {
    #[inline]
    fn word(self, index: usize) -> Option<&'m AtomicU64> {
        self.place.block.word(self.place.off / 8 + index)
    }

    /// The key's hash, and where the link leads.
    #[inline]
    pub(super) fn link(self) -> (u32, u32) {
        let link = self.word(LINK).map_or(u64::from(END), |word| word.load(Acquire));
        ((link >> 32) as u32, link as u32)
    }

    /// What was written to the element before is seen by whoever follows a link to it.
    #[inline]
    pub(super) fn set_link(self, hash: u32, next: u32) {
        if let Some(word) = self.word(LINK) {
            word.store(u64::from(hash) << 32 | u64::from(next), Release);
        }
    }

    #[inline]
    pub(super) fn state(self) -> Option<&'m AtomicU64> {
        self.word(STATE)
    }

    #[inline]
    pub(super) fn set_state(self, state: u64) {
        if let Some(word) = self.state() {
            word.store(state, Relaxed);
        }
    }

    /// Where the key lies.
    pub(super) fn key(self) -> Place<'m> {
        self.place.skip(HEADER * 8)
    }

    /// Where the first value lies, behind a key of that size.
    #[inline]
    pub(super) fn values(self, key_size: usize) -> Place<'m> {
        self.place.skip(HEADER * 8 + stride(key_size))
    }

    #[inline]
    pub(super) fn key_is(self, key: &[u8]) -> bool {
        let is = |index: usize, bytes: u64| {
            self.word(HEADER + index).is_some_and(|word| word.load(Relaxed) == bytes)
        };
        let (words, rest) = key.as_chunks::<8>();
        words.iter().enumerate().all(|(index, word)| is(index, u64::from_le_bytes(*word)))
            && (rest.is_empty() || is(words.len(), padded(rest)))
    }

    #[inline]
    pub(super) fn write_key(self, key: &[u8]) {
        let put = |index: usize, bytes: u64| {
            if let Some(word) = self.word(HEADER + index) {
                word.store(bytes, Relaxed);
            }
        };
        let (words, rest) = key.as_chunks::<8>();
        words.iter().enumerate().for_each(|(index, word)| put(index, u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            put(words.len(), padded(rest));
        }
    }
}

/// The last bytes of a key, fewer than eight, as a word; what is missing is zero. (Not put together in memory: a load that waits
/// for narrower stores takes as long as all the rest.)
#[inline]
fn padded(rest: &[u8]) -> u64 {
    let (low, high) = match rest.split_first_chunk::<4>() {
        Some((low, high)) => (u64::from(u32::from_le_bytes(*low)), high),
        None => (0, rest),
    };
    let high_at = 8 * (rest.len() - high.len());
    high.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)) << high_at | low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bytes_are_padded_with_zeros() {
        let bytes = [0x91, 0x82, 0x73, 0x64, 0x55, 0x46, 0x37];
        for len in 0..bytes.len() {
            let mut word = [0; 8];
            word[..len].copy_from_slice(&bytes[..len]);
            assert_eq!(padded(&bytes[..len]), u64::from_le_bytes(word));
        }
    }
}
