//! Kernel functions that look further than the program's type.

/// Which programs may call a kernel function, of those that its sets admit (the filters of its registration).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum KfuncScope {
    /// All.
    #[default]
    All,
    /// LSM programs.
    Lsm,
    /// Iterators.
    Iterators,
    /// Sessions of kprobes and uprobes.
    ProbeSessions,
    /// Programs that are bound to a network device when they are loaded: none that is loaded by its section alone.
    DeviceBound,
}

impl KfuncScope {
    /// Whether programs of this type (`enum bpf_prog_type`) and expected attach type (`enum bpf_attach_type`) are in it.
    pub fn holds(self, prog_type: u32, attach_type: u32) -> bool {
        match self {
            KfuncScope::All => true,
            KfuncScope::Lsm => prog_type == 29,
            KfuncScope::Iterators => (prog_type, attach_type) == (26, 28),
            KfuncScope::ProbeSessions => prog_type == 2 && matches!(attach_type, 56 | 57),
            KfuncScope::DeviceBound => false,
        }
    }
}
