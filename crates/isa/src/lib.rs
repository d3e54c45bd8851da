//! BPF instructions: what RFC 9669 defines, plus what Linux 6.18 adds to it.
//!
//! An instruction exists in two forms. A [`Slot`] is eight bytes as they lie in an object or in the kernel;
//! an [`Insn`] is its meaning. [`decode`] and [`Insn::encode`] go from one to the other and back without loss;
//! `Display` and [`parse_insn`] do the same for text, [`assemble`] and [`disassemble`] for whole programs.
//!
//! ```
//! use belay_isa::{NoSymbols, assemble, disassemble};
//!
//! let program = assemble("r0 = 0; if r1 == 0 goto out; r0 = 2; out: exit", &NoSymbols)?;
//! let text: Vec<String> = disassemble(&program.slots).map(|(pc, insn)| format!("{pc}: {}", insn.unwrap())).collect();
//! assert_eq!(text, ["0: r0 = 0", "1: if r1 == 0 goto +1", "2: r0 = 2", "3: exit"]);
//! # Ok::<(), belay_isa::AsmError>(())
//! ```
#![forbid(unsafe_code)]

mod asm;
mod decode;
mod encode;
mod error;
mod imm64;
mod insn;
mod parse;
mod print;
mod slot;
mod table;
mod token;

pub use asm::{AsmError, Assembler, Assembly, Directive, NoSymbols, Symbols, assemble, directive};
pub use decode::{decode, decode_all, disassemble};
pub use encode::Encoded;
pub use error::{DecodeError, DecodeErrorKind, Field};
pub use imm64::Imm64;
pub use insn::{CallTarget, Insn, Reg, Src};
pub use parse::{ParseError, parse_insn};
pub use slot::{Pc, Slot};
pub use table::{AluOp, AtomicOp, CmpOp, EndianOp, Size, Width};
