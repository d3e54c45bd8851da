//! The context as the kernel's own structure (`bpf_cast_to_kern_ctx`): what it says, and what it is handed to.

use std::io;
use std::os::unix::net::{UnixListener, UnixStream};

use belay_linux::{Kernel, NetNs, TestRun, test_run};
use belay_object::btf::Kind;
use belay_profile::KernelProfile;
use belay_sockets::SocketTable;
use belay_spec::Release;
use belay_vm::{Packet, Sock, SockAddr, UserAddress};

use crate::judge::{InKernel, Lab, hook, keep, object, ours, same};

/// Fields of `struct sk_buff` that packets of these hooks have here.
const FIELDS: &[&str] = &[
    "len",
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
];

#[test]
fn packets_say_the_same_as_the_kernels_own() {
    if Kernel::for_test("packets_say_the_same_as_the_kernels_own").is_none() {
        return;
    }
    let btf = KernelProfile::builtin(Release::LATEST).btf();
    let packet = btf.find("sk_buff", |kind| matches!(kind, Kind::Struct { .. })).expect("a structure");
    let mut names = Vec::new();
    let mut loads = |when: &str| {
        let mut text = "r1 = r6\ncall bpf_cast_to_kern_ctx\nr7 = r0\n".to_owned();
        for field in FIELDS {
            let lies = btf.member_at(packet, field).expect("a field");
            for off in lies.clone() {
                text += &format!("r0 = *(u8 *)(r7 + {off})\n{}", keep(names.len()));
                names.push(format!("{when}: byte {} of {field}", off - lies.start));
            }
        }
        text
    };
    let before = loads("before");
    // What the context shows, the structure has; what helpers change, too.
    let changed = "r1 = 0x11223344\n*(u32 *)(r6 + 8) = r1\nr1 = 0x55667788\n*(u32 *)(r6 + 32) = r1\nr1 = 0x1234\n*(u32 *)(r6 + 44) = r1\n\
                   r1 = r6\nr2 = 0xa888\nr3 = 0x789\ncall bpf_skb_vlan_push\nr1 = r6\nr2 = 0x9abcdef\ncall bpf_set_hash\n\
                   r1 = r6\nr2 = 50\nr3 = 0\ncall bpf_skb_change_tail\nr1 = r6\nr2 = 0\ncall bpf_skb_change_type\n";
    let after = loads("after");
    let object = object("sched_cls", "", &format!("r6 = r1\n{before}{changed}{after}r0 = 0\nexit"));
    let kernel = InKernel::load(&object);
    let netns = NetNs::with_loopback().expect("a namespace");
    let mut frame = vec![1, 0, 0x5e, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x08, 0x00, 0x45, 0, 0, 40];
    frame.resize(70, 0x5a);
    let run = TestRun { data_in: &frame, ..TestRun::default() };
    netns.run(|| test_run(kernel.program(), &run)).expect("inside").expect("it runs");
    let (ran, _) = ours(&object, &SocketTable::empty(), || Packet::new(&frame).expect("a frame"));
    same(&ran.out, &kernel.out(), &names);
}

#[test]
fn unix_sockets_connect_where_the_program_says() {
    let Some(lab) = Lab::for_test("unix_sockets_connect_where_the_program_says") else { return };
    let place = std::env::temp_dir().join(format!("belay-{}", std::process::id()));
    std::fs::create_dir_all(&place).expect("a directory");
    let (asked, real) = (place.join("asked"), place.join("real"));
    let listener = UnixListener::bind(&real).expect("bound");
    let real = real.to_str().expect("text").as_bytes().to_vec();
    let mut path = real.clone();
    path.resize(104, 0);
    let mut body = "r6 = r1\ncall bpf_cast_to_kern_ctx\nr7 = r0\n".to_owned();
    for (index, word) in path.chunks(8).enumerate() {
        let word = u64::from_ne_bytes(word.try_into().expect("eight bytes"));
        body += &format!("r1 = {word:#x} ll\n*(u64 *)(r10 - {}) = r1\n", 120 - 8 * index);
    }
    // Of no length, too long for an address, and then the real one.
    for (slot, len) in [0, 109, real.len()].into_iter().enumerate() {
        body += &format!(
            "r1 = r7\nr2 = r10\nr2 += -120\nr3 = {len}\ncall bpf_sock_addr_set_sun_path\nw0 = w0\n{}",
            keep(slot)
        );
    }
    // The socket of the call, as what it is and as what it is not.
    let btf = KernelProfile::builtin(Release::LATEST).btf();
    let unix = btf.find("unix_sock", |kind| matches!(kind, Kind::Struct { .. })).expect("a structure");
    let mut slot = 3;
    for (cast, fields) in [
        (
            "bpf_skc_to_unix_sock",
            &["sk.__sk_common.skc_family", "sk.sk_type", "sk.sk_protocol", "sk.sk_mark"][..],
        ),
        ("bpf_skc_to_tcp_sock", &[]),
        ("bpf_skc_to_udp6_sock", &[]),
    ] {
        body += &format!("r1 = *(u64 *)(r6 + 64)\ncall {cast}\nr8 = r0\nr0 = 0\nif r8 == 0 goto not{slot}\n");
        let first = slot;
        for field in fields {
            let lies = btf.member_at(unix, field).expect("a field");
            slot += 1;
            body +=
                &format!("r0 = *(u{} *)(r8 + {})\n{}", 8 * (lies.end - lies.start), lies.start, keep(slot));
        }
        body += &format!("r0 = 1\nnot{first}:\n{}", keep(first));
        slot += 1;
    }
    let name = "cgroup_sock_addr/connect_unix";
    let object = object(name, "", &format!("{body}r0 = 1\nexit"));
    let act = || -> io::Result<()> { UnixStream::connect(&asked).map(drop) };
    let (kernel, connected) = lab.watch(hook(name), &object, act);
    let sock = || Sock { family: 1, protocol: 0, ..Sock::tcp4() };
    let input = || SockAddr::unix(sock(), asked.to_str().expect("text").as_bytes());
    let (ran, after) = ours(&object, &SocketTable::empty(), input);
    drop(listener);
    std::fs::remove_dir_all(&place).expect("removed");
    same(&ran.out, &kernel, &[]);
    assert_eq!(kernel[3..8], [1, 1, 1, 0, 0], "it is a Unix socket, a stream");
    connected.expect("somebody listens at the real path");
    assert_eq!(after.address, UserAddress::Unix(real));
}
