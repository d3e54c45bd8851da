//! Hash maps: plain, per-CPU, and with eviction of the least recently used.
//!
//! Buckets are linked lists through a [`Slab`] of elements. Lookups take no lock: an element's key is written before
//! it is linked, and a bucket counts the elements that left it. A reader that found nothing looks at that count again: if it
//! changed, an element on which the reader stood may have been used anew, elsewhere, and it starts again. Writers lock one of
//! a fixed number of bucket groups.
//!
//! Replacing a value of a shared map puts a new element in the old one's place in the list, in one step: a lookup meanwhile
//! finds one of the two. The old one waits for the group's next replacement, and as in Linux a pointer to its value keeps
//! seeing that value until then. Values of a per-CPU map are replaced in place.
//!
//! Which entry of a full LRU map goes is approximate in Linux and here: a hand sweeps over the elements and takes the
//! first that was not looked up since it last came by.

mod node;

use std::sync::PoisonError;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use self::node::{END, Node, RECENT, USED};
use super::slab::{Slab, Slot};
use super::storage::{
    EXIST, Element, ElementKey, Guarded, LOCK, NOEXIST, Place, Side, Storage, Value, stride,
};
use crate::errno::Errno;
use crate::memory::Block;
use crate::sync::{AtomicU32, Mutex, MutexGuard};

/// Groups of buckets, at most.
const GROUPS: usize = if cfg!(belay_loom) { 4 } else { 64 };

/// What tells the kinds of hash map apart.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) key_size: usize,
    pub(crate) value_size: usize,
    pub(crate) max_entries: u32,
    /// CPUs with a value of their own; 0 where all share one.
    pub(crate) per_cpu: usize,
    /// Whether a full map makes room.
    pub(crate) evicts: bool,
    /// Bytes behind an element's values, for the map's owner.
    pub(crate) extra: usize,
}

impl Shape {
    /// Values that all CPUs share, and no eviction.
    pub(crate) fn plain(key_size: usize, value_size: usize, max_entries: u32) -> Shape {
        Shape { key_size, value_size, max_entries, per_cpu: 0, evicts: false, extra: 0 }
    }

    /// Bytes of the values of all CPUs.
    fn values(&self) -> usize {
        stride(self.value_size) * self.per_cpu.max(1)
    }

    /// Bytes of an element.
    pub(crate) fn element_size(&self) -> usize {
        node::size(self.key_size, self.values(), self.extra)
    }
}

/// A hash map.
pub(crate) struct Hash {
    shape: Shape,
    /// A word for each: low half, the first link plus one, 0 where nothing was ever linked; high half, how many elements left.
    buckets: Block,
    mask: u32,
    elements: Slab,
    groups: Box<[Group]>,
    entries: AtomicU32,
    hand: AtomicU32,
    guarded: Guarded,
}

/// The lock of a group of buckets; it guards the element that the group's last replacement left. A cache line of its own, so
/// that writers of different groups do not wait for one another.
#[repr(align(64))]
struct Group(Mutex<Option<Slot>>);

/// What is to be written.
struct New<'v> {
    key: &'v [u8],
    hash: u32,
    value: &'v Value<'v>,
    side: Side,
}

/// A list in which an element was found.
struct Found<'m> {
    node: Node<'m>,
    /// The element before it, if it is not the first.
    before: Option<Node<'m>>,
}

impl Hash {
    /// An empty map.
    pub(crate) fn new(shape: Shape) -> Hash {
        Hash::guarding(shape, Guarded::plain(shape.value_size))
    }

    /// An empty map of values with parts that only helpers touch.
    pub(crate) fn guarding(shape: Shape, guarded: Guarded) -> Hash {
        let buckets = shape.max_entries.clamp(1, 1 << 24).next_power_of_two();
        let groups = GROUPS.min(buckets as usize);
        // Beyond the entries: one element a group, for the new value of an entry that is being replaced or for the old one.
        let capacity = shape.max_entries.saturating_add(groups as u32).min(END - 1);
        Hash {
            shape,
            buckets: Block::zeroed(buckets as usize * 8),
            mask: buckets - 1,
            elements: Slab::new(shape.element_size(), capacity),
            groups: (0..groups).map(|_| Group(Mutex::new(None))).collect(),
            entries: AtomicU32::new(0),
            hand: AtomicU32::new(0),
            guarded,
        }
    }

    /// The same, with that many lists (a power of two), for tests of what happens within one.
    #[cfg(test)]
    pub(crate) fn of_buckets(self, count: u32) -> Hash {
        Hash { mask: count - 1, ..self }
    }

    /// Locks a bucket's group, and gives access to its spare element.
    #[inline(always)]
    fn lock(&self, bucket: u32) -> MutexGuard<'_, Option<Slot>> {
        // The number of groups is a power of two.
        let group = &self.groups[bucket as usize & (self.groups.len() - 1)];
        // A poisoned lock guards no invariant of its own: links are written one by one.
        group.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    fn bucket(&self, hash: u32) -> u32 {
        hash & self.mask
    }

    /// The first link of a bucket, and how many elements left it.
    #[inline]
    fn head(&self, bucket: u32) -> (u32, u32) {
        let word = self.buckets.word(bucket as usize).map_or(0, |word| word.load(Acquire));
        let link = if word as u32 == 0 { END } else { word as u32 - 1 };
        (link, (word >> 32) as u32)
    }

    #[inline(always)]
    fn set_head(&self, bucket: u32, link: u32, left: u32) {
        if let Some(word) = self.buckets.word(bucket as usize) {
            word.store(u64::from(left) << 32 | (u64::from(link) + 1), Release);
        }
    }

    #[inline]
    fn node(&self, slot: Slot) -> Option<Node<'_>> {
        Some(Node { slot, place: self.elements.place(slot)? })
    }

    /// The element that a link leads to; none at the end of a list.
    #[inline]
    fn follow(&self, link: u32) -> Option<Node<'_>> {
        if link & END == 0 { self.node(Slot(link)) } else { None }
    }

    #[inline]
    fn value<'m>(&self, node: Node<'m>, side: Side) -> Place<'m> {
        let cpu = match side {
            Side::Program(cpu) if self.shape.per_cpu > 0 => cpu.min(self.shape.per_cpu - 1),
            _ => 0,
        };
        node.values(self.shape.key_size).skip(cpu * stride(self.shape.value_size))
    }

    /// Finds a key without a lock.
    #[inline]
    fn find(&self, key: &[u8], hash: u32) -> Option<Node<'_>> {
        let bucket = self.bucket(hash);
        let (mut link, mut left) = self.head(bucket);
        loop {
            while let Some(node) = self.follow(link) {
                let (other, next) = node.link();
                if other == hash && node.key_is(key) {
                    return Some(node);
                }
                link = next;
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

    /// Finds, under the bucket's lock, the element that `is` accepts: it is asked with the element and its key's hash.
    #[inline(always)]
    fn find_locked(&self, bucket: u32, is: impl Fn(Node<'_>, u32) -> bool) -> Option<Found<'_>> {
        let (mut before, (mut link, _)) = (None, self.head(bucket));
        while let Some(node) = self.follow(link) {
            let (hash, next) = node.link();
            if is(node, hash) {
                return Some(Found { node, before });
            }
            (before, link) = (Some(node), next);
        }
        None
    }

    /// Takes an element out of its list, under the bucket's lock.
    fn unlink(&self, bucket: u32, found: &Found<'_>) {
        let (_, next) = found.node.link();
        self.put_in_place(bucket, found, next);
    }

    /// Has another link lead to where an element's link led, or to an element that does; and counts that it left.
    #[inline(always)]
    fn put_in_place(&self, bucket: u32, found: &Found<'_>, link: u32) {
        let (first, left) = self.head(bucket);
        let left = left.wrapping_add(1);
        match found.before {
            Some(before) => {
                before.set_link(before.link().0, link);
                self.set_head(bucket, first, left);
            }
            None => self.set_head(bucket, link, left),
        }
        found.node.set_state(0);
        self.guarded.end_timer(self.value(found.node, Side::User));
    }

    /// Fills an element and makes it the first of its list, under the bucket's lock.
    fn link_new(&self, bucket: u32, node: Node<'_>, new: &New<'_>) {
        let (first, left) = self.head(bucket);
        self.fill(node, new, first);
        self.set_head(bucket, node.slot.0, left);
    }

    /// Writes an element that is to be linked, with where its own link leads.
    #[inline(always)]
    fn fill(&self, node: Node<'_>, new: &New<'_>, next: u32) {
        node.write_key(new.key);
        let others = self.shape.per_cpu > 0 && new.side != Side::User;
        if others || self.guarded.is_any() {
            // Other CPUs' values, and what only helpers touch, become zero.
            let first = self.value(node, Side::User);
            let _ = first.block.clear(first.off, self.shape.values());
        }
        self.write_value(node, *new.value, new.side);
        node.set_state(USED);
        node.set_link(new.hash, next);
    }

    #[inline(always)]
    fn write_value(&self, node: Node<'_>, value: Value<'_>, side: Side) {
        let (size, place) = (self.shape.value_size, self.value(node, side));
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

    /// An element for a new entry; none if the map is full.
    fn take_for_entry(&self) -> Option<Node<'_>> {
        let node = self.elements.take().and_then(|slot| self.node(slot));
        if node.is_none() {
            self.count_out();
        }
        node
    }

    /// Gives back the element of an entry that is no more. Whoever is counted in for it finds it free.
    fn forget(&self, slot: Slot) {
        self.elements.give(slot);
        self.count_out();
    }

    /// Gives an entry a new value, under its bucket's lock.
    #[inline(always)]
    fn replace(&self, bucket: u32, found: &Found<'_>, new: &New<'_>, spare: &mut Option<Slot>) {
        let old = found.node;
        let shared = self.shape.per_cpu == 0;
        let other = if shared { spare.take().or_else(|| self.elements.take()) } else { None };
        match other.and_then(|slot| self.node(slot)) {
            Some(node) => {
                self.fill(node, new, old.link().1);
                self.put_in_place(bucket, found, node.slot.0);
                *spare = Some(old.slot);
            }
            None => {
                self.write_value(old, *new.value, new.side);
                self.guarded.end_timer(self.value(old, Side::User));
            }
        }
    }

    /// Frees the element that was used least recently, as far as the hand can tell.
    fn evict(&self) -> bool {
        let grown = self.elements.grown().max(1);
        for _ in 0..u64::from(grown) * 2 + 1 {
            let slot = Slot(self.hand.fetch_add(1, Relaxed) % grown);
            let Some(node) = self.node(slot) else { continue };
            let Some(state) = node.state() else { continue };
            match state.load(Relaxed) & (USED | RECENT) {
                USED => {
                    let bucket = self.bucket(node.link().0);
                    let guard = self.lock(bucket);
                    if let Some(found) = self.find_locked(bucket, |candidate, _| candidate.slot == slot) {
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

/// The seed is fixed: the same operations give the same order of iteration.
#[inline]
pub(super) fn hash_of(key: &[u8]) -> u32 {
    use std::hash::BuildHasher;
    foldhash::fast::FixedState::with_seed(0x6265_6c61_7921).hash_one(key) as u32
}

impl Storage for Hash {
    fn extent(&self, addr: u64) -> usize {
        self.elements.extent(addr)
    }

    #[inline(always)]
    fn lookup(&self, key: &[u8], side: Side) -> Option<Place<'_>> {
        let node = self.find(key, hash_of(key))?;
        if self.shape.evicts
            && side != Side::User
            && let Some(state) = node.state()
            && state.load(Relaxed) == USED
        {
            // A compare-exchange, since the element may be freed meanwhile.
            let _ = state.compare_exchange(USED, USED | RECENT, Relaxed, Relaxed);
        }
        Some(self.value(node, side))
    }

    #[inline(always)]
    fn update(&self, key: &[u8], value: Value<'_>, flags: u64, side: Side) -> Result<(), Errno> {
        if flags & !LOCK > EXIST || (flags & LOCK != 0 && !self.guarded.has_lock()) {
            return Err(Errno::EINVAL);
        }
        let new = New { key, hash: hash_of(key), value: &value, side };
        let bucket = self.bucket(new.hash);
        loop {
            let mut spare = self.lock(bucket);
            let found = self.find_locked(bucket, |node, hash| hash == new.hash && node.key_is(key));
            match (found, flags & !LOCK) {
                (Some(_), NOEXIST) => return Err(Errno::EEXIST),
                (None, EXIST) => return Err(Errno::ENOENT),
                // In place: whoever holds a pointer to the value sees the new one.
                (Some(found), _) if flags & LOCK != 0 => {
                    return self.guarded.write_locked(value, self.value(found.node, side));
                }
                (Some(found), _) => {
                    self.replace(bucket, &found, &new, &mut spare);
                    return Ok(());
                }
                (None, _) if self.count_in() => {
                    let node = self.take_for_entry().ok_or(Errno::E2BIG)?;
                    self.link_new(bucket, node, &new);
                    return Ok(());
                }
                (None, _) => {
                    // Eviction locks another bucket: never two at a time.
                    drop(spare);
                    if !self.shape.evicts || !self.evict() {
                        return Err(Errno::E2BIG);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn delete(&self, key: &[u8]) -> Result<(), Errno> {
        let hash = hash_of(key);
        let bucket = self.bucket(hash);
        let guard = self.lock(bucket);
        let found =
            self.find_locked(bucket, |node, other| other == hash && node.key_is(key)).ok_or(Errno::ENOENT)?;
        self.unlink(bucket, &found);
        drop(guard);
        self.forget(found.node.slot);
        Ok(())
    }

    fn element(&self, cursor: u64, side: Side) -> Option<Element<'_>> {
        let (mut bucket, mut link) = ((cursor >> 32) as u32, cursor as u32);
        loop {
            if bucket > self.mask {
                return None;
            }
            let current = if link == 0 { self.head(bucket).0 } else { link - 1 };
            let Some(node) = self.follow(current) else {
                (bucket, link) = (bucket + 1, 0);
                continue;
            };
            let (_, next) = node.link();
            let next = if next & END == 0 {
                u64::from(bucket) << 32 | u64::from(next + 1)
            } else {
                u64::from(bucket + 1) << 32
            };
            return Some(Element {
                key: ElementKey::Stored(node.key()),
                value: self.value(node, side),
                next,
            });
        }
    }

    fn owner_of(&self, value: u64) -> Option<Element<'_>> {
        let node = self.node(self.elements.slot_at(value)?)?;
        let found = self.value(node, Side::User);
        let is_it = self.shape.per_cpu == 0 && found.addr() == value;
        is_it.then_some(Element { key: ElementKey::Stored(node.key()), value: found, next: 0 })
    }

    fn hash(&self) -> Option<&Hash> {
        Some(self)
    }

    fn cpu_stride(&self) -> usize {
        if self.shape.per_cpu > 0 { stride(self.shape.value_size) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(max_entries: u32, evicts: bool) -> Hash {
        Hash::new(Shape { evicts, ..Shape::plain(12, 8, max_entries) })
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
        let _writers: Vec<_> = (0..GROUPS as u32).map(|bucket| map.lock(bucket)).collect();
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
