//! One kernel beyond the UAPI: its types, its kernel functions, and what it was measured to allow.
//!
//! A [`KernelProfile`] comes with Belay ([`KernelProfile::builtin`], one a release), from a file that
//! `belay kernel profile` wrote on another machine ([`KernelProfile::read`]), or from the running kernel.
//!
//! The types of the built-in profiles are facts of three kernels, cut down to what a verifier can ask for
//! ([`select`]): Debian's 6.1 and 6.12 cloud kernels with some of their modules, and a 6.18. Each was recorded with
//! `cargo run -p belay-profile --example record -- NAME RELEASE VMLINUX.BTF [MODULE.BTF...] > builtin/RELEASE.profile`.
#![forbid(unsafe_code)]

mod builtin;
mod facts;
mod file;
mod kfunc;
mod selection;

use std::sync::{Arc, OnceLock};

use belay_object::btf::{Btf, TypeId};
use belay_object::{KernelBtf, Options};
use belay_spec::{Helper, Hook, Release};

pub use facts::{Facts, RecordedKfunc};
pub use kfunc::{Kfunc, KfuncParam};
pub use selection::select;

use kfunc::Kfuncs;

/// The most that `CONFIG_NR_CPUS` can be on x86-64.
const MOST_PROCESSORS: u32 = 8192;

/// What one kernel offers.
#[derive(Debug)]
pub struct KernelProfile {
    facts: Facts,
    types: Types,
    kfuncs: OnceLock<Kfuncs>,
}

/// Types, unpacked when first asked for.
#[derive(Debug)]
enum Types {
    Read(Arc<Btf>),
    BuiltIn(Release, OnceLock<Arc<Btf>>),
}

impl KernelProfile {
    /// The profile of a release that comes with Belay. Its types are unpacked when first asked for.
    pub fn builtin(release: Release) -> &'static KernelProfile {
        builtin::profile(release)
    }

    /// A profile of these types and facts.
    pub fn new(facts: Facts, btf: Btf) -> KernelProfile {
        KernelProfile { facts, types: Types::Read(Arc::new(btf)), kfuncs: OnceLock::new() }
    }

    /// Reads a recorded profile. `path` is for the message.
    ///
    /// # Errors
    /// The bytes are no profile, of another version, or damaged.
    pub fn read(path: &str, bytes: &[u8]) -> Result<KernelProfile, String> {
        let (facts, btf) = file::read(bytes).map_err(|why| format!("{path}: {why}"))?;
        Ok(KernelProfile::new(facts, btf))
    }

    /// The profile as bytes, for [`KernelProfile::read`].
    pub fn write(&self) -> Vec<u8> {
        file::write(&self.facts, self.btf().bytes())
    }

    /// What it is called: `6.18`, or the recorded kernel's `uname -r`.
    pub fn name(&self) -> &str {
        &self.facts.name
    }

    /// The release whose rules hold.
    pub fn release(&self) -> Release {
        self.facts.release
    }

    /// What was measured.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// How many processors the machine can have. Of a release, which may run on any machine, the most that x86-64 knows: so
    /// what is accepted holds on each.
    pub fn processors(&self) -> u32 {
        self.facts.processors.unwrap_or(MOST_PROCESSORS)
    }

    /// The kernel's types.
    pub fn btf(&self) -> &Btf {
        self.shared_btf()
    }

    /// The kernel's types, to share.
    pub fn shared_btf(&self) -> &Arc<Btf> {
        match &self.types {
            Types::Read(btf) => btf,
            Types::BuiltIn(release, btf) => btf.get_or_init(|| Arc::new(builtin::btf(*release))),
        }
    }

    /// How to read an object that is to be judged for this kernel: CO-RE relocations by its types, the kernel's
    /// version its own.
    pub fn object_options(&self) -> Options {
        let kernel_btf = match &self.types {
            Types::Read(btf) => KernelBtf::from(btf.clone()),
            Types::BuiltIn(release, _) => {
                let release = *release;
                KernelBtf::lazy(move || KernelProfile::builtin(release).shared_btf().clone())
            }
        };
        let kernel_version = Some(self.facts.release.version_code());
        Options { kernel_btf: Some(kernel_btf), kernel_version, ..Options::default() }
    }

    /// The signature of a helper in programs of a hook; `None` if they may not call it. What was measured on this kernel
    /// wins over the tables of its release.
    pub fn signature(&self, hook: &Hook, id: u32) -> Option<&'static Helper> {
        let of_release = hook.signature(self.release(), id);
        match self.facts.helpers.get(hook.name) {
            Some(allowed) if !allowed.contains(&id) => None,
            Some(_) => of_release.or_else(|| Helper::by_id(id)),
            None => of_release,
        }
    }

    /// The kernel function of that name, if this kernel has it.
    pub fn kfunc(&self, name: &str) -> Option<&Kfunc> {
        self.all_kfuncs().by_name(name)
    }

    /// The kernel function with that `FUNC`.
    pub fn kfunc_by_btf_id(&self, id: TypeId) -> Option<&Kfunc> {
        self.all_kfuncs().by_id(id)
    }

    /// Every kernel function that this kernel has, by name.
    pub fn kfuncs(&self) -> impl Iterator<Item = &Kfunc> {
        self.all_kfuncs().iter()
    }

    fn all_kfuncs(&self) -> &Kfuncs {
        self.kfuncs.get_or_init(|| Kfuncs::new(&self.facts, self.btf()))
    }
}
