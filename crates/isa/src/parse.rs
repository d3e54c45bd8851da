//! One instruction from text: the inverse of printing.
//!
//! What `Display` prints, `llvm-objdump` and the kernel's log print (`goto pc+5`, `(r2 -8)`, `atomic64_xchg(…)`), and clang's
//! assembler accepts, is read; blanks are free. Where an operand may be a name, the instruction comes with zero in
//! its place and the name beside it: [`assemble`](crate::assemble) fills it in.

use crate::imm64::Imm64;
use crate::insn::{CallTarget, Insn, Reg, Src};
use crate::table::{AluOp, AtomicOp, AtomicText, CmpOp, EndianOp, Imm64Kind, Second, Size, Width};
use crate::token::{Kind, Token, tokenize};

/// Text that is not an instruction, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("column {column}: {message}")]
pub struct ParseError {
    /// Counted in characters, from 1.
    pub column: u32,
    /// What is wrong: lower case, no full stop.
    pub message: String,
}

/// Reads one instruction.
///
/// # Errors
/// Text that is not an instruction, a number out of its field's range, or an operand that is a name: only
/// [`assemble`](crate::assemble) knows names.
pub fn parse_insn(text: &str) -> Result<Insn, ParseError> {
    let tokens = tokenize(text)?;
    let mut parser = Parser::new(&tokens, text);
    let statement = parser.statement()?;
    while parser.eat(";") {}
    parser.end()?;
    match statement.symbol {
        None => Ok(statement.insn),
        Some(symbol) => Err(ParseError {
            column: symbol.column,
            message: format!("`{}` is a name: a single instruction takes numbers", symbol.text),
        }),
    }
}

/// An instruction, and the name that stands in place of one of its operands.
pub(crate) struct Statement<'a> {
    pub(crate) insn: Insn,
    pub(crate) symbol: Option<Symbol<'a>>,
}

/// A name in place of an operand.
#[derive(Clone, Copy)]
pub(crate) struct Symbol<'a> {
    pub(crate) kind: SymbolKind<'a>,
    pub(crate) column: u32,
    pub(crate) text: &'a str,
}

/// What the name stands for.
#[derive(Clone, Copy)]
pub(crate) enum SymbolKind<'a> {
    /// `goto NAME`
    Label,
    /// `goto 1b`, `goto 1f`
    NumericLabel { name: &'a str, forward: bool },
    /// `call NAME`; the kernel's log adds `#id`.
    Callee { id: Option<i32> },
    /// `r1 = NAME+8 ll`
    Address { offset: i32 },
}

type Parsed<T> = Result<T, ParseError>;

/// A position in the words of a line.
pub(crate) struct Parser<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
    /// Column just after the text.
    end: u32,
}

impl<'t, 'a> Parser<'t, 'a> {
    pub(crate) fn new(tokens: &'t [Token<'a>], text: &str) -> Self {
        let end =
            u32::try_from(text.trim_end().chars().count()).map_or(u32::MAX, |count| count.saturating_add(1));
        Parser { tokens, at: 0, end }
    }

    /// Whether all words are read.
    pub(crate) fn is_empty(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// Takes the label that stands here, with its colon.
    pub(crate) fn label(&mut self) -> Option<Token<'a>> {
        let [name, colon, ..] = self.tokens.get(self.at..)? else { return None };
        if colon.kind != Kind::Punct(":") || !matches!(name.kind, Kind::Name(_) | Kind::Number(_)) {
            return None;
        }
        self.at += 2;
        Some(*name)
    }

    /// Takes that operator if it stands here.
    pub(crate) fn eat(&mut self, punct: &str) -> bool {
        let found = self.peek().is_some_and(|kind| matches!(kind, Kind::Punct(text) if text == punct));
        self.at += usize::from(found);
        found
    }

    /// Fails unless all words are read.
    pub(crate) fn end(&self) -> Parsed<()> {
        if self.is_empty() { Ok(()) } else { Err(self.expected("the end of the instruction")) }
    }

    /// Reads one instruction.
    pub(crate) fn statement(&mut self) -> Parsed<Statement<'a>> {
        match self.peek() {
            Some(Kind::Punct("*")) => self.store().map(Statement::from),
            Some(Kind::Name(word)) if register(word).is_none() => {
                let token = self.next("an instruction")?;
                match word {
                    "exit" => Ok(Insn::Exit.into()),
                    "goto" => self.target16(|off| Insn::Ja { off }),
                    "gotol" => self.target(i32::MIN, i32::MAX, |off| Insn::Jal { off }),
                    "may_goto" => self.target16(|off| Insn::MayGoto { off }),
                    "if" => self.branch(),
                    "call" => self.call(),
                    "callx" => Ok(Insn::CallX { reg: self.reg64()? }.into()),
                    "lock" => self.lock().map(Statement::from),
                    "store_release" => self.store_release().map(Statement::from),
                    _ => Err(error(token.column, format!("`{word}` does not begin an instruction"))),
                }
            }
            Some(Kind::Name(_)) => self.register_operation(),
            _ => Err(self.expected("an instruction")),
        }
    }

    // Jumps and calls.

    fn target16(&mut self, insn: impl Fn(i16) -> Insn) -> Parsed<Statement<'a>> {
        // The bounds are those of the field, so nothing is cut off.
        self.target(i16::MIN.into(), i16::MAX.into(), |off| insn(i16::try_from(off).unwrap_or_default()))
    }

    /// `+5`, `5`, `pc+5`, a label
    fn target(&mut self, min: i32, max: i32, insn: impl Fn(i32) -> Insn) -> Parsed<Statement<'a>> {
        let here = self.at;
        let token = self.next("a label or a distance")?;
        let kind = match token.kind {
            Kind::Name("pc") if self.at_sign() => return Ok(insn(self.integer(min, max)?).into()),
            Kind::Name(_) => SymbolKind::Label,
            Kind::NumericLabel { name, forward } => SymbolKind::NumericLabel { name, forward },
            Kind::Number(_) | Kind::Punct(_) => {
                self.at = here;
                return Ok(insn(self.integer(min, max)?).into());
            }
        };
        Ok(Statement { insn: insn(0), symbol: Some(Symbol { kind, column: token.column, text: token.text }) })
    }

    fn branch(&mut self) -> Parsed<Statement<'a>> {
        let (width, dst) = self.register()?;
        let Some(op) = CmpOp::ALL.iter().copied().find(|op| self.eat(op.text())) else {
            return Err(self.expected("a comparison"));
        };
        let src = self.operand(width)?;
        self.word("goto")?;
        self.target16(|off| Insn::Branch { op, width, dst, src, off })
    }

    fn call(&mut self) -> Parsed<Statement<'a>> {
        let Some(Kind::Name(name)) = self.peek() else {
            return Ok(Insn::Call(CallTarget::Helper(self.imm32()?)).into());
        };
        let token = self.next("what to call")?;
        if name == "pc" && self.at_sign() {
            return Ok(Insn::Call(CallTarget::Local(self.imm32()?)).into());
        }
        if name == "kfunc" && self.eat("[") {
            let id = self.integer(i32::MIN, i32::MAX)?;
            self.punct("]")?;
            let btf = if self.eat("@") { self.int16()? } else { 0 };
            return Ok(Insn::Call(CallTarget::Kfunc { id, btf }).into());
        }
        let id = if self.eat("#") { Some(self.imm32()?) } else { None };
        let symbol = Symbol { kind: SymbolKind::Callee { id }, column: token.column, text: name };
        Ok(Statement { insn: Insn::Call(CallTarget::Helper(0)), symbol: Some(symbol) })
    }

    // Memory.

    /// `*(u32 *)(r1 + 4) = r2`
    fn store(&mut self) -> Parsed<Insn> {
        let (size, base, off) = self.memory()?;
        self.punct("=")?;
        let src = match self.peek() {
            Some(Kind::Name(_)) => Src::Reg(self.value_register(size)?),
            _ => Src::Imm(self.imm32()?),
        };
        Ok(Insn::Store { size, base, off, src })
    }

    /// `lock *(u64 *)(r1 + 8) += r2`
    fn lock(&mut self) -> Parsed<Insn> {
        let column = self.column();
        let (size, base, off) = self.memory()?;
        let op = AtomicOp::ALL.iter().copied().find(|op| match op.row().text {
            AtomicText::Lock(operator) => self.eat(operator),
            _ => false,
        });
        let op = op.ok_or_else(|| self.expected("`+=`, `|=`, `&=` or `^=`"))?;
        let src = self.value_register(size)?;
        atomic(op, size, base, off, src, column)
    }

    fn store_release(&mut self) -> Parsed<Insn> {
        self.punct("(")?;
        let (size, base, off) = self.typed_address()?;
        self.punct(",")?;
        let src = self.value_register(size)?;
        self.punct(")")?;
        Ok(Insn::StoreRelease { size, base, off, src })
    }

    /// `*(u32 *)(r1 + 4)`
    fn memory(&mut self) -> Parsed<(Size, Reg, i16)> {
        self.punct("*")?;
        self.typed_address()
    }

    /// `(u32 *)(r1 + 4)`
    fn typed_address(&mut self) -> Parsed<(Size, Reg, i16)> {
        let column = self.column();
        let (size, signed) = self.pointer_type()?;
        if signed {
            return Err(error(column, "only loads are signed"));
        }
        let (base, off) = self.address_in_parentheses()?;
        Ok((size, base, off))
    }

    fn pointer_type(&mut self) -> Parsed<(Size, bool)> {
        self.punct("(")?;
        let token = self.next("a type")?;
        let sizes = || Size::ALL.iter().copied();
        let unsigned = sizes().find(|size| size.row().unsigned == token.text).map(|size| (size, false));
        let signed = || sizes().find(|size| size.row().signed == token.text).map(|size| (size, true));
        let found = unsigned.or_else(signed);
        let found = found.ok_or_else(|| {
            error(token.column, format!("`{}` is not a type: u8 to u64, s8 to s32", token.text))
        })?;
        self.punct("*")?;
        self.punct(")")?;
        Ok(found)
    }

    fn address_in_parentheses(&mut self) -> Parsed<(Reg, i16)> {
        self.punct("(")?;
        let address = self.address()?;
        self.punct(")")?;
        Ok(address)
    }

    /// `r1 + 4`, `r1`
    fn address(&mut self) -> Parsed<(Reg, i16)> {
        let base = self.reg64()?;
        let off = if self.at_sign() { self.int16()? } else { 0 };
        Ok((base, off))
    }

    // What begins with a register.

    fn register_operation(&mut self) -> Parsed<Statement<'a>> {
        let column = self.column();
        let (width, dst) = self.register()?;
        if self.eat("=") {
            return Assignment { width, dst, column }.parse(self);
        }
        let Some(op) = AluOp::ALL.iter().copied().find(|op| self.eat(op.text())) else {
            return Err(self.expected("`=` or an operator such as `+=`"));
        };
        Ok(Insn::Alu { op, width, dst, src: self.operand(width)? }.into())
    }

    // Words.

    fn peek(&self) -> Option<Kind<'a>> {
        self.tokens.get(self.at).map(|token| token.kind)
    }

    fn peek_second(&self) -> Option<Kind<'a>> {
        self.tokens.get(self.at.saturating_add(1)).map(|token| token.kind)
    }

    fn at_sign(&self) -> bool {
        matches!(self.peek(), Some(Kind::Punct("+" | "-")))
    }

    fn column(&self) -> u32 {
        self.tokens.get(self.at).map_or(self.end, |token| token.column)
    }

    fn next(&mut self, what: &str) -> Parsed<Token<'a>> {
        let token = self.tokens.get(self.at).copied().ok_or_else(|| self.expected(what))?;
        self.at += 1;
        Ok(token)
    }

    fn expected(&self, what: &str) -> ParseError {
        match self.tokens.get(self.at) {
            Some(token) => error(token.column, format!("expected {what}, found `{}`", token.text)),
            None => error(self.end, format!("expected {what}")),
        }
    }

    fn punct(&mut self, punct: &str) -> Parsed<()> {
        if self.eat(punct) { Ok(()) } else { Err(self.expected(&format!("`{punct}`"))) }
    }

    fn word(&mut self, word: &str) -> Parsed<()> {
        if self.peek() != Some(Kind::Name(word)) {
            return Err(self.expected(&format!("`{word}`")));
        }
        self.at += 1;
        Ok(())
    }

    fn register(&mut self) -> Parsed<(Width, Reg)> {
        match self.peek() {
            Some(Kind::Name(name)) => match register(name) {
                Some(Some(found)) => {
                    self.at += 1;
                    Ok(found)
                }
                Some(None) => {
                    Err(error(self.column(), format!("there is no register `{name}`: the last is `r10`")))
                }
                None => Err(self.expected("a register")),
            },
            _ => Err(self.expected("a register")),
        }
    }

    fn reg64(&mut self) -> Parsed<Reg> {
        self.register_of(Width::W64)
    }

    fn register_of(&mut self, width: Width) -> Parsed<Reg> {
        let column = self.column();
        match self.register()? {
            (found, reg) if found == width => Ok(reg),
            (_, reg) => {
                Err(error(column, format!("`{}{}` is needed here", width.row().letter, reg.number())))
            }
        }
    }

    /// A register that holds a value of that size in memory: clang says `w1` and Linux `r1` for 32 bits and less.
    fn value_register(&mut self, size: Size) -> Parsed<Reg> {
        if size == Size::DW { self.reg64() } else { Ok(self.register()?.1) }
    }

    fn operand(&mut self, width: Width) -> Parsed<Src> {
        match self.peek() {
            Some(Kind::Name(_)) => self.register_of(width).map(Src::Reg),
            _ => self.imm32().map(Src::Imm),
        }
    }

    /// A 32-bit immediate, signed or (as clang allows) unsigned; it means the same bits.
    fn imm32(&mut self) -> Parsed<i32> {
        let value = self.integer(i64::from(i32::MIN), i64::from(u32::MAX))?;
        let bits: u32 = i32::try_from(value)
            .map_or_else(|_| u32::try_from(value).unwrap_or_default(), i32::cast_unsigned);
        Ok(bits.cast_signed())
    }

    fn int16(&mut self) -> Parsed<i16> {
        self.integer(i16::MIN, i16::MAX)
    }

    fn integer<T: TryFrom<i128> + Into<i128> + Copy>(&mut self, min: T, max: T) -> Parsed<T> {
        let column = self.column();
        // Linux prints `skb[r6 + -14]`.
        self.eat("+");
        let negative = self.eat("-");
        let token = self.next("a number")?;
        let Kind::Number(magnitude) = token.kind else {
            return Err(error(token.column, format!("expected a number, found `{}`", token.text)));
        };
        let value = if negative { -i128::from(magnitude) } else { i128::from(magnitude) };
        let (min, max) = (min.into(), max.into());
        let inside = (min..=max).contains(&value).then(|| T::try_from(value).ok()).flatten();
        inside.ok_or_else(|| error(column, format!("{value} does not fit: from {min} to {max}")))
    }
}

impl From<Insn> for Statement<'_> {
    fn from(insn: Insn) -> Self {
        Statement { insn, symbol: None }
    }
}

/// `r1 = …`, after the equals sign.
struct Assignment {
    width: Width,
    dst: Reg,
    column: u32,
}

impl Assignment {
    fn parse<'a>(self, p: &mut Parser<'_, 'a>) -> Parsed<Statement<'a>> {
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

fn error(column: u32, message: impl Into<String>) -> ParseError {
    ParseError { column, message: message.into() }
}

/// A word that looks like a register, and the register if there is one.
fn register(word: &str) -> Option<Option<(Width, Reg)>> {
    let width = Width::ALL.iter().copied().find(|width| word.starts_with(width.row().letter))?;
    let digits = word.get(1..)?;
    if digits.is_empty() || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let canonical = digits == "0" || !digits.starts_with('0');
    Some(digits.parse().ok().filter(|_| canonical).and_then(Reg::new).map(|reg| (width, reg)))
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

fn atomic(op: AtomicOp, size: Size, base: Reg, off: i16, src: Reg, column: u32) -> Parsed<Insn> {
    match size {
        Size::W | Size::DW => Ok(Insn::Atomic { op, size, base, off, src }),
        Size::B | Size::H => Err(error(column, "atomic operations are of `u32` or `u64`")),
    }
}
