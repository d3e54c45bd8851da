//! One instruction from text: the inverse of printing.
//!
//! What `Display` prints, `llvm-objdump` and the kernel's log print (`goto pc+5`, `(r2 -8)`, `atomic64_xchg(…)`), and clang's
//! assembler accepts, is read; blanks are free. Where an operand may be a name, the instruction comes with zero in
//! its place and the name beside it: [`assemble`](crate::assemble) fills it in.

mod assign;
mod words;

use assign::Assignment;
pub(crate) use words::Parser;
use words::{Parsed, error, register};

use crate::insn::{CallTarget, Insn, Reg, Src};
use crate::table::{AluOp, AtomicOp, AtomicText, CmpOp, Size};
use crate::token::{Kind, tokenize};

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

impl<'a> Parser<'_, 'a> {
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
            return Assignment::new(width, dst, column).parse(self);
        }
        let Some(op) = AluOp::ALL.iter().copied().find(|op| self.eat(op.text())) else {
            return Err(self.expected("`=` or an operator such as `+=`"));
        };
        Ok(Insn::Alu { op, width, dst, src: self.operand(width)? }.into())
    }
}

impl From<Insn> for Statement<'_> {
    fn from(insn: Insn) -> Self {
        Statement { insn, symbol: None }
    }
}

fn atomic(op: AtomicOp, size: Size, base: Reg, off: i16, src: Reg, column: u32) -> Parsed<Insn> {
    match size {
        Size::W | Size::DW => Ok(Insn::Atomic { op, size, base, off, src }),
        Size::B | Size::H => Err(error(column, "atomic operations are of `u32` or `u64`")),
    }
}
