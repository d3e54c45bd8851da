//! Netfilter: what a program sees of the packet's way and of the packet, through the kernel's own structures, by
//! `BPF_PROG_TEST_RUN` at every hook.

use belay_linux::{Kernel, NetNs, TestRun, test_run};
use belay_object::btf::{Btf, Kind};
use belay_profile::KernelProfile;
use belay_sockets::SocketTable;
use belay_spec::{Fate, Release};
use belay_vm::{Netfilter, NetfilterHook, Packet};

use crate::judge::{InKernel, keep, object, ours, same};

/// Fields of `struct sk_buff`, `nf_hook_state` and `net_device` that Belay has.
const PACKET: &[&str] = &[
    "len",
    "data_len",
    "pkt_type",
    "mark",
    "queue_mapping",
    "protocol",
    "vlan_tci",
    "vlan_proto",
    "priority",
    "skb_iif",
    "tc_index",
    "hash",
    "mac_header",
    "network_header",
    "transport_header",
];
const STATE: &[&str] = &["hook", "pf"];
const DEVICE: &[&str] = &["ifindex", "mtu", "name"];

fn btf() -> &'static Btf {
    KernelProfile::builtin(Release::LATEST).btf()
}

/// Where a member lies.
fn member(structure: &str, path: &str) -> std::ops::Range<u32> {
    let found = btf().find(structure, |kind| matches!(kind, Kind::Struct { .. })).expect("a structure");
    btf().member_at(found, path).unwrap_or_else(|| panic!("{structure}.{path}"))
}

/// A program as it grows.
#[derive(Default)]
struct Text {
    text: String,
    names: Vec<String>,
}

impl Text {
    fn keep(&mut self, name: String) {
        self.text += &keep(self.names.len());
        self.names.push(name);
    }

    /// Loads every part of every field of the object in a register.
    fn loads(&mut self, register: u32, structure: &str, fields: &[&str]) {
        for field in fields {
            let lies = member(structure, field);
            for size in [1, 2, 4, 8] {
                for off in lies
                    .clone()
                    .step_by(size)
                    .filter(|off| off + size as u32 <= lies.end && off % size as u32 == 0)
                {
                    self.text += &format!("r0 = *(u{} *)(r{register} + {off})\n", 8 * size);
                    self.keep(format!("{size} bytes of {structure}.{field} at {off}"));
                }
            }
        }
    }

    /// Loads a pointer; its fields, if it is one to a device, or whether it is NULL.
    fn device(&mut self, register: u32, structure: &str, field: &str) {
        let off = member(structure, field).start;
        self.text += &format!("r9 = *(u64 *)(r{register} + {off})\n");
        self.loads(9, "net_device", DEVICE);
        // A load at the end of a way that moves the pointer.
        let ifindex = member("net_device", "ifindex").start;
        self.text += &format!("r1 = r9\nr1 += 8\nr0 = *(s32 *)(r1 + {})\n", i64::from(ifindex) - 8);
        self.keep(format!("{field}->ifindex, moved"));
        let here = self.names.len();
        self.text += &format!("r0 = 0\nif r9 == 0 goto null{here}\nr0 = 1\nnull{here}:\n");
        self.keep(format!("whether there is {structure}.{field}"));
    }

    /// Slices of the packet, and bytes read from it.
    fn bytes(&mut self) {
        self.text += "r1 = r8\nr2 = 0\nr3 = r10\nr3 += -16\ncall bpf_dynptr_from_skb\nw0 = w0\n";
        self.keep("bpf_dynptr_from_skb".to_owned());
        for function in ["size", "is_rdonly"] {
            self.text += &format!("r1 = r10\nr1 += -16\ncall bpf_dynptr_{function}\nw0 = w0\n");
            self.keep(format!("bpf_dynptr_{function}"));
        }
        for off in [0, 1, 12, 30, 60] {
            let here = self.names.len();
            self.text += &format!(
                "r1 = r10\nr1 += -16\nr2 = {off}\nr3 = 0\nr4 = 8\ncall bpf_dynptr_slice\nr9 = 7\nif r0 == 0 goto none{here}\n\
                 r9 = *(u64 *)(r0 + 0)\nnone{here}: r0 = r9\n"
            );
            self.keep(format!("the slice at {off}"));
            self.text += &format!(
                "*(u64 *)(r10 - 32) = 0\nr1 = r10\nr1 += -32\nr2 = 8\nr3 = r10\nr3 += -16\nr4 = {off}\nr5 = 0\ncall bpf_dynptr_read\n"
            );
            self.keep(format!("what a read at {off} returns"));
            self.text += "r0 = *(u64 *)(r10 - 32)\n";
            self.keep(format!("what a read at {off} gives"));
        }
        self.text +=
            "r1 = r10\nr1 += -16\nr2 = 0\nr3 = r10\nr3 += -32\nr4 = 4\nr5 = 0\ncall bpf_dynptr_write\n";
        self.keep("bpf_dynptr_write".to_owned());
    }
}

fn frame(destination: [u8; 6], version: u8) -> Vec<u8> {
    let mut frame = destination.to_vec();
    frame.extend([2, 0, 0, 0, 0, 9]);
    match version {
        4 => frame.extend([0x08, 0x00, 0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]),
        _ => frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 6, 64]),
    }
    frame.resize(76, 0x5a);
    frame
}

#[test]
fn netfilter_programs_see_what_they_see_in_the_kernel() {
    if Kernel::for_test("netfilter_programs_see_what_they_see_in_the_kernel").is_none() {
        return;
    }
    let netns = NetNs::with_loopback().expect("a namespace");
    for hook in NetfilterHook::ALL {
        let made_here = hook == NetfilterHook::LocalOut;
        let mut text = Text {
            text: "r6 = r1\nr7 = *(u64 *)(r6 + 0)\nr8 = *(u64 *)(r6 + 8)\n".to_owned(),
            ..Text::default()
        };
        text.loads(7, "nf_hook_state", STATE);
        // A test run of a packet that the host has made knows of no network header.
        let fields: Vec<_> =
            PACKET.iter().copied().filter(|field| !(made_here && *field == "network_header")).collect();
        text.loads(8, "sk_buff", &fields);
        text.device(7, "nf_hook_state", "in");
        text.device(7, "nf_hook_state", "out");
        text.device(8, "sk_buff", "dev");
        text.bytes();
        for result in [0, 1] {
            let object = object("netfilter", "", &format!("{}r0 = {result}\nexit", text.text));
            let kernel = InKernel::load(&object);
            for (destination, version) in
                [([0; 6], 4), ([1, 0, 0x5e, 0, 0, 1], 4), ([0xff; 6], 6), ([2; 6], 6)]
            {
                let frame = frame(destination, version);
                // `struct nf_hook_state`: hook and family.
                let mut state = [0; 48];
                state[0] = hook as u8;
                state[1] = if version == 4 { 2 } else { 10 };
                let data_in = if made_here { &frame[14..] } else { &frame };
                let run = TestRun { data_in, ctx_in: &state, ..TestRun::default() };
                let theirs =
                    netns.run(|| test_run(kernel.program(), &run)).expect("inside").expect("it runs");
                // A test run has the same devices at every hook.
                let make = || {
                    let mut input = Netfilter::new(hook, Packet::new(&frame).expect("a frame"));
                    (input.input, input.output) = (0, 1);
                    input
                };
                let (ran, _) = ours(&object, &SocketTable::empty(), make);
                same(&ran.out, &kernel.out(), &text.names);
                let action = ran.action.expect("it returned");
                assert_eq!(action.value.cast_unsigned(), theirs.retval);
                assert_eq!(action.fate, if result == 0 { Fate::Drop } else { Fate::Pass });
            }
        }
    }
}

/// What a netfilter program does with the numbers of the devices it sees: `in`, `out`, `skb->dev`, each in eight bits.
#[test]
fn devices_are_those_of_the_packets_way() {
    let ifindex = member("net_device", "ifindex").start;
    let follow = |register: u32, structure: &str, field: &str, slot: usize| {
        let off = member(structure, field).start;
        let kept = keep(slot);
        format!("r9 = *(u64 *)(r{register} + {off})\nr0 = *(u32 *)(r9 + {ifindex})\n{kept}")
    };
    let text = format!(
        "r6 = r1\nr7 = *(u64 *)(r6 + 0)\nr8 = *(u64 *)(r6 + 8)\n{}{}{}r0 = 1\nexit",
        follow(7, "nf_hook_state", "in", 0),
        follow(7, "nf_hook_state", "out", 1),
        follow(8, "sk_buff", "dev", 2)
    );
    let object = object("netfilter", "", &text);
    let seen = |hook, change: fn(&mut Netfilter)| {
        let make = || {
            let mut packet = Packet::new(&frame([0; 6], 4)).expect("a frame");
            packet.metadata.ifindex = 7;
            let mut input = Netfilter::new(hook, packet);
            change(&mut input);
            input
        };
        ours(&object, &SocketTable::empty(), make).0.out[..3].to_vec()
    };
    assert_eq!(seen(NetfilterHook::PreRouting, |_| ()), [7, 0, 7]);
    assert_eq!(seen(NetfilterHook::LocalOut, |_| ()), [0, 7, 0]);
    assert_eq!(seen(NetfilterHook::PostRouting, |_| ()), [0, 7, 7]);
    assert_eq!(seen(NetfilterHook::Forward, |input| input.output = 9), [7, 9, 7]);
    assert_eq!(seen(NetfilterHook::Forward, |input| (input.input, input.output) = (3, 4)), [3, 4, 7]);
    // A packet alone is one that comes in.
    let (ran, _) = ours(&object, &SocketTable::empty(), || Packet::new(&frame([0; 6], 4)).expect("a frame"));
    assert_eq!(ran.out[..3], [1, 0, 1]);
}
