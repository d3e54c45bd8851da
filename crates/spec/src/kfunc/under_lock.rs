//! Kernel functions that may be called while a lock is held.

use super::KfuncRole;

/// Those without a role of their own (6.18, measured by calling each kernel function under a lock).
const PLAIN: &[&str] = &["bpf_iter_num_destroy", "bpf_iter_num_new", "bpf_iter_num_next"];

/// Whether a kernel function of that role and name may be called while a `bpf_spin_lock` or `bpf_res_spin_lock` is held.
pub fn runs_under_lock(role: KfuncRole, name: &str) -> bool {
    match role {
        KfuncRole::RefcountAcquire
        | KfuncRole::ListPush
        | KfuncRole::ListPop
        | KfuncRole::ListPeek
        | KfuncRole::RbtreeAdd
        | KfuncRole::RbtreeRemove
        | KfuncRole::RbtreePeek
        | KfuncRole::RbtreeStep
        | KfuncRole::ResilientLock { .. }
        | KfuncRole::ResilientUnlock { .. } => true,
        _ => PLAIN.contains(&name),
    }
}
