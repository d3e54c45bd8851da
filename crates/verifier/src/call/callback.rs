//! Functions that a helper calls: once for every element, turn or event.
//!
//! How often is not known, so both ways are walked: into the function, after which the helper's call is met again, and
//! on behind the call. A turn whose state an earlier one covers ends the loop (`explore`). Releases without
//! [`Rule::CallbacksIterated`] walk the function once, and on from its end, as if it were called exactly once.

use belay_isa::Pc;
use belay_spec::{ArgKind, Callback, CallbackArg, Helper, ReturnRange, Rule};

use crate::fault::{Check, Fault, Stop};
use crate::object::{DynptrSource, Flags};
use crate::state::{Frame, MAX_FRAMES, State};
use crate::value::{Pointer, Value};
use crate::walk::Walk;

use super::{ARGUMENTS, Arguments};

impl Walk<'_> {
    /// The way into the function; `None` if the helper surely calls it no more.
    pub(super) fn call_back(
        &mut self,
        state: &mut State,
        pc: Pc,
        helper: &Helper,
        callback: &Callback,
        told: &Arguments,
    ) -> Check<Option<(Pc, Box<State>)>> {
        if callback.later {
            return Err(Stop::unsupported(format!("callbacks that run later (`{}`)", helper.name)));
        }
        let entry = told.callback.unwrap_or_default();
        let Some(function) = self.layout.function_at(entry) else {
            return Err(Fault::JumpRange { from: pc, to: i64::from(entry.0) }.into());
        };
        // A counted loop makes at most as many turns as its first argument says.
        let iterated = self.release.has(Rule::CallbacksIterated);
        let counted = iterated && helper.args.first().is_some_and(|arg| arg.kind == ArgKind::Scalar);
        if counted {
            self.rely_on_loop(state, pc);
        }
        let made = std::mem::take(&mut state.frame_mut().callbacks_made);
        if counted && u64::from(made) >= state.reg(ARGUMENTS[0]).scalar.umax() {
            return Ok(None);
        }
        if state.frames.len() >= MAX_FRAMES {
            return Err(Fault::CallDepth { frames: MAX_FRAMES + 1, walked: true }.into());
        }
        self.called_back.insert(function);
        let mut inside = Box::new(state.clone());
        inside.frame_mut().callbacks_made = made + 1;
        inside.callback_turns += 1;
        let mut frame = Frame::new(function, Some(pc), state.frames.len() as u8);
        frame.callback = Some(callback.returns);
        for (reg, arg) in ARGUMENTS.into_iter().zip(callback.args) {
            frame.regs[reg] = self.callback_argument(state, helper, arg, told)?;
        }
        inside.frames.push(frame);
        Ok(Some((entry, inside)))
    }

    /// How often the loop turns decides what happens. That its flags are zero, too: Linux then unfolds the call (and
    /// gives that up for a call that was once seen with others).
    fn rely_on_loop(&mut self, state: &State, pc: Pc) {
        self.relies_on(state, ARGUMENTS[0]);
        let plain = self.plain_loops.entry(pc).or_insert(true);
        *plain &= state.reg(ARGUMENTS[3]).is_null();
        if *plain {
            self.relies_on(state, ARGUMENTS[3]);
        }
    }

    fn callback_argument(
        &mut self,
        state: &State,
        helper: &Helper,
        arg: &CallbackArg,
        told: &Arguments,
    ) -> Check<Value> {
        let map = told.map.unwrap_or_default();
        Ok(match arg {
            CallbackArg::Scalar => Value::unknown(),
            CallbackArg::Map => Value::pointer(Pointer::Map(map)),
            CallbackArg::MapKey => Value::pointer(Pointer::MapKey(map)),
            CallbackArg::MapValue => Value::pointer(Pointer::MapValue(map)),
            CallbackArg::CallerContext => told.caller_context.unwrap_or_else(|| Value::constant(0)),
            CallbackArg::Dynptr => {
                Value { id: self.fresh_id(), ..Value::pointer(Pointer::Dynptr(DynptrSource::Local)) }
            }
            // The object that the helper itself got, or else one of which no more is known than its type.
            CallbackArg::Btf(name) => {
                let got = helper.args.iter().position(|arg| arg.kind == ArgKind::Btf(name));
                match got.and_then(|at| ARGUMENTS.get(at)) {
                    Some(reg) => *state.reg(*reg),
                    None => self.kernel_object(name, Flags::NONE)?,
                }
            }
        })
    }

    /// `exit` of a function that a helper called: checks what it returns; the helper's call is next.
    pub(super) fn return_to_helper(&mut self, state: &State, result: &Value, returns: ReturnRange) -> Check {
        if !result.is_init() {
            return Err(Fault::Unreadable { reg: belay_isa::Reg::R0 }.into());
        }
        if !result.is_scalar() {
            return Err(Fault::Program { kernel: "R0 not a scalar value".into() }.into());
        }
        self.relies_on(state, belay_isa::Reg::R0);
        self.check_range("callback return", belay_isa::Reg::R0, result, returns)
    }
}
