//! Fields of a map's value that only helpers touch: locks, timers, kernel pointers.
//!
//! An update of the value leaves them as they are, and user space reads zeros. Whether the kernel takes a value with such
//! fields at all is for the verifier to say.

use belay_spec::MapKind;

use crate::btf::{Btf, Kind, TypeId};
use crate::program::{Guarded, GuardedKind, MapDef};

/// Deeper structures than any value has.
const DEEPEST: u32 = 8;
/// More fields than the kernel takes.
const MOST: usize = 64;
/// Structures that only helpers touch.
const STRUCTURES: &[&str] = &[
    "bpf_spin_lock",
    "bpf_res_spin_lock",
    "bpf_timer",
    "bpf_wq",
    "bpf_task_work",
    "bpf_list_head",
    "bpf_rb_root",
    "bpf_refcount",
];
/// What tags a pointer that a value owns.
const TAGS: &[&str] = &["kptr", "kptr_untrusted", "percpu_kptr", "uptr"];

/// Notes the fields of every map whose values have a type.
pub(crate) fn note(maps: &mut [MapDef], btf: &Btf) {
    for map in maps {
        if let Some(inner) = map.inner.as_deref_mut() {
            note(std::slice::from_mut(inner), btf);
        }
        let holds = matches!(
            map.kind,
            MapKind::HASH
                | MapKind::ARRAY
                | MapKind::LRU_HASH
                | MapKind::SK_STORAGE
                | MapKind::CGROUP_STORAGE
        );
        if let Some(value) =
            map.btf_value.filter(|value| holds && btf.size_of(*value) == Some(map.value_size))
        {
            let mut found = Vec::new();
            search(btf, value, 0, DEEPEST, &mut found);
            found.sort_by_key(|field| field.offset);
            map.guarded = found;
        }
    }
}

fn search(btf: &Btf, ty: TypeId, base: u32, depth: u32, found: &mut Vec<Guarded>) {
    let Some(depth) = depth.checked_sub(1).filter(|_| found.len() < MOST) else { return };
    let ty = btf.strip(ty);
    let size = btf.size_of(ty.id).unwrap_or(0);
    match ty.kind {
        Kind::Struct { .. } if STRUCTURES.contains(&btf.name(ty.id)) => {
            let what = match btf.name(ty.id) {
                "bpf_spin_lock" => GuardedKind::SpinLock,
                "bpf_timer" => GuardedKind::Timer,
                _ => GuardedKind::Other,
            };
            found.push(Guarded { offset: base, size, what });
        }
        Kind::Struct { members, .. } => {
            for member in members.iter().filter(|member| member.bit_size == 0) {
                if let Some(base) = base.checked_add(member.bit_offset / 8) {
                    search(btf, member.ty, base, depth, found);
                }
            }
        }
        Kind::Array { element, len, .. } => {
            let step = btf.size_of(element).unwrap_or(0);
            for index in 0..len.min(MOST as u32) {
                match index.checked_mul(step).and_then(|off| base.checked_add(off)) {
                    Some(base) => search(btf, element, base, depth, found),
                    None => return,
                }
            }
        }
        Kind::Ptr(to) => {
            let target = btf.get(to);
            if matches!(target.kind, Kind::TypeTag(_)) && TAGS.contains(&btf.name(to)) {
                found.push(Guarded { offset: base, size: 8, what: GuardedKind::Other });
            }
        }
        _ => {}
    }
}
