//! Instructions that may end a called function where they stand: `LD_ABS` and `LD_IND` beyond the packet's end, and a
//! tail call, after which the other program's result goes to the caller.
//!
//! Linux 6.18 walks both ways in a function that was called, the early end first. In the program's own frame the early
//! end is the program's, and nobody is left to see it.

use belay_isa::{CallTarget, Insn, Pc, Reg};
use belay_object::Program;
use belay_object::btf::{Btf, Kind};
use belay_spec::{Helper, Release};

use crate::call::scratch_caller_saved;
use crate::fault::{Check, Fault, Leave, Stop};
use crate::layout::Layout;
use crate::state::State;
use crate::value::{Pointer, Value};
use crate::walk::{Next, Walk};

impl Walk<'_> {
    /// `LD_ABS`, `LD_IND`: load packet bytes, or end the function with 0 if they are not there.
    pub(crate) fn packet_load(&mut self, state: &mut State, pc: Pc, index: Option<Reg>) -> Check<Next> {
        if !self.hook.packet_loads() {
            return Err(Fault::PacketLoadHook.into());
        }
        let context = *self.readable(state, Reg::R6)?;
        if state.depth() == 0 {
            self.check_nothing_held(state, Leave::PacketLoad)?;
        }
        if context.as_pointer() != Some(Pointer::Context) {
            return Err(Fault::PacketLoadContext.into());
        }
        if let Some(reg) = index {
            self.readable(state, reg)?;
        }
        self.constant_offset(Reg::R6, &context)?;
        scratch_caller_saved(state);
        let mut on = state.clone();
        on.set(Reg::R0, Value::unknown());
        state.set(Reg::R0, Value::constant(0));
        self.end_early(state, pc, on)
    }

    /// A tail call that has been performed on the state: it may fail, and then the program goes on.
    pub(crate) fn end_in_another_program(&mut self, state: &mut State, pc: Pc) -> Check<Next> {
        let on = state.clone();
        state.set(Reg::R0, Value::unknown());
        // The other program may have moved the packet.
        if state.depth() > 0 {
            state.take_away_packet_pointers();
        }
        self.end_early(state, pc, on)
    }

    /// The two ways: back to the caller with this state, or on with the other.
    fn end_early(&mut self, state: &mut State, pc: Pc, on: State) -> Check<Next> {
        let next = Pc(pc.0 + 1);
        if state.depth() == 0 {
            *state = on;
            return Ok(Next::Goto(next));
        }
        if self.release < Release::LATEST {
            return Err(Stop::unsupported("a packet load or tail call in a called function, before 6.18"));
        }
        if state.frame().callback.is_some() {
            // (Linux stumbles over its own check there.)
            let kernel = "verifier bug: callback unexpected regs".to_string();
            return Err(Fault::Program { kernel }.into());
        }
        let caller = self.return_to_caller(state)?;
        Ok(Next::Fork { taken: (next, Box::new(on)), fall: caller })
    }
}

/// Whether the instruction may end the function in which it stands, beside `exit`.
pub(crate) fn may_end_function(insn: &Insn) -> bool {
    matches!(insn, Insn::LoadAbs { .. } | Insn::LoadInd { .. }) || is_tail_call(insn)
}

/// Whether the instruction is a tail call.
pub(crate) fn is_tail_call(insn: &Insn) -> bool {
    let Insn::Call(CallTarget::Helper(id)) = insn else { return false };
    u32::try_from(*id).ok().and_then(Helper::by_id).is_some_and(|helper| helper.effects.tail_call)
}

/// Called functions that may end early must be known to return a number.
pub(crate) fn check_early_ends(program: &Program, layout: &Layout, btf: Option<&Btf>) -> Check {
    let typed = program.subprograms.iter().all(|function| function.btf_func.is_some());
    let btf = btf.filter(|_| typed);
    for function in layout.functions.iter().skip(1) {
        let has = |wanted: fn(&Insn) -> bool| {
            (function.start..function.end).any(|at| layout.insn(Pc(at)).is_some_and(wanted))
        };
        let packet_load = |insn: &Insn| matches!(insn, Insn::LoadAbs { .. } | Insn::LoadInd { .. });
        for (what, found) in [("LD_ABS", has(packet_load)), ("tail_call", has(is_tail_call))] {
            if !found {
                continue;
            }
            let kernel = match btf.zip(function.btf_func) {
                None => format!("{what} is not allowed in subprogs without BTF"),
                Some((btf, func)) if !returns_number(btf, func) => {
                    format!("{what} is only allowed in functions that return 'int'.")
                }
                Some(_) => continue,
            };
            return Err(Fault::Program { kernel }.into());
        }
    }
    Ok(())
}

fn returns_number(btf: &Btf, func: belay_object::btf::TypeId) -> bool {
    let Kind::Func { proto, .. } = btf.get(func).kind else { return false };
    let Kind::FuncProto { ret, .. } = btf.get(proto).kind else { return false };
    match btf.strip(ret).kind {
        Kind::Int { .. } => btf.size_of(ret).is_some_and(|size| size <= 8),
        kind => matches!(kind, Kind::Enum { .. }),
    }
}
