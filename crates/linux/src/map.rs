//! Maps in the kernel, from their definitions in an object.
//!
//! A [`Map`] knows the sizes that its system calls copy, so keys and values of a wrong length are refused here and
//! never reach the kernel. What libbpf adjusts before it creates a map is adjusted here as well, in one table
//! ([`adjusted`]) and for the same reason: an object leaves it open.

use std::collections::HashMap;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use belay_object::MapDef;
use belay_spec::MapKind;

use crate::sys::{self, Errno, MapCreate, SizedMap, object_name};

/// Where an arena that names no address is mapped: far from what a process uses, so that its address is a constant.
const ARENA_ADDRESS: u64 = 1 << 44;

/// Whether an update creates, replaces, or both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exist {
    /// `BPF_ANY`.
    Any,
    /// `BPF_NOEXIST`: create only.
    No,
    /// `BPF_EXIST`: replace only.
    Yes,
}

/// A map that could not be created or filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapError {
    /// The map's name.
    pub map: String,
    /// What failed, `create`.
    pub doing: &'static str,
    /// The error.
    pub errno: Errno,
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "map `{}`: cannot {} it: {}", self.map, self.doing, self.errno)
    }
}

impl std::error::Error for MapError {}

/// A map in the kernel; it lives as long as this or a program that uses it.
#[derive(Debug)]
pub struct Map {
    name: String,
    kind: MapKind,
    sized: SizedMap,
}

impl Map {
    /// Creates a map, with its inner map's template if it has one, without contents.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn create(def: &MapDef) -> Result<Map, MapError> {
        Map::create_typed(def, None)
    }

    /// Creates a map whose key and value have types: what locks, timers and kernel pointers in values need.
    /// `btf` is the object's, loaded.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn create_typed(def: &MapDef, btf: Option<BorrowedFd<'_>>) -> Result<Map, MapError> {
        let failed = |errno| MapError { map: def.name.clone(), doing: "create", errno };
        let inner = match &def.inner {
            Some(inner) => Some(Map::create_typed(inner, btf)?),
            None => None,
        };
        let mut attr = adjusted(def).map_err(failed)?;
        attr.inner_map_fd = inner.as_ref().map_or(0, |map| map.as_fd().as_raw_fd().cast_unsigned());
        if let (Some(btf), true) = (btf, takes_types(def.kind)) {
            attr.btf_fd = btf.as_raw_fd().cast_unsigned();
            attr.btf_key_type_id = def.btf_key.unwrap_or_default().0;
            attr.btf_value_type_id = def.btf_value.unwrap_or_default().0;
        }
        let value_size = copied_value_size(def).map_err(failed)?;
        let mut created = SizedMap::create(&mut attr, value_size);
        if created.is_err() && attr.btf_fd != 0 {
            // As libbpf: types that the kernel does not take for this map are left out.
            (attr.btf_fd, attr.btf_key_type_id, attr.btf_value_type_id) = (0, 0, 0);
            created = SizedMap::create(&mut attr, value_size);
        }
        let sized = created.map_err(failed)?;
        Ok(Map { name: def.name.clone(), kind: def.kind, sized })
    }

    /// Its name in the object.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its kind.
    pub fn kind(&self) -> MapKind {
        self.kind
    }

    /// The bytes of a value as user space reads and writes it: of per-CPU kinds, those of all possible CPUs.
    pub fn value_len(&self) -> usize {
        self.sized.value_len()
    }

    /// The value at `key`, `None` if there is none. Values of per-CPU kinds are those of all possible CPUs one after
    /// the other, each rounded up to eight bytes.
    ///
    /// # Errors
    /// `EINVAL` for a key of a wrong length; those of the kernel.
    pub fn lookup(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
        absent_is_none(self.sized.lookup(key))
    }

    /// Sets the value at `key`.
    ///
    /// # Errors
    /// `EINVAL` for a key or value of a wrong length; `EEXIST`, `ENOENT` as `exist` asks; `E2BIG` for a full map.
    pub fn update(&self, key: &[u8], value: &[u8], exist: Exist) -> Result<(), Errno> {
        let flags = match exist {
            Exist::Any => 0,
            Exist::No => 1,
            Exist::Yes => 2,
        };
        self.sized.update(key, value, flags)
    }

    /// Sets the value at `key`, with the kernel's flags as they are; `key` is empty for kinds without keys.
    ///
    /// # Errors
    /// Those of [`Map::update`]; `EINVAL` for flags that the kind does not know.
    pub fn update_flags(&self, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        self.sized.update(key, value, flags)
    }

    /// The value at `key`, which is removed; `None` if there is none. `key` is empty for queues and stacks.
    ///
    /// # Errors
    /// `EINVAL` for a key of a wrong length; `ENOTSUPP` for kinds that cannot do it.
    pub fn take(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
        absent_is_none(self.sized.take(key))
    }

    /// Whether a Bloom filter may hold a value.
    ///
    /// # Errors
    /// `EINVAL` for a value of a wrong length; those of the kernel.
    pub fn contains(&self, value: &[u8]) -> Result<bool, Errno> {
        Ok(absent_is_none(self.sized.contains(value))?.is_some())
    }

    /// Sets a slot of a program array or of a map of maps.
    ///
    /// # Errors
    /// Those of [`Map::update`].
    pub fn set_fd(&self, key: &[u8], target: BorrowedFd<'_>) -> Result<(), Errno> {
        self.update(key, &target.as_raw_fd().to_ne_bytes(), Exist::Any)
    }

    /// Removes the value at `key`; whether there was one.
    ///
    /// # Errors
    /// `EINVAL` for a key of a wrong length and for kinds that cannot forget (arrays).
    pub fn delete(&self, key: &[u8]) -> Result<bool, Errno> {
        Ok(absent_is_none(self.sized.delete(key))?.is_some())
    }

    /// The key after `key`, or the first; `None` at the end.
    ///
    /// # Errors
    /// `EINVAL` for a key of a wrong length; `ENOTSUPP` for kinds without keys.
    pub fn next_key(&self, key: Option<&[u8]>) -> Result<Option<Vec<u8>>, Errno> {
        absent_is_none(self.sized.next_key(key))
    }

    /// Forbids user space to write it: loads of constants from it become constants to the verifier.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn freeze(&self) -> Result<(), Errno> {
        self.sized.freeze()
    }
}

impl AsFd for Map {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.sized.fd().as_fd()
    }
}

fn absent_is_none<T>(result: Result<T, Errno>) -> Result<Option<T>, Errno> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Errno(libc::ENOENT)) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// The maps of an object, in its order.
#[derive(Debug, Default)]
pub struct Maps {
    maps: Vec<Map>,
}

impl Maps {
    /// Creates every map, fills and freezes those that have contents, and enters maps into maps of maps. Program
    /// arrays stay empty: their programs are not loaded yet.
    ///
    /// # Errors
    /// The first map that the kernel refuses.
    pub fn create(defs: &[MapDef]) -> Result<Maps, MapError> {
        Maps::create_typed(defs, None)
    }

    /// As [`Maps::create`], with the types of the object's loaded BTF.
    ///
    /// # Errors
    /// The first map that the kernel refuses.
    pub fn create_typed(defs: &[MapDef], btf: Option<BorrowedFd<'_>>) -> Result<Maps, MapError> {
        let maps: Vec<Map> = defs.iter().map(|def| Map::create_typed(def, btf)).collect::<Result<_, _>>()?;
        let by_name: HashMap<&str, &Map> = maps.iter().map(|map| (map.name.as_str(), map)).collect();
        for (def, map) in defs.iter().zip(&maps) {
            fill(def, map, &by_name)?;
        }
        Ok(Maps { maps })
    }

    /// The maps, in the object's order.
    pub fn iter(&self) -> impl Iterator<Item = &Map> {
        self.maps.iter()
    }

    /// The map of that name.
    pub fn by_name(&self, name: &str) -> Option<&Map> {
        self.maps.iter().find(|map| map.name == name)
    }

    /// The descriptors, in the object's order: what [`crate::Load::maps`] takes.
    pub fn fds(&self) -> Vec<BorrowedFd<'_>> {
        self.maps.iter().map(AsFd::as_fd).collect()
    }
}

fn fill(def: &MapDef, map: &Map, by_name: &HashMap<&str, &Map>) -> Result<(), MapError> {
    let failed = |doing| move |errno| MapError { map: def.name.clone(), doing, errno };
    if let Some(contents) = &def.contents {
        map.update(&0u32.to_ne_bytes(), contents, Exist::Any).map_err(failed("fill"))?;
    }
    if def.kind.holds_maps() {
        for slot in &def.init {
            if let Some(target) = by_name.get(slot.target.as_str()) {
                map.set_fd(&slot.index.to_ne_bytes(), target.as_fd()).map_err(failed("enter a map into"))?;
            }
        }
    }
    if def.frozen {
        map.freeze().map_err(failed("freeze"))?;
    }
    Ok(())
}

/// The creation attribute, with what the object leaves to the loader: a perf event array without a size has one
/// entry a CPU, ring buffers are whole pages by powers of two, an arena without an address gets one.
fn adjusted(def: &MapDef) -> Result<MapCreate, Errno> {
    let mut attr = MapCreate {
        map_type: def.kind.0,
        key_size: def.key_size,
        value_size: def.value_size,
        max_entries: def.max_entries,
        map_flags: def.flags,
        numa_node: def.numa_node.unwrap_or(0),
        map_name: object_name(&def.kernel_name),
        map_extra: def.map_extra,
        ..MapCreate::default()
    };
    match def.kind {
        MapKind::PERF_EVENT_ARRAY if def.max_entries == 0 => attr.max_entries = possible_cpus()?,
        MapKind::RINGBUF | MapKind::USER_RINGBUF if def.max_entries != 0 => {
            let whole = def.max_entries.max(sys::page_size()).checked_next_power_of_two();
            attr.max_entries = whole.unwrap_or(def.max_entries);
        }
        // The kernel wants its programs first, and no instruction names it: an array keeps its place among the maps.
        MapKind::STRUCT_OPS => (attr.map_type, attr.map_flags) = (MapKind::ARRAY.0, 0),
        MapKind::ARENA if def.map_extra == 0 => attr.map_extra = ARENA_ADDRESS,
        _ => {}
    }
    Ok(attr)
}

/// Kinds whose values may have a type. To others the kernel says `ENOTSUPP` or `EINVAL`; libbpf leaves the types out.
fn takes_types(map: MapKind) -> bool {
    matches!(
        map,
        MapKind::HASH
            | MapKind::ARRAY
            | MapKind::PERCPU_HASH
            | MapKind::PERCPU_ARRAY
            | MapKind::LRU_HASH
            | MapKind::LRU_PERCPU_HASH
            | MapKind::LPM_TRIE
            | MapKind::CGROUP_STORAGE
            | MapKind::PERCPU_CGROUP_STORAGE
            | MapKind::SK_STORAGE
            | MapKind::INODE_STORAGE
            | MapKind::TASK_STORAGE
            | MapKind::CGRP_STORAGE
    )
}

/// The bytes that a system call copies for one value.
fn copied_value_size(def: &MapDef) -> Result<usize, Errno> {
    let size = def.value_size as usize;
    match def.kind {
        MapKind::PERCPU_HASH
        | MapKind::PERCPU_ARRAY
        | MapKind::LRU_PERCPU_HASH
        | MapKind::PERCPU_CGROUP_STORAGE => size
            .checked_next_multiple_of(8)
            .and_then(|each| each.checked_mul(possible_cpus().ok()? as usize))
            .ok_or(Errno(libc::E2BIG)),
        // Slots that hold descriptors are four bytes whatever the definition says.
        MapKind::PROG_ARRAY | MapKind::PERF_EVENT_ARRAY | MapKind::ARRAY_OF_MAPS | MapKind::HASH_OF_MAPS => {
            Ok(4)
        }
        _ => Ok(size),
    }
}

/// How many CPUs the kernel keeps per-CPU values for. Never guessed: too small a buffer would be overrun.
fn possible_cpus() -> Result<u32, Errno> {
    std::fs::read_to_string("/sys/devices/system/cpu/possible")
        .ok()
        .and_then(|text| cpu_count(text.trim()))
        .ok_or(Errno(libc::ENODEV))
}

/// The number of CPUs of a list, `0-3,8` is 5: the kernel copies one value for each that is possible.
fn cpu_count(list: &str) -> Option<u32> {
    list.split(',').try_fold(0u32, |count, range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        count.checked_add(last.checked_sub(first)?.checked_add(1)?)
    })
}

#[cfg(test)]
mod tests {
    use super::cpu_count;

    #[test]
    fn cpu_lists_are_counted() {
        assert_eq!(cpu_count("0"), Some(1));
        assert_eq!(cpu_count("0-3"), Some(4));
        assert_eq!(cpu_count("0-3,8,10-11"), Some(7));
        assert_eq!(cpu_count(""), None);
        assert_eq!(cpu_count("3-1"), None);
    }
}
