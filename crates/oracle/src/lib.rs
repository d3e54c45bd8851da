//! What other kernel releases say: Debian's kernels, booted in QEMU, judge programs by the thousand.
//!
//! ```text
//!   questions ──► initramfs (the judge is its /init) ──► QEMU boots the kernel ──► serial line ──► answers
//! ```
//!
//! One boot answers any number of questions. The guest needs nothing but the kernel: no disk, no network, no modules; the
//! judge (`src/bin/belay-judge.rs`) is one static binary that loads each program through `belay-linux`, exactly as it is
//! loaded into the running kernel. So object, linking and CO-RE are resolved against the guest's own types.
//!
//! The kernels are packages of Debian, fetched once by `tests/vm/fetch` into a cache; nothing of them is in the repository.
#![forbid(unsafe_code)]

mod initramfs;
mod machine;
mod question;
mod remembered;

pub use machine::{Machine, MachineError, PROCESSORS, Unavailable};
pub use question::{Answer, Question, Verdict, What};

/// Between host and guest: where each side finds what the other wrote.
pub mod wire {
    /// The questions in the guest, one JSON document a line.
    pub const QUESTIONS: &str = "questions";
    /// The directory of the objects in the guest, each named by its question's number.
    pub const OBJECTS: &str = "objects";
    /// The serial line of the answers in the guest, one JSON document a line.
    pub const ANSWERS: &str = "/dev/ttyS1";
    /// The last line: every question was answered.
    pub const END: &str = "\"end\"";
}
