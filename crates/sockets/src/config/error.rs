//! Where a TOML table is wrong, and how to mend it.

use std::fmt;
use std::ops::Range;

/// A place in a file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl Place {
    /// The place of a byte offset of `text`.
    pub fn of(file: &str, text: &str, offset: usize) -> Self {
        let end = (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let before = text.get(..end).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Place {
            file: file.into(),
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or("").chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Why a text is not a socket table: the place, what is wrong there, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// Where.
    pub place: Place,
    /// What, and what to do.
    pub message: String,
    /// The earlier place that this one collides with.
    pub first: Option<Place>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)?;
        self.first.as_ref().map_or(Ok(()), |first| write!(f, " (the first is at {first})"))
    }
}

impl std::error::Error for ConfigError {}

/// An error on its way out: a byte range of the text still, so that readers of the text need not know the file.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) at: Range<usize>,
    pub(super) message: String,
    pub(super) first: Option<Range<usize>>,
}

impl Mistake {
    pub(super) fn new(at: Range<usize>, message: impl fmt::Display) -> Self {
        Mistake { at, message: message.to_string(), first: None }
    }

    pub(super) fn in_file(self, file: &str, text: &str) -> ConfigError {
        ConfigError {
            place: Place::of(file, text, self.at.start),
            message: self.message,
            first: self.first.map(|at| Place::of(file, text, at.start)),
        }
    }
}
