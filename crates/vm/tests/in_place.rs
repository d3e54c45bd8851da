//! What native code does without a call: array look-ups, those with a constant key at no cost at all, and releases of sockets
//! that are not counted; and that it gives back those that are.

use std::sync::Arc;

use belay_object::{Object, Options};
use belay_sockets::SocketTable;
use belay_verifier::{Verdict, Verified, verify};
use belay_vm::{Compiled, Machine, Maps, Packet};

fn verified(body: &str) -> (Object, Verified) {
    let text = format!(
        ".license GPL\n.map numbers kind=array key=4 value=8 entries=4\n.section classifier\n.prog test\n{body}"
    );
    let object = Object::parse("test.s", text.as_bytes(), &Options::default()).expect("it is assembled");
    match verify(&object, &object.programs[0], &belay_verifier::Options::default()).verdict {
        Verdict::Accept(verified) => (object, *verified),
        verdict => panic!("{verdict:?}"),
    }
}

/// The machine code of the instruction at `pc`, and of all.
fn machine_code(body: &str, pc: u32) -> [Vec<String>; 2] {
    let (object, verified) = verified(body);
    let maps = Maps::from_defs(&object.maps).expect("maps");
    let lines = Compiled::listing(&verified, &maps).expect("it is compiled").lines;
    let text = |line: &belay_vm::Line| line.text.clone();
    let of = lines.iter().filter(|line| line.pc.is_some_and(|at| at.0 == pc)).map(text).collect();
    [of, lines.iter().map(text).collect()]
}

/// Looks a key up, which `key` puts on the stack, and adds one.
fn count(key: &str) -> String {
    format!(
        "    r6 = *(u32 *)(r1 + 8)\n    {key}\n    r1 = numbers ll\n    r2 = r10\n    r2 += -4\n    call 1\n    if r0 == 0 goto out\n    r1 = *(u64 *)(r0 + 0)\n    r1 += 1\n    *(u64 *)(r0 + 0) = r1\nout:\n    r0 = 0\n    exit\n"
    )
}

#[test]
fn the_element_of_a_constant_key_is_a_constant() {
    for (key, compares) in [("*(u32 *)(r10 - 4) = 2", false), ("*(u32 *)(r10 - 4) = r6", true)] {
        let [_, all] = machine_code(&count(key), 0);
        assert!(!all.iter().any(|text| text.starts_with("call")), "{all:#?}");
        // Whether there is such an element is known when the code is made.
        assert_eq!(
            all.iter().any(|text| text.starts_with("cmp") || text.starts_with("test")),
            compares,
            "{all:#?}"
        );
    }
}

#[test]
fn elements_of_constant_and_other_keys_are_counted() {
    for (key, counted) in [
        ("*(u32 *)(r10 - 4) = 2", Some(2)),
        ("*(u32 *)(r10 - 4) = 4", None),
        ("*(u32 *)(r10 - 4) = r6", Some(3)),
        // What is stored last counts, however narrow.
        ("*(u32 *)(r10 - 4) = 2\n    *(u8 *)(r10 - 4) = 1", Some(1)),
        ("*(u32 *)(r10 - 4) = 2\n    *(u16 *)(r10 - 2) = 1", None),
        ("r3 = r10\n    *(u32 *)(r10 - 4) = 2\n    r3 += -8\n    *(u32 *)(r3 + 4) = 0", Some(0)),
    ] {
        let (object, verified) = verified(&count(key));
        let maps = Arc::new(Maps::from_defs(&object.maps).expect("maps"));
        let native = Compiled::new(&verified, Arc::clone(&maps)).expect("it is compiled");
        let (mut machine, mut packet) =
            (Machine::new(SocketTable::empty()), Packet::new(&[0; 14]).expect("a frame"));
        // What `r6` is.
        packet.metadata.mark = 3;
        native.run(&mut machine, &mut packet);
        let numbers = maps.by_name("numbers").expect("a map");
        let found: Vec<u32> = (0..4_u32)
            .filter(|index| numbers.lookup(&index.to_le_bytes()).unwrap() != Some(vec![0; 8]))
            .collect();
        assert_eq!(found, Vec::from_iter(counted), "{key}");
    }
}

const SOCKETS: &str = r#"
[[netns]]
name = "host"
[[tcp]]
state = "established"
local = "10.0.0.1:80"
remote = "10.0.0.2:1024"
[[tcp]]
state = "listen"
local = "10.0.0.1:81"
"#;

/// Finds a socket of 10.0.0.1 for 10.0.0.2:1024, and releases the view of it that `view` leaves in `r1`.
fn find(port: u16, view: &str) -> String {
    format!(
        "    *(u32 *)(r10 - 12) = {from}\n    *(u32 *)(r10 - 8) = {to}\n    *(u16 *)(r10 - 4) = {sport}\n    *(u16 *)(r10 - 2) = {dport}\n    r2 = r10\n    r2 += -12\n    r3 = 12\n    r4 = -1\n    r5 = 0\n    call 84\n    if r0 == 0 goto out\n    r6 = r0\n{view}    call 86\n    r0 = 7\nout:\n    exit\n",
        from = u32::from_ne_bytes([10, 0, 0, 2]),
        to = u32::from_ne_bytes([10, 0, 0, 1]),
        sport = 1024_u16.to_be(),
        dport = port.to_be(),
    )
}

#[test]
fn counted_sockets_are_given_back_through_either_view() {
    let sock = "    r1 = r0\n";
    let tcp = "    r1 = r6\n    call 96\n    r1 = r6\n    if r0 == 0 goto +1\n    r1 = r0\n";
    let sockets = SocketTable::from_toml("sockets", SOCKETS).expect("a table");
    for (port, view) in [(80, sock), (80, tcp), (81, sock), (81, tcp)] {
        let (object, verified) = verified(&find(port, view));
        let maps = Arc::new(Maps::from_defs(&object.maps).expect("maps"));
        let native = Compiled::new(&verified, maps).expect("it is compiled");
        let (mut machine, mut packet) =
            (Machine::new(sockets.clone()), Packet::new(&[0; 14]).expect("a frame"));
        for _ in 0..3 {
            assert_eq!(native.run(&mut machine, &mut packet).r0, 7, "port {port}");
            assert!(sockets.read().sockets().all(|socket| socket.references() == 0), "port {port}");
        }
    }
}

#[test]
fn a_release_looks_at_the_socket_before_it_calls() {
    let [release, _] = machine_code(&find(80, "    r1 = r0\n"), 13);
    let text = release.join("\n");
    assert!(text.contains("test"), "{text}");
}
