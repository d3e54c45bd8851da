//! What each op becomes.
//!
//! Registers are variables of the function, of 64 bits; `r10` is the end of a slot on the native stack. Blocks begin where
//! jumps lead; those of a short loop are emitted several times over (`loops`). What cannot be reached (the verifier walks only
//! what can be) ends in a trap.

use std::collections::BTreeMap;

use belay_isa::{AtomicOp, Reg, Size, Src, Width};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    self, AtomicRmwOp, Block, InstBuilder, InstructionData, MemFlagsData, Opcode, SourceLoc, StackSlotData,
    StackSlotKind, TrapCode, Type, Value, ValueDef, types,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use cranelift_jit::JITModule;
use cranelift_module::Module;

use super::compile::{Function, Unit};
use super::loops::{Loop, loops};
use crate::engine::MAX_LOOPS;
use crate::objects;
use crate::op::{Constant, Op};

/// Where control never comes.
const UNREACHABLE: TrapCode = TrapCode::unwrap_user(1);

/// The translation of one function.
pub(super) struct Translator<'t, 'c> {
    pub(super) unit: &'t Unit<'c>,
    pub(super) module: &'t mut JITModule,
    pub(super) builder: FunctionBuilder<'t>,
    function: Function,
    registers: [Variable; 10],
    /// The end of the stack frame; none if the function has none.
    pub(super) frame: Option<Value>,
    /// What the function was called with.
    arguments: [Value; 5],
    /// The address of the run's world.
    pub(super) world: Value,
    /// Iterations that `may_goto` has left, if there is one.
    may_goto: Option<Variable>,
    /// By the slot where they begin, and the copy of the loop that they are part of.
    blocks: BTreeMap<(u32, u32), Block>,
    /// The loop that is emitted, and which copy of it.
    round: Option<(Loop, u32)>,
    /// Where jumps to an `exit` lead.
    exits: Option<Block>,
    outside: Block,
}

/// Translates a function into `func`.
pub(super) fn translate(
    unit: &Unit<'_>,
    function: &Function,
    module: &mut JITModule,
    func: &mut ir::Function,
    context: &mut FunctionBuilderContext,
) {
    let mut builder = FunctionBuilder::new(func, context);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    let registers = std::array::from_fn(|_| builder.declare_var(types::I64));
    let arguments = std::array::from_fn(|index| builder.block_params(entry)[index]);
    let world = builder.block_params(entry)[5];
    let outside = builder.create_block();
    let config = module.target_config();
    let mut translator = Translator {
        unit,
        module,
        builder,
        function: *function,
        registers,
        frame: None,
        arguments,
        world,
        may_goto: None,
        blocks: BTreeMap::new(),
        round: None,
        exits: None,
        outside,
    };
    translator.enter();
    translator.body();
    let Translator { mut builder, .. } = translator;
    builder.switch_to_block(outside);
    builder.ins().trap(UNREACHABLE);
    builder.set_cold_block(outside);
    builder.seal_all_blocks();
    builder.finalize(config);
}

impl Translator<'_, '_> {
    fn ops(&self) -> impl Iterator<Item = (u32, Op)> + use<'_> {
        (self.function.start..self.function.end).map(|pc| (pc, self.unit.code.op(pc)))
    }

    /// Arguments into registers, zero into the others; the stack frame, zeroed like the interpreter's.
    fn enter(&mut self) {
        let zero = self.number(0);
        for index in 0..10_usize {
            let argument = index.checked_sub(1).and_then(|index| self.arguments.get(index));
            let value = argument.copied().unwrap_or(zero);
            self.builder.def_var(self.registers[index], value);
        }
        let size = self.function.stack.next_multiple_of(8);
        if size > 0 {
            let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, size, 4);
            let slot = self.builder.create_sized_stack_slot(slot);
            let start = self.builder.ins().stack_addr(types::I64, slot, 0);
            self.clear(start, size);
            self.frame_entered(start, size);
            self.frame = Some(self.builder.ins().iadd_imm_s(start, i64::from(size)));
        }
        if self.ops().any(|(_, op)| matches!(op, Op::MayGoto { .. })) {
            let counter = self.builder.declare_var(types::I32);
            let most = self.builder.ins().iconst(types::I32, i64::from(MAX_LOOPS));
            self.builder.def_var(counter, most);
            self.may_goto = Some(counter);
        }
    }

    /// Zeroes `size` bytes, a multiple of 8.
    fn clear(&mut self, start: Value, size: u32) {
        let (mut off, zero) = (0, self.number(0));
        if size >= 16 {
            let wide = self.builder.ins().splat(types::I64X2, zero);
            while off + 16 <= size {
                self.builder.ins().store(memory(), wide, start, off as i32);
                off += 16;
            }
        }
        while off < size {
            self.builder.ins().store(memory(), zero, start, off as i32);
            off += 8;
        }
    }

    fn body(&mut self) {
        let ops: Vec<(u32, Op)> = self.ops().collect();
        let loops = loops(&ops);
        self.open_blocks(&ops, &loops);
        let first = self.block(self.function.start);
        self.builder.ins().jump(first, &[]);
        let (mut pc, mut open) = (self.function.start, false);
        while pc < self.function.end {
            let Some(found) = loops.get(&pc).copied() else {
                (pc, open) = self.slot(pc, open);
                continue;
            };
            for copy in 0..found.copies {
                self.round = Some((found, copy));
                pc = found.head;
                while pc < found.end {
                    (pc, open) = self.slot(pc, open);
                }
            }
            self.round = None;
        }
        if open {
            self.builder.ins().jump(self.outside, &[]);
        }
        if let Some(exits) = self.exits {
            self.builder.switch_to_block(exits);
            self.op(Op::Exit, self.function.end);
        }
    }

    /// Makes a block for every slot that a jump leads to, in each copy of its loop.
    fn open_blocks(&mut self, ops: &[(u32, Op)], loops: &BTreeMap<u32, Loop>) {
        let mut leaders = vec![self.function.start];
        for (pc, op) in ops {
            if let Op::Jump { to } | Op::Branch { to, .. } | Op::MayGoto { to } = op {
                leaders.extend([*to, pc + 1]);
            }
        }
        leaders.retain(|to| (self.function.start..self.function.end).contains(to));
        for leader in leaders {
            let around = loops.range(..=leader).next_back().filter(|(_, found)| leader < found.end);
            for copy in 0..around.map_or(1, |(_, found)| found.copies) {
                if !self.blocks.contains_key(&(leader, copy)) {
                    let block = self.builder.create_block();
                    self.blocks.insert((leader, copy), block);
                }
            }
        }
    }

    /// Emits the slot at `pc` (`open`: the block before it goes on): the next slot, and whether the block goes on to it.
    fn slot(&mut self, pc: u32, mut open: bool) -> (u32, bool) {
        let copy = self.round.map_or(0, |(_, copy)| copy);
        if let Some(&block) = self.blocks.get(&(pc, copy)) {
            if open {
                self.builder.ins().jump(block, &[]);
            }
            self.builder.switch_to_block(block);
            open = true;
        }
        let op = self.unit.code.op(pc);
        let next = pc + if matches!(op, Op::Const { .. }) { 2 } else { 1 };
        if open {
            self.builder.set_srcloc(SourceLoc::new(pc));
            open = self.op(op, pc);
        }
        (next, open)
    }

    /// Where a jump to `pc` leads. Where nothing but the end of the function waits, all jumps have an end of their own: what
    /// they return (most often one constant) is then not brought together with what the way through returns.
    fn target(&mut self, pc: u32) -> Block {
        let inside = (self.function.start..self.function.end).contains(&pc);
        if !inside || !matches!(self.unit.code.op(pc), Op::Exit) {
            return self.block(pc);
        }
        *self.exits.get_or_insert_with(|| self.builder.create_block())
    }

    /// The block of slot `pc`, where a jump from here to it leads.
    fn block(&self, pc: u32) -> Block {
        let copy = self.round.map_or(0, |(around, copy)| around.copy_at(pc, copy));
        self.blocks.get(&(pc, copy)).copied().unwrap_or(self.outside)
    }

    /// Emits one op; whether the block goes on after it.
    fn op(&mut self, op: Op, pc: u32) -> bool {
        match op {
            Op::Alu { op, width, dst, src } => {
                let (a, b) = (self.get(dst), self.operand(src));
                let value = self.binary(op, width, a, b);
                self.set(dst, value);
            }
            Op::Neg { width, dst } => {
                let a = self.narrow(width, dst);
                let value = self.builder.ins().ineg(a);
                self.set_extended(dst, value);
            }
            Op::Mov { width: Width::W64, dst, src } => {
                let value = self.operand(src);
                self.set(dst, value);
            }
            Op::Mov { width: Width::W32, dst, src } => {
                let value = self.operand(src);
                let value = self.builder.ins().ireduce(types::I32, value);
                self.set_extended(dst, value);
            }
            Op::MovSx { width, bits, dst, src } => {
                let value = self.get(src);
                let value = self.sign_extended(width, bits, value);
                self.set(dst, value);
            }
            Op::Endian { op, bits, dst } => {
                let value = self.get(dst);
                let value = self.byte_order(op, bits, value);
                self.set(dst, value);
            }
            Op::Load { dst, .. } if let Some(bound) = self.unit.code.passed(pc) => {
                self.set(dst, self.arguments[1 + bound as usize]);
            }
            Op::Load { size, signed, dst, base, off } => {
                let (base, off) = self.place(base, off);
                let value = self.load(size, signed, base, off);
                self.set(dst, value);
            }
            Op::LoadObject { size, signed, dst, base, origin, place } => {
                let object = self.address(base, origin);
                let zeros = self.number(objects::ZEROS.as_ptr().expose_provenance() as i64);
                let none = self.builder.ins().icmp_imm_s(IntCC::Equal, object, 0);
                let object = self.builder.ins().select(none, zeros, object);
                let value = self.load(size, signed, object, place);
                self.set(dst, value);
            }
            Op::Store { size, base, off, src } => {
                let ((base, off), value) = (self.place(base, off), self.operand(src));
                let value = self.low(size, value);
                self.builder.ins().store(memory(), value, base, off);
            }
            Op::StoreBelow { size, base, off, src, limit } => {
                let value = self.get(src);
                let below = self.builder.ins().icmp_imm_u(IntCC::UnsignedLessThan, value, i64::from(limit));
                let (store, go_on) = (self.builder.create_block(), self.builder.create_block());
                self.builder.ins().brif(below, store, &[], go_on, &[]);
                self.builder.switch_to_block(store);
                let ((base, off), value) = (self.place(base, off), self.low(size, value));
                self.builder.ins().store(memory(), value, base, off);
                self.builder.ins().jump(go_on, &[]);
                self.builder.switch_to_block(go_on);
            }
            Op::Atomic { op, size, base, off, src } => self.atomic(op, size, base, off, src),
            Op::LoadAcquire { size, dst, base, off } => {
                let addr = self.address(base, off);
                let value = self.builder.ins().atomic_load(word(size), memory(), addr);
                let value = self.extended(value);
                self.set(dst, value);
            }
            Op::StoreRelease { size, base, off, src } => {
                let (addr, value) = (self.address(base, off), self.get(src));
                let value = self.low(size, value);
                self.builder.ins().atomic_store(memory(), value, addr);
            }
            Op::Const { dst, value, what } => {
                let value = match what {
                    Constant::Function(to) => u64::from(to),
                    Constant::Number | Constant::Map(_) | Constant::MapValue(_) => value,
                };
                let value = self.number(value as i64);
                self.set(dst, value);
            }
            Op::LoadPacket { size, index, off } => self.load_packet(size, index, off),
            Op::Jump { to } => {
                let to = self.target(to);
                self.builder.ins().jump(to, &[]);
                return false;
            }
            Op::Branch { op, width, dst, src, to } => {
                let (a, b) = (self.get(dst), self.operand(src));
                let holds = self.holds(op, width, a, b);
                self.branch(holds, to, pc + 1);
                return false;
            }
            Op::MayGoto { to } => {
                let Some(counter) = self.may_goto else { return false };
                let left = self.builder.use_var(counter);
                let less = self.builder.ins().iadd_imm_s(left, -1);
                self.builder.def_var(counter, less);
                let over = self.builder.ins().icmp_imm_s(IntCC::Equal, left, 0);
                self.branch(over, to, pc + 1);
                return false;
            }
            Op::Call { to } => self.call_local(to),
            Op::Helper(helper) => self.call_helper(helper),
            Op::Kfunc(kfunc) => self.call_kfunc(kfunc),
            Op::Own(index) => self.call_own(index),
            Op::Exit => {
                let r0 = self.get(Reg::R0);
                self.return_with(r0);
                return false;
            }
            Op::Invalid(_) => {
                self.builder.ins().jump(self.outside, &[]);
                return false;
            }
        }
        true
    }

    /// A load, as wide as a register.
    fn load(&mut self, size: Size, signed: bool, base: Value, off: i32) -> Value {
        let (ins, wide, flags) = (self.builder.ins(), types::I64, memory());
        match (size, signed) {
            (Size::B, false) => ins.uload8(wide, flags, base, off),
            (Size::H, false) => ins.uload16(wide, flags, base, off),
            (Size::W, false) => ins.uload32(flags, base, off),
            (Size::B, true) => ins.sload8(wide, flags, base, off),
            (Size::H, true) => ins.sload16(wide, flags, base, off),
            (Size::W, true) => ins.sload32(flags, base, off),
            (Size::DW, _) => ins.load(wide, flags, base, off),
        }
    }

    fn branch(&mut self, holds: Value, to: u32, next: u32) {
        let (to, next) = (self.target(to), self.block(next));
        self.builder.ins().brif(holds, to, &[], next, &[]);
    }

    fn atomic(&mut self, op: AtomicOp, size: Size, base: Reg, off: i32, src: Reg) {
        let (addr, value) = (self.address(base, off), self.get(src));
        let value = self.low(size, value);
        let (rmw, fetch) = match op {
            AtomicOp::Add { fetch } => (AtomicRmwOp::Add, fetch),
            AtomicOp::Or { fetch } => (AtomicRmwOp::Or, fetch),
            AtomicOp::And { fetch } => (AtomicRmwOp::And, fetch),
            AtomicOp::Xor { fetch } => (AtomicRmwOp::Xor, fetch),
            AtomicOp::Xchg => (AtomicRmwOp::Xchg, true),
            AtomicOp::Cmpxchg => {
                let expected = self.get(Reg::R0);
                let expected = self.low(size, expected);
                let old = self.builder.ins().atomic_cas(memory(), addr, expected, value);
                let old = self.extended(old);
                self.set(Reg::R0, old);
                return;
            }
        };
        let old = self.builder.ins().atomic_rmw(word(size), memory(), rmw, addr, value);
        if fetch {
            let old = self.extended(old);
            self.set(src, old);
        }
    }

    /// A register's value.
    pub(super) fn get(&mut self, reg: Reg) -> Value {
        match self.registers.get(reg.index()) {
            Some(variable) => self.builder.use_var(*variable),
            // A function that never touches its stack may still copy the address of its end.
            None => self.frame.unwrap_or_else(|| self.number(0)),
        }
    }

    /// Sets a register. (No verified program sets `r10`.)
    pub(super) fn set(&mut self, reg: Reg, value: Value) {
        if let Some(variable) = self.registers.get(reg.index()) {
            self.builder.def_var(*variable, value);
        }
    }

    /// Sets a register to a value of any width, zero-extended.
    fn set_extended(&mut self, reg: Reg, value: Value) {
        let value = self.extended(value);
        self.set(reg, value);
    }

    /// The low part of a register, of that width.
    fn narrow(&mut self, width: Width, reg: Reg) -> Value {
        let value = self.get(reg);
        match width {
            Width::W64 => value,
            Width::W32 => self.builder.ins().ireduce(types::I32, value),
        }
    }

    /// An operand's value: constants are sign-extended.
    fn operand(&mut self, src: Src) -> Value {
        match src {
            Src::Imm(imm) => self.number(i64::from(imm)),
            Src::Reg(reg) => self.get(reg),
        }
    }

    /// A 64-bit constant.
    pub(super) fn number(&mut self, value: i64) -> Value {
        self.builder.ins().iconst(types::I64, value)
    }

    /// Where a register with an offset points: what constants were added to the register goes to the offset, so that the compiler
    /// sees which accesses are to one place, and what was stored there.
    pub(super) fn place(&mut self, base: Reg, off: i32) -> (Value, i32) {
        let (mut base, mut off) = (self.get(base), off);
        while let Some((inner, more)) = self.added(base)
            && let Some(sum) = i32::try_from(more).ok().and_then(|more| off.checked_add(more))
        {
            (base, off) = (inner, sum);
        }
        (base, off)
    }

    /// What a value is the sum of, if one of the two is constant.
    fn added(&self, value: Value) -> Option<(Value, i64)> {
        let dfg = &self.builder.func.dfg;
        let ValueDef::Result(inst, 0) = dfg.value_def(dfg.resolve_aliases(value)) else { return None };
        match dfg.insts[inst] {
            InstructionData::Binary { opcode: Opcode::Iadd, args: [a, b] } => Some((a, self.constant(b)?)),
            _ => None,
        }
    }

    fn address(&mut self, base: Reg, off: i32) -> Value {
        let base = self.get(base);
        self.builder.ins().iadd_imm_s(base, i64::from(off))
    }

    /// The low bytes of a value.
    fn low(&mut self, size: Size, value: Value) -> Value {
        if size == Size::DW { value } else { self.builder.ins().ireduce(word(size), value) }
    }
}

/// How programs access memory: nothing traps, nothing need be aligned, and the bytes are in the machine's order.
pub(super) fn memory() -> MemFlagsData {
    MemFlagsData::new().with_notrap()
}

/// The type of a load or store.
pub(super) fn word(size: Size) -> Type {
    match size {
        Size::B => types::I8,
        Size::H => types::I16,
        Size::W => types::I32,
        Size::DW => types::I64,
    }
}
