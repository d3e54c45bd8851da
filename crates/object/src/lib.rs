//! A compiled BPF object, or assembly text, as programs, maps, types and source lines.
#![forbid(unsafe_code)]

mod program;

pub use program::{Attach, Line, MapDef, MapOrigin, Object, Program, SlotInit, Subprogram};
