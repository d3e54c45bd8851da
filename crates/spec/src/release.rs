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

/// A behaviour of the kernel's verifier that not every release has. Each was measured with programs that only releases
/// with the rule load (`tests/facts/rules.json`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Rule {
    /// A constant may be stored to a writable context field (`*(u32 *)(r1 + 8) = 5`), not only a register.
    ImmediateContextStores,
    /// The instructions of cpu v4 exist: sign-extending moves and loads, signed division, unconditional byte swap.
    /// (`gotol` is older: 6.1 has it.)
    SignExtension,
    /// `may_goto` exists.
    MayGoto,
    /// `may_goto +0` is allowed.
    MayGotoNext,
    /// Load-acquire and store-release exist.
    AcquireRelease,
    /// A look-up in an array with a constant key below the number of elements is not NULL. The key must lie at an
    /// offset of the stack that is a multiple of its slot: `fp-8`, not `fp-4` (there, only zeros are known).
    ConstantKeyNotNull,
    /// `bpf_get_smp_processor_id` is below the number of CPUs.
    CpuNumberBounded,
    /// A narrow load of a wider number on the stack keeps what is known of its low bytes.
    NarrowFills,
    /// A comparison of two registers is decided by their ranges, even if neither is constant.
    RegisterBranches,
    /// `!=` with a constant at the edge of a range moves the edge.
    InequalityNarrows,
    /// Registers that are copies of each other plus a constant, or copies of 32 bits, learn from comparisons of either.
    /// (Whole copies did before.)
    LinkedRegisters,
    /// Negation keeps ranges.
    NegationTracked,
    /// Conversions to a byte order bound the result by its width.
    ByteSwapTracked,
    /// Products of ranges that may be negative keep bounds.
    SignedProducts,
    /// Spills around a call that is replaced by code which keeps the registers do not count towards the stack.
    SpillsRemoved,
    /// In programs that do not run within themselves, functions with more than a few bytes of stack get one of their own.
    PrivateStacks,
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
    /// Every rule, with the first release that Belay knows to have it. (It may have come with a release in between.)
    #[rustfmt::skip]
    pub const ALL: &[(Rule, Release)] = &[
        (Rule::ImmediateContextStores,    Release::V6_12),
        (Rule::SignExtension,             Release::V6_12),
        (Rule::MayGoto,                   Release::V6_12),
        (Rule::MayGotoNext,               Release::V6_18),
        (Rule::AcquireRelease,            Release::V6_18),
        (Rule::ConstantKeyNotNull,        Release::V6_18),
        (Rule::CpuNumberBounded,          Release::V6_12),
        (Rule::NarrowFills,               Release::V6_12),
        (Rule::RegisterBranches,          Release::V6_12),
        (Rule::InequalityNarrows,         Release::V6_12),
        (Rule::LinkedRegisters,           Release::V6_12),
        (Rule::NegationTracked,           Release::V6_18),
        (Rule::ByteSwapTracked,           Release::V6_18),
        (Rule::SignedProducts,            Release::V6_18),
        (Rule::SpillsRemoved,             Release::V6_12),
        (Rule::PrivateStacks,             Release::V6_18),
    ];

    /// The first release that Belay knows to have this rule.
    pub fn since(self) -> Release {
        let row = Rule::ALL.iter().find(|(rule, _)| *rule == self);
        row.map_or(Release::LATEST, |(_, since)| *since)
    }
}

impl Release {
    /// `LINUX_VERSION_CODE` of the release's first version: major << 16 | minor << 8.
    pub fn version_code(self) -> u32 {
        match self {
            Release::V6_1 => 6 << 16 | 1 << 8,
            Release::V6_12 => 6 << 16 | 12 << 8,
            Release::V6_18 => 6 << 16 | 18 << 8,
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
