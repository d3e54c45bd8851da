//! Headers pushed, popped and changed: random calls on random packets leave the same bytes, results and context.

use super::program::{call, kept, set};
use super::random::Random;
use super::{compare, frame, namespace};

/// Keeps a word of the context.
fn context(off: u32, slot: &mut u32) -> String {
    format!("r0 = *(u32 *)(r6 + {off})\n{}", kept(slot))
}

/// `__sk_buff`: `len`, `pkt_type`, `protocol`, `vlan_present`, `vlan_tci`, `vlan_proto`, `hash`.
const FIELDS: [u32; 7] = [0, 4, 16, 20, 24, 28, 68];

fn any_frame(random: &mut Random) -> Vec<u8> {
    let ethertype = random.of(&[0x0800, 0x0800, 0x0800, 0x86dd, 0x86dd, 0x8100, 0x88a8, 0x0806, 46]);
    // A test run refuses IP packets without a whole header.
    let least = match ethertype {
        0x0800 => 34,
        0x86dd => 54,
        _ => 14,
    };
    let len = random.of(&[14, 18, 34, 54, 60, 80, 80, 120, 1514, 3500]).max(least);
    let mut frame = frame(random.of(&[[0; 6], [0xff; 6], [2, 0, 0, 0, 0, 1]]), ethertype, len);
    if let Some(tos) = frame.get_mut(15) {
        *tos = random.next() as u8;
    }
    // An inner type behind a tag, and behind two.
    for at in [16, 20] {
        let inner: u16 = random.of(&[0x0800, 0x86dd, 0x8100, 0x88a8, 100]);
        if ethertype & 0xfeff != 0x0800 && random.below(2) == 0 && frame.len() >= at + 2 {
            frame[at..at + 2].copy_from_slice(&inner.to_be_bytes());
        }
    }
    frame
}

fn any_call(random: &mut Random, slot: &mut u32) -> String {
    let proto = |random: &mut Random| {
        let host: u16 = random.of(&[0x0800, 0x86dd, 0x8100, 0x88a8, 0x1234]);
        u64::from(host.to_be())
    };
    match random.below(12) {
        0 | 1 => {
            let args = [proto(random), random.next() & 0x1_ffff];
            call("bpf_skb_vlan_push", &args, slot)
        }
        2 | 3 => call("bpf_skb_vlan_pop", &[], slot),
        4 => {
            let args = [proto(random), random.of(&[0, 0, 0, 1])];
            call("bpf_skb_change_proto", &args, slot)
        }
        5 => call("bpf_skb_change_type", &[random.of(&[0, 1, 2, 3, 4, 7, 1 << 32])], slot),
        6 => call("bpf_csum_level", &[random.of(&[0, 0, 1, 1, 2, 3, 4])], slot),
        7 => call("bpf_skb_change_tail", &[random.of(&[14, 34, 54, 90, 1000]), 0], slot),
        8 => call("bpf_skb_change_head", &[random.of(&[0, 4, 14, 20, 300]), 0], slot),
        9 => call("bpf_set_hash", &[random.next()], slot),
        _ => {
            let diff =
                random.of(&[0, 4, 8, 20, 28, 40, 64, 300, 4095, 4096, -4, -8, -20, -40, -28, -60, -4095_i64]);
            let flags =
                random.flags(&[1, 2, 2, 4, 4, 8, 16, 32, 64, 128, 256, 512, 14 << 56, 20 << 56, 255 << 56]);
            call("bpf_skb_adjust_room", &[diff as u64, random.of(&[0, 0, 1, 1, 2]), flags], slot)
        }
    }
}

#[test]
fn headers_are_pushed_and_popped_as_in_the_kernel() {
    let Some(netns) = namespace("headers_are_pushed_and_popped_as_in_the_kernel") else { return };
    let mut random = Random(1);
    for _ in 0..400 {
        let (mut slot, mut body) = (0, "r6 = r1\n".to_owned());
        for _ in 0..=random.below(5) {
            body += &any_call(&mut random, &mut slot);
            body += &FIELDS.map(|off| context(off, &mut slot)).concat();
        }
        body += "r0 = 7\nexit";
        compare(&netns, "sched_cls", "", &body, &any_frame(&mut random));
    }
}

#[test]
fn congestion_is_marked_as_in_the_kernel() {
    let Some(netns) = namespace("congestion_is_marked_as_in_the_kernel") else { return };
    let mut random = Random(2);
    for _ in 0..150 {
        let mut slot = 0;
        let calls = [0, 1].map(|_| call("bpf_skb_ecn_set_ce", &[], &mut slot)).concat();
        let body = format!("r6 = r1\n{calls}r0 = 7\nexit");
        let hook = random.of(&["sched_cls", "cgroup_skb/ingress", "cgroup_skb/egress"]);
        compare(&netns, hook, "", &body.replace("r0 = 7", "r0 = 1"), &any_frame(&mut random));
    }
}

#[test]
fn tunnel_keys_are_kept_as_in_the_kernel() {
    let Some(netns) = namespace("tunnel_keys_are_kept_as_in_the_kernel") else { return };
    let mut random = Random(3);
    for _ in 0..120 {
        let (mut slot, mut body) = (0, "r6 = r1\n".to_owned());
        for _ in 0..3 {
            // The key lies at r10 - 64, or so much nearer that a shorter one ends at the same place.
            for at in (0..48).step_by(8) {
                let word = random.next() & random.of(&[u64::MAX, u64::MAX, 0xffff_ffff, 0]);
                body += &format!("{}*(u64 *)(r10 - {}) = r2\n", set(2, word), 64 - at);
            }
            if random.below(4) != 0 {
                body += "r2 = 0\n*(u16 *)(r10 - 42) = r2\n";
            }
            if random.below(2) == 0 {
                body += "r2 = 0\n*(u32 *)(r10 - 40) = r2\n";
            }
            let (helper, bits) = random.of::<(&str, &[u64])>(&[
                ("bpf_skb_set_tunnel_key", &[1, 1, 2, 4, 8, 16, 32]),
                ("bpf_skb_get_tunnel_key", &[1, 16, 16, 2]),
                ("bpf_skb_set_tunnel_opt", &[]),
                ("bpf_skb_get_tunnel_opt", &[]),
            ]);
            let size = random.of(&[44, 44, 44, 28, 24, 22, 8, 4, 20, 40, 46]);
            body += &format!("r1 = r6\nr2 = r10\nr2 += -64\nr3 = {size}\n");
            if !bits.is_empty() {
                body += &set(4, random.flags(bits));
            }
            body += &format!("call {helper}\n{}", kept(&mut slot));
            // Whatever it left there.
            for at in (0..48).step_by(8) {
                body += &format!("r0 = *(u64 *)(r10 - {})\n{}", 64 - at, kept(&mut slot));
            }
            // And what the kernel says it has now.
            for flags in [16, 17] {
                body += "r2 = 0\n";
                body += &(0..48)
                    .step_by(8)
                    .map(|at| format!("*(u64 *)(r10 - {}) = r2\n", 64 - at))
                    .collect::<String>();
                body += &format!(
                    "r1 = r6\nr2 = r10\nr2 += -64\nr3 = 44\nr4 = {flags}\ncall bpf_skb_get_tunnel_key\n"
                );
                body += &kept(&mut slot);
                for at in [0, 16, 24] {
                    body += &format!("r0 = *(u64 *)(r10 - {})\n{}", 64 - at, kept(&mut slot));
                }
            }
        }
        assert!(slot <= super::OUT, "{slot}");
        body += "r0 = 7\nexit";
        compare(&netns, "sched_cls", "", &body, &super::tcp());
    }
}
