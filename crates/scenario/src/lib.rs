//! What goes into a run, and what came of it.
//!
//! `belay run` and `belay test` share this: packets of a capture ([`capture`]), entries of maps by the names of their
//! fields ([`fill`]), the host that a socket table describes ([`Host`]), and programs ready to run by either interpreter
//! ([`Runners`]).
#![forbid(unsafe_code)]

pub mod capture;
pub mod describe;
mod file;
pub mod fill;
mod host;
mod packet;
pub mod report;
mod run;
mod runner;
mod scenario;
mod summary;
mod typed;

pub use file::{Library, ScenarioError, read, read_text};
pub use host::Host;
pub use packet::{Difference, TextError, from_layers};
pub use run::{End, Finding, Options, Outcome, RunnerKind, Sides, Source, Suite, kernel, run, sources};
pub use runner::{Ran, Runners, array_entries, needed};
pub use scenario::Scenario;
pub use summary::Summary;
