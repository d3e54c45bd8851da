//! What is wrong with a scenario, and where.

use std::fmt;
use std::ops::Range;

use belay_sockets::Place;

/// A mistake in a scenario's file, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// Where.
    pub place: Place,
    /// What, and what to do.
    pub message: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for ScenarioError {}

/// A mistake on its way out: a range of the text still.
#[derive(Clone, Debug)]
pub(crate) struct Mistake {
    pub(crate) at: Range<usize>,
    pub(crate) message: String,
}

impl Mistake {
    pub(crate) fn new(at: Range<usize>, message: impl fmt::Display) -> Mistake {
        Mistake { at, message: message.to_string() }
    }

    pub(crate) fn in_file(self, file: &str, text: &str) -> ScenarioError {
        ScenarioError { place: Place::of(file, text, self.at.start), message: self.message }
    }
}

/// Names for a message: the first few.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 40;
    let mut names: Vec<String> =
        names.into_iter().take(SHOWN + 1).map(|name| format!("`{}`", name.escape_debug())).collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    if let Some(last) = names.get_mut(SHOWN) {
        *last = "…".to_owned();
    }
    names.join(", ")
}
