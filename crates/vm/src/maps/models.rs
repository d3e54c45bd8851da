//! `loom` models of the maps: a few threads, a few operations, in every order and with every value that each load may see.
//!
//! `RUSTFLAGS="--cfg belay_loom" cargo test --release -p belay-vm --lib models`
//!
//! What they show: no element is handed out twice or lost; a key that is there all the time is found all the time, whatever
//! happens to its neighbours and its value; no key is found that is not there; of several threads that create, or delete, the
//! same key one succeeds; a record is taken out whole or not yet.

use std::sync::atomic::Ordering::Relaxed;

use loom::sync::Arc;
use loom::thread;

use super::hash::{Hash, Shape, hash_of};
use super::ringbuf::Ring;
use super::slab::{Slab, Slot};
use super::slots::{Policy, Slots};
use super::storage::{ANY, NOEXIST, Side, Storage, Value};
use crate::errno::Errno;

/// Every order in which threads are preempted at most that often.
fn model(preemptions: usize, check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    let orders = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&orders);
    builder.check(move || {
        counted.fetch_add(1, Relaxed);
        check();
    });
    // A model in which `loom` sees no race passes after one.
    assert!(orders.load(Relaxed) > 10, "{orders:?} orders were tried");
}

/// A hash map of eight-byte keys and values, for programs on one CPU.
fn hash(max_entries: u32, evicts: bool) -> Hash {
    Hash::new(Shape { evicts, ..Shape::plain(8, 8, max_entries) })
}

fn put(map: &Hash, key: u64, value: u64, flags: u64) -> Result<(), Errno> {
    map.update(&key.to_le_bytes(), Value::Bytes(&value.to_le_bytes()), flags, Side::Program(0))
}

fn get(map: &Hash, key: u64) -> Option<u64> {
    map.lookup(&key.to_le_bytes(), Side::Program(0)).map(|place| place.read_u64())
}

fn delete(map: &Hash, key: u64) -> Result<(), Errno> {
    map.delete(&key.to_le_bytes())
}

fn count(map: &Hash) -> usize {
    let mut cursor = 0;
    std::iter::from_fn(|| map.element(cursor, Side::User).inspect(|element| cursor = element.next)).count()
}

/// Takes an element, and sees that it stays this thread's alone until it is given back.
fn take(slab: &Slab, mark: u64) -> Option<Slot> {
    let slot = slab.take()?;
    slab.word(slot, 2).unwrap().store(mark, Relaxed);
    Some(slot)
}

fn give(slab: &Slab, slot: Slot, mark: u64) {
    assert_eq!(slab.word(slot, 2).unwrap().load(Relaxed), mark, "somebody else has it");
    slab.give(slot);
}

#[test]
fn an_element_has_one_owner_and_none_is_lost() {
    model(4, || {
        let slab = Arc::new(Slab::new(24, 2));
        let all = [slab.take().unwrap(), slab.take().unwrap()];
        all.into_iter().for_each(|slot| slab.give(slot));
        let other = {
            let slab = Arc::clone(&slab);
            // Takes both and gives the first back: the stack's top is the same again, and what is below it is not.
            thread::spawn(move || {
                let (first, second) = (take(&slab, 1), take(&slab, 1));
                first.into_iter().chain(second).for_each(|slot| give(&slab, slot, 1));
            })
        };
        if let Some(slot) = take(&slab, 2) {
            give(&slab, slot, 2);
        }
        other.join().unwrap();
        let (first, second) = (slab.take().unwrap(), slab.take().unwrap());
        assert!(first != second && slab.take().is_none());
    });
}

#[test]
fn a_key_is_found_while_its_value_is_replaced() {
    model(4, || {
        let map = Arc::new(hash(2, false).of_buckets(1));
        put(&map, 1, 10, ANY).unwrap();
        // First in the list: a reader passes it.
        put(&map, 2, 20, ANY).unwrap();
        let writer = {
            let map = Arc::clone(&map);
            thread::spawn(move || put(&map, 1, 11, ANY).unwrap())
        };
        let found = get(&map, 1);
        assert!(matches!(found, Some(10 | 11)), "{found:?}");
        writer.join().unwrap();
        assert_eq!((get(&map, 1), count(&map)), (Some(11), 2));
    });
}

#[test]
fn a_key_is_found_while_its_neighbours_come_and_go() {
    // One bucket, or two: an element moves within the list that a reader is on, or to another.
    for entries in [1, 2] {
        model(4, move || {
            let map = Arc::new(hash(entries + 1, false).of_buckets(entries));
            put(&map, 1, 10, ANY).unwrap();
            // First in the list, so that a reader passes it.
            put(&map, 2, 20, ANY).unwrap();
            let writer = {
                let map = Arc::clone(&map);
                thread::spawn(move || {
                    delete(&map, 2).unwrap();
                    put(&map, 3, 30, ANY).unwrap();
                })
            };
            assert_eq!(get(&map, 1), Some(10));
            assert_eq!(get(&map, 4), None);
            writer.join().unwrap();
            assert_eq!((get(&map, 2), get(&map, 3), count(&map)), (None, Some(30), 2));
        });
    }
}

#[test]
fn a_key_is_found_while_its_neighbours_are_replaced() {
    model(4, || {
        let map = Arc::new(hash(3, false).of_buckets(1));
        // From the first in the list: 3, 2, 1. A replacement of 1 may use the element that 3 leaves.
        for key in [1, 2, 3] {
            put(&map, key, key * 10, ANY).unwrap();
        }
        let writer = {
            let map = Arc::clone(&map);
            thread::spawn(move || {
                put(&map, 3, 31, ANY).unwrap();
                put(&map, 1, 11, ANY).unwrap();
            })
        };
        assert_eq!(get(&map, 2), Some(20));
        writer.join().unwrap();
        assert_eq!(
            (get(&map, 1), get(&map, 2), get(&map, 3), count(&map)),
            (Some(11), Some(20), Some(31), 3)
        );
    });
}

#[test]
fn one_of_those_who_create_a_key_does_and_one_of_those_who_delete_it() {
    model(4, || {
        let map = Arc::new(hash(2, false));
        let other = {
            let map = Arc::clone(&map);
            thread::spawn(move || (put(&map, 1, 10, NOEXIST), delete(&map, 1)))
        };
        let mine = (put(&map, 1, 11, NOEXIST), delete(&map, 1));
        let other = other.join().unwrap();
        let succeeded =
            |results: [Result<(), Errno>; 2]| results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(succeeded([mine.0, other.0]), succeeded([mine.1, other.1]), "each was deleted once");
        assert_eq!((get(&map, 1), count(&map)), (None, 0));
        // Nothing was lost: there is room for two again, and for no third.
        assert_eq!([1, 2, 3].map(|key| put(&map, key, 0, ANY)), [Ok(()), Ok(()), Err(Errno::E2BIG)]);
    });
}

/// The first key of each bucket.
fn keys_apart<const BUCKETS: usize>() -> [u64; BUCKETS] {
    std::array::from_fn(|bucket| {
        let lies_there = |key: &u64| hash_of(&key.to_le_bytes()) as usize % BUCKETS == bucket;
        (0..).find(lies_there).expect("some key")
    })
}

#[test]
fn there_is_room_for_as_many_entries_as_were_declared() {
    model(3, || {
        // More threads than processors: all of them replace, and none may take what an entry needs.
        let map = Arc::new(hash(3, false));
        let [first, second, third, _] = keys_apart::<4>();
        put(&map, first, 10, ANY).unwrap();
        put(&map, second, 20, ANY).unwrap();
        let replacers: Vec<_> = [first, second]
            .map(|key| {
                let map = Arc::clone(&map);
                thread::spawn(move || put(&map, key, key + 1, ANY).unwrap())
            })
            .into();
        put(&map, third, 30, ANY).unwrap();
        for replacer in replacers {
            replacer.join().unwrap();
        }
        let found = [first, second, third].map(|key| get(&map, key));
        assert_eq!((found, count(&map)), ([Some(first + 1), Some(second + 1), Some(30)], 3));
    });
}

#[test]
fn a_full_lru_map_takes_what_comes_and_never_more_than_it_holds() {
    model(4, || {
        let map = Arc::new(hash(2, true));
        // With the element that the replacement left, none is free.
        for (key, value) in [(1, 10), (2, 20), (1, 11)] {
            put(&map, key, value, ANY).unwrap();
        }
        let other = {
            let map = Arc::clone(&map);
            thread::spawn(move || put(&map, 3, 30, ANY).unwrap())
        };
        put(&map, 4, 40, ANY).unwrap();
        other.join().unwrap();
        assert_eq!(count(&map), 2);
    });
}

#[test]
fn a_record_is_taken_out_whole_or_not_yet() {
    model(4, || {
        let ring = Arc::new(Ring::new(64));
        let producer = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                for (value, discard) in [(7_u64, false), (8, true), (9, false)] {
                    let place = ring.reserve(8).unwrap();
                    place.block.write(place.off, &value.to_le_bytes()).unwrap();
                    assert!(ring.commit(place.addr(), discard));
                }
            })
        };
        let mut records = ring.drain();
        producer.join().unwrap();
        records.extend(ring.drain());
        assert_eq!(records, [7_u64.to_le_bytes().to_vec(), 9_u64.to_le_bytes().to_vec()]);
    });
}

#[test]
fn records_of_two_producers_are_both_taken_out() {
    model(3, || {
        let ring = Arc::new(Ring::new(64));
        let producers: Vec<_> = [7_u64, 8]
            .into_iter()
            .map(|value| {
                let ring = Arc::clone(&ring);
                thread::spawn(move || {
                    let place = ring.reserve(8).unwrap();
                    place.block.write(place.off, &value.to_le_bytes()).unwrap();
                    assert!(ring.commit(place.addr(), false));
                })
            })
            .collect();
        let mut records = ring.drain();
        for producer in producers {
            producer.join().unwrap();
        }
        records.extend(ring.drain());
        records.sort();
        assert_eq!(records, [7_u64, 8].map(|value| value.to_le_bytes().to_vec()));
    });
}

#[test]
fn an_entry_that_is_there_has_its_value() {
    model(4, || {
        let slots = Arc::new(Slots::new(Policy::SOCKETS, 8, 1));
        let writer = {
            let slots = Arc::clone(&slots);
            thread::spawn(move || {
                let key = 0_u32.to_le_bytes();
                slots.update(&key, Value::Bytes(&5_u64.to_le_bytes()), ANY, Side::User).unwrap();
                slots.delete(&key).unwrap();
            })
        };
        let found = slots.lookup(&0_u32.to_le_bytes(), Side::Program(0)).map(|place| place.read_u64());
        assert!(matches!(found, None | Some(5)), "{found:?}");
        writer.join().unwrap();
    });
}
