//! Bytes of XDP packets, dynptrs, spin locks.

use super::program::{call, keep_stack, kept, on_stack, point, set};
use super::random::Random;
use super::{compare, frame, namespace, tcp};

#[test]
fn bytes_of_xdp_packets_are_those_of_the_kernel() {
    let Some(netns) = namespace("bytes_of_xdp_packets_are_those_of_the_kernel") else { return };
    let mut random = Random(7);
    for _ in 0..80 {
        let (mut slot, mut body) = (0, "r6 = r1\n".to_owned());
        for _ in 0..5 {
            let offset =
                random.of(&[0, 1, 13, 40, 60, 79, 80, 81, 3000, 0xffff, 0x1_0000, 1 << 32, u64::MAX]);
            let len = random.of(&[1, 2, 7, 8, 20, 32]);
            let helper = random.of(&["bpf_xdp_load_bytes", "bpf_xdp_store_bytes", "bpf_xdp_store_bytes"]);
            body += &on_stack(32, &random.next().to_le_bytes().repeat(4));
            body += &format!("r1 = r6\n{}{}r4 = {len}\ncall {helper}\n", set(2, offset), point(3, 32));
            body += &kept(&mut slot);
            body += &keep_stack(32, 4, &mut slot);
            body += &call("bpf_xdp_get_buff_len", &[], &mut slot);
            body += &call("bpf_xdp_adjust_tail", &[random.of(&[0, 10, -3_i64]) as u64], &mut slot);
        }
        let len = random.of(&[40, 80, 80, 3000]);
        compare(&netns, "xdp", "", &format!("{body}r0 = 2\nexit"), &frame([0; 6], 0x0800, len));
    }
}

#[test]
fn dynptrs_read_and_write_as_in_the_kernel() {
    let Some(netns) = namespace("dynptrs_read_and_write_as_in_the_kernel") else { return };
    let maps = ".map values kind=array key=4 value=64 entries=1\n.map ring kind=ringbuf entries=4096";
    let mut random = Random(8);
    for _ in 0..120 {
        let mut slot = 0;
        let ring = random.below(2) == 0;
        // The value in r7, the dynptr at r10 - 16.
        let mut body = format!(
            "*(u32 *)(r10 - 260) = 0\nr1 = values ll\n{}call bpf_map_lookup_elem\nif r0 == 0 goto end\nr7 = r0\n",
            point(2, 260)
        );
        let flags = random.of(&[0, 0, 0, 0, 1]);
        let size = random.of(&[0, 8, 30, 64, 64]);
        body += &match ring {
            true => {
                let size = random.of(&[size, size, 4088, 4089, 1 << 24, (1 << 32) + 8]);
                format!(
                    "r1 = ring ll\n{}{}{}call bpf_ringbuf_reserve_dynptr\n",
                    set(2, size),
                    set(3, flags),
                    point(4, 16)
                )
            }
            false => {
                format!("r1 = r7\nr2 = {size}\n{}{}call bpf_dynptr_from_mem\n", set(3, flags), point(4, 16))
            }
        };
        body += &kept(&mut slot);
        for _ in 0..4 {
            let off = random.of(&[0, 0, 1, 8, 24, 60, 64, u64::MAX, 1 << 32]);
            let len = random.of(&[0, 1, 8, 13, 32]);
            let flags = random.of(&[0, 0, 0, 1]);
            body += &on_stack(64, &random.next().to_le_bytes().repeat(4));
            match random.below(3) {
                0 => {
                    body += &format!(
                        "{}r2 = {len}\n{}{}{}",
                        point(1, 64),
                        point(3, 16),
                        set(4, off),
                        set(5, flags)
                    );
                    body += &format!("call bpf_dynptr_read\n{}", kept(&mut slot));
                    body += &keep_stack(64, 4, &mut slot);
                }
                1 => {
                    // From the stack, or from the value itself: the two may overlap.
                    let from = if ring || random.below(2) == 0 {
                        point(3, 64)
                    } else {
                        "r3 = r7\nr3 += 3\n".to_owned()
                    };
                    body += &format!("{}{}{from}r4 = {len}\n{}", point(1, 16), set(2, off), set(5, flags));
                    body += &format!("call bpf_dynptr_write\n{}", kept(&mut slot));
                }
                _ => {
                    let here = slot;
                    body += &format!("{}{}r3 = 8\ncall bpf_dynptr_data\n", point(1, 16), set(2, off));
                    body += &format!(
                        "r9 = 0\nif r0 == 0 goto none{here}\nr9 = *(u64 *)(r0 + 0)\n*(u8 *)(r0 + 3) = 9\n"
                    );
                    body += &format!("none{here}: r0 = r9\n{}", kept(&mut slot));
                }
            }
        }
        if ring {
            let helper = random.of(&["bpf_ringbuf_submit_dynptr", "bpf_ringbuf_discard_dynptr"]);
            body += &format!("{}r2 = 0\ncall {helper}\n", point(1, 16));
            body += &format!("r1 = ring ll\nr2 = 3\ncall bpf_ringbuf_query\n{}", kept(&mut slot));
        }
        for at in (0..64).step_by(8) {
            body += &format!("r0 = *(u64 *)(r7 + {at})\n{}", kept(&mut slot));
        }
        compare(&netns, "sched_cls", maps, &format!("{body}end: r0 = 0\nexit"), &tcp());
    }
}

#[test]
fn a_lock_leaves_the_value_as_it_was() {
    let Some(netns) = namespace("a_lock_leaves_the_value_as_it_was") else { return };
    let maps = ".map values kind=array key=4 value=16 entries=2 fields=0:bpf_spin_lock";
    let mut slot = 0;
    let mut body = format!(
        "*(u32 *)(r10 - 4) = 1\nr1 = values ll\n{}call bpf_map_lookup_elem\nif r0 == 0 goto end\nr7 = r0\n",
        point(2, 4)
    );
    for _ in 0..3 {
        body += "r1 = r7\ncall bpf_spin_lock\nr8 = *(u64 *)(r7 + 8)\nr8 += 5\n*(u64 *)(r7 + 8) = r8\nr1 = r7\n\
                 call bpf_spin_unlock\n";
        body += &format!("r0 = *(u64 *)(r7 + 8)\n{}", kept(&mut slot));
    }
    let outcome = compare(&netns, "sched_cls", maps, &format!("{body}end: r0 = 0\nexit"), &tcp());
    assert_eq!(outcome.out[2], 15);
}

#[test]
fn addresses_that_nobody_has_are_answered_as_in_the_kernel() {
    let Some(netns) = namespace("addresses_that_nobody_has_are_answered_as_in_the_kernel") else { return };
    let read = |helper: &str, size: usize, from: &str, slot: &mut u32| {
        let call = format!("{}r2 = {size}\n{from}call {helper}\n", point(1, 16));
        on_stack(16, &[0x55; 16]) + &call + &kept(slot) + &keep_stack(16, 2, slot)
    };
    let user = 0x7fff_ffff_f000;
    for address in [0, 8, user, 0x8000_0000_0000, 1 << 62, 0xffff_ffff_ff60_0000, 0xffff_8000_0000_0000] {
        let (mut slot, mut body) = (0, String::new());
        for size in [0, 1, 8, 13] {
            for helper in ["bpf_probe_read_kernel", "bpf_probe_read_kernel_str"] {
                body += &read(helper, size, &set(3, address), &mut slot);
            }
        }
        compare(&netns, "sched_cls", "", &format!("{body}r0 = 0\nexit"), &tcp());
    }
    // The end of what there is.
    let (mut slot, mut body) = (0, String::new());
    for (at, size) in [(8, 0), (8, 8), (5, 5), (1, 1)] {
        body += &read("bpf_probe_read_kernel", size, &point(3, at), &mut slot);
    }
    compare(&netns, "sched_cls", "", &format!("{body}r0 = 0\nexit"), &tcp());
}

#[test]
fn frames_are_read_by_their_addresses_as_in_the_kernel() {
    let Some(netns) = namespace("frames_are_read_by_their_addresses_as_in_the_kernel") else { return };
    // A frame's address, as a number, in a function of its own and in a callback; and when the frame is gone.
    let mut slot = 0;
    let maps = ".map values kind=array key=4 value=8 entries=1";
    let mut body = on_stack(16, b"a text, 15 long\0");
    for _ in 0..2 {
        body += &format!(
            "{}r2 = 16\n{}call bpf_probe_read_kernel_str\n{}",
            point(1, 64),
            point(3, 16),
            kept(&mut slot)
        );
        body += &keep_stack(64, 2, &mut slot);
        body += &format!("{}call inner\n{}", point(1, 16), kept(&mut slot));
    }
    let inner = format!(
        ".func inner\nr6 = r1\n{}r1 = r10\nr1 += -16\nr2 = 8\nr3 = r6\ncall bpf_probe_read_kernel\nr7 = r0\n\
         r1 = r10\nr1 += -24\nr2 = 8\nr3 = r10\nr3 += -16\ncall bpf_probe_read_kernel\nr7 += r0\nr0 = *(u64 *)(r10 - 24)\nr0 += r7\nexit",
        on_stack(32, &[7; 32])
    );
    compare(&netns, "sched_cls", maps, &format!("{body}r0 = 0\nexit\n{inner}"), &tcp());
}
