//! A rejection in words and places.

use std::collections::BTreeMap;

use belay_isa::Pc;
use belay_object::{Object, Program};
use belay_spec::{OwnSignatures, Release};
use belay_verifier::{Code, Rejection};

use crate::source::{LookFor, Sources, Span};
use crate::symbols::Symbolic;

/// A rejection explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable code.
    pub code: Code,
    /// Object and verb, one line: "socket from `bpf_sk_lookup_tcp` is never released".
    pub headline: String,
    /// The file that was judged.
    pub path: String,
    /// The program's name.
    pub program: String,
    /// The release by whose rules it was judged.
    pub release: Release,
    /// The instruction that cannot be allowed.
    pub pc: Pc,
    /// Places, in the order in which a run passes them; exactly one is [`Role::Primary`].
    pub labels: Vec<Label>,
    /// Other lines of the source near the labels, as far as the object records them: file, line, text.
    pub context: BTreeMap<(String, u32), String>,
    /// Facts that belong to no place.
    pub notes: Vec<String>,
    /// What to do, most likely first.
    pub help: Vec<String>,
    /// What Linux 6.18 says: the lines of its log that name the fault.
    pub kernel: Vec<String>,
}

/// Whether a label is the fault itself or leads to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The place to look at first.
    Primary,
    /// What led to it.
    Secondary,
}

/// Something that happened at an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The instruction.
    pub pc: Pc,
    /// Fault or context.
    pub role: Role,
    /// What happened, a few words.
    pub text: String,
    /// The instruction as text, helpers and maps by name.
    pub insn: String,
    /// The source of the instruction, if the object records it.
    pub span: Option<Span>,
}

impl Diagnostic {
    /// Explains a rejection of a program of this object, judged by the rules of `release`.
    pub fn of(object: &Object, program: &Program, rejection: &Rejection, release: Release) -> Diagnostic {
        crate::describe::describe(object, program, rejection, release)
    }

    /// The label of the fault itself.
    pub fn primary(&self) -> Option<&Label> {
        self.labels.iter().find(|label| label.role == Role::Primary)
    }
}

/// Collects the labels of a diagnostic, each with its source and its instruction.
pub(crate) struct Labels<'a> {
    sources: Sources<'a>,
    symbolic: Symbolic<'a>,
    labels: Vec<Label>,
}

impl<'a> Labels<'a> {
    pub(crate) fn new(object: &'a Object, program: &'a Program, helpers: &OwnSignatures) -> Labels<'a> {
        Labels {
            sources: Sources::new(program),
            symbolic: Symbolic::new(object, program).with(helpers),
            labels: Vec::new(),
        }
    }

    pub(crate) fn primary(&mut self, pc: Pc, text: impl Into<String>) {
        self.push(pc, Role::Primary, text.into(), None);
    }

    pub(crate) fn secondary(&mut self, pc: Pc, text: impl Into<String>) {
        self.push(pc, Role::Secondary, text.into(), None);
    }

    /// A label whose source is the mention of a name on the instruction's line.
    pub(crate) fn secondary_at(&mut self, pc: Pc, name: &str, text: impl Into<String>) {
        self.push(pc, Role::Secondary, text.into(), Some(name));
    }

    /// As [`Labels::primary`], at a name.
    pub(crate) fn primary_at(&mut self, pc: Pc, name: &str, text: impl Into<String>) {
        self.push(pc, Role::Primary, text.into(), Some(name));
    }

    fn push(&mut self, pc: Pc, role: Role, text: String, name: Option<&str>) {
        let look_for = match name {
            Some(name) => LookFor::Name(name),
            None if self.symbolic.is_branch(pc) => LookFor::Condition,
            None => LookFor::Words,
        };
        let span = self.sources.span(pc, look_for);
        let insn = self.symbolic.text(pc);
        self.labels.push(Label { pc, role, text, insn, span });
    }

    /// Makes the label at `pc` the fault itself, and no other.
    pub(crate) fn promote(&mut self, pc: Pc) {
        for label in &mut self.labels {
            label.role = if label.pc == pc { Role::Primary } else { Role::Secondary };
        }
    }

    /// The labels, and the lines near them.
    pub(crate) fn finish(self) -> (Vec<Label>, BTreeMap<(String, u32), String>) {
        let places = self.labels.iter().filter_map(|label| label.span.as_ref());
        let context =
            self.sources.near(&places.map(|span| (span.file.as_str(), span.line)).collect::<Vec<_>>());
        (self.labels, context)
    }
}
