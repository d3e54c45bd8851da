//! Fields in maps' values that Linux 6.18 knows and an older release takes for something else.
//!
//! Such a map is created there, too, but its bytes are plain, or a pointer has another owner; of programs that use it
//! there is no verdict.

use belay_object::MapDef;
use belay_object::btf::{Btf, Kind, TypeId};
use belay_spec::{Release, Rule};

/// How deep types are looked into.
const MAX_DEPTH: u32 = 32;

/// The first type in the values of the map, or of the maps in it, that means something else to that release.
pub(crate) fn of_another_meaning<'a>(
    map: &MapDef,
    btf: Option<&'a Btf>,
    release: Release,
) -> Option<&'a str> {
    let btf = btf?;
    let inner = map.inner.as_deref().and_then(|inner| inner.btf_value);
    [map.btf_value, inner].into_iter().flatten().find_map(|value| within(btf, value, release, 0))
}

fn within(btf: &Btf, id: TypeId, release: Release, depth: u32) -> Option<&str> {
    if depth > MAX_DEPTH {
        return None;
    }
    let ty = btf.get(btf.strip(id).id);
    let inside = |id| within(btf, id, release, depth + 1);
    match ty.kind {
        Kind::Struct { .. } if has_another_meaning(ty.name, release) => Some(ty.name),
        Kind::Struct { members, .. } => members.iter().find_map(|member| inside(member.ty)),
        Kind::Section { vars, .. } => vars.iter().find_map(|var| inside(var.ty)),
        Kind::Var { ty, .. } => inside(ty),
        Kind::Array { element, .. } => inside(element),
        Kind::Ptr(target) => {
            let tag = btf.get(target);
            let tagged = matches!(tag.kind, Kind::TypeTag(_)) && has_another_meaning(tag.name, release);
            tagged.then_some(tag.name)
        }
        _ => None,
    }
}

fn has_another_meaning(name: &str, release: Release) -> bool {
    let since = match name {
        "kptr" | "kptr_untrusted" | "kptr_ref" | "percpu_kptr" | "bpf_list_head" | "bpf_rb_root"
        | "bpf_refcount" | "bpf_wq" => Rule::FieldsOfMaps,
        "bpf_res_spin_lock" | "bpf_task_work" | "uptr" => Rule::LaterFieldsOfMaps,
        _ => return false,
    };
    !release.has(since)
}
