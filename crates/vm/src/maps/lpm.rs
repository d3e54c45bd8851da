//! Longest-prefix-match tries: a key is a prefix length (32 bits) and an address in network byte order.
//!
//! A [`Hash`] holds the entries under their prefix, the bits behind it zero; a lookup asks it for each length that some entry
//! has, from the longest. Which those are says a row of bits, so that lookups take neither a lock nor memory. Whoever
//! changes the map holds its one lock, as in Linux, since a length's last entry takes the bit along.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::{Acquire, Release};

use super::hash::{Hash, Shape};
use super::storage::{EXIST, Element, ElementKey, Place, Side, Storage, Value, stride};
use crate::errno::Errno;
use crate::sync::{AtomicU64, Mutex, MutexGuard};

/// The longest key: 256 bytes of address.
const MAX_KEY: usize = 260;

/// A trie.
pub(crate) struct Lpm {
    entries: Hash,
    key_size: usize,
    value_size: usize,
    /// A bit for each prefix length that an entry has.
    used: Box<[AtomicU64]>,
    /// How many entries each prefix length has. Held by who changes the map.
    counts: Mutex<Box<[u32]>>,
}

impl Lpm {
    /// What the entries are stored as; behind a value lies the key as it was given, with all bits of the address.
    pub(crate) fn shape(key_size: usize, value_size: usize, max_entries: u32) -> Shape {
        Shape { extra: stride(key_size), ..Shape::plain(key_size, value_size, max_entries) }
    }

    /// Empty. `key_size` counts the four bytes of the prefix length.
    pub(crate) fn new(shape: Shape) -> Lpm {
        let lengths = shape.key_size.saturating_sub(4) * 8 + 1;
        Lpm {
            key_size: shape.key_size,
            value_size: shape.value_size,
            entries: Hash::new(shape),
            used: (0..lengths.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            counts: Mutex::new(vec![0; lengths].into()),
        }
    }

    fn counts(&self) -> MutexGuard<'_, Box<[u32]>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The longest prefix length up to this one that an entry has.
    fn longest_used(&self, at_most: u32) -> Option<u32> {
        let last = (at_most / 64) as usize;
        let words = self.used.get(..=last)?.iter().enumerate().rev();
        words
            .map(|(index, word)| {
                let wanted = if index == last { u64::MAX >> (63 - at_most % 64) } else { u64::MAX };
                (index as u32, word.load(Acquire) & wanted)
            })
            .find(|(_, bits)| *bits != 0)
            .map(|(index, bits)| index * 64 + bits.ilog2())
    }

    fn set_used(&self, length: u32, used: bool) {
        let Some(word) = self.used.get((length / 64) as usize) else { return };
        let bit = 1 << (length % 64);
        if used {
            word.fetch_or(bit, Release)
        } else {
            word.fetch_and(!bit, Release)
        };
    }

    /// Hands on a key's prefix length, and the key with all bits behind it zero; none if the prefix is longer than the address.
    fn prefix<T>(&self, key: &[u8], then: impl FnOnce(u32, &mut [u8]) -> T) -> Option<T> {
        let mut buffer = [0; MAX_KEY];
        let prefix = buffer.get_mut(..self.key_size)?;
        prefix.copy_from_slice(key);
        let length = u32::from_le_bytes(*prefix.first_chunk()?);
        let address = prefix.get_mut(4..)?;
        if length as usize > address.len() * 8 {
            return None;
        }
        mask(address, length);
        Some(then(length, prefix))
    }
}

/// Sets the bits behind the first `length` to zero.
fn mask(address: &mut [u8], length: u32) {
    let whole = length as usize / 8;
    if let Some(byte) = address.get_mut(whole) {
        *byte &= !(0xff >> (length % 8));
    }
    if let Some(rest) = address.get_mut(whole + 1..) {
        rest.fill(0);
    }
}

impl Storage for Lpm {
    fn extent(&self, addr: u64) -> usize {
        self.entries.extent(addr)
    }

    fn lookup(&self, key: &[u8], side: Side) -> Option<Place<'_>> {
        self.prefix(key, |length, prefix| {
            let mut at_most = length;
            loop {
                let length = self.longest_used(at_most)?;
                let (head, address) = prefix.split_at_mut(4);
                head.copy_from_slice(&length.to_le_bytes());
                mask(address, length);
                if let Some(place) = self.entries.lookup(prefix, side) {
                    return Some(place);
                }
                at_most = length.checked_sub(1)?;
            }
        })?
    }

    fn update(&self, key: &[u8], value: Value<'_>, flags: u64, side: Side) -> Result<(), Errno> {
        if flags > EXIST {
            return Err(Errno::EINVAL);
        }
        let updated = self.prefix(key, |length, prefix| {
            let mut counts = self.counts();
            let is_new = self.entries.lookup(prefix, side).is_none();
            self.entries.update(prefix, value, flags, side).map_err(|errno| match errno {
                Errno::E2BIG => Errno::ENOSPC,
                other => other,
            })?;
            if let Some(place) = self.entries.lookup(prefix, side) {
                Value::Bytes(key).write_to(place.skip(stride(self.value_size)), 0, self.key_size);
            }
            if let Some(count) = counts.get_mut(length as usize).filter(|_| is_new) {
                *count += 1;
                self.set_used(length, true);
            }
            Ok(())
        });
        updated.unwrap_or(Err(Errno::EINVAL))
    }

    fn delete(&self, key: &[u8]) -> Result<(), Errno> {
        let deleted = self.prefix(key, |length, prefix| {
            let mut counts = self.counts();
            self.entries.delete(prefix)?;
            if let Some(count) = counts.get_mut(length as usize) {
                *count -= 1;
                self.set_used(length, *count > 0);
            }
            Ok(())
        });
        deleted.unwrap_or(Err(Errno::EINVAL))
    }

    fn element(&self, cursor: u64, side: Side) -> Option<Element<'_>> {
        let found = self.entries.element(cursor, side)?;
        Some(Element { key: ElementKey::Stored(found.value.skip(stride(self.value_size))), ..found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_keep_the_leading_bits() {
        let masked = |length| {
            let mut address = [0xff; 4];
            mask(&mut address, length);
            address
        };
        assert_eq!(masked(0), [0, 0, 0, 0]);
        assert_eq!(masked(12), [0xff, 0xf0, 0, 0]);
        assert_eq!(masked(24), [0xff, 0xff, 0xff, 0]);
        assert_eq!(masked(31), [0xff, 0xff, 0xff, 0xfe]);
        assert_eq!(masked(32), [0xff; 4]);
    }

    #[test]
    fn the_longest_length_in_use_is_found_across_words() {
        let trie = Lpm::new(Lpm::shape(20, 4, 8));
        for length in [0, 63, 64, 128] {
            trie.set_used(length, true);
        }
        let found = [128, 127, 64, 63, 62, 0].map(|at_most| trie.longest_used(at_most));
        assert_eq!(found, [Some(128), Some(64), Some(64), Some(63), Some(0), Some(0)]);
        trie.set_used(0, false);
        assert_eq!((trie.longest_used(62), trie.longest_used(9999)), (None, None));
    }
}
