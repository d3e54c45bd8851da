//! What a full LRU map forgets. Linux promises no order, so what is compared are properties, here and in the kernel.

use belay_linux::Exist;
use belay_object::MapDef;
use belay_spec::MapKind;
use belay_vm::{ANY, MapLimits, Maps};

use crate::harness::possible_cpus;

/// A map of either side.
trait Lru {
    fn set(&self, key: u32);
    fn has(&self, key: u32) -> bool;
}

impl Lru for belay_linux::Map {
    fn set(&self, key: u32) {
        let value = vec![0; self.lookup(&key.to_le_bytes()).expect("readable").map_or(8, |v| v.len())];
        self.update(&key.to_le_bytes(), &value, Exist::Any).expect("a full map makes room");
    }

    fn has(&self, key: u32) -> bool {
        self.lookup(&key.to_le_bytes()).expect("readable").is_some()
    }
}

impl Lru for belay_vm::Map {
    fn set(&self, key: u32) {
        self.update(&key.to_le_bytes(), &[0; 8], ANY).expect("a full map makes room");
    }

    fn has(&self, key: u32) -> bool {
        self.lookup(&key.to_le_bytes()).expect("readable").is_some()
    }
}

/// Fills a map over and over; what must hold of every LRU map.
fn check(who: &str, map: &dyn Lru, entries: u32) {
    for key in 0..10 * entries {
        map.set(key);
        assert!(map.has(key), "{who}: {key} is there after it was set");
    }
    let there = |keys: std::ops::Range<u32>| keys.filter(|key| map.has(*key)).count() as u32;
    let all = there(0..10 * entries);
    assert!(all <= entries, "{who}: {all} of at most {entries}");
    assert!(all >= entries / 4, "{who}: {all} of {entries}: not too many were forgotten");
    let old = there(0..5 * entries);
    assert_eq!(old, 0, "{who}: none of the first half is left");
    let newest = there(10 * entries - entries / 8..10 * entries);
    assert_eq!(newest, entries / 8, "{who}: the newest are all there");
}

/// Keeps the thread on its processor: Linux has lists of each, and on those of another one old entries would be left.
fn stay_here() {
    let mut set = rustix::thread::CpuSet::new();
    set.set(rustix::thread::sched_getcpu());
    rustix::thread::sched_setaffinity(None, &set).expect("a processor of this machine");
}

#[test]
fn full_maps_forget_the_old() {
    if belay_linux::Kernel::for_test("full_maps_forget_the_old").is_none() {
        return;
    }
    stay_here();
    for (entries, flags) in [(512, 0), (1024, 0), (4096, 0), (1024, 2)] {
        let mut def = MapDef::new("m", MapKind::LRU_HASH, 4, 8, entries);
        def.flags = flags;
        let theirs = belay_linux::Map::create(&def).expect("the kernel makes it");
        let limits = MapLimits { cpus: possible_cpus(), ..MapLimits::default() };
        let ours = Maps::within(std::slice::from_ref(&def), limits).expect("made");
        check("here", ours.by_name("m").expect("there"), entries);
        check("the kernel", &theirs, entries);
    }
}
