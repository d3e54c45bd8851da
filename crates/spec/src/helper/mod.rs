//! Helper signatures: what each argument must be, what comes back, and what the call does.
//!
//! A helper acts on references by its signature alone: an acquiring call creates a reference of a [`Resource`],
//! a releasing argument ends one. Nothing that reads this table may ask for a helper by name.

mod callback;
mod expected;
mod notation;
mod own;
mod table;
mod variants;

use crate::SockKind;

pub use callback::{Callback, CallbackArg};
pub use own::{OWN_HELPERS, OwnSignatures, SignatureError};
pub(crate) use variants::signature;

/// The kinds of resource that a program may hold.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Resource {
    /// A socket, from `bpf_sk_lookup_*`; released by `bpf_sk_release`.
    Socket,
    /// A ring-buffer record, from `bpf_ringbuf_reserve`; released by submit or discard.
    RingbufRecord,
    /// A ring-buffer dynptr.
    RingbufDynptr,
    /// An object taken out of a map value with `bpf_kptr_xchg`, or allocated.
    Kptr,
    /// A kernel object, by its C structure: `task_struct`, `nf_conn`; from a kernel function that acquires.
    Object(&'static str),
    /// An object of the program's own, from `bpf_obj_new`.
    LocalObject,
    /// An iterator on the stack.
    Iterator,
    /// Interrupts, turned off until their state is restored.
    Interrupts,
    /// A read-side section of RCU, until it is left.
    RcuSection,
    /// Preemption, turned off until it is turned on.
    Preemption,
    /// A `struct bpf_spin_lock`, from `bpf_spin_lock` to `bpf_spin_unlock`.
    SpinLock,
    /// A `struct bpf_res_spin_lock`.
    ResilientLock {
        /// Whether interrupts are off while it is held.
        irqsave: bool,
    },
}

impl Resource {
    /// Whether it is a lock: held by the path, not by a pointer, and under other rules than what pointers hold.
    pub fn is_lock(self) -> bool {
        matches!(self, Resource::SpinLock | Resource::ResilientLock { .. })
    }
}

/// One argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arg {
    /// What it must be.
    pub kind: ArgKind,
    /// Whether NULL is allowed too.
    pub nullable: bool,
    /// Whether the call releases the reference that this argument carries.
    pub releases: bool,
}

/// Whether a size may be zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SizeRule {
    /// At least one byte.
    NonZero,
    /// Zero is allowed.
    ZeroAllowed,
}

/// What an argument must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArgKind {
    /// Any initialised value.
    Any,
    /// A number: pointers are refused.
    Scalar,
    /// The constant zero.
    Zero,
    /// The context, unmodified.
    Context,
    /// A map, known at verification.
    Map,
    /// Memory of the map's key size, readable and initialised.
    MapKey,
    /// Memory of the map's value size, readable and initialised.
    MapValue,
    /// Memory of the map's value size, to be written.
    MapValueOut,
    /// Memory that the helper reads; its size is the next argument.
    MemIn,
    /// Memory that the helper writes; its size is the next argument; it need not be initialised.
    MemOut,
    /// Memory that the helper reads and writes; its size is the next argument.
    MemInOut,
    /// Memory that becomes the data of a dynptr: it must lie in a map value; its size is the next argument.
    DynptrData,
    /// Memory of a fixed size that the helper reads.
    FixedIn {
        /// Size in bytes.
        size: u32,
        /// Whether the address must be a multiple of the size.
        aligned: bool,
    },
    /// Memory of a fixed size that the helper writes.
    FixedOut {
        /// Size in bytes.
        size: u32,
        /// Whether the address must be a multiple of the size.
        aligned: bool,
    },
    /// Memory of a fixed size that the helper reads and writes.
    FixedInOut {
        /// Size in bytes.
        size: u32,
        /// Whether the address must be a multiple of the size.
        aligned: bool,
    },
    /// Size in bytes of the memory that the argument before points to.
    Size(SizeRule),
    /// A constant: the size of the memory that is returned.
    AllocSize,
    /// `sock_common` or a view that has one: `sock`, `tcp_sock`, `xdp_sock`, or a BTF-typed socket.
    SockCommon,
    /// `sock` or a BTF-typed full socket.
    Socket,
    /// A BTF-typed `sock_common` or a view of a socket: arguments of the `bpf_skc_to_*` casts.
    BtfSockCommon,
    /// A pointer to a kernel structure of that name, by BTF.
    Btf(&'static str),
    /// A pointer to a per-CPU kernel variable.
    PercpuBtf,
    /// A function of the program.
    Callback,
    /// A pointer to the stack (for callbacks), or NULL.
    Stack,
    /// A zero-terminated string in a read-only map.
    ConstStr,
    /// A `struct bpf_spin_lock` in a map value or a local object.
    SpinLock,
    /// A `struct bpf_timer` in a map value.
    Timer,
    /// A kptr field in a map value.
    Kptr,
    /// The object that goes into the kptr field of the argument before: a reference of the field's type.
    KptrObject,
    /// A dynptr; `out`: uninitialised, to be constructed by this helper.
    Dynptr {
        /// Whether the helper constructs it.
        out: bool,
    },
    /// The record of an earlier `bpf_ringbuf_reserve`.
    RingbufRecord,
}

/// What a helper returns in `r0`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ret {
    /// A number.
    Scalar,
    /// Nothing: `r0` cannot be read afterwards... as in the kernel it becomes an unreadable register.
    Void,
    /// A number within bounds, signed, inclusive.
    Within(i64, i64),
    /// The number of a processor: below how many the machine can have, which is for the kernel in question to say.
    Processor,
    /// Zero, or a negative error: at most the size given by the last [`ArgKind::Size`] argument
    /// (`bpf_probe_read_str`, `bpf_get_stack` and the like).
    AtMostSize,
    /// The value of the map in the first argument; for `bpf_map_lookup_elem` what [`crate::MapRules::element`] says.
    MapValue {
        /// Whether it may be NULL.
        nullable: bool,
    },
    /// A socket.
    Socket {
        /// Which view of it.
        kind: SockKind,
        /// Whether it may be NULL.
        nullable: bool,
    },
    /// Memory of the size that the [`ArgKind::AllocSize`] argument gave.
    AllocMem {
        /// Whether it may be NULL.
        nullable: bool,
    },
    /// A slice of a dynptr, of the [`ArgKind::AllocSize`] argument's size.
    DynptrMem {
        /// Whether it may be NULL.
        nullable: bool,
    },
    /// A kernel structure of that name, by BTF.
    Btf {
        /// C name of the structure.
        name: &'static str,
        /// Whether it may be NULL.
        nullable: bool,
        /// Whether it passes where trusted pointers are asked for.
        trusted: bool,
    },
    /// The object that the kptr field of the [`ArgKind::Kptr`] argument held.
    Kptr {
        /// Whether it may be NULL.
        nullable: bool,
    },
    /// The object or variable that a BTF-typed argument named.
    MemOrBtf {
        /// Whether it may be NULL.
        nullable: bool,
    },
}

/// What a call does beside its arguments and result.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Effects {
    /// The result is a new reference of this resource (none if the result is NULL).
    pub acquires: Option<Resource>,
    /// The result is another view of this argument (0-based): it carries that argument's reference, and dies with it.
    pub derives_from: Option<u8>,
    /// Packet bytes may move: every packet pointer dies.
    pub invalidates_packet: bool,
    /// Its [`ArgKind::ConstStr`] argument is a format for the values whose size in bytes the last argument gives.
    pub formats: bool,
    /// Writes into the data of its dynptr argument: if they lie in a packet, it may move.
    pub writes_dynptr: bool,
    /// Arguments that are memory may point into the packet.
    pub packet_access: bool,
    /// Does not return when it succeeds: `bpf_tail_call`.
    pub tail_call: bool,
    /// Calls the function given by its [`ArgKind::Callback`] argument.
    pub callback: bool,
    /// Destroys no register but `r0` (on x86-64, with the JIT on).
    pub keeps_registers: bool,
    /// Only programs with a GPL-compatible licence may call it.
    pub gpl_only: bool,
    /// May sleep: only sleepable programs may call it.
    pub may_sleep: bool,
    /// Program types (`enum bpf_prog_type`) in which a call is supported, although more hooks allow the helper:
    /// elsewhere the kernel says `func bpf_x#N not supported for program type T`. Empty: all.
    pub supported_in: &'static [u32],
}

/// A helper function.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Helper {
    /// Its number.
    pub id: u32,
    /// Its C name, `bpf_sk_lookup_tcp`.
    pub name: &'static str,
    /// Its arguments, in `r1` to `r5`.
    pub args: &'static [Arg],
    /// What it returns.
    pub ret: Ret,
    /// What it does besides.
    pub effects: Effects,
}

impl Helper {
    /// The helper with that number, as most hooks see it; for the signature in one hook ask
    /// [`crate::Hook::signature`].
    pub fn by_id(id: u32) -> Option<&'static Helper> {
        let index = usize::try_from(id).ok()?.checked_sub(1)?;
        Helper::all().get(index)
    }

    /// The helper with that C name (with or without `bpf_`).
    pub fn by_name(name: &str) -> Option<&'static Helper> {
        let wanted = name.strip_prefix("bpf_").unwrap_or(name);
        Helper::all().iter().find(|h| h.short_name() == wanted)
    }

    /// Every helper that Belay has a signature for, by number: 1 to 211, without gaps.
    pub fn all() -> &'static [Helper] {
        table::HELPERS
    }

    /// The name without `bpf_`.
    pub fn short_name(&self) -> &'static str {
        self.name.strip_prefix("bpf_").unwrap_or(self.name)
    }
}
