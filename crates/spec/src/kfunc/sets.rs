//! The sets in which kernel functions are registered: which program types may call them.

use std::fmt;

use crate::Release;

/// Sets of kernel functions (`enum btf_kfunc_hook`). A program type has one of its own, and [`KfuncSets::COMMON`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct KfuncSets(pub u16);

impl KfuncSets {
    /// No set.
    pub const NONE: KfuncSets = KfuncSets(0);
    /// For every program type.
    pub const COMMON: KfuncSets = KfuncSets(1 << 0);
    /// `xdp`.
    pub const XDP: KfuncSets = KfuncSets(1 << 1);
    /// `sched_cls`.
    pub const TC: KfuncSets = KfuncSets(1 << 2);
    /// `struct_ops`.
    pub const STRUCT_OPS: KfuncSets = KfuncSets(1 << 3);
    /// `tracing`, `lsm`, tracepoints, perf events.
    pub const TRACING: KfuncSets = KfuncSets(1 << 4);
    /// `syscall`.
    pub const SYSCALL: KfuncSets = KfuncSets(1 << 5);
    /// Not called: targets that `fmod_ret` programs may replace.
    pub const FMODRET: KfuncSets = KfuncSets(1 << 6);
    /// The cgroup program types and `sock_ops`.
    pub const CGROUP: KfuncSets = KfuncSets(1 << 7);
    /// `sched_act`.
    pub const SCHED_ACT: KfuncSets = KfuncSets(1 << 8);
    /// `sk_skb`.
    pub const SK_SKB: KfuncSets = KfuncSets(1 << 9);
    /// `socket_filter`.
    pub const SOCKET_FILTER: KfuncSets = KfuncSets(1 << 10);
    /// The `lwt` program types.
    pub const LWT: KfuncSets = KfuncSets(1 << 11);
    /// `netfilter`.
    pub const NETFILTER: KfuncSets = KfuncSets(1 << 12);
    /// `kprobe`.
    pub const KPROBE: KfuncSets = KfuncSets(1 << 13);

    /// Every set with its name in the kernel's source, in lower case.
    pub const NAMES: &[(KfuncSets, &str)] = &[
        (KfuncSets::COMMON, "common"),
        (KfuncSets::XDP, "xdp"),
        (KfuncSets::TC, "tc"),
        (KfuncSets::STRUCT_OPS, "struct_ops"),
        (KfuncSets::TRACING, "tracing"),
        (KfuncSets::SYSCALL, "syscall"),
        (KfuncSets::FMODRET, "fmodret"),
        (KfuncSets::CGROUP, "cgroup"),
        (KfuncSets::SCHED_ACT, "sched_act"),
        (KfuncSets::SK_SKB, "sk_skb"),
        (KfuncSets::SOCKET_FILTER, "socket_filter"),
        (KfuncSets::LWT, "lwt"),
        (KfuncSets::NETFILTER, "netfilter"),
        (KfuncSets::KPROBE, "kprobe"),
    ];

    /// The sets of both.
    pub const fn and(self, other: KfuncSets) -> KfuncSets {
        KfuncSets(self.0 | other.0)
    }

    /// Whether a set is in both.
    pub const fn meets(self, other: KfuncSets) -> bool {
        self.0 & other.0 != 0
    }

    /// The set of that name.
    pub fn by_name(name: &str) -> Option<KfuncSets> {
        KfuncSets::NAMES.iter().find(|(_, known)| *known == name).map(|(set, _)| *set)
    }

    /// The names of the sets.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        KfuncSets::NAMES.iter().filter(move |(set, _)| self.meets(*set)).map(|(_, name)| *name)
    }

    /// The sets that programs of a type (`enum bpf_prog_type`) draw from (measured in each release).
    pub fn of_program(release: Release, prog_type: u32) -> KfuncSets {
        let own = match prog_type {
            1 => KfuncSets::SOCKET_FILTER,
            2 => KfuncSets::KPROBE,
            3 => KfuncSets::TC,
            4 => KfuncSets::SCHED_ACT,
            // 6.1 leaves tracepoints and perf events out.
            5 | 7 if release > Release::V6_1 => KfuncSets::TRACING,
            26 | 29 => KfuncSets::TRACING,
            6 => KfuncSets::XDP,
            // `sock_ops` joined the others after 6.12.
            13 if release > Release::V6_12 => KfuncSets::CGROUP,
            8 | 9 | 15 | 18 | 23 | 25 => KfuncSets::CGROUP,
            10..=12 | 19 => KfuncSets::LWT,
            14 => KfuncSets::SK_SKB,
            27 => KfuncSets::STRUCT_OPS,
            31 => KfuncSets::SYSCALL,
            32 => KfuncSets::NETFILTER,
            _ => KfuncSets::NONE,
        };
        own.and(KfuncSets::COMMON)
    }
}

impl fmt::Debug for KfuncSets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().collect::<Vec<_>>().join(" | "))
    }
}
