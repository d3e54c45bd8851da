//! The profiles that come with Belay.

use std::sync::OnceLock;

use belay_object::btf::Btf;
use belay_spec::Release;

use crate::{KernelProfile, Types, file};

/// The recorded file of a release.
fn bytes(release: Release) -> &'static [u8] {
    match release {
        Release::V6_1 => include_bytes!("../builtin/6.1.profile"),
        Release::V6_12 => include_bytes!("../builtin/6.12.profile"),
        Release::V6_18 => include_bytes!("../builtin/6.18.profile"),
    }
}

pub(crate) fn profile(release: Release) -> &'static KernelProfile {
    static PROFILES: [OnceLock<KernelProfile>; 3] = [const { OnceLock::new() }; 3];
    let make = || {
        let mut facts = file::facts(bytes(release)).expect("a built-in profile is whole: a test reads each");
        // Debian's kernels know the addresses of their variables, the 6.18 does not.
        let all = if release == Release::V6_18 { "n" } else { "y" };
        facts.config.entry("CONFIG_KALLSYMS_ALL".into()).or_insert_with(|| all.into());
        let types = Types::BuiltIn(release, OnceLock::new());
        KernelProfile { facts, types, kfuncs: OnceLock::new() }
    };
    let [v6_1, v6_12, v6_18] = &PROFILES;
    match release {
        Release::V6_1 => v6_1,
        Release::V6_12 => v6_12,
        Release::V6_18 => v6_18,
    }
    .get_or_init(make)
}

pub(crate) fn btf(release: Release) -> Btf {
    file::read(bytes(release)).expect("a built-in profile is whole: a test reads each").1
}
