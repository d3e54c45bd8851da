//! Strings that a call wants to know at verification: they lie in a map that nobody can change, zero-terminated.
//! One of them is a format, and is held against the number of values that come with it.

use belay_isa::Reg;

use crate::fault::{Check, Fault, Stop};
use crate::memory::is_constant;
use crate::state::State;
use crate::value::{Pointer, Value};
use crate::walk::Walk;

use super::Arguments;

/// Bytes of a value that a format takes.
const FORMAT_VALUE: u64 = 8;

impl<'p> Walk<'p> {
    /// The string to which the register points, without its terminator.
    pub(crate) fn constant_string(&self, reg: Reg, value: &Value) -> Check<&'p [u8]> {
        let refuse = |kernel: String| Err(Fault::ConstantString { reg, kernel }.into());
        let n = reg.number();
        let Some(Pointer::MapValue(index)) = value.as_pointer() else {
            return refuse(format!("arg#{} doesn't point to a const string", n - 1));
        };
        let def = self.map(index)?;
        if !is_constant(def) {
            return refuse(format!("R{n} does not point to a readonly map'"));
        }
        let Some(variable) = value.scalar.as_constant() else {
            return refuse(format!("R{n} is not a constant address'"));
        };
        if !def.kind.rules().is_some_and(|rules| rules.direct_values) {
            return refuse("no direct value access support for this map type".into());
        }
        let off = i64::from(value.off);
        let size = u32::try_from(i64::from(def.value_size) - off).unwrap_or(0);
        self.region_bytes(reg, value, off, size, def.value_size)?;
        if def.max_entries != 1 {
            return refuse("direct value access on string failed".into());
        }
        let Some(contents) = &def.contents else {
            return Err(Stop::unsupported("strings in a map whose contents are not known"));
        };
        let start = usize::try_from(off.wrapping_add(variable as i64)).unwrap_or(usize::MAX);
        let string = contents.get(start..).unwrap_or_default();
        match string.iter().position(|byte| *byte == 0) {
            Some(end) => Ok(&string[..end]),
            None => refuse("string is not zero-terminated".into()),
        }
    }

    /// A format and the size of its values, which the last argument told.
    pub(super) fn check_format(&self, state: &State, told: &Arguments, format: &[u8]) -> Check {
        let Some(reg) = told.size else { return Ok(()) };
        // Of a size that is not constant, Linux takes the bits that it knows.
        let size = state.reg(reg).scalar.tnum().value;
        if !size.is_multiple_of(FORMAT_VALUE) {
            let kernel = format!("{size} bytes are not whole values of 8");
            return Err(Fault::Format { kernel }.into());
        }
        if takes_values(format, size / FORMAT_VALUE) {
            return Ok(());
        }
        Err(Fault::Format { kernel: "Invalid format string".into() }.into())
    }
}

/// Whether a format is one that Linux prints, for at most that many values.
fn takes_values(format: &[u8], values: u64) -> bool {
    let mut rest = format;
    let mut taken = 0;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first.is_ascii() && !is_print(first) && !is_space(first) {
            return false;
        }
        if first != b'%' {
            continue;
        }
        if let [b'%', after @ ..] = rest {
            rest = after;
            continue;
        }
        if taken >= values {
            return false;
        }
        taken += 1;
        match after_conversion(rest) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    true
}

/// What follows the conversion, which begins after its `%`; `None` if there is no such.
fn after_conversion(text: &[u8]) -> Option<&[u8]> {
    let flags = text.iter().take_while(|byte| b"0+- ".contains(byte)).count();
    let text = &text[flags..];
    let width = match text.first() {
        Some(b'1'..=b'9') => text.iter().take_while(|byte| byte.is_ascii_digit()).count(),
        _ => 0,
    };
    let text = &text[width..];
    match text {
        [b'p', b'k' | b'u', b's', rest @ ..] | [b's', rest @ ..] => ends_word(rest).then_some(rest),
        [b'p', rest @ ..] if ends_word(rest) => Some(rest),
        [b'p', b'K' | b'x' | b's' | b'S' | b'B', rest @ ..] => Some(rest),
        [b'p', b'i' | b'I', b'4' | b'6', rest @ ..] => Some(rest),
        [b'c', rest @ ..] => Some(rest),
        [b'l', b'l', rest @ ..] | [b'l', rest @ ..] | rest => match rest {
            [b'i' | b'd' | b'u' | b'x' | b'X', rest @ ..] => Some(rest),
            _ => None,
        },
    }
}

/// Whether no letter, digit or other byte follows at once.
fn ends_word(text: &[u8]) -> bool {
    text.first().is_none_or(|byte| is_space(*byte) || is_punctuation(*byte))
}

// As the kernel's tables have it (Latin-1).

fn is_space(byte: u8) -> bool {
    matches!(byte, 9..=13 | 32 | 0xa0)
}

fn is_print(byte: u8) -> bool {
    matches!(byte, 32..=126 | 0xa0..=0xff)
}

fn is_punctuation(byte: u8) -> bool {
    byte.is_ascii_punctuation() || matches!(byte, 0xa1..=0xbf | 0xd7 | 0xf7)
}
