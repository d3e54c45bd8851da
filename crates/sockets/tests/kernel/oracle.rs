//! The kernel's own answer: a small tc program that looks a tuple up and copies out what it may read of the socket.
//!
//! Question and answer travel in the packet: the tuple at 16, the namespace argument at 56, the flags at 64; the answer
//! from 72 on, the bytes of `struct bpf_sock` at [`VIEW`] and of `struct bpf_tcp_sock` at [`TCP_VIEW`].

use std::fmt::Write;
use std::os::fd::AsFd;

use belay_isa::{CallTarget, Imm64, Symbols, assemble};
use belay_linux::{Load, Loaded, TestRun, load, test_run};
use belay_object::btf::{Btf, Kind, TypeId};
use belay_sockets::{LookupKind, Protocol, SOCK_VIEW_SIZE, TCP_VIEW_SIZE, TcpInfo, Tuple};

const TUPLE: usize = 16;
const NETNS: usize = 56;
const FLAGS: usize = 64;
const FOUND: usize = 72;
const FULL: usize = 76;
const TCP: usize = 80;
const LISTENER: usize = 84;
const LISTENER_MARK: usize = 88;
const VIEW: usize = 96;
const TCP_VIEW: usize = VIEW + SOCK_VIEW_SIZE;
const COOKIE: usize = TCP_VIEW + TCP_VIEW_SIZE;
const PACKET: usize = COOKIE + 8;

/// `BPF_PROG_TYPE_SCHED_CLS`.
const SCHED_CLS: u32 = 3;
/// `BPF_PROG_TYPE_XDP`.
const XDP: u32 = 6;

/// `BPF_F_CURRENT_NETNS`.
pub(crate) const CURRENT_NETNS: u64 = u64::MAX;

/// What the kernel found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    /// `bpf_sk_fullsock` was not NULL.
    pub(crate) full: bool,
    /// `bpf_tcp_sock` was not NULL.
    pub(crate) tcp: bool,
    /// The mark of what `bpf_get_listener_sock` returned.
    pub(crate) listener: Option<u32>,
    /// `SO_COOKIE`, which no field of `struct bpf_sock` shows: 0 if nobody has asked for it yet.
    pub(crate) cookie: u64,
    /// `struct bpf_sock`, as far as it may be read.
    pub(crate) view: [u8; SOCK_VIEW_SIZE],
    /// `struct bpf_tcp_sock`, zeros if there is none.
    pub(crate) tcp_view: [u8; TCP_VIEW_SIZE],
}

impl Answer {
    /// The 32-bit field of `struct bpf_sock` at `offset`.
    pub(crate) fn word(&self, offset: usize) -> u32 {
        word(&self.view, offset)
    }
}

pub(crate) fn word(bytes: &[u8], offset: usize) -> u32 {
    u32::from_ne_bytes(bytes[offset..offset + 4].try_into().expect("4 bytes"))
}

/// A question as a program would ask it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) protocol: Protocol,
    pub(crate) kind: LookupKind,
    pub(crate) tuple: Tuple,
    /// The device of the context; tc only, XDP runs on `lo`.
    pub(crate) ifindex: u32,
    /// The helper's namespace argument.
    pub(crate) netns: u64,
    /// The helper's flags.
    pub(crate) flags: u64,
}

/// The loaded programs.
pub(crate) struct Oracle {
    tc: Vec<Program>,
    xdp: Vec<Program>,
}

struct Program {
    protocol: Protocol,
    kind: LookupKind,
    size: usize,
    loaded: Loaded,
}

/// Helper numbers of the three lookups (the UAPI's).
const LOOKUPS: [(Protocol, LookupKind, u32); 3] = [
    (Protocol::Tcp, LookupKind::Full, 84),
    (Protocol::Udp, LookupKind::Full, 85),
    (Protocol::Tcp, LookupKind::Common, 99),
];

impl Oracle {
    pub(crate) fn new() -> Self {
        Oracle { tc: programs(SCHED_CLS), xdp: programs(XDP) }
    }

    /// Whether a listener is found by a tuple of so many bytes, the first of `tuple`. To be called inside the namespace.
    pub(crate) fn finds_of_size(size: usize, tuple: &[u8]) -> bool {
        let program = program(SCHED_CLS, 84, size, &Kernel::running());
        let mut packet = [0u8; PACKET];
        packet[12..14].fill(0xff);
        packet[TUPLE..TUPLE + tuple.len()].copy_from_slice(tuple);
        packet[NETNS..NETNS + 8].copy_from_slice(&CURRENT_NETNS.to_ne_bytes());
        let run = TestRun { data_in: &packet, ..TestRun::default() };
        word(&test_run(program.fd.as_fd(), &run).expect("the program runs").data_out, FOUND) == 1
    }

    /// Asks from a tc program. Call it inside the namespace.
    pub(crate) fn ask(&self, question: &Question) -> Option<Answer> {
        let mut context = [0u8; 192];
        context[40..44].copy_from_slice(&question.ifindex.to_ne_bytes());
        self.ask_with(&self.tc, question, &context)
    }

    /// Asks from an XDP program, whose device is `lo`.
    pub(crate) fn ask_xdp(&self, question: &Question) -> Option<Answer> {
        self.ask_with(&self.xdp, question, &[])
    }

    fn ask_with(&self, programs: &[Program], question: &Question, context: &[u8]) -> Option<Answer> {
        let tuple = question.tuple.to_bytes();
        let program = programs
            .iter()
            .find(|p| (p.protocol, p.kind, p.size) == (question.protocol, question.kind, tuple.len()))
            .expect("a program for every question");
        let mut packet = [0u8; PACKET];
        packet[12..14].fill(0xff);
        packet[TUPLE..TUPLE + tuple.len()].copy_from_slice(&tuple);
        packet[NETNS..NETNS + 8].copy_from_slice(&question.netns.to_ne_bytes());
        packet[FLAGS..FLAGS + 8].copy_from_slice(&question.flags.to_ne_bytes());
        let run = TestRun { data_in: &packet, ctx_in: context, ..TestRun::default() };
        let packet = test_run(program.loaded.fd.as_fd(), &run).expect("the program runs").data_out;
        assert_eq!(packet.len(), PACKET);
        (word(&packet, FOUND) == 1).then(|| Answer {
            full: word(&packet, FULL) == 1,
            tcp: word(&packet, TCP) == 1,
            listener: (word(&packet, LISTENER) == 1).then(|| word(&packet, LISTENER_MARK)),
            view: packet[VIEW..TCP_VIEW].try_into().expect("80 bytes"),
            tcp_view: packet[TCP_VIEW..COOKIE].try_into().expect("112 bytes"),
            cookie: u64::from_ne_bytes(packet[COOKIE..PACKET].try_into().expect("8 bytes")),
        })
    }
}

/// `struct sock_common` in the running kernel, and how a program comes to see it: by a cast that only reads.
struct Kernel {
    sock_common: TypeId,
    /// Of `skc_cookie`, in bytes.
    cookie: u32,
    cast: TypeId,
}

impl Kernel {
    fn running() -> Self {
        let btf = Btf::running_kernel().expect("the kernel's types");
        let sock_common =
            btf.find("sock_common", |kind| matches!(kind, Kind::Struct { .. })).expect("a type");
        let members = btf.get(sock_common).kind.members().expect("members");
        let cookie =
            members.iter().find(|member| member.name == "skc_cookie").expect("a field").bit_offset / 8;
        Kernel { sock_common, cookie, cast: btf.find_func("bpf_rdonly_cast").expect("a kernel function") }
    }
}

impl Symbols for Kernel {
    fn callee(&self, name: &str) -> Option<CallTarget> {
        let id = i32::try_from(self.cast.0).ok()?;
        (name == "bpf_rdonly_cast").then_some(CallTarget::Kfunc { id, btf: 0 })
    }

    fn address(&self, _name: &str, _offset: i32) -> Option<Imm64> {
        None
    }
}

fn programs(prog_type: u32) -> Vec<Program> {
    let kernel = Kernel::running();
    let mut programs = Vec::new();
    for (protocol, kind, helper) in LOOKUPS {
        for size in [Tuple::V4_SIZE, Tuple::V6_SIZE] {
            let loaded = program(prog_type, helper, size, &kernel);
            programs.push(Program { protocol, kind, size, loaded });
        }
    }
    programs
}

fn program(prog_type: u32, helper: u32, size: usize, kernel: &Kernel) -> Loaded {
    let text = text(prog_type, helper, size, kernel);
    let assembly = assemble(&text, kernel).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let request = Load { prog_type, insns: &assembly.slots, name: "sk_oracle", ..Load::default() };
    load(&request).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// The program. `struct bpf_sock` is copied in words: of a `sock_common` only the words that it has, the rest of a full socket.
fn text(prog_type: u32, helper: u32, size: usize, kernel: &Kernel) -> String {
    let (data, end) = if prog_type == XDP { (0, 4) } else { (76, 80) };
    let mut out = String::new();
    let mut line = |text: String| writeln!(out, "{text}").expect("a string takes it");
    line(format!("r7 = *(u32 *)(r1 + {data})"));
    line(format!("r8 = *(u32 *)(r1 + {end})"));
    line(format!("r2 = r7; r2 += {PACKET}"));
    line("if r2 > r8 goto out".into());
    line(format!("r4 = *(u64 *)(r7 + {NETNS}); r5 = *(u64 *)(r7 + {FLAGS})"));
    line(format!("r2 = r7; r2 += {TUPLE}; r3 = {size}; call {helper}"));
    line("if r0 == 0 goto out".into());
    line(format!("r9 = r0; *(u32 *)(r7 + {FOUND}) = 1"));
    for offset in [0, 4, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 68, 72, 76] {
        line(format!("r1 = *(u32 *)(r9 + {offset}); *(u32 *)(r7 + {}) = r1", VIEW + offset));
    }
    line(format!("r1 = r9; r2 = {}; call bpf_rdonly_cast", kernel.sock_common.0));
    line(format!("r1 = *(u64 *)(r0 + {}); *(u64 *)(r7 + {COOKIE}) = r1", kernel.cookie));
    // XDP programs may not call these three.
    if prog_type != XDP {
        line("r1 = r9; call 95; if r0 == 0 goto no_full".into());
        line(format!("*(u32 *)(r7 + {FULL}) = 1"));
        for offset in [8, 12, 16, 20] {
            line(format!("r1 = *(u32 *)(r0 + {offset}); *(u32 *)(r7 + {}) = r1", VIEW + offset));
        }
        line("no_full: r1 = r9; call 96; if r0 == 0 goto no_tcp".into());
        line(format!("*(u32 *)(r7 + {TCP}) = 1"));
        for (_, offset, width) in TcpInfo::FIELDS {
            let bits = width * 8;
            line(format!("r1 = *(u{bits} *)(r0 + {offset}); *(u{bits} *)(r7 + {}) = r1", TCP_VIEW + offset));
        }
        line("no_tcp: r1 = r9; call 98; if r0 == 0 goto no_listener".into());
        line(format!("*(u32 *)(r7 + {LISTENER}) = 1; r1 = *(u32 *)(r0 + 16)"));
        line(format!("*(u32 *)(r7 + {LISTENER_MARK}) = r1"));
    }
    line("no_listener: r1 = r9; call 86".into());
    line("out: r0 = 0; exit".into());
    out
}
