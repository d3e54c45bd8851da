//! Which of a kernel's types a verifier can ask for.

use std::collections::HashSet;

use belay_object::Error;
use belay_object::btf::{Btf, Kind, Type};
use belay_spec::Kfunc;

/// A kernel's types without what no program can name: of functions, those that programs call, attach to as LSM hooks
/// or iterators, or that test attachment are kept; everything that is not a function is.
///
/// # Errors
/// As [`Btf::select`].
pub fn select(btf: &Btf) -> Result<Btf, Error> {
    let tagged: HashSet<_> = btf
        .ids()
        .filter_map(|id| match btf.get(id) {
            Type { name: "bpf_kfunc", kind: Kind::DeclTag { ty, component: -1 }, .. } => Some(ty),
            _ => None,
        })
        .collect();
    let wanted_function = |ty: &Type<'_>| {
        tagged.contains(&ty.id)
            || Kfunc::by_name(ty.name).is_some()
            || ty.name.starts_with("bpf_")
            || ty.name.starts_with("security_")
    };
    btf.select(|ty| match ty.kind {
        Kind::Func { .. } => wanted_function(ty),
        Kind::DeclTag { ty, .. } => tagged.contains(&ty),
        // Kept if something names them.
        Kind::FuncProto { .. } | Kind::Ptr(_) | Kind::Array { .. } => false,
        Kind::Const(_) | Kind::Volatile(_) | Kind::Restrict(_) | Kind::TypeTag(_) => false,
        _ => !ty.name.is_empty(),
    })
}
