//! The text form of an object: assembly with directives, so that a test is one readable file.
//!
//! ```text
//! .license GPL
//! .map counts kind=hash key=4 value=8 entries=16
//! .data limits bytes=0a000000 frozen          # a data section: `r1 = limits+0 ll` loads its address
//! .extern my_module_function kfunc            # known kernel functions are called without: `call bpf_ct_release`
//! .extern bpf_prog_active typed                # a kernel variable with a type; `ksym` is an address only
//!
//! .hook sched_cls                              # or `.section tc`, a name that libbpf knows
//! .prog ingress
//!     r1 = counts ll
//!     call bpf_map_lookup_elem
//!     call verdict
//!     exit
//! .func verdict                                # a subprogram; `.global verdict` beforehand: verified on its own
//!     r0 = 0
//!     exit
//! ```
//!
//! Everything but directives is [`belay_isa::Assembler`]'s. A program ends where the next `.prog`, `.hook` or
//! `.section` begins. Every place that is called or whose address is loaded starts a subprogram, `.func` or not.

mod map;
mod program;
mod types;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use belay_isa::{CallTarget, Imm64, Symbols};
use belay_spec::{Helper, Hook, Kfunc};

use crate::btf::TypeId;
use crate::error::{ErrorKind, Fault};
use crate::program::{Extern, ExternKind, MapDef, Object};
use crate::section::hook_section;
use types::Types;

/// What the file says, each program's lines still text.
struct File<'a> {
    license: String,
    maps: Vec<MapDef>,
    types: Types,
    map_names: HashSet<String>,
    /// Bytes of all `.data`.
    data: usize,
    externs: Vec<Extern>,
    globals: Vec<&'a str>,
    programs: Vec<Source<'a>>,
}

impl File<'_> {
    fn new() -> Self {
        File {
            license: String::new(),
            maps: Vec::new(),
            types: Types::new(),
            map_names: HashSet::new(),
            data: 0,
            externs: Vec::new(),
            globals: Vec::new(),
            programs: Vec::new(),
        }
    }
}

/// A program of the file.
struct Source<'a> {
    /// None: no `.prog` names it.
    name: Option<&'a str>,
    section: String,
    lines: Vec<SourceLine<'a>>,
}

/// A line of a program.
struct SourceLine<'a> {
    number: u32,
    text: &'a str,
    /// The function that starts here, with the label that tells the assembler so.
    function: Option<(&'a str, String)>,
}

pub(crate) fn read(path: &str, bytes: &[u8]) -> Result<Object, Fault> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    let text = text.ok_or_else(|| Fault::new(ErrorKind::Elf, "neither an ELF object nor assembly text"))?;
    let mut file = split(text)?;
    file.externs.extend(called_kfuncs(&file));
    let names = Names::new(&file);
    let mut programs = Vec::new();
    for source in &file.programs {
        let name = source.name.unwrap_or_else(|| super::reader::object_name(path));
        programs.push(program::assemble(path, name, source, &file.globals, &names)?);
    }
    if programs.is_empty() {
        return Err(Fault::new(
            ErrorKind::Text,
            "holds no instructions: neither an ELF object nor assembly text",
        ));
    }
    let btf = file.types.finish(path)?;
    if let Some(btf) = &btf {
        crate::guarded::note(&mut file.maps, btf);
    }
    Ok(Object {
        path: path.to_owned(),
        license: file.license,
        programs,
        maps: file.maps,
        externs: file.externs,
        btf: btf.map(Arc::new),
        broken: Vec::new(),
    })
}

/// Reads the directives, and sorts the other lines into programs.
fn split(text: &str) -> Result<File<'_>, Fault> {
    let mut file = File::new();
    let mut section: Option<String> = None;
    let mut open = false;
    for (number, line) in (1..).zip(text.lines()) {
        let fault = |message: String| text_fault(number, line, message);
        let Some(directive) = belay_isa::directive(line) else {
            if strip_comment(line).trim().is_empty() {
                continue;
            }
            if !open {
                let section = section.clone().ok_or_else(|| {
                    fault("an instruction before any `.hook NAME` or `.section NAME`".to_owned())
                })?;
                file.programs.push(Source { name: None, section, lines: Vec::new() });
                open = true;
            }
            if let Some(program) = file.programs.last_mut() {
                program.lines.push(SourceLine { number, text: line, function: None });
            }
            continue;
        };
        let arguments = strip_comment(directive.arguments).trim();
        match directive.name {
            "license" => file.license = arguments.trim_matches('"').to_owned(),
            "hook" => {
                let hook = Hook::by_name(arguments).ok_or_else(|| fault(unknown_hook(arguments)))?;
                let name = hook_section(hook).ok_or_else(|| {
                    fault(format!("no section name loads a program of hook `{arguments}`: use `.section`"))
                })?;
                section = Some(name.to_owned());
                open = false;
            }
            "section" => {
                section = Some(one_word(arguments).map_err(fault)?.to_owned());
                open = false;
            }
            "prog" => {
                let section = section.clone();
                let section =
                    section.ok_or_else(|| fault("`.prog` before any `.hook` or `.section`".to_owned()))?;
                let name = Some(one_word(arguments).map_err(fault)?);
                file.programs.push(Source { name, section, lines: Vec::new() });
                open = true;
            }
            "map" => {
                let def = map::map(arguments, &file.maps, &mut file.types).map_err(fault)?;
                add_map(&mut file, def).map_err(fault)?;
            }
            "data" => {
                let def = map::data(arguments).map_err(fault)?;
                add_map(&mut file, def).map_err(fault)?;
            }
            "extern" => file.externs.push(extern_symbol(arguments).map_err(fault)?),
            "global" => file.globals.push(one_word(arguments).map_err(fault)?),
            "func" => {
                let name = one_word(arguments).map_err(fault)?;
                let program = file.programs.last_mut().filter(|_| open);
                let program = program.ok_or_else(|| fault("`.func` outside a program".to_owned()))?;
                program.lines.push(SourceLine {
                    number,
                    text: line,
                    function: Some((name, format!("{name}:"))),
                });
            }
            other => {
                let known = "license, hook, section, prog, func, global, map, data, extern";
                return Err(fault(format!("unknown directive `.{other}`; known are {known}")));
            }
        }
    }
    Ok(file)
}

fn add_map(file: &mut File<'_>, def: MapDef) -> Result<(), String> {
    /// A line of text may ask for a megabyte: all lines together get this much.
    const LARGEST: usize = 16 << 20;
    if !file.map_names.insert(def.name.clone()) {
        return Err(format!("map `{}` is defined twice", def.name));
    }
    file.data = file.data.saturating_add(def.contents.as_ref().map_or(0, Vec::len));
    if file.data > LARGEST {
        return Err(format!("all data together has over {LARGEST} bytes"));
    }
    file.maps.push(def);
    Ok(())
}

/// Kernel functions that are called by name without an `.extern`: those of the tables, as with helpers.
fn called_kfuncs(file: &File<'_>) -> Vec<Extern> {
    let mut known: HashSet<&str> = file.externs.iter().map(|symbol| symbol.name.as_str()).collect();
    let mut called = Vec::new();
    for line in file.programs.iter().flat_map(|program| &program.lines) {
        let mut words = strip_comment(line.text).split_whitespace().skip_while(|word| *word != "call");
        let Some(name) = words.nth(1).filter(|name| Kfunc::by_name(name).is_some()) else { continue };
        if Helper::by_name(name).is_none() && known.insert(name) {
            let kind = ExternKind::Kfunc;
            called.push(Extern { name: name.to_owned(), kind, weak: false, type_id: TypeId::VOID });
        }
    }
    called
}

/// `NAME kfunc|ksym|typed [weak]`
fn extern_symbol(arguments: &str) -> Result<Extern, String> {
    let mut words = arguments.split_whitespace();
    let name = words.next().ok_or("names no symbol: `.extern NAME kfunc|ksym|typed [weak]`")?;
    let kind = match words.next() {
        Some("kfunc") => ExternKind::Kfunc,
        Some("ksym") => ExternKind::UntypedKsym,
        Some("typed") => ExternKind::TypedKsym,
        _ => return Err(format!("`{name}` is none of `kfunc`, `ksym`, `typed`")),
    };
    let weak = match words.next() {
        Some("weak") => true,
        None => false,
        Some(other) => return Err(format!("unknown property `{other}`; known is weak")),
    };
    Ok(Extern { name: name.to_owned(), kind, weak, type_id: TypeId::VOID })
}

fn one_word(arguments: &str) -> Result<&str, String> {
    match arguments.split_whitespace().next() {
        Some(word) if word == arguments => Ok(word),
        _ => Err(format!("takes one name, not `{arguments}`")),
    }
}

fn unknown_hook(name: &str) -> String {
    let near = Hook::all().iter().map(|h| h.name).filter(|h| !name.is_empty() && h.contains(name));
    match near.collect::<Vec<_>>().join("`, `") {
        near if near.is_empty() => format!("unknown hook `{name}`"),
        near => format!("unknown hook `{name}`; did you mean `{near}`"),
    }
}

/// The text before a comment.
fn strip_comment(text: &str) -> &str {
    let end = text.find('#').into_iter().chain(text.find("//")).min().unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

fn text_fault(number: u32, line: &str, message: String) -> Fault {
    let column = line.chars().take_while(|c| c.is_whitespace()).count() + 1;
    placed_fault(number, u32::try_from(column).unwrap_or(1), message)
}

fn placed_fault(line: u32, column: u32, message: String) -> Fault {
    let mut fault = Fault::new(ErrorKind::Text, message);
    fault.place.line = Some(line);
    fault.place.column = Some(column);
    fault
}

/// What names mean that are no labels.
struct Names {
    maps: HashMap<String, (i32, bool)>,
    externs: HashMap<String, (i32, ExternKind)>,
}

impl Names {
    fn new(file: &File<'_>) -> Names {
        let maps = (0..).zip(&file.maps).map(|(i, m)| (m.name.clone(), (i, m.contents.is_some()))).collect();
        let externs = (0..).zip(&file.externs).map(|(i, e)| (e.name.clone(), (i, e.kind))).collect();
        Names { maps, externs }
    }
}

impl Symbols for Names {
    fn callee(&self, name: &str) -> Option<CallTarget> {
        match self.externs.get(name) {
            Some(&(id, ExternKind::Kfunc)) => Some(CallTarget::Kfunc { id, btf: 0 }),
            Some(_) => None,
            None => Helper::by_name(name).and_then(|h| i32::try_from(h.id).ok()).map(CallTarget::Helper),
        }
    }

    fn address(&self, name: &str, offset: i32) -> Option<Imm64> {
        if let Some(&(map, is_data)) = self.maps.get(name) {
            return Some(if is_data || offset != 0 { Imm64::MapValue(map, offset) } else { Imm64::Map(map) });
        }
        self.externs.get(name).filter(|_| offset == 0).map(|&(id, _)| Imm64::BtfId(id, 0))
    }
}
