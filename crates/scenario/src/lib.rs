//! What goes into a run, and what came of it.
//!
//! `belay run` and `belay test` share this: packets of a capture ([`capture`]), entries of maps by the names of their
//! fields ([`fill`]), the host that a socket table describes ([`Host`]), and programs ready to run by either interpreter
//! ([`Runners`]).
#![forbid(unsafe_code)]

pub mod capture;
pub mod fill;
mod host;
mod runner;
mod summary;

pub use host::Host;
pub use runner::{Outcome, Runners, array_entries, needed};
pub use summary::Summary;
