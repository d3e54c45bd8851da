//! What is wrong with an object, and where.

use std::fmt;

/// A fault of an object, or of one program in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The object's path.
    pub path: String,
    /// Where in the object.
    pub place: Place,
    /// Which part of the work failed.
    pub kind: ErrorKind,
    /// What is wrong, and what to do if that can be said.
    pub message: String,
}

/// A place in an object; every part that is known is set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Section of the ELF file.
    pub section: Option<Box<str>>,
    /// Offset in that section, in bytes.
    pub offset: Option<u64>,
    /// Symbol: a function, a map, a type.
    pub symbol: Option<Box<str>>,
    /// Line (from 1) of assembly text.
    pub line: Option<u32>,
    /// Column (from 1) of assembly text.
    pub column: Option<u32>,
}

/// Which part of the work failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The file is not a BPF object.
    Elf,
    /// `.BTF` or `.BTF.ext` is malformed.
    Btf,
    /// A map's definition.
    Map,
    /// A section name, a function, a call between functions.
    Link,
    /// A relocation.
    Relocation,
    /// A CO-RE relocation, or the kernel types that it needs.
    Core,
    /// A symbol that the kernel must provide.
    Extern,
    /// Assembly text.
    Text,
    /// Past a limit that Belay sets so that hostile input costs little.
    Limit,
}

/// A fault without the file's name: what the readers of one section know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) place: Place,
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Fault {
        Fault { place: Place::default(), kind, message: message.into() }
    }

    /// Names the section, unless a deeper layer already did.
    pub(crate) fn section(mut self, section: &str) -> Fault {
        self.place.section.get_or_insert_with(|| section.into());
        self
    }

    /// Names the offset in bytes, unless a deeper layer already did.
    pub(crate) fn offset(mut self, offset: u64) -> Fault {
        self.place.offset.get_or_insert(offset);
        self
    }

    /// Names the symbol, unless a deeper layer already did.
    pub(crate) fn symbol(mut self, symbol: &str) -> Fault {
        self.place.symbol.get_or_insert_with(|| symbol.into());
        self
    }

    pub(crate) fn at(self, path: &str) -> Error {
        Error { path: path.to_owned(), place: self.place, kind: self.kind, message: self.message }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { section, offset, symbol, line, column } = &self.place;
        f.write_str(&self.path)?;
        if let Some(line) = line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = column {
            write!(f, ":{column}")?;
        }
        match (section, offset) {
            (Some(section), Some(offset)) => write!(f, ": section `{section}`+{offset:#x}")?,
            (Some(section), None) => write!(f, ": section `{section}`")?,
            (None, Some(offset)) => write!(f, ": offset {offset:#x}")?,
            (None, None) => {}
        }
        if let Some(symbol) = symbol {
            write!(f, ": `{symbol}`")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Error {}
