//! The numbers and names of map kinds.

use std::fmt;

/// `enum bpf_map_type`: what a map is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MapKind(pub u32);

macro_rules! kinds {
    ($($number:literal $constant:ident $name:literal),* $(,)?) => {
        impl MapKind {
            $(#[doc = concat!("`BPF_MAP_TYPE_", stringify!($constant), "`")] pub const $constant: MapKind = MapKind($number);)*

            /// Every kind of Linux 6.18, by number.
            pub const ALL: &[MapKind] = &[$(MapKind::$constant),*];

            /// Its name as `bpftool` writes it, `lpm_trie`; none for a number that Linux 6.18 does not know.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    1 HASH "hash",
    2 ARRAY "array",
    3 PROG_ARRAY "prog_array",
    4 PERF_EVENT_ARRAY "perf_event_array",
    5 PERCPU_HASH "percpu_hash",
    6 PERCPU_ARRAY "percpu_array",
    7 STACK_TRACE "stack_trace",
    8 CGROUP_ARRAY "cgroup_array",
    9 LRU_HASH "lru_hash",
    10 LRU_PERCPU_HASH "lru_percpu_hash",
    11 LPM_TRIE "lpm_trie",
    12 ARRAY_OF_MAPS "array_of_maps",
    13 HASH_OF_MAPS "hash_of_maps",
    14 DEVMAP "devmap",
    15 SOCKMAP "sockmap",
    16 CPUMAP "cpumap",
    17 XSKMAP "xskmap",
    18 SOCKHASH "sockhash",
    19 CGROUP_STORAGE "cgroup_storage",
    20 REUSEPORT_SOCKARRAY "reuseport_sockarray",
    21 PERCPU_CGROUP_STORAGE "percpu_cgroup_storage",
    22 QUEUE "queue",
    23 STACK "stack",
    24 SK_STORAGE "sk_storage",
    25 DEVMAP_HASH "devmap_hash",
    26 STRUCT_OPS "struct_ops",
    27 RINGBUF "ringbuf",
    28 INODE_STORAGE "inode_storage",
    29 TASK_STORAGE "task_storage",
    30 BLOOM_FILTER "bloom_filter",
    31 USER_RINGBUF "user_ringbuf",
    32 CGRP_STORAGE "cgrp_storage",
    33 ARENA "arena",
}

impl MapKind {
    /// The kind of that name, `lpm_trie`.
    pub fn by_name(name: &str) -> Option<MapKind> {
        MapKind::ALL.iter().copied().find(|kind| kind.name() == Some(name))
    }

    /// The kernel's structure behind a map of that kind, whose fields programs may read.
    pub fn structure(self) -> Option<&'static str> {
        Some(match self {
            MapKind::HASH
            | MapKind::PERCPU_HASH
            | MapKind::LRU_HASH
            | MapKind::LRU_PERCPU_HASH
            | MapKind::HASH_OF_MAPS => "bpf_htab",
            MapKind::ARRAY
            | MapKind::PERCPU_ARRAY
            | MapKind::PROG_ARRAY
            | MapKind::PERF_EVENT_ARRAY
            | MapKind::CGROUP_ARRAY
            | MapKind::ARRAY_OF_MAPS => "bpf_array",
            MapKind::LPM_TRIE => "lpm_trie",
            MapKind::STACK_TRACE => "bpf_stack_map",
            MapKind::DEVMAP | MapKind::DEVMAP_HASH => "bpf_dtab",
            MapKind::SOCKMAP => "bpf_stab",
            MapKind::SOCKHASH => "bpf_shtab",
            MapKind::CPUMAP => "bpf_cpu_map",
            MapKind::XSKMAP => "xsk_map",
            MapKind::CGROUP_STORAGE | MapKind::PERCPU_CGROUP_STORAGE => "bpf_cgroup_storage_map",
            MapKind::REUSEPORT_SOCKARRAY => "reuseport_array",
            MapKind::QUEUE | MapKind::STACK => "bpf_queue_stack",
            MapKind::SK_STORAGE | MapKind::INODE_STORAGE | MapKind::TASK_STORAGE | MapKind::CGRP_STORAGE => {
                "bpf_local_storage_map"
            }
            MapKind::STRUCT_OPS => "bpf_struct_ops_map",
            MapKind::RINGBUF | MapKind::USER_RINGBUF => "bpf_ringbuf_map",
            MapKind::BLOOM_FILTER => "bpf_bloom_filter",
            MapKind::ARENA => "bpf_arena",
            _ => return None,
        })
    }

    /// Whether its values are maps.
    pub fn holds_maps(self) -> bool {
        self == MapKind::ARRAY_OF_MAPS || self == MapKind::HASH_OF_MAPS
    }
}

impl fmt::Display for MapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "map type {}", self.0),
        }
    }
}
