//! The scalar domain says what the running kernel's verifier says, bound for bound.
//!
//! Programs of arithmetic and jumps on registers of unknown content are walked twice: by the kernel, which prints what
//! it knows of a register after each instruction, and here, in the same order. Every printed register must be the very
//! text that [`Scalar`](belay_verifier::scalar::Scalar)'s `Display` gives: bits and all eight bounds, no less known and
//! no more.
//!
//! Where no kernel can be asked, its recorded answers stand in: `6.18.log` holds the corners and some random programs.
//! `BLESS=1` records them anew. `PROPTEST_CASES` sets how many random programs are tried against the kernel.

mod corners;
mod log;
mod program;
mod walk;

use belay_isa::{Slot, decode_all};
use belay_linux::{Kernel, Load, LogLevel};
use belay_spec::Release;
use corners::corners;
use log::{Printed, is_refused_offset, parse};
use program::{Program, Step, assemble, step};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use std::cell::Cell;
use std::path::PathBuf;
use walk::{Event, State, walk};

/// `BPF_PROG_TYPE_SCHED_CLS`.
const SCHED_CLS: u32 = 3;
/// Number of the helper's result, which shares its identity with a variable and learns what that one learns.
const R0: u8 = 0;
/// Numbers of the registers that a record keeps.
const RECORDED: [u8; 4] = [6, 7, 8, 9];
/// How many random programs a record holds.
const RECORDED_RANDOM: usize = 60;
/// How many random programs must agree when `PROPTEST_CASES` does not say.
const CASES: u32 = 2000;

fn programs() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..16)
}

/// The kernel's log of a program.
fn ask(program: &Program) -> Result<String, String> {
    let slots = slots(program);
    let request = Load {
        prog_type: SCHED_CLS,
        insns: &slots,
        log: LogLevel::Verbose,
        name: "scalar",
        ..Load::default()
    };
    match belay_linux::load(&request) {
        Ok(loaded) => Ok(loaded.log),
        Err(rejected) if is_refused_offset(&rejected.log) => Ok(rejected.log),
        Err(rejected) => Err(format!("the kernel refuses the program: {rejected}\n{}", rejected.log)),
    }
}

fn slots(program: &Program) -> Vec<Slot> {
    program.values().flat_map(|insn| insn.encode().to_vec()).collect()
}

/// Walks a program both ways: how many registers agree, or where the walks part.
fn compare(program: &Program) -> Result<usize, String> {
    let log = ask(program)?;
    agreement(&walk(Release::LATEST, program), &parse(&log), is_refused_offset(&log))
        .map_err(|why| format!("{why}\n{log}"))
}

/// How many registers agree, or where the walks part. Theirs may be `cut_short`.
fn agreement(ours: &[Event<State>], theirs: &[Event<Printed>], cut_short: bool) -> Result<usize, String> {
    let mut agreed = 0;
    for (index, event) in ours.iter().enumerate() {
        let Some(their_event) = theirs.get(index) else {
            return if cut_short {
                Ok(agreed)
            } else {
                Err(format!("the kernel's walk ends before {event:?}"))
            };
        };
        let (state, printed) = match (event, their_event) {
            (Event::After { pc, state }, Event::After { pc: theirs, state: printed }) if pc == theirs => {
                (state, printed)
            }
            (Event::From { from, to, state }, Event::From { from: begin, to: end, state: printed })
                if (from, to) == (begin, end) =>
            {
                (state, printed)
            }
            _ => return Err(format!("we walk to {event:?}, the kernel to {their_event:?}")),
        };
        for (number, printed) in printed.iter().filter(|(number, _)| **number != R0) {
            let Some(scalar) = state.get(number) else { continue };
            let ours = scalar.to_string();
            if ours != *printed {
                return Err(format!("at {their_event:?}\n  r{number} ours   {ours}\n     kernel {printed}"));
            }
            agreed += 1;
        }
    }
    Ok(agreed)
}

#[test]
fn every_bound_is_the_kernels() {
    let Some(_kernel) = Kernel::for_test("every_bound_is_the_kernels") else { return };
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(CASES);
    let config = Config { failure_persistence: None, cases, ..Config::default() };
    let compared = Cell::new(0);
    let result = TestRunner::new(config).run(&programs(), |steps| {
        let registers = compare(&assemble(&steps)).map_err(TestCaseError::fail)?;
        compared.set(compared.get() + registers);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    eprintln!("{cases} programs, {} registers compared", compared.get());
    assert!(
        compared.get() > cases as usize * 5,
        "the log is not understood: {} registers seen",
        compared.get()
    );
}

#[test]
fn known_corners_are_the_kernels() {
    let Some(_kernel) = Kernel::for_test("known_corners_are_the_kernels") else { return };
    for (name, steps) in corners() {
        if let Err(difference) = compare(&assemble(&steps)) {
            panic!("{name}: {difference}");
        }
    }
}

#[test]
fn every_bound_is_the_recorded_one() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scalar_kernel/6.18.log");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, record()).expect("the record can be written");
    }
    let recorded = std::fs::read_to_string(&path).expect("the record is in the repository");
    let mut agreed = 0;
    for block in recorded.split("program ").skip(1) {
        let (code, log) = block.split_once('\n').expect("a program has a walk");
        let program = unhex(code);
        agreed += agreement(&walk(Release::LATEST, &program), &parse(log), true)
            .unwrap_or_else(|why| panic!("{why}\n{log}"));
    }
    assert!(agreed > 500, "the record is not understood: {agreed} registers seen");
}

/// The kernel's walks of the corners and of random programs.
fn record() -> String {
    let kernel = belay_linux::probe().expect("recording needs a kernel");
    let release = kernel.release.split('-').next().unwrap_or_default();
    let mut runner = TestRunner::deterministic();
    let random = (0..RECORDED_RANDOM)
        .map(|_| programs().new_tree(&mut runner).expect("programs are never rejected").current());
    let known = corners().into_iter().map(|(_, steps)| steps);
    let mut text = format!("What Linux {release} printed: slots, then registers after each instruction.\n");
    for steps in known.chain(random) {
        let program = assemble(&steps);
        let log = ask(&program).expect("the kernel takes the program");
        text.push_str(&format!("\nprogram {}\n{}", hex(&program), log::print(&parse(&log), &RECORDED)));
    }
    text
}

fn hex(program: &Program) -> String {
    slots(program).iter().flat_map(|slot| slot.to_le_bytes()).map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(code: &str) -> Program {
    let digits: Vec<u8> =
        code.bytes().map(|c| char::from(c).to_digit(16).expect("hexadecimal") as u8).collect();
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    let slots: Vec<Slot> = bytes
        .chunks_exact(8)
        .map(|slot| Slot::from_le_bytes(slot.try_into().expect("eight bytes")))
        .collect();
    decode_all(&slots).expect("the program decodes").into_iter().map(|(pc, insn)| (pc.0, insn)).collect()
}
