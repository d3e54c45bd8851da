//! Helpers that concern neither maps nor packets: time, random numbers, CPU, printing, strings.

use belay_isa::Size;

use crate::errno::Errno;
use crate::world::World;

/// `bpf_ktime_get_ns()` and its relatives: one clock stands for all
pub(super) fn time(world: &mut World<'_>, _: [u64; 5]) -> u64 {
    world.machine.now()
}

/// `bpf_jiffies64()`: at 250 a second
pub(super) fn jiffies(world: &mut World<'_>, _: [u64; 5]) -> u64 {
    world.machine.now() / 4_000_000
}

/// `bpf_get_prandom_u32()`
pub(super) fn random(world: &mut World<'_>, _: [u64; 5]) -> u64 {
    u64::from(world.random.next())
}

/// `bpf_get_smp_processor_id()`
pub(super) fn cpu(world: &mut World<'_>, _: [u64; 5]) -> u64 {
    u64::from(world.machine.cpu)
}

/// Helpers with nothing to do here: there is one NUMA node, and a spin lock is free, as runs are not preempted.
pub(super) fn zero(_: &mut World<'_>, _: [u64; 5]) -> u64 {
    0
}

/// The longest format and line that are printed.
const LINE: usize = 1024;

/// `bpf_trace_printk(format, size, arg1, arg2, arg3)`
pub(super) fn print(world: &mut World<'_>, [format, size, a, b, c]: [u64; 5]) -> u64 {
    printed(world, format, size, &[a, b, c])
}

/// `bpf_trace_vprintk(format, size, args, bytes of args)`
pub(super) fn print_array(world: &mut World<'_>, [format, size, args, len, _]: [u64; 5]) -> u64 {
    /// `MAX_BPRINTF_VARARGS`
    const MOST: u64 = 12;
    if !len.is_multiple_of(8) || len / 8 > MOST || (args == 0 && len != 0) {
        return Errno::EINVAL.r0();
    }
    let mut values = [0; MOST as usize];
    for (index, value) in values.iter_mut().enumerate().take((len / 8) as usize) {
        *value = world.mem.load(args.wrapping_add(8 * index as u64), Size::DW);
    }
    printed(world, format, size, &values)
}

fn printed(world: &mut World<'_>, format: u64, size: u64, args: &[u64]) -> u64 {
    let mut bytes = vec![0; (size as usize).min(LINE)];
    world.mem.read(format, &mut bytes);
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let line = formatted(text, args);
    let len = line.len() as u64;
    world.machine.trace.printed.push(line);
    len
}

/// The kernel's conversions for integers: `%d %i %u %x %X %o %c %p` with `l`, `ll`, `h`, flags and widths. Strings in
/// memory are not followed: `%s` prints the address.
fn formatted(format: &[u8], args: &[u64]) -> String {
    let mut out = String::new();
    let mut args = args.iter().copied();
    let mut rest = format.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            out.push(char::from(byte));
            continue;
        }
        let (mut zero, mut width, mut wide) = (false, 0_usize, false);
        let conversion = loop {
            match rest.next() {
                Some(b'0') if width == 0 => zero = true,
                Some(digit @ b'0'..=b'9') => width = (width * 10 + usize::from(digit - b'0')).min(64),
                Some(b'l' | b'z') => wide = true,
                Some(b'-' | b'+' | b'#' | b' ' | b'h') => {}
                other => break other,
            }
        };
        let text = match conversion {
            Some(b'%') => "%".to_owned(),
            Some(kind) => {
                let arg = args.next().unwrap_or(0);
                convert(kind, if wide { arg } else { u64::from(arg as u32) }, arg, wide)
            }
            None => break,
        };
        if zero {
            out.push_str(&format!("{text:0>width$}"));
        } else {
            out.push_str(&format!("{text:>width$}"));
        }
    }
    out.trim_end_matches('\n').to_owned()
}

fn convert(kind: u8, value: u64, whole: u64, wide: bool) -> String {
    match kind {
        b'd' | b'i' if wide => (whole as i64).to_string(),
        b'd' | b'i' => (whole as i32).to_string(),
        b'x' => format!("{value:x}"),
        b'X' => format!("{value:X}"),
        b'o' => format!("{value:o}"),
        b'c' => char::from(value as u8).to_string(),
        b'p' | b's' => format!("{whole:016x}"),
        _ => value.to_string(),
    }
}

/// `bpf_strncmp(s1, size, s2)`: `s2` ends with a zero
pub(super) fn strncmp(world: &mut World<'_>, [a, size, b, ..]: [u64; 5]) -> u64 {
    for index in 0..u64::from(size as u32) {
        let (x, y) =
            (world.mem.load(a.wrapping_add(index), Size::B), world.mem.load(b.wrapping_add(index), Size::B));
        if x != y {
            return if x < y { -1_i64 as u64 } else { 1 };
        }
        if x == 0 {
            break;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::formatted;

    #[test]
    fn formats_integers_as_the_kernel_does() {
        assert_eq!(formatted(b"port %d, %u\n", &[0xffff_ffff, 0xffff_ffff]), "port -1, 4294967295");
        assert_eq!(
            formatted(b"%08x|%4d|%llx|%%", &[0xbeef, 7, u64::MAX]),
            "0000beef|   7|ffffffffffffffff|%"
        );
        assert_eq!(formatted(b"%lld %c %", &[u64::MAX, 65]), "-1 A ");
    }
}
