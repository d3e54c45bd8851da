//! What every kind of map can do, and the places where values lie.
//!
//! A value has a stable address from the creation of the map until the map is dropped: no kind frees memory before
//! that (deleted entries are reused, as in a preallocated map of Linux). So a pointer that a program got
//! stays safe to follow whatever other runs delete meanwhile; what it finds there may be another entry's value, as in
//! Linux.

use belay_isa::Size;
use belay_object::{GuardedKind, MapDef};

use crate::errno::Errno;
use crate::helpers::lock;
use crate::memory::{Block, Memory};

/// `BPF_ANY`: create or replace.
pub const ANY: u64 = 0;
/// `BPF_NOEXIST`: create only.
pub const NOEXIST: u64 = 1;
/// `BPF_EXIST`: replace only.
pub const EXIST: u64 = 2;
/// `BPF_F_LOCK`: update under the value's spin lock.
pub(crate) const LOCK: u64 = 4;

/// Where a value lies.
#[derive(Clone, Copy)]
pub(crate) struct Place<'m> {
    pub(crate) block: &'m Block,
    pub(crate) off: usize,
}

impl Place<'_> {
    /// Its address.
    pub(crate) fn addr(self) -> u64 {
        self.block.addr() + self.off as u64
    }

    /// Copies bytes from its start; what lies outside the block is left out.
    pub(crate) fn read(self, out: &mut [u8]) {
        let copied = self.block.read(self.off, out);
        debug_assert!(copied.is_some(), "a place lies in its block");
    }

    /// The first eight bytes, as a number; read at once where the place is aligned, as all places in maps are.
    pub(crate) fn read_u64(self) -> u64 {
        let word = self.block.word(self.off / 8).filter(|_| self.off.is_multiple_of(8));
        word.map_or(0, |word| word.load(std::sync::atomic::Ordering::Relaxed))
    }

    /// The first four bytes, as a number.
    pub(crate) fn read_u32(self) -> u32 {
        let mut bytes = [0; 4];
        self.read(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    /// A place behind this one.
    pub(crate) fn skip(self, bytes: usize) -> Self {
        Place { off: self.off + bytes, ..self }
    }
}

/// A value to be written: a user's bytes, or memory of the running program.
#[derive(Clone, Copy)]
pub(crate) enum Value<'v> {
    /// Bytes.
    Bytes(&'v [u8]),
    /// Memory at an address, of the value's size.
    At(Memory, u64),
    /// Zeros.
    Zero,
}

impl Value<'_> {
    /// Copies its first bytes out.
    pub(crate) fn read(self, out: &mut [u8]) {
        match self {
            Value::Bytes(bytes) => out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from),
            Value::At(memory, addr) => memory.read(addr, out),
            Value::Zero => out.fill(0),
        }
    }

    /// Copies its first `len` bytes, from `skip` on, to a place.
    #[inline]
    pub(crate) fn write_to(self, to: Place<'_>, skip: usize, len: usize) {
        match self {
            Value::Bytes(bytes) => {
                let bytes = bytes.get(skip..).unwrap_or_default();
                let written = to.block.write(to.off, bytes.get(..len).unwrap_or(bytes));
                debug_assert!(written.is_some(), "a place lies in its block");
            }
            Value::At(memory, addr) => memory.copy(addr.wrapping_add(skip as u64), to.addr(), len),
            Value::Zero => {
                let cleared = to.block.clear(to.off, len);
                debug_assert!(cleared.is_some(), "a place lies in its block");
            }
        }
    }
}

/// Where a value is copied to: a user's buffer, or memory of the running program. Both have the value's size.
pub(crate) enum Out<'v> {
    /// Bytes.
    Bytes(&'v mut [u8]),
    /// Memory at an address.
    At(Memory, u64),
}

impl Out<'_> {
    /// Copies `len` bytes from a place.
    pub(crate) fn put(self, from: Place<'_>, len: usize) {
        match self {
            Out::Bytes(bytes) => from.read(bytes),
            Out::At(memory, addr) => memory.copy(from.addr(), addr, len),
        }
    }

    /// Sets `len` bytes to zero.
    pub(crate) fn clear(self, len: usize) {
        match self {
            Out::Bytes(bytes) => bytes.fill(0),
            Out::At(memory, addr) => memory.clear(addr, len),
        }
    }
}

/// The parts of a map's values that only helpers touch: an update leaves them as they are, user space reads zeros.
#[derive(Clone, Default)]
pub(crate) struct Guarded {
    /// Where the parts between them lie: begin and end.
    plain: Box<[(usize, usize)]>,
    /// Where the spin lock lies.
    lock: Option<usize>,
    /// Where the timer lies.
    timer: Option<usize>,
}

impl Guarded {
    /// Those of a definition.
    pub(crate) fn of(def: &MapDef) -> Guarded {
        let size = def.value_size as usize;
        let mut plain = Vec::new();
        let mut from = 0;
        for field in &def.guarded {
            plain.push((from, (field.offset as usize).min(size)));
            from = (field.offset as usize).saturating_add(field.size as usize).min(size);
        }
        plain.push((from, size));
        plain.retain(|(from, to)| from < to);
        let place =
            |what| def.guarded.iter().find(|field| field.what == what).map(|field| field.offset as usize);
        let (lock, timer) = (place(GuardedKind::SpinLock), place(GuardedKind::Timer));
        Guarded { plain: plain.into(), lock, timer }
    }

    /// None, in values of that size.
    pub(crate) fn plain(size: usize) -> Guarded {
        Guarded { plain: Box::new([(0, size)]), lock: None, timer: None }
    }

    /// Whether there are any.
    pub(crate) fn is_any(&self) -> bool {
        self.plain.len() != 1 || self.lock.is_some()
    }

    /// Copies the parts between them to a place.
    #[inline]
    pub(crate) fn write(&self, value: Value<'_>, to: Place<'_>) {
        for (from, end) in &self.plain {
            value.write_to(to.skip(*from), *from, end - from);
        }
    }

    /// The same, while holding the value's lock; an error if it has none.
    pub(crate) fn write_locked(&self, value: Value<'_>, to: Place<'_>) -> Result<(), Errno> {
        let lock = to.addr() + self.lock.ok_or(Errno::EINVAL)? as u64;
        lock::take(lock);
        self.write(value, to);
        lock::give_back(lock);
        Ok(())
    }

    /// Gives up the timer of a value, if it has one: its entry was deleted or replaced.
    #[inline]
    pub(crate) fn end_timer(&self, value: Place<'_>) {
        if let Some(timer) = self.timer {
            let timer = value.skip(timer);
            timer.block.put(timer.off, Size::DW, 0);
        }
    }

    /// Whether values have a spin lock.
    pub(crate) fn has_lock(&self) -> bool {
        self.lock.is_some()
    }
}

/// For whom a map operation is done: per-CPU maps hold a value for each CPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    /// A program on that CPU: it sees its own value.
    Program(usize),
    /// User space: it sees the values of all CPUs, one after the other.
    User,
}

/// The key of an element met by iteration.
#[derive(Clone, Copy)]
pub(crate) enum ElementKey<'m> {
    /// An array's index.
    Index(u32),
    /// Bytes inside the map.
    Stored(Place<'m>),
    /// The kind has no keys.
    None,
}

/// An element met by iteration.
#[derive(Clone, Copy)]
pub(crate) struct Element<'m> {
    pub(crate) key: ElementKey<'m>,
    /// The value of the CPU that iterates; the first CPU's for user space.
    pub(crate) value: Place<'m>,
    /// Where to go on.
    pub(crate) next: u64,
}

/// An array's values in memory: native code finds them by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainArray {
    /// The address of the first.
    pub(crate) start: u64,
    /// Bytes from one to the next.
    pub(crate) stride: usize,
    /// How many there are.
    pub(crate) entries: u32,
}

/// One kind of map. Keys have the size that the map's definition says: the caller has seen to it.
pub(crate) trait Storage: Send + Sync {
    /// The value of a key; for user space, the first CPU's.
    fn lookup(&self, key: &[u8], side: Side) -> Option<Place<'_>>;

    /// Creates or replaces an entry.
    fn update(&self, key: &[u8], value: Value<'_>, flags: u64, side: Side) -> Result<(), Errno>;

    /// Removes an entry.
    fn delete(&self, key: &[u8]) -> Result<(), Errno>;

    /// Puts in an entry as loading and attaching do, which may create what an update cannot.
    fn enter(&self, key: &[u8], value: Value<'_>) -> Result<(), Errno> {
        self.update(key, value, ANY, Side::User)
    }

    /// The value of an owner, made of this one if there is none yet; none for kinds without owners.
    fn obtain(&self, _: &[u8], _: Value<'_>, _: Side) -> Option<Place<'_>> {
        None
    }

    /// What user space reads at a key, where that is not what programs find: a kind may refuse.
    fn read(&self, key: &[u8]) -> Result<Place<'_>, Errno> {
        self.lookup(key, Side::User).ok_or(Errno::ENOENT)
    }

    /// The element at a cursor; 0 is the first. Entries that come and go meanwhile may be met or not.
    fn element(&self, cursor: u64, side: Side) -> Option<Element<'_>>;

    /// The element whose value begins at an address, in kinds whose values hold timers.
    fn owner_of(&self, _value: u64) -> Option<Element<'_>> {
        None
    }

    /// How many bytes lie between the values of two CPUs in what user space reads and writes; 0 where all CPUs share one.
    fn cpu_stride(&self) -> usize {
        0
    }

    /// How many bytes lie between the values of two CPUs in memory.
    fn cpu_distance(&self) -> usize {
        self.cpu_stride()
    }

    /// Where its values lie, if it is an array that all CPUs share.
    fn plain_array(&self) -> Option<PlainArray> {
        None
    }

    /// The hash map, if it is one and nothing more.
    fn hash(&self) -> Option<&super::hash::Hash> {
        None
    }

    /// The queue, stack or filter, if it is one.
    fn keyless(&self) -> Option<&dyn Keyless> {
        None
    }

    /// How many bytes can be read from an address on, in the memory that holds the map's values.
    fn extent(&self, _addr: u64) -> usize {
        0
    }

    /// The ring, if it is one.
    fn ring(&self) -> Option<&super::ringbuf::Ring> {
        None
    }

    /// The event buffers, if it has them.
    fn events(&self) -> Option<&super::events::Events> {
        None
    }
}

/// A kind of map without keys: values are pushed, and looked at or taken out in the kind's order.
pub(crate) trait Keyless: Send + Sync {
    /// Adds a value.
    fn push(&self, value: Value<'_>, flags: u64) -> Result<(), Errno>;

    /// Copies out the value that is next.
    fn peek(&self, value: Out<'_>) -> Result<(), Errno>;

    /// Copies out the value that is next, and removes it.
    fn pop(&self, value: Out<'_>) -> Result<(), Errno>;

    /// Whether a value was added: what looking it up means for filters. Others cannot say.
    fn contains(&self, _: Value<'_>) -> Result<bool, Errno> {
        Err(Errno::ENOTSUPP)
    }
}

/// The size of a value where values follow one another: a multiple of 8, as Linux lays them out.
pub(crate) fn stride(value_size: usize) -> usize {
    value_size.next_multiple_of(8)
}
