//! Text with numbers in it: `bpf_trace_printk`, `bpf_trace_vprintk`, `bpf_snprintf`.
//!
//! The formats are those that the kernel lets programs use: flags `0`, `+`, `-` and space, a width, then `%d %i %u %x %X` with
//! `l` or `ll`, `%c`, `%s`, `%p` and its relatives. Of a pointer that is to be followed (`%s`, `%pI4`), the program may have
//! made up any number: only memory of the run is read ([`World::readable`]), and elsewhere is nothing, as in the kernel
//! where a page is missing. An address is printed as it is; the kernel prints a hash of it.

use std::net::Ipv4Addr;

use belay_isa::Size;

use crate::errno::Errno;
use crate::world::World;

/// The most values after a format (`MAX_BPRINTF_VARARGS`).
const MOST: usize = 12;
/// The longest format that is read.
const LONGEST: usize = 1 << 16;
/// Bytes that the kernel has for the values of one line, strings included (`MAX_BPRINTF_BIN_ARGS`).
const VALUES: usize = 512;
/// The widest field.
const WIDEST: usize = 1 << 15;

/// How a value is set.
#[derive(Clone, Copy, Default)]
struct Field {
    zeros: bool,
    plus: bool,
    space: bool,
    left: bool,
    width: usize,
}

impl Field {
    /// Text with blanks around it.
    fn pad(self, text: &[u8], out: &mut Vec<u8>) {
        let blanks = self.width.saturating_sub(text.len());
        if !self.left {
            out.resize(out.len() + blanks, b' ');
        }
        out.extend(text);
        if self.left {
            out.resize(out.len() + blanks, b' ');
        }
    }

    /// A number: zeros go between sign and digits.
    fn number(self, sign: &str, digits: &str, out: &mut Vec<u8>) {
        let width = self.width.saturating_sub(sign.len());
        let zeros = if self.zeros && !self.left { width } else { 0 };
        self.pad(format!("{sign}{digits:0>zeros$}").as_bytes(), out);
    }
}

/// Letters and digits, as the kernel has them: those of Latin 1.
fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || (byte >= 0xc0 && !matches!(byte, 0xd7 | 0xf7))
}

/// Reads a format from its start.
struct Reader<'f> {
    format: &'f [u8],
    at: usize,
}

impl Reader<'_> {
    /// The byte at hand; 0 at the end.
    fn peek(&self) -> u8 {
        self.ahead(0)
    }

    fn ahead(&self, by: usize) -> u8 {
        self.format.get(self.at + by).copied().unwrap_or(0)
    }

    /// Takes the byte at hand if it is this one.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.at < self.format.len() && self.peek() == byte;
        self.at += usize::from(found);
        found
    }

    fn field(&mut self) -> Field {
        let mut field = Field::default();
        loop {
            match self.peek() {
                b'0' => field.zeros = true,
                b'+' => field.plus = true,
                b' ' => field.space = true,
                b'-' => field.left = true,
                _ => break,
            }
            self.at += 1;
        }
        while self.peek().is_ascii_digit() {
            let digit = usize::from(self.peek() - b'0');
            field.width = field.width.saturating_mul(10).saturating_add(digit).min(WIDEST);
            self.at += 1;
        }
        field
    }

    /// Whether a word ends here: the kernel wants that after strings and addresses.
    fn ends(&self) -> bool {
        let byte = self.peek();
        matches!(byte, 0 | 9..=13 | b' ' | 0xa0..=0xbf | 0xd7 | 0xf7) || byte.is_ascii_punctuation()
    }

    /// What comes after the letters of `%p…` belongs to them.
    fn skip_word(&mut self) {
        while is_alphanumeric(self.peek()) {
            self.at += 1;
        }
    }
}

/// The values of a line: given out in order, and bounded in bytes.
struct Values<'v> {
    rest: std::slice::Iter<'v, u64>,
    used: usize,
}

impl Values<'_> {
    fn next(&mut self) -> Result<u64, Errno> {
        self.rest.next().copied().ok_or(Errno::EINVAL)
    }

    /// Takes room for a value of so many bytes, at a multiple of `align`.
    fn room(&mut self, bytes: usize, align: usize) -> Result<(), Errno> {
        let end = self.used.next_multiple_of(align) + bytes;
        if end > VALUES {
            return Err(Errno::ENOSPC);
        }
        self.used = end;
        Ok(())
    }

    /// A string at an address: as much of it as there is room for.
    fn string(&mut self, world: &World<'_>, addr: u64) -> Result<Vec<u8>, Errno> {
        let most = VALUES - self.used;
        if most == 0 {
            return Err(Errno::ENOSPC);
        }
        let mut text = vec![0; world.readable(addr).min(most)];
        world.mem.read(addr, &mut text);
        // Without an end in sight it is no string; cut off for want of room, it is one.
        match text.iter().position(|byte| *byte == 0) {
            Some(end) => text.truncate(end),
            None if text.len() == most => text.truncate(most - 1),
            None => text.clear(),
        }
        self.room(text.len() + 1, 1)?;
        Ok(text)
    }
}

/// The text that a format and its values make.
fn formatted(world: &World<'_>, format: &[u8], values: &[u64]) -> Result<Vec<u8>, Errno> {
    let mut out = Vec::new();
    let mut reader = Reader { format, at: 0 };
    let mut values = Values { rest: values.iter(), used: 0 };
    while let Some(byte) = format.get(reader.at).copied() {
        if byte.is_ascii() && !matches!(byte, 9..=13 | 0x20..=0x7e) {
            return Err(Errno::EINVAL);
        }
        reader.at += 1;
        if byte != b'%' || reader.take(b'%') {
            out.push(byte);
            continue;
        }
        convert(world, &mut reader, &mut values, &mut out)?;
    }
    Ok(out)
}

/// One value.
fn convert(
    world: &World<'_>,
    reader: &mut Reader<'_>,
    values: &mut Values<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Errno> {
    let value = values.next()?;
    let field = reader.field();
    if reader.take(b'p') {
        return pointer(world, reader, values, field, value, out);
    }
    if reader.take(b's') {
        if !reader.ends() {
            return Err(Errno::EINVAL);
        }
        field.pad(&values.string(world, value)?, out);
        return Ok(());
    }
    if reader.take(b'c') {
        values.room(1, 1)?;
        field.pad(&[value as u8], out);
        return Ok(());
    }
    let wide = reader.take(b'l');
    let _ = wide && reader.take(b'l');
    let kind = reader.peek();
    if !matches!(kind, b'd' | b'i' | b'u' | b'x' | b'X') {
        return Err(Errno::EINVAL);
    }
    reader.at += 1;
    values.room(if wide { 8 } else { 4 }, 4)?;
    let (unsigned, signed) =
        if wide { (value, value as i64) } else { ((value as u32).into(), (value as i32).into()) };
    match kind {
        b'x' => field.number("", &format!("{unsigned:x}"), out),
        b'X' => field.number("", &format!("{unsigned:X}"), out),
        b'u' => field.number("", &unsigned.to_string(), out),
        _ => {
            let sign = match signed {
                ..0 => "-",
                _ if field.plus => "+",
                _ if field.space => " ",
                _ => "",
            };
            field.number(sign, &signed.unsigned_abs().to_string(), out);
        }
    }
    Ok(())
}

/// What comes after `%p`.
fn pointer(
    world: &World<'_>,
    reader: &mut Reader<'_>,
    values: &mut Values<'_>,
    field: Field,
    value: u64,
    out: &mut Vec<u8>,
) -> Result<(), Errno> {
    let address = |out: &mut Vec<u8>| {
        let field = if field.width == 0 { Field { zeros: true, width: 16, ..field } } else { field };
        field.number("", &format!("{value:x}"), out);
    };
    match (reader.peek(), reader.ahead(1)) {
        _ if reader.ends() => {
            values.room(8, 4)?;
            address(out);
        }
        (b'k' | b'u', b's') => {
            let user = reader.peek() == b'u';
            reader.at += 2;
            if !reader.ends() {
                return Err(Errno::EINVAL);
            }
            // The run has no process whose memory that could be.
            let text = values.string(world, if user { 0 } else { value })?;
            out.extend(text);
        }
        (b'K' | b'x', _) => {
            values.room(8, 4)?;
            address(out);
        }
        // Symbols: the run knows none, and prints what the kernel prints of an address that is none.
        (b's' | b'S', _) => {
            values.room(8, 4)?;
            field.pad(format!("{value:#x}").as_bytes(), out);
        }
        (b'B', _) => {
            let text = format!("{value:#x}");
            values.room(text.len() + 1, 1)?;
            out.extend(text.as_bytes());
        }
        (kind @ (b'I' | b'i'), version @ (b'4' | b'6')) => {
            let len = if version == b'4' { 4 } else { 16 };
            if VALUES - values.used < len {
                return Err(Errno::ENOSPC);
            }
            let text = address_text(kind, &bytes_at(world, value, len));
            // Cut off if there is no room, and then the next value finds none.
            values.used += text.len() + 1;
            out.extend(text.as_bytes());
        }
        _ => return Err(Errno::EINVAL),
    }
    reader.skip_word();
    Ok(())
}

/// Bytes at an address; zeros where none can be read.
fn bytes_at(world: &World<'_>, addr: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    if world.readable(addr) >= len {
        world.mem.read(addr, &mut bytes);
    }
    bytes
}

/// An Internet address: `%pI4`, `%pi4` with leading zeros, `%pI6` with colons, `%pi6` without.
fn address_text(kind: u8, bytes: &[u8]) -> String {
    match (kind, bytes) {
        (b'I', &[a, b, c, d]) => Ipv4Addr::new(a, b, c, d).to_string(),
        (_, [_, _, _, _]) => bytes.iter().map(|byte| format!("{byte:03}")).collect::<Vec<_>>().join("."),
        (kind, bytes) => {
            let groups =
                bytes.chunks(2).map(|pair| pair.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
            groups.collect::<Vec<_>>().join(if kind == b'I' { ":" } else { "" })
        }
    }
}

/// The format at an address, without its end; an error if it has none within `size` bytes.
fn format_at(world: &World<'_>, addr: u64, size: u64) -> Result<Vec<u8>, Errno> {
    let mut format = Vec::new();
    for index in 0..size.min(LONGEST as u64) {
        match world.mem.load(addr.wrapping_add(index), Size::B) as u8 {
            0 => return Ok(format),
            byte => format.push(byte),
        }
    }
    Err(Errno::EINVAL)
}

/// The values at an address, of which so many bytes are given.
fn values_at(world: &World<'_>, addr: u64, bytes: u64) -> Result<Vec<u64>, Errno> {
    if !bytes.is_multiple_of(8) || bytes / 8 > MOST as u64 || (addr == 0 && bytes != 0) {
        return Err(Errno::EINVAL);
    }
    Ok((0..bytes / 8).map(|index| world.mem.load(addr.wrapping_add(8 * index), Size::DW)).collect())
}

/// Prints a line; how long it is.
fn print_line(world: &mut World<'_>, format: u64, size: u64, values: &[u64]) -> Result<u64, Errno> {
    /// The longest line that the kernel prints, with its end (`MAX_BPRINTF_BUF`).
    const LINE: usize = 1024;
    let mut line = formatted(world, &format_at(world, format, size)?, values)?;
    let len = line.len() as u64;
    line.truncate(LINE - 1);
    // A line ends at a zero, and those that read it add the end of the line.
    let text = line.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    world.machine.print(String::from_utf8_lossy(text).into_owned());
    Ok(len)
}

/// `bpf_trace_printk(format, size, a, b, c)`
pub(super) fn print(world: &mut World<'_>, [format, size, a, b, c]: [u64; 5]) -> u64 {
    print_line(world, format, size, &[a, b, c]).unwrap_or_else(Errno::r0)
}

/// `bpf_trace_vprintk(format, size, values, bytes of values)`
pub(super) fn print_array(world: &mut World<'_>, [format, size, values, bytes, _]: [u64; 5]) -> u64 {
    values_at(world, values, u64::from(bytes as u32))
        .and_then(|values| print_line(world, format, size, &values))
        .unwrap_or_else(Errno::r0)
}

/// `bpf_snprintf(text, size, format, values, bytes of values)`: the length of all the text, its end included
pub(super) fn to_text(world: &mut World<'_>, [to, size, format, values, bytes]: [u64; 5]) -> u64 {
    let write = || {
        let values = values_at(world, values, u64::from(bytes as u32))?;
        let text = formatted(world, &format_at(world, format, u64::MAX)?, &values)?;
        if let Some(room) = u64::from(size as u32).checked_sub(1) {
            let written = &text[..text.len().min(room as usize)];
            world.mem.write(to, written);
            world.mem.store(to.wrapping_add(written.len() as u64), Size::B, 0);
        }
        Ok(text.len() as u64 + 1)
    };
    write().unwrap_or_else(Errno::r0)
}
