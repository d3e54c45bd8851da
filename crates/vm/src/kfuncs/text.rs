//! Texts that end with a zero: how long they are, what is in them, which of two comes first.
//!
//! A text may be anywhere, also where nothing is: each byte is asked for. What is looked through is at most as long as an
//! extended attribute may be.

use belay_isa::Size;

use crate::errno::Errno;
use crate::world::World;

/// The longest text that is looked through (`XATTR_SIZE_MAX`).
const LONGEST: u64 = 1 << 16;

/// A byte of a text.
fn byte(world: &World<'_>, text: u64, at: u64) -> Result<u8, Errno> {
    let addr = text.wrapping_add(at);
    if world.readable(addr) == 0 { Err(Errno::EFAULT) } else { Ok(world.mem.load(addr, Size::B) as u8) }
}

/// Refuses addresses at which no kernel has memory.
fn possible(world: &World<'_>, text: u64) -> Result<(), Errno> {
    const KERNEL: std::ops::RangeInclusive<u64> = 0xffff_8000_0000_0000..=u64::MAX;
    /// A page in the kernel's half that is the processes'.
    const VSYSCALL: std::ops::Range<u64> = 0xffff_ffff_ff60_0000..0xffff_ffff_ff60_1000;
    let kernels = KERNEL.contains(&text) && !VSYSCALL.contains(&text);
    if kernels || world.readable(text) > 0 { Ok(()) } else { Err(Errno::ERANGE) }
}

/// The place or length that was found, as an `int`; or an error.
fn int(found: Result<u64, Errno>) -> u64 {
    match found {
        Ok(number) => u64::from(number as u32),
        Err(errno) => super::int(Err(errno)),
    }
}

/// Where in the first `count` bytes of a text something is; `end` is for a text that ends before.
fn find(
    world: &World<'_>,
    text: u64,
    count: u64,
    is_it: impl Fn(u8) -> bool,
    end: impl Fn(u64) -> Result<u64, Errno>,
) -> Result<u64, Errno> {
    possible(world, text)?;
    for at in 0..count.min(LONGEST) {
        match byte(world, text, at)? {
            found if is_it(found) => return Ok(at),
            0 => return end(at),
            _ => {}
        }
    }
    if count >= LONGEST { Err(Errno::E2BIG) } else { end(count) }
}

/// `bpf_strcmp(a, b)`
pub(super) fn compare(world: &mut World<'_>, [a, b, ..]: [u64; 5]) -> u64 {
    int(compared(world, a, b, |byte| byte))
}

/// `bpf_strcasecmp(a, b)`
pub(super) fn compare_caseless(world: &mut World<'_>, [a, b, ..]: [u64; 5]) -> u64 {
    int(compared(world, a, b, lower))
}

/// A letter in lower case, of Latin-1 too.
fn lower(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' | 0xc0..=0xd6 | 0xd8..=0xde => byte + 32,
        other => other,
    }
}

fn compared(world: &World<'_>, a: u64, b: u64, of: fn(u8) -> u8) -> Result<u64, Errno> {
    possible(world, a)?;
    possible(world, b)?;
    for at in 0..LONGEST {
        let (a, b) = (of(byte(world, a, at)?), of(byte(world, b, at)?));
        match a.cmp(&b) {
            std::cmp::Ordering::Less => return Ok(u64::MAX),
            std::cmp::Ordering::Greater => return Ok(1),
            std::cmp::Ordering::Equal if a == 0 => return Ok(0),
            std::cmp::Ordering::Equal => {}
        }
    }
    Err(Errno::E2BIG)
}

/// `bpf_strchr(text, c)`
pub(super) fn first(world: &mut World<'_>, [text, c, ..]: [u64; 5]) -> u64 {
    int(find(world, text, LONGEST, |byte| byte == c as u8, |_| Err(Errno::ENOENT)))
}

/// `bpf_strnchr(text, count, c)`
pub(super) fn first_within(world: &mut World<'_>, [text, count, c, ..]: [u64; 5]) -> u64 {
    int(find(world, text, count, |byte| byte == c as u8, |_| Err(Errno::ENOENT)))
}

/// `bpf_strchrnul(text, c)`: the end if it is not there
pub(super) fn first_or_end(world: &mut World<'_>, [text, c, ..]: [u64; 5]) -> u64 {
    int(find(world, text, LONGEST, |byte| byte == c as u8, Ok))
}

/// `bpf_strrchr(text, c)`
pub(super) fn last(world: &mut World<'_>, [text, c, ..]: [u64; 5]) -> u64 {
    let last = || {
        possible(world, text)?;
        let mut last = Err(Errno::ENOENT);
        for at in 0..LONGEST {
            let byte = byte(world, text, at)?;
            if byte == c as u8 {
                last = Ok(at);
            }
            if byte == 0 {
                return last;
            }
        }
        Err(Errno::E2BIG)
    };
    int(last())
}

/// `bpf_strlen(text)`
pub(super) fn length(world: &mut World<'_>, [text, ..]: [u64; 5]) -> u64 {
    int(find(world, text, LONGEST, |_| false, Ok))
}

/// `bpf_strnlen(text, count)`
pub(super) fn length_within(world: &mut World<'_>, [text, count, ..]: [u64; 5]) -> u64 {
    int(find(world, text, count, |_| false, Ok))
}

/// `bpf_strspn(text, set)`: how many bytes at the start are in the set
pub(super) fn span_of(world: &mut World<'_>, [text, set, ..]: [u64; 5]) -> u64 {
    int(span(world, text, set, true))
}

/// `bpf_strcspn(text, set)`: how many are not
pub(super) fn span_without(world: &mut World<'_>, [text, set, ..]: [u64; 5]) -> u64 {
    int(span(world, text, set, false))
}

fn span(world: &World<'_>, text: u64, set: u64, within: bool) -> Result<u64, Errno> {
    possible(world, text)?;
    possible(world, set)?;
    for at in 0..LONGEST {
        let wanted = byte(world, text, at)?;
        if wanted == 0 {
            return Ok(at);
        }
        let there = find(world, set, LONGEST, |byte| byte == wanted, |_| Err(Errno::ENOENT));
        match there {
            Ok(_) if within => {}
            Err(Errno::ENOENT) if !within => {}
            Ok(_) | Err(Errno::ENOENT) => return Ok(at),
            Err(errno) => return Err(errno),
        }
    }
    Err(Errno::E2BIG)
}

/// `bpf_strstr(text, part)`
pub(super) fn part(world: &mut World<'_>, [text, part, ..]: [u64; 5]) -> u64 {
    int(part_of(world, text, part, LONGEST))
}

/// `bpf_strnstr(text, part, count)`
pub(super) fn part_within(world: &mut World<'_>, [text, part, count, ..]: [u64; 5]) -> u64 {
    int(part_of(world, text, part, count))
}

fn part_of(world: &World<'_>, text: u64, part: u64, count: u64) -> Result<u64, Errno> {
    possible(world, text)?;
    possible(world, part)?;
    for at in 0..LONGEST {
        let mut matched = 0;
        loop {
            if matched == LONGEST {
                return Err(Errno::E2BIG);
            }
            if at + matched > count {
                break;
            }
            let wanted = byte(world, part, matched)?;
            if wanted == 0 {
                return Ok(at);
            }
            if at + matched == count {
                return Err(Errno::ENOENT);
            }
            match byte(world, text, at + matched)? {
                0 => return Err(Errno::ENOENT),
                found if found != wanted => break,
                _ => matched += 1,
            }
        }
    }
    Err(Errno::E2BIG)
}
