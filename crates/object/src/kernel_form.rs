//! The object's types in the form that the kernel takes, as far as the ELF file and the types themselves say it.
//!
//! clang leaves a data section's size at 0 and the offset of its global variables to the linker; the kernel wants both.
//! The kernel also wants each parameter of a function to have a name, and no function to be only declared. libbpf mends
//! the former and goes without types where it meets the latter; types that load give logs with source lines.

use std::collections::{HashMap, HashSet};

use crate::btf::{Btf, Kind, Linkage, Rewrite, SectionVar, TypeId};
use crate::elf::{Elf, Home};
use crate::error::Fault;

/// A copy of the types, mended.
pub(crate) fn mend(btf: Btf, elf: &Elf<'_>) -> Result<Btf, Fault> {
    let mut places: HashMap<(usize, &str), u64> = HashMap::new();
    for symbol in elf.symbols.iter().filter(|s| !s.is_section() && !s.is_func() && !s.name.is_empty()) {
        if let Home::Section(section) = symbol.home {
            places.entry((section, symbol.name)).or_insert(symbol.value);
        }
    }
    let mut rewrite = Rewrite::default();
    for id in btf.ids() {
        let ty = btf.get(id);
        let Kind::Section { vars, .. } = ty.kind else { continue };
        let Some((index, section)) = elf.find(ty.name) else {
            continue;
        };
        let place = |mut var: SectionVar| {
            let variable = btf.get(var.ty);
            // Offsets of static variables stand in BTF already, and their names need not be unique.
            if !matches!(variable.kind, Kind::Var { linkage: Linkage::Static, .. }) {
                let at = places.get(&(index, variable.name)).and_then(|&at| u32::try_from(at).ok());
                var.offset = at.unwrap_or(var.offset);
            }
            var
        };
        let mut vars: Vec<SectionVar> = vars.iter().map(place).collect();
        vars.sort_by_key(|var| var.offset);
        rewrite.sections.insert(id, (u32::try_from(section.size).unwrap_or(u32::MAX), vars));
    }
    let hidden: HashSet<&str> =
        elf.symbols.iter().filter(|s| s.is_func() && s.hidden).map(|s| s.name).collect();
    for id in btf.ids() {
        let Kind::Func { proto, linkage } = btf.get(id).kind else { continue };
        let Kind::FuncProto { params, .. } = btf.get(proto).kind else { continue };
        if params.iter().any(|p| p.name.is_empty() && p.ty != TypeId::VOID) {
            rewrite.name_params.insert(proto);
        }
        // A hidden function is verified where it is called.
        if linkage == Linkage::Extern || hidden.contains(btf.name(id)) {
            rewrite.funcs.insert(id, Linkage::Static);
        }
    }
    if rewrite.is_empty() { Ok(btf) } else { rewrite.apply(&btf) }
}
