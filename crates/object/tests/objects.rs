//! Our own small objects (`tests/data`, C beside them): what each construct of C becomes.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use belay_isa::{CallTarget, Imm64, Insn, Pc, disassemble};
use belay_object::btf::Btf;
use belay_object::{Attach, ExternKind, MapDef, MapOrigin, Object, Options, Program, SlotInit};
use belay_spec::MapKind;

fn read(name: &str, options: &Options) -> Object {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let bytes = std::fs::read(&path).expect("the object is committed");
    Object::parse(name, &bytes, options).unwrap_or_else(|e| panic!("{e}"))
}

/// Everything that would come from the running kernel, given.
fn offline() -> Options {
    Options {
        kernel_btf: Some(types_of("core_kernel.bpf.o").into()),
        kernel_config: Some("CONFIG_BPF_SYSCALL=y\nCONFIG_HZ=250\n".to_owned()),
        kernel_version: Some(6 << 16 | 18 << 8),
    }
}

fn types_of(name: &str) -> Arc<Btf> {
    read(name, &Options { kernel_btf: None, kernel_config: Some(String::new()), kernel_version: Some(0) })
        .btf
        .expect("compiled with types")
}

fn map<'o>(object: &'o Object, name: &str) -> &'o MapDef {
    object.maps.iter().find(|m| m.name == name).unwrap_or_else(|| panic!("no map {name}"))
}

fn program<'o>(object: &'o Object, name: &str) -> &'o Program {
    object.programs.iter().find(|p| p.name == name).unwrap_or_else(|| panic!("no program {name}"))
}

fn insns(program: &Program) -> Vec<(Pc, Insn)> {
    disassemble(&program.slots).map(|(pc, insn)| (pc, insn.expect("decodes"))).collect()
}

#[test]
fn maps_are_as_declared() {
    let object = read("features.bpf.o", &offline());
    assert_eq!(object.license, "Dual MIT/GPL");
    let flows = map(&object, "flows");
    assert_eq!((flows.kind, flows.key_size, flows.value_size), (MapKind::LRU_HASH, 8, 8));
    assert_eq!((flows.max_entries, flows.flags, flows.origin), (1024, 2, MapOrigin::Btf));
    let btf = object.btf.as_ref().expect("has types");
    assert_eq!(btf.name(flows.btf_key.expect("a typed key")), "flow");
    let filter = map(&object, "filter");
    assert_eq!((filter.key_size, filter.value_size, filter.map_extra), (0, 4, 3));
    assert!(map(&object, "pinned").pinned && !flows.pinned);

    let outer = map(&object, "outer");
    let inner = outer.inner.as_deref().expect("has a template");
    assert_eq!((inner.name.as_str(), inner.kind, inner.value_size), ("outer.inner", MapKind::ARRAY, 8));
    let init = |index, target: &str| SlotInit { index, target: target.to_owned() };
    assert_eq!(outer.init, [init(1, "inner_b"), init(4, "inner_a")]);
    assert_eq!(map(&object, "jumps").init, [init(2, "next")]);
}

#[test]
fn data_sections_are_maps_with_contents() {
    let object = read("features.bpf.o", &offline());
    let rodata = map(&object, ".rodata");
    assert_eq!((rodata.kernel_name.as_str(), rodata.frozen, rodata.flags), ("features.rodata", true, 0x480));
    assert_eq!(rodata.contents.as_deref(), Some(&b"\x07\0\0\0hello\0"[..]));
    let bss = map(&object, ".bss");
    assert_eq!((bss.contents.as_deref(), bss.frozen, bss.max_entries), (None, false, 1));
    let custom = map(&object, ".data.custom");
    assert_eq!(custom.contents.as_deref(), Some(&0x1122_3344_u32.to_le_bytes()[..]));
    assert_eq!(custom.kernel_name, ".data.custom");
}

#[test]
fn kernel_options_are_filled_in() {
    let object = read("features.bpf.o", &offline());
    let kconfig = map(&object, ".kconfig");
    let contents = kconfig.contents.as_deref().expect("has contents");
    assert!(kconfig.frozen);
    let value = |name: &str| {
        let found = object.externs.iter().find(|e| e.name == name).expect("an extern");
        let ExternKind::Kconfig { offset, size } = found.kind else { panic!("{name} is no option") };
        contents[offset as usize..(offset + size) as usize].to_vec()
    };
    assert_eq!(value("LINUX_KERNEL_VERSION"), 0x0006_1200_u32.to_le_bytes());
    assert_eq!(value("CONFIG_HZ"), 250_u32.to_le_bytes());
    assert_eq!(value("CONFIG_BPF_SYSCALL"), [1]);
    assert_eq!(value("CONFIG_OF_ANOTHER_WORLD"), [0; 4]);
}

#[test]
fn a_missing_kernel_option_breaks_only_the_programs_that_need_it() {
    let object =
        read("features.bpf.o", &Options { kernel_config: Some("CONFIG_HZ=100".to_owned()), ..offline() });
    let [broken] = object.broken.as_slice() else { panic!("{:?}", object.broken) };
    assert_eq!((broken.name.as_str(), broken.section.as_str()), ("config", "?xdp.frags"));
    let message = broken.error.to_string();
    assert!(message.contains("features.bpf.o: section `.kconfig`"), "{message}");
    assert!(
        message.contains("`CONFIG_BPF_SYSCALL`: the kernel's configuration does not set it"),
        "{message}"
    );
    assert_eq!(object.programs.len(), 4);
}

#[test]
fn programs_hold_what_they_reach() {
    let object = read("features.bpf.o", &offline());
    assert!(object.broken.is_empty(), "{:?}", object.broken);
    let names: Vec<&str> = object.programs.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["next", "first", "config", "kernel_symbols", "traced"]);

    let first = program(&object, "first");
    let functions: Vec<_> = first.subprograms.iter().map(|s| (s.name.as_str(), s.global)).collect();
    assert_eq!(
        functions,
        [("first", true), ("visit", false), ("shared", true), ("helper", false), ("hidden_one", false)]
    );
    for (a, b) in first.subprograms.iter().zip(&first.subprograms[1..]) {
        assert_eq!(a.start.0 + a.len, b.start.0);
    }
    for function in &first.subprograms {
        let btf = object.btf.as_ref().expect("has types");
        assert_eq!(btf.name(function.btf_func.expect("known to BTF")), function.name);
    }
    // Every call and function address leads to the start of a function.
    let starts: Vec<u32> = first.subprograms.iter().map(|s| s.start.0).collect();
    let mut targets = Vec::new();
    for (pc, insn) in insns(first) {
        if let Insn::Call(CallTarget::Local(off)) | Insn::LoadImm64 { value: Imm64::Func(off), .. } = insn {
            targets.push(pc.0.wrapping_add_signed(off) + 1);
        }
    }
    assert_eq!(targets.len(), 4, "visit, shared, hidden_one, and helper from shared");
    assert!(targets.iter().all(|t| starts.contains(t)), "{targets:?} {starts:?}");
}

#[test]
fn sections_say_how_programs_attach() {
    let object = read("features.bpf.o", &offline());
    let config = program(&object, "config");
    assert!(!config.autoload && config.frags && !config.sleepable);
    assert!(matches!(config.attach, Attach::Hook(h) if h.name == "xdp"));
    let traced = program(&object, "traced");
    assert!(traced.sleepable && traced.autoload);
    assert!(matches!(traced.attach, Attach::Hook(h) if h.name == "tracing/fentry"));
    assert_eq!(traced.attach_target.as_deref(), Some("vfs_open"));
}

#[test]
fn lines_are_those_of_the_source() {
    let object = read("features.bpf.o", &offline());
    let source = include_str!("data/features.bpf.c");
    let first = program(&object, "first");
    assert!(first.lines.len() > 10);
    for line in &first.lines {
        assert!(line.file.ends_with("features.bpf.c"), "{}", line.file);
        let text = source.lines().nth(line.line as usize - 1).expect("a line of the source");
        assert_eq!(&*line.text, text);
    }
    assert!(first.lines.is_sorted_by_key(|l| l.pc));
    assert_eq!(first.lines.len(), first.btf_lines.len());
}

#[test]
fn kernel_symbols_are_externs() {
    let object = read("features.bpf.o", &offline());
    let find = |name: &str| object.externs.iter().position(|e| e.name == name).expect("an extern");
    let is = |name: &str, kind, weak| {
        let found = &object.externs[find(name)];
        assert_eq!((found.kind, found.weak), (kind, weak), "{name}");
    };
    is("schedule", ExternKind::UntypedKsym, false);
    is("nr_cpu_ids", ExternKind::TypedKsym, true);
    is("bpf_rdonly_cast", ExternKind::Kfunc, false);
    is("bpf_no_such_function", ExternKind::Kfunc, true);
    let code = insns(program(&object, "kernel_symbols"));
    let calls: Vec<usize> = code
        .iter()
        .filter_map(|(_, i)| match i {
            Insn::Call(CallTarget::Kfunc { id, btf: 0 }) => usize::try_from(*id).ok(),
            _ => None,
        })
        .collect();
    assert!(calls.contains(&find("bpf_rdonly_cast")) && calls.contains(&find("bpf_no_such_function")));
    let named: Vec<usize> = code
        .iter()
        .filter_map(|(_, i)| match i {
            Insn::LoadImm64 { value: Imm64::BtfId(id, 0), .. } => usize::try_from(*id).ok(),
            _ => None,
        })
        .collect();
    for name in ["schedule", "nr_cpu_ids", "bpf_no_such_function", "bpf_no_such_variable"] {
        assert!(named.contains(&find(name)), "{name}");
    }
}

#[test]
fn calls_go_to_any_section_and_a_broken_program_stays_alone() {
    let object = read("sections.bpf.o", &offline());
    let functions =
        |name| program(&object, name).subprograms.iter().map(|s| s.name.as_str()).collect::<Vec<_>>();
    assert_eq!(functions("caller"), ["caller", "beside"]);
    assert_eq!(functions("across"), ["across", "caller", "beside"]);
    assert_eq!(program(&object, "nowhere").attach, Attach::Unknown);
    let maps: Vec<i32> = insns(program(&object, "caller"))
        .iter()
        .filter_map(|(_, i)| match i {
            Insn::LoadImm64 { value: Imm64::Map(map), .. } => Some(*map),
            _ => None,
        })
        .collect();
    assert_eq!(
        maps.iter().map(|&m| object.maps[m as usize].name.as_str()).collect::<Vec<_>>(),
        ["counts", "unused_first"]
    );
    let [broken] = object.broken.as_slice() else { panic!("{:?}", object.broken) };
    let message = broken.error.to_string();
    assert!(message.starts_with("sections.bpf.o: section `tc`+0x"), "{message}");
    assert!(message.contains("`undefined_function`: undefined symbol"), "{message}");
}

#[test]
fn legacy_maps_are_read() {
    let object = read("legacy.bpf.o", &offline());
    let ports = map(&object, "ports");
    assert_eq!((ports.kind, ports.key_size, ports.value_size), (MapKind::HASH, 2, 4));
    assert_eq!((ports.max_entries, ports.flags, ports.origin), (128, 1, MapOrigin::Legacy));
    assert_eq!(map(&object, "stats").kind, MapKind::PERCPU_ARRAY);
    assert_eq!(object.programs.len(), 1, "{:?}", object.broken);
}

#[test]
fn the_objects_are_what_their_sources_build() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let clang = Command::new("clang-19").arg("--version").output();
    if clang.is_err() || !Path::new("/usr/include/bpf/bpf_helpers.h").exists() {
        let required = std::env::var("BELAY_REQUIRE").unwrap_or_default();
        assert!(!required.split(',').any(|r| r == "clang"), "no clang-19 or no libbpf-dev");
        eprintln!("skipped: no clang-19 or no libbpf-dev to build the objects");
        return;
    }
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("objects");
    std::fs::create_dir_all(&out).expect("a directory for the objects");
    let status = Command::new("sh").arg(data.join("build.sh")).arg(&out).status().expect("a shell");
    assert!(status.success());
    let mut compared = 0;
    for entry in std::fs::read_dir(&out).expect("the objects are there") {
        let path = entry.expect("readable").path();
        let name = path.file_name().and_then(|n| n.to_str()).expect("a name").to_owned();
        let bytes = std::fs::read(&path).expect("readable");
        let built = Object::parse(&name, &bytes, &offline()).expect("parses");
        let committed = read(&name, &offline());
        assert_eq!(format!("{:?}", built.maps), format!("{:?}", committed.maps), "{name}");
        let code =
            |o: &Object| o.programs.iter().map(|p| (p.name.clone(), p.slots.clone())).collect::<Vec<_>>();
        assert_eq!(code(&built), code(&committed), "{name}");
        compared += 1;
    }
    assert_eq!(compared, 5);
}

/// What a program stores into `out`, by index: constants only.
fn stored(program: &Program) -> Vec<(usize, u64)> {
    let mut registers = [None; 11];
    let mut stored = Vec::new();
    let mut base = [0_usize; 11];
    for (_, insn) in insns(program) {
        match insn {
            Insn::Mov { dst, src: belay_isa::Src::Imm(value), .. } => {
                registers[dst.index()] = Some(i64::from(value).cast_unsigned());
            }
            Insn::LoadImm64 { dst, value: Imm64::Value(value) } => registers[dst.index()] = Some(value),
            Insn::LoadImm64 { dst, value: Imm64::MapValue(_, off) } => base[dst.index()] = off as usize,
            Insn::Store { base: to, off, src: belay_isa::Src::Reg(src), .. } => {
                let at = base[to.index()] + off as usize;
                stored.extend(registers[src.index()].map(|value| (at / 8, value)));
            }
            _ => {}
        }
    }
    stored.sort_unstable();
    stored
}

#[test]
fn core_fields_are_the_kernels() {
    let object = read("core.bpf.o", &offline());
    assert!(object.broken.is_empty(), "{:?}", object.broken);
    // By hand from core_kernel.bpf.c; that libbpf agrees is another test's.
    let expected = [8, 28, 76, 4, 0, 1, 128, 1, 0, 50, 59, 96, 4, 1, 139];
    let expected: Vec<(usize, u64)> = expected.into_iter().enumerate().collect();
    assert_eq!(stored(program(&object, "fields")), expected);
}

#[test]
fn core_types_are_the_kernels() {
    let object = read("core.bpf.o", &offline());
    let kernel = types_of("core_kernel.bpf.o");
    let leaf = |btf: &Btf| btf.by_essential_name("belay_leaf").next().expect("a type").0.into();
    let local = leaf(object.btf.as_ref().expect("has types"));
    let expected = [1, 0, 16, 0, 1, 0, leaf(&kernel), local, 1, 0, 7, 0x3_0000_0000, 1];
    let expected: Vec<(usize, u64)> = expected.into_iter().enumerate().collect();
    assert_eq!(stored(program(&object, "types")), expected);
}

#[test]
fn what_the_kernel_lacks_becomes_an_impossible_call() {
    let object = read("core.bpf.o", &offline());
    let poisoned = insns(program(&object, "poisoned"));
    let impossible = |(_, i): &&(Pc, Insn)| matches!(i, Insn::Call(CallTarget::Helper(0x0bad_2310)));
    assert_eq!(poisoned.iter().filter(impossible).count(), 1);
    // The load of a narrower unsigned field shrinks, and of a wider one grows.
    let loads = insns(program(&object, "loads"));
    assert_eq!(loads[0].1.to_string(), "r2 = *(u16 *)(r1 + 8)");
}

#[test]
fn without_kernel_types_only_programs_that_need_them_break() {
    let empty =
        Btf::parse("empty", read("legacy.bpf.o", &offline()).btf.expect("has types").bytes().to_vec());
    let options = Options { kernel_btf: Some(Arc::new(empty.expect("parses")).into()), ..offline() };
    let object = read("core.bpf.o", &options);
    // Types that do not exist are an answer too: poison, zero, false.
    assert!(object.broken.is_empty(), "{:?}", object.broken);
    assert_eq!(stored(program(&object, "types"))[1], (1, 0));
}
