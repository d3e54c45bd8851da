//! What the fuzz targets share: reading an object without asking the machine that they run on, programs made of bytes.

pub mod program;

use std::sync::{Arc, OnceLock};

use belay_object::btf::Btf;
use belay_object::{Object, Options};

/// Types that CO-RE relocations can be resolved against: a few kilobytes, and the same everywhere.
const KERNEL: &[u8] = include_bytes!("../../crates/object/tests/data/core_kernel.bpf.o");

/// Reads an object or a text as a target would; `None` if it is neither.
pub fn object(bytes: &[u8]) -> Option<Object> {
    static TYPES: OnceLock<Option<Arc<Btf>>> = OnceLock::new();
    let given = Options { kernel_btf: None, kernel_config: Some(String::new()), kernel_version: Some(0) };
    let kernel_btf = TYPES
        .get_or_init(|| Object::parse("kernel", KERNEL, &given).expect("a committed object").btf)
        .clone();
    Object::parse("fuzz", bytes, &Options { kernel_btf: kernel_btf.map(Into::into), ..given }).ok()
}
