//! Entries of a map from a file (`belay run --map NAME=FILE`): the format of `docs/maps.md`.
//!
//! A file gives keys and values as *data*: a number, a typed piece such as `"be16:443"` or `"ip:10.0.0.1"`, or a list of
//! pieces that follow one another. What comes out must be as long as the map's key or value, to the byte: nothing is
//! padded or cut silently.

use std::net::IpAddr;

use serde::Deserialize;

use super::sockets::goes_by_number;
use super::{Map, MapError, Maps};

/// Why a file's entries cannot be put into a map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    /// Not TOML, not JSON, or not of this shape.
    #[error("{file}: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// What the parser says, with the place.
        message: String,
    },
    /// A key or a value cannot be made.
    #[error("{file}: entry {entry}, {part}: {message}")]
    Data {
        /// The file.
        file: String,
        /// The entry, from 1.
        entry: usize,
        /// `key` or `value`.
        part: &'static str,
        /// What is wrong.
        message: String,
    },
    /// The map refuses the entry.
    #[error("{file}: entry {entry}: {error}")]
    Refused {
        /// The file.
        file: String,
        /// The entry, from 1.
        entry: usize,
        /// The map's error.
        error: MapError,
    },
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Keys with values.
    #[serde(default)]
    entry: Vec<Entry>,
    /// Values of an array, from index 0.
    #[serde(default)]
    values: Vec<Data>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    key: Data,
    /// On every CPU, where each has a value of its own.
    value: Option<Data>,
    /// For each CPU one.
    cpus: Option<Vec<Data>>,
}

impl Entry {
    /// The values: one, or one for each CPU.
    fn values(self) -> Result<Values, String> {
        match (self.value, self.cpus) {
            (Some(value), None) => Ok(Values::One(value)),
            (None, Some(each)) => Ok(Values::Each(each)),
            (None, None) => Err("`value` is missing".to_owned()),
            (Some(_), Some(_)) => Err("`value` and `cpus` exclude each other".to_owned()),
        }
    }
}

/// What an entry gives.
enum Values {
    One(Data),
    Each(Vec<Data>),
}

/// A key or a value as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Data {
    /// A number.
    Signed(i64),
    /// A number that only fits without a sign.
    Unsigned(u64),
    /// A typed piece, `be16:443`.
    Piece(String),
    /// Pieces that follow one another.
    List(Vec<Data>),
}

impl Maps {
    /// Puts the entries that a file gives into one of these maps; how many there were. `file` names the file in errors;
    /// its text is JSON if it begins with `{`, else TOML.
    ///
    /// # Errors
    /// At the first entry that is not well formed, or that the map refuses; the entries before it are in the map.
    pub fn fill(&self, map: &Map, file: &str, text: &str) -> Result<usize, FillError> {
        let syntax = |message: String| FillError::Syntax { file: file.to_owned(), message };
        let parsed: File = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| syntax(error.to_string()))?
        } else {
            toml::from_str(text).map_err(|error| syntax(error.to_string().trim_end().to_owned()))?
        };
        // A queue's values have no keys, an array's the indices.
        let keyless = map.user_key_size() == 0;
        let keys = (0..).map(|index| if keyless { Data::List(Vec::new()) } else { Data::Unsigned(index) });
        let values = keys.zip(parsed.values.into_iter().map(|value| Ok(Values::One(value))));
        let entries = parsed.entry.into_iter().map(|mut entry| {
            let key = std::mem::replace(&mut entry.key, Data::Unsigned(0));
            (key, entry.values())
        });
        let mut count = 0;
        for (key, values) in entries.chain(values) {
            count += 1;
            let bad =
                |part| move |message| FillError::Data { file: file.to_owned(), entry: count, part, message };
            let key = key.bytes(map.user_key_size()).map_err(bad("key"))?;
            let refused = |error| FillError::Refused { file: file.to_owned(), entry: count, error };
            let values = values.map_err(bad("value"))?;
            if let (true, Values::One(name)) = (map.holds_maps(), &values) {
                let inner = self.named(name).map_err(bad("value"))?;
                self.set_inner(map, &key, inner).map_err(refused)?;
                continue;
            }
            let value = map.written(&values).map_err(bad("value"))?;
            map.enter(&key, &value).map_err(refused)?;
        }
        Ok(count)
    }

    /// The inner map that a value names.
    fn named(&self, value: &Data) -> Result<&Map, String> {
        match value {
            Data::Piece(text) => {
                let name = text.strip_prefix("map:").ok_or("a value of a map of maps is `map:NAME`")?;
                self.by_name(name).ok_or_else(|| format!("there is no map `{name}`"))
            }
            _ => Err("a value of a map of maps is `map:NAME`".to_owned()),
        }
    }
}

impl Map {
    /// How many bytes a file gives as a value: one CPU's.
    fn one_value_size(&self) -> usize {
        if goes_by_number(self.def().kind) { self.user_value_size() } else { self.def().value_size as usize }
    }

    /// What user space writes: one value, or those of all CPUs.
    fn written(&self, values: &Values) -> Result<Vec<u8>, String> {
        let size = self.one_value_size();
        let padded = |value: &Data, stride| {
            let mut bytes = value.bytes(size)?;
            bytes.resize(stride, 0);
            Ok(bytes)
        };
        match (values, self.cpu_stride()) {
            (Values::One(value), None) => value.bytes(size),
            (Values::One(value), Some(stride)) => Ok(padded(value, stride)?.repeat(self.cpus())),
            (Values::Each(_), None) => Err("all CPUs share one `value`".to_owned()),
            (Values::Each(each), Some(_)) if each.len() != self.cpus() => {
                Err(format!("{} values are given, there are {} CPUs", each.len(), self.cpus()))
            }
            (Values::Each(each), Some(stride)) => each
                .iter()
                .map(|value| padded(value, stride))
                .collect::<Result<Vec<_>, String>>()
                .map(|all| all.concat()),
        }
    }
}

impl Data {
    /// The bytes, which must be `size`.
    ///
    /// # Errors
    /// A message: what is wrong, and how it is written.
    pub fn bytes(&self, size: usize) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        match self {
            // A number that stands alone fills the whole.
            Data::Signed(number) => whole(i128::from(*number), size, &mut bytes)?,
            Data::Unsigned(number) => whole(i128::from(*number), size, &mut bytes)?,
            Data::Piece(_) | Data::List(_) => self.append(&mut bytes)?,
        }
        if bytes.len() == size {
            return Ok(bytes);
        }
        Err(format!("{} bytes are given, {size} are needed", bytes.len()))
    }

    fn append(&self, bytes: &mut Vec<u8>) -> Result<(), String> {
        match self {
            Data::Signed(number) => Err(unsized_number(*number)),
            Data::Unsigned(number) => Err(unsized_number(*number)),
            Data::Piece(text) => piece(text, bytes),
            Data::List(list) => list.iter().try_for_each(|item| item.append(bytes)),
        }
    }
}

fn unsized_number(number: impl std::fmt::Display) -> String {
    format!("the number {number} in a list has no size: write `u32:{number}` or the like")
}

fn whole(number: i128, size: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
    if !matches!(size, 1 | 2 | 4 | 8) {
        return Err(format!("a number alone cannot fill {size} bytes: write a list of pieces"));
    }
    integer(number, size, false, bytes)
}

/// A number of 1, 2, 4 or 8 bytes; signed or unsigned, as it fits.
fn integer(number: i128, size: usize, big: bool, bytes: &mut Vec<u8>) -> Result<(), String> {
    let bits = 8 * size as u32;
    if number >= 1 << bits || number < -(1 << (bits - 1)) {
        return Err(format!("{number} does not fit into {size} bytes"));
    }
    if big {
        bytes.extend(number.to_be_bytes().iter().skip(16 - size));
    } else {
        bytes.extend(number.to_le_bytes().iter().take(size));
    }
    Ok(())
}

/// A typed piece: `u16:80`, `be16:80`, `hex:0a0b`, `ip:10.0.0.1`, `ip6:10.0.0.1`, `prefix:10.0.0.0/8`, `mac:…`,
/// `text:…`, `zero:3`.
fn piece(text: &str, bytes: &mut Vec<u8>) -> Result<(), String> {
    let (kind, rest) = text
        .split_once(':')
        .ok_or_else(|| format!("`{text}` has no type: write `hex:{text}` or the like"))?;
    match kind {
        "u8" | "u16" | "u32" | "u64" | "be16" | "be32" | "be64" => {
            let bits: usize = kind.trim_start_matches(|c: char| c.is_ascii_alphabetic()).parse().unwrap_or(8);
            integer(number(rest)?, bits / 8, kind.starts_with('b'), bytes)
        }
        "hex" => hex(rest, bytes),
        "ip" => {
            append_ip(address(rest)?, bytes);
            Ok(())
        }
        "ip6" => {
            let addr = match address(rest)? {
                IpAddr::V4(addr) => addr.to_ipv6_mapped(),
                IpAddr::V6(addr) => addr,
            };
            bytes.extend(addr.octets());
            Ok(())
        }
        "prefix" => {
            let (addr, len) =
                rest.split_once('/').ok_or_else(|| format!("`{rest}` is no prefix: write `10.0.0.0/8`"))?;
            let len: u32 = len.parse().map_err(|_| format!("`{len}` is no prefix length"))?;
            bytes.extend(len.to_le_bytes());
            append_ip(address(addr)?, bytes);
            Ok(())
        }
        "mac" => {
            let before = bytes.len();
            hex(&rest.replace(':', ""), bytes)?;
            if bytes.len() - before == 6 { Ok(()) } else { Err(format!("`{rest}` is no link address")) }
        }
        "text" => {
            bytes.extend(rest.as_bytes());
            Ok(())
        }
        "zero" => {
            let count: u16 = rest.parse().map_err(|_| format!("`{rest}` is no number of bytes"))?;
            bytes.resize(bytes.len() + usize::from(count), 0);
            Ok(())
        }
        _ => Err(format!(
            "`{kind}` is no type: one of u8, u16, u32, u64, be16, be32, be64, hex, ip, ip6, prefix, mac, text, zero"
        )),
    }
}

fn append_ip(addr: IpAddr, bytes: &mut Vec<u8>) {
    match addr {
        IpAddr::V4(addr) => bytes.extend(addr.octets()),
        IpAddr::V6(addr) => bytes.extend(addr.octets()),
    }
}

fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| format!("`{text}` is no IP address"))
}

fn number(text: &str) -> Result<i128, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => i128::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("`{text}` is no number"))
}

fn hex(text: &str, bytes: &mut Vec<u8>) -> Result<(), String> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| c.to_digit(16).map(|digit| digit as u8).ok_or_else(|| format!("`{c}` is no hex digit")))
        .collect::<Result<_, _>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(format!("`{text}` has an odd number of hex digits"));
    }
    bytes.extend(pairs.iter().map(|[high, low]| high << 4 | low));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use belay_object::MapDef;
    use belay_spec::MapKind;

    fn maps() -> Maps {
        let inner = MapDef::new("inner", MapKind::ARRAY, 4, 4, 1);
        let mut outer = MapDef::new("outer", MapKind::HASH_OF_MAPS, 4, 4, 2);
        outer.inner = Some(Box::new(inner.clone()));
        let mut trie = MapDef::new("trie", MapKind::LPM_TRIE, 8, 1, 4);
        trie.flags = 1;
        let defs = [
            MapDef::new("ports", MapKind::HASH, 4, 8, 4),
            MapDef::new("counts", MapKind::PERCPU_ARRAY, 4, 2, 3),
            trie,
            inner,
            outer,
        ];
        Maps::within(&defs, crate::MapLimits { cpus: 2, ..Default::default() }).unwrap()
    }

    fn fill(name: &str, text: &str) -> Result<Vec<super::super::Entry>, String> {
        let maps = maps();
        let map = maps.by_name(name).unwrap();
        maps.fill(map, "f.toml", text).map_err(|error| error.to_string())?;
        Ok(map.iter().collect())
    }

    #[test]
    fn pieces_follow_one_another() {
        let text = "[[entry]]\nkey = ['be16:443', 'u8:6', 'zero:1']\nvalue = ['ip:10.0.0.1', ['hex:0a 0B', 'u16:0x102']]\n";
        assert_eq!(
            fill("ports", text).unwrap(),
            [(vec![0x01, 0xbb, 6, 0], vec![10, 0, 0, 1, 0x0a, 0x0b, 0x02, 0x01])]
        );
        let json = r#"{"entry": [{"key": -1, "value": 18446744073709551615}]}"#;
        assert_eq!(fill("ports", json).unwrap(), [(vec![0xff; 4], vec![0xff; 8])]);
        let trie = "entry = [{ key = 'prefix:10.0.0.0/8', value = 7 }]";
        assert_eq!(fill("trie", trie).unwrap(), [(vec![8, 0, 0, 0, 10, 0, 0, 0], vec![7])]);
    }

    #[test]
    fn values_fill_an_array_on_every_cpu() {
        let entries = fill("counts", "values = [1, 'be16:2']").unwrap();
        let one = |low, high| [low, high, 0, 0, 0, 0, 0, 0].repeat(2);
        assert_eq!(entries[0].1, one(1, 0));
        assert_eq!(entries[1].1, one(0, 2));
        assert_eq!(entries[2].1, one(0, 0));
    }

    #[test]
    fn a_map_of_maps_names_its_maps() {
        assert!(fill("outer", "entry = [{ key = 1, value = 'map:inner' }]").is_ok());
        let error = fill("outer", "entry = [{ key = 1, value = 'map:none' }]").unwrap_err();
        assert_eq!(error, "f.toml: entry 1, value: there is no map `none`");
    }

    #[test]
    fn errors_name_file_entry_and_part() {
        let error =
            |data: &str| fill("ports", &format!("entry = [{{ key = {data}, value = 0 }}]")).unwrap_err();
        assert_eq!(error("'u16:1'"), "f.toml: entry 1, key: 2 bytes are given, 4 are needed");
        assert_eq!(error("4294967296"), "f.toml: entry 1, key: 4294967296 does not fit into 4 bytes");
        assert_eq!(error("'u8:-129'"), "f.toml: entry 1, key: -129 does not fit into 1 bytes");
        assert_eq!(error("'12'"), "f.toml: entry 1, key: `12` has no type: write `hex:12` or the like");
        assert_eq!(error("'hex:123'"), "f.toml: entry 1, key: `123` has an odd number of hex digits");
        assert!(error("['u32:1', 5]").contains("in a list has no size"));
        assert!(error("'i3:1'").contains("is no type"));
        assert!(fill("ports", "entry = 5").unwrap_err().starts_with("f.toml: TOML parse error at line 1"));
        assert!(fill("ports", "{").unwrap_err().starts_with("f.toml: EOF"));
        let full = "values = [1, 2, 3, 4]";
        assert_eq!(
            fill("counts", full).unwrap_err(),
            "f.toml: entry 4: map `counts`: too big, or the map is full (E2BIG)"
        );
    }
}
