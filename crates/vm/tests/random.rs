//! Whatever bytes a program is made of, the checked interpreter neither panics nor faults: it reports.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};

use belay_isa::Slot;
use belay_object::{Attach, MapDef, Object, Options, Program};
use belay_sockets::SocketTable;
use belay_spec::{Hook, MapKind, Release};
use belay_vm::{Checked, Compiled, Interpreter, Machine, Maps, Packet, Strictness};
use proptest::prelude::*;

const SOCKETS: &str = r#"
[[netns]]
name = "host"
[[tcp]]
state = "listen"
local = "0.0.0.0:22"
"#;

fn definitions() -> Vec<MapDef> {
    let inner = MapDef::new("inner", MapKind::ARRAY, 4, 16, 4);
    let mut outer = MapDef::new("outer", MapKind::ARRAY_OF_MAPS, 4, 4, 2);
    outer.inner = Some(Box::new(inner.clone()));
    let mut trie = MapDef::new("trie", MapKind::LPM_TRIE, 8, 8, 4);
    trie.flags = 1;
    let mut storage = MapDef::new("storage", MapKind::SK_STORAGE, 4, 4, 0);
    storage.flags = 1;
    vec![
        MapDef::new("array", MapKind::ARRAY, 4, 16, 4),
        MapDef::new("hash", MapKind::HASH, 4, 8, 4),
        MapDef::new("lru", MapKind::LRU_HASH, 1, 1, 2),
        MapDef::new("cpu", MapKind::PERCPU_ARRAY, 4, 8, 2),
        trie,
        MapDef::new("ring", MapKind::RINGBUF, 0, 0, 4096),
        MapDef::new("programs", MapKind::PROG_ARRAY, 4, 4, 2),
        inner,
        outer,
        MapDef::new("sockets", MapKind::SOCKMAP, 4, 8, 4),
        MapDef::new("hashed", MapKind::SOCKHASH, 4, 8, 4),
        MapDef::new("devices", MapKind::DEVMAP, 4, 4, 4),
        MapDef::new("xsks", MapKind::XSKMAP, 4, 4, 4),
        MapDef::new("queue", MapKind::QUEUE, 0, 4, 2),
        MapDef::new("filter", MapKind::BLOOM_FILTER, 0, 4, 2),
        MapDef::new("events", MapKind::PERF_EVENT_ARRAY, 4, 4, 2),
        storage,
        MapDef::new("cgroup", MapKind::CGROUP_STORAGE, 16, 4, 0),
    ]
}

fn made() -> Arc<Maps> {
    let maps = Maps::from_defs(&definitions()).expect("the maps can be made");
    let (inner, outer) = (maps.by_name("inner").expect("made"), maps.by_name("outer").expect("made"));
    maps.set_inner(outer, &[0; 4], inner).expect("same shape");
    for (name, value) in [("devices", 7), ("xsks", 0)] {
        maps.by_name(name).expect("made").update(&[0; 4], &[value, 0, 0, 0], 0).expect("there is room");
    }
    // The listener's cookie, since the table chooses from 1 on.
    maps.by_name("sockets").expect("made").update(&[0; 4], &1_u64.to_le_bytes(), 0).expect("there is room");
    maps.by_name("events").expect("made").open_events(4096);
    Arc::new(maps)
}

/// Maps that many programs share: what one leaves there, the next meets.
fn maps() -> Arc<Maps> {
    static MAPS: OnceLock<Arc<Maps>> = OnceLock::new();
    Arc::clone(MAPS.get_or_init(made))
}

fn run(hook: &str, slots: Vec<Slot>) {
    let attach = Attach::Hook(Hook::by_name(hook).expect("a hook"));
    let program = Program::new("random", hook, attach, slots);
    let Ok(mut checked) = Checked::new(&program, maps(), Release::LATEST) else { return };
    checked.strictness = Strictness { budget: 2000, uninitialised_stack: false };
    checked.install("programs", 0).expect("there is room");
    let sockets = SocketTable::from_toml("t.toml", SOCKETS).expect("well formed");
    let mut machine = Machine::new(sockets);
    let mut packet = Packet::new(&[0x45; 80]).expect("a frame");
    let report = checked.run(&mut machine, &mut packet);
    assert!(report.instructions <= 2000);
    assert_eq!(machine.sockets.read().unbalanced().count(), 0, "{report:?}");
}

/// Opcodes that mean something, and those that do not, now and then.
fn opcode() -> impl Strategy<Value = u8> {
    let known: Vec<u8> = (0..=u8::MAX)
        .filter(|opcode| {
            let slots = [Slot { opcode: *opcode, dst: 1, src: 0, off: 0, imm: 16 }, Slot::default()];
            belay_isa::decode(&slots, belay_isa::Pc(0)).is_ok()
        })
        .collect();
    prop_oneof![20 => prop::sample::select(known), 3 => Just(0x85), 3 => Just(0x18), 1 => any::<u8>()]
}

/// Slots that often decode: small registers, small offsets, immediates that are sizes, flags, maps or helpers.
fn slot() -> impl Strategy<Value = Slot> {
    let imm = prop_oneof![0..20_i32, Just(-1), any::<i32>(), -520..0_i32, 0..212_i32];
    let off = prop_oneof![4 => -3..4_i16, 2 => -64..1_i16, 2 => 0..200_i16, 1 => any::<i16>()];
    (opcode(), 0..11_u8, prop_oneof![6 => 0..11_u8, 1 => 0..16_u8], off, imm).prop_map(
        |(opcode, dst, src, off, imm)| {
            // An immediate form has no source register.
            let register = opcode & 7 <= 3 || opcode & 8 != 0;
            let src = if register || opcode == 0x18 || opcode == 0x85 { src } else { 0 };
            let off = if opcode & 7 == 4 || opcode & 7 == 7 || opcode == 0x85 { 0 } else { off };
            Slot { opcode, dst, src, off, imm }
        },
    )
}

/// Helpers of packets, text and routes, and what they take: the context, a number, a stack pointer, a size.
const CALLS: &[(i32, &str)] = &[
    (6, "psnnn"),
    (18, "cnn"),
    (19, "c"),
    (20, "cpsn"),
    (21, "cpsn"),
    (29, "cps"),
    (30, "cps"),
    (31, "cnn"),
    (32, "cn"),
    (34, "c"),
    (38, "cnn"),
    (43, "cnn"),
    (44, "cn"),
    (46, "c"),
    (50, "cnnn"),
    (54, "cn"),
    (65, "cn"),
    (69, "cpsn"),
    (97, "c"),
    (105, "psnp"),
    (106, "psnp"),
    (113, "psn"),
    (115, "psn"),
    (122, "c"),
    (135, "cn"),
    (163, "cnpnn"),
    (188, "c"),
    (189, "cnps"),
    (190, "cnps"),
    (192, "cnn"),
    (204, "pps"),
    (206, "pp"),
];

/// A call of one of them.
fn call_piece() -> impl Strategy<Value = Vec<Slot>> {
    let number = prop_oneof![0..70_i32, Just(-1), Just(0x81), Just(0x8100), -100..0_i32, any::<i32>()];
    (prop::sample::select(CALLS), prop::array::uniform5(number), 1..65_i32).prop_map(
        |((id, takes), numbers, size)| {
            let s = |opcode, dst, src, off, imm| Slot { opcode, dst, src, off, imm };
            let mut slots = Vec::new();
            for (register, (kind, number)) in (1..).zip(takes.chars().zip(numbers)) {
                match kind {
                    'c' => slots.push(s(0x79, register, 10, -24, 0)),
                    'p' => slots.extend([s(0xbf, register, 10, 0, 0), s(0x07, register, 0, 0, -96)]),
                    's' => slots.push(s(0xb7, register, 0, 0, size)),
                    _ => slots.push(s(0xb7, register, 0, 0, number)),
                }
            }
            slots.push(s(0x85, 0, 0, 0, id));
            slots
        },
    )
}

/// A dynptr over a record or a map value at `r10 - 48`, used and let go.
fn dynptr_piece() -> impl Strategy<Value = Vec<Slot>> {
    let number = || prop_oneof![0..20_i32, Just(-1), Just(4096)];
    (any::<bool>(), prop::array::uniform4(number()), 0..9_i32, 199..201_i32).prop_map(
        |(ring, n, len, end)| {
            let s = |opcode, dst, src, off, imm| Slot { opcode, dst, src, off, imm };
            let at = |register: u8, off: i32| [s(0xbf, register, 10, 0, 0), s(0x07, register, 0, 0, off)];
            let set = |register: u8, value: i32| s(0xb7, register, 0, 0, value);
            let call = |id: i32| s(0x85, 0, 0, 0, id);
            let make = match ring {
                true => vec![s(0x18, 1, 1, 0, 5), s(0, 0, 0, 0, 0), set(2, n[0])],
                false => vec![s(0xbf, 1, 0, 0, 0), set(2, 16)],
            };
            let read = [&at(1, -96)[..], &[set(2, len)], &at(3, -48), &[set(4, n[1]), set(5, 0), call(201)]]
                .concat();
            let write = [&at(1, -48)[..], &[set(2, n[2])], &at(3, -96), &[set(4, len), set(5, 0), call(202)]]
                .concat();
            let data = [
                &at(1, -48)[..],
                &[set(2, n[3]), set(3, 8), call(203), s(0x15, 0, 0, 1, 0), s(0x7a, 0, 0, 0, 7)],
            ];
            let last = if ring { [&at(1, -48)[..], &[set(2, 0), call(end)]].concat() } else { Vec::new() };
            let make = [&make[..], &[set(3, 0)], &at(4, -48), &[call(if ring { 198 } else { 197 })]].concat();
            let used = [&make[..], &read, &write, &data.concat(), &last].concat();
            if ring {
                return used;
            }
            let find = [
                s(0x62, 10, 0, -8, 1),
                s(0x18, 1, 1, 0, 0),
                s(0, 0, 0, 0, 0),
                s(0xbf, 2, 10, 0, 0),
                s(0x07, 2, 0, 0, -8),
            ];
            [&find[..], &[call(1), s(0x15, 0, 0, used.len() as i16, 0)], &used].concat()
        },
    )
}

/// Pieces of sense: a map lookup with a key, a socket lookup, a reserved record.
fn piece() -> impl Strategy<Value = Vec<Slot>> {
    let s = |opcode, dst, src, off, imm| Slot { opcode, dst, src, off, imm };
    let call = move |id| s(0x85, 0, 0, 0, id);
    let map = move |index| [s(0x18, 1, 1, 0, index), s(0, 0, 0, 0, 0)];
    let key = [s(0x7a, 10, 0, -8, 1), s(0xbf, 2, 10, 0, 0), s(0x07, 2, 0, 0, -8)];
    prop_oneof![
        8 => slot().prop_map(|slot| vec![slot]),
        4 => call_piece(),
        2 => dynptr_piece(),
        1 => (0..9, prop::sample::select(vec![1, 3])).prop_map(move |(index, id)| {
            [&key[..], &map(index), &[call(id)]].concat()
        }),
        1 => (0..5).prop_map(move |index| {
            [&key[..], &map(index), &[s(0xbf, 3, 2, 0, 0), s(0xb7, 4, 0, 0, 0), call(2)]].concat()
        }),
        1 => Just([&map(5)[..], &[s(0xb7, 2, 0, 0, 16), s(0xb7, 3, 0, 0, 0), call(131)]].concat()),
        1 => (84..87).prop_map(move |id| {
            let tuple = [s(0x7a, 10, 0, -16, 0), s(0x7a, 10, 0, -8, 0x1600_0000), s(0xbf, 2, 10, 0, 0), s(0x07, 2, 0, 0, -16)];
            [&tuple[..], &[s(0xb7, 3, 0, 0, 12), s(0xb7, 4, 0, 0, -1), s(0xb7, 5, 0, 0, 0), call(id)]].concat()
        }),
        // Any operation on any map; the value is the key, and the flags follow a queue's value.
        2 => (0..18, prop::sample::select(vec![1, 2, 3, 87, 88, 89])).prop_map(move |(index, id)| {
            let rest = if id == 87 { s(0xb7, 3, 0, 0, 2) } else { s(0xbf, 3, 2, 0, 0) };
            [&key[..], &map(index), &[rest, s(0xb7, 4, 0, 0, 0), call(id)]].concat()
        }),
        // A socket or a device out of its map, looked at and let go.
        1 => (9..13, any::<bool>()).prop_map(move |(index, release)| {
            let look = [call(1), s(0x15, 0, 0, 3, 0), s(0x61, 7, 0, 0, 0), s(0xbf, 1, 0, 0, 0)];
            let last = if release { call(86) } else { s(0xb7, 1, 0, 0, 0) };
            [&key[..], &map(index), &look, &[last]].concat()
        }),
        // An event with packet bytes, a cgroup's storage.
        1 => (0..100_i32).prop_map(move |len| {
            let event = [s(0x79, 1, 10, -24, 0), s(0x18, 2, 1, 0, 15), s(0, 0, 0, 0, 0), s(0x18, 3, 0, 0, 0), s(0, 0, 0, 0, len)];
            let data = [s(0xbf, 4, 10, 0, 0), s(0x07, 4, 0, 0, -8), s(0xb7, 5, 0, 0, 8), call(25)];
            [&[s(0x7a, 10, 0, -8, 1)][..], &event, &data].concat()
        }),
        1 => Just([&map(17)[..], &[s(0xb7, 2, 0, 0, 0), call(81), s(0x62, 0, 0, 0, 5)]].concat()),
        // A listener, its storage, and its release.
        1 => (0..3_i32).prop_map(move |flags| {
            let tuple = [s(0x7a, 10, 0, -16, 0), s(0x7a, 10, 0, -8, 0x1600_0000), s(0x79, 1, 10, -24, 0), s(0xbf, 2, 10, 0, 0), s(0x07, 2, 0, 0, -16)];
            let find = [s(0xb7, 3, 0, 0, 12), s(0xb7, 4, 0, 0, -1), s(0xb7, 5, 0, 0, 0), call(84), s(0x15, 0, 0, 11, 0), s(0xbf, 9, 0, 0, 0)];
            let get = [s(0xbf, 2, 9, 0, 0), s(0xb7, 3, 0, 0, 0), s(0xb7, 4, 0, 0, flags), call(107), s(0x15, 0, 0, 1, 0), s(0x62, 0, 0, 0, 5)];
            [&tuple[..], &find, &map(16), &get, &[s(0xbf, 1, 9, 0, 0), call(86)]].concat()
        }),
        1 => Just(vec![s(0x79, 1, 10, -24, 0)]),
        1 => Just(vec![s(0x7b, 10, 0, -32, 0), s(0x79, 7, 10, -32, 0)]),
        1 => Just(vec![s(0xbf, 1, 0, 0, 0), call(86)]),
        1 => Just(vec![s(0x61, 7, 1, 76, 0)]),
        1 => Just([&map(6)[..], &[s(0xbf, 2, 1, 0, 0), s(0x79, 1, 10, -24, 0), s(0xb7, 3, 0, 0, 0), call(12)]].concat()),
    ]
}

/// What the verifier accepts, the checked interpreter finds nothing wrong with, and the interpreter runs to its end.
/// Whether it was accepted.
fn accepted_is_clean(hook: &str, slots: Vec<Slot>) -> bool {
    let attach = Attach::Hook(Hook::by_name(hook).expect("a hook"));
    let program = Program::new("random", hook, attach, slots);
    let mut object =
        Object::parse("t.s", b".license GPL\n.hook xdp\n.prog none\nr0 = 0\nexit\n", &Options::default())
            .expect("an object");
    object.maps = definitions();
    object.programs = vec![program.clone()];
    let judgement = belay_verifier::verify(&object, &program, &belay_verifier::Options::default());
    let belay_verifier::Verdict::Accept(verified) = judgement.verdict else { return false };

    // A helper that Belay verifies and does not run yet.
    let Ok(mut checked) = Checked::new(&program, made(), Release::LATEST) else { return false };
    // Linux lets privileged programs read stack that nothing was written to.
    checked.strictness = Strictness { uninitialised_stack: false, ..Strictness::default() };
    let sockets = SocketTable::from_toml("t.toml", SOCKETS).expect("well formed");
    let packet = || Packet::new(&[0x45; 80]).expect("a frame");
    let report = checked.run(&mut Machine::new(sockets.clone()), &mut packet());
    let text: Vec<_> = belay_isa::disassemble(&program.slots)
        .map(|(pc, insn)| format!("{pc}: {}", insn.map_or_else(|e| e.to_string(), |i| i.to_string())))
        .collect();
    assert!(report.is_clean(), "accepted, but: {report:#?}\n{}", text.join("\n"));

    // The interpreter takes it, too. (Results may differ: a program may compare an address, and addresses differ.)
    let Ok(interpreter) = Interpreter::new(&verified, made()) else { return false };
    let ran = interpreter.run(&mut Machine::new(sockets.clone()), &mut packet());
    assert!(ran.instructions > 0);
    assert_eq!(sockets.read().unbalanced().count(), 0, "{}", text.join("\n"));
    let native = Compiled::new(&verified, made()).expect("what is interpreted is compiled, too");
    native.run(&mut Machine::new(sockets.clone()), &mut packet());
    assert_eq!(sockets.read().unbalanced().count(), 0, "compiled\n{}", text.join("\n"));
    true
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_safe(bytes in prop::collection::vec(any::<[u8; 8]>(), 1..40), xdp in any::<bool>()) {
        let slots = bytes.into_iter().map(Slot::from_le_bytes).collect();
        run(if xdp { "xdp" } else { "sched_cls" }, slots);
    }

    #[test]
    fn random_instructions_are_safe(
        pieces in prop::collection::vec(piece(), 1..40),
        hook in prop::sample::select(vec![
            "xdp", "sched_cls", "cgroup_skb/egress", "sk_skb/stream_verdict", "sk_lookup", "sock_ops", "flow_dissector",
            "cgroup_sockopt/getsockopt",
        ]),
    ) {
        // The context stays at hand.
        let mut slots = vec![Slot { opcode: 0x7b, dst: 10, src: 1, off: -24, imm: 0 }];
        slots.push(Slot { opcode: 0xbf, dst: 6, src: 1, off: 0, imm: 0 });
        slots.extend(pieces.into_iter().flatten());
        slots.push(Slot { opcode: 0x95, ..Slot::default() });
        run(hook, slots);
    }

    #[test]
    fn accepted_programs_are_clean(
        pieces in prop::collection::vec(piece(), 1..12),
        hook in prop::sample::select(vec!["xdp", "sched_cls", "cgroup_skb/egress"]),
    ) {
        static ACCEPTED: AtomicU32 = AtomicU32::new(0);
        static TRIED: AtomicU32 = AtomicU32::new(0);
        let mut slots = vec![
            Slot { opcode: 0x7b, dst: 10, src: 1, off: -24, imm: 0 },
            Slot { opcode: 0xbf, dst: 6, src: 1, off: 0, imm: 0 },
        ];
        // Every register can be read.
        slots.extend([0, 2, 3, 4, 5, 7, 8, 9].map(|dst| Slot { opcode: 0xb7, dst, src: 0, off: 0, imm: i32::from(dst) }));
        // Without jumps backwards: endless loops take the verifier to its limit and are refused.
        slots.extend(pieces.into_iter().flatten().filter(|slot| {
            let backwards = (matches!(slot.opcode & 7, 5 | 6) && slot.off < 0) || (matches!(slot.opcode & 0xf7, 0x06 | 0x85) && slot.imm < 0);
            !backwards
        }));
        slots.extend([Slot { opcode: 0xb7, dst: 0, src: 0, off: 0, imm: 1 }, Slot { opcode: 0x95, ..Slot::default() }]);
        let accepted = ACCEPTED.fetch_add(accepted_is_clean(hook, slots).into(), Relaxed);
        let tried = TRIED.fetch_add(1, Relaxed) + 1;
        if tried.is_multiple_of(4000) {
            eprintln!("{accepted} of {tried} accepted");
            prop_assert!(accepted > tried / 100, "the generator has lost its sense: {accepted} of {tried}");
        }
    }
}
