//! What random programs may use: hooks, maps and helpers, each a table with one row a thing.

use belay_spec::Hook;

/// A hook whose programs the kernel runs on request (`BPF_PROG_TEST_RUN`).
pub(crate) struct HookRow {
    pub(crate) section: &'static str,
    pub(crate) hook: &'static str,
    /// How often, of all rows together.
    pub(crate) weight: usize,
    /// Groups of helpers.
    pub(crate) groups: &'static [Group],
    /// Offsets of the packet's start and end in the context, where programs see it.
    pub(crate) packet: Option<(i32, i32)>,
    /// Whether programs may store to the packet.
    pub(crate) stores: bool,
    /// A mask for the result, where not any is allowed.
    pub(crate) returns: Option<i32>,
}

impl HookRow {
    pub(crate) fn spec(&self) -> &'static Hook {
        Hook::by_name(self.hook).expect("a hook of Linux")
    }

    /// Whether its context is an `__sk_buff`.
    pub(crate) fn is_skb(&self) -> bool {
        self.hook != "xdp"
    }

    /// Whether its packet begins above the link layer.
    pub(crate) fn is_above_link_layer(&self) -> bool {
        !matches!(self.hook, "sched_cls" | "sched_act" | "xdp")
    }
}

/// Hooks that share a helper.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// Of every hook here.
    All,
    /// That load from a packet.
    Skb,
    /// That change a packet.
    Tc,
    Xdp,
}

use Group::{All, Skb, Tc, Xdp};

const SKB: Option<(i32, i32)> = Some((76, 80));

#[rustfmt::skip]
pub(crate) const HOOKS: &[HookRow] = &[
    HookRow { section: "tc", hook: "sched_cls", weight: 8, groups: &[All, Skb, Tc], packet: SKB, stores: true, returns: None },
    HookRow { section: "action", hook: "sched_act", weight: 1, groups: &[All, Skb, Tc], packet: SKB, stores: true, returns: None },
    HookRow { section: "xdp", hook: "xdp", weight: 6, groups: &[All, Xdp], packet: Some((0, 4)), stores: true, returns: None },
    HookRow { section: "cgroup_skb/egress", hook: "cgroup_skb/egress", weight: 2, groups: &[All, Skb], packet: SKB, stores: false, returns: Some(3) },
    HookRow { section: "cgroup_skb/ingress", hook: "cgroup_skb/ingress", weight: 1, groups: &[All, Skb], packet: SKB, stores: false, returns: Some(1) },
    HookRow { section: "lwt_in", hook: "lwt_in", weight: 1, groups: &[All, Skb, Tc], packet: SKB, stores: false, returns: None },
    HookRow { section: "lwt_xmit", hook: "lwt_xmit", weight: 2, groups: &[All, Skb, Tc], packet: SKB, stores: true, returns: None },
    HookRow { section: "socket", hook: "socket_filter", weight: 2, groups: &[All, Skb], packet: None, stores: false, returns: None },
];

/// Fields that are this machine's, or of the socket that a test run comes with.
pub(crate) const FIELDS_OF_THE_MACHINE: &[&str] = &[
    "napi_id",
    "sk",
    "family",
    "remote_ip4",
    "local_ip4",
    "remote_ip6",
    "local_ip6",
    "remote_port",
    "local_port",
];

/// What programs do with a map.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Look up, update; delete fails.
    Array,
    /// Look up, update, delete: a value that is deleted or replaced may become another's.
    Hash,
    /// A lookup gives a map, with values like `inner`'s.
    OfMaps,
    /// Push, pop, peek.
    Queue,
    /// Push (add), peek (is it there?).
    Bloom,
    /// Records, which nobody reads: only how many bytes there are.
    Ring,
}

/// A map that programs may have.
pub(crate) struct MapRow {
    pub(crate) name: &'static str,
    /// Its definition in text.
    pub(crate) text: &'static str,
    pub(crate) key: i32,
    pub(crate) value: i32,
    pub(crate) usage: Use,
    /// Whether its entries are written before the first run, and compared after the last.
    pub(crate) user: bool,
    pub(crate) per_cpu: bool,
    /// Keys are prefixes.
    pub(crate) prefix: bool,
}

const fn map(name: &'static str, text: &'static str, key: i32, value: i32, usage: Use) -> MapRow {
    let user = matches!(usage, Use::Array | Use::Hash);
    MapRow { name, text, key, value, usage, user, per_cpu: false, prefix: false }
}

/// LRU maps are never full: which entry makes room is the kernel's own choice (it keeps free elements by CPU and in lots).
#[rustfmt::skip]
pub(crate) const MAPS: &[MapRow] = &[
    map("array",  "kind=array key=4 value=40 entries=4", 4, 40, Use::Array),
    map("hash",   "kind=hash key=8 value=24 entries=6", 8, 24, Use::Hash),
    map("late",   "kind=hash key=5 value=16 entries=5 flags=1", 5, 16, Use::Hash),
    map("lru",    "kind=lru_hash key=4 value=16 entries=128", 4, 16, Use::Hash),
    MapRow { per_cpu: true, ..map("parray", "kind=percpu_array key=4 value=16 entries=3", 4, 16, Use::Array) },
    MapRow { per_cpu: true, ..map("phash", "kind=percpu_hash key=4 value=12 entries=8", 4, 12, Use::Hash) },
    MapRow { per_cpu: true, ..map("plru", "kind=lru_percpu_hash key=8 value=8 entries=128", 8, 8, Use::Hash) },
    MapRow { prefix: true, ..map("trie", "kind=lpm_trie key=8 value=8 entries=8 flags=1", 8, 8, Use::Hash) },
    map("outer",  "kind=array_of_maps key=4 value=4 entries=3 inner=inner init=0:inner,2:inner", 4, 4, Use::OfMaps),
    map("queue",  "kind=queue key=0 value=16 entries=4", 0, 16, Use::Queue),
    map("stack",  "kind=stack key=0 value=8 entries=3", 0, 8, Use::Queue),
    map("bloom",  "kind=bloom_filter key=0 value=4 entries=64", 0, 4, Use::Bloom),
    map("ring",   "kind=ringbuf entries=4096", 0, 0, Use::Ring),
];

/// The map in a map of maps; it stands before it.
pub(crate) const INNER: &str = ".map inner kind=array key=4 value=16 entries=2";
pub(crate) const INNER_VALUE: i32 = 16;

/// An argument of a helper.
#[derive(Clone, Copy)]
pub(crate) enum Arg {
    Context,
    /// One of these.
    One(&'static [i64]),
    /// Any number.
    Any,
    /// Memory to be read, of the size that the next argument names, or written.
    In,
    Out,
    /// A size: one of these, none above 64.
    Size(&'static [i64]),
}

/// What is asked of a helper's result.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gives {
    /// A number that is the same everywhere.
    Number,
    /// A number that differs from run to run: nobody looks.
    Chance,
}

pub(crate) struct HelperRow {
    pub(crate) name: &'static str,
    pub(crate) group: Group,
    pub(crate) args: &'static [Arg],
    pub(crate) gives: Gives,
    /// Pointers into the packet are of no use afterwards.
    pub(crate) moves: bool,
    /// Where it may make the packet longer.
    pub(crate) grows: Growth,
}

/// Where a packet becomes longer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Growth {
    Nowhere,
    Head,
    /// Not after the head: in a test run the kernel takes the transport header for set once the packet's memory was moved,
    /// and refuses lengths by it.
    Tail,
}

const fn call(name: &'static str, group: Group, args: &'static [Arg]) -> HelperRow {
    HelperRow { name, group, args, gives: Gives::Number, moves: false, grows: Growth::Nowhere }
}

const fn moves(name: &'static str, group: Group, args: &'static [Arg]) -> HelperRow {
    HelperRow { name, group, args, gives: Gives::Number, moves: true, grows: Growth::Nowhere }
}

const fn grows(name: &'static str, args: &'static [Arg]) -> HelperRow {
    HelperRow { grows: Growth::Head, ..moves(name, Tc, args) }
}

const fn tail(name: &'static str, args: &'static [Arg]) -> HelperRow {
    HelperRow { grows: Growth::Tail, ..moves(name, Tc, args) }
}

const fn chance(name: &'static str) -> HelperRow {
    HelperRow { name, group: All, args: &[], gives: Gives::Chance, moves: false, grows: Growth::Nowhere }
}

use Arg::{Any, Context, In, One, Out, Size};

/// How many calls in a run may make a packet longer: each may double what the kernel has for it, and at some time that
/// fails.
pub(crate) const MOST_GROWTHS: usize = 8;

/// Places in a packet: in the headers, odd and even, at and beyond the end of the shortest and the longest.
const PLACE: Arg = One(&[0, 1, 6, 12, 14, 20, 24, 30, 34, 36, 40, 50, 57, 63, 64, 100, 0xffff, 0x1_0000, -1]);
/// Places of checksums.
const SUM: Arg = One(&[10, 24, 24, 24, 36, 40, 50, 50, 51, 62, 64, 0xffff, 0x1_0000, -1]);
const LENGTHS: &[i64] = &[1, 2, 3, 4, 6, 8, 8, 14, 16, 20, 33, 48];
const WORDS: &[i64] = &[0, 4, 4, 8, 8, 12, 16, 20, 32, 64];

#[rustfmt::skip]
pub(crate) const HELPERS: &[HelperRow] = &[
    call("skb_load_bytes", Skb, &[Context, PLACE, Out, Size(LENGTHS)]),
    call("skb_load_bytes_relative", Skb, &[Context, PLACE, Out, Size(LENGTHS), One(&[0, 1, 1, 2])]),
    moves("skb_store_bytes", Tc, &[Context, PLACE, In, Size(LENGTHS), One(&[0, 0, 0, 1, 2, 3, 4])]),
    moves("l3_csum_replace", Tc, &[Context, SUM, Any, Any, One(&[0, 2, 2, 4, 4, 3, 0x12])]),
    moves("l3_csum_replace", Tc, &[Context, SUM, One(&[0]), Any, One(&[0])]),
    moves("l4_csum_replace", Tc, &[Context, SUM, Any, Any, One(&[2, 4, 0x12, 0x14, 0x22, 0x24, 0x34, 0x62, 0x64, 0x92, 0x102])]),
    moves("l4_csum_replace", Tc, &[Context, SUM, One(&[0]), Any, One(&[0, 0x10, 0x20, 0x40, 0x80])]),
    call("csum_diff", All, &[In, Size(WORDS), In, Size(WORDS), Any]),
    call("csum_update", Tc, &[Context, Any]),
    grows("skb_change_head", &[Context, One(&[0, 1, 4, 14, 40, 200, 1 << 20]), One(&[0, 0, 0, 1])]),
    tail("skb_change_tail", &[Context, One(&[0, 13, 14, 20, 40, 64, 65, 100, 300, 1500, 1 << 20]), One(&[0, 0, 0, 1])]),
    moves("skb_pull_data", Tc, &[Context, One(&[0, 14, 40, 64, 2000])]),
    call("set_hash_invalid", Tc, &[Context]),
    call("set_hash", Tc, &[Context, Any]),
    moves("xdp_adjust_head", Xdp, &[Context, One(&[0, 4, 14, 20, 51, 100, -1, -4, -14, -40, -200, -300])]),
    moves("xdp_adjust_tail", Xdp, &[Context, One(&[0, 1, 4, 20, 100, 3000, 1 << 20, -1, -4, -20, -46, -100])]),
    moves("xdp_adjust_meta", Xdp, &[Context, One(&[0, 4, 8, -4, -8, -32, -64, -3, -256])]),
    grows("skb_vlan_push", &[Context, One(&[0x81, 0xa888, 0, 8]), One(&[0, 1, 0xfff, 0x1_2345])]),
    moves("skb_vlan_pop", Tc, &[Context]),
    grows("skb_change_proto", &[Context, One(&[0xdd86, 8, 0x608]), One(&[0, 0, 0, 1])]),
    call("skb_change_type", Tc, &[Context, One(&[0, 1, 2, 3, 4])]),
    grows("skb_adjust_room", &[Context, One(&[0, 4, 8, 20, 40, 300, -4, -20, -40]), One(&[0, 1, 1, 2]), One(&[0, 0, 0, 1, 2, 4, 0x12, 0x20, 0x40, 0x80, 0x100, 0x200])]),
    call("csum_level", Tc, &[Context, One(&[0, 1, 2, 3, 4])]),
    moves("skb_ecn_set_ce", Skb, &[Context]),
    call("redirect", Tc, &[One(&[0, 1, 2, 77]), One(&[0, 1, 2])]),
    call("redirect", Xdp, &[One(&[0, 1, 2, 77]), One(&[0, 1])]),
    call("get_smp_processor_id", All, &[]),
    chance("ktime_get_ns"),
    chance("get_prandom_u32"),
];
