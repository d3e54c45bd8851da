//! A compiled BPF object, or assembly text, as programs, maps, types and source lines.
//!
//! The yardstick is libbpf: the same object gives the same instructions and the same maps. [`Object::parse`] is the way in;
//! `reader` names the steps in their order.
#![forbid(unsafe_code)]

pub mod btf;
mod core;
mod elf;
mod error;
mod externs;
mod guarded;
mod kernel_form;
mod lines;
mod link;
mod listing;
mod maps;
mod program;
mod reader;
mod section;
mod target;
mod text;

pub use error::{Error, ErrorKind, Place};
pub use listing::{Row, listing};
pub use program::{
    Attach, BrokenProgram, BtfLine, Extern, ExternKind, Guarded, GuardedKind, Line, MapDef, MapOrigin,
    Object, Program, SlotInit, Subprogram,
};
pub use reader::{KernelBtf, Options};
pub use section::{SectionHook, hook_section, section_hook, section_names};
