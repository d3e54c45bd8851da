//! `sk_msg`: messages into which programs insert bytes, and out of which they cut some, sent on a real connection.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use belay_linux::attach;
use belay_sockets::SocketTable;
use belay_vm::SkMsg;

use crate::judge::{InKernel, Lab, hook, keep, object, ours, same};
use crate::stream::model;

/// A helper of messages with its two places and flags.
#[derive(Clone, Copy)]
struct Call(&'static str, u32, u32, u64);

impl Call {
    /// The call, and what is seen then: the result, the size, how many bytes are seen, and the first of them. What is
    /// inserted is written, for up to two bytes: the kernel's memory holds anything.
    fn text(self, slot: usize) -> (String, Vec<String>) {
        let Call(name, a, b, flags) = self;
        let call = |name, a, b| {
            format!(
                "r1 = r6\nw2 = {a}\nw3 = {b}\nr4 = {flags}\ncall bpf_msg_{name}_data\nr9 = r0\n\
                 r7 = *(u64 *)(r6 + 0)\nr8 = *(u64 *)(r6 + 8)\n"
            )
        };
        let mut text = format!("{}r0 = r9\n{}", call(name, a as i32, b as i32), keep(slot));
        text += &format!("r0 = *(u32 *)(r6 + 68)\n{}r0 = r8\nr0 -= r7\n{}", keep(slot + 1), keep(slot + 2));
        if name == "push" && b < 3 {
            text += &call("pull", a as i32, a.wrapping_add(b) as i32);
            for at in 0..2 {
                let byte = 0x41 + (slot + at) % 26;
                text += &format!(
                    "r1 = r7\nr1 += {}\nif r1 > r8 goto full{slot}\nr1 = {byte}\n*(u8 *)(r7 + {at}) = r1\n",
                    at + 1
                );
            }
            text += &format!("full{slot}: r0 = r9\n{}", keep(slot + 3));
        } else {
            text += &format!(
                "r1 = r7\nr1 += 1\nr0 = 0\nif r1 > r8 goto none{slot}\nr0 = *(u8 *)(r7 + 0)\nnone{slot}: "
            );
            text += &keep(slot + 3);
        }
        let what = |what| format!("{name} {a}, {b}, {flags}: {what}");
        (text, ["result", "size", "seen", "first byte"].map(what).to_vec())
    }
}

/// What the program with these calls leaves and what is sent, here and in the kernel.
fn compare(lab: &Lab, text: &[u8], calls: &[Call]) {
    let (mut body, mut names) = ("r6 = r1\n".to_owned(), Vec::new());
    for call in calls {
        let (lines, told) = call.text(names.len());
        body += &lines;
        names.extend(told);
    }
    let map = ".map peers kind=sockmap key=4 value=8 entries=1";
    let object = object("sk_msg", map, &format!("{body}r0 = 1\nexit"));
    let kernel = InKernel::load(&object);
    let (ends, received) = lab.inside(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let mut client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        let (mut server, _) = listener.accept().expect("accepted");
        let peers = kernel.map("peers");
        let attached =
            attach(peers.as_fd(), kernel.program(), hook("sk_msg").attach_type).expect("it attaches");
        kernel.set_socket("peers", 0, &client);
        let ends = (client.local_addr().expect("bound"), client.peer_addr().expect("connected"));
        client.write_all(text).expect("sent");
        drop((attached, client));
        server.set_read_timeout(Some(Duration::from_secs(5))).expect("settable");
        let mut bytes = Vec::new();
        let _ = server.read_to_end(&mut bytes);
        (ends, bytes)
    });
    let (ran, after) = ours(&object, &SocketTable::empty(), || SkMsg::new(model(ends.0, ends.1), text));
    same(&ran.out, &kernel.out(), &names);
    assert_eq!(received, after.bytes(), "{names:#?}");
}

#[test]
fn messages_are_changed_as_in_the_kernel() {
    let Some(lab) = Lab::for_test("messages_are_changed_as_in_the_kernel") else { return };
    let text: Vec<u8> = (0..100).map(|byte| b'0' + byte % 75).collect();
    let edges = [
        Call("push", 0, 2, 0),
        Call("push", 0, 0, 0),
        Call("push", 500, 0, 0),
        Call("push", 0, 2, 1),
        Call("push", 103, 2, 0),
        Call("push", 102, 2, 0),
        Call("push", 104, 1, 0),
        Call("push", 7, u32::MAX, 0),
        Call("push", 7, (4 << 20) + 1, 0),
        Call("pop", 0, 0, 1),
        Call("pop", 0, 0, 0),
        Call("pop", 105, 1, 0),
        Call("pop", 104, 1, 0),
        Call("pop", 103, 2, 0),
        Call("pop", 3, u32::MAX, 0),
        Call("pop", 0, 1, 0),
        Call("pop", 0, 1, 0),
        Call("pull", 0, 1, 0),
        Call("pop", 1, 50, 0),
        Call("pull", 0, 52, 0),
        Call("pull", 0, 53, 0),
        Call("pop", 40, 12, 0),
    ];
    compare(&lab, &text, &edges);
    for seed in 0..12_u64 {
        let mut state = seed;
        let mut roll = |below: u32| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (state >> 33) as u32 % below
        };
        // Most insert, so that pieces run out; the message never gets shorter than what is asked for.
        let calls: Vec<Call> = (0..25)
            .map(|_| match roll(8) {
                0 => Call("pull", roll(40), roll(60), 0),
                1 | 2 => Call("pop", roll(45), roll(4), 0),
                _ => Call("push", roll(45), roll(3), 0),
            })
            .collect();
        compare(&lab, &text, &calls);
    }
}
