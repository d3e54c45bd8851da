//! What the name of a kernel function's parameter says of the argument: Linux reads the meaning off suffixes.

/// The meaning of a parameter's suffix.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ParamTag {
    /// `__sz`: the size of the memory in the argument before; any bounded number.
    Size,
    /// `__szk`: the size of the memory in the argument before; a constant.
    ConstSize,
    /// `__k`: a constant that is part of the call's meaning (a size, a type's id).
    Const,
    /// `__ign`: not looked at.
    Ignored,
    /// `__uninit`: constructed by the call (dynptrs).
    Uninit,
    /// `__alloc`: an object of the program's own (`bpf_obj_new`).
    LocalObject,
    /// `__refcounted_kptr`: an object with a reference count.
    RefcountedObject,
    /// `__nullable`: NULL is allowed.
    Nullable,
    /// `__opt`: memory that may be NULL, with its size in the next argument.
    Optional,
    /// `__str`: a constant string.
    ConstString,
    /// `__map`: a map.
    Map,
    /// `__prog`: filled in by the verifier with the program.
    Program,
    /// `__irq_flag`: a slot of the stack that holds the saved state of interrupts.
    IrqFlag,
    /// `__iter`: an iterator on the stack, beside those that the flags name.
    Iterator,
    /// `__user`: an address of user space (6.1 to 6.18: no rule hangs on it).
    User,
}

impl ParamTag {
    const ALL: &[(&str, ParamTag)] = &[
        ("__sz", ParamTag::Size),
        ("__szk", ParamTag::ConstSize),
        ("__k", ParamTag::Const),
        ("__ign", ParamTag::Ignored),
        ("__uninit", ParamTag::Uninit),
        ("__alloc", ParamTag::LocalObject),
        ("__refcounted_kptr", ParamTag::RefcountedObject),
        ("__nullable", ParamTag::Nullable),
        ("__opt", ParamTag::Optional),
        ("__str", ParamTag::ConstString),
        ("__const_str", ParamTag::ConstString),
        ("__map", ParamTag::Map),
        ("__prog", ParamTag::Program),
        ("__irq_flag", ParamTag::IrqFlag),
        ("__iter", ParamTag::Iterator),
        ("__user", ParamTag::User),
    ];

    /// The tag at the end of a parameter's name. Only the last counts, as in the kernel.
    pub fn of(name: &str) -> Option<ParamTag> {
        ParamTag::ALL.iter().find(|(suffix, _)| name.ends_with(suffix)).map(|(_, tag)| *tag)
    }
}

#[cfg(test)]
mod tests {
    use super::ParamTag;

    #[test]
    fn a_suffix_is_the_end_of_a_name() {
        for (name, tag) in [
            ("buffer__szk", Some(ParamTag::ConstSize)),
            ("buffer__sz", Some(ParamTag::Size)),
            ("buffer__opt", Some(ParamTag::Optional)),
            ("local_type_id__k", Some(ParamTag::Const)),
            ("value_p__str", Some(ParamTag::ConstString)),
            ("mem__szx", None),
            ("sz", None),
            ("__sz", Some(ParamTag::Size)),
            ("", None),
        ] {
            assert_eq!(ParamTag::of(name), tag, "{name}");
        }
    }
}
