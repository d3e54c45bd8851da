//! `belay disasm`: each program with its source lines; helpers, maps and functions by name, jump targets by label; with
//! `--jit`, the machine code of each instruction.

use std::collections::BTreeMap;

use belay_diagnostics::{Symbolic, printable};
use belay_isa::{Insn, Pc, disassemble};
use belay_object::{Line, Object, Program};
use belay_verifier::{Options, Verdict, verify};
use belay_vm::{Compiled, Maps};
use serde::Serialize;

use super::args::{DisasmArgs, Format};
use super::verify::hook_name;
use super::{Error, Exit, Output, Streams, input};

#[derive(Serialize)]
struct Document {
    schema: u32,
    path: String,
    programs: Vec<ProgramListing>,
}

#[derive(Serialize)]
struct ProgramListing {
    name: String,
    section: String,
    hook: Option<&'static str>,
    /// For which machine the machine code is.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    instructions: Vec<Instruction>,
}

/// An instruction; the source position stands with the first one of a line.
#[derive(Serialize)]
struct Instruction {
    insn: u32,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Position>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    machine: Vec<Machine>,
}

/// One instruction of the machine.
#[derive(Serialize)]
struct Machine {
    /// Where it lies in its function, in bytes.
    offset: u32,
    text: String,
}

#[derive(Serialize)]
struct Position {
    file: String,
    line: u32,
    column: u32,
    text: String,
}

pub(super) fn disasm(args: &DisasmArgs, streams: &mut Streams) -> Result<Exit, Error> {
    let object = input::object(&args.object, streams)?;
    let programs = input::programs(&object, &args.program)?;
    let mut out = Output::open(&args.output, streams)?;
    let mut listings: Vec<ProgramListing> =
        programs.iter().map(|program| listing(&object, program)).collect();
    if args.jit {
        for (listing, program) in listings.iter_mut().zip(&programs) {
            add_machine_code(listing, &object, program)?;
        }
    }
    if args.output.format == Format::Json {
        let path = object.path.clone();
        out.json(&Document { schema: belay_diagnostics::json::SCHEMA, path, programs: listings })?;
    } else {
        for (number, listing) in listings.iter().enumerate() {
            if number > 0 {
                out.line("")?;
            }
            print(listing, args.output.format, &mut out)?;
        }
    }
    out.finish()?;
    let broken: Vec<&str> = object
        .broken
        .iter()
        .filter(|broken| args.program.is_empty() || args.program.contains(&broken.name))
        .map(|broken| broken.error.message.as_str())
        .collect();
    match object.broken.first() {
        Some(first) if !broken.is_empty() => Err(Error::new(printable(&first.error.to_string()))),
        _ => Ok(Exit::Clean),
    }
}

fn listing(object: &Object, program: &Program) -> ProgramListing {
    let symbolic = Symbolic::new(object, program);
    let labels = labels(program);
    let mut lines = program.lines.iter().peekable();
    let instructions = disassemble(&program.slots)
        .map(|(pc, insn)| {
            let mut source = None;
            while let Some(line) = lines.next_if(|line| line.pc <= pc) {
                source = Some(line);
            }
            let target = insn.as_ref().ok().and_then(|insn| target(pc, insn));
            Instruction {
                insn: pc.0,
                text: match &insn {
                    Ok(insn) => symbolic.insn(pc, insn),
                    Err(_) => symbolic.text(pc),
                },
                function: symbolic.function(pc),
                label: labels.get(&pc).cloned(),
                target: target.and_then(|target| labels.get(&target).cloned()),
                source: source.map(position),
                machine: Vec::new(),
            }
        })
        .collect();
    ProgramListing {
        name: printable(&program.name),
        section: printable(&program.section),
        hook: hook_name(program),
        target: None,
        instructions,
    }
}

/// Compiles the program, and puts its machine code with the instructions that it came from; what a function begins and ends
/// with, with its first.
fn add_machine_code(listing: &mut ProgramListing, object: &Object, program: &Program) -> Result<(), Error> {
    let refused = |why: &str| {
        Error::new(format!("{}: program `{}`: {why}", printable(&object.path), printable(&program.name)))
    };
    let verified = match verify(object, program, &Options::default()).verdict {
        Verdict::Accept(verified) => verified,
        Verdict::Reject(rejection) => {
            return Err(refused(&format!(
                "only what verifies is compiled, and this is rejected ({}); try `belay verify`",
                rejection.code
            )));
        }
        Verdict::Unsupported { what, .. } => {
            return Err(refused(&format!("unsupported: {}", printable(&what))));
        }
    };
    let maps = Maps::from_defs(&object.maps).map_err(|e| refused(&printable(&e.to_string())))?;
    let compiled = Compiled::listing(&verified, &maps).map_err(|e| refused(&printable(&e.to_string())))?;
    listing.target = Some(compiled.target);
    for line in compiled.lines {
        let pc = line.pc.unwrap_or(line.function);
        if let Some(insn) = listing.instructions.iter_mut().find(|insn| insn.insn == pc.0) {
            insn.machine.push(Machine { offset: line.offset, text: line.text });
        }
    }
    for insn in &mut listing.instructions {
        insn.machine.sort_by_key(|machine| machine.offset);
    }
    Ok(())
}

fn position(line: &Line) -> Position {
    Position {
        file: printable(&line.file),
        line: line.line,
        column: line.column,
        text: printable(line.text.trim()),
    }
}

/// Where jumps go, numbered from the top.
fn labels(program: &Program) -> BTreeMap<Pc, String> {
    let mut targets: Vec<Pc> = disassemble(&program.slots)
        .filter_map(|(pc, insn)| target(pc, &insn.ok()?))
        .filter(|pc| pc.index() < program.slots.len())
        .collect();
    targets.sort_unstable();
    targets.dedup();
    (1..).zip(targets).map(|(number, pc): (u32, Pc)| (pc, format!("L{number}"))).collect()
}

fn target(pc: Pc, insn: &Insn) -> Option<Pc> {
    let off = match *insn {
        Insn::Ja { off } | Insn::Branch { off, .. } | Insn::MayGoto { off } => i64::from(off),
        Insn::Jal { off } => i64::from(off),
        _ => return None,
    };
    u32::try_from(i64::from(pc.0) + 1 + off).ok().map(Pc)
}

fn print(listing: &ProgramListing, format: Format, out: &mut Output<'_>) -> Result<(), Error> {
    let hook = listing.hook.unwrap_or("no hook");
    let target =
        listing.target.as_ref().map_or_else(String::new, |target| format!(", compiled for {target}"));
    out.line(format!("program `{}`, section `{}`, {hook}{target}", listing.name, listing.section))?;
    let width = listing.instructions.last().map_or(1, |last| last.insn.to_string().len()).max(3);
    let mut shown = None;
    for insn in &listing.instructions {
        if let Some(function) = &insn.function {
            out.line(format!("{function}:"))?;
        }
        if format == Format::Full
            && let Some(source) = &insn.source
            && shown.replace((&source.file, source.line)) != Some((&source.file, source.line))
        {
            out.line(format!("{:width$}  ; {}:{}: {}", "", source.file, source.line, source.text))?;
        }
        if let Some(label) = &insn.label {
            out.line(format!("{:width$} {label}:", ""))?;
        }
        match &insn.target {
            Some(target) => out.line(format!("{:width$}: {}  <{target}>", insn.insn, insn.text))?,
            None => out.line(format!("{:width$}: {}", insn.insn, insn.text))?,
        }
        for Machine { offset, text } in &insn.machine {
            out.line(format!("{:width$}      {offset:5x}  {text}", ""))?;
        }
    }
    Ok(())
}
