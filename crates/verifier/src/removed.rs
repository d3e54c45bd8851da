//! Functions that no path comes to, which Linux removes, while something names them.
//!
//! A callback that is called no times at all (`bpf_loop` of 0 rounds) is never walked. Linux removes it as dead code, and what
//! named it then names whatever comes to stand in its place: another function, which is never called, or nothing. It
//! minds only when it compiles functions one by one, that is if there is another one, and then refuses the program for
//! a fault of its own (measured on 6.18).

use std::collections::BTreeSet;

use belay_isa::{Imm64, Insn, Pc};

use crate::fault::{Fault, Stop};
use crate::layout::Layout;
use crate::walk::Walk;

/// Which instructions the walk came to; not counted where no function is named.
#[derive(Default)]
pub(crate) struct Reached(Option<Vec<bool>>);

impl Reached {
    pub(crate) fn none(layout: &Layout) -> Reached {
        let names = layout.instructions().any(|(_, insn)| is_name(insn));
        Reached(names.then(|| vec![false; layout.len()]))
    }

    #[inline]
    pub(crate) fn mark(&mut self, pc: Pc) {
        if let Some(reached) = &mut self.0
            && let Some(here) = reached.get_mut(pc.index())
        {
            *here = true;
        }
    }
}

fn is_name(insn: &Insn) -> bool {
    matches!(insn, Insn::LoadImm64 { value: Imm64::Func(_), .. })
}

/// Refuses names that lead to no function once everything unreached is removed.
pub(crate) fn check_named_functions(walk: &Walk<'_>) -> Result<(), (Pc, Stop)> {
    let Some(reached) = &walk.reached.0 else { return Ok(()) };
    let layout = walk.layout;
    let places = places(layout, reached);
    let place = |slot: u32| places.get(slot as usize).copied();
    let is_reached = |slot: u32| reached.get(slot as usize) == Some(&true);
    let functions: BTreeSet<usize> =
        layout.functions.iter().filter(|f| is_reached(f.start)).filter_map(|f| place(f.start)).collect();
    if functions.len() < 2 {
        return Ok(());
    }
    for (pc, insn) in layout.instructions().filter(|(pc, insn)| is_name(insn) && is_reached(pc.0)) {
        let named = layout.callee_index(pc, insn).and_then(|index| layout.functions.get(index));
        if !named.and_then(|named| place(named.start)).is_some_and(|place| functions.contains(&place)) {
            let kernel = "verifier bug: No program to jit (subprog < 0)".to_owned();
            return Err((pc, Fault::Program { kernel }.into()));
        }
    }
    Ok(())
}

/// Where a name of each slot leads after the removal: what stood in a row of unreached ones is counted from where the row began.
fn places(layout: &Layout, reached: &[bool]) -> Vec<usize> {
    let (mut left, mut row, mut wide) = (0, 0, false);
    let place = |(slot, reached): (usize, &bool)| {
        let stays = *reached || wide;
        wide = *reached && matches!(layout.insn(Pc(slot as u32)), Some(Insn::LoadImm64 { .. }));
        let place = if stays { left } else { left + row };
        (left, row) = if stays { (left + 1, 0) } else { (left, row + 1) };
        place
    };
    reached.iter().enumerate().map(place).collect()
}
