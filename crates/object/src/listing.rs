//! A program for readers: each instruction with the names of what it refers to, the function and the source line that
//! begin there. The text is the assembler's: what is listed assembles to the same slots again.

use std::collections::{BTreeMap, BTreeSet};

use belay_isa::{CallTarget, DecodeError, Imm64, Insn, Pc, Slot, disassemble};
use belay_spec::Helper;

use crate::program::{Line, Object, Program, Subprogram};

/// One instruction of a listing.
#[derive(Debug, Clone)]
pub struct Row<'p> {
    /// Its first slot.
    pub pc: Pc,
    /// Its slots: two for `LD_IMM64`, else one.
    pub slots: &'p [Slot],
    /// Its meaning.
    pub insn: Result<Insn, DecodeError>,
    /// Its text, with the names of maps, functions, helpers, externs and labels; why it does not decode, if it does not.
    pub text: String,
    /// The label that a jump of this program names, `L12`; functions have their names instead.
    pub label: Option<String>,
    /// The function that starts here.
    pub function: Option<&'p Subprogram>,
    /// The source line that starts here.
    pub line: Option<&'p Line>,
}

/// Lists a program of the object, or of another one that has the same tables of maps and externs.
pub fn listing<'p>(object: &Object, program: &'p Program) -> Vec<Row<'p>> {
    let insns: Vec<_> = disassemble(&program.slots).collect();
    let starts: BTreeSet<Pc> = insns.iter().map(|(pc, _)| *pc).collect();
    let functions: BTreeMap<Pc, &Subprogram> = program.subprograms.iter().map(|f| (f.start, f)).collect();
    let lines: BTreeMap<Pc, &Line> = program.lines.iter().rev().map(|line| (line.pc, line)).collect();
    let targets = insns.iter().filter_map(|(pc, insn)| jump_target(*pc, insn.as_ref().ok()?));
    let targets: BTreeSet<Pc> = targets.filter(|target| starts.contains(target)).collect();
    let names = Names { object, functions: &functions, targets: &targets };

    let next = insns.iter().skip(1).map(|(pc, _)| pc.index()).chain([program.slots.len()]);
    let ends: Vec<usize> = next.collect();
    insns
        .into_iter()
        .zip(ends)
        .map(|((pc, insn), end)| Row {
            pc,
            slots: program.slots.get(pc.index()..end).unwrap_or_default(),
            text: match &insn {
                Ok(insn) => names.text(pc, insn),
                Err(error) => format!("<{error}>"),
            },
            insn,
            label: targets.contains(&pc).then(|| names.label(pc)),
            function: functions.get(&pc).copied(),
            line: lines.get(&pc).copied(),
        })
        .collect()
}

/// Where a jump leads, if the instruction is one.
fn jump_target(pc: Pc, insn: &Insn) -> Option<Pc> {
    let distance = match *insn {
        Insn::Ja { off } | Insn::Branch { off, .. } | Insn::MayGoto { off } => off.into(),
        Insn::Jal { off } => off,
        _ => return None,
    };
    after(pc, distance)
}

/// The slot at a distance from the one after `pc`.
fn after(pc: Pc, distance: i32) -> Option<Pc> {
    pc.0.checked_add(1)?.checked_add_signed(distance).map(Pc)
}

/// What numbers in instructions stand for.
struct Names<'n> {
    object: &'n Object,
    functions: &'n BTreeMap<Pc, &'n Subprogram>,
    targets: &'n BTreeSet<Pc>,
}

impl Names<'_> {
    fn text(&self, pc: Pc, insn: &Insn) -> String {
        let named = match *insn {
            Insn::Call(target) => self.callee(pc, target).map(|name| format!("call {name}")),
            Insn::LoadImm64 { dst, value } => {
                self.address(pc, value).map(|name| format!("{dst} = {name} ll"))
            }
            _ => jump_target(pc, insn).filter(|target| self.targets.contains(target)).and_then(|target| {
                // A jump's distance is its last word.
                let text = insn.to_string();
                let (head, _) = text.rsplit_once(' ')?;
                Some(format!("{head} {}", self.label(target)))
            }),
        };
        named.unwrap_or_else(|| insn.to_string())
    }

    fn label(&self, pc: Pc) -> String {
        format!("L{pc}")
    }

    fn callee(&self, pc: Pc, target: CallTarget) -> Option<&str> {
        match target {
            CallTarget::Helper(id) => Helper::by_id(u32::try_from(id).ok()?).map(|helper| helper.name),
            CallTarget::Local(distance) => self.function(pc, distance),
            CallTarget::Kfunc { id, btf: 0 } => self.symbol(id),
            CallTarget::Kfunc { .. } => None,
        }
    }

    fn address(&self, pc: Pc, value: Imm64) -> Option<String> {
        match value {
            Imm64::Map(map) => self.map(map).map(str::to_owned),
            Imm64::MapValue(map, offset) => self.map(map).map(|name| format!("{name}{offset:+}")),
            Imm64::BtfId(id, 0) => self.symbol(id).map(str::to_owned),
            Imm64::Func(distance) => self.function(pc, distance).map(str::to_owned),
            _ => None,
        }
    }

    fn map(&self, index: i32) -> Option<&str> {
        self.object.maps.get(usize::try_from(index).ok()?).map(|map| map.name.as_str())
    }

    fn symbol(&self, index: i32) -> Option<&str> {
        self.object.externs.get(usize::try_from(index).ok()?).map(|symbol| symbol.name.as_str())
    }

    fn function(&self, pc: Pc, distance: i32) -> Option<&str> {
        self.functions.get(&after(pc, distance)?).map(|function| function.name.as_str())
    }
}
