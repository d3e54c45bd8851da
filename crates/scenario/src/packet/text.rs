//! Packets written as layers: `eth / ip src=192.0.2.1 / tcp dport=443 syn / "payload"`.
//!
//! A layer is its name and what is said of it: `field=value`, or a word (a flag's name, or a name for a value). What is
//! said twice counts the second time. Payload is text in quotes, `hex:…` or `zero:N`.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::bits;
use super::layer::{Field, Form, KINDS, Kind};

/// The longest packet that can be written.
pub(crate) const LONGEST: usize = 1 << 16;
/// What text stands in: whichever the TOML around it leaves free.
const QUOTES: [char; 2] = ['"', '\''];
/// The most layers.
const MOST_LAYERS: usize = 64;

/// What is wrong with a text, and where: an offset into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextError {
    /// The offset in bytes.
    pub at: usize,
    /// What, and what to do.
    pub message: String,
}

/// One layer as written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Layer {
    /// A header.
    Header(Header),
    /// Bytes.
    Payload(Vec<u8>),
}

/// A header as written.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) kind: &'static Kind,
    /// What is said of its fields, in order.
    pub(crate) set: Vec<(&'static Field, u128)>,
    /// Bytes behind the header proper.
    pub(crate) options: Vec<u8>,
}

impl PartialEq for Header {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.kind, other.kind) && self.set == other.set && self.options == other.options
    }
}

/// Reads the layers of a text.
///
/// # Errors
/// At the first word that means nothing.
pub(crate) fn parse(text: &str) -> Result<Vec<Layer>, TextError> {
    let mut layers = Vec::new();
    let mut words = Words { text, at: 0 };
    loop {
        layers.push(layer(&mut words)?);
        match words.next()? {
            None => return Ok(layers),
            Some((at, _)) if layers.len() >= MOST_LAYERS => {
                return Err(error(at, format!("more than {MOST_LAYERS} layers")));
            }
            // Only `/` ends a layer.
            Some(_) => {}
        }
    }
}

fn error(at: usize, message: impl Into<String>) -> TextError {
    TextError { at, message: message.into() }
}

fn layer(words: &mut Words<'_>) -> Result<Layer, TextError> {
    let Some((at, word)) = words.within_layer()? else {
        return Err(error(words.at, "a layer is missing: write `eth / ip / tcp`, say"));
    };
    if let Some(bytes) = payload(at, word)? {
        return match words.within_layer()? {
            None => Ok(Layer::Payload(bytes)),
            Some((at, word)) => Err(error(at, format!("`{word}` after the payload: put a `/` between"))),
        };
    }
    let kind = Kind::named(word).ok_or_else(|| {
        let known = listed(KINDS.iter().map(|kind| kind.name));
        error(at, format!("no layer `{word}`; known are {known}, `\"text\"`, `hex:…` and `zero:N`"))
    })?;
    let mut header = Header { kind, set: Vec::new(), options: Vec::new() };
    while let Some((at, word)) = words.within_layer()? {
        say(&mut header, at, word)?;
    }
    Ok(Layer::Header(header))
}

/// Notes one word that is said of a header.
fn say(header: &mut Header, at: usize, word: &str) -> Result<(), TextError> {
    let kind = header.kind;
    let Some((name, value)) = word.split_once('=') else {
        let named = kind.words.iter().find(|(known, ..)| *known == word);
        let meant = match named {
            Some((_, field, value)) => kind.field(field).map(|field| (field, *value)),
            None => kind.flag(word).map(|field| (field, 1)),
        };
        let meant = meant.ok_or_else(|| error(at, unknown(kind, word)))?;
        header.set.push(meant);
        return Ok(());
    };
    let value_at = at + name.len() + 1;
    if name == "options" && kind.header_words().is_some() {
        let bytes = payload(value_at, value)?
            .ok_or_else(|| error(value_at, format!("`{value}` is no bytes: write `options=hex:…`")))?;
        if bytes.len() % 4 != 0 || bytes.len() > 40 {
            let len = bytes.len();
            return Err(error(value_at, format!("options of {len} bytes: they come by four, at most 40")));
        }
        header.options = bytes;
        return Ok(());
    }
    let field = kind.field(name).ok_or_else(|| error(at, unknown(kind, name)))?;
    let value = parse_value(kind, field, value).map_err(|message| error(value_at, message))?;
    header.set.push((field, value));
    Ok(())
}

fn unknown(kind: &Kind, word: &str) -> String {
    let fields = kind.fields.iter().map(|field| field.name);
    let mut names: Vec<&str> = fields.chain(kind.words.iter().map(|(word, ..)| *word)).collect();
    if kind.header_words().is_some() {
        names.push("options");
    }
    names.dedup();
    format!("`{}` has no `{word}`; it has {}", kind.name, listed(names.into_iter()))
}

fn parse_value(kind: &Kind, field: &Field, text: &str) -> Result<u128, String> {
    let wrong = |what: &str| format!("`{text}` is no {what}");
    let named = kind.words.iter().find(|(word, name, _)| *word == text && *name == field.name);
    if let Some((.., value)) = named {
        return Ok(*value);
    }
    let value = match field.form {
        Form::Ipv4 => text.parse::<Ipv4Addr>().map_err(|_| wrong("IPv4 address"))?.to_bits().into(),
        Form::Ipv6 => text.parse::<Ipv6Addr>().map_err(|_| wrong("IPv6 address"))?.to_bits(),
        Form::Mac => mac(text).ok_or_else(|| wrong("link address"))?,
        Form::Number | Form::Hex | Form::Flag | Form::Flags => number(text).ok_or_else(|| wrong("number"))?,
    };
    if !bits::fits(value, field.bits) {
        return Err(format!("{text} does not fit the {} bits of `{}`", field.bits, field.name));
    }
    Ok(value)
}

fn number(text: &str) -> Option<u128> {
    match text.strip_prefix("0x") {
        Some(hex) => u128::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

fn mac(text: &str) -> Option<u128> {
    let parts: Vec<u8> = text
        .split(':')
        .map(|part| if part.len() == 2 { u8::from_str_radix(part, 16).ok() } else { None })
        .collect::<Option<_>>()?;
    let bytes: [u8; 6] = parts.try_into().ok()?;
    Some(bytes.iter().fold(0, |value, byte| value << 8 | u128::from(*byte)))
}

/// The bytes of a payload; none if the word is not one.
fn payload(at: usize, word: &str) -> Result<Option<Vec<u8>>, TextError> {
    let quote = word.chars().next().filter(|c| QUOTES.contains(c));
    let bytes = if let Some((quote, rest)) = quote.and_then(|quote| Some((quote, word.get(1..)?))) {
        unquoted(at + 1, rest, quote)?
    } else if let Some(digits) = word.strip_prefix("hex:") {
        hex(digits).map_err(|message| error(at + 4, message))?
    } else if let Some(count) = word.strip_prefix("zero:") {
        let count: usize =
            count.parse().ok().filter(|count| *count <= LONGEST).ok_or_else(|| {
                error(at + 5, format!("`{count}` is no number of bytes, at most {LONGEST}"))
            })?;
        vec![0; count]
    } else {
        return Ok(None);
    };
    Ok(Some(bytes))
}

/// Bytes in hexadecimal; white space and `_` between the digits is nothing.
pub(crate) fn hex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '_')
        .map(|c| match c.to_digit(16) {
            Some(digit) => Ok(digit as u8),
            None => Err(format!("`{}` is no hexadecimal digit", c.escape_default())),
        })
        .collect::<Result<_, _>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("an odd number of hexadecimal digits".to_owned());
    }
    if pairs.len() > LONGEST {
        return Err(format!("{} bytes: at most {LONGEST}", pairs.len()));
    }
    Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// The text up to the closing quote, escapes resolved. The quote itself was found by [`Words`].
fn unquoted(at: usize, text: &str, quote: char) -> Result<Vec<u8>, TextError> {
    let mut bytes = Vec::new();
    let mut rest = text.char_indices();
    while let Some((index, c)) = rest.next() {
        match c {
            c if c == quote => return Ok(bytes),
            '\\' => {
                let wrong = || {
                    error(at + index, "no such escape: `\\n`, `\\r`, `\\t`, `\\0`, `\\\\`, `\\\"`, `\\x1f`")
                };
                let (_, escape) = rest.next().ok_or_else(wrong)?;
                bytes.push(match escape {
                    'n' => b'\n',
                    'r' => b'\r',
                    't' => b'\t',
                    '0' => 0,
                    '\\' => b'\\',
                    '"' => b'"',
                    '\'' => b'\'',
                    'x' => {
                        let mut digit = || rest.next().and_then(|(_, c)| c.to_digit(16));
                        let (high, low) = digit().zip(digit()).ok_or_else(wrong)?;
                        (high << 4 | low) as u8
                    }
                    _ => return Err(wrong()),
                });
            }
            c => bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Err(error(at, "the quote is not closed"))
}

/// Names for a message.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The words of a text; `/` is one of its own.
struct Words<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Words<'t> {
    /// The next word, unless the layer ends before it.
    fn within_layer(&mut self) -> Result<Option<(usize, &'t str)>, TextError> {
        let before = self.at;
        let word = self.next()?;
        if word.is_some_and(|(_, word)| word == "/") {
            self.at = before;
            return Ok(None);
        }
        Ok(word)
    }

    fn next(&mut self) -> Result<Option<(usize, &'t str)>, TextError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let start = self.at + (rest.len() - rest.trim_start().len());
        let rest = self.text.get(start..).unwrap_or_default();
        let len = match rest.chars().next() {
            None => {
                self.at = self.text.len();
                return Ok(None);
            }
            Some('/') => 1,
            Some(quote) if QUOTES.contains(&quote) => {
                quoted(rest, quote).ok_or_else(|| error(start, "the quote is not closed"))?
            }
            Some(_) => rest.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(rest.len()),
        };
        self.at = start + len;
        Ok(Some((start, rest.get(..len).unwrap_or_default())))
    }
}

/// The length of a quoted text with its quotes.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (index, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(index + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_placed() {
        for (text, at, part) in [
            ("", 0, "a layer is missing"),
            ("eth / ", 6, "a layer is missing"),
            ("eth // ip", 5, "a layer is missing"),
            ("eth / ipx", 6, "no layer `ipx`; known are `eth`"),
            ("ip source=1.2.3.4", 3, "`ip` has no `source`; it has `version`"),
            ("ip src=1.2.3", 7, "`1.2.3` is no IPv4 address"),
            ("tcp dport=65536", 10, "65536 does not fit the 16 bits of `dport`"),
            ("tcp sin", 4, "`tcp` has no `sin`"),
            ("eth / \"abc", 6, "the quote is not closed"),
            ("\"a\\q\"", 2, "no such escape"),
            ("hex:0", 4, "an odd number"),
            ("hex:0g", 4, "`g` is no hexadecimal digit"),
            ("zero:99999999", 5, "is no number of bytes"),
            ("eth dst=2:0:0:0:0:1", 8, "is no link address"),
            ("tcp options=hex:00", 12, "options of 1 bytes"),
            ("\"a\" b", 4, "`b` after the payload"),
        ] {
            let found = parse(text).expect_err(text);
            assert!(found.at == at && found.message.contains(part), "{text}: {found:?}");
        }
    }

    #[test]
    fn a_word_is_a_flag_and_with_a_value_a_field() {
        let [Layer::Header(header)] = &parse("tcp ack ack=7 syn").unwrap()[..] else { panic!("a header") };
        let said: Vec<_> = header.set.iter().map(|(field, value)| (field.bits, *value)).collect();
        assert_eq!(said, [(1, 1), (32, 7), (1, 1)]);
    }
}
