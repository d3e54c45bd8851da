//! Maps: made from an object's definitions, shared by programs and user space.
//!
//! [`Maps`] is the table of one object (or of several that share maps). Programs name a map by a *handle*, a number
//! that preparation puts into the code; handles, values and programs stay valid as long as the `Maps`.
//! A kind of map is a file of this module and one line in [`create`]; what kinds have in common is [`storage`].

mod array;
mod file;
mod hash;
mod lpm;
pub(crate) mod ringbuf;
mod slab;
pub(crate) mod storage;

use std::sync::Arc;

use belay_object::MapDef;
use belay_spec::MapKind;

use crate::errno::Errno;
use crate::op::Code;
use array::Array;
pub use file::FillError;
use hash::{Hash, Shape};
use lpm::Lpm;
use ringbuf::Ring;
pub use storage::{ANY, EXIST, NOEXIST};
pub(crate) use storage::{ElementKey, Place, Side, Storage, Value};

/// Handles are this plus the map's index: a number that is no address and no small scalar.
const HANDLE: u64 = 0x6d61_7000_0000_0000;

/// `BPF_F_RDONLY_PROG`: programs only read.
const F_RDONLY_PROG: u32 = 1 << 7;

/// What maps may cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MapLimits {
    /// The most memory, in bytes, that one full map may take. Memory is taken as it is used, but a definition beyond
    /// this is refused at once.
    pub bytes: u64,
    /// CPUs that may run programs: how many values an entry of a per-CPU map has. At least 1.
    pub cpus: usize,
}

impl Default for MapLimits {
    fn default() -> Self {
        MapLimits { bytes: 1 << 30, cpus: 1 }
    }
}

/// Why a map cannot be made or filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// The kernel would refuse the definition, too.
    #[error("map `{map}`: {reason}")]
    Invalid {
        /// The map's name.
        map: String,
        /// What is wrong.
        reason: String,
    },
    /// A kind that does not run yet.
    #[error("map `{map}`: unsupported: map type `{kind}`")]
    Unsupported {
        /// The map's name.
        map: String,
        /// Its kind.
        kind: MapKind,
    },
    /// It would take more memory than allowed.
    #[error("map `{map}`: a full map takes {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// The map's name.
        map: String,
        /// The memory of the full map.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// An initial entry names a map that is not there.
    #[error("map `{map}`: initial entry {index} names `{target}`, which is no map of the object")]
    NoTarget {
        /// The map's name.
        map: String,
        /// The key.
        index: u32,
        /// What it names.
        target: String,
    },
    /// A key or a value has the wrong size.
    #[error("map `{map}`: a {what} has {expected} bytes, not {found}")]
    Size {
        /// The map's name.
        map: String,
        /// `key` or `value`.
        what: &'static str,
        /// What the definition says.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// The operation failed as it would in the kernel.
    #[error("map `{map}`: {errno}")]
    Operation {
        /// The map's name.
        map: String,
        /// The kernel's error.
        errno: Errno,
    },
}

/// One map.
pub struct Map {
    def: MapDef,
    index: u32,
    cpus: usize,
    storage: Box<dyn Storage>,
}

impl std::fmt::Debug for Map {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Map").field("def", &self.def).finish_non_exhaustive()
    }
}

/// An entry as user space sees it: the key, and the value (of all CPUs, one after the other, each padded to a
/// multiple of 8 bytes, where each has its own).
pub type Entry = (Vec<u8>, Vec<u8>);

impl Map {
    /// Its definition.
    pub fn def(&self) -> &MapDef {
        &self.def
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.def.name
    }

    /// How many bytes user space reads and writes as a value.
    pub fn user_value_size(&self) -> usize {
        match self.storage.cpu_stride() {
            0 => self.def.value_size as usize,
            stride => stride * self.cpus,
        }
    }

    /// The value of a key.
    ///
    /// # Errors
    /// If the key has not the map's key size.
    pub fn lookup(&self, key: &[u8]) -> Result<Option<Vec<u8>>, MapError> {
        self.size("key", self.def.key_size as usize, key)?;
        Ok(self.storage.lookup(key, Side::User).map(|place| self.copy_value(place)))
    }

    /// Creates or replaces an entry. `flags` is [`ANY`], [`NOEXIST`] or [`EXIST`].
    ///
    /// # Errors
    /// If a size is wrong, or as the kernel does: the map is full, the entry exists or does not.
    pub fn update(&self, key: &[u8], value: &[u8], flags: u64) -> Result<(), MapError> {
        if self.def.frozen {
            return Err(self.failed(Errno::EPERM));
        }
        self.set(key, value, flags)
    }

    fn set(&self, key: &[u8], value: &[u8], flags: u64) -> Result<(), MapError> {
        self.size("key", self.def.key_size as usize, key)?;
        self.size("value", self.user_value_size(), value)?;
        self.storage.update(key, Value::Bytes(value), flags, Side::User).map_err(|errno| self.failed(errno))
    }

    /// Removes an entry.
    ///
    /// # Errors
    /// If the key's size is wrong, or as the kernel does: there is no such entry, or the kind cannot delete.
    pub fn delete(&self, key: &[u8]) -> Result<(), MapError> {
        self.size("key", self.def.key_size as usize, key)?;
        self.storage.delete(key).map_err(|errno| self.failed(errno))
    }

    /// Every entry. Those that come and go meanwhile may be among them or not.
    pub fn iter(&self) -> impl Iterator<Item = Entry> {
        let mut cursor = 0;
        std::iter::from_fn(move || {
            let element = self.storage.element(cursor, Side::User)?;
            cursor = element.next;
            let key = match element.key {
                ElementKey::Index(index) => index.to_le_bytes().to_vec(),
                ElementKey::Stored(place) => {
                    let mut key = vec![0; self.def.key_size as usize];
                    place.read(&mut key);
                    key
                }
            };
            Some((key, self.copy_value(element.value)))
        })
    }

    /// Takes out the records of a ring buffer that are ready, oldest first; none for other kinds.
    pub fn drain(&self) -> Vec<Vec<u8>> {
        self.storage.ring().map(Ring::drain).unwrap_or_default()
    }

    fn copy_value(&self, place: Place<'_>) -> Vec<u8> {
        let mut value = vec![0; self.user_value_size()];
        place.read(&mut value);
        value
    }

    fn size(&self, what: &'static str, expected: usize, given: &[u8]) -> Result<(), MapError> {
        if given.len() == expected {
            return Ok(());
        }
        Err(MapError::Size { map: self.def.name.clone(), what, expected, found: given.len() })
    }

    fn failed(&self, errno: Errno) -> MapError {
        MapError::Operation { map: self.def.name.clone(), errno }
    }

    /// What programs name it by.
    pub(crate) fn handle(&self) -> u64 {
        HANDLE + u64::from(self.index)
    }

    pub(crate) fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    /// Whether its values are maps, so that a lookup gives a handle.
    pub(crate) fn holds_maps(&self) -> bool {
        self.def.kind.holds_maps()
    }

    /// Where its values lie, if a look-up is only arithmetic.
    pub(crate) fn plain_array(&self) -> Option<storage::PlainArray> {
        if self.def.kind == MapKind::ARRAY { self.storage.plain_array() } else { None }
    }

    /// Whether programs may write to its values.
    pub(crate) fn programs_write(&self) -> bool {
        self.def.flags & F_RDONLY_PROG == 0
    }

    /// Whether a program that was verified with that definition may use this map.
    pub(crate) fn is_as_verified(&self, def: &MapDef) -> bool {
        let shape = |def: &MapDef| (def.kind, def.key_size, def.value_size, def.max_entries, def.flags);
        let inner = |def: &MapDef| def.inner.as_deref().map(shape);
        shape(&self.def) == shape(def) && inner(&self.def) == inner(def)
    }

    /// The address of the first value, for loads of a variable in a data section: an array's only.
    pub(crate) fn direct_value(&self) -> Option<u64> {
        (self.def.kind == MapKind::ARRAY)
            .then(|| self.storage.lookup(&[0; 4], Side::User).map(Place::addr))?
    }
}

/// The maps of an object, and the programs that its program arrays hold.
#[derive(Debug, Default)]
pub struct Maps {
    maps: boxcar::Vec<Map>,
    programs: boxcar::Vec<Arc<Code>>,
    limits: MapLimits,
}

impl Maps {
    /// Makes the maps that an object defines, with their initial contents, within the default limits.
    ///
    /// # Errors
    /// The first definition that cannot be made.
    pub fn from_defs(defs: &[MapDef]) -> Result<Maps, MapError> {
        Maps::within(defs, MapLimits::default())
    }

    /// Makes the maps that an object defines, with their initial contents.
    ///
    /// # Errors
    /// The first definition that cannot be made.
    pub fn within(defs: &[MapDef], limits: MapLimits) -> Result<Maps, MapError> {
        let maps = Maps { limits, ..Maps::default() };
        for def in defs {
            maps.add(def)?;
        }
        for map in maps.iter() {
            maps.link(map)?;
        }
        Ok(maps)
    }

    /// Adds a map: an inner map, to be put into a map of maps. It cannot be removed again.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn add(&self, def: &MapDef) -> Result<&Map, MapError> {
        let storage = create(def, self.limits)?;
        let cpus = self.limits.cpus.max(1);
        let index = self.maps.push_with(|index| {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            Map { def: def.clone(), index, cpus, storage }
        });
        let map = self.maps.get(index).ok_or_else(|| invalid(def, "there are too many maps"))?;
        if let Some(contents) = &def.contents {
            map.set(&[0; 4], contents, ANY)?;
        }
        Ok(map)
    }

    /// Puts the maps that a map of maps starts with into it. (Program arrays are filled with prepared programs.)
    fn link(&self, map: &Map) -> Result<(), MapError> {
        if !map.holds_maps() {
            return Ok(());
        }
        for init in &map.def.init {
            let target = self.by_name(&init.target).ok_or_else(|| MapError::NoTarget {
                map: map.def.name.clone(),
                index: init.index,
                target: init.target.clone(),
            })?;
            self.set_inner(map, &init.index.to_le_bytes(), target)?;
        }
        Ok(())
    }

    /// Puts a map into a map of maps. Both must be of this table.
    ///
    /// # Errors
    /// If `outer` holds no maps, `inner` differs from its template, or as the kernel does.
    pub fn set_inner(&self, outer: &Map, key: &[u8], inner: &Map) -> Result<(), MapError> {
        // A verified program relies on the template, down to the number of an array's entries.
        let same_shape = outer.def.inner.as_ref().is_some_and(|template| inner.is_as_verified(template));
        if !outer.holds_maps() || inner.holds_maps() || !same_shape || !self.owns(outer) || !self.owns(inner)
        {
            return Err(outer.failed(Errno::EINVAL));
        }
        outer.set(key, &(inner.index + 1).to_le_bytes(), ANY)
    }

    fn owns(&self, map: &Map) -> bool {
        self.maps.get(map.index as usize).is_some_and(|own| std::ptr::eq(own, map))
    }

    /// Every map, in the order of the definitions, then as added.
    pub fn iter(&self) -> impl Iterator<Item = &Map> {
        self.maps.iter().map(|(_, map)| map)
    }

    /// The map of that name; of several, the first.
    pub fn by_name(&self, name: &str) -> Option<&Map> {
        self.iter().find(|map| map.def.name == name)
    }

    /// The map that instructions name by that index.
    pub fn by_index(&self, index: usize) -> Option<&Map> {
        self.maps.get(index)
    }

    /// How many CPUs have values of their own in per-CPU maps.
    pub fn cpus(&self) -> usize {
        self.limits.cpus.max(1)
    }

    /// The map of a handle.
    #[inline]
    pub(crate) fn by_handle(&self, handle: u64) -> Option<&Map> {
        self.maps.get(usize::try_from(handle.checked_sub(HANDLE)?).ok()?)
    }

    /// The map in a map of maps, as a place found by lookup names it.
    pub(crate) fn inner(&self, place: Place<'_>) -> Option<&Map> {
        self.maps.get((place.read_u32() as usize).checked_sub(1)?)
    }

    /// Puts a prepared program into a program array.
    pub(crate) fn set_program(&self, array: &Map, index: u32, code: Arc<Code>) -> Result<(), MapError> {
        if array.def.kind != MapKind::PROG_ARRAY || !self.owns(array) {
            return Err(array.failed(Errno::EINVAL));
        }
        let number = self.programs.push(code);
        let number = u32::try_from(number + 1).map_err(|_| array.failed(Errno::E2BIG))?;
        array.set(&index.to_le_bytes(), &number.to_le_bytes(), ANY)
    }

    /// The program at an index of a program array.
    pub(crate) fn program(&self, array: u64, index: u32) -> Option<&Code> {
        let map = self.by_handle(array).filter(|map| map.def.kind == MapKind::PROG_ARRAY)?;
        let number = map.storage.lookup(&index.to_le_bytes(), Side::User)?.read_u32();
        self.programs.get((number as usize).checked_sub(1)?).map(|code| &**code)
    }

    /// The ring buffer in which a record lies.
    pub(crate) fn ring_of(&self, record: u64) -> Option<&Ring> {
        self.iter().filter_map(|map| map.storage.ring()).find(|ring| ring.holds(record))
    }
}

/// Makes the storage of a map that Linux would make, too.
fn create(def: &MapDef, limits: MapLimits) -> Result<Box<dyn Storage>, MapError> {
    let unsupported = || MapError::Unsupported { map: def.name.clone(), kind: def.kind };
    let rules = def.kind.rules().ok_or_else(unsupported)?;
    need(def, rules.key.allow(def.key_size), || format!("keys of {} bytes", def.key_size))?;
    need(def, rules.value.allow(def.value_size), || format!("values of {} bytes", def.value_size))?;
    need(def, rules.entries.allow(def.max_entries), || format!("room for {} entries", def.max_entries))?;
    need(def, def.flags & !rules.flags == 0, || format!("creation flags {:#x}", def.flags))?;
    let missing = rules.required_flags & !def.flags;
    need(def, missing == 0, || format!("creation flags without {missing:#x}"))?;

    let (key, value, max) = (def.key_size as usize, def.value_size as usize, def.max_entries);
    let cpus = limits.cpus.max(1);
    let per_cpu = if rules.per_cpu { cpus } else { 0 };
    match def.kind {
        // Of programs, maps, devices, CPUs and sockets an entry holds the number, 0 for none.
        MapKind::ARRAY
        | MapKind::PERCPU_ARRAY
        | MapKind::PROG_ARRAY
        | MapKind::ARRAY_OF_MAPS
        | MapKind::DEVMAP
        | MapKind::CPUMAP
        | MapKind::XSKMAP => {
            let element = (storage::stride(value) as u64).saturating_mul(per_cpu.max(1) as u64);
            fits(def, limits, element, max)?;
            Ok(Box::new(Array::new(value, max, per_cpu)))
        }
        MapKind::HASH
        | MapKind::PERCPU_HASH
        | MapKind::LRU_HASH
        | MapKind::LRU_PERCPU_HASH
        | MapKind::HASH_OF_MAPS
        | MapKind::DEVMAP_HASH => {
            let evicts = matches!(def.kind, MapKind::LRU_HASH | MapKind::LRU_PERCPU_HASH);
            let shape = Shape { key_size: key, value_size: value, max_entries: max, per_cpu, cpus, evicts };
            fits(def, limits, shape.element_size() as u64 + 8, max)?;
            Ok(Box::new(Hash::new(shape)))
        }
        MapKind::LPM_TRIE => {
            fits(def, limits, Lpm::element_size(key, value) as u64, max)?;
            Ok(Box::new(Lpm::new(key, value, max)))
        }
        MapKind::RINGBUF => {
            fits(def, limits, 2, max)?;
            Ok(Box::new(Ring::new(max)))
        }
        _ => Err(unsupported()),
    }
}

fn invalid(def: &MapDef, reason: &str) -> MapError {
    MapError::Invalid { map: def.name.clone(), reason: reason.to_owned() }
}

/// What Linux asks of a definition; `given` says what stands there.
fn need(def: &MapDef, holds: bool, given: impl Fn() -> String) -> Result<(), MapError> {
    if holds { Ok(()) } else { Err(invalid(def, &format!("a `{}` map cannot have {}", def.kind, given()))) }
}

/// Whether `max` elements of that size stay within the limit.
fn fits(def: &MapDef, limits: MapLimits, element: u64, max: u32) -> Result<(), MapError> {
    let bytes = element.saturating_mul(u64::from(max));
    if bytes <= limits.bytes {
        return Ok(());
    }
    Err(MapError::TooLarge { map: def.name.clone(), bytes, limit: limits.bytes })
}
