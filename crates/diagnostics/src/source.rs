//! From an instruction to the words of the source that it came from.
//!
//! Compilers record where a line's instruction begins, not where its words end: the end is guessed from the text (the
//! name called, the condition of an `if`, a whole `return`), and a guess that does not fit is the rest of the line.

use std::collections::BTreeMap;

use belay_isa::Pc;
use belay_object::{Line, Program};

/// Words of a source line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The file as the compiler recorded it.
    pub file: String,
    /// Line from 1.
    pub line: u32,
    /// Column of the first character, from 1.
    pub column: u32,
    /// Column after the last character.
    pub end_column: u32,
    /// The whole line, control characters replaced, tabs kept.
    pub text: String,
}

/// Text of an object for a terminal: control characters become `?`, tabs stay.
pub fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() && c != '\t' || is_bidi(c) { '?' } else { c };
    text.chars().map(shown).collect()
}

/// Characters that change the order in which text is shown.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}')
}

/// What of a line to mark.
#[derive(Clone, Copy)]
pub(crate) enum LookFor<'a> {
    /// What begins at the instruction's column.
    Words,
    /// A name, if the line mentions it.
    Name(&'a str),
    /// The condition of an `if` or a loop around the instruction's column.
    Condition,
}

/// The source lines of a program.
pub(crate) struct Sources<'a> {
    program: &'a Program,
}

impl<'a> Sources<'a> {
    pub(crate) fn new(program: &'a Program) -> Sources<'a> {
        Sources { program }
    }

    /// The words that the instruction came from.
    pub(crate) fn span(&self, pc: Pc, look_for: LookFor<'_>) -> Option<Span> {
        let line = line_at(self.program, pc)?;
        let text = printable(&line.text);
        let chars: Vec<char> = text.chars().collect();
        if chars.iter().all(|c| c.is_whitespace()) {
            return None;
        }
        let column_index = line.column.saturating_sub(1) as usize;
        let found = match look_for {
            LookFor::Name(name) => find_word(&chars, name),
            LookFor::Condition => condition(&chars, column_index),
            LookFor::Words => None,
        };
        // Assembly text, which has no types and so no such table: the whole statement.
        let assembly = self.program.btf_lines.is_empty();
        let words =
            || if assembly { rest_of_line(&chars, column_index) } else { words_from(&chars, column_index) };
        let (start, end) = found.unwrap_or_else(words);
        Some(Span {
            file: printable(&line.file),
            line: line.line,
            column: column(start),
            end_column: column(end),
            text,
        })
    }
}

impl Sources<'_> {
    /// The lines of the source right before and behind these, as far as they have instructions.
    pub(crate) fn near(&self, places: &[(&str, u32)]) -> BTreeMap<(String, u32), String> {
        let is_near = |line: &&Line| {
            places
                .iter()
                .any(|(file, number)| line.line.abs_diff(*number) == 1 && *file == printable(&line.file))
        };
        let entry = |line: &Line| ((printable(&line.file), line.line), printable(&line.text));
        self.program.lines.iter().filter(is_near).map(entry).collect()
    }
}

/// The line that an instruction belongs to.
pub(crate) fn line_at(program: &Program, pc: Pc) -> Option<&Line> {
    let after = program.lines.partition_point(|line| line.pc <= pc);
    program.lines.get(after.checked_sub(1)?)
}

fn column(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1)
}

/// Where a name stands as a word of its own.
fn find_word(line: &[char], name: &str) -> Option<(usize, usize)> {
    let name: Vec<char> = name.chars().collect();
    if name.is_empty() {
        return None;
    }
    let part = |c: Option<&char>| c.is_some_and(|c| is_word(*c));
    line.windows(name.len()).enumerate().find_map(|(at, window)| {
        let end = at + name.len();
        let alone = !part(at.checked_sub(1).and_then(|before| line.get(before))) && !part(line.get(end));
        (window == name && alone).then_some((at, end))
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The condition in whose parentheses a column lies, if the line begins a branch or a loop.
fn condition(line: &[char], at: usize) -> Option<(usize, usize)> {
    let text: String = line.iter().collect();
    let keyword = ["if", "while", "for", "switch"].iter().find_map(|keyword| {
        let chars: Vec<char> = keyword.chars().collect();
        let found = line.windows(chars.len() + 1).position(|window| {
            window.starts_with(&chars) && window.last().is_some_and(|c| *c == ' ' || *c == '(')
        })?;
        text.trim_start()
            .trim_start_matches(['}', ' '])
            .trim_start_matches("else ")
            .starts_with(keyword)
            .then_some(found)
    })?;
    let open = keyword + line.get(keyword..)?.iter().position(|c| *c == '(')? + 1;
    let close = open + closing(line.get(open..)?)?;
    (open < close && (at <= close)).then_some((open, close))
}

/// The words that begin at a column: a `return` with its value, the condition of an `if`, a name, else the rest of the line.
fn words_from(line: &[char], start: usize) -> (usize, usize) {
    let trimmed_end = line.iter().rposition(|c| !c.is_whitespace()).map_or(0, |at| at + 1);
    let first = line.iter().position(|c| !c.is_whitespace()).unwrap_or(0);
    let mut start = if start < trimmed_end { start.max(first) } else { first };
    let rest = |at: usize| line.get(at..trimmed_end).unwrap_or(&[]);
    let begins = |at: usize, word: &str| {
        rest(at).iter().copied().take(word.len()).eq(word.chars())
            && !rest(at).get(word.len()).is_some_and(|c| is_word(*c))
    };
    if begins(start, "return") {
        let end = rest(start).iter().position(|c| *c == ';').map_or(trimmed_end, |at| start + at + 1);
        return (start, end);
    }
    if ["if", "while", "for", "switch"].iter().any(|keyword| begins(start, keyword))
        && let Some(open) = rest(start).iter().position(|c| *c == '(')
    {
        start += open + 1;
        let close = closing(rest(start)).map_or(trimmed_end, |at| start + at);
        return (start, close.max(start + 1).min(trimmed_end.max(start + 1)));
    }
    // An assignment: what is assigned to, and the sign.
    if line.get(start) == Some(&'=') && line.get(start + 1) != Some(&'=') {
        let end = start + 1;
        let target = line.get(..start).unwrap_or(&[]);
        let word = target.iter().rposition(|c| !c.is_whitespace()).map_or(0, |at| at + 1);
        return (access_start(line, word), end);
    }
    let mut end = start;
    while line.get(end).is_some_and(|c| is_word(*c)) {
        end += 1;
    }
    if end > start {
        start = access_start(line, start);
    }
    // `sk->state`, `tuple.ipv4`: the whole access.
    while end > start {
        let skip = match (line.get(end), line.get(end + 1)) {
            (Some('-'), Some('>')) => 2,
            (Some('.'), _) => 1,
            _ => break,
        };
        let word = line.get(end + skip..).unwrap_or(&[]).iter().take_while(|c| is_word(**c)).count();
        if word == 0 {
            break;
        }
        end += skip + word;
    }
    if end == start {
        return rest_of_line(line, start);
    }
    (start, end.max(start + 1))
}

/// From a column to the end of the line, without a comment.
fn rest_of_line(line: &[char], start: usize) -> (usize, usize) {
    let text: String = line.get(start..).unwrap_or(&[]).iter().collect();
    let code = text.find(" #").or_else(|| text.find("//")).unwrap_or(text.len());
    let code = text.get(..code).unwrap_or(&text).trim_end();
    (start, start + code.chars().count().max(1))
}

/// Where the access begins of which a member's name begins, or a word ends, at `at`: `sk` of `sk->state`.
fn access_start(line: &[char], mut at: usize) -> usize {
    loop {
        let before = line.get(..at).unwrap_or(&[]);
        let skip = match before {
            [.., '-', '>'] => 2,
            [.., '.'] => 1,
            [.., c] if is_word(*c) => 0,
            _ => return at,
        };
        let head = before.get(..before.len() - skip).unwrap_or(&[]);
        let word = head.iter().rev().take_while(|c| is_word(**c)).count();
        if word == 0 {
            return at;
        }
        at = head.len() - word;
    }
}

/// Where the parenthesis closes that is open at the start.
fn closing(text: &[char]) -> Option<usize> {
    let mut depth = 0usize;
    for (at, c) in text.iter().enumerate() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return Some(at),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str, column: usize) -> String {
        let chars: Vec<char> = line.chars().collect();
        let (start, end) = words_from(&chars, column.saturating_sub(1));
        chars[start.min(chars.len())..end.min(chars.len())].iter().collect()
    }

    #[test]
    fn the_end_is_guessed_from_the_words() {
        assert_eq!(words("\treturn TC_ACT_OK;", 2), "return TC_ACT_OK;");
        assert_eq!(words("\tif (sk->state == BPF_TCP_LISTEN)", 6), "sk->state");
        assert_eq!(words("\tif (sk->state == BPF_TCP_LISTEN)", 10), "sk->state");
        assert_eq!(words("\tsk = f(a);", 5), "sk =");
        assert_eq!(words("\tp->sk = f(a);", 8), "p->sk =");
        assert_eq!(words("\tif (!sk)", 2), "!sk");
        assert_eq!(words("\tif (f(a) && b) return 0;", 2), "f(a) && b");
        assert_eq!(words("\tbpf_sk_release(sk);", 2), "bpf_sk_release");
        assert_eq!(words("}", 1), "}");
        assert_eq!(words("\tif (!sk)", 6), "!sk)");
        assert_eq!(words("x", 99), "x");
        assert_eq!(words("", 1), "");
    }

    #[test]
    fn a_condition_is_found_around_a_column() {
        let whole = |line: &str, column: usize| {
            let chars: Vec<char> = line.chars().collect();
            condition(&chars, column).map(|(start, end)| chars[start..end].iter().collect::<String>())
        };
        assert_eq!(whole("\tif (sk->state == F(1))", 9).as_deref(), Some("sk->state == F(1)"));
        assert_eq!(whole("\t} else if (!sk)", 13).as_deref(), Some("!sk"));
        assert_eq!(whole("\treturn sk ? 1 : 0;", 9), None);
        assert_eq!(whole("\tif (a", 5), None);
    }

    #[test]
    fn a_name_is_found_as_a_word() {
        let line: Vec<char> = "sk_x = sk(sk2)".chars().collect();
        assert_eq!(find_word(&line, "sk"), Some((7, 9)));
        assert_eq!(find_word(&line, "k"), None);
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(printable("a\u{1b}[31m\tb\u{202e}"), "a?[31m\tb?");
    }
}
