//! Random operations of programs and of user space, with every flag.

use crate::harness::{Bench, By, Step, possible_cpus};

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// A map, how many keys are tried, and how a key and a value are made of a number.
struct Case {
    map: &'static str,
    keys: u64,
    key: fn(u64) -> Vec<u8>,
    value: fn(&mut Random) -> Vec<u8>,
    user: &'static [By],
}

const KEYED: &[By] = &[By::Lookup, By::Update, By::Delete, By::Take];

fn index(number: u64) -> Vec<u8> {
    (number as u32).to_le_bytes().to_vec()
}

fn eight(random: &mut Random) -> Vec<u8> {
    random.bytes(8)
}

fn odd(number: u64) -> Vec<u8> {
    [&number.to_le_bytes()[..], b"abc"].concat()
}

fn prefix(number: u64) -> Vec<u8> {
    // Lengths beyond the address, too.
    let length = [0_u32, 1, 8, 9, 16, 24, 31, 32, 33][number as usize % 9];
    let address = [10, (number >> 1) as u8 & 1, (number >> 2) as u8 & 128, number as u8 & 3];
    [length.to_le_bytes(), address].concat()
}

fn none(_: u64) -> Vec<u8> {
    Vec::new()
}

fn few(random: &mut Random) -> Vec<u8> {
    vec![random.below(20) as u8; 12]
}

fn ifindex(random: &mut Random) -> Vec<u8> {
    (random.below(2) as u32).to_le_bytes().to_vec()
}

fn queue_length(random: &mut Random) -> Vec<u8> {
    random.one_of(&[0_u32, 1, 64, 16_384, 16_385]).to_le_bytes().to_vec()
}

/// Runs a case; how often each answer was given, without values.
fn run(test: &str, case: &Case, steps: usize) {
    let Some(mut bench) = Bench::new(test, case.map) else { return };
    let calls = bench.calls();
    let value_size = (case.value)(&mut Random(0)).len();
    let per_cpu = case.map.contains("percpu");
    let mut random = Random(0x5eed ^ case.map.len() as u64);
    let (mut good, mut bad) = (0, 0);
    for _ in 0..steps {
        let by_program = !calls.is_empty() && random.below(3) > 0;
        let by = if by_program { By::Program(random.one_of(&calls)) } else { random.one_of(case.user) };
        let mut value = (case.value)(&mut random);
        if per_cpu && !by_program {
            value.resize(value_size.next_multiple_of(8), 0);
            value = (0..possible_cpus()).flat_map(|cpu| value.iter().map(move |b| b ^ cpu as u8)).collect();
            // What pads a value is not kept.
            for one in value.chunks_mut(value_size.next_multiple_of(8)) {
                one[value_size..].fill(0);
            }
        }
        // Odd ones now and then; for a lookup of another CPU's value it is the CPU.
        let flags = random.one_of(&[0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 8, 1 << 32]);
        let step = Step { by, key: (case.key)(random.below(case.keys)), value, flags };
        match bench.step(&step) {
            Ok(_) => good += 1,
            Err(_) => bad += 1,
        }
        if random.below(50) == 0 {
            bench.compare_entries();
        }
    }
    bench.compare_entries();
    assert!(good * 10 > steps && bad * 20 > steps, "{}: {good} went well, {bad} did not", case.map);
}

#[test]
fn arrays_and_hashes() {
    let cases = [
        ("kind=array key=4 value=8 entries=5", 7, index as fn(u64) -> Vec<u8>),
        ("kind=percpu_array key=4 value=8 entries=5", 7, index),
        ("kind=hash key=4 value=8 entries=5", 9, index),
        ("kind=hash key=4 value=8 entries=5 flags=1", 9, index),
        ("kind=hash key=11 value=8 entries=5", 9, odd),
        ("kind=percpu_hash key=4 value=8 entries=5", 9, index),
        ("kind=percpu_hash key=11 value=8 entries=5 flags=1", 9, odd),
        ("kind=lru_hash key=4 value=8 entries=4000", 9, index),
        ("kind=lru_percpu_hash key=4 value=8 entries=4000", 9, index),
    ];
    for (map, keys, key) in cases {
        run("arrays_and_hashes", &Case { map, keys, key, value: eight, user: KEYED }, 600);
    }
}

#[test]
fn values_of_odd_sizes() {
    let value = |random: &mut Random| random.bytes(13);
    for map in [
        "kind=array key=4 value=13 entries=5",
        "kind=hash key=4 value=13 entries=5",
        "kind=percpu_array key=4 value=13 entries=5",
        "kind=percpu_hash key=4 value=13 entries=5",
    ] {
        run("values_of_odd_sizes", &Case { map, keys: 8, key: index, value, user: KEYED }, 300);
    }
}

#[test]
fn values_with_locks() {
    // What stands where the lock is does not get into the map; an update may ask for the lock.
    let value = |random: &mut Random| random.bytes(16);
    for map in [
        "kind=array key=4 value=16 entries=5 fields=8:bpf_spin_lock",
        "kind=hash key=4 value=16 entries=5 fields=4:bpf_spin_lock",
        "kind=hash key=4 value=16 entries=5 flags=1 fields=0:bpf_spin_lock",
    ] {
        run("values_with_locks", &Case { map, keys: 8, key: index, value, user: KEYED }, 600);
    }
}

#[test]
fn prefixes() {
    let map = "kind=lpm_trie key=8 value=8 entries=6 flags=1";
    run("prefixes", &Case { map, keys: 72, key: prefix, value: eight, user: KEYED }, 1500);
}

#[test]
fn queues_and_stacks() {
    for map in [
        "kind=queue value=12 entries=3",
        "kind=stack value=12 entries=3",
        "kind=queue value=12 entries=1",
        "kind=stack value=12 entries=1",
    ] {
        let value = |random: &mut Random| random.bytes(12);
        run("queues_and_stacks", &Case { map, keys: 1, key: none, value, user: KEYED }, 1000);
    }
}

#[test]
fn filters() {
    // So many bits that another hash gives the same answers.
    for map in
        ["kind=bloom_filter value=12 entries=100000", "kind=bloom_filter value=12 entries=100000 extra=3"]
    {
        let user = &[By::Contains, By::Update, By::Delete, By::Take];
        run("filters", &Case { map, keys: 1, key: none, value: few, user }, 400);
    }
}

#[test]
fn devices_and_cpus() {
    let cases = [
        ("kind=devmap key=4 value=4 entries=3", ifindex as fn(&mut Random) -> Vec<u8>),
        ("kind=devmap_hash key=4 value=4 entries=3", ifindex),
        ("kind=cpumap key=4 value=4 entries=9", queue_length),
    ];
    for (map, value) in cases {
        run("devices_and_cpus", &Case { map, keys: 10, key: index, value, user: KEYED }, 300);
    }
}
