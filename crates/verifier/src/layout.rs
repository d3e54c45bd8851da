//! The shape of a program before any path is walked: decoded instructions, functions, where paths may meet, and
//! which registers still matter.
//!
//! What is refused here needs no path: an instruction that does not decode, a jump that leaves its function, code
//! that nothing reaches (Linux checks the same before its own walk).

use std::collections::BTreeMap;

use belay_isa::{CallTarget, DecodeErrorKind, Imm64, Insn, Pc, Reg, Slot, Src, decode};
use belay_object::Program;
use belay_object::btf::TypeId;
use belay_spec::Helper;

use crate::fault::{Check, Fault, Stop};

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

/// A set of registers, bit n for `rn`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct RegSet(u16);

impl RegSet {
    const ARGUMENTS: RegSet = RegSet(0b11_1110);
    const CALLER_SAVED: RegSet = RegSet(0b11_1111);

    fn of(regs: impl IntoIterator<Item = Reg>) -> RegSet {
        RegSet(regs.into_iter().fold(0, |set, r| set | 1 << r.number()))
    }

    fn union(self, other: RegSet) -> RegSet {
        RegSet(self.0 | other.0)
    }

    fn without(self, other: RegSet) -> RegSet {
        RegSet(self.0 & !other.0)
    }

    /// Whether it holds the register.
    pub(crate) fn contains(self, reg: Reg) -> bool {
        self.0 & 1 << reg.number() != 0
    }
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
    meets: Vec<bool>,
    live: Vec<RegSet>,
}

impl Layout {
    /// Decodes the program and checks its shape.
    pub(crate) fn of(program: &Program) -> Check<Layout> {
        let Decoded { insns, faults } = decode_all(&program.slots)?;
        let functions = functions(program, &insns)?;
        let mut layout = Layout {
            meets: vec![false; insns.len()],
            live: vec![RegSet::default(); insns.len()],
            insns,
            faults,
            functions,
        };
        layout.check_jumps()?;
        layout.check_reached()?;
        layout.mark_meeting_points();
        layout.find_live_registers();
        Ok(layout)
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
        self.meets.get(pc.index()).copied().unwrap_or(false)
    }

    /// Whether the instruction at `pc` is the head of a loop that the program does not show: a helper that calls back.
    pub(crate) fn calls_back(&self, pc: Pc) -> bool {
        self.insn(pc).is_some_and(calls_back)
    }

    /// The registers whose value before `pc` may still be read.
    pub(crate) fn live(&self, pc: Pc) -> RegSet {
        self.live.get(pc.index()).copied().unwrap_or(RegSet(u16::MAX))
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
        let mut pending = vec![Pc(0)];
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

    fn mark_meeting_points(&mut self) {
        let mut marked = Vec::new();
        for (pc, insn) in self.instructions() {
            marked.extend(jump_target(pc, insn).map(|to| Pc(to as u32)));
            match insn {
                Insn::Branch { .. } | Insn::MayGoto { .. } => marked.push(pc),
                Insn::Call(CallTarget::Local(_)) => {
                    marked.push(Pc(pc.0 + 1));
                    marked.extend(callee(pc, insn).map(|to| Pc(to as u32)));
                }
                Insn::Call(CallTarget::Helper(_)) if calls_back(insn) => marked.push(pc),
                _ => {}
            }
        }
        for pc in marked {
            if let Some(meets) = self.meets.get_mut(pc.index()) {
                *meets = true;
            }
        }
    }

    /// Backward data flow, a function at a time: live before = read, or live after and not written.
    fn find_live_registers(&mut self) {
        let mut changed = true;
        while changed {
            changed = false;
            for at in (0..self.insns.len()).rev() {
                let pc = Pc(at as u32);
                let Some(insn) = self.insns[at] else { continue };
                let after = self
                    .successors(pc, &insn)
                    .fold(RegSet::default(), |set, next| set.union(self.live(next)));
                let (read, written) = uses(&insn);
                let before = read.union(after.without(written));
                changed |= before != self.live[at];
                self.live[at] = before;
            }
        }
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
fn functions(program: &Program, insns: &[Option<Insn>]) -> Check<Vec<Function>> {
    let mut starts = vec![0];
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

fn calls_back(insn: &Insn) -> bool {
    let Insn::Call(CallTarget::Helper(id)) = insn else { return false };
    u32::try_from(*id).ok().and_then(Helper::by_id).is_some_and(|helper| helper.effects.callback)
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

/// Registers read and written by an instruction.
fn uses(insn: &Insn) -> (RegSet, RegSet) {
    let operand = |src: &Src| match src {
        Src::Reg(reg) => Some(*reg),
        Src::Imm(_) => None,
    };
    let none = RegSet::default();
    match insn {
        Insn::Alu { dst, src, .. } => {
            (RegSet::of([*dst].into_iter().chain(operand(src))), RegSet::of([*dst]))
        }
        Insn::Neg { dst, .. } | Insn::Endian { dst, .. } => (RegSet::of([*dst]), RegSet::of([*dst])),
        Insn::Mov { dst, src, .. } => (RegSet::of(operand(src)), RegSet::of([*dst])),
        Insn::MovSx { dst, src, .. } | Insn::AddrSpaceCast { dst, src, .. } => {
            (RegSet::of([*src]), RegSet::of([*dst]))
        }
        Insn::Load { dst, base, .. } | Insn::LoadAcquire { dst, base, .. } => {
            (RegSet::of([*base]), RegSet::of([*dst]))
        }
        Insn::Store { base, src, .. } => (RegSet::of([*base].into_iter().chain(operand(src))), none),
        Insn::StoreRelease { base, src, .. } => (RegSet::of([*base, *src]), none),
        Insn::Atomic { op, base, src, .. } => {
            let compared = matches!(op, belay_isa::AtomicOp::Cmpxchg).then_some(Reg::R0);
            (RegSet::of([*base, *src].into_iter().chain(compared)), none)
        }
        Insn::LoadImm64 { dst, .. } => (none, RegSet::of([*dst])),
        Insn::LoadAbs { .. } => (RegSet::of([Reg::R6]), RegSet::CALLER_SAVED),
        Insn::LoadInd { src, .. } => (RegSet::of([Reg::R6, *src]), RegSet::CALLER_SAVED),
        Insn::Branch { dst, src, .. } => (RegSet::of([*dst].into_iter().chain(operand(src))), none),
        Insn::Call(_) | Insn::CallX { .. } => (RegSet::ARGUMENTS, RegSet::CALLER_SAVED),
        Insn::Exit => (RegSet::of([Reg::R0]), none),
        Insn::Ja { .. } | Insn::Jal { .. } | Insn::MayGoto { .. } => (none, none),
    }
}
