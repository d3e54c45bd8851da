//! Pointers to objects that have a type: a kernel structure, or one that the program declared and allocated.
//!
//! Which object it is says [`ObjectType`]; how far it may be relied on says [`Flags`], as Linux's type flags do
//! (6.18). Without any flag the pointer is one that an old helper gave or that was loaded from another object: it may
//! be read, since a bad address reads as zero, but it is no argument where a trusted one is asked for.

#![allow(dead_code, reason = "the rules that make these come one by one")]

use std::fmt;
use std::ops::BitOr;

use belay_object::btf::TypeId;

/// Type of an object, in the set of types that it comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum ObjectType {
    /// A structure of the kernel.
    Kernel(TypeId),
    /// A structure of the program's own types: a local object.
    Program(TypeId),
}

impl ObjectType {
    /// Its id in that set.
    pub(crate) fn id(self) -> TypeId {
        match self {
            ObjectType::Kernel(id) | ObjectType::Program(id) => id,
        }
    }
}

/// What is known of a pointer to an object beyond its type.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Flags(u8);

impl Flags {
    /// Nothing beyond the type.
    pub(crate) const NONE: Flags = Flags(0);
    /// Valid while the program runs or the reference is held, and at offset 0: passes as a trusted argument.
    pub(crate) const TRUSTED: Flags = Flags(1 << 0);
    /// Valid inside the RCU section in which it was read.
    pub(crate) const RCU: Flags = Flags(1 << 1);
    /// May point anywhere: reads are allowed (a fault reads as zero), passing it on is not.
    pub(crate) const UNTRUSTED: Flags = Flags(1 << 2);
    /// Allocated by a program (`bpf_obj_new`): fields may be written.
    pub(crate) const ALLOCATED: Flags = Flags(1 << 3);
    /// Points into a collection that owns the object; dies at the end of the critical section.
    pub(crate) const NON_OWNING: Flags = Flags(1 << 4);
    /// A per-CPU variable: only `bpf_per_cpu_ptr` and `bpf_this_cpu_ptr` follow it.
    pub(crate) const PER_CPU: Flags = Flags(1 << 5);
    /// Lies in user memory: only the probing helpers follow it.
    pub(crate) const USER: Flags = Flags(1 << 6);

    /// Whether all of these are set.
    pub(crate) fn has(self, flags: Flags) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Whether any of these is set.
    pub(crate) fn meets(self, flags: Flags) -> bool {
        self.0 & flags.0 != 0
    }

    /// Without these.
    pub(crate) fn without(self, flags: Flags) -> Flags {
        Flags(self.0 & !flags.0)
    }
}

impl BitOr for Flags {
    type Output = Flags;

    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.prefix().trim_end_matches('_'))
    }
}

impl Flags {
    /// What the kernel's log writes before `ptr_`.
    pub(crate) fn prefix(self) -> String {
        const NAMES: [(Flags, &str); 6] = [
            (Flags::USER, "user_"),
            (Flags::PER_CPU, "percpu_"),
            (Flags::RCU, "rcu_"),
            (Flags::UNTRUSTED, "untrusted_"),
            (Flags::TRUSTED, "trusted_"),
            (Flags::NON_OWNING, "non_own_ref_"),
        ];
        NAMES.iter().filter(|(flag, _)| self.has(*flag)).map(|(_, name)| *name).collect()
    }
}

/// What a pointer to an object points to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Object {
    /// Its type.
    pub(crate) ty: ObjectType,
    /// What is known of the pointer.
    pub(crate) flags: Flags,
}

/// An object that lives in stack slots, made and used by calls only: loads and stores do not see its insides.
///
/// It fills one or more slots; the slot of its lowest address is the first. What ties it to the rest of the state
/// (its id, the reference that it holds) stands in the slot's value, as for a spilled pointer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StackObject {
    /// A dynptr: two slots.
    Dynptr {
        /// What its data are.
        source: DynptrSource,
        /// Whether it is the slot of the lower address.
        first: bool,
    },
    /// An open-coded iterator: as many slots as its structure takes.
    Iterator {
        /// Its structure, in the kernel's types (`struct bpf_iter_num`).
        ty: TypeId,
        /// Whether it is the slot of the lowest address, the one that counts.
        first: bool,
        /// Whether `next` has said that there is nothing more.
        drained: bool,
        /// How many elements this path has taken.
        depth: u32,
        /// Whether its elements live as long as an RCU section.
        protection: Protection,
    },
    /// Saved interrupt flags: one slot.
    IrqFlags {
        /// Whether a resilient lock saved them, not `bpf_local_irq_save`.
        by_lock: bool,
    },
}

/// What an iterator's life hangs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Protection {
    /// Nothing but itself.
    None,
    /// The RCU section in which it was made.
    Rcu,
    /// Such a section, and none is open any more: only `destroy` may be called.
    Lapsed,
}

/// Where the data of a dynptr lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DynptrSource {
    /// In a map's value.
    Local,
    /// In a ring-buffer record, which the dynptr holds.
    Ringbuf,
    /// In the packet of a socket buffer.
    Skb,
    /// In the packet of an XDP buffer.
    Xdp,
    /// In the metadata of a socket buffer.
    SkbMeta,
    /// In a file.
    File,
}
