//! Parts of sets of types, and sets put together: records keep their shape, ids and names are numbered anew.

use std::collections::HashMap;

use super::build::assemble;
use super::parse::{Header, words_with_names, words_with_types};
use super::types::{split_info, word};
use super::{Btf, Type, TypeId};
use crate::error::{Error, Fault};

impl Btf {
    /// The types that `wanted` picks and all that they refer to, in their old order with new ids. A tag of a declaration
    /// is kept only if it is picked itself.
    ///
    /// # Errors
    /// The result is refused as BTF, which takes a set near the format's limits.
    pub fn select(&self, mut wanted: impl FnMut(&Type<'_>) -> bool) -> Result<Btf, Error> {
        let mut kept = vec![false; self.offsets.len()];
        let mut pending: Vec<TypeId> = self.ids().filter(|&id| wanted(&self.get(id))).collect();
        while let Some(id) = pending.pop() {
            let Some(kept @ false) = kept.get_mut(id.0 as usize) else { continue };
            *kept = true;
            let record = self.record(id);
            let (kind, vlen, _) = split_info(word(record, 1));
            pending.extend(
                words_with_types(kind, vlen).map(|at| TypeId(word(record, at))).filter(|to| to.0 != 0),
            );
        }
        let ids: Vec<TypeId> = self.ids().filter(|id| kept.get(id.0 as usize) == Some(&true)).collect();
        let mut numbers = vec![0; self.offsets.len()];
        for (new, old) in (1..).zip(&ids) {
            if let Some(number) = numbers.get_mut(old.0 as usize) {
                *number = new;
            }
        }
        let mut out = Writer::default();
        for id in ids {
            out.add(self, id, |old| numbers.get(old as usize).copied().unwrap_or(0));
        }
        out.finish().map_err(|fault| fault.at("a selection of types"))
    }

    /// These types with those of a module behind them: its split BTF, whose ids and names continue these.
    /// Several modules that continue the same kernel are put together at once.
    ///
    /// # Errors
    /// A module's bytes are malformed, or continue another kernel. The first half of `modules` is for the message.
    pub fn with_modules(&self, modules: &[(String, Vec<u8>)]) -> Result<Btf, Error> {
        let mut out = Writer::default();
        for id in self.ids() {
            out.add(self, id, |old| old);
        }
        for (path, bytes) in modules {
            let both = self.continued(bytes).map_err(|fault| fault.at(path))?;
            let moved = out.count + 1 - self.len();
            for id in both.ids().skip(self.ids().count()) {
                out.add(&both, id, |old| if old < self.len() { old } else { old + moved });
            }
        }
        out.finish().map_err(|fault| fault.at("types of a kernel with its modules"))
    }

    /// One module: in split BTF ids and string offsets simply go on, so the parts can be laid end to end.
    fn continued(&self, module: &[u8]) -> Result<Btf, Fault> {
        let elf = super::parse::elf_section(module);
        let module = elf.as_deref().unwrap_or(module);
        let header = Header::read(module)?;
        let strings = header.part(word(module, 4), word(module, 5), "strings")?;
        let types = header.part(word(module, 2), word(module, 3), "types")?;
        let mut all_types = Vec::with_capacity(self.bytes.len());
        self.ids().for_each(|id| all_types.extend_from_slice(self.record(id)));
        all_types.extend_from_slice(module.get(types).unwrap_or_default());
        let mut all_strings = self.bytes.get(self.strings.clone()).unwrap_or_default().to_vec();
        all_strings.extend_from_slice(module.get(strings).unwrap_or_default());
        Btf::read(assemble(&all_types, &all_strings))
    }
}

/// Types under construction, each name stored once.
struct Writer {
    types: Vec<u8>,
    strings: Vec<u8>,
    names: HashMap<String, u32>,
    count: u32,
}

impl Default for Writer {
    fn default() -> Writer {
        let names = HashMap::from([(String::new(), 0)]);
        Writer { types: Vec::new(), strings: vec![0], names, count: 0 }
    }
}

impl Writer {
    fn add(&mut self, from: &Btf, id: TypeId, number: impl Fn(u32) -> u32) {
        let record = from.record(id);
        let (kind, vlen, _) = split_info(word(record, 1));
        let mut words: Vec<u32> = (0..record.len() / 4).map(|at| word(record, at)).collect();
        for at in words_with_types(kind, vlen) {
            words.iter_mut().skip(at).take(1).for_each(|word| *word = number(*word));
        }
        for at in words_with_names(kind, vlen) {
            words.iter_mut().skip(at).take(1).for_each(|word| *word = self.name(from.string(*word)));
        }
        words.iter().for_each(|word| self.types.extend_from_slice(&word.to_le_bytes()));
        self.count += 1;
    }

    fn name(&mut self, name: &str) -> u32 {
        if let Some(&offset) = self.names.get(name) {
            return offset;
        }
        let offset = super::build::add_string(&mut self.strings, name);
        self.names.insert(name.to_owned(), offset);
        offset
    }

    fn finish(self) -> Result<Btf, Fault> {
        Btf::read(assemble(&self.types, &self.strings))
    }
}
