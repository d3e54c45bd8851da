//! Pointers among the arguments of typed contexts: how far they may be relied on, beyond what the kernel's types say.
//!
//! Measured on 6.18 by loading every argument of every tracepoint and iterator that this kernel has, and following it.

use super::{Hook, TargetKind};

/// What a pointer in an argument is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Argument {
    /// A pointer to the structure that the kernel's types name.
    Object {
        /// Whether it is trusted.
        trusted: bool,
        /// Whether it may be NULL.
        nullable: bool,
    },
    /// A key or value of the map that is iterated over, or NULL; its size is known when the program attaches.
    Buffer {
        /// Whether it may only be read.
        read_only: bool,
    },
}

const TRUSTED: Argument = Argument::Object { trusted: true, nullable: false };
const TRUSTED_OR_NULL: Argument = Argument::Object { trusted: true, nullable: true };
const PLAIN: Argument = Argument::Object { trusted: false, nullable: false };
const PLAIN_OR_NULL: Argument = Argument::Object { trusted: false, nullable: true };
const KEY: Argument = Argument::Buffer { read_only: true };
const VALUE: Argument = Argument::Buffer { read_only: false };

/// The arguments of an iterator after the first, which is trusted; numbers have no entry of meaning.
#[rustfmt::skip]
static ITERATORS: &[(&str, &[Argument])] = &[
    ("bpf_link",           &[PLAIN_OR_NULL]),
    ("bpf_map",            &[TRUSTED_OR_NULL]),
    ("bpf_map_elem",       &[TRUSTED, KEY, VALUE]),
    ("bpf_prog",           &[PLAIN_OR_NULL]),
    ("bpf_sk_storage_map", &[TRUSTED, PLAIN_OR_NULL, VALUE]),
    ("cgroup",             &[TRUSTED_OR_NULL]),
    ("dmabuf",             &[PLAIN_OR_NULL]),
    ("ipv6_route",         &[PLAIN_OR_NULL]),
    ("kmem_cache",         &[TRUSTED_OR_NULL]),
    ("ksym",               &[PLAIN_OR_NULL]),
    ("netlink",            &[PLAIN_OR_NULL]),
    ("sockmap",            &[TRUSTED, KEY, PLAIN_OR_NULL]),
    ("task",               &[TRUSTED_OR_NULL]),
    ("task_file",          &[PLAIN_OR_NULL, PLAIN, PLAIN_OR_NULL]),
    ("task_vma",           &[PLAIN_OR_NULL, PLAIN_OR_NULL]),
    ("tcp",                &[TRUSTED_OR_NULL, PLAIN]),
    ("udp",                &[TRUSTED_OR_NULL, PLAIN, PLAIN]),
    ("unix",               &[PLAIN_OR_NULL, PLAIN]),
];

/// The arguments of tracepoints that may be NULL, one bit each.
#[rustfmt::skip]
static NULLABLE: &[(&str, u32)] = &[
    ("break_lease_block", 0b10),
    ("break_lease_noblock", 0b10),
    ("break_lease_unblock", 0b10),
    ("ext4_mballoc_discard", 0b10),
    ("ext4_mballoc_free", 0b10),
    ("fcntl_setlk", 0b10),
    ("fib_table_lookup", 0b100),
    ("flock_lock_inode", 0b10),
    ("folio_wait_writeback", 0b10),
    ("generic_delete_lease", 0b10),
    ("hugetlbfs_alloc_inode", 0b10),
    ("kfree_skb", 0b1000),
    ("locks_remove_posix", 0b10),
    ("mm_collapse_huge_page_isolate", 0b1),
    ("mm_khugepaged_collapse_file", 0b10),
    ("mm_khugepaged_scan_file", 0b10),
    ("mm_khugepaged_scan_pmd", 0b10),
    ("mm_page_alloc", 0b1),
    ("mm_page_alloc_zone_locked", 0b1),
    ("mm_page_pcpu_drain", 0b1),
    ("posix_lock_inode", 0b10),
    ("qdisc_dequeue", 0b1000),
    ("sched_pi_setprio", 0b10),
    ("sched_stick_numa", 0b100),
    ("sched_swap_numa", 0b100),
    ("tcp_send_reset", 0b11),
    ("tcp_sendmsg_locked", 0b100),
    ("time_out_leases", 0b10),
    ("tmigr_update_events", 0b1),
    ("writeback_dirty_folio", 0b10),
    ("xfs_blockgc_flush_all", 0b1),
    ("xfs_blockgc_free_space", 0b10),
    ("xfs_blockgc_start", 0b1),
    ("xfs_blockgc_stop", 0b1),
    ("xfs_blockgc_worker", 0b1),
    ("xfs_btree_overlapped_query_range", 0b100),
    ("xfs_btree_updkeys", 0b100),
    ("xfs_defer_add_item", 0b1),
    ("xfs_defer_cancel_item", 0b1),
    ("xfs_defer_cancel_list", 0b1),
    ("xfs_defer_create_intent", 0b1),
    ("xfs_defer_finish_item", 0b1),
    ("xfs_defer_isolate_paused", 0b1),
    ("xfs_defer_item_pause", 0b1),
    ("xfs_defer_item_unpause", 0b1),
    ("xfs_defer_pending_abort", 0b1),
    ("xfs_defer_pending_finish", 0b1),
    ("xfs_defer_relog_intent", 0b1),
    ("xfs_fs_sync_fs", 0b1),
    ("xfs_inodegc_flush", 0b1),
    ("xfs_inodegc_push", 0b1),
    ("xfs_inodegc_queue", 0b1),
    ("xfs_inodegc_start", 0b1),
    ("xfs_inodegc_stop", 0b1),
    ("xfs_inodegc_throttle", 0b1),
    ("xfs_ioc_free_eofblocks", 0b10),
    ("xfs_map_blocks_alloc", 0b10000),
    ("xfs_map_blocks_found", 0b10000),
];

/// The security hooks whose objects are being made or freed.
static UNTRUSTED_SECURITY_HOOKS: &[&str] = &[
    "bpf_map_free",
    "bpf_prog_free",
    "file_alloc_security",
    "file_free_security",
    "sk_alloc_security",
    "sk_free_security",
    "task_free",
];

/// Arguments of structure members that may be NULL, by the kernel's own stubs for them.
static NULLABLE_IN_MEMBERS: &[(&str, u32)] = &[("bpf_dummy_ops.test_1", 0)];

impl Hook {
    /// What a pointer in that argument (counted from 0) is at this target; `None` where that is not known.
    pub fn argument(&self, target: &str, index: u32) -> Option<Argument> {
        Some(match self.target_kind() {
            TargetKind::Tracepoint => {
                let row = NULLABLE.iter().find(|(name, _)| *name == target);
                let nullable = row.is_some_and(|(_, mask)| mask.checked_shr(index).unwrap_or(0) & 1 == 1);
                Argument::Object { trusted: true, nullable }
            }
            TargetKind::Iterator => {
                let (_, arguments) = ITERATORS.iter().find(|(name, _)| *name == target)?;
                match index.checked_sub(1) {
                    None => TRUSTED,
                    Some(index) => *arguments.get(index as usize)?,
                }
            }
            TargetKind::SecurityHook if UNTRUSTED_SECURITY_HOOKS.contains(&target) => PLAIN,
            TargetKind::SecurityHook => TRUSTED,
            TargetKind::Member if NULLABLE_IN_MEMBERS.contains(&(target, index)) => TRUSTED_OR_NULL,
            TargetKind::Member => TRUSTED,
            TargetKind::Function => PLAIN,
            TargetKind::None | TargetKind::Program => return None,
        })
    }

    /// The structure as which programs at this target see another one.
    pub fn promoted(&self, target: &str, structure: &str) -> Option<&'static str> {
        let congestion_control =
            self.target_kind() == TargetKind::Member && target.starts_with("tcp_congestion_ops.");
        (congestion_control && structure == "sock").then_some("tcp_sock")
    }

    /// Whether the target's result stands behind its arguments.
    pub fn sees_result(&self) -> bool {
        matches!(self.name, "tracing/fexit" | "tracing/modify_return" | "lsm/mac" | "lsm/cgroup")
    }
}
