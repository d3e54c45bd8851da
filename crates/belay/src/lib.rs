//! Socket-aware BPF, verified: everything in one crate.
//!
//! The way of a program: [`object`] reads it, [`verify()`] judges it ([`verifier`], and [`diagnostics`] explains a rejection),
//! [`compile`] makes native code of what was accepted, which runs beside the maps and machines of [`vm`] and the sockets of
//! [`sockets`]; [`linux`] asks the running kernel the same questions.
//!
//! ```
//! use belay::object::{Object, Options};
//! use belay::vm::{Machine, Packet};
//!
//! let text = b".license GPL\n.section tc\n.prog drop_all\n  r0 = 2\n  exit\n";
//! let object = Object::parse("drop.s", text, &Options::default())?;
//! let maps = belay::maps(&object)?;
//! let proof = belay::verify(&object, "drop_all")?;
//! let filter = belay::compile(&proof, &maps)?;
//!
//! let (mut machine, mut packet) = (Machine::default(), Packet::new(&[0; 64])?);
//! let outcome = filter.run(&mut machine, &mut packet);
//! assert_eq!(outcome.action().to_string(), "TC_ACT_SHOT");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`command`] is the `belay` command as a function of its arguments and streams.
#![forbid(unsafe_code)]

pub mod command;
mod embed;

pub use embed::{VerifyError, compile, compile_with, maps, verify, verify_with};

pub use belay_diagnostics as diagnostics;
pub use belay_isa as isa;
pub use belay_linux as linux;
pub use belay_object as object;
pub use belay_profile as profile;
pub use belay_sockets as sockets;
pub use belay_spec as spec;
pub use belay_verifier as verifier;
pub use belay_vm as vm;
