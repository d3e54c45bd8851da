//! Which registers still matter before each instruction: a backward data flow over each function, as Linux does it
//! since 6.15 (before, it noted what was read on each path).

use belay_isa::{AtomicOp, CallTarget, Insn, Pc, Reg, Src};
use belay_spec::Helper;

use super::Layout;

/// A set of registers, bit n for `rn`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct RegSet(u16);

impl RegSet {
    pub(super) const NONE: RegSet = RegSet(0);
    pub(super) const ALL: RegSet = RegSet(u16::MAX);
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

/// Live before = read, or live after and not written.
pub(super) fn live_registers(layout: &Layout) -> Vec<RegSet> {
    let mut live = vec![RegSet::NONE; layout.len()];
    let mut changed = true;
    while changed {
        changed = false;
        for at in (0..layout.len()).rev() {
            let pc = Pc(at as u32);
            let Some(insn) = layout.insn(pc) else { continue };
            let after = layout.successors(pc, insn).fold(RegSet::NONE, |set, next| {
                set.union(live.get(next.index()).copied().unwrap_or(RegSet::NONE))
            });
            let (read, written) = uses(layout, insn);
            let before = read.union(after.without(written));
            changed |= before != live[at];
            live[at] = before;
        }
    }
    live
}

/// Registers read and written by an instruction, as Linux sees it.
fn uses(layout: &Layout, insn: &Insn) -> (RegSet, RegSet) {
    let operand = |src: &Src| match src {
        Src::Reg(reg) => Some(*reg),
        Src::Imm(_) => None,
    };
    let none = RegSet::NONE;
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
        Insn::Atomic { op, base, src, .. } => match op {
            AtomicOp::Cmpxchg => (RegSet::of([Reg::R0, *base, *src]), RegSet::of([Reg::R0])),
            _ => (RegSet::of([*base, *src]), RegSet::of(fetches(*op).then_some(*src))),
        },
        Insn::LoadImm64 { dst, .. } => (none, RegSet::of([*dst])),
        // Linux has no rule for these: whatever is there may matter.
        Insn::LoadAbs { .. } | Insn::LoadInd { .. } => (RegSet::ALL, none),
        Insn::Branch { dst, src, .. } => (RegSet::of([*dst].into_iter().chain(operand(src))), none),
        Insn::Call(target) => (arguments(layout, insn, target), RegSet::CALLER_SAVED),
        Insn::CallX { .. } => (RegSet(0b11_1110), RegSet::CALLER_SAVED),
        Insn::Exit => (RegSet::of([Reg::R0]), none),
        Insn::Ja { .. } | Insn::Jal { .. } | Insn::MayGoto { .. } => (none, none),
    }
}

/// Whether the atomic operation hands the old value out in its source register.
fn fetches(op: AtomicOp) -> bool {
    match op {
        AtomicOp::Xchg => true,
        AtomicOp::Add { fetch }
        | AtomicOp::Or { fetch }
        | AtomicOp::And { fetch }
        | AtomicOp::Xor { fetch } => fetch,
        AtomicOp::Cmpxchg => false,
    }
}

/// The argument registers that a call reads: of a helper or kernel function as many as it has parameters, else all five.
fn arguments(layout: &Layout, insn: &Insn, target: &CallTarget) -> RegSet {
    let kfunc = layout.kfuncs.called_by(insn).map(|kfunc| kfunc.args);
    let helper = match target {
        CallTarget::Helper(id) => u32::try_from(*id).ok().and_then(Helper::by_id),
        CallTarget::Local(_) | CallTarget::Kfunc { .. } => None,
    };
    let count = helper.map(|helper| helper.args.len()).or(kfunc).unwrap_or(5).min(5);
    RegSet((1 << (count + 1)) - 2)
}
