//! Kernel functions that programs call by BTF id: flags, who may call them, and what Linux keys by function.
//!
//! Their signatures are the kernel's own types (`belay-profile` has them); what the names of parameters add is
//! [`ParamTag`]'s. A function acts by its [`KfuncFlags`] and its [`KfuncRole`]: nothing that reads this table may ask for
//! one by name.
//!
//! Flags and sets are those that the kernels registered, read out of their own tables (`tests/facts/kfuncs.json`).

mod flags;
mod notation;
mod role;
mod scope;
mod sets;
mod suffix;
mod table;
mod under_lock;

pub use flags::KfuncFlags;
pub use role::{DynptrSource, KfuncRole};
pub use scope::KfuncScope;
pub use sets::KfuncSets;
pub use suffix::ParamTag;
pub use under_lock::runs_under_lock;

use crate::{Release, Resource};

/// A kernel function, over all releases.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Kfunc {
    /// Its C name, `bpf_skb_ct_lookup`.
    pub name: &'static str,
    /// What it is to the verifier beyond signature and flags.
    pub role: KfuncRole,
    /// Which programs may call it, of those that its sets admit.
    pub scope: KfuncScope,
    /// What a call that acquires gives, and what one that releases takes.
    pub resource: Option<Resource>,
    /// By [`Release::ALL`]: how the release registers it, if it has it.
    registered: [Option<Registration>; 3],
}

/// How a kernel registers a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Registration {
    /// Its flags.
    pub flags: KfuncFlags,
    /// The sets that it is in, which decide who may call it.
    pub sets: KfuncSets,
}

impl Kfunc {
    /// Every kernel function that some release has, by name.
    pub fn all() -> &'static [Kfunc] {
        table::KFUNCS
    }

    /// The function of that name.
    pub fn by_name(name: &str) -> Option<&'static Kfunc> {
        let all = Kfunc::all();
        all.binary_search_by(|kfunc| kfunc.name.cmp(name)).ok().and_then(|at| all.get(at))
    }

    /// How a release registers it; `None` if that release lacks it.
    pub fn registration(&self, release: Release) -> Option<Registration> {
        self.registered.get(release.index()).copied().flatten()
    }
}
