//! Our walk of a program, in the kernel's order.

use crate::program::{PACKET, Program};
use belay_isa::{AluOp, CmpOp, Imm64, Insn, Reg, Src, Width};
use belay_spec::Release;
use belay_verifier::scalar::{Outcome, Scalar};
use std::collections::BTreeMap;

/// Variable offsets of pointers from here on are refused, in either direction.
const OFFSET_LIMIT: i64 = 1 << 29;

/// What is known of the variables and of the constant's register. `None` before the first write.
pub(crate) type State = BTreeMap<u8, Scalar>;

/// The state after the instruction at a slot, or where a postponed branch starts.
#[derive(Debug)]
pub(crate) enum Event<S> {
    After { pc: u32, state: S },
    From { from: u32, to: u32, state: S },
}

/// The walk of a program in the kernel's order: the branch not taken first, the one taken later, last one first.
pub(crate) fn walk(release: Release, program: &Program) -> Vec<Event<State>> {
    let mut events = Vec::new();
    let mut postponed: Vec<(u32, u32, State)> = vec![];
    let mut state = State::new();
    let mut pc = 0;
    loop {
        let insn = program[&pc];
        let mut next = pc + insn.slots();
        let read = |state: &State, reg: Reg| state.get(&reg.number()).copied().unwrap_or(Scalar::UNKNOWN);
        let value = |state: &State, src: Src| match src {
            Src::Imm(imm) => Scalar::constant(i64::from(imm) as u64),
            Src::Reg(reg) => read(state, reg),
        };
        match insn {
            Insn::Call(_) => {
                state.insert(Reg::R0.number(), Scalar::unknown());
            }
            Insn::LoadImm64 { dst, value: Imm64::Value(value) } => {
                state.insert(dst.number(), Scalar::constant(value));
            }
            Insn::Mov { width, dst, src } => {
                let moved = value(&state, src).mov(release, width);
                state.insert(dst.number(), moved);
            }
            Insn::MovSx { width, bits, dst, src } => {
                let moved = read(&state, src).sign_extend(release, u32::from(bits), width);
                state.insert(dst.number(), moved);
            }
            Insn::Neg { width, dst } => {
                let negated = read(&state, dst).neg(release, width);
                state.insert(dst.number(), negated);
            }
            Insn::Endian { op, bits, dst } => {
                let swapped = read(&state, dst).byte_swap(release, op, bits);
                state.insert(dst.number(), swapped);
            }
            Insn::Store { .. } => {}
            // Of a pointer, its variable part.
            Insn::Load { dst: PACKET, .. } => {
                state.insert(PACKET.number(), Scalar::constant(0));
            }
            Insn::Alu { op, dst: PACKET, src, .. } => {
                let (pointer, number) = (read(&state, PACKET), value(&state, src));
                if number.as_constant().is_some() || !is_sane(&pointer) || !is_sane(&number) {
                    // A constant goes to the fixed part, which is not ours; what is not sane is refused.
                    return events;
                }
                let moved = match op {
                    AluOp::Add => pointer.pointer_plus(release, &number),
                    _ => pointer.pointer_minus(release, &number),
                };
                if !is_sane(&moved) {
                    return events;
                }
                state.insert(PACKET.number(), moved);
            }
            Insn::Load { size, signed, dst, .. } => {
                let loaded = read(&state, dst).extend_loaded(release, size, signed);
                state.insert(dst.number(), loaded);
            }
            Insn::Alu { op, width, dst, src } => {
                let src = value(&state, src);
                let mut operand = read(&state, dst);
                let fork = Scalar::fork_before(release, op, &operand, &src);
                if let Some((_zero, ones)) = fork {
                    operand = ones;
                }
                state.insert(dst.number(), Scalar::alu(release, op, width, &operand, &src));
                if fork.is_some() {
                    // From here on there are two walks of the same code, and the kernel may prune the second.
                    events.push(Event::After { pc, state });
                    return events;
                }
            }
            Insn::Branch { op, width, dst, src, off } => {
                let target = next.wrapping_add_signed(i32::from(off));
                let (a, b) = (read(&state, dst), value(&state, src));
                match Scalar::branch(release, op, width, &a, &b) {
                    Outcome::Always => next = target,
                    Outcome::Never => {}
                    Outcome::Unknown => {
                        let taken = after_branch(release, &state, op, width, true, dst, src);
                        postponed.push((pc, target, taken));
                        state = after_branch(release, &state, op, width, false, dst, src);
                    }
                }
            }
            Insn::Exit => {
                events.push(Event::After { pc, state: State::new() });
                let Some((from, to, resumed)) = postponed.pop() else { return events };
                events.push(Event::From { from, to, state: resumed.clone() });
                state = resumed;
                next = to;
                pc = next;
                continue;
            }
            other => unreachable!("{other:?} is not generated"),
        }
        events.push(Event::After { pc, state: state.clone() });
        pc = next;
    }
}

fn is_sane(offset: &Scalar) -> bool {
    let limits = -OFFSET_LIMIT + 1..OFFSET_LIMIT;
    match offset.as_constant() {
        Some(value) => limits.contains(&value.cast_signed()),
        None => limits.contains(&offset.smin()) && offset.smax() < OFFSET_LIMIT,
    }
}

fn after_branch(
    release: Release,
    state: &State,
    op: CmpOp,
    width: Width,
    taken: bool,
    dst: Reg,
    src: Src,
) -> State {
    let mut state = state.clone();
    let mut a = state[&dst.number()];
    let _ = match src {
        Src::Reg(src) if src == dst => Scalar::refine_same(release, op, width, taken, &mut a),
        Src::Reg(src) => {
            let mut b = state[&src.number()];
            let consistency = Scalar::refine(release, op, width, taken, &mut a, &mut b);
            state.insert(src.number(), b);
            consistency
        }
        Src::Imm(imm) => {
            Scalar::refine(release, op, width, taken, &mut a, &mut Scalar::constant(i64::from(imm) as u64))
        }
    };
    state.insert(dst.number(), a);
    state
}
