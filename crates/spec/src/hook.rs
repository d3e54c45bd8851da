//! Hooks: program type plus expected attach type.

use crate::{Access, Context, FieldKind, Helper, Release};

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
}

/// The values that a program of a hook may return.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReturnRange {
    /// Any initialised value.
    Any,
    /// A scalar within these bounds, signed, inclusive.
    Within(i32, i32),
}

impl Hook {
    /// Every hook that Belay models.
    pub fn all() -> &'static [Hook] {
        &[]
    }

    /// The hook of that name.
    pub fn by_name(name: &str) -> Option<&'static Hook> {
        Hook::all().iter().find(|h| h.name == name)
    }

    /// What an access of `size` bytes at `off` of the context gives, or `None` where the kernel refuses it.
    pub fn context_access(&self, release: Release, off: i32, size: u32, access: Access) -> Option<FieldKind> {
        let _ = (release, off, size, access);
        None
    }

    /// Whether programs of this hook may call the helper (GPL licence, all capabilities).
    pub fn allows(&self, release: Release, helper: &Helper) -> bool {
        let _ = (release, helper);
        false
    }

    /// The values that a program may return.
    pub fn return_range(&self, release: Release) -> ReturnRange {
        let _ = release;
        ReturnRange::Any
    }

    /// Whether the context gives direct access to packet bytes, and whether stores to them are allowed.
    pub fn packet_writable(&self) -> bool {
        false
    }
}

impl PartialEq for Hook {
    fn eq(&self, other: &Hook) -> bool {
        self.name == other.name
    }
}

impl Eq for Hook {}
