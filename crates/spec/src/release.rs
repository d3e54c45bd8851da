//! Kernel releases that Belay knows, and the rules in which they differ.

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

/// A behaviour of the kernel's verifier that not every release has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Rule {
    /// A constant may be stored to a writable context field (`*(u32 *)(r1 + 8) = 5`), not only a register.
    /// Measured: 6.1 refuses every such store, 6.12 and 6.18 take it wherever a register is taken.
    ImmediateContextStores,
    /// A look-up in an array map with a constant key below `max_entries` is known to give a value, not NULL.
    ConstantKeyNotNull,
}

impl Release {
    /// Every release, oldest first.
    pub const ALL: [Release; 3] = [Release::V6_1, Release::V6_12, Release::V6_18];
    /// The oldest.
    pub const OLDEST: Release = Release::V6_1;
    /// The newest.
    pub const LATEST: Release = Release::V6_18;

    /// Whether the release has the rule.
    pub fn has(self, rule: Rule) -> bool {
        self >= rule.since()
    }

    /// Place in [`Release::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl Rule {
    /// The first release that Belay knows with this rule. (The rule may have come with a release in between.)
    pub fn since(self) -> Release {
        match self {
            Rule::ImmediateContextStores => Release::V6_12,
            Rule::ConstantKeyNotNull => Release::V6_18,
        }
    }
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
