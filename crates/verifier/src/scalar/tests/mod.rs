//! Soundness of the domain: on every value of small words, and on random members at 64 bits.

mod concrete;
mod exhaustive;
mod mutants;
mod random;
mod small;

use belay_isa::{AluOp, CmpOp, Width};
use belay_spec::Release;

/// The release that is tested where one will do.
const LATEST: Release = Release::LATEST;

const WIDTHS: [Width; 2] = [Width::W32, Width::W64];

const ALU_OPS: [AluOp; 13] = [
    AluOp::Add,
    AluOp::Sub,
    AluOp::Mul,
    AluOp::Div,
    AluOp::Sdiv,
    AluOp::Mod,
    AluOp::Smod,
    AluOp::Or,
    AluOp::And,
    AluOp::Xor,
    AluOp::Lsh,
    AluOp::Rsh,
    AluOp::Arsh,
];

const CMP_OPS: [CmpOp; 11] = [
    CmpOp::Eq,
    CmpOp::Ne,
    CmpOp::Gt,
    CmpOp::Ge,
    CmpOp::Lt,
    CmpOp::Le,
    CmpOp::Set,
    CmpOp::Sgt,
    CmpOp::Sge,
    CmpOp::Slt,
    CmpOp::Sle,
];
