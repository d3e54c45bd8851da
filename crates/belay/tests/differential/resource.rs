//! What random programs acquire and must release: one table, one row a resource.
//!
//! Lines are templates: `{a|b}` is one of these at random, `CTX` the context's register, `REG` the resource's.

use crate::generate::Holds;

/// Something that a call acquires and another releases.
pub(crate) struct Resource {
    /// Sections that may acquire it.
    pub(crate) at: &'static [&'static str],
    /// The call with its arguments; the result is the resource, or NULL.
    pub(crate) acquire: &'static [&'static str],
    /// What follows once `r1` holds it.
    pub(crate) release: &'static [&'static str],
    /// What may be loaded from it.
    pub(crate) loads: &'static [&'static str],
    /// Bytes of it that may be written.
    pub(crate) bytes: i32,
    /// Whether it is a socket, which other helpers show from another side.
    pub(crate) socket: bool,
}

const SKB: &[&str] = &["tc", "cgroup_skb/egress"];
const NET: &[&str] = &["tc", "xdp", "cgroup_skb/egress"];

/// Loads from any socket; the last ones are of a width or a place that is not there.
const SOCKET: &[&str] = &[
    "*(u32 *)(REG + {4|72|24|44|16})",
    "*(u32 *)(REG + {4|72|24|44|16})",
    "*(u32 *)(REG + {4|72|24|44|16})",
    "*(u16 *)(REG + 48)",
    "*(u16 *)(REG + 48)",
    "*({u8|u16|u64} *)(REG + {4|72|24|44})",
];

pub(crate) const RESOURCES: &[Resource] = &[
    Resource {
        at: NET,
        // A tuple of zeros but for the destination port, now and then that of a listener.
        acquire: &[
            "*(u64 *)(r10 - 16) = 0",
            "*(u64 *)(r10 - 8) = {0|369098752}",
            "r1 = CTX",
            "r2 = r10",
            "r2 += -{16|16|16|16|12|8}",
            "r3 = 12",
            "r4 = {0|-1}",
            "r5 = 0",
            "call bpf_sk_lookup_{tcp|udp}",
        ],
        release: &["call bpf_sk_release"],
        loads: SOCKET,
        bytes: 0,
        socket: true,
    },
    Resource {
        at: &["tc", "xdp"],
        acquire: &[
            "*(u64 *)(r10 - 16) = 0",
            "*(u64 *)(r10 - 8) = {0|369098752}",
            "r1 = CTX",
            "r2 = r10",
            "r2 += -16",
            "r3 = {12|12|12|36}",
            "r4 = -1",
            "r5 = 0",
            "call bpf_skc_lookup_tcp",
        ],
        release: &["call bpf_sk_release"],
        loads: SOCKET,
        bytes: 0,
        socket: true,
    },
    Resource {
        at: NET,
        acquire: &["r1 = ring ll", "r2 = 16", "r3 = 0", "call bpf_ringbuf_reserve"],
        release: &["r2 = 0", "call bpf_ringbuf_{submit|discard}"],
        loads: &["*(u64 *)(REG + {0|8})"],
        bytes: 16,
        socket: false,
    },
    Resource {
        at: &["tc"],
        acquire: &[
            "*(u64 *)(r10 - 96) = 0",
            "*(u64 *)(r10 - 104) = 0",
            "*(u64 *)(r10 - 112) = -1",
            "*(u64 *)(r10 - 120) = 0",
            "r1 = CTX",
            "r2 = r10",
            "r2 += -104",
            "r3 = {12|12|12|36}",
            "r4 = r10",
            "r4 += -120",
            "r5 = {12|12|16|8}",
            "call bpf_skb_ct_lookup",
        ],
        release: &["call bpf_ct_release"],
        loads: &["*(u32 *)(REG + {0|4})"],
        bytes: 0,
        socket: false,
    },
    Resource {
        at: &["raw_tp/sys_enter"],
        acquire: &["r1 = {1|2|100000}", "call bpf_task_from_{pid|pid|vpid}"],
        release: &["call bpf_task_release"],
        loads: &["*(u32 *)(REG + {0|8|44})", "*(u64 *)(REG + 16)"],
        bytes: 0,
        socket: false,
    },
    Resource {
        at: &["raw_tp/sys_enter"],
        acquire: &["r1 = {1|2}", "call bpf_cgroup_from_id"],
        release: &["call bpf_cgroup_release"],
        loads: &["*(u64 *)(REG + {0|8|16})"],
        bytes: 0,
        socket: false,
    },
];

/// A part of a program that a call opens and another closes.
pub(crate) struct Section {
    pub(crate) at: &'static [&'static str],
    pub(crate) open: &'static str,
    pub(crate) close: &'static str,
}

pub(crate) const SECTIONS: &[Section] = &[
    Section { at: &[], open: "bpf_rcu_read_lock", close: "bpf_rcu_read_unlock" },
    Section { at: &[], open: "bpf_preempt_disable", close: "bpf_preempt_enable" },
];

/// An object on the stack, from the call that makes it to the one that ends it; what stands between may do anything.
pub(crate) struct OnStack {
    pub(crate) at: &'static [&'static str],
    pub(crate) make: &'static [&'static str],
    /// Calls that give memory of so many bytes, or NULL; or a number.
    pub(crate) uses: &'static [(&'static [&'static str], Holds)],
    pub(crate) end: &'static [&'static str],
}

pub(crate) const ON_STACK: &[OnStack] = &[
    OnStack {
        at: NET,
        make: &[
            "r1 = ring ll",
            "r2 = {16|16|32}",
            "r3 = 0",
            "r4 = r10",
            "r4 += -{136|136|136|132}",
            "call bpf_ringbuf_reserve_dynptr",
        ],
        uses: &[
            (
                &["r1 = r10", "r1 += -136", "r2 = {0|4|8}", "r3 = {8|8|16}", "call bpf_dynptr_data"],
                Holds::MaybeSlice,
            ),
            (
                &[
                    "*(u64 *)(r10 - 144) = 1",
                    "r1 = r10",
                    "r1 += -136",
                    "r2 = {0|4|8}",
                    "r3 = r10",
                    "r3 += -144",
                    "r4 = {8|8|4|16}",
                    "r5 = 0",
                    "call bpf_dynptr_write",
                ],
                Holds::Number,
            ),
            (
                &[
                    "r1 = r10",
                    "r1 += -{144|152|136}",
                    "r2 = {8|16}",
                    "r3 = r10",
                    "r3 += -136",
                    "r4 = {0|4}",
                    "r5 = 0",
                    "call bpf_dynptr_read",
                ],
                Holds::Number,
            ),
        ],
        end: &["r1 = r10", "r1 += -136", "r2 = 0", "call bpf_ringbuf_{submit|discard}_dynptr"],
    },
    OnStack {
        at: SKB,
        make: &["r1 = CTX", "r2 = 0", "r3 = r10", "r3 += -136", "call bpf_dynptr_from_skb"],
        uses: &[(
            &[
                "r1 = r10",
                "r1 += -136",
                "r2 = {0|14}",
                "r3 = r10",
                "r3 += -160",
                "r4 = {8|16|16|24}",
                "call bpf_dynptr_slice{||_rdwr}",
            ],
            Holds::MaybeSlice,
        )],
        end: &[],
    },
];
