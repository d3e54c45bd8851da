//! Storage that belongs to sockets and cgroups: a value for each owner, made when a program first asks for it.
//!
//! An owner is named by its number: a socket by its cookie (Linux's user space names it by a descriptor), a cgroup by its
//! id, with the attach type where the map's key has room for it.

use super::hash::{Hash, Shape};
use super::storage::{ANY, EXIST, Element, Guarded, LOCK, NOEXIST, Place, Side, Storage, Value};
use crate::errno::Errno;

/// The most owners that one map has values for.
const MAX_OWNERS: u32 = 1 << 20;

/// Values by owner.
pub(crate) struct Owned {
    values: Hash,
    /// Whether user space may create and delete values: those of sockets.
    sockets: bool,
    per_cpu: bool,
}

impl Owned {
    /// Values of sockets: an owner's key is a cookie.
    pub(crate) fn of_sockets(guarded: Guarded, value_size: usize, bytes: u64) -> Owned {
        let shape = shape(super::sockets::COOKIE, value_size, 0, bytes);
        Owned { values: Hash::guarding(shape, guarded), sockets: true, per_cpu: false }
    }

    /// Values of cgroups; `per_cpu` is 0 where all CPUs share one.
    pub(crate) fn of_cgroups(
        guarded: Guarded,
        key_size: usize,
        value_size: usize,
        per_cpu: usize,
        bytes: u64,
    ) -> Owned {
        let shape = shape(key_size, value_size, per_cpu, bytes);
        Owned { values: Hash::guarding(shape, guarded), sockets: false, per_cpu: per_cpu > 0 }
    }
}

/// As many owners as memory allows.
fn shape(key_size: usize, value_size: usize, per_cpu: usize, bytes: u64) -> Shape {
    let mut shape = Shape { per_cpu, ..Shape::plain(key_size, value_size, 1) };
    let fit = bytes / shape.element_size() as u64;
    shape.max_entries = u32::try_from(fit).unwrap_or(u32::MAX).clamp(1, MAX_OWNERS);
    shape
}

impl Storage for Owned {
    fn extent(&self, addr: u64) -> usize {
        self.values.extent(addr)
    }

    fn lookup(&self, key: &[u8], side: Side) -> Option<Place<'_>> {
        self.values.lookup(key, side)
    }

    fn update(&self, key: &[u8], value: Value<'_>, flags: u64, side: Side) -> Result<(), Errno> {
        let unknown = match (self.sockets, self.per_cpu) {
            (true, _) => flags & !LOCK > EXIST,
            (false, true) => flags & !EXIST != 0,
            (false, false) => flags & !(EXIST | LOCK) != 0,
        };
        if unknown {
            return Err(Errno::EINVAL);
        }
        self.values.update(key, value, if self.sockets { flags } else { EXIST | flags & LOCK }, side)
    }

    fn delete(&self, key: &[u8]) -> Result<(), Errno> {
        if self.sockets { self.values.delete(key) } else { Err(Errno::EINVAL) }
    }

    fn enter(&self, key: &[u8], value: Value<'_>) -> Result<(), Errno> {
        self.values.update(key, value, ANY, Side::User)
    }

    fn obtain(&self, key: &[u8], initial: Value<'_>, side: Side) -> Option<Place<'_>> {
        // Whoever comes first makes it.
        match self.values.update(key, initial, NOEXIST, side) {
            Ok(()) | Err(Errno::EEXIST) => self.values.lookup(key, side),
            Err(_) => None,
        }
    }

    fn element(&self, cursor: u64, side: Side) -> Option<Element<'_>> {
        self.values.element(cursor, side)
    }

    fn cpu_stride(&self) -> usize {
        self.values.cpu_stride()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_to_ask_makes_the_value() {
        let owned = Owned::of_sockets(Guarded::plain(8), 8, 1 << 20);
        let key = 7_u64.to_le_bytes();
        assert!(owned.lookup(&key, Side::Program(0)).is_none());
        let first = owned.obtain(&key, Value::Bytes(&[9; 8]), Side::Program(0)).unwrap();
        let again = owned.obtain(&key, Value::Zero, Side::Program(1)).unwrap();
        assert_eq!((first.addr(), again.read_u64()), (again.addr(), 0x0909_0909_0909_0909));
        assert_eq!(owned.delete(&key), Ok(()));
        assert_eq!(owned.delete(&key), Err(Errno::ENOENT));
    }
}
