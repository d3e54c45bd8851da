//! The two judges of a random program.

use std::collections::HashMap;
use std::time::Duration;

use belay_linux::{LogLevel, Maps, Verdict as Answer, possible_processors, verify_program};
use belay_object::Object;
use belay_verifier::{Options, Verdict, verify};

use crate::generate::{HOOKS, MAPS};
use crate::runs::{self, Runs};
use crate::shrink;

/// Belay must be done by then with any program, on a machine that does other things, too.
const LIMIT: Duration = Duration::from_secs(60);

/// What the two say of one program.
pub(crate) struct Opinions {
    pub(crate) belay: String,
    pub(crate) kernel: String,
    /// What went wrong in a run of an accepted program, or that the verdict took too long.
    pub(crate) trouble: Option<String>,
}

impl Opinions {
    /// The verdicts alone, where both have one.
    pub(crate) fn differ(&self) -> bool {
        let word = |text: &str| text.split(':').next().unwrap_or_default().to_string();
        word(&self.belay) != "unsupported" && word(&self.belay) != word(&self.kernel)
    }

    pub(crate) fn is_false_accept(&self) -> bool {
        self.differ() && self.belay.starts_with("accept")
    }
}

/// Belay and the running kernel, which keeps the maps that every random program has: to make them takes longer than to
/// verify one. An array of programs takes those of one hook, so each hook has its own.
pub(crate) struct Judges {
    maps: HashMap<String, Maps>,
    /// The kernel's release, and the machine's processors.
    options: Options,
}

impl Judges {
    pub(crate) fn new() -> Judges {
        let maps = |(section, _): &(&str, Option<(i32, i32)>)| {
            let text = format!(".license GPL\n{MAPS}.section {section}\nmain:\n    r0 = 0\n    exit\n");
            let maps = Maps::create(&object(&text).expect("a program").maps).expect("small maps");
            ((*section).to_string(), maps)
        };
        let options = Options { processors: possible_processors(), ..Options::default() };
        Judges { maps: HOOKS.iter().map(maps).collect(), options }
    }

    /// Asks both, and runs what Belay accepts; `None` if the text is no program.
    pub(crate) fn opinions(&self, text: &str, runs: Runs) -> Option<Opinions> {
        let object = object(text)?;
        let program = object.programs.first()?;
        let judgement = verify(&object, program, &self.options);
        let mut trouble = (judgement.time > LIMIT).then(|| format!("took {:?}", judgement.time));
        let belay = match judgement.verdict {
            Verdict::Accept(verified) => {
                trouble = trouble.or_else(|| runs::trouble(&verified, runs));
                "accept".to_string()
            }
            Verdict::Reject(rejection) => {
                format!("reject: {} at {}: {}", rejection.code, rejection.pc, rejection.fault)
            }
            Verdict::Unsupported { what, .. } => format!("unsupported: {what}"),
        };
        let kernel =
            match verify_program(&object, program, self.maps.get(&program.section)?, None, LogLevel::Stats) {
                Answer::Accept(_) => "accept".to_string(),
                Answer::Reject(rejected) if rejected.reason().is_empty() => {
                    format!("reject: {}", rejected.errno)
                }
                Answer::Reject(rejected) => format!("reject: {}", rejected.reason()),
                Answer::Unjudged(why) => format!("unjudged: {why}"),
            };
        Some(Opinions { belay, kernel, trouble })
    }

    /// Takes lines away as long as the two still differ the same way.
    pub(crate) fn shrink(&self, text: &str) -> String {
        let false_accept = self.opinions(text, Runs::Clean).is_some_and(|o| o.is_false_accept());
        let is_instruction = |line: &str| line.starts_with("    ");
        shrink::fewer_lines(text, is_instruction, |fewer| {
            self.opinions(fewer, Runs::Clean)
                .is_some_and(|o| o.differ() && o.is_false_accept() == false_accept)
        })
    }
}

fn object(text: &str) -> Option<Object> {
    Object::parse("random.s", text.as_bytes(), &belay_object::Options::default()).ok()
}
