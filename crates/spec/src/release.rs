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

/// The rules, each with the first release that Belay knows to have it. (It may have come with a release in between.)
macro_rules! rules {
    ($($(#[doc = $text:literal])+ $name:ident: $since:ident,)+) => {
        /// A behaviour of the kernel's verifier that not every release has. Each is shown by a program that only releases
        /// with the rule load, or only those without (`tests/facts/rules.json`, `tests/programs/releases`).
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[doc = $text])+ $name,)+
        }

        impl Rule {
            /// Every rule, with the first release that Belay knows to have it.
            pub const ALL: &[(Rule, Release)] = &[$((Rule::$name, Release::$since),)+];

            /// The first release that Belay knows to have this rule.
            pub const fn since(self) -> Release {
                match self {
                    $(Rule::$name => Release::$since,)+
                }
            }

            /// What it says.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Rule::$name => concat!($($text,)+),)+
                }
            }
        }
    };
}

rules! {
    /// A constant may be stored to a writable context field (`*(u32 *)(r1 + 8) = 5`), not only a register.
    ImmediateContextStores: V6_12,
    /// The instructions of cpu v4 exist: sign-extending moves and loads, signed division, unconditional byte swap.
    /// (`gotol` is older: 6.1 has it.)
    SignExtension: V6_12,
    /// `may_goto` exists.
    MayGoto: V6_12,
    /// `may_goto +0` is allowed.
    MayGotoNext: V6_18,
    /// Load-acquire and store-release exist.
    AcquireRelease: V6_18,
    /// A look-up in an array with a constant key below the number of elements is not NULL. The key must lie at an
    /// offset of the stack that is a multiple of its slot: `fp-8`, not `fp-4` (there, only zeros are known).
    ConstantKeyNotNull: V6_18,
    /// `bpf_get_smp_processor_id` is below the number of CPUs.
    CpuNumberBounded: V6_12,
    /// A narrow load of a wider number on the stack keeps what is known of its low bytes.
    NarrowFills: V6_12,
    /// Zeros on the stack stay known beside a number that is spilled to the other bytes of their slot.
    ZerosBesideSpills: V6_12,
    /// The stack keeps every number stored at the start of a slot as it is. (Before, an unknown number and zero left
    /// bytes that hold anything, or zeros.)
    NumbersKept: V6_12,
    /// A comparison of two registers is decided by their ranges, and narrows both, even if neither is constant. What it
    /// learns of a lower half it keeps beside what is known of the whole. (Before, a comparison with a constant
    /// forgot the ranges of the part that was not compared, and derived them anew.)
    RegisterBranches: V6_12,
    /// Equality is decided by whatever rules it out: bits that differ, ranges that are apart. (Before, by constants alone.)
    EqualityRuledOut: V6_12,
    /// `!=` with a constant at the edge of a range moves the edge.
    InequalityNarrows: V6_12,
    /// Ranges of the register and of its lower half, signed and unsigned, narrow each other, in three rounds. (Before, the
    /// signed and the unsigned range became one where the sign was known, and the half was apart.) A register that
    /// is left without any value loses its ranges.
    MutualRanges: V6_12,
    /// Where the bits and the unsigned range leave one value only, the register is that value.
    OnlyMember: V6_18,
    /// Sums and differences of which both ends wrap keep their range.
    WrappingSums: V6_18,
    /// Products, disjunctions and exclusive disjunctions with an operand that is not constant are tracked.
    VariableOperands: V6_12,
    /// A register that is 0 or -1 is walked as each of them through `&` and `|` with a constant.
    MasksForked: V6_12,
    /// Registers that are copies of each other plus a constant, or copies of 32 bits, learn from comparisons of either.
    /// (Whole copies did before.)
    LinkedRegisters: V6_12,
    /// The constant by which a linked register exceeds another may be negative, and come of a difference or of 32 bits.
    LinkedBySums: V6_18,
    /// A number spilled narrower than its slot learns what its copies learn.
    NarrowSpillsLinked: V6_12,
    /// A state covers another only if numbers that were the same, or apart by a constant, still are, and what was
    /// different still is.
    NumberTiesCompared: V6_12,
    /// A loop is endless only where nothing at all changes. (Before, a change of a number on the stack that nothing had
    /// relied upon yet did not count.)
    LoopsComparedExactly: V6_12,
    /// A loop may be entered in its middle. (Before, an instruction that is no jump could not lead back.)
    LoopsEnteredAnywhere: V6_12,
    /// Functions that helpers call are walked until another turn adds nothing, and not at all. (Before, exactly once.)
    CallbacksIterated: V6_12,
    /// A pointer equal to one that is not NULL is not NULL.
    NotNullByEquality: V6_12,
    /// A call of a global function that may move the packet takes packet pointers away.
    PacketMovedByGlobals: V6_12,
    /// Pointers to kernel objects are known to be trusted: such a one is never NULL, and memory that a helper may read.
    TrustedPointers: V6_12,
    /// Only GPL-compatible programs read the kernel's structures by their types.
    KernelTypesNeedGpl: V6_12,
    /// Dynptrs follow today's rules. (Before, there were fewer of them and other rules, which Belay does not model.)
    DynptrRules: V6_12,
    /// A lock may be held across functions: taken in one and let go in another, or held while a static one runs. (Before,
    /// no function was called, and none returned, with a lock.)
    LocksAcrossFunctions: V6_12,
    /// With the JIT, frames are rounded up to 16 bytes, and a function without stack takes none. (Before, to 32, and each
    /// took some.)
    TightFrames: V6_12,
    /// Parameters of global functions may be tagged (`__arg_ctx`, `__arg_nonnull`, `__arg_trusted`, ...). (Before, tags
    /// said nothing.)
    TaggedParameters: V6_12,
    /// A parameter may be tagged as untrusted.
    UntrustedParameters: V6_18,
    /// Values of maps hold lists, trees, reference counts, work queues, and pointers that are tagged `kptr` if the map owns
    /// them and `kptr_untrusted` if not. (Before, other tags said so, which Belay does not model.)
    FieldsOfMaps: V6_12,
    /// Values of maps hold resilient locks, task work, and pointers to the memory of a process.
    LaterFieldsOfMaps: V6_18,
    /// It is not noted that a NULL stored over a pointer in a map's value is relied upon: where a path with NULL came
    /// before, any number is taken. (A fault of that kernel; Debian's 6.12 does not have it.)
    NullStoredUnnoted: V6_18,
    /// Who relies on the old value that an atomic operation hands out does not rely on what lay at the place. (A fault of that
    /// kernel; Debian's 6.12 does not have it.)
    FetchesAreStores: V6_18,
    /// Negation keeps ranges.
    NegationTracked: V6_18,
    /// Conversions to a byte order bound the result by its width.
    ByteSwapTracked: V6_18,
    /// Products of ranges that may be negative, or of more than half the width, keep bounds.
    SignedProducts: V6_18,
    /// Bits of products are followed row by row. (Before, the unknown bits were summed apart from the known ones.)
    SharpProducts: V6_18,
    /// Spills around a call that is replaced by code which keeps the registers do not count towards the stack.
    SpillsRemoved: V6_12,
    /// In programs that do not run within themselves, functions with more than a few bytes of stack get one of their own.
    PrivateStacks: V6_18,
}

impl Release {
    /// Every release, oldest first.
    pub const ALL: [Release; 3] = [Release::V6_1, Release::V6_12, Release::V6_18];
    /// The oldest.
    pub const OLDEST: Release = Release::V6_1;
    /// The newest.
    pub const LATEST: Release = Release::V6_18;

    /// Whether the release has the rule.
    pub const fn has(self, rule: Rule) -> bool {
        self as u8 >= rule.since() as u8
    }

    /// Place in [`Release::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize
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
