//! A case: a program, what its maps hold at first, and the packets that it runs on, one after the other.
//!
//! As a file it is the program's text with the rest in comments at its head, and what the kernel made of it:
//!
//! ```text
//! # fill: hash 0100000000000000 2a00…
//! # packet: mark=1 priority=2 cb=0,0,7,0,0 0123456789ab…
//! # returns: 0x2 mark=1 priority=2 cb=0,0,7,0,0 0123…
//! # leaves: hash 0100000000000000 2b00…
//! ```

use std::fmt::Write;
use std::sync::Arc;

use belay_object::btf::{Btf, TypeId};
use belay_object::{Object, Options};

use crate::random::Random;
use crate::tables::{HOOKS, HookRow, MAPS, MapRow, Use};

/// What a packet comes with, or is left with, besides its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Marks {
    pub(crate) mark: u32,
    pub(crate) priority: u32,
    pub(crate) cb: [u32; 5],
}

/// A packet to run on.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) marks: Marks,
    pub(crate) frame: Vec<u8>,
}

/// What came of one run.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) returned: u32,
    pub(crate) marks: Marks,
    pub(crate) packet: Vec<u8>,
}

/// An entry of a map: on each CPU the same at first, of all CPUs at last.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) map: String,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) text: String,
    pub(crate) fills: Vec<Entry>,
    pub(crate) inputs: Vec<Input>,
}

/// What came of all runs of a case.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Outcome {
    pub(crate) outputs: Vec<Output>,
    /// What the maps hold at last, in order.
    pub(crate) entries: Vec<Entry>,
}

/// The packets of a case.
const PACKETS: usize = 20;

impl Case {
    /// The case of a seed.
    pub(crate) fn new(seed: u64) -> Case {
        let mut random = Random::new(seed);
        let generated = crate::generate::program(&mut random);
        let fills = generated.maps.iter().flat_map(|row| fills(&mut random, &MAPS[*row])).collect();
        let inputs = (0..PACKETS).map(|_| input(&mut random, generated.hook)).collect();
        Case { text: generated.text, fills, inputs }
    }

    /// The hook of its programs.
    pub(crate) fn hook(&self) -> Option<&'static HookRow> {
        let section = self.text.lines().find_map(|line| line.strip_prefix(".section "))?;
        HOOKS.iter().find(|row| row.section == section)
    }

    /// The program as an object; functions get types where the kernel asks for them, for callbacks.
    pub(crate) fn object(&self) -> Option<Object> {
        let mut object = Object::parse("random.s", self.text.as_bytes(), &Options::default()).ok()?;
        let names = self.text.lines().filter_map(|line| line.strip_prefix(".func "));
        let is_address = |name: &str| self.text.contains(&format!("= {name} ll"));
        if names.clone().any(is_address) {
            object.btf = Some(Arc::new(function_types()));
            let functions = object.programs.iter_mut().flat_map(|program| &mut program.subprograms);
            functions.for_each(|function| function.btf_func = Some(FUNCTION));
        }
        Some(object)
    }

    /// As a file, with what came of it.
    pub(crate) fn written(&self, outcome: &Outcome) -> String {
        let mut head = String::new();
        let entry = |head: &mut String, word: &str, entry: &Entry| {
            let _ = writeln!(head, "# {word}: {} {} {}", entry.map, hex(&entry.key), hex(&entry.value));
        };
        self.fills.iter().for_each(|fill| entry(&mut head, "fill", fill));
        for input in &self.inputs {
            let _ = writeln!(head, "# packet: {} {}", input.marks.written(), hex(&input.frame));
        }
        for output in &outcome.outputs {
            let Output { returned, marks, packet } = output;
            let _ = writeln!(head, "# returns: {returned:#x} {} {}", marks.written(), hex(packet));
        }
        outcome.entries.iter().for_each(|left| entry(&mut head, "leaves", left));
        format!("{head}\n{}\n", self.text.trim())
    }

    /// From a file: the case, and what came of it.
    pub(crate) fn read(file: &str) -> Option<(Case, Outcome)> {
        let mut case = Case { text: String::new(), fills: Vec::new(), inputs: Vec::new() };
        let mut outcome = Outcome { outputs: Vec::new(), entries: Vec::new() };
        for line in file.lines() {
            let Some((word, rest)) = line.strip_prefix("# ").and_then(|line| line.split_once(": ")) else {
                let _ = writeln!(case.text, "{line}");
                continue;
            };
            let words: Vec<&str> = rest.split(' ').collect();
            match word {
                "fill" => case.fills.push(Entry::read(&words)?),
                "leaves" => outcome.entries.push(Entry::read(&words)?),
                "packet" => {
                    let (frame, marks) = words.split_last()?;
                    case.inputs.push(Input { marks: Marks::read(marks)?, frame: unhex(frame)? });
                }
                "returns" => {
                    let (returned, rest) = words.split_first()?;
                    let returned = u32::from_str_radix(returned.strip_prefix("0x")?, 16).ok()?;
                    let (packet, marks) = rest.split_last()?;
                    outcome.outputs.push(Output {
                        returned,
                        marks: Marks::read(marks)?,
                        packet: unhex(packet)?,
                    });
                }
                _ => {
                    let _ = writeln!(case.text, "{line}");
                }
            }
        }
        Some((case, outcome))
    }
}

impl Marks {
    fn written(&self) -> String {
        let Marks { mark, priority, cb: [a, b, c, d, e] } = self;
        format!("mark={mark} priority={priority} cb={a},{b},{c},{d},{e}")
    }

    fn read(words: &[&str]) -> Option<Marks> {
        let mut marks = Marks::default();
        for word in words {
            match word.split_once('=')? {
                ("mark", value) => marks.mark = value.parse().ok()?,
                ("priority", value) => marks.priority = value.parse().ok()?,
                ("cb", value) => {
                    for (word, value) in marks.cb.iter_mut().zip(value.split(',')) {
                        *word = value.parse().ok()?;
                    }
                }
                _ => return None,
            }
        }
        Some(marks)
    }
}

impl Entry {
    fn read(words: &[&str]) -> Option<Entry> {
        let [map, key, value] = words else { return None };
        Some(Entry { map: (*map).to_owned(), key: unhex(key)?, value: unhex(value)? })
    }
}

impl Outcome {
    /// Of values of several CPUs only the first: how many there are is the machine's.
    pub(crate) fn of_first_cpu(mut self) -> Outcome {
        for entry in &mut self.entries {
            if let Some(row) = MAPS.iter().find(|row| row.name == entry.map && row.per_cpu) {
                entry.value.truncate(row.value as usize);
            }
        }
        self
    }

    /// Where it is not the same as another: what differs, and how. None where it is.
    pub(crate) fn difference(&self, other: &Outcome) -> Option<(String, String)> {
        let runs = self.outputs.iter().zip(&other.outputs).enumerate();
        let mut different = runs.filter_map(|(run, (mine, theirs))| {
            mine.difference(theirs).map(|(what, how)| (what.to_owned(), format!("run {run}: {how}")))
        });
        different.next().or_else(|| self.differing_entry(other))
    }

    fn differing_entry(&self, other: &Outcome) -> Option<(String, String)> {
        let missing = other.entries.iter().find(|entry| !self.entries.contains(entry));
        let more = self.entries.iter().find(|entry| !other.entries.contains(entry));
        let entry = missing.or(more)?;
        let value = |outcome: &Outcome| {
            let same = outcome.entries.iter().find(|e| (&e.map, &e.key) == (&entry.map, &entry.key));
            same.map(|entry| entry.value.clone())
        };
        let how = match (value(self), value(other)) {
            (Some(mine), Some(theirs)) => first_difference(&mine, &theirs),
            (Some(_), None) => "there, but not in the kernel".to_owned(),
            _ => "in the kernel, but not there".to_owned(),
        };
        Some((format!("map {}", entry.map), format!("entry {}: {how}", hex(&entry.key))))
    }
}

impl Output {
    fn difference(&self, other: &Output) -> Option<(&'static str, String)> {
        if self.returned != other.returned {
            return Some(("result", format!("{:#x}, not {:#x}", self.returned, other.returned)));
        }
        if self.packet != other.packet {
            return Some(("packet", first_difference(&self.packet, &other.packet)));
        }
        (self.marks != other.marks).then(|| ("context", format!("{:?}, not {:?}", self.marks, other.marks)))
    }
}

/// Where bytes differ first, and what stands there.
fn first_difference(mine: &[u8], theirs: &[u8]) -> String {
    let at =
        mine.iter().zip(theirs).position(|(a, b)| a != b).unwrap_or(mine.len().min(theirs.len())) / 8 * 8;
    let shown = |bytes: &[u8]| hex(bytes.get(at..bytes.len().min(at + 8)).unwrap_or_default());
    format!("{} and {} bytes, at {at} {}, not {}", mine.len(), theirs.len(), shown(mine), shown(theirs))
}

/// A frame, often with headers that mean something.
fn input(random: &mut Random, hook: &HookRow) -> Input {
    let len = random.of(&[15, 20, 34, 42, 54, 60, 64, 64, 65, 78, 98, 128, 200, 590, 1514]);
    let mut frame: Vec<u8> = (0..len).map(|_| random.bits() as u8).collect();
    let destination = random.of(&[[0; 6], [0; 6], [0xff; 6], [1, 0, 0x5e, 0, 0, 1], [2, 0, 0, 0, 0, 1]]);
    frame[..6].copy_from_slice(&destination);
    let (ty, start): (u16, &[u8]) = random.of(&[
        (0x0800, &[0x45, 0, 0, 50, 0, 1, 0x40, 0, 64, 6]),
        (0x0800, &[0x45, 0, 0, 50, 0, 1, 0, 0, 64, 17, 0, 0]),
        (0x0800, &[0x46]),
        (0x86dd, &[0x60, 0, 0, 0, 0, 20, 6, 64]),
        (0x0806, &[0, 1, 8, 0, 6, 4, 0, 1]),
        (0x8100, &[0, 5, 8, 0, 0x45]),
        (46, &[]),
    ]);
    // The kernel does not run on a frame that claims an IP header and has not all of one.
    let ty = match ty {
        0x0800 if len < 34 => 0x88b5,
        0x86dd if len < 54 => 0x88b5,
        ty => ty,
    };
    frame[12..14].copy_from_slice(&ty.to_be_bytes());
    let start = &start[..start.len().min(len - 14)];
    frame[14..14 + start.len()].copy_from_slice(start);
    let mut marks = Marks::default();
    if hook.is_skb() && random.one_in(2) {
        marks.mark = random.bits() as u32;
        marks.priority = random.below(1 << 20) as u32;
        marks.cb = std::array::from_fn(|_| random.bits() as u32);
    }
    Input { marks, frame }
}

/// What a map holds before the first run.
fn fills(random: &mut Random, map: &MapRow) -> Vec<Entry> {
    if !map.user {
        return Vec::new();
    }
    let keys: Vec<Vec<u8>> = match map.usage {
        Use::Array => (0..2_u32).map(|index| index.to_le_bytes().to_vec()).collect(),
        _ if map.prefix => {
            vec![vec![8, 0, 0, 0, 0x0a, 0, 0, 0], vec![24, 0, 0, 0, 0x0a, 1, 1, 0], vec![0; 8]]
        }
        _ => (0..3_u8).map(|first| [vec![first], vec![0; map.key as usize - 1]].concat()).collect(),
    };
    let value = |random: &mut Random| (0..map.value).map(|_| random.bits() as u8).collect();
    let kept: Vec<Vec<u8>> = keys.into_iter().filter(|_| !random.one_in(3)).collect();
    kept.into_iter().map(|key| Entry { map: map.name.to_owned(), key, value: value(random) }).collect()
}

/// The type of every function: `int f(void)`, static. The kernel reads no more off it.
const FUNCTION: TypeId = TypeId(3);

fn function_types() -> Btf {
    const STRINGS: &[u8] = b"\0int\0f\0";
    const TYPES: [u32; 10] = [
        1,
        1 << 24,
        4,
        1 << 24 | 32, // 1: INT `int`, signed, 32 bits
        0,
        13 << 24,
        1, // 2: FUNC_PROTO, returns it
        5,
        12 << 24,
        2, // 3: FUNC `f`
    ];
    let header = [0x0001_eb9f, 24, 0, 4 * TYPES.len() as u32, 4 * TYPES.len() as u32, STRINGS.len() as u32];
    let words = header.iter().chain(&TYPES).flat_map(|word| word.to_le_bytes());
    let bytes = words.chain(STRINGS.iter().copied()).collect();
    Btf::parse("random.s", bytes).expect("well formed")
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}
