//! Corrupt input never panics, and costs little: thousands of objects, each with a few bytes changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use belay_object::{KernelBtf, Object, Options};

/// xorshift64*: the same mutations in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 32).expect("32 bits") % limit.max(1)
    }
}

/// Changes `bytes`: single bits, whole words of a telling value, moved blocks, a cut end.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    const TELLING: [u32; 8] = [0, 1, u32::MAX, 0x7fff_ffff, 0x8000_0000, 0xffff, 8, 0x1000_0000];
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len());
        match random.below(8) {
            0..3 => bytes[at] ^= 1 << random.below(8),
            3 => bytes[at] = random.next() as u8,
            4 | 5 => {
                let at = at & !3;
                let word = TELLING[random.below(TELLING.len())].to_le_bytes();
                if let Some(place) = bytes.get_mut(at..at + 4) {
                    place.copy_from_slice(&word);
                }
            }
            6 => {
                let (len, from) = (random.below(64), random.below(bytes.len()));
                let block: Vec<u8> = bytes.iter().copied().skip(from).take(len).collect();
                for (place, byte) in bytes.iter_mut().skip(at).zip(block) {
                    *place = byte;
                }
            }
            _ => {
                if random.below(16) == 0 {
                    bytes.truncate(at.max(1));
                }
            }
        }
    }
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn options() -> Options {
    let path = data("core_kernel.bpf.o");
    let bytes = std::fs::read(&path).expect("committed");
    let given = Options { kernel_config: Some(String::new()), kernel_version: Some(0), ..Options::default() };
    let types: Option<Arc<_>> = Object::parse("kernel", &bytes, &given).expect("parses").btf;
    let kernel_btf = types.map(KernelBtf::from);
    assert!(kernel_btf.is_some());
    Options { kernel_btf, ..given }
}

#[test]
fn ten_thousand_mutated_objects_give_an_object_or_an_error() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (options, start) = (options(), Instant::now());
    let (mut parsed, mut refused, mut slowest) = (0, 0, Duration::ZERO);
    for name in ["features.bpf.o", "core.bpf.o", "legacy.bpf.o", "sections.bpf.o"] {
        let original = std::fs::read(data(name)).expect("committed");
        for _ in 0..2_500 {
            let mut bytes = original.clone();
            mutate(&mut bytes, &mut random);
            let begin = Instant::now();
            match Object::parse(name, &bytes, &options) {
                Ok(object) => {
                    parsed += 1;
                    let slots: usize = object.programs.iter().map(|p| p.slots.len()).sum();
                    assert!(slots <= 2_000_000, "{slots} slots of {} bytes", bytes.len());
                    for program in &object.programs {
                        let len: u32 = program.subprograms.iter().map(|s| s.len).sum();
                        assert_eq!(len as usize, program.slots.len(), "subprograms cover the program");
                    }
                }
                Err(error) => {
                    refused += 1;
                    let message = error.to_string();
                    assert!(message.starts_with(name) && message.len() > name.len() + 2, "{message}");
                }
            }
            slowest = slowest.max(begin.elapsed());
        }
    }
    // Mutations that only ever break the header, or never anything, would test nothing.
    assert!(parsed > 2_000 && refused > 2_000, "{parsed} parsed, {refused} refused");
    assert!(slowest < Duration::from_secs(2), "one object took {slowest:?}");
    eprintln!("{parsed} parsed, {refused} refused, slowest {slowest:?}, all {:?}", start.elapsed());
}

#[test]
fn every_cut_of_an_object_gives_an_object_or_an_error() {
    let (options, bytes) = (options(), std::fs::read(data("features.bpf.o")).expect("committed"));
    for len in 0..bytes.len() {
        let _ = Object::parse("cut.o", &bytes[..len], &options);
    }
    assert!(Object::parse("cut.o", &bytes, &options).is_ok());
}

#[test]
fn mutated_text_gives_an_object_or_an_error() {
    let text = b".license GPL\n.map m kind=hash key=4 value=8 entries=1\n.data d bytes=00ff size=8 frozen\n\
        .extern k kfunc\n.hook xdp\n.prog p\nr1 = m ll\nr2 = d+4 ll\ncall f\ncall k\nexit\n.func f\nr0 = 0\nexit\n";
    let (options, mut random, mut parsed) = (options(), Random(7), 0);
    for _ in 0..5_000 {
        let mut bytes = text.to_vec();
        mutate(&mut bytes, &mut random);
        parsed += usize::from(Object::parse("t.s", &bytes, &options).is_ok());
    }
    assert!(parsed > 100, "{parsed} parsed");
}

/// The section headers of an object: where each starts.
fn section_headers(bytes: &[u8]) -> Vec<usize> {
    let number = |at: usize, len: usize| {
        bytes[at..at + len].iter().rev().fold(0_usize, |n, &b| n << 8 | usize::from(b))
    };
    let (table, count) = (number(0x28, 8), number(0x3c, 2));
    (0..count).map(|i| table + 64 * i).collect()
}

#[test]
fn two_gigabytes_are_only_a_number() {
    const NOBITS: u8 = 8;
    let original = std::fs::read(data("features.bpf.o")).expect("committed");
    let headers = section_headers(&original);
    let bss = headers.into_iter().find(|&at| original[at + 4] == NOBITS).expect("has a .bss");
    let with_size = |size: u64| {
        let mut bytes = original.clone();
        bytes[bss + 32..bss + 40].copy_from_slice(&size.to_le_bytes());
        Object::parse("large.o", &bytes, &options())
    };
    let object = with_size(0x7fff_ffff).expect("parses");
    let map = object.maps.iter().find(|m| m.name == ".bss").expect("has a .bss");
    assert_eq!((map.value_size, map.contents.is_none()), (0x7fff_ffff, true));
    let error = with_size(1 << 31).expect_err("no map's value is that large").to_string();
    assert_eq!(error, "large.o: section `.bss`: 2147483648 bytes do not fit in a map's value");
}

#[test]
fn sections_that_share_bytes_are_refused() {
    let mut bytes = std::fs::read(data("features.bpf.o")).expect("committed");
    let headers = section_headers(&bytes);
    // Every section claims the whole file.
    let len = bytes.len() as u64;
    for at in headers.into_iter().skip(1) {
        bytes[at + 24..at + 32].copy_from_slice(&0_u64.to_le_bytes());
        bytes[at + 32..at + 40].copy_from_slice(&len.to_le_bytes());
    }
    let error = Object::parse("overlap.o", &bytes, &options()).expect_err("refused").to_string();
    assert!(error.starts_with("overlap.o: "), "{error}");
}
