//! Every program of an object into the kernel, one by one: its verdicts.
//!
//! The kernel gets the very slots that Belay's verifier judged. All that is replaced are names that only the running
//! kernel can resolve: maps by descriptor, kernel functions and variables by BTF id or address.

use belay_object::{MapDef, Object, Program};
use belay_spec::MapKind;
use std::os::fd::AsFd;

use crate::btf::{LoadedBtf, load_btf};
use crate::load::{Flags, FuncInfo, LineInfo, Load, Loaded, LogLevel, ProgramBtf, Rejected, load};
use crate::map::{MapError, Maps};
use crate::symbols::{attach_target, resolve};
use crate::sys::Errno;

/// An object in the kernel: its maps, and each program with the kernel's verdict. Everything is unloaded when dropped.
#[derive(Debug)]
pub struct LoadedObject {
    /// The maps, in the object's order.
    pub maps: Maps,
    /// The programs, in the object's order.
    pub programs: Vec<LoadedProgram>,
    /// The object's types, if it has any and the kernel took them.
    pub btf: Option<LoadedBtf>,
    /// Why the kernel did not take the object's types, if it did not.
    pub btf_refusal: Option<String>,
}

/// A program and what the kernel said to it.
#[derive(Debug)]
pub struct LoadedProgram {
    /// The function's name.
    pub name: String,
    /// The section's name as written.
    pub section: String,
    /// The kernel's verdict.
    pub verdict: Verdict,
}

/// What the kernel said.
#[derive(Debug)]
pub enum Verdict {
    /// Loaded.
    Accept(Loaded),
    /// Refused.
    Reject(Box<Rejected>),
    /// Not asked, and why: the object could not be brought into a form that the kernel judges.
    Unjudged(String),
}

impl Verdict {
    /// `accept`, `reject` or `unjudged`.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Accept(_) => "accept",
            Verdict::Reject(_) => "reject",
            Verdict::Unjudged(_) => "unjudged",
        }
    }

    /// The loaded program, if it was accepted.
    pub fn accepted(&self) -> Option<&Loaded> {
        match self {
            Verdict::Accept(loaded) => Some(loaded),
            Verdict::Reject(_) | Verdict::Unjudged(_) => None,
        }
    }
}

impl LoadedObject {
    /// The program of that name.
    pub fn program(&self, name: &str) -> Option<&LoadedProgram> {
        self.programs.iter().find(|program| program.name == name)
    }
}

/// Creates the maps of an object, then loads each of its programs alone, whether libbpf would load it by itself or not.
/// Program arrays are filled with the programs that were accepted.
///
/// # Errors
/// A map that the kernel refuses: no program can be judged without it.
pub fn verify_object(object: &Object, log: LogLevel) -> Result<LoadedObject, MapError> {
    verify_programs(object, log, |_| true)
}

/// As [`verify_object`], with only the programs that `wanted` picks.
///
/// # Errors
/// A map that the kernel refuses.
pub fn verify_programs(
    object: &Object,
    log: LogLevel,
    mut wanted: impl FnMut(&Program) -> bool,
) -> Result<LoadedObject, MapError> {
    let (btf, btf_refusal) = match object.btf.as_ref().map(|btf| load_btf(btf.bytes())) {
        None => (None, None),
        Some(Ok(btf)) => (Some(btf), None),
        Some(Err(refused)) => {
            (None, Some(format!("{}: {}", refused.errno, crate::log::reason(&refused.log))))
        }
    };
    let maps = Maps::create_typed(&object.maps, btf.as_ref().map(AsFd::as_fd))?;
    let programs: Vec<LoadedProgram> = object
        .programs
        .iter()
        .filter(|program| wanted(program))
        .map(|program| LoadedProgram {
            name: program.name.clone(),
            section: program.section.clone(),
            verdict: verify_program(object, program, &maps, btf.as_ref(), log),
        })
        .collect();
    let loaded = LoadedObject { maps, programs, btf, btf_refusal };
    for (def, map) in object.maps.iter().zip(loaded.maps.iter()) {
        enter_programs(def, map, &loaded)?;
    }
    Ok(loaded)
}

/// Loads one program of an object alone, with maps (and types) of the object that are there already.
pub fn verify_program(
    object: &Object,
    program: &Program,
    maps: &Maps,
    btf: Option<&LoadedBtf>,
    log: LogLevel,
) -> Verdict {
    if program.prog_type == 0 {
        return Verdict::Unjudged(format!("section `{}` names no program type", program.section));
    }
    let mut slots = program.slots.clone();
    let attach = match resolve(&mut slots, &object.externs).and_then(|()| attach_target(object, program)) {
        Ok(target) => target,
        Err(why) => return Verdict::Unjudged(why),
    };
    let funcs = func_info(program);
    let lines = line_info(program);
    let types = btf.map(|btf| ProgramBtf { fd: btf.as_fd(), funcs: &funcs, lines: &lines });
    let request = Load {
        prog_type: program.prog_type,
        attach_type: attach.1,
        insns: &slots,
        license: &object.license,
        name: &program.name,
        log,
        maps: &maps.fds(),
        btf: types,
        flags: Flags { sleepable: program.sleepable, frags: program.frags, ..Flags::default() },
        attach_btf: attach.0,
        kern_version: 0,
    };
    match load(&request) {
        Ok(loaded) => Verdict::Accept(loaded),
        Err(rejected) if refuses_trampolines(program, &rejected) => Verdict::Unjudged(
            "the running kernel makes no trampolines: it says nothing of the program".to_string(),
        ),
        Err(rejected) => Verdict::Reject(rejected),
    }
}

/// Some kernels refuse every program that runs from a trampoline (`fentry`, `fexit`, `fmod_ret`, `lsm`), without a word
/// and before they look at it.
fn refuses_trampolines(program: &Program, rejected: &Rejected) -> bool {
    const TRACING: u32 = 26;
    const LSM: u32 = 29;
    let trampoline = match program.prog_type {
        TRACING => matches!(program.attach_type, 24..=26),
        kind => kind == LSM,
    };
    trampoline
        && rejected.errno == Errno(libc::EPERM)
        && !rejected.log.lines().any(|line| !line.starts_with("processed"))
}

/// One entry a function; none at all if one function has no type, since the kernel wants all or nothing.
fn func_info(program: &Program) -> Vec<FuncInfo> {
    let typed = |f: &belay_object::Subprogram| Some(FuncInfo { slot: f.start.0, type_id: f.btf_func?.0 });
    program.subprograms.iter().map(typed).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// The lines by strictly ascending slot, as the kernel wants them.
fn line_info(program: &Program) -> Vec<LineInfo> {
    program
        .btf_lines
        .iter()
        .map(|line| LineInfo {
            slot: line.pc.0,
            file_off: line.file_name_off,
            line_off: line.line_off,
            line_col: line.line_col,
        })
        .collect()
}

fn enter_programs(def: &MapDef, map: &crate::Map, loaded: &LoadedObject) -> Result<(), MapError> {
    if def.kind != MapKind::PROG_ARRAY {
        return Ok(());
    }
    for slot in &def.init {
        let Some(target) = loaded.program(&slot.target).and_then(|program| program.verdict.accepted()) else {
            continue;
        };
        map.set_fd(&slot.index.to_ne_bytes(), target.as_fd()).map_err(|errno| MapError {
            map: def.name.clone(),
            doing: "enter a program into",
            errno,
        })?;
    }
    Ok(())
}
