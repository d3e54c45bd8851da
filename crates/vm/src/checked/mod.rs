//! The checked interpreter: runs any program, and catches what a verifier should have.
//!
//! It is the engine of the interpreter with a [`Guard`] in front of every step. The guard knows where every pointer came
//! from (its *region*), which registers and stack bytes were written, and who holds which reference. It stops the
//! program with a [`Fault`] before anything foreign is touched, and lists the references that were never released.
//!
//! Whatever bytes a program is made of, running it here is safe: the guard passes an access on only if all of it lies
//! in a region that is alive and long enough.

mod arguments;
mod fault;
mod guard;
mod kfuncs;
mod objects;
mod region;
mod shadow;

use std::sync::Arc;

use belay_isa::{Pc, Reg};
use belay_object::Program;
use belay_spec::{Action, Hook, Release};
use belay_verifier::Kernel;

use crate::context::{Layout, Reading};
use crate::engine::State;
use crate::input::Input;
use crate::interpreter::install;
use crate::machine::{Machine, Random};
use crate::maps::{MapError, Maps};
use crate::memory::{Block, Memory};
use crate::op::{Code, Invalid, Op};
use crate::own::OwnHelpers;
use crate::prepare::{self, PrepareError};
use crate::world::{Trace, World};
pub use fault::{Due, Ended, Fault, FaultKind, Leak, Target};
pub(crate) use guard::Guard;

/// How strict the checks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strictness {
    /// Instructions until the run is stopped.
    pub budget: u64,
    /// Whether reading stack bytes that were never written is a fault. Linux allows it to privileged programs since 6.3,
    /// so a program that it accepts may do it.
    pub uninitialised_stack: bool,
}

impl Default for Strictness {
    fn default() -> Self {
        Strictness { budget: 16 << 20, uninitialised_stack: true }
    }
}

/// Any program, ready to run under checks.
#[derive(Clone, Debug)]
pub struct Checked {
    code: Arc<Code>,
    maps: Arc<Maps>,
    /// How strict the checks are.
    pub strictness: Strictness,
}

/// What came of a checked run. The packet's bytes are in the packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The program's result (the low half of `r0`), or why it was stopped.
    pub result: Result<u32, Fault>,
    /// All of `r0`; 0 after a fault.
    pub r0: u64,
    /// References that were not released where they had to be.
    pub leaks: Vec<Leak>,
    /// Instructions executed.
    pub instructions: u64,
    /// What it did besides.
    pub trace: Trace,
    /// The hook that it ran for; none for [`Checked::raw`].
    pub hook: Option<&'static Hook>,
}

impl Report {
    /// What its hook does next; none after a fault, or without a hook.
    pub fn action(&self) -> Option<Action> {
        let r0 = *self.result.as_ref().ok()?;
        Some(self.hook?.action(r0.cast_signed()))
    }

    /// Whether there was neither fault nor leak.
    pub fn is_clean(&self) -> bool {
        self.result.is_ok() && self.leaks.is_empty()
    }
}

impl Checked {
    /// Prepares a program to run beside these maps, with the rules of a release.
    ///
    /// # Errors
    /// If its hook does not run yet, or it calls a helper that Linux has and Belay's runtime has not. What else may be
    /// wrong with it shows when it runs.
    pub fn new(
        program: &Program,
        maps: Arc<Maps>,
        kernel: impl Into<Kernel>,
    ) -> Result<Checked, PrepareError> {
        Checked::with(program, maps, kernel, &OwnHelpers::default())
    }

    /// As [`Checked::new`], for a program that may call own helpers.
    ///
    /// # Errors
    /// As [`Checked::new`].
    pub fn with(
        program: &Program,
        maps: Arc<Maps>,
        kernel: impl Into<Kernel>,
        helpers: &OwnHelpers,
    ) -> Result<Checked, PrepareError> {
        let layout = Layout::of(&program.attach).ok_or_else(|| prepare::no_hook(program))?;
        Checked::with_layout(program, maps, &kernel.into(), layout, helpers)
    }

    /// Prepares a program without a hook: it gets memory in `r1` and its length in `r2`, as in the conformance tests of
    /// the instruction set.
    ///
    /// # Errors
    /// As [`Checked::new`].
    pub fn raw(program: &Program, maps: Arc<Maps>) -> Result<Checked, PrepareError> {
        Checked::with_layout(program, maps, &Release::LATEST.into(), Layout::RAW, &OwnHelpers::default())
    }

    fn with_layout(
        program: &Program,
        maps: Arc<Maps>,
        kernel: &Kernel,
        layout: Layout,
        helpers: &OwnHelpers,
    ) -> Result<Checked, PrepareError> {
        let code = prepare::translate(program, &maps, layout, kernel, helpers);
        for (pc, op) in (0..).map(Pc).zip(&code.ops) {
            if let Op::Invalid(Invalid::Kfunc) = op {
                return Err(prepare::no_kfunc(program, pc));
            }
            if let Op::Invalid(Invalid::Helper(id)) = op
                && let Some(helper) = u32::try_from(*id).ok().and_then(belay_spec::Helper::by_id)
            {
                let what = format!("helper `{}`", helper.name);
                return Err(PrepareError::Unsupported { program: program.name.clone(), pc, what });
            }
        }
        Ok(Checked { code: code.shared(), maps, strictness: Strictness::default() })
    }

    /// Puts this program at an index of a program array, for others to tail-call.
    ///
    /// # Errors
    /// If there is no such program array among its own maps, or the index is beyond it.
    pub fn install(&self, array: &str, index: u32) -> Result<(), MapError> {
        install(&self.maps, array, index, &self.code)
    }

    /// The prepared program.
    #[cfg(test)]
    pub(crate) fn code(&self) -> &Code {
        &self.code
    }

    /// Runs it on what its hook has for it (a [`crate::Packet`], most often), which it may change.
    pub fn run<'i>(&self, machine: &mut Machine, input: impl Into<Input<'i>>) -> Report {
        let mut input = input.into();
        machine.begin();
        let reading = Reading::of(&input, self.code.sight);
        self.code.layout.enter(machine, &mut input, self.code.sight);
        let context = machine.context.addr();
        self.execute(machine, reading, input, [context, 0])
    }

    /// Runs it on memory, which it may change: for a program made with [`Checked::raw`].
    pub fn run_raw(&self, machine: &mut Machine, memory: &mut [u8]) -> Report {
        let block = Block::zeroed(memory.len());
        let _ = block.write(0, memory);
        machine.begin();
        let report =
            self.execute(machine, Reading::default(), Input::Nothing, [block.addr(), memory.len() as u64]);
        let _ = block.read(0, memory);
        report
    }

    /// Runs it with its first two registers.
    fn execute(&self, machine: &mut Machine, reading: Reading, input: Input<'_>, r: [u64; 2]) -> Report {
        let [context, raw_len] = r;
        machine.stack.reset();
        let mut guard = Guard::new(self.strictness);
        let mem = Memory::under(&guard);
        let mut state = State::new(&self.code, machine.stack.top());
        let mut world = World {
            mem,
            maps: &self.maps,
            random: Random(machine.seed),
            machine,
            reading,
            layout: &self.code.layout,
            context,
            verified: self.code.verified,
            input,
            tail_calls: 0,
            pending: None,
        };
        state.set(Reg::R1, world.context);
        state.set(Reg::R2, raw_len);
        guard.start(&state, &world, raw_len);
        let (result, r0) = guard.run(&mut state, &mut world);
        let leaks = guard.settle(&mut world);
        self.code.layout.leave(&world.machine.context, &mut world.input, self.code.sight);
        Report {
            result,
            r0,
            leaks,
            instructions: state.executed,
            trace: machine.take_trace(),
            hook: self.code.layout.hook,
        }
    }
}
