//! Longest-prefix-match tries: a key is a prefix length (32 bits) and an address in network byte order.
//!
//! One table a prefix length, searched from the longest. The index is behind a readers-writer lock: readers share
//! it. Values lie in a [`Slab`] and keep their address; as in Linux, replacing an entry makes a new value, and a
//! pointer to the old one sees the old until it is used again.

use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::slab::{Slab, Slot};
use super::storage::{EXIST, Element, ElementKey, NOEXIST, Place, Side, Storage, Value, stride};
use crate::errno::Errno;

/// Bytes before the stored key: the slab's words.
const HEADER: usize = 16;

type Tables = BTreeMap<u32, HashMap<Box<[u8]>, Slot>>;

/// A trie.
pub(crate) struct Lpm {
    key_size: usize,
    value_size: usize,
    max_entries: usize,
    elements: Slab,
    tables: RwLock<Tables>,
}

impl Lpm {
    /// Bytes of an element.
    pub(crate) fn element_size(key_size: usize, value_size: usize) -> usize {
        HEADER + stride(key_size) + stride(value_size)
    }

    /// Empty. `key_size` counts the four bytes of the prefix length.
    pub(crate) fn new(key_size: usize, value_size: usize, max_entries: u32) -> Lpm {
        Lpm {
            key_size,
            value_size,
            max_entries: max_entries as usize,
            // One more: the new value of an entry that is being replaced.
            elements: Slab::new(Lpm::element_size(key_size, value_size), max_entries.saturating_add(1)),
            tables: RwLock::new(BTreeMap::new()),
        }
    }

    /// The prefix length and the address of a key; none if the prefix is longer than the address.
    fn split<'k>(&self, key: &'k [u8]) -> Option<(u32, &'k [u8])> {
        let (length, address) = key.split_first_chunk()?;
        let length = u32::from_le_bytes(*length);
        (length as usize <= (self.key_size - 4) * 8).then_some((length, address))
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn value(&self, slot: Slot) -> Option<Place<'_>> {
        Some(self.elements.place(slot)?.skip(HEADER + stride(self.key_size)))
    }
}

/// The first `length` bits of an address; the rest is zero.
fn masked(address: &[u8], length: u32) -> Box<[u8]> {
    let bits_of = |index: usize| (length as usize).saturating_sub(index * 8).min(8);
    address.iter().enumerate().map(|(i, byte)| byte & !(0xff_u16 >> bits_of(i)) as u8).collect()
}

impl Storage for Lpm {
    fn extent(&self, addr: u64) -> usize {
        self.elements.extent(addr)
    }

    fn lookup(&self, key: &[u8], _: Side) -> Option<Place<'_>> {
        let (longest, address) = self.split(key)?;
        let tables = self.read();
        let slot = tables.range(..=longest).rev().find_map(|(length, t)| t.get(&masked(address, *length)))?;
        self.value(*slot)
    }

    fn update(&self, key: &[u8], value: Value<'_>, flags: u64, _: Side) -> Result<(), Errno> {
        if flags > EXIST {
            return Err(Errno::EINVAL);
        }
        let (length, address) = self.split(key).ok_or(Errno::EINVAL)?;
        let prefix = masked(address, length);
        let mut tables = self.write();
        let old = tables.get(&length).and_then(|table| table.get(&prefix)).copied();
        match (old, flags) {
            (Some(_), NOEXIST) => return Err(Errno::EEXIST),
            (None, EXIST) => return Err(Errno::ENOENT),
            (None, _) if tables.values().map(HashMap::len).sum::<usize>() >= self.max_entries => {
                return Err(Errno::ENOSPC);
            }
            _ => {}
        }
        let slot = self.elements.take().ok_or(Errno::ENOSPC)?;
        if let (Some(key_place), Some(place)) = (self.elements.place(slot), self.value(slot)) {
            Value::Bytes(key).write_to(key_place.skip(HEADER), 0, self.key_size);
            value.write_to(place, 0, self.value_size);
        }
        tables.entry(length).or_default().insert(prefix, slot);
        if let Some(old) = old {
            self.elements.give(old);
        }
        Ok(())
    }

    fn delete(&self, key: &[u8]) -> Result<(), Errno> {
        let (length, address) = self.split(key).ok_or(Errno::EINVAL)?;
        let mut tables = self.write();
        let table = tables.get_mut(&length).ok_or(Errno::ENOENT)?;
        let slot = table.remove(&masked(address, length)).ok_or(Errno::ENOENT)?;
        if table.is_empty() {
            tables.remove(&length);
        }
        self.elements.give(slot);
        Ok(())
    }

    /// Longest prefixes first; those of one length by address. The cursor is an element's number plus one.
    fn element(&self, cursor: u64, _: Side) -> Option<Element<'_>> {
        let tables = self.read();
        let mut all: Vec<_> =
            tables.iter().rev().flat_map(|(l, t)| t.iter().map(move |(a, s)| (*l, a, *s))).collect();
        all.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        let index = usize::try_from(cursor).ok()?;
        let (_, _, slot) = all.get(index)?;
        let key = ElementKey::Stored(self.elements.place(*slot)?.skip(HEADER));
        Some(Element { key, value: self.value(*slot)?, next: cursor + 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_keep_the_leading_bits() {
        assert_eq!(*masked(&[0xff; 4], 0), [0, 0, 0, 0]);
        assert_eq!(*masked(&[0xff; 4], 12), [0xff, 0xf0, 0, 0]);
        assert_eq!(*masked(&[0xff; 4], 31), [0xff, 0xff, 0xff, 0xfe]);
        assert_eq!(*masked(&[0xff; 4], 32), [0xff; 4]);
    }
}
