//! Bloom filters: which values were *perhaps* added. No value that was added is ever denied.
//!
//! The bits are as many as in Linux, so false answers are about as rare; which values they hit differs, since the hash does.

use std::hash::BuildHasher;
use std::sync::atomic::Ordering::{Acquire, Release};

use super::storage::{Element, Keyless, Out, Place, Side, Storage, Value};
use crate::errno::Errno;
use crate::memory::Block;

/// Hash functions where the definition asks for none in particular.
const DEFAULT_HASHES: u32 = 5;
/// The most of them that a definition may ask for (in `map_extra`).
pub(crate) const MAX_HASHES: u64 = 15;
/// The longest value that is copied to the host's stack; a longer one is copied to the heap.
const SHORT: usize = 128;

/// A filter.
pub(crate) struct Bloom {
    bits: Block,
    mask: u64,
    hashes: u32,
    value_size: usize,
}

impl Bloom {
    /// How many bits a filter has: 1.4 for each hash of each value, as a power of two.
    pub(crate) fn bits(max_entries: u32, map_extra: u64) -> u64 {
        let wanted = u64::from(max_entries) * u64::from(hashes(map_extra)) / 5 * 7;
        if wanted > 1 << 31 { 1 << 32 } else { wanted.max(64).next_power_of_two() }
    }

    /// Nothing was added.
    pub(crate) fn new(value_size: usize, max_entries: u32, map_extra: u64) -> Bloom {
        let bits = Bloom::bits(max_entries, map_extra);
        let hashes = hashes(map_extra);
        Bloom { bits: Block::zeroed((bits / 8) as usize), mask: bits - 1, hashes, value_size }
    }

    /// The word and the bit in it of each hash of a value.
    fn places(&self, value: &[u8]) -> impl Iterator<Item = (usize, u64)> {
        // Two hashes make as many as are wanted (Kirsch and Mitzenmacher).
        let hash = foldhash::quality::FixedState::with_seed(0x6265_6c61_7921).hash_one(value);
        let (first, step) = (hash, hash.rotate_left(32) | 1);
        let mask = self.mask;
        (0..u64::from(self.hashes)).map(move |i| {
            let bit = first.wrapping_add(i.wrapping_mul(step)) & mask;
            ((bit / 64) as usize, 1 << (bit % 64))
        })
    }

    /// Copies a value, and hands it on.
    fn with<T>(&self, value: Value<'_>, then: impl FnOnce(&[u8]) -> T) -> T {
        match value {
            Value::Bytes(bytes) => then(bytes),
            Value::Zero => then(&vec![0; self.value_size]),
            Value::At(memory, addr) => {
                let mut short = [0; SHORT];
                match short.get_mut(..self.value_size) {
                    Some(bytes) => {
                        memory.read(addr, bytes);
                        then(bytes)
                    }
                    None => {
                        let mut bytes = vec![0; self.value_size];
                        memory.read(addr, &mut bytes);
                        then(&bytes)
                    }
                }
            }
        }
    }
}

/// What `map_extra` asks for.
fn hashes(map_extra: u64) -> u32 {
    match (map_extra & MAX_HASHES) as u32 {
        0 => DEFAULT_HASHES,
        asked => asked,
    }
}

impl Keyless for Bloom {
    fn push(&self, value: Value<'_>, flags: u64) -> Result<(), Errno> {
        if flags != super::ANY {
            return Err(Errno::EINVAL);
        }
        self.with(value, |bytes| {
            for (word, bit) in self.places(bytes) {
                if let Some(word) = self.bits.word(word) {
                    word.fetch_or(bit, Release);
                }
            }
        });
        Ok(())
    }

    /// Of a program the value is input: whether it was added.
    fn peek(&self, value: Out<'_>) -> Result<(), Errno> {
        let value = match value {
            Out::Bytes(bytes) => Value::Bytes(bytes),
            Out::At(memory, addr) => Value::At(memory, addr),
        };
        if self.contains(value)? { Ok(()) } else { Err(Errno::ENOENT) }
    }

    fn pop(&self, _: Out<'_>) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn contains(&self, value: Value<'_>) -> Result<bool, Errno> {
        let set = |(word, bit)| self.bits.word(word).is_some_and(|word| word.load(Acquire) & bit != 0);
        Ok(self.with(value, |bytes| self.places(bytes).all(set)))
    }
}

impl Storage for Bloom {
    fn lookup(&self, _: &[u8], _: Side) -> Option<Place<'_>> {
        None
    }

    fn update(&self, _: &[u8], value: Value<'_>, flags: u64, _: Side) -> Result<(), Errno> {
        self.push(value, flags)
    }

    fn delete(&self, _: &[u8]) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn element(&self, _: u64, _: Side) -> Option<Element<'_>> {
        None
    }

    fn keyless(&self) -> Option<&dyn Keyless> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_there_and_little_else() {
        for extra in [0, 1, 3, 15] {
            let filter = Bloom::new(12, 1000, extra);
            let value = |number: u32| [number.to_le_bytes(), [7; 4], number.to_be_bytes()].concat();
            for number in 0..1000 {
                filter.push(Value::Bytes(&value(number)), 0).unwrap();
            }
            let has = |number| filter.contains(Value::Bytes(&value(number))).unwrap();
            assert!((0..1000).all(has), "no false negative with {extra}");
            let wrong = (1000..11_000).filter(|number| has(*number)).count();
            // One hash of 1000 values in 2048 bits sets 39% of them; more hashes are more exact.
            assert!(wrong < if extra == 1 { 5000 } else { 1500 }, "{wrong} of 10,000 with {extra}");
        }
    }
}
