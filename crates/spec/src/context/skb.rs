//! Packets: `__sk_buff` and `xdp_md`.

use super::Context;
use super::notation::*;
use crate::FieldKind::{FlowKeys, Packet, PacketEnd, PacketMeta};

/// Columns of [`SK_BUFF`].
pub(crate) mod skb_column {
    /// `socket_filter`.
    pub(crate) const FILTER: usize = 0;
    /// `sched_cls`, `sched_act`.
    pub(crate) const TC: usize = 1;
    /// `cgroup_skb`.
    pub(crate) const CGROUP: usize = 2;
    /// `lwt_*`.
    pub(crate) const LWT: usize = 3;
    /// `sk_skb`.
    pub(crate) const SK_SKB: usize = 4;
    /// `flow_dissector`.
    pub(crate) const FLOW: usize = 5;
}

#[rustfmt::skip]
pub(crate) static SK_BUFF: Context = Context {
    name: "__sk_buff",
    size: 192,
    fields: &[
        //                                       filter tc     cgroup lwt    sk_skb flow
        num("len",               0, 4,         &[R,     R,     R,     R,     R,     NO]),
        num("pkt_type",          4, 4,         &[R,     R,     R,     R,     R,     NO]).stored(1),
        num("mark",              8, 4,         &[R,     R_W,   R_W,   R_W,   NO,    NO]),
        num("queue_mapping",    12, 4,         &[R,     R_W,   R,     R,     R,     NO]).stored(2).below(0xffff),
        num("protocol",         16, 4,         &[R,     R,     R,     R,     R,     NO]).stored(2),
        num("vlan_present",     20, 4,         &[R,     R,     R,     R,     R,     NO]),
        num("vlan_tci",         24, 4,         &[R,     R,     R,     R,     R,     NO]).stored(2),
        num("vlan_proto",       28, 4,         &[R,     R,     R,     R,     R,     NO]).stored(2),
        num("priority",         32, 4,         &[R,     R_W,   R_W,   R_W,   R_W,   NO]),
        num("ingress_ifindex",  36, 4,         &[R,     R,     R,     R,     R,     NO]),
        num("ifindex",          40, 4,         &[R,     R,     R,     R,     R,     NO]),
        num("tc_index",         44, 4,         &[R,     R_W,   R,     R,     R_W,   NO]).stored(2),
        arr("cb",               48, 4, 5,      &[RW8,   RW8,   RW8,   RW8,   R8,    NO]),
        num("hash",             68, 4,         &[R,     R,     R,     R,     R,     NO]),
        num("tc_classid",       72, 4,         &[NO,    R_W,   NO,    NO,    NO,    NO]).stored(2),
        ptr("data",             76, 4, Packet,     &[NO, F,    F,     F,     F,     F]),
        ptr("data_end",         80, 4, PacketEnd,  &[NO, F,    F,     F,     F,     F]),
        num("napi_id",          84, 4,         &[R,     R,     R,     R,     R,     NO]),
        num("family",           88, 4,         &[NO,    NO,    R,     NO,    R,     NO]).stored(2),
        num("remote_ip4",       92, 4,         &[NO,    NO,    F,     NO,    F,     NO]),
        num("local_ip4",        96, 4,         &[NO,    NO,    F,     NO,    F,     NO]),
        arr("remote_ip6",      100, 4, 4,      &[NO,    NO,    F,     NO,    F,     NO]),
        arr("local_ip6",       116, 4, 4,      &[NO,    NO,    F,     NO,    F,     NO]),
        num("remote_port",     132, 4,         &[NO,    NO,    R,     NO,    R,     NO]),
        num("local_port",      136, 4,         &[NO,    NO,    R,     NO,    R,     NO]).stored(2),
        ptr("data_meta",       140, 4, PacketMeta, &[NO, F,    NO,    NO,    NO,    NO]),
        ptr("flow_keys",       144, 8, FlowKeys,   &[NO, NO,   NO,    NO,    NO,    F]),
        num("tstamp",          152, 8,         &[NO,    F_W,   F_W,   NO,    NO,    NO]),
        num("wire_len",        160, 4,         &[NO,    R,     NO,    NO,    NO,    NO]),
        num("gso_segs",        164, 4,         &[R,     R,     R,     R,     R,     NO]).stored(2),
        ptr("sk",              168, 8, SOCK_COMMON_OR_NULL, &[F, F, F, F,    F,     NO]),
        num("gso_size",        176, 4,         &[R,     R,     R,     R,     R,     NO]).stored(2),
        num("tstamp_type",     180, 1,         &[NO,    F,     NO,    NO,    NO,    NO]),
        num("hwtstamp",        184, 8,         &[NO,    F,     F,     NO,    NO,    NO]),
    ],
};

#[rustfmt::skip]
pub(crate) static XDP_MD: Context = Context {
    name: "xdp_md",
    size: 24,
    fields: &[
        ptr("data",             0, 4, Packet,     &[F]),
        ptr("data_end",         4, 4, PacketEnd,  &[F]),
        ptr("data_meta",        8, 4, PacketMeta, &[F]),
        num("ingress_ifindex", 12, 4,             &[F]),
        num("rx_queue_index",  16, 4,             &[F]),
        num("egress_ifindex",  20, 4,             &[NO]), // only with attach type `BPF_XDP_DEVMAP`
    ],
};
