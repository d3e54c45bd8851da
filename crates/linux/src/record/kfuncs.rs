//! Which functions the running kernel registers for programs: read out of its own tables (`struct btf`), since nothing
//! else tells flags and sets.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use belay_object::btf::{Btf, Kind, Members, TypeId};
use belay_profile::RecordedKfunc;

use super::memory::KernelMemory;
use crate::sys;

/// The largest set that is believed.
const LARGEST_SET: u32 = 10_000;

/// The functions that one BTF (the kernel's, or a module's) registers, by name.
pub(super) fn registered(
    btf: &Btf,
    fd: &OwnedFd,
    memory: &KernelMemory,
) -> Result<BTreeMap<String, RecordedKfunc>, String> {
    let field = |structure: &str, member: &str| {
        offset(btf, structure, member)
            .ok_or_else(|| format!("the kernel's types have no `{structure}.{member}`"))
    };
    let descriptors = ["task_struct.files", "files_struct.fdt", "fdtable.fd"];
    let mut at = memory.current_task()?;
    for step in descriptors {
        let (structure, member) = step.split_once('.').unwrap_or_default();
        at = memory.word64(at.wrapping_add(field(structure, member)?))?;
    }
    let descriptor = u64::from(fd.as_raw_fd().cast_unsigned()) * 8;
    let file = memory.word64(at.wrapping_add(descriptor))?;
    let kernel_btf = memory.word64(file.wrapping_add(field("file", "private_data")?))?;
    let sets = memory.word64(kernel_btf.wrapping_add(field("btf", "kfunc_set_tab")?))?;
    let mut found: BTreeMap<String, RecordedKfunc> = BTreeMap::new();
    if sets == 0 {
        return Ok(found);
    }
    let sets = sets.wrapping_add(field("btf_kfunc_set_tab", "sets")?);
    for (name, number) in set_names(btf) {
        let set = memory.word64(sets.wrapping_add(number * 8))?;
        let count = if set == 0 { 0 } else { memory.word32(set)? };
        if count > LARGEST_SET {
            return Err(format!("the kernel's set of {name} functions has {count}: its layout is not known"));
        }
        let pairs = memory.bytes(set.wrapping_add(8), count as usize * 8)?;
        for pair in pairs.chunks_exact(8) {
            let [a, b, c, d, e, f, g, h] = pair else { continue };
            let id = TypeId(u32::from_ne_bytes([*a, *b, *c, *d]));
            let flags = u32::from_ne_bytes([*e, *f, *g, *h]);
            let function = btf.name(id).to_owned();
            let entry = found.entry(function).or_insert(RecordedKfunc { flags, sets: Vec::new() });
            entry.flags |= flags;
            entry.sets.push(name.clone());
        }
    }
    Ok(found)
}

/// The sets of `enum btf_kfunc_hook`, by this kernel's numbers.
fn set_names(btf: &Btf) -> Vec<(String, u64)> {
    let Some(id) = btf.find("btf_kfunc_hook", |kind| matches!(kind, Kind::Enum { .. })) else {
        return Vec::new();
    };
    let Kind::Enum { values, .. } = btf.get(id).kind else { return Vec::new() };
    values
        .iter()
        .filter_map(|value| Some((value.name.strip_prefix("BTF_KFUNC_HOOK_")?.to_lowercase(), value.value)))
        .filter(|(name, _)| name != "max")
        .collect()
}

/// The offset of a member in bytes, those of nameless structures included.
fn offset(btf: &Btf, structure: &str, member: &str) -> Option<u64> {
    let id = btf.find(structure, |kind| matches!(kind, Kind::Struct { .. }))?;
    within(btf, btf.get(id).kind.members()?, member, 0)
}

fn within(btf: &Btf, members: Members<'_>, wanted: &str, depth: u32) -> Option<u64> {
    members.iter().find_map(|member| {
        let at = u64::from(member.bit_offset / 8);
        match member.name {
            "" if depth < 8 => Some(at + within(btf, btf.get(member.ty).kind.members()?, wanted, depth + 1)?),
            name => (name == wanted).then_some(at),
        }
    })
}

/// The BTF objects of the kernel and its modules: name and descriptor.
pub(super) fn kernel_btfs() -> Result<Vec<(String, OwnedFd)>, String> {
    let failed = |errno| format!("the kernel's BTF cannot be listed: {errno}");
    let mut found = Vec::new();
    let mut id = 0;
    while let Some(next) = sys::btf_next_id(id).map_err(failed)? {
        id = next;
        // What was unloaded in between is none of ours.
        let Ok(fd) = sys::btf_by_id(id) else { continue };
        if let Some(name) = sys::kernel_btf_name(fd.as_fd()).map_err(failed)? {
            found.push((name, fd));
        }
    }
    Ok(found)
}
