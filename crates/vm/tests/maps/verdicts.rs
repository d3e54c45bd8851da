//! What programs decide with maps of sockets, in hooks that the kernel cannot be asked about by a test run.

use std::sync::Arc;

use belay_object::{Object, Options};
use belay_sockets::{SocketId, SocketTable};
use belay_spec::Release;
use belay_verifier::{Verdict, verify};
use belay_vm::{
    Checked, Input, Interpreter, Machine, Maps, Packet, Redirect, Reuseport, SkMsg, Sock, SockOps,
};

/// In the table TCP comes first: 0 to 2, then UDP: 3 to 5.
const TABLE: &str = r#"
[[udp]]
local = "10.0.0.1:53"
reuseport = true
[[udp]]
local = "10.0.0.1:53"
reuseport = true
[[udp]]
local = "10.0.0.1:54"
reuseport = true
[[tcp]]
state = "listen"
local = "10.0.0.1:80"
reuseport = true
[[tcp]]
state = "established"
local = "10.0.0.1:81"
remote = "10.0.0.2:4000"
[[tcp]]
state = "close_wait"
local = "10.0.0.1:82"
remote = "10.0.0.2:4000"
"#;

/// Runs a program that calls `helper(ctx, m, &r8, flags)` (or with `r8` itself), with the number in `r8`, in both interpreters.
struct Call {
    object: Object,
    table: SocketTable,
}

impl Call {
    fn new(hook: &str, map: &str, helper: &str, key: u32, by_value: bool, flags: i32) -> Call {
        let argument = if by_value { format!("r3 = {key}") } else { "r3 = r10\nr3 += -4".to_owned() };
        let text = format!(
            ".license GPL\n.map m {map}\n.map result kind=array key=4 value=8 entries=1\n.hook {hook}\n.prog test\n\
             *(u32 *)(r10 - 4) = {key}\nr2 = m ll\n{argument}\nr4 = {flags}\ncall {helper}\nr6 = r0\n\
             *(u64 *)(r10 - 16) = r6\n*(u32 *)(r10 - 4) = 0\nr1 = result ll\nr2 = r10\nr2 += -4\nr3 = r10\nr3 += -16\nr4 = 0\n\
             call bpf_map_update_elem\nr0 = 1\nexit\n"
        );
        let object = Object::parse("t.s", text.as_bytes(), &Options::default())
            .unwrap_or_else(|e| panic!("{e}\n{text}"));
        Call { object, table: SocketTable::from_toml("t.toml", TABLE).expect("well formed") }
    }

    fn socket(&self, index: usize) -> SocketId {
        self.table.read().sockets().nth(index).expect("a socket").id()
    }

    /// Puts sockets into `m`, by their places in the table; what the helper returned, what was redirected, and the maps.
    fn run(&self, held: &[(u32, usize)], inputs: [Input<'_>; 2]) -> (i64, Option<Redirect>, Arc<Maps>) {
        let mut checked = false;
        let mut all = inputs.map(|input| {
            let maps = Arc::new(Maps::from_defs(&self.object.maps).expect("made"));
            for (key, socket) in held {
                let reader = self.table.read();
                let map = maps.by_name("m").expect("there");
                map.set_socket(&key.to_le_bytes(), reader.sockets().nth(*socket).expect("a socket"), 0)
                    .expect("it may be there");
            }
            let mut machine = Machine::new(self.table.clone());
            let program = &self.object.programs[0];
            checked = !checked;
            let redirect = if checked {
                let program = Checked::new(program, Arc::clone(&maps), Release::LATEST).expect("runs");
                let report = program.run(&mut machine, input);
                assert!(report.is_clean(), "{report:#?}");
                report.trace.redirect
            } else {
                let judgement = verify(&self.object, program, &belay_verifier::Options::default());
                let Verdict::Accept(verified) = judgement.verdict else { panic!("it is accepted") };
                let program = Interpreter::new(&verified, Arc::clone(&maps)).expect("runs");
                program.run(&mut machine, input).trace.redirect
            };
            let result =
                maps.by_name("result").expect("there").lookup(&[0; 4]).expect("readable").expect("there");
            (i64::from_le_bytes(result.try_into().expect("8 bytes")), redirect, maps)
        });
        assert_eq!((all[0].0, &all[0].1), (all[1].0, &all[1].1), "both interpreters");
        std::mem::take(&mut all[0])
    }
}

#[test]
fn messages_and_streams_go_to_sockets_that_take_them() {
    let (drop, pass) = (0, 1);
    // Unconnected UDP, a listener, a connection; none at key 3.
    let held = [(0, 3), (1, 0), (2, 1)];
    for (key, flags, expected) in
        [(0, 0, drop), (1, 0, drop), (2, 0, pass), (2, 1, pass), (2, 2, drop), (3, 0, drop)]
    {
        for (hook, helper, map, by_value) in [
            ("sk_msg", "bpf_msg_redirect_map", "kind=sockmap", true),
            ("sk_msg", "bpf_msg_redirect_hash", "kind=sockhash", false),
            ("sk_skb/stream_verdict", "bpf_sk_redirect_map", "kind=sockmap", true),
            ("sk_skb/stream_verdict", "bpf_sk_redirect_hash", "kind=sockhash", false),
        ] {
            let call =
                Call::new(hook, &format!("{map} key=4 value=8 entries=4"), helper, key, by_value, flags);
            let mut messages = [(); 2].map(|()| SkMsg::new(Sock::tcp4(), b"hello"));
            let mut packets = [(); 2].map(|()| Packet::new(&[0; 64]).expect("a frame"));
            let inputs = match hook {
                "sk_msg" => messages.each_mut().map(Input::from),
                _ => packets.each_mut().map(Input::from),
            };
            let (result, redirect, _) = call.run(&held, inputs);
            assert_eq!(result, expected, "{helper}, key {key}, flags {flags}");
            let to =
                (expected == pass).then(|| Redirect::Socket { socket: call.socket(1), flags: flags as u64 });
            assert_eq!(redirect, to, "{helper}, key {key}, flags {flags}");
        }
    }
}

#[test]
fn connections_enter_maps_by_their_events() {
    for (map, helper) in [("kind=sockmap", "bpf_sock_map_update"), ("kind=sockhash", "bpf_sock_hash_update")]
    {
        for (op, flags, expected) in [(4, 0, 0), (5, 1, 0), (11, 0, 0), (4, 2, -2), (4, 3, -22), (10, 0, -95)]
        {
            let call =
                Call::new("sock_ops", &format!("{map} key=4 value=8 entries=4"), helper, 1, false, flags);
            let cookie = call.table.read().sockets().nth(1).expect("a socket").cookie();
            let mut events = [(); 2].map(|()| {
                let mut sock = Sock::tcp4();
                sock.cookie = cookie;
                SockOps::new(op, sock)
            });
            let (result, _, maps) = call.run(&[], events.each_mut().map(Input::from));
            assert_eq!(result, expected, "{helper}, operation {op}, flags {flags}");
            let found = maps.by_name("m").expect("there").lookup(&1_u32.to_le_bytes()).expect("readable");
            assert_eq!(found, (expected == 0).then(|| cookie.to_le_bytes().to_vec()));
        }
    }
}

#[test]
fn only_a_member_of_the_group_is_selected() {
    let map = "kind=reuseport_sockarray key=4 value=8 entries=4";
    let held = [(0, 4), (1, 5), (2, 0)];
    for (key, flags, expected) in [(0, 0, 0), (1, 0, -77), (2, 0, -91), (3, 0, -2), (9, 0, -2), (0, 1, 0)] {
        let call = Call::new("sk_reuseport/select", map, "bpf_sk_select_reuseport", key, false, flags);
        let reached = call.socket(3);
        let mut choices = [(); 2].map(|()| Reuseport::new(&[0; 64], Some(reached)).expect("a frame"));
        let (result, _, _) = call.run(&held, choices.each_mut().map(Input::from));
        assert_eq!(result, expected, "key {key}, flags {flags}");
    }
    // What was selected stands in the input.
    let call = Call::new("sk_reuseport/select", map, "bpf_sk_select_reuseport", 0, false, 0);
    let maps = Arc::new(Maps::from_defs(&call.object.maps).expect("made"));
    let reader = call.table.read();
    maps.by_name("m")
        .expect("there")
        .set_socket(&[0; 4], reader.sockets().nth(4).expect("a socket"), 0)
        .expect("it may be there");
    let program = Checked::new(&call.object.programs[0], maps, Release::LATEST).expect("runs");
    let mut input = Reuseport::new(&[0; 64], Some(call.socket(3))).expect("a frame");
    program.run(&mut Machine::new(call.table.clone()), &mut input);
    assert_eq!(input.selected, Some(call.socket(4)));
}

#[test]
fn user_space_puts_in_what_linux_lets_it_put_in() {
    let call =
        Call::new("sk_msg", "kind=sockmap key=4 value=8 entries=2", "bpf_msg_redirect_map", 0, true, 0);
    let reader = call.table.read();
    for (kind, expected) in [
        ("kind=sockmap key=4 value=8", [None, None, Some(95), None, None, None]),
        ("kind=reuseport_sockarray key=4 value=4", [None, Some(22), Some(22), None, None, None]),
    ] {
        let text = format!(".map m {kind} entries=2\n.hook xdp\n.prog p\nr0 = 0\nexit\n");
        let object = Object::parse("t.s", text.as_bytes(), &Options::default()).expect("well formed");
        let maps = Maps::from_defs(&object.maps).expect("made");
        let map = maps.by_name("m").expect("there");
        for (socket, expected) in reader.sockets().zip(expected) {
            let error = map.set_socket(&[0; 4], socket, 0).err().map(|error| match error {
                belay_vm::MapError::Operation { errno, .. } => errno.0,
                other => panic!("{other}"),
            });
            assert_eq!(error, expected, "{kind}: {socket}");
        }
        let readable = map.lookup(&[0; 4]).is_ok();
        assert_eq!(readable, kind.contains("value=8"), "{kind}: a cookie has 8 bytes");
    }
}
