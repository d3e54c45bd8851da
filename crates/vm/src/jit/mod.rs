//! Native code: verified programs, compiled with Cranelift for the machine that runs them.
//!
//! What the verifier has proved is not checked again: an access is a plain load or store, a field of a context or of a
//! socket included. The program is compiled from the same [`Code`] that the interpreter executes, one function a
//! function, and calls the same helpers; so whatever differs between the two is in these files:
//!
//! - `compile`: which functions there are, and the machine code of each;
//! - `translate`: what each op becomes, `arithmetic` and `calls` for those that need more than a line, `loops` for what is emitted
//!   more than once, `maps` and `sockets` for what is known of a map or a socket;
//! - `runtime`: what native code calls that is no helper;
//! - `memory`: publishing machine code and entering it; the only `unsafe`;
//! - `listing`: machine code beside the instructions, for people.
//!
//! # Invariants
//! - Only a [`Verified`] program is compiled.
//! - Memory is written, then made executable once, and never both; it lives as long as what may call it.
//! - A run neither locks nor allocates, but for what a helper must (a trace that was asked for, a map that grows).

mod arithmetic;
mod calls;
mod compile;
mod frames;
mod listing;
mod loops;
mod maps;
mod memory;
mod runtime;
mod sockets;
mod translate;

use std::sync::Arc;

use belay_spec::{Action, Hook};
use belay_verifier::Verified;

use crate::context::Reading;
use crate::input::Input;
use crate::interpreter::install;
use crate::machine::{Machine, Random};
use crate::maps::{MapError, Maps};
use crate::memory::Memory;
use crate::op::Code;
use crate::own::OwnHelpers;
use crate::prepare::{self, PrepareError};
use crate::world::World;

pub use listing::{Line, Listing};
pub(crate) use memory::{Entry, Published, call};
pub(crate) use runtime::{Native, helper};

/// Why a verified program was not compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// It cannot run at all: the interpreter would refuse it, too.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// There is no native code for this machine, or the compiler gave up.
    #[error("program `{program}`: cannot be compiled: {reason}")]
    Compiler {
        /// The program.
        program: String,
        /// What the compiler says.
        reason: String,
    },
}

/// A verified program as native code. Share it between threads; each has a [`Machine`] of its own.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The function to enter; it is part of `code`.
    entry: Entry,
    code: Arc<Code>,
    hook: &'static Hook,
    maps: Arc<Maps>,
    memory: Memory,
}

/// A program's result.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The low half of `r0`, which is all that a hook looks at.
    pub r0: u32,
    /// The hook that it ran for.
    pub hook: &'static Hook,
}

impl Outcome {
    /// What its hook does next.
    pub fn action(&self) -> Action {
        self.hook.action(self.r0.cast_signed())
    }
}

impl Compiled {
    /// Compiles a verified program, to run beside these maps, which must be those that it was verified with.
    ///
    /// # Errors
    /// If it needs a hook, helper or instruction that does not run yet, a map is missing, or there is no compiler for this
    /// machine.
    pub fn new(program: &Verified, maps: Arc<Maps>) -> Result<Compiled, CompileError> {
        Compiled::with(program, maps, &OwnHelpers::default())
    }

    /// As [`Compiled::new`], for a program that calls own helpers.
    ///
    /// # Errors
    /// As [`Compiled::new`], and if an own helper is missing, or has another signature than the program was verified with.
    pub fn with(program: &Verified, maps: Arc<Maps>, helpers: &OwnHelpers) -> Result<Compiled, CompileError> {
        let code = prepare::verified(program, &maps, helpers)?;
        // Its own address stands in the machine code of calls that arm timers.
        let mut published = Err(String::new());
        let code = Arc::new_cyclic(|me| {
            let code = Code { me: me.clone(), ..code };
            match compile::publish(&code, &maps) {
                Ok(native) => {
                    published = Ok(native.entry());
                    Code { native: Some(native), ..code }
                }
                Err(reason) => {
                    published = Err(reason);
                    code
                }
            }
        });
        let entry =
            published.map_err(|reason| CompileError::Compiler { program: code.name.clone(), reason })?;
        let hook = code.layout.hook.ok_or_else(|| prepare::no_hook(program.program()))?;
        Ok(Compiled { entry, code, hook, maps, memory: Memory::of(program) })
    }

    /// The program's machine code beside its instructions.
    ///
    /// # Errors
    /// As [`Compiled::new`].
    pub fn listing(program: &Verified, maps: &Maps) -> Result<Listing, CompileError> {
        let code = prepare::verified(program, maps, &OwnHelpers::default())?;
        compile::list(&code, maps)
            .map_err(|reason| CompileError::Compiler { program: code.name.clone(), reason })
    }

    /// Runs it on what its hook has for it (a [`crate::Packet`], most often), which it may change; the program's result. What
    /// it did besides is in [`Machine::trace`] until the machine's next run.
    #[inline]
    pub fn run<'i>(&self, machine: &mut Machine, input: impl Into<Input<'i>>) -> Outcome {
        let (code, mut input) = (&*self.code, input.into());
        machine.begin();
        if self.entry.is_alone() {
            let [data, end, meta, len] = code.layout.pass(&mut input);
            let r0 = self.entry.run_alone([machine.context.addr(), data, end, meta, len]);
            return Outcome { r0: r0 as u32, hook: self.hook };
        }
        let reading = Reading::of(&input, code.sight);
        code.layout.enter(machine, &mut input, code.sight);
        let context = machine.context.addr();
        let mut world = World {
            mem: self.memory,
            maps: &self.maps,
            random: Random(machine.seed),
            machine,
            reading,
            layout: &code.layout,
            context,
            verified: true,
            input,
            tail_calls: 0,
            pending: None,
        };
        let r0 = self.entry.run([context, 0, 0, 0, 0], &mut world);
        code.layout.leave(&world.machine.context, &mut world.input, code.sight);
        Outcome { r0: r0 as u32, hook: self.hook }
    }

    /// Compiles code that no verifier has seen, for a test that has watched it run.
    #[cfg(test)]
    pub(crate) fn watched(code: &Code, maps: &Maps) -> Result<Published, String> {
        compile::publish(code, maps)
    }

    /// Puts this program at an index of a program array, for others to tail-call: interpreted programs, too.
    ///
    /// # Errors
    /// If there is no such program array among its own maps, or the index is beyond it.
    pub fn install(&self, array: &str, index: u32) -> Result<(), MapError> {
        install(&self.maps, array, index, &self.code)
    }
}
