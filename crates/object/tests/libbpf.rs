//! What libbpf hands to the kernel, call by call, against what Belay makes of the same object: instructions, program and
//! attach types, function and line records, maps. The oracle is a small C program around Debian's `libbpf.a`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use belay_isa::Slot;
use belay_object::btf::{Btf, Kind};
use belay_object::{Attach, Extern, ExternKind, MapDef, Object, Options, Program, section_hook};
use belay_spec::MapKind;

/// What the oracle wrote of one object.
#[derive(Default)]
struct Recorded {
    path: String,
    maps: Vec<String>,
    frozen: Vec<String>,
    map_of_fd: HashMap<i32, String>,
    programs: Vec<String>,
    /// Whether libbpf loaded the whole object.
    whole: bool,
}

#[test]
fn every_program_is_what_libbpf_loads() {
    let Some(oracle) = build_oracle("programs") else { return };
    let objects = objects();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let types = data.join("core_kernel.bpf.o");
    let with_types = format!("{}={}", data.join("core.bpf.o").display(), types.display());
    let output = Command::new(&oracle).args(&objects).arg(with_types).output().expect("the oracle runs");
    let text = String::from_utf8(output.stdout).expect("the oracle writes text");
    let recorded = read(&text);
    let kernel = Btf::running_kernel().expect("the oracle needs a kernel with BTF, so there is one");
    let (mut compared, mut refused, mut faults) = (0, 0, Vec::new());
    for record in &recorded {
        if !record.whole {
            refused += 1;
            continue;
        }
        let (path, types) =
            record.path.split_once('=').map_or((record.path.as_str(), None), |(p, t)| (p, Some(t)));
        let bytes = std::fs::read(path).expect("the object is readable");
        let kernel_btf = types.map(|types| {
            let bytes = std::fs::read(types).expect("the types are readable");
            Object::parse(types, &bytes, &Options::default())
                .expect("the types parse")
                .btf
                .expect("the types exist")
                .into()
        });
        match Object::parse(path, &bytes, &Options { kernel_btf, ..Options::default() }) {
            Ok(object) => compared += compare(record, &object, &kernel, &mut faults),
            Err(error) => faults.push(error.to_string()),
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(compared > 0, "the oracle loaded nothing");
    eprintln!("{compared} programs of {} objects equal; libbpf refused {refused} objects", recorded.len());
}

fn compare(record: &Recorded, object: &Object, kernel: &Btf, faults: &mut Vec<String>) -> usize {
    let path = &record.path;
    faults.extend(object.broken.iter().map(|b| b.error.to_string()));
    let maps: Vec<String> =
        object.maps.iter().flat_map(|m| m.inner.as_deref().into_iter().chain([m])).map(map).collect();
    let theirs: Vec<String> = record.maps.iter().map(|line| kernel_table(line)).collect();
    if maps != theirs {
        faults.push(format!("{path}: maps {maps:#?}, libbpf {:#?}", record.maps));
    }
    let frozen: Vec<&String> = object.maps.iter().filter(|m| m.frozen).map(|m| &m.kernel_name).collect();
    if frozen != record.frozen.iter().collect::<Vec<_>>() {
        faults.push(format!("{path}: frozen {frozen:?}, libbpf {:?}", record.frozen));
    }
    if object.programs.len() != record.programs.len() {
        faults.push(format!("{path}: {} programs, libbpf {}", object.programs.len(), record.programs.len()));
        return 0;
    }
    for (program, theirs) in object.programs.iter().zip(&record.programs) {
        let ours = render(program, object, kernel);
        let theirs = name_maps(theirs, &record.map_of_fd);
        // Where the kernel refuses the types, libbpf does without function and line records.
        let (ours, theirs) = match theirs.split_once(" funcs  lines ") {
            Some((theirs, _)) => {
                (ours.split(" funcs").next().unwrap_or_default().to_owned(), theirs.to_owned())
            }
            None => (ours, theirs),
        };
        if ours != theirs {
            let at = ours.split(' ').zip(theirs.split(' ')).position(|(a, b)| a != b);
            faults.push(format!(
                "{path}: `{}` differs in word {at:?}:\n ours {ours}\nlibbpf {theirs}",
                program.name
            ));
        }
    }
    object.programs.len()
}

/// A map in the oracle's words.
fn map(m: &MapDef) -> String {
    // libbpf rounds a ring buffer up when it creates it.
    let round = |entries: u32| entries.div_ceil(4096).next_power_of_two() * 4096;
    let rings = [MapKind::RINGBUF, MapKind::USER_RINGBUF];
    let entries = if rings.contains(&m.kind) { round(m.max_entries) } else { m.max_entries };
    let (name, kind, flags) = (&m.kernel_name, m.kind.0, m.flags);
    kernel_table(&format!("{name} {kind} {} {} {entries} {flags} {}", m.key_size, m.value_size, m.map_extra))
}

/// A `.struct_ops` table without its size: the kernel's is larger than the object's.
fn kernel_table(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    if words[1] == "26" {
        words[3] = "-";
    }
    words.join(" ")
}

/// A program in the oracle's words, maps by name.
fn render(program: &Program, object: &Object, kernel: &Btf) -> String {
    let name: String = program.name.chars().take(15).collect();
    // libbpf 1.1 does not know these names: the oracle loads them as socket filters.
    let types = match (program.prog_type, program.attach_type) {
        (0 | 32, _) | (_, 46..=57) => (1, 0),
        types => types,
    };
    let flags = u32::from(program.sleepable) << 4 | u32::from(program.frags) << 5;
    let flags = if types == (1, 0) { 0 } else { flags };
    let mut wide = false;
    let mut high = None;
    let insns = program.slots.iter().enumerate().map(|(i, &slot)| {
        if std::mem::take(&mut wide) {
            return word(Slot { imm: high.take().unwrap_or(slot.imm), ..slot });
        }
        wide = slot.opcode == 0x18;
        match (slot.opcode, slot.src) {
            (0x18 | 0x85, 1..) if slot.imm < 0 && slot.src != 4 && (slot.opcode, slot.src) != (0x85, 1) => {
                // Not relocated: libbpf passes on what the assembler wrote.
                word(Slot { imm: !slot.imm, ..slot })
            }
            (0x18, 1 | 2) => {
                word(Slot { imm: 0, ..slot }) + "<" + &object.maps[slot.imm as usize].kernel_name + ">"
            }
            (0x18, 3) if object.externs[slot.imm as usize].kind == ExternKind::UntypedKsym => {
                let address = address(object.externs[slot.imm as usize].kernel_name());
                high = Some((address >> 32) as i32);
                word(Slot { src: 0, imm: address as i32, ..slot })
            }
            // What the kernel lacks is loaded as 0.
            (0x18, 3) if kernel_id(&object.externs[slot.imm as usize], kernel) == 0 => {
                word(Slot { src: 0, imm: 0, ..slot })
            }
            (0x18, 3) | (0x85, 2) => {
                word(Slot { imm: kernel_id(&object.externs[slot.imm as usize], kernel), ..slot })
            }
            _ => {
                assert!(slot.opcode != 0x18 || program.slots.len() > i + 1, "a cut load");
                word(slot)
            }
        }
    });
    let insns: Vec<String> = insns.collect();
    let funcs = program.subprograms.iter().filter_map(|s| Some([s.start.0, s.btf_func?.0]));
    let lines = program.btf_lines.iter().map(|l| [l.pc.0, l.file_name_off, l.line_off, l.line_col]);
    let hex =
        |words: Vec<u32>| words.iter().flat_map(|w| w.to_le_bytes()).map(|b| format!("{b:02x}")).collect();
    let (funcs, lines): (String, String) = (hex(funcs.flatten().collect()), hex(lines.flatten().collect()));
    format!("{name} {} {} {flags} {} funcs {funcs} lines {lines}", types.0, types.1, insns.join(""))
}

fn kernel_id(symbol: &Extern, kernel: &Btf) -> i32 {
    let wanted = |kind: &Kind<'_>| match symbol.kind {
        ExternKind::Kfunc => matches!(kind, Kind::Func { .. }),
        _ => matches!(kind, Kind::Var { .. }),
    };
    kernel.find(symbol.kernel_name(), wanted).map_or(0, |id| id.0.cast_signed())
}

/// The address of a kernel symbol, as libbpf puts it into the program.
fn address(symbol: &str) -> u64 {
    let symbols = std::fs::read_to_string("/proc/kallsyms").expect("libbpf has read it too");
    let mut lines = symbols.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let line = lines.find(|words| words.get(2) == Some(&symbol)).expect("libbpf has found it too");
    u64::from_str_radix(line[0], 16).expect("hex")
}

/// Puts names for the descriptors of maps into a line of the oracle.
fn name_maps(line: &str, maps: &HashMap<i32, String>) -> String {
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let slots: Vec<Slot> = words[4].as_bytes().chunks(16).map(slot).collect();
    let mut wide = false;
    let named = slots.into_iter().map(|slot| {
        if std::mem::take(&mut wide) {
            return word(slot);
        }
        wide = slot.opcode == 0x18;
        match (slot.opcode, slot.src) {
            (0x18, 1 | 2) if maps.contains_key(&slot.imm) => {
                word(Slot { imm: 0, ..slot }) + "<" + &maps[&slot.imm] + ">"
            }
            _ => word(slot),
        }
    });
    words[4] = named.collect::<Vec<_>>().join("");
    words.join(" ")
}

fn word(slot: Slot) -> String {
    slot.to_le_bytes().iter().map(|b| format!("{b:02x}")).collect()
}

fn slot(hex: &[u8]) -> Slot {
    let byte = |i: usize| {
        u8::from_str_radix(std::str::from_utf8(&hex[2 * i..2 * i + 2]).expect("hex"), 16).expect("hex")
    };
    Slot::from_le_bytes(std::array::from_fn(byte))
}

fn read(text: &str) -> Vec<Recorded> {
    let mut all: Vec<Recorded> = Vec::new();
    for line in text.lines() {
        let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
        if what == "object" {
            all.push(Recorded { path: rest.to_owned(), ..Recorded::default() });
            continue;
        }
        let record = all.last_mut().expect("the first line names an object");
        match what {
            "map" => {
                let (fd, rest) = rest.split_once(' ').expect("a map has a descriptor");
                let name = rest.split(' ').next().unwrap_or_default().to_owned();
                record.map_of_fd.insert(fd.parse().expect("a number"), name);
                record.maps.push(rest.to_owned());
            }
            "freeze" => record.frozen.push(rest.to_owned()),
            "prog" => record.programs.push(rest.to_owned()),
            "end" => record.whole = rest == "0",
            _ => panic!("the oracle wrote `{line}`"),
        }
    }
    all
}

/// Our own objects, and the corpus if it is there.
fn objects() -> Vec<PathBuf> {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let corpus = PathBuf::from(std::env::var("HOME").unwrap_or_default()).join(".cache/belay-corpus/objects");
    let mut objects: Vec<PathBuf> = [ours, corpus]
        .iter()
        .filter_map(|dir| std::fs::read_dir(dir).ok())
        .flat_map(|entries| entries.filter_map(|e| Some(e.ok()?.path())))
        .filter(|path| path.extension().is_some_and(|e| e == "o"))
        .collect();
    objects.sort();
    objects
}

fn build_oracle(test: &str) -> Option<PathBuf> {
    let required = std::env::var("BELAY_REQUIRE").unwrap_or_default().split(',').any(|r| r == "libbpf");
    let skip = |why: &str| {
        assert!(!required, "{why}");
        eprintln!("skipped: {why}");
        None
    };
    if !cfg!(target_arch = "x86_64") {
        return skip("the oracle makes system calls for x86-64");
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/libbpf_oracle.c");
    let binary = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("libbpf_oracle_{test}"));
    let built =
        Command::new("cc").arg("-o").arg(&binary).arg(source).args(["-l:libbpf.a", "-lelf", "-lz"]).output();
    match built {
        Ok(output) if output.status.success() => {}
        _ => return skip("no C compiler or no libbpf.a (Debian: libbpf-dev) to build the oracle"),
    }
    if let Err(why) = belay_linux::probe() {
        return skip(&format!("libbpf cannot load anything here: {why}"));
    }
    if Btf::running_kernel().is_err() {
        return skip("the running kernel shows no BTF");
    }
    Some(binary)
}

#[test]
fn section_names_mean_what_libbpf_says() {
    let Some(oracle) = build_oracle("sections") else { return };
    let forms = belay_object::section_names()
        .flat_map(|name| [name.to_owned(), format!("{name}/target"), format!("{name}x"), format!("{name}/")]);
    let forms: Vec<String> = forms.collect();
    let output =
        Command::new(&oracle).args(forms.iter().map(|f| format!("section:{f}"))).output().expect("runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let theirs: HashMap<&str, (u32, u32)> = text
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.strip_prefix("section ")?.split(' ').collect();
            Some((words[0], (words[1].parse().ok()?, words[2].parse().ok()?)))
        })
        .collect();
    assert!(theirs.len() > 80, "{theirs:?}");
    // Names that came after libbpf 1.1.
    let newer = |name: &str| {
        let name = name.strip_suffix("/target").or(name.strip_suffix('/')).unwrap_or(name);
        let hook = section_hook(name);
        hook.prog_type == 32
            || hook.attach_type >= 46
            || name.starts_with("tc")
            || name == "usdt.s"
            || ["sk_skb/verdict", "struct_ops.s", "usdt.s"].contains(&name)
    };
    let mut faults = Vec::new();
    for form in &forms {
        let ours = section_hook(form);
        let known = ours.attach != Attach::Unknown;
        match theirs.get(form.as_str()) {
            Some(&types) if (ours.prog_type, ours.attach_type) == types => {}
            None if !known || newer(form) => {}
            theirs => faults.push(format!("{form}: {ours:?}, libbpf {theirs:?}")),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
