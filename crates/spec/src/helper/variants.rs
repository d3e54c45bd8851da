//! Helpers whose signature depends on the hook or the release: one number, several functions in the kernel.

use super::Helper;
use super::Resource::Socket;
use super::notation::*;
use crate::Release::{self, V6_1, V6_12, V6_18};
use crate::SockKind::{Sock, SockCommon};
use crate::hook::Family;

/// A signature that replaces the general one for some hooks and releases.
pub(crate) struct Variant {
    hooks: Family,
    first: Release,
    last: Release,
    helper: Helper,
}

/// The signature of a helper for these hooks in this release.
pub(crate) fn signature(hooks: Family, release: Release, id: u32) -> Option<&'static Helper> {
    let fits =
        |v: &&Variant| v.helper.id == id && v.hooks.meets(hooks) && (v.first..=v.last).contains(&release);
    VARIANTS.iter().find(fits).map(|v| &v.helper).or_else(|| Helper::by_id(id))
}

/// Hooks whose `bpf_get_cgroup_classid` asks for the current task's class, not a packet's.
const TASK_CLASS: Family = Family::all_but(&[Family::TC, Family::LWT]);
const SOCKET_ARGUMENT: Family = Family::any(&[Family::SK_REUSEPORT, Family::SYSCALL, Family::BTF_TRACING]);
/// Hooks whose `bpf_setsockopt` takes a socket, not the context.
const SOCKET_OPTION: Family =
    Family::any(&[Family::SETSOCKOPT, Family::ITER, Family::LSM_CGROUP, Family::TCP_CONGESTION]);
const BTF_ARGUMENT: Family = Family::any(&[Family::SYSCALL, Family::BTF_TRACING]);
const ALL: Family = Family::ALL;

/// The first row that fits counts.
#[rustfmt::skip]
static VARIANTS: &[Variant] = &[
    // Other functions in some hooks.
    v(TASK_CLASS,          V6_1,  V6_18, h( 17, "bpf_get_cgroup_classid", &[],                             INT)),
    v(SOCKET_ARGUMENT,     V6_1,  V6_1,  h( 46, "bpf_get_socket_cookie",  &[BTF_SOCK],                     INT)),
    v(SOCKET_ARGUMENT,     V6_12, V6_18, h( 46, "bpf_get_socket_cookie",  &[BTF_SOCK.or_null()],           INT)),
    v(SOCKET_OPTION,       V6_1,  V6_18, h( 49, "bpf_setsockopt",         &[BTF_SOCK, ANY, ANY, IN, SIZE], INT)),
    v(SOCKET_OPTION,       V6_1,  V6_18, h( 57, "bpf_getsockopt",         &[BTF_SOCK, ANY, ANY, OUT, SIZE], INT)),
    v(Family::CGROUP_SOCK, V6_1,  V6_18, h(107, "bpf_sk_storage_get",     &[MAP, CTX, VALUE_OR_NULL, ANY], MAP_VALUE_OR_NULL)),
    v(Family::BTF_TRACING, V6_12, V6_18, h(107, "bpf_sk_storage_get",     &[MAP, btf("sock_common").or_null(), VALUE_OR_NULL, ANY], MAP_VALUE_OR_NULL)),
    v(Family::BTF_TRACING, V6_12, V6_18, h(108, "bpf_sk_storage_delete",  &[MAP, btf("sock_common").or_null()], INT)),
    v(Family::SK_LOOKUP,   V6_1,  V6_18, h(124, "bpf_sk_assign",          &[CTX, SOCKET.or_null(), ANY],   INT)),
    v(BTF_ARGUMENT,        V6_1,  V6_18, h(188, "bpf_xdp_get_buff_len",   &[btf("xdp_buff")],              INT)),

    // 6.12 takes a tail call for one that may move the packet, even if it fails; 6.1 and 6.18 do not.
    v(ALL, V6_12, V6_12, h( 12, "bpf_tail_call",             &[CTX, MAP, ANY],                             VOID).tail_call().moves_packet()),

    // Up to 6.12 these outputs may be read-only memory: the verifier did not know that they are written.
    v(ALL, V6_1,  V6_12, h( 69, "bpf_fib_lookup",            &[CTX, IN, SIZE, ANY],                        INT).gpl()),
    v(ALL, V6_1,  V6_12, h(101, "bpf_sysctl_get_name",       &[CTX, IN, SIZE, ANY],                        INT)),
    v(ALL, V6_1,  V6_12, h(119, "bpf_read_branch_records",   &[CTX, IN_OR_NULL, SIZE0, ANY],               INT).gpl()),
    v(ALL, V6_1,  V6_12, h(149, "bpf_snprintf_btf",          &[IN, SIZE, IN, SIZE, ANY],                   INT)),
    v(ALL, V6_1,  V6_12, h(165, "bpf_snprintf",              &[IN_OR_NULL, SIZE0, STR, IN_OR_NULL, SIZE0], INT).gpl().formats()),

    // 6.1 does not bound it.
    v(ALL, V6_1,  V6_1,  h(  8, "bpf_get_smp_processor_id",  &[],                                          INT)),

    // 6.1 refuses what is empty or NULL.
    v(ALL, V6_1,  V6_1,  h( 84, "bpf_sk_lookup_tcp",         &[CTX, IN, SIZE, ANY, ANY],                   sock_or_null(Sock)).packet().acquires(Socket)),
    v(ALL, V6_1,  V6_1,  h( 85, "bpf_sk_lookup_udp",         &[CTX, IN, SIZE, ANY, ANY],                   sock_or_null(Sock)).packet().acquires(Socket)),
    v(ALL, V6_1,  V6_1,  h( 99, "bpf_skc_lookup_tcp",        &[CTX, IN, SIZE, ANY, ANY],                   sock_or_null(SockCommon)).packet().acquires(Socket)),
    v(ALL, V6_1,  V6_1,  h(156, "bpf_task_storage_get",      &[MAP, btf("task_struct"), VALUE_OR_NULL, ANY], MAP_VALUE_OR_NULL)),
    v(ALL, V6_1,  V6_1,  h(157, "bpf_task_storage_delete",   &[MAP, btf("task_struct")],                   INT)),
    v(ALL, V6_1,  V6_1,  h(204, "bpf_tcp_raw_gen_syncookie_ipv4", &[fixed_in(20), IN, SIZE],               INT).packet().gpl()),
    v(ALL, V6_1,  V6_1,  h(205, "bpf_tcp_raw_gen_syncookie_ipv6", &[fixed_in(40), IN, SIZE],               INT).packet().gpl()),
];

const fn v(hooks: Family, first: Release, last: Release, helper: Helper) -> Variant {
    Variant { hooks, first, last, helper }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_keeps_number_and_name() {
        for variant in VARIANTS {
            let general = Helper::by_id(variant.helper.id).expect("the general signature");
            assert_eq!(variant.helper.name, general.name);
            assert!(variant.first <= variant.last, "{}", general.name);
        }
    }
}
