//! Numbers that have names in Linux's headers, as far as scenarios are written with them.

use belay_sockets::State;

/// Names and what they stand for.
pub(crate) type Names = [(&'static str, i64)];

/// What a name stands for.
pub(crate) fn number(names: &Names, name: &str) -> Option<i64> {
    names.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// A number's name, or else the number.
pub(crate) fn told(names: &Names, number: i64) -> String {
    let known = names.iter().find(|(_, known)| *known == number);
    known.map_or_else(|| number.to_string(), |(name, _)| (*name).to_owned())
}

/// `AF_*`
pub(crate) const FAMILIES: &Names =
    &[("inet", 2), ("inet6", 10), ("unix", 1), ("netlink", 16), ("packet", 17), ("vsock", 40), ("xdp", 44)];
/// `SOCK_*`
pub(crate) const TYPES: &Names = &[("stream", 1), ("dgram", 2), ("raw", 3), ("seqpacket", 5)];
/// `IPPROTO_*`
pub(crate) const PROTOCOLS: &Names = &[
    ("tcp", 6),
    ("udp", 17),
    ("icmp", 1),
    ("icmp6", 58),
    ("sctp", 132),
    ("udplite", 136),
    ("mptcp", 262),
    ("gre", 47),
    ("esp", 50),
    ("ipip", 4),
    ("ipv6", 41),
];
/// `ETH_P_*`
pub(crate) const ETHERTYPES: &Names =
    &[("ETH_P_IP", 0x0800), ("ETH_P_IPV6", 0x86dd), ("ETH_P_ARP", 0x0806), ("ETH_P_8021Q", 0x8100)];
/// `BPF_FLOW_DISSECTOR_F_*`
pub(crate) const FLOW_FLAGS: &Names = &[
    ("BPF_FLOW_DISSECTOR_F_PARSE_1ST_FRAG", 1),
    ("BPF_FLOW_DISSECTOR_F_STOP_AT_FLOW_LABEL", 2),
    ("BPF_FLOW_DISSECTOR_F_STOP_AT_ENCAP", 4),
];
/// `NF_INET_*`
pub(crate) const NETFILTER: &Names = &[
    ("NF_INET_PRE_ROUTING", 0),
    ("NF_INET_LOCAL_IN", 1),
    ("NF_INET_FORWARD", 2),
    ("NF_INET_LOCAL_OUT", 3),
    ("NF_INET_POST_ROUTING", 4),
];
/// What comes of a `setsockopt`.
pub(crate) const OUTCOMES: &[&str] = &["set", "done", "error"];

/// `BPF_SOCK_OPS_*`: name, number, and the state of the connection then, where it is always the same.
#[rustfmt::skip]
pub(crate) const OPS: &[(&str, u32, Option<State>)] = &[
    ("BPF_SOCK_OPS_VOID",                   0,  None),
    ("BPF_SOCK_OPS_TIMEOUT_INIT",           1,  None),
    ("BPF_SOCK_OPS_RWND_INIT",              2,  None),
    ("BPF_SOCK_OPS_TCP_CONNECT_CB",         3,  Some(State::SynSent)),
    ("BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB",  4,  Some(State::Established)),
    // Reported before the state changes.
    ("BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB", 5,  Some(State::SynRecv)),
    ("BPF_SOCK_OPS_NEEDS_ECN",              6,  None),
    ("BPF_SOCK_OPS_BASE_RTT",               7,  None),
    ("BPF_SOCK_OPS_RTO_CB",                 8,  None),
    ("BPF_SOCK_OPS_RETRANS_CB",             9,  None),
    ("BPF_SOCK_OPS_STATE_CB",               10, None),
    ("BPF_SOCK_OPS_TCP_LISTEN_CB",          11, Some(State::Listen)),
    ("BPF_SOCK_OPS_RTT_CB",                 12, None),
    ("BPF_SOCK_OPS_PARSE_HDR_OPT_CB",       13, None),
    ("BPF_SOCK_OPS_HDR_OPT_LEN_CB",         14, None),
    ("BPF_SOCK_OPS_WRITE_HDR_OPT_CB",       15, None),
    ("BPF_SOCK_OPS_TSTAMP_SCHED_CB",        16, None),
    ("BPF_SOCK_OPS_TSTAMP_SND_SW_CB",       17, None),
    ("BPF_SOCK_OPS_TSTAMP_SND_HW_CB",       18, None),
    ("BPF_SOCK_OPS_TSTAMP_ACK_CB",          19, None),
    ("BPF_SOCK_OPS_TSTAMP_SENDMSG_CB",      20, None),
];

/// `SOL_*`
pub(crate) const LEVELS: &Names = &[
    ("SOL_SOCKET", 1),
    ("SOL_IP", 0),
    ("SOL_TCP", 6),
    ("SOL_UDP", 17),
    ("SOL_IPV6", 41),
    ("SOL_MPTCP", 284),
    ("SOL_NETLINK", 270),
    ("SOL_TLS", 282),
];

/// Options of sockets: name, level, number.
#[rustfmt::skip]
pub(crate) const OPTIONS: &[(&str, i32, i32)] = &[
    ("SO_DEBUG", 1, 1), ("SO_REUSEADDR", 1, 2), ("SO_TYPE", 1, 3), ("SO_ERROR", 1, 4), ("SO_DONTROUTE", 1, 5),
    ("SO_BROADCAST", 1, 6), ("SO_SNDBUF", 1, 7), ("SO_RCVBUF", 1, 8), ("SO_KEEPALIVE", 1, 9), ("SO_OOBINLINE", 1, 10),
    ("SO_PRIORITY", 1, 12), ("SO_LINGER", 1, 13), ("SO_REUSEPORT", 1, 15), ("SO_PASSCRED", 1, 16), ("SO_PEERCRED", 1, 17),
    ("SO_RCVLOWAT", 1, 18), ("SO_BINDTODEVICE", 1, 25), ("SO_ATTACH_FILTER", 1, 26), ("SO_DETACH_FILTER", 1, 27),
    ("SO_ACCEPTCONN", 1, 30), ("SO_SNDBUFFORCE", 1, 32), ("SO_RCVBUFFORCE", 1, 33), ("SO_MARK", 1, 36), ("SO_PROTOCOL", 1, 38),
    ("SO_DOMAIN", 1, 39), ("SO_BUSY_POLL", 1, 46), ("SO_MAX_PACING_RATE", 1, 47), ("SO_INCOMING_CPU", 1, 49),
    ("SO_ATTACH_BPF", 1, 50), ("SO_ATTACH_REUSEPORT_CBPF", 1, 51), ("SO_ATTACH_REUSEPORT_EBPF", 1, 52), ("SO_COOKIE", 1, 57),
    ("SO_ZEROCOPY", 1, 60), ("SO_BINDTOIFINDEX", 1, 62), ("SO_NETNS_COOKIE", 1, 71), ("SO_TXREHASH", 1, 74),
    ("IP_TOS", 0, 1), ("IP_TTL", 0, 2), ("IP_HDRINCL", 0, 3), ("IP_OPTIONS", 0, 4), ("IP_PKTINFO", 0, 8),
    ("IP_MTU_DISCOVER", 0, 10), ("IP_RECVERR", 0, 11), ("IP_FREEBIND", 0, 15), ("IP_TRANSPARENT", 0, 19),
    ("IP_BIND_ADDRESS_NO_PORT", 0, 24), ("IP_MULTICAST_TTL", 0, 33), ("IP_ADD_MEMBERSHIP", 0, 35), ("SO_ORIGINAL_DST", 0, 80),
    ("IPV6_UNICAST_HOPS", 41, 16), ("IPV6_JOIN_GROUP", 41, 20), ("IPV6_MTU_DISCOVER", 41, 23), ("IPV6_V6ONLY", 41, 26),
    ("IPV6_TCLASS", 41, 67), ("IPV6_AUTOFLOWLABEL", 41, 70), ("IPV6_TRANSPARENT", 41, 75), ("IPV6_FREEBIND", 41, 78),
    ("TCP_NODELAY", 6, 1), ("TCP_MAXSEG", 6, 2), ("TCP_CORK", 6, 3), ("TCP_KEEPIDLE", 6, 4), ("TCP_KEEPINTVL", 6, 5),
    ("TCP_KEEPCNT", 6, 6), ("TCP_SYNCNT", 6, 7), ("TCP_LINGER2", 6, 8), ("TCP_DEFER_ACCEPT", 6, 9), ("TCP_WINDOW_CLAMP", 6, 10),
    ("TCP_INFO", 6, 11), ("TCP_QUICKACK", 6, 12), ("TCP_CONGESTION", 6, 13), ("TCP_MD5SIG", 6, 14),
    ("TCP_THIN_LINEAR_TIMEOUTS", 6, 16), ("TCP_USER_TIMEOUT", 6, 18), ("TCP_REPAIR", 6, 19), ("TCP_FASTOPEN", 6, 23),
    ("TCP_NOTSENT_LOWAT", 6, 25), ("TCP_SAVE_SYN", 6, 27), ("TCP_FASTOPEN_CONNECT", 6, 30), ("TCP_ULP", 6, 31),
    ("TCP_ZEROCOPY_RECEIVE", 6, 35), ("TCP_BPF_IW", 6, 1001), ("TCP_BPF_SNDCWND_CLAMP", 6, 1002),
    ("TCP_BPF_DELACK_MAX", 6, 1003), ("TCP_BPF_RTO_MIN", 6, 1004), ("TCP_BPF_SYN", 6, 1005),
    ("TCP_BPF_SOCK_OPS_CB_FLAGS", 6, 1008),
    ("UDP_CORK", 17, 1), ("UDP_ENCAP", 17, 100), ("UDP_SEGMENT", 17, 103), ("UDP_GRO", 17, 104),
];

/// The option of that name: level and number.
pub(crate) fn option(name: &str) -> Option<(i32, i32)> {
    OPTIONS.iter().find(|(known, ..)| *known == name).map(|(_, level, number)| (*level, *number))
}

/// The name of an option, or else its number.
pub(crate) fn told_option(level: i32, number: i32) -> String {
    let known = OPTIONS.iter().find(|(_, of, known)| (*of, *known) == (level, number));
    known.map_or_else(|| number.to_string(), |(name, ..)| (*name).to_owned())
}

/// `<errno.h>`: what system calls fail with, where sockets, settings and devices are concerned.
#[rustfmt::skip]
pub(crate) const ERRORS: &Names = &[
    ("EPERM", 1), ("EACCES", 13), ("EINVAL", 22), ("ECONNREFUSED", 111), ("EHOSTUNREACH", 113), ("ENETUNREACH", 101),
    ("EADDRINUSE", 98), ("EADDRNOTAVAIL", 99), ("EAFNOSUPPORT", 97), ("EPROTONOSUPPORT", 93), ("ESOCKTNOSUPPORT", 94),
    ("EOPNOTSUPP", 95), ("ENOPROTOOPT", 92), ("ECONNRESET", 104), ("ETIMEDOUT", 110), ("EFAULT", 14), ("ENOENT", 2),
    ("ESRCH", 3), ("EINTR", 4), ("EIO", 5), ("ENXIO", 6), ("E2BIG", 7), ("EBADF", 9), ("EAGAIN", 11), ("ENOMEM", 12), ("EBUSY", 16),
    ("EEXIST", 17), ("ENODEV", 19), ("ENOTDIR", 20), ("EISDIR", 21), ("ENFILE", 23), ("EMFILE", 24), ("ENOTTY", 25), ("EFBIG", 27),
    ("ENOSPC", 28), ("EROFS", 30), ("EPIPE", 32), ("EDOM", 33), ("ERANGE", 34), ("ENOSYS", 38), ("ENOTSOCK", 88), ("EDESTADDRREQ", 89),
    ("EMSGSIZE", 90), ("EPROTOTYPE", 91), ("ENETDOWN", 100), ("ECONNABORTED", 103), ("ENOBUFS", 105), ("EISCONN", 106),
    ("ENOTCONN", 107), ("EHOSTDOWN", 112), ("EALREADY", 114), ("EINPROGRESS", 115),
];

/// What a system call returns: `0`, `EPERM`, a number.
pub(crate) fn told_result(result: i32) -> String {
    let known = ERRORS.iter().find(|(_, error)| *error == -i64::from(result));
    known.map_or_else(|| result.to_string(), |(name, _)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_means_one_number_and_every_number_one_name() {
        for names in [FAMILIES, TYPES, PROTOCOLS, ETHERTYPES, FLOW_FLAGS, NETFILTER, LEVELS, ERRORS] {
            for (name, number) in names {
                assert_eq!(
                    (super::number(names, name), told(names, *number)),
                    (Some(*number), (*name).to_owned())
                );
            }
        }
        for (name, level, number) in OPTIONS {
            assert_eq!(
                (option(name), told_option(*level, *number)),
                (Some((*level, *number)), (*name).to_owned())
            );
        }
        assert!((0..).zip(OPS).all(|(at, (_, op, _))| at == *op));
        assert_eq!(
            (told_result(-1), told_result(0), told_result(-4095)),
            ("EPERM".into(), "0".into(), "-4095".into())
        );
    }
}
