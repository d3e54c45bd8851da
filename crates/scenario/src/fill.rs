//! `--map NAME=FILE`: entries of a map from a file (`docs/maps.md`).
//!
//! The runner's own form gives bytes piece by piece. Here the object's types come in: a key or value that is written as a
//! table of named fields is laid out as the program's structure, and handed on as bytes.

use std::fmt::Write;
use std::net::IpAddr;

use belay_object::btf::{Btf, Kind, TypeId};
use belay_object::{MapDef, MapOrigin, Object};
use belay_vm::{Data, FillError, Maps};
use toml::Value;

use crate::scenario::Pattern;

/// Deeper types than any key has.
const DEEPEST: u32 = 16;

/// Fills one map from the text of a file; how many entries it had.
///
/// # Errors
/// A message with the file's name: which entry, which field, and what is wrong.
pub fn fill(object: &Object, maps: &Maps, name: &str, file: &str, text: &str) -> Result<usize, String> {
    let map = maps.by_name(name).ok_or_else(|| {
        let names: Vec<String> = object.maps.iter().map(|map| format!("`{}`", map.name)).collect();
        format!("{file}: the object has no map `{name}`; it has {}", names.join(", "))
    })?;
    let bytes = with_bytes(object, map.def(), text).map_err(|why| format!("{file}: {why}"))?;
    maps.fill(map, file, bytes.as_deref().unwrap_or(text)).map_err(|e| e.to_string())
}

/// Fills one map from a table of the shape of such a file.
///
/// # Errors
/// A message that names the part of the entry.
pub(crate) fn fill_inline(
    object: &Object,
    maps: &Maps,
    name: &str,
    mut table: toml::Table,
) -> Result<(), String> {
    let map = maps.by_name(name).ok_or_else(|| format!("no map `{name}`"))?;
    bytes_for_fields(object, map.def(), &mut table)?;
    let text = toml::to_string(&table).map_err(|e| e.to_string())?;
    maps.fill(map, "", &text).map(drop).map_err(|error| match error {
        FillError::Data { part, message, .. } => format!("{part}: {message}"),
        FillError::Refused { error, .. } => error.to_string(),
        FillError::Syntax { message, .. } => message.lines().last().unwrap_or_default().to_owned(),
    })
}

/// Gives a variable of the program another value, before it is loaded.
///
/// # Errors
/// A message: there is no such variable, or the value is not of its type.
pub(crate) fn set_variable(object: &mut Object, name: &str, value: &Value) -> Result<(), String> {
    let btf = object.btf.clone().ok_or("the object has no types, so variables have no names")?;
    let mut known = Vec::new();
    for def in object.maps.iter_mut().filter(|def| def.origin == MapOrigin::Data) {
        let Some(Kind::Section { vars, .. }) = def.btf_value.map(|id| btf.get(id).kind) else { continue };
        for variable in vars.iter() {
            let ty = btf.get(variable.ty);
            let Kind::Var { ty: inner, .. } = ty.kind else { continue };
            if ty.name != name {
                known.push(ty.name);
                continue;
            }
            let place = variable.offset as usize..(variable.offset + variable.size) as usize;
            let contents = def.contents.get_or_insert_with(|| vec![0; def.value_size as usize]);
            let bytes =
                contents.get_mut(place).ok_or_else(|| format!("`{name}` lies outside its section"))?;
            bytes.fill(0);
            return Layout { btf: &btf }
                .put(bytes, inner, value, false, 0)
                .map_err(|why| format!("`{name}`{why}"));
        }
    }
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    Err(format!("no variable `{name}`; the object has {}", known.join(", ")))
}

/// A key, as it is given for an entry.
///
/// # Errors
/// A message that begins with what is said of the part.
pub(crate) fn key(object: &Object, def: &MapDef, value: &Value) -> Result<Vec<u8>, String> {
    part(object, def.btf_key, def.key_size, value, 0)
}

/// A value to compare with: of a structure only the fields that are named count.
///
/// # Errors
/// As [`key`].
pub(crate) fn pattern(object: &Object, def: &MapDef, value: &Value) -> Result<Pattern, String> {
    // What is not written over shows through both backgrounds.
    let bytes = part(object, def.btf_value, def.value_size, value, 0)?;
    let other = part(object, def.btf_value, def.value_size, value, 0xff)?;
    let mask = bytes.iter().zip(&other).map(|(a, b)| !(a ^ b)).collect();
    Ok(Pattern { bytes, mask })
}

fn part(
    object: &Object,
    ty: Option<TypeId>,
    size: u32,
    value: &Value,
    background: u8,
) -> Result<Vec<u8>, String> {
    let value = enumerator(object, value)?;
    if value.is_table() {
        return encode(object.btf.as_deref(), ty, size as usize, &value, background);
    }
    let data: Data =
        value.try_into().map_err(|_| ": a number, a string or a list was expected".to_owned())?;
    data.bytes(size as usize).map_err(|why| format!(": {why}"))
}

/// `enum:NAME` is the value of that enumerator.
fn enumerator(object: &Object, value: &Value) -> Result<Value, String> {
    let Some(name) = value.as_str().and_then(|text| text.strip_prefix("enum:")) else {
        return Ok(value.clone());
    };
    let btf = object.btf.as_deref().ok_or(": the object has no types, so no enumerations")?;
    btf.ids()
        .filter_map(|id| match btf.get(id).kind {
            Kind::Enum { values, .. } => values.iter().find(|known| known.name == name),
            _ => None,
        })
        .map(|found| Value::Integer(found.value.cast_signed()))
        .next()
        .ok_or_else(|| format!(": no enumeration of the object has `{name}`"))
}

/// The text with named fields replaced by their bytes; none if there are no named fields.
fn with_bytes(object: &Object, def: &MapDef, text: &str) -> Result<Option<String>, String> {
    // A text that is not TOML is left to the runner, which also reads JSON and says where it is wrong.
    let Ok(mut table) = text.parse::<toml::Table>() else { return Ok(None) };
    let changed = bytes_for_fields(object, def, &mut table)?;
    if !changed {
        return Ok(None);
    }
    toml::to_string(&table).map(Some).map_err(|e| e.to_string())
}

/// Replaces named fields by their bytes, and enumerators by their values; whether there were any.
fn bytes_for_fields(object: &Object, def: &MapDef, table: &mut toml::Table) -> Result<bool, String> {
    let Some(Value::Array(entries)) = table.get_mut("entry") else { return Ok(false) };
    let mut changed = false;
    let several = entries.len() > 1;
    for (number, entry) in (1..).zip(entries) {
        for (part, ty, size) in [("key", def.btf_key, def.key_size), ("value", def.btf_value, def.value_size)]
        {
            let Some(given) = entry.get_mut(part) else { continue };
            let named = |why: String| {
                if several { format!("entry {number}, {part}{why}") } else { format!("{part}{why}") }
            };
            let value = enumerator(object, given).map_err(named)?;
            changed |= value != *given;
            *given = value;
            if given.is_table() {
                let bytes = encode(object.btf.as_deref(), ty, size as usize, given, 0).map_err(named)?;
                *given = Value::String(hexadecimal(&bytes));
                changed = true;
            }
        }
    }
    Ok(changed)
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = "hex:".to_owned();
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The bytes of a structure; those of fields that are not given are `background`.
fn encode(
    btf: Option<&Btf>,
    ty: Option<TypeId>,
    size: usize,
    fields: &Value,
    background: u8,
) -> Result<Vec<u8>, String> {
    let (Some(btf), Some(ty)) = (btf, ty) else {
        return Err(
            ": the object has no types, so fields have no names: give bytes (docs/maps.md)".to_owned()
        );
    };
    let mut bytes = vec![background; size];
    Layout { btf }.put(&mut bytes, ty, fields, false, 0)?;
    Ok(bytes)
}

struct Layout<'a> {
    btf: &'a Btf,
}

impl Layout<'_> {
    /// Writes a value of a type over bytes. `network`: a type named `__be…` stands around it.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The firewall's policy: a structure of numbers, a port in network order and an address.
    fn key(fields: &str) -> Result<Vec<u8>, String> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../bpf/firewall.bpf.o");
        let bytes = std::fs::read(path).expect("the firewall");
        let object =
            Object::parse("firewall.bpf.o", &bytes, &belay_object::Options::default()).expect("an object");
        let policy = object.maps.iter().find(|map| map.name == "policy").expect("the map");
        let table: toml::Table = format!("key = {fields}").parse().expect("TOML");
        let value = table.get("key").expect("a key");
        encode(object.btf.as_deref(), policy.btf_key, policy.key_size as usize, value, 0)
    }

    #[test]
    fn fields_are_laid_out_as_the_program_has_them() {
        let expected = [
            &[160, 0, 0, 0, 6, 0, 0x1f, 0x90][..],
            &[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3],
        ]
        .concat();
        let given = key(r#"{ prefixlen = 160, protocol = 6, port = 8080, source = "2001:db8::3" }"#);
        assert_eq!(given, Ok(expected));
        let mapped = key(r#"{ source = "192.0.2.1" }"#).expect("a key");
        assert_eq!(mapped.get(18..), Some(&[0xff, 0xff, 192, 0, 2, 1][..]));
    }

    #[test]
    fn wrong_fields_are_named() {
        for (fields, part) in [
            ("{ prot = 6 }", ": no field `prot`; known are `prefixlen`"),
            ("{ protocol = 256 }", ".protocol: 256 does not fit into 1 bytes"),
            ("{ port = 1.5 }", ".port: a number"),
            (r#"{ source = "nowhere" }"#, ".source: `nowhere` is neither an address nor"),
            (r#"{ source = "hex:00" }"#, ".source: `hex:00` has 1 bytes, the field has 16"),
        ] {
            let message = key(fields).expect_err(fields);
            assert!(message.contains(part), "{message}");
        }
    }
}
