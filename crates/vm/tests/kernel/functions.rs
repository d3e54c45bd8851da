//! Kernel functions: dynptrs of packets and of memory, iterators over numbers, sections.

use super::program::{call, keep_stack, kept, on_stack, point, set};
use super::random::Random;
use super::{compare, frame, namespace, tcp};

/// Where the two dynptrs of a program stand, and its spare memory.
const FIRST: usize = 16;
const SECOND: usize = 32;
const SPARE: usize = 64;

/// The start of a program: the context in `r6`, a value of `values` in `r7`.
fn opened() -> String {
    format!(
        "r6 = r1\n*(u32 *)(r10 - 260) = 0\nr1 = values ll\n{}call bpf_map_lookup_elem\nif r0 == 0 goto end\nr7 = r0\n",
        point(2, 260)
    )
}

const VALUES: &str = ".map values kind=array key=4 value=64 entries=1";

/// Keeps the `int` in `r0`: what stands above its 32 bits is whatever the kernel's compiler left there.
fn kept_int(slot: &mut u32) -> String {
    "w0 = w0\n".to_owned() + &kept(slot)
}

/// Makes a dynptr of the packet, or of the value in `r7`.
fn make(at: usize, source: &str, flags: u64, slot: &mut u32) -> String {
    let text = match source {
        "value" => format!("r1 = r7\nr2 = 40\n{}{}call bpf_dynptr_from_mem\n", set(3, flags), point(4, at)),
        _ => format!("r1 = r6\n{}{}call bpf_dynptr_from_{source}\n", set(2, flags), point(3, at)),
    };
    text + &kept_int(slot)
}

/// Keeps all that a dynptr says of itself.
fn describe(at: usize, slot: &mut u32) -> String {
    let ask = |function: &&str| format!("{}call bpf_dynptr_{function}\n", point(1, at));
    ["size", "is_null", "is_rdonly"].iter().map(|function| ask(function) + &kept_int(slot)).collect()
}

/// A slice of a dynptr: its first bytes are kept, and changed if it may be written.
fn slice(random: &mut Random, at: usize, writable: bool, cut: bool, slot: &mut u32) -> String {
    let (here, len) = (*slot, random.of(&[1, 4, 8, 32]));
    let off = random.of(&[0, 0, 1, 14, 33, 40, 60, 79, 80, u64::MAX, 1 << 32]);
    let spare = if cut || random.below(2) == 0 { point(3, SPARE) } else { "r3 = 0\n".to_owned() };
    let name = if writable { "bpf_dynptr_slice_rdwr" } else { "bpf_dynptr_slice" };
    let change = if writable { "*(u8 *)(r0 + 0) = 0x77\n" } else { "" };
    let load = |size: u32| format!("r9 = *(u{} *)(r0 + 0)\n", 8 * size.min(8));
    format!(
        "{}{}{spare}r4 = {len}\ncall {name}\nr9 = 0x99\nif r0 == 0 goto none{here}\n{}{change}none{here}: r0 = r9\n{}",
        point(1, at),
        set(2, off),
        load(len),
        kept(slot)
    )
}

/// One thing done to the dynptrs at `FIRST` and `SECOND`.
///
/// Of a packet that was `cut` Linux gives memory behind the end where it need not copy: nobody asks for that.
fn step(random: &mut Random, hook: &str, cut: &mut bool, slot: &mut u32) -> String {
    let at = random.of(&[FIRST, SECOND]);
    let off = random.of(&[0, 0, 1, 13, 33, 39, 40, 80, u64::MAX]);
    let len = random.of(&[0, 1, 8, 13, 32]);
    let writable = hook == "sched_cls" || hook == "xdp";
    let mut text = on_stack(SPARE, &random.next().to_le_bytes().repeat(4));
    match random.below(8) {
        0 => text += &slice(random, at, false, *cut, slot),
        1 if writable => text += &slice(random, at, true, *cut, slot),
        2 => {
            let end = random.of(&[0, 8, 30, 40, 41, 80]);
            text += &format!("{}{}r3 = {end}\ncall bpf_dynptr_adjust\n", point(1, at), set(2, off));
            text += &kept_int(slot);
        }
        3 => {
            let flags = random.of(&[0, 0, 0, 1]);
            text +=
                &format!("{}r2 = {len}\n{}{}{}", point(1, SPARE), point(3, at), set(4, off), set(5, flags));
            text += &format!("call bpf_dynptr_read\n{}{}", kept(slot), keep_stack(SPARE, 4, slot));
        }
        4 => {
            let flags = random.of(&[0, 0, 0, 1, 2, 4]);
            text +=
                &format!("{}{}{}r4 = {len}\n{}", point(1, at), set(2, off), point(3, SPARE), set(5, flags));
            text += &format!("call bpf_dynptr_write\n{}", kept(slot));
        }
        5 if !*cut => {
            let byte = random.next() & 0x7fff;
            text += &format!("{}{}r3 = {len}\nr4 = {byte}\n", point(1, at), set(2, off));
            text += &format!("call bpf_dynptr_memset\n{}", kept_int(slot));
        }
        6 if !*cut => {
            let from = random.of(&[FIRST, SECOND]);
            let from_off = random.of(&[0, 1, 20, 40, 70]);
            text +=
                &format!("{}{}{}r4 = {from_off}\nr5 = {len}\n", point(1, at), set(2, off), point(3, from));
            text += &format!("call bpf_dynptr_copy\n{}", kept_int(slot));
        }
        7 if hook == "sched_cls" => {
            *cut = true;
            text += &call("bpf_skb_change_tail", &[random.of(&[30, 50, 120]), 0], slot);
        }
        7 if hook == "xdp" => {
            text += &call("bpf_xdp_adjust_tail", &[random.of(&[-20_i64, -50, 10]) as u64], slot);
        }
        _ => text += &describe(at, slot),
    }
    text
}

#[test]
fn dynptrs_of_packets_do_what_they_do_in_the_kernel() {
    let Some(netns) = namespace("dynptrs_of_packets_do_what_they_do_in_the_kernel") else { return };
    let mut random = Random(21);
    for (hook, packet) in
        [("sched_cls", "skb"), ("xdp", "xdp"), ("cgroup_skb/ingress", "skb"), ("lwt_in", "skb")]
    {
        for _ in 0..60 {
            let (mut slot, mut cut, mut body) = (0, false, opened());
            let flags = random.of(&[0, 0, 0, 0, 0, 0, 1]);
            body += &make(FIRST, packet, flags, &mut slot);
            body += &match random.below(4) {
                0 => format!(
                    "{}{}call bpf_dynptr_clone\n{}",
                    point(1, FIRST),
                    point(2, SECOND),
                    kept_int(&mut slot)
                ),
                1 => make(SECOND, "value", 0, &mut slot),
                // (Of a test run's packet there is none, but for what can be done to nothing.)
                2 if hook == "sched_cls" => make(SECOND, "skb_meta", 0, &mut slot),
                _ => make(SECOND, packet, 0, &mut slot),
            };
            for _ in 0..5 {
                body += &step(&mut random, hook, &mut cut, &mut slot);
            }
            body += &describe(FIRST, &mut slot);
            body += &describe(SECOND, &mut slot);
            for at in (0..64).step_by(16) {
                body += &format!("r0 = *(u64 *)(r7 + {at})\n{}", kept(&mut slot));
            }
            assert!(slot <= 64, "{slot}");
            let result = if hook == "xdp" { 2 } else { 0 };
            let len = random.of(&[40, 80, 80, 100]);
            compare(
                &netns,
                hook,
                VALUES,
                &format!("{body}end: r0 = {result}\nexit"),
                &frame([0; 6], 0x0800, len),
            );
        }
    }
}

#[test]
fn iterators_count_as_in_the_kernel() {
    let Some(netns) = namespace("iterators_count_as_in_the_kernel") else { return };
    let bounds: [(i64, i64); 9] = [
        (0, 5),
        (-3, 4),
        (7, 7),
        (9, 2),
        (0, 1 << 23),
        (0, (1 << 23) + 1),
        (i32::MIN.into(), i32::MAX.into()),
        (i64::from(i32::MAX) - 2, i32::MAX.into()),
        (i32::MIN.into(), i64::from(i32::MIN) + 3),
    ];
    for (start, end) in bounds {
        let mut slot = 0;
        let mut body = format!(
            "r6 = r1\n{}{}{}call bpf_iter_num_new\n{}r7 = 0\nr8 = 0\n",
            point(1, 8),
            set(2, start as u64),
            set(3, end as u64),
            kept_int(&mut slot)
        );
        // The sum of what it counts; of a long way, the first few.
        body += &format!(
            "again: {}call bpf_iter_num_next\nif r0 == 0 goto done\nr1 = *(s32 *)(r0 + 0)\nr7 += r1\nr8 += 1\n\
             r8 &= 0xffffff\nif r8 s< 2000 goto again\ndone: r0 = r7\n{}r0 = r8\n{}",
            point(1, 8),
            kept(&mut slot),
            kept(&mut slot)
        );
        body += &format!("{}call bpf_iter_num_destroy\nr0 = 0\nexit", point(1, 8));
        compare(&netns, "sched_cls", "", &body, &tcp());
    }
}

#[test]
fn sections_change_nothing() {
    let Some(netns) = namespace("sections_change_nothing") else { return };
    let mut slot = 0;
    let body = format!(
        "r6 = r1\ncall bpf_rcu_read_lock\ncall bpf_preempt_disable\n{}call bpf_local_irq_save\n\
         r7 = *(u32 *)(r6 + 0)\n{}call bpf_local_irq_restore\ncall bpf_preempt_enable\ncall bpf_rcu_read_unlock\n\
         r0 = r7\n{}r0 = 0\nexit",
        point(1, 8),
        point(1, 8),
        kept(&mut slot)
    );
    compare(&netns, "sched_cls", "", &body, &tcp());
}

/// A text of few letters, so that parts of one are often found in another.
fn text(random: &mut Random) -> Vec<u8> {
    let len = random.below(14);
    let mut text: Vec<u8> = (0..len).map(|_| random.of(b"aabAB\xe9\xc9")).collect();
    text.resize(16, 0);
    text
}

#[test]
fn texts_are_searched_as_in_the_kernel() {
    let Some(netns) = namespace("texts_are_searched_as_in_the_kernel") else { return };
    /// What each takes: `t` and `u` texts, `c` a letter, `n` a number.
    const FUNCTIONS: [(&str, &str); 12] = [
        ("strcasecmp", "tu"),
        ("strchr", "tc"),
        ("strchrnul", "tc"),
        ("strcmp", "tu"),
        ("strcspn", "tu"),
        ("strlen", "t"),
        ("strnchr", "tnc"),
        ("strnlen", "tn"),
        ("strnstr", "tun"),
        ("strrchr", "tc"),
        ("strspn", "tu"),
        ("strstr", "tu"),
    ];
    let mut random = Random(33);
    for _ in 0..40 {
        let (mut slot, mut body) = (0, String::new());
        for _ in 0..4 {
            let one = text(&mut random);
            // Often part of the other.
            let mut other = if random.below(2) == 0 {
                one[random.below(4) as usize..].to_vec()
            } else {
                text(&mut random)
            };
            other.resize(random.of(&[2, 3, 16, 16]), 0);
            other.resize(16, 0);
            body += &on_stack(16, &one);
            body += &on_stack(32, &other);
            for (function, takes) in FUNCTIONS {
                for (register, what) in (1..).zip(takes.chars()) {
                    // Sometimes where nothing is.
                    let nowhere = random.below(40) == 0;
                    let address =
                        random.of(&[0, 8, 0x7fff_ffff_f000, 0x8000_0000_0000, 0xffff_8000_0000_0000]);
                    body += &match what {
                        't' | 'u' if nowhere => set(register, address),
                        't' => point(register, 16),
                        'u' => point(register, 32),
                        'c' => set(register, random.of(&[b'a', b'B', b'z', 0, 0xe9]).into()),
                        _ => set(register, random.of(&[0, 1, 3, 8, 15, 1 << 32, u64::MAX])),
                    };
                }
                body += &format!("call bpf_{function}\n{}", kept_int(&mut slot));
            }
        }
        compare(&netns, "sched_cls", "", &format!("{body}r0 = 0\nexit"), &tcp());
    }
}
