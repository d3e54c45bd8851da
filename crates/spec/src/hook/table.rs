//! The hooks, one line each.

use super::PacketRule::{self, None, Read, ReadAndPass, Write, WriteAndPassToAll};
use super::ReturnRange::{self, Any, Within};
use super::TargetKind::{self, Function, Iterator, Member, SecurityHook, Tracepoint};
use super::{Family, Hook};
use crate::Context;
use crate::context::control::{CGROUP_DEV_CTX, SOCKOPT, SYSCALL_ARGS, SYSCTL, sockopt_column as sockopt};
use crate::context::skb::{SK_BUFF, XDP_MD, skb_column as skb};
use crate::context::socket::{BPF_SOCK, SK_LOOKUP, SK_MSG_MD, SK_REUSEPORT_MD, SOCK_ADDR, SOCK_OPS};
use crate::context::socket::{addr_column as addr, sock_column as sock};
use crate::context::trace::{BTF_ARGS, NF_CTX, TRACEPOINT};
use crate::context::trace::{PERF_EVENT_DATA, PT_REGS, RAW_TRACEPOINT_ARGS, RAW_TRACEPOINT_WRITABLE_ARGS};

#[allow(clippy::too_many_arguments)] // one a column of the table
const fn hook(
    name: &'static str,
    prog_type: u32,
    attach_type: u32,
    context: &'static Context,
    column: usize,
    family: Family,
    returns: ReturnRange,
    packet: PacketRule,
) -> Hook {
    Hook { name, prog_type, attach_type, context, column, family, returns, packet, target: TargetKind::None }
}

impl Hook {
    /// Programs name a target, and their context is what the kernel's types say of it.
    const fn at(self, target: TargetKind) -> Hook {
        Hook { target, ..self }
    }
}

#[rustfmt::skip]
pub(super) static HOOKS: &[Hook] = &[
    //   name                              prog attach context                 column            helpers                 returns       packet
    hook("socket_filter",                   1,  0, &SK_BUFF,                      skb::FILTER,      Family::SOCKET_FILTER,  Any,          None),
    hook("kprobe",                          2,  0, &PT_REGS,                      0,                Family::KPROBE,         Any,          None),
    hook("kprobe/session",                  2, 56, &PT_REGS,                      0,                Family::KPROBE,          Within(0, 1), None),
    hook("sched_cls",                       3,  0, &SK_BUFF,                      skb::TC,          Family::TC,             Any,          Write),
    hook("sched_act",                       4,  0, &SK_BUFF,                      skb::TC,          Family::TC,             Any,          Write),
    hook("tracepoint",                      5,  0, &TRACEPOINT,                   0,                Family::KPROBE,         Any,          None),
    hook("xdp",                             6,  0, &XDP_MD,                       0,                Family::XDP,            Any,          Write),
    hook("perf_event",                      7,  0, &PERF_EVENT_DATA,              0,                Family::PERF_EVENT,     Any,          None),
    hook("cgroup_skb/ingress",              8,  0, &SK_BUFF,                      skb::CGROUP,      Family::CGROUP_SKB,     Within(0, 1), ReadAndPass),
    hook("cgroup_skb/egress",               8,  1, &SK_BUFF,                      skb::CGROUP,      Family::CGROUP_SKB,     Within(0, 3), ReadAndPass),
    hook("cgroup_sock/sock_create",         9,  2, &BPF_SOCK,                     sock::CREATE,     Family::CGROUP_SOCK,    Within(0, 1), None),
    hook("cgroup_sock/post_bind4",          9, 12, &BPF_SOCK,                     sock::BIND4,      Family::CGROUP_SOCK,    Within(0, 1), None),
    hook("cgroup_sock/post_bind6",          9, 13, &BPF_SOCK,                     sock::BIND6,      Family::CGROUP_SOCK,    Within(0, 1), None),
    hook("cgroup_sock/sock_release",        9, 34, &BPF_SOCK,                     sock::CREATE,     Family::CGROUP_SOCK,    Within(0, 1), None),
    hook("lwt_in",                         10,  0, &SK_BUFF,                      skb::LWT,         Family::LWT_IN,         Any,          ReadAndPass),
    hook("lwt_out",                        11,  0, &SK_BUFF,                      skb::LWT,         Family::LWT_OUT,        Any,          ReadAndPass),
    hook("lwt_xmit",                       12,  0, &SK_BUFF,                      skb::LWT,         Family::LWT_XMIT,       Any,          Write),
    hook("sock_ops",                       13,  3, &SOCK_OPS,                     0,                Family::SOCK_OPS,       Within(0, 1), Read),
    hook("sk_skb/stream_parser",           14,  4, &SK_BUFF,                      skb::SK_SKB,      Family::SK_SKB,         Any,          Write),
    hook("sk_skb/stream_verdict",          14,  5, &SK_BUFF,                      skb::SK_SKB,      Family::SK_SKB,         Any,          Write),
    hook("cgroup_device",                  15,  6, &CGROUP_DEV_CTX,               0,                Family::CGROUP_DEVICE,  Within(0, 1), None),
    hook("sk_msg",                         16,  7, &SK_MSG_MD,                    0,                Family::SK_MSG,         Any,          Write),
    hook("raw_tracepoint",                 17,  0, &RAW_TRACEPOINT_ARGS,          0,                Family::RAW_TRACEPOINT, Any,          None),
    hook("cgroup_sock_addr/bind4",         18,  8, &SOCK_ADDR,                    addr::V4,         Family::ADDR_BIND_SEND, Within(0, 3), None),
    hook("cgroup_sock_addr/bind6",         18,  9, &SOCK_ADDR,                    addr::V6,         Family::ADDR_BIND_SEND, Within(0, 3), None),
    hook("cgroup_sock_addr/connect4",      18, 10, &SOCK_ADDR,                    addr::V4,         Family::ADDR_CONNECT,   Within(0, 1), None),
    hook("cgroup_sock_addr/connect6",      18, 11, &SOCK_ADDR,                    addr::V6,         Family::ADDR_CONNECT,   Within(0, 1), None),
    hook("cgroup_sock_addr/sendmsg4",      18, 14, &SOCK_ADDR,                    addr::SENDMSG4,   Family::ADDR_BIND_SEND, Within(0, 1), None),
    hook("cgroup_sock_addr/sendmsg6",      18, 15, &SOCK_ADDR,                    addr::SENDMSG6,   Family::ADDR_BIND_SEND, Within(0, 1), None),
    hook("cgroup_sock_addr/recvmsg4",      18, 19, &SOCK_ADDR,                    addr::V4,         Family::ADDR_NAME,      Within(1, 1), None),
    hook("cgroup_sock_addr/recvmsg6",      18, 20, &SOCK_ADDR,                    addr::V6,         Family::ADDR_NAME,      Within(1, 1), None),
    hook("cgroup_sock_addr/getpeername4",  18, 29, &SOCK_ADDR,                    addr::V4,         Family::ADDR_NAME,      Within(1, 1), None),
    hook("cgroup_sock_addr/getpeername6",  18, 30, &SOCK_ADDR,                    addr::V6,         Family::ADDR_NAME,      Within(1, 1), None),
    hook("cgroup_sock_addr/getsockname4",  18, 31, &SOCK_ADDR,                    addr::V4,         Family::ADDR_NAME,      Within(1, 1), None),
    hook("cgroup_sock_addr/getsockname6",  18, 32, &SOCK_ADDR,                    addr::V6,         Family::ADDR_NAME,      Within(1, 1), None),
    hook("cgroup_sock_addr/connect_unix",  18, 49, &SOCK_ADDR,                    addr::UNIX,       Family::ADDR_BIND_SEND,  Within(0, 1), None),
    hook("cgroup_sock_addr/sendmsg_unix",  18, 50, &SOCK_ADDR,                    addr::UNIX,       Family::ADDR_BIND_SEND,  Within(0, 1), None),
    hook("cgroup_sock_addr/recvmsg_unix",  18, 51, &SOCK_ADDR,                    addr::UNIX,       Family::ADDR_NAME,       Within(1, 1), None),
    hook("cgroup_sock_addr/getpeername_unix",18, 52, &SOCK_ADDR,                    addr::UNIX,       Family::ADDR_UNIX_NAME,  Within(1, 1), None),
    hook("cgroup_sock_addr/getsockname_unix",18, 53, &SOCK_ADDR,                    addr::UNIX,       Family::ADDR_UNIX_NAME,  Within(1, 1), None),
    hook("lwt_seg6local",                  19,  0, &SK_BUFF,                      skb::LWT,         Family::LWT_SEG6LOCAL,  Any,          ReadAndPass),
    hook("sk_reuseport/select",            21, 39, &SK_REUSEPORT_MD,              0,                Family::SK_REUSEPORT,   Any,          ReadAndPass),
    hook("sk_reuseport/select_or_migrate", 21, 40, &SK_REUSEPORT_MD,              0,                Family::SK_REUSEPORT,   Any,          ReadAndPass),
    hook("flow_dissector",                 22, 17, &SK_BUFF,                      skb::FLOW,        Family::FLOW_DISSECTOR, Any,          ReadAndPass),
    hook("cgroup_sysctl",                  23, 18, &SYSCTL,                       0,                Family::CGROUP_SYSCTL,  Within(0, 1), None),
    hook("raw_tracepoint_writable",        24,  0, &RAW_TRACEPOINT_WRITABLE_ARGS, 0,                Family::RAW_TRACEPOINT, Any,          None),
    hook("cgroup_sockopt/getsockopt",      25, 21, &SOCKOPT,                      sockopt::GET,     Family::GETSOCKOPT,     Within(0, 1), WriteAndPassToAll),
    hook("cgroup_sockopt/setsockopt",      25, 22, &SOCKOPT,                      sockopt::SET,     Family::SETSOCKOPT,     Within(0, 1), WriteAndPassToAll),
    hook("tracing/raw_tp",                 26, 23, &BTF_ARGS,                     0,                Family::TP_BTF,          Any,          None).at(Tracepoint),
    hook("tracing/fentry",                 26, 24, &BTF_ARGS,                     0,                Family::FENTRY,          Within(0, 0), None).at(Function),
    hook("tracing/fexit",                  26, 25, &BTF_ARGS,                     0,                Family::FENTRY,          Within(0, 0), None).at(Function),
    hook("tracing/modify_return",          26, 26, &BTF_ARGS,                     0,                Family::MODIFY_RETURN,   Any,          None).at(Function),
    hook("tracing/iter",                   26, 28, &BTF_ARGS,                     0,                Family::ITER,            Within(0, 1), None).at(Iterator),
    hook("struct_ops",                     27,  0, &BTF_ARGS,                     0,                Family::TCP_CONGESTION,  Any,          None).at(Member),
    hook("lsm/mac",                        29, 27, &BTF_ARGS,                     0,                Family::LSM,             Any,          None).at(SecurityHook),
    hook("lsm/cgroup",                     29, 43, &BTF_ARGS,                     0,                Family::LSM_CGROUP,      Within(0, 1), None).at(SecurityHook),
    hook("sk_lookup",                      30, 36, &SK_LOOKUP,                    0,                Family::SK_LOOKUP,      Within(0, 1), None),
    hook("syscall",                        31,  0, &SYSCALL_ARGS,                 0,                Family::SYSCALL,        Any,          None),
    hook("netfilter",                      32, 45, &NF_CTX,                       0,                Family::NETFILTER,       Within(0, 1), None),
];
