//! The kinds of map, one row each.

use super::Element::{self, ReadOnlyValue, Socket, Value};
use super::Entries::{Cpus, Pages, Positive, Zero};
use super::Sizes::{Between, MultipleOf, OneOf};
use super::{Entries, MapKind, MapRules, Sizes};
use crate::Release::{self, V6_12};
use crate::SockKind;
use crate::hook::Family;

const NO_PREALLOC: u32 = 1;
const NO_COMMON_LRU: u32 = 1 << 1;
const NUMA_NODE: u32 = 1 << 2;
/// `BPF_F_RDONLY`, `BPF_F_WRONLY`: what user space may do.
const USER: u32 = 1 << 3 | 1 << 4;
const STACK_BUILD_ID: u32 = 1 << 5;
const ZERO_SEED: u32 = 1 << 6;
/// `BPF_F_RDONLY_PROG`, `BPF_F_WRONLY_PROG`: what programs may do.
const PROG: u32 = 1 << 7 | 1 << 8;
const CLONE: u32 = 1 << 9;
const MMAPABLE: u32 = 1 << 10;
const PRESERVE_ELEMS: u32 = 1 << 11;
const INNER_MAP: u32 = 1 << 12;
const SEGV_ON_FAULT: u32 = 1 << 17;
const NO_USER_CONV: u32 = 1 << 18;
const ELEMENTS: u32 = NUMA_NODE | USER | PROG;

/// Bounded by memory only.
const LARGE: u32 = i32::MAX as u32;
const ANY_SIZE: Sizes = Between(1, LARGE);
/// The largest value that a CPU's memory holds.
const PER_CPU_SIZE: Sizes = Between(1, 32_768);
const FOUR: Sizes = OneOf(&[4]);
const FD: Sizes = OneOf(&[4, 8]);
const NONE: Sizes = Sizes::None;

const ELEMENT_HELPERS: &str = "map_lookup_elem map_update_elem map_delete_elem for_each_map_elem timer_init";
const PER_CPU_HELPERS: &str =
    "map_lookup_elem map_update_elem map_delete_elem for_each_map_elem map_lookup_percpu_elem";
const LRU_PER_CPU_HELPERS: &str = PER_CPU_HELPERS;

/// Hooks that may put sockets into a map, and take them out.
const CHANGES_SOCKMAP: Family = Family::any(&[
    Family::SOCKET_FILTER,
    Family::TC,
    Family::XDP,
    Family::SK_REUSEPORT,
    Family::FLOW_DISSECTOR,
    Family::SK_LOOKUP,
    Family::ITER,
]);
const SOCKMAP_LIMITED: &[(Family, &str)] = &[
    (CHANGES_SOCKMAP, "map_update_elem"),
    (Family::any(&[CHANGES_SOCKMAP, Family::SOCK_OPS]), "map_delete_elem"),
];

const HELD: Element = Socket { view: SockKind::Sock, acquires: true };
const XDP_SOCKET: Element = Socket { view: SockKind::XdpSock, acquires: false };

#[allow(clippy::too_many_arguments)] // one a column of the table
const fn map(
    kind: MapKind,
    key: Sizes,
    value: Sizes,
    entries: Entries,
    flags: u32,
    element: Element,
    helpers: &'static str,
) -> MapRules {
    MapRules {
        kind,
        key,
        value,
        entries,
        required_flags: 0,
        flags,
        per_cpu: false,
        element,
        direct_values: false,
        since: Release::OLDEST,
        sleepable: None,
        helpers,
        limited: &[],
    }
}

impl MapRules {
    const fn requires(mut self, flags: u32) -> MapRules {
        self.required_flags = flags;
        self
    }

    const fn per_cpu(mut self) -> MapRules {
        self.per_cpu = true;
        self
    }

    const fn direct(mut self) -> MapRules {
        self.direct_values = true;
        self
    }

    const fn sleepy(mut self) -> MapRules {
        self.sleepable = Some(Release::OLDEST);
        self
    }

    const fn sleepy_since(mut self, first: Release) -> MapRules {
        self.sleepable = Some(first);
        self
    }

    const fn since(mut self, first: Release) -> MapRules {
        self.since = first;
        self
    }

    const fn limited(mut self, limited: &'static [(Family, &'static str)]) -> MapRules {
        self.limited = limited;
        self
    }
}

#[rustfmt::skip]
pub(super) static MAPS: &[MapRules] = &[
    //  kind                           key       value         entries   flags                                lookup gives    helpers
    map(MapKind::HASH,                 ANY_SIZE, ANY_SIZE,     Positive, ELEMENTS | NO_PREALLOC | ZERO_SEED,   Value,          ELEMENT_HELPERS).sleepy(),
    map(MapKind::ARRAY,                FOUR,     ANY_SIZE,     Positive, ELEMENTS | MMAPABLE | INNER_MAP,      Value,          ELEMENT_HELPERS).sleepy().direct(),
    map(MapKind::PROG_ARRAY,           FOUR,     FOUR,         Positive, NUMA_NODE | USER,                     Element::None,  "tail_call"),
    map(MapKind::PERF_EVENT_ARRAY,     FOUR,     FOUR,         Positive, NUMA_NODE | USER | PRESERVE_ELEMS,    Element::None,
        "perf_event_output perf_event_read perf_event_read_value skb_output xdp_output"),
    map(MapKind::PERCPU_HASH,          ANY_SIZE, PER_CPU_SIZE, Positive, USER | PROG | NO_PREALLOC | ZERO_SEED, Value,         PER_CPU_HELPERS).sleepy().per_cpu(),
    map(MapKind::PERCPU_ARRAY,         FOUR,     PER_CPU_SIZE, Positive, USER | PROG,                          Value,          PER_CPU_HELPERS).sleepy().per_cpu(),
    map(MapKind::STACK_TRACE,          FOUR,     MultipleOf(8, 1016), Positive, NUMA_NODE | USER | STACK_BUILD_ID, Element::None, "get_stackid"),
    map(MapKind::CGROUP_ARRAY,         FOUR,     FOUR,         Positive, NUMA_NODE | USER,                     Element::None,  "skb_under_cgroup current_task_under_cgroup"),
    map(MapKind::LRU_HASH,             ANY_SIZE, ANY_SIZE,     Positive, ELEMENTS | NO_COMMON_LRU | ZERO_SEED, Value,          ELEMENT_HELPERS).sleepy(),
    map(MapKind::LRU_PERCPU_HASH,      ANY_SIZE, PER_CPU_SIZE, Positive, USER | PROG | NO_COMMON_LRU | ZERO_SEED, Value,       LRU_PER_CPU_HELPERS).sleepy().per_cpu(),
    map(MapKind::LPM_TRIE,             Between(5, 260), ANY_SIZE, Positive, ELEMENTS | NO_PREALLOC,            Value,          "map_lookup_elem map_update_elem map_delete_elem").requires(NO_PREALLOC),
    map(MapKind::ARRAY_OF_MAPS,        FOUR,     FOUR,         Positive, NUMA_NODE | USER,                     Element::Map,   "map_lookup_elem").sleepy(),
    map(MapKind::HASH_OF_MAPS,         ANY_SIZE, FOUR,         Positive, ELEMENTS | NO_PREALLOC | ZERO_SEED,   Element::Map,   "map_lookup_elem").sleepy(),
    map(MapKind::DEVMAP,               FOUR,     FD,           Positive, NUMA_NODE | USER,                     ReadOnlyValue,  "map_lookup_elem redirect_map"),
    map(MapKind::SOCKMAP,              FOUR,     FD,           Positive, NUMA_NODE | USER,                     HELD,
        "map_lookup_elem sk_redirect_map msg_redirect_map sock_map_update sk_select_reuseport").limited(SOCKMAP_LIMITED),
    map(MapKind::CPUMAP,               FOUR,     FD,           Cpus,     NUMA_NODE,                            Element::None,  "redirect_map"),
    map(MapKind::XSKMAP,               FOUR,     FOUR,         Positive, NUMA_NODE | USER,                     XDP_SOCKET,     "map_lookup_elem redirect_map"),
    map(MapKind::SOCKHASH,             Between(1, 512), FD,    Positive, NUMA_NODE | USER,                     HELD,
        "map_lookup_elem sk_redirect_hash msg_redirect_hash sock_hash_update sk_select_reuseport").limited(SOCKMAP_LIMITED),
    map(MapKind::CGROUP_STORAGE,       OneOf(&[8, 16]), ANY_SIZE, Zero, ELEMENTS,                              Element::None,  "get_local_storage"),
    map(MapKind::REUSEPORT_SOCKARRAY,  FOUR,     FD,           Positive, ELEMENTS,                             Element::None,  "sk_select_reuseport"),
    map(MapKind::PERCPU_CGROUP_STORAGE, OneOf(&[8, 16]), PER_CPU_SIZE, Zero, ELEMENTS,                         Element::None,  "get_local_storage").per_cpu(),
    map(MapKind::QUEUE,                NONE,     ANY_SIZE,     Positive, ELEMENTS,                             Element::None,  "map_push_elem map_pop_elem map_peek_elem").sleepy_since(V6_12),
    map(MapKind::STACK,                NONE,     ANY_SIZE,     Positive, ELEMENTS,                             Element::None,  "map_push_elem map_pop_elem map_peek_elem").sleepy_since(V6_12),
    map(MapKind::SK_STORAGE,           FOUR,     ANY_SIZE,     Zero,     NO_PREALLOC | CLONE,                  Element::None,  "sk_storage_get sk_storage_delete").requires(NO_PREALLOC).sleepy(),
    map(MapKind::DEVMAP_HASH,          FOUR,     FD,           Positive, NUMA_NODE | USER,                     ReadOnlyValue,  "map_lookup_elem redirect_map"),
    map(MapKind::RINGBUF,              NONE,     NONE,         Pages,    NUMA_NODE,                            Element::None,
        "ringbuf_output ringbuf_reserve ringbuf_reserve_dynptr ringbuf_query").sleepy(),
    map(MapKind::INODE_STORAGE,        FOUR,     ANY_SIZE,     Zero,     NO_PREALLOC | CLONE,                  Element::None,  "inode_storage_get inode_storage_delete").requires(NO_PREALLOC).sleepy(),
    map(MapKind::TASK_STORAGE,         FOUR,     ANY_SIZE,     Zero,     NO_PREALLOC | CLONE,                  Element::None,  "task_storage_get task_storage_delete").requires(NO_PREALLOC).sleepy(),
    map(MapKind::BLOOM_FILTER,         NONE,     ANY_SIZE,     Positive, ELEMENTS | ZERO_SEED,                 Element::None,  "map_push_elem map_peek_elem"),
    map(MapKind::USER_RINGBUF,         NONE,     NONE,         Pages,    NUMA_NODE,                            Element::None,  "user_ringbuf_drain").sleepy(),
    map(MapKind::CGRP_STORAGE,         FOUR,     ANY_SIZE,     Zero,     NO_PREALLOC | CLONE,                  Element::None,  "cgrp_storage_get cgrp_storage_delete").requires(NO_PREALLOC).sleepy().since(V6_12),
    map(MapKind::ARENA,                NONE,     NONE,         Positive, MMAPABLE | SEGV_ON_FAULT | NO_USER_CONV, Element::None, "").requires(MMAPABLE).sleepy().since(V6_12),
];
