//! The scalar domain says what the running kernel's verifier says, bound for bound.
//!
//! Random programs of arithmetic and jumps on two registers of unknown content are walked twice: by the kernel, which
//! prints what it knows of a register after each instruction, and here, in the same order. Every printed register must
//! be the very text that [`Scalar`]'s `Display` gives: bits and all eight bounds, no less known and no more.
//!
//! `PROPTEST_CASES` sets how many programs are tried.

use belay_isa::{AluOp, CallTarget, CmpOp, EndianOp, Imm64, Insn, Reg, Size, Slot, Src, Width};
use belay_linux::{Kernel, Load, LogLevel};
use belay_verifier::scalar::{Outcome, Scalar};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::Cell;
use std::collections::BTreeMap;

/// `BPF_PROG_TYPE_SCHED_CLS`.
const SCHED_CLS: u32 = 3;
/// `bpf_ktime_get_ns`: a number of which nothing is known.
const KTIME_GET_NS: i32 = 5;
/// The registers that the programs compute with. `r8` holds 64-bit constants.
const VARIABLES: [Reg; 2] = [Reg::R6, Reg::R7];

/// One step of a program, on one of the variables.
#[derive(Clone, Debug)]
enum Step {
    Alu {
        op: AluOp,
        width: Width,
        dst: usize,
        src: Operand,
    },
    Neg {
        width: Width,
        dst: usize,
    },
    ZeroExtend {
        dst: usize,
    },
    SignExtend {
        width: Width,
        bits: u8,
        dst: usize,
    },
    Endian {
        op: EndianOp,
        bits: u8,
        dst: usize,
    },
    /// Through the stack: all of it is stored, the lowest bytes are loaded.
    Reload {
        size: Size,
        signed: bool,
        dst: usize,
    },
    /// Goes on where the jump is taken, or where it is not; the other way ends the program.
    Branch {
        op: CmpOp,
        width: Width,
        dst: usize,
        src: Operand,
        follow_taken: bool,
    },
}

#[derive(Clone, Debug)]
enum Operand {
    Imm(i32),
    Wide(u64),
    Variable(usize),
}

/// Numbers around which the domain has edges.
fn number() -> impl Strategy<Value = u64> {
    let around_powers = (0u32..64, -2i64..3, any::<bool>()).prop_map(|(bit, delta, negate)| {
        let value = (1u64 << bit).wrapping_add_signed(delta);
        if negate { value.wrapping_neg() } else { value }
    });
    let edges = prop::sample::select(vec![
        0,
        u64::from(u32::MAX),
        u64::MAX,
        i32::MIN as u64,
        i32::MAX as u64,
        i64::MIN as u64,
        i64::MAX as u64,
        0xffff_ffff_0000_0000,
        0x8000_0000_8000_0000,
    ]);
    prop_oneof![2 => 0u64..300, 1 => (0u64..300).prop_map(u64::wrapping_neg), 4 => around_powers, 2 => edges, 2 => any::<u64>()]
}

fn operand() -> impl Strategy<Value = Operand> {
    prop_oneof![
        5 => number().prop_map(|n| Operand::Imm(n as i32)),
        2 => number().prop_map(Operand::Wide),
        3 => (0..VARIABLES.len()).prop_map(Operand::Variable),
    ]
}

fn width() -> impl Strategy<Value = Width> {
    prop_oneof![Just(Width::W32), Just(Width::W64)]
}

fn alu() -> impl Strategy<Value = Step> {
    use AluOp::{Add, And, Arsh, Div, Lsh, Mod, Mul, Or, Rsh, Sdiv, Smod, Sub, Xor};
    let op = prop_oneof![
        12 => prop::sample::select(vec![Add, Sub, Mul, And, Or, Xor]),
        6 => prop::sample::select(vec![Lsh, Rsh, Arsh]),
        1 => prop::sample::select(vec![Div, Sdiv, Mod, Smod]),
    ];
    (op, width(), 0..VARIABLES.len(), operand(), 0..64i32).prop_map(|(op, width, dst, src, amount)| {
        let bits = if width == Width::W32 { 32 } else { 64 };
        let src = match (op, src) {
            // Immediates that the kernel refuses outright: shifts by the width or more, division by zero.
            (Lsh | Rsh | Arsh, Operand::Imm(_)) => Operand::Imm(amount % bits),
            (Lsh | Rsh | Arsh, Operand::Wide(n)) if n % 2 == 0 => Operand::Wide(n % 70),
            (Div | Sdiv | Mod | Smod, Operand::Imm(0)) => Operand::Imm(1),
            (_, src) => src,
        };
        Step::Alu { op, width, dst, src }
    })
}

fn branch() -> impl Strategy<Value = Step> {
    use CmpOp::{Eq, Ge, Gt, Le, Lt, Ne, Set, Sge, Sgt, Sle, Slt};
    let op = prop::sample::select(vec![Eq, Ne, Set, Gt, Ge, Lt, Le, Sgt, Sge, Slt, Sle]);
    (op, width(), 0..VARIABLES.len(), operand(), any::<bool>())
        .prop_map(|(op, width, dst, src, follow_taken)| Step::Branch { op, width, dst, src, follow_taken })
}

fn step() -> impl Strategy<Value = Step> {
    let dst = || 0..VARIABLES.len();
    let sign_extend =
        prop_oneof![(prop::sample::select(vec![8, 16]), width()), (Just(32), Just(Width::W64)),];
    let order = prop::sample::select(vec![EndianOp::ToLe, EndianOp::ToBe, EndianOp::Swap]);
    prop_oneof![
        10 => alu(),
        12 => branch(),
        1 => (width(), dst()).prop_map(|(width, dst)| Step::Neg { width, dst }),
        1 => dst().prop_map(|dst| Step::ZeroExtend { dst }),
        2 => (sign_extend, dst()).prop_map(|((bits, width), dst)| Step::SignExtend { width, bits, dst }),
        1 => (order, prop::sample::select(vec![16, 32, 64]), dst())
            .prop_map(|(op, bits, dst)| Step::Endian { op, bits, dst }),
        1 => (prop::sample::select(vec![Size::B, Size::H, Size::W]), any::<bool>(), dst())
            .prop_map(|(size, signed, dst)| Step::Reload { size, signed, dst }),
    ]
}

/// The instructions of a program, each at its slot; every way out of the straight line has an exit of its own, so that
/// the kernel finds no state to prune.
fn assemble(steps: &[Step]) -> BTreeMap<u32, Insn> {
    let mut code = Code::default();
    for variable in VARIABLES {
        code.push(Insn::Call(CallTarget::Helper(KTIME_GET_NS)));
        code.push(Insn::Mov { width: Width::W64, dst: variable, src: Src::Reg(Reg::R0) });
    }
    for step in steps {
        code.step(step);
    }
    code.exit();
    code.finish()
}

#[derive(Default)]
struct Code {
    insns: BTreeMap<u32, Insn>,
    next: u32,
    /// Branches that wait for their exit.
    open: Vec<u32>,
}

impl Code {
    fn push(&mut self, insn: Insn) {
        self.insns.insert(self.next, insn);
        self.next += insn.slots();
    }

    fn exit(&mut self) {
        self.push(Insn::Mov { width: Width::W64, dst: Reg::R0, src: Src::Imm(0) });
        self.push(Insn::Exit);
    }

    fn operand(&mut self, operand: &Operand) -> Src {
        match *operand {
            Operand::Imm(imm) => Src::Imm(imm),
            Operand::Variable(index) => Src::Reg(VARIABLES[index]),
            Operand::Wide(value) => {
                self.push(Insn::LoadImm64 { dst: Reg::R8, value: Imm64::Value(value) });
                Src::Reg(Reg::R8)
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Alu { op, width, dst, src } => {
                let src = self.operand(src);
                self.push(Insn::Alu { op: *op, width: *width, dst: VARIABLES[*dst], src });
            }
            Step::Neg { width, dst } => self.push(Insn::Neg { width: *width, dst: VARIABLES[*dst] }),
            Step::ZeroExtend { dst } => {
                let dst = VARIABLES[*dst];
                self.push(Insn::Mov { width: Width::W32, dst, src: Src::Reg(dst) });
            }
            Step::SignExtend { width, bits, dst } => {
                let dst = VARIABLES[*dst];
                self.push(Insn::MovSx { width: *width, bits: *bits, dst, src: dst });
            }
            Step::Endian { op, bits, dst } => {
                self.push(Insn::Endian { op: *op, bits: *bits, dst: VARIABLES[*dst] });
            }
            Step::Reload { size, signed, dst } => {
                let (dst, base, off) = (VARIABLES[*dst], Reg::FP, -8);
                self.push(Insn::Store { size: Size::DW, base, off, src: Src::Reg(dst) });
                self.push(Insn::Load { size: *size, signed: *signed, dst, base, off });
            }
            Step::Branch { op, width, dst, src, follow_taken } => {
                let src = self.operand(src);
                if !follow_taken {
                    self.open.push(self.next);
                }
                self.push(Insn::Branch { op: *op, width: *width, dst: VARIABLES[*dst], src, off: 2 });
                if *follow_taken {
                    self.exit();
                }
            }
        }
    }

    fn finish(mut self) -> BTreeMap<u32, Insn> {
        for at in std::mem::take(&mut self.open) {
            let distance = i16::try_from(self.next - at - 1).expect("the program is short");
            if let Some(Insn::Branch { off, .. }) = self.insns.get_mut(&at) {
                *off = distance;
            }
            self.exit();
        }
        self.insns
    }
}

/// What is known of the variables and of the constant's register. `None` before the first write.
type State = BTreeMap<u8, Scalar>;

/// The state after the instruction at a slot, or where a postponed branch starts.
#[derive(Debug)]
enum Event<S> {
    After { pc: u32, state: S },
    From { from: u32, to: u32, state: S },
}

/// The walk of a program in the kernel's order: the branch not taken first, the one taken later, last one first.
fn walk(program: &BTreeMap<u32, Insn>) -> Vec<Event<State>> {
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
                let moved = value(&state, src).mov(width);
                state.insert(dst.number(), moved);
            }
            Insn::MovSx { width, bits, dst, src } => {
                let moved = read(&state, src).sign_extend(u32::from(bits), width);
                state.insert(dst.number(), moved);
            }
            Insn::Neg { width, dst } => {
                let negated = read(&state, dst).neg(width);
                state.insert(dst.number(), negated);
            }
            Insn::Endian { op, bits, dst } => {
                let swapped = read(&state, dst).byte_swap(op, bits);
                state.insert(dst.number(), swapped);
            }
            Insn::Store { .. } => {}
            Insn::Load { size, signed, dst, .. } => {
                let loaded = read(&state, dst).extend_loaded(size, signed);
                state.insert(dst.number(), loaded);
            }
            Insn::Alu { op, width, dst, src } => {
                let src = value(&state, src);
                let mut operand = read(&state, dst);
                let fork = Scalar::fork_before(op, &operand, &src);
                if let Some((_zero, ones)) = fork {
                    operand = ones;
                }
                state.insert(dst.number(), Scalar::alu(op, width, &operand, &src));
                if fork.is_some() {
                    // From here on there are two walks of the same code, and the kernel may prune the second.
                    events.push(Event::After { pc, state });
                    return events;
                }
            }
            Insn::Branch { op, width, dst, src, off } => {
                let target = next.wrapping_add_signed(i32::from(off));
                let (a, b) = (read(&state, dst), value(&state, src));
                match Scalar::branch(op, width, &a, &b) {
                    Outcome::Always => next = target,
                    Outcome::Never => {}
                    Outcome::Unknown => {
                        let taken = after_branch(&state, op, width, true, dst, src);
                        postponed.push((pc, target, taken));
                        state = after_branch(&state, op, width, false, dst, src);
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

fn after_branch(state: &State, op: CmpOp, width: Width, taken: bool, dst: Reg, src: Src) -> State {
    let mut state = state.clone();
    let mut a = state[&dst.number()];
    let _ = match src {
        Src::Reg(src) if src == dst => Scalar::refine_same(op, width, taken, &mut a),
        Src::Reg(src) => {
            let mut b = state[&src.number()];
            let consistency = Scalar::refine(op, width, taken, &mut a, &mut b);
            state.insert(src.number(), b);
            consistency
        }
        Src::Imm(imm) => {
            Scalar::refine(op, width, taken, &mut a, &mut Scalar::constant(i64::from(imm) as u64))
        }
    };
    state.insert(dst.number(), a);
    state
}

/// The kernel's walk, from its log: registers by number, as printed.
fn parse(log: &str) -> Vec<Event<BTreeMap<u8, String>>> {
    log.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Event<BTreeMap<u8, String>>> {
    if let Some(rest) = line.strip_prefix("from ") {
        let (from, rest) = rest.split_once(" to ")?;
        let (to, state) = rest.split_once(": ")?;
        return Some(Event::From { from: from.parse().ok()?, to: to.parse().ok()?, state: registers(state) });
    }
    let (pc, rest) = line.split_once(": (")?;
    let pc = pc.parse().ok()?;
    let state = rest.split_once("; R").map(|(_, state)| registers(&format!("R{state}"))).unwrap_or_default();
    Some(Event::After { pc, state })
}

/// `R6=scalar(id=3,smin=0,…) R7_w=5` without ids, liveness and precision marks.
fn registers(text: &str) -> BTreeMap<u8, String> {
    let mut registers = BTreeMap::new();
    for part in format!(" {text}").split(" R").skip(1) {
        let Some((name, value)) = part.split_once('=') else { continue };
        let Ok(number) = name.split('_').next().unwrap_or(name).parse() else { continue };
        let value = value.split(" fp").next().unwrap_or(value).trim();
        registers.insert(number, without_id(value.strip_prefix('P').unwrap_or(value)));
    }
    registers
}

fn without_id(value: &str) -> String {
    match value.split_once("(id=") {
        Some((kind, rest)) => {
            // `id=1`, or `id=1+4` for a register that is another one plus a constant.
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '+' || c == '-');
            format!("{kind}({}", rest.strip_prefix(',').unwrap_or(rest))
        }
        None => value.to_string(),
    }
}

/// Walks a program both ways; the error says where they part.
fn compare(program: &BTreeMap<u32, Insn>) -> Result<usize, String> {
    let slots: Vec<Slot> = program.values().flat_map(|insn| insn.encode().to_vec()).collect();
    let request = Load {
        prog_type: SCHED_CLS,
        insns: &slots,
        log: LogLevel::Verbose,
        name: "scalar",
        ..Load::default()
    };
    let log = match belay_linux::load(&request) {
        Ok(loaded) => loaded.log,
        Err(rejected) => return Err(format!("the kernel refuses the program: {rejected}\n{}", rejected.log)),
    };
    let ours = walk(program);
    let theirs = parse(&log);
    let mut compared = 0;
    for (index, event) in ours.iter().enumerate() {
        let Some(their_event) = theirs.get(index) else {
            return Err(format!("the kernel's walk ends before {event:?}\n{log}"));
        };
        let (state, their_state) = match (event, their_event) {
            (Event::After { pc, state }, Event::After { pc: their_pc, state: theirs }) if pc == their_pc => {
                (state, theirs)
            }
            (
                Event::From { from, to, state },
                Event::From { from: their_from, to: their_to, state: theirs },
            ) if (from, to) == (their_from, their_to) => (state, theirs),
            _ => return Err(format!("we walk to {event:?}, the kernel to {their_event:?}\n{log}")),
        };
        for (number, printed) in their_state {
            // The helper's result in `r0` shares its number with a variable, and learns what that one learns.
            let Some(scalar) = state.get(number).filter(|_| *number != Reg::R0.number()) else { continue };
            let ours = scalar.to_string();
            if ours != *printed {
                return Err(format!(
                    "at {their_event:?}\n  r{number} ours   {ours}\n     kernel {printed}\n{log}"
                ));
            }
            compared += 1;
        }
    }
    Ok(compared)
}

/// How many random programs must agree when `PROPTEST_CASES` does not say.
const CASES: u32 = 2000;

#[test]
fn every_bound_is_the_kernels() {
    let Some(_kernel) = Kernel::for_test("every_bound_is_the_kernels") else { return };
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(CASES);
    let config = Config { failure_persistence: None, cases, ..Config::default() };
    let compared = Cell::new(0);
    let result = TestRunner::new(config).run(&prop::collection::vec(step(), 1..16), |steps| {
        let registers = compare(&assemble(&steps)).map_err(TestCaseError::fail)?;
        compared.set(compared.get() + registers);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    eprintln!("{cases} programs, {} registers compared", compared.get());
    assert!(
        compared.get() > cases as usize * 5,
        "the log is not understood: {} registers seen",
        compared.get()
    );
}

/// Programs that once told us apart from the kernel, or that random ones hardly ever hit.
#[test]
fn known_corners_are_the_kernels() {
    use AluOp::{And, Arsh, Or};
    use CmpOp::{Ge, Gt, Lt, Set, Sgt, Slt};
    use Operand::{Imm, Variable, Wide};
    use Width::{W32, W64};

    let Some(_kernel) = Kernel::for_test("known_corners_are_the_kernels") else { return };
    let alu = |op, width, src| Step::Alu { op, width, dst: 0, src };
    let unless = |op, width, src| Step::Branch { op, width, dst: 0, src, follow_taken: false };
    let when = |op, width, src| Step::Branch { op, width, dst: 0, src, follow_taken: true };
    let corners = [
        (
            "a sign-extended half without sign",
            vec![
                alu(And, W64, Wide(0x8000_0000_0000_0001)),
                unless(Sgt, W64, Imm(0)),
                unless(Slt, W64, Wide(0xffff_fff0_ffff_ffff)),
            ],
        ),
        ("one word in the range has the bits", vec![alu(Or, W32, Imm(-1025)), unless(Gt, W32, Imm(-2))]),
        (
            "a contradiction forgets the ranges, not the bits",
            vec![unless(Set, W32, Imm(-2)), unless(Gt, W32, Variable(0))],
        ),
        ("a register below itself", vec![alu(And, W64, Imm(255)), when(Lt, W64, Variable(0))]),
        (
            "a register compared with itself, normalized twice",
            vec![alu(And, W32, Imm(0x101)), when(Sgt, W32, Variable(0))],
        ),
        (
            "a truncation keeps ranges, a swap does not",
            vec![
                unless(Ge, W32, Imm(5)),
                Step::Endian { op: EndianOp::ToLe, bits: 32, dst: 0 },
                Step::Endian { op: EndianOp::ToBe, bits: 16, dst: 0 },
                Step::Endian { op: EndianOp::Swap, bits: 64, dst: 0 },
            ],
        ),
        ("a mask is forked", vec![alu(Arsh, W64, Imm(63)), alu(And, W64, Imm(5))]),
        ("a mask of the lower half is forked", vec![alu(Arsh, W32, Imm(31)), alu(Or, W32, Imm(5))]),
    ];
    for (name, steps) in corners {
        if let Err(difference) = compare(&assemble(&steps)) {
            panic!("{name}: {difference}");
        }
    }
}
