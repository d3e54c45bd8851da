//! Random programs, judged by Belay and by the running kernel: never a different verdict. What is accepted runs on both
//! runners: never a fault, never a leak, never a different result.
//!
//! `BELAY_PROGRAMS=N` asks for N programs (default 3,000), `BELAY_SEED=S` starts elsewhere. A program on which the two
//! differ is shrunk, line by line, as far as they still differ, and printed with both answers: it makes a golden test.

mod generate;
mod random;
mod runs;

use std::collections::BTreeMap;
use std::fmt::Write;

use belay_linux::{Kernel, LogLevel, Verdict as Answer, verify_programs};
use belay_object::Object;
use belay_verifier::{Options, Verdict, verify};

use random::Random;
use runs::Runs;

/// How often an accepted program is asked about again, each time with one thing amiss.
const NEAR_MISSES: usize = 8;

/// What the two say of one program.
struct Opinions {
    belay: String,
    kernel: String,
    /// What went wrong in a run of an accepted program.
    run: Option<String>,
}

impl Opinions {
    /// The verdicts alone, where both have one.
    fn differ(&self) -> bool {
        let word = |text: &str| text.split(':').next().unwrap_or_default().to_string();
        word(&self.belay) != "unsupported" && word(&self.belay) != word(&self.kernel)
    }

    fn is_false_accept(&self) -> bool {
        self.differ() && self.belay.starts_with("accept")
    }
}

/// Asks both, and runs what Belay accepts; `None` if the text is no program.
fn opinions(text: &str, runs: Runs) -> Option<Opinions> {
    let object = Object::parse("random.s", text.as_bytes(), &belay_object::Options::default()).ok()?;
    let program = object.programs.first()?;
    let mut run = None;
    let belay = match verify(&object, program, &Options::default()).verdict {
        Verdict::Accept(verified) => {
            run = runs::trouble(&verified, runs);
            "accept".to_string()
        }
        Verdict::Reject(rejection) => {
            format!("reject: {} at {}: {}", rejection.code, rejection.pc, rejection.fault)
        }
        Verdict::Unsupported { what, .. } => format!("unsupported: {what}"),
    };
    let mut loaded = verify_programs(&object, LogLevel::Stats, |p| p.name == program.name).ok()?;
    let kernel = match loaded.programs.pop()?.verdict {
        Answer::Accept(_) => "accept".to_string(),
        Answer::Reject(rejected) => format!("reject: {}", rejected.reason()),
        Answer::Unjudged(why) => format!("unjudged: {why}"),
    };
    Some(Opinions { belay, kernel, run })
}

/// Takes lines away as long as the two still differ the same way.
fn shrink(text: &str) -> String {
    let false_accept = opinions(text, Runs::Clean).is_some_and(|o| o.is_false_accept());
    let mut lines: Vec<&str> = text.lines().collect();
    let mut again = true;
    while again {
        again = false;
        for at in (0..lines.len()).rev() {
            if lines[at].trim_start().starts_with(['.', 'l']) || lines[at].ends_with(':') {
                continue;
            }
            let mut fewer = lines.clone();
            fewer.remove(at);
            let still = opinions(&fewer.join("\n"), Runs::Clean)
                .is_some_and(|o| o.differ() && o.is_false_accept() == false_accept);
            if still {
                lines = fewer;
                again = true;
            }
        }
    }
    lines.join("\n")
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

#[test]
fn belay_and_the_kernel_never_differ() {
    if Kernel::for_test("the differential test of verdicts").is_none() {
        return;
    }
    let (programs, seed) = (setting("BELAY_PROGRAMS", 3000), setting("BELAY_SEED", 1));
    let (mut accepted, mut rejected, mut unsupported, mut different) = (0, 0, 0, 0);
    let mut report = String::new();
    let mut codes = BTreeMap::<String, u64>::new();
    for number in seed..seed + programs {
        let mut random = Random::new(number);
        let text = generate::program(&mut random);
        let first =
            opinions(&text, Runs::Equal).unwrap_or_else(|| panic!("seed {number} gives no program:\n{text}"));
        // A random program that is wrong is wrong in many ways. One thing amiss in a right one shows whether the rule that
        // it breaks is there.
        let near: Vec<String> = match first.belay.as_str() {
            "accept" => (0..NEAR_MISSES).map(|_| generate::amiss(&mut random, &text)).collect(),
            _ => Vec::new(),
        };
        let near = near.iter().filter_map(|text| Some((text.as_str(), opinions(text, Runs::Clean)?)));
        for (text, opinions) in std::iter::once((text.as_str(), first)).chain(near) {
            match opinions.belay.split(':').next() {
                Some("accept") => accepted += 1,
                Some("reject") => {
                    rejected += 1;
                    let code = opinions.belay.split_whitespace().nth(1).unwrap_or_default();
                    *codes.entry(code.to_string()).or_default() += 1;
                }
                _ => unsupported += 1,
            }
            if let Some(trouble) = &opinions.run {
                different += 1;
                let _ = writeln!(report, "--- seed {number}\nrun: {trouble}\n{text}");
            }
            if opinions.differ() {
                different += 1;
                if different <= 5 {
                    let (belay, kernel) = (&opinions.belay, &opinions.kernel);
                    let small = shrink(text);
                    let _ = writeln!(report, "--- seed {number}\nbelay:  {belay}\nkernel: {kernel}\n{small}");
                }
            }
        }
    }
    println!("{programs} programs from seed {seed}:");
    println!("{accepted} accepted, {rejected} rejected, {unsupported} unsupported; rejected for {codes:?}");
    assert_eq!(different, 0, "{different} differences\n{report}");
    let often = |count: u64| programs < 1000 || count * 10 >= programs;
    assert!(often(accepted) && often(rejected), "both verdicts must come up often");
}
