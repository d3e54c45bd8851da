//! Arithmetic on registers: numbers by the scalar domain, pointers by a few strict rules.

use belay_isa::{AluOp, Reg, Src, Width};
use belay_spec::Rule;

use crate::arena;
use crate::fault::{Check, Fault};
use crate::memory::{MAX_VARIABLE_OFFSET, width_of};
use crate::scalar::Scalar;
use crate::state::State;
use crate::value::{PacketRange, Pointer, Tie, Value};
use crate::walk::Walk;

impl Walk<'_> {
    /// `dst op= src`. Linux walks some masks value by value: then the state given goes on with one of them, and the
    /// one returned is to be walked later, from this instruction again.
    pub(crate) fn alu(
        &mut self,
        state: &mut State,
        op: AluOp,
        width: Width,
        dst: Reg,
        src: Src,
    ) -> Check<Option<Box<State>>> {
        if let Src::Imm(imm) = src {
            check_constant(op, width, imm)?;
        }
        let right = self.operand(state, src, width)?;
        let mut left = *self.readable(state, dst)?;
        self.writable(dst)?;
        if let Some(result) = arena::arithmetic(&left, &right) {
            state.set(dst, result);
            return Ok(None);
        }
        let mut later = None;
        if left.is_scalar()
            && right.is_scalar()
            && let Some((zero, ones)) = Scalar::fork_before(self.release, op, &left.scalar, &right.scalar)
        {
            let mut other = Box::new(state.clone());
            other.frame_mut().regs[dst].scalar = zero;
            later = Some(other);
            left.scalar = ones;
        }
        let result = match (left.is_pointer(), right.is_pointer()) {
            (false, false) => self.numbers(op, width, &left, &right, src == Src::Reg(dst)),
            (true, true) if op == AluOp::Sub => Value::unknown(),
            (true, true) => {
                let what = format!("pointer {} pointer", symbol(op));
                return Err(Fault::PointerOperator { reg: dst, what }.into());
            }
            (true, false) => {
                if let Src::Reg(reg) = src {
                    self.relies_on(state, reg);
                }
                self.pointer_and_number(state, op, width, dst, dst, &left, &right)?
            }
            (false, true) => {
                self.relies_on(state, dst);
                let from = match src {
                    Src::Reg(reg) => reg,
                    Src::Imm(_) => dst,
                };
                self.pointer_and_number(state, op, width, dst, from, &right, &left)?
            }
        };
        state.set(dst, result);
        Ok(later)
    }

    /// The second operand: a register that may be read, or a constant, sign-extended.
    pub(crate) fn operand(&self, state: &State, src: Src, width: Width) -> Check<Value> {
        match (src, width) {
            (Src::Reg(reg), _) => Ok(*self.readable(state, reg)?),
            (Src::Imm(imm), Width::W64) => Ok(Value::constant(i64::from(imm) as u64)),
            (Src::Imm(imm), Width::W32) => Ok(Value::constant(u64::from(imm as u32))),
        }
    }

    fn numbers(&self, op: AluOp, width: Width, left: &Value, right: &Value, doubled: bool) -> Value {
        let result = Value::number(Scalar::alu(self.release, op, width, &left.scalar, &right.scalar));
        // `r1 = r2; r1 += 8` keeps the two tied, at a distance: what is learnt of one holds for the other.
        let untied = left.id == 0 || left.tie.is_sum() || doubled;
        match distance(op, width, left, right) {
            Some(off) if !untied && self.links_at_distance(op, width, off) => {
                let tie = if width == Width::W64 { Tie::Sum } else { Tie::Sum32 };
                Value { id: left.id, tie, off, ..result }
            }
            _ => result,
        }
    }

    /// Whether numbers that the instruction puts that far apart stay tied.
    fn links_at_distance(&self, op: AluOp, width: Width, distance: i32) -> bool {
        let simple = (op, width) == (AluOp::Add, Width::W64) && distance >= 0;
        self.release.has(Rule::LinkedRegisters) && (simple || self.release.has(Rule::LinkedBySums))
    }

    /// `pointer op number` in either order; `dst` is where the result goes, `from` is the pointer's register.
    #[allow(clippy::too_many_arguments, reason = "both operands and where each came from")]
    fn pointer_and_number(
        &mut self,
        state: &State,
        op: AluOp,
        width: Width,
        dst: Reg,
        from: Reg,
        pointer: &Value,
        number: &Value,
    ) -> Check<Value> {
        let swapped = dst != from || !state.reg(dst).is_pointer();
        if width == Width::W32 {
            // The difference of the low halves is a number like any other.
            if op == AluOp::Sub {
                return Ok(Value::unknown());
            }
            return Err(Fault::Pointer32 { reg: dst }.into());
        }
        if pointer.nullable {
            return Err(Fault::NullableArithmetic { reg: dst, found: pointer.type_name() }.into());
        }
        if matches!(pointer.as_pointer(), Some(Pointer::Memory(memory)) if memory.untrusted) {
            // Loads through it may fault wherever it points, so that Linux does not follow it: the target is left as
            // it was (6.18).
            return Ok(*state.reg(dst));
        }
        allowed(op, dst, pointer, number)?;
        sane_offset(dst, number, pointer)?;
        sane_offset(dst, pointer, pointer)?;
        let result = match op {
            AluOp::Add => self.pointer_plus(pointer, &number.scalar),
            AluOp::Sub if swapped => {
                let what = "tried to subtract pointer from scalar".to_string();
                return Err(
                    Fault::PointerRange { reg: dst, kernel: format!("R{} {what}", dst.number()) }.into()
                );
            }
            AluOp::Sub if matches!(pointer.as_pointer(), Some(Pointer::Stack { .. })) => {
                let what = "subtraction from stack pointer".to_string();
                return Err(Fault::PointerOperator { reg: dst, what }.into());
            }
            AluOp::Sub => self.pointer_minus(pointer, &number.scalar),
            AluOp::And | AluOp::Or | AluOp::Xor => {
                let kernel =
                    format!("R{} bitwise operator {} on pointer prohibited", dst.number(), symbol(op));
                return Err(Fault::PointerRange { reg: dst, kernel }.into());
            }
            _ => {
                let what = format!("pointer arithmetic with {} operator", symbol(op));
                return Err(Fault::PointerOperator { reg: dst, what }.into());
            }
        };
        sane_offset(dst, &result, &result)?;
        Ok(result)
    }

    fn pointer_plus(&mut self, pointer: &Value, number: &Scalar) -> Value {
        if let Some(off) = constant_sum(pointer.off, number, 1) {
            return Value { off, ..*pointer };
        }
        let sum = pointer.scalar.pointer_plus(self.release, number);
        self.moved(pointer, sum, true)
    }

    fn pointer_minus(&mut self, pointer: &Value, number: &Scalar) -> Value {
        if let Some(off) = constant_sum(pointer.off, number, -1) {
            return Value { off, ..*pointer };
        }
        let difference = pointer.scalar.pointer_minus(self.release, number);
        self.moved(pointer, difference, number.smin() < 0)
    }

    /// The pointer with another variable part. A packet pointer gets a new id: what was learnt of the bytes behind it
    /// counted from the old one.
    fn moved(&mut self, pointer: &Value, scalar: Scalar, forgets_range: bool) -> Value {
        let mut result = Value { scalar, ..*pointer };
        if let Some(Pointer::Packet(range) | Pointer::PacketMeta(range)) = pointer.as_pointer() {
            result.id = self.fresh_id();
            let range = if forgets_range { PacketRange::Known(0) } else { range };
            result.kind = crate::value::Kind::Pointer(match pointer.as_pointer() {
                Some(Pointer::PacketMeta(_)) => Pointer::PacketMeta(range),
                _ => Pointer::Packet(range),
            });
        }
        result
    }

    /// `dst = src`
    pub(crate) fn mov(&mut self, state: &mut State, width: Width, dst: Reg, src: Src) -> Check {
        self.writable(dst)?;
        let value = match (src, width) {
            (Src::Imm(_), _) => self.operand(state, src, width)?,
            (Src::Reg(reg), Width::W64) => {
                self.readable(state, reg)?;
                self.link_before_copy(&mut state.frame_mut().regs[reg]);
                *state.reg(reg)
            }
            (Src::Reg(reg), Width::W32) => {
                let value = *self.readable(state, reg)?;
                if value.is_pointer() {
                    Value::number(Scalar::unknown().zero_extend32(self.release))
                } else if width_of(&value.scalar) <= 32 && self.release.has(Rule::LinkedRegisters) {
                    self.link_before_copy(&mut state.frame_mut().regs[reg]);
                    let value = *state.reg(reg);
                    Value { scalar: value.scalar.zero_extend32(self.release), ..value }
                } else {
                    Value::number(value.scalar.zero_extend32(self.release))
                }
            }
        };
        state.set(dst, value);
        Ok(())
    }

    /// `dst = (s8)src` and the like.
    pub(crate) fn mov_sign_extended(
        &mut self,
        state: &mut State,
        width: Width,
        bits: u8,
        dst: Reg,
        src: Reg,
    ) -> Check {
        let value = *self.readable(state, src)?;
        self.writable(dst)?;
        if !value.is_scalar() {
            state.set(dst, Value::unknown());
            return Ok(());
        }
        // Where sign extension changes nothing, the copy stays tied to its source.
        let bits = u32::from(bits);
        let unchanged = value.scalar.umax() < 1 << (bits - 1);
        if unchanged {
            self.link_before_copy(&mut state.frame_mut().regs[src]);
        }
        let value = *state.reg(src);
        let scalar = value.scalar.sign_extend(self.release, bits, width);
        state.set(dst, if unchanged { Value { scalar, ..value } } else { Value::number(scalar) });
        Ok(())
    }

    /// Before a number is copied, give it an id: what is learnt of one copy holds for the others.
    pub(crate) fn link_before_copy(&mut self, value: &mut Value) {
        if !value.is_scalar() {
            return;
        }
        if value.tie.is_sum() {
            value.tie = Tie::Equal;
            value.off = 0;
            value.id = 0;
        }
        if value.id == 0 && value.scalar.as_constant().is_none() {
            value.id = self.fresh_id();
        }
    }
}

/// By how much the result exceeds the left side, if that is a constant that Linux remembers.
fn distance(op: AluOp, width: Width, left: &Value, right: &Value) -> Option<i32> {
    let constant = match width {
        Width::W64 => i32::try_from(right.scalar.as_constant()? as i64).ok()?,
        // In 32 bits only of a number that has no more.
        Width::W32 if width_of(&left.scalar) > 32 => return None,
        Width::W32 => right.scalar.as_constant32()? as i32,
    };
    match op {
        AluOp::Add => Some(constant),
        AluOp::Sub => constant.checked_neg(),
        _ => None,
    }
}

/// Constants that an operator does not allow.
fn check_constant(op: AluOp, width: Width, imm: i32) -> Check {
    let bits = if width == Width::W64 { 64 } else { 32 };
    match op {
        AluOp::Div | AluOp::Mod | AluOp::Sdiv | AluOp::Smod if imm == 0 => Err(Fault::DivisionByZero.into()),
        AluOp::Lsh | AluOp::Rsh | AluOp::Arsh if !(0..bits).contains(&imm) => {
            Err(Fault::Shift { amount: imm }.into())
        }
        _ => Ok(()),
    }
}

/// Whether pointers of this type take part in arithmetic at all.
fn allowed(op: AluOp, dst: Reg, pointer: &Value, number: &Value) -> Check {
    let constant = number.scalar.as_constant();
    let allowed = match pointer.as_pointer() {
        Some(
            Pointer::Context
            | Pointer::Stack { .. }
            | Pointer::Packet(_)
            | Pointer::PacketMeta(_)
            | Pointer::MapValue(_)
            | Pointer::MapKey(_)
            | Pointer::Memory(_)
            | Pointer::Object(_)
            | Pointer::TracepointBuffer
            | Pointer::Buffer { .. }
            | Pointer::Function(_),
        ) => true,
        Some(Pointer::FlowKeys) if constant.is_some() => true,
        Some(Pointer::FlowKeys | Pointer::Map(_)) => constant == Some(0) && op == AluOp::Add,
        _ => false,
    };
    if allowed {
        Ok(())
    } else {
        Err(Fault::PointerArithmetic { reg: dst, found: pointer.type_name() }.into())
    }
}

/// Offsets stay small enough that sums of them cannot overflow.
fn sane_offset(reg: Reg, value: &Value, pointer: &Value) -> Check {
    let limit = MAX_VARIABLE_OFFSET as i64;
    let sane = |offset: i64| -limit < offset && offset < limit;
    // (A number that is tied to another at a distance is held to the same limit by that distance: measured.)
    let (constant, fixed, smin) = (value.scalar.as_constant(), i64::from(value.off), value.scalar.smin());
    if constant.is_none_or(|known| sane(known as i64)) && sane(fixed) && sane(smin) {
        return Ok(());
    }
    let found = pointer.type_name();
    let kernel = match constant.map(|known| known as i64) {
        Some(known) if !sane(known) => format!("math between {found} pointer and {known} is not allowed"),
        _ if !sane(fixed) => format!("{found} pointer offset {fixed} is not allowed"),
        _ if smin == i64::MIN => {
            format!("math between {found} pointer and register with unbounded min value is not allowed")
        }
        _ => format!("value {smin} makes {found} pointer be out of bounds"),
    };
    Err(Fault::PointerRange { reg, kernel }.into())
}

/// `off` plus or minus a known number, if that fits.
fn constant_sum(off: i32, number: &Scalar, sign: i64) -> Option<i32> {
    let known = number.as_constant()? as i64;
    i32::try_from(i64::from(off).checked_add(known.checked_mul(sign)?)?).ok()
}

/// The operator as the kernel's log writes it.
pub(crate) fn symbol(op: AluOp) -> &'static str {
    match op {
        AluOp::Add => "+=",
        AluOp::Sub => "-=",
        AluOp::Mul => "*=",
        AluOp::Div | AluOp::Sdiv => "/=",
        AluOp::Mod | AluOp::Smod => "%=",
        AluOp::Or => "|=",
        AluOp::And => "&=",
        AluOp::Xor => "^=",
        AluOp::Lsh => "<<=",
        AluOp::Rsh => ">>=",
        AluOp::Arsh => "s>>=",
    }
}
