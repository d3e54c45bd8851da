//! Programs made of bytes: nearly each is accepted, and what it comes to depends on no address.
//!
//! Every line is a few bytes: what it does, and with which registers and numbers. `r0`–`r5` and `r9` hold numbers;
//! `r6` is the context, `r7` the packet, of which 64 bytes are known to be there.

use std::fmt::Write;

/// The most lines of a program.
const LINES: usize = 60;
/// Registers that hold numbers.
const NUMBERS: [u8; 7] = [0, 1, 2, 3, 4, 5, 9];

/// What comes before the lines, and after them.
const BEGIN: &str = "\
.license GPL
.map table kind=array key=4 value=16 entries=4
.map flows kind=hash key=4 value=8 entries=4
.hook xdp
.prog fuzz
r6 = r1
r7 = *(u32 *)(r6 + 0)
r8 = *(u32 *)(r6 + 4)
r0 = r7
r0 += 64
if r0 > r8 goto out
r0 = 1
r1 = -2
r2 = 0x123456789abcdef0 ll
r3 = 255
r4 = 0x80000000 ll
r5 = 0
r9 = 7
*(u64 *)(r10 - 8) = r2
*(u64 *)(r10 - 16) = r4
*(u64 *)(r10 - 24) = 3
*(u64 *)(r10 - 32) = 0
";
const END: &str = "\
r0 += r1
r0 ^= r2
r0 += r3
r0 ^= r4
r0 += r5
r0 ^= r9
r1 = r0
r1 >>= 32
r0 ^= r1
exit
out:
r0 = 0
exit
mix:
r0 = r1
r0 *= r2
r0 ^= r3
exit
";

/// Bytes that are taken one after the other; zeros when there are none left.
struct Bytes<'b>(&'b [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.next()) % all.len()]
    }

    fn number(&mut self) -> i32 {
        match self.next() % 4 {
            0 => i32::from(self.next().cast_signed()),
            1 => i32::from_le_bytes([self.next(), self.next(), 0, 0]),
            2 => self.of(&[i32::MIN, i32::MAX, 0, 1, 31, 32, 63, 64]),
            _ => i32::from_le_bytes([self.next(), self.next(), self.next(), self.next()]),
        }
    }

    /// A register in both widths.
    fn register(&mut self) -> (String, String) {
        let number = self.of(&NUMBERS);
        (format!("r{number}"), format!("w{number}"))
    }

    /// A place of a size on the stack or in the packet.
    fn place(&mut self) -> String {
        let size = self.of(&[8, 16, 32, 64]);
        let room = if self.next() % 2 == 0 { ("r10", -32) } else { ("r7", 0) };
        let off = i32::from(self.next()) % (if room.0 == "r10" { 32 } else { 64 } - size / 8 + 1);
        let off = if room.0 == "r10" { off / (size / 8) * (size / 8) } else { off } + room.1;
        format!("(u{size} *)({} {} {})", room.0, if off < 0 { '-' } else { '+' }, off.abs())
    }
}

/// The text of a program.
pub fn program(bytes: &[u8]) -> String {
    let mut bytes = Bytes(bytes);
    let mut text = BEGIN.to_owned();
    let mut line = 0;
    while !bytes.0.is_empty() && line < LINES {
        let _ = writeln!(text, "l{line}:\n{}", statement(&mut bytes, line));
        line += 1;
    }
    // Whatever jumps beyond the last line lands here.
    for beyond in line..line + 9 {
        let _ = writeln!(text, "l{beyond}:");
    }
    text + END
}

fn statement(bytes: &mut Bytes<'_>, line: usize) -> String {
    let what = bytes.next() % 16;
    let ((d, dw), (s, sw)) = (bytes.register(), bytes.register());
    let narrow = bytes.next() % 2 == 1;
    let (d, s) = if narrow { (dw, sw) } else { (d, s) };
    match what {
        0..=2 => {
            let op = bytes.of(&["+", "-", "*", "/", "%", "s/", "s%", "|", "&", "^", "<<", ">>", "s>>", ""]);
            format!("{d} {op}= {s}")
        }
        3 | 4 => {
            let op = bytes.of(&["+", "-", "*", "/", "%", "s/", "s%", "|", "&", "^", ""]);
            format!("{d} {op}= {}", bytes.number())
        }
        5 => {
            format!("{d} {}= {}", bytes.of(&["<<", ">>", "s>>"]), bytes.next() % if narrow { 32 } else { 64 })
        }
        6 => match bytes.next() % 4 {
            0 => format!("{d} = -{d}"),
            1 => format!("{d} = (s{}){s}", bytes.of(&[8, 16])),
            _ => format!(
                "{0} = {1} {0}",
                d.replace('w', "r"),
                bytes.of(&["be16", "be32", "be64", "le16", "le32", "bswap64"])
            ),
        },
        7..=9 => {
            let test = bytes.of(&["==", "!=", "<", "<=", ">", ">=", "s<", "s<=", "s>", "s>=", "&"]);
            let with = if bytes.next() % 2 == 0 { s } else { bytes.number().to_string() };
            format!("if {d} {test} {with} goto l{}", line + 1 + usize::from(bytes.next() % 9))
        }
        10 => format!("*{} = {}", bytes.place(), s.replace('w', "r")),
        11 => {
            let place = bytes.place();
            let signed = bytes.next() % 3 == 0 && !place.starts_with("(u64");
            format!("{} = *{}", d.replace('w', "r"), if signed { place.replace('u', "s") } else { place })
        }
        12 => atomic(bytes),
        13 => lookup(bytes, line),
        14 => update(bytes),
        _ => "call mix\nr1 = r0\nr2 = 1\nr3 = 2\nr4 = 3\nr5 = 4".to_owned(),
    }
}

fn atomic(bytes: &mut Bytes<'_>) -> String {
    let (long, short) = bytes.register();
    let (size, register, off) = if bytes.next() % 2 == 0 {
        (64, long, bytes.of(&[8, 16, 24]))
    } else {
        (32, short, bytes.of(&[4, 8, 20]))
    };
    let place = format!("(u{size} *)(r10 - {off})");
    match bytes.next() % 3 {
        0 => format!("lock *{place} {}= {register}", bytes.of(&["+", "|", "&", "^"])),
        1 => format!(
            "{register} = atomic_fetch_{}({place}, {register})",
            bytes.of(&["add", "or", "and", "xor"])
        ),
        _ => {
            let width = if size == 32 { "32_32" } else { "_64" };
            format!("{register} = xchg{width}(r10 - {off}, {register})")
        }
    }
}

/// Looks a key up, and changes what is found.
fn lookup(bytes: &mut Bytes<'_>, line: usize) -> String {
    let map = bytes.of(&["table", "flows"]);
    let key = bytes.next() % 6;
    let off = if map == "table" { bytes.of(&[0, 4, 8, 12]) } else { bytes.of(&[0, 4]) };
    format!(
        "*(u32 *)(r10 - 28) = {key}\nr1 = {map} ll\nr2 = r10\nr2 += -28\ncall 1\nif r0 == 0 goto n{line}\n\
         r9 = *(u32 *)(r0 + {off})\nr9 += {}\n*(u32 *)(r0 + {off}) = r9\nn{line}:\n{NEW}",
        bytes.next()
    )
}

/// Puts in a value, or takes one out.
fn update(bytes: &mut Bytes<'_>) -> String {
    let map = bytes.of(&["table", "flows"]);
    let key = bytes.next() % 6;
    let end = match bytes.next() % 3 {
        0 if map == "flows" => "call 3".to_owned(),
        flags => format!("r3 = r10\nr3 += -24\nr4 = {flags}\ncall 2"),
    };
    format!("*(u32 *)(r10 - 28) = {key}\nr1 = {map} ll\nr2 = r10\nr2 += -28\n{end}\nr9 = r0\n{NEW}")
}

/// Numbers for the registers that a call leaves without any.
const NEW: &str = "r0 = 5\nr1 = 6\nr2 = 7\nr3 = 8\nr4 = 9\nr5 = 10";
