//! Fields of map values that only helpers may touch: locks, timers, roots of lists and trees, kptrs.
//!
//! They are found as Linux finds them, by the names of their types in the object's BTF (6.18).

use belay_object::MapDef;
use belay_object::btf::{Btf, Kind, TypeId};

/// How deep structures may be nested, and how many fields are looked at.
const MAX_DEPTH: u32 = 16;
const MAX_FIELDS: usize = 4096;

/// A field that loads and stores may not touch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SpecialField {
    /// Its type, `bpf_spin_lock`; `kptr` for a tagged pointer.
    pub(crate) name: &'static str,
    /// Offset in the value, in bytes.
    pub(crate) off: u32,
    /// Size in bytes.
    pub(crate) size: u32,
}

/// The structures that are special, and their sizes.
const STRUCTURES: &[(&str, u32)] = &[
    ("bpf_spin_lock", 4),
    ("bpf_res_spin_lock", 4),
    ("bpf_timer", 16),
    ("bpf_wq", 16),
    ("bpf_task_work", 8),
    ("bpf_list_head", 16),
    ("bpf_list_node", 24),
    ("bpf_rb_root", 16),
    ("bpf_rb_node", 32),
    ("bpf_refcount", 4),
];

/// The special fields of the map's value.
pub(crate) fn special_fields(map: &MapDef, btf: Option<&Btf>) -> Vec<SpecialField> {
    let mut found = Vec::new();
    if let (Some(btf), Some(value)) = (btf, map.btf_value) {
        let mut looked_at = 0;
        find(btf, value, 0, MAX_DEPTH, &mut looked_at, &mut found);
    }
    found
}

fn find(btf: &Btf, id: TypeId, off: u32, depth: u32, looked_at: &mut usize, found: &mut Vec<SpecialField>) {
    *looked_at += 1;
    if depth == 0 || *looked_at > MAX_FIELDS {
        return;
    }
    let ty = btf.strip(id);
    match ty.kind {
        Kind::Struct { members, .. } => {
            if let Some(&(name, size)) = STRUCTURES.iter().find(|(name, _)| *name == ty.name) {
                found.push(SpecialField { name, off, size });
                return;
            }
            for member in members.iter() {
                let at = off.saturating_add(member.bit_offset / 8);
                find(btf, member.ty, at, depth - 1, looked_at, found);
            }
        }
        Kind::Array { element, len, .. } => {
            let Some(size) = btf.size_of(element) else { return };
            for index in 0..len.min(MAX_FIELDS as u32) {
                find(
                    btf,
                    element,
                    off.saturating_add(size.saturating_mul(index)),
                    depth - 1,
                    looked_at,
                    found,
                );
            }
        }
        Kind::Ptr(target) if is_kptr(btf, target) => found.push(SpecialField { name: "kptr", off, size: 8 }),
        _ => {}
    }
}

/// Whether the type that a pointer points to is tagged as one that the map owns.
fn is_kptr(btf: &Btf, target: TypeId) -> bool {
    let ty = btf.get(target);
    let tags = ["kptr", "kptr_untrusted", "percpu_kptr", "uptr"];
    matches!(ty.kind, Kind::TypeTag(_)) && tags.contains(&ty.name)
}
