//! The contents of a map in the form of a file that fills one (`docs/maps.md`): the way back from [`super::file`].
//!
//! A map that is filled from its own dump holds the same again. What is not in a dump is what a fresh map has by itself:
//! the entries of an array that are zero. A Bloom filter cannot say what it holds; records were put out, and cannot be put in.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use belay_spec::MapKind;
use serde::Serialize;

use super::{Map, Maps};

/// What a map holds, to be written as TOML or JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Dump {
    /// Of a queue or a stack the values, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<Datum>,
    /// Of a ring buffer or a perf event array what was taken out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    records: Vec<Datum>,
    /// Keys with values, by key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entry: Vec<Pair>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Pair {
    key: Datum,
    #[serde(flatten)]
    value: Held,
}

/// One value, or one of each CPU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Held {
    Value(Datum),
    Cpus(Vec<Datum>),
}

/// A key or a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Datum {
    Number(u64),
    Piece(String),
}

impl Datum {
    /// Bytes as a number where they are as many as a number has, else digit by digit.
    fn of(bytes: &[u8]) -> Datum {
        if !matches!(bytes.len(), 1 | 2 | 4 | 8) {
            return Datum::hex(bytes);
        }
        let number = bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
        // TOML has numbers of 63 bits.
        if i64::try_from(number).is_ok() {
            Datum::Number(number)
        } else {
            Datum::Piece(format!("u64:{number}"))
        }
    }

    fn hex(bytes: &[u8]) -> Datum {
        let mut text = "hex:".to_owned();
        for byte in bytes {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Datum::Piece(text)
    }

    /// The key of a trie, if it is of addresses.
    fn prefix(key: &[u8]) -> Option<Datum> {
        let (length, address) = key.split_first_chunk()?;
        let length = u32::from_le_bytes(*length);
        if let Ok(octets) = <[u8; 4]>::try_from(address) {
            return Some(Datum::Piece(format!("prefix:{}/{length}", Ipv4Addr::from(octets))));
        }
        let octets = <[u8; 16]>::try_from(address).ok()?;
        Some(Datum::Piece(format!("prefix:{}/{length}", Ipv6Addr::from(octets))))
    }
}

impl Dump {
    /// What was taken out of a ring buffer or a perf event array.
    pub fn of_records(records: &[Vec<u8>]) -> Dump {
        Dump { records: records.iter().map(|record| Datum::hex(record)).collect(), ..Dump::default() }
    }

    /// As a TOML file.
    ///
    /// # Errors
    /// None that a dump can cause; those of the writer.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }
}

impl Maps {
    /// What one of these maps holds. Records stay where they are ([`Map::drain`] takes them out).
    pub fn dump(&self, map: &Map) -> Dump {
        let mut dump = Dump::default();
        if matches!(map.def().kind, MapKind::QUEUE | MapKind::STACK) {
            dump.values = map.iter().map(|(_, value)| Datum::of(&value)).collect();
            return dump;
        }
        let by_itself = matches!(map.def().kind, MapKind::ARRAY | MapKind::PERCPU_ARRAY);
        let zero =
            |value: &[u8]| by_itself && map.def().contents.is_none() && value.iter().all(|byte| *byte == 0);
        let mut entries: Vec<_> = map.iter().filter(|(_, value)| !zero(value)).collect();
        if !by_itself {
            entries.sort();
        }
        dump.entry = entries.iter().map(|(key, value)| self.pair(map, key, value)).collect();
        dump
    }

    fn pair(&self, map: &Map, key: &[u8], value: &[u8]) -> Pair {
        let prefix = if map.def().kind == MapKind::LPM_TRIE { Datum::prefix(key) } else { None };
        Pair { key: prefix.unwrap_or_else(|| Datum::of(key)), value: self.held(map, value) }
    }

    fn held(&self, map: &Map, value: &[u8]) -> Held {
        if let Some(name) = self.named_by(map, value) {
            return Held::Value(Datum::Piece(name));
        }
        let Some(stride) = map.cpu_stride() else { return Held::Value(Datum::of(value)) };
        let size = map.def().value_size as usize;
        let mut each: Vec<Datum> =
            value.chunks(stride).map(|one| Datum::of(one.get(..size).unwrap_or(one))).collect();
        match each.len() {
            1 => Held::Value(each.remove(0)),
            _ => Held::Cpus(each),
        }
    }

    /// The map or the program that a value stands for.
    fn named_by(&self, map: &Map, value: &[u8]) -> Option<String> {
        let number = value.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))?;
        let index = (number as usize).checked_sub(1)?;
        if map.holds_maps() {
            return Some(format!("map:{}", self.by_index(index)?.name()));
        }
        let program = self.programs.get(index).filter(|_| map.def().kind == MapKind::PROG_ARRAY)?;
        Some(format!("program:{}", program.name))
    }
}

#[cfg(test)]
mod tests {
    use belay_object::MapDef;

    use super::*;
    use crate::MapLimits;

    fn maps() -> Maps {
        let inner = MapDef::new("inner", MapKind::ARRAY, 4, 4, 1);
        let mut outer = MapDef::new("outer", MapKind::HASH_OF_MAPS, 4, 4, 2);
        outer.inner = Some(Box::new(inner.clone()));
        let mut trie = MapDef::new("trie", MapKind::LPM_TRIE, 8, 12, 4);
        let mut storage = MapDef::new("storage", MapKind::SK_STORAGE, 4, 8, 0);
        (trie.flags, storage.flags) = (1, 1);
        let defs = [
            MapDef::new("hash", MapKind::HASH, 4, 8, 4),
            MapDef::new("array", MapKind::ARRAY, 4, 3, 4),
            MapDef::new("each", MapKind::PERCPU_HASH, 4, 2, 4),
            MapDef::new("queue", MapKind::QUEUE, 0, 4, 4),
            MapDef::new("stack", MapKind::STACK, 0, 12, 4),
            MapDef::new("sockets", MapKind::SOCKMAP, 4, 4, 4),
            MapDef::new("group", MapKind::CGROUP_STORAGE, 16, 8, 0),
            storage,
            trie,
            inner,
            outer,
        ];
        Maps::within(&defs, MapLimits { cpus: 2, ..MapLimits::default() }).unwrap()
    }

    #[test]
    fn a_map_that_is_filled_from_its_dump_holds_the_same() {
        let full = maps();
        for (name, text) in [
            ("hash", "entry = [{ key = 7, value = -1 }, { key = 'be32:7', value = 5 }]"),
            ("array", "values = ['hex:010203', 'zero:3', 'hex:000001']"),
            ("each", "entry = [{ key = 1, value = 258 }, { key = 2, cpus = [3, 'be16:4'] }]"),
            ("queue", "values = [3, 1, 2]"),
            ("stack", "values = ['zero:12', 'text:abcdefghijkl']"),
            ("sockets", "values = [77, 4294967299]"),
            ("group", "entry = [{ key = ['u64:1', 'u32:0', 'zero:4'], value = 9 }]"),
            ("storage", "entry = [{ key = 18446744073, value = 9 }]"),
            ("trie", "entry = [{ key = 'prefix:10.1.2.3/8', value = 'text:abcdefghijkl' }]"),
            ("outer", "entry = [{ key = 3, value = 'map:inner' }]"),
        ] {
            let map = full.by_name(name).unwrap();
            full.fill(map, "t.toml", text).unwrap();
            let dump = full.dump(map);
            let contents: Vec<_> = map.iter().collect();
            assert!(!contents.is_empty());
            for text in [dump.to_toml().unwrap(), serde_json::to_string(&dump).unwrap()] {
                let again = maps();
                let map = again.by_name(name).unwrap();
                again.fill(map, "again", &text).unwrap_or_else(|e| panic!("{e}\n{text}"));
                assert_eq!(map.iter().collect::<Vec<_>>(), contents, "{text}");
                assert_eq!(again.dump(map), dump);
            }
        }
    }

    #[test]
    fn dumps_read_well() {
        let maps = maps();
        let dump = |name: &str, text: &str| {
            let map = maps.by_name(name).unwrap();
            maps.fill(map, "t.toml", text).unwrap();
            maps.dump(map).to_toml().unwrap()
        };
        assert_eq!(
            dump("hash", "entry = [{ key = 7, value = -1 }]"),
            "[[entry]]\nkey = 7\nvalue = \"u64:18446744073709551615\"\n"
        );
        assert_eq!(
            dump("each", "entry = [{ key = 1, cpus = [3, 4] }]"),
            "[[entry]]\nkey = 1\ncpus = [3, 4]\n"
        );
        assert_eq!(dump("queue", "values = [3]"), "values = [3]\n");
        let trie = dump("trie", "entry = [{ key = 'prefix:10.0.0.0/8', value = 'zero:12' }]");
        assert_eq!(
            trie,
            "[[entry]]\nkey = \"prefix:10.0.0.0/8\"\nvalue = \"hex:000000000000000000000000\"\n"
        );
        assert_eq!(Dump::of_records(&[vec![1, 255]]).to_toml().unwrap(), "records = [\"hex:01ff\"]\n");
    }
}
