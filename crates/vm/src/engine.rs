//! The one definition of what executing an instruction does.
//!
//! Both runners are this engine with a [`Monitor`]. The interpreter's monitor does nothing and vanishes when compiled;
//! the checked interpreter's looks at every step before it happens and stops what must not. So whatever the one
//! computes the other computes, and the conformance vectors exercise the code of both.

use belay_isa::{AtomicOp, Reg, Size, Src};

use crate::alu;
use crate::errno::r0;
use crate::helpers::{Body, Helper};
use crate::kfuncs::Kfunc;
use crate::op::{Code, Invalid, Op};
use crate::timers;
use crate::world::World;

/// Bytes of stack in a frame.
pub(crate) const FRAME_SIZE: u32 = 512;
/// Frames on the call stack, the entry program's among them.
pub(crate) const MAX_FRAMES: usize = 8;
/// Iterations that the `may_goto`s of one frame allow, and a `bpf_loop` (`BPF_MAX_LOOPS`).
pub(crate) const MAX_LOOPS: u32 = 8 << 20;

/// What `bpf_loop` returns for more rounds: Linux writes the loop into the program (where flags are known to be 0), and
/// there sets the 32 bits of `-E2BIG`.
pub(crate) const TOO_MANY_ROUNDS: u64 = 0xffff_fff9;

const EINVAL: i64 = -22;

/// What happens when a frame's function returns.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    /// The caller goes on.
    Return,
    /// `bpf_loop`: the callback is called again, or the helper returns.
    Loop { callback: u32, context: u64, done: u32, total: u32 },
    /// `bpf_for_each_map_elem`: likewise, with the next element.
    ForEach { callback: u32, context: u64, map: u64, cursor: u64, done: u32 },
}

/// A call in progress: what to restore when it returns.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'r> {
    pub(crate) code: &'r Code,
    pub(crate) return_to: u32,
    pub(crate) saved: [u64; 4],
    pub(crate) may_goto: u32,
    pub(crate) then: Then,
}

/// Registers and call stack.
pub(crate) struct State<'r> {
    regs: [u64; 16],
    /// The slot that is executed.
    pub(crate) pc: u32,
    /// The program that is executed.
    pub(crate) code: &'r Code,
    frames: [Frame<'r>; MAX_FRAMES - 1],
    /// How many calls are in progress.
    pub(crate) depth: usize,
    /// Instructions executed.
    pub(crate) executed: u64,
    may_goto: u32,
    stack_top: u64,
}

impl<'r> State<'r> {
    /// Ready to execute the first slot of `code`; `stack_top` is the end of [`MAX_FRAMES`] frames.
    pub(crate) fn new(code: &'r Code, stack_top: u64) -> State<'r> {
        let idle = Frame { code, return_to: 0, saved: [0; 4], may_goto: 0, then: Then::Return };
        let mut state = State {
            regs: [0; 16],
            pc: 0,
            code,
            frames: [idle; MAX_FRAMES - 1],
            depth: 0,
            executed: 0,
            may_goto: MAX_LOOPS,
            stack_top,
        };
        state.set(Reg::FP, stack_top);
        state
    }

    /// A register's value.
    #[inline]
    pub(crate) fn get(&self, reg: Reg) -> u64 {
        self.regs[reg.index() & 15]
    }

    /// Sets a register.
    #[inline]
    pub(crate) fn set(&mut self, reg: Reg, value: u64) {
        self.regs[reg.index() & 15] = value;
    }

    /// An operand's value: constants are sign-extended.
    #[inline]
    pub(crate) fn operand(&self, src: Src) -> u64 {
        match src {
            Src::Imm(imm) => i64::from(imm) as u64,
            Src::Reg(reg) => self.get(reg),
        }
    }

    /// The address `off` bytes from a register.
    #[inline]
    pub(crate) fn address(&self, base: Reg, off: i32) -> u64 {
        self.get(base).wrapping_add(i64::from(off) as u64)
    }

    /// The innermost call, if any.
    pub(crate) fn frame(&self) -> Option<&Frame<'r>> {
        self.frames.get(self.depth.checked_sub(1)?)
    }

    /// The arguments of a helper call.
    pub(crate) fn args(&self) -> [u64; 5] {
        [1, 2, 3, 4, 5].map(|i| self.regs[i])
    }

    /// The end of the current frame.
    fn frame_top(&self) -> u64 {
        self.stack_top - (self.depth as u64) * u64::from(FRAME_SIZE)
    }

    fn push(&mut self, then: Then, return_to: u32) -> bool {
        let saved = [6, 7, 8, 9].map(|i| self.regs[i]);
        let (code, may_goto) = (self.code, self.may_goto);
        let Some(frame) = self.frames.get_mut(self.depth) else { return false };
        *frame = Frame { code, return_to, saved, may_goto, then };
        self.depth += 1;
        self.may_goto = MAX_LOOPS;
        self.set(Reg::FP, self.frame_top());
        true
    }

    fn pop(&mut self) -> Option<Frame<'r>> {
        self.depth = self.depth.checked_sub(1)?;
        let frame = self.frames[self.depth];
        self.regs[6..10].copy_from_slice(&frame.saved);
        self.code = frame.code;
        self.pc = frame.return_to;
        self.may_goto = frame.may_goto;
        self.set(Reg::FP, self.frame_top());
        Some(frame)
    }
}

/// Watches an execution, and may stop it.
pub(crate) trait Monitor {
    /// Why it stopped.
    type Stop;

    /// Before an op: the op to execute in its place (contexts are laid out otherwise than the program believes).
    fn before(&mut self, state: &State<'_>, world: &mut World<'_>, op: Op) -> Result<Op, Self::Stop>;

    /// After the helper of that number, which returned `r0`; the arguments are as at the call.
    fn called(
        &mut self,
        state: &State<'_>,
        world: &World<'_>,
        helper: u32,
        args: [u64; 5],
        r0: u64,
    ) -> Result<(), Self::Stop>;

    /// After a kernel function, which returned `r0`; the arguments are as at the call.
    fn called_kfunc(
        &mut self,
        state: &State<'_>,
        world: &World<'_>,
        kfunc: &'static Kfunc,
        args: [u64; 5],
        r0: u64,
    ) -> Result<(), Self::Stop>;

    /// After a function was entered by a call, or a callback by a helper; also each time the callback is repeated.
    fn entered(&mut self, state: &State<'_>, world: &World<'_>) -> Result<(), Self::Stop>;

    /// After a function or a callback returned, and before its caller or another round goes on.
    fn left(&mut self, state: &State<'_>, then: Then);

    /// After a helper that calls back returned.
    fn finished(&mut self, state: &State<'_>);

    /// After a tail call replaced the running function.
    fn tail_called(&mut self, state: &State<'_>);
}

/// How an execution ended, if nothing stopped it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// The program returned.
    Exit(u64),
    /// It came to a slot that cannot be executed. A verified program has none, and the checked interpreter stops
    /// before it.
    Stuck(Invalid),
}

/// Executes until the program returns or the monitor stops it.
pub(crate) fn execute<'r, M: Monitor>(
    monitor: &mut M,
    state: &mut State<'r>,
    world: &mut World<'r>,
) -> Result<End, M::Stop> {
    loop {
        let op = state.code.op(state.pc);
        let op = monitor.before(state, world, op)?;
        state.executed += 1;
        let mut next = state.pc.wrapping_add(1);
        match op {
            Op::Alu { op, width, dst, src } => {
                state.set(dst, alu::binary(op, width, state.get(dst), state.operand(src)));
            }
            Op::Neg { width, dst } => state.set(dst, alu::negate(width, state.get(dst))),
            Op::Mov { width, dst, src } => state.set(dst, alu::truncate(width, state.operand(src))),
            Op::MovSx { width, bits, dst, src } => {
                state.set(dst, alu::sign_extend(width, bits, state.get(src)));
            }
            Op::Endian { op, bits, dst } => state.set(dst, alu::endian(op, bits, state.get(dst))),
            Op::Load { size, signed, dst, base, off } => {
                let value = world.mem.load(state.address(base, off), size);
                state.set(dst, if signed { extended(size, value) } else { value });
            }
            Op::LoadObject { size, signed, dst, base, origin, place } => {
                let object = state.address(base, origin);
                let value = match object {
                    0 => 0,
                    _ => world.mem.load(object.wrapping_add(place as u64), size),
                };
                state.set(dst, if signed { extended(size, value) } else { value });
            }
            Op::Store { size, base, off, src } => {
                world.mem.store(state.address(base, off), size, state.operand(src));
            }
            Op::StoreBelow { size, base, off, src, limit } => {
                let value = state.get(src);
                if value < limit.into() {
                    world.mem.store(state.address(base, off), size, value);
                }
            }
            Op::Atomic { op, size, base, off, src } => {
                atomic(state, world, op, size, state.address(base, off), src);
            }
            Op::LoadAcquire { size, dst, base, off } => {
                state.set(dst, world.mem.load_acquire(state.address(base, off), size));
            }
            Op::StoreRelease { size, base, off, src } => {
                world.mem.store_release(state.address(base, off), size, state.get(src));
            }
            Op::Const { dst, value, .. } => {
                state.set(dst, value);
                // It takes two slots.
                next = next.wrapping_add(1);
            }
            Op::Jump { to } => next = to,
            Op::Branch { op, width, dst, src, to } => {
                if alu::holds(op, width, state.get(dst), state.operand(src)) {
                    next = to;
                }
            }
            Op::MayGoto { to } => match state.may_goto.checked_sub(1) {
                Some(left) => state.may_goto = left,
                None => next = to,
            },
            Op::Call { to } => {
                if !state.push(Then::Return, next) {
                    return Ok(End::Stuck(Invalid::Depth));
                }
                world.machine.stack.reached(state.depth);
                next = to;
                monitor.entered(state, world)?;
            }
            Op::LoadPacket { size, index, off } => {
                let index = index.map_or(0, |reg| state.get(reg) as u32);
                match world.load_packet(off.wrapping_add(index as i32), size) {
                    Some(value) => state.set(Reg::R0, value),
                    // Out of the packet: the function returns 0 at once.
                    None => {
                        state.set(Reg::R0, 0);
                        match leave(monitor, state, world)? {
                            Some(pc) => next = pc,
                            None => return Ok(End::Exit(0)),
                        }
                    }
                }
            }
            Op::Helper(helper) => next = call(monitor, state, world, helper, next)?,
            Op::Kfunc(kfunc) => {
                let args = state.args();
                let r0 = kfunc.call(world, args);
                state.set(Reg::R0, r0);
                monitor.called_kfunc(state, world, kfunc, args, r0)?;
            }
            Op::Own(index) => {
                let args = state.args();
                let Some(own) = state.code.own(index) else { return Ok(End::Stuck(Invalid::Outside)) };
                let r0 = own.call(world, args);
                state.set(Reg::R0, r0);
                monitor.called(state, world, own.signature().id, args, r0)?;
            }
            Op::Exit => match leave(monitor, state, world)? {
                Some(pc) => next = pc,
                None => return Ok(End::Exit(state.get(Reg::R0))),
            },
            Op::Invalid(why) => return Ok(End::Stuck(why)),
        }
        state.pc = next;
    }
}

/// A sign-extending load's value.
#[inline]
fn extended(size: Size, value: u64) -> u64 {
    match size {
        Size::B => i64::from(value as i8) as u64,
        Size::H => i64::from(value as i16) as u64,
        Size::W => i64::from(value as i32) as u64,
        Size::DW => value,
    }
}

fn atomic(state: &mut State<'_>, world: &World<'_>, op: AtomicOp, size: Size, addr: u64, src: Reg) {
    let old = world.mem.atomic(op, size, addr, state.get(src), state.get(Reg::R0));
    match op {
        AtomicOp::Cmpxchg => state.set(Reg::R0, old),
        AtomicOp::Xchg
        | AtomicOp::Add { fetch: true }
        | AtomicOp::Or { fetch: true }
        | AtomicOp::And { fetch: true }
        | AtomicOp::Xor { fetch: true } => state.set(src, old),
        AtomicOp::Add { .. } | AtomicOp::Or { .. } | AtomicOp::And { .. } | AtomicOp::Xor { .. } => {}
    }
}

/// Calls a helper; the result is the slot to go on with.
fn call<'r, M: Monitor>(
    monitor: &mut M,
    state: &mut State<'r>,
    world: &mut World<'r>,
    helper: &'static Helper,
    next: u32,
) -> Result<u32, M::Stop> {
    let args = state.args();
    let result = match helper.body {
        Body::Plain(body, _) => body(world, args),
        Body::TailCall => match tail_call(state, world, args) {
            true => {
                monitor.tail_called(state);
                return Ok(0);
            }
            false => EINVAL as u64,
        },
        Body::Loop => {
            let [total, callback, context, flags, _] = args;
            let total = total as u32;
            if flags != 0 {
                EINVAL as u64
            } else if total > MAX_LOOPS {
                TOO_MANY_ROUNDS
            } else {
                let then = Then::Loop { callback: callback as u32, context, done: 0, total };
                return repeat(monitor, state, world, then, Some(next));
            }
        }
        Body::ForEach => {
            let [map, callback, context, flags, _] = args;
            if flags != 0 {
                EINVAL as u64
            } else {
                let then = Then::ForEach { callback: callback as u32, context, map, cursor: 0, done: 0 };
                return repeat(monitor, state, world, then, Some(next));
            }
        }
        Body::TimerCallback => {
            let [timer, callback, ..] = args;
            r0(timers::set_callback(world, timer, callback, state.code))
        }
    };
    state.set(Reg::R0, result);
    monitor.called(state, world, helper.id, args, result)?;
    Ok(next)
}

/// Replaces the running function by a program; false where the helper fails, and the caller goes on.
fn tail_call<'r>(state: &mut State<'r>, world: &mut World<'r>, [_, map, index, ..]: [u64; 5]) -> bool {
    let Some(code) = world.tail_call(map, index as u32) else { return false };
    state.code = code;
    state.may_goto = MAX_LOOPS;
    state.set(Reg::R1, world.context);
    true
}

/// Leaves the current function. The slot to go on with; none where it was the entry program.
fn leave<'r, M: Monitor>(
    monitor: &mut M,
    state: &mut State<'r>,
    world: &mut World<'r>,
) -> Result<Option<u32>, M::Stop> {
    let Some(frame) = state.pop() else { return Ok(None) };
    monitor.left(state, frame.then);
    let stop = state.get(Reg::R0) != 0;
    let then = match frame.then {
        Then::Return => return Ok(Some(frame.return_to)),
        Then::Loop { done, .. } | Then::ForEach { done, .. } if stop => {
            return Ok(Some(finish(monitor, state, done, frame.return_to)));
        }
        again => again,
    };
    repeat(monitor, state, world, then, None).map(Some)
}

/// Starts the next round of a helper that calls back, or returns from it; the slot to go on with.
/// `first` is the slot to return to, given for the first round.
fn repeat<'r, M: Monitor>(
    monitor: &mut M,
    state: &mut State<'r>,
    world: &mut World<'r>,
    then: Then,
    first: Option<u32>,
) -> Result<u32, M::Stop> {
    let return_to = first.unwrap_or(state.pc);
    let (then, callback, args) = match then {
        Then::Return => return Ok(return_to),
        Then::Loop { callback, context, done, total } => {
            if done >= total {
                return Ok(finish(monitor, state, done, return_to));
            }
            let round = Then::Loop { callback, context, done: done + 1, total };
            (round, callback, [u64::from(done), context, 0, 0])
        }
        Then::ForEach { callback, context, map, cursor, done } => {
            let Some(element) = world.element(map, cursor, state.depth) else {
                return Ok(finish(monitor, state, done, return_to));
            };
            let round =
                Then::ForEach { callback, context, map, cursor: element.next, done: done.saturating_add(1) };
            (round, callback, [map, element.key, element.value, context])
        }
    };
    if !state.push(then, return_to) {
        return Ok(crate::op::OUTSIDE);
    }
    world.machine.stack.reached(state.depth);
    for (reg, value) in [Reg::R1, Reg::R2, Reg::R3, Reg::R4].into_iter().zip(args) {
        state.set(reg, value);
    }
    monitor.entered(state, world)?;
    Ok(callback)
}

/// A helper that called back returns how many rounds it made.
fn finish<M: Monitor>(monitor: &mut M, state: &mut State<'_>, done: u32, return_to: u32) -> u32 {
    state.set(Reg::R0, u64::from(done));
    monitor.finished(state);
    return_to
}
