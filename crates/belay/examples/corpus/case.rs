//! One program, what Linux says of it and what the judge says.

use crate::record::Record;

/// What the judge says.
#[derive(Clone)]
pub(crate) enum Answer {
    Accept,
    Reject {
        code: String,
        message: String,
    },
    Unsupported(String),
    /// The object, or the program in it, cannot be read.
    Broken(String),
    Panic(String),
}

/// An answer, compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Agree,
    FalseAccept,
    FalseReject,
    Unsupported,
    Broken,
    Panic,
}

pub(crate) const KINDS: [(Kind, &str); 6] = [
    (Kind::Agree, "agree"),
    (Kind::FalseAccept, "false-accept"),
    (Kind::FalseReject, "false-reject"),
    (Kind::Unsupported, "unsupported"),
    (Kind::Broken, "broken"),
    (Kind::Panic, "panic"),
];

pub(crate) struct Case {
    pub(crate) record: Record,
    pub(crate) answer: Answer,
    pub(crate) areas: Vec<&'static str>,
    /// How long the judge took.
    pub(crate) ns: u64,
    /// What it walked.
    pub(crate) counts: Option<Counts>,
}

/// Instructions walked and states kept for a verdict.
pub(crate) type Counts = (u64, u64);

impl Case {
    pub(crate) fn kind(&self) -> Kind {
        match (&self.answer, self.record.verdict.as_str()) {
            (Answer::Accept, "accept") | (Answer::Reject { .. }, "reject") => Kind::Agree,
            (Answer::Accept, _) => Kind::FalseAccept,
            (Answer::Reject { .. }, _) => Kind::FalseReject,
            (Answer::Unsupported(_), _) => Kind::Unsupported,
            (Answer::Broken(_), _) => Kind::Broken,
            (Answer::Panic(_), _) => Kind::Panic,
        }
    }

    pub(crate) fn text(&self) -> String {
        match &self.answer {
            Answer::Accept => "accept".to_string(),
            Answer::Reject { code, message } if code.is_empty() => format!("reject: {message}"),
            Answer::Reject { code, message } => format!("reject[{code}]: {message}"),
            Answer::Unsupported(what) => format!("unsupported: {what}"),
            Answer::Broken(why) => format!("broken: {why}"),
            Answer::Panic(why) => format!("panic: {why}"),
        }
    }

    /// What the judge walked, and what Linux walked, where both are known and mean the same: for one verdict.
    pub(crate) fn both_counts(&self) -> Option<(Counts, Counts)> {
        let linux = self.record.processed.zip(self.record.total_states);
        self.counts.zip(linux).filter(|_| self.kind() == Kind::Agree)
    }

    /// Whether both refuse for the same reason, word for word.
    pub(crate) fn same_reason(&self) -> Option<bool> {
        match &self.answer {
            Answer::Reject { message, .. } if self.kind() == Kind::Agree => {
                Some(*message == self.record.reason)
            }
            _ => None,
        }
    }
}
