//! What the running kernel allows, recorded as a profile that judges programs on other machines.

mod helpers;
mod kfuncs;
mod memory;

use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::OwnedFd;

use belay_object::btf::Btf;
use belay_profile::{Facts, KernelProfile, select};
use belay_spec::{Hook, Release, TargetKind};

use crate::kernel::{possible_processors, probe};
use memory::KernelMemory;

/// The directory of the kernel's types and its modules'.
const BTF: &str = "/sys/kernel/btf";

/// Options of the configuration that decide what programs may do, or which kernel objects there are.
const OPTIONS: [&str; 24] = [
    "CONFIG_BPF_EVENTS",
    "CONFIG_BPF_JIT",
    "CONFIG_BPF_JIT_ALWAYS_ON",
    "CONFIG_BPF_KPROBE_OVERRIDE",
    "CONFIG_BPF_LSM",
    "CONFIG_BPF_STREAM_PARSER",
    "CONFIG_BPF_UNPRIV_DEFAULT_OFF",
    "CONFIG_CGROUP_BPF",
    "CONFIG_DEBUG_INFO_BTF_MODULES",
    "CONFIG_FUNCTION_ERROR_INJECTION",
    "CONFIG_HZ",
    "CONFIG_INET",
    "CONFIG_IPV6",
    "CONFIG_KPROBES",
    "CONFIG_LIRC",
    "CONFIG_LWTUNNEL_BPF",
    "CONFIG_NETFILTER_BPF_LINK",
    "CONFIG_NET_CLS_ACT",
    "CONFIG_NF_CONNTRACK",
    "CONFIG_NR_CPUS",
    "CONFIG_PREEMPT_RT",
    "CONFIG_SCHED_CLASS_EXT",
    "CONFIG_XDP_SOCKETS",
    "CONFIG_XFRM",
];

/// What is recorded, and what could not be.
#[derive(Debug)]
pub struct Recorder {
    /// The profile.
    pub profile: KernelProfile,
    /// What this kernel did not tell, so that the tables of its release stand in: one line each.
    pub missing: Vec<String>,
}

/// Records what the running kernel allows: types, kernel functions with flags and sets, helpers by hook, configuration.
/// Needs root. Loads some ten thousand programs of a few instructions, one at a time, and keeps none.
///
/// # Errors
/// The kernel cannot be asked, or does not tell its types.
pub fn record_profile() -> Result<Recorder, String> {
    let kernel = probe().map_err(|e| e.to_string())?;
    let release = kernel.profile().unwrap_or_else(|| nearest(&kernel.release));
    let mut missing = Vec::new();
    if kernel.profile().is_none() {
        missing.push(format!("the rules of linux {}: those of {release} stand in", kernel.release));
    }
    let vmlinux = Btf::running_kernel()?;
    let (modules, with_modules) = modules(&vmlinux, &mut missing);
    let mut facts = Facts::of(&kernel.release, release);
    facts.processors = possible_processors();
    if facts.processors.is_none() {
        missing.push("how many processors there can be: any number stands in".to_owned());
    }
    facts.config = configuration(&kernel.release).unwrap_or_else(|why| {
        missing.push(format!("the configuration: {why}"));
        BTreeMap::new()
    });
    match registered(&vmlinux, &modules) {
        Ok(found) => facts.kfuncs = found,
        Err(why) => missing.push(format!("the kernel functions: {why}")),
    }
    // (What needs a target to load is not asked.)
    for hook in Hook::all().iter().filter(|hook| hook.target_kind() == TargetKind::None) {
        match helpers::allowed(hook) {
            Some(allowed) => drop(facts.helpers.insert(hook.name.to_owned(), allowed)),
            None => {
                missing.push(format!("the helpers of `{}`: no program of it loads as it stands", hook.name));
            }
        }
    }
    let types = select(&with_modules).map_err(|e| e.to_string())?;
    Ok(Recorder { profile: KernelProfile::new(facts, types), missing })
}

/// The newest release that is not newer; the oldest for what is older still.
fn nearest(name: &str) -> Release {
    let mut numbers = name.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let of = |release: &Release| match release {
        Release::V6_1 => (6, 1),
        Release::V6_12 => (6, 12),
        Release::V6_18 => (6, 18),
    };
    Release::ALL.into_iter().rfind(|release| of(release) <= version).unwrap_or(Release::OLDEST)
}

/// The types of each module, and those of the kernel and all modules together.
fn modules(vmlinux: &Btf, missing: &mut Vec<String>) -> (Vec<(String, Btf)>, Btf) {
    let names = std::fs::read_dir(BTF).into_iter().flatten().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name != "vmlinux").collect();
    names.sort_unstable();
    let mut each = Vec::new();
    let mut files = Vec::new();
    for name in names {
        let path = format!("{BTF}/{name}");
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) => {
                missing.push(format!("the types of module `{name}`: {e}"));
                continue;
            }
        };
        let file = (path, bytes);
        match vmlinux.with_modules(std::slice::from_ref(&file)) {
            Ok(btf) => {
                each.push((name, btf));
                files.push(file);
            }
            Err(e) => missing.push(format!("the types of module `{name}`: {e}")),
        }
    }
    let all = vmlinux.with_modules(&files).unwrap_or_else(|e| {
        missing.push(format!("the types of modules: {e}"));
        vmlinux.clone()
    });
    (each, all)
}

/// What the kernel and its modules register.
fn registered(
    vmlinux: &Btf,
    modules: &[(String, Btf)],
) -> Result<BTreeMap<String, belay_profile::RecordedKfunc>, String> {
    let memory = KernelMemory::open()?;
    let mut all = BTreeMap::new();
    let loaded: Vec<(String, OwnedFd)> = kfuncs::kernel_btfs()?;
    for (name, fd) in &loaded {
        let btf = match name.as_str() {
            "vmlinux" => Some(vmlinux),
            name => modules.iter().find(|(module, _)| module == name).map(|(_, btf)| btf),
        };
        if let Some(btf) = btf {
            all.extend(kfuncs::registered(btf, fd, &memory)?);
        }
    }
    Ok(all)
}

/// The options that matter, from `/proc/config.gz` or `/boot`.
fn configuration(release: &str) -> Result<BTreeMap<String, String>, String> {
    let mut text = String::new();
    match std::fs::File::open("/proc/config.gz") {
        Ok(file) => {
            let read = flate2::read::GzDecoder::new(file).take(16 << 20).read_to_string(&mut text);
            read.map_err(|e| e.to_string())?;
        }
        Err(_) => {
            let path = format!("/boot/config-{release}");
            text = std::fs::read_to_string(&path).map_err(|e| format!("`{path}`: {e}"))?;
        }
    }
    let options = text.lines().filter_map(|line| line.split_once('='));
    Ok(options
        .filter(|(name, _)| OPTIONS.contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}
