//! A run that looks values up takes no memory, whatever kind of map it asks.

use std::sync::Arc;

use belay_object::{Object, Options};
use belay_verifier::{Verdict, verify};
use belay_vm::{Compiled, Interpreter, Machine, Maps, Packet};

const LOOKUPS: &str = "\
.license GPL
.map array kind=array key=4 value=8 entries=16
.map hash kind=hash key=4 value=8 entries=16
.map lru kind=lru_hash key=4 value=8 entries=16
.map cpu kind=percpu_hash key=4 value=8 entries=16
.map trie kind=lpm_trie key=8 value=8 entries=16 flags=1
.map queue kind=queue value=8 entries=16
.map filter kind=bloom_filter value=8 entries=16
.hook sched_cls
.prog test
*(u32 *)(r10 - 8) = 32
*(u32 *)(r10 - 4) = 3
r6 = 0
";

/// Looks a value up in each map, and counts those that are there.
fn text() -> String {
    let mut text = LOOKUPS.to_owned();
    for (map, at) in [("array", 4), ("hash", 4), ("lru", 4), ("cpu", 4), ("trie", 8)] {
        text += &format!(
            "r1 = {map} ll\nr2 = r10\nr2 += -{at}\ncall bpf_map_lookup_elem\nif r0 == 0 goto no_{map}\nr6 += 1\nno_{map}:\n"
        );
    }
    for (map, helper) in [("queue", "bpf_map_peek_elem"), ("filter", "bpf_map_peek_elem")] {
        text += &format!(
            "*(u64 *)(r10 - 16) = 3\nr1 = {map} ll\nr2 = r10\nr2 += -16\ncall {helper}\nif r0 != 0 goto no_{map}\nr6 += 1\nno_{map}:\n"
        );
    }
    text + "r0 = r6\nexit\n"
}

#[test]
fn lookups_allocate_nothing() {
    let object = Object::parse("t.s", text().as_bytes(), &Options::default()).expect("well formed");
    let judgement = verify(&object, &object.programs[0], &belay_verifier::Options::default());
    let Verdict::Accept(verified) = judgement.verdict else { panic!("{:#?}", judgement.verdict) };
    let maps = Arc::new(Maps::from_defs(&object.maps).expect("made"));
    let set = |name: &str, key: &[u8]| {
        maps.by_name(name).expect("there").update(key, &3_u64.to_le_bytes(), 0).expect("there is room");
    };
    for name in ["array", "hash", "lru", "cpu"] {
        set(name, &3_u32.to_le_bytes());
    }
    set("trie", &[8, 0, 0, 0, 3, 0, 0, 0]);
    set("queue", &[]);
    set("filter", &[]);

    let interpreter = Interpreter::new(&verified, Arc::clone(&maps)).expect("runs");
    let compiled = Compiled::new(&verified, Arc::clone(&maps)).expect("compiles");
    let mut machine = Machine::default();
    let mut packet = Packet::new(&[0; 64]).expect("a frame");
    assert_eq!(interpreter.run(&mut machine, &mut packet).r0, 7);
    assert_eq!(compiled.run(&mut machine, &mut packet).r0, 7);
    for name in ["interpreter", "machine code"] {
        let used = allocation_counter::measure(|| {
            for _ in 0..1000 {
                match name {
                    "interpreter" => drop(interpreter.run(&mut machine, &mut packet)),
                    _ => drop(compiled.run(&mut machine, &mut packet)),
                }
            }
        });
        assert_eq!(used.count_total, 0, "{name}: {used:?}");
    }
}
