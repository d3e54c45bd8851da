//! Packets: every load of a number at every width that the kernel allows, by `BPF_PROG_TEST_RUN`.

use belay_linux::{Kernel, NetNs, TestRun, test_run};
use belay_sockets::SocketTable;
use belay_vm::Packet;

use crate::judge::{InKernel, every_load, hook, object, ours, same};

#[test]
fn narrow_loads_give_what_they_give_in_the_kernel() {
    if Kernel::for_test("narrow_loads_give_what_they_give_in_the_kernel").is_none() {
        return;
    }
    // These are the machine's, or of the socket that a test run comes with.
    let without = [
        "napi_id",
        "family",
        "remote_ip4",
        "local_ip4",
        "remote_ip6",
        "local_ip6",
        "remote_port",
        "local_port",
    ];
    let netns = NetNs::with_loopback().expect("a namespace");
    let mut frame = vec![1, 0, 0x5e, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x08, 0x00, 0x45, 0, 0, 40];
    frame.resize(70, 0x5a);
    // `struct __sk_buff`: what a test run takes of it.
    let mut context = vec![0; 192];
    for (off, value) in [(8, 0x1122_3344_u32), (32, 0x5566_7788), (164, 0x0203), (176, 0x0405)] {
        context[off..off + 4].copy_from_slice(&value.to_ne_bytes());
    }
    for (index, byte) in context[48..68].iter_mut().enumerate() {
        *byte = index as u8 + 1;
    }
    for name in ["sched_cls", "cgroup_skb/ingress", "lwt_in", "lwt_xmit", "socket_filter", "xdp"] {
        let (loads, names) = every_load(hook(name), &without, 0);
        // What a test run does not take, a program can set.
        let set = match name {
            "sched_cls" => {
                "r1 = 0x1122\n*(u32 *)(r6 + 12) = r1\nr1 = 0x3344\n*(u32 *)(r6 + 44) = r1\nr1 = 0x5566\n*(u32 *)(r6 + 72) = r1\n\
                 r1 = r6\nr2 = 0xa888\nr3 = 0x789\ncall bpf_skb_vlan_push\n"
            }
            _ => "",
        };
        let object = object(name, "", &format!("r6 = r1\n{set}{loads}r0 = 1\nexit"));
        let kernel = InKernel::load(&object);
        let context = if name == "xdp" { &[][..] } else { &context };
        let run = TestRun { data_in: &frame, ctx_in: context, ..TestRun::default() };
        netns.run(|| test_run(kernel.program(), &run)).expect("inside").expect("it runs");
        let make = || {
            let mut packet = Packet::new(&frame).expect("a frame");
            let known = &mut packet.metadata;
            (known.mark, known.priority) = (0x1122_3344, 0x5566_7788);
            (known.gso_segs, known.gso_size) = (0x0203, 0x0405);
            // A test run takes the wire's length from the context, where none is the packet's.
            known.wire_len = if name == "xdp" { 0 } else { 70 };
            known.cb =
                std::array::from_fn(|i| u32::from_ne_bytes(std::array::from_fn(|b| (4 * i + b) as u8 + 1)));
            packet
        };
        let (ran, _) = ours(&object, &SocketTable::empty(), make);
        same(&ran.out, &kernel.out(), &names);
    }
}
