//! The ELF file: sections, symbols and relocations, borrowed from its bytes.
//!
//! Which of them mean something to BPF is the business of the modules that read them.

use std::collections::HashMap;

use object::LittleEndian as LE;
use object::elf;
use object::read::elf::{FileHeader, Rel, Rela, SectionHeader, SectionTable, Sym};

use crate::error::{ErrorKind, Fault};

/// Longest name of a section or symbol. The kernel's own limit on symbols is half of it.
const LONGEST_NAME: usize = 1024;

pub(crate) struct Elf<'a> {
    pub(crate) sections: Vec<Section<'a>>,
    pub(crate) symbols: Vec<Symbol<'a>>,
    /// The first section of each name.
    by_name: HashMap<&'a str, usize>,
}

pub(crate) struct Section<'a> {
    pub(crate) name: &'a str,
    /// Empty for sections without contents in the file (`.bss`), whatever `size` says.
    pub(crate) data: &'a [u8],
    pub(crate) size: u64,
    pub(crate) executable: bool,
    pub(crate) allocated: bool,
    /// By ascending offset.
    pub(crate) relocations: Vec<Relocation>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Relocation {
    pub(crate) offset: u64,
    /// Index into [`Elf::symbols`]; need not exist.
    pub(crate) symbol: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Home {
    /// Declared here, defined elsewhere.
    Undefined,
    /// In the section of that index; it exists.
    Section(usize),
    /// Absolute, common, or corrupt.
    Special,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Symbol<'a> {
    pub(crate) name: &'a str,
    pub(crate) home: Home,
    pub(crate) value: u64,
    pub(crate) size: u64,
    pub(crate) kind: elf::SymbolType,
    pub(crate) bind: elf::SymbolBind,
    /// Of hidden or internal visibility.
    pub(crate) hidden: bool,
}

impl Symbol<'_> {
    pub(crate) fn is_func(&self) -> bool {
        self.kind == elf::STT_FUNC
    }

    pub(crate) fn is_section(&self) -> bool {
        self.kind == elf::STT_SECTION
    }

    pub(crate) fn is_local(&self) -> bool {
        self.bind == elf::STB_LOCAL
    }

    pub(crate) fn is_weak(&self) -> bool {
        self.bind == elf::STB_WEAK
    }

    /// Left to the kernel: undefined, without a type, and not local.
    pub(crate) fn is_extern(&self) -> bool {
        self.home == Home::Undefined
            && self.kind == elf::STT_NOTYPE
            && !self.is_local()
            && !self.name.is_empty()
    }
}

impl<'a> Elf<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Elf<'a>, Fault> {
        let header = elf::FileHeader64::<LE>::parse(bytes).map_err(|e| not_bpf(&e.to_string()))?;
        // `parse` accepts either byte order for this type; the header says which one it is.
        if header.e_ident.data != elf::ELFDATA2LSB {
            return Err(not_bpf("it is big-endian; compile with `-target bpfel`"));
        }
        let machine = header.e_machine(LE);
        if machine != elf::EM_BPF {
            return Err(not_bpf(&format!(
                "its machine is {machine}, BPF is 247; compile with `clang -target bpf -c`"
            )));
        }
        if header.e_type(LE) != elf::ET_REL {
            return Err(not_bpf("it is not relocatable; compile with `clang -target bpf -c`"));
        }
        let table = header.sections(LE, bytes).map_err(|e| malformed(&e.to_string()))?;
        let name_table = header.shstrndx(LE, bytes).map_err(|e| malformed(&e.to_string()))?;
        let strings = string_table(&table, bytes, object::SectionIndex(name_table as usize));
        let names: Vec<&str> = table.iter().map(|s| name_at(strings, s.sh_name(LE))).collect();
        let symbols = table.symbols(LE, bytes, elf::SHT_SYMTAB).map_err(|e| malformed(&e.to_string()))?;

        let mut sections = Vec::with_capacity(table.len());
        let mut left = bytes.len();
        for (header, &name) in table.iter().zip(&names) {
            let data = header.data(LE, bytes).map_err(|e| malformed(&e.to_string()).section(name))?;
            // Every copy that is made of a section's contents is paid for by bytes of the file.
            left = left.checked_sub(data.len()).ok_or_else(|| malformed("sections overlap").section(name))?;
            let flags = header.sh_flags(LE);
            sections.push(Section {
                name,
                data,
                size: header.sh_size(LE),
                executable: header.sh_type(LE) == elf::SHT_PROGBITS && flags.contains(elf::SHF_EXECINSTR),
                allocated: flags.contains(elf::SHF_ALLOC),
                relocations: Vec::new(),
            });
        }
        for (header, &name) in table.iter().zip(&names) {
            let malformed = |e: object::Error| malformed(&e.to_string()).section(name);
            let target = header.sh_info(LE) as usize;
            let mut found = Vec::new();
            if let Some((rels, _)) = header.rel(LE, bytes).map_err(malformed)? {
                found.extend(rels.iter().map(|r| (r.r_offset(LE), r.r_sym(LE))));
            }
            if let Some((rels, _)) = header.rela(LE, bytes).map_err(malformed)? {
                found.extend(rels.iter().map(|r| (r.r_offset(LE), r.r_sym(LE, false))));
            }
            if let Some(section) = sections.get_mut(target) {
                section.relocations.extend(
                    found.into_iter().map(|(offset, symbol)| Relocation { offset, symbol: symbol as usize }),
                );
                section.relocations.sort_by_key(|r| r.offset);
            }
        }
        let strings = string_table(&table, bytes, symbols.string_section());
        let symbols = symbols.enumerate().map(|(index, symbol)| {
            let section = symbols.symbol_section(LE, symbol, index).ok().flatten().map(|i| i.0);
            let home = match section {
                Some(i) if i < sections.len() => Home::Section(i),
                None if symbol.is_undefined(LE) => Home::Undefined,
                _ => Home::Special,
            };
            let mut name = name_at(strings, symbol.st_name(LE));
            if let (true, Home::Section(i)) = (symbol.st_type() == elf::STT_SECTION, home) {
                name = names.get(i).copied().unwrap_or("");
            }
            Symbol {
                name,
                home,
                value: symbol.st_value(LE),
                size: symbol.st_size(LE),
                kind: symbol.st_type(),
                bind: symbol.st_bind(),
                hidden: matches!(symbol.st_visibility(), elf::STV_HIDDEN | elf::STV_INTERNAL),
            }
        });
        let symbols = symbols.collect();
        let by_name = names.into_iter().enumerate().rev().map(|(index, name)| (name, index)).collect();
        Ok(Elf { sections, symbols, by_name })
    }

    /// The section of that name, and its index.
    pub(crate) fn find(&self, name: &str) -> Option<(usize, &Section<'a>)> {
        let index = self.by_name.get(name).copied()?;
        Some((index, self.sections.get(index)?))
    }

    pub(crate) fn section(&self, name: &str) -> Option<&Section<'a>> {
        self.find(name).map(|(_, section)| section)
    }
}

fn string_table<'a>(
    table: &SectionTable<'a, elf::FileHeader64<LE>>,
    bytes: &'a [u8],
    index: object::SectionIndex,
) -> &'a [u8] {
    table.section(index).ok().and_then(|section| section.data(LE, bytes).ok()).unwrap_or_default()
}

/// The name at an offset; empty if there is none, or if it is too long: a name costs its readers its length.
fn name_at(strings: &[u8], offset: u32) -> &str {
    let tail = strings.get(offset as usize..).unwrap_or_default();
    let tail = tail.get(..=LONGEST_NAME).unwrap_or(tail);
    let end = tail.iter().position(|&b| b == 0);
    end.and_then(|end| std::str::from_utf8(tail.get(..end)?).ok()).unwrap_or("")
}

fn not_bpf(why: &str) -> Fault {
    Fault::new(ErrorKind::Elf, format!("not a BPF object: {why}"))
}

fn malformed(why: &str) -> Fault {
    Fault::new(ErrorKind::Elf, format!("malformed ELF: {why}"))
}
