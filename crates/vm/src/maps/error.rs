//! What maps may cost, and why one cannot be made or used.

use belay_spec::MapKind;

use crate::errno::Errno;

/// What maps may cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MapLimits {
    /// The most memory, in bytes, that one full map may take. Memory is taken as it is used, but a definition beyond
    /// this is refused at once.
    pub bytes: u64,
    /// CPUs that may run programs: how many values an entry of a per-CPU map has. At least 1.
    pub cpus: usize,
}

impl Default for MapLimits {
    fn default() -> Self {
        MapLimits { bytes: 1 << 30, cpus: 1 }
    }
}

/// Why a map cannot be made or filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// The kernel would refuse the definition, too.
    #[error("map `{map}`: {reason}")]
    Invalid {
        /// The map's name.
        map: String,
        /// What is wrong.
        reason: String,
    },
    /// A kind that does not run yet.
    #[error("map `{map}`: unsupported: map type `{kind}`")]
    Unsupported {
        /// The map's name.
        map: String,
        /// Its kind.
        kind: MapKind,
    },
    /// It would take more memory than allowed.
    #[error("map `{map}`: a full map takes {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// The map's name.
        map: String,
        /// The memory of the full map.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// An initial entry names a map that is not there.
    #[error("map `{map}`: initial entry {index} names `{target}`, which is no map of the object")]
    NoTarget {
        /// The map's name.
        map: String,
        /// The key.
        index: u32,
        /// What it names.
        target: String,
    },
    /// A key or a value has the wrong size.
    #[error("map `{map}`: a {what} has {expected} bytes, not {found}")]
    Size {
        /// The map's name.
        map: String,
        /// `key` or `value`.
        what: &'static str,
        /// What the definition says.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// The operation failed as it would in the kernel.
    #[error("map `{map}`: {errno}")]
    Operation {
        /// The map's name.
        map: String,
        /// The kernel's error.
        errno: Errno,
    },
}
