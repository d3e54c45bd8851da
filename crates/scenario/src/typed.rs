//! Keys and values of maps as the program's types have them, for people.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use belay_object::btf::{Btf, Kind, TypeId};

use crate::packet::{Difference, row};
use crate::scenario::Pattern;

/// Deeper types than any value has.
const DEEPEST: u32 = 16;
/// More elements of an array than anybody reads.
const MOST_ELEMENTS: usize = 64;

/// One number, or one array of bytes, within a value.
struct Leaf {
    /// `source.word[3]`; empty if the value is one number.
    path: String,
    start: usize,
    len: usize,
    shown: Shown,
}

#[derive(Clone, Copy)]
enum Shown {
    Unsigned,
    Signed,
    /// In network order.
    Network,
    Bytes,
}

/// A key or value in one line.
pub(crate) fn line(btf: Option<&Btf>, ty: Option<TypeId>, bytes: &[u8]) -> String {
    let leaves = leaves(btf, ty, bytes.len());
    match leaves.as_slice() {
        [] => row(bytes),
        [only] if only.path.is_empty() => only.text(bytes),
        leaves => {
            let parts: Vec<String> =
                leaves.iter().map(|leaf| format!("{} = {}", leaf.path, leaf.text(bytes))).collect();
            format!("{{ {} }}", parts.join(", "))
        }
    }
}

/// In what a value differs from a pattern.
pub(crate) fn differences(
    btf: Option<&Btf>,
    ty: Option<TypeId>,
    wanted: &Pattern,
    found: &[u8],
) -> Vec<Difference> {
    let expected = wanted.over(found);
    let mut differences = Vec::new();
    for leaf in leaves(btf, ty, found.len()) {
        let part = |bytes: &[u8]| bytes.get(leaf.start..leaf.start + leaf.len).map(<[u8]>::to_vec);
        if part(&expected) != part(found) {
            let what = if leaf.path.is_empty() { "value".to_owned() } else { leaf.path.clone() };
            differences.push(Difference { what, expected: leaf.text(&expected), actual: leaf.text(found) });
        }
    }
    if differences.is_empty() {
        differences.push(Difference {
            what: "value".to_owned(),
            expected: row(&expected),
            actual: row(found),
        });
    }
    differences
}

fn leaves(btf: Option<&Btf>, ty: Option<TypeId>, size: usize) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    if let (Some(btf), Some(ty)) = (btf, ty) {
        collect(btf, ty, String::new(), 0, false, 0, &mut leaves);
        leaves.retain(|leaf| leaf.start + leaf.len <= size);
    }
    if leaves.is_empty() && matches!(size, 1 | 2 | 4 | 8) {
        leaves.push(Leaf { path: String::new(), start: 0, len: size, shown: Shown::Unsigned });
    }
    leaves
}

fn collect(
    btf: &Btf,
    ty: TypeId,
    path: String,
    start: usize,
    network: bool,
    depth: u32,
    leaves: &mut Vec<Leaf>,
) {
    if depth > DEEPEST || leaves.len() > MOST_ELEMENTS {
        return;
    }
    let id = ty;
    let ty = btf.get(ty);
    let network = network || matches!(ty.name, "__be16" | "__be32" | "__be64");
    if let Some(inner) = ty.kind.modified() {
        return collect(btf, inner, path, start, network, depth + 1, leaves);
    }
    let size = btf.size_of(id).unwrap_or(0) as usize;
    let leaf = |shown| Leaf { path: path.clone(), start, len: size, shown };
    match ty.kind {
        Kind::Struct { members, .. } => {
            for member in members.iter() {
                let joined = match (path.is_empty(), member.name.is_empty()) {
                    (true, _) => member.name.to_owned(),
                    (false, true) => path.clone(),
                    (false, false) => format!("{path}.{}", member.name),
                };
                let at = start + (member.bit_offset / 8) as usize;
                collect(btf, member.ty, joined, at, network, depth + 1, leaves);
            }
        }
        Kind::Array { element, len, .. } => {
            let one = btf.size_of(element).unwrap_or(0) as usize;
            let addresses = matches!(btf.get(element).name, "__be32" | "__u8") && size == 16;
            if one <= 1 || addresses {
                leaves.push(leaf(Shown::Bytes));
                return;
            }
            for index in 0..(len as usize).min(MOST_ELEMENTS) {
                let joined = format!("{path}[{index}]");
                collect(btf, element, joined, start + index * one, network, depth + 1, leaves);
            }
        }
        Kind::Int { .. } | Kind::Enum { .. } if network => leaves.push(leaf(Shown::Network)),
        Kind::Int { signed: true, .. } | Kind::Enum { signed: true, .. } => leaves.push(leaf(Shown::Signed)),
        Kind::Int { .. } | Kind::Enum { .. } => leaves.push(leaf(Shown::Unsigned)),
        _ => leaves.push(leaf(Shown::Bytes)),
    }
}

impl Leaf {
    fn text(&self, bytes: &[u8]) -> String {
        let bytes = bytes.get(self.start..self.start + self.len).unwrap_or_default();
        let number = |big: bool| {
            let step = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
            if big { bytes.iter().fold(0, step) } else { bytes.iter().rev().fold(0, step) }
        };
        match (self.shown, bytes.len()) {
            (Shown::Network, 4) => Ipv4Addr::from_bits(number(true) as u32).to_string(),
            (Shown::Network, 1..=8) => number(true).to_string(),
            (Shown::Unsigned, 1..=8) => number(false).to_string(),
            (Shown::Signed, len @ 1..=8) => {
                let shift = 64 - 8 * len as u32;
                ((number(false) << shift).cast_signed() >> shift).to_string()
            }
            (_, 16) => {
                let bits = bytes.iter().fold(0, |value, byte| value << 8 | u128::from(*byte));
                Ipv6Addr::from_bits(bits).to_string()
            }
            _ => {
                let mut text = String::new();
                for byte in bytes {
                    // Writing to a string cannot fail.
                    let _ = write!(text, "{byte:02x}");
                }
                text
            }
        }
    }
}
