//! The kernel structures that a map's value may own (`__kptr`), and those that RCU keeps alive.

/// Structures with a destructor that maps know (6.18: `register_btf_id_dtor_kfuncs`; measured by creating such maps).
/// The last two are for the kernel's own tests and exist in every kernel with `BPF_PROG_TEST_RUN`.
const OWNED: &[&str] =
    &["task_struct", "cgroup", "bpf_cpumask", "bpf_crypto_ctx", "prog_test_ref_kfunc", "prog_test_member"];

/// Of those, the ones that stay valid until the end of an RCU section in which they were read.
const RCU_PROTECTED: &[&str] =
    &["task_struct", "cgroup", "bpf_cpumask", "bpf_crypto_ctx", "prog_test_ref_kfunc"];

/// Whether a map's value may own a kernel structure of that name.
pub fn is_owned_by_maps(structure: &str) -> bool {
    OWNED.contains(&structure)
}

/// Whether a kernel structure of that name, read from a map's value in an RCU section, is valid to its end.
pub fn is_rcu_protected(structure: &str) -> bool {
    RCU_PROTECTED.contains(&structure)
}
