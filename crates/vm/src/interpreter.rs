//! The interpreter: runs verified programs, and checks nothing that the verifier has proved.

use std::sync::Arc;

use belay_spec::{Action, Hook};
use belay_verifier::Verified;

use crate::context::Reading;
use crate::engine::{self, End, Monitor, State, Then};
use crate::input::Input;
use crate::kfuncs::Kfunc;
use crate::machine::{Machine, Random};
use crate::maps::{MapError, Maps};
use crate::memory::Memory;
use crate::op::{Code, Op};
use crate::own::OwnHelpers;
use crate::prepare::{self, PrepareError};
use crate::world::{Trace, World};

/// A verified program, ready to run. Share it between threads; each has a [`Machine`] of its own.
#[derive(Clone, Debug)]
pub struct Interpreter {
    code: Arc<Code>,
    hook: &'static Hook,
    maps: Arc<Maps>,
    memory: Memory,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}

/// What came of a run. The packet's bytes are in the packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The program's result: the low half of `r0`, which is all that a hook looks at.
    pub r0: u32,
    /// Instructions executed.
    pub instructions: u64,
    /// What it did besides.
    pub trace: Trace,
    /// The hook that it ran for.
    pub hook: &'static Hook,
}

impl Run {
    /// What its hook does next.
    pub fn action(&self) -> Action {
        self.hook.action(self.r0.cast_signed())
    }
}

impl Interpreter {
    /// Prepares a verified program to run beside these maps, which must be those that it was verified with.
    ///
    /// # Errors
    /// If it needs a hook, helper or instruction that does not run yet, or a map that is missing.
    pub fn new(program: &Verified, maps: Arc<Maps>) -> Result<Interpreter, PrepareError> {
        Interpreter::with(program, maps, &OwnHelpers::default())
    }

    /// As [`Interpreter::new`], for a program that calls own helpers.
    ///
    /// # Errors
    /// As [`Interpreter::new`], and if an own helper is missing, or has another signature than the program was verified
    /// with.
    pub fn with(
        program: &Verified,
        maps: Arc<Maps>,
        helpers: &OwnHelpers,
    ) -> Result<Interpreter, PrepareError> {
        let code = prepare::verified(program, &maps, helpers)?.shared();
        let hook = code.layout.hook.ok_or_else(|| prepare::no_hook(program.program()))?;
        Ok(Interpreter { code, hook, maps, memory: Memory::of(program) })
    }

    /// Runs it on what its hook has for it (a [`crate::Packet`], most often), which it may change.
    pub fn run<'i>(&self, machine: &mut Machine, input: impl Into<Input<'i>>) -> Run {
        let mut input = input.into();
        machine.stack.reset();
        machine.begin();
        let reading = Reading::of(&input, self.code.sight);
        self.code.layout.enter(machine, &mut input, self.code.sight);
        let mut state = State::new(&self.code, machine.stack.top());
        let context = machine.context.addr();
        state.set(belay_isa::Reg::R1, context);
        let mut world = World {
            mem: self.memory,
            maps: &self.maps,
            random: Random(machine.seed),
            machine,
            reading,
            layout: &self.code.layout,
            context,
            input,
            verified: self.code.verified,
            tail_calls: 0,
            pending: None,
        };
        let end = match engine::execute(&mut Unwatched, &mut state, &mut world) {
            Ok(end) => end,
            Err(never) => match never {},
        };
        let r0 = match end {
            End::Exit(r0) => r0,
            // No slot of a verified program that can be reached is invalid.
            End::Stuck(why) => {
                debug_assert!(false, "a verified program came to an invalid slot: {why:?}");
                0
            }
        };
        self.code.layout.leave(&world.machine.context, &mut world.input, self.code.sight);
        Run { r0: r0 as u32, instructions: state.executed, trace: machine.take_trace(), hook: self.hook }
    }

    /// Puts this program at an index of a program array, for others to tail-call.
    ///
    /// # Errors
    /// If there is no such program array among its own maps, or the index is beyond it.
    pub fn install(&self, array: &str, index: u32) -> Result<(), MapError> {
        install(&self.maps, array, index, &self.code)
    }
}

/// Puts code into a program array of the maps that it was prepared with.
pub(crate) fn install(maps: &Maps, array: &str, index: u32, code: &Arc<Code>) -> Result<(), MapError> {
    let map = maps.by_name(array).ok_or_else(|| MapError::Invalid {
        map: array.to_owned(),
        reason: "there is no map of this name".to_owned(),
    })?;
    maps.set_program(map, index, Arc::clone(code))
}

/// Nobody watches: every step is taken.
pub(crate) struct Unwatched;

impl Monitor for Unwatched {
    type Stop = std::convert::Infallible;

    #[inline(always)]
    fn before(&mut self, _: &State<'_>, _: &mut World<'_>, op: Op) -> Result<Op, Self::Stop> {
        Ok(op)
    }

    #[inline(always)]
    fn called(
        &mut self,
        _: &State<'_>,
        _: &World<'_>,
        _: u32,
        _: [u64; 5],
        _: u64,
    ) -> Result<(), Self::Stop> {
        Ok(())
    }

    #[inline(always)]
    fn called_kfunc(
        &mut self,
        _: &State<'_>,
        _: &World<'_>,
        _: &'static Kfunc,
        _: [u64; 5],
        _: u64,
    ) -> Result<(), Self::Stop> {
        Ok(())
    }

    #[inline(always)]
    fn entered(&mut self, _: &State<'_>, _: &World<'_>) -> Result<(), Self::Stop> {
        Ok(())
    }

    #[inline(always)]
    fn left(&mut self, _: &State<'_>, _: Then) {}

    #[inline(always)]
    fn finished(&mut self, _: &State<'_>) {}

    #[inline(always)]
    fn tail_called(&mut self, _: &State<'_>) {}
}
