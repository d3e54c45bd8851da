//! A [`Block`] under `loom`: words that its models watch, and no addresses.
//!
//! It has the methods of the real one, so that the very maps are what is modelled. Reading and writing by address is left out:
//! models give maps bytes, as user space does.

use std::sync::atomic::Ordering::Relaxed;

use belay_isa::Size;

use crate::sync::AtomicU64;

pub(crate) struct Block {
    words: Box<[AtomicU64]>,
    len: usize,
}

impl Block {
    pub(crate) fn zeroed(len: usize) -> Block {
        Block { words: (0..len.div_ceil(8)).map(|_| AtomicU64::new(0)).collect(), len }
    }

    pub(crate) fn addr(&self) -> u64 {
        self.words.as_ptr() as u64
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn extent(&self, addr: u64) -> usize {
        (self.len as u64).saturating_sub(addr.wrapping_sub(self.addr())) as usize
    }

    fn inside(&self, off: usize, len: usize) -> Option<()> {
        (off.checked_add(len)? <= self.len).then_some(())
    }

    pub(crate) fn read(&self, off: usize, out: &mut [u8]) -> Option<()> {
        self.inside(off, out.len())?;
        for (place, part) in parts(off, out.len()) {
            let word = self.word(place / 8)?.load(Relaxed).to_le_bytes();
            out[part.clone()].copy_from_slice(&word[place % 8..place % 8 + part.len()]);
        }
        Some(())
    }

    pub(crate) fn write(&self, off: usize, bytes: &[u8]) -> Option<()> {
        self.inside(off, bytes.len())?;
        for (place, part) in parts(off, bytes.len()) {
            let cell = self.word(place / 8)?;
            let bytes = &bytes[part];
            // A whole word is one store, as in the real block.
            let mut word = if bytes.len() == 8 { [0; 8] } else { cell.load(Relaxed).to_le_bytes() };
            word[place % 8..place % 8 + bytes.len()].copy_from_slice(bytes);
            cell.store(u64::from_le_bytes(word), Relaxed);
        }
        Some(())
    }

    pub(crate) fn clear(&self, off: usize, len: usize) -> Option<()> {
        self.write(off, &vec![0; len])
    }

    pub(crate) fn get(&self, off: usize, size: Size) -> u64 {
        let mut word = [0; 8];
        let _ = self.read(off, &mut word[..size.bytes() as usize]);
        u64::from_le_bytes(word)
    }

    pub(crate) fn put(&self, off: usize, size: Size, value: u64) {
        let _ = self.write(off, &value.to_le_bytes()[..size.bytes() as usize]);
    }

    pub(crate) fn word(&self, index: usize) -> Option<&AtomicU64> {
        self.words.get(index)
    }
}

/// The bytes from `off` on, word by word: where each part begins in the block, and which of the bytes it is.
fn parts(off: usize, len: usize) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let place = off + done;
        let end = len.min(done + 8 - place % 8);
        let part = (done < len).then_some((place, done..end));
        done = end;
        part
    })
}
