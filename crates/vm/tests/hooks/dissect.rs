//! `flow_dissector`: keys by `BPF_PROG_TEST_RUN`.

use belay_linux::{Kernel, TestRun, test_run};
use belay_sockets::SocketTable;
use belay_vm::FlowDissection;

use crate::judge::{InKernel, keep, object, ours, same};

fn frame(len: usize) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x08, 0x00];
    frame.extend([0x45, 0, 0, 40, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend([0x1f, 0x90, 0x00, 0x50]);
    frame.resize(len, 0x5a);
    frame
}

#[test]
fn keys_and_bytes_are_those_of_the_kernel() {
    if Kernel::for_test("keys_and_bytes_are_those_of_the_kernel").is_none() {
        return;
    }
    // What stands in the keys before, and in the packet; then addresses and ports into the keys.
    let mut body = "r6 = r1\nr7 = *(u64 *)(r6 + 144)\n".to_owned();
    for slot in 0..7 {
        body += &format!("r0 = *(u64 *)(r7 + {})\n{}", 8 * slot, keep(slot));
    }
    body += &format!(
        "r8 = *(u32 *)(r6 + 76)\nr9 = *(u32 *)(r6 + 80)\nr0 = r9\nr0 -= r8\n{}r1 = r8\nr1 += 38\nif r1 > r9 goto end\n\
         r1 = *(u32 *)(r8 + 26)\n*(u32 *)(r7 + 16) = r1\nr1 = *(u32 *)(r8 + 30)\n*(u32 *)(r7 + 20) = r1\n\
         r1 = *(u32 *)(r8 + 34)\n*(u32 *)(r7 + 12) = r1\nr1 = *(u8 *)(r8 + 23)\n*(u8 *)(r7 + 9) = r1\n",
        keep(7)
    );
    body += &format!(
        "*(u64 *)(r10 - 8) = 7\nr1 = r6\nr2 = 0\nr3 = r10\nr3 += -8\nr4 = 8\ncall bpf_skb_load_bytes\n{}r0 = *(u64 *)(r10 - 8)\n{}",
        keep(8),
        keep(9)
    );
    for (network, transport) in [(14, 34), (0, 0), (20, 10), (500, 600), (14, 65535)] {
        let ends = format!(
            "{body}r1 = {network}\n*(u16 *)(r7 + 0) = r1\nr1 = {transport}\n*(u16 *)(r7 + 2) = r1\nend: r0 = 0\nexit"
        );
        let object = object("flow_dissector", "", &ends);
        for len in [14, 37, 38, 60, 400] {
            let (kernel, frame) = (InKernel::load(&object), frame(len.max(38)));
            let frame = &frame[..len];
            // `struct bpf_flow_keys`, of which only the flags are taken.
            let mut wanted = vec![0; 56];
            wanted[48] = 1;
            let run = TestRun { data_in: frame, ctx_in: &wanted, ..TestRun::default() };
            let result = test_run(kernel.program(), &run).expect("it runs");
            let make = || FlowDissection { flags: 1, ..FlowDissection::new(frame).expect("a frame") };
            let (ran, after) = ours(&object, &SocketTable::empty(), make);
            same(&ran.out, &kernel.out(), &[]);
            assert_eq!(after.keys.0.to_vec(), result.data_out, "{network}, {transport}, {len} bytes");
            assert_eq!(ran.action.map(|action| action.value), Some(result.retval.cast_signed()));
        }
    }
}
