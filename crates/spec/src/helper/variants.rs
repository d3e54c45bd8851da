//! Helpers whose signature depends on the hook: one number, several functions in the kernel.

use super::Helper;
use super::notation::*;
use crate::hook::Family;

/// A signature that replaces the general one for some hooks.
pub(crate) struct Variant {
    /// Where it applies.
    pub(crate) hooks: Family,
    /// The signature, under the same number and name.
    pub(crate) helper: Helper,
}

/// Hooks whose `bpf_get_cgroup_classid` asks for the current task's class, not a packet's.
const TASK_CLASS: Family = Family::all_but(&[Family::TC, Family::LWT]);
const SOCKET_ARGUMENT: Family = Family::any(&[Family::SK_REUSEPORT, Family::SYSCALL]);

#[rustfmt::skip]
pub(crate) static VARIANTS: &[Variant] = &[
    v(TASK_CLASS,          h( 17, "bpf_get_cgroup_classid", &[],                                      INT)),
    v(SOCKET_ARGUMENT,     h( 46, "bpf_get_socket_cookie",  &[BTF_SOCK.or_null()],                    INT)),
    v(Family::SETSOCKOPT,  h( 49, "bpf_setsockopt",         &[BTF_SOCK, ANY, ANY, IN, SIZE],          INT)),
    v(Family::SETSOCKOPT,  h( 57, "bpf_getsockopt",         &[BTF_SOCK, ANY, ANY, OUT, SIZE],         INT)),
    v(Family::CGROUP_SOCK, h(107, "bpf_sk_storage_get",     &[MAP, CTX, VALUE_OR_NULL, ANY],          MAP_VALUE_OR_NULL)),
    v(Family::SK_LOOKUP,   h(124, "bpf_sk_assign",          &[CTX, SOCKET.or_null(), ANY],            INT)),
    v(Family::SYSCALL,     h(188, "bpf_xdp_get_buff_len",   &[btf("xdp_buff")],                       INT)),
];

const fn v(hooks: Family, helper: Helper) -> Variant {
    Variant { hooks, helper }
}
