//! What a failing path tells: where a value came from, and which branch decided.

use std::collections::{BTreeMap, BTreeSet};

use belay_isa::{CallTarget, Insn, Pc, Reg, Size, Src, Width, disassemble};
use belay_object::{Extern, Program};
use belay_spec::{Helper, Kfunc, OwnSignatures, Resource};

use crate::references::{kfunc_releases, releases};
use crate::symbols::relative;

/// A program and one path through it.
pub(crate) struct Trace<'a> {
    insns: BTreeMap<Pc, Insn>,
    path: &'a [Pc],
    /// The kernel's symbols that instructions name.
    externs: &'a [Extern],
    /// Helpers beside the kernel's.
    helpers: &'a OwnSignatures,
}

/// Where a value lies while it is followed back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    Register(Reg),
    Slot(i16),
}

impl<'a> Trace<'a> {
    pub(crate) fn new(
        program: &Program,
        externs: &'a [Extern],
        path: &'a [Pc],
        helpers: &'a OwnSignatures,
    ) -> Trace<'a> {
        let insns = disassemble(&program.slots).filter_map(|(pc, insn)| Some((pc, insn.ok()?))).collect();
        Trace { insns, path, externs, helpers }
    }

    pub(crate) fn insn(&self, pc: Pc) -> Option<&Insn> {
        self.insns.get(&pc)
    }

    /// The helper that an instruction calls.
    pub(crate) fn helper(&self, pc: Pc) -> Option<&'static Helper> {
        match self.insn(pc)? {
            Insn::Call(CallTarget::Helper(id)) => self.helpers.helper(u32::try_from(*id).ok()?),
            _ => None,
        }
    }

    /// The kernel function that the instruction calls, if Belay knows it.
    pub(crate) fn kfunc(&self, pc: Pc) -> Option<&'static Kfunc> {
        match self.insn(pc)? {
            Insn::Call(CallTarget::Kfunc { id, .. }) => {
                Kfunc::by_name(self.externs.get(usize::try_from(*id).ok()?)?.kernel_name())
            }
            _ => None,
        }
    }

    /// The name of the helper or kernel function that the instruction calls.
    pub(crate) fn called(&self, pc: Pc) -> Option<&'static str> {
        self.helper(pc).map(|helper| helper.name).or_else(|| Some(self.kfunc(pc)?.name))
    }

    /// The instruction that made the value which `reg` holds at the end of the path: a call, a load, a constant.
    /// Copies, spills, fills, arithmetic with constants, arguments and results of subprograms are followed.
    pub(crate) fn origin(&self, reg: Reg) -> Option<Pc> {
        let mut held = Held::Register(reg);
        // Calls that ended before the place looked at, so that what happened in them concerns other frames.
        let mut inside = 0usize;
        for &pc in self.path.iter().rev() {
            let insn = self.insn(pc)?;
            match insn {
                Insn::Exit if inside == 0 && held == Held::Register(Reg::R0) => continue,
                // The function that returned here may have written the slot through a pointer.
                Insn::Exit if inside == 0 && matches!(held, Held::Slot(_)) => return None,
                Insn::Exit => {
                    inside += 1;
                    continue;
                }
                Insn::Call(CallTarget::Local(_)) if inside > 0 => {
                    inside -= 1;
                    if inside == 0 && is_scratch(held) {
                        return None;
                    }
                    continue;
                }
                // The entry of the function in which the value is: it was an argument.
                Insn::Call(CallTarget::Local(_)) => match held {
                    Held::Register(reg) if (1..=5).contains(&reg.number()) => continue,
                    _ => return None,
                },
                _ if inside > 0 => continue,
                Insn::Call(_) if held == Held::Register(Reg::R0) => return Some(pc),
                Insn::Call(_) if is_scratch(held) => return None,
                _ => {}
            }
            match (held, *insn) {
                (Held::Register(to), Insn::Mov { width: Width::W64, dst, src: Src::Reg(from) })
                    if dst == to =>
                {
                    held = Held::Register(from);
                }
                (
                    Held::Register(to),
                    Insn::Load { size: Size::DW, signed: false, dst, base: Reg::FP, off },
                ) if dst == to => {
                    held = Held::Slot(off);
                }
                (Held::Slot(at), Insn::Store { base: Reg::FP, off, src, .. }) if off == at => match src {
                    Src::Reg(from) => held = Held::Register(from),
                    Src::Imm(_) => return Some(pc),
                },
                (Held::Register(to), Insn::Alu { dst, width: Width::W64, src: Src::Imm(_), .. })
                    if dst == to => {}
                // Either operand may be the pointer: better no place than a wrong one.
                (Held::Register(to), Insn::Alu { dst, src: Src::Reg(_), .. }) if dst == to => return None,
                (Held::Register(to), insn) if writes(&insn) == Some(to) => return Some(pc),
                _ => {}
            }
        }
        None
    }

    /// Whether the last time that the path passed `pc`, a branch, it compared what the instruction at `origin` made with
    /// something other than NULL.
    pub(crate) fn compares_with_other_than_null(&self, pc: Pc, origin: Pc) -> bool {
        let Some(Insn::Branch { dst, src, .. }) = self.insn(pc) else { return false };
        if *src == Src::Imm(0) {
            return false;
        }
        let before = self.path.iter().rposition(|at| *at == pc).and_then(|index| self.path.get(..index));
        let before = Trace { insns: self.insns.clone(), path: before.unwrap_or(&[]), ..*self };
        let made = |reg: Reg| before.origin(reg) == Some(origin);
        made(*dst) || matches!(src, Src::Reg(reg) if made(*reg))
    }

    /// The last branch of `branches` (with the way that the path went) from whose other side `goal` can be reached
    /// without passing `avoid`, but not from the side that was taken.
    pub(crate) fn decisive(
        &self,
        branches: impl DoubleEndedIterator<Item = (Pc, bool)>,
        goal: impl Fn(Pc) -> bool,
        avoid: Option<Pc>,
    ) -> Option<Pc> {
        branches.rev().find_map(|(pc, taken)| {
            let (other, this) = self.sides(pc, taken)?;
            let decides = self.reaches(other, &goal, avoid) && !self.reaches(this, &goal, avoid);
            decides.then_some(pc)
        })
    }

    /// Where a branch would have gone, and where it went.
    fn sides(&self, pc: Pc, taken: bool) -> Option<(Pc, Pc)> {
        let target = match *self.insn(pc)? {
            Insn::Branch { off, .. } | Insn::MayGoto { off } => relative(pc, i32::from(off))?,
            _ => return None,
        };
        let next = Pc(pc.0.checked_add(1)?);
        Some(if taken { (next, target) } else { (target, next) })
    }

    fn reaches(&self, from: Pc, goal: &impl Fn(Pc) -> bool, avoid: Option<Pc>) -> bool {
        let (mut seen, mut pending) = (BTreeSet::new(), vec![from]);
        while let Some(pc) = pending.pop() {
            if Some(pc) == avoid || !seen.insert(pc) {
                continue;
            }
            if goal(pc) {
                return true;
            }
            pending.extend(self.successors(pc));
        }
        false
    }

    fn successors(&self, pc: Pc) -> Vec<Pc> {
        let Some(insn) = self.insn(pc) else { return Vec::new() };
        let next = pc.0.checked_add(insn.slots()).map(Pc);
        let jump = |off: i32| relative(pc, off);
        match *insn {
            Insn::Exit => Vec::new(),
            Insn::Ja { off } => jump(off.into()).into_iter().collect(),
            Insn::Jal { off } => jump(off).into_iter().collect(),
            Insn::Branch { off, .. } | Insn::MayGoto { off } => {
                jump(off.into()).into_iter().chain(next).collect()
            }
            _ => next.into_iter().collect(),
        }
    }

    /// The instructions that may release something of this kind: releasing calls, and calls of functions that have one.
    pub(crate) fn releasing(&self, program: &Program, resource: Resource) -> BTreeSet<Pc> {
        let direct = |pc: &Pc| {
            self.helper(*pc).is_some_and(|helper| releases(helper, resource))
                || self.kfunc(*pc).is_some_and(|kfunc| kfunc_releases(kfunc, resource))
        };
        let mut found: BTreeSet<Pc> = self.insns.keys().filter(|pc| direct(pc)).copied().collect();
        // A chain of functions is at most as long as their number.
        for _ in 0..program.subprograms.len() {
            let before = found.len();
            let calls: Vec<Pc> = self
                .insns
                .iter()
                .filter_map(|(pc, insn)| match insn {
                    Insn::Call(CallTarget::Local(distance)) => {
                        let start = relative(*pc, *distance)?;
                        let callee = program.subprograms.iter().find(|f| f.start == start)?;
                        let end = Pc(callee.start.0.saturating_add(callee.len));
                        found.range(start..end.max(start)).next().map(|_| *pc)
                    }
                    _ => None,
                })
                .collect();
            found.extend(calls);
            if found.len() == before {
                break;
            }
        }
        found
    }
}

/// Registers that a call does not preserve.
fn is_scratch(held: Held) -> bool {
    matches!(held, Held::Register(reg) if reg.number() <= 5)
}

/// The register that an instruction sets.
fn writes(insn: &Insn) -> Option<Reg> {
    match *insn {
        Insn::Alu { dst, .. }
        | Insn::Neg { dst, .. }
        | Insn::Mov { dst, .. }
        | Insn::MovSx { dst, .. }
        | Insn::AddrSpaceCast { dst, .. }
        | Insn::Endian { dst, .. }
        | Insn::Load { dst, .. }
        | Insn::LoadAcquire { dst, .. }
        | Insn::LoadImm64 { dst, .. } => Some(dst),
        Insn::LoadAbs { .. } | Insn::LoadInd { .. } => Some(Reg::R0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use belay_object::Attach;

    use super::*;

    /// The origin of `r1` at the end of a straight path through all of these instructions.
    fn origin(text: &str) -> Option<u32> {
        let assembly = belay_isa::assemble(text, &belay_isa::NoSymbols).expect("assembly");
        let program = Program::new("test", "test", Attach::Unknown, assembly.slots);
        let path: Vec<Pc> = disassemble(&program.slots).map(|(pc, _)| pc).collect();
        Trace::new(&program, &[], &path, &OwnSignatures::default()).origin(Reg::R1).map(|pc| pc.0)
    }

    #[test]
    fn a_value_is_followed_back_to_where_it_was_made() {
        assert_eq!(origin("call 84; r6 = r0; r2 = 0; r1 = r6"), Some(0));
        assert_eq!(origin("call 84; *(u64 *)(r10 - 8) = r0; r0 = 0; r1 = *(u64 *)(r10 - 8)"), Some(0));
        assert_eq!(origin("r1 = *(u64 *)(r1 + 168); r1 += 8"), Some(0));
        assert_eq!(origin("r1 = 5"), Some(0));
    }

    #[test]
    fn what_is_not_certain_has_no_origin() {
        assert_eq!(origin("r2 = *(u32 *)(r1 + 76); r1 = 5; r1 += r2"), None, "either may be the pointer");
        assert_eq!(origin("call 84; call 86"), None, "calls do not preserve it");
        assert_eq!(origin("r2 = 0"), None, "it was there before");
    }

    #[test]
    fn a_slot_that_a_function_may_have_written_has_no_origin() {
        let text = "call sub; r1 = *(u64 *)(r10 - 8); exit; sub: r0 = 0; exit";
        let assembly = belay_isa::assemble(text, &belay_isa::NoSymbols).expect("assembly");
        let program = Program::new("test", "test", Attach::Unknown, assembly.slots);
        let path: Vec<Pc> = [0, 3, 4, 1].map(Pc).to_vec();
        assert_eq!(Trace::new(&program, &[], &path, &OwnSignatures::default()).origin(Reg::R1), None);
    }
}
