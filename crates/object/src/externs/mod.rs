//! Symbols that an object leaves to the kernel: `__kconfig` variables, `__ksym` variables and functions.

pub(crate) mod kconfig;

use std::collections::HashMap;

use crate::btf::{Btf, Kind, Linkage, Rewrite, SectionVar, TypeId};
use crate::elf::{Elf, Symbol};
use crate::error::{ErrorKind, Fault};
use crate::program::{Extern, ExternKind};
use kconfig::KernelConfig;

/// The externs of an object, and what stands in `.kconfig`.
#[derive(Debug, Default)]
pub(crate) struct Externs {
    pub(crate) all: Vec<Extern>,
    /// Index into `all` by name.
    by_name: HashMap<String, usize>,
    /// What keeps an extern from being used, by index.
    faults: HashMap<usize, Fault>,
    /// Contents of the `.kconfig` map, if there is one.
    pub(crate) kconfig: Option<Vec<u8>>,
}

impl Externs {
    /// The extern that a symbol names: its index, or why it cannot be used.
    pub(crate) fn find(&self, symbol: &Symbol<'_>) -> Result<(usize, &Extern), Fault> {
        let found = self.by_name.get(symbol.name).and_then(|&i| Some((i, self.all.get(i)?)));
        let (index, found) = found.ok_or_else(|| {
            let why =
                "undefined symbol: define it, link its object in, or declare it `__ksym` or `__kconfig`";
            Fault::new(ErrorKind::Extern, why).symbol(symbol.name)
        })?;
        match self.faults.get(&index) {
            Some(fault) => Err(fault.clone()),
            None => Ok((index, found)),
        }
    }
}

/// Collects the externs, and gives back the types in the form that the kernel takes.
pub(crate) fn collect(btf: Btf, elf: &Elf<'_>, config: &KernelConfig<'_>) -> Result<(Externs, Btf), Fault> {
    let mut externs = Externs::default();
    let mut rewrite = Rewrite::default();
    let weak: HashMap<&str, bool> =
        elf.symbols.iter().filter(|s| s.is_extern()).map(|s| (s.name, s.is_weak())).collect();
    if let Some(id) = btf.find_section(".kconfig") {
        kconfig_section(&mut externs, &mut rewrite, &btf, id, &weak, config);
    }
    if let Some(id) = btf.find_section(".ksyms") {
        ksyms_section(&mut externs, &mut rewrite, &btf, id, &weak);
    }
    let btf = if rewrite.is_empty() { btf } else { rewrite.apply(&btf)? };
    Ok((externs, btf))
}

impl Externs {
    fn add(&mut self, name: &str, kind: ExternKind, weak: &HashMap<&str, bool>, type_id: TypeId) -> usize {
        let weak = weak.get(name).copied().unwrap_or(false);
        let index = self.all.len();
        self.by_name.insert(name.to_owned(), index);
        self.all.push(Extern { name: name.to_owned(), kind, weak, type_id });
        index
    }
}

/// `.kconfig`: variables in order of alignment, as libbpf lays them out, with their values.
fn kconfig_section(
    externs: &mut Externs,
    rewrite: &mut Rewrite,
    btf: &Btf,
    id: TypeId,
    weak: &HashMap<&str, bool>,
    config: &KernelConfig<'_>,
) {
    let Kind::Section { vars, .. } = btf.get(id).kind else { return };
    let mut wanted: Vec<_> = vars
        .iter()
        .filter_map(|var| {
            let variable = btf.get(var.ty);
            let Kind::Var { ty, linkage: Linkage::Extern } = variable.kind else { return None };
            Some((var, variable.name, ty, btf.align_of(ty).unwrap_or(1), btf.size_of(ty)))
        })
        .collect();
    wanted.sort_by(|a, b| (b.3, a.4, a.1).cmp(&(a.3, b.4, b.1)));
    let mut contents = Vec::new();
    let mut placed = Vec::new();
    for (var, name, ty, align, size) in wanted {
        let offset = u32::try_from(contents.len()).unwrap_or(u32::MAX).next_multiple_of(align.max(1));
        // Strings of the configuration are short: a huge array is a mistake or an attack.
        let value = match size {
            Some(size) if size <= kconfig::LONGEST => {
                kconfig::value(config, btf, name, ty, size, weak.get(name) == Some(&true))
            }
            _ => Err(Fault::new(ErrorKind::Extern, "too large for a kernel option").symbol(name)),
        };
        let size = size.filter(|&s| s <= kconfig::LONGEST).unwrap_or(0);
        let index = externs.add(name, ExternKind::Kconfig { offset, size }, weak, ty);
        contents.resize(offset as usize, 0);
        match value {
            Ok(bytes) => contents.extend(bytes),
            Err(fault) => drop(externs.faults.insert(index, fault)),
        }
        contents.resize((offset + size) as usize, 0);
        placed.push(SectionVar { ty: var.ty, offset, size });
        rewrite.vars.insert(var.ty, (ty, Linkage::Global));
    }
    if !contents.is_empty() {
        let size = u32::try_from(contents.len()).unwrap_or(u32::MAX);
        rewrite.sections.insert(id, (size, placed));
        externs.kconfig = Some(contents);
    }
}

/// `.ksyms`: the kernel accepts only variables there, so that each entry becomes an `int` that nobody reads, as libbpf
/// does it.
fn ksyms_section(
    externs: &mut Externs,
    rewrite: &mut Rewrite,
    btf: &Btf,
    id: TypeId,
    weak: &HashMap<&str, bool>,
) {
    let Kind::Section { vars, .. } = btf.get(id).kind else { return };
    let int = btf.ids().find(|&id| matches!(btf.get(id).kind, Kind::Int { size: 4, .. }));
    let mut placed = Vec::new();
    let mut dummy = None;
    for (var, offset) in vars.iter().zip((0..).step_by(4)) {
        let symbol = btf.get(var.ty);
        let mut stand_in = var.ty;
        match symbol.kind {
            Kind::Func { proto, .. } => {
                externs.add(symbol.name, ExternKind::Kfunc, weak, proto);
                dummy = dummy.or(int);
                stand_in = TypeId(btf.len());
            }
            Kind::Var { ty, .. } => {
                let untyped = matches!(btf.strip(ty).kind, Kind::Void);
                let kind = if untyped { ExternKind::UntypedKsym } else { ExternKind::TypedKsym };
                externs.add(symbol.name, kind, weak, ty);
                if let Some(int) = int {
                    rewrite.vars.insert(var.ty, (int, Linkage::Global));
                }
            }
            _ => continue,
        }
        placed.push(SectionVar { ty: stand_in, offset, size: 4 });
    }
    if let Some(int) = dummy {
        rewrite.added.push(("dummy_ksym".to_owned(), int, Linkage::Global));
    }
    // Without any 4-byte integer the section cannot be mended; the kernel then says so.
    if int.is_some() && !placed.is_empty() {
        let size = u32::try_from(placed.len() * 4).unwrap_or(u32::MAX);
        rewrite.sections.insert(id, (size, placed));
    }
}
