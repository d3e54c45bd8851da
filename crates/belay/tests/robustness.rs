//! Corrupt input never panics: each mutated object, assembly text, socket table, map file and capture ends the command
//! with 0, 1 or 2, and with a message if it is 2.
//!
//! Ten thousand go through the command in this process, some hundreds more through the binary. Mutations come from a
//! fixed seed, so that a failure can be repeated; `BELAY_MUTANTS=N` makes another number of them.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{Cursor, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;

use belay::command::{Exit, Streams, run};

/// Mutants that go through the command in this process.
const MUTANTS: u64 = 10_000;
/// Mutants that go through the binary.
const THROUGH_THE_BINARY: u64 = 300;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// What a mutant is fed to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Object,
    Text,
    Sockets,
    Map,
    Capture,
}

struct Seed {
    kind: Kind,
    name: String,
    bytes: Vec<u8>,
}

/// Small files of every kind: a mutant of a small file is more often still half right.
fn seeds() -> Vec<Seed> {
    let lifetime = |name: &str| (Kind::Object, format!("tests/programs/lifetime/{name}.bpf.o"));
    let golden = |name: &str| (Kind::Text, format!("crates/diagnostics/tests/goldens/{name}.s"));
    let capture = |name: &str| (Kind::Capture, format!("tests/captures/{name}.pcap"));
    let sockets = |name: &str| (Kind::Sockets, format!("tests/captures/{name}.toml"));
    let files = [
        lifetime("correct-tcp"),
        lifetime("correct-tcp-sock"),
        lifetime("correct-sk-lookup-hook"),
        lifetime("correct-release-in-subprogram"),
        lifetime("fault-leak-one-branch"),
        lifetime("fault-tail-call-while-holding"),
        golden("packet-bounds"),
        golden("ringbuf-early-return"),
        golden("leak-in-loop"),
        capture("icmp"),
        capture("odd"),
        sockets("tcp-inbound"),
        sockets("udp"),
        (Kind::Map, "tests/captures/policy.toml".to_owned()),
    ];
    let mut seeds: Vec<Seed> = files
        .into_iter()
        .map(|(kind, name)| {
            let bytes = std::fs::read(root().join(&name)).unwrap_or_else(|e| panic!("{name}: {e}"));
            Seed { kind, name, bytes }
        })
        .collect();
    let mut pcapng = Vec::new();
    pcapng.extend(block(
        0x0a0d_0d0a,
        &[&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat(),
    ));
    pcapng.extend(block(1, &[1, 0, 0, 0, 0, 0, 4, 0]));
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6];
    frame.resize(60, 0);
    let header: Vec<u8> = [0u32, 0, 1_000_000, 60, 60].iter().flat_map(|word| word.to_le_bytes()).collect();
    pcapng.extend(block(6, &[header, frame].concat()));
    seeds.push(Seed { kind: Kind::Capture, name: "a.pcapng".to_owned(), bytes: pcapng });
    seeds
}

/// A block of a pcapng file.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let len = (body.len().next_multiple_of(4) + 12) as u32;
    let mut bytes = [&kind.to_le_bytes()[..], &len.to_le_bytes(), body].concat();
    bytes.resize(len as usize - 4, 0);
    bytes.extend(len.to_le_bytes());
    bytes
}

/// One to three changes: bytes and bits, words with an evil value, cuts, repetitions, parts moved elsewhere.
fn mutate(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    const EVIL: [u64; 8] = [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0xffff_ffff, 0x8000_0000_0000_0000, u64::MAX];
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        match random.below(16) {
            0..=5 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
            6..=8 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.next() as u8;
                }
            }
            9..=12 => {
                let value = EVIL[random.below(EVIL.len())].to_le_bytes();
                let width = [1, 2, 4, 8][random.below(4)];
                for (byte, new) in bytes.iter_mut().skip(at).zip(&value[..width]) {
                    *byte = *new;
                }
            }
            13 if random.below(3) == 0 => bytes.truncate(at),
            14 => {
                let len = random.below(64).min(bytes.len() - at.min(bytes.len()));
                let part = bytes[at..at + len].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, part);
            }
            _ => {
                let end = (at + random.below(16)).min(bytes.len());
                bytes.drain(at.min(end)..end);
            }
        }
        if bytes.is_empty() {
            bytes.push(random.next() as u8);
        }
    }
    bytes
}

/// The command line for a mutant that comes from `-`.
fn command_line(kind: Kind, turn: u64) -> Vec<OsString> {
    let file = |name: &str| root().join(name).display().to_string();
    let object = file("tests/programs/lifetime/correct-tcp.bpf.o");
    let packets = file("tests/captures/icmp.pcap");
    let words: Vec<String> = match (kind, turn % 4) {
        (Kind::Object | Kind::Text, 0) => {
            vec!["verify".into(), "-".into(), "--kernel".into(), "6.1,6.18".into()]
        }
        (Kind::Object | Kind::Text, 1) => {
            vec!["verify".into(), "-".into(), "-v".into(), "--format".into(), "json".into()]
        }
        (Kind::Object | Kind::Text, 2) => vec!["disasm".into(), "-".into()],
        (Kind::Object | Kind::Text, _) => {
            vec!["run".into(), "-".into(), "--packets".into(), packets, "--unverified".into()]
        }
        (Kind::Sockets, _) => {
            vec!["run".into(), object, "--packets".into(), packets, "--sockets".into(), "-".into()]
        }
        (Kind::Map, _) => {
            let object = file("crates/belay/tests/robustness.s");
            vec!["run".into(), object, "--packets".into(), packets, "--map".into(), "policy=-".into()]
        }
        (Kind::Capture, 0) => {
            vec!["run".into(), object, "--packets".into(), "-".into(), "--format".into(), "json".into()]
        }
        (Kind::Capture, _) => vec!["run".into(), object, "--packets".into(), "-".into()],
    };
    std::iter::once("belay".to_owned()).chain(words).map(OsString::from).collect()
}

/// A sink that can be read afterwards.
#[derive(Clone, Default)]
struct Sink(Rc<RefCell<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn ten_thousand_mutants_end_in_an_exit_code_and_a_message() {
    let seeds = seeds();
    let count = std::env::var("BELAY_MUTANTS").ok().and_then(|n| n.parse().ok()).unwrap_or(MUTANTS);
    let mut random = Random(1);
    let mut exits = [0u64; 3];
    for number in 0..count {
        let seed = &seeds[random.below(seeds.len())];
        let bytes = mutate(&seed.bytes, &mut random);
        let (stdout, stderr) = (Sink::default(), Sink::default());
        let mut streams = Streams {
            stdin: Box::new(Cursor::new(bytes.clone())),
            stdout: Box::new(stdout.clone()),
            stderr: Box::new(stderr.clone()),
            colors: false,
        };
        let line = command_line(seed.kind, number);
        let outcome = catch_unwind(AssertUnwindSafe(|| run(line.clone(), &mut streams)));
        let what = || {
            let kept = std::env::temp_dir().join(format!("belay-mutant-{number}"));
            let _ = std::fs::write(&kept, &bytes);
            format!("mutant {number} of {}, kept as {}: {line:?}", seed.name, kept.display())
        };
        let Ok(exit) = outcome else { panic!("panicked: {}", what()) };
        exits[exit as usize] += 1;
        let said = !stderr.0.borrow().is_empty() || !stdout.0.borrow().is_empty();
        assert!(exit != Exit::Error || said, "exit 2 without a word: {}", what());
    }
    eprintln!("{count} mutants: {} times 0, {} times 1, {} times 2", exits[0], exits[1], exits[2]);
    // Mutations that always, or never, break a file would test little.
    assert!(exits.iter().all(|n| *n > count / 200), "{exits:?}");
}

#[test]
fn mutants_do_not_kill_the_binary() {
    let seeds = seeds();
    let mut random = Random(2);
    for number in 0..THROUGH_THE_BINARY {
        let seed = &seeds[random.below(seeds.len())];
        let bytes = mutate(&seed.bytes, &mut random);
        let line = command_line(seed.kind, number);
        let mut child = Command::new(env!("CARGO_BIN_EXE_belay"))
            .args(&line[1..])
            .env_remove("BELAY_FORMAT")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        // It may end before it has read everything.
        let _ = child.stdin.take().expect("stdin").write_all(&bytes);
        let output = child.wait_with_output().expect("the binary ends");
        let code = output.status.code();
        assert!(
            matches!(code, Some(0..=2)),
            "mutant {number} of {}: {:?}, {line:?}",
            seed.name,
            output.status
        );
        let said = !output.stderr.is_empty() || !output.stdout.is_empty();
        assert!(code != Some(2) || said, "mutant {number} of {}: exit 2 without a word", seed.name);
    }
}
