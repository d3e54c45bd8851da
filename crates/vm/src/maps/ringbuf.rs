//! Ring buffers: records that a program reserves, fills and submits, and user space takes out in order.
//!
//! The ring is one block of twice its size: a record that begins before the end runs on into the second half,
//! so each is contiguous (Linux maps the pages twice instead). A record's length stands in the eight bytes
//! before it, with the kernel's two flags.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::{Acquire, Release};

use super::storage::{Element, Place, Side, Storage, Value};
use crate::errno::Errno;
use crate::memory::Block;
use crate::sync::{Mutex, MutexGuard};

/// Not yet submitted or discarded.
const BUSY: u32 = 1 << 31;
/// To be skipped by the consumer.
const DISCARD: u32 = 1 << 30;
/// Bytes before a record.
const HEADER: usize = 8;

/// Where writer and reader stand, in bytes since the ring was made.
#[derive(Default)]
struct Positions {
    producer: u64,
    consumer: u64,
}

/// A ring buffer.
pub(crate) struct Ring {
    data: Block,
    size: u64,
    positions: Mutex<Positions>,
}

impl Ring {
    /// An empty ring of `size` bytes, a power of two.
    pub(crate) fn new(size: u32) -> Ring {
        let size = u64::from(size.max(8));
        Ring { data: Block::zeroed(size as usize * 2), size, positions: Mutex::default() }
    }

    fn positions(&self) -> MutexGuard<'_, Positions> {
        self.positions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn offset(&self, position: u64) -> usize {
        (position & (self.size - 1)) as usize
    }

    /// What is seen of a record after this was written by whoever committed it.
    fn header(&self, off: usize) -> u32 {
        self.data.word(off / 8).map_or(BUSY, |word| word.load(Acquire) as u32)
    }

    /// What was written to the record before is seen by whoever reads this.
    fn set_header(&self, off: usize, header: u32) {
        if let Some(word) = self.data.word(off / 8) {
            word.store(header.into(), Release);
        }
    }

    /// Reserves a record of `size` bytes, zeroed; none if it does not fit beside what was not yet consumed.
    pub(crate) fn reserve(&self, size: u64) -> Option<Place<'_>> {
        if size > u64::from(u32::MAX / 4) {
            return None;
        }
        let len = (size + HEADER as u64).next_multiple_of(8);
        let mut positions = self.positions();
        if len > self.size || positions.producer + len - positions.consumer > self.size - 1 {
            return None;
        }
        let off = self.offset(positions.producer);
        let _ = self.data.clear(off + HEADER, size as usize);
        self.set_header(off, size as u32 | BUSY);
        positions.producer += len;
        Some(Place { block: &self.data, off: off + HEADER })
    }

    /// Ends a reservation by the address that [`Ring::reserve`] gave; false if it is no open record of this ring.
    pub(crate) fn commit(&self, addr: u64, discard: bool) -> bool {
        let off = addr.wrapping_sub(self.data.addr() + HEADER as u64) as usize;
        if off >= self.size as usize || !off.is_multiple_of(8) {
            return false;
        }
        let header = self.header(off);
        if header & BUSY == 0 {
            return false;
        }
        self.set_header(off, (header & !BUSY) | if discard { DISCARD } else { 0 });
        true
    }

    /// Takes out the records that are ready, oldest first, up to the first that is still being written.
    pub(crate) fn drain(&self) -> Vec<Vec<u8>> {
        let mut records = Vec::new();
        let mut positions = self.positions();
        while positions.consumer < positions.producer {
            let off = self.offset(positions.consumer);
            let header = self.header(off);
            if header & BUSY != 0 {
                break;
            }
            let size = (header & !DISCARD) as usize;
            if header & DISCARD == 0 {
                let mut record = vec![0; size];
                let _ = self.data.read(off + HEADER, &mut record);
                records.push(record);
            }
            positions.consumer += (size + HEADER).next_multiple_of(8) as u64;
        }
        records
    }

    /// What `bpf_ringbuf_query` answers for its flags; 0 for unknown ones.
    pub(crate) fn query(&self, what: u64) -> u64 {
        let positions = self.positions();
        match what {
            0 => positions.producer - positions.consumer,
            1 => self.size,
            2 => positions.consumer,
            3 => positions.producer,
            _ => 0,
        }
    }

    /// Where the record's ring is that holds an address.
    pub(crate) fn holds(&self, addr: u64) -> bool {
        (self.data.addr()..self.data.addr() + self.data.len() as u64).contains(&addr)
    }
}

impl Storage for Ring {
    fn extent(&self, addr: u64) -> usize {
        self.data.extent(addr)
    }

    fn lookup(&self, _: &[u8], _: Side) -> Option<Place<'_>> {
        None
    }

    fn update(&self, _: &[u8], _: Value<'_>, _: u64, _: Side) -> Result<(), Errno> {
        Err(Errno::ENOTSUPP)
    }

    fn delete(&self, _: &[u8]) -> Result<(), Errno> {
        Err(Errno::ENOTSUPP)
    }

    fn element(&self, _: u64, _: Side) -> Option<Element<'_>> {
        None
    }

    fn ring(&self) -> Option<&Ring> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(ring: &Ring, bytes: &[u8]) -> bool {
        let Some(place) = ring.reserve(bytes.len() as u64) else { return false };
        place.block.write(place.off, bytes).unwrap();
        assert!(ring.commit(place.addr(), false));
        assert!(!ring.commit(place.addr(), false), "a record is submitted once");
        true
    }

    #[test]
    fn records_come_out_whole_and_in_order_around_the_end() {
        let ring = Ring::new(64);
        for round in 0..50_u8 {
            let (a, b) = (vec![round; 11], vec![round ^ 0xff; 13]);
            assert!(put(&ring, &a) && put(&ring, &b));
            assert_eq!(ring.drain(), [a, b], "round {round}");
        }
    }

    #[test]
    fn a_full_ring_refuses_and_an_open_record_holds_up_the_rest() {
        let ring = Ring::new(64);
        assert!(ring.reserve(64).is_none());
        let open = ring.reserve(16).unwrap();
        assert!(put(&ring, &[1; 16]));
        assert!(ring.reserve(16).is_none(), "48 of 64 bytes taken, and a ring is never filled whole");
        assert!(ring.drain().is_empty());
        assert!(ring.commit(open.addr(), true));
        assert_eq!(ring.drain(), [vec![1; 16]]);
        assert_eq!(ring.query(0), 0);
    }
}
