//! Arithmetic, comparisons and byte order: [`crate::alu`] in machine code.

use belay_isa::{AluOp, CmpOp, EndianOp, Width};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};

use super::translate::Translator;

impl Translator<'_, '_> {
    /// A binary operation on 64-bit values; a 32-bit one takes the low halves and gives a zero-extended result.
    pub(super) fn binary(&mut self, op: AluOp, width: Width, a: Value, b: Value) -> Value {
        let (a, b) = (self.half(width, a), self.half(width, b));
        let ins = self.builder.ins();
        let value = match op {
            AluOp::Add => ins.iadd(a, b),
            AluOp::Sub => ins.isub(a, b),
            AluOp::Mul => ins.imul(a, b),
            AluOp::Or => ins.bor(a, b),
            AluOp::And => ins.band(a, b),
            AluOp::Xor => ins.bxor(a, b),
            // Cranelift masks the count by the width, as BPF does.
            AluOp::Lsh => ins.ishl(a, b),
            AluOp::Rsh => ins.ushr(a, b),
            AluOp::Arsh => ins.sshr(a, b),
            AluOp::Div | AluOp::Mod | AluOp::Sdiv | AluOp::Smod => self.division(op, a, b),
        };
        self.extended(value)
    }

    /// Division by zero gives 0, the rest the dividend; the smallest number by -1 does not overflow.
    fn division(&mut self, op: AluOp, a: Value, b: Value) -> Value {
        let ty = self.type_of(a);
        let constant = self.constant(b);
        let signed = matches!(op, AluOp::Sdiv | AluOp::Smod);
        let remainder = matches!(op, AluOp::Mod | AluOp::Smod);
        let harmless = constant.is_some_and(|b| b != 0 && !(signed && b == -1));
        let one = self.builder.ins().iconst(ty, 1);
        let is_zero = self.builder.ins().icmp_imm_s(IntCC::Equal, b, 0);
        let divisor = if harmless {
            b
        } else {
            let divisor = self.builder.ins().select(is_zero, one, b);
            if signed {
                // By -1: the quotient of a division by 1, negated below; the rest is 0 either way.
                let is_minus_one = self.builder.ins().icmp_imm_s(IntCC::Equal, b, -1);
                self.builder.ins().select(is_minus_one, one, divisor)
            } else {
                divisor
            }
        };
        let ins = self.builder.ins();
        let value = match (signed, remainder) {
            (false, false) => ins.udiv(a, divisor),
            (false, true) => ins.urem(a, divisor),
            (true, false) => ins.sdiv(a, divisor),
            (true, true) => ins.srem(a, divisor),
        };
        if harmless {
            return value;
        }
        let value = if signed && !remainder {
            let is_minus_one = self.builder.ins().icmp_imm_s(IntCC::Equal, b, -1);
            let negated = self.builder.ins().ineg(a);
            self.builder.ins().select(is_minus_one, negated, value)
        } else {
            value
        };
        let by_zero = if remainder { a } else { self.builder.ins().iconst(ty, 0) };
        self.builder.ins().select(is_zero, by_zero, value)
    }

    /// A comparison.
    pub(super) fn holds(&mut self, op: CmpOp, width: Width, a: Value, b: Value) -> Value {
        let (a, b) = (self.half(width, a), self.half(width, b));
        let condition = match op {
            CmpOp::Set => {
                let both = self.builder.ins().band(a, b);
                return self.builder.ins().icmp_imm_s(IntCC::NotEqual, both, 0);
            }
            CmpOp::Eq => IntCC::Equal,
            CmpOp::Ne => IntCC::NotEqual,
            CmpOp::Gt => IntCC::UnsignedGreaterThan,
            CmpOp::Ge => IntCC::UnsignedGreaterThanOrEqual,
            CmpOp::Lt => IntCC::UnsignedLessThan,
            CmpOp::Le => IntCC::UnsignedLessThanOrEqual,
            CmpOp::Sgt => IntCC::SignedGreaterThan,
            CmpOp::Sge => IntCC::SignedGreaterThanOrEqual,
            CmpOp::Slt => IntCC::SignedLessThan,
            CmpOp::Sle => IntCC::SignedLessThanOrEqual,
        };
        self.builder.ins().icmp(condition, a, b)
    }

    /// A move that extends the sign of the low `bits` (8, 16 or 32) to the width.
    pub(super) fn sign_extended(&mut self, width: Width, bits: u8, value: Value) -> Value {
        let low = self.builder.ins().ireduce(bits_type(bits), value);
        let wide = if width == Width::W64 { types::I64 } else { types::I32 };
        let value = if bits_type(bits) == wide { low } else { self.builder.ins().sextend(wide, low) };
        self.extended(value)
    }

    /// A byte order operation on the low `bits` (16, 32 or 64); the rest becomes zero.
    pub(super) fn byte_order(&mut self, op: EndianOp, bits: u8, value: Value) -> Value {
        let little = cfg!(target_endian = "little");
        let swap = match op {
            EndianOp::Swap => true,
            EndianOp::ToBe => little,
            EndianOp::ToLe => !little,
        };
        let low = if bits == 64 { value } else { self.builder.ins().ireduce(bits_type(bits), value) };
        let value = if swap { self.builder.ins().bswap(low) } else { low };
        self.extended(value)
    }

    /// The part of a 64-bit value that an operation of that width takes.
    fn half(&mut self, width: Width, value: Value) -> Value {
        match width {
            Width::W64 => value,
            Width::W32 => self.builder.ins().ireduce(types::I32, value),
        }
    }

    /// A value of any width as 64 bits.
    pub(super) fn extended(&mut self, value: Value) -> Value {
        if self.type_of(value) == types::I64 { value } else { self.builder.ins().uextend(types::I64, value) }
    }

    fn type_of(&self, value: Value) -> Type {
        self.builder.func.dfg.value_type(value)
    }
}

fn bits_type(bits: u8) -> Type {
    match bits {
        8 => types::I8,
        16 => types::I16,
        32 => types::I32,
        _ => types::I64,
    }
}
