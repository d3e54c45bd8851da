//! The object model that every other layer works on.
//!
//! Invariant: a [`Program`] in [`Object::programs`] is linked and whole. What could not be linked is in
//! [`Object::broken`], with its fault, so that one bad relocation does not cost the other programs.

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_isa::{CallTarget, Insn, Pc, Slot};
use belay_spec::{Hook, MapKind};

use crate::btf::{Btf, TypeId};
use crate::error::Error;

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
    /// Kernel symbols that programs name: `call` with src 2 and `LD_IMM64` with src 3 hold an index of it.
    pub externs: Vec<Extern>,
    /// The object's types in the form that the kernel takes: data sections have sizes and offsets, kernel symbols are
    /// stand-ins (their own types are in [`Extern::type_id`]), parameters have names.
    pub btf: Option<Arc<Btf>>,
    /// Programs that could not be linked, and why.
    pub broken: Vec<BrokenProgram>,
}

/// A program that stands in the object and could not be linked.
#[derive(Debug, Clone)]
pub struct BrokenProgram {
    /// The function's name.
    pub name: String,
    /// The section's name as written.
    pub section: String,
    /// What is wrong with it.
    pub error: Error,
}

/// A symbol that the object leaves to the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extern {
    /// Its name as declared; a `___flavor` suffix is no part of the kernel's name ([`Extern::kernel_name`]).
    pub name: String,
    /// What it is.
    pub kind: ExternKind,
    /// Whether the kernel may lack it: its address is then 0, and a call of it must not be reached.
    pub weak: bool,
    /// BTF id of its declaration in the object's BTF: a `FUNC`'s prototype for kfuncs, the variable's type for
    /// typed ksyms, 0 (`void`) for untyped ones.
    pub type_id: TypeId,
}

/// What an [`Extern`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExternKind {
    /// A kernel function: called (`call`, src 2), or its address is compared with 0 (`LD_IMM64`, src 3).
    Kfunc,
    /// A kernel variable of a known type: `LD_IMM64`, src 3.
    TypedKsym,
    /// The address of a kernel symbol, a number to the verifier: `LD_IMM64`, src 3 here; the loader puts the
    /// address of `/proc/kallsyms` into it.
    UntypedKsym,
    /// A variable of `.kconfig`: a load from that map, so no instruction names it.
    Kconfig {
        /// Offset in the map's value.
        offset: u32,
        /// Size in bytes.
        size: u32,
    },
}

impl Extern {
    /// The name without the `___flavor` suffix: what the kernel calls it.
    pub fn kernel_name(&self) -> &str {
        crate::btf::essential_name(&self.name)
    }
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
    /// `enum bpf_prog_type` that libbpf would load it as; 0 for [`Attach::Unknown`].
    pub prog_type: u32,
    /// `enum bpf_attach_type` that libbpf would load it with. It may differ from the hook's where the kernel verifies
    /// alike: `tcx/ingress` is verified as `sched_cls`.
    pub attach_type: u32,
    /// What stands after the hook in the section's name: `vfs_open` of `fentry/vfs_open`.
    pub attach_target: Option<String>,
    /// Whether libbpf would load it without being asked (no `?` before the section's name).
    pub autoload: bool,
    /// Sleepable (`.s` sections).
    pub sleepable: bool,
    /// Handles multi-buffer packets (`.frags` sections).
    pub frags: bool,
    /// Linked instructions. Maps are named by index, local calls are relative, kfuncs name an extern. Where the object
    /// has a map's descriptor or a kernel id without a relocation, `n`, there is `-1 - n`: an index of nothing.
    pub slots: Vec<Slot>,
    /// Functions in the order of their start; the first is the entry.
    pub subprograms: Vec<Subprogram>,
    /// Source lines, by ascending [`Line::pc`]; empty without debug information.
    pub lines: Vec<Line>,
    /// The same lines as the kernel takes them, names by offset into the BTF's strings; empty if [`Object::btf`] is none.
    pub btf_lines: Vec<BtfLine>,
    /// The kernel functions that it calls, by the number that its calls give (an index of [`Object::externs`]): what the
    /// kernel calls them.
    pub kfuncs: BTreeMap<i32, String>,
}

/// A line as `struct bpf_line_info` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BtfLine {
    /// First slot.
    pub pc: Pc,
    /// Offset of the file's name in the BTF's strings.
    pub file_name_off: u32,
    /// Offset of the line's text in the BTF's strings.
    pub line_off: u32,
    /// Line number in the upper 22 bits, column in the lower 10.
    pub line_col: u32,
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
    pub btf_func: Option<TypeId>,
    /// Verified once on its own, for any argument (a `FUNC` of global linkage).
    pub global: bool,
}

/// A source position: holds for the slots from `pc` up to the next line's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// First slot.
    pub pc: Pc,
    /// The file's name as the compiler recorded it.
    pub file: Arc<str>,
    /// Line number from 1.
    pub line: u32,
    /// Column from 1; 0 if unknown.
    pub column: u32,
    /// The text of the line, as the compiler recorded it.
    pub text: Arc<str>,
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
    /// `.struct_ops`: a table of functions for a kernel subsystem, laid out as the object's own type has it.
    StructOps,
    /// Written in assembly text.
    Text,
}

/// A map as the object defines it.
#[derive(Debug, Clone)]
pub struct MapDef {
    /// Its name; for data sections the section's, `.rodata`.
    pub name: String,
    /// The name that libbpf gives it in the kernel, at most 15 bytes: `fw.rodata` for `.rodata` of `fw.bpf.o`.
    pub kernel_name: String,
    /// Its kind.
    pub kind: MapKind,
    /// Size of a key in bytes.
    pub key_size: u32,
    /// Size of a value in bytes.
    pub value_size: u32,
    /// Capacity as defined; a ring buffer's still has to be rounded up to a power of two of pages.
    pub max_entries: u32,
    /// `BPF_F_*` creation flags.
    pub flags: u32,
    /// Kind-specific extra.
    pub map_extra: u64,
    /// Where it came from.
    pub origin: MapOrigin,
    /// NUMA node that holds it, if it is tied to one.
    pub numa_node: Option<u32>,
    /// Whether libbpf pins it by its name (`LIBBPF_PIN_BY_NAME`).
    pub pinned: bool,
    /// Contents of the one value of a data section's map; none is all zero (`.bss`, and every other map).
    pub contents: Option<Vec<u8>>,
    /// Frozen before the program loads (`.rodata`, `.kconfig`): loads from it are constants to the verifier.
    pub frozen: bool,
    /// Template of the inner map, for maps of maps.
    pub inner: Option<Box<MapDef>>,
    /// Initial entries of maps of maps and program arrays; functions of `.struct_ops` tables, by byte offset.
    pub init: Vec<SlotInit>,
    /// BTF id of the key's type in the object's BTF.
    pub btf_key: Option<TypeId>,
    /// BTF id of the value's type in the object's BTF.
    pub btf_value: Option<TypeId>,
    /// Fields of the value that only helpers touch, by offset.
    pub guarded: Vec<Guarded>,
}

/// A field of a map's value that only helpers touch: a lock, a timer, a kernel pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guarded {
    /// Where it starts, in bytes.
    pub offset: u32,
    /// Its size in bytes.
    pub size: u32,
    /// What it is.
    pub what: GuardedKind,
}

/// What a field is that only helpers touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuardedKind {
    /// The `bpf_spin_lock` of the value.
    SpinLock,
    /// The `bpf_timer` of the value.
    Timer,
    /// Anything else.
    Other,
}

/// An initial entry: what stands at `index` of a map of maps or a program array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotInit {
    /// The key.
    pub index: u32,
    /// The name of the map or program.
    pub target: String,
}

impl Program {
    /// A program of these instructions with one function, for any hook; everything else is empty.
    pub fn new(name: &str, section: &str, attach: Attach, slots: Vec<Slot>) -> Program {
        let len = u32::try_from(slots.len()).unwrap_or(u32::MAX);
        let (prog_type, attach_type) = match attach {
            Attach::Hook(hook) => (hook.prog_type, hook.attach_type),
            Attach::Unmodelled { prog_type, attach_type } => (prog_type, attach_type),
            Attach::Unknown => (0, 0),
        };
        let entry = Subprogram { name: name.to_owned(), start: Pc(0), len, btf_func: None, global: true };
        Program {
            name: name.to_owned(),
            section: section.to_owned(),
            attach,
            prog_type,
            attach_type,
            attach_target: None,
            autoload: !section.starts_with('?'),
            sleepable: false,
            frags: false,
            slots,
            subprograms: vec![entry],
            lines: Vec::new(),
            btf_lines: Vec::new(),
            kfuncs: BTreeMap::new(),
        }
    }

    /// Notes the names of the kernel functions that it calls.
    pub(crate) fn name_kfuncs(&mut self, externs: &[Extern]) {
        let calls = belay_isa::disassemble(&self.slots).filter_map(|(_, insn)| match insn {
            Ok(Insn::Call(CallTarget::Kfunc { id, .. })) => Some(id),
            _ => None,
        });
        let named = calls.filter_map(|id| Some((id, externs.get(usize::try_from(id).ok()?)?)));
        let kfuncs = named.filter(|(_, symbol)| symbol.kind == ExternKind::Kfunc);
        self.kfuncs = kfuncs.map(|(id, symbol)| (id, symbol.kernel_name().to_owned())).collect();
    }
}

impl MapDef {
    /// A map with these properties and nothing else: no contents, no types, no flags.
    pub fn new(name: &str, kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> MapDef {
        MapDef {
            name: name.to_owned(),
            kernel_name: kernel_name(name),
            kind,
            key_size,
            value_size,
            max_entries,
            flags: 0,
            map_extra: 0,
            origin: MapOrigin::Text,
            numa_node: None,
            pinned: false,
            contents: None,
            frozen: false,
            inner: None,
            init: Vec::new(),
            btf_key: None,
            btf_value: None,
            guarded: Vec::new(),
        }
    }
}

/// A name as the kernel takes it: 15 bytes of `[A-Za-z0-9_.]` (`BPF_OBJ_NAME_LEN` less the zero).
pub(crate) fn kernel_name(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '.' { c } else { '_' };
    name.chars().map(allowed).take(15).collect()
}
