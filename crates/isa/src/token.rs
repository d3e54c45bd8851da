//! Words of a line of assembly.
//!
//! A token knows its column, so an error can point at it. Operators are those of the tables, so `s>>=` is one token.

use crate::parse::ParseError;
use crate::table::{AluOp, CmpOp};

/// A word and where it begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind<'a>,
    /// Counted in characters, from 1.
    pub(crate) column: u32,
    pub(crate) text: &'a str,
}

/// What a word is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind<'a> {
    /// A name: letters, digits, `_`, `.`, `$`, not beginning with a digit.
    Name(&'a str),
    /// A number without its sign.
    Number(u64),
    /// A reference to a numeric label, `1b` or `1f`.
    NumericLabel {
        /// The label's number as written.
        name: &'a str,
        /// `f`: the next one, else the last one.
        forward: bool,
    },
    /// An operator or a bracket.
    Punct(&'static str),
}

/// Punctuation that is no operator of the tables. `#` reaches the parser only inside `call name#12`.
const PUNCTUATION: [&str; 14] = ["=", "(", ")", "[", "]", "*", "+", "-", ",", ":", "&", ";", "@", "#"];

/// Splits a line. A comment (`#`, `//`, or `;` before anything else) ends it; `/* */` is passed over.
pub(crate) fn tokenize(line: &str) -> Result<Vec<Token<'_>>, ParseError> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut rest = line;
    let mut column = 1;
    loop {
        let blank = rest.trim_start();
        column += count(&rest[..rest.len() - blank.len()]);
        rest = blank;
        let Some(first) = rest.chars().next() else { break };
        let adjacent =
            line.len() > rest.len() && !line[..line.len() - rest.len()].ends_with(char::is_whitespace);
        if let Some(comment) = rest.strip_prefix("/*") {
            let Some((inside, after)) = comment.split_once("*/") else {
                return Err(ParseError { column, message: "this comment does not end on its line".into() });
            };
            column += count(inside) + 4;
            rest = after;
            continue;
        }
        if rest.starts_with("//")
            || (first == ';' && tokens.is_empty())
            || (first == '#' && !(adjacent && names_a_call(&tokens, rest)))
        {
            break;
        }
        let (kind, len) = token(rest).map_err(|message| ParseError { column, message })?;
        let (text, after) = rest.split_at(len);
        tokens.push(Token { kind, column, text });
        column += count(text);
        rest = after;
    }
    Ok(tokens)
}

fn count(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}

/// Whether a `#` at the head of `rest` continues the operand of a call, as in the kernel's `call bpf_redirect#23`.
fn names_a_call(before: &[Token<'_>], rest: &str) -> bool {
    let call = matches!(before, [.., call, name] if call.kind == Kind::Name("call") && matches!(name.kind, Kind::Name(_)));
    call && rest[1..].starts_with(|c: char| c.is_ascii_digit())
}

fn token(rest: &str) -> Result<(Kind<'_>, usize), String> {
    if let Some(operator) = operator(rest) {
        return Ok((Kind::Punct(operator), operator.len()));
    }
    let word = rest.find(|c: char| !is_word(c)).map_or(rest, |end| &rest[..end]);
    match word.chars().next() {
        Some(first) if first.is_ascii_digit() => Ok((number(word)?, word.len())),
        Some(_) => Ok((Kind::Name(word), word.len())),
        None => Err(format!("unexpected `{}`", rest.chars().next().unwrap_or(' '))),
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$')
}

/// The longest operator at the head of `rest`.
fn operator(rest: &str) -> Option<&'static str> {
    let tables = AluOp::ALL.iter().map(|op| op.text()).chain(CmpOp::ALL.iter().map(|op| op.text()));
    let all = tables.chain(PUNCTUATION);
    all.filter(|text| rest.starts_with(text)).max_by_key(|text| text.len())
}

/// As clang reads numbers: `12`, `0x1f`, `0b11`, `017`; and `1b`, `1f` for numeric labels.
fn number(word: &str) -> Result<Kind<'_>, String> {
    if let Some(name) = word.strip_suffix(['b', 'f']).filter(|name| name.bytes().all(|c| c.is_ascii_digit()))
    {
        return Ok(Kind::NumericLabel { name, forward: word.ends_with('f') });
    }
    let lower = word.to_ascii_lowercase();
    let value = if let Some(digits) = lower.strip_prefix("0x") {
        u64::from_str_radix(digits, 16)
    } else if let Some(digits) = lower.strip_prefix("0b") {
        u64::from_str_radix(digits, 2)
    } else if let Some(digits) = lower.strip_prefix('0').filter(|digits| !digits.is_empty()) {
        u64::from_str_radix(digits, 8)
    } else {
        lower.parse()
    };
    value.map(Kind::Number).map_err(|_| format!("`{word}` is not a number of at most 64 bits"))
}
