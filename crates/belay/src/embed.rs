//! The way of a program that is embedded: [`verify`], [`compile`], run.

use std::sync::Arc;

use belay_diagnostics::{Diagnostic, Style, concise, full, printable};
use belay_object::Object;
use belay_verifier::{Options, Verdict, Verified};
use belay_vm::{CompileError, Compiled, MapError, Maps, OwnHelpers};

/// Why there is no proof of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyError {
    /// The object has no program of this name.
    Missing {
        /// The object.
        object: String,
        /// The name that was asked for.
        program: String,
    },
    /// The kernel would refuse it, and why: [`belay_diagnostics`] renders it in other forms.
    Rejected(Box<Diagnostic>),
    /// It uses something that Belay does not model: there is no verdict.
    Unsupported {
        /// The program.
        program: String,
        /// What it uses.
        what: String,
    },
}

impl VerifyError {
    /// All that there is to say, over several lines: of a rejection the source, where it began, and what to do.
    pub fn explain(&self) -> String {
        match self {
            VerifyError::Rejected(diagnostic) => full::render(diagnostic, Style::default()),
            VerifyError::Missing { .. } | VerifyError::Unsupported { .. } => self.to_string(),
        }
    }
}

impl std::fmt::Display for VerifyError {
    /// One line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            VerifyError::Missing { object, program } => {
                write!(f, "{}: there is no program `{}`", printable(object), printable(program))
            }
            VerifyError::Rejected(diagnostic) => f.write_str(&concise::render(diagnostic)),
            VerifyError::Unsupported { program, what } => {
                write!(f, "program `{}`: no verdict: unsupported: {}", printable(program), printable(what))
            }
        }
    }
}

impl std::error::Error for VerifyError {}

/// Judges a program of an object as Linux's verifier would (the latest release; [`verify_with`] takes others).
///
/// # Errors
/// If there is no such program, it is rejected, or it uses what is not modelled.
pub fn verify(object: &Object, program: &str) -> Result<Verified, VerifyError> {
    verify_with(object, program, &Options::default())
}

/// As [`verify`], for another kernel, or with own helpers.
///
/// # Errors
/// As [`verify`].
pub fn verify_with(object: &Object, program: &str, options: &Options) -> Result<Verified, VerifyError> {
    let missing = || VerifyError::Missing { object: object.path.clone(), program: program.to_owned() };
    let program = object.programs.iter().find(|candidate| candidate.name == program).ok_or_else(missing)?;
    match belay_verifier::verify(object, program, options).verdict {
        Verdict::Accept(verified) => Ok(*verified),
        Verdict::Reject(rejection) => Err(VerifyError::Rejected(Box::new(Diagnostic::of(
            object,
            program,
            &rejection,
            options.kernel.release(),
        )))),
        Verdict::Unsupported { what, .. } => {
            Err(VerifyError::Unsupported { program: program.name.clone(), what })
        }
    }
}

/// Makes the maps of an object, which its programs share: fill them before the first run, read them at any time.
///
/// # Errors
/// If Linux would not make one, or it is too large ([`Maps::within`] takes other limits).
pub fn maps(object: &Object) -> Result<Arc<Maps>, MapError> {
    Maps::from_defs(&object.maps).map(Arc::new)
}

/// Makes native code of a proved program, to be run beside these maps: by any number of threads, each with a
/// [`belay_vm::Machine`] of its own. A run takes no lock and allocates nothing.
///
/// # Errors
/// If it calls what does not run yet, or the maps are another object's.
pub fn compile(program: &Verified, maps: &Arc<Maps>) -> Result<Compiled, CompileError> {
    Compiled::new(program, Arc::clone(maps))
}

/// As [`compile`], for a program that was verified with own helpers.
///
/// # Errors
/// As [`compile`], and if one of them is missing, or has another signature.
pub fn compile_with(
    program: &Verified,
    maps: &Arc<Maps>,
    helpers: &OwnHelpers,
) -> Result<Compiled, CompileError> {
    Compiled::with(program, Arc::clone(maps), helpers)
}

#[cfg(test)]
mod tests {
    use belay_spec::{Arg, ArgKind, Helper, Ret};

    use super::*;

    #[test]
    fn a_wrong_argument_of_an_own_helper_is_refused_by_its_name() {
        static AUDIT: Helper = Helper::own(65_536, "audit", &[Arg::of(ArgKind::Context)], Ret::Scalar);
        let text = b".license GPL\n.section xdp\n.prog wrong\nr1 = 7\ncall 65536\nexit\n";
        let object = Object::parse("wrong.s", text, &belay_object::Options::default()).expect("well formed");
        let mut own = OwnHelpers::default();
        own.add(&AUDIT, |_| 0).expect("a signature");
        let options = Options { helpers: own.signatures().clone(), ..Options::default() };
        let refused = verify_with(&object, "wrong", &options).expect_err("7 is no context");
        assert_eq!(
            refused.to_string(),
            "wrong.s:5:1: error[C0403]: `audit` takes a `ctx` in `r1`, not a `scalar`"
        );
        // For a kernel there is no such helper, and the help says whose it can be.
        let unknown = verify(&object, "wrong").expect_err("no kernel has it");
        assert!(unknown.to_string().contains("there is no helper 65536"), "{unknown}");
        assert!(unknown.explain().contains("own helper"), "{}", unknown.explain());
    }
}
