//! Which maps have fields in their values that only calls may touch.

use belay_object::MapDef;
use belay_object::btf::{Btf, Kind};
use belay_profile::KernelProfile;
use belay_spec::MapKind;

use crate::record::{FieldKind, Place, Record};

/// `BPF_F_RDONLY_PROG`, `BPF_F_WRONLY_PROG`
const LIMITED_FOR_PROGRAMS: u32 = 1 << 7 | 1 << 8;

/// What is known of the fields in a map's values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fields {
    /// The map has no types: none was given, or the kernel refused to create the map with them and it was created
    /// without (as libbpf does).
    Untyped,
    /// The types break a rule, or there is no field: bytes are plain.
    None,
    /// These fields.
    Some(Record),
}

/// The fields of a map's values, and of those of the maps in it.
#[derive(Clone, Debug)]
pub(crate) struct MapFields {
    pub(crate) own: Fields,
    pub(crate) inner: Fields,
}

impl MapFields {
    /// Of one map of the object.
    pub(crate) fn of(map: &MapDef, btf: Option<&Btf>, kernel: &KernelProfile) -> MapFields {
        let inner = map.inner.as_deref().map_or(Fields::Untyped, |inner| Fields::of(inner, btf, kernel));
        MapFields { own: Fields::of(map, btf, kernel), inner }
    }
}

impl Fields {
    fn of(map: &MapDef, btf: Option<&Btf>, kernel: &KernelProfile) -> Fields {
        let Some((btf, value)) = btf.zip(map.btf_value).filter(|(_, value)| value.0 != 0) else {
            return Fields::Untyped;
        };
        // As the structure of an object it must be sound, too: else the kernel takes none of the types.
        let structure = btf.strip(value);
        if matches!(structure.kind, Kind::Struct { .. })
            && Record::of(btf, structure.id, Place::Object, kernel).is_err()
        {
            return Fields::Untyped;
        }
        let sizes_agree = btf.size_of(value) == Some(map.value_size) && key_agrees(map, btf);
        let record = Record::of(btf, value, Place::MapValue, kernel).unwrap_or_default();
        let created = record.fields().iter().all(|field| holds(map.kind, &field.kind))
            && (record.fields().is_empty() || map.flags & LIMITED_FOR_PROGRAMS == 0);
        match (sizes_agree && created, record.fields().is_empty()) {
            (false, _) => Fields::Untyped,
            (true, true) => Fields::None,
            (true, false) => Fields::Some(record),
        }
    }

    /// The record, empty if there is none.
    pub(crate) fn record(&self) -> &Record {
        static EMPTY: Record = Record::EMPTY;
        match self {
            Fields::Some(record) => record,
            Fields::Untyped | Fields::None => &EMPTY,
        }
    }
}

/// Whether the type of the map's key is one that the kernel takes for it.
fn key_agrees(map: &MapDef, btf: &Btf) -> bool {
    let Some(key) = map.btf_key.filter(|key| key.0 != 0) else {
        // Data sections have no key type.
        let section = map.btf_value.map(|value| btf.get(value).kind);
        return matches!(section, Some(Kind::Section { .. })) && map.kind == MapKind::ARRAY;
    };
    let integer = matches!(btf.strip(key).kind, Kind::Int { bits: 32, offset: 0, .. });
    let needs_integer = matches!(map.kind, MapKind::ARRAY | MapKind::PERCPU_ARRAY);
    btf.size_of(key) == Some(map.key_size) && (integer || !needs_integer)
}

/// Whether values of such a map can hold such a field (6.18, measured by creating the maps).
fn holds(map: MapKind, field: &FieldKind) -> bool {
    const PLAIN: &[MapKind] = &[MapKind::HASH, MapKind::ARRAY];
    const STORAGE: &[MapKind] =
        &[MapKind::SK_STORAGE, MapKind::INODE_STORAGE, MapKind::TASK_STORAGE, MapKind::CGRP_STORAGE];
    const PER_CPU: &[MapKind] = &[MapKind::PERCPU_HASH, MapKind::LRU_PERCPU_HASH, MapKind::PERCPU_ARRAY];
    let one_of = |groups: &[&[MapKind]]| groups.iter().any(|group| group.contains(&map));
    match field {
        FieldKind::SpinLock | FieldKind::ResSpinLock => one_of(&[PLAIN, STORAGE, &[MapKind::CGROUP_STORAGE]]),
        FieldKind::Timer
        | FieldKind::Workqueue
        | FieldKind::TaskWork
        | FieldKind::ListHead(_)
        | FieldKind::TreeRoot(_) => one_of(&[PLAIN, &[MapKind::LRU_HASH]]),
        FieldKind::Kptr(kptr) if kptr.kind == crate::record::KptrKind::User => map == MapKind::TASK_STORAGE,
        FieldKind::Kptr(_) | FieldKind::Refcount => one_of(&[PLAIN, STORAGE, PER_CPU, &[MapKind::LRU_HASH]]),
        FieldKind::ListNode | FieldKind::TreeNode => false,
    }
}
