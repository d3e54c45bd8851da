//! Map kinds: how each may be created, what a lookup gives, and which helpers take it.

mod kind;
mod owned;
mod table;

use std::sync::LazyLock;

use crate::hook::Family;
use crate::{ArgKind, Helper, Hook, OWN_HELPERS, Release, SockKind};

pub use kind::MapKind;
pub use owned::{is_owned_by_maps, is_rcu_protected};

/// What one kind of map allows (measured on Linux 6.1, 6.12 and 6.18: `tests/facts/helpers-*.json`).
#[derive(Debug)]
pub struct MapRules {
    /// The kind.
    pub kind: MapKind,
    /// Key sizes that can be created.
    pub key: Sizes,
    /// Value sizes that can be created.
    pub value: Sizes,
    /// Values of `max_entries` that can be created.
    pub entries: Entries,
    /// `map_flags` that must be set.
    pub required_flags: u32,
    /// `map_flags` that may be set.
    pub flags: u32,
    /// Whether every CPU has its own value.
    pub per_cpu: bool,
    /// What `bpf_map_lookup_elem` gives.
    pub element: Element,
    /// Whether instructions may name the address of a value (`ld_imm64` of a map value, global data).
    pub direct_values: bool,
    /// The first release that has the kind.
    pub since: Release,
    /// The first release in which sleepable programs may use it.
    sleepable: Option<Release>,
    /// The helpers that take it, by name.
    helpers: &'static str,
    /// Helpers that take it in some hooks only.
    limited: &'static [(Family, &'static str)],
}

/// Sizes in bytes that a map can be created with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sizes {
    /// Only zero: there is none.
    None,
    /// One of these.
    OneOf(&'static [u32]),
    /// Bounds, inclusive.
    Between(u32, u32),
    /// A positive multiple of the first, up to and with the second.
    MultipleOf(u32, u32),
}

/// Numbers of entries that a map can be created with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entries {
    /// One at least (memory permitting).
    Positive,
    /// Zero: it grows with its owners.
    Zero,
    /// Bytes: a power of two of at least one page.
    Pages,
    /// One at least, and at most the number of possible CPUs.
    Cpus,
}

/// What a lookup of an element gives to the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Element {
    /// Programs cannot look up.
    None,
    /// The value, to read and write.
    Value,
    /// The value, to read.
    ReadOnlyValue,
    /// Another map.
    Map,
    /// A socket.
    Socket {
        /// Which view of it.
        view: SockKind,
        /// Whether the lookup acquires a reference.
        acquires: bool,
    },
}

impl MapKind {
    /// The rules of every kind that programs can create, by number. (`struct_ops` has none: such a map is a table of
    /// programs.)
    pub fn every_rules() -> &'static [MapRules] {
        table::MAPS
    }

    /// What the kind allows; `None` if Belay does not know it.
    pub fn rules(self) -> Option<&'static MapRules> {
        let index = table::MAPS.binary_search_by_key(&self, |r| r.kind).ok()?;
        table::MAPS.get(index)
    }

    /// Whether a helper that takes a map takes one of this kind, in some hook at least.
    /// For the answer in one hook ask [`Hook::allows_on_map`].
    pub fn allows(self, helper: &Helper) -> bool {
        takes(self, helper, None)
    }

    /// What an argument that depends on the map ([`ArgKind::MapKey`], `MapValue`, `MapValueOut`) must be for this kind.
    /// `None` if no such argument can be right.
    pub fn resolve(self, argument: ArgKind) -> Option<ArgKind> {
        let holds_sockets = matches!(self, MapKind::SOCKMAP | MapKind::SOCKHASH);
        match argument {
            ArgKind::MapValue if holds_sockets => Some(ArgKind::BtfSockCommon),
            ArgKind::MapValueOut if holds_sockets => None,
            // A filter is asked whether it has the value.
            ArgKind::MapValueOut if self == MapKind::BLOOM_FILTER => Some(ArgKind::MapValue),
            other => Some(other),
        }
    }
}

impl Hook {
    /// Whether programs of this hook may call the helper with a map of this kind (and may call the helper at all is
    /// for [`Hook::allows`] to say).
    pub fn allows_on_map(&self, helper: &Helper, kind: MapKind) -> bool {
        takes(kind, helper, Some(self.family()))
    }
}

impl MapRules {
    /// Whether sleepable programs may use such a map.
    pub fn sleepable(&self, release: Release) -> bool {
        self.sleepable.is_some_and(|first| first <= release)
    }
}

impl Sizes {
    /// Whether a map can have this size.
    pub fn allow(self, size: u32) -> bool {
        match self {
            Sizes::None => size == 0,
            Sizes::OneOf(sizes) => sizes.contains(&size),
            Sizes::Between(low, high) => (low..=high).contains(&size),
            Sizes::MultipleOf(unit, high) => size != 0 && size <= high && size.is_multiple_of(unit),
        }
    }
}

impl Entries {
    /// Whether a map can have this number of entries. The number of CPUs is not known here: [`Entries::Cpus`] allows
    /// every positive number.
    pub fn allow(self, entries: u32) -> bool {
        const PAGE: u32 = 4096;
        match self {
            Entries::Positive | Entries::Cpus => entries > 0,
            Entries::Zero => entries == 0,
            Entries::Pages => entries >= PAGE && entries.is_power_of_two(),
        }
    }
}

/// One helper that a kind takes: the kind, the helper's number, and the hooks for which that holds.
type Taken = (MapKind, u32, Family);

static TAKEN: LazyLock<Vec<Taken>> = LazyLock::new(|| {
    let mut taken = Vec::new();
    for rules in MapKind::every_rules() {
        let rows = std::iter::once((Family::ALL, rules.helpers)).chain(rules.limited.iter().copied());
        for (hooks, names) in rows {
            let helpers = names.split_whitespace().filter_map(Helper::by_name);
            taken.extend(helpers.map(|helper| (rules.kind, helper.id, hooks)));
        }
    }
    taken.sort_by_key(|(kind, id, _)| (*kind, *id));
    taken
});

fn takes(kind: MapKind, helper: &Helper, family: Option<Family>) -> bool {
    // An own helper knows maps as user space does: those whose values are bytes.
    if OWN_HELPERS.contains(&helper.id) {
        let element = kind.rules().map(|rules| rules.element);
        return matches!(element, Some(Element::Value | Element::ReadOnlyValue));
    }
    let found = TAKEN.binary_search_by_key(&(kind, helper.id), |(kind, id, _)| (*kind, *id));
    let hooks = found.ok().and_then(|index| TAKEN.get(index)).map(|(_, _, hooks)| *hooks);
    hooks.is_some_and(|hooks| family.is_none_or(|family| hooks.meets(family)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_name_in_the_rows_is_a_helper_that_takes_a_map() {
        for rules in MapKind::every_rules() {
            for (_, names) in std::iter::once(&(Family::ALL, rules.helpers)).chain(rules.limited) {
                for name in names.split_whitespace() {
                    let helper =
                        Helper::by_name(name).unwrap_or_else(|| panic!("no helper is called `{name}`"));
                    assert!(helper.args.iter().any(|a| a.kind == ArgKind::Map), "`{name}` takes no map");
                }
            }
        }
    }

    #[test]
    fn every_helper_that_takes_a_map_has_a_kind_to_take() {
        for helper in Helper::all().iter().filter(|h| h.args.iter().any(|a| a.kind == ArgKind::Map)) {
            assert!(
                MapKind::every_rules().iter().any(|rules| rules.kind.allows(helper)),
                "no map for `{}`",
                helper.name
            );
        }
    }

    #[test]
    fn kinds_are_listed_once_by_number() {
        let numbers: Vec<u32> = MapKind::every_rules().iter().map(|r| r.kind.0).collect();
        let sorted: BTreeSet<u32> = numbers.iter().copied().collect();
        assert_eq!(numbers, sorted.into_iter().collect::<Vec<_>>());
        let known: Vec<u32> =
            MapKind::ALL.iter().filter(|k| **k != MapKind::STRUCT_OPS).map(|k| k.0).collect();
        assert_eq!(numbers, known);
    }
}
