//! Numbers written as text: `bpf_strtol`, `bpf_strtoul`.

use belay_isa::Size;

use crate::errno::Errno;
use crate::world::World;

/// The longest text that is read, behind blanks and sign.
const LONGEST: usize = 63;

/// A number, and how many bytes of the text were read.
struct Parsed {
    value: u64,
    negative: bool,
    read: u64,
}

/// Blank, as the kernel's `isspace` has it: the no-break space of Latin 1 among them.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | 9..=13 | 0xa0)
}

fn digit(byte: u8) -> Option<u32> {
    char::from(byte).to_digit(16)
}

/// The base that the text announces, where none is asked for, and how many bytes the announcement takes.
fn base_of(text: &[u8], asked: u32) -> (u32, usize) {
    let at = |index: usize| text.get(index).copied().unwrap_or(0);
    let hexadecimal = at(0) == b'0' && at(1) | 0x20 == b'x';
    let base = match asked {
        0 if hexadecimal && digit(at(2)).is_some() => 16,
        0 if at(0) == b'0' => 8,
        0 => 10,
        base => base,
    };
    (base, if base == 16 && hexadecimal { 2 } else { 0 })
}

fn parse(world: &World<'_>, text: u64, len: u64, flags: u64) -> Result<Parsed, Errno> {
    /// The base, in the low bits of the flags.
    const BASE: u64 = 0x1f;
    let asked = (flags & BASE) as u32;
    if len == 0 || ![0, 8, 10, 16].contains(&asked) || flags & !BASE != 0 {
        return Err(Errno::EINVAL);
    }
    let byte = |index: u64| world.mem.load(text.wrapping_add(index), Size::B) as u8;
    let blanks = (0..len).take_while(|index| is_blank(byte(*index))).count() as u64;
    let negative = blanks < len && byte(blanks) == b'-';
    let start = blanks + u64::from(negative);
    let mut bytes = [0; LONGEST];
    let bytes = &mut bytes[..LONGEST.min((len - start) as usize)];
    if bytes.is_empty() {
        return Err(Errno::EINVAL);
    }
    world.mem.read(text.wrapping_add(start), bytes);
    let (base, prefix) = base_of(bytes, asked);
    let digits = bytes[prefix..].iter().map_while(|byte| digit(*byte).filter(|digit| *digit < base));
    let (mut value, mut count) = (0_u64, 0);
    let mut overflow = false;
    for digit in digits {
        let next = value.checked_mul(base.into()).and_then(|value| value.checked_add(digit.into()));
        overflow |= next.is_none();
        value = next.unwrap_or(u64::MAX);
        count += 1;
    }
    match (overflow, count) {
        (true, _) => Err(Errno::ERANGE),
        (_, 0) => Err(Errno::EINVAL),
        _ => Ok(Parsed { value, negative, read: start + prefix as u64 + count }),
    }
}

/// Stores the number, or 0; how many bytes were read, or the error.
fn answer(world: &World<'_>, to: u64, parsed: Result<(u64, u64), Errno>) -> u64 {
    let (value, r0) = parsed.map_or_else(|errno| (0, errno.r0()), |(value, read)| (value, read));
    world.mem.store(to, Size::DW, value);
    r0
}

/// `bpf_strtol(text, len, flags, result)`
pub(super) fn signed(world: &mut World<'_>, [text, len, flags, to, _]: [u64; 5]) -> u64 {
    let parsed = parse(world, text, len, flags).and_then(|parsed| {
        let value = if parsed.negative { parsed.value.wrapping_neg() as i64 } else { parsed.value as i64 };
        let fits = if parsed.negative { value <= 0 } else { value >= 0 };
        if fits { Ok((value as u64, parsed.read)) } else { Err(Errno::ERANGE) }
    });
    answer(world, to, parsed)
}

/// `bpf_strtoul(text, len, flags, result)`
pub(super) fn unsigned(world: &mut World<'_>, [text, len, flags, to, _]: [u64; 5]) -> u64 {
    let parsed = parse(world, text, len, flags).and_then(|parsed| {
        if parsed.negative { Err(Errno::EINVAL) } else { Ok((parsed.value, parsed.read)) }
    });
    answer(world, to, parsed)
}
