//! Kernel releases that Belay knows.

use std::fmt;
use std::str::FromStr;

/// A kernel release whose rules were measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Release {
    /// Linux 6.1 (Debian 12).
    V6_1,
    /// Linux 6.12 (Debian 13).
    V6_12,
    /// Linux 6.18.
    V6_18,
}

impl Release {
    /// Every release, oldest first.
    pub const ALL: [Release; 3] = [Release::V6_1, Release::V6_12, Release::V6_18];
    /// The newest.
    pub const LATEST: Release = Release::V6_18;
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Release::V6_1 => "6.1",
            Release::V6_12 => "6.12",
            Release::V6_18 => "6.18",
        })
    }
}

impl FromStr for Release {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Release::ALL
            .into_iter()
            .find(|r| r.to_string() == text)
            .ok_or_else(|| format!("unknown kernel release `{text}`: one of 6.1, 6.12, 6.18"))
    }
}
