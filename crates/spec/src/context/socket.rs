//! Sockets: as a context, and as the views that programs look up.

use super::Context;
use super::notation::*;
use crate::FieldKind::{Packet, PacketEnd};
use crate::Release;

/// Columns of [`BPF_SOCK`].
pub(crate) mod sock_column {
    /// `cgroup_sock/sock_create` and `/sock_release`.
    pub(crate) const CREATE: usize = 0;
    /// `cgroup_sock/post_bind4`.
    pub(crate) const BIND4: usize = 1;
    /// `cgroup_sock/post_bind6`.
    pub(crate) const BIND6: usize = 2;
    /// The view `sock_common`.
    pub(crate) const COMMON_VIEW: usize = 3;
    /// The view `sock`.
    pub(crate) const FULL_VIEW: usize = 4;
}

#[rustfmt::skip]
pub(crate) static BPF_SOCK: Context = Context {
    name: "bpf_sock",
    size: 80,
    fields: &[
        //                                   create bind4  bind6  common full
        num("bound_dev_if",      0, 4,     &[F_W,   NO,    NO,    F,     F]),
        num("family",            4, 4,     &[S,     S,     S,     S,     S]),
        num("type",              8, 4,     &[S,     S,     S,     NO,    S]),
        num("protocol",         12, 4,     &[S,     S,     S,     NO,    S]),
        num("mark",             16, 4,     &[F_W,   NO,    NO,    NO,    F]),
        num("priority",         20, 4,     &[F_W,   NO,    NO,    NO,    F]),
        num("src_ip4",          24, 4,     &[NO,    R,     NO,    R,     R]),
        arr("src_ip6",          28, 4, 4,  &[NO,    NO,    R,     R,     R]),
        num("src_port",         44, 4,     &[NO,    S,     S,     S,     S]),
        num("dst_port",         48, 2,     &[PORT,  PORT,  PORT,  PORT,  PORT]),
        num("dst_ip4",          52, 4,     &[R,     R,     R,     R,     R]),
        arr("dst_ip6",          56, 4, 4,  &[R,     R,     R,     R,     R]),
        num("state",            72, 4,     &[S,     S,     S,     S,     S]),
        num("rx_queue_mapping", 76, 4,     &[S,     S,     S,     S,     S]),
    ],
};

#[rustfmt::skip]
pub(crate) static BPF_TCP_SOCK: Context = Context {
    name: "bpf_tcp_sock",
    size: 112,
    fields: &[
        num("snd_cwnd",          0, 4, &[F]),
        num("srtt_us",           4, 4, &[F]),
        num("rtt_min",           8, 4, &[F]),
        num("snd_ssthresh",     12, 4, &[F]),
        num("rcv_nxt",          16, 4, &[F]),
        num("snd_nxt",          20, 4, &[F]),
        num("snd_una",          24, 4, &[F]),
        num("mss_cache",        28, 4, &[F]),
        num("ecn_flags",        32, 4, &[F]),
        num("rate_delivered",   36, 4, &[F]),
        num("rate_interval_us", 40, 4, &[F]),
        num("packets_out",      44, 4, &[F]),
        num("retrans_out",      48, 4, &[F]),
        num("total_retrans",    52, 4, &[F]),
        num("segs_in",          56, 4, &[F]),
        num("data_segs_in",     60, 4, &[F]),
        num("segs_out",         64, 4, &[F]),
        num("data_segs_out",    68, 4, &[F]),
        num("lost_out",         72, 4, &[F]),
        num("sacked_out",       76, 4, &[F]),
        num("bytes_received",   80, 8, &[F]),
        num("bytes_acked",      88, 8, &[F]),
        num("dsack_dups",       96, 4, &[F]),
        num("delivered",       100, 4, &[F]),
        num("delivered_ce",    104, 4, &[F]),
        num("icsk_retransmits", 108, 4, &[F]),
    ],
};

#[rustfmt::skip]
pub(crate) static BPF_XDP_SOCK: Context = Context {
    name: "bpf_xdp_sock",
    size: 4,
    fields: &[
        num("queue_id", 0, 4, &[F]),
    ],
};

/// Columns of [`SOCK_ADDR`].
pub(crate) mod addr_column {
    /// IPv4 hooks other than `sendmsg4`.
    pub(crate) const V4: usize = 0;
    /// IPv6 hooks other than `sendmsg6`.
    pub(crate) const V6: usize = 1;
    /// `cgroup_sock_addr/sendmsg4`.
    pub(crate) const SENDMSG4: usize = 2;
    /// `cgroup_sock_addr/sendmsg6`.
    pub(crate) const SENDMSG6: usize = 3;
    /// The hooks of Unix sockets.
    pub(crate) const UNIX: usize = 4;
}

#[rustfmt::skip]
pub(crate) static SOCK_ADDR: Context = Context {
    name: "bpf_sock_addr",
    size: 72,
    fields: &[
        //                                   v4     v6     send4  send6  unix
        num("user_family",  0, 4,          &[F,     F,     F,     F,     F]),
        num("user_ip4",     4, 4,          &[R_W,   NO,    R_W,   NO,     NO]),
        arr("user_ip6",     8, 4, 4,       &[NO,    R8_W8, NO,    R8_W8,     NO]),
        num("user_port",   24, 4,          &[R_W,   R_W,   R_W,   R_W,     R_W]).stored(2),
        num("family",      28, 4,          &[F,     F,     F,     F,     F]),
        num("type",        32, 4,          &[F,     F,     F,     F,     F]),
        num("protocol",    36, 4,          &[F,     F,     F,     F,     F]),
        num("msg_src_ip4", 40, 4,          &[NO,    NO,    R_W,   NO,     NO]),
        arr("msg_src_ip6", 44, 4, 4,       &[NO,    NO,    NO,    R8_W8,     NO]),
        ptr("sk",          64, 8, SOCK,    &[F,     F,     F,     F,     F]),
    ],
};

#[rustfmt::skip]
pub(crate) static SOCK_OPS: Context = Context {
    name: "bpf_sock_ops",
    size: 224,
    fields: &[
        num("op",                   0, 4,    &[F]),
        num("reply",                4, 4,    &[F_W]),
        arr("replylong",            8, 4, 3, &[F]), // elements 1 to 3; element 0 is `reply`
        num("family",              20, 4,    &[F]),
        num("remote_ip4",          24, 4,    &[F]),
        num("local_ip4",           28, 4,    &[F]),
        arr("remote_ip6",          32, 4, 4, &[F]),
        arr("local_ip6",           48, 4, 4, &[F]),
        num("remote_port",         64, 4,    &[F]),
        num("local_port",          68, 4,    &[F]),
        num("is_fullsock",         72, 4,    &[F]),
        num("snd_cwnd",            76, 4,    &[F]),
        num("srtt_us",             80, 4,    &[F]),
        num("bpf_sock_ops_cb_flags", 84, 4,  &[F]),
        num("state",               88, 4,    &[F]),
        num("rtt_min",             92, 4,    &[F]),
        num("snd_ssthresh",        96, 4,    &[F]),
        num("rcv_nxt",            100, 4,    &[F]),
        num("snd_nxt",            104, 4,    &[F]),
        num("snd_una",            108, 4,    &[F]),
        num("mss_cache",          112, 4,    &[F]),
        num("ecn_flags",          116, 4,    &[F]),
        num("rate_delivered",     120, 4,    &[F]),
        num("rate_interval_us",   124, 4,    &[F]),
        num("packets_out",        128, 4,    &[F]),
        num("retrans_out",        132, 4,    &[F]),
        num("total_retrans",      136, 4,    &[F]),
        num("segs_in",            140, 4,    &[F]),
        num("data_segs_in",       144, 4,    &[F]),
        num("segs_out",           148, 4,    &[F]),
        num("data_segs_out",      152, 4,    &[F]),
        num("lost_out",           156, 4,    &[F]),
        num("sacked_out",         160, 4,    &[F]),
        num("sk_txhash",          164, 4,    &[F_W]),
        num("bytes_received",     168, 8,    &[F]),
        num("bytes_acked",        176, 8,    &[F]),
        ptr("sk",                 184, 8, SOCK_OR_NULL, &[F]),
        ptr("skb_data",           192, 8, Packet,       &[F]),
        ptr("skb_data_end",       200, 8, PacketEnd,    &[F]),
        num("skb_len",            208, 4,    &[F]),
        num("skb_tcp_flags",      212, 4,    &[S]),
        num("skb_hwtstamp",       216, 8,    &[F]).since(Release::V6_12),
    ],
};

#[rustfmt::skip]
pub(crate) static SK_MSG_MD: Context = Context {
    name: "sk_msg_md",
    size: 80,
    fields: &[
        ptr("data",        0, 8, Packet,    &[F]),
        ptr("data_end",    8, 8, PacketEnd, &[F]),
        num("family",     16, 4,            &[F]),
        num("remote_ip4", 20, 4,            &[F]),
        num("local_ip4",  24, 4,            &[F]),
        arr("remote_ip6", 28, 4, 4,         &[F]),
        arr("local_ip6",  44, 4, 4,         &[F]),
        num("remote_port", 60, 4,           &[F]),
        num("local_port", 64, 4,            &[F]),
        num("size",       68, 4,            &[F]),
        ptr("sk",         72, 8, SOCK,      &[F]),
    ],
};

#[rustfmt::skip]
pub(crate) static SK_REUSEPORT_MD: Context = Context {
    name: "sk_reuseport_md",
    size: 56,
    fields: &[
        ptr("data",          0, 8, Packet,    &[F]),
        ptr("data_end",      8, 8, PacketEnd, &[F]),
        num("len",          16, 4,            &[R]),
        num("eth_protocol", 20, 4,            &[HALVES]).stored(2),
        num("ip_protocol",  24, 4,            &[R]).stored(2),
        num("bind_inany",   28, 4,            &[R]).stored(1),
        num("hash",         32, 4,            &[F]),
        ptr("sk",           40, 8, SOCK,      &[F]),
        ptr("migrating_sk", 48, 8, SOCK_COMMON_OR_NULL, &[F]),
    ],
};

#[rustfmt::skip]
pub(crate) static SK_LOOKUP: Context = Context {
    name: "bpf_sk_lookup",
    size: 72,
    fields: &[
        ptr("sk",               0, 8, SOCK_OR_NULL, &[F]),
        num("family",           8, 4,    &[R]).stored(2),
        num("protocol",        12, 4,    &[R]).stored(2),
        num("remote_ip4",      16, 4,    &[R]),
        arr("remote_ip6",      20, 4, 4, &[R]),
        num("remote_port",     36, 4,    &[R]),
        num("local_ip4",       40, 4,    &[R]),
        arr("local_ip6",       44, 4, 4, &[R]),
        num("local_port",      60, 4,    &[R]).stored(2),
        num("ingress_ifindex", 64, 4,    &[R]),
    ],
};
