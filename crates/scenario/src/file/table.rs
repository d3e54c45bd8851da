//! TOML with places: each key is asked for by name, and what nobody asked for is a mistake.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::mistake::{Mistake, listed};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Item<'t> {
    value: Spanned<DeValue<'t>>,
}

/// A table whose keys are taken out one by one.
#[derive(Debug, Default)]
pub(crate) struct Table<'t> {
    pub(crate) at: Range<usize>,
    entries: Vec<(Range<usize>, String, Spanned<DeValue<'t>>)>,
    known: Vec<&'static str>,
}

impl<'t> Table<'t> {
    /// The table of a whole text.
    pub(crate) fn parse(text: &'t str) -> Result<Table<'t>, Mistake> {
        let table = DeTable::parse(text).map_err(|error| {
            // The parser's message may have several lines, the first of which says what is wrong.
            let message = error.message().lines().next().unwrap_or("not TOML").to_owned();
            Mistake::new(error.span().unwrap_or(0..0), message)
        })?;
        Ok(Table::of(table.span(), table.into_inner()))
    }

    fn of(at: Range<usize>, table: DeTable<'t>) -> Table<'t> {
        let mut entries: Vec<_> = table
            .into_iter()
            .map(|(key, value)| (key.span(), key.into_inner().into_owned(), value))
            .collect();
        entries.sort_by_key(|(at, ..)| at.start);
        Table { at, entries, known: Vec::new() }
    }

    /// The value of a key that may be there.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Item<'t>> {
        self.known.push(key);
        let index = self.entries.iter().position(|(_, name, _)| name == key)?;
        Some(Item { value: self.entries.remove(index).2 })
    }

    /// The value of a key that must be there.
    pub(crate) fn need(&mut self, key: &'static str) -> Result<Item<'t>, Mistake> {
        let at = self.at.clone();
        self.take(key).ok_or_else(|| Mistake::new(at, format!("`{key}` is missing")))
    }

    /// To be called when everything was asked for: a key that is left is a mistake.
    pub(crate) fn finish(self) -> Result<(), Mistake> {
        match self.entries.into_iter().next() {
            None => Ok(()),
            Some((at, name, _)) => {
                let known = listed(self.known);
                Err(Mistake::new(at, format!("unknown key `{}`; known are {known}", name.escape_debug())))
            }
        }
    }

    /// The entries of a table whose keys are names of the user's: the name, where it stands, the value.
    pub(crate) fn named(self) -> impl Iterator<Item = (String, Range<usize>, Item<'t>)> {
        self.entries.into_iter().map(|(at, name, value)| (name, at, Item { value }))
    }
}

impl<'t> Item<'t> {
    pub(crate) fn at(&self) -> Range<usize> {
        self.value.span()
    }

    pub(crate) fn mistake(&self, message: impl std::fmt::Display) -> Mistake {
        Mistake::new(self.at(), message)
    }

    fn wrong(&self, wanted: &str) -> Mistake {
        self.mistake(format!("{wanted} was expected, not {}", self.kind()))
    }

    fn kind(&self) -> &'static str {
        match self.value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        }
    }

    pub(crate) fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    pub(crate) fn is_array(&self) -> bool {
        self.value.get_ref().is_array()
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        self.value.get_ref().as_str()
    }

    pub(crate) fn string(&self) -> Result<&str, Mistake> {
        self.as_str().ok_or_else(|| self.wrong("a string"))
    }

    pub(crate) fn boolean(&self) -> Result<bool, Mistake> {
        self.value.get_ref().as_bool().ok_or_else(|| self.wrong("`true` or `false`"))
    }

    /// An integer of the type that is asked for.
    pub(crate) fn integer<N: TryFrom<i128>>(&self) -> Result<N, Mistake> {
        let number = self.as_integer().ok_or_else(|| self.wrong("an integer"))?;
        N::try_from(number).map_err(|_| self.mistake(format!("{number} is out of range")))
    }

    pub(crate) fn as_integer(&self) -> Option<i128> {
        let number = self.value.get_ref().as_integer()?;
        // TOML allows `_` between digits.
        let digits: String = number.as_str().chars().filter(|c| *c != '_').collect();
        i128::from_str_radix(&digits, number.radix()).ok()
    }

    pub(crate) fn table(self) -> Result<Table<'t>, Mistake> {
        let at = self.at();
        match self.value.into_inner() {
            DeValue::Table(table) => Ok(Table::of(at, table)),
            other => Err(Item { value: Spanned::new(at, other) }.wrong("a table")),
        }
    }

    pub(crate) fn array(self) -> Result<Vec<Item<'t>>, Mistake> {
        let at = self.at();
        match self.value.into_inner() {
            DeValue::Array(array) => Ok(array.into_iter().map(|value| Item { value }).collect()),
            other => Err(Item { value: Spanned::new(at, other) }.wrong("an array")),
        }
    }

    /// An array, or one thing in place of an array of one.
    pub(crate) fn one_or_more(self) -> Result<Vec<Item<'t>>, Mistake> {
        if self.is_array() { self.array() } else { Ok(vec![self]) }
    }

    pub(crate) fn into_value(self) -> Spanned<DeValue<'t>> {
        self.value
    }

    /// The value without places.
    pub(crate) fn plain(&self) -> Result<toml::Value, Mistake> {
        toml::Value::deserialize(ValueDeserializer::from(self.value.clone()))
            .map_err(|error| self.mistake(error.message()))
    }

    /// The range of a part of this string, where the text has it as it is: without escapes.
    pub(crate) fn within(&self, text: &str, offset: usize) -> Range<usize> {
        let span = self.at();
        let written = text.get(span.clone()).unwrap_or_default();
        let Some(content) = self.as_str() else { return span };
        match written.find(content) {
            Some(start) => span.start + start + offset.min(content.len())..span.end,
            None => span,
        }
    }
}
