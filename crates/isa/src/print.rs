//! Instructions as text, in the syntax of `llvm-objdump` (decimal) and of the kernel's log.
//!
//! Where the two differ, LLVM's text is the norm: `goto +5` for Linux's `goto pc+5`, `(r2 - 8)` for `(r2 -8)`. Where LLVM
//! prints one text for two instructions, Linux's tells them apart: `call 84` is a helper, `call pc+3` a function of this
//! program. Forms for which neither has a text of its own (`map[3]`, `kfunc[12]@1`) follow `bpftool`.

use std::fmt;

use crate::insn::{CallTarget, Insn, Reg, Src};
use crate::table::{AtomicOp, AtomicText, Size, Width};

impl fmt::Display for Insn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Insn::Alu { op, width, dst, src } => {
                write!(f, "{} {} {}", Named(width, dst), op.text(), Operand(width, src))
            }
            Insn::Neg { width, dst } => write!(f, "{0} = -{0}", Named(width, dst)),
            Insn::Mov { width, dst, src } => write!(f, "{} = {}", Named(width, dst), Operand(width, src)),
            Insn::MovSx { width, bits, dst, src } => {
                write!(f, "{} = (s{bits}){}", Named(width, dst), Named(width, src))
            }
            Insn::AddrSpaceCast { dst, src, dst_as, src_as } => {
                write!(f, "{dst} = addr_space_cast({src}, {dst_as}, {src_as})")
            }
            Insn::Endian { op, bits, dst } => write!(f, "{dst} = {}{bits} {dst}", op.row().text),
            Insn::Load { size, signed: false, dst, base, off } => {
                write!(f, "{dst} = *({} *)({})", size.row().unsigned, Address(base, off))
            }
            Insn::Load { size, signed: true, dst, base, off } => {
                write!(f, "{dst} = *({} *)({})", size.row().signed, Address(base, off))
            }
            Insn::Store { size, base, off, src } => {
                write!(
                    f,
                    "*({} *)({}) = {}",
                    size.row().unsigned,
                    Address(base, off),
                    Operand(Width::W64, src)
                )
            }
            Insn::Atomic { op, size, base, off, src } => atomic(f, op, size, Address(base, off), src),
            Insn::LoadAcquire { size, dst, base, off } => {
                let dst = Named(value_width(size), dst);
                write!(f, "{dst} = load_acquire(({} *)({}))", size.row().unsigned, Address(base, off))
            }
            Insn::StoreRelease { size, base, off, src } => {
                let src = Named(value_width(size), src);
                write!(f, "store_release(({} *)({}), {src})", size.row().unsigned, Address(base, off))
            }
            Insn::LoadImm64 { dst, value } => write!(f, "{dst} = {value} ll"),
            Insn::LoadAbs { size, imm } => write!(f, "r0 = *({} *)skb[{imm}]", size.row().unsigned),
            Insn::LoadInd { size, src, imm: 0 } => write!(f, "r0 = *({} *)skb[{src}]", size.row().unsigned),
            Insn::LoadInd { size, src, imm } => {
                write!(f, "r0 = *({} *)skb[{src} {}]", size.row().unsigned, Distance(imm))
            }
            Insn::Ja { off } => write!(f, "goto {off:+}"),
            Insn::Jal { off } => write!(f, "gotol {off:+}"),
            Insn::Branch { op, width, dst, src, off } => {
                write!(f, "if {} {} {} goto {off:+}", Named(width, dst), op.text(), Operand(width, src))
            }
            Insn::MayGoto { off } => write!(f, "may_goto {off:+}"),
            Insn::Call(target) => write!(f, "call {target}"),
            Insn::CallX { reg } => write!(f, "callx {reg}"),
            Insn::Exit => f.write_str("exit"),
        }
    }
}

impl fmt::Display for CallTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            CallTarget::Helper(id) => write!(f, "{id}"),
            CallTarget::Local(distance) => write!(f, "pc{distance:+}"),
            CallTarget::Kfunc { id, btf: 0 } => write!(f, "kfunc[{id}]"),
            CallTarget::Kfunc { id, btf } => write!(f, "kfunc[{id}]@{btf}"),
        }
    }
}

/// `lock …`, `r1 = atomic_fetch_…`, `r1 = xchg_64(…)`, `r0 = cmpxchg_64(…)`.
fn atomic(f: &mut fmt::Formatter<'_>, op: AtomicOp, size: Size, at: Address, src: Reg) -> fmt::Result {
    let width = value_width(size);
    let (src, r0) = (Named(width, src), Named(width, Reg::R0));
    let unsigned = size.row().unsigned;
    let suffix = match width {
        Width::W64 => "_64",
        Width::W32 => "32_32",
    };
    match op.row().text {
        AtomicText::Lock(operator) => write!(f, "lock *({unsigned} *)({at}) {operator} {src}"),
        AtomicText::Fetch(name) => write!(f, "{src} = atomic_fetch_{name}(({unsigned} *)({at}), {src})"),
        AtomicText::Xchg => write!(f, "{src} = xchg{suffix}({at}, {src})"),
        AtomicText::Cmpxchg => write!(f, "{r0} = cmpxchg{suffix}({at}, {r0}, {src})"),
    }
}

/// The width of the register that an atomic access of that size moves.
fn value_width(size: Size) -> Width {
    if size == Size::DW { Width::W64 } else { Width::W32 }
}

/// A register by the name that it has at that width.
#[derive(Clone, Copy)]
struct Named(Width, Reg);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0.row().letter, self.1.number())
    }
}

/// The second operand of an operation of that width.
struct Operand(Width, Src);

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Src::Imm(imm) => imm.fmt(f),
            Src::Reg(reg) => Named(self.0, reg).fmt(f),
        }
    }
}

/// `r10 - 8`
struct Address(Reg, i16);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, Distance(i32::from(self.1)))
    }
}

/// `+ 8`, `- 8`
struct Distance(i32);

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        write!(f, "{sign} {}", self.0.unsigned_abs())
    }
}
