//! `bpf_snprintf_btf`: values of the kernel's own types, printed here and there. `BELAY_TYPES=1` asks for every type, not only
//! each 41st.

use std::os::fd::AsFd;
use std::sync::Arc;

use belay_linux::{Exist, Kernel, LoadedObject, LogLevel, TestRun, test_run, verify_object};
use belay_object::btf::{Btf, Kind, TypeId};
use belay_object::{Object, Options};
use belay_spec::Release;
use belay_verifier::{Verdict, verify};
use belay_vm::{ANY, Checked, Compiled, Interpreter, Machine, Maps, Packet};

/// Bytes of the value, and room for the text.
const VALUE: usize = 512;
const ROOM: usize = 1 << 15;
/// `BTF_F_PTR_RAW`: pointers are not hidden.
const RAW: u64 = 4;

/// Prints what is in `value` by the type in `ask` into `text`; `ask` is a type, the room, flags, and what comes back.
const PROGRAM: &str = r"
.license GPL
.map value kind=array key=4 value=512 entries=1
.map text kind=array key=4 value=32768 entries=1
.map ask kind=array key=4 value=32 entries=1
.section xdp
.prog test
    *(u32 *)(r10 - 4) = 0
    r1 = value ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto end
    r7 = r0
    r1 = text ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto end
    r8 = r0
    r1 = ask ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto end
    r9 = r0
    r2 = *(u32 *)(r9 + 4)
    if r2 > 32768 goto end
    if r2 == 0 goto end
    r1 = *(u64 *)(r9 + 24)
    if r1 == 0 goto here
    *(u64 *)(r10 - 24) = r1
    goto there
here:
    *(u64 *)(r10 - 24) = r7
there:
    r1 = *(u32 *)(r9 + 0)
    *(u64 *)(r10 - 16) = r1
    r1 = r8
    r3 = r10
    r3 += -24
    r4 = 16
    r5 = *(u64 *)(r9 + 8)
    call bpf_snprintf_btf
    *(u64 *)(r9 + 16) = r0
end:
    r0 = 2
    exit
";

/// What is asked.
#[derive(Clone, Debug)]
struct Question {
    id: u32,
    room: u32,
    flags: u64,
    /// Another address than the value's.
    address: u64,
    value: Vec<u8>,
}

impl Question {
    fn asked(&self) -> Vec<u8> {
        let mut bytes = [self.id.to_le_bytes(), self.room.to_le_bytes()].concat();
        for word in [self.flags, 77, self.address] {
            bytes.extend(word.to_le_bytes());
        }
        bytes
    }
}

/// The result and the text, up to its end.
type Answer = (i64, Vec<u8>);

fn answer(ask: &[u8], text: &[u8]) -> Answer {
    let result = i64::from_le_bytes(ask[16..24].try_into().expect("8 bytes"));
    let end = text.iter().position(|byte| *byte == 0);
    // Nothing was written if the text has no end.
    (result, text[..end.unwrap_or(0)].to_vec())
}

const KEY: [u8; 4] = [0; 4];

fn in_kernel(loaded: &LoadedObject, question: &Question) -> Answer {
    let map = |name| loaded.maps.by_name(name).expect("it is there");
    for (name, bytes) in
        [("value", question.value.clone()), ("text", vec![b'-'; ROOM]), ("ask", question.asked())]
    {
        map(name).update(&KEY, &bytes, Exist::Any).expect("it takes them");
    }
    let program = loaded.program("test").and_then(|program| program.verdict.accepted()).expect("accepted");
    test_run(program.as_fd(), &TestRun { data_in: &[0; 60], ..TestRun::default() }).expect("it runs");
    let read = |name| map(name).lookup(&KEY).expect("readable").expect("there");
    answer(&read("ask"), &read("text"))
}

fn here(maps: &Maps, question: &Question, run: impl FnOnce(&mut Packet)) -> Answer {
    let map = |name| maps.by_name(name).expect("it is there");
    for (name, bytes) in
        [("value", question.value.clone()), ("text", vec![b'-'; ROOM]), ("ask", question.asked())]
    {
        map(name).update(&KEY, &bytes, ANY).expect("it takes them");
    }
    run(&mut Packet::new(&[0; 60]).expect("a frame"));
    let read = |name| map(name).lookup(&KEY).expect("readable").expect("there");
    answer(&read("ask"), &read("text"))
}

/// Types that are worth being seen by name, and many others.
const NAMED: [&str; 20] = [
    "sk_buff",
    "iphdr",
    "tcphdr",
    "ethhdr",
    "in6_addr",
    "sockaddr_in6",
    "list_head",
    "flowi4",
    "timespec64",
    "atomic_t",
    "sockaddr_storage",
    "tcp_ca_state",
    "bpf_map_type",
    "bpf_insn",
    "nlattr",
    "kuid_t",
    "u8",
    "bpf_func_proto",
    "bpf_attr",
    "__int128",
];

fn types(btf: &Btf) -> Vec<TypeId> {
    let named = NAMED.iter().flat_map(|name| btf.by_essential_name(name).collect::<Vec<_>>());
    let small = |id: &TypeId| btf.size_of(*id).is_some_and(|size| size as usize <= VALUE);
    let shown = |id: &TypeId| !matches!(btf.get(*id).kind, Kind::Var { .. } | Kind::Section { .. });
    let mut all: Vec<TypeId> = named.collect();
    let each = std::env::var("BELAY_TYPES").ok().and_then(|each| each.parse().ok()).unwrap_or(41);
    all.extend(btf.ids().step_by(each));
    all.into_iter().filter(|id| small(id) && shown(id)).collect()
}

#[test]
fn values_are_printed_by_their_types_as_in_the_kernel() {
    if Kernel::for_test("values_are_printed_by_their_types_as_in_the_kernel").is_none() {
        return;
    }
    let btf = Btf::running_kernel().expect("the kernel has types");
    let object =
        Object::parse("t.s", PROGRAM.as_bytes(), &Options::default()).unwrap_or_else(|e| panic!("{e}"));
    let loaded = verify_object(&object, LogLevel::Stats).expect("maps");
    let verdict = &loaded.program("test").expect("it is there").verdict;
    assert!(verdict.accepted().is_some(), "{verdict:#?}");
    let judgement = verify(&object, &object.programs[0], &belay_verifier::Options::default());
    let Verdict::Accept(proof) = judgement.verdict else { panic!("{:#?}", judgement.verdict) };
    let maps = Arc::new(Maps::from_defs(&object.maps).expect("the maps can be made"));
    let checked = Checked::new(&object.programs[0], Arc::clone(&maps), Release::LATEST).expect("it runs");
    let interpreter = Interpreter::new(&proof, Arc::clone(&maps)).expect("it runs");
    let compiled = Compiled::new(&proof, Arc::clone(&maps)).expect("it runs");
    let mut machine = Machine::default();
    machine.types = Some(Arc::clone(&btf));

    let mut state = 7_u64;
    let mut roll = |below: u64| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 33) % below
    };
    let (mut asked, mut long) = (0, 0);
    let ids = types(&btf);
    let odd = [0, u32::MAX, btf.len(), 1 << 30].map(TypeId);
    for id in ids.iter().chain(&odd) {
        for round in 0..6 {
            let density = [0, 2, 2, 9, 40, 255][round];
            // Bytes of texts, small numbers and large ones.
            let mut byte = |_| match roll(256) {
                dice if dice >= density => 0,
                dice if dice % 2 == 0 => 0x20 + (dice % 96) as u8,
                dice => dice as u8,
            };
            let value = (0..VALUE).map(&mut byte).collect();
            let flags = RAW | roll(16) | if roll(40) == 0 { 16 } else { 0 };
            let room = if roll(8) == 0 { 1 + roll(100) as u32 } else { ROOM as u32 };
            let address = if roll(50) == 0 { 8 } else { 0 };
            let question = Question { id: id.0, room, flags, address, value };
            let theirs = in_kernel(&loaded, &question);
            let ours = [
                here(&maps, &question, |packet| {
                    let report = checked.run(&mut machine, packet);
                    assert!(report.is_clean(), "{report:#?}");
                }),
                here(&maps, &question, |packet| drop(interpreter.run(&mut machine, packet))),
                here(&maps, &question, |packet| {
                    compiled.run(&mut machine, packet);
                }),
            ];
            for ours in ours {
                assert_eq!(
                    (ours.0, String::from_utf8_lossy(&ours.1)),
                    (theirs.0, String::from_utf8_lossy(&theirs.1)),
                    "type {}, {:?}, room {room}, flags {flags}",
                    id.0,
                    btf.get(*id)
                );
            }
            asked += 1;
            long += usize::from(theirs.0 > 200);
        }
    }
    eprintln!("{asked} values of {} types, {long} with long texts", ids.len());
    assert!(long > 300);
}
