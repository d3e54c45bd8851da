//! What hangs on the target of a program: the kernel function, tracepoint, iterator, security hook or structure member to
//! which it attaches. Measured on 6.1 and 6.12, on 6.18 where that kernel loads such programs; see [`super::lsm`].

use super::helpers::Family;
use super::lsm::{self, Kind, lsm};
use super::{Hook, ReturnRange};
use crate::{Helper, Release};

/// What a program of a hook names in addition, and by what name the kernel's types know it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TargetKind {
    /// Nothing.
    None,
    /// A function of the kernel, `vfs_open`.
    Function,
    /// A tracepoint, `task_newtask`: the type `btf_trace_task_newtask`.
    Tracepoint,
    /// An iterator, `bpf_map`: the function `bpf_iter_bpf_map`.
    Iterator,
    /// A security hook, `file_open`: the function `bpf_lsm_file_open`.
    SecurityHook,
    /// A member of a structure of functions, `tcp_congestion_ops.ssthresh`.
    Member,
    /// A function of another program.
    Program,
}

/// Whether a program may call a helper.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opening {
    /// Yes.
    Open,
    /// The hook has no such helper.
    Closed,
    /// The hook has it, but not at this target: it "is not allowed in probe".
    ClosedHere,
    /// Of tracing programs, it is for those that run around a function.
    AroundFunctions,
}

/// The helpers that hang on the target: open to these hooks at these targets only.
struct Row {
    helpers: &'static [&'static str],
    hooks: Family,
    targets: Targets,
    /// What the helper is at every other target.
    elsewhere: Opening,
}

enum Targets {
    Named(&'static [&'static str]),
    AllBut(&'static [&'static str]),
    SleepableSecurityHooks,
    None,
}

const SOCKET_OPTIONS: &[&str] = &["bpf_setsockopt", "bpf_getsockopt"];

/// Functions in which `bpf_d_path` may be called.
const PATH_FUNCTIONS: &[&str] = &[
    "security_file_permission",
    "security_inode_getattr",
    "security_file_open",
    "security_path_truncate",
    "vfs_truncate",
    "vfs_fallocate",
    "dentry_open",
    "vfs_getattr",
    "filp_close",
];

/// The first row that names helper and hook counts.
#[rustfmt::skip]
static ROWS: &[Row] = &[
    Row { helpers: &["bpf_d_path"], hooks: Family::any(&[Family::FENTRY, Family::MODIFY_RETURN]),
          targets: Targets::Named(PATH_FUNCTIONS), elsewhere: Opening::ClosedHere },
    Row { helpers: &["bpf_d_path"], hooks: Family::TP_BTF, targets: Targets::None, elsewhere: Opening::ClosedHere },
    Row { helpers: &["bpf_sk_storage_get", "bpf_sk_storage_delete"], hooks: Family::MODIFY_RETURN,
          targets: Targets::None, elsewhere: Opening::ClosedHere },
    Row { helpers: &["bpf_d_path", "bpf_ima_inode_hash", "bpf_ima_file_hash"], hooks: Family::any(&[Family::LSM, Family::LSM_CGROUP]),
          targets: Targets::SleepableSecurityHooks, elsewhere: Opening::ClosedHere },
    Row { helpers: &["bpf_get_func_ip"], hooks: Family::any(&[Family::TP_BTF, Family::ITER]),
          targets: Targets::None, elsewhere: Opening::AroundFunctions },
    Row { helpers: SOCKET_OPTIONS, hooks: Family::ITER, targets: Targets::Named(&["tcp", "unix"]), elsewhere: Opening::Closed },
    Row { helpers: SOCKET_OPTIONS, hooks: Family::LSM_CGROUP,
          targets: Targets::Named(&["socket_post_create", "socket_socketpair", "inet_conn_established", "inet_csk_clone", "sock_graft"]),
          elsewhere: Opening::Closed },
    Row { helpers: SOCKET_OPTIONS, hooks: Family::TCP_CONGESTION,
          targets: Targets::AllBut(&["tcp_congestion_ops.release"]), elsewhere: Opening::Closed },
];

/// A structure whose members programs may implement.
struct Structure {
    name: &'static str,
    /// Members that are closed to programs.
    closed: &'static [&'static str],
    /// Members that return nothing.
    void: &'static [&'static str],
}

#[rustfmt::skip]
static STRUCTURES: &[Structure] = &[
    Structure {
        name: "tcp_congestion_ops",
        closed: &["get_info"],
        void: &["cong_avoid", "set_state", "cwnd_event", "in_ack_event", "pkts_acked", "cong_control", "init", "release"],
    },
    Structure { name: "bpf_dummy_ops", closed: &[], void: &[] },
];

/// The structure and the member of `tcp_congestion_ops.ssthresh`.
fn member(target: &str) -> Option<(&'static Structure, &str)> {
    let (structure, member) = target.split_once('.')?;
    Some((STRUCTURES.iter().find(|known| known.name == structure)?, member))
}

/// Fields that some programs may not have in their maps, in the order in which the kernel asks: their types, the
/// kernel's name, and whether socket filters are refused, too.
static REFUSED_FIELDS: &[(&[&str], &str, bool)] = &[
    (&["bpf_list_head", "bpf_rb_root"], "bpf_{list_head,rb_root}", false),
    (&["bpf_spin_lock", "bpf_res_spin_lock"], "bpf_spin_lock", true),
    (&["bpf_timer"], "bpf_timer", false),
    (&["bpf_wq"], "bpf_wq", false),
];

/// Members of this structure may call no helper at all.
const NO_HELPERS: &str = "bpf_dummy_ops.";

impl Hook {
    /// What programs of this hook attach to, beyond the hook.
    pub fn target_kind(&self) -> TargetKind {
        self.target
    }

    /// Whether programs of this hook may call the helper at this target.
    pub fn opening(&self, release: Release, helper: &Helper, target: &str) -> Opening {
        let row = ROWS.iter().find(|row| row.hooks.meets(self.family) && row.helpers.contains(&helper.name));
        let open = match row.map(|row| &row.targets) {
            _ if target.starts_with(NO_HELPERS) => return Opening::Closed,
            None => self.allows(release, helper),
            Some(Targets::Named(names)) => names.contains(&target),
            Some(Targets::AllBut(names)) => !names.contains(&target),
            Some(Targets::SleepableSecurityHooks) => lsm(release, target).is_some_and(|hook| hook.sleepable),
            Some(Targets::None) => false,
        };
        match row {
            _ if open => Opening::Open,
            Some(row) => row.elsewhere,
            None => Opening::Closed,
        }
    }

    /// The values that a program may return at this target; `None` where that is not known.
    pub fn return_range_at(&self, release: Release, target: &str) -> Option<ReturnRange> {
        match self.target {
            TargetKind::SecurityHook => {}
            TargetKind::Member => {
                let (structure, member) = member(target)?;
                let void = structure.void.contains(&member);
                return Some(if void { ReturnRange::Unread } else { ReturnRange::Any });
            }
            _ => return Some(self.return_range(release)),
        }
        let kind = lsm(release, target)?.kind;
        Some(match kind {
            Kind::Void if self.family == Family::LSM_CGROUP => ReturnRange::Within(1, 1),
            _ if self.family == Family::LSM_CGROUP => ReturnRange::Within(0, 1),
            Kind::Void => ReturnRange::Unread,
            _ if release < Release::V6_12 => ReturnRange::Any,
            Kind::Bool => ReturnRange::Within(0, 1),
            Kind::Error => ReturnRange::Within(-4095, 0),
        })
    }

    /// Whether a sleepable program may be loaded for this hook and target; `None` where that is not known.
    pub fn may_sleep_at(&self, release: Release, target: &str) -> Option<bool> {
        match self.target {
            TargetKind::None => Some(matches!(self.prog_type, KPROBE | SYSCALL)),
            TargetKind::Iterator => Some(true),
            TargetKind::SecurityHook => Some(lsm(release, target)?.sleepable && self.family == Family::LSM),
            TargetKind::Member if release < Release::V6_12 => Some(false),
            TargetKind::Member => Some(!matches!(target, "bpf_dummy_ops.test_1" | "bpf_dummy_ops.test_2")),
            TargetKind::Tracepoint => Some(false),
            // Hangs on the kernel's lists of functions into which errors may be injected.
            TargetKind::Function | TargetKind::Program => None,
        }
    }

    /// Whether the kernel skips a program of this hook that would interrupt itself on the same CPU.
    pub fn runs_once(&self) -> bool {
        /// `kprobe`, `tracepoint`, `perf_event`, `raw_tracepoint`.
        const COUNTED: [u32; 4] = [KPROBE, 5, 7, 17];
        COUNTED.contains(&self.prog_type)
            || matches!(self.target, TargetKind::Tracepoint | TargetKind::Function)
    }

    /// Whether only sleepable programs may be loaded for this hook.
    pub fn must_sleep(&self) -> bool {
        self.prog_type == SYSCALL
    }

    /// In which words the kernel refuses a map whose values hold fields of these types, `bpf_spin_lock`; `None` if the
    /// program may use the map. (Measured on 6.18.)
    pub fn refuses_fields(&self, fields: &[&str]) -> Option<String> {
        /// A socket filter may not lock.
        const SOCKET_FILTER: u32 = 1;
        /// `kprobe`, `tracepoint`, `perf_event`, `raw_tracepoint` and its writable form: may interrupt the holder.
        const INTERRUPTING: [u32; 5] = [KPROBE, 5, 7, 17, 24];
        let refused = |(types, named, in_filters): &(&[&str], &str, bool)| {
            let here = if INTERRUPTING.contains(&self.prog_type) {
                "tracing"
            } else if *in_filters && self.prog_type == SOCKET_FILTER {
                "socket filter"
            } else {
                return None;
            };
            let found = types.iter().any(|ty| fields.contains(ty));
            found.then(|| format!("{here} progs cannot use {named} yet"))
        };
        REFUSED_FIELDS.iter().find_map(refused)
    }

    /// Whether the target is one that the kernel has and keeps closed. `None` where nothing is known of it.
    pub fn target_closed(&self, target: &str) -> Option<bool> {
        match self.target {
            TargetKind::SecurityHook => Some(lsm::is_disabled(target)),
            TargetKind::Member => {
                let (structure, member) = member(target)?;
                Some(structure.closed.contains(&member))
            }
            // Others only if the kernel was built to have errors injected into them.
            TargetKind::Function if self.family == Family::MODIFY_RETURN => {
                target.starts_with("security_").then_some(false)
            }
            _ => Some(false),
        }
    }
}

/// `BPF_PROG_TYPE_KPROBE`.
const KPROBE: u32 = 2;
/// `BPF_PROG_TYPE_SYSCALL`.
const SYSCALL: u32 = 31;
