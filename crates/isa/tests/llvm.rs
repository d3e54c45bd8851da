//! LLVM 19 as the yardstick of text: what it prints we print, what it assembles we assemble to the same bytes, and it
//! assembles what we print. Needs `clang-19` and `llvm-objdump-19`; `BELAY_REQUIRE=clang` makes their absence a failure.
//!
//! `load_acquire`, `store_release` and packet loads with both a register and a constant are younger than LLVM 19 or
//! unknown to it: the kernel's log is their only reference (`tests/slots.rs`).

mod every;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use belay_isa::{CallTarget, Imm64, Insn, NoSymbols, Pc, Slot, assemble, decode, parse_insn};

/// `clang-19` and `llvm-objdump-19` are there; says what is skipped if not.
fn llvm_is_here(test: &str) -> bool {
    let missing: Vec<_> = ["clang-19", "llvm-objdump-19"]
        .into_iter()
        .filter(|tool| {
            !Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success())
        })
        .collect();
    let required =
        std::env::var("BELAY_REQUIRE").is_ok_and(|list| list.split(',').any(|word| word.trim() == "clang"));
    assert!(missing.is_empty() || !required, "BELAY_REQUIRE names clang, but {missing:?} does not run");
    if !missing.is_empty() {
        eprintln!("skipped: {test}: {missing:?} does not run");
    }
    missing.is_empty()
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn compile(source: &Path, cpu: &str) -> PathBuf {
    let name = source.file_name().unwrap().to_string_lossy();
    let object = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.{cpu}.o"));
    let cpu = format!("-mcpu={cpu}");
    run(Command::new("clang-19")
        .args(["-O2", "-target", "bpf", &cpu, "-c"])
        .arg(source)
        .arg("-o")
        .arg(&object));
    object
}

/// An instruction as `llvm-objdump` lists it, without the symbol that it adds to jumps.
struct Listed {
    slots: Vec<Slot>,
    text: String,
}

fn objdump(object: &Path, dialect: &str) -> Vec<Listed> {
    let listing =
        run(Command::new("llvm-objdump-19").args(["-d", "--no-print-imm-hex", dialect]).arg(object));
    let listed = listing.lines().filter_map(|line| {
        let mut columns = line.split('\t');
        columns.next()?.trim().strip_suffix(':')?.parse::<u64>().ok()?;
        let bytes: Vec<u8> =
            columns.next()?.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        let slots = bytes.chunks_exact(8).map(|slot| Slot::from_le_bytes(slot.try_into().unwrap())).collect();
        let text = columns.next()?;
        let symbol = if text.ends_with('>') { text.rsplit_once(" <") } else { None };
        let text = symbol.map_or(text, |(text, _)| text);
        Some(Listed { slots, text: text.to_owned() })
    });
    listed.collect()
}

/// Our text in LLVM's words, which leave out what kind of function a call names, what an `LD_IMM64` names, and the constant
/// of a packet load from a register.
fn in_llvm_words(insn: Insn) -> String {
    match insn {
        Insn::Call(CallTarget::Local(distance)) => format!("call {distance}"),
        Insn::Call(CallTarget::Kfunc { id, .. }) => format!("call {id}"),
        Insn::LoadImm64 { value, .. } if !matches!(value, Imm64::Value(_)) => "ld_pseudo".to_owned(),
        Insn::LoadInd { size, src, .. } => Insn::LoadInd { size, src, imm: 0 }.to_string(),
        _ => insn.to_string(),
    }
}

/// Every instruction of the object prints as one of LLVM's two dialects does (they name the registers of 32-bit memory
/// operations `r1` and `w1`); what LLVM 19 does not know is passed over. Returns how many there are.
fn assert_prints_like_llvm(object: &Path) -> usize {
    let (plain, alu32) = (objdump(object, "--mattr=-alu32"), objdump(object, "--mattr=+alu32"));
    assert!(!plain.is_empty(), "{}: nothing listed", object.display());
    assert_eq!(plain.len(), alu32.len());
    for (index, (plain, alu32)) in plain.iter().zip(&alu32).enumerate() {
        if plain.text == "<unknown>" && alu32.text == "<unknown>" {
            continue;
        }
        let place = format!("{}: instruction {index}", object.display());
        let insn =
            decode(&plain.slots, Pc(0)).unwrap_or_else(|error| panic!("{place}: {}: {error}", plain.text));
        let ours = in_llvm_words(insn);
        // Without `alu32`, LLVM 19 prints `lock … += r1` for a 32-bit addition whether it fetches or not.
        let atomic = matches!(insn, Insn::Atomic { .. });
        let texts = if atomic { vec![&alu32.text] } else { vec![&plain.text, &alu32.text] };
        assert!(texts.contains(&&ours), "{place}: {ours}, LLVM: {texts:?}");
        for text in texts {
            if ours == insn.to_string() {
                assert_eq!(parse_insn(text), Ok(insn), "{place}: {text}");
            }
        }
    }
    plain.len()
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn every_form_is_read_and_printed_as_llvm_does() {
    if !llvm_is_here("every form, read and printed") {
        return;
    }
    let source = here("tests/llvm/every.s");
    let object = compile(&source, "v4");
    let clang: Vec<Slot> =
        objdump(&object, "--mattr=+alu32").into_iter().flat_map(|listed| listed.slots).collect();
    let ours = assemble(&fs::read_to_string(&source).unwrap(), &NoSymbols).unwrap();
    for (index, (clang, ours_slot)) in clang.iter().zip(&ours.slots).enumerate() {
        assert_eq!(clang, ours_slot, "every.s:{}", ours.lines[index]);
    }
    assert_eq!(clang.len(), ours.slots.len());
    assert!(assert_prints_like_llvm(&object) > 200);
}

#[test]
fn compiled_c_prints_as_llvm_does() {
    if !llvm_is_here("compiled C") {
        return;
    }
    for cpu in ["v1", "v2", "v3", "v4"] {
        let count = assert_prints_like_llvm(&compile(&here("tests/llvm/every.c"), cpu));
        assert!(count > 80, "{cpu}: {count}");
    }
}

#[test]
fn clang_assembles_what_we_print() {
    if !llvm_is_here("clang assembles what we print") {
        return;
    }
    let insns: Vec<Insn> = every::every_insn().filter(llvm_19_reads).collect();
    assert!(insns.len() > 100_000, "{}", insns.len());
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("printed.s");
    fs::write(&source, insns.iter().map(|insn| format!("{insn}\n")).collect::<String>()).unwrap();
    let listed = objdump(&compile(&source, "v4"), "--mattr=+alu32");
    assert_eq!(listed.len(), insns.len());
    for (insn, listed) in insns.iter().zip(listed) {
        assert_eq!(*insn.encode(), *listed.slots, "{insn}");
    }
}

fn llvm_19_reads(insn: &Insn) -> bool {
    match *insn {
        Insn::LoadAcquire { .. } | Insn::StoreRelease { .. } => false,
        Insn::LoadInd { imm, .. } => imm == 0,
        Insn::LoadImm64 { value, .. } => matches!(value, Imm64::Value(_)),
        Insn::Call(target) => matches!(target, CallTarget::Helper(_)),
        // LLVM's assembler takes no longer distance as a number.
        Insn::Jal { off } => i16::try_from(off).is_ok(),
        _ => true,
    }
}

#[test]
fn objects_of_this_repository_print_as_llvm_does() {
    if !llvm_is_here("the repository's objects") {
        return;
    }
    let root = here("../..");
    let mut objects = Vec::new();
    for directory in ["bpf", "tests"] {
        find_objects(&root.join(directory), &mut objects);
    }
    assert!(!objects.is_empty(), "no object under bpf/ or tests/");
    let count: usize = objects.iter().map(|object| assert_prints_like_llvm(object)).sum();
    assert!(count > objects.len(), "{count} instructions in {} objects", objects.len());
}

/// The conformance corpus, where it has been built (see `../shared/corpus`): code of many hands.
#[test]
fn objects_of_the_corpus_print_as_llvm_does() {
    if !llvm_is_here("the corpus' objects") {
        return;
    }
    let home = std::env::var("HOME").unwrap_or_default();
    let mut objects = Vec::new();
    find_objects(&Path::new(&home).join(".cache/belay-corpus/objects"), &mut objects);
    if objects.is_empty() {
        eprintln!("skipped: the corpus is not in the cache: `corpus.py` builds it");
        return;
    }
    let count: usize = objects.iter().map(|object| assert_prints_like_llvm(object)).sum();
    eprintln!("{count} instructions in {} objects", objects.len());
    assert!(count > 10 * objects.len(), "{count} instructions in {} objects", objects.len());
}

fn find_objects(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            find_objects(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "o") {
            found.push(path);
        }
    }
}
