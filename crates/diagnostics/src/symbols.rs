//! Instructions as text in which helpers, maps, kernel functions and subprograms have their names.

use std::collections::BTreeMap;

use belay_isa::{CallTarget, Imm64, Insn, Pc, decode};
use belay_object::{Object, Program};
use belay_spec::OwnSignatures;

use crate::source::printable;

/// Prints the instructions of one program.
pub struct Symbolic<'a> {
    object: &'a Object,
    program: &'a Program,
    functions: BTreeMap<Pc, &'a str>,
    helpers: OwnSignatures,
}

impl<'a> Symbolic<'a> {
    /// For a program of an object.
    pub fn new(object: &'a Object, program: &'a Program) -> Symbolic<'a> {
        let functions = program.subprograms.iter().map(|f| (f.start, f.name.as_str())).collect();
        Symbolic { object, program, functions, helpers: OwnSignatures::default() }
    }

    /// Names these own helpers, too.
    pub fn with(self, helpers: &OwnSignatures) -> Symbolic<'a> {
        Symbolic { helpers: helpers.clone(), ..self }
    }

    /// The instruction at `pc`: `r0 = *(u32 *)(r6 + 4)`, `call bpf_sk_release`, `r1 = counts ll`.
    pub fn text(&self, pc: Pc) -> String {
        match decode(&self.program.slots, pc) {
            Ok(insn) => self.insn(pc, &insn),
            Err(_) => match self.program.slots.get(pc.index()) {
                Some(slot) => format!("(invalid: opcode {:#04x})", slot.opcode),
                None => "(outside the program)".to_owned(),
            },
        }
    }

    /// As [`Symbolic::text`], of an instruction that is decoded already.
    pub fn insn(&self, pc: Pc, insn: &Insn) -> String {
        match insn {
            Insn::Call(target) => match self.callee(pc, *target) {
                Some(name) => format!("call {name}"),
                None => insn.to_string(),
            },
            Insn::LoadImm64 { dst, value } => match self.address(pc, *value) {
                Some(name) => format!("{dst} = {name} ll"),
                None => insn.to_string(),
            },
            _ => insn.to_string(),
        }
    }

    /// Whether the instruction at `pc` decides where to go.
    pub(crate) fn is_branch(&self, pc: Pc) -> bool {
        matches!(decode(&self.program.slots, pc), Ok(Insn::Branch { .. } | Insn::MayGoto { .. }))
    }

    /// The name of what a call calls.
    pub fn callee(&self, pc: Pc, target: CallTarget) -> Option<String> {
        match target {
            CallTarget::Helper(id) => Some(self.helpers.helper(u32::try_from(id).ok()?)?.name.to_owned()),
            CallTarget::Local(distance) => self.function(relative(pc, distance)?),
            CallTarget::Kfunc { id, .. } => {
                let symbol = self.object.externs.get(usize::try_from(id).ok()?)?;
                Some(printable(symbol.kernel_name()))
            }
        }
    }

    /// The name of the function that starts there.
    pub fn function(&self, start: Pc) -> Option<String> {
        self.functions.get(&start).map(|name| printable(name))
    }

    /// The name of the function that the instruction belongs to.
    pub fn function_of(&self, pc: Pc) -> Option<String> {
        self.functions.range(..=pc).next_back().map(|(_, name)| printable(name))
    }

    fn address(&self, pc: Pc, value: Imm64) -> Option<String> {
        let map = |index: i32| Some(printable(&self.object.maps.get(usize::try_from(index).ok()?)?.name));
        match value {
            Imm64::Map(index) => map(index),
            Imm64::MapValue(index, off) => Some(format!("{}{off:+}", map(index)?)),
            Imm64::BtfId(id, _) => Some(printable(&self.object.externs.get(usize::try_from(id).ok()?)?.name)),
            Imm64::Func(distance) => self.function(relative(pc, distance)?),
            Imm64::Value(_) | Imm64::MapIndex(_) | Imm64::MapIndexValue(..) => None,
        }
    }
}

/// The slot at a distance from the next one.
pub(crate) fn relative(pc: Pc, distance: i32) -> Option<Pc> {
    let target = i64::from(pc.0) + 1 + i64::from(distance);
    u32::try_from(target).ok().map(Pc)
}
