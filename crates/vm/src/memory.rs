//! The only place that touches memory by address: every `unsafe` of this crate is here.
//!
//! Programs hold host addresses, as they do in the kernel. An address that a program computes is a plain number, so
//! reading it is safe only if somebody vouches for it. That promise is a value: [`Memory`]. Two witnesses give one. For
//! a [`Verified`] program the verifier has proved every access; under a [`Guard`] the checked interpreter tests every
//! access against a live region first. Whatever receives a `Memory` (the engine, the helpers) may pass it
//! addresses only on those terms; there is no other way to get one.
//!
//! All memory that programs reach is made of [`Block`]s (and of the socket table's views): words with interior
//! mutability at stable addresses. Map values are shared between threads, and programs race on them as they do in
//! Linux; so every access here is a relaxed atomic one, whole when aligned and byte by byte when not. On the
//! machines that matter an aligned relaxed access is an ordinary load or store.

use std::ptr::with_exposed_provenance;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64};

use belay_isa::{AtomicOp, Size};
use belay_verifier::Verified;

use crate::checked::Guard;

#[cfg(guard_pages)]
mod fence;
#[cfg(belay_loom)]
mod modelled;
#[cfg(belay_loom)]
pub(crate) use modelled::Block;

/// Zeroed memory with a stable address, aligned to 8 bytes, for as long as the block lives.
#[cfg(not(belay_loom))]
pub(crate) struct Block {
    #[cfg(not(guard_pages))]
    words: Box<[AtomicU64]>,
    #[cfg(guard_pages)]
    words: fence::Fenced,
    len: usize,
}

#[cfg(not(belay_loom))]
impl Block {
    /// A block of `len` bytes, all zero. Untouched pages of a large one cost no memory.
    pub(crate) fn zeroed(len: usize) -> Block {
        #[cfg(guard_pages)]
        let words = fence::Fenced::new(len.div_ceil(8));
        #[cfg(not(guard_pages))]
        let words = Box::<[AtomicU64]>::new_zeroed_slice(len.div_ceil(8));
        // SAFETY: all-zero bytes are a valid `AtomicU64`; `new_zeroed_slice` has written them.
        #[cfg(not(guard_pages))]
        let words = unsafe { words.assume_init() };
        Block { words, len }
    }

    /// The address of its first byte. Exposed: [`Memory`] may make a pointer of it again.
    #[inline]
    pub(crate) fn addr(&self) -> u64 {
        self.words.as_ptr().expose_provenance() as u64
    }

    /// Its size in bytes.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many of its bytes lie from an address on.
    pub(crate) fn extent(&self, addr: u64) -> usize {
        let off = addr.wrapping_sub(self.addr());
        (self.len as u64).saturating_sub(off) as usize
    }

    /// The address of `len` bytes at `off`, if they lie in the block.
    #[inline]
    fn place(&self, off: usize, len: usize) -> Option<u64> {
        (off.checked_add(len)? <= self.len).then(|| self.addr() + off as u64)
    }

    /// Copies bytes out; `None` (and nothing copied) if they are not all in the block.
    pub(crate) fn read(&self, off: usize, out: &mut [u8]) -> Option<()> {
        let addr = self.place(off, out.len())?;
        OWN.read(addr, out);
        Some(())
    }

    /// Copies bytes in; `None` (and nothing copied) if they are not all in the block.
    pub(crate) fn write(&self, off: usize, bytes: &[u8]) -> Option<()> {
        let addr = self.place(off, bytes.len())?;
        OWN.write(addr, bytes);
        Some(())
    }

    /// A number of that size, at a place that may be outside: then 0.
    #[inline]
    pub(crate) fn get(&self, off: usize, size: Size) -> u64 {
        match self.place(off, size.bytes() as usize) {
            // The block begins at a multiple of 8, so the offset alone (most often a constant) says what is aligned.
            Some(addr) if size == Size::DW && off.is_multiple_of(8) => {
                OWN.cell::<AtomicU64>(addr).load(Relaxed)
            }
            Some(addr) if size == Size::W && off.is_multiple_of(4) => {
                OWN.cell::<AtomicU32>(addr).load(Relaxed).into()
            }
            Some(addr) => OWN.load(addr, size),
            None => 0,
        }
    }

    /// Stores a number of that size, at a place that may be outside: then nothing.
    #[inline]
    pub(crate) fn put(&self, off: usize, size: Size, value: u64) {
        match self.place(off, size.bytes() as usize) {
            Some(addr) if size == Size::DW && off.is_multiple_of(8) => {
                OWN.cell::<AtomicU64>(addr).store(value, Relaxed);
            }
            Some(addr) if size == Size::W && off.is_multiple_of(4) => {
                OWN.cell::<AtomicU32>(addr).store(value as u32, Relaxed);
            }
            Some(addr) => OWN.store(addr, size, value),
            None => {}
        }
    }

    /// Sets bytes to zero; `None` if they are not all in the block.
    pub(crate) fn clear(&self, off: usize, len: usize) -> Option<()> {
        let addr = self.place(off, len)?;
        OWN.clear(addr, len);
        Some(())
    }

    /// The `index`th 8-byte word.
    pub(crate) fn word(&self, index: usize) -> Option<&AtomicU64> {
        self.words.get(index)
    }
}

/// Used by [`Block`] alone, for addresses that [`Block::place`] has tested: they are inside the block, which `&self`
/// keeps alive.
#[cfg(not(belay_loom))]
const OWN: Memory = Memory(());

/// The permission to use addresses. Whoever has one has promised that every address that reaches it lies, with all
/// bytes of the access, in memory that is alive: a [`Block`], or a view of the socket table.
#[derive(Clone, Copy)]
pub(crate) struct Memory(());

impl Memory {
    /// Permission for the addresses that a verified program computes: the verifier has proved them.
    pub(crate) fn of(_proof: &Verified) -> Memory {
        Memory(())
    }

    /// Permission for a run that this guard watches: it tests each address before the engine or a helper uses it.
    pub(crate) fn under(_guard: &Guard) -> Memory {
        Memory(())
    }

    /// Permission for a test that repeats, without a guard, a run that a guard has watched: the same program on equal
    /// input makes the same accesses.
    #[cfg(test)]
    pub(crate) fn repeating(report: &crate::checked::Report) -> Memory {
        assert!(report.result.is_ok(), "a run that faulted must not be repeated unwatched");
        Memory(())
    }

    /// The cell at an address, which is a multiple of its size.
    #[inline]
    fn cell<'c, A>(self, addr: u64) -> &'c A {
        // SAFETY: the cell lies in live memory with interior mutability, as whoever made this `Memory` promised; its
        // owner has exposed the provenance (`Block::addr`, the socket table's runner); callers below test alignment,
        // use the reference for one access, and `A` is one of the atomic integers, for which all bits are valid.
        unsafe { &*with_exposed_provenance(addr as usize) }
    }

    /// Loads `size` bytes, zero-extended.
    #[inline]
    pub(crate) fn load(self, addr: u64, size: Size) -> u64 {
        match size {
            Size::B => u64::from(self.cell::<AtomicU8>(addr).load(Relaxed)),
            Size::H if addr.is_multiple_of(2) => u64::from(self.cell::<AtomicU16>(addr).load(Relaxed)),
            Size::W if addr.is_multiple_of(4) => u64::from(self.cell::<AtomicU32>(addr).load(Relaxed)),
            Size::DW if addr.is_multiple_of(8) => self.cell::<AtomicU64>(addr).load(Relaxed),
            Size::H => self.load_halves(addr, Size::B),
            Size::W => self.load_halves(addr, Size::H),
            Size::DW => self.load_halves(addr, Size::W),
        }
    }

    /// Two values side by side, as one of twice the size.
    fn load_halves(self, addr: u64, half: Size) -> u64 {
        let bytes = half.bytes();
        self.load(addr, half) | self.load(addr.wrapping_add(bytes.into()), half) << (8 * bytes)
    }

    /// Stores the low `size` bytes of `value`.
    #[inline]
    pub(crate) fn store(self, addr: u64, size: Size, value: u64) {
        match size {
            Size::B => self.cell::<AtomicU8>(addr).store(value as u8, Relaxed),
            Size::H if addr.is_multiple_of(2) => self.cell::<AtomicU16>(addr).store(value as u16, Relaxed),
            Size::W if addr.is_multiple_of(4) => self.cell::<AtomicU32>(addr).store(value as u32, Relaxed),
            Size::DW if addr.is_multiple_of(8) => self.cell::<AtomicU64>(addr).store(value, Relaxed),
            Size::H => self.store_halves(addr, Size::B, value),
            Size::W => self.store_halves(addr, Size::H, value),
            Size::DW => self.store_halves(addr, Size::W, value),
        }
    }

    /// One value as two of half its size, side by side.
    fn store_halves(self, addr: u64, half: Size, value: u64) {
        let bytes = half.bytes();
        self.store(addr, half, value);
        self.store(addr.wrapping_add(bytes.into()), half, value >> (8 * bytes));
    }

    /// Loads with acquire order; the address must be a multiple of the size, or the load is an ordinary one.
    pub(crate) fn load_acquire(self, addr: u64, size: Size) -> u64 {
        let value = self.load(addr, size);
        std::sync::atomic::fence(Acquire);
        value
    }

    /// Stores with release order.
    pub(crate) fn store_release(self, addr: u64, size: Size, value: u64) {
        std::sync::atomic::fence(Release);
        self.store(addr, size, value);
    }

    /// Reads, modifies and writes 4 or 8 bytes, sequentially consistent; the address is a multiple of the size
    /// (else nothing happens: the verifier refuses such a program, the checked interpreter reports it).
    /// `expected` is what `Cmpxchg` compares with. Returns the old value, zero-extended.
    pub(crate) fn atomic(self, op: AtomicOp, size: Size, addr: u64, value: u64, expected: u64) -> u64 {
        macro_rules! apply {
            ($atomic:ty, $int:ty) => {{
                let cell = self.cell::<$atomic>(addr);
                let value = value as $int;
                match op {
                    AtomicOp::Add { .. } => cell.fetch_add(value, SeqCst),
                    AtomicOp::Or { .. } => cell.fetch_or(value, SeqCst),
                    AtomicOp::And { .. } => cell.fetch_and(value, SeqCst),
                    AtomicOp::Xor { .. } => cell.fetch_xor(value, SeqCst),
                    AtomicOp::Xchg => cell.swap(value, SeqCst),
                    AtomicOp::Cmpxchg => cell
                        .compare_exchange(expected as $int, value, SeqCst, SeqCst)
                        .unwrap_or_else(|old| old),
                }
            }};
        }
        match size {
            Size::W if addr.is_multiple_of(4) => u64::from(apply!(AtomicU32, u32)),
            Size::DW if addr.is_multiple_of(8) => apply!(AtomicU64, u64),
            _ => 0,
        }
    }

    /// Copies bytes out of memory.
    pub(crate) fn read(self, addr: u64, out: &mut [u8]) {
        let mut addr = addr;
        let (words, rest) = out.as_chunks_mut::<8>();
        for word in words {
            *word = self.load(addr, Size::DW).to_le_bytes();
            addr = addr.wrapping_add(8);
        }
        let (halves, rest) = rest.as_chunks_mut::<4>();
        for half in halves {
            *half = (self.load(addr, Size::W) as u32).to_le_bytes();
            addr = addr.wrapping_add(4);
        }
        for byte in rest {
            *byte = self.load(addr, Size::B) as u8;
            addr = addr.wrapping_add(1);
        }
    }

    /// Copies bytes into memory.
    pub(crate) fn write(self, addr: u64, bytes: &[u8]) {
        let mut addr = addr;
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.store(addr, Size::DW, u64::from_le_bytes(*word));
            addr = addr.wrapping_add(8);
        }
        let (halves, rest) = rest.as_chunks::<4>();
        for half in halves {
            self.store(addr, Size::W, u32::from_le_bytes(*half).into());
            addr = addr.wrapping_add(4);
        }
        for byte in rest {
            self.store(addr, Size::B, u64::from(*byte));
            addr = addr.wrapping_add(1);
        }
    }

    /// Copies `len` bytes from one place to another; they do not overlap (if they do, lower bytes go first).
    pub(crate) fn copy(self, from: u64, to: u64, len: usize) {
        let mut done = 0;
        while len - done >= 8 {
            self.store(
                to.wrapping_add(done as u64),
                Size::DW,
                self.load(from.wrapping_add(done as u64), Size::DW),
            );
            done += 8;
        }
        while done < len {
            self.store(
                to.wrapping_add(done as u64),
                Size::B,
                self.load(from.wrapping_add(done as u64), Size::B),
            );
            done += 1;
        }
    }

    /// Sets `len` bytes to zero.
    pub(crate) fn clear(self, addr: u64, len: usize) {
        let mut done = 0;
        while len - done >= 8 {
            self.store(addr.wrapping_add(done as u64), Size::DW, 0);
            done += 8;
        }
        while done < len {
            self.store(addr.wrapping_add(done as u64), Size::B, 0);
            done += 1;
        }
    }
}

#[cfg(all(test, not(belay_loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_size_at_every_alignment_reads_back_what_was_written() {
        let block = Block::zeroed(24);
        let value = 0x1122_3344_5566_7788_u64;
        for size in [Size::B, Size::H, Size::W, Size::DW] {
            let width = size.bytes() as usize;
            let mask = if width == 8 { u64::MAX } else { (1 << (8 * width)) - 1 };
            for off in 0..=24 - width {
                block.clear(0, 24).unwrap();
                let addr = block.addr() + off as u64;
                OWN.store(addr, size, value);
                assert_eq!(OWN.load(addr, size), value & mask, "{size:?} at {off}");
                let mut all = [0; 24];
                block.read(0, &mut all).unwrap();
                assert_eq!(all[off..off + width], value.to_le_bytes()[..width]);
                assert_eq!(all.iter().filter(|b| **b != 0).count(), width, "nothing else was written");
            }
        }
    }

    #[test]
    fn a_block_refuses_what_is_not_in_it() {
        let block = Block::zeroed(10);
        assert_eq!(block.len(), 10);
        assert!(block.write(3, &[1; 7]).is_some());
        assert!(block.write(4, &[1; 7]).is_none());
        assert!(block.read(usize::MAX, &mut [0; 2]).is_none());
        assert!(block.clear(11, 0).is_none());
    }

    #[test]
    fn atomics_return_the_old_value_and_leave_the_new_one() {
        let block = Block::zeroed(8);
        let run = |op, size, start: u64, value, expected| {
            OWN.store(block.addr(), Size::DW, start);
            let old = OWN.atomic(op, size, block.addr(), value, expected);
            (old, OWN.load(block.addr(), Size::DW))
        };
        let add = AtomicOp::Add { fetch: true };
        assert_eq!(run(add, Size::DW, u64::MAX, 2, 0), (u64::MAX, 1));
        assert_eq!(run(add, Size::W, 0x1_ffff_ffff, 2, 0), (0xffff_ffff, 0x1_0000_0001));
        assert_eq!(run(AtomicOp::Cmpxchg, Size::DW, 7, 9, 7), (7, 9));
        assert_eq!(run(AtomicOp::Cmpxchg, Size::DW, 7, 9, 8), (7, 7));
        assert_eq!(run(AtomicOp::Cmpxchg, Size::W, 0x5_0000_0007, 9, 0xf_0000_0007), (7, 0x5_0000_0009));
    }
}
