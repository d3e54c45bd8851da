//! What was measured on a kernel, beside its types.

use std::collections::BTreeMap;

use belay_spec::{KfuncFlags, KfuncSets, Release};
use serde::{Deserialize, Serialize};

/// What is known of one kernel. What is empty was not measured: the tables of the release hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// What it is called: `6.18`, or `uname -r`.
    pub name: String,
    /// The release whose rules hold.
    #[serde(with = "release")]
    pub release: Release,
    /// How many processors its machine can have (`nr_cpu_ids`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processors: Option<u32>,
    /// Options of the kernel's configuration that decide what programs may do, `CONFIG_X` to `y`, `m` or a value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
    /// The kernel functions that it registers, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kfuncs: BTreeMap<String, RecordedKfunc>,
    /// By a hook's name, the numbers of the helpers that its programs may call.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub helpers: BTreeMap<String, Vec<u32>>,
}

/// How a kernel registers one of its functions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedKfunc {
    /// Its flags, as numbers of 6.18.
    pub flags: u32,
    /// The sets that it is in, by name.
    pub sets: Vec<String>,
}

impl Facts {
    /// A kernel of which nothing but the release is known.
    pub fn of(name: &str, release: Release) -> Facts {
        Facts {
            name: name.to_owned(),
            release,
            processors: None,
            config: BTreeMap::new(),
            kfuncs: BTreeMap::new(),
            helpers: BTreeMap::new(),
        }
    }
}

impl RecordedKfunc {
    /// Its flags.
    pub fn flags(&self) -> KfuncFlags {
        KfuncFlags(self.flags)
    }

    /// Its sets; names that Belay does not know stand for program types that it does not know.
    pub fn sets(&self) -> KfuncSets {
        self.sets.iter().filter_map(|name| KfuncSets::by_name(name)).fold(KfuncSets::NONE, KfuncSets::and)
    }
}

/// A release as its name.
mod release {
    use belay_spec::Release;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(release: &Release, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(release)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Release, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
