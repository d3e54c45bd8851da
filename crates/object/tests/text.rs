//! The text form: what each directive gives, and the place that each fault names.

use belay_isa::{Pc, disassemble};
use belay_object::{Attach, ExternKind, Object, Options};
use belay_spec::MapKind;

fn parse(text: &str) -> Result<Object, String> {
    Object::parse("t.s", text.as_bytes(), &Options::default()).map_err(|e| e.to_string())
}

const TWO: &str = r"
.license GPL
.map counts kind=lru_hash key=4 value=8 entries=16 flags=2   # a comment
.map inner kind=array key=4 value=8 entries=1
.map outer kind=hash_of_maps key=4 value=4 entries=8 inner=inner init=3:inner
.data limits bytes=0a000000ff size=8 frozen
.extern bpf_ct_release kfunc weak
.extern jiffies ksym
.global shared

.hook cgroup_skb/egress
.prog first
    r6 = r1
    r1 = counts ll
    r2 = limits+4 ll ; r3 = limits ll
    call bpf_map_lookup_elem
    r1 = r6
    call shared
    call bpf_ct_release
    r1 = jiffies ll
    r2 = callback ll
    exit
.func shared
    r0 = 1
    if r0 > 3 goto out
out:
    exit
callback:
    r0 = 0
    exit
.section ?xdp.frags
.prog second
    r0 = 2
    exit
";

#[test]
fn directives_make_an_object() {
    let object = parse(TWO).expect("parses");
    assert_eq!(object.license, "GPL");
    let [counts, inner, outer, limits] = object.maps.as_slice() else { panic!("{:?}", object.maps) };
    assert_eq!((counts.kind, counts.key_size, counts.value_size), (MapKind::LRU_HASH, 4, 8));
    assert_eq!((counts.max_entries, counts.flags), (16, 2));
    assert_eq!(outer.inner.as_ref().map(|m| &m.name), Some(&inner.name));
    assert_eq!(outer.init.iter().map(|i| (i.index, i.target.as_str())).collect::<Vec<_>>(), [(3, "inner")]);
    assert_eq!(limits.contents.as_deref(), Some(&[10, 0, 0, 0, 255, 0, 0, 0][..]));
    assert!(limits.frozen);
    assert_eq!(object.externs[0].kind, ExternKind::Kfunc);
    assert!(object.externs[0].weak && !object.externs[1].weak);

    let [first, second] = object.programs.as_slice() else { panic!("two programs") };
    assert!(matches!(first.attach, Attach::Hook(h) if h.name == "cgroup_skb/egress"));
    assert_eq!(first.section, "cgroup_skb/egress");
    let code: Vec<String> = disassemble(&first.slots).map(|(_, i)| i.expect("decodes").to_string()).collect();
    assert_eq!(code[1], "r1 = map[0] ll", "{code:#?}");
    let functions: Vec<_> = first.subprograms.iter().map(|s| (s.name.as_str(), s.start, s.global)).collect();
    assert_eq!(functions, [("first", Pc(0), true), ("shared", Pc(16), true), ("callback", Pc(19), false)]);
    assert_eq!(first.subprograms.iter().map(|s| s.len).sum::<u32>() as usize, first.slots.len());
    let line = first.lines.iter().rfind(|l| l.pc <= Pc(7)).expect("has lines");
    assert_eq!((line.line, line.column, line.text.trim()), (16, 5, "call bpf_map_lookup_elem"));

    assert!(second.frags && !second.autoload);
    assert!(matches!(second.attach, Attach::Hook(h) if h.name == "xdp"));
}

#[test]
fn kernel_functions_of_the_tables_are_called_by_name() {
    let text = ".hook sched_cls\n.prog p\n call bpf_rcu_read_lock # call bpf_throw\n call bpf_rcu_read_unlock\n call bpf_rcu_read_lock\n r0 = 0\n exit\n";
    let object = parse(text).expect("parses");
    let names: Vec<&str> = object.externs.iter().map(|symbol| symbol.name.as_str()).collect();
    assert_eq!(names, ["bpf_rcu_read_lock", "bpf_rcu_read_unlock"]);
    assert!(object.externs.iter().all(|symbol| symbol.kind == ExternKind::Kfunc && !symbol.weak));
    let slots = &object.programs[0].slots;
    assert_eq!(
        slots.iter().take(3).map(|slot| (slot.src, slot.imm)).collect::<Vec<_>>(),
        [(2, 0), (2, 1), (2, 0)]
    );
}

#[test]
fn faults_name_their_line() {
    for (text, message) in [
        ("r0 = 0\nexit", "t.s:1:1: an instruction before any `.hook NAME` or `.section NAME`"),
        (".hook tc\n", "t.s:1:1: unknown hook `tc`"),
        (".section tc\n\n  r0 = = 0\n", "t.s:3:8:"),
        (
            ".section tc\n.prog p\n call nobody\n exit",
            "t.s:3:7: `p`: there is no label, helper or kfunc `nobody`",
        ),
        (".map m kind=hsah", "t.s:1:1: unknown map kind `hsah`"),
        (".map m kind=array_of_maps key=4", "map of maps `m` needs inner=NAME"),
        (".map m kind=hash\n.map m kind=hash", "t.s:2:1: map `m` is defined twice"),
        (".data d bytes=abc", "not an even number of hexadecimal digits"),
        (".frobnicate", "t.s:1:1: unknown directive `.frobnicate`"),
        ("\0\0", "t.s: neither an ELF object nor assembly text"),
        ("", "t.s: holds no instructions"),
        (".section tc\n.prog p\n", "`p`: the program has no instructions"),
    ] {
        let error = parse(text).expect_err(text);
        assert!(error.contains(message), "{text:?}: {error}");
    }
}
