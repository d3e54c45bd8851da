//! Bytes that a program reaches directly and that are no packet: a message, an option's value, a header.

use crate::memory::Block;

/// Bytes at a stable address.
pub(crate) struct Bytes {
    block: Block,
    start: usize,
    end: usize,
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.copy())
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Bytes::new(&[])
    }
}

impl Clone for Bytes {
    fn clone(&self) -> Self {
        let mut all = vec![0; self.block.len()];
        let _ = self.block.read(0, &mut all);
        Bytes { start: self.start, end: self.end, ..Bytes::new(&all) }
    }
}

impl Bytes {
    /// These bytes.
    pub(crate) fn new(bytes: &[u8]) -> Bytes {
        let block = Block::zeroed(bytes.len());
        let _ = block.write(0, bytes);
        Bytes { block, start: 0, end: bytes.len() }
    }

    /// Replaces them by others, followed by zeros up to a length; a new place is taken only if there is no room.
    pub(crate) fn set(&mut self, bytes: &[u8], len: usize) {
        if self.block.len() < len {
            self.block = Block::zeroed(len);
        }
        let _ = self.block.clear(0, self.block.len());
        let _ = self.block.write(0, bytes.get(..len).unwrap_or(bytes));
        (self.start, self.end) = (0, len);
    }

    /// The address of the first.
    pub(crate) fn addr(&self) -> u64 {
        self.block.addr() + self.start as u64
    }

    /// The address after the last.
    pub(crate) fn end_addr(&self) -> u64 {
        self.block.addr() + self.end as u64
    }

    /// How many the program sees.
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    /// How many there are, seen or not.
    pub(crate) fn total(&self) -> usize {
        self.block.len()
    }

    /// Lets the program see those from one place to another; false, and nothing done, if there are not that many.
    pub(crate) fn show(&mut self, start: usize, end: usize) -> bool {
        let fits = start <= end && end <= self.block.len();
        if fits {
            (self.start, self.end) = (start, end);
        }
        fits
    }

    /// A copy of those that the program sees.
    pub(crate) fn copy(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len()];
        let _ = self.block.read(self.start, &mut bytes);
        bytes
    }

    /// A copy of all.
    pub(crate) fn all(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.total()];
        let _ = self.block.read(0, &mut bytes);
        bytes
    }
}
