//! Pointers to the kernel's own structures: what runs, and what preparation refuses, by name.

use std::sync::Arc;

use belay_object::btf::{Btf, Kind};
use belay_object::{Object, Options};
use belay_profile::KernelProfile;
use belay_spec::Release;
use belay_verifier::{Verdict, Verified, verify};
use belay_vm::{Checked, Compiled, FaultKind, Interpreter, Machine, Maps, Netfilter, NetfilterHook, Packet};

fn btf() -> &'static Btf {
    KernelProfile::builtin(Release::LATEST).btf()
}

/// Where a member begins.
fn at(structure: &str, path: &str) -> u32 {
    let found = btf().find(structure, |kind| matches!(kind, Kind::Struct { .. })).expect("a structure");
    btf().member_at(found, path).unwrap_or_else(|| panic!("{structure}.{path}")).start
}

fn parse(hook: &str, maps: &str, body: &str) -> Object {
    let text = format!(".license GPL\n{maps}\n.hook {hook}\n.prog test\n{body}\n");
    Object::parse("t.s", text.as_bytes(), &Options::default()).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn proof(object: &Object) -> Verified {
    match verify(object, &object.programs[0], &belay_verifier::Options::default()).verdict {
        Verdict::Accept(proof) => *proof,
        other => panic!("{other:#?}"),
    }
}

/// Why a program that the verifier accepts does not run.
fn refused(hook: &str, maps: &str, body: &str) -> String {
    let object = parse(hook, maps, body);
    let maps = Arc::new(Maps::from_defs(&object.maps).expect("the maps can be made"));
    let refused =
        Interpreter::new(&proof(&object), Arc::clone(&maps)).expect_err("it needs what is not there");
    assert_eq!(Compiled::new(&proof(&object), maps).expect_err("nor here").to_string(), refused.to_string());
    refused.to_string()
}

/// What a netfilter program returns: in every runner.
fn result(body: &str) -> u32 {
    let object = parse("netfilter", "", body);
    let maps = Arc::new(Maps::from_defs(&object.maps).expect("the maps can be made"));
    let mut frame = vec![0; 60];
    frame[12] = 8;
    let input = || Netfilter::new(NetfilterHook::PreRouting, Packet::new(&frame).expect("a frame"));
    let checked = Checked::new(&object.programs[0], Arc::clone(&maps), Release::LATEST).expect("it runs");
    let report = checked.run(&mut Machine::default(), &mut input());
    assert!(report.is_clean(), "{report:#?}");
    let proof = proof(&object);
    let interpreted = Interpreter::new(&proof, Arc::clone(&maps)).expect("it runs");
    let compiled = Compiled::new(&proof, maps).expect("it runs");
    let r0 = interpreted.run(&mut Machine::default(), &mut input()).r0;
    assert_eq!(compiled.run(&mut Machine::default(), &mut input()).r0, r0);
    assert_eq!(report.result, Ok(r0));
    r0
}

#[test]
fn what_is_not_laid_out_is_named() {
    let load = |structure: &str, path: &str, size: u32| {
        let pointer = if structure == "sk_buff" { 8 } else { 0 };
        format!(
            "r2 = *(u64 *)(r1 + {pointer})\nr0 = *(u{size} *)(r2 + {})\nr0 = 1\nexit",
            at(structure, path)
        )
    };
    let why = refused("netfilter", "", &load("sk_buff", "truesize", 32));
    let place = at("sk_buff", "truesize");
    assert_eq!(
        why,
        format!(
            "program `test`, instruction 1: unsupported: `truesize` of the kernel's `struct sk_buff` (4 bytes at offset {place})"
        )
    );
    let why = refused("netfilter", "", &load("nf_hook_state", "net", 64));
    assert!(why.contains("`net` of the kernel's `struct nf_hook_state`"), "{why}");
    // A structure that nothing here is.
    let net = at("net_device", "netdev_ops");
    let state_in = at("nf_hook_state", "in");
    let body = format!(
        "r2 = *(u64 *)(r1 + 0)\nr2 = *(u64 *)(r2 + {state_in})\nr2 = *(u64 *)(r2 + {net})\nr0 = *(u64 *)(r2 + 0)\nr0 = 1\nexit"
    );
    let why = refused("netfilter", "", &body);
    assert!(why.contains("`netdev_ops` of the kernel's `struct net_device`"), "{why}");
}

#[test]
fn one_load_reads_one_field() {
    // Of either of two objects, by the packet's length: what the load means differs.
    let (length, mark) = (at("sk_buff", "len"), at("sk_buff", "mark"));
    let body = format!(
        "r2 = *(u64 *)(r1 + 8)\nr3 = *(u32 *)(r2 + {length})\nr2 += {length}\nif r3 > 20 goto on\nr2 += {}\non: r0 = *(u32 *)(r2 + 0)\nr0 = 1\nexit",
        i64::from(mark) - i64::from(length)
    );
    let why = refused("netfilter", "", &body);
    assert!(why.ends_with("unsupported: this access to objects of the kernel's types"), "{why}");
}

#[test]
fn pointers_that_a_map_kept_are_not_followed() {
    let text = format!(
        "*(u32 *)(r10 - 4) = 0\nr1 = kept ll\nr2 = r10\nr2 += -4\ncall bpf_map_lookup_elem\nif r0 == 0 goto end\nr1 = *(u64 *)(r0 + 0)\n\
         if r1 == 0 goto end\nr1 = *(u32 *)(r1 + {})\nend: r0 = 1\nexit",
        at("sk_buff", "len")
    );
    let maps = ".map kept kind=array key=4 value=8 entries=1 fields=0:kptr_untrusted(sk_buff)";
    let why = refused("netfilter", maps, &text);
    assert!(why.contains("loads through what the pointer of instruction"), "{why}");
}

#[test]
fn objects_are_not_probed() {
    let body = format!(
        "r3 = *(u64 *)(r1 + 8)\nr3 += {}\nr1 = r10\nr1 += -8\nr2 = 4\ncall bpf_probe_read_kernel\nr0 = 1\nexit",
        at("sk_buff", "len")
    );
    let why = refused("netfilter", "", &body);
    assert!(
        why.ends_with("instruction 5: unsupported: `bpf_probe_read_kernel` beside objects of the kernel"),
        "{why}"
    );
}

#[test]
fn nothing_reads_as_zero() {
    // No device to go out by: each step of the way gives 0.
    let (out, ifindex) = (at("nf_hook_state", "out"), at("net_device", "ifindex"));
    let body = format!(
        "r2 = *(u64 *)(r1 + 0)\nr2 = *(u64 *)(r2 + {out})\nr3 = *(u32 *)(r2 + {ifindex})\nr2 += 16\nr4 = *(s32 *)(r2 + {})\nr0 = 1\nr3 |= r4\n\
         if r3 == 0 goto end\nr0 = 0\nend: exit",
        i64::from(ifindex) - 16
    );
    assert_eq!(result(&body), 1);
}

#[test]
fn unverified_programs_read_fields_and_nothing_else() {
    let fault = |body: &str| {
        let object = parse("netfilter", "", body);
        let maps = Arc::new(Maps::from_defs(&object.maps).expect("the maps can be made"));
        let checked = Checked::new(&object.programs[0], maps, Release::LATEST).expect("it runs");
        let mut input = Netfilter::new(NetfilterHook::PreRouting, Packet::new(&[0; 60]).expect("a frame"));
        checked.run(&mut Machine::default(), &mut input).result.expect_err("it must be stopped").kind
    };
    let unknown = FaultKind::Unsupported("this field of an object of the kernel's");
    assert_eq!(fault("r2 = *(u64 *)(r1 + 8)\nr0 = *(u64 *)(r2 + 4096)\nexit"), unknown);
    assert_eq!(fault("r2 = *(u64 *)(r1 + 8)\nr0 = *(u64 *)(r2 - 8)\nexit"), unknown);
    let written = fault("r2 = *(u64 *)(r1 + 8)\n*(u32 *)(r2 + 112) = 1\nr0 = 0\nexit");
    assert!(matches!(written, FaultKind::OutOfBounds { .. } | FaultKind::ReadOnly { .. }), "{written:?}");
}
