//! Programs from text: lines of instructions, labels and names.
//!
//! The assembler takes lines, not files: a line that begins with a [`directive`] belongs to whoever reads the file, who
//! feeds the others to an [`Assembler`]. A name is looked up among the labels first, then in [`Symbols`]; labels may
//! come after their use. As in clang's assembler, `;` separates instructions, `#` and `//` begin a comment, and `1f` and
//! `1b` name the next and the last label `1:`.

use std::collections::BTreeMap;
use std::fmt;

use crate::imm64::Imm64;
use crate::insn::{CallTarget, Insn};
use crate::parse::{ParseError, Parser, Statement, Symbol, SymbolKind};
use crate::slot::{Pc, Slot};
use crate::token::{Kind, tokenize};

/// What names mean that are not labels of the text.
pub trait Symbols {
    /// What `call NAME` calls: a helper, a kfunc, a function elsewhere.
    fn callee(&self, name: &str) -> Option<CallTarget>;

    /// What `r1 = NAME ll` loads, `r1 = NAME+8 ll` with the offset 8: a map, a variable in a map's value.
    fn address(&self, name: &str, offset: i32) -> Option<Imm64>;
}

/// No names but labels.
#[derive(Clone, Copy, Debug)]
pub struct NoSymbols;

impl Symbols for NoSymbols {
    fn callee(&self, _name: &str) -> Option<CallTarget> {
        None
    }

    fn address(&self, _name: &str, _offset: i32) -> Option<Imm64> {
        None
    }
}

/// An assembled text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Assembly {
    /// The instructions.
    pub slots: Vec<Slot>,
    /// Where each label stands; one at the end of the text is the number of slots. Numeric labels are not here.
    pub labels: BTreeMap<String, Pc>,
    /// For each slot, the number of the line that it comes from.
    pub lines: Vec<u32>,
}

/// Text that does not assemble, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct AsmError {
    /// The line's number as given to [`Assembler::line`].
    pub line: u32,
    /// Counted in characters, from 1.
    pub column: u32,
    /// What is wrong: lower case, no full stop.
    pub message: String,
}

/// A line such as `.section tc`, which the assembler leaves to its caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Directive<'a> {
    /// The name without its dot.
    pub name: &'a str,
    /// What follows it, without blanks at the ends. Comments are still there: only the caller knows what it quotes.
    pub arguments: &'a str,
}

/// The directive on a line, if it begins with one. A label that begins with a dot (`.L1:`) is none.
pub fn directive(line: &str) -> Option<Directive<'_>> {
    let body = line.trim().strip_prefix('.')?;
    let end = body
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$' | '-')))
        .unwrap_or(body.len());
    let (name, arguments) = body.split_at(end);
    let arguments = arguments.trim();
    (!name.is_empty() && !arguments.starts_with(':')).then_some(Directive { name, arguments })
}

/// Assembles a text that has no directives.
///
/// # Errors
/// The first line that is not assembly, or the first name that means nothing.
pub fn assemble(text: &str, symbols: &dyn Symbols) -> Result<Assembly, AsmError> {
    let mut assembler = Assembler::new();
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(found) = directive(line) {
            let column = column_of_first_word(line);
            return Err(AsmError {
                line: number,
                column,
                message: format!("unknown directive `.{}`", found.name),
            });
        }
        assembler.line(number, line)?;
    }
    assembler.finish(symbols)
}

/// A text being assembled, line by line.
#[derive(Default)]
pub struct Assembler<'a> {
    insns: Vec<Placed<'a>>,
    pc: Pc,
    labels: BTreeMap<&'a str, Pc>,
    /// Places of each numeric label, ascending.
    numeric: BTreeMap<&'a str, Vec<Pc>>,
}

struct Placed<'a> {
    pc: Pc,
    line: u32,
    statement: Statement<'a>,
}

impl<'a> Assembler<'a> {
    /// An empty text.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the next instruction will stand.
    pub fn pc(&self) -> Pc {
        self.pc
    }

    /// Takes one line: labels, instructions separated by `;`, a comment. `number` is what errors and [`Assembly::lines`] call it.
    ///
    /// # Errors
    /// A line that is not assembly, or a label that stands twice.
    pub fn line(&mut self, number: u32, text: &'a str) -> Result<(), AsmError> {
        let placed =
            |error: ParseError| AsmError { line: number, column: error.column, message: error.message };
        let tokens = tokenize(text).map_err(placed)?;
        let mut parser = Parser::new(&tokens, text);
        loop {
            while let Some(label) = parser.label() {
                self.label(label.kind, label.text)
                    .map_err(|message| placed(ParseError { column: label.column, message }))?;
            }
            if parser.is_empty() {
                return Ok(());
            }
            if parser.eat(";") {
                continue;
            }
            let statement = parser.statement().map_err(placed)?;
            if !parser.eat(";") {
                parser.end().map_err(placed)?;
            }
            let slots = statement.insn.slots();
            self.insns.push(Placed { pc: self.pc, line: number, statement });
            let next = self.pc.0.checked_add(slots);
            self.pc = Pc(next.ok_or_else(|| {
                placed(ParseError { column: 1, message: "the program is too long".into() })
            })?);
        }
    }

    fn label(&mut self, kind: Kind<'_>, name: &'a str) -> Result<(), String> {
        if matches!(kind, Kind::Number(_)) {
            self.numeric.entry(name).or_default().push(self.pc);
            return Ok(());
        }
        match self.labels.insert(name, self.pc) {
            None => Ok(()),
            Some(first) => Err(format!("label `{name}` stands twice, first at instruction {first}")),
        }
    }

    /// Gives every name its meaning and encodes.
    ///
    /// # Errors
    /// The first name that means nothing, or a jump that is too long for its instruction.
    pub fn finish(self, symbols: &dyn Symbols) -> Result<Assembly, AsmError> {
        let mut assembly = Assembly::default();
        for placed in &self.insns {
            let mut insn = placed.statement.insn;
            if let Some(symbol) = placed.statement.symbol {
                let error = |message| AsmError { line: placed.line, column: symbol.column, message };
                insn = self.resolve(insn, symbol, placed.pc, symbols).map_err(error)?;
            }
            let encoded = insn.encode();
            assembly.slots.extend_from_slice(&encoded);
            assembly.lines.extend(encoded.iter().map(|_| placed.line));
        }
        assembly.labels = self.labels.iter().map(|(name, pc)| ((*name).to_owned(), *pc)).collect();
        Ok(assembly)
    }

    fn resolve(&self, insn: Insn, symbol: Symbol<'_>, pc: Pc, symbols: &dyn Symbols) -> Result<Insn, String> {
        let name = symbol.text;
        let label = self.labels.get(name).copied();
        match symbol.kind {
            SymbolKind::Label => {
                let target = label.ok_or_else(|| format!("there is no label `{name}`"))?;
                jump(insn, pc, target)
            }
            SymbolKind::NumericLabel { name, forward } => {
                let places = self.numeric.get(name).map_or(&[][..], Vec::as_slice);
                let found = if forward {
                    places.iter().find(|place| **place > pc)
                } else {
                    places.iter().rev().find(|place| **place <= pc)
                };
                let direction = if forward { "after" } else { "before" };
                let target = found.ok_or_else(|| format!("there is no label `{name}` {direction} this"))?;
                jump(insn, pc, *target)
            }
            SymbolKind::Callee { id } => {
                let local = || Some(CallTarget::Local(distance(pc, label?)?));
                let callee = local().or_else(|| symbols.callee(name));
                let callee = callee.ok_or_else(|| format!("there is no label, helper or kfunc `{name}`"))?;
                match (callee, id) {
                    (CallTarget::Helper(number), Some(id)) if number != id => {
                        Err(format!("helper `{name}` has the number {number}, not {id}"))
                    }
                    _ => Ok(Insn::Call(callee)),
                }
            }
            SymbolKind::Address { offset } => {
                let local = || Some(Imm64::Func(distance(pc, label?)?)).filter(|_| offset == 0);
                let value = local().or_else(|| symbols.address(name, offset));
                let value = value.ok_or_else(|| format!("there is no map, variable or function `{name}`"))?;
                match insn {
                    Insn::LoadImm64 { dst, .. } => Ok(Insn::LoadImm64 { dst, value }),
                    other => Ok(other),
                }
            }
        }
    }
}

impl fmt::Debug for Assembler<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assembler")
            .field("pc", &self.pc)
            .field("labels", &self.labels)
            .finish_non_exhaustive()
    }
}

/// From the slot after `pc` to `target`.
fn distance(pc: Pc, target: Pc) -> Option<i32> {
    i32::try_from(i64::from(target.0) - i64::from(pc.0) - 1).ok()
}

fn jump(insn: Insn, pc: Pc, target: Pc) -> Result<Insn, String> {
    let far = i64::from(target.0) - i64::from(pc.0) - 1;
    let short = || {
        i16::try_from(far)
            .map_err(|_| format!("the label is {far} slots away: this jump reaches 32767, `gotol` farther"))
    };
    Ok(match insn {
        Insn::Ja { .. } => Insn::Ja { off: short()? },
        Insn::Branch { op, width, dst, src, .. } => Insn::Branch { op, width, dst, src, off: short()? },
        Insn::MayGoto { .. } => Insn::MayGoto { off: short()? },
        Insn::Jal { .. } => Insn::Jal {
            off: i32::try_from(far).map_err(|_| format!("the label is {far} slots away: too far"))?,
        },
        other => other,
    })
}

fn column_of_first_word(line: &str) -> u32 {
    let blanks = line.chars().take_while(|c| c.is_whitespace()).count();
    u32::try_from(blanks).map_or(u32::MAX, |blanks| blanks.saturating_add(1))
}
