//! What stands on the right of `r1 = …`.

use super::words::{Parsed, Parser, error, register};
use super::{Statement, Symbol, SymbolKind, atomic};
use crate::imm64::Imm64;
use crate::insn::{Insn, Reg, Src};
use crate::table::{AtomicOp, AtomicText, EndianOp, Imm64Kind, Second, Size, Width};
use crate::token::Kind;

/// `r1 = …`, after the equals sign.
pub(super) struct Assignment {
    width: Width,
    dst: Reg,
    column: u32,
}

impl Assignment {
    pub(super) fn new(width: Width, dst: Reg, column: u32) -> Self {
        Assignment { width, dst, column }
    }

    pub(super) fn parse<'a>(self, p: &mut Parser<'_, 'a>) -> Parsed<Statement<'a>> {
        let Assignment { width, dst, .. } = self;
        match (p.peek(), p.peek_second()) {
            (Some(Kind::Punct("-")), Some(Kind::Name(_))) => {
                p.punct("-")?;
                self.same_register(p, "a negation")?;
                Ok(Insn::Neg { width, dst }.into())
            }
            (Some(Kind::Punct("(")), _) => self.sign_extension(p).map(Statement::from),
            (Some(Kind::Punct("*")), Some(_)) => self.load(p).map(Statement::from),
            (Some(Kind::Name(name)), _) if register(name).is_some() => {
                let src = Src::Reg(p.register_of(width)?);
                Ok(Insn::Mov { width, dst, src }.into())
            }
            (Some(Kind::Name(name)), Some(Kind::Punct("("))) => self.function(p, name).map(Statement::from),
            (Some(Kind::Name(name)), Some(Kind::Punct("["))) => self.object(p, name).map(Statement::from),
            (Some(Kind::Name(name)), Some(Kind::Name(reg))) if register(reg).is_some() => {
                self.byte_order(p, name).map(Statement::from)
            }
            (Some(Kind::Name(_)), _) => self.symbol(p),
            _ => self.number(p).map(Statement::from),
        }
    }

    /// `5`, `5 ll`
    fn number(self, p: &mut Parser<'_, '_>) -> Parsed<Insn> {
        let start = p.at;
        let value = p.integer(i128::from(i64::MIN), i128::from(u64::MAX))?;
        if p.peek() == Some(Kind::Name("ll")) {
            p.word("ll")?;
            // Signed or unsigned, the value means its low 64 bits.
            let [low @ .., _, _, _, _, _, _, _, _] = value.to_le_bytes();
            return Ok(Insn::LoadImm64 { dst: self.dst64()?, value: Imm64::Value(u64::from_le_bytes(low)) });
        }
        p.at = start;
        if !(i128::from(i32::MIN)..=i128::from(u32::MAX)).contains(&value) {
            let message = format!("{value} has more than 32 bits: write `{} = {value} ll`", self.dst);
            return Err(error(p.column(), message));
        }
        Ok(Insn::Mov { width: self.width, dst: self.dst, src: Src::Imm(p.imm32()?) })
    }

    /// `(s8)r2`
    fn sign_extension(self, p: &mut Parser<'_, '_>) -> Parsed<Insn> {
        p.punct("(")?;
        let token = p.next("`s8`, `s16` or `s32`")?;
        let bits = match (token.text, self.width) {
            ("s8", _) => 8,
            ("s16", _) => 16,
            ("s32", Width::W64) => 32,
            _ => return Err(error(token.column, format!("cannot extend from `{}` here", token.text))),
        };
        p.punct(")")?;
        Ok(Insn::MovSx { width: self.width, bits, dst: self.dst, src: p.register_of(self.width)? })
    }

    /// `*(u32 *)(r1 + 4)`, `*(u32 *)skb[r6 + 12]`
    fn load(self, p: &mut Parser<'_, '_>) -> Parsed<Insn> {
        p.punct("*")?;
        let column = p.column();
        let (size, signed) = p.pointer_type()?;
        if p.peek() == Some(Kind::Name("skb")) {
            if signed || size == Size::DW {
                return Err(error(column, "packet loads are of `u8`, `u16` or `u32`"));
            }
            return self.packet_load(p, size);
        }
        if signed && size == Size::DW {
            return Err(error(column, "a signed load is of `s8`, `s16` or `s32`"));
        }
        if signed || size == Size::DW {
            self.dst64()?;
        }
        let (base, off) = p.address_in_parentheses()?;
        Ok(Insn::Load { size, signed, dst: self.dst, base, off })
    }

    fn packet_load(self, p: &mut Parser<'_, '_>, size: Size) -> Parsed<Insn> {
        if self.dst64()? != Reg::R0 {
            return Err(error(self.column, "a packet load goes to `r0`"));
        }
        p.word("skb")?;
        p.punct("[")?;
        let insn = if let Some(Kind::Name(_)) = p.peek() {
            let src = p.reg64()?;
            let imm = if p.at_sign() { p.imm32()? } else { 0 };
            Insn::LoadInd { size, src, imm }
        } else {
            Insn::LoadAbs { size, imm: p.imm32()? }
        };
        p.punct("]")?;
        Ok(insn)
    }

    /// `be16 r1`
    fn byte_order(self, p: &mut Parser<'_, '_>, name: &str) -> Parsed<Insn> {
        let column = p.column();
        let found = EndianOp::ALL.iter().find_map(|op| Some((*op, name.strip_prefix(op.row().text)?)));
        let (op, bits) = match found {
            Some((op, "16")) => (op, 16),
            Some((op, "32")) => (op, 32),
            Some((op, "64")) => (op, 64),
            _ => return Err(error(column, format!("`{name}` is not a byte order operation such as `be16`"))),
        };
        p.word(name)?;
        self.same_register(p, "a byte order operation")?;
        Ok(Insn::Endian { op, bits, dst: self.dst64()? })
    }

    /// `name(…)`
    fn function(self, p: &mut Parser<'_, '_>, name: &str) -> Parsed<Insn> {
        let column = p.column();
        p.word(name)?;
        p.punct("(")?;
        let insn = match name {
            "addr_space_cast" => {
                let src = p.reg64()?;
                p.punct(",")?;
                let dst_as = p.integer(0, u16::MAX)?;
                p.punct(",")?;
                let src_as = p.integer(0, u16::MAX)?;
                Insn::AddrSpaceCast { dst: self.dst64()?, src, dst_as, src_as }
            }
            "load_acquire" => {
                let (size, base, off) = p.typed_address()?;
                if size == Size::DW {
                    self.dst64()?;
                }
                Insn::LoadAcquire { size, dst: self.dst, base, off }
            }
            _ => self.atomic_function(p, name, column)?,
        };
        p.punct(")")?;
        Ok(insn)
    }

    /// `atomic_fetch_add((u64 *)(r1 + 8), r2)`, `xchg_64(r1 + 8, r2)`, `cmpxchg32_32(r1 + 8, w0, w2)`
    fn atomic_function(self, p: &mut Parser<'_, '_>, name: &str, column: u32) -> Parsed<Insn> {
        let Some((op, size)) = atomic_function(name) else {
            return Err(error(column, format!("there is no function `{name}`")));
        };
        let (size, base, off) = match size {
            Some(size) => p.address().map(|(base, off)| (size, base, off))?,
            None => p.typed_address()?,
        };
        p.punct(",")?;
        if op == AtomicOp::Cmpxchg {
            let column = p.column();
            if p.value_register(size)? != Reg::R0 || self.dst != Reg::R0 {
                return Err(error(column, "a compare and exchange compares with, and returns in, `r0`"));
            }
            p.punct(",")?;
        }
        let src_column = p.column();
        let src = p.value_register(size)?;
        if op != AtomicOp::Cmpxchg && src != self.dst {
            return Err(error(src_column, "the old value goes to the register that holds the operand"));
        }
        if size == Size::DW {
            self.dst64()?;
        }
        atomic(op, size, base, off, src, column)
    }

    /// `map[3] ll`, `map[3][0]+8 ll`
    fn object(self, p: &mut Parser<'_, '_>, name: &str) -> Parsed<Insn> {
        let column = p.column();
        p.word(name)?;
        p.punct("[")?;
        let first = p.integer(i32::MIN, i32::MAX)?;
        p.punct("]")?;
        let kinds = || Imm64Kind::ALL.iter().copied().filter(|kind| kind.row().word == name);
        let (kind, second) = if p.eat("[") {
            p.integer(0, 0)?;
            p.punct("]")?;
            let second = if p.at_sign() { p.integer(i32::MIN, i32::MAX)? } else { 0 };
            (kinds().find(|kind| kind.row().second == Second::Offset), second)
        } else if p.eat("@") {
            let second = p.integer(i32::MIN, i32::MAX)?;
            (kinds().find(|kind| kind.row().second == Second::Descriptor), second)
        } else {
            let plain =
                |kind: &Imm64Kind| matches!(kind.row().second, Second::Unrecognized | Second::Ignored);
            (kinds().find(plain), 0)
        };
        let kind = kind.ok_or_else(|| error(column, format!("`{name}[…]` has no such form")))?;
        p.word("ll")?;
        Ok(Insn::LoadImm64 { dst: self.dst64()?, value: Imm64::from_parts(kind, first, second) })
    }

    /// `NAME ll`, `NAME+8 ll`
    fn symbol<'a>(self, p: &mut Parser<'_, 'a>) -> Parsed<Statement<'a>> {
        let token = p.next("a name")?;
        let offset = if p.at_sign() { p.integer(i32::MIN, i32::MAX)? } else { 0 };
        if p.peek() != Some(Kind::Name("ll")) {
            return Err(p.expected(&format!("`ll` after `{}`", token.text)));
        }
        p.word("ll")?;
        let symbol = Symbol { kind: SymbolKind::Address { offset }, column: token.column, text: token.text };
        let insn = Insn::LoadImm64 { dst: self.dst64()?, value: Imm64::Value(0) };
        Ok(Statement { insn, symbol: Some(symbol) })
    }

    fn same_register(&self, p: &mut Parser<'_, '_>, what: &str) -> Parsed<()> {
        let column = p.column();
        if p.register_of(self.width)? == self.dst {
            return Ok(());
        }
        Err(error(column, format!("{what} reads the register that it writes")))
    }

    fn dst64(&self) -> Parsed<Reg> {
        match self.width {
            Width::W64 => Ok(self.dst),
            Width::W32 => Err(error(self.column, format!("`{}` is needed here", self.dst))),
        }
    }
}

/// The operation that a function's name means in LLVM's text (which names the size) or in Linux's (which does not).
fn atomic_function(name: &str) -> Option<(AtomicOp, Option<Size>)> {
    let llvm = [("32_32", Size::W), ("_64", Size::DW)];
    let linux = ["atomic64_", "atomic_"];
    AtomicOp::ALL.iter().find_map(|op| {
        let plain = |word: &str| {
            llvm.iter().find_map(|(suffix, size)| (name.strip_suffix(suffix)? == word).then_some(Some(*size)))
        };
        let prefixed =
            |word: &str| linux.iter().any(|prefix| name.strip_prefix(prefix) == Some(word)).then_some(None);
        let size = match op.row().text {
            AtomicText::Lock(_) => None,
            AtomicText::Fetch(word) => {
                let bare = linux.iter().find_map(|prefix| name.strip_prefix(prefix)?.strip_prefix("fetch_"));
                (bare == Some(word)).then_some(None)
            }
            AtomicText::Xchg => plain("xchg").or_else(|| prefixed("xchg")),
            AtomicText::Cmpxchg => plain("cmpxchg").or_else(|| prefixed("cmpxchg")),
        };
        size.map(|size| (*op, size))
    })
}
