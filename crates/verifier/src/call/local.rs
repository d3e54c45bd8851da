//! Functions of the program: a static one is walked into, with the values that the caller has; a global one is
//! verified on its own (`global`).

use belay_isa::{Pc, Reg};

use belay_spec::Rule;

use crate::fault::{Check, Fault, Forbidden};
use crate::state::{Frame, MAX_FRAMES, State};
use crate::value::{Pointer, Value};
use crate::walk::Walk;

use super::{ARGUMENTS, scratch_caller_saved};

impl Walk<'_> {
    /// `call pc+N`: gives the instruction that is walked next, the function's first or the one after the call.
    pub(crate) fn call_local(&mut self, state: &mut State, pc: Pc, off: i32) -> Check<Pc> {
        let to = i64::from(pc.0) + 1 + i64::from(off);
        let target = u32::try_from(to).ok().map(Pc);
        let found = target.and_then(|target| Some((target, self.layout.function_at(target)?)));
        let Some((target, index)) = found else { return Err(Fault::JumpRange { from: pc, to }.into()) };
        if !self.release.has(Rule::LocksAcrossFunctions) {
            self.without_locks(state, Forbidden::Call)?;
        }
        let function = &self.layout.functions[index];
        if function.global {
            return self.call_global(state, pc, index);
        }
        if state.frames.len() >= MAX_FRAMES {
            return Err(Fault::CallDepth { frames: MAX_FRAMES + 1, walked: true }.into());
        }
        let mut callee = Frame::new(index, Some(pc), state.frames.len() as u8);
        for reg in ARGUMENTS {
            callee.regs[reg] = *state.reg(reg);
        }
        scratch_caller_saved(state);
        state.frames.push(callee);
        Ok(target)
    }

    /// `exit` of a called function: hands `r0` back; gives the instruction after the call. A function that a helper
    /// called returns to that call: the helper may call it again.
    pub(crate) fn return_to_caller(&mut self, state: &mut State) -> Check<Pc> {
        if !self.release.has(Rule::LocksAcrossFunctions) {
            self.without_locks(state, Forbidden::Returning)?;
        }
        let result = *state.reg(Reg::R0);
        if matches!(result.as_pointer(), Some(Pointer::Stack { .. })) {
            return Err(Fault::StackPointerReturned.into());
        }
        let callback = state.frame().callback;
        if let Some(returns) = callback {
            self.return_to_helper(state, &result, returns)?;
        }
        let gone = state.depth() as u8;
        let site = state.frame().call_site.unwrap_or_default();
        state.frames.pop();
        forget_stack_of(state, gone);
        match callback {
            Some(_) if self.release.has(Rule::CallbacksIterated) => return Ok(site),
            // What the helper itself returns stands in `r0` since the call.
            Some(_) => {}
            None => state.set(Reg::R0, result),
        }
        Ok(Pc(site.0 + 1))
    }
}

/// Pointers to the stack of a frame that is gone point nowhere.
fn forget_stack_of(state: &mut State, gone: u8) {
    state.for_each_value(|value| {
        if value.as_pointer() == Some(Pointer::Stack { frame: gone }) {
            *value = Value::unknown();
        }
    });
}
