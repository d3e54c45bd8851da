//! Arenas: memory that programs share with user space, mapped sparsely, of which addresses are plain numbers.

use belay_object::MapDef;

use crate::fault::{Check, Fault};
use crate::value::Value;

/// An arena's size is counted in pages.
const PAGE: u64 = 4096;
/// `BPF_MAX_VAR_OFF`: no direct address lies that far in.
const MAX_OFFSET: u32 = 1 << 29;

/// The address of a variable in an arena: a number of which nothing is known (6.18). The first byte behind the arena
/// passes, too.
pub(crate) fn address(map: &MapDef, off: u32) -> Check<Value> {
    if off >= MAX_OFFSET {
        let kernel = format!("direct value offset of {off} is not allowed");
        return Err(Fault::Program { kernel }.into());
    }
    if u64::from(off) > u64::from(map.max_entries) * PAGE {
        let size = map.value_size;
        let kernel = format!("invalid access to map value pointer, value_size={size} off={off}");
        return Err(Fault::Program { kernel }.into());
    }
    Ok(Value::unknown())
}
