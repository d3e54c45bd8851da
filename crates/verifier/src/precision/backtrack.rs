//! One instruction, backwards: which numbers were relied on before it, if these were after it.

use belay_isa::{AtomicOp, CallTarget, Insn, Pc, Reg, Src};
use belay_spec::Rule;

use crate::early_exit::may_end_function;
use crate::kernel_faults::Faults;
use crate::layout::Layout;
use crate::state::MAX_FRAMES;

use super::history::Entry;
use super::places::{Place, Wanted};

/// The walk back does not understand what it meets.
#[derive(Debug)]
pub(super) struct Lost;

const ARGUMENTS: u16 = 0b11_1110;

/// From what is wanted after the instruction at `pc` to what is wanted before it. `after` is the instruction that ran
/// next.
pub(super) fn back_over(
    faults: &mut Faults,
    layout: &Layout,
    pc: Pc,
    after: Option<Pc>,
    entry: Option<&Entry>,
    wanted: &mut Wanted,
) -> Result<(), Lost> {
    let Some(insn) = layout.insn(pc) else {
        // The second half of a wide instruction.
        return Ok(());
    };
    share_with_linked(entry, wanted);
    let spill = entry.and_then(|entry| entry.spill);
    match *insn {
        Insn::Alu { dst, src, .. } => {
            if wanted.reg(dst) {
                wanted.want_operand(src);
            }
        }
        Insn::Neg { .. } | Insn::Endian { .. } | Insn::Ja { .. } | Insn::Jal { .. } => {}
        Insn::MayGoto { .. } => {}
        Insn::Mov { dst, src, .. } => {
            if wanted.take(dst) {
                wanted.want_operand(src);
            }
        }
        Insn::MovSx { dst, src, .. } | Insn::AddrSpaceCast { dst, src, .. } => {
            if wanted.take(dst) {
                wanted.want_operand(Src::Reg(src));
            }
        }
        Insn::LoadImm64 { dst, .. } => {
            wanted.take(dst);
        }
        Insn::Load { dst, .. } | Insn::LoadAcquire { dst, .. } => wanted.filled(dst, spill),
        Insn::Atomic { op, base, src, .. } => match fetched(op, src) {
            Some(dst) if !faults.follow(Rule::FetchesAreStores, wanted.reg(dst)) => wanted.filled(dst, spill),
            _ => wanted.spilled(base, Src::Reg(src), spill)?,
        },
        Insn::Store { base, src, .. } => wanted.spilled(base, src, spill)?,
        Insn::StoreRelease { base, src, .. } => wanted.spilled(base, Src::Reg(src), spill)?,
        Insn::Branch { dst, src: Src::Reg(src), .. } => {
            // Who relies on one side relies on what the comparison said of both.
            if wanted.reg(dst) || wanted.reg(src) {
                let (left, right) = entry.map_or((false, false), |entry| entry.stack_operands);
                for (reg, is_stack) in [(dst, left), (src, right)] {
                    if !is_stack {
                        wanted.want(reg);
                    }
                }
            }
        }
        Insn::Branch { .. } => {}
        Insn::Call(CallTarget::Local(_)) => back_over_local_call(layout, pc, insn, wanted)?,
        Insn::Call(_) if layout.calls_back(pc) && after != Some(Pc(pc.0 + 1)) => {
            // Out of the callback: its arguments are the helper's, not the caller's.
            wanted.here().regs &= !ARGUMENTS;
            wanted.leave_callee()?;
        }
        Insn::Call(_) | Insn::CallX { .. } => {
            wanted.take(Reg::R0);
            if wanted.here().regs & ARGUMENTS != 0 {
                return Err(Lost);
            }
            // A tail call that ended the function.
            if may_end_function(insn) && after != Some(Pc(pc.0 + 1)) {
                wanted.enter_callee()?;
            }
        }
        Insn::Exit => back_into_callee(layout, after, wanted)?,
        Insn::LoadAbs { .. } | Insn::LoadInd { .. } => {
            if wanted.reg(Reg::R0) {
                return Err(Lost);
            }
            if after != Some(Pc(pc.0 + 1)) {
                wanted.enter_callee()?;
            }
        }
    }
    share_with_linked(entry, wanted);
    Ok(())
}

/// Who relies on one number that a comparison narrowed relies on every number that was narrowed with it.
fn share_with_linked(entry: Option<&Entry>, wanted: &mut Wanted) {
    let Some(entry) = entry else { return };
    if entry.linked.iter().any(|place| wanted.has(place)) {
        entry.linked.iter().for_each(|place| wanted.insert(place));
    }
}

/// The register in which an atomic operation hands the old value out.
fn fetched(op: AtomicOp, src: Reg) -> Option<Reg> {
    match op {
        AtomicOp::Cmpxchg => Some(Reg::R0),
        AtomicOp::Xchg => Some(src),
        AtomicOp::Add { fetch }
        | AtomicOp::Or { fetch }
        | AtomicOp::And { fetch }
        | AtomicOp::Xor { fetch } => fetch.then_some(src),
    }
}

/// Out of a static function into its caller, or past a call of a global one.
fn back_over_local_call(layout: &Layout, pc: Pc, insn: &Insn, wanted: &mut Wanted) -> Result<(), Lost> {
    let function = layout.callee_index(pc, insn).and_then(|index| layout.functions.get(index));
    if function.is_some_and(|function| function.global) {
        wanted.take(Reg::R0);
        return if wanted.here().regs & ARGUMENTS == 0 { Ok(()) } else { Err(Lost) };
    }
    let here = std::mem::take(wanted.here());
    if here.regs & !ARGUMENTS != 0 || here.slots != 0 {
        return Err(Lost);
    }
    wanted.leave_callee()?;
    wanted.here().regs |= here.regs;
    Ok(())
}

/// From after a call into the end of the function that was called.
fn back_into_callee(layout: &Layout, after: Option<Pc>, wanted: &mut Wanted) -> Result<(), Lost> {
    let call = after.and_then(|after| after.0.checked_sub(1)).and_then(|pc| layout.insn(Pc(pc)));
    let returned = matches!(call, Some(Insn::Call(CallTarget::Local(_))));
    if returned && wanted.here().regs & ARGUMENTS != 0 {
        return Err(Lost);
    }
    let result = wanted.take(Reg::R0);
    wanted.enter_callee()?;
    if returned && result {
        wanted.want(Reg::R0);
    }
    Ok(())
}

impl Wanted {
    fn reg(&mut self, reg: Reg) -> bool {
        self.here().has_reg(reg)
    }

    fn want(&mut self, reg: Reg) {
        self.here().regs |= 1 << reg.number();
    }

    /// No longer wanted; whether it was.
    fn take(&mut self, reg: Reg) -> bool {
        let was = self.reg(reg);
        self.here().regs &= !(1 << reg.number());
        was
    }

    fn want_operand(&mut self, src: Src) {
        match src {
            Src::Reg(reg) if reg != Reg::FP => self.want(reg),
            _ => {}
        }
    }

    /// Before a load: only of the stack does a register get a number that was known before.
    fn filled(&mut self, dst: Reg, spill: Option<(u8, u8)>) {
        if let (true, Some((frame, slot))) = (self.take(dst), spill) {
            self.insert(Place::Slot(frame, slot));
        }
    }

    /// Before a store.
    fn spilled(&mut self, base: Reg, src: Src, spill: Option<(u8, u8)>) -> Result<(), Lost> {
        if self.reg(base) {
            // A number made of pointers.
            return Err(Lost);
        }
        let Some((frame, slot)) = spill else { return Ok(()) };
        let slot = Place::Slot(frame, slot);
        if self.has(slot) {
            self.remove(slot);
            if let Src::Reg(reg) = src {
                self.want(reg);
            }
        }
        Ok(())
    }

    fn enter_callee(&mut self) -> Result<(), Lost> {
        if self.frame + 1 >= MAX_FRAMES {
            return Err(Lost);
        }
        self.frame += 1;
        Ok(())
    }

    fn leave_callee(&mut self) -> Result<(), Lost> {
        let here = std::mem::take(self.here());
        if !here.is_empty() || self.frame == 0 {
            return Err(Lost);
        }
        self.frame -= 1;
        Ok(())
    }
}
