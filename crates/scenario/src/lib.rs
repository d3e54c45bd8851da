//! What goes into a run, and whether what came of it was expected.
//!
//! `belay run` and `belay test` share the first part: packets of a capture ([`capture`]), entries of maps by the names of
//! their fields ([`fill`]), the host that a socket table describes ([`Host`]), and programs ready to run ([`Runners`]).
//!
//! A *scenario* is the second: a file that names all of these and what is expected. It is read ([`read`]), run
//! ([`run`], or many at once: [`Suite`]) and told ([`report`]). What a packet is written as, built from and compared by is
//! one table of layers, in `packet`. Nothing in a scenario makes anything here panic: a mistake has its place.
#![forbid(unsafe_code)]

pub mod capture;
pub mod describe;
mod event;
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

pub use file::{Library, ScenarioError, read};
pub use host::Host;
pub use packet::{Difference, TextError, from_layers};
pub use run::{End, Finding, Options, Outcome, RunnerKind, Sides, Source, Suite, kernel, run, sources};
pub use runner::{Ran, Runners, array_entries, needed, on_packets, printed_types};
pub use scenario::Scenario;
pub use summary::Summary;
