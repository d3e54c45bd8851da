//! BTF, the kernel's type format: which types a compiled object or a kernel has, and how they lie in memory.
//!
//! [`Btf::parse`] checks every bound and every reference once, so that reading a type afterwards cannot fail; cycles
//! and depth are the walkers' business ([`Btf::strip`], [`Btf::size_of`]), which all stop after [`MAX_DEPTH`] steps.
//! Types are decoded from the original bytes on demand: a kernel has 150,000 of them and a program needs a few dozen.

mod build;
mod ext;
mod layout;
mod parse;
mod select;
mod types;

use std::hash::BuildHasher;
use std::sync::{Arc, OnceLock};

pub(crate) use build::Rewrite;
pub(crate) use ext::{CoreRelocation, Ext, LineInfo};
pub use types::{Enumerator, Kind, Linkage, Member, Members, Param, Record, Records, SectionVar, Type};

/// How many references a walk follows before it gives up: libbpf's limit too.
pub const MAX_DEPTH: u32 = 32;

/// Longest name that is read; the kernel refuses names of over 511 bytes, and a line of source is rarely longer.
const MAX_STRING: usize = 1024;

/// Number of a type; 0 is `void`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct TypeId(pub u32);

impl TypeId {
    /// `void`, or "no type".
    pub const VOID: TypeId = TypeId(0);
}

impl std::fmt::Display for TypeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A set of types, checked.
#[derive(Clone)]
pub struct Btf {
    /// The whole `.BTF` section.
    bytes: Vec<u8>,
    /// Where each type's record starts in `bytes`, by id; index 0 (`void`) is unused.
    offsets: Vec<u32>,
    /// Where the strings lie in `bytes`; the last byte is zero.
    strings: std::ops::Range<usize>,
    /// Hashes of essential names with their types, sorted; made when first asked for. The names themselves would cost
    /// a hostile file's author little and us much: many types may name tails of one long string.
    names: OnceLock<Vec<(u64, TypeId)>>,
}

impl std::fmt::Debug for Btf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Btf({} types, {} bytes)", self.len(), self.bytes.len())
    }
}

impl Btf {
    /// The bytes, as `BPF_BTF_LOAD` takes them.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The running kernel's types, from `/sys/kernel/btf/vmlinux`; read once.
    ///
    /// # Errors
    /// The file cannot be read or is malformed: why, in words.
    pub fn running_kernel() -> Result<Arc<Btf>, String> {
        const PATH: &str = "/sys/kernel/btf/vmlinux";
        static KERNEL: OnceLock<Result<Arc<Btf>, String>> = OnceLock::new();
        let read = || {
            let bytes = std::fs::read(PATH).map_err(|e| format!("`{PATH}`: {e}"))?;
            Btf::parse(PATH, bytes).map(Arc::new).map_err(|e| e.to_string())
        };
        KERNEL.get_or_init(read).clone()
    }

    /// How many types there are, `void` included: ids are below it.
    pub fn len(&self) -> u32 {
        u32::try_from(self.offsets.len()).unwrap_or(u32::MAX)
    }

    /// Whether there is no type but `void`.
    pub fn is_empty(&self) -> bool {
        self.offsets.len() <= 1
    }

    /// All ids but `void`'s.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = TypeId> + use<> {
        (1..self.len()).map(TypeId)
    }

    /// The type of that id; `void` for 0 and for ids that do not exist.
    pub fn get(&self, id: TypeId) -> Type<'_> {
        types::decode(self, id)
    }

    /// The string at an offset of the string section, at most 1024 bytes of it; empty where there is none.
    pub fn string(&self, offset: u32) -> &str {
        let strings = self.bytes.get(self.strings.clone()).unwrap_or_default();
        let tail = strings.get(offset as usize..).unwrap_or_default();
        let tail = tail.get(..MAX_STRING).unwrap_or(tail);
        let end = tail.iter().position(|&b| b == 0).unwrap_or(tail.len());
        let text = tail.get(..end).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_else(|e| {
            text.get(..e.valid_up_to()).and_then(|t| std::str::from_utf8(t).ok()).unwrap_or_default()
        })
    }

    /// The texts of the `btf_decl_tag` attributes of a type, with the member or parameter that each tags, or -1.
    pub fn decl_tags(&self, of: TypeId) -> impl Iterator<Item = (i32, &str)> {
        self.ids().filter_map(move |id| match self.get(id) {
            Type { name, kind: Kind::DeclTag { ty, component }, .. } if ty == of => Some((component, name)),
            _ => None,
        })
    }

    /// The functions that a program names for its exceptions (`__exception_cb(name)`); the kernel takes one at most.
    pub fn exception_callbacks(&self, program: TypeId) -> impl Iterator<Item = &str> {
        self.decl_tags(program).filter_map(|(component, text)| {
            text.strip_prefix("exception_callback:").filter(|_| component == -1)
        })
    }

    /// The name of a type; empty if it has none.
    pub fn name(&self, id: TypeId) -> &str {
        // Without the rest of the record: an index of all names asks for each.
        let start = self.offsets.get(id.0 as usize).copied().unwrap_or_default() as usize;
        match start {
            0 => "",
            start => self.string(types::word(self.bytes.get(start..).unwrap_or_default(), 0)),
        }
    }

    /// Every named type whose name without `___flavor` is `name`, by ascending id.
    pub fn by_essential_name(&self, name: &str) -> impl Iterator<Item = TypeId> + use<'_> {
        let index = self.names.get_or_init(|| {
            let named = |id| match self.name(id) {
                "" => None,
                name => Some((hash(essential_name(name)), id)),
            };
            let mut index: Vec<_> = self.ids().filter_map(named).collect();
            index.sort_unstable();
            index
        });
        let wanted = hash(name);
        let start = index.partition_point(|&(hash, _)| hash < wanted);
        let same =
            index.get(start..).unwrap_or_default().iter().take_while(move |&&(hash, _)| hash == wanted);
        let name = name.to_owned();
        same.map(|&(_, id)| id).filter(move |&id| essential_name(self.name(id)) == name)
    }

    /// The first type of exactly that name that `wanted` accepts.
    pub fn find(&self, name: &str, wanted: impl Fn(&Kind<'_>) -> bool) -> Option<TypeId> {
        self.by_essential_name(essential_name(name)).find(|&id| {
            let ty = self.get(id);
            ty.name == name && wanted(&ty.kind)
        })
    }

    /// The function of that name.
    pub fn find_func(&self, name: &str) -> Option<TypeId> {
        self.find(name, |kind| matches!(kind, Kind::Func { .. }))
    }

    /// The data section of that name, `.maps`.
    pub fn find_section(&self, name: &str) -> Option<TypeId> {
        self.find(name, |kind| matches!(kind, Kind::Section { .. }))
    }
}

fn hash(name: &str) -> u64 {
    foldhash::fast::FixedState::default().hash_one(name)
}

/// A name without its `___flavor` suffix (CO-RE: local types of one kernel type under several names).
pub fn essential_name(name: &str) -> &str {
    // Nearly every name has none, and a kernel has tens of thousands of names.
    if !name.contains("___") {
        return name;
    }
    // A flavour is three underscores with something else on both sides; the last such place counts.
    let bytes = name.as_bytes();
    let is_mark =
        |i: usize| bytes.get(i..i + 5).is_some_and(|w| w[0] != b'_' && &w[1..4] == b"___" && w[4] != b'_');
    match (0..bytes.len().saturating_sub(4)).rev().find(|&i| is_mark(i)) {
        Some(i) => name.get(..=i).unwrap_or(name),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::essential_name;

    #[test]
    fn flavours_are_cut_at_three_underscores_inside_a_name() {
        for (name, essential) in [
            ("sock", "sock"),
            ("sock___old", "sock"),
            ("a___b___c", "a___b"),
            ("___x", "___x"),
            ("x___", "x___"),
            ("x____y", "x____y"),
            ("", ""),
            ("é___é", "é"),
        ] {
            assert_eq!(essential_name(name), essential, "{name}");
        }
    }
}
