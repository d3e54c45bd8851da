//! SYN cookies, flow hashes, timestamps: where the numbers are secret, what follows from them.

use super::program::{call, kept, on_stack, point, set};
use super::random::Random;
use super::{compare, frame, namespace, tcp};

#[test]
fn a_cookie_is_known_again_as_in_the_kernel() {
    let Some(netns) = namespace("a_cookie_is_known_again_as_in_the_kernel") else { return };
    let mut random = Random(11);
    for _ in 0..60 {
        let mut slot = 0;
        let v6 = random.below(2) == 0;
        let version = if v6 { 6 } else { 4 };
        let mut ip: Vec<u8> = (0..40).map(|_| random.next() as u8).collect();
        ip[0] = version << 4 | 5;
        // The TCP header at r10 - 64, with room for options.
        let mut header: Vec<u8> = (0..20).map(|_| random.next() as u8).collect();
        let mss: u16 =
            random.of(&[0, 1, 535, 536, 1219, 1220, 1300, 1400, 1439, 1440, 1460, 8939, 9000, 65535]);
        let [a, b] = mss.to_be_bytes();
        let options: &[u8] = random.of::<&[u8]>(&[
            &[],
            &[2, 4, 0, 0],
            &[1, 1, 1, 2, 4, 0, 0, 0],
            &[3, 3, 7, 2, 4, 0, 0, 0],
            &[2, 3, 9, 0],
            &[0, 2, 4, 5],
            &[2, 0, 0, 0],
            &[8, 9, 1, 1],
        ]);
        let mut options = options.to_vec();
        if let Some(at) =
            options.windows(2).position(|pair| pair == [2, 4]).filter(|at| at + 4 <= options.len())
        {
            (options[at + 2], options[at + 3]) = (a, b);
        }
        header[12] = ((20 + options.len() as u8) / 4) << 4;
        let len = header.len() + options.len();
        let given = random.of(&[len, len, len, len, 20, 16, len + 4]);
        header.extend(options);
        header.resize(40, 0);
        let mut body = on_stack(64, &header) + &on_stack(112, &ip);
        body += &format!("{}{}r3 = {given}\n", point(1, 112), point(2, 64));
        body += &format!("call bpf_tcp_raw_gen_syncookie_ipv{version}\nr6 = r0\n");
        // The segment size, or the error; the cookie itself differs.
        body += &format!("if r0 s< 0 goto failed\nr0 >>= 32\nfailed: {}", kept(&mut slot));
        // The acknowledgement: one beyond the cookie, from one beyond the sequence number.
        let sequence = u32::from_be_bytes([header[4], header[5], header[6], header[7]]).wrapping_add(1);
        for change in [1, 2, random.below(1 << 26) as u32, 1 << 24 | 1] {
            body += &format!("w7 = w6\nw7 += {change}\nr7 = be32 r7\n*(u32 *)(r10 - 56) = r7\n");
            body += &format!("{}r2 = be32 r2\n*(u32 *)(r10 - 60) = r2\n", set(2, sequence.into()));
            body += &format!("{}{}", point(1, 112), point(2, 64));
            body += &format!("call bpf_tcp_raw_check_syncookie_ipv{version}\n{}", kept(&mut slot));
        }
        compare(&netns, "sched_cls", "", &format!("{body}r0 = 0\nexit"), &tcp());
    }
}

#[test]
fn a_flow_keeps_its_hash() {
    let Some(netns) = namespace("a_flow_keeps_its_hash") else { return };
    for ethertype in [0x0800, 0x86dd, 0x0806] {
        let mut slot = 0;
        let mut body = "r6 = r1\ncall bpf_get_hash_recalc\nr7 = r0\n".to_owned();
        body += "r8 = *(u32 *)(r6 + 68)\nr1 = r6\ncall bpf_set_hash_invalid\nr9 = *(u32 *)(r6 + 68)\nr1 = r6\ncall bpf_get_hash_recalc\n";
        body += &format!(
            "r0 ^= r7\n{}r0 = r7\nr0 ^= r8\n{}r0 = r9\n{}",
            kept(&mut slot),
            kept(&mut slot),
            kept(&mut slot)
        );
        body += &format!("r0 = 0\nif r7 == 0 goto none\nr0 = 1\nnone: {}", kept(&mut slot));
        compare(&netns, "sched_cls", "", &format!("{body}r0 = 0\nexit"), &frame([0; 6], ethertype, 80));
    }
}

#[test]
fn timestamps_are_set_as_in_the_kernel() {
    let Some(netns) = namespace("timestamps_are_set_as_in_the_kernel") else { return };
    for ethertype in [0x0800, 0x0806] {
        let (mut slot, mut body) = (0, "r6 = r1\n".to_owned());
        for (tstamp, kind) in [(5, 1), (0, 1), (6, 2), (0, 2), (7, 3), (8, 0), (0, 0), (9, 1 << 32)] {
            body += &call("bpf_skb_set_tstamp", &[tstamp, kind], &mut slot);
            body += &format!("r0 = *(u8 *)(r6 + 180)\n{}", kept(&mut slot));
            body += &format!("r0 = *(u64 *)(r6 + 152)\n{}", kept(&mut slot));
        }
        compare(&netns, "sched_cls", "", &format!("{body}r0 = 0\nexit"), &frame([0; 6], ethertype, 80));
    }
}

#[test]
fn what_no_packet_of_a_test_run_has_is_not_there() {
    let Some(netns) = namespace("what_no_packet_of_a_test_run_has_is_not_there") else { return };
    let mut slot = 0;
    let mut body = "r6 = r1\n".to_owned();
    body += &call("bpf_get_route_realm", &[], &mut slot);
    for (index, size, flags) in [(0, 24, 0), (1, 28, 0), (0, 8, 1)] {
        body += &on_stack(32, &[0x55; 32]);
        body += &format!("r1 = r6\nr2 = {index}\n{}r4 = {size}\nr5 = {flags}\n", point(3, 32));
        body += &format!("call bpf_skb_get_xfrm_state\n{}", kept(&mut slot));
        body += &super::program::keep_stack(32, 4, &mut slot);
    }
    compare(&netns, "sched_cls", "", &format!("{body}r0 = 0\nexit"), &tcp());
}
