//! What ends the command early.

use std::io;

/// Why the command cannot go on.
#[derive(Debug, Clone)]
pub enum Error {
    /// Who reads the output wants no more: not an error.
    ClosedPipe,
    /// Unusable input, wrong usage: a message for the user.
    Message(String),
}

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Error {
        Error::Message(message.into())
    }

    /// Something is wrong with a file.
    pub(crate) fn file(path: &str, what: impl std::fmt::Display) -> Error {
        Error::Message(format!("{path}: {what}"))
    }

    /// Output cannot be written.
    pub(crate) fn output(error: &io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Error::ClosedPipe,
            _ => Error::Message(format!("cannot write the output: {error}")),
        }
    }
}
