//! Belay's verdict for a release against that release's own.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use belay_object::{Object, Options};
use belay_oracle::{Answer, Machine, MachineError, Question, Verdict};
use belay_profile::KernelProfile;
use belay_spec::Release;
use belay_verifier::Kernel;

use crate::sources::Source;

/// An answer of Belay's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ours {
    Accept,
    Reject(String),
    Unsupported(String),
    Panic(String),
}

/// How two answers compare.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Kind {
    Agree,
    FalseAccept,
    FalseReject,
    Unsupported,
    /// The kernel was not asked: a map, a type or a function that it does not have.
    Unjudged,
    Panic,
}

impl Kind {
    pub(crate) const ALL: [(Kind, &str); 6] = [
        (Kind::Agree, "agree"),
        (Kind::FalseAccept, "false accept"),
        (Kind::FalseReject, "false reject"),
        (Kind::Unsupported, "unsupported"),
        (Kind::Unjudged, "not judged"),
        (Kind::Panic, "panic"),
    ];
}

/// One program, judged by both.
pub(crate) struct Case {
    pub(crate) source: String,
    pub(crate) area: String,
    pub(crate) program: String,
    pub(crate) ours: Ours,
    pub(crate) theirs: Answer,
}

impl Case {
    pub(crate) fn kind(&self) -> Kind {
        match (&self.ours, self.theirs.verdict) {
            (_, Verdict::Unjudged) => Kind::Unjudged,
            (Ours::Accept, Verdict::Accept) | (Ours::Reject(_), Verdict::Reject) => Kind::Agree,
            (Ours::Accept, Verdict::Reject) => Kind::FalseAccept,
            (Ours::Reject(_), Verdict::Accept) => Kind::FalseReject,
            (Ours::Unsupported(_), _) => Kind::Unsupported,
            (Ours::Panic(_), _) => Kind::Panic,
        }
    }

    /// Whether both refuse in the same words.
    pub(crate) fn same_words(&self) -> bool {
        matches!(&self.ours, Ours::Reject(words) if *words == self.theirs.reason)
    }

    /// Ours in a line.
    pub(crate) fn ours(&self) -> String {
        match &self.ours {
            Ours::Accept => "accept".to_owned(),
            Ours::Reject(words) => format!("reject: {words}"),
            Ours::Unsupported(what) => format!("unsupported: {what}"),
            Ours::Panic(what) => format!("panic: {what}"),
        }
    }

    /// Theirs in a line.
    pub(crate) fn theirs(&self) -> String {
        match self.theirs.verdict {
            Verdict::Accept => "accept".to_owned(),
            Verdict::Reject => format!("reject: {} ({})", self.theirs.reason, self.theirs.errno),
            Verdict::Unjudged => format!("not judged: {}", self.theirs.reason),
        }
    }
}

/// Asks the machine about every program of the sources, and Belay for the same release.
///
/// # Errors
/// The machine's.
pub(crate) fn compare(machine: &Machine, sources: &[Source]) -> Result<Vec<Case>, MachineError> {
    let release = machine.release();
    let questions: Vec<Question> = sources.iter().map(Source::question).collect();
    // Each area in a boot of its own: what was answered before and is asked again is remembered.
    let mut answers = Vec::new();
    let mut first = 0;
    for batch in sources.chunk_by(|a, b| a.batch == b.batch) {
        let last = first + batch.len();
        let of_batch = machine.ask(questions.get(first..last).unwrap_or_default())?;
        answers.extend(of_batch.into_iter().map(|a| Answer { question: a.question + first, ..a }));
        first = last;
    }
    let mut by_source: BTreeMap<usize, Vec<Answer>> = BTreeMap::new();
    for answer in answers {
        by_source.entry(answer.question).or_default().push(answer);
    }
    let options = KernelProfile::builtin(release).object_options();
    let mut cases = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        for theirs in by_source.remove(&number).unwrap_or_default() {
            let ours = match theirs.verdict {
                Verdict::Unjudged => Ours::Unsupported("not asked".to_owned()),
                _ => belay(source, &theirs.program, release, &options),
            };
            cases.push(Case {
                source: source.name.clone(),
                area: source.area.clone(),
                program: theirs.program.clone(),
                ours,
                theirs,
            });
        }
    }
    Ok(cases)
}

fn belay(source: &Source, program: &str, release: Release, options: &Options) -> Ours {
    let judged = catch_unwind(AssertUnwindSafe(|| {
        let object = Object::parse(&source.path, &source.bytes, options).map_err(|e| e.to_string())?;
        let program = object.programs.iter().find(|p| p.name == program).ok_or("no such program")?;
        let options = belay_verifier::Options {
            kernel: Kernel::BuiltIn(release),
            processors: Some(belay_oracle::PROCESSORS),
            ..Default::default()
        };
        Ok::<_, String>(belay_verifier::verify(&object, program, &options).verdict)
    }));
    match judged {
        Ok(Ok(belay_verifier::Verdict::Accept(_))) => Ours::Accept,
        Ok(Ok(belay_verifier::Verdict::Reject(rejection))) => Ours::Reject(rejection.fault.to_string()),
        Ok(Ok(belay_verifier::Verdict::Unsupported { what, .. })) => Ours::Unsupported(what),
        Ok(Err(why)) => Ours::Unsupported(format!("not read: {why}")),
        Err(_) => Ours::Panic(format!("{} {program}", source.name)),
    }
}

/// How many cases of each kind an area has.
pub(crate) fn count(cases: &[Case]) -> BTreeMap<&str, BTreeMap<Kind, usize>> {
    let mut areas: BTreeMap<&str, BTreeMap<Kind, usize>> = BTreeMap::new();
    for case in cases {
        *areas.entry(&case.area).or_default().entry(case.kind()).or_default() += 1;
    }
    areas
}
