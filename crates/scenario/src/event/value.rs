//! A value that a run left, and what a scenario says of it.

use belay_diagnostics::printable;
use belay_sockets::{SocketId, SocketTable};

use super::names;
use crate::describe;
use crate::scenario::Wanted;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// An address, a number or a word, written in one way.
    Text(String),
    /// A message, an option's value.
    Bytes(Vec<u8>),
    /// A socket of the table, or none.
    Socket(Option<SocketId>),
}

/// How a value is written in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A number.
    Number,
    /// A number or its name.
    Named(&'static names::Names),
    /// An option of a socket: its name or number.
    Option,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// `192.0.2.1:80`, `[2001:db8::1]:80`, `unix:/path`.
    Address,
    /// `192.0.2.1`
    Ip,
    /// What a system call returns: 0, or an error's name or negative number.
    Result,
    /// The words of a socket, or `none`.
    Socket,
    /// The value of an option: a number of four bytes, a text, or `hex:…`.
    Data,
    /// Bytes as text.
    Text,
    /// Bytes in hexadecimal.
    Hex,
}

/// What is wished for.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Exactly this text.
    Text(String),
    /// These bytes.
    Bytes(Data),
    /// One of these sockets.
    Socket(Wanted),
}

/// Bytes, and how they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Data {
    pub(crate) bytes: Vec<u8>,
    pub(crate) written: Written,
}

/// How bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// As a number, little-endian: how many bytes there are beyond it says nothing.
    Number,
    /// As a text: neither do zeros after it.
    Text,
    /// In hexadecimal: to the byte.
    Hex,
}

impl Wish {
    pub(crate) fn fits(&self, found: &Value) -> bool {
        match (self, found) {
            (Wish::Text(wanted), Value::Text(found)) => wanted == found,
            (Wish::Bytes(wanted), Value::Bytes(found)) => wanted.fits(found),
            (Wish::Socket(wanted), Value::Socket(Some(id))) => wanted.ids.contains(id),
            (Wish::Socket(wanted), Value::Socket(None)) => wanted.ids.is_empty(),
            _ => false,
        }
    }

    /// What was written, in the words of what is found.
    pub(crate) fn told(&self) -> String {
        match self {
            Wish::Text(text) => text.clone(),
            Wish::Bytes(data) => data.written.told(&data.bytes),
            Wish::Socket(wanted) => wanted.text.clone(),
        }
    }

    /// What was found, written as the wish is.
    pub(crate) fn told_of(&self, found: &Value, sockets: &SocketTable) -> String {
        match (self, found) {
            (Wish::Bytes(data), Value::Bytes(bytes)) => data.written.told(bytes),
            _ => found.told(sockets),
        }
    }
}

impl Data {
    fn fits(&self, found: &[u8]) -> bool {
        match self.written {
            Written::Hex => self.bytes == found,
            Written::Number | Written::Text => trimmed(&self.bytes) == trimmed(found),
        }
    }
}

impl Written {
    fn told(self, bytes: &[u8]) -> String {
        let text = || str::from_utf8(trimmed(bytes)).ok();
        match self {
            Written::Number if bytes.len() == 4 => {
                let word = bytes.first_chunk().copied().unwrap_or_default();
                i32::from_le_bytes(word).to_string()
            }
            Written::Text if text().is_some() => format!("`{}`", printable(text().unwrap_or_default())),
            _ if bytes.is_empty() => "nothing".to_owned(),
            _ => hexadecimal(bytes),
        }
    }
}

/// Without the zeros at the end.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let len = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.get(..len).unwrap_or_default()
}

/// `0a 0b`, of a long one the beginning.
fn hexadecimal(bytes: &[u8]) -> String {
    const SHOWN: usize = 32;
    let shown = bytes.get(..SHOWN).unwrap_or(bytes);
    let digits: Vec<String> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
    let rest = bytes.len() - shown.len();
    let rest = if rest > 0 { format!(" … ({rest} more)") } else { String::new() };
    digits.join(" ") + &rest
}

impl Value {
    pub(crate) fn told(&self, sockets: &SocketTable) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Bytes(bytes) => Written::Hex.told(bytes),
            Value::Socket(None) => "none".to_owned(),
            Value::Socket(Some(id)) => describe::socket(sockets, *id),
        }
    }

    pub(crate) fn number(number: impl Into<i64>) -> Value {
        Value::Text(number.into().to_string())
    }

    pub(crate) fn none() -> Value {
        Value::Text("none".to_owned())
    }
}
