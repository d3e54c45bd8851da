//! The two judges: Belay and the running kernel.

use std::fmt;

use belay_linux::{LogLevel, Stats, possible_processors, reason, verify_programs};
use belay_object::{Object, Program};
use belay_spec::Release;

use crate::expect::Verdict;

/// What a judge says of a program.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Accept,
    /// The code is Belay's, empty where the kernel answers; the log is the kernel's, or the last line that Belay gives it.
    Reject {
        code: String,
        log: String,
    },
    /// Not judged, and why.
    Unsupported(String),
}

impl Answer {
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        match self {
            Answer::Accept => Some(Verdict::Accept),
            Answer::Reject { .. } => Some(Verdict::Reject),
            Answer::Unsupported(_) => None,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Accept => f.write_str("accept"),
            Answer::Reject { code, log } if code.is_empty() => write!(f, "reject: {}", reason(log)),
            Answer::Reject { code, log } => write!(f, "reject {code}: {}", reason(log)),
            Answer::Unsupported(what) => write!(f, "unsupported: {what}"),
        }
    }
}

/// Instructions walked and states kept for a verdict.
pub(crate) type Counts = (u64, u64);

/// Belay's verdict under the rules of Linux 6.18, and what it took.
pub(crate) fn belay(object: &Object, program: &Program) -> (Answer, Counts) {
    let processors = possible_processors();
    let options = belay_verifier::Options { processors, ..belay_verifier::Options::from(Release::V6_18) };
    let judged = belay_verifier::verify(object, program, &options);
    let answer = match judged.verdict {
        belay_verifier::Verdict::Accept(_) => Answer::Accept,
        belay_verifier::Verdict::Reject(rejection) => {
            Answer::Reject { code: rejection.code.to_string(), log: rejection.fault.to_string() }
        }
        belay_verifier::Verdict::Unsupported { what, .. } => Answer::Unsupported(what),
    };
    (answer, (judged.stats.insns_processed, judged.stats.states))
}

/// The running kernel's verdict on this program alone, and what it took unless it was refused before the walk.
pub(crate) fn kernel(object: &Object, program: &Program) -> (Answer, Option<Counts>) {
    let loaded = match verify_programs(object, LogLevel::Stats, |p| p.name == program.name) {
        Ok(loaded) => loaded,
        Err(error) => return (Answer::Unsupported(error.to_string()), None),
    };
    let counts = |stats: Option<Stats>| stats.map(|stats| (stats.insns_processed, stats.total_states));
    match loaded.programs.first().map(|p| &p.verdict) {
        Some(belay_linux::Verdict::Accept(loaded)) => (Answer::Accept, counts(loaded.stats)),
        Some(belay_linux::Verdict::Reject(rejected)) => {
            let log = if rejected.log.is_empty() { rejected.errno.to_string() } else { rejected.log.clone() };
            (Answer::Reject { code: String::new(), log }, counts(rejected.stats))
        }
        Some(belay_linux::Verdict::Unjudged(why)) => (Answer::Unsupported(why.clone()), None),
        None => (Answer::Unsupported("no such program".to_string()), None),
    }
}
