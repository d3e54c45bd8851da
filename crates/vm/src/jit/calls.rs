//! Calls: functions of the program, helpers, what they call back, and what of them is done in place.

use std::sync::Arc;

use belay_isa::{Reg, Size};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, Block, BlockArg, InstBuilder, Opcode, StackSlotData, StackSlotKind, Value, ValueDef, types,
};
use cranelift_module::Module;

use super::compile::{Function, signature};
use super::runtime::{self, Native, visited};
use super::translate::{Translator, memory};
use crate::context::Bound;
use crate::engine::{MAX_LOOPS, TOO_MANY_ROUNDS};
use crate::errno::Errno;
use crate::helpers::{Body, Helper};
use crate::kfuncs::Kfunc;

impl Translator<'_, '_> {
    /// A call of a function of the program.
    pub(super) fn call_local(&mut self, to: u32) {
        let args = self.args();
        let r0 = match self.unit.functions.get(&to).copied() {
            Some(function) => self.call_function(&function, args),
            None => self.number(0),
        };
        self.set(Reg::R0, r0);
    }

    /// A helper call.
    pub(super) fn call_helper(&mut self, helper: &'static Helper) {
        let r0 = match helper.body {
            Body::Plain(_, native) => {
                let in_place = self.of_known_map(helper).or_else(|| self.release(helper, native));
                in_place.unwrap_or_else(|| {
                    let args = self.args();
                    self.call_native(native, args)
                })
            }
            Body::TailCall => self.tail_call(),
            Body::Loop => self.counted_loop(),
            Body::ForEach => self.for_each(),
            Body::TimerCallback => self.timer_callback(),
        };
        self.set(Reg::R0, r0);
    }

    /// A call of a kernel function.
    pub(super) fn call_kfunc(&mut self, kfunc: &Kfunc) {
        let args = self.args();
        let r0 = self.call_native(kfunc.native, args);
        self.set(Reg::R0, r0);
    }

    /// A call of an own helper, which lives as long as the code.
    pub(super) fn call_own(&mut self, index: u32) {
        let r0 = match self.unit.code.own(index) {
            Some(own) => self.call_with(runtime::own_helper as *const (), Arc::as_ptr(own).cast()),
            None => self.number(0),
        };
        self.set(Reg::R0, r0);
    }

    /// `bpf_timer_set_callback(timer, callback)`: the timer holds on to the program, too
    fn timer_callback(&mut self) -> Value {
        self.call_with(runtime::timer_callback as *const (), self.unit.code.me.as_ptr().cast())
    }

    /// Calls an entry of the runtime that takes, beside the arguments, something that lives as long as the code.
    pub(super) fn call_with(&mut self, entry: *const (), with: *const ()) -> Value {
        let entry = self.number(entry as usize as i64);
        let with = self.number(with as usize as i64);
        let mut signature = signature(self.module);
        signature.params.push(AbiParam::new(types::I64));
        let signature = self.builder.import_signature(signature);
        let [r1, r2, r3, r4, r5] = self.args();
        let args = [r1, r2, r3, r4, r5, with, self.world];
        let call = self.builder.ins().call_indirect(signature, entry, &args);
        self.builder.inst_results(call)[0]
    }

    /// `LD_ABS` and `LD_IND`: outside of the packet the function returns 0.
    pub(super) fn load_packet(&mut self, size: Size, index: Option<Reg>, off: i32) {
        let zero = self.number(0);
        let off = self.number(i64::from(off));
        let off = match index {
            Some(index) => {
                let index = self.get(index);
                self.builder.ins().iadd(off, index)
            }
            None => off,
        };
        let bytes = self.number(i64::from(size.bytes()));
        let value = self.call_native(runtime::load_packet, [off, bytes, zero, zero, zero]);
        let outside = self.builder.ins().icmp_imm_s(IntCC::Equal, value, runtime::OUTSIDE);
        self.returning_if(outside, |_| zero);
        self.set(Reg::R0, value);
    }

    /// The argument registers.
    pub(super) fn args(&mut self) -> [Value; 5] {
        [Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5].map(|reg| self.get(reg))
    }

    fn call_function(&mut self, function: &Function, [r1, r2, r3, r4, r5]: [Value; 5]) -> Value {
        let callee = self.module.declare_func_in_func(function.id, self.builder.func);
        let call = self.builder.ins().call(callee, &[r1, r2, r3, r4, r5, self.world]);
        self.builder.inst_results(call)[0]
    }

    pub(super) fn call_native(&mut self, native: Native, args: [Value; 5]) -> Value {
        let address = self.number(native as usize as i64);
        self.call_address(address, args)
    }

    fn call_address(&mut self, address: Value, [r1, r2, r3, r4, r5]: [Value; 5]) -> Value {
        let signature = signature(self.module);
        let signature = self.builder.import_signature(signature);
        let call = self.builder.ins().call_indirect(signature, address, &[r1, r2, r3, r4, r5, self.world]);
        self.builder.inst_results(call)[0]
    }

    /// A constant that a value is known to be, in this block.
    pub(super) fn constant(&self, value: Value) -> Option<i64> {
        let dfg = &self.builder.func.dfg;
        let ValueDef::Result(inst, 0) = dfg.value_def(dfg.resolve_aliases(value)) else { return None };
        match dfg.insts[inst] {
            cranelift_codegen::ir::InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => {
                Some(imm.bits())
            }
            cranelift_codegen::ir::InstructionData::Unary { opcode: Opcode::Ireduce, arg } => {
                self.constant(arg).map(|wide| i64::from(wide as i32))
            }
            _ => None,
        }
    }

    /// Ends the function with a result if a condition holds; goes on in a new block if not.
    fn returning_if(&mut self, condition: Value, result: impl FnOnce(&mut Self) -> Value) {
        let (leave, go_on) = (self.builder.create_block(), self.builder.create_block());
        self.builder.ins().brif(condition, leave, &[], go_on, &[]);
        self.builder.switch_to_block(leave);
        let result = result(self);
        self.return_with(result);
        self.builder.switch_to_block(go_on);
    }

    /// `bpf_tail_call`: goes on in the other program and returns what it returns; `-EINVAL` where the call fails.
    fn tail_call(&mut self) -> Value {
        let args = self.args();
        let context = args[0];
        let target = self.call_native(runtime::tail_call, args);
        let found = self.builder.ins().icmp_imm_s(IntCC::NotEqual, target, 0);
        self.returning_if(found, |this| {
            // The other program may be one that gets the packet's bounds as arguments.
            let [data, end, meta, len] = Bound::ALL.map(|bound| this.bound(context, bound));
            this.call_address(target, [context, data, end, meta, len])
        });
        self.number(Errno::EINVAL.r0() as i64)
    }

    /// A bound of the packet as the context has it; 0 where it has none.
    fn bound(&mut self, context: Value, bound: Bound) -> Value {
        let place = bound.place(&self.unit.code.layout);
        let ins = self.builder.ins();
        match place {
            Some((off, Size::DW)) => ins.load(types::I64, memory(), context, off),
            Some((off, _)) => ins.uload32(memory(), context, off),
            None => ins.iconst(types::I64, 0),
        }
    }

    /// Calls the function that a value names, one of those whose address is taken.
    fn call_back(&mut self, callback: Value, args: [Value; 5]) -> Value {
        let mut candidates: Vec<Function> =
            self.unit.callbacks.iter().filter_map(|start| self.unit.functions.get(start)).copied().collect();
        if let Some(known) = self.constant(callback) {
            candidates.retain(|function| i64::from(function.start) == known);
        }
        let Some(last) = candidates.pop() else { return self.number(0) };
        let after = self.builder.create_block();
        let r0 = self.builder.append_block_param(after, types::I64);
        for function in candidates {
            let (this, other) = (self.builder.create_block(), self.builder.create_block());
            let is_it = self.builder.ins().icmp_imm_s(IntCC::Equal, callback, i64::from(function.start));
            self.builder.ins().brif(is_it, this, &[], other, &[]);
            self.builder.switch_to_block(this);
            let result = self.call_function(&function, args);
            self.builder.ins().jump(after, &[BlockArg::Value(result)]);
            self.builder.switch_to_block(other);
        }
        let result = self.call_function(&last, args);
        self.builder.ins().jump(after, &[BlockArg::Value(result)]);
        self.builder.switch_to_block(after);
        r0
    }

    /// `bpf_loop(times, callback, context, flags)`
    fn counted_loop(&mut self) -> Value {
        let [times, callback, context, flags, _] = self.args();
        let after = self.builder.create_block();
        let r0 = self.builder.append_block_param(after, types::I64);
        self.refuse_if(IntCC::NotEqual, flags, 0, Errno::EINVAL.r0(), after);
        let times = self.builder.ins().ireduce(types::I32, times);
        let times = self.builder.ins().uextend(types::I64, times);
        self.refuse_if(IntCC::UnsignedGreaterThan, times, i64::from(MAX_LOOPS), TOO_MANY_ROUNDS, after);

        let (head, body) = (self.builder.create_block(), self.builder.create_block());
        let done = self.builder.append_block_param(head, types::I64);
        let zero = self.number(0);
        self.builder.ins().jump(head, &[BlockArg::Value(zero)]);
        self.builder.switch_to_block(head);
        let more = self.builder.ins().icmp(IntCC::UnsignedLessThan, done, times);
        self.builder.ins().brif(more, body, &[], after, &[BlockArg::Value(done)]);
        self.builder.switch_to_block(body);
        let stop = self.call_back(callback, [done, context, zero, zero, zero]);
        let done = self.builder.ins().iadd_imm_s(done, 1);
        self.builder.ins().brif(stop, after, &[BlockArg::Value(done)], head, &[BlockArg::Value(done)]);
        self.builder.switch_to_block(after);
        r0
    }

    /// `bpf_for_each_map_elem(map, callback, context, flags)`
    fn for_each(&mut self) -> Value {
        let [map, callback, context, flags, _] = self.args();
        let after = self.builder.create_block();
        let r0 = self.builder.append_block_param(after, types::I64);
        self.refuse_if(IntCC::NotEqual, flags, 0, Errno::EINVAL.r0(), after);
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, visited::SIZE, 3);
        let slot = self.builder.create_sized_stack_slot(slot);
        let out = self.builder.ins().stack_addr(types::I64, slot, 0);

        let (head, body) = (self.builder.create_block(), self.builder.create_block());
        let cursor = self.builder.append_block_param(head, types::I64);
        let done = self.builder.append_block_param(head, types::I64);
        let zero = self.number(0);
        self.builder.ins().jump(head, &[BlockArg::Value(zero), BlockArg::Value(zero)]);
        self.builder.switch_to_block(head);
        let found = self.call_native(runtime::element, [map, cursor, out, zero, zero]);
        self.builder.ins().brif(found, body, &[], after, &[BlockArg::Value(done)]);
        self.builder.switch_to_block(body);
        let mut word = |off| self.builder.ins().load(types::I64, memory(), out, off);
        let (key, value, next) = (word(visited::KEY), word(visited::VALUE), word(visited::NEXT));
        let stop = self.call_back(callback, [map, key, value, context, zero]);
        let done = self.builder.ins().iadd_imm_s(done, 1);
        let again = [BlockArg::Value(next), BlockArg::Value(done)];
        self.builder.ins().brif(stop, after, &[BlockArg::Value(done)], head, &again);
        self.builder.switch_to_block(after);
        r0
    }

    /// Goes to `after` with an error if a value compares so; goes on in a new block if not.
    fn refuse_if(&mut self, condition: IntCC, value: Value, with: i64, r0: u64, after: Block) {
        let go_on = self.builder.create_block();
        let refused = self.builder.ins().icmp_imm_s(condition, value, with);
        let result = self.number(r0 as i64);
        self.builder.ins().brif(refused, after, &[BlockArg::Value(result)], go_on, &[]);
        self.builder.switch_to_block(go_on);
    }
}
