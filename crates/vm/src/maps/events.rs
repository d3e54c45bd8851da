//! Perf event arrays: what programs put out with `bpf_perf_event_output`, for user space to take out.
//!
//! An entry of the array holds an event of one CPU, and the event has a buffer; only a program on that CPU may write to it.
//! Who loads a program opens the events ([`super::Map::open_events`]); until then programs get `ENOENT`, as in Linux.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::{Acquire, Release};

use super::storage::{ANY, Element, ElementKey, Place, Side, Storage, Value};
use crate::errno::Errno;
use crate::memory::Block;
use crate::sync::{AtomicU32, AtomicU64, Mutex, MutexGuard};

/// Bytes of a CPU's buffer unless told otherwise: what `libbpf`'s users mostly ask for.
pub(crate) const BUFFER: usize = 64 << 10;
/// What a record takes beside its data: the header of an event and the length.
const OVERHEAD: usize = 8 + 4;

/// The records of one CPU that nobody took yet.
struct Buffer {
    records: VecDeque<Vec<u8>>,
    used: usize,
    size: usize,
}

/// An array of events.
pub(crate) struct Events {
    /// Of each entry: the CPU of its event, as a word.
    entries: Block,
    /// Of each entry: the CPU plus one; 0 where there is no event.
    open: Box<[AtomicU32]>,
    buffers: Box<[Mutex<Buffer>]>,
    lost: AtomicU64,
}

impl Events {
    /// No event is open.
    pub(crate) fn new(max_entries: u32, cpus: usize) -> Events {
        let buffer = || Mutex::new(Buffer { records: VecDeque::new(), used: 0, size: BUFFER });
        Events {
            entries: Block::zeroed(max_entries as usize * 8),
            open: (0..max_entries).map(|_| AtomicU32::new(0)).collect(),
            buffers: (0..cpus).map(|_| buffer()).collect(),
            lost: AtomicU64::new(0),
        }
    }

    fn buffer(&self, cpu: usize) -> Option<MutexGuard<'_, Buffer>> {
        self.buffers.get(cpu).map(|buffer| buffer.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens an event of every CPU in the entry of its number, with buffers of that many bytes.
    pub(crate) fn open_all(&self, size: usize) {
        for cpu in 0..self.cpus() {
            if let Some(mut buffer) = self.buffer(cpu) {
                buffer.size = size;
            }
            self.open(cpu, cpu);
        }
    }

    /// Opens an event of a CPU in an entry, if there is such an entry.
    fn open(&self, index: usize, cpu: usize) {
        if let Some(entry) = self.open.get(index) {
            let _ = self.entries.write(index * 8, &(cpu as u32).to_le_bytes());
            entry.store(cpu as u32 + 1, Release);
        }
    }

    /// The CPU whose event an entry holds.
    pub(crate) fn cpu_of(&self, index: u32) -> Result<u32, Errno> {
        let entry = self.open.get(index as usize).ok_or(Errno::E2BIG)?;
        entry.load(Acquire).checked_sub(1).ok_or(Errno::ENOENT)
    }

    /// What a program on `cpu` puts out through the entry at `index`: pieces of its memory, one after the other.
    pub(crate) fn output(
        &self,
        index: u32,
        cpu: usize,
        pieces: [(Value<'_>, usize); 2],
    ) -> Result<(), Errno> {
        if self.cpu_of(index)? as usize != cpu {
            return Err(Errno::EOPNOTSUPP);
        }
        let mut buffer = self.buffer(cpu).ok_or(Errno::ENOENT)?;
        let len: usize = pieces.iter().map(|(_, len)| len).sum();
        let taken = (len + OVERHEAD).next_multiple_of(8);
        // As in a ring of that size, which is never filled to its last byte.
        if buffer.used + taken >= buffer.size {
            self.lost.fetch_add(1, Release);
            return Err(Errno::ENOSPC);
        }
        let mut record = vec![0; len];
        let mut rest = record.as_mut_slice();
        for (piece, len) in pieces {
            let (head, tail) = rest.split_at_mut(len);
            piece.read(head);
            rest = tail;
        }
        buffer.records.push_back(record);
        buffer.used += taken;
        Ok(())
    }

    /// Takes out what one CPU's programs put out, oldest first.
    pub(crate) fn drain(&self, cpu: usize) -> Vec<Vec<u8>> {
        let Some(mut buffer) = self.buffer(cpu) else { return Vec::new() };
        buffer.used = 0;
        buffer.records.drain(..).collect()
    }

    /// How many records found no room.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Acquire)
    }

    /// For how many CPUs there are buffers.
    pub(crate) fn cpus(&self) -> usize {
        self.buffers.len()
    }
}

/// The index that a key of four bytes holds.
fn index(key: &[u8]) -> usize {
    key.first_chunk().map_or(usize::MAX, |bytes| u32::from_le_bytes(*bytes) as usize)
}

impl Storage for Events {
    fn lookup(&self, _: &[u8], _: Side) -> Option<Place<'_>> {
        None
    }

    /// The value is the CPU whose event the entry gets.
    fn update(&self, key: &[u8], value: Value<'_>, flags: u64, _: Side) -> Result<(), Errno> {
        if flags != ANY {
            return Err(Errno::EINVAL);
        }
        if index(key) >= self.open.len() {
            return Err(Errno::E2BIG);
        }
        let mut cpu = [0; 4];
        value.read(&mut cpu);
        let cpu = u32::from_le_bytes(cpu) as usize;
        if cpu >= self.cpus() {
            return Err(Errno::ENODEV);
        }
        self.open(index(key), cpu);
        Ok(())
    }

    fn delete(&self, key: &[u8]) -> Result<(), Errno> {
        let entry = self.open.get(index(key)).ok_or(Errno::E2BIG)?;
        if entry.swap(0, Release) == 0 { Err(Errno::ENOENT) } else { Ok(()) }
    }

    fn read(&self, _: &[u8]) -> Result<Place<'_>, Errno> {
        Err(Errno::ENOTSUPP)
    }

    fn element(&self, cursor: u64, _: Side) -> Option<Element<'_>> {
        let first = usize::try_from(cursor).ok()?;
        let (found, _) =
            self.open.iter().enumerate().skip(first).find(|(_, entry)| entry.load(Acquire) != 0)?;
        let value = Place { block: &self.entries, off: found * 8 };
        Some(Element { key: ElementKey::Index(found as u32), value, next: found as u64 + 1 })
    }

    fn events(&self) -> Option<&Events> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_writes_to_its_own_cpus_event_while_there_is_room() {
        let events = Events::new(3, 2);
        let put = |index, cpu, data: &[u8]| {
            events.output(index, cpu, [(Value::Bytes(data), data.len()), (Value::Bytes(&[]), 0)])
        };
        assert_eq!(put(0, 0, &[1]), Err(Errno::ENOENT));
        events.open_all(64);
        assert_eq!(put(0, 0, &[1, 2, 3]), Ok(()));
        assert_eq!(
            (put(1, 0, &[1]), put(2, 0, &[1]), put(3, 0, &[1])),
            (Err(Errno::EOPNOTSUPP), Err(Errno::ENOENT), Err(Errno::E2BIG))
        );
        assert_eq!(put(0, 0, &[9; 20]), Ok(()));
        assert_eq!(put(0, 0, &[9; 4]), Err(Errno::ENOSPC), "16 and 32 of 64 bytes are taken");
        assert_eq!(
            (events.drain(0), events.drain(0).len(), events.lost()),
            (vec![vec![1, 2, 3], vec![9; 20]], 0, 1)
        );
        assert_eq!(put(0, 0, &[9; 4]), Ok(()));
    }
}
