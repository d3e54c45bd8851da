//! A scenario's file may hold anything: it never panics, and a mistake has a place and a message.

use std::panic::{AssertUnwindSafe, catch_unwind};

use belay_scenario::{End, Library, Options, RunnerKind, read, run};

use crate::root;

/// Mutants of each seed.
const MUTANTS: u64 = 400;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit.max(1) as u64) as usize
    }
}

/// What is shipped, what is documented, and what fails.
fn seeds() -> Vec<String> {
    let file =
        |name: &str| std::fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let page = file("docs/scenarios.md");
    let mut seeds: Vec<String> = crate::examples(&page).into_iter().map(str::to_owned).collect();
    seeds.push(file("crates/belay/tests/scenarios/failing.scenario.toml"));
    // Relative to the root, as the others are.
    for text in crate::shipped() {
        seeds.push(text.replace("../../bpf", "bpf").replace("../captures", "tests/captures"));
    }
    seeds
}

/// One to three changes: words that mean something elsewhere, characters, cuts, repetitions, parts moved.
fn mutate(text: &str, random: &mut Random) -> String {
    const WORDS: &[&str] = &[
        "0",
        "-1",
        "65536",
        "4294967296",
        "18446744073709551615",
        "\"\"",
        "[]",
        "{}",
        "true",
        "none",
        "hex:",
        "/",
        "\"",
        "'",
        "\\",
        "=",
        "ip",
        "tcp",
        "eth",
        "options=hex:00000000",
        "zero:65535",
        "enum:",
        "[[packet]]",
        "[[connect]]",
        "[[sk_msg]]",
        "[[sk_lookup]]",
        "socket = {}",
        "unix:@a",
        "[::]:0",
        "hex:00",
        "[[scenario]]",
        "expect",
        "\u{1f600}",
        "\u{0}",
        "\n",
        "1e999s",
        "frag=8191",
        "ihl=15",
        "doff=0",
        "len=65535",
    ];
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=random.below(3) {
        let at = random.below(chars.len());
        match random.below(5) {
            0 => {
                let word = WORDS[random.below(WORDS.len())];
                chars.splice(at..at, word.chars());
            }
            1 => {
                let end = (at + random.below(24)).min(chars.len());
                chars.drain(at..end);
            }
            2 => {
                let end = (at + random.below(200)).min(chars.len());
                let part = chars[at..end].to_vec();
                let to = random.below(chars.len());
                chars.splice(to..to, part);
            }
            3 => {
                let end = (at + 1).min(chars.len());
                let new = char::from_u32(random.below(0x180) as u32).unwrap_or('x');
                chars.splice(at..end, [new]);
            }
            _ => {
                // A number, or another word, in place of a whole value.
                let end = chars[at..].iter().position(|c| *c == '\n').map_or(chars.len(), |len| at + len);
                let word = WORDS[random.below(WORDS.len())];
                chars.splice(at..end, word.chars());
            }
        }
    }
    chars.into_iter().collect()
}

#[test]
fn mutated_scenarios_never_panic_and_mistakes_have_places() {
    let library = Library::default();
    let mut random = Random(4);
    let file = root().join("mutant.scenario.toml").display().to_string();
    let (mut ran, mut refused) = (0, 0);
    let count = std::env::var("BELAY_MUTANTS").ok().and_then(|n| n.parse().ok()).unwrap_or(MUTANTS);
    for (number, seed) in seeds().iter().enumerate() {
        for mutant in 0..count {
            let text = mutate(seed, &mut random);
            let runner = [RunnerKind::Interpreter, RunnerKind::Checked][random.below(2)];
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let read = read(&file, &text, &library);
                read.into_iter()
                    .map(|scenario| {
                        let options = Options { runner, kernel: false };
                        scenario.map(|scenario| run(&scenario, &library, options).end)
                    })
                    .collect::<Vec<_>>()
            }));
            let Ok(ends) = outcome else { panic!("mutant {mutant} of seed {number} panics:\n{text}") };
            for end in ends {
                let error = match end {
                    Ok(End::Error(error)) | Err(error) => error,
                    Ok(_) => {
                        ran += 1;
                        continue;
                    }
                };
                refused += 1;
                let lines = text.split('\n').count();
                assert!(!error.message.is_empty(), "{text}");
                assert!(error.place.line <= lines && error.place.column > 0, "{error}\n{text}");
            }
        }
    }
    eprintln!("{ran} scenarios ran, {refused} were refused");
    assert!(ran > 500 && refused > 500, "{ran} ran, {refused} refused");
}

#[test]
fn nonsense_is_refused() {
    let library = Library::default();
    for text in ["[".repeat(1 << 20), "a.".repeat(1 << 18), "\"".repeat(1 << 20), "x = [".repeat(1 << 18)] {
        let read = read("nonsense.scenario.toml", &text, &library);
        assert!(matches!(read.as_slice(), [Err(error)] if error.place.line == 1));
    }
}
