//! The stack: 512 bytes a frame. Values spilled whole come back whole; other bytes are remembered one by one as
//! zero or anything.
//!
//! Reading bytes that were never written is allowed: Belay judges as for a loader with all capabilities, and such a
//! loader may (measured on 6.18).

use belay_isa::{Pc, Reg, Size};

use belay_spec::Rule;

use crate::fault::{Check, Direction, Fault};
use crate::scalar::Scalar;
use crate::stack_use::{slots_filled, slots_of};
use crate::state::{Byte, SLOT_SIZE, STACK_SIZE, Slot, Stack, State};
use crate::value::{Pointer, Tie, Value};
use crate::walk::Walk;

use super::region::MAX_VARIABLE_OFFSET;
use super::{Action, At};

/// The stack bytes that an access may touch: `min .. max`, offsets from the frame pointer.
#[derive(Clone, Copy)]
struct Span {
    min: i64,
    max: i64,
    /// Whether `min` is where it surely starts.
    fixed: bool,
}

impl Walk<'_> {
    pub(crate) fn stack_access(
        &mut self,
        state: &mut State,
        at: At,
        base: &Value,
        frame: u8,
        action: Action,
    ) -> Check<Value> {
        let size = at.size.bytes();
        let off = at.off + i64::from(base.off);
        self.check_alignment(base, Pointer::Stack { frame }, at.off, size)?;
        let span = self.stack_span(at.base, base, off, size, action.direction())?;
        self.grow_stack(state, at.pc, frame, span.min);
        match action {
            Action::Load => self.note_read(at.pc, frame, span),
            Action::Update | Action::StoreReg(_) | Action::StoreImm(_) => self.note_filled(frame, span),
        }
        match action {
            Action::Load => {
                let n = at.base.number();
                self.spare_objects(state, frame, (span.min, span.max), |into| {
                    if span.fixed {
                        format!("invalid read from stack off {}+{into} size {size}", span.min)
                    } else {
                        let offset = base.scalar.tnum();
                        format!("invalid read from stack R{n} var_off {offset}+{into} size {size}")
                    }
                })?;
                Ok(self.load_from_stack(state, frame, span, at.size)?)
            }
            Action::Update => {
                self.destroy_dynptrs(state, frame, span.min, span.max)?;
                self.store_bytes(state, frame, span, None);
                Ok(Value::unknown())
            }
            Action::StoreReg(reg) => {
                self.store_to_stack(state, frame, span, at.size, Source::Register(reg))?;
                Ok(Value::unknown())
            }
            Action::StoreImm(imm) => {
                self.store_to_stack(state, frame, span, at.size, Source::Constant(imm))?;
                Ok(Value::unknown())
            }
        }
    }

    /// Where the access may lie, if that is within the frame's stack.
    fn stack_span(&self, reg: Reg, base: &Value, off: i64, size: u32, direction: Direction) -> Check<Span> {
        let (low, high) = match base.scalar.as_constant() {
            Some(variable) => (variable as i64, variable as i64),
            None => {
                let limit = MAX_VARIABLE_OFFSET as i64;
                if base.scalar.smax() >= limit || base.scalar.smin() <= -limit {
                    return Err(Fault::StackVariable {
                        reg,
                        unbounded: true,
                        direction,
                        kernel: String::new(),
                    }
                    .into());
                }
                (base.scalar.smin(), base.scalar.smax())
            }
        };
        let span = Span {
            min: low + off,
            max: high + off + i64::from(size),
            fixed: base.scalar.as_constant().is_some(),
        };
        if span.min < -STACK_SIZE || span.max > 0 || span.min >= 0 {
            return Err(if span.fixed {
                Fault::StackBounds { reg, direction, off: span.min, size }.into()
            } else {
                let kernel = format!(" var_off={} off={off} size={size}", base.scalar.tnum());
                Fault::StackVariable { reg, unbounded: false, direction, kernel }.into()
            });
        }
        Ok(span)
    }

    /// The instruction may read any of the bytes.
    fn note_read(&mut self, pc: Pc, frame: u8, span: Span) {
        self.stack_use.note_read(pc, usize::from(frame), slots_of(span.min, span.max));
    }

    /// The instruction fills the bytes, if it is known which.
    fn note_filled(&mut self, frame: u8, span: Span) {
        if span.fixed {
            self.stack_use.note_filled(usize::from(frame), slots_filled(span.min, span.max));
        }
    }

    /// Notes that the instruction reads the bytes of an object, `min .. max` of that frame.
    pub(crate) fn note_object_read(&mut self, pc: Pc, frame: u8, min: i64, max: i64) {
        self.note_read(pc, frame, Span { min, max, fixed: true });
    }

    /// Makes the bytes exist and notes how deep the function's stack gets.
    fn grow_stack(&mut self, state: &mut State, pc: Pc, frame: u8, off: i64) {
        let frame = &mut state.frames[usize::from(frame)];
        frame.stack.grow(off);
        let depth = &mut self.stack_depths[frame.function];
        *depth = (*depth).max((-off).max(0) as u32);
        self.spills.touched(frame.function, off, pc);
    }

    fn load_from_stack(&mut self, state: &mut State, frame: u8, span: Span, size: Size) -> Check<Value> {
        let stack = &mut state.frames[usize::from(frame)].stack;
        if !span.fixed {
            let all_zero = (span.min..span.max).all(|off| is_zero_byte(stack, off));
            return Ok(if all_zero { Value::constant(0) } else { super::unknown_of(self.release, size) });
        }
        let (index, byte) = Stack::locate(span.min);
        let spill = Some((frame, index as u8));
        let bytes = size.bytes() as usize;
        let slot = stack.slot_mut(index);
        if !slot.is_spill() {
            let all_zero = (span.min..span.max).all(|off| stack.byte(off) == Byte::Zero);
            return Ok(if all_zero { Value::constant(0) } else { super::unknown_of(self.release, size) });
        }
        let filled = slot.spill_size();
        let links = self.release.has(Rule::LinkedRegisters);
        if bytes == SLOT_SIZE && filled == SLOT_SIZE {
            self.notes.spill = spill;
            if links {
                self.link_before_copy(&mut slot.spilled);
            }
            return Ok(slot.spilled);
        }
        if !slot.spilled.is_scalar() {
            return Err(Fault::FillSize.into());
        }
        if byte == 0 && (bytes == filled || bytes < filled && self.release.has(Rule::NarrowFills)) {
            self.notes.spill = spill;
            if links && bytes == 4 && filled == 4 && width_of(&slot.spilled.scalar) <= 32 {
                self.link_before_copy(&mut slot.spilled);
            }
            let mut value = slot.spilled;
            if width_of(&value.scalar) > size.bytes() * 8 {
                value.id = 0;
                value.tie = Tie::Equal;
                value.off = 0;
            }
            value.scalar = value.scalar.coerce_to_size(self.release, size);
            return Ok(value);
        }
        let read = &slot.bytes[byte..(byte + bytes).min(SLOT_SIZE)];
        let spilled_zero = slot.spilled.is_null();
        let of_spill = read.iter().all(|b| *b == Byte::Spill) && spilled_zero;
        if of_spill {
            self.notes.spill = spill;
        }
        Ok(if of_spill || read.iter().all(|b| *b == Byte::Zero) {
            Value::constant(0)
        } else {
            super::unknown_of(self.release, size)
        })
    }

    fn store_to_stack(
        &mut self,
        state: &mut State,
        frame: u8,
        span: Span,
        size: Size,
        source: Source,
    ) -> Check {
        let running = state.depth();
        self.destroy_dynptrs(state, frame, span.min, span.max)?;
        if let Source::Register(reg) = source {
            let value = &mut state.frame_mut().regs[reg];
            if value.is_pointer() && span.fixed {
                if size != Size::DW || span.min % SLOT_SIZE as i64 != 0 {
                    return Err(Fault::SpillSize { reg }.into());
                }
                let to_stack = matches!(value.as_pointer(), Some(Pointer::Stack { .. }));
                if to_stack && usize::from(frame) != running {
                    return Err(Fault::StackPointerEscapes.into());
                }
            } else if self.release.has(Rule::LinkedRegisters)
                && value.is_scalar()
                && span.fixed
                && span.min % SLOT_SIZE as i64 == 0
                && width_of(&value.scalar) <= size.bytes() * 8
            {
                self.link_before_copy(value);
            }
        }
        let value = match source {
            Source::Register(reg) => *state.reg(reg),
            Source::Constant(imm) => Value::constant(i64::from(imm) as u64),
        };
        if !span.fixed {
            if value.is_null() && self.has_zero_byte(state, frame, span) {
                self.relies_on_source(state, source);
            }
            // (A constant zero in the instruction counts since numbers of any value are kept.)
            let counts = matches!(source, Source::Register(_)) || self.release.has(Rule::NumbersKept);
            self.store_bytes(state, frame, span, counts.then_some(&value));
            return Ok(());
        }
        let (index, byte) = Stack::locate(span.min);
        let kept = value.is_scalar() && (self.release.has(Rule::NumbersKept) || is_worth_keeping(&value));
        if byte == 0 && (value.is_pointer() || kept) {
            self.notes.spill = Some((frame, index as u8));
            let slot = state.frames[usize::from(frame)].stack.slot_mut(index);
            spill(slot, value, size, self.release.has(Rule::ZerosBesideSpills));
        } else {
            // That bytes are zero is remembered without a way back to where it came from.
            if value.is_null() {
                self.relies_on_source(state, source);
            }
            self.store_bytes(state, frame, span, Some(&value));
        }
        Ok(())
    }

    fn relies_on_source(&mut self, state: &State, source: Source) {
        if let Source::Register(reg) = source {
            self.relies_on(state, reg);
        }
    }

    fn has_zero_byte(&self, state: &State, frame: u8, span: Span) -> bool {
        let stack = &state.frames[usize::from(frame)].stack;
        (span.min..span.max).any(|off| is_zero_byte(stack, off))
    }

    /// Stores without keeping the value: each byte becomes zero or anything. Of a variable offset every byte in reach
    /// may have been written, and what was zero stays so only if zero is written.
    fn store_bytes(&self, state: &mut State, frame: u8, span: Span, value: Option<&Value>) {
        let zero = value.is_some_and(Value::is_null);
        let stack = &mut state.frames[usize::from(frame)].stack;
        for off in span.min..span.max {
            let (index, byte) = Stack::locate(off);
            let slot = stack.slot_mut(index);
            let keeps_zero = !span.fixed && zero;
            if keeps_zero && slot.bytes[byte] == Byte::Spill && slot.spilled.is_null() {
                continue;
            }
            let was_zero = slot.bytes[byte] == Byte::Zero;
            if !span.fixed && slot.is_object() {
                // Bytes that are not in reach stay the object's, though it is none any more.
                slot.spilled = Value::uninit();
            } else if span.fixed || !slot.bytes.contains(&Byte::Object) {
                slot.scrub();
            }
            slot.bytes[byte] = match (zero, span.fixed) {
                (true, true) => Byte::Zero,
                (true, false) if was_zero => Byte::Zero,
                _ => Byte::Misc,
            };
        }
    }

    /// Memory of the stack handed to a call. What the call may write holds anything afterwards. What it only fills may
    /// hold objects other than dynptrs, which are then gone; but only if it is known where the bytes lie and how many
    /// there are.
    #[allow(clippy::too_many_arguments, reason = "an access, and where it is")]
    pub(crate) fn stack_for_helper(
        &mut self,
        state: &mut State,
        pc: Pc,
        reg: Reg,
        base: &Value,
        frame: u8,
        size: u32,
        touch: MemoryUse,
    ) -> Check {
        let direction = touch.direction();
        let span = self.stack_span(reg, base, i64::from(base.off), size, direction)?;
        self.grow_stack(state, pc, frame, span.min);
        if touch != MemoryUse::Fills || !span.fixed {
            self.note_read(pc, frame, span);
        }
        if touch == MemoryUse::Fills && span.fixed {
            self.spare_dynptrs(state, frame, span.min, span.max)?;
        } else {
            let n = reg.number();
            self.spare_objects(state, frame, (span.min, span.max), |into| {
                if span.fixed {
                    format!("invalid read from stack R{n} off {}+{into} size {size}", span.min)
                } else {
                    let offset = base.scalar.tnum();
                    format!("invalid read from stack R{n} var_off {offset}+{into} size {size}")
                }
            })?;
        }
        let stack = &mut state.frames[usize::from(frame)].stack;
        if direction == Direction::Write {
            for off in span.min..span.max {
                let (index, byte) = Stack::locate(off);
                let slot = stack.slot_mut(index);
                slot.scrub();
                slot.bytes[byte] = Byte::Misc;
            }
        }
        Ok(())
    }
}

/// What a call does to memory that it gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MemoryUse {
    /// Reads it.
    Reads,
    /// Writes all of it, so that what it held does not matter.
    Fills,
    /// Reads and writes it, or writes a part that only the run decides.
    Changes,
}

impl MemoryUse {
    /// Whether memory must be writable for that.
    pub(crate) fn direction(self) -> Direction {
        if self == MemoryUse::Reads { Direction::Read } else { Direction::Write }
    }
}

/// What a store puts there.
#[derive(Clone, Copy)]
enum Source {
    Register(Reg),
    Constant(i32),
}

/// Keeps the value in the slot's first `size` bytes; of the others, those that are zero may stay so.
fn spill(slot: &mut Slot, mut value: Value, size: Size, zeros_stay: bool) {
    let bytes = size.bytes() as usize;
    if value.is_scalar() && width_of(&value.scalar) > size.bytes() * 8 {
        value.id = 0;
        value.tie = Tie::Equal;
        value.off = 0;
    }
    for byte in &mut slot.bytes[bytes..] {
        *byte = match *byte {
            Byte::Zero if zeros_stay => Byte::Zero,
            Byte::Uninit => Byte::Uninit,
            Byte::Zero | Byte::Spill | Byte::Misc | Byte::Object => Byte::Misc,
        };
    }
    slot.bytes[..bytes].fill(Byte::Spill);
    slot.spilled = value;
}

/// Whether releases without [`Rule::NumbersKept`] keep a number on the stack: zero is known by its bytes, and of an unknown
/// one there is nothing to know.
fn is_worth_keeping(value: &Value) -> bool {
    !value.is_null() && !value.scalar.is_unknown()
}

/// How many bits the number needs.
pub(crate) fn width_of(scalar: &Scalar) -> u32 {
    64 - scalar.umax().leading_zeros()
}

fn is_zero_byte(stack: &Stack, off: i64) -> bool {
    let (index, _) = Stack::locate(off);
    match stack.byte(off) {
        Byte::Zero => true,
        Byte::Spill => stack.slot(index).is_some_and(|slot| slot.spilled.is_null()),
        Byte::Misc | Byte::Uninit | Byte::Object => false,
    }
}
