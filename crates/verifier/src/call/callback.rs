//! Functions that a call hands to the kernel, to be called: once for every element, turn or event, or later.
//!
//! How often is not known, so both ways are walked: into the function, after which the helper's call is met again, and
//! on behind the call. A turn whose state an earlier one covers ends the loop (`explore`). Releases without
//! [`Rule::CallbacksIterated`] walk the function once, and on from its end, as if it were called exactly once.
//!
//! What runs later (timers, work that is put off) is walked as a program of its own, once for each call that may set it
//! off: nothing that the setter holds goes in.

use belay_isa::Pc;
use belay_spec::{ArgKind, Callback, CallbackArg, Helper, Release, ReturnRange, Rule};

use crate::fault::{Check, Fault, Stop};
use crate::object::{DynptrSource, Flags};
use crate::state::{Frame, MAX_FRAMES, State};
use crate::value::{Pointer, Value};
use crate::walk::{Next, Walk};

use super::{ARGUMENTS, Arguments, Holder};

impl Walk<'_> {
    /// The way into the function, beside the one on, unless the helper surely calls it no more.
    pub(super) fn call_back(
        &mut self,
        state: &mut State,
        pc: Pc,
        helper: &Helper,
        callback: &Callback,
        told: &Arguments,
    ) -> Check<Next> {
        let on = Pc(pc.0 + 1);
        let entry = told.callback.unwrap_or_default();
        if callback.later {
            let holder = told.holder.unwrap_or_default();
            return self.run_later(state, pc, callback, entry, holder);
        }
        // A counted loop makes at most as many turns as its first argument says.
        let iterated = self.release.has(Rule::CallbacksIterated);
        let counted = iterated && helper.args.first().is_some_and(|arg| arg.kind == ArgKind::Scalar);
        if counted {
            self.rely_on_loop(state, pc);
        }
        let made = state.frame().callbacks_made;
        if counted && u64::from(made) >= state.reg(ARGUMENTS[0]).scalar.umax() {
            state.frame_mut().callbacks_made = 0;
            return Ok(Next::Goto(on));
        }
        let mut inside = self.enter_callback(state, pc, entry, callback.returns)?;
        for (reg, arg) in ARGUMENTS.into_iter().zip(callback.args) {
            inside.set(reg, self.callback_argument(state, arg, told)?);
        }
        Ok(Next::Fork { taken: (entry, inside), fall: on })
    }

    /// The state in which the function that starts at `entry` is called once more, its arguments not yet set. The way on
    /// behind the call starts to count its calls afresh.
    pub(super) fn enter_callback(
        &mut self,
        state: &mut State,
        pc: Pc,
        entry: Pc,
        returns: ReturnRange,
    ) -> Check<Box<State>> {
        let function = self.called_function(pc, entry)?;
        let made = std::mem::take(&mut state.frame_mut().callbacks_made);
        if state.frames.len() >= MAX_FRAMES {
            return Err(Fault::CallDepth { frames: MAX_FRAMES + 1, walked: true }.into());
        }
        self.called_back.insert(function);
        let mut inside = Box::new(state.clone());
        inside.frame_mut().callbacks_made = made + 1;
        inside.callback_turns += 1;
        let mut frame = Frame::new(function, Some(pc), state.frames.len() as u8);
        frame.callback = Some(returns);
        inside.frames.push(frame);
        Ok(inside)
    }

    /// The function will run later: a walk of its own.
    pub(super) fn run_later(
        &mut self,
        state: &State,
        pc: Pc,
        callback: &Callback,
        entry: Pc,
        holder: Holder,
    ) -> Check<Next> {
        let function = self.called_function(pc, entry)?;
        if self.release < Release::LATEST && self.program.sleepable != callback.sleepable {
            return Err(Stop::unsupported("whether what runs later may sleep, before 6.18"));
        }
        self.called_back.insert(function);
        self.run_later.insert(function);
        let mut frame = Frame::new(function, None, 0);
        frame.callback = Some(callback.returns);
        frame.later = state.frame().later + 1;
        let told = Arguments { map: Some(holder.map), map_uid: holder.uid, ..Arguments::default() };
        for (reg, arg) in ARGUMENTS.into_iter().zip(callback.args) {
            frame.regs[reg] = self.callback_argument(state, arg, &told)?;
        }
        let run = (entry, Box::new(State::of(frame, callback.sleepable)));
        Ok(Next::Later { run, on: Pc(pc.0 + 1) })
    }

    fn called_function(&self, pc: Pc, entry: Pc) -> Check<usize> {
        match self.layout.function_at(entry) {
            Some(function) => Ok(function),
            None => Err(Fault::JumpRange { from: pc, to: i64::from(entry.0) }.into()),
        }
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

    fn callback_argument(&mut self, state: &State, arg: &CallbackArg, told: &Arguments) -> Check<Value> {
        let map = told.map.unwrap_or_default();
        let of_map = |pointer| Value { uid: told.map_uid, ..Value::pointer(pointer) };
        Ok(match arg {
            CallbackArg::Scalar => Value::unknown(),
            CallbackArg::Map => of_map(Pointer::Map(map)),
            CallbackArg::MapKey => of_map(Pointer::MapKey(map)),
            CallbackArg::MapValue => of_map(Pointer::MapValue(map)),
            CallbackArg::First => *state.reg(ARGUMENTS[0]),
            CallbackArg::CallerContext => told.caller_context.unwrap_or_else(|| Value::constant(0)),
            CallbackArg::Dynptr => {
                Value { id: self.fresh_id(), ..Value::pointer(Pointer::Dynptr(DynptrSource::Local)) }
            }
            CallbackArg::Btf(name) => self.kernel_object(name, Flags::NONE)?,
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
