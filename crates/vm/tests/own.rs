//! Own helpers: what their functions get and answer, alike on every runner, and what the checked interpreter says of
//! calls that no verifier has seen.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use belay_object::{Object, Options};
use belay_sockets::{Endpoint, LookupKind, Protocol, Query, SocketTable, Tuple};
use belay_spec::{Arg, ArgKind, Helper, Release, Resource, Ret, SizeRule, SockKind};
use belay_verifier::{Verdict, Verified, verify};
use belay_vm::{
    Answer, Checked, CompileError, Compiled, FaultKind, Interpreter, Machine, Maps, OwnHelpers, Packet,
    PrepareError, Report,
};

const SOCKETS: &str = r#"
[[netns]]
name = "host"
[[tcp]]
state = "established"
local = "10.0.0.1:80"
remote = "10.0.0.2:1024"
cookie = 77
"#;

const NUMBER: Arg = Arg::of(ArgKind::Scalar);
const SIZE: Arg = Arg::of(ArgKind::Size(SizeRule::ZeroAllowed));

static MIX: Helper = Helper::own(
    65_536,
    "mix",
    &[NUMBER, Arg::of(ArgKind::MemIn).or_null(), SIZE, NUMBER, NUMBER],
    Ret::Scalar,
);
static FILL: Helper = Helper::own(65_537, "fill", &[Arg::of(ArgKind::MemOut), SIZE, NUMBER], Ret::Void);
static LEVEL: Helper = Helper::own(65_538, "level", &[NUMBER], Ret::Within(-1, 3));
static STORED: Helper = Helper::own(
    65_539,
    "stored",
    &[Arg::of(ArgKind::Map), Arg::of(ArgKind::MapKey), Arg::of(ArgKind::Context)],
    Ret::Scalar,
);
static FIND: Helper =
    Helper::own(65_540, "find", &[NUMBER], Ret::Socket { kind: SockKind::Sock, nullable: true })
        .acquires(Resource::Socket);
static PUT_BACK: Helper =
    Helper::own(65_541, "put_back", &[Arg::of(ArgKind::Socket).released(), NUMBER], Ret::Scalar);

/// What `put_back` was called with: sockets by their cookies.
type Seen = Arc<Mutex<Vec<(u64, u64)>>>;

fn helpers(seen: &Seen) -> OwnHelpers {
    let (mut own, seen) = (OwnHelpers::default(), Arc::clone(seen));
    own.add(&MIX, |call| {
        let bytes = call.bytes(1).map_or(1_000, |bytes| bytes.to_vec().iter().map(|b| u64::from(*b)).sum());
        // Numbers alone are numbers.
        assert_eq!((call.number(1), call.map(1).is_none(), call.socket(1)), (0, true, None));
        call.number(0) + 10 * bytes + 100_000 * call.number(2) + call.number(3) * call.number(4)
    })
    .expect("a signature");
    own.add(&FILL, |call| {
        let fill = call.number(2) as u8;
        let Some(bytes) = call.bytes(0) else { return };
        bytes.write(0, &vec![fill; bytes.len()]).expect("it is there to be written");
        assert_eq!(bytes.write(1, &vec![fill; bytes.len()]), None, "beyond the end");
    })
    .expect("a signature");
    own.add(&LEVEL, |call| call.number(0)).expect("a signature");
    own.add(&STORED, |call| {
        let key = call.bytes(1).map(|bytes| bytes.to_vec()).unwrap_or_default();
        assert_eq!(call.bytes(1).and_then(|bytes| bytes.write(0, &[1])), None, "a key is read only");
        let value = call.map(0).and_then(|map| map.lookup(&key).ok().flatten()).unwrap_or_default();
        let value = <[u8; 8]>::try_from(value).map_or(0, u64::from_le_bytes);
        value + call.packet().map_or(0, |packet| packet.data().len() as u64)
    })
    .expect("a signature");
    own.add(&FIND, |call| {
        let port = u16::try_from(call.number(0)).ok()?;
        let remote = Endpoint::new(Ipv4Addr::new(10, 0, 0, 2), 1024);
        let local = Endpoint::new(Ipv4Addr::new(10, 0, 0, 1), port);
        let netns = call.machine().sockets.read().default_netns()?;
        let tuple = Tuple::new(remote, local)?;
        Some(Query { netns, protocol: Protocol::Tcp, tuple, ifindex: 0, kind: LookupKind::Common })
    })
    .expect("a signature");
    own.add(&PUT_BACK, move |call| {
        let sockets = call.machine().sockets.read();
        let cookie =
            call.socket(0).and_then(|id| sockets.socket(id)).map_or(0, |socket| socket.info().cookie);
        seen.lock().expect("no panic").push((cookie, call.number(1)));
        Answer::Number(cookie)
    })
    .expect("a signature");
    own
}

fn object(body: &str) -> Object {
    let text = format!(
        ".license GPL\n.map counts kind=array key=4 value=8 entries=2\n.section tc\n.prog test\nr6 = r1\n{body}\nexit\n"
    );
    Object::parse("t.s", text.as_bytes(), &Options::default()).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn proof(object: &Object, own: &OwnHelpers) -> Verified {
    let options =
        belay_verifier::Options { helpers: own.signatures().clone(), ..belay_verifier::Options::default() };
    match verify(object, &object.programs[0], &options).verdict {
        Verdict::Accept(proof) => *proof,
        verdict => panic!("{verdict:#?}"),
    }
}

fn machine() -> Machine {
    Machine::new(SocketTable::from_toml("t.toml", SOCKETS).expect("well formed"))
}

fn maps(object: &Object) -> Arc<Maps> {
    let maps = Arc::new(Maps::from_defs(&object.maps).expect("they can be made"));
    let counts = maps.by_name("counts").expect("it is there");
    counts.update(&1u32.to_le_bytes(), &4711u64.to_le_bytes(), belay_vm::ANY).expect("there is room");
    maps
}

/// What every runner gives; sockets are balanced afterwards.
fn run(body: &str) -> (u32, Vec<(u64, u64)>) {
    let object = object(body);
    let mut all = Vec::new();
    for runner in 0..3 {
        let (seen, mut machine) = (Seen::default(), machine());
        let mut packet = Packet::new(&[0; 60]).expect("a frame");
        let own = helpers(&seen);
        let (proof, maps) = (proof(&object, &own), maps(&object));
        let r0 = match runner {
            0 => Interpreter::with(&proof, maps, &own).expect("it runs").run(&mut machine, &mut packet).r0,
            1 => Compiled::with(&proof, maps, &own).expect("it compiles").run(&mut machine, &mut packet).r0,
            _ => {
                let report = checked(&object, &own, &mut machine);
                assert!(report.is_clean(), "{report:#?}");
                report.result.expect("it is clean")
            }
        };
        assert_eq!(machine.sockets.read().unbalanced().count(), 0, "runner {runner}");
        let seen = seen.lock().expect("no panic").clone();
        all.push((r0, seen));
    }
    assert!(all.iter().all(|one| *one == all[0]), "{all:?}\n{body}");
    all.remove(0)
}

fn checked(object: &Object, own: &OwnHelpers, machine: &mut Machine) -> Report {
    let program = Checked::with(&object.programs[0], maps(object), Release::LATEST, own).expect("it runs");
    program.run(machine, &mut Packet::new(&[0; 60]).expect("a frame"))
}

#[test]
fn numbers_and_memory_arrive() {
    let call = "r4 = 7\nr5 = 9\ncall 65536";
    let memory = format!("r1 = 0x0403\n*(u16 *)(r10 - 2) = r1\nr1 = 5\nr2 = r10\nr2 += -2\nr3 = 2\n{call}");
    assert_eq!(run(&memory).0, 5 + 10 * 7 + 200_000 + 63);
    let null = format!("r1 = 5\nr2 = 0\nr3 = 0\n{call}");
    assert_eq!(run(&null).0, 5 + 10 * 1_000 + 63);
}

#[test]
fn memory_is_filled_and_then_readable() {
    let body = "r1 = r10\nr1 += -8\nr2 = 8\nr3 = 3\ncall 65537\nr0 = *(u64 *)(r10 - 8)\nr0 >>= 32";
    assert_eq!(run(body).0, 0x0303_0303);
}

#[test]
fn an_answer_is_brought_within_its_bounds() {
    // The verifier relies on them: the index needs no test.
    let level = |number: i64| {
        let body = format!(
            "r1 = {number}\ncall 65538\nr0 += 1\nr1 = r10\nr1 += -8\nr2 = 0\n*(u64 *)(r10 - 8) = r2\nr1 += r0\nr2 = 1\n*(u8 *)(r1 + 0) = r2"
        );
        run(&body).0
    };
    assert_eq!([2, 3, 4, 4_000].map(level), [3, 4, 4, 4]);
    assert_eq!([-1, -2].map(level), [0, 0]);
}

#[test]
fn maps_and_the_packet_are_at_hand() {
    let body = "*(u32 *)(r10 - 4) = 1\nr1 = counts ll\nr2 = r10\nr2 += -4\nr3 = r6\ncall 65539";
    assert_eq!(run(body).0, 4711 + 60);
}

#[test]
fn sockets_are_acquired_and_released() {
    let body = |port: u16| {
        format!(
            "r1 = {port}\ncall 65540\nif r0 == 0 goto out\nr1 = r0\nr2 = *(u32 *)(r0 + 44)\nr2 >>= 16\ncall 65541\nout:"
        )
    };
    let (cookie, seen) = run(&body(80));
    assert_eq!((cookie, seen.len(), seen[0].0), (77, 1, 77));
    assert_eq!(run(&body(81)), (0, Vec::new()));
    let released_by_linux =
        "r1 = 80\ncall 65540\nif r0 == 0 goto out\nr1 = r0\ncall bpf_sk_release\nout:\nr0 = 0";
    assert_eq!(run(released_by_linux).0, 0);
}

#[test]
fn the_verifier_holds_programs_to_the_signatures() {
    let own = helpers(&Seen::default());
    let options =
        belay_verifier::Options { helpers: own.signatures().clone(), ..belay_verifier::Options::default() };
    let refused = |body: &str| {
        let object = object(body);
        match verify(&object, &object.programs[0], &options).verdict {
            Verdict::Reject(rejection) => (rejection.code.0, rejection.fault.to_string()),
            verdict => panic!("{verdict:#?}\n{body}"),
        }
    };
    // A number as memory, memory as a number, too much memory, a socket that is not given back, one that is given twice.
    assert!(
        refused("r1 = 0\nr2 = 1\nr3 = 1\nr4 = 0\nr5 = 0\ncall 65536")
            .1
            .contains("R2 type=scalar expected=fp")
    );
    assert!(refused("r1 = r10\ncall 65538").1.contains("R1 type=fp expected=scalar"));
    assert!(
        refused("r1 = r10\nr1 += -8\nr2 = 9\nr3 = 0\ncall 65537\nr0 = 0")
            .1
            .contains("invalid write to stack")
    );
    assert!(refused("r1 = 80\ncall 65538\nr0 = *(u8 *)(r0 + 0)").1.contains("'scalar'"));
    assert_eq!(refused("r1 = 80\ncall 65540\nr0 = 0").0, "S0101");
    let twice = "r1 = 80\ncall 65540\nif r0 == 0 goto out\nr7 = r0\nr1 = r0\nr2 = 0\ncall 65541\nr1 = r7\nr2 = 0\ncall 65541\nout:\nr0 = 0";
    assert_eq!(refused(twice).0, "S0103");
    assert_eq!(refused("call 70000").1, "invalid func unknown#70000");
}

#[test]
fn a_proof_runs_only_where_its_helpers_are() {
    static OTHER: Helper = Helper::own(65_538, "level", &[NUMBER], Ret::Within(-1, 4));
    let own = helpers(&Seen::default());
    let object = object("r1 = 1\ncall 65538");
    let proof = proof(&object, &own);
    let missing = Interpreter::new(&proof, maps(&object)).expect_err("there are no functions");
    assert!(matches!(missing, PrepareError::OtherHelper { name: "mix", .. }), "{missing}");
    let mut others = OwnHelpers::default();
    for signature in own.signatures().iter().filter(|signature| signature.id != OTHER.id) {
        others.add(signature, |_| 0).expect("a signature");
    }
    others.add(&OTHER, |call| call.number(0)).expect("a signature");
    let other = Compiled::with(&proof, maps(&object), &others).expect_err("another signature");
    let CompileError::Prepare(PrepareError::OtherHelper { name, .. }) = &other else { panic!("{other}") };
    assert_eq!(*name, "level");
}

#[test]
fn the_checked_interpreter_watches_own_helpers() {
    let own = helpers(&Seen::default());
    let report = |body: &str| checked(&object(body), &own, &mut machine());
    let wrong =
        report("r1 = 0\nr2 = 1\nr3 = 1\nr4 = 0\nr5 = 0\ncall 65536").result.expect_err("a number as memory");
    assert!(matches!(wrong.kind, FaultKind::NotAPointer { .. }), "{wrong}");
    let leak = report("r1 = 80\ncall 65540\nr0 = 0");
    assert_eq!((leak.leaks.len(), leak.leaks[0].by), (1, FIND.name));
    let given = report("r1 = r10\ncall 65538").result.expect_err("a pointer as a number");
    assert_eq!(given.kind.to_string(), "`level` wants a number in `r1`");
    let unknown = report("call 70000").result.expect_err("there is no such helper");
    assert!(matches!(unknown.kind, FaultKind::HelperNotAllowed(70_000)), "{unknown}");
}
