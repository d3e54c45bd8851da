//! Bytes that a program reaches directly and that are no packet: a message, an option's value, a header.

use crate::memory::Block;

/// Bytes at an address that is stable until their number grows.
pub(crate) struct Bytes {
    /// Where they lie, with room for more.
    block: Block,
    /// How many there are.
    total: usize,
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
        Bytes { start: self.start, end: self.end, ..Bytes::new(&self.all()) }
    }
}

impl Bytes {
    /// These bytes.
    pub(crate) fn new(bytes: &[u8]) -> Bytes {
        let block = Block::zeroed(bytes.len());
        let _ = block.write(0, bytes);
        Bytes { block, total: bytes.len(), start: 0, end: bytes.len() }
    }

    /// Replaces them by others, followed by zeros up to a length; a new place is taken only if there is no room.
    pub(crate) fn set(&mut self, bytes: &[u8], len: usize) {
        if self.block.len() < len {
            self.block = Block::zeroed(len);
        }
        let _ = self.block.clear(0, self.block.len());
        let _ = self.block.write(0, bytes.get(..len).unwrap_or(bytes));
        (self.start, self.end, self.total) = (0, len, len);
    }

    /// Inserts zeros at a place; where there is no room, all move to a new one.
    pub(crate) fn insert(&mut self, at: usize, len: usize) {
        let rest = self.part(at, self.total);
        self.total += len;
        if self.block.len() < self.total {
            let block = Block::zeroed(self.total.next_power_of_two());
            let _ = block.write(0, &self.part(0, at));
            self.block = block;
        }
        let _ = self.block.clear(at, len);
        let _ = self.block.write(at + len, &rest);
    }

    /// Adds bytes behind all, and lets the program see all.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        let at = self.total;
        self.insert(at, bytes.len());
        let _ = self.block.write(at, bytes);
        self.show(0, self.total);
    }

    /// Removes those from a place on.
    pub(crate) fn remove(&mut self, at: usize, len: usize) {
        let rest = self.part(at + len, self.total);
        let _ = self.block.write(at, &rest);
        self.total = at + rest.len();
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
        self.total
    }

    /// Lets the program see those from one place to another; false, and nothing done, if there are not that many.
    pub(crate) fn show(&mut self, start: usize, end: usize) -> bool {
        let fits = start <= end && end <= self.total;
        if fits {
            (self.start, self.end) = (start, end);
        }
        fits
    }

    /// A copy of those that the program sees.
    pub(crate) fn copy(&self) -> Vec<u8> {
        self.part(self.start, self.end)
    }

    /// A copy of all.
    pub(crate) fn all(&self) -> Vec<u8> {
        self.part(0, self.total)
    }

    /// A copy of those from one place to another.
    fn part(&self, from: usize, to: usize) -> Vec<u8> {
        let mut bytes = vec![0; to.saturating_sub(from)];
        let _ = self.block.read(from, &mut bytes);
        bytes
    }
}
