//! The shape of a program before any path is walked: decoded instructions, functions, where paths may meet, and
//! which registers still matter.
//!
//! What is refused here needs no path: an instruction that does not decode, a jump that leaves its function, code
//! that nothing reaches (Linux checks the same before its own walk).

mod back_edges;
mod cycles;
mod kfuncs;
mod points;
mod registers;

pub(crate) use cycles::CycleId;
pub(crate) use kfuncs::KfuncShapes;
pub(crate) use points::Turn;
pub(crate) use registers::RegSet;

use std::collections::BTreeMap;

use belay_isa::{CallTarget, DecodeErrorKind, Imm64, Insn, Pc, Slot, decode};
use belay_object::Program;
use belay_object::btf::{Btf, TypeId};

use crate::fault::{Check, Fault, Stop};
use points::Point;

/// A function of the program.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    /// Its name, for messages.
    pub(crate) name: String,
    /// First slot.
    pub(crate) start: u32,
    /// One past its last slot.
    pub(crate) end: u32,
    /// Verified on its own, for any argument.
    pub(crate) global: bool,
    /// Its description in the object's BTF.
    pub(crate) btf_func: Option<TypeId>,
}

/// Stands where an instruction does not decode: for the shape of the program it just goes on.
const GOES_ON: Insn = Insn::Ja { off: 0 };

/// What is known of the program's shape.
#[derive(Debug)]
pub(crate) struct Layout {
    insns: Vec<Option<Insn>>,
    faults: BTreeMap<u32, String>,
    /// Functions by ascending start; the first is the entry.
    pub(crate) functions: Vec<Function>,
    points: Vec<Point>,
    cycles: Vec<Option<CycleId>>,
    kfuncs: KfuncShapes,
    /// The function that catches the program's exceptions, by index.
    pub(crate) exception_callback: Option<usize>,
    live: Vec<RegSet>,
}

impl Layout {
    /// Decodes the program and checks its shape.
    pub(crate) fn of(program: &Program, btf: Option<&Btf>, kfuncs: KfuncShapes) -> Check<Layout> {
        let Decoded { insns, faults } = decode_all(&program.slots)?;
        let catches = exception_callback(program, btf)?;
        let functions = functions(program, &insns, catches)?;
        let exception_callback =
            catches.and_then(|pc| functions.binary_search_by_key(&pc.0, |function| function.start).ok());
        let (points, cycles, live) = (Vec::new(), Vec::new(), Vec::new());
        let mut layout =
            Layout { insns, faults, functions, points, cycles, kfuncs, exception_callback, live };
        layout.check_jumps()?;
        layout.check_reached()?;
        layout.points = points::points(&layout);
        layout.cycles = cycles::cycles(&layout);
        layout.live = registers::live_registers(&layout);
        Ok(layout)
    }

    /// Refuses a loop that is entered elsewhere than at its top.
    pub(crate) fn check_back_edges(&self) -> Check {
        match back_edges::forbidden_back_edge(self) {
            Some((from, to)) => {
                let kernel = format!("back-edge from insn {} to {}", from.0, to.0);
                Err(Fault::Program { kernel }.into())
            }
            None => Ok(()),
        }
    }

    /// The instruction that starts at `pc`.
    pub(crate) fn insn(&self, pc: Pc) -> Option<&Insn> {
        self.insns.get(pc.index())?.as_ref()
    }

    /// What is wrong with the instruction at `pc`, if it does not decode: no path may reach it.
    pub(crate) fn decode_fault(&self, pc: Pc) -> Option<&String> {
        self.faults.get(&pc.0)
    }

    /// Number of slots.
    pub(crate) fn len(&self) -> usize {
        self.insns.len()
    }

    /// Whether paths may meet before `pc`, so that comparing states pays.
    pub(crate) fn is_meeting_point(&self, pc: Pc) -> bool {
        self.points.get(pc.index()).is_some_and(|point| point.meets)
    }

    /// Whether `pc` may be reached from elsewhere than the instruction before it.
    pub(crate) fn is_jump_point(&self, pc: Pc) -> bool {
        self.points.get(pc.index()).is_some_and(|point| point.jumped_to)
    }

    /// The turn of a loop that is not unrolled, if the instruction at `pc` is one.
    pub(crate) fn turn(&self, pc: Pc) -> Option<Turn> {
        self.points.get(pc.index())?.turn
    }

    /// Whether the instruction at `pc` is the head of a loop that the program does not show: a helper that calls back.
    pub(crate) fn calls_back(&self, pc: Pc) -> bool {
        self.turn(pc) == Some(Turn::Callback)
    }

    /// The cycle of the control flow that the instruction at `pc` is on.
    pub(crate) fn cycle(&self, pc: Pc) -> Option<CycleId> {
        self.cycles.get(pc.index()).copied().flatten()
    }

    /// The registers whose value before `pc` may still be read.
    pub(crate) fn live(&self, pc: Pc) -> RegSet {
        self.live.get(pc.index()).copied().unwrap_or(RegSet::ALL)
    }

    /// Whether `pc` lies in a function whose address the program takes: one that helpers call.
    pub(crate) fn in_callback(&self, pc: Pc) -> bool {
        let Some(function) = self.functions.iter().rfind(|f| f.start <= pc.0) else { return false };
        self.instructions().any(|(at, insn)| {
            matches!(insn, Insn::LoadImm64 { .. }) && callee(at, insn) == Some(i64::from(function.start))
        })
    }

    /// Index of the function that the instruction calls, or whose address it takes.
    pub(crate) fn callee_index(&self, pc: Pc, insn: &Insn) -> Option<usize> {
        self.function_at(Pc(u32::try_from(callee(pc, insn)?).ok()?))
    }

    /// Where the walk that led to the state began: the first instruction of its outermost function.
    pub(crate) fn entry_of(&self, state: &crate::state::State) -> Pc {
        let function = state.frames.first().and_then(|frame| self.functions.get(frame.function));
        function.map_or(Pc(0), |function| Pc(function.start))
    }

    /// Index of the function that starts at `pc`.
    pub(crate) fn function_at(&self, pc: Pc) -> Option<usize> {
        self.functions.binary_search_by_key(&pc.0, |f| f.start).ok()
    }

    /// Every instruction, in order.
    pub(crate) fn instructions(&self) -> impl Iterator<Item = (Pc, &Insn)> {
        self.insns.iter().enumerate().filter_map(|(at, insn)| Some((Pc(at as u32), insn.as_ref()?)))
    }

    fn check_jumps(&self) -> Check {
        for function in &self.functions {
            for at in function.start..function.end {
                let pc = Pc(at);
                let Some(insn) = self.insn(pc) else { continue };
                if let Some(to) = jump_target(pc, insn) {
                    if to < i64::from(function.start) || to >= i64::from(function.end) {
                        return Err(Fault::JumpRange { from: pc, to }.into());
                    }
                    let to = Pc(to as u32);
                    if self.insn(to).is_none() {
                        return Err(Fault::JumpMiddle { to }.into());
                    }
                }
            }
            let last = (function.start..function.end).rev().find_map(|at| self.insn(Pc(at)));
            if !matches!(last, Some(Insn::Exit | Insn::Ja { .. } | Insn::Jal { .. })) {
                return Err(Fault::FallsThrough.into());
            }
        }
        Ok(())
    }

    fn check_reached(&self) -> Check {
        let mut reached = vec![false; self.insns.len()];
        let catches = self.exception_callback.map(|index| Pc(self.functions[index].start));
        let mut pending: Vec<Pc> = [Some(Pc(0)), catches].into_iter().flatten().collect();
        while let Some(pc) = pending.pop() {
            let Some(insn) = self.insn(pc) else { continue };
            if std::mem::replace(&mut reached[pc.index()], true) {
                continue;
            }
            pending.extend(self.successors(pc, insn));
            pending.extend(callee(pc, insn).filter(|to| *to >= 0).map(|to| Pc(to as u32)));
        }
        match self.instructions().find(|(pc, _)| !reached[pc.index()]) {
            Some((pc, _)) => Err(Fault::Unreachable { pc }.into()),
            None => Ok(()),
        }
    }

    /// The instructions that may run next in the same function.
    pub(crate) fn successors(&self, pc: Pc, insn: &Insn) -> impl Iterator<Item = Pc> + use<> {
        let next = (!matches!(insn, Insn::Exit | Insn::Ja { .. } | Insn::Jal { .. }))
            .then(|| Pc(pc.0 + insn.slots()));
        let target = jump_target(pc, insn).map(|to| Pc(to as u32));
        next.into_iter().chain(target)
    }
}

/// The start of the function that the entry names for its exceptions; it is verified on its own, though nothing calls it.
fn exception_callback(program: &Program, btf: Option<&Btf>) -> Check<Option<Pc>> {
    let entry = program.subprograms.first().and_then(|entry| entry.btf_func);
    let Some((btf, entry)) = btf.zip(entry) else { return Ok(None) };
    let mut named = btf.exception_callbacks(entry);
    let Some(name) = named.next() else { return Ok(None) };
    if named.next().is_some() {
        let kernel = "multiple exception callback tags for main subprog".to_string();
        return Err(Fault::Program { kernel }.into());
    }
    match program.subprograms.iter().find(|function| function.name == name) {
        Some(function) => Ok(Some(function.start)),
        None => Err(Stop::unsupported(format!("`{name}`, which is to catch exceptions and is not there"))),
    }
}

impl Layout {
    /// The instructions of a function, each after those that it leads to; around a cycle, after one that leads back.
    pub(crate) fn postorder(&self, entry: Pc) -> Vec<Pc> {
        let mut order = Vec::new();
        let mut seen = vec![false; self.insns.len()];
        let successors = |pc: Pc| -> Vec<Pc> {
            self.insn(pc).map_or_else(Vec::new, |insn| self.successors(pc, insn).collect())
        };
        seen[entry.index()] = true;
        let mut stack = vec![(entry, successors(entry))];
        while let Some((pc, next)) = stack.last_mut() {
            match next.pop() {
                Some(next) if seen.get(next.index()).is_some_and(|seen| !seen) => {
                    seen[next.index()] = true;
                    stack.push((next, successors(next)));
                }
                Some(_) => {}
                None => {
                    order.push(*pc);
                    stack.pop();
                }
            }
        }
        order
    }
}

/// The decoded instructions by slot, and what is wrong with those that only a path may complain of.
struct Decoded {
    insns: Vec<Option<Insn>>,
    faults: BTreeMap<u32, String>,
}

fn decode_all(slots: &[Slot]) -> Check<Decoded> {
    if slots.is_empty() {
        return Err(Fault::Empty.into());
    }
    let mut insns = vec![None; slots.len()];
    let mut faults = BTreeMap::new();
    let mut at = 0;
    while at < slots.len() {
        // Linux finds some faults by a scan of the whole program, others only where a path meets them.
        match decode(slots, Pc(at as u32)) {
            Ok(insn) => {
                insns[at] = Some(insn);
                at += insn.slots() as usize;
            }
            Err(error) if matches!(error.kind, DecodeErrorKind::IgnoredField { .. }) => {
                return Err(Stop::unsupported("an instruction field that Linux ignores"));
            }
            Err(error) if error.kind.found_by_scan() => {
                return Err(Fault::Decode { at: error.pc, kernel: error.to_string() }.into());
            }
            Err(error) => {
                insns[at] = Some(GOES_ON);
                faults.insert(at as u32, error.to_string());
                at += 1;
            }
        }
    }
    Ok(Decoded { insns, faults })
}

/// Functions start at the entry and wherever a local call or a function's address points.
fn functions(program: &Program, insns: &[Option<Insn>], catches: Option<Pc>) -> Check<Vec<Function>> {
    let mut starts = vec![0];
    starts.extend(catches.filter(|pc| pc.index() < insns.len()).map(|pc| pc.0));
    for (at, insn) in insns.iter().enumerate() {
        let pc = Pc(at as u32);
        let Some(to) = insn.as_ref().and_then(|insn| callee(pc, insn)) else { continue };
        if to < 0 || to as usize >= insns.len() {
            return Err(
                Fault::Program { kernel: format!("func at insn#{to} has invalid destination") }.into()
            );
        }
        if insns[to as usize].is_none() {
            return Err(Fault::JumpMiddle { to: Pc(to as u32) }.into());
        }
        starts.push(to as u32);
    }
    starts.sort_unstable();
    starts.dedup();
    let ends = starts.iter().skip(1).copied().chain([insns.len() as u32]);
    let described = |start| program.subprograms.iter().find(|s| s.start == Pc(start));
    Ok(starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| Function {
            name: described(start).map_or_else(|| format!("function at {start}"), |s| s.name.clone()),
            start,
            end,
            // (Without types the kernel knows no linkage.)
            global: start != 0 && described(start).is_some_and(|s| s.global && s.btf_func.is_some()),
            btf_func: described(start).and_then(|s| s.btf_func),
        })
        .collect())
}

/// Where the instruction jumps to within its function.
fn jump_target(pc: Pc, insn: &Insn) -> Option<i64> {
    let off = match insn {
        Insn::Ja { off } | Insn::Branch { off, .. } | Insn::MayGoto { off } => i64::from(*off),
        Insn::Jal { off } => i64::from(*off),
        _ => return None,
    };
    Some(i64::from(pc.0) + 1 + off)
}

/// The function that the instruction calls, or whose address it takes.
fn callee(pc: Pc, insn: &Insn) -> Option<i64> {
    match insn {
        Insn::Call(CallTarget::Local(off)) => Some(i64::from(pc.0) + 1 + i64::from(*off)),
        Insn::LoadImm64 { value: Imm64::Func(off), .. } => Some(i64::from(pc.0) + 1 + i64::from(*off)),
        _ => None,
    }
}
