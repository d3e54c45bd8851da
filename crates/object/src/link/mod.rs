//! Programs, put together as libbpf does: the entry function, then every function that it reaches, each once, in the
//! order in which a walk through the code first meets them; calls between them made relative.
//!
//! libbpf takes subprograms from `.text` alone; here a call may go to any executable section.

mod body;

use std::collections::{BTreeMap, HashMap};

use belay_isa::{Pc, Slot};

use crate::btf::{Btf, Ext, Kind, Linkage, TypeId};
use crate::core::Core;
use crate::elf::{Elf, Home};
use crate::error::{ErrorKind, Fault};
use crate::externs::Externs;
use crate::lines::Lines;
use crate::maps::Maps;
use crate::program::{Program, Subprogram};
use crate::section::section_hook;
use body::Body;

/// Slots of one linked program: the kernel's limit on instructions.
const LONGEST_PROGRAM: usize = 1_000_000;
/// Slots of all linked programs and function bodies of an object. Cilium's largest objects stay below 300,000.
const LARGEST_OBJECT: usize = 2_000_000;

/// A function of the file.
#[derive(Debug)]
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    /// Index of its section.
    pub(crate) section: usize,
    /// First slot in the section.
    pub(crate) start: u32,
    pub(crate) len: u32,
    pub(crate) local: bool,
    hidden: bool,
}

/// Everything that linking reads.
pub(crate) struct Linker<'a> {
    pub(crate) elf: &'a Elf<'a>,
    pub(crate) btf: Option<&'a Btf>,
    pub(crate) ext: &'a Ext,
    pub(crate) maps: &'a Maps,
    pub(crate) externs: &'a Externs,
    pub(crate) core: Core<'a>,
    functions: Vec<Function<'a>>,
    /// Index into `functions` by section and first slot.
    starts: HashMap<(usize, u32), usize>,
    bodies: HashMap<usize, Result<Body, Fault>>,
    budget: usize,
    lines: Lines<'a>,
}

/// A program, linked, or why it could not be.
pub(crate) struct Linked<'a> {
    pub(crate) name: &'a str,
    pub(crate) section: &'a str,
    pub(crate) result: Result<Program, Fault>,
}

/// Links every entry program: each function of global or weak linkage outside `.text`.
pub(crate) fn link<'a>(
    elf: &'a Elf<'a>,
    btf: Option<&'a Btf>,
    ext: &'a Ext,
    maps: &'a Maps,
    externs: &'a Externs,
    core: Core<'a>,
) -> Result<Vec<Linked<'a>>, Fault> {
    let functions = functions(elf)?;
    let starts = functions.iter().enumerate().rev().map(|(i, f)| ((f.section, f.start), i)).collect();
    let budget = LARGEST_OBJECT;
    let bodies = HashMap::new();
    let lines = Lines::new(btf, ext);
    let mut linker = Linker { elf, btf, ext, maps, externs, core, functions, starts, bodies, budget, lines };
    let mut linked = Vec::new();
    for index in 0..linker.functions.len() {
        let Some(function) = linker.functions.get(index) else { continue };
        let section = elf.sections.get(function.section).map_or("", |s| s.name);
        // A lone function without a section is a program, for libbpf's old users; several in `.text` are subprograms.
        let alone = linker.functions.len() == 1;
        if (section == ".text" && !alone) || function.local {
            continue;
        }
        let name = function.name;
        let result = linker.program(index).map_err(|f| f.section(section).symbol(name));
        linked.push(Linked { name, section, result });
    }
    Ok(linked)
}

/// The functions of all executable sections, by section and start.
fn functions<'a>(elf: &Elf<'a>) -> Result<Vec<Function<'a>>, Fault> {
    let mut functions = Vec::new();
    for symbol in elf.symbols.iter().filter(|s| s.is_func()) {
        let Home::Section(index) = symbol.home else { continue };
        let Some(section) = elf.sections.get(index).filter(|s| s.executable) else { continue };
        let fault = |m: &str| {
            Fault::new(ErrorKind::Link, m).section(section.name).offset(symbol.value).symbol(symbol.name)
        };
        let end = symbol.value.checked_add(symbol.size).filter(|&end| end <= section.data.len() as u64);
        if end.is_none() {
            return Err(fault("the function reaches past the end of its section"));
        }
        let slots = |bytes: u64| bytes.is_multiple_of(8).then(|| u32::try_from(bytes / 8).ok()).flatten();
        let (Some(start), Some(len)) = (slots(symbol.value), slots(symbol.size)) else {
            return Err(fault("the function does not start and end between instructions"));
        };
        if len == 0 {
            return Err(fault("the function has no instructions"));
        }
        let (local, hidden) = (symbol.is_local(), symbol.hidden);
        functions.push(Function { name: symbol.name, section: index, start, len, local, hidden });
    }
    functions.sort_by_key(|f| (f.section, f.start));
    Ok(functions)
}

impl<'a> Linker<'a> {
    /// The function of which `slot` is the first, by index.
    fn function_at(&self, section: usize, slot: u32) -> Option<usize> {
        self.starts.get(&(section, slot)).copied()
    }

    fn body(&mut self, function: usize) -> Result<&Body, Fault> {
        if !self.bodies.contains_key(&function) {
            let body = match self.functions.get(function) {
                Some(f) if self.budget < f.len as usize => Err(too_large()),
                Some(f) => {
                    self.budget -= f.len as usize;
                    body::relocate(self, f)
                }
                None => Err(Fault::new(ErrorKind::Link, "no such function")),
            };
            self.bodies.insert(function, body);
        }
        match self.bodies.get(&function) {
            Some(Ok(body)) => Ok(body),
            Some(Err(fault)) => Err(fault.clone()),
            None => Err(Fault::new(ErrorKind::Link, "no such function")),
        }
    }

    fn program(&mut self, entry: usize) -> Result<Program, Fault> {
        let layout = self.place(entry)?;
        let mut slots: Vec<Slot> = Vec::with_capacity(layout.len);
        let mut subprograms = Vec::with_capacity(layout.order.len());
        let (mut lines, mut btf_lines) = (Vec::new(), Vec::new());
        for &function in &layout.order {
            let start = slots.len();
            let body = self.body(function)?;
            slots.extend_from_slice(&body.slots);
            for call in &body.calls {
                let target = layout.starts.get(&call.target).copied().unwrap_or_default();
                let at = start + call.slot as usize;
                let distance = i32::try_from(target as i64 - at as i64 - 1).map_err(|_| too_large())?;
                if let Some(slot) = slots.get_mut(at) {
                    slot.imm = distance;
                }
            }
            let Some(function) = self.functions.get(function) else { continue };
            let start = Pc(u32::try_from(start).map_err(|_| too_large())?);
            subprograms.push(subprogram(self.elf, self.btf, self.ext, function, start));
            let section = self.elf.sections.get(function.section).map_or("", |s| s.name);
            self.lines.extend((&mut lines, &mut btf_lines), section, function.start, function.len, start);
        }
        let Some(function) = self.functions.get(entry) else { return Err(too_large()) };
        let section = self.elf.sections.get(function.section).map_or("", |s| s.name);
        let hook = section_hook(section);
        Ok(Program {
            name: function.name.to_owned(),
            section: section.to_owned(),
            attach: hook.attach,
            prog_type: hook.prog_type,
            attach_type: hook.attach_type,
            attach_target: hook.target,
            autoload: hook.autoload,
            sleepable: hook.sleepable,
            frags: hook.frags,
            slots,
            subprograms,
            lines,
            btf_lines,
            kfuncs: BTreeMap::new(),
        })
    }

    /// Walks the code from the entry and gives every function that it reaches its place.
    fn place(&mut self, entry: usize) -> Result<Layout, Fault> {
        let mut layout = Layout::default();
        self.place_with_callees(&mut layout, entry)?;
        // Nothing calls the function that catches exceptions.
        if let Some(catches) = self.exception_callback(entry).filter(|f| !layout.starts.contains_key(f)) {
            self.place_with_callees(&mut layout, catches)?;
        }
        self.budget = self.budget.checked_sub(layout.len).ok_or_else(too_large)?;
        Ok(layout)
    }

    /// The function that the entry names for its exceptions.
    fn exception_callback(&self, entry: usize) -> Option<usize> {
        let (function, btf) = (self.functions.get(entry)?, self.btf?);
        let program = subprogram(self.elf, self.btf, self.ext, function, Pc(0)).btf_func?;
        let name = btf.exception_callbacks(program).next()?;
        self.functions.iter().position(|function| function.name == name && !function.local)
    }

    fn place_with_callees(&mut self, layout: &mut Layout, root: usize) -> Result<(), Fault> {
        // Functions being walked, each with the next of its calls to look at. A stack of our own: hostile objects nest
        // calls deeper than the machine's.
        let mut walk = vec![(root, 0)];
        layout.push(root, self.body(root)?.slots.len());
        while let Some((function, next)) = walk.pop() {
            let Some(call) = self.body(function)?.calls.get(next).copied() else { continue };
            walk.push((function, next + 1));
            if layout.starts.contains_key(&call.target) {
                continue;
            }
            let len = self.body(call.target)?.slots.len();
            layout.push(call.target, len);
            walk.push((call.target, 0));
            if layout.len > LONGEST_PROGRAM {
                return Err(Fault::new(
                    ErrorKind::Limit,
                    "with its subprograms it has over a million instructions",
                ));
            }
        }
        Ok(())
    }
}

/// Which functions a program holds, and where each starts.
#[derive(Default)]
struct Layout {
    order: Vec<usize>,
    starts: HashMap<usize, usize>,
    len: usize,
}

impl Layout {
    fn push(&mut self, function: usize, len: usize) {
        self.order.push(function);
        self.starts.insert(function, self.len);
        self.len += len;
    }
}

fn subprogram(elf: &Elf<'_>, btf: Option<&Btf>, ext: &Ext, function: &Function<'_>, start: Pc) -> Subprogram {
    let section = elf.sections.get(function.section).map_or("", |s| s.name);
    let infos = ext.funcs.get(section).map(Vec::as_slice).unwrap_or_default();
    let found = infos.binary_search_by_key(&function.start, |info| info.slot).ok().and_then(|i| infos.get(i));
    let func = found.zip(btf).filter(|(info, btf)| matches!(btf.get(info.ty).kind, Kind::Func { .. }));
    let linkage = func.map(|(info, btf)| match btf.get(info.ty).kind {
        Kind::Func { linkage, .. } => linkage,
        _ => Linkage::Static,
    });
    Subprogram {
        name: function.name.to_owned(),
        start,
        len: function.len,
        btf_func: func.map(|(info, _)| -> TypeId { info.ty }),
        // libbpf: a hidden function is verified where it is called, as a static one.
        global: linkage == Some(Linkage::Global) && !function.hidden,
    }
}

fn too_large() -> Fault {
    Fault::new(ErrorKind::Limit, "the object's programs together have over two million instructions")
}
