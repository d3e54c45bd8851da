//! Conditional jumps: which way a comparison can go, and what each way teaches.

use belay_isa::{CmpOp, Reg, Src, Width};
use belay_spec::{Release, Rule, SockKind};

use crate::fault::Check;
use crate::precision::Linked;
use crate::scalar::{Outcome, Scalar};
use crate::state::State;
use crate::value::{Kind, PacketRange, Pointer, Tie, Value};
use crate::walk::Walk;

/// Largest offset into a packet that a comparison may vouch for.
const MAX_PACKET_OFFSET: u64 = 0xffff;

/// The ways a comparison can go.
pub(crate) enum Ways {
    /// Only one: taken or not.
    One(bool),
    /// Both; the state given was refined for "not taken", this is the one for "taken".
    Both(Box<State>),
}

impl Walk<'_> {
    /// `if dst op src`
    pub(crate) fn compare(
        &mut self,
        state: &mut State,
        op: CmpOp,
        width: Width,
        dst: Reg,
        src: Src,
    ) -> Check<Ways> {
        let right = self.operand(state, src, width)?;
        let left = *self.readable(state, dst)?;
        let outcome = match (left.is_pointer(), right.is_pointer()) {
            (false, false) => Scalar::branch(self.release, op, width, &left.scalar, &right.scalar),
            _ => decided_pointers(self.release, op, width, &left, &right),
        };
        let src_reg = match src {
            Src::Reg(reg) => Some(reg),
            Src::Imm(_) => None,
        };
        let is_stack = |value: &Value| matches!(value.as_pointer(), Some(Pointer::Stack { .. }));
        self.notes.stack_operands = (is_stack(&left), src_reg.is_some() && is_stack(&right));
        if outcome != Outcome::Unknown {
            for reg in [Some(dst), src_reg].into_iter().flatten() {
                self.relies_on(state, reg);
            }
            return Ok(Ways::One(outcome == Outcome::Always));
        }
        self.notes.linked = narrowed_together(state, dst, src_reg);
        let mut taken = Box::new(state.clone());
        if left.is_scalar() && right.is_scalar() {
            refine_numbers(self.release, state, op, width, false, dst, src_reg, &right);
            refine_numbers(self.release, &mut taken, op, width, true, dst, src_reg, &right);
        } else if width == Width::W64 {
            let keeps_id = self.is_told_apart(&left);
            learn_from_pointers(self.release, state, &mut taken, op, (dst, left), (src_reg, right), keeps_id);
        }
        Ok(Ways::Both(taken))
    }
}

/// The places of the numbers tied to either operand, these included. Those for which there is no room are untied.
fn narrowed_together(state: &mut State, dst: Reg, src: Option<Reg>) -> Linked {
    let mut linked = Linked::default();
    for reg in [src, Some(dst)].into_iter().flatten() {
        let id = state.reg(reg).id;
        if !state.reg(reg).is_scalar() || id == 0 {
            continue;
        }
        state.for_each_place(|place, value| {
            if value.is_scalar() && value.id == id && !linked.push(place) {
                value.id = 0;
                value.tie = Tie::Equal;
            }
        });
    }
    linked
}

/// Narrows both operands, and whatever is tied to them.
#[allow(clippy::too_many_arguments, reason = "a comparison, and where it is")]
fn refine_numbers(
    release: Release,
    state: &mut State,
    op: CmpOp,
    width: Width,
    taken: bool,
    dst: Reg,
    src: Option<Reg>,
    right: &Value,
) {
    let mut left = state.reg(dst).scalar;
    let mut right = right.scalar;
    if src == Some(dst) {
        let _ = Scalar::refine_same(release, op, width, taken, &mut left);
        right = left;
    } else {
        let _ = Scalar::refine(release, op, width, taken, &mut left, &mut right);
    }
    state.frame_mut().regs[dst].scalar = left;
    if let Some(src) = src {
        state.frame_mut().regs[src].scalar = right;
        share_with_linked(release, state, src);
    }
    share_with_linked(release, state, dst);
}

/// What was learnt of a number holds for every number tied to it, shifted by the distance between them.
fn share_with_linked(release: Release, state: &mut State, reg: Reg) {
    let known = *state.reg(reg);
    if known.id == 0 || !known.is_scalar() {
        return;
    }
    state.for_each_value_in(!release.has(Rule::NarrowSpillsLinked), |value| {
        if !value.is_scalar() || value.id != known.id {
            return;
        }
        match (value.tie, known.tie) {
            // Sums of different widths say nothing of each other.
            (Tie::Sum, Tie::Sum32) | (Tie::Sum32, Tie::Sum) => {}
            (Tie::Equal, Tie::Equal) => *value = known,
            _ if value.off == known.off => *value = known,
            _ => {
                let distance = i64::from(value.off) - i64::from(known.off);
                let shift = Scalar::constant(distance as u64);
                let sum = Scalar::alu(release, belay_isa::AluOp::Add, Width::W64, &known.scalar, &shift);
                let narrow = value.tie == Tie::Sum32 || known.tie == Tie::Sum32;
                value.scalar = if narrow { sum.zero_extend32(release) } else { sum };
            }
        }
    });
}

/// Comparisons of pointers that are decided: with NULL, or with the end of a packet that was compared before.
fn decided_pointers(release: Release, op: CmpOp, width: Width, left: &Value, right: &Value) -> Outcome {
    if let (Some(l), Some(r)) = (left.as_pointer(), right.as_pointer()) {
        return match (l, r) {
            _ if width == Width::W32 => Outcome::Unknown,
            (Pointer::Packet(range), Pointer::PacketEnd) => decided_packet(op, range),
            (Pointer::PacketEnd, Pointer::Packet(range)) => decided_packet(flipped(op), range),
            _ => Outcome::Unknown,
        };
    }
    let (pointer, number) = if left.is_pointer() { (left, right) } else { (right, left) };
    // Linux decides the 32-bit comparison in the same way, although the lower half of an address may be zero.
    let zero = match width {
        Width::W64 => number.scalar.as_constant() == Some(0),
        Width::W32 => number.scalar.as_constant32() == Some(0),
    };
    match op {
        _ if !is_never_null(release, pointer) || !zero => Outcome::Unknown,
        CmpOp::Eq => Outcome::Never,
        CmpOp::Ne => Outcome::Always,
        _ => Outcome::Unknown,
    }
}

/// The pointers that Linux takes to be different from NULL when it decides a comparison.
fn is_never_null(release: Release, value: &Value) -> bool {
    let kind = matches!(
        value.as_pointer(),
        Some(
            Pointer::Socket(SockKind::Sock | SockKind::TcpSock | SockKind::SockCommon)
                | Pointer::MapValue(_)
                | Pointer::MapKey(_)
                | Pointer::Memory(_)
                | Pointer::Map(_)
        )
    );
    let trusted = release.has(Rule::TrustedPointers) && value.is_object() && value.is_trusted();
    (kind || trusted) && !value.nullable
}

/// `packet op packet_end`, when an earlier comparison settled it.
fn decided_packet(op: CmpOp, range: PacketRange) -> Outcome {
    let always = |yes| if yes { Outcome::Always } else { Outcome::Never };
    match (op, range) {
        (CmpOp::Gt | CmpOp::Le, PacketRange::BeyondEnd) => always(op == CmpOp::Gt),
        (CmpOp::Ge | CmpOp::Lt, PacketRange::BeyondEnd | PacketRange::AtEnd) => always(op == CmpOp::Ge),
        _ => Outcome::Unknown,
    }
}

/// The operator when its operands change sides.
fn flipped(op: CmpOp) -> CmpOp {
    match op {
        CmpOp::Gt => CmpOp::Lt,
        CmpOp::Ge => CmpOp::Le,
        CmpOp::Lt => CmpOp::Gt,
        CmpOp::Le => CmpOp::Ge,
        CmpOp::Sgt => CmpOp::Slt,
        CmpOp::Sge => CmpOp::Sle,
        CmpOp::Slt => CmpOp::Sgt,
        CmpOp::Sle => CmpOp::Sge,
        CmpOp::Eq | CmpOp::Ne | CmpOp::Set => op,
    }
}

/// What a comparison of pointers teaches: NULL or not, or how far the packet reaches.
fn learn_from_pointers(
    release: Release,
    fall: &mut State,
    taken: &mut State,
    op: CmpOp,
    (dst, left): (Reg, Value),
    (src, right): (Option<Reg>, Value),
    keeps_id: bool,
) {
    let equality = matches!(op, CmpOp::Eq | CmpOp::Ne);
    if let (true, true, Some(src)) = (equality, left.is_pointer() && right.is_pointer(), src)
        && left.nullable != right.nullable
        && release.has(Rule::NotNullByEquality)
        && !left.is_object()
        && !right.is_object()
    {
        // Equal to a pointer that is not NULL: not NULL either. As in Linux, only this register learns it, and nothing
        // is learnt from objects: addresses of those may be NULL whatever their type says.
        let equal = if op == CmpOp::Eq { taken } else { fall };
        equal.frame_mut().regs[if left.nullable { dst } else { src }].nullable = false;
        return;
    }
    if equality && left.is_pointer() && left.nullable && right.is_null() {
        taken.settle_null_check(left.id, op == CmpOp::Eq, keeps_id);
        fall.settle_null_check(left.id, op == CmpOp::Ne, keeps_id);
        return;
    }
    if let Some(src) = src {
        learn_packet_range(fall, taken, op, (dst, &left), (src, &right));
    }
}

/// After `packet + n <= end` n bytes are there. `left op right` with one side a packet pointer and the other the end
/// (or, for metadata, the start of the packet).
fn learn_packet_range(
    fall: &mut State,
    taken: &mut State,
    op: CmpOp,
    (dst, left): (Reg, &Value),
    (src, right): (Reg, &Value),
) {
    let (reg, pointer, op) = match (left.as_pointer(), right.as_pointer()) {
        (Some(Pointer::Packet(_)), Some(Pointer::PacketEnd)) => (dst, left, op),
        (Some(Pointer::PacketEnd), Some(Pointer::Packet(_))) => (src, right, flipped(op)),
        (Some(Pointer::PacketMeta(_)), Some(Pointer::Packet(_))) if is_packet_start(right) => (dst, left, op),
        (Some(Pointer::Packet(_)), Some(Pointer::PacketMeta(_))) if is_packet_start(left) => {
            (src, right, flipped(op))
        }
        _ => return,
    };
    // `inside`: the way on which the pointer is at most the end; `strict`: it is below the end there.
    let (inside, outside, strict) = match op {
        CmpOp::Gt => (fall, taken, false),
        CmpOp::Ge => (fall, taken, true),
        CmpOp::Lt => (taken, fall, true),
        CmpOp::Le => (taken, fall, false),
        _ => return,
    };
    vouch_for_packet(inside, pointer, strict);
    let beyond = if strict { PacketRange::AtEnd } else { PacketRange::BeyondEnd };
    mark_beyond_end(outside, reg, beyond);
}

fn is_packet_start(value: &Value) -> bool {
    value.id == 0 && value.off == 0 && value.scalar.as_constant() == Some(0)
}

fn vouch_for_packet(state: &mut State, pointer: &Value, strict: bool) {
    let vouches_for_nothing = pointer.off < 0 || pointer.off == 0 && strict;
    let far = pointer.scalar.umax();
    if vouches_for_nothing || far > MAX_PACKET_OFFSET || far + pointer.off as u64 > MAX_PACKET_OFFSET {
        return;
    }
    let range = pointer.off as u32 + u32::from(strict);
    let meta = matches!(pointer.as_pointer(), Some(Pointer::PacketMeta(_)));
    state.widen_packet_range(pointer.id, meta, range);
}

/// Remembers, in the one register that was compared, that it lies at or behind the end.
fn mark_beyond_end(state: &mut State, reg: Reg, range: PacketRange) {
    let value = &mut state.frame_mut().regs[reg];
    if let Some(Pointer::Packet(_)) = value.as_pointer() {
        value.kind = Kind::Pointer(Pointer::Packet(range));
    }
}
