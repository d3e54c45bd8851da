//! What Linux keys by function: the meanings that neither a signature nor flags carry.

/// What a kernel function is to the verifier, beyond its signature and flags.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum KfuncRole {
    /// Nothing beyond.
    #[default]
    Plain,
    /// Of a recorded kernel, and in no table: it may mean anything.
    Unlisted,
    /// `bpf_obj_new_impl`: a new object of the type whose id (in the program's BTF) is the first argument.
    ObjectNew {
        /// Of an object for each CPU.
        percpu: bool,
    },
    /// `bpf_obj_drop_impl`.
    ObjectDrop {
        /// Of an object for each CPU.
        percpu: bool,
    },
    /// `bpf_refcount_acquire_impl`: another owning reference of the object in the first argument.
    RefcountAcquire,
    /// `bpf_list_push_front_impl`, `bpf_list_push_back_impl`: the node becomes non-owning.
    ListPush,
    /// `bpf_list_pop_front`, `bpf_list_pop_back`.
    ListPop,
    /// `bpf_list_front`, `bpf_list_back`: a non-owning look.
    ListPeek,
    /// `bpf_rbtree_add_impl`: as `ListPush`, with a callback that compares.
    RbtreeAdd,
    /// `bpf_rbtree_remove`.
    RbtreeRemove,
    /// `bpf_rbtree_first`, `bpf_rbtree_root`: a non-owning look, from a root.
    RbtreePeek,
    /// `bpf_rbtree_left`, `bpf_rbtree_right`: a non-owning look, from a root and one of its nodes.
    RbtreeStep,
    /// `bpf_rdonly_cast`: the first argument as an untrusted pointer to the kernel type whose id is the second.
    ReadOnlyCast,
    /// `bpf_cast_to_kern_ctx`: the context as the kernel's own structure.
    KernelContext,
    /// `bpf_rcu_read_lock`.
    RcuLock,
    /// `bpf_rcu_read_unlock`.
    RcuUnlock,
    /// `bpf_preempt_disable`.
    PreemptDisable,
    /// `bpf_preempt_enable`.
    PreemptEnable,
    /// `bpf_local_irq_save`.
    IrqSave,
    /// `bpf_local_irq_restore`.
    IrqRestore,
    /// `bpf_res_spin_lock`; with `irq`, `bpf_res_spin_lock_irqsave`: a scalar that is 0 if the lock is held.
    ResilientLock {
        /// Saves the state of interrupts too.
        irq: bool,
    },
    /// `bpf_res_spin_unlock`; with `irq`, `bpf_res_spin_unlock_irqrestore`.
    ResilientUnlock {
        /// Restores the state of interrupts too.
        irq: bool,
    },
    /// Constructs a dynptr over the packet of the context.
    DynptrFromContext {
        /// Of what.
        source: DynptrSource,
    },
    /// `bpf_dynptr_clone`: a second dynptr of the same object.
    DynptrClone,
    /// `bpf_dynptr_slice`, `bpf_dynptr_slice_rdwr`: memory of the constant size in the last argument.
    DynptrSlice {
        /// Whether the slice may be written.
        writable: bool,
    },
    /// `bpf_wq_set_callback_impl`.
    WorkqueueCallback,
    /// `bpf_task_work_schedule_*_impl`.
    TaskWork,
    /// `bpf_throw`: does not return.
    Throw,
    /// `bpf_xdp_pull_data`: the packet may move, its pointers die.
    MovesPacket,
    /// `__bpf_trap`: the verifier puts its call where compiled code cannot go on.
    Trap,
    /// `bpf_arena_*`: takes an arena, and addresses within it.
    Arena,
    /// `bpf_iter_num_new`: what it counts is known, so that its loop converges.
    NumberIterator,
    /// `bpf_xdp_metadata_*`: only in programs that are bound to a device, which loads them for it.
    DeviceMetadata,
    /// `bpf_iter_css_task_new`: only in LSM programs and iterators, sleepable ones of others too.
    CssTaskIterator,
    /// `bpf_session_cookie`: memory of the session, eight bytes; only in session programs.
    SessionCookie,
    /// `bpf_session_is_return`: only in session programs.
    SessionIsReturn,
    /// `bpf_set_dentry_xattr`, `bpf_remove_dentry_xattr`: the verifier picks a variant by the hook's locks.
    DentryXattr,
}

/// What a dynptr of a context shows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DynptrSource {
    /// An `__sk_buff`'s packet.
    Skb,
    /// An `__sk_buff`'s metadata.
    SkbMeta,
    /// An `xdp_md`'s packet.
    Xdp,
    /// A `struct file`'s contents.
    File,
}
