//! Runs BPF programs.
//!
//! Two runners share one engine, one set of maps and one implementation of each helper. The [`Interpreter`] takes a
//! [`belay_verifier::Verified`] program, the proof that nothing needs checking, and checks nothing. The
//! [`Checked`] interpreter takes any program, tests every access, and reports a fault or a leak with the place where it began.
//!
//! Programs hold host addresses, so that native code can take the interpreter's place. What follows from that (all
//! `unsafe` of the crate, and who answers for it) is in one module, `memory`.
//!
//! # Invariants
//! - No program and no input makes a runner panic; an unverified program cannot make it touch foreign memory.
//! - Values in maps never move and are never freed while the [`Maps`] live.
//! - A run is deterministic unless its [`Machine`] is told otherwise.

mod alu;
mod checked;
#[cfg(test)]
mod conformance;
mod context;
mod engine;
mod errno;
mod helpers;
mod input;
mod interpreter;
mod jit;
mod kfuncs;
mod machine;
mod maps;
mod memory;
mod objects;
mod op;
mod own;
mod packet;
mod prepare;
pub mod routes;
mod sync;
mod timers;
mod tunnel;
mod world;

pub use checked::{Checked, Due, Ended, Fault, FaultKind, Leak, Report, Strictness, Target};
pub use errno::Errno;
pub use input::{
    DeviceAccess, FlowDissection, FlowKeys, Input, Netfilter, NetfilterHook, Reuseport, SkLookup, SkMsg,
    Sock, SockAddr, SockOps, Sockopt, SockoptOutcome, SynHeaders, Sysctl, UserAddress,
};
pub use interpreter::{Interpreter, Run};
pub use jit::{CompileError, Compiled, Line, Listing, Outcome};
pub use machine::{Clock, Machine, Task};
pub use maps::{ANY, Data, Dump, EXIST, Entry, FillError, Map, MapError, MapLimits, Maps, NOEXIST};
pub use own::{Answer, Bytes, Call, OwnHelpers};
pub use packet::{Metadata, Packet, PacketError};
pub use prepare::PrepareError;
pub use timers::Fired;
pub use tunnel::Tunnel;
pub use world::{Redirect, SocketLookup, Trace};
