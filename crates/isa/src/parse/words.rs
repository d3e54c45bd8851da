//! Reading the words of a line one after the other: registers, numbers, punctuation.

use super::ParseError;
use crate::insn::{Reg, Src};
use crate::table::{Size, Width};
use crate::token::{Kind, Token};

pub(super) type Parsed<T> = Result<T, ParseError>;

/// A position in the words of a line.
pub(crate) struct Parser<'t, 'a> {
    tokens: &'t [Token<'a>],
    pub(super) at: usize,
    /// Column just after the text.
    end: u32,
}

impl<'t, 'a> Parser<'t, 'a> {
    pub(crate) fn new(tokens: &'t [Token<'a>], text: &str) -> Self {
        let end =
            u32::try_from(text.trim_end().chars().count()).map_or(u32::MAX, |count| count.saturating_add(1));
        Parser { tokens, at: 0, end }
    }

    /// Whether all words are read.
    pub(crate) fn is_empty(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// Takes the label that stands here, with its colon.
    pub(crate) fn label(&mut self) -> Option<Token<'a>> {
        let [name, colon, ..] = self.tokens.get(self.at..)? else { return None };
        if colon.kind != Kind::Punct(":") || !matches!(name.kind, Kind::Name(_) | Kind::Number(_)) {
            return None;
        }
        self.at += 2;
        Some(*name)
    }

    /// Takes that operator if it stands here.
    pub(crate) fn eat(&mut self, punct: &str) -> bool {
        let found = self.peek().is_some_and(|kind| matches!(kind, Kind::Punct(text) if text == punct));
        self.at += usize::from(found);
        found
    }

    /// Fails unless all words are read.
    pub(crate) fn end(&self) -> Parsed<()> {
        if self.is_empty() { Ok(()) } else { Err(self.expected("the end of the instruction")) }
    }

    pub(super) fn peek(&self) -> Option<Kind<'a>> {
        self.tokens.get(self.at).map(|token| token.kind)
    }

    pub(super) fn peek_second(&self) -> Option<Kind<'a>> {
        self.tokens.get(self.at.saturating_add(1)).map(|token| token.kind)
    }

    pub(super) fn at_sign(&self) -> bool {
        matches!(self.peek(), Some(Kind::Punct("+" | "-")))
    }

    pub(super) fn column(&self) -> u32 {
        self.tokens.get(self.at).map_or(self.end, |token| token.column)
    }

    pub(super) fn next(&mut self, what: &str) -> Parsed<Token<'a>> {
        let token = self.tokens.get(self.at).copied().ok_or_else(|| self.expected(what))?;
        self.at += 1;
        Ok(token)
    }

    pub(super) fn expected(&self, what: &str) -> ParseError {
        match self.tokens.get(self.at) {
            Some(token) => error(token.column, format!("expected {what}, found `{}`", token.text)),
            None => error(self.end, format!("expected {what}")),
        }
    }

    pub(super) fn punct(&mut self, punct: &str) -> Parsed<()> {
        if self.eat(punct) { Ok(()) } else { Err(self.expected(&format!("`{punct}`"))) }
    }

    pub(super) fn word(&mut self, word: &str) -> Parsed<()> {
        if self.peek() != Some(Kind::Name(word)) {
            return Err(self.expected(&format!("`{word}`")));
        }
        self.at += 1;
        Ok(())
    }

    pub(super) fn register(&mut self) -> Parsed<(Width, Reg)> {
        match self.peek() {
            Some(Kind::Name(name)) => match register(name) {
                Some(Some(found)) => {
                    self.at += 1;
                    Ok(found)
                }
                Some(None) => {
                    Err(error(self.column(), format!("there is no register `{name}`: the last is `r10`")))
                }
                None => Err(self.expected("a register")),
            },
            _ => Err(self.expected("a register")),
        }
    }

    pub(super) fn reg64(&mut self) -> Parsed<Reg> {
        self.register_of(Width::W64)
    }

    pub(super) fn register_of(&mut self, width: Width) -> Parsed<Reg> {
        let column = self.column();
        match self.register()? {
            (found, reg) if found == width => Ok(reg),
            (_, reg) => {
                Err(error(column, format!("`{}{}` is needed here", width.row().letter, reg.number())))
            }
        }
    }

    /// A register that holds a value of that size in memory: clang says `w1` and Linux `r1` for 32 bits and less.
    pub(super) fn value_register(&mut self, size: Size) -> Parsed<Reg> {
        if size == Size::DW { self.reg64() } else { Ok(self.register()?.1) }
    }

    pub(super) fn operand(&mut self, width: Width) -> Parsed<Src> {
        match self.peek() {
            Some(Kind::Name(_)) => self.register_of(width).map(Src::Reg),
            _ => self.imm32().map(Src::Imm),
        }
    }

    /// A 32-bit immediate, signed or (as clang allows) unsigned; it means the same bits.
    pub(super) fn imm32(&mut self) -> Parsed<i32> {
        let value = self.integer(i64::from(i32::MIN), i64::from(u32::MAX))?;
        let bits: u32 = i32::try_from(value)
            .map_or_else(|_| u32::try_from(value).unwrap_or_default(), i32::cast_unsigned);
        Ok(bits.cast_signed())
    }

    pub(super) fn int16(&mut self) -> Parsed<i16> {
        self.integer(i16::MIN, i16::MAX)
    }

    pub(super) fn integer<T: TryFrom<i128> + Into<i128> + Copy>(&mut self, min: T, max: T) -> Parsed<T> {
        let column = self.column();
        // Linux prints `skb[r6 + -14]`.
        self.eat("+");
        let negative = self.eat("-");
        let token = self.next("a number")?;
        let Kind::Number(magnitude) = token.kind else {
            return Err(error(token.column, format!("expected a number, found `{}`", token.text)));
        };
        let value = if negative { -i128::from(magnitude) } else { i128::from(magnitude) };
        let (min, max) = (min.into(), max.into());
        let inside = (min..=max).contains(&value).then(|| T::try_from(value).ok()).flatten();
        inside.ok_or_else(|| error(column, format!("{value} does not fit: from {min} to {max}")))
    }
}

pub(super) fn error(column: u32, message: impl Into<String>) -> ParseError {
    ParseError { column, message: message.into() }
}

/// A word that looks like a register, and the register if there is one.
pub(super) fn register(word: &str) -> Option<Option<(Width, Reg)>> {
    let width = Width::ALL.iter().copied().find(|width| word.starts_with(width.row().letter))?;
    let digits = word.get(1..)?;
    if digits.is_empty() || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let canonical = digits == "0" || !digits.starts_with('0');
    Some(digits.parse().ok().filter(|_| canonical).and_then(Reg::new).map(|reg| (width, reg)))
}
