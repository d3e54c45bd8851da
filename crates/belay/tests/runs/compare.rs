//! One case everywhere.

use std::fmt;
use std::time::{Duration, Instant};

use belay_verifier::{Footing, Verified};

use crate::case::{Case, Input, Outcome};
use crate::kernel;
use crate::ours::{self, Judged, Processor, RUNNERS, Ran, judge};
use crate::shrink;

/// How long a case is shrunk at most.
const SHRINKING: Duration = Duration::from_secs(20);

/// What differs.
#[derive(Clone)]
pub(crate) struct Finding {
    /// Where: a runner, or `verdict`.
    pub(crate) runner: &'static str,
    /// What, such as `packet`; it stays the same while the case is shrunk.
    pub(crate) what: String,
    pub(crate) how: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}: {}", self.runner, self.what, self.how)
    }
}

/// What came of comparing.
pub(crate) enum Compared {
    Same {
        runs: u64,
    },
    /// By both.
    Rejected(String),
    Unsupported(String),
    Different(Finding),
}

pub(crate) fn compare(case: &Case, processor: Processor) -> Compared {
    let different = |runner: &'static str, what: &str, how: String| {
        Compared::Different(Finding { runner, what: what.to_owned(), how })
    };
    let Some(object) = case.object() else { return different("text", "text", "it is no program".to_owned()) };
    let loaded = kernel::load(&object);
    let proofs = match (judge(&object), &loaded) {
        (Judged::Unsupported(what), _) => return Compared::Unsupported(what),
        (Judged::Rejected(why), Ok(_)) if is_given_up(&why) => {
            return Compared::Rejected(format!("only Belay gives up: {}", given_up(&why)));
        }
        (Judged::Rejected(why), Ok(_)) => return different("verdict", "false reject", why),
        (Judged::Rejected(_), Err(why)) => return Compared::Rejected(why.clone()),
        (Judged::Accepted(_), Err(why)) if is_given_up(why) => {
            return Compared::Rejected(format!("only the kernel gives up: {}", given_up(why)));
        }
        (Judged::Accepted(_), Err(why)) => return different("verdict", "false accept", why.clone()),
        (Judged::Accepted(proofs), Ok(_)) => proofs,
    };
    // What passes by a fault of its verifier Linux may run otherwise than it is written, and unsafely.
    let misjudged = proofs.iter().map(Verified::footing).find(|footing| *footing != Footing::Sound);
    let mut expected = match misjudged {
        Some(Footing::Unproved(_)) => {
            return Compared::Rejected("only by a fault of its own does the kernel accept".to_owned());
        }
        Some(_) => None,
        None => match loaded.and_then(|loaded| kernel::run(case, &loaded)) {
            Ok(outcome) => Some(outcome),
            Err(why) => return different("kernel", "run", why),
        },
    };
    // The checked interpreter first: what it has nothing to say against means the same everywhere.
    for (name, run) in RUNNERS {
        match run(case, &proofs, processor) {
            Ran::Unsupported(what) => return Compared::Unsupported(what),
            Ran::Trouble(how) => return different(name, "trouble", how),
            Ran::Through(outcome) => match &expected {
                Some(expected) => {
                    if let Some((what, how)) = outcome.difference(expected) {
                        return different(name, &what, how);
                    }
                }
                None => expected = Some(outcome),
            },
        }
    }
    Compared::Same { runs: case.inputs.len() as u64 }
}

/// How a verifier gives up that has walked too much, or that met a mistake of its own: where it does is the affair of the
/// differential test of verdicts. These are counted.
const GIVEN_UP: [&str; 3] = ["too complex", "too large", "verifier bug"];

fn is_given_up(why: &str) -> bool {
    GIVEN_UP.iter().any(|words| why.contains(words))
}

/// Which of these it is.
fn given_up(why: &str) -> &'static str {
    GIVEN_UP.into_iter().find(|words| why.contains(words)).unwrap_or_default()
}

/// What the kernel makes of a case.
pub(crate) fn in_kernel(case: &Case) -> Result<Outcome, String> {
    let object = case.object().ok_or("it is no program")?;
    kernel::run(case, &kernel::load(&object)?)
}

/// The smallest case in which the same runner still differs, and how.
pub(crate) fn shrink(case: &Case, finding: &Finding, processor: Processor) -> (Case, Finding) {
    let started = Instant::now();
    let still = |case: &Case| {
        if started.elapsed() > SHRINKING || !worth_asking(case, finding, processor) {
            return None;
        }
        match compare(case, processor) {
            Compared::Different(found) => {
                ((found.runner, &found.what) == (finding.runner, &finding.what)).then_some(found)
            }
            _ => None,
        }
    };
    let mut small = case.clone();
    let alone = |input: &Input| Case { inputs: vec![input.clone()], ..case.clone() };
    if let Some(one) = case.inputs.iter().map(alone).find(|one| still(one).is_some()) {
        small = one;
    }
    small.text = shrink::fewer_lines(
        &small.text,
        |_| true,
        |text| still(&Case { text: text.to_owned(), ..small.clone() }).is_some(),
    );
    for at in (0..small.inputs.len()).rev() {
        let mut fewer = small.clone();
        fewer.inputs.remove(at);
        if still(&fewer).is_some() {
            small = fewer;
        }
    }
    for unused in [Vec::new(), small.fills.clone()] {
        let emptier = Case { fills: unused, ..small.clone() };
        if still(&emptier).is_some() {
            small = emptier;
            break;
        }
    }
    let found = match compare(&small, processor) {
        Compared::Different(found) => found,
        _ => finding.clone(),
    };
    (small, found)
}

/// Whether a shorter case may show the same, as far as can be said without the kernel: Belay accepts it, and it does not
/// use a pointer as a number, which is another one each time.
fn worth_asking(case: &Case, finding: &Finding, processor: Processor) -> bool {
    let Some(object) = case.object() else { return false };
    match judge(&object) {
        Judged::Accepted(proofs) => ours::is_stable(case, &proofs, processor),
        Judged::Rejected(_) => finding.runner == "verdict",
        Judged::Unsupported(_) => false,
    }
}
