//! Stack frames that helpers can find.
//!
//! Native code has its frames on the native stack, where nothing but its own pointers leads. Some helpers read at addresses that
//! a program gives as numbers, from the memory of the run and nowhere else: in programs that call one, each function says where
//! its frame is, and when it is gone.

use cranelift_codegen::ir::{InstBuilder, Value};

use super::translate::Translator;
use crate::helpers::Helper;
use crate::op::{Code, Op};
use crate::world::World;

/// `trace_printk`, `probe_read_kernel`, `probe_read_kernel_str`, `snprintf_btf`, `snprintf`, `trace_vprintk`.
const READ_ANYWHERE: [u32; 6] = [6, 113, 115, 149, 165, 177];

/// Whether a program calls a helper, or a kernel function, that reads at addresses which are numbers to it.
pub(super) fn are_looked_for(code: &Code) -> bool {
    let reads = |helper: &Helper| READ_ANYWHERE.contains(&helper.id);
    code.ops.iter().any(|op| match op {
        Op::Helper(helper) => reads(helper),
        Op::Kfunc(kfunc) => kfunc.reads_anywhere(),
        _ => false,
    })
}

extern "C" fn enter(start: u64, size: u64, _: u64, _: u64, _: u64, world: &mut World<'_>) -> u64 {
    world.machine.stack.enter_native(start, size);
    0
}

extern "C" fn leave(_: u64, _: u64, _: u64, _: u64, _: u64, world: &mut World<'_>) -> u64 {
    world.machine.stack.leave_native();
    0
}

impl Translator<'_, '_> {
    /// The function's frame is there, if it is looked for.
    pub(super) fn frame_entered(&mut self, start: Value, size: u32) {
        if self.unit.frames_looked_for {
            let (zero, size) = (self.number(0), self.number(size.into()));
            self.call_native(enter, [start, size, zero, zero, zero]);
        }
    }

    /// Returns; the frame is gone, if there was one.
    pub(super) fn return_with(&mut self, result: Value) {
        if self.unit.frames_looked_for && self.frame.is_some() {
            let zero = self.number(0);
            self.call_native(leave, [zero; 5]);
        }
        self.builder.ins().return_(&[result]);
    }
}
