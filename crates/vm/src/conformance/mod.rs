//! The instruction set, by vectors: programs with memory and an expected result.
//!
//! Our own vectors lie beside this file; those of the public `bpf_conformance` suite are read where they are
//! (`shared/conformance` beside or above the repository). Each runs under the guard, and then, since the guard has seen
//! every access to be good, twice more without it: on the interpreter's own path, and as native code.

#[cfg(guard_pages)]
mod fenced;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use belay_isa::{Insn, Reg, Slot};
use belay_object::{Attach, Program};

use crate::checked::{Checked, Report};
use crate::context::{Layout, Reading};
use crate::engine::{self, End, State};
use crate::input::Input;
use crate::interpreter::Unwatched;
use crate::jit::Compiled;
use crate::machine::{Machine, Random};
use crate::maps::Maps;
use crate::memory::{Block, Memory};
use crate::world::World;

fn program(slots: Vec<Slot>) -> Program {
    Program::new("vector", "vector", Attach::Unknown, slots)
}

fn slots(hex: &str) -> Vec<Slot> {
    bytes(hex).as_chunks::<8>().0.iter().map(|chunk| Slot::from_le_bytes(*chunk)).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hex digit") as u8;
    hex.as_bytes().as_chunks::<2>().0.iter().map(|[high, low]| digit(*high) << 4 | digit(*low)).collect()
}

/// Runs a program without a guard, that ran well under one on the same memory: interpreted, or compiled.
fn unwatched(checked: &Checked, report: &Report, memory: &[u8], compiled: bool) -> u64 {
    let (mut machine, maps) = (Machine::default(), Maps::default());
    let block = Block::zeroed(memory.len());
    block.write(0, memory).expect("it is as long");
    let mut state = State::new(checked.code(), machine.stack.top());
    state.set(Reg::R1, block.addr());
    state.set(Reg::R2, memory.len() as u64);
    let mut world = World {
        mem: Memory::repeating(report),
        maps: &maps,
        machine: &mut machine,
        reading: Reading::default(),
        layout: &Layout::RAW,
        context: block.addr(),
        input: Input::Nothing,
        verified: false,
        tail_calls: 0,
        pending: None,
        random: Random(0),
    };
    if compiled {
        let native = Compiled::watched(checked.code(), &maps).expect("it compiles");
        return native.entry().run([block.addr(), memory.len() as u64, 0, 0, 0], &mut world);
    }
    match engine::execute(&mut Unwatched, &mut state, &mut world) {
        Ok(End::Exit(r0)) => r0,
        Ok(End::Stuck(why)) => panic!("stuck: {why:?}"),
        Err(never) => match never {},
    }
}

/// The runners without a guard, and whether they compile.
const RUNNERS: [(&str, bool); 2] = [("interpreted", false), ("compiled", true)];

/// The result of a program on all three runners, or what went wrong.
fn result(slots: Vec<Slot>, memory: &[u8]) -> Result<u64, String> {
    let mut checked = Checked::raw(&program(slots), Arc::default()).map_err(|error| error.to_string())?;
    // Enough for a loop that only `may_goto` ends.
    checked.strictness.budget = 1 << 26;
    let mut changed = memory.to_vec();
    let report = checked.run_raw(&mut Machine::default(), &mut changed);
    report.result.as_ref().map_err(ToString::to_string)?;
    // Miri runs no machine code.
    let runners = if cfg!(miri) { &RUNNERS[..1] } else { &RUNNERS };
    for &(how, compiled) in runners {
        let again = unwatched(&checked, &report, memory, compiled);
        if again != report.r0 {
            return Err(format!("checked {:#x}, {how} {again:#x}", report.r0));
        }
    }
    Ok(report.r0)
}

/// The shared conformance suite, if it lies beside the repository or above it.
fn suite() -> Option<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    repository
        .ancestors()
        .map(|dir| dir.join("shared/conformance/bpf_conformance.json"))
        .find(|file| file.exists())
}

#[test]
fn the_public_suite_passes() {
    let Some(file) = suite() else {
        assert!(!required("conformance"), "the conformance suite is required and not there");
        eprintln!("skipped: no shared/conformance/bpf_conformance.json beside the repository");
        return;
    };
    let text = std::fs::read_to_string(file).expect("readable");
    let vectors: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
    let text = |vector: &serde_json::Value, field: &str| vector[field].as_str().expect("a string").to_owned();
    let mut failed = Vec::new();
    for vector in &vectors {
        let expected = u64::from_str_radix(text(vector, "result").trim_start_matches("0x"), 16).expect("hex");
        let found = result(slots(&text(vector, "insns")), &bytes(&text(vector, "mem")));
        if found != Ok(expected) {
            failed.push(format!("{}: expected {expected:#x}, found {found:x?}", text(vector, "name")));
        }
    }
    // `callx` is no instruction of Linux.
    failed.retain(|line| !line.starts_with("callx:"));
    assert!(failed.is_empty(), "{} of {} fail:\n{}", failed.len(), vectors.len(), failed.join("\n"));
    assert_eq!(vectors.len(), 313);
}

/// A vector of `own.txt`.
struct Vector {
    name: String,
    expected: u64,
    memory: Vec<u8>,
    slots: Vec<Slot>,
}

fn own() -> Vec<Vector> {
    // Miri takes seconds for each: it gets a few.
    const EACH: usize = if cfg!(miri) { 20 } else { 1 };
    let mut vectors = Vec::<Vector>::new();
    let mut number = 0;
    for line in include_str!("own.txt").lines() {
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        number += usize::from(!line.starts_with(' '));
        if !usize::is_multiple_of(number, EACH) {
            continue;
        }
        if !line.starts_with(' ') {
            let (name, rest) = line.split_once(" = ").expect("name = result");
            let (result, memory) = rest.split_once('[').unwrap_or((rest, ""));
            let memory: String = memory.chars().filter(char::is_ascii_hexdigit).collect();
            vectors.push(Vector {
                name: name.to_owned(),
                expected: u64::from_str_radix(result.trim().trim_start_matches("0x"), 16).expect("hex"),
                memory: bytes(&memory),
                slots: Vec::new(),
            });
        } else {
            let vector = vectors.last_mut().expect("a name comes first");
            vector.slots = belay_isa::assemble(line, &belay_isa::NoSymbols).expect(&vector.name).slots;
        }
    }
    vectors
}

#[test]
fn our_own_vectors_pass() {
    let failed: Vec<_> = own()
        .iter()
        .filter_map(|vector| {
            let found = result(vector.slots.clone(), &vector.memory);
            (found != Ok(vector.expected)).then(|| format!("{}: {found:x?}", vector.name))
        })
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn our_own_vectors_have_every_instruction() {
    let (mut alu, mut branches, mut others) = (HashSet::new(), HashSet::new(), HashSet::new());
    for vector in own() {
        for (_, insn) in belay_isa::decode_all(&vector.slots).expect(&vector.name) {
            match insn {
                Insn::Alu { op, width, .. } => drop(alu.insert((op, width))),
                Insn::Branch { op, width, .. } => drop(branches.insert((op, width))),
                Insn::Atomic { op, .. } => drop(others.insert(format!("{op:?}"))),
                Insn::Load { size, signed, .. } => drop(others.insert(format!("load {size:?} {signed}"))),
                Insn::Store { size, src, .. } => {
                    others.insert(format!("store {size:?} {}", matches!(src, belay_isa::Src::Reg(_))));
                }
                Insn::Endian { op, bits, .. } => drop(others.insert(format!("{op:?} {bits}"))),
                Insn::MovSx { width, bits, .. } => drop(others.insert(format!("movsx {width:?} {bits}"))),
                Insn::Mov { width, .. } => drop(others.insert(format!("mov {width:?}"))),
                Insn::Neg { width, .. } => drop(others.insert(format!("neg {width:?}"))),
                other => {
                    let name = format!("{other:?}");
                    others.insert(name.split([' ', '(']).next().unwrap_or_default().to_owned());
                }
            }
        }
    }
    assert_eq!((alu.len(), branches.len()), (13 * 2, 11 * 2), "{alu:?} {branches:?}");
    // Ten atomics, four plain and three signed loads, eight stores, nine byte orders, five sign extensions, two moves,
    // two negations; load-acquire, store-release, LD_IMM64, goto, gotol, may_goto, call, exit. Not LD_ABS and LD_IND
    // (they need a packet: see tests/kernel.rs), nor what is never accepted.
    assert_eq!(others.len(), 10 + 4 + 3 + 8 + 9 + 5 + 2 + 2 + 8, "{others:#?}");
}

fn required(what: &str) -> bool {
    std::env::var("BELAY_REQUIRE").is_ok_and(|list| list.split(',').any(|item| item.trim() == what))
}
