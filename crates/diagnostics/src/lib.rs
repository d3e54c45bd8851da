//! Rejections explained: what is wrong, where, how a run gets there, and what to do.
//!
//! [`Diagnostic::of`] turns a verifier's [`belay_verifier::Rejection`] into words and places, once for all outputs; the
//! renderers ([`full`], [`concise`], [`json`]) only lay it out. [`Page`] holds what `belay explain` says of a code.
//!
//! # Invariants
//! - A label stands on the instruction where its event happened; what is not known gets no label.
//! - Text of an object (names, source lines) is data: control characters never reach a terminal.
#![forbid(unsafe_code)]

pub mod concise;
mod describe;
mod diagnostic;
pub mod full;
pub mod json;
mod page;
mod references;
mod source;
mod symbols;
mod trace;

pub use diagnostic::{Diagnostic, Label, Role};
pub use full::Style;
pub use page::Page;
pub use source::{Span, printable};
pub use symbols::Symbolic;
