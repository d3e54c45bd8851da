//! The TOML form of a table, in both directions. `docs/sockets.md` describes it for people.
//!
//! Reading ends at the first mistake, with its place and what to do; there is no text that panics or allocates more than
//! a fixed multiple of its length.

mod error;
mod read;
mod schema;
mod write;

pub use error::{ConfigError, Place};
pub(crate) use read::{read, read_part};
pub(crate) use write::write;

/// The namespace that is there if none is declared.
pub(crate) const DEFAULT_NETNS: &str = "host";
