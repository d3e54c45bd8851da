//! Hash maps: plain, per-CPU, and with eviction of the least recently used.
//!
//! Buckets are linked lists through a [`Slab`] of elements. Lookups take no lock: an element's key is written before
//! it is linked, and a bucket counts the elements that left it. A reader that found nothing looks at that count again: if it
//! changed, an element on which the reader stood may have been used anew, elsewhere, and it starts again. Writers lock one of
//! a fixed number of bucket groups.
//!
//! Replacing a value of a shared map puts a new element in the old one's place in the list, in one step: a lookup meanwhile
//! finds one of the two. The old one is freed, and as in Linux a pointer to its value keeps seeing that value until the
//! element is used again. Values of a per-CPU map are replaced in place.
//!
//! Which entry of a full LRU map goes is approximate in Linux and here: a hand sweeps over the elements and takes the
//! first that was not looked up since it last came by.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::slab::{Slab, Slot};
use super::storage::{
    EXIST, Element, ElementKey, Guarded, LOCK, NOEXIST, Place, Side, Storage, Value, stride,
};
use crate::errno::Errno;
use crate::memory::Block;
use crate::sync::{AtomicU32, AtomicU64, Mutex, MutexGuard};

/// Words before an element's key: the link (high half: hash) and the state.
const HEADER: usize = 2;
/// A link that ends a list.
const END: u32 = 1 << 31;
/// Element state: linked into a bucket.
const USED: u64 = 1;
/// Element state: looked up since the hand last came by.
const RECENT: u64 = 2;
/// Locks, each for the buckets of its remainder.
const LOCKS: usize = if cfg!(belay_loom) { 4 } else { 64 };

/// What tells the kinds of hash map apart.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) key_size: usize,
    pub(crate) value_size: usize,
    pub(crate) max_entries: u32,
    /// CPUs with a value of their own; 0 where all share one.
    pub(crate) per_cpu: usize,
    /// CPUs that may run programs.
    pub(crate) cpus: usize,
    /// Whether a full map makes room.
    pub(crate) evicts: bool,
    /// Bytes behind an element's values, for the map's owner.
    pub(crate) extra: usize,
}

impl Shape {
    /// Values that all CPUs share, and no eviction.
    pub(crate) fn plain(key_size: usize, value_size: usize, max_entries: u32, cpus: usize) -> Shape {
        Shape { key_size, value_size, max_entries, per_cpu: 0, cpus, evicts: false, extra: 0 }
    }

    /// Bytes of an element.
    pub(crate) fn element_size(&self) -> usize {
        let values = stride(self.value_size) * self.per_cpu.max(1);
        HEADER * 8 + stride(self.key_size) + values + stride(self.extra)
    }
}

/// A hash map.
pub(crate) struct Hash {
    shape: Shape,
    /// A word for each: low half, the first link plus one, 0 where nothing was ever linked; high half, how many elements left.
    buckets: Block,
    mask: u32,
    elements: Slab,
    locks: Box<[Mutex<()>]>,
    entries: AtomicU32,
    hand: AtomicU32,
    /// The number, plus one, of the element that the last replacement left.
    spare: AtomicU32,
    /// Elements beyond the entries: the spare one, and those of replacements that are under way. At most one a CPU.
    beyond: AtomicU32,
    guarded: Guarded,
}

/// A list in which an element was found.
struct Found {
    slot: Slot,
    /// The element before it, if it is not the first.
    before: Option<Slot>,
}

impl Hash {
    /// An empty map.
    pub(crate) fn new(shape: Shape) -> Hash {
        Hash::guarding(shape, Guarded::plain(shape.value_size))
    }

    /// An empty map of values with parts that only helpers touch.
    pub(crate) fn guarding(shape: Shape, guarded: Guarded) -> Hash {
        let buckets = shape.max_entries.clamp(1, 1 << 24).next_power_of_two();
        // Beyond the entries: one element a CPU for the new value of an entry that is being replaced.
        let capacity = shape.max_entries.saturating_add(shape.cpus as u32).min(END - 1);
        Hash {
            shape,
            buckets: Block::zeroed(buckets as usize * 8),
            mask: buckets - 1,
            elements: Slab::new(shape.element_size(), capacity),
            locks: (0..LOCKS).map(|_| Mutex::new(())).collect(),
            entries: AtomicU32::new(0),
            hand: AtomicU32::new(0),
            spare: AtomicU32::new(0),
            beyond: AtomicU32::new(0),
            guarded,
        }
    }

    /// The same, with that many lists (a power of two), for tests of what happens within one.
    #[cfg(test)]
    pub(crate) fn of_buckets(self, count: u32) -> Hash {
        Hash { mask: count - 1, ..self }
    }

    fn lock(&self, bucket: u32) -> MutexGuard<'_, ()> {
        // A poisoned lock guards no invariant of its own: links are written one by one.
        self.locks[bucket as usize % LOCKS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bucket(&self, hash: u32) -> u32 {
        hash & self.mask
    }

    /// The first link of a bucket, and how many elements left it.
    fn head(&self, bucket: u32) -> (u32, u32) {
        let word = self.buckets.word(bucket as usize).map_or(0, |word| word.load(Acquire));
        let link = if word as u32 == 0 { END } else { word as u32 - 1 };
        (link, (word >> 32) as u32)
    }

    fn set_head(&self, bucket: u32, link: u32, left: u32) {
        if let Some(word) = self.buckets.word(bucket as usize) {
            word.store(u64::from(left) << 32 | (u64::from(link) + 1), Release);
        }
    }

    fn header(&self, slot: Slot) -> u64 {
        self.elements.word(slot, 0).map_or(u64::from(END), |word| word.load(Acquire))
    }

    fn set_link(&self, slot: Slot, hash: u32, link: u32) {
        if let Some(word) = self.elements.word(slot, 0) {
            word.store(u64::from(hash) << 32 | u64::from(link), Release);
        }
    }

    fn state(&self, slot: Slot) -> Option<&AtomicU64> {
        self.elements.word(slot, 1)
    }

    fn value(&self, slot: Slot, side: Side) -> Option<Place<'_>> {
        let cpu = match side {
            Side::Program(cpu) if self.shape.per_cpu > 0 => cpu.min(self.shape.per_cpu - 1),
            _ => 0,
        };
        let skip = HEADER * 8 + stride(self.shape.key_size) + cpu * stride(self.shape.value_size);
        Some(self.elements.place(slot)?.skip(skip))
    }

    fn key_is(&self, slot: Slot, key: &[u8]) -> bool {
        let (words, rest) = key.as_chunks::<8>();
        let same = |index: usize, bytes: [u8; 8]| {
            self.elements
                .word(slot, HEADER + index)
                .is_some_and(|w| w.load(Relaxed) == u64::from_le_bytes(bytes))
        };
        words.iter().enumerate().all(|(index, word)| same(index, *word))
            && (rest.is_empty() || same(words.len(), padded(rest)))
    }

    /// Finds a key without a lock.
    fn find(&self, key: &[u8], hash: u32) -> Option<Slot> {
        let bucket = self.bucket(hash);
        let (mut link, mut left) = self.head(bucket);
        loop {
            while link & END == 0 {
                let slot = Slot(link);
                let header = self.header(slot);
                if (header >> 32) as u32 == hash && self.key_is(slot, key) {
                    return Some(slot);
                }
                link = header as u32;
            }
            // An element that we stood on may have left and be linked elsewhere: then this was not the list's end. Whoever
            // links it anew has counted it before, and we have read its new link, so we see the count.
            let (first, left_now) = self.head(bucket);
            if left_now == left {
                return None;
            }
            (link, left) = (first, left_now);
        }
    }

    /// Finds, under the bucket's lock, the element that `is` accepts.
    fn find_locked(&self, bucket: u32, is: impl Fn(Slot, u32) -> bool) -> Option<Found> {
        let (mut before, (mut link, _)) = (None, self.head(bucket));
        while link & END == 0 {
            let slot = Slot(link);
            let header = self.header(slot);
            if is(slot, (header >> 32) as u32) {
                return Some(Found { slot, before });
            }
            (before, link) = (Some(slot), header as u32);
        }
        None
    }

    /// Takes an element out of its list, under the bucket's lock.
    fn unlink(&self, bucket: u32, found: &Found) {
        let next = self.header(found.slot) as u32;
        self.put_in_place(bucket, found, next);
    }

    /// Has another link lead to where an element's link led, or to an element that does; and counts that it left.
    fn put_in_place(&self, bucket: u32, found: &Found, link: u32) {
        let (first, left) = self.head(bucket);
        let left = left.wrapping_add(1);
        match found.before {
            Some(before) => {
                self.set_link(before, (self.header(before) >> 32) as u32, link);
                self.set_head(bucket, first, left);
            }
            None => self.set_head(bucket, link, left),
        }
        if let Some(state) = self.state(found.slot) {
            state.store(0, Relaxed);
        }
        if let Some(value) = self.value(found.slot, Side::User) {
            self.guarded.end_timer(value);
        }
    }

    fn write_key(&self, slot: Slot, key: &[u8]) {
        let (words, rest) = key.as_chunks::<8>();
        let rest = (!rest.is_empty()).then(|| padded(rest));
        for (index, word) in words.iter().copied().chain(rest).enumerate() {
            if let Some(cell) = self.elements.word(slot, HEADER + index) {
                cell.store(u64::from_le_bytes(word), Relaxed);
            }
        }
    }

    /// Writes the value of a new element; other CPUs' values, and what only helpers touch, become zero.
    fn write_first_value(&self, slot: Slot, value: Value<'_>, side: Side) {
        let Some(first) = self.value(slot, Side::User) else { return };
        let others = self.shape.per_cpu > 0 && side != Side::User;
        if others || self.guarded.is_any() {
            let _ = first.block.clear(first.off, self.shape.per_cpu.max(1) * stride(self.shape.value_size));
        }
        self.write_value(slot, value, side);
    }

    fn write_value(&self, slot: Slot, value: Value<'_>, side: Side) {
        let size = self.shape.value_size;
        let Some(place) = self.value(slot, side) else { return };
        match side {
            Side::User if self.shape.per_cpu > 0 => {
                for cpu in 0..self.shape.per_cpu {
                    value.write_to(place.skip(cpu * stride(size)), cpu * stride(size), size);
                }
            }
            _ => self.guarded.write(value, place),
        }
    }

    /// Counts one more entry, if there is room.
    fn count_in(&self) -> bool {
        let max = self.shape.max_entries;
        self.entries.try_update(AcqRel, Acquire, |n| (n < max).then_some(n + 1)).is_ok()
    }

    fn count_out(&self) {
        self.entries.fetch_sub(1, AcqRel);
    }

    /// Gives back the element of an entry that is no more. Whoever is counted in for it finds it free.
    fn forget(&self, slot: Slot) {
        self.elements.give(slot);
        self.count_out();
    }

    /// An element to take a replaced entry's new value: the one that the last replacement left, or any.
    fn take_spare(&self) -> Option<Slot> {
        if let Some(spare) = self.spare.swap(0, AcqRel).checked_sub(1) {
            return Some(Slot(spare));
        }
        // Never more than there are CPUs: the others belong to the entries, which are counted before they take one.
        let cpus = self.shape.cpus as u32;
        self.beyond.try_update(AcqRel, Acquire, |n| (n < cpus).then_some(n + 1)).ok()?;
        self.elements.take()
    }

    /// Keeps a replaced element for the next replacement: until then its value stays as it was.
    fn give_spare(&self, slot: Slot) {
        if self.spare.compare_exchange(0, slot.0 + 1, AcqRel, Relaxed).is_err() {
            self.elements.give(slot);
            self.beyond.fetch_sub(1, AcqRel);
        }
    }

    /// Gives an entry a new value, under its bucket's lock.
    fn replace(&self, bucket: u32, found: &Found, hash: u32, key: &[u8], value: Value<'_>, side: Side) {
        let new = if self.shape.per_cpu > 0 { None } else { self.take_spare() };
        // In place where each CPU has its own value, or when other CPUs are replacing and hold all spare elements.
        let Some(new) = new else {
            self.write_value(found.slot, value, side);
            if let Some(value) = self.value(found.slot, Side::User) {
                self.guarded.end_timer(value);
            }
            return;
        };
        self.write_new(new, hash, key, value, side, self.header(found.slot) as u32);
        self.put_in_place(bucket, found, new.0);
        self.give_spare(found.slot);
    }

    /// Frees the element that was used least recently, as far as the hand can tell.
    fn evict(&self) -> bool {
        let grown = self.elements.grown().max(1);
        for _ in 0..u64::from(grown) * 2 + 1 {
            let slot = Slot(self.hand.fetch_add(1, Relaxed) % grown);
            let Some(state) = self.state(slot) else { continue };
            match state.load(Relaxed) & (USED | RECENT) {
                USED => {
                    let bucket = self.bucket((self.header(slot) >> 32) as u32);
                    let guard = self.lock(bucket);
                    if let Some(found) = self.find_locked(bucket, |candidate, _| candidate == slot) {
                        self.unlink(bucket, &found);
                        drop(guard);
                        self.forget(slot);
                        return true;
                    }
                }
                recent if recent & USED != 0 => {
                    state.fetch_and(!RECENT, Relaxed);
                }
                _ => {}
            }
        }
        false
    }
}

/// The last bytes of a key as a word; what is missing is zero.
fn padded(rest: &[u8]) -> [u8; 8] {
    let mut word = [0; 8];
    word.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    word
}

/// The seed is fixed: the same operations give the same order of iteration.
pub(super) fn hash_of(key: &[u8]) -> u32 {
    use std::hash::BuildHasher;
    foldhash::fast::FixedState::with_seed(0x6265_6c61_7921).hash_one(key) as u32
}

impl Storage for Hash {
    fn extent(&self, addr: u64) -> usize {
        self.elements.extent(addr)
    }

    fn lookup(&self, key: &[u8], side: Side) -> Option<Place<'_>> {
        let slot = self.find(key, hash_of(key))?;
        if self.shape.evicts
            && side != Side::User
            && let Some(state) = self.state(slot)
            && state.load(Relaxed) == USED
        {
            // A compare-exchange, since the element may be freed meanwhile.
            let _ = state.compare_exchange(USED, USED | RECENT, Relaxed, Relaxed);
        }
        self.value(slot, side)
    }

    fn update(&self, key: &[u8], value: Value<'_>, flags: u64, side: Side) -> Result<(), Errno> {
        if flags & !LOCK > EXIST || (flags & LOCK != 0 && !self.guarded.has_lock()) {
            return Err(Errno::EINVAL);
        }
        let hash = hash_of(key);
        let bucket = self.bucket(hash);
        loop {
            let guard = self.lock(bucket);
            let found = self.find_locked(bucket, |slot, other| other == hash && self.key_is(slot, key));
            match (found, flags & !LOCK) {
                (Some(_), NOEXIST) => return Err(Errno::EEXIST),
                (None, EXIST) => return Err(Errno::ENOENT),
                (Some(found), _) if flags & LOCK != 0 => {
                    // In place: whoever holds a pointer to the value sees the new one.
                    let place = self.value(found.slot, side).ok_or(Errno::ENOENT)?;
                    return self.guarded.write_locked(value, place);
                }
                (Some(found), _) => {
                    self.replace(bucket, &found, hash, key, value, side);
                    return Ok(());
                }
                (None, _) if self.count_in() => {
                    let Some(new) = self.elements.take() else {
                        self.count_out();
                        return Err(Errno::E2BIG);
                    };
                    self.link_new(bucket, new, hash, key, value, side);
                    return Ok(());
                }
                (None, _) => {
                    // Eviction locks another bucket: never two at a time.
                    drop(guard);
                    if !self.shape.evicts || !self.evict() {
                        return Err(Errno::E2BIG);
                    }
                }
            }
        }
    }

    fn delete(&self, key: &[u8]) -> Result<(), Errno> {
        let hash = hash_of(key);
        let bucket = self.bucket(hash);
        let guard = self.lock(bucket);
        let found = self
            .find_locked(bucket, |slot, other| other == hash && self.key_is(slot, key))
            .ok_or(Errno::ENOENT)?;
        self.unlink(bucket, &found);
        drop(guard);
        self.forget(found.slot);
        Ok(())
    }

    fn element(&self, cursor: u64, side: Side) -> Option<Element<'_>> {
        let (mut bucket, mut link) = ((cursor >> 32) as u32, cursor as u32);
        loop {
            if bucket > self.mask {
                return None;
            }
            let current = if link == 0 { self.head(bucket).0 } else { link - 1 };
            if current & END != 0 {
                (bucket, link) = (bucket + 1, 0);
                continue;
            }
            let slot = Slot(current);
            let next = self.header(slot) as u32;
            let next = if next & END == 0 {
                u64::from(bucket) << 32 | u64::from(next + 1)
            } else {
                u64::from(bucket + 1) << 32
            };
            let key = self.elements.place(slot)?.skip(HEADER * 8);
            return Some(Element { key: ElementKey::Stored(key), value: self.value(slot, side)?, next });
        }
    }

    fn owner_of(&self, value: u64) -> Option<Element<'_>> {
        let slot = self.elements.slot_at(value)?;
        let key = self.elements.place(slot)?.skip(HEADER * 8);
        let found = self.value(slot, Side::User).filter(|_| self.shape.per_cpu == 0)?;
        (found.addr() == value).then_some(Element { key: ElementKey::Stored(key), value: found, next: 0 })
    }

    fn cpu_stride(&self) -> usize {
        if self.shape.per_cpu > 0 { stride(self.shape.value_size) } else { 0 }
    }
}

impl Hash {
    /// Fills an element and makes it the first of its list, under the bucket's lock.
    fn link_new(&self, bucket: u32, slot: Slot, hash: u32, key: &[u8], value: Value<'_>, side: Side) {
        let (first, left) = self.head(bucket);
        self.write_new(slot, hash, key, value, side, first);
        self.set_head(bucket, slot.0, left);
    }

    /// Writes an element that is to be linked, with where its own link leads.
    fn write_new(&self, slot: Slot, hash: u32, key: &[u8], value: Value<'_>, side: Side, next: u32) {
        self.write_key(slot, key);
        self.write_first_value(slot, value, side);
        if let Some(state) = self.state(slot) {
            state.store(USED, Relaxed);
        }
        self.set_link(slot, hash, next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(max_entries: u32, evicts: bool) -> Hash {
        Hash::new(Shape { evicts, ..Shape::plain(12, 8, max_entries, 1) })
    }

    fn key(thread: u32, number: u32) -> [u8; 12] {
        let mut key = [0x77; 12];
        key[..4].copy_from_slice(&thread.to_le_bytes());
        key[8..].copy_from_slice(&number.to_le_bytes());
        key
    }

    fn read(map: &Hash, key: &[u8]) -> Option<u64> {
        let mut bytes = [0; 8];
        map.lookup(key, Side::Program(0))?.read(&mut bytes);
        Some(u64::from_le_bytes(bytes))
    }

    fn write(map: &Hash, key: &[u8], value: u64) -> Result<(), Errno> {
        map.update(key, Value::Bytes(&value.to_le_bytes()), super::super::ANY, Side::Program(0))
    }

    fn count(map: &Hash) -> usize {
        let mut cursor = 0;
        std::iter::from_fn(|| map.element(cursor, Side::User).inspect(|element| cursor = element.next))
            .count()
    }

    #[test]
    fn threads_find_what_they_wrote() {
        const THREADS: u32 = 4;
        const KEYS: u32 = if cfg!(miri) { 5 } else { 50 };
        const ROUNDS: u64 = if cfg!(miri) { 4 } else { 200 };
        // Few buckets and many entries: threads meet in the same lists all the time.
        let map = map(THREADS * KEYS, false).of_buckets(8);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let map = &map;
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        for number in 0..KEYS {
                            let key = key(thread, number);
                            write(map, &key, round << 32 | u64::from(number)).unwrap();
                            assert_eq!(read(map, &key), Some(round << 32 | u64::from(number)));
                            if (round + u64::from(number)) % 3 == 0 {
                                map.delete(&key).unwrap();
                                assert_eq!(read(map, &key), None);
                            }
                        }
                    }
                });
            }
        });
        let left = (0..KEYS).filter(|number| !(ROUNDS - 1 + u64::from(*number)).is_multiple_of(3)).count()
            * THREADS as usize;
        assert_eq!(count(&map), left);
        assert_eq!(map.entries.load(Relaxed) as usize, left);
    }

    #[test]
    fn lookups_wait_for_no_writer() {
        let map = map(100, true);
        for number in 0..100 {
            write(&map, &key(0, number), u64::from(number)).unwrap();
        }
        let _writers: Vec<_> = (0..LOCKS as u32).map(|bucket| map.lock(bucket)).collect();
        for number in 0..100 {
            assert_eq!(read(&map, &key(0, number)), Some(u64::from(number)), "every lock is taken");
        }
    }

    #[test]
    fn a_full_map_refuses_or_makes_room() {
        let plain = map(3, false);
        for number in 0..3 {
            write(&plain, &key(0, number), 1).unwrap();
        }
        assert_eq!(write(&plain, &key(0, 3), 1), Err(Errno::E2BIG));
        assert_eq!(write(&plain, &key(0, 2), 2), Ok(()), "replacing needs no room");

        let lru = map(100, true);
        let last = if cfg!(miri) { 150 } else { 1000 };
        for number in 0..=last {
            write(&lru, &key(0, number), u64::from(number)).unwrap();
            // This one is always in use.
            assert_eq!(read(&lru, &key(0, 0)), Some(0), "after {number}");
        }
        assert_eq!(count(&lru), 100);
        assert_eq!(read(&lru, &key(0, last)), Some(u64::from(last)));
    }
}
