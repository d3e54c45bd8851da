//! Memory between inaccessible pages (`--cfg guard_pages`): native code that leaves a block dies at that instruction.
//!
//! No sanitizer sees the loads and stores of native code. So in this build a block ends where an inaccessible page
//! begins (up to its last word: a block is made of words), and the bytes of its first page that lie before it hold a
//! pattern, which is looked at when the block is dropped. Slow, and only for tests.

use std::ops::Deref;
use std::ptr::{null_mut, slice_from_raw_parts};
use std::sync::atomic::AtomicU64;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

const PAGE: usize = 4096;
/// What stands before a block.
const CANARY: u8 = 0xa5;

/// Zeroed words, with an inaccessible page before and after theirs.
pub(super) struct Fenced {
    /// The first of all pages.
    base: *mut u8,
    /// How many bytes from the base to the words.
    before: usize,
    count: usize,
}

// SAFETY: the words are atomic, and what lies before them is touched by `new` and `drop` alone.
unsafe impl Send for Fenced {}
// SAFETY: as above.
unsafe impl Sync for Fenced {}

impl Fenced {
    /// So many words.
    pub(super) fn new(count: usize) -> Fenced {
        let inside = (count * 8).next_multiple_of(PAGE);
        // SAFETY: new pages, at an address of the kernel's choice, are nobody else's.
        let base =
            unsafe { mmap_anonymous(null_mut(), inside + 2 * PAGE, ProtFlags::empty(), MapFlags::PRIVATE) };
        let base = base.expect("pages").cast::<u8>();
        let fenced = Fenced { base, before: PAGE + inside - count * 8, count };
        if inside > 0 {
            // SAFETY: these pages are of the mapping above, and zero; the pattern goes where no words are.
            unsafe {
                let first = base.add(PAGE);
                mprotect(first.cast(), inside, MprotectFlags::READ | MprotectFlags::WRITE).expect("pages");
                first.write_bytes(CANARY, fenced.before - PAGE);
            }
        }
        fenced
    }

    /// All bytes that were mapped.
    fn mapped(&self) -> usize {
        self.before + self.count * 8 + PAGE
    }
}

impl Deref for Fenced {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: the words are mapped and zero from `new` to `drop`, aligned since pages are and `before` is a multiple of
        // eight, and accessed as atomics alone.
        unsafe { &*slice_from_raw_parts(self.base.add(self.before).cast(), self.count) }
    }
}

impl Drop for Fenced {
    fn drop(&mut self) {
        // SAFETY: `new` mapped these pages and wrote the bytes between the first and the words.
        let before = unsafe { &*slice_from_raw_parts(self.base.add(PAGE), self.before - PAGE) };
        let whole = before.iter().all(|byte| *byte == CANARY);
        // SAFETY: nobody has a reference to the words any more.
        unsafe { munmap(self.base.cast(), self.mapped()) }.expect("they are mapped");
        assert!(whole || std::thread::panicking(), "something was written before a block");
    }
}
