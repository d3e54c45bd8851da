//! One program of assembly text: instructions, subprograms, and the lines as its source.

use std::collections::BTreeMap;

use belay_isa::{AsmError, Assembler, Assembly, Pc, disassemble};
use belay_isa::{CallTarget, Imm64, Insn};

use super::{Names, Source, placed_fault};
use crate::error::{ErrorKind, Fault};
use crate::program::{Line, Program, Subprogram};
use crate::section::section_hook;

pub(super) fn assemble(
    path: &str,
    name: &str,
    source: &Source<'_>,
    globals: &[&str],
    names: &Names,
) -> Result<Program, Fault> {
    let placed = |error: AsmError| placed_fault(error.line, error.column, error.message).symbol(name);
    let mut assembler = Assembler::new();
    for line in &source.lines {
        let text = line.function.as_ref().map_or(line.text, |(_, label)| label.as_str());
        assembler.line(line.number, text).map_err(placed)?;
    }
    let assembly = assembler.finish(names).map_err(placed)?;
    if assembly.slots.is_empty() {
        return Err(Fault::new(ErrorKind::Text, "the program has no instructions").symbol(name));
    }
    let hook = section_hook(&source.section);
    let mut program = Program::new(name, &source.section, hook.attach, Vec::new());
    program.prog_type = hook.prog_type;
    program.attach_type = hook.attach_type;
    program.attach_target = hook.target;
    program.sleepable = hook.sleepable;
    program.frags = hook.frags;
    program.subprograms = subprograms(name, source, &assembly, globals);
    program.lines = lines(path, source, &assembly);
    program.slots = assembly.slots;
    Ok(program)
}

/// The entry, every `.func`, and every place that is called or whose address is loaded.
fn subprograms(name: &str, source: &Source<'_>, assembly: &Assembly, globals: &[&str]) -> Vec<Subprogram> {
    let len = u32::try_from(assembly.slots.len()).unwrap_or(u32::MAX);
    let mut starts: BTreeMap<Pc, String> = BTreeMap::new();
    for (pc, insn) in disassemble(&assembly.slots) {
        let distance = match insn {
            Ok(Insn::Call(CallTarget::Local(distance))) => distance,
            Ok(Insn::LoadImm64 { value: Imm64::Func(distance), .. }) => distance,
            _ => continue,
        };
        let target = i64::from(pc.0) + 1 + i64::from(distance);
        if let Some(target) = u32::try_from(target).ok().filter(|&target| target < len) {
            starts.insert(Pc(target), format!("func_{target}"));
        }
    }
    for (label, pc) in &assembly.labels {
        starts.entry(*pc).and_modify(|start| start.clone_from(label));
    }
    for (function, _) in source.lines.iter().filter_map(|line| line.function.as_ref()) {
        if let Some(pc) = assembly.labels.get(*function).filter(|pc| pc.0 < len) {
            starts.insert(*pc, (*function).to_owned());
        }
    }
    starts.insert(Pc(0), name.to_owned());
    let ends: Vec<u32> = starts.keys().skip(1).map(|pc| pc.0).chain([len]).collect();
    let subprogram = |((start, name), end): ((Pc, String), u32)| {
        let global = start == Pc(0) || globals.contains(&name.as_str());
        Subprogram { name, start, len: end - start.0, btf_func: None, global }
    };
    starts.into_iter().zip(ends).map(subprogram).collect()
}

fn lines(path: &str, source: &Source<'_>, assembly: &Assembly) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let texts: BTreeMap<u32, &str> = source.lines.iter().map(|line| (line.number, line.text)).collect();
    let file = path.into();
    let mut last = None;
    for (pc, &number) in (0..).map(Pc).zip(&assembly.lines) {
        if last.replace(number) == Some(number) {
            continue;
        }
        let text = texts.get(&number).copied().unwrap_or_default();
        let column = text.chars().take_while(|c| c.is_whitespace()).count() + 1;
        let column = u32::try_from(column).unwrap_or(0);
        lines.push(Line { pc, file: std::sync::Arc::clone(&file), line: number, column, text: text.into() });
    }
    lines
}
