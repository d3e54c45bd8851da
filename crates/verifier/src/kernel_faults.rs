//! Faults of a kernel's own verifier, by which it lets programs pass.
//!
//! A verdict is that kernel's, so the walk follows them. A run may not rest on them: what passed by a fault is walked once more
//! without any, and only what passes then, too, is proved ([`Footing`]).

use belay_isa::Pc;
use belay_spec::{Release, Rule};

/// What an acceptance rests on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Footing {
    /// On what the program does.
    Sound,
    /// On a fault of the kernel's, but the program is safe without it, too. The kernel may still run other instructions than are
    /// written: it removes those to which it believes no path comes.
    Proved,
    /// On a fault of the kernel's alone: without it, the program is refused at this instruction.
    Unproved(Pc),
}

/// The faults that a walk follows, and whether it met one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    /// Whose; none if they are not followed.
    of: Option<Release>,
    met: bool,
}

impl Faults {
    /// A kernel's.
    pub(crate) fn of(release: Release) -> Faults {
        Faults { of: Some(release), met: false }
    }

    /// None.
    pub(crate) fn none() -> Faults {
        Faults { of: None, met: false }
    }

    /// Whether to do as a kernel with this fault does; `matters`: whether that may let something pass.
    pub(crate) fn follow(&mut self, fault: Rule, matters: bool) -> bool {
        let followed = self.of.is_some_and(|release| release.has(fault));
        self.met |= followed && matters;
        followed
    }

    /// The same, of a fault that every release has.
    pub(crate) fn follow_everywhere(&mut self, matters: bool) -> bool {
        self.met |= self.of.is_some() && matters;
        self.of.is_some()
    }

    /// Whether one that matters was followed.
    pub(crate) fn met(&self) -> bool {
        self.met
    }
}
