//! Whether this kernel can be asked, and which release it is.

use std::fmt;

use belay_isa::Slot;
use belay_spec::Release;

use crate::load::{Load, load};
use crate::sys;

/// `BPF_PROG_TYPE_SCHED_CLS`: needs `CAP_BPF` and `CAP_NET_ADMIN`, so that whoever may load it gets the verdicts of a
/// privileged loader; an unprivileged one (where the sysctl allows any) is held to other rules.
const SCHED_CLS: u32 = 3;

/// A kernel that takes our programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// `uname -r`, `6.18.44-generic`.
    pub release: String,
}

/// Why the kernel cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    /// The reason, one line.
    pub reason: String,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the running kernel cannot be asked: {}", self.reason)
    }
}

impl std::error::Error for Unavailable {}

/// Asks the running kernel to verify a program of two instructions, as a privileged loader would.
///
/// # Errors
/// Says what is missing: the system call, the privilege, or the verdict itself.
pub fn probe() -> Result<Kernel, Unavailable> {
    let release = sys::release().map_err(|e| Unavailable { reason: format!("`uname` failed with {e}") })?;
    let insns = [Slot { opcode: 0xb7, ..Slot::default() }, Slot { opcode: 0x95, ..Slot::default() }];
    let request = Load { prog_type: SCHED_CLS, insns: &insns, name: "belay_probe", ..Load::default() };
    match load(&request) {
        Ok(_) => Ok(Kernel { release }),
        Err(rejected) => Err(Unavailable { reason: explain(rejected.errno, &release) }),
    }
}

fn explain(errno: sys::Errno, release: &str) -> String {
    match errno.0 {
        libc::ENOSYS => format!("linux {release} was built without `bpf(2)`, or a sandbox hides it"),
        libc::EPERM => {
            let sysctl =
                std::fs::read_to_string("/proc/sys/kernel/unprivileged_bpf_disabled").unwrap_or_default();
            format!(
                "no privilege (`CAP_BPF` and `CAP_NET_ADMIN`; `kernel.unprivileged_bpf_disabled` is {}): run as root",
                if sysctl.trim().is_empty() { "not there" } else { sysctl.trim() }
            )
        }
        _ => format!("linux {release} refuses a program of two instructions with {errno}"),
    }
}

impl Kernel {
    /// The release whose measured rules are this kernel's, `None` where none was measured.
    pub fn profile(&self) -> Option<Release> {
        Release::ALL.into_iter().find(|release| {
            let name = release.to_string();
            self.release
                .strip_prefix(&name)
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
        })
    }

    /// For tests: the kernel, or `None` with a message that the test is skipped.
    ///
    /// # Panics
    /// If the kernel cannot be asked although the environment's `BELAY_REQUIRE` names `kernel`.
    pub fn for_test(test: &str) -> Option<Kernel> {
        let unavailable = match probe() {
            Ok(kernel) => return Some(kernel),
            Err(unavailable) => unavailable,
        };
        let required = std::env::var("BELAY_REQUIRE").unwrap_or_default();
        assert!(
            !required.split(',').any(|word| word.trim() == "kernel"),
            "{test}: BELAY_REQUIRE names `kernel`, but {unavailable}"
        );
        eprintln!("skipped: {test}: {unavailable}");
        None
    }
}

/// How many processors the machine can have, switched on or not (`nr_cpu_ids`): the verifier's bound for the number of one.
pub fn possible_processors() -> Option<u32> {
    let listed = std::fs::read_to_string("/sys/devices/system/cpu/possible").ok()?;
    // `0-3,8-11`: the numbers that there are.
    let last = listed.trim().rsplit([',', '-']).next()?;
    last.parse::<u32>().ok()?.checked_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(release: &str) -> Kernel {
        Kernel { release: release.to_string() }
    }

    #[test]
    fn the_profile_is_that_of_the_release() {
        assert_eq!(kernel("6.1.0-32-cloud-amd64").profile(), Some(Release::V6_1));
        assert_eq!(kernel("6.18.44").profile(), Some(Release::V6_18));
        assert_eq!(kernel("6.11.2").profile(), None);
        assert_eq!(kernel("7.1").profile(), None);
    }
}
