//! Random programs over every context: what the verifier accepts, the checked interpreter finds nothing wrong with, and all
//! runners do the same.

use std::net::SocketAddr;

use belay_object::btf::Kind;
use belay_profile::KernelProfile;
use belay_sockets::{Protocol, SocketTable};
use belay_spec::{Access, FieldKind, Helper, Hook, Release, SockKind};
use belay_verifier::{Verdict, verify};
use belay_vm::{
    DeviceAccess, FlowDissection, Packet, Reuseport, SkLookup, SkMsg, Sock, SockAddr, SockOps, Sockopt,
    Sysctl,
};

use crate::judge::{keep, object, ours};

const SOCKETS: &str = r#"
[[netns]]
name = "host"
[[udp]]
local = "10.0.0.2:22"
"#;

/// Programs a hook.
const PROGRAMS: u64 = 60;

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below.max(1) as u64) as usize
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        all.get(self.roll(all.len())).copied()
    }
}

/// Helpers with arguments that often fit: `S` a small number, `B` a buffer of 16 bytes that was written, `K` a socket.
const CALLS: &[(&str, &str)] = &[
    ("bpf_get_retval", ""),
    ("bpf_set_retval", "r1 = S\n"),
    ("bpf_setsockopt", "r1 = K\nr2 = S\nr3 = S\nr4 = B\nr5 = 4\n"),
    ("bpf_getsockopt", "r1 = K\nr2 = S\nr3 = S\nr4 = B\nr5 = 4\n"),
    ("bpf_sock_ops_cb_flags_set", "r1 = r6\nr2 = S\n"),
    ("bpf_msg_apply_bytes", "r1 = r6\nr2 = S\n"),
    ("bpf_msg_cork_bytes", "r1 = r6\nr2 = S\n"),
    ("bpf_msg_pull_data", "r1 = r6\nr2 = S\nr3 = S\nr4 = 0\n"),
    ("bpf_msg_push_data", "r1 = r6\nr2 = S\nr3 = S\nr4 = 0\n"),
    ("bpf_msg_pop_data", "r1 = r6\nr2 = S\nr3 = S\nr4 = 0\n"),
    ("bpf_load_hdr_opt", "r1 = r6\nr2 = B\nr3 = 16\nr4 = 0\n"),
    ("bpf_store_hdr_opt", "r1 = r6\nr2 = B\nr3 = 16\nr4 = 0\n"),
    ("bpf_reserve_hdr_opt", "r1 = r6\nr2 = S\nr3 = 0\n"),
    ("bpf_probe_read_kernel", "r1 = B\nr2 = 16\nr3 = B\n"),
    ("bpf_probe_read_kernel", "r1 = B\nr2 = 8\nr3 = S\n"),
    ("bpf_probe_read_kernel_str", "r1 = B\nr2 = 16\nr3 = B\n"),
    ("bpf_bind", "r1 = r6\nr2 = B\nr3 = 16\n"),
    ("bpf_sysctl_get_name", "r1 = r6\nr2 = B\nr3 = 16\nr4 = S\n"),
    ("bpf_sysctl_get_current_value", "r1 = r6\nr2 = B\nr3 = 16\n"),
    ("bpf_sysctl_get_new_value", "r1 = r6\nr2 = B\nr3 = 16\n"),
    ("bpf_sysctl_set_new_value", "r1 = r6\nr2 = B\nr3 = 16\n"),
    ("bpf_sk_assign", "r1 = r6\nr2 = 0\nr3 = S\n"),
    ("bpf_skb_load_bytes", "r1 = r6\nr2 = S\nr3 = B\nr4 = 16\n"),
];

/// Loads from the object of the kernel's in `r7`, and from what it points to.
fn object_loads(structure: &str, dice: &mut Dice, step: usize) -> String {
    let place = |structure: &str, path: &str| {
        let btf = KernelProfile::builtin(Release::LATEST).btf();
        let found = btf.find(structure, |kind| matches!(kind, Kind::Struct { .. })).expect("a structure");
        btf.member_at(found, path).unwrap_or_else(|| panic!("{structure}.{path}")).start
    };
    let numbers: &[(&str, u32)] = match structure {
        "sk_buff" => &[
            ("len", 32),
            ("mark", 32),
            ("protocol", 16),
            ("network_header", 16),
            ("pkt_type", 8),
            ("data_len", 8),
        ],
        _ => &[("hook", 8), ("pf", 8)],
    };
    let load = |register: u32, structure: &str, (path, bits): (&str, u32)| {
        format!("r0 = *(u{bits} *)(r{register} + {})\nr9 ^= r0\n", place(structure, path))
    };
    let ways: &[&str] = if structure == "sk_buff" { &["dev", "sk"] } else { &["in", "out"] };
    let mut text = String::new();
    for _ in 0..1 + dice.roll(3) {
        text += &dice.of(numbers).map_or_else(String::new, |number| load(7, structure, number));
    }
    let Some(way) = dice.of(ways).filter(|_| dice.roll(2) == 0) else { return text };
    text += &format!("r8 = *(u64 *)(r7 + {})\n", place(structure, way));
    match (way, dice.roll(3)) {
        ("sk", _) => {
            let number = dice.of(&[
                ("__sk_common.skc_num", 16),
                ("__sk_common.skc_rcv_saddr", 32),
                ("sk_protocol", 16),
            ]);
            let load = number.map_or_else(String::new, |number| load(8, "sock", number));
            text + &format!("if r8 == 0 goto s{step}\n{load}s{step}: r8 = 0\n")
        }
        (_, 0) => {
            text + &format!(
                "if r8 == 0 goto d{step}\n{}d{step}: r8 = 0\n",
                load(8, "net_device", ("mtu", 32))
            )
        }
        _ => {
            text + &load(8, "net_device", ("ifindex", 32)) + &load(8, "net_device", ("name", 64)) + "r8 = 0\n"
        }
    }
}

/// A program of a hook.
fn program(hook: &Hook, dice: &mut Dice) -> String {
    let access = |access| {
        let all = (0..hook.context.size as i32).flat_map(|off| [1, 2, 4, 8].map(|size| (off, size)));
        all.filter_map(|(off, size)| {
            Some((off, size, hook.context_access(Release::LATEST, off, size, access)?))
        })
        .collect::<Vec<_>>()
    };
    let (loads, stores) = (access(Access::Read), access(Access::WriteReg));
    let is_packet = |kind| matches!(kind, FieldKind::Packet | FieldKind::PacketEnd);
    let ends: Vec<_> = loads.iter().filter(|load| is_packet(load.2)).copied().collect();
    let calls: Vec<_> = CALLS
        .iter()
        .copied()
        .filter(|(name, _)| Helper::by_name(name).is_some_and(|helper| hook.allows(Release::LATEST, helper)))
        // Where a context leads to the kernel's own objects, nothing is read by its address.
        .filter(|(name, _)| hook.context.name != "bpf_nf_ctx" || !name.starts_with("bpf_probe_read"))
        .collect();
    let mut text = "r6 = r1\nr9 = 0\n*(u64 *)(r10 - 16) = 0x0a000002\n*(u64 *)(r10 - 8) = 5\n".to_owned();
    for step in 0..4 + dice.roll(12) {
        match dice.roll(6) {
            0 | 1 => {
                let Some((off, size, kind)) = dice.of(&loads) else { continue };
                text += &format!("r7 = *(u{} *)(r6 + {off})\n", size * 8);
                text += &match kind {
                    FieldKind::Scalar => "r9 ^= r7\nr9 <<= 1\n".to_owned(),
                    FieldKind::FlowKeys => {
                        format!("r1 = {}\n*(u16 *)(r7 + {}) = r1\n", dice.roll(99), 2 * dice.roll(28))
                    }
                    FieldKind::Socket { kind, .. } => {
                        let field = 4 * dice.roll(kind.structure().size as usize / 4) as i32;
                        let tcp = kind != SockKind::SockCommon && dice.roll(3) == 0;
                        let allowed =
                            Helper::by_name("bpf_tcp_sock").is_some_and(|h| hook.allows(Release::LATEST, h));
                        if tcp && allowed {
                            format!(
                                "if r7 == 0 goto n{step}\nr1 = r7\ncall bpf_tcp_sock\nif r0 == 0 goto n{step}\nr0 = *(u32 *)(r0 + 28)\nr9 ^= r0\nn{step}: r7 = 0\n"
                            )
                        } else {
                            format!(
                                "if r7 == 0 goto n{step}\nr0 = *(u32 *)(r7 + {field})\nr9 ^= r0\nn{step}: r7 = 0\n"
                            )
                        }
                    }
                    FieldKind::Structure(name) => object_loads(name, dice, step),
                    _ => String::new(),
                };
            }
            2 => {
                let Some((off, size, _)) = dice.of(&stores) else { continue };
                text += &format!("r1 = {}\n*(u{} *)(r6 + {off}) = r1\n", dice.roll(70_000), size * 8);
            }
            3 => {
                let [(data, wide, _), (end, ..)] = ends[..] else { continue };
                let len = 1 + dice.roll(40);
                text += &format!(
                    "r7 = *(u{0} *)(r6 + {data})\nr8 = *(u{0} *)(r6 + {end})\nr1 = r7\nr1 += {len}\nif r1 > r8 goto p{step}\n\
                     r0 = *(u8 *)(r7 + {1})\nr9 += r0\n",
                    wide * 8,
                    len - 1
                );
                if hook.packet_writable() && dice.roll(2) == 0 {
                    text += &format!("*(u8 *)(r7 + {}) = r9\n", len - 1);
                }
                text += &format!("p{step}: r7 = 0\n");
            }
            _ => {
                let Some((name, arguments)) = dice.of(&calls) else { continue };
                let socket = Helper::by_name(name)
                    .and_then(|helper| hook.signature(Release::LATEST, helper.id))
                    .is_some_and(|signature| {
                        signature.args.first().is_some_and(|arg| arg.kind != belay_spec::ArgKind::Context)
                    });
                let socket = if socket { "*(u64 *)(r6 + 0)" } else { "r6" };
                for line in arguments.lines() {
                    let number = dice.of(&[0, 1, 2, 4, 6, 7, 13, 36, 41, -1]).unwrap_or(0).to_string();
                    let register = line.get(..2).unwrap_or_default();
                    text += &match line.get(5..) {
                        Some("S") => format!("{register} = {number}\n"),
                        Some("B") => format!("{register} = r10\n{register} += -16\n"),
                        Some("K") => format!("{register} = {socket}\n"),
                        _ => format!("{line}\n"),
                    };
                }
                text += &format!("call {name}\nr9 ^= r0\n");
            }
        }
    }
    let allowed: Vec<i32> =
        (0..4).filter(|value| hook.return_range(Release::LATEST).contains(*value)).collect();
    let result = dice.of(&allowed).unwrap_or(1);
    format!("{text}r0 = r9\n{}r0 = {result}\nexit", keep(0))
}

/// Runs a program of a hook on an input of its family.
fn run(hook: &Hook, object: &belay_object::Object, sockets: &SocketTable) {
    let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let (v4, v6) = (at("10.0.0.2:22"), at("[fd00::2]:22"));
    let six = hook.name.ends_with('6');
    let sock = || if six { Sock::tcp6().connected(v6) } else { Sock::tcp4().connected(v4) };
    let frame: Vec<u8> = (0..80).collect();
    let group = sockets.read().sockets().next().map(belay_sockets::Socket::id);
    match hook.context.name {
        "bpf_sk_lookup" => drop(ours(object, sockets, || SkLookup::new(Protocol::Udp, v4, at("10.0.0.1:9")))),
        "sk_reuseport_md" => drop(ours(object, sockets, || Reuseport::new(&frame, group).expect("a frame"))),
        "bpf_sock_addr" => drop(ours(object, sockets, || SockAddr::new(sock(), if six { v6 } else { v4 }))),
        "bpf_sock" => drop(ours(object, sockets, sock)),
        "bpf_sock_ops" => {
            for op in [4, 13, 14, 15] {
                drop(ours(object, sockets, || {
                    let mut event = SockOps::new(op, sock());
                    event.set_header(&frame[..20], 60);
                    event.option_room = 8;
                    event
                }));
            }
        }
        "sk_msg_md" => drop(ours(object, sockets, || SkMsg::new(sock(), b"a message of some length"))),
        "bpf_sysctl" => drop(ours(object, sockets, || Sysctl {
            name: "net/ipv4/ip_forward".to_owned(),
            current: b"0\n".to_vec(),
            new: Some(b"1".to_vec()),
            ..Sysctl::default()
        })),
        "bpf_sockopt" => drop(ours(object, sockets, || {
            let mut option = Sockopt::get(1, 36, &[1, 2, 3, 4], 20);
            option.sock = sock();
            option
        })),
        "bpf_cgroup_dev_ctx" => drop(ours(object, sockets, DeviceAccess::default)),
        _ if hook.name == "flow_dissector" => {
            drop(ours(object, sockets, || FlowDissection::new(&frame).expect("a frame")));
        }
        _ => drop(ours(object, sockets, || {
            let mut packet = Packet::new(&frame).expect("a frame");
            packet.metadata.socket = group;
            packet
        })),
    }
}

#[test]
fn accepted_programs_are_clean_and_equal_on_every_context() {
    let sockets = SocketTable::from_toml("t.toml", SOCKETS).expect("well formed");
    let others = ["pt_regs", "tracepoint", "bpf_perf_event_data", "bpf_raw_tracepoint_args", "", "syscall"];
    let hooks: Vec<&Hook> = Hook::all().iter().filter(|hook| !others.contains(&hook.context.name)).collect();
    let (mut accepted, mut tried) = (0, 0);
    for (number, hook) in (0..).zip(&hooks) {
        let mut here = 0;
        for seed in 0..PROGRAMS {
            let text = program(hook, &mut Dice(number * 1_000_003 + seed));
            let object = object(hook.name, "", &text);
            let judgement = verify(&object, &object.programs[0], &belay_verifier::Options::default());
            tried += 1;
            if let Verdict::Accept(_) = judgement.verdict {
                here += 1;
                run(hook, &object, &sockets);
            }
        }
        assert!(here > PROGRAMS / 10, "{}: only {here} of {PROGRAMS} were accepted", hook.name);
        accepted += here;
    }
    eprintln!("{accepted} of {tried} programs over {} hooks were accepted", hooks.len());
}
