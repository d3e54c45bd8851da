//! Programs that once told us apart from the kernel, or that random ones hardly ever hit.

use crate::program::{Operand, Step};
use belay_isa::{AluOp, CmpOp, EndianOp, Width};

/// Each with what it is about.
pub(crate) fn corners() -> Vec<(&'static str, Vec<Step>)> {
    use AluOp::{And, Arsh, Lsh, Or};
    use CmpOp::{Ge, Gt, Lt, Set, Sgt, Slt};
    use Operand::{Imm, Variable, Wide};
    use Width::{W32, W64};

    let alu = |op, width, src| Step::Alu { op, width, dst: 0, src };
    let unless = |op, width, src| Step::Branch { op, width, dst: 0, src, follow_taken: false };
    let when = |op, width, src| Step::Branch { op, width, dst: 0, src, follow_taken: true };
    vec![
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
            vec![alu(And, W32, Imm(0x101)), unless(Gt, W64, Imm(256)), when(Sgt, W32, Variable(0))],
        ),
        (
            "what only a third round finds",
            vec![
                unless(Slt, W64, Wide(0xffff_ffff_c000_0000)),
                unless(Lt, W64, Wide(0x7fff_ffff_0000_0002)),
                unless(Gt, W32, Imm(0x7fff_fffe)),
            ],
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
        ("a range that shifts up to the sign bit", vec![unless(Gt, W64, Imm(4)), alu(Lsh, W64, Imm(61))]),
        ("a range that shifts past the sign bit", vec![unless(Gt, W64, Imm(5)), alu(Lsh, W64, Imm(61))]),
        ("a lower half shifted in its register", vec![unless(Gt, W32, Imm(5)), alu(Lsh, W64, Imm(1))]),
        (
            "a lower half's sign made the register's",
            vec![
                unless(Sgt, W32, Imm(5)),
                unless(Slt, W32, Imm(-5)),
                alu(Lsh, W64, Imm(32)),
                alu(Arsh, W64, Imm(32)),
            ],
        ),
        ("a mask is forked", vec![alu(Arsh, W64, Imm(63)), alu(And, W64, Imm(5))]),
        ("a mask of the lower half is forked", vec![alu(Arsh, W32, Imm(31)), alu(Or, W32, Imm(5))]),
    ]
}
