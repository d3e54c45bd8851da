//! Hooks: program type plus expected attach type.

mod action;
mod argument;
mod helpers;
mod lsm;
mod table;
mod target;

use crate::helper::signature;
use crate::{Access, Context, FieldKind, Helper, Release};

pub use action::{Action, Fate};
pub use argument::Argument;
pub(crate) use helpers::Family;
pub use target::{Opening, TargetKind};

/// A place in the kernel where a program runs.
#[derive(Debug)]
pub struct Hook {
    /// Belay's name for it, `sched_cls` or `cgroup_skb/egress`: the keys of the measured facts.
    pub name: &'static str,
    /// `enum bpf_prog_type`.
    pub prog_type: u32,
    /// `enum bpf_attach_type` expected at load.
    pub attach_type: u32,
    /// What `r1` points to at entry.
    pub context: &'static Context,
    /// Which cells of the context's fields apply.
    column: usize,
    /// The hooks with which it shares its helpers.
    family: Family,
    returns: ReturnRange,
    packet: PacketRule,
    /// What a program names beside the hook.
    target: TargetKind,
}

/// The values that a program of a hook may return.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReturnRange {
    /// Any initialised value; even a pointer (programs loaded with `CAP_PERFMON`).
    Any,
    /// A scalar within these bounds, signed, inclusive.
    Within(i32, i32),
    /// Nobody looks at `r0`: it need not even be set.
    Unread,
}

/// What a program may do with packet bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum PacketRule {
    /// The context has no packet.
    None,
    /// Load.
    Read,
    /// Load, and hand them to helpers that take packet memory to read.
    ReadAndPass,
    /// Load and store, and hand them to helpers that take packet memory to read.
    Write,
    /// Load and store, and hand them to every helper that takes memory: `cgroup_sockopt`, whose "packet" is a copy
    /// of the option's value.
    WriteAndPassToAll,
}

impl Hook {
    /// The first release that Belay knows to have it. (Attach types are numbered in the order in which they came: 6.1 ends
    /// with 44, 6.12 with 56. Measured: 6.1 answers `EINVAL` to netfilter, 45, and to those of Unix sockets, 49 to 53.)
    pub fn since(&self) -> Release {
        match self.attach_type {
            0..=44 => Release::V6_1,
            45..=56 => Release::V6_12,
            _ => Release::V6_18,
        }
    }

    /// Every hook that Belay models.
    pub fn all() -> &'static [Hook] {
        table::HOOKS
    }

    /// The hook of that name.
    pub fn by_name(name: &str) -> Option<&'static Hook> {
        Hook::all().iter().find(|h| h.name == name)
    }

    /// The hook of that program type and expected attach type.
    pub fn by_types(prog_type: u32, attach_type: u32) -> Option<&'static Hook> {
        Hook::all().iter().find(|h| h.prog_type == prog_type && h.attach_type == attach_type)
    }

    /// What an access of `size` bytes at `off` of the context gives, or `None` where the kernel refuses it.
    /// A store that is allowed gives the kind of the field stored to.
    pub fn context_access(&self, release: Release, off: i32, size: u32, access: Access) -> Option<FieldKind> {
        self.context.access(self.column, release, off, size, access)
    }

    /// Whether programs of this hook may call the helper (GPL licence, all capabilities).
    pub fn allows(&self, release: Release, helper: &Helper) -> bool {
        self.allows_id(release, helper.id)
    }

    /// Whether programs of this hook may call the helper of that number (GPL licence, all capabilities).
    pub fn allows_id(&self, release: Release, id: u32) -> bool {
        helpers::allowed(self.family, release, id)
    }

    /// The signature of the helper in programs of this hook; `None` if they may not call it.
    ///
    /// Some numbers mean different functions in different hooks: `bpf_get_socket_cookie` takes the context nearly
    /// everywhere, but a socket in `sk_reuseport`. Releases differ, too: 6.1 wants a socket lookup's tuple to be non-empty.
    pub fn signature(&self, release: Release, id: u32) -> Option<&'static Helper> {
        if !self.allows_id(release, id) {
            return None;
        }
        signature(self.family, release, id)
    }

    /// The values that a program may return. The same in every release that Belay knows. For security hooks ask
    /// [`Hook::return_range_at`].
    pub fn return_range(&self, release: Release) -> ReturnRange {
        let _ = release;
        self.returns
    }

    /// Whether the context gives direct access to packet bytes, and whether stores to them are allowed.
    pub fn packet_writable(&self) -> bool {
        self.packet >= PacketRule::Write
    }

    /// Whether its programs run on packets and need nothing besides: `__sk_buff` without flow keys, `xdp_md`, `bpf_nf_ctx`.
    pub fn runs_on_packets(&self) -> bool {
        matches!(self.context.name, "__sk_buff" | "xdp_md" | "bpf_nf_ctx") && self.name != "flow_dissector"
    }

    /// Whether `LD_ABS` and `LD_IND` load packet bytes here (measured on 6.18).
    pub fn packet_loads(&self) -> bool {
        matches!(self.name, "socket_filter" | "sched_cls" | "sched_act")
    }

    /// Whether packet bytes may be handed to helpers that accept packet memory ([`crate::Effects::packet_access`]).
    pub fn packet_passable(&self) -> bool {
        self.packet >= PacketRule::ReadAndPass
    }

    /// Whether packet bytes may be handed to this helper as memory: in `cgroup_sockopt` to every helper, elsewhere to
    /// those that accept packet memory.
    pub fn packet_reaches(&self, helper: &Helper) -> bool {
        match self.packet {
            PacketRule::None | PacketRule::Read => false,
            PacketRule::ReadAndPass | PacketRule::Write => helper.effects.packet_access,
            PacketRule::WriteAndPassToAll => true,
        }
    }

    pub(crate) fn family(&self) -> Family {
        self.family
    }
}

impl ReturnRange {
    /// Whether a program may return this number.
    pub fn contains(self, value: i32) -> bool {
        match self {
            ReturnRange::Any | ReturnRange::Unread => true,
            ReturnRange::Within(low, high) => low <= value && value <= high,
        }
    }
}

impl PartialEq for Hook {
    fn eq(&self, other: &Hook) -> bool {
        self.name == other.name
    }
}

impl Eq for Hook {}
