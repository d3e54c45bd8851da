//! From a rejection to a diagnostic: the faults of references, which have a history, are in [`history`], the others in
//! [`words`].

mod history;
mod words;

use belay_isa::{Insn, Pc};
use belay_object::{Attach, Object, Program};
use belay_spec::{Hook, Release};
use belay_verifier::{Code, Fault, Ghost, Rejection};

use crate::diagnostic::{Diagnostic, Label, Labels, Role};
use crate::symbols::Symbolic;
use crate::trace::Trace;

/// Everything that wording may look at, and what it has said so far.
struct Case<'a> {
    program: &'a Program,
    rejection: &'a Rejection,
    release: Release,
    hook: Option<&'static Hook>,
    trace: Trace<'a>,
    symbolic: Symbolic<'a>,
    labels: Labels<'a>,
    notes: Vec<String>,
    help: Vec<String>,
}

pub(crate) fn describe(
    object: &Object,
    program: &Program,
    rejection: &Rejection,
    release: Release,
) -> Diagnostic {
    let hook = match &program.attach {
        Attach::Hook(hook) => Some(*hook),
        Attach::Unmodelled { .. } | Attach::Unknown => None,
    };
    let mut case = Case {
        program,
        rejection,
        release,
        hook,
        trace: Trace::new(program, &object.externs, &rejection.path, &rejection.helpers),
        symbolic: Symbolic::new(object, program).with(&rejection.helpers),
        labels: Labels::new(object, program, &rejection.helpers),
        notes: Vec::new(),
        help: Vec::new(),
    };
    let headline = case.headline();
    let (labels, context) = case.labels.finish();
    Diagnostic {
        code: rejection.code,
        headline,
        path: object.path.clone(),
        program: program.name.clone(),
        release,
        pc: rejection.pc,
        labels: one_a_place(labels),
        context,
        notes: case.notes,
        help: case.help,
        kernel: kernel_lines(rejection),
    }
}

/// The lines of the kernel's log that name the fault; of a leak the one with the reference's number comes first.
fn kernel_lines(rejection: &Rejection) -> Vec<String> {
    let last = rejection.fault.to_string();
    match &rejection.fault {
        Fault::Leak { reference, acquired_at, .. } => {
            vec![format!("Unreleased reference id={reference} alloc_insn={acquired_at}"), last]
        }
        _ => vec![last],
    }
}

/// Two labels of one instruction become one: the first says what happened, the second what follows.
fn one_a_place(labels: Vec<Label>) -> Vec<Label> {
    let mut merged: Vec<Label> = Vec::new();
    for label in labels {
        match merged.iter_mut().find(|other| other.pc == label.pc) {
            Some(other) => {
                if label.role == Role::Primary {
                    (other.role, other.span) = (Role::Primary, label.span);
                }
                if other.text != label.text {
                    other.text = format!("{}; {}", other.text, label.text);
                }
            }
            None => merged.push(label),
        }
    }
    merged
}

impl Case<'_> {
    fn headline(&mut self) -> String {
        let headline = self.fault();
        if self.rejection.code != Code("S0114") {
            return headline;
        }
        self.help = vec![
            "acquire and release on the same side: both in the callback, or both outside of it".to_owned(),
        ];
        format!("a callback must balance its own references: {headline}")
    }

    fn fault(&mut self) -> String {
        match &self.rejection.fault {
            Fault::Leak { reference, leave, .. } => self.leak(*reference, *leave),
            Fault::DoubleRelease { reference, .. } => self.double_release(*reference),
            Fault::UseAfter { reg, ghost: Ghost::Owner(reference), .. } => {
                self.use_after(*reg, *reference, false)
            }
            Fault::UseAfter { reg, ghost: Ghost::View(reference), .. } => {
                self.use_after(*reg, *reference, true)
            }
            Fault::MaybeNullArgument { reg, releases, .. } => self.maybe_null(*reg, Some(*releases)),
            Fault::MaybeNullAccess { reg, .. } => self.maybe_null(*reg, None),
            Fault::NotOwned { reg, .. } => self.not_owned(*reg),
            Fault::Locked { lock, what, .. } => self.locked(*lock, *what),
            fault => self.plain(fault),
        }
    }

    /// The fault itself, at the name of what is called.
    fn call_label(&mut self, pc: Pc, text: String) {
        match self.callee(pc) {
            Some(name) => self.labels.primary_at(pc, &name, text),
            None => self.labels.primary(pc, text),
        }
    }

    fn call_label_secondary(&mut self, pc: Pc, text: String) {
        match self.callee(pc) {
            Some(name) => self.labels.secondary_at(pc, &name, text),
            None => self.labels.secondary(pc, text),
        }
    }

    fn callee(&self, pc: Pc) -> Option<String> {
        match self.trace.insn(pc)? {
            Insn::Call(target) => self.symbolic.callee(pc, *target),
            _ => None,
        }
    }
}
