//! Arrays: every index exists from the start, zeroed; nothing is ever deleted.
//!
//! Also the storage of per-CPU arrays, of data sections, and (as numbers) of program arrays and arrays of maps.

use super::storage::{
    EXIST, Element, ElementKey, Guarded, LOCK, NOEXIST, Place, PlainArray, Side, Storage, Value, stride,
};
use crate::errno::Errno;
use crate::memory::Block;

/// The values of two CPUs are in no common cache line, nor in neighbours that are fetched together: counters are what
/// such arrays are for.
const APART: usize = 128;

/// An array of values, or of one value for each CPU: all of one CPU, then all of the next.
pub(crate) struct Array {
    values: Block,
    value_size: usize,
    max_entries: u32,
    /// CPUs with a value of their own; 0 where all share one.
    cpus: usize,
    guarded: Guarded,
}

impl Array {
    /// All zero. `cpus` is 0 for an array that all CPUs share.
    pub(crate) fn new(value_size: usize, max_entries: u32, cpus: usize, guarded: Guarded) -> Array {
        let each = each(value_size, max_entries);
        let size = if cpus > 0 { each.next_multiple_of(APART) * cpus } else { each };
        Array { values: Block::zeroed(size), value_size, max_entries, cpus, guarded }
    }

    fn place(&self, index: u32) -> Option<Place<'_>> {
        let off = index as usize * stride(self.value_size);
        (index < self.max_entries).then_some(Place { block: &self.values, off })
    }

    fn on_cpu<'m>(&self, place: Place<'m>, side: Side) -> Place<'m> {
        match side {
            Side::Program(cpu) if self.cpus > 0 => place.skip(cpu.min(self.cpus - 1) * self.cpu_distance()),
            _ => place,
        }
    }
}

/// Bytes of all values of one CPU.
fn each(value_size: usize, max_entries: u32) -> usize {
    stride(value_size) * max_entries as usize
}

/// The index that a key of four bytes holds.
fn index(key: &[u8]) -> u32 {
    key.first_chunk().map_or(u32::MAX, |bytes| u32::from_le_bytes(*bytes))
}

impl Storage for Array {
    fn extent(&self, addr: u64) -> usize {
        self.values.extent(addr)
    }

    fn lookup(&self, key: &[u8], side: Side) -> Option<Place<'_>> {
        self.place(index(key)).map(|place| self.on_cpu(place, side))
    }

    fn update(&self, key: &[u8], value: Value<'_>, flags: u64, side: Side) -> Result<(), Errno> {
        if flags & !LOCK > EXIST {
            return Err(Errno::EINVAL);
        }
        let place = self.place(index(key)).ok_or(Errno::E2BIG)?;
        if flags & NOEXIST != 0 {
            return Err(Errno::EEXIST);
        }
        if flags & LOCK != 0 {
            self.guarded.write_locked(value, place)?;
            self.guarded.end_timer(place);
            return Ok(());
        }
        match side {
            Side::User if self.cpus > 0 => {
                for cpu in 0..self.cpus {
                    let skip = cpu * stride(self.value_size);
                    value.write_to(place.skip(cpu * self.cpu_distance()), skip, self.value_size);
                }
            }
            _ => {
                self.guarded.write(value, self.on_cpu(place, side));
                self.guarded.end_timer(place);
            }
        }
        Ok(())
    }

    fn delete(&self, _: &[u8]) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn element(&self, cursor: u64, side: Side) -> Option<Element<'_>> {
        let index = u32::try_from(cursor).ok()?;
        let place = self.place(index)?;
        Some(Element { key: ElementKey::Index(index), value: self.on_cpu(place, side), next: cursor + 1 })
    }

    fn owner_of(&self, value: u64) -> Option<Element<'_>> {
        let off = value.checked_sub(self.values.addr())?;
        let index = off / stride(self.value_size).max(1) as u64;
        self.element(index, Side::User).filter(|element| self.cpus == 0 && element.value.addr() == value)
    }

    fn plain_array(&self) -> Option<PlainArray> {
        (self.cpus == 0).then(|| PlainArray {
            start: self.values.addr(),
            stride: stride(self.value_size),
            entries: self.max_entries,
        })
    }

    fn cpu_stride(&self) -> usize {
        if self.cpus > 0 { stride(self.value_size) } else { 0 }
    }

    fn cpu_distance(&self) -> usize {
        each(self.value_size, self.max_entries).next_multiple_of(APART)
    }
}
