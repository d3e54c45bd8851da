//! A changed copy of a set of types: ids stay, some records are replaced, some are added.
//!
//! A compiler leaves holes that only the ELF file can fill (sizes and offsets of data sections), and declares kernel
//! symbols in a form that the kernel refuses. libbpf changes the types before it loads them; so does this.

use std::collections::{BTreeMap, BTreeSet};

use super::parse::MAGIC;
use super::types::{split_info, word};
use super::{Btf, Linkage, SectionVar, TypeId};
use crate::error::Fault;

/// What is to be changed.
#[derive(Debug, Default)]
pub(crate) struct Rewrite {
    /// New size and variables of a data section.
    pub(crate) sections: BTreeMap<TypeId, (u32, Vec<SectionVar>)>,
    /// New type and linkage of a variable.
    pub(crate) vars: BTreeMap<TypeId, (TypeId, Linkage)>,
    /// New linkage of a function.
    pub(crate) funcs: BTreeMap<TypeId, Linkage>,
    /// Prototypes whose nameless parameters get a name (the kernel wants one of functions that have a body).
    pub(crate) name_params: BTreeSet<TypeId>,
    /// Variables to add: name, type, linkage. The first gets the id [`Btf::len`].
    pub(crate) added: Vec<(String, TypeId, Linkage)>,
}

impl Rewrite {
    pub(crate) fn is_empty(&self) -> bool {
        self.sections.is_empty()
            && self.vars.is_empty()
            && self.funcs.is_empty()
            && self.name_params.is_empty()
            && self.added.is_empty()
    }

    pub(crate) fn apply(&self, btf: &Btf) -> Result<Btf, Fault> {
        let mut strings = btf.bytes.get(btf.strings.clone()).unwrap_or_default().to_vec();
        let names: Vec<u32> = self.added.iter().map(|(name, ..)| add_string(&mut strings, name)).collect();
        let param_name = match self.name_params.is_empty() {
            true => 0,
            false => add_string(&mut strings, "arg"),
        };
        let mut types = Vec::with_capacity(btf.bytes.len());
        for id in btf.ids() {
            let record = btf.record(id);
            let at = types.len();
            types.extend_from_slice(record);
            if let Some((size, vars)) = self.sections.get(&id) {
                types.truncate(at + 8);
                let (kind, _, flag) = split_info(word(record, 1));
                let vlen = u32::try_from(vars.len()).unwrap_or(u32::MAX).min(0xffff);
                put(&mut types, at + 4, u32::from(flag) << 31 | kind << 24 | vlen);
                types.extend_from_slice(&size.to_le_bytes());
                for var in vars.iter().take(vlen as usize) {
                    for word in [var.ty.0, var.offset, var.size] {
                        types.extend_from_slice(&word.to_le_bytes());
                    }
                }
            }
            if let Some((ty, linkage)) = self.vars.get(&id) {
                put(&mut types, at + 8, ty.0);
                put(&mut types, at + 12, number(*linkage));
            }
            if let Some(linkage) = self.funcs.get(&id) {
                put(&mut types, at + 4, word(record, 1) & !0xffff | number(*linkage));
            }
            if self.name_params.contains(&id) {
                for name in (at + 12..types.len()).step_by(8) {
                    let param = types.get(name..).unwrap_or_default();
                    if word(param, 0) == 0 && word(param, 1) != 0 {
                        put(&mut types, name, param_name);
                    }
                }
            }
        }
        for ((_, ty, linkage), name) in self.added.iter().zip(names) {
            const VAR: u32 = 14 << 24;
            for word in [name, VAR, ty.0, number(*linkage)] {
                types.extend_from_slice(&word.to_le_bytes());
            }
        }
        Btf::read(assemble(&types, &strings))
    }
}

pub(super) fn assemble(types: &[u8], strings: &[u8]) -> Vec<u8> {
    let [types_len, strings_len] = [types, strings].map(|part| u32::try_from(part.len()).unwrap_or(u32::MAX));
    let mut bytes = Vec::with_capacity(24 + types.len() + strings.len());
    bytes.extend_from_slice(&MAGIC.to_le_bytes());
    bytes.extend_from_slice(&[1, 0]);
    for word in [24, 0, types_len, types_len, strings_len] {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes.extend_from_slice(types);
    bytes.extend_from_slice(strings);
    bytes
}

pub(super) fn add_string(strings: &mut Vec<u8>, text: &str) -> u32 {
    let at = u32::try_from(strings.len()).unwrap_or(u32::MAX);
    strings.extend_from_slice(text.as_bytes());
    strings.push(0);
    at
}

fn put(bytes: &mut [u8], at: usize, word: u32) {
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&word.to_le_bytes());
    }
}

fn number(linkage: Linkage) -> u32 {
    match linkage {
        Linkage::Static => 0,
        Linkage::Global => 1,
        Linkage::Extern => 2,
    }
}
