//! Programs of arithmetic and jumps on two registers of unknown content, and how they are laid out.

use belay_isa::{AluOp, CallTarget, CmpOp, EndianOp, Imm64, Insn, Reg, Size, Src, Width};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// `bpf_ktime_get_ns`: a number of which nothing is known.
const KTIME_GET_NS: i32 = 5;
/// `offsetof(struct __sk_buff, data)`.
const SKB_DATA: i16 = 76;
/// Holds a pointer into the packet.
pub(crate) const PACKET: Reg = Reg::R9;
/// The registers that the programs compute with. `r8` holds 64-bit constants.
const VARIABLES: [Reg; 2] = [Reg::R6, Reg::R7];

/// Instructions by the slot that they start at.
pub(crate) type Program = BTreeMap<u32, Insn>;

/// One step of a program, on one of the variables.
#[derive(Clone, Debug)]
pub(crate) enum Step {
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
    /// Moves the packet pointer by a variable.
    MovePointer {
        op: AluOp,
        by: usize,
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
pub(crate) enum Operand {
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
    let amount = prop_oneof![prop::sample::select(vec![0, 1, 8, 16, 24, 31, 32, 48, 56, 63]), 0..64i32];
    (op, width(), 0..VARIABLES.len(), operand(), amount).prop_map(|(op, width, dst, src, amount)| {
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

/// Any step.
pub(crate) fn step() -> impl Strategy<Value = Step> {
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
        1 => (prop::sample::select(vec![AluOp::Add, AluOp::Sub]), dst())
            .prop_map(|(op, by)| Step::MovePointer { op, by }),
    ]
}

/// The instructions of a program, each at its slot; every way out of the straight line has an exit of its own, so that
/// the kernel finds no state to prune.
pub(crate) fn assemble(steps: &[Step]) -> Program {
    let mut code = Code::default();
    code.push(Insn::Load { size: Size::W, signed: false, dst: PACKET, base: Reg::R1, off: SKB_DATA });
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
    insns: Program,
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
            Step::MovePointer { op, by } => {
                let src = Src::Reg(VARIABLES[*by]);
                self.push(Insn::Alu { op: *op, width: Width::W64, dst: PACKET, src });
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

    fn finish(mut self) -> Program {
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
