//! The verdict of the Linux BPF verifier, with reference tracking, off the kernel.
//!
//! [`verify`] walks every path of a program over abstract states, as Linux does, and says `accept`, `reject` or
//! `unsupported` for one kernel release. The layers, from the bottom:
//!
//! | module | what it answers |
//! | --- | --- |
//! | [`scalar`] | what is known of a number |
//! | `value`, `state` | what registers, stack and references hold at one point |
//! | `reference` | what is held, and since when |
//! | `admission` | whether such a program may be loaded for its hook at all |
//! | `layout` | the shape of the program: functions, meeting points, cycles, live registers |
//! | `walk`, `alu`, `branch`, `memory`, `call` | what one instruction does, and when it is refused |
//! | `stack_use` | which stack slots still matter |
//! | `explore`, `kept`, `loops` | which paths are walked, and when one may stop |
//! | `prune`, `precision` | whether a state covers another; which numbers matter for that |
//! | `replay` | how a failing path got there |
#![forbid(unsafe_code)]

mod admission;
mod alu;
mod arena;
mod branch;
mod call;
mod early_exit;
mod exceptions;
mod explore;
mod fastcall;
mod fault;
mod kept;
mod kernel_faults;
mod kernel_types;
mod kernel_variable;
mod layout;
mod lock;
mod loops;
mod map_fields;
mod memory;
mod object;
mod older_fields;
mod precision;
mod prune;
mod record;
mod reference;
mod removed;
mod replay;
pub mod scalar;
mod stack_depth;
mod stack_object;
mod stack_use;
mod state;
mod value;
mod verdict;
mod verified;
mod walk;

pub use explore::{INSTRUCTION_LIMIT, Stats};
pub use fault::{Bound, Code, Direction, Fault, Forbidden, Leave};
pub use kernel_faults::Footing;
pub use replay::{Event, EventKind, Loss, Place};
pub use value::{Ghost, RefId};
pub use verdict::{Judgement, Kernel, Options, Rejection, Verdict, verify};
pub use verified::{ObjectLoad, Touch, Trust, Verified};
