//! How much stack the deepest chain of calls takes.

use std::collections::BTreeSet;

use belay_isa::{CallTarget, Imm64, Insn, Pc};
use belay_spec::Rule;

use crate::early_exit::{is_tail_call, may_end_function};
use crate::fault::{Check, Fault, Stop};
use crate::state::{MAX_FRAMES, STACK_SIZE};
use crate::walk::Walk;

/// Frames are rounded up to this many bytes; a function that uses no stack takes none (measured, with the JIT on).
const FRAME_ALIGNMENT: u32 = 16;
/// The same without [`Rule::TightFrames`], where each function takes at least as much.
const LOOSE_FRAME_ALIGNMENT: u32 = 32;
/// Most stack below a function that makes a tail call.
const TAIL_CALL_STACK: u32 = 256;
/// A function with this much stack gets one of its own, if there are private stacks.
const PRIVATE_STACK: u32 = 64;

/// Checks every chain of calls from the entry.
pub(crate) fn check_stack_depth(walk: &Walk<'_>) -> Check {
    let calls = calls(walk);
    // What runs later, or ends an exception, begins a chain of its own, and nothing that it calls has a stack of its own
    // anywhere: found out first.
    let mut private = vec![false; calls.len()];
    let apart: BTreeSet<usize> =
        walk.run_later.iter().copied().chain(walk.layout.exception_callback).collect();
    for &entry in apart.iter().rev() {
        check_chains(walk, &calls, entry, &private, true)?;
    }
    if has_private_stacks(walk) {
        let shared = reached(&calls, &apart);
        private = (0..calls.len()).map(|function| !shared.contains(&function)).collect();
    }
    check_chains(walk, &calls, 0, &private, false)
}

/// Checks every chain of calls from that function.
fn check_chains(walk: &Walk<'_>, calls: &[Vec<usize>], entry: usize, private: &[bool], later: bool) -> Check {
    let mut chain = vec![Link { function: entry, next: 0, below: 0, own: 0 }];
    while let Some(top) = chain.last_mut() {
        let function = top.function;
        if later && ends_early(walk, function) {
            return Err(Stop::unsupported("packet loads and tail calls in what runs apart from the program"));
        }
        let frame = frame_size(walk, function);
        if private[function] && frame >= PRIVATE_STACK {
            top.own = 0;
        } else {
            top.own = frame;
        }
        let total = top.below + top.own;
        if i64::from(total) > STACK_SIZE {
            return Err(Fault::StackTotal { calls: chain.len(), size: total }.into());
        }
        let Some(&callee) = calls[function].get(top.next) else {
            chain.pop();
            continue;
        };
        top.next += 1;
        if chain.len() >= MAX_FRAMES {
            return Err(Fault::CallDepth { frames: chain.len() + 1, walked: false }.into());
        }
        if total >= TAIL_CALL_STACK && walk.tail_callers.contains(&callee) {
            return Err(Fault::TailCallStack { size: total }.into());
        }
        chain.push(Link { function: callee, next: 0, below: total, own: 0 });
    }
    Ok(())
}

/// The functions that are called from these, and they themselves.
fn reached(calls: &[Vec<usize>], entries: &BTreeSet<usize>) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut pending: Vec<usize> = entries.iter().copied().collect();
    while let Some(function) = pending.pop() {
        if reached.insert(function) {
            pending.extend(&calls[function]);
        }
    }
    reached
}

fn ends_early(walk: &Walk<'_>, function: usize) -> bool {
    let function = &walk.layout.functions[function];
    (function.start..function.end).any(|at| walk.layout.insn(Pc(at)).is_some_and(may_end_function))
}

/// One function of the chain under way.
struct Link {
    function: usize,
    /// The next of its calls to follow.
    next: usize,
    /// Stack taken by its callers.
    below: u32,
    /// What it adds.
    own: u32,
}

fn frame_size(walk: &Walk<'_>, function: usize) -> u32 {
    let depth = walk.spills.stack_depth(function, walk.stack_depths[function]);
    if walk.release.has(Rule::TightFrames) {
        depth.next_multiple_of(FRAME_ALIGNMENT)
    } else {
        depth.max(1).next_multiple_of(LOOSE_FRAME_ALIGNMENT)
    }
}

/// Whether functions may have stacks of their own: where a program that interrupts itself is skipped, and no tail call
/// leads into it. (Measured on 6.18, on x86-64 with the JIT on.)
fn has_private_stacks(walk: &Walk<'_>) -> bool {
    let tail_call = walk.layout.instructions().any(|(_, insn)| is_tail_call(insn));
    walk.release.has(Rule::PrivateStacks) && walk.hook.runs_once() && !tail_call
}

/// The functions that each function calls, or has helpers call before they return.
fn calls(walk: &Walk<'_>) -> Vec<Vec<usize>> {
    let functions = &walk.layout.functions;
    functions
        .iter()
        .map(|function| {
            let mut callees: Vec<usize> = (function.start..function.end)
                .filter_map(|at| match walk.layout.insn(Pc(at))? {
                    insn @ Insn::Call(CallTarget::Local(_)) => walk.layout.callee_index(Pc(at), insn),
                    insn @ Insn::LoadImm64 { value: Imm64::Func(_), .. } => {
                        let function = walk.layout.callee_index(Pc(at), insn)?;
                        (!walk.run_later.contains(&function)).then_some(function)
                    }
                    _ => None,
                })
                .collect();
            callees.sort_unstable();
            callees.dedup();
            callees
        })
        .collect()
}
