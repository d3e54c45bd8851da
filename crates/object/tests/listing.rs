//! The listing of a program assembles to the same slots.

use std::collections::HashMap;
use std::path::PathBuf;

use belay_isa::{Assembler, CallTarget, Imm64, Symbols};
use belay_object::{ExternKind, Object, Options, Program, listing};
use belay_spec::Helper;

/// What the names of a listing stand for.
struct Names {
    maps: HashMap<String, i32>,
    externs: HashMap<String, i32>,
}

impl Names {
    fn new(object: &Object) -> Names {
        Names {
            maps: (0..).zip(&object.maps).map(|(i, m)| (m.name.clone(), i)).collect(),
            externs: (0..).zip(&object.externs).map(|(i, e)| (e.name.clone(), i)).collect(),
        }
    }
}

impl Symbols for Names {
    fn callee(&self, name: &str) -> Option<CallTarget> {
        let kfunc = self.externs.get(name).map(|&id| CallTarget::Kfunc { id, btf: 0 });
        kfunc.or_else(|| Some(CallTarget::Helper(i32::try_from(Helper::by_name(name)?.id).ok()?)))
    }

    fn address(&self, name: &str, _: i32) -> Option<Imm64> {
        self.externs
            .get(name)
            .map(|&id| Imm64::BtfId(id, 0))
            .or_else(|| Some(Imm64::Map(*self.maps.get(name)?)))
    }
}

/// The listing as assembly text. The names of values and functions' addresses are not unique in it, so that the two forms
/// are put in as numbers.
fn text_of(object: &Object, program: &Program) -> Vec<String> {
    let mut text = Vec::new();
    for row in listing(object, program) {
        text.extend(row.function.map(|f| format!("{}:", f.name)));
        text.extend(row.label.map(|label| format!("{label}:")));
        text.push(match row.insn {
            Ok(insn @ belay_isa::Insn::LoadImm64 { value: Imm64::MapValue(..), .. }) => insn.to_string(),
            _ => row.text,
        });
    }
    text
}

fn objects() -> Vec<(String, Object)> {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let corpus = PathBuf::from(std::env::var("HOME").unwrap_or_default()).join(".cache/belay-corpus/objects");
    let entries = [data, corpus].map(std::fs::read_dir).into_iter().flatten().flatten();
    let paths =
        entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.extension().is_some_and(|e| e == "o"));
    let options =
        Options { kernel_config: Some(String::new()), kernel_version: Some(0), ..Options::default() };
    paths
        .map(|path| {
            let bytes = std::fs::read(&path).expect("readable");
            let name = path.display().to_string();
            let object = Object::parse(&name, &bytes, &options).unwrap_or_else(|e| panic!("{e}"));
            (name, object)
        })
        .collect()
}

#[test]
fn a_listing_assembles_to_the_same_slots() {
    let mut count = 0;
    for (path, object) in objects() {
        for program in &object.programs {
            let rows = listing(&object, program);
            let slots: Vec<_> = rows.iter().flat_map(|row| row.slots).copied().collect();
            assert_eq!(slots, program.slots, "{path}: {}", program.name);
            if rows.iter().any(|row| row.insn.is_err()) {
                continue;
            }
            let text = text_of(&object, program);
            let mut assembler = Assembler::new();
            for (number, line) in (1..).zip(&text) {
                assembler
                    .line(number, line)
                    .unwrap_or_else(|e| panic!("{path}: {}: {e}\n{line}", program.name));
            }
            let again = assembler.finish(&Names::new(&object));
            let again = again.unwrap_or_else(|e| panic!("{path}: {}: {e}\n{text:#?}", program.name));
            assert_eq!(again.slots, program.slots, "{path}: {}\n{text:#?}", program.name);
            count += 1;
        }
    }
    assert!(count >= 9, "only {count} programs");
    eprintln!("{count} programs listed and assembled");
}

#[test]
fn names_stand_for_numbers() {
    let (_, object) =
        objects().into_iter().find(|(path, _)| path.ends_with("features.bpf.o")).expect("committed");
    let first = object.programs.iter().find(|p| p.name == "first").expect("a program");
    let texts: Vec<String> = listing(&object, first).into_iter().map(|row| row.text).collect();
    for text in
        ["r1 = flows ll", "call bpf_map_lookup_elem", "call shared", "r2 = visit ll", "call bpf_tail_call"]
    {
        assert!(texts.iter().any(|t| t == text), "{text}: {texts:#?}");
    }
    assert!(texts.iter().any(|t| t.ends_with(".rodata+0 ll")), "{texts:#?}");
    let kernel = object.programs.iter().find(|p| p.name == "kernel_symbols").expect("a program");
    let texts: Vec<String> = listing(&object, kernel).into_iter().map(|row| row.text).collect();
    assert!(texts.iter().any(|t| t == "call bpf_rdonly_cast"), "{texts:#?}");
    assert!(object.externs.iter().any(|e| e.kind == ExternKind::Kfunc));
    let rows = listing(&object, first);
    assert_eq!(rows[0].function.map(|f| f.name.as_str()), Some("first"));
    assert!(rows[0].line.is_some_and(|l| l.text.contains("int first")));
}
