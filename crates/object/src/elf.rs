//! The ELF file: sections, symbols and relocations, borrowed from its bytes.
//!
//! Which of them mean something to BPF is the business of the modules that read them.

use object::LittleEndian as LE;
use object::elf;
use object::read::elf::{FileHeader, Rel, Rela, SectionHeader, Sym};

use crate::error::{ErrorKind, Fault};

pub(crate) struct Elf<'a> {
    pub(crate) sections: Vec<Section<'a>>,
    pub(crate) symbols: Vec<Symbol<'a>>,
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
        let names: Vec<&str> = table
            .iter()
            .map(|s| table.section_name(LE, s).ok().and_then(|n| std::str::from_utf8(n).ok()).unwrap_or(""))
            .collect();
        let symbols = table.symbols(LE, bytes, elf::SHT_SYMTAB).map_err(|e| malformed(&e.to_string()))?;

        let mut sections = Vec::with_capacity(table.len());
        for (header, &name) in table.iter().zip(&names) {
            let data = header.data(LE, bytes).map_err(|e| malformed(&e.to_string()).section(name))?;
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
        let symbols = symbols.enumerate().map(|(index, symbol)| {
            let section = symbols.symbol_section(LE, symbol, index).ok().flatten().map(|i| i.0);
            let home = match section {
                Some(i) if i < sections.len() => Home::Section(i),
                None if symbol.is_undefined(LE) => Home::Undefined,
                _ => Home::Special,
            };
            let name = symbols.symbol_name(LE, symbol).ok().and_then(|n| std::str::from_utf8(n).ok());
            let mut name = name.unwrap_or("");
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
        Ok(Elf { sections, symbols })
    }

    pub(crate) fn section(&self, name: &str) -> Option<&Section<'a>> {
        self.sections.iter().find(|s| s.name == name)
    }
}

fn not_bpf(why: &str) -> Fault {
    Fault::new(ErrorKind::Elf, format!("not a BPF object: {why}"))
}

fn malformed(why: &str) -> Fault {
    Fault::new(ErrorKind::Elf, format!("malformed ELF: {why}"))
}
