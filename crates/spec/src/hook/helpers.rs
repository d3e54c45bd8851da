//! Which helpers each hook may call.
//!
//! Helpers come in groups: all of a group are open to the same hooks. A group that later releases opened to more hooks
//! has a row for each step. The rows are tested against the measured facts for every hook, release and number.

use std::sync::LazyLock;

use crate::Release::{V6_1, V6_12, V6_18};
use crate::{Helper, Release};

/// Hooks that may call the same helpers, as one bit; or several such families, as a set of bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Family(u64);

impl Family {
    pub(crate) const SOCKET_FILTER: Family = Family(1);
    pub(crate) const KPROBE: Family = Family(1 << 1);
    pub(crate) const TC: Family = Family(1 << 2);
    pub(crate) const XDP: Family = Family(1 << 3);
    pub(crate) const PERF_EVENT: Family = Family(1 << 4);
    pub(crate) const CGROUP_SKB: Family = Family(1 << 5);
    pub(crate) const CGROUP_SOCK: Family = Family(1 << 6);
    pub(crate) const LWT_IN: Family = Family(1 << 7);
    pub(crate) const LWT_OUT: Family = Family(1 << 8);
    pub(crate) const LWT_XMIT: Family = Family(1 << 9);
    pub(crate) const SOCK_OPS: Family = Family(1 << 10);
    pub(crate) const SK_SKB: Family = Family(1 << 11);
    pub(crate) const CGROUP_DEVICE: Family = Family(1 << 12);
    pub(crate) const SK_MSG: Family = Family(1 << 13);
    pub(crate) const RAW_TRACEPOINT: Family = Family(1 << 14);
    /// `bind4`, `bind6`, `sendmsg4`, `sendmsg6`.
    pub(crate) const ADDR_BIND_SEND: Family = Family(1 << 15);
    /// `connect4`, `connect6`.
    pub(crate) const ADDR_CONNECT: Family = Family(1 << 16);
    /// `recvmsg*`, `getpeername*`, `getsockname*`.
    pub(crate) const ADDR_NAME: Family = Family(1 << 17);
    pub(crate) const LWT_SEG6LOCAL: Family = Family(1 << 18);
    pub(crate) const SK_REUSEPORT: Family = Family(1 << 19);
    pub(crate) const FLOW_DISSECTOR: Family = Family(1 << 20);
    pub(crate) const CGROUP_SYSCTL: Family = Family(1 << 21);
    pub(crate) const GETSOCKOPT: Family = Family(1 << 22);
    pub(crate) const SETSOCKOPT: Family = Family(1 << 23);
    pub(crate) const SK_LOOKUP: Family = Family(1 << 24);
    pub(crate) const SYSCALL: Family = Family(1 << 25);
    pub(crate) const NETFILTER: Family = Family(1 << 26);
    pub(crate) const TP_BTF: Family = Family(1 << 27);
    /// `fentry` and `fexit`.
    pub(crate) const FENTRY: Family = Family(1 << 28);
    pub(crate) const MODIFY_RETURN: Family = Family(1 << 29);
    pub(crate) const ITER: Family = Family(1 << 30);
    pub(crate) const LSM: Family = Family(1 << 31);
    pub(crate) const LSM_CGROUP: Family = Family(1 << 32);
    /// Members of `struct tcp_congestion_ops`.
    pub(crate) const TCP_CONGESTION: Family = Family(1 << 33);
    /// `getpeername_unix`, `getsockname_unix`.
    pub(crate) const ADDR_UNIX_NAME: Family = Family(1 << 34);

    const COUNT: u32 = 35;

    pub(crate) const ALL: Family = Family((1 << Family::COUNT) - 1);
    pub(crate) const TRACING: Family = Family::any(&[
        Family::KPROBE,
        Family::PERF_EVENT,
        Family::RAW_TRACEPOINT,
        Family::SYSCALL,
        Family::BTF_TRACING,
    ]);
    /// Programs whose context is typed by the kernel's BTF.
    pub(crate) const BTF_TRACING: Family = Family::any(&[
        Family::TP_BTF,
        Family::FENTRY,
        Family::MODIFY_RETURN,
        Family::ITER,
        Family::LSM,
        Family::LSM_CGROUP,
    ]);
    pub(crate) const SOCK_ADDR: Family = Family::any(&[
        Family::ADDR_BIND_SEND,
        Family::ADDR_CONNECT,
        Family::ADDR_NAME,
        Family::ADDR_UNIX_NAME,
    ]);
    pub(crate) const SOCKOPT: Family = Family::any(&[Family::GETSOCKOPT, Family::SETSOCKOPT]);
    pub(crate) const LWT: Family =
        Family::any(&[Family::LWT_IN, Family::LWT_OUT, Family::LWT_XMIT, Family::LWT_SEG6LOCAL]);
    /// Hooks that see packets (or a socket's bytes) outside the context of a task.
    pub(crate) const SOFTIRQ: Family = Family::any(&[
        Family::SOCKET_FILTER,
        Family::TC,
        Family::XDP,
        Family::CGROUP_SKB,
        Family::LWT,
        Family::SOCK_OPS,
        Family::SK_SKB,
        Family::SK_REUSEPORT,
        Family::FLOW_DISSECTOR,
        Family::SK_LOOKUP,
        Family::NETFILTER,
        Family::TCP_CONGESTION,
    ]);

    /// The union of several sets.
    pub(crate) const fn any(families: &[Family]) -> Family {
        let mut bits = 0;
        let mut i = 0;
        while i < families.len() {
            bits |= families[i].0;
            i += 1;
        }
        Family(bits)
    }

    /// Every family outside of these sets.
    pub(crate) const fn all_but(families: &[Family]) -> Family {
        Family(Family::ALL.0 & !Family::any(families).0)
    }

    /// Whether the two sets share a family.
    pub(crate) fn meets(self, other: Family) -> bool {
        self.0 & other.0 != 0
    }
}

use Family as F;

/// One row: these helpers are open to these hooks, from one release to another.
struct Row {
    hooks: Family,
    first: Release,
    last: Release,
    helpers: &'static str,
}

/// Open in every release.
const fn open(hooks: Family, helpers: &'static str) -> Row {
    Row { hooks, first: V6_1, last: V6_18, helpers }
}

/// Open from a release on.
const fn since(first: Release, hooks: Family, helpers: &'static str) -> Row {
    Row { hooks, first, last: V6_18, helpers }
}

/// Open up to and with a release.
const fn until(last: Release, hooks: Family, helpers: &'static str) -> Row {
    Row { hooks, first: V6_1, last, helpers }
}

#[rustfmt::skip]
static ROWS: &[Row] = &[
    // Every hook: maps, time, random, strings, ring buffers, dynptrs, timers, loops.
    open(F::ALL, "map_lookup_elem map_update_elem map_delete_elem map_push_elem map_pop_elem map_peek_elem
               map_lookup_percpu_elem for_each_map_elem loop tail_call spin_lock spin_unlock kptr_xchg
               get_prandom_u32 get_smp_processor_id get_numa_node_id per_cpu_ptr this_cpu_ptr
               ktime_get_ns ktime_get_boot_ns ktime_get_tai_ns jiffies64
               timer_init timer_set_callback timer_start timer_cancel
               strtol strtoul strncmp snprintf snprintf_btf trace_printk trace_vprintk
               ringbuf_output ringbuf_reserve ringbuf_submit ringbuf_discard ringbuf_query user_ringbuf_drain
               dynptr_from_mem dynptr_read dynptr_write dynptr_data
               ringbuf_reserve_dynptr ringbuf_submit_dynptr ringbuf_discard_dynptr
               get_current_task get_current_task_btf task_pt_regs
               probe_read_user probe_read_kernel probe_read_user_str probe_read_kernel_str"),
    since(V6_12, F::ALL, "cgrp_storage_get cgrp_storage_delete"),
    open(F::all_but(&[F::SK_REUSEPORT, F::FLOW_DISSECTOR, F::NETFILTER, F::TCP_CONGESTION]), "perf_event_output"),
    open(F::all_but(&[F::TRACING, F::CGROUP_DEVICE, F::SOCKOPT, F::NETFILTER]), "ktime_get_coarse_ns"),

    // The current task: first for tracing and cgroup hooks, later for all.
    open(F::all_but(&[F::SOFTIRQ]), "get_current_pid_tgid get_current_cgroup_id get_current_ancestor_cgroup_id"),
    since(V6_12, F::SOFTIRQ,     "get_current_pid_tgid get_current_cgroup_id get_current_ancestor_cgroup_id"),
    open(F::all_but(&[F::SOFTIRQ]), "get_current_uid_gid"),
    since(V6_18, F::SOFTIRQ,     "get_current_uid_gid"),
    open(F::all_but(&[F::SOFTIRQ, F::SK_MSG]),     "get_current_comm"),
    since(V6_18, F::any(&[F::SOFTIRQ, F::SK_MSG]), "get_current_comm"),
    open(F::TRACING,             "get_ns_current_pid_tgid"),
    since(V6_12, F::ALL,         "get_ns_current_pid_tgid"),
    open(F::TRACING, "current_task_under_cgroup"),
    since(V6_12, F::any(&[F::CGROUP_SOCK, F::CGROUP_DEVICE, F::CGROUP_SYSCTL, F::SOCK_ADDR, F::SOCKOPT]),
                  "current_task_under_cgroup"),
    since(V6_18, F::ALL, "current_task_under_cgroup"),
    open(F::any(&[F::TC, F::LWT, F::CGROUP_SOCK, F::CGROUP_DEVICE, F::CGROUP_SYSCTL, F::SK_MSG,
               F::SOCK_ADDR, F::SOCKOPT]), "get_cgroup_classid"),
    since(V6_18, F::ALL, "get_cgroup_classid"),

    // Tracing: first for tracing hooks, later for all.
    open(F::TRACING, "perf_event_read perf_event_read_value send_signal send_signal_thread get_task_stack
                   copy_from_user copy_from_user_task task_storage_get task_storage_delete get_branch_snapshot find_vma"),
    since(V6_18, F::ALL, "perf_event_read perf_event_read_value send_signal send_signal_thread get_task_stack
                   copy_from_user copy_from_user_task task_storage_get task_storage_delete get_branch_snapshot find_vma"),
    open(F::TRACING, "probe_read probe_read_str get_stackid get_stack get_func_ip"),
    until(V6_12, F::TRACING, "probe_write_user"),
    open(F::any(&[F::KPROBE, F::PERF_EVENT, F::FENTRY, F::MODIFY_RETURN, F::LSM]), "get_attach_cookie"),
    since(V6_12, F::any(&[F::RAW_TRACEPOINT, F::TP_BTF]), "get_attach_cookie"),
    open(F::PERF_EVENT, "perf_prog_read_value read_branch_records"),
    open(F::SYSCALL, "sys_bpf sys_close btf_find_by_name_kind kallsyms_lookup_name"),
    open(F::any(&[F::SYSCALL, F::BTF_TRACING]), "skb_output xdp_output sock_from_file"),
    open(F::any(&[F::FENTRY, F::MODIFY_RETURN, F::LSM]), "get_func_arg get_func_ret get_func_arg_cnt"),
    open(F::ITER, "seq_printf seq_write seq_printf_btf d_path"),
    open(F::any(&[F::LSM, F::LSM_CGROUP]), "inode_storage_get inode_storage_delete bprm_opts_set"),

    // Sockets: look one up, cast it, ask it.
    open(F::any(&[F::TC, F::XDP, F::CGROUP_SKB, F::SK_SKB, F::SOCK_ADDR]),
         "sk_lookup_tcp sk_lookup_udp skc_lookup_tcp"),
    open(F::any(&[F::TC, F::XDP, F::CGROUP_SKB, F::SK_SKB, F::SOCK_ADDR, F::SK_LOOKUP]), "sk_release"),
    open(F::any(&[F::TC, F::SK_LOOKUP]), "sk_assign"),
    open(F::any(&[F::TC, F::CGROUP_SKB]), "sk_fullsock get_listener_sock"),
    open(F::any(&[F::TC, F::CGROUP_SKB, F::SOCK_OPS, F::SOCKOPT]), "tcp_sock"),
    open(F::all_but(&[F::KPROBE, F::PERF_EVENT, F::RAW_TRACEPOINT, F::CGROUP_SOCK,
                   F::CGROUP_DEVICE, F::SK_REUSEPORT, F::CGROUP_SYSCTL, F::SOCKOPT, F::NETFILTER, F::TCP_CONGESTION]),
         "skc_to_tcp_sock skc_to_tcp6_sock skc_to_tcp_timewait_sock skc_to_tcp_request_sock skc_to_udp6_sock
          skc_to_unix_sock skc_to_mptcp_sock"),
    open(F::any(&[F::SOCKET_FILTER, F::TC, F::CGROUP_SKB, F::CGROUP_SOCK, F::SOCK_OPS, F::SK_SKB,
               F::SOCK_ADDR, F::SK_REUSEPORT, F::SYSCALL, F::BTF_TRACING]), "get_socket_cookie"),
    open(F::any(&[F::CGROUP_SOCK, F::SOCK_OPS, F::SK_MSG, F::SOCK_ADDR, F::SOCKOPT]), "get_netns_cookie"),
    since(V6_18, F::any(&[F::SOCKET_FILTER, F::TC, F::CGROUP_SKB]), "get_netns_cookie"),
    open(F::any(&[F::SOCKET_FILTER, F::TC, F::CGROUP_SKB, F::SK_SKB]), "get_socket_uid"),
    open(F::any(&[F::TC, F::CGROUP_SKB, F::CGROUP_SOCK, F::SOCK_OPS, F::SK_MSG, F::SOCK_ADDR, F::SOCKOPT, F::BTF_TRACING,
               F::TCP_CONGESTION]), "sk_storage_get"),
    open(F::any(&[F::TC, F::CGROUP_SKB, F::SOCK_OPS, F::SK_MSG, F::SOCK_ADDR, F::SOCKOPT, F::BTF_TRACING, F::TCP_CONGESTION]),
         "sk_storage_delete"),
    open(F::TCP_CONGESTION, "tcp_send_ack"),
    open(F::any(&[F::SOCK_OPS, F::ADDR_BIND_SEND, F::ADDR_CONNECT, F::ADDR_NAME, F::SETSOCKOPT]), "setsockopt getsockopt"),
    since(V6_18, F::ADDR_UNIX_NAME, "setsockopt getsockopt"),
    // At some targets only: see `target`.
    open(F::any(&[F::ITER, F::LSM_CGROUP, F::TCP_CONGESTION]), "setsockopt getsockopt"),
    open(F::any(&[F::FENTRY, F::MODIFY_RETURN, F::TP_BTF, F::LSM, F::LSM_CGROUP]), "d_path"),
    open(F::any(&[F::LSM, F::LSM_CGROUP]), "ima_inode_hash ima_file_hash"),
    open(F::ADDR_CONNECT, "bind"),
    open(F::any(&[F::TC, F::CGROUP_SKB]), "skb_ecn_set_ce"),
    open(F::any(&[F::TC, F::XDP]), "tcp_check_syncookie tcp_gen_syncookie
          tcp_raw_gen_syncookie_ipv4 tcp_raw_gen_syncookie_ipv6 tcp_raw_check_syncookie_ipv4 tcp_raw_check_syncookie_ipv6"),
    open(F::SK_REUSEPORT, "sk_select_reuseport"),
    open(F::SOCK_OPS, "sock_map_update sock_hash_update sock_ops_cb_flags_set load_hdr_opt store_hdr_opt reserve_hdr_opt"),
    open(F::SK_SKB, "sk_redirect_map sk_redirect_hash"),
    open(F::SK_MSG, "msg_redirect_map msg_redirect_hash msg_apply_bytes msg_cork_bytes msg_pull_data msg_push_data
                          msg_pop_data"),

    // Packets: read, write, send elsewhere.
    open(F::any(&[F::SOCKET_FILTER, F::TC, F::CGROUP_SKB, F::LWT, F::SK_SKB, F::SK_REUSEPORT,
               F::FLOW_DISSECTOR]), "skb_load_bytes"),
    open(F::any(&[F::SOCKET_FILTER, F::TC, F::CGROUP_SKB, F::SK_REUSEPORT]), "skb_load_bytes_relative"),
    open(F::any(&[F::TC, F::LWT_IN, F::LWT_OUT, F::LWT_XMIT, F::SK_SKB]), "skb_pull_data"),
    since(V6_18, F::LWT_SEG6LOCAL, "skb_pull_data"),
    open(F::any(&[F::TC, F::LWT_XMIT, F::SK_SKB]), "skb_store_bytes skb_change_tail skb_change_head"),
    open(F::any(&[F::TC, F::SK_SKB]), "skb_adjust_room"),
    open(F::any(&[F::TC, F::LWT]), "get_route_realm skb_under_cgroup get_hash_recalc"),
    open(F::any(&[F::TC, F::XDP, F::LWT]), "csum_diff"),
    open(F::any(&[F::TC, F::XDP, F::LWT_XMIT]), "redirect"),
    open(F::any(&[F::TC, F::LWT_XMIT]), "l3_csum_replace l4_csum_replace csum_update csum_level clone_redirect set_hash_invalid
          skb_get_tunnel_key skb_set_tunnel_key skb_get_tunnel_opt skb_set_tunnel_opt"),
    open(F::any(&[F::TC, F::XDP]), "fib_lookup check_mtu"),
    open(F::any(&[F::TC, F::CGROUP_SKB]), "skb_cgroup_id skb_ancestor_cgroup_id"),
    open(F::TC, "skb_vlan_push skb_vlan_pop skb_change_proto skb_change_type set_hash skb_get_xfrm_state
                      skb_cgroup_classid redirect_neigh redirect_peer skb_set_tstamp"),
    open(F::any(&[F::XDP, F::SYSCALL, F::BTF_TRACING]), "xdp_get_buff_len"),
    open(F::XDP, "xdp_adjust_head xdp_adjust_meta xdp_adjust_tail xdp_load_bytes xdp_store_bytes redirect_map"),
    open(F::any(&[F::LWT_IN, F::LWT_XMIT]), "lwt_push_encap"),
    open(F::LWT_SEG6LOCAL, "lwt_seg6_store_bytes lwt_seg6_adjust_srh lwt_seg6_action"),

    // Control groups.
    open(F::any(&[F::CGROUP_SKB, F::CGROUP_SOCK, F::SOCK_OPS, F::CGROUP_DEVICE, F::SOCK_ADDR, F::CGROUP_SYSCTL,
               F::SOCKOPT, F::LSM_CGROUP]), "get_local_storage"),
    open(F::any(&[F::CGROUP_SOCK, F::CGROUP_DEVICE, F::ADDR_BIND_SEND, F::ADDR_CONNECT, F::CGROUP_SYSCTL,
               F::SOCKOPT, F::LSM_CGROUP]), "get_retval set_retval"),
    open(F::CGROUP_SKB, "sk_cgroup_id sk_ancestor_cgroup_id"),
    open(F::CGROUP_SYSCTL, "sysctl_get_name sysctl_get_current_value sysctl_get_new_value sysctl_set_new_value"),
];

/// For each helper number and release: the families that may call it.
static ALLOWED: LazyLock<Vec<[u64; Release::ALL.len()]>> = LazyLock::new(|| {
    let mut table = vec![[0; Release::ALL.len()]; Helper::all().len() + 1];
    for row in ROWS {
        for helper in row.helpers.split_whitespace().filter_map(Helper::by_name) {
            for release in Release::ALL.into_iter().filter(|r| (row.first..=row.last).contains(r)) {
                if let Some(cell) = table.get_mut(helper.id as usize) {
                    cell[release.index()] |= row.hooks.0;
                }
            }
        }
    }
    table
});

pub(super) fn allowed(family: Family, release: Release, id: u32) -> bool {
    ALLOWED.get(id as usize).is_some_and(|row| row[release.index()] & family.0 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_the_rows_is_a_helper() {
        for name in ROWS.iter().flat_map(|row| row.helpers.split_whitespace()) {
            assert!(Helper::by_name(name).is_some(), "no helper is called `{name}`");
        }
    }
}
