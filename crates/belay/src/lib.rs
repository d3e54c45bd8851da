//! Socket-aware BPF, verified: everything in one crate.
//!
//! The way of a program: [`object`] reads it, [`verifier`] judges it, [`diagnostics`] explains a rejection, [`vm`] runs
//! what was accepted, with the sockets of [`sockets`]; [`linux`] asks the running kernel the same questions.
//!
//! ```
//! use belay::object::{Object, Options};
//! use belay::verifier::{Verdict, verify};
//!
//! let text = b".license GPL\n.hook sched_cls\n.prog pass\n  r0 = 0\n  exit\n";
//! let object = Object::parse("pass.s", text, &Options::default())?;
//! let judgement = verify(&object, &object.programs[0], &Default::default());
//! assert!(matches!(judgement.verdict, Verdict::Accept(_)));
//! # Ok::<(), belay::object::Error>(())
//! ```
//!
//! [`command`] is the `belay` command as a function of its arguments and streams.
#![forbid(unsafe_code)]

pub mod command;

pub use belay_diagnostics as diagnostics;
pub use belay_isa as isa;
pub use belay_linux as linux;
pub use belay_object as object;
pub use belay_profile as profile;
pub use belay_sockets as sockets;
pub use belay_spec as spec;
pub use belay_verifier as verifier;
pub use belay_vm as vm;
