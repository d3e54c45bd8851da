//! The words in which the table of kernel functions is written.

use super::{Kfunc, KfuncFlags, KfuncRole, KfuncScope, KfuncSets, Registration};
use crate::{Release, Resource};

/// One row: registered alike in each release from `since` on.
pub(super) const fn k(name: &'static str, since: Release, flags: KfuncFlags, sets: KfuncSets) -> Kfunc {
    let registered = Some(Registration { flags, sets });
    let registered = match since {
        Release::V6_1 => [registered, registered, registered],
        Release::V6_12 => [None, registered, registered],
        Release::V6_18 => [None, None, registered],
    };
    Kfunc { name, role: KfuncRole::Plain, scope: KfuncScope::All, resource: None, registered }
}

impl Kfunc {
    /// In one release it is registered otherwise.
    pub(super) const fn at(mut self, release: Release, flags: KfuncFlags, sets: KfuncSets) -> Kfunc {
        self.registered[release.index()] = Some(Registration { flags, sets });
        self
    }

    /// One release lacks it.
    pub(super) const fn not_in(mut self, release: Release) -> Kfunc {
        self.registered[release.index()] = None;
        self
    }

    /// What it is beyond signature and flags.
    pub(super) const fn role(mut self, role: KfuncRole) -> Kfunc {
        self.role = role;
        self
    }

    /// Only some programs of its sets may call it.
    pub(super) const fn only_in(mut self, scope: KfuncScope) -> Kfunc {
        self.scope = scope;
        self
    }

    /// What it acquires or releases: a kernel object of that C structure.
    pub(super) const fn object(mut self, name: &'static str) -> Kfunc {
        self.resource = Some(Resource::Object(name));
        self
    }

    /// What it acquires or releases.
    pub(super) const fn resource(mut self, resource: Resource) -> Kfunc {
        self.resource = Some(resource);
        self
    }
}

impl KfuncFlags {
    /// `a | b` in constants.
    pub(super) const fn or(self, other: KfuncFlags) -> KfuncFlags {
        KfuncFlags(self.0 | other.0)
    }
}
