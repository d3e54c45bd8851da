//! What a kernel function's registration says of it (`KF_*`).

use std::fmt;

/// A set of `KF_*` flags, numbered as Linux 6.18 numbers them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct KfuncFlags(pub u32);

impl KfuncFlags {
    /// None.
    pub const NONE: KfuncFlags = KfuncFlags(0);
    /// The result is a new reference.
    pub const ACQUIRE: KfuncFlags = KfuncFlags(1 << 0);
    /// The argument that carries a reference loses it.
    pub const RELEASE: KfuncFlags = KfuncFlags(1 << 1);
    /// The result may be NULL.
    pub const RET_NULL: KfuncFlags = KfuncFlags(1 << 2);
    /// 6.1 only: the first argument is the address of a kptr field, of which the call takes a reference.
    pub const KPTR_GET: KfuncFlags = KfuncFlags(1 << 3);
    /// Pointers to kernel objects must be trusted: acquired, or handed to the program as such, at offset 0.
    pub const TRUSTED_ARGS: KfuncFlags = KfuncFlags(1 << 4);
    /// May sleep: only sleepable programs may call it, outside of sections that forbid it.
    pub const SLEEPABLE: KfuncFlags = KfuncFlags(1 << 5);
    /// Needs `CAP_SYS_BOOT`.
    pub const DESTRUCTIVE: KfuncFlags = KfuncFlags(1 << 6);
    /// Pointers must be trusted or protected by RCU, and not NULL.
    pub const RCU: KfuncFlags = KfuncFlags(1 << 7);
    /// Constructs an iterator.
    pub const ITER_NEW: KfuncFlags = KfuncFlags(1 << 8);
    /// Advances an iterator: NULL ends the loop.
    pub const ITER_NEXT: KfuncFlags = KfuncFlags(1 << 9);
    /// Destroys an iterator.
    pub const ITER_DESTROY: KfuncFlags = KfuncFlags(1 << 10);
    /// An iterator whose life needs an RCU section (on `ITER_NEW`).
    pub const RCU_PROTECTED: KfuncFlags = KfuncFlags(1 << 11);
    /// Keeps caller-saved registers that it does not use.
    pub const FASTCALL: KfuncFlags = KfuncFlags(1 << 12);
    /// Returns an address within an arena. (Nothing in the verifier's rules hangs on it.)
    pub const ARENA_RET: KfuncFlags = KfuncFlags(1 << 13);
    /// The first argument is an address within an arena.
    pub const ARENA_ARG1: KfuncFlags = KfuncFlags(1 << 14);
    /// The second argument is an address within an arena.
    pub const ARENA_ARG2: KfuncFlags = KfuncFlags(1 << 15);

    /// Every flag with its name in the kernel's source, without `KF_`, in lower case.
    pub const NAMES: &[(KfuncFlags, &str)] = &[
        (KfuncFlags::ACQUIRE, "acquire"),
        (KfuncFlags::RELEASE, "release"),
        (KfuncFlags::RET_NULL, "ret_null"),
        (KfuncFlags::KPTR_GET, "kptr_get"),
        (KfuncFlags::TRUSTED_ARGS, "trusted_args"),
        (KfuncFlags::SLEEPABLE, "sleepable"),
        (KfuncFlags::DESTRUCTIVE, "destructive"),
        (KfuncFlags::RCU, "rcu"),
        (KfuncFlags::ITER_NEW, "iter_new"),
        (KfuncFlags::ITER_NEXT, "iter_next"),
        (KfuncFlags::ITER_DESTROY, "iter_destroy"),
        (KfuncFlags::RCU_PROTECTED, "rcu_protected"),
        (KfuncFlags::FASTCALL, "fastcall"),
        (KfuncFlags::ARENA_RET, "arena_ret"),
        (KfuncFlags::ARENA_ARG1, "arena_arg1"),
        (KfuncFlags::ARENA_ARG2, "arena_arg2"),
    ];

    /// Whether all flags of `other` are set.
    pub const fn has(self, other: KfuncFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// The flags of both.
    pub const fn and(self, other: KfuncFlags) -> KfuncFlags {
        KfuncFlags(self.0 | other.0)
    }

    /// The flags of this that `other` lacks.
    pub const fn without(self, other: KfuncFlags) -> KfuncFlags {
        KfuncFlags(self.0 & !other.0)
    }

    /// Whether it is one of the three functions of an iterator.
    pub const fn is_iterator(self) -> bool {
        self.0 & (KfuncFlags::ITER_NEW.0 | KfuncFlags::ITER_NEXT.0 | KfuncFlags::ITER_DESTROY.0) != 0
    }

    /// The flag of that name.
    pub fn by_name(name: &str) -> Option<KfuncFlags> {
        KfuncFlags::NAMES.iter().find(|(_, known)| *known == name).map(|(flag, _)| *flag)
    }

    /// The names of the flags that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        KfuncFlags::NAMES.iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| *name)
    }
}

impl fmt::Debug for KfuncFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names().map(format_args_of)).finish()
    }
}

/// A name that prints without quotes.
fn format_args_of(name: &'static str) -> impl fmt::Debug {
    struct Plain(&'static str);
    impl fmt::Debug for Plain {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }
    Plain(name)
}
