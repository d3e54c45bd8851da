//! Which areas of the verifier a program of the corpus is about.

use belay_object::Program;
use belay_spec::{Helper, Resource};

/// Areas of the verifier's own tests: the names of the objects, less `verifier_` and `.bpf.o`.
const OWN: &[(&str, &[&str])] = &[
    ("acquire-release", &["bits_iter", "ringbuf", "spin_lock"]),
    ("arena", &["arena", "arena_large"]),
    ("atomics", &["xadd"]),
    (
        "base",
        &[
            "and",
            "bounds",
            "bounds_deduction",
            "bounds_deduction_non_const",
            "bounds_mix_sign_unsign",
            "bswap",
            "const",
            "const_or",
            "div0",
            "div_overflow",
            "jeq_infer_not_null",
            "ldsx",
            "masking",
            "movsx",
            "or_jmp32_k",
            "runtime_jit",
            "sdiv",
            "subreg",
        ],
    ),
    ("bpf2bpf", &["bpf_fastcall", "private_stack", "subprog_precision"]),
    ("btf-kfunc", &["btf_ctx_access", "btf_unreliable_prog", "kfunc_prog_types", "vfs_accept", "vfs_reject"]),
    ("callbacks", &["iterating_callbacks"]),
    ("cgroup", &["cgroup_inv_retcode", "cgroup_skb", "cgroup_storage"]),
    ("ctx", &["ctx", "leak_ptr", "unpriv", "unpriv_perf"]),
    ("global-func", &["global_ptr_args", "global_subprogs"]),
    ("helpers", &["helper_access_var_len", "helper_restricted", "helper_value_access"]),
    ("lsm-tracing", &["bpf_get_stack", "d_path", "lsm", "raw_tp_writable"]),
    (
        "maps",
        &[
            "array_access",
            "map_in_map",
            "map_ptr",
            "map_ptr_mixing",
            "map_ret_val",
            "prevent_map_lookup",
            "value",
            "value_adj_spill",
            "value_illegal_alu",
            "value_or_null",
            "value_ptr_arith",
        ],
    ),
    (
        "packet",
        &[
            "direct_packet_access",
            "helper_packet_access",
            "ld_ind",
            "lwt",
            "meta_access",
            "mtu",
            "netfilter_ctx",
            "netfilter_retcode",
            "xdp",
            "xdp_direct_packet_access",
        ],
    ),
    (
        "precision",
        &[
            "cfg",
            "gotol",
            "jit_convergence",
            "linked_scalars",
            "loops1",
            "precision",
            "reg_equal",
            "regalloc",
            "scalar_ids",
            "search_pruning",
            "spill_fill",
        ],
    ),
    ("sock-ref", &["ctx_sk_msg", "ref_tracking", "sock", "sock_addr", "sockmap_mutate"]),
    (
        "stack",
        &[
            "basic_stack",
            "direct_stack_access_wraparound",
            "int_ptr",
            "raw_stack",
            "stack_ptr",
            "uninit",
            "var_off",
        ],
    ),
    ("tail-call", &["tailcall_jit"]),
];

/// Areas of the other selftests: how the names of the objects begin, the first that fits.
const OTHERS: &[(&str, &[&str])] = &[
    ("dynptr", &["dynptr", "test_kfunc_dynptr", "test_dynptr"]),
    ("iterators", &["iters", "bpf_iter_task_vma", "iter_"]),
    ("bpf-iter", &["bpf_iter"]),
    ("kptr", &["map_kptr", "local_kptr", "kptr", "percpu_alloc", "cpumask"]),
    ("graph", &["linked_list", "rbtree", "refcounted"]),
    ("timer", &["timer", "wq"]),
    ("lock", &["test_spin", "res_spin", "irq"]),
    ("exceptions", &["exceptions"]),
    (
        "kfunc",
        &["cgrp_", "task_", "rcu_", "preempt", "crypto", "nested_trust", "get_cgroup", "sock_addr_kern"],
    ),
    (
        "struct-ops",
        &["struct_ops", "bpf_dctcp", "bpf_cubic", "bpf_cc", "tcp_ca", "dummy_st", "unsupported_ops"],
    ),
    ("arena", &["arena"]),
    ("lsm", &["lsm", "test_d_path", "ima", "test_verify_pkcs7", "test_sig_in_xattr", "test_get_xattr"]),
    ("ring-buffer", &["user_ringbuf", "test_ringbuf", "ringbuf"]),
    ("core", &["test_core", "btf__core"]),
    ("global-func", &["test_global_func", "test_static", "test_subprogs", "freplace_global"]),
    ("tail-call", &["tailcall"]),
    ("loops", &["profiler", "pyperf", "strobemeta", "loop", "bpf_loop", "for_each"]),
    (
        "network",
        &[
            "bpf_flow",
            "cgroup",
            "connect",
            "get",
            "ip_",
            "mptcp",
            "nf_",
            "netns",
            "recvmsg",
            "sendmsg",
            "setget",
            "sk",
            "sock",
            "tc",
            "tcp",
            "test_cls",
            "test_l4lb",
            "test_lwt",
            "test_sk",
            "test_sock",
            "test_tc",
            "test_tunnel",
            "test_xdp",
            "udp",
            "xdp",
            "xfrm",
            "xsk",
        ],
    ),
    ("tracing", &[""]),
];

/// The areas of a program: that of its object, and what it does.
pub(crate) fn areas(object: &str, program: Option<&Program>) -> Vec<&'static str> {
    let name = object.strip_suffix(".bpf.o").unwrap_or(object);
    let of_object = match name.strip_prefix("verifier_") {
        Some(own) => OWN.iter().find(|(_, names)| names.contains(&own)).map_or("other", |(area, _)| *area),
        None => OTHERS
            .iter()
            .find(|(_, starts)| starts.iter().any(|start| name.starts_with(start)))
            .map_or("other", |(area, _)| *area),
    };
    let mut areas = vec![of_object];
    if let Some(program) = program {
        let does: [(&str, bool); 3] = [
            ("acquires-sockets", calls(program).any(acquires_a_socket)),
            ("has-subprog", program.subprograms.len() > 1),
            ("uses-kfuncs", calls(program).any(|(source, _)| source == PSEUDO_KFUNC)),
        ];
        areas.extend(does.iter().filter(|(_, does)| *does).map(|(area, _)| *area));
    }
    areas
}

/// `src` of a call of a kernel function.
const PSEUDO_KFUNC: u8 = 2;
/// Opcode of `call`.
const CALL: u8 = 0x85;

/// `src` and `imm` of every call.
fn calls(program: &Program) -> impl Iterator<Item = (u8, i32)> {
    program.slots.iter().filter(|slot| slot.opcode == CALL).map(|slot| (slot.src, slot.imm))
}

fn acquires_a_socket((source, imm): (u8, i32)) -> bool {
    let helper = u32::try_from(imm).ok().filter(|_| source == 0).and_then(Helper::by_id);
    helper.is_some_and(|helper| helper.effects.acquires == Some(Resource::Socket))
}
