//! Types for maps of assembly text, for the one thing that the kernel reads off them: which fields of a value only
//! calls may touch.
//!
//! `.map … fields=0:bpf_timer,16:bpf_spin_lock,24:kptr(task_struct)` makes a structure with those members at those
//! offsets. The bytes are BTF as a compiler writes it, so that every later layer reads them the same way.

use crate::btf::{Btf, TypeId};
use crate::program::MapDef;

/// The structures that may be named, and their sizes in bytes.
const STRUCTURES: &[(&str, u32)] = &[
    ("bpf_spin_lock", 4),
    ("bpf_res_spin_lock", 4),
    ("bpf_timer", 16),
    ("bpf_wq", 16),
    ("bpf_task_work", 8),
];
/// The tags of pointers that may be named.
const TAGS: &[&str] = &["kptr", "kptr_untrusted", "percpu_kptr"];

const INT: u32 = 1;
const PTR: u32 = 2;
const STRUCT: u32 = 4;
const TYPE_TAG: u32 = 18;

/// BTF under construction.
pub(super) struct Types {
    types: Vec<u8>,
    strings: Vec<u8>,
    count: u32,
}

impl Types {
    pub(super) fn new() -> Types {
        Types { types: Vec::new(), strings: vec![0], count: 0 }
    }

    /// Gives the map's key and value types, the value's with these fields.
    pub(super) fn describe(&mut self, map: &mut MapDef, fields: &str) -> Result<(), String> {
        let mut members = Vec::new();
        for field in fields.split(',') {
            let parts = field.split_once(':').and_then(|(off, ty)| Some((off.parse::<u32>().ok()?, ty)));
            let (off, ty) = parts.ok_or_else(|| format!("`{field}` is not OFFSET:TYPE"))?;
            let (id, size) = self.field(ty)?;
            if off.checked_add(size).is_none_or(|end| end > map.value_size) {
                return Err(format!("`{field}` does not fit into a value of {} bytes", map.value_size));
            }
            members.push((off, id));
        }
        members.sort_unstable();
        let name = format!("value_of_{}", map.name);
        map.btf_value = Some(self.structure(&name, map.value_size, &members));
        map.btf_key = Some(match map.key_size {
            4 => self.record("unsigned int", INT << 24, 4, &[32]),
            size => self.structure(&format!("key_of_{}", map.name), size, &[]),
        });
        Ok(())
    }

    /// The type of one field, and its size.
    fn field(&mut self, ty: &str) -> Result<(TypeId, u32), String> {
        if let Some(&(name, size)) = STRUCTURES.iter().find(|(name, _)| *name == ty) {
            return Ok((self.structure(name, size, &[]), size));
        }
        let pointer = ty.strip_suffix(')').and_then(|ty| ty.split_once('('));
        let Some((tag, target)) = pointer.filter(|(tag, _)| TAGS.contains(tag)) else {
            let names = STRUCTURES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            return Err(format!("unknown field `{ty}`; known are {names} and kptr(STRUCTURE)"));
        };
        let target = self.structure(target, 8, &[]);
        let tagged = self.record(tag, TYPE_TAG << 24, target.0, &[]);
        Ok((self.record("", PTR << 24, tagged.0, &[]), 8))
    }

    fn structure(&mut self, name: &str, size: u32, members: &[(u32, TypeId)]) -> TypeId {
        let words: Vec<u32> =
            members.iter().flat_map(|(off, id)| [self.string(&format!("at{off}")), id.0, off * 8]).collect();
        self.record(name, STRUCT << 24 | members.len() as u32, size, &words)
    }

    fn record(&mut self, name: &str, info: u32, size_or_type: u32, rest: &[u32]) -> TypeId {
        let name = self.string(name);
        for word in [name, info, size_or_type].iter().chain(rest) {
            self.types.extend(word.to_le_bytes());
        }
        self.count += 1;
        TypeId(self.count)
    }

    fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let at = self.strings.len() as u32;
        self.strings.extend(text.as_bytes());
        self.strings.push(0);
        at
    }

    /// The types, if any map asked for some.
    pub(super) fn finish(self, path: &str) -> Result<Option<Btf>, crate::error::Fault> {
        const MAGIC: u32 = 0x0001_eb9f;
        const HEADER: u32 = 24;
        if self.count == 0 {
            return Ok(None);
        }
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        let header = [MAGIC, HEADER, 0, types, types, strings];
        let mut bytes: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend(self.types);
        bytes.extend(self.strings);
        let fault = |why: String| crate::error::Fault::new(crate::error::ErrorKind::Text, why);
        Btf::parse(path, bytes).map(Some).map_err(|error| fault(error.to_string()))
    }
}
