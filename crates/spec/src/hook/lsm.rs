//! The hooks of the Linux security modules, by name: what each may return, and which may sleep.
//!
//! Measured on 6.12 for every hook, with the names that 6.1 has and how it differs. A 6.18 kernel that loads such programs
//! was not at hand: its types say the same of every hook that both releases have (`tests/live.rs`), the rest is 6.12's.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::Release;

/// What a security hook's function returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// An error number, negated, or 0.
    Error,
    /// Nothing.
    Void,
    /// 0 or 1.
    Bool,
}

/// A hook.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Lsm {
    pub(super) kind: Kind,
    /// Whether sleepable programs may be attached.
    pub(super) sleepable: bool,
}

/// What is known of the hook of that name; `None` if it is not known, or not open to programs.
pub(super) fn lsm(release: Release, name: &str) -> Option<Lsm> {
    if release > Release::V6_1 {
        return HOOKS.get(name).copied();
    }
    if let Some((_, hook)) = ONLY_IN_6_1.iter().find(|(n, _)| *n == name) {
        return Some(*hook);
    }
    let known = HOOKS.get(name).copied()?;
    let has = |names: &str| names.split_whitespace().any(|n| n == name);
    match known {
        _ if has(SINCE_6_12) => None,
        _ if has(NOT_SLEEPABLE_IN_6_1) => Some(Lsm { sleepable: false, ..known }),
        _ if has(SLEEPABLE_IN_6_1) => Some(Lsm { sleepable: true, ..known }),
        _ => Some(known),
    }
}

/// Whether the hook is there but closed to programs.
pub(super) fn is_disabled(name: &str) -> bool {
    DISABLED.split_whitespace().any(|n| n == name)
}

static HOOKS: LazyLock<HashMap<&'static str, Lsm>> = LazyLock::new(|| {
    let rows = [
        (ERROR, Kind::Error, false),
        (ERROR_SLEEPABLE, Kind::Error, true),
        (VOID, Kind::Void, false),
        (VOID_SLEEPABLE, Kind::Void, true),
        (BOOL, Kind::Bool, false),
    ];
    let row = |(names, kind, sleepable): (&'static str, Kind, bool)| {
        names.split_whitespace().map(move |name| (name, Lsm { kind, sleepable }))
    };
    rows.into_iter().flat_map(row).collect()
});

/// Return an error; may not sleep.
const ERROR: &str = "
    audit_rule_init backing_file_alloc bdev_alloc_security bdev_setintegrity binder_set_context_mgr
    binder_transaction binder_transfer_binder binder_transfer_file capable cred_alloc_blank
    dentry_create_files_as dentry_init_security file_alloc_security file_fcntl file_ioctl_compat file_mprotect
    file_permission file_send_sigiotask file_truncate fs_context_dup fs_context_parse_param fs_context_submount
    ib_alloc_security ib_endport_manage_subnet ib_pkey_access inet_conn_request inode_alloc_security
    inode_copy_up inode_follow_link inode_get_acl inode_getsecctx inode_init_security inode_init_security_anon
    inode_killpriv inode_link inode_listxattr inode_mkdir inode_notifysecctx inode_permission inode_remove_acl
    inode_removexattr inode_set_acl inode_setintegrity inode_setsecctx inode_setsecurity ipc_permission
    kernel_act_as kernel_create_files_as kernel_load_data kernel_post_load_data kernel_post_read_file key_alloc
    key_permission locked_down mmap_addr mmap_backing_file move_mount mptcp_add_subflow msg_msg_alloc_security
    msg_queue_alloc_security msg_queue_associate msg_queue_msgctl msg_queue_msgrcv msg_queue_msgsnd path_chroot
    path_mknod perf_event_alloc perf_event_open perf_event_read perf_event_write ptrace_access_check
    ptrace_traceme quota_on quotactl sb_clone_mnt_opts sb_mnt_opts_compat sb_pivotroot sctp_assoc_established
    sctp_assoc_request sctp_bind_connect secctx_to_secid secid_to_secctx secmark_relabel_packet
    sem_alloc_security sem_associate sem_semctl sem_semop setselfattr shm_alloc_security shm_associate shm_shmat
    shm_shmctl sk_alloc_security socket_getpeersec_stream socket_setsockopt socket_sock_rcv_skb task_fix_setgid
    task_fix_setgroups task_fix_setuid task_getioprio task_getpgid task_getscheduler task_getsid task_kill
    task_movememory task_prlimit task_setioprio task_setnice task_setpgid task_setrlimit tun_dev_alloc_security
    tun_dev_attach tun_dev_attach_queue tun_dev_create tun_dev_open unix_may_send unix_stream_connect uring_cmd
    uring_override_creds uring_sqpoll xfrm_policy_alloc_security xfrm_policy_clone_security
    xfrm_policy_delete_security xfrm_policy_lookup xfrm_state_alloc xfrm_state_alloc_acquire
    xfrm_state_delete_security
";

/// Return an error; may sleep.
const ERROR_SLEEPABLE: &str = "
    bpf bpf_map bpf_map_create bpf_prog bpf_prog_load bpf_token_capable bpf_token_cmd bpf_token_create
    bprm_check_security bprm_creds_for_exec bprm_creds_from_file capget capset cred_prepare file_ioctl file_lock
    file_open file_post_open file_receive inode_create inode_getattr inode_getxattr inode_mknod inode_readlink
    inode_rename inode_rmdir inode_setattr inode_setxattr inode_symlink inode_unlink kernel_module_request
    kernel_read_file kernfs_init_security mmap_file netlink_send path_chmod path_chown path_link path_mkdir
    path_notify path_rename path_rmdir path_symlink path_truncate path_unlink sb_alloc_security sb_eat_lsm_opts
    sb_kern_mount sb_mount sb_remount sb_set_mnt_opts sb_show_options sb_statfs sb_umount settime socket_accept
    socket_bind socket_connect socket_create socket_getpeername socket_getpeersec_dgram socket_getsockname
    socket_getsockopt socket_listen socket_post_create socket_recvmsg socket_sendmsg socket_shutdown
    socket_socketpair syslog task_alloc task_prctl task_setscheduler userns_create
";

/// Return nothing; may not sleep.
const VOID: &str = "
    audit_rule_free backing_file_free bdev_free_security bpf_prog_free cred_free cred_getsecid cred_transfer
    d_instantiate file_free_security file_release file_set_fowner inet_conn_established inet_csk_clone
    initramfs_populated inode_free_security_rcu inode_getsecid inode_invalidate_secctx inode_post_create_tmpfile
    inode_post_remove_acl inode_post_removexattr inode_post_set_acl inode_post_setattr ipc_getsecid
    key_post_create_or_update msg_msg_free_security msg_queue_free_security path_post_mknod req_classify_flow
    sb_delete sb_free_mnt_opts sb_free_security sctp_sk_clone secmark_refcount_dec secmark_refcount_inc
    sem_free_security shm_free_security sk_clone_security sk_free_security sk_getsecid sock_graft task_free
    task_to_inode xfrm_policy_free_security xfrm_state_free_security
";

/// Return nothing; may sleep.
const VOID_SLEEPABLE: &str = "
    bpf_map_free bpf_token_free bprm_committed_creds bprm_committing_creds current_getsecid_subj
    inode_free_security inode_post_setxattr release_secctx task_getsecid_obj
";

/// Return a truth value.
const BOOL: &str = "
    audit_rule_known inode_xattr_skipcap xfrm_state_pol_flow_match
";

/// Closed to programs.
const DISABLED: &str = "
    audit_rule_match getprocattr getselfattr inode_copy_up_xattr inode_getsecurity inode_listsecurity
    inode_need_killpriv ismaclabel key_getsecurity setprocattr vm_enough_memory xfrm_decode_session
";

/// Not in 6.1.
const SINCE_6_12: &str = "
    backing_file_alloc backing_file_free bdev_alloc_security bdev_free_security bdev_setintegrity bpf_map_create
    bpf_map_free bpf_prog_free bpf_prog_load bpf_token_capable bpf_token_cmd bpf_token_create bpf_token_free
    file_post_open file_release file_truncate initramfs_populated inode_free_security_rcu inode_get_acl
    inode_post_create_tmpfile inode_post_remove_acl inode_post_removexattr inode_post_set_acl inode_post_setattr
    inode_remove_acl inode_set_acl inode_setintegrity inode_xattr_skipcap key_post_create_or_update
    mmap_backing_file mptcp_add_subflow path_post_mknod setselfattr
";

/// Gone since.
static ONLY_IN_6_1: &[(&str, Lsm)] = &[
    ("bpf_map_alloc_security", Lsm { kind: Kind::Error, sleepable: true }),
    ("bpf_map_free_security", Lsm { kind: Kind::Void, sleepable: true }),
    ("bpf_prog_alloc_security", Lsm { kind: Kind::Error, sleepable: false }),
    ("bpf_prog_free_security", Lsm { kind: Kind::Void, sleepable: false }),
    ("ib_free_security", Lsm { kind: Kind::Void, sleepable: false }),
    ("key_free", Lsm { kind: Kind::Void, sleepable: true }),
    ("perf_event_free", Lsm { kind: Kind::Void, sleepable: false }),
    ("tun_dev_free_security", Lsm { kind: Kind::Void, sleepable: false }),
];

/// May sleep, but not in 6.1.
const NOT_SLEEPABLE_IN_6_1: &str = "
    path_chmod path_unlink path_truncate path_mkdir path_chown path_symlink path_rmdir path_rename path_link
";

/// May sleep in 6.1 only.
const SLEEPABLE_IN_6_1: &str = "
    inet_conn_established
";
