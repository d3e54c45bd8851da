//! The object model that every other layer works on.

use belay_isa::{Pc, Slot};
use belay_spec::{Hook, MapKind};

/// A whole object.
#[derive(Debug, Clone)]
pub struct Object {
    /// Where it came from, for messages.
    pub path: String,
    /// The `license` section; empty if there is none.
    pub license: String,
    /// Entry programs, in the order of the file. Each is linked: it holds every subprogram that it calls.
    pub programs: Vec<Program>,
    /// Maps. Instructions name a map by its index here ([`belay_isa::Imm64::Map`]).
    pub maps: Vec<MapDef>,
    // + btf: Option<Btf>, externs: Vec<Extern> (kfuncs, ksyms; `call` src 2 names an index of it)
}

/// Where a program attaches, from its section's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attach {
    /// A hook that Belay models.
    Hook(&'static Hook),
    /// A program type that the loader knows and the verifier does not model yet.
    Unmodelled {
        /// `enum bpf_prog_type`.
        prog_type: u32,
        /// `enum bpf_attach_type`.
        attach_type: u32,
    },
    /// A section name that means nothing to libbpf.
    Unknown,
}

/// One program: the entry function, then the subprograms that it reaches, as the loader hands it to the kernel.
#[derive(Debug, Clone)]
pub struct Program {
    /// The function's name.
    pub name: String,
    /// The section's name as written, `tc`, `?xdp.frags`.
    pub section: String,
    /// The hook that the section names.
    pub attach: Attach,
    /// Whether libbpf would load it without being asked (no `?` before the section's name).
    pub autoload: bool,
    /// Sleepable (`.s` sections).
    pub sleepable: bool,
    /// Handles multi-buffer packets (`.frags` sections).
    pub frags: bool,
    /// Linked instructions. Maps are named by index, local calls are relative, kfuncs name an extern.
    pub slots: Vec<Slot>,
    /// Functions in the order of their start; the first is the entry.
    pub subprograms: Vec<Subprogram>,
    /// Source lines, by ascending [`Line::pc`]; empty without debug information.
    pub lines: Vec<Line>,
}

/// A function of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subprogram {
    /// Its name.
    pub name: String,
    /// Its first slot.
    pub start: Pc,
    /// How many slots it has.
    pub len: u32,
    /// BTF id of its `FUNC`, in the object's BTF.
    pub btf_func: Option<u32>,
    /// Verified once on its own, for any argument (a `FUNC` of global linkage).
    pub global: bool,
}

/// A source position: holds for the slots from `pc` up to the next line's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// First slot.
    pub pc: Pc,
    /// The file's name as the compiler recorded it.
    pub file: String,
    /// Line number from 1.
    pub line: u32,
    /// Column from 1; 0 if unknown.
    pub column: u32,
    /// The text of the line, as the compiler recorded it.
    pub text: String,
}

/// Where a map's definition came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapOrigin {
    /// `.maps`: described by BTF.
    Btf,
    /// `maps`: `struct bpf_map_def`.
    Legacy,
    /// A data section: `.rodata`, `.data`, `.bss`.
    Data,
    /// `.kconfig`.
    Kconfig,
    /// Written in assembly text.
    Text,
}

/// A map as the object defines it.
#[derive(Debug, Clone)]
pub struct MapDef {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: MapKind,
    /// Size of a key in bytes.
    pub key_size: u32,
    /// Size of a value in bytes.
    pub value_size: u32,
    /// Capacity.
    pub max_entries: u32,
    /// `BPF_F_*` creation flags.
    pub flags: u32,
    /// Kind-specific extra.
    pub map_extra: u64,
    /// Where it came from.
    pub origin: MapOrigin,
    /// Contents of the one value of a data section's map.
    pub contents: Option<Vec<u8>>,
    /// Frozen before the program loads (`.rodata`, `.kconfig`): loads from it are constants to the verifier.
    pub frozen: bool,
    /// Template of the inner map, for maps of maps.
    pub inner: Option<Box<MapDef>>,
    /// Initial entries of maps of maps and program arrays.
    pub init: Vec<SlotInit>,
    /// BTF id of the key's type in the object's BTF.
    pub btf_key: Option<u32>,
    /// BTF id of the value's type in the object's BTF.
    pub btf_value: Option<u32>,
}

/// An initial entry: what stands at `index` of a map of maps or a program array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotInit {
    /// The key.
    pub index: u32,
    /// The name of the map or program.
    pub target: String,
}
