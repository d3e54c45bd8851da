//! BPF instructions: what RFC 9669 defines, plus what Linux 6.18 adds to it.
//!
//! An instruction exists in two forms. A [`Slot`] is eight bytes as they lie in an object or in the kernel;
//! an [`Insn`] is its meaning. [`decode`] and [`Insn::encode`] go from one to the other and back without loss.
#![forbid(unsafe_code)]

mod decode;
mod encode;
mod error;
mod imm64;
mod insn;
mod print;
mod slot;
mod table;

pub use decode::{decode, decode_all, disassemble};
pub use encode::Encoded;
pub use error::{DecodeError, DecodeErrorKind, Field};
pub use imm64::Imm64;
pub use insn::{CallTarget, Insn, Reg, Src};
pub use slot::{Pc, Slot};
pub use table::{AluOp, AtomicOp, CmpOp, EndianOp, Size, Width};
