//! `.map` and `.data`: maps in assembly text.

use belay_spec::MapKind;

use super::types::Types;
use crate::program::{MapDef, SlotInit};

/// `NAME kind=hash key=4 value=8 entries=16 [flags=0x80] [extra=0] [inner=NAME] [init=0:NAME,…] [fields=0:bpf_spin_lock,…] [frozen]`
pub(super) fn map(arguments: &str, earlier: &[MapDef], types: &mut Types) -> Result<MapDef, String> {
    let (name, properties) = properties(arguments)?;
    let mut def = MapDef::new(name, MapKind(0), 0, 0, 0);
    let mut fields = None;
    for (key, value) in properties {
        match (key, value) {
            ("fields", Some(value)) => fields = Some(value),
            ("kind", Some(value)) => {
                let number = || value.parse().ok().map(MapKind);
                let kind = MapKind::by_name(value).or_else(number);
                def.kind =
                    kind.ok_or_else(|| format!("unknown map kind `{value}`, such as hash or lpm_trie"))?;
            }
            ("key", Some(value)) => def.key_size = number(key, value)?,
            ("value", Some(value)) => def.value_size = number(key, value)?,
            ("entries", Some(value)) => def.max_entries = number(key, value)?,
            ("flags", Some(value)) => def.flags = number(key, value)?,
            ("extra", Some(value)) => def.map_extra = number(key, value)?.into(),
            ("frozen", None) => def.frozen = true,
            ("inner", Some(value)) => {
                let inner = earlier.iter().find(|m| m.name == value && m.contents.is_none());
                let inner = inner.ok_or_else(|| format!("inner map `{value}` must be defined before"))?;
                def.inner = Some(Box::new(inner.clone()));
            }
            ("init", Some(value)) => def.init = initial(value)?,
            _ => {
                let known = "kind=, key=, value=, entries=, flags=, extra=, inner=, init=, fields=, frozen";
                return Err(format!("unknown property `{key}` of a map; known are {known}"));
            }
        }
    }
    if def.kind == MapKind(0) {
        return Err(format!("map `{name}` has no kind, such as kind=hash"));
    }
    if def.kind.holds_maps() && def.inner.as_deref().is_none_or(|inner| inner.inner.is_some()) {
        return Err(format!("map of maps `{name}` needs inner=NAME, a map that holds no maps itself"));
    }
    if let Some(fields) = fields {
        types.describe(&mut def, fields)?;
    }
    Ok(def)
}

/// `NAME bytes=HEX [size=N] [frozen]`: an array of one value with contents. `size` appends zeroes.
pub(super) fn data(arguments: &str) -> Result<MapDef, String> {
    /// The text gives every byte of a map but the zeroes at its end, and nobody wants megabytes of those.
    const LARGEST: u32 = 1 << 20;
    let (name, properties) = properties(arguments)?;
    let mut def = MapDef::new(name, MapKind::ARRAY, 4, 0, 1);
    let (mut contents, mut size) = (Vec::new(), 0);
    for (key, value) in properties {
        match (key, value) {
            ("bytes", Some(value)) => contents = hex(value)?,
            ("size", Some(value)) => size = number(key, value)?,
            ("frozen", None) => def.frozen = true,
            _ => return Err(format!("unknown property `{key}` of data; known are bytes=, size=, frozen")),
        }
    }
    def.value_size = size.max(u32::try_from(contents.len()).unwrap_or(u32::MAX));
    if def.value_size == 0 || def.value_size > LARGEST {
        return Err(format!("data of {} bytes: from 1 to {LARGEST} are allowed", def.value_size));
    }
    contents.resize(def.value_size as usize, 0);
    def.contents = Some(contents);
    // BPF_F_RDONLY_PROG
    def.flags = if def.frozen { 0x80 } else { 0 };
    Ok(def)
}

type Property<'a> = (&'a str, Option<&'a str>);

fn properties(arguments: &str) -> Result<(&str, impl Iterator<Item = Property<'_>>), String> {
    let mut words = arguments.split_whitespace();
    let name = words.next().filter(|name| !name.contains('=')).ok_or("has no name")?;
    Ok((name, words.map(|word| word.split_once('=').map_or((word, None), |(key, value)| (key, Some(value))))))
}

fn number(key: &str, text: &str) -> Result<u32, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    };
    parsed.ok_or_else(|| format!("`{key}={text}` is no number of 32 bits"))
}

fn hex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    match digits {
        Some(digits) if digits.len().is_multiple_of(2) => Ok(digits
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect()),
        _ => Err(format!("`{text}` is not an even number of hexadecimal digits")),
    }
}

/// `0:NAME,3:NAME`
fn initial(text: &str) -> Result<Vec<SlotInit>, String> {
    let entry = |entry: &str| {
        let (index, target) = entry.split_once(':').ok_or_else(|| format!("`{entry}` is not INDEX:NAME"))?;
        Ok(SlotInit { index: number("init", index)?, target: target.to_owned() })
    };
    text.split(',').map(entry).collect()
}
