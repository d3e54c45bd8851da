//! BPF instructions: what RFC 9669 defines, plus what Linux 6.18 adds to it.
//!
//! An instruction exists in two forms. A [`Slot`] is eight bytes as they lie in an object or in the kernel;
//! an [`Insn`] is its meaning. `decode` and `encode` go from one to the other and back without loss.
#![forbid(unsafe_code)]

mod insn;
mod slot;

pub use insn::{AluOp, AtomicOp, CallTarget, CmpOp, EndianOp, Imm64, Insn, Reg, Size, Src, Width};
pub use slot::{Pc, Slot};
