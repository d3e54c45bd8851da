//! Numbers read from text, and text made of numbers.

use super::program::{keep_stack, kept, on_stack, point, set};
use super::random::Random;
use super::{compare, namespace, tcp};

/// Text that is nearly a number.
fn digits(random: &mut Random) -> Vec<u8> {
    let start = random.of(&["", "", " ", "\t\n ", "-", " -", "+", "- ", "\u{a0}"]);
    let prefix = random.of(&["", "", "0x", "0X", "0", "00", "0x0", "x"]);
    let body = random.of(&[
        "0",
        "7",
        "12345",
        "18446744073709551615",
        "18446744073709551616",
        "9223372036854775807",
        "9223372036854775808",
        "9223372036854775809",
        "ffffffffffffffff",
        "10000000000000000",
        "1777777777777777777777",
        "deadBEEF",
        "",
        "89",
        "000000000000000000000000000000000000000000000000000000000000000000012",
    ]);
    let end = random.of(&["", "", " ", "z", "\0", "-", "9"]);
    let mut text: Vec<u8> = [start, prefix, body, end].concat().chars().map(|c| c as u8).collect();
    text.truncate(80);
    text.push(0);
    text
}

#[test]
fn numbers_are_read_as_in_the_kernel() {
    let Some(netns) = namespace("numbers_are_read_as_in_the_kernel") else { return };
    let mut random = Random(4);
    for _ in 0..60 {
        let (mut slot, mut body) = (0, String::new());
        for _ in 0..10 {
            let text = digits(&mut random);
            let size = match random.below(4) {
                0 => 1 + random.below(text.len() as u64),
                _ => text.len() as u64,
            };
            let flags = random.of(&[0, 0, 10, 16, 8, 2, 32, 1 << 40]);
            let helper = random.of(&["bpf_strtol", "bpf_strtoul"]);
            body += &on_stack(96, &text);
            body += "r2 = -1\n*(u64 *)(r10 - 104) = r2\n";
            body += &format!("{}r2 = {size}\n{}{}", point(1, 96), set(3, flags), point(4, 104));
            body += &format!("call {helper}\n{}", kept(&mut slot));
            body += &keep_stack(104, 1, &mut slot);
        }
        compare(&netns, "sched_cls", "", &format!("{body}r0 = 0\nexit"), &tcp());
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A piece of a format that takes a value, and the value: a number, or an offset into `words`.
fn piece(random: &mut Random) -> (String, Value) {
    let flags: String = (0..random.below(3)).map(|_| random.of(&["0", "-", "+", " "])).collect();
    let width = random.of(&["", "", "3", "12", "20"]);
    let number =
        Value::Number(random.of(&[0, 1, 7, 65, 0x7fff_ffff, 0xffff_ffff, u64::MAX, random.0, 1 << 63]));
    let at = Value::Word(random.of(&[0, 3, 6, 9, 30]));
    match random.below(6) {
        0 | 1 => {
            let long = random.of(&["", "l", "ll"]);
            let kind = random.of(&["d", "i", "u", "x", "X"]);
            (format!("%{flags}{width}{long}{kind}"), number)
        }
        2 => (format!("%{flags}{width}c"), Value::Number(random.of(&[65, 97, 0x141, 0x7e]))),
        3 => (format!("%{flags}{width}s"), random.of(&[at, at, at, Value::Number(0), Value::Number(77)])),
        4 => (random.of(&["%pI4", "%pi4", "%pI6", "%pi6"]).to_owned(), at),
        _ => (
            format!("%{flags}{width}{}", random.of(&["px", "ps", "pS", "pB", "pks"])),
            Value::Number(random.below(9)),
        ),
    }
}

#[derive(Clone, Copy)]
enum Value {
    Number(u64),
    Word(usize),
}

#[test]
fn text_is_made_as_in_the_kernel() {
    let Some(netns) = namespace("text_is_made_as_in_the_kernel") else { return };
    let mut random = Random(5);
    let words = b"one\0two\0three \xc3\xa9\0and a longer word of more than a line\0\0\0\0\0";
    for _ in 0..150 {
        let (mut format, mut values) = (String::new(), Vec::new());
        for _ in 0..random.below(5) {
            let (text, value) = piece(&mut random);
            format += random.of(&["", " ", "%%", "a=", "\n", ".", "é"]);
            format += &text;
            format += random.of(&[" ", ",", "%%"]);
            values.push(value);
        }
        // Where there is no more room, the kernel loses count of what it has set before (`%pI4` and the like).
        let set_before = ["%pI", "%pi", "pB", "pks"].iter().any(|kind| format.contains(kind));
        let size = if set_before { 128 } else { random.of(&[128, 128, 40, 1, 0, 7]) };
        let mut slot = 0;
        let mut body = on_stack(128, &[0x55; 128]);
        for (index, value) in values.iter().enumerate() {
            body += &match value {
                Value::Number(number) => set(2, *number),
                Value::Word(off) => format!("r2 = words+{off} ll\n"),
            };
            body += &format!("*(u64 *)(r10 - {}) = r2\n", 240 - 8 * index);
        }
        body += &point(1, 128);
        body += &format!("r2 = {size}\nr3 = format ll\n{}r5 = {}\n", point(4, 240), 8 * values.len());
        body += &format!("call bpf_snprintf\n{}", kept(&mut slot));
        body += &keep_stack(128, 16, &mut slot);
        let maps = format!(
            ".data words bytes={} frozen\n.data format bytes={}00 frozen",
            hex(words),
            hex(format.as_bytes())
        );
        compare(&netns, "sched_cls", &maps, &format!("{body}r0 = 0\nexit"), &tcp());
    }
}

#[test]
fn formats_are_refused_as_in_the_kernel() {
    let Some(netns) = namespace("formats_are_refused_as_in_the_kernel") else { return };
    let mut random = Random(6);
    for _ in 0..40 {
        let (mut slot, mut body) = (0, String::new());
        for _ in 0..12 {
            let count = random.below(7);
            let pieces = [
                "%", "d", "s", "%d", "%s", "%p", "x", "I", "4", "%%", "l", " ", "-", "0", "9", "k", "%lx",
                "%c", "h", "\u{1}", "\u{7f}", "é", ".", "%pI6", "%u", "*", "B",
            ];
            let mut format: String = (0..count).map(|_| random.of(&pieces)).collect();
            if random.below(8) != 0 {
                format.push('\0');
            }
            // What follows `%p` alone is the hash of an address.
            let len = format.len().max(1);
            body += &on_stack(96, format.as_bytes());
            body += &format!("{}r2 = {len}\nr3 = 1\nr4 = -5\nr5 = 0\n", point(1, 96));
            body += &format!("call bpf_trace_printk\n{}", kept(&mut slot));
        }
        if body.is_empty() {
            continue;
        }
        compare(&netns, "sched_cls", "", &format!("{}{body}r0 = 0\nexit", on_stack(96, &[0; 96])), &tcp());
    }
}
