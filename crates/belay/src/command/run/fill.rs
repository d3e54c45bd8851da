//! `--map NAME=FILE`: entries of a map from TOML, by the types that the object gives its keys and values.
//! `docs/maps.md` describes the form for people.

use std::net::IpAddr;

use belay_object::Object;
use belay_object::btf::{Btf, Kind, TypeId};
use belay_vm::{ANY, Map, Maps};
use toml::Value;

/// Deeper types than any key has.
const DEEPEST: u32 = 16;

/// Fills one map from a text.
///
/// # Errors
/// A message without the file's name: which entry, which field, and what is wrong.
pub(super) fn fill(object: &Object, maps: &Maps, name: &str, text: &str) -> Result<usize, String> {
    let map = maps.by_name(name).ok_or_else(|| {
        let names: Vec<String> = object.maps.iter().map(|map| format!("`{}`", map.name)).collect();
        format!("the object has no map `{name}`; it has {}", names.join(", "))
    })?;
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| place(text, &e))?;
    if let Some(key) = table.keys().find(|key| *key != "entry") {
        return Err(format!(
            "unknown key `{key}`: a map file holds `[[entry]]` tables with `key` and `value`"
        ));
    }
    let entries = match table.get("entry") {
        Some(Value::Array(entries)) => entries.as_slice(),
        Some(_) => return Err("`entry` must be an array of tables: write `[[entry]]`".to_owned()),
        None => &[],
    };
    for (number, entry) in (1..).zip(entries) {
        one(object, map, entry).map_err(|why| format!("entry {number}: {why}"))?;
    }
    Ok(entries.len())
}

fn place(text: &str, error: &toml::de::Error) -> String {
    let line =
        error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
    let message = error.message().trim_end();
    match line {
        Some(line) => format!("line {line}: {message}"),
        None => message.to_owned(),
    }
}

fn one(object: &Object, map: &Map, entry: &Value) -> Result<(), String> {
    let def = map.def();
    let btf = object.btf.as_deref();
    if let Some(unknown) = entry.as_table().and_then(|t| t.keys().find(|k| *k != "key" && *k != "value")) {
        return Err(format!("unknown key `{unknown}`: only `key` and `value`"));
    }
    let part = |what: &str, ty: Option<TypeId>, size: u32| -> Result<Vec<u8>, String> {
        let value = entry.get(what).ok_or_else(|| format!("has no `{what}`"))?;
        encode(btf, ty, size as usize, value).map_err(|why| format!("`{what}`{why}"))
    };
    let key = part("key", def.btf_key, def.key_size)?;
    let value = part("value", def.btf_value, def.value_size)?;
    // Each CPU has a value of its own: all start with the same.
    let cpus = if def.value_size == 0 { 1 } else { map.user_value_size() / (def.value_size as usize).max(1) };
    let value = if map.user_value_size() == value.len() {
        value
    } else {
        let mut padded = value;
        padded.resize(padded.len().next_multiple_of(8), 0);
        padded
            .repeat(map.user_value_size() / padded.len().max(1))
            .into_iter()
            .take(map.user_value_size().max(cpus))
            .collect()
    };
    map.update(&key, &value, ANY).map_err(|e| format!(": {e}"))
}

/// The bytes of a value of a type; without a type a number in the machine's order, or bytes in hexadecimal.
fn encode(btf: Option<&Btf>, ty: Option<TypeId>, size: usize, value: &Value) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; size];
    match (btf, ty) {
        (Some(btf), Some(ty)) if ty != TypeId::VOID => {
            let layout = Layout { btf };
            layout.put(&mut bytes, ty, value, false, 0)?;
        }
        _ => plain(&mut bytes, value, false)?,
    }
    Ok(bytes)
}

struct Layout<'a> {
    btf: &'a Btf,
}

impl Layout<'_> {
    /// Writes a value of a type over bytes that are zero. `network`: a type named `__be…` stands around it.
    fn put(
        &self,
        bytes: &mut [u8],
        ty: TypeId,
        value: &Value,
        network: bool,
        depth: u32,
    ) -> Result<(), String> {
        if depth > DEEPEST {
            return Err(": the type is nested too deeply".to_owned());
        }
        let ty = self.btf.get(ty);
        let network = network || matches!(ty.name, "__be16" | "__be32" | "__be64");
        if let Some(inner) = ty.kind.modified() {
            return self.put(bytes, inner, value, network, depth + 1);
        }
        // An address, or bytes in hexadecimal, fits whatever has that many bytes.
        if let Value::String(text) = value
            && !matches!(ty.kind, Kind::Enum { .. })
        {
            return string(bytes, text);
        }
        match ty.kind {
            Kind::Struct { members, .. } | Kind::Union { members, .. } => {
                let Value::Table(table) = value else {
                    return Err(format!(": `{}` is a structure: write `{{ field = value, … }}`", ty.name));
                };
                for (field, value) in table {
                    let known =
                        || members.iter().map(|m| format!("`{}`", m.name)).collect::<Vec<_>>().join(", ");
                    let member = members
                        .iter()
                        .find(|m| m.name == field)
                        .ok_or_else(|| format!(": no field `{field}`; known are {}", known()))?;
                    if member.bit_size != 0 || member.bit_offset % 8 != 0 {
                        return Err(format!(".{field}: bit-fields cannot be given"));
                    }
                    let start = (member.bit_offset / 8) as usize;
                    let len = self.size(member.ty, 0).unwrap_or(0);
                    let place = start.checked_add(len).and_then(|end| bytes.get_mut(start..end));
                    let place = place.ok_or_else(|| format!(".{field}: lies outside the structure"))?;
                    self.put(place, member.ty, value, network, depth + 1)
                        .map_err(|why| format!(".{field}{why}"))?;
                }
                Ok(())
            }
            Kind::Array { element, len, .. } => {
                let Value::Array(values) = value else {
                    return Err(": is an array: write `[…]`".to_owned());
                };
                if values.len() > len as usize {
                    return Err(format!(": {} elements, the array has {len}", values.len()));
                }
                let size = self.size(element, 0).unwrap_or(0).max(1);
                for (place, value) in bytes.chunks_mut(size).zip(values) {
                    self.put(place, element, value, network, depth + 1)?;
                }
                Ok(())
            }
            Kind::Enum { values, .. } => match value {
                Value::String(name) => {
                    let found = values.iter().find(|e| e.name == name);
                    let found = found.ok_or_else(|| format!(": `{name}` is no value of `{}`", ty.name))?;
                    number(bytes, i128::from(found.value.cast_signed()), network)
                }
                _ => plain(bytes, value, network),
            },
            _ => plain(bytes, value, network),
        }
    }

    fn size(&self, ty: TypeId, depth: u32) -> Option<usize> {
        if depth > DEEPEST {
            return None;
        }
        let ty = self.btf.get(ty);
        if let Some(inner) = ty.kind.modified() {
            return self.size(inner, depth + 1);
        }
        match ty.kind {
            Kind::Int { size, .. }
            | Kind::Struct { size, .. }
            | Kind::Union { size, .. }
            | Kind::Enum { size, .. } => Some(size as usize),
            Kind::Ptr(_) => Some(8),
            Kind::Array { element, len, .. } => self.size(element, depth + 1)?.checked_mul(len as usize),
            _ => None,
        }
    }
}

/// A number, a boolean, or a string of bytes.
fn plain(bytes: &mut [u8], value: &Value, network: bool) -> Result<(), String> {
    match value {
        Value::Integer(n) => number(bytes, i128::from(*n), network),
        Value::Boolean(yes) => number(bytes, i128::from(*yes), network),
        Value::String(text) => string(bytes, text),
        _ => Err(": a number, a boolean, an address or hexadecimal bytes was expected".to_owned()),
    }
}

fn number(bytes: &mut [u8], value: i128, network: bool) -> Result<(), String> {
    let bits = bytes.len().min(15) * 8;
    let fits = value >= -(1i128 << bits.saturating_sub(1)) && value < (1i128 << bits);
    if bytes.is_empty() || !fits {
        return Err(format!(": {value} does not fit into {} bytes", bytes.len()));
    }
    for (at, byte) in bytes.iter_mut().enumerate().take(16) {
        *byte = (value >> (8 * at)) as u8;
    }
    if network {
        bytes.reverse();
    }
    Ok(())
}

/// `192.0.2.1` (4 bytes, or 16 as `::ffff:192.0.2.1`), `2001:db8::1`, or `hex:0a0b`.
fn string(bytes: &mut [u8], text: &str) -> Result<(), String> {
    let source = match (text.strip_prefix("hex:"), text.parse::<IpAddr>()) {
        (Some(hex), _) => {
            let digits: Vec<u8> = hex
                .chars()
                .filter(|c| !c.is_whitespace())
                .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
                .collect::<Option<_>>()
                .ok_or_else(|| format!(": `{text}` is not hexadecimal"))?;
            digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
        }
        (None, Ok(IpAddr::V4(v4))) if bytes.len() == 16 => v4.to_ipv6_mapped().octets().to_vec(),
        (None, Ok(IpAddr::V4(v4))) => v4.octets().to_vec(),
        (None, Ok(IpAddr::V6(v6))) => v6.octets().to_vec(),
        (None, Err(_)) => return Err(format!(": `{text}` is neither an address nor `hex:…`")),
    };
    if source.len() != bytes.len() {
        return Err(format!(": `{text}` has {} bytes, the field has {}", source.len(), bytes.len()));
    }
    bytes.copy_from_slice(&source);
    Ok(())
}
