//! What a section's name says of its programs: libbpf's naming, as one table.
//!
//! A name is `?` (not loaded unless asked for), then a row of the table, then, where the row allows it, `/` and a
//! target: `?fentry.s/vfs_open`. Source: libbpf's documentation of program types and ELF sections.

use belay_spec::Hook;

use crate::program::Attach;

/// A row: the name, what may follow it, and what the program is loaded as.
struct Row {
    name: &'static str,
    /// Whether `/target` may follow.
    target: bool,
    prog_type: u32,
    attach_type: u32,
    sleepable: bool,
    frags: bool,
    /// The attach type under which the kernel's verifier treats the program alike, where it is not `attach_type`.
    verified_as: Option<u32>,
}

const fn row(name: &'static str, prog_type: u32, attach_type: u32) -> Row {
    Row { name, target: false, prog_type, attach_type, sleepable: false, frags: false, verified_as: None }
}

impl Row {
    const fn target(self) -> Row {
        Row { target: true, ..self }
    }
    const fn sleepable(self) -> Row {
        Row { sleepable: true, ..self }
    }
    const fn frags(self) -> Row {
        Row { frags: true, ..self }
    }
    const fn verified_as(self, attach_type: u32) -> Row {
        Row { verified_as: Some(attach_type), ..self }
    }
}

/// `enum bpf_prog_type`.
mod prog {
    pub(super) const SOCKET_FILTER: u32 = 1;
    pub(super) const KPROBE: u32 = 2;
    pub(super) const SCHED_CLS: u32 = 3;
    pub(super) const SCHED_ACT: u32 = 4;
    pub(super) const TRACEPOINT: u32 = 5;
    pub(super) const XDP: u32 = 6;
    pub(super) const PERF_EVENT: u32 = 7;
    pub(super) const CGROUP_SKB: u32 = 8;
    pub(super) const CGROUP_SOCK: u32 = 9;
    pub(super) const LWT_IN: u32 = 10;
    pub(super) const LWT_OUT: u32 = 11;
    pub(super) const LWT_XMIT: u32 = 12;
    pub(super) const SOCK_OPS: u32 = 13;
    pub(super) const SK_SKB: u32 = 14;
    pub(super) const CGROUP_DEVICE: u32 = 15;
    pub(super) const SK_MSG: u32 = 16;
    pub(super) const RAW_TRACEPOINT: u32 = 17;
    pub(super) const CGROUP_SOCK_ADDR: u32 = 18;
    pub(super) const LWT_SEG6LOCAL: u32 = 19;
    pub(super) const LIRC_MODE2: u32 = 20;
    pub(super) const SK_REUSEPORT: u32 = 21;
    pub(super) const FLOW_DISSECTOR: u32 = 22;
    pub(super) const CGROUP_SYSCTL: u32 = 23;
    pub(super) const RAW_TRACEPOINT_WRITABLE: u32 = 24;
    pub(super) const CGROUP_SOCKOPT: u32 = 25;
    pub(super) const TRACING: u32 = 26;
    pub(super) const STRUCT_OPS: u32 = 27;
    pub(super) const EXT: u32 = 28;
    pub(super) const LSM: u32 = 29;
    pub(super) const SK_LOOKUP: u32 = 30;
    pub(super) const SYSCALL: u32 = 31;
    pub(super) const NETFILTER: u32 = 32;
}

use prog::*;

/// The second number of a row is `enum bpf_attach_type`.
static ROWS: &[Row] = &[
    row("socket", SOCKET_FILTER, 0),
    row("sk_reuseport/migrate", SK_REUSEPORT, 40),
    row("sk_reuseport", SK_REUSEPORT, 39),
    row("kprobe", KPROBE, 0).target(),
    row("uprobe", KPROBE, 0).target(),
    row("uprobe.s", KPROBE, 0).target().sleepable(),
    row("kretprobe", KPROBE, 0).target(),
    row("uretprobe", KPROBE, 0).target(),
    row("uretprobe.s", KPROBE, 0).target().sleepable(),
    row("kprobe.multi", KPROBE, 42).target().verified_as(0),
    row("kretprobe.multi", KPROBE, 42).target().verified_as(0),
    row("kprobe.session", KPROBE, 56).target(),
    row("uprobe.multi", KPROBE, 48).target().verified_as(0),
    row("uretprobe.multi", KPROBE, 48).target().verified_as(0),
    row("uprobe.session", KPROBE, 57).target().verified_as(56),
    row("uprobe.multi.s", KPROBE, 48).target().sleepable().verified_as(0),
    row("uretprobe.multi.s", KPROBE, 48).target().sleepable().verified_as(0),
    row("uprobe.session.s", KPROBE, 57).target().sleepable().verified_as(56),
    row("ksyscall", KPROBE, 0).target(),
    row("kretsyscall", KPROBE, 0).target(),
    row("usdt", KPROBE, 0).target(),
    row("usdt.s", KPROBE, 0).target().sleepable(),
    // The verifier does not ask where in tc a classifier runs.
    row("tc/ingress", SCHED_CLS, 46).verified_as(0),
    row("tc/egress", SCHED_CLS, 47).verified_as(0),
    row("tcx/ingress", SCHED_CLS, 46).verified_as(0),
    row("tcx/egress", SCHED_CLS, 47).verified_as(0),
    row("tc", SCHED_CLS, 0),
    row("classifier", SCHED_CLS, 0),
    row("action", SCHED_ACT, 0),
    row("netkit/primary", SCHED_CLS, 54).verified_as(0),
    row("netkit/peer", SCHED_CLS, 55).verified_as(0),
    row("tracepoint", TRACEPOINT, 0).target(),
    row("tp", TRACEPOINT, 0).target(),
    row("raw_tracepoint", RAW_TRACEPOINT, 0).target(),
    row("raw_tp", RAW_TRACEPOINT, 0).target(),
    row("raw_tracepoint.w", RAW_TRACEPOINT_WRITABLE, 0).target(),
    row("raw_tp.w", RAW_TRACEPOINT_WRITABLE, 0).target(),
    row("tp_btf", TRACING, 23).target(),
    row("fentry", TRACING, 24).target(),
    row("fexit", TRACING, 25).target(),
    row("fmod_ret", TRACING, 26).target(),
    row("fentry.s", TRACING, 24).target().sleepable(),
    row("fexit.s", TRACING, 25).target().sleepable(),
    row("fmod_ret.s", TRACING, 26).target().sleepable(),
    row("freplace", EXT, 0).target(),
    row("lsm", LSM, 27).target(),
    row("lsm.s", LSM, 27).target().sleepable(),
    row("lsm_cgroup", LSM, 43).target(),
    row("iter", TRACING, 28).target(),
    row("iter.s", TRACING, 28).target().sleepable(),
    row("syscall", SYSCALL, 0).sleepable(),
    // The verifier asks only whether it is a devmap program: `egress_ifindex` is readable in no other.
    row("xdp.frags/devmap", XDP, 33).frags(),
    row("xdp/devmap", XDP, 33),
    row("xdp.frags/cpumap", XDP, 35).frags().verified_as(0),
    row("xdp/cpumap", XDP, 35).verified_as(0),
    row("xdp.frags", XDP, 37).frags().verified_as(0),
    row("xdp", XDP, 37).verified_as(0),
    row("perf_event", PERF_EVENT, 0),
    row("lwt_in", LWT_IN, 0),
    row("lwt_out", LWT_OUT, 0),
    row("lwt_xmit", LWT_XMIT, 0),
    row("lwt_seg6local", LWT_SEG6LOCAL, 0),
    row("sockops", SOCK_OPS, 3),
    row("sk_skb/stream_parser", SK_SKB, 4),
    row("sk_skb/stream_verdict", SK_SKB, 5),
    row("sk_skb/verdict", SK_SKB, 38).verified_as(5),
    row("sk_skb", SK_SKB, 0).verified_as(5),
    row("sk_msg", SK_MSG, 7),
    row("lirc_mode2", LIRC_MODE2, 16),
    row("flow_dissector", FLOW_DISSECTOR, 17),
    row("cgroup_skb/ingress", CGROUP_SKB, 0),
    row("cgroup_skb/egress", CGROUP_SKB, 1),
    row("cgroup/skb", CGROUP_SKB, 0),
    row("cgroup/sock_create", CGROUP_SOCK, 2),
    row("cgroup/sock_release", CGROUP_SOCK, 34),
    row("cgroup/sock", CGROUP_SOCK, 2),
    row("cgroup/post_bind4", CGROUP_SOCK, 12),
    row("cgroup/post_bind6", CGROUP_SOCK, 13),
    row("cgroup/bind4", CGROUP_SOCK_ADDR, 8),
    row("cgroup/bind6", CGROUP_SOCK_ADDR, 9),
    row("cgroup/connect4", CGROUP_SOCK_ADDR, 10),
    row("cgroup/connect6", CGROUP_SOCK_ADDR, 11),
    row("cgroup/connect_unix", CGROUP_SOCK_ADDR, 49),
    row("cgroup/sendmsg4", CGROUP_SOCK_ADDR, 14),
    row("cgroup/sendmsg6", CGROUP_SOCK_ADDR, 15),
    row("cgroup/sendmsg_unix", CGROUP_SOCK_ADDR, 50),
    row("cgroup/recvmsg4", CGROUP_SOCK_ADDR, 19),
    row("cgroup/recvmsg6", CGROUP_SOCK_ADDR, 20),
    row("cgroup/recvmsg_unix", CGROUP_SOCK_ADDR, 51),
    row("cgroup/getpeername4", CGROUP_SOCK_ADDR, 29),
    row("cgroup/getpeername6", CGROUP_SOCK_ADDR, 30),
    row("cgroup/getpeername_unix", CGROUP_SOCK_ADDR, 52),
    row("cgroup/getsockname4", CGROUP_SOCK_ADDR, 31),
    row("cgroup/getsockname6", CGROUP_SOCK_ADDR, 32),
    row("cgroup/getsockname_unix", CGROUP_SOCK_ADDR, 53),
    row("cgroup/sysctl", CGROUP_SYSCTL, 18),
    row("cgroup/getsockopt", CGROUP_SOCKOPT, 21),
    row("cgroup/setsockopt", CGROUP_SOCKOPT, 22),
    row("cgroup/dev", CGROUP_DEVICE, 6),
    row("struct_ops", STRUCT_OPS, 0).target(),
    row("struct_ops.s", STRUCT_OPS, 0).target().sleepable(),
    row("sk_lookup", SK_LOOKUP, 36),
    row("netfilter", NETFILTER, 45),
];

/// What a section's name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionHook {
    /// The hook.
    pub attach: Attach,
    /// `enum bpf_prog_type`; 0 if the name means nothing.
    pub prog_type: u32,
    /// `enum bpf_attach_type` to load with.
    pub attach_type: u32,
    /// What follows the hook's name and its slash.
    pub target: Option<String>,
    /// Whether it is loaded without being asked for.
    pub autoload: bool,
    /// Whether it may sleep.
    pub sleepable: bool,
    /// Whether it takes packets of several buffers.
    pub frags: bool,
}

/// Reads a section's name as libbpf does.
pub fn section_hook(section: &str) -> SectionHook {
    let (autoload, name) = match section.strip_prefix('?') {
        Some(name) => (false, name),
        None => (true, section),
    };
    for row in ROWS {
        let Some(rest) = name.strip_prefix(row.name) else { continue };
        let target = match (rest.strip_prefix('/'), row.target) {
            (None, _) if rest.is_empty() => None,
            (Some(target), true) => Some(target.to_owned()),
            _ => continue,
        };
        return SectionHook {
            attach: attach(row),
            prog_type: row.prog_type,
            attach_type: row.attach_type,
            target,
            autoload,
            sleepable: row.sleepable,
            frags: row.frags,
        };
    }
    SectionHook {
        attach: Attach::Unknown,
        prog_type: 0,
        attach_type: 0,
        target: None,
        autoload,
        sleepable: false,
        frags: false,
    }
}

/// Every section name that Belay knows, without `?` and targets.
pub fn section_names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name)
}

/// The libbpf section name that loads a program of the hook, `tc` for `sched_cls`.
pub fn hook_section(hook: &Hook) -> Option<&'static str> {
    ROWS.iter().find(|row| matches!(attach(row), Attach::Hook(h) if h == hook)).map(|row| row.name)
}

fn attach(row: &Row) -> Attach {
    let attach_type = row.verified_as.unwrap_or(row.attach_type);
    let hook = Hook::all().iter().find(|h| h.prog_type == row.prog_type && h.attach_type == attach_type);
    match hook {
        Some(hook) => Attach::Hook(hook),
        None => Attach::Unmodelled { prog_type: row.prog_type, attach_type: row.attach_type },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hook_has_a_section() {
        for hook in Hook::all() {
            let section = hook_section(hook).unwrap_or_else(|| panic!("no section for {}", hook.name));
            assert_eq!(section_hook(section).attach, Attach::Hook(hook), "{section}");
        }
    }

    #[test]
    fn names_are_read_whole() {
        let read = |name| {
            let hook = section_hook(name);
            (hook.prog_type, hook.attach_type, hook.target)
        };
        let target = |name: &str| Some(name.to_owned());
        assert_eq!(read("tc"), (3, 0, None));
        assert_eq!(read("tc/ingress"), (3, 46, None));
        assert_eq!(read("tc/other"), (0, 0, None));
        assert_eq!(read("tcx"), (0, 0, None));
        assert_eq!(read("fentry"), (26, 24, None));
        assert_eq!(read("fentry/a/b"), (26, 24, target("a/b")));
        assert_eq!(read("fentryx"), (0, 0, None));
        assert_eq!(read("?lsm.s/bpf"), (29, 27, target("bpf")));
        assert_eq!(read("xdp.frags/devmap"), (6, 33, None));
        assert_eq!(read(""), (0, 0, None));
        assert_eq!(read("?"), (0, 0, None));
        assert!(!section_hook("?tc").autoload && section_hook("tc").autoload);
        assert!(section_hook("uprobe.multi.s/x:y").sleepable && section_hook("xdp.frags/cpumap").frags);
    }
}
