//! Spills around calls that keep the registers (`bpf_fastcall`).
//!
//! A compiler spills what a call may destroy and fills it again behind the call. If the call turns out to be one that
//! Linux replaces by code that destroys less, it removes spill and fill, and the slots no longer count towards the
//! function's stack. That holds only while nothing else touches the slots: one other access, and the whole function
//! keeps its spills. (6.12 and 6.18 with the JIT on; measured on 6.18.)

use belay_isa::{CallTarget, Insn, Pc, Reg, Size, Src};
use belay_spec::{Helper, Ret};

use crate::layout::{Function, Layout};

/// Registers that a call may destroy.
const CALLER_SAVED: u8 = 6;
/// Bytes of a spilled register.
const SLOT: i32 = 8;

/// The spills of a whole program.
pub(crate) struct Spills {
    functions: Vec<Region>,
    /// Which instructions spill or fill around a call, by slot.
    around: Vec<bool>,
}

/// Where a function's spills around calls lie: from its lowest slot up to `end`. Calls with more spills than others
/// have some above it, which stay.
#[derive(Clone, Copy, Default)]
struct Region {
    /// Offset from the frame pointer, negative or 0; none: nothing was found, or the slots are used otherwise.
    end: Option<i32>,
    /// Some are around a call that keeps the registers.
    removable: bool,
    /// Some are around another call: the slots stay.
    kept: bool,
}

impl Spills {
    /// None at all: the release removes no spills.
    pub(crate) fn none(layout: &Layout) -> Spills {
        Spills { functions: vec![Region::default(); layout.functions.len()], around: Vec::new() }
    }

    /// Finds them.
    pub(crate) fn of(layout: &Layout) -> Spills {
        let mut around = vec![false; layout.len()];
        let functions =
            layout.functions.iter().map(|function| region(layout, function, &mut around)).collect();
        Spills { functions, around }
    }

    /// The instruction at `pc` touches the function's stack from `off` on.
    pub(crate) fn touched(&mut self, function: usize, off: i64, pc: Pc) {
        let Some(region) = self.functions.get_mut(function) else { return };
        let outside = region.end.is_none_or(|end| off >= i64::from(end));
        if outside || self.around.get(pc.index()).copied().unwrap_or(false) {
            return;
        }
        *region = Region::default();
    }

    /// What remains of the function's stack, of which `depth` bytes were touched.
    pub(crate) fn stack_depth(&self, function: usize, depth: u32) -> u32 {
        match self.functions.get(function) {
            Some(Region { end: Some(end), removable: true, kept: false }) => end.unsigned_abs(),
            _ => depth,
        }
    }
}

fn region(layout: &Layout, function: &Function, around: &mut [bool]) -> Region {
    let insns = || (function.start..function.end).map(Pc);
    let lowest = insns().filter_map(|pc| Some(spill(layout.insn(pc)?)?.1)).min().unwrap_or(0);
    let mut region = Region::default();
    for pc in insns() {
        let Some(Insn::Call(target)) = layout.insn(pc) else { continue };
        let Some((destroyed, keeps)) = call(*target) else { continue };
        let found = spills_around(layout, function, pc, lowest, destroyed);
        if found.is_empty() {
            continue;
        }
        let end = lowest + SLOT * found.len() as i32;
        region.end = Some(region.end.map_or(end, |before| before.min(end)));
        region.removable |= keeps;
        region.kept |= !keeps;
        for distance in 1..=found.len() as u32 {
            for at in [pc.0 - distance, pc.0 + distance] {
                if let Some(around) = around.get_mut(at as usize) {
                    *around = true;
                }
            }
        }
    }
    region
}

/// The registers that are spilled right before the call and filled right behind it, from the lowest slot on upwards.
fn spills_around(layout: &Layout, function: &Function, call: Pc, lowest: i32, destroyed: u8) -> Vec<Reg> {
    let mut found = Vec::new();
    for distance in 1..=u32::from(CALLER_SAVED) {
        let off = lowest + SLOT * (distance as i32 - 1);
        let before = call.0.checked_sub(distance).filter(|at| *at >= function.start);
        let spilled = before.and_then(|at| spill(layout.insn(Pc(at))?));
        let filled = layout.insn(Pc(call.0 + distance)).and_then(fill);
        match (spilled, filled) {
            (Some((reg, at)), Some(fill))
                if (reg, at) == fill
                    && at == off
                    && reg.number() < CALLER_SAVED
                    && destroyed & 1 << reg.number() == 0
                    && !found.contains(&reg) =>
            {
                found.push(reg);
            }
            _ => break,
        }
    }
    found
}

/// The registers that a call destroys, and whether it destroys no others; `None` for calls around which nothing counts.
fn call(target: CallTarget) -> Option<(u8, bool)> {
    match target {
        CallTarget::Helper(id) => {
            let helper = u32::try_from(id).ok().and_then(Helper::by_id)?;
            let arguments = ((1 << helper.args.len()) - 1) << 1;
            let result = u8::from(helper.ret != Ret::Void);
            Some((arguments | result, helper.effects.keeps_registers))
        }
        // Which registers these destroy is not asked: their spills are taken to stay.
        CallTarget::Kfunc { .. } => Some((0, false)),
        CallTarget::Local(_) => None,
    }
}

fn spill(insn: &Insn) -> Option<(Reg, i32)> {
    match insn {
        Insn::Store { size: Size::DW, base: Reg::FP, off, src: Src::Reg(reg) } => {
            Some((*reg, i32::from(*off)))
        }
        _ => None,
    }
}

fn fill(insn: &Insn) -> Option<(Reg, i32)> {
    match insn {
        Insn::Load { size: Size::DW, signed: false, dst, base: Reg::FP, off } => {
            Some((*dst, i32::from(*off)))
        }
        _ => None,
    }
}
