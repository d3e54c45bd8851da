//! What is asked of a kernel, and what it answers: the two sides' common language.

use serde::{Deserialize, Serialize};

/// One thing to judge.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Question {
    /// What is loaded.
    pub what: What,
    /// Whether the answer shall hold the log of every walked instruction; else only its reason.
    pub full_log: bool,
}

/// What is loaded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum What {
    /// Programs of an object or text.
    Object {
        /// The file's name: libbpf names data maps after it.
        path: String,
        /// The file's bytes; they travel beside the question.
        #[serde(skip)]
        bytes: Vec<u8>,
        /// The programs asked about; none means all.
        programs: Vec<String>,
    },
    /// A bare program: no maps, no types.
    Slots {
        /// `enum bpf_prog_type`.
        prog_type: u32,
        /// The instructions' bytes.
        code: Vec<u8>,
    },
}

/// What the kernel said of one program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// Index of the question.
    pub question: usize,
    /// The program's name; empty for a bare one, or if the whole object could not be asked about.
    pub program: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The error of the load call, `EINVAL`; empty where there was none.
    pub errno: String,
    /// The line of the log that says why; of what was not judged, why not.
    pub reason: String,
    /// The whole log, if it was asked for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub log: String,
    /// Instructions that the verifier walked; 0 if the program was refused before.
    pub processed: u64,
    /// States that it kept.
    pub states: u64,
    /// Time of the load call in nanoseconds, of an emulated machine.
    pub time_ns: u64,
}

/// A verdict.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Loaded.
    Accept,
    /// Refused.
    Reject,
    /// The kernel was not asked: the object could not be brought into a form that it judges.
    Unjudged,
}

impl Question {
    /// All programs of an object or text.
    pub fn object(path: &str, bytes: Vec<u8>) -> Question {
        Question {
            what: What::Object { path: path.to_owned(), bytes, programs: Vec::new() },
            full_log: false,
        }
    }

    /// A bare program of this type.
    pub fn slots(prog_type: u32, code: Vec<u8>) -> Question {
        Question { what: What::Slots { prog_type, code }, full_log: false }
    }

    /// The same with the log of every walked instruction.
    #[must_use]
    pub fn with_log(self) -> Question {
        Question { full_log: true, ..self }
    }
}
