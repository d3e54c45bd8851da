//! Maps: made from an object's definitions, shared by programs and user space.
//!
//! [`Maps`] is the table of one object (or of several that share maps), [`Map`] is one of them as user space sees it.
//! Programs name a map by a *handle*, a number that preparation puts into the code; handles, values and programs
//! stay valid as long as the `Maps`. A kind of map is a file of this module and one line in [`create`]; what kinds have
//! in common is [`storage`].

mod array;
mod bloom;
mod create;
mod dump;
mod error;
mod events;
mod file;
mod hash;
mod lpm;
mod map;
#[cfg(all(test, belay_loom))]
mod models;
mod owned;
mod queue;
pub(crate) mod ringbuf;
mod slab;
mod slots;
mod sockets;
pub(crate) mod storage;

use std::sync::Arc;

use belay_object::MapDef;
use belay_spec::MapKind;

use crate::errno::Errno;
use crate::op::Code;
use crate::timers::Timers;
pub use dump::Dump;
pub use error::{MapError, MapLimits};
pub use file::{Data, FillError};
pub(crate) use hash::Hash;
pub use map::{Entry, Map};
use ringbuf::Ring;
pub(crate) use sockets::{admits, takes_redirects};
pub use storage::{ANY, EXIST, NOEXIST};
pub(crate) use storage::{ElementKey, Out, Place, PlainArray, Side, Storage, Value};

/// The maps of an object, and the programs that its program arrays hold.
///
/// Programs and user space share them: everything here may be called while programs run on other threads.
///
/// ```
/// use belay_object::MapDef;
/// use belay_spec::MapKind;
/// use belay_vm::{ANY, MapLimits, Maps, NOEXIST};
///
/// let defs = [
///     MapDef::new("flows", MapKind::HASH, 4, 8, 1024),
///     MapDef::new("packets", MapKind::PERCPU_ARRAY, 4, 8, 1),
///     MapDef::new("events", MapKind::RINGBUF, 0, 0, 4096),
/// ];
/// let maps = Maps::within(&defs, MapLimits { cpus: 2, ..MapLimits::default() })?;
///
/// let flows = maps.by_name("flows").expect("defined above");
/// flows.update(&7_u32.to_le_bytes(), &1_u64.to_le_bytes(), ANY)?;
/// assert!(flows.update(&7_u32.to_le_bytes(), &2_u64.to_le_bytes(), NOEXIST).is_err());
/// assert_eq!(flows.lookup(&7_u32.to_le_bytes())?, Some(vec![1, 0, 0, 0, 0, 0, 0, 0]));
/// for (key, value) in flows.iter() {
///     println!("{key:02x?}: {value:02x?}");
/// }
/// flows.delete(&7_u32.to_le_bytes())?;
///
/// // Each CPU has its own value: user space reads and writes all of them, one after the other.
/// let packets = maps.by_name("packets").expect("defined above");
/// let each = packets.lookup(&[0; 4])?.expect("an array has every entry");
/// assert_eq!(each.chunks(packets.cpu_stride().expect("a per-CPU map")).count(), 2);
///
/// // What programs put out is taken out in order.
/// let records: Vec<Vec<u8>> = maps.by_name("events").expect("defined above").drain();
/// assert!(records.is_empty());
/// # Ok::<(), belay_vm::MapError>(())
/// ```
#[derive(Debug, Default)]
pub struct Maps {
    maps: boxcar::Vec<Map>,
    programs: boxcar::Vec<Arc<Code>>,
    limits: MapLimits,
    timers: Timers,
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
        let storage = create::create(def, self.limits)?;
        let cpus = self.limits.cpus.max(1);
        let index = self.maps.push_with(|index| {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            Map::new(def.clone(), index, cpus, storage)
        });
        let map = self.maps.get(index).ok_or_else(|| create::invalid(def, "there are too many maps"))?;
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
        for init in &map.def().init {
            let target = self.by_name(&init.target).ok_or_else(|| MapError::NoTarget {
                map: map.def().name.clone(),
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
        let same_shape = outer.def().inner.as_ref().is_some_and(|template| inner.is_as_verified(template));
        if !outer.holds_maps() || inner.holds_maps() || !same_shape || !self.owns(outer) || !self.owns(inner)
        {
            return Err(outer.failed(Errno::EINVAL));
        }
        outer.set(key, &(inner.index() + 1).to_le_bytes(), ANY)
    }

    fn owns(&self, map: &Map) -> bool {
        self.maps.get(map.index() as usize).is_some_and(|own| std::ptr::eq(own, map))
    }

    /// Every map, in the order of the definitions, then as added.
    pub fn iter(&self) -> impl Iterator<Item = &Map> {
        self.maps.iter().map(|(_, map)| map)
    }

    /// The map of that name; of several, the first.
    pub fn by_name(&self, name: &str) -> Option<&Map> {
        self.iter().find(|map| map.def().name == name)
    }

    /// The map that instructions name by that index.
    pub fn by_index(&self, index: usize) -> Option<&Map> {
        self.maps.get(index)
    }

    /// How many CPUs have values of their own in per-CPU maps.
    pub fn cpus(&self) -> usize {
        self.limits.cpus.max(1)
    }

    /// The timers in their values.
    pub(crate) fn timers(&self) -> &Timers {
        &self.timers
    }

    /// The map of a handle.
    #[inline]
    pub(crate) fn by_handle(&self, handle: u64) -> Option<&Map> {
        self.maps.get(usize::try_from(handle.checked_sub(map::HANDLE)?).ok()?)
    }

    /// The map in a map of maps, as a place found by lookup names it.
    pub(crate) fn inner(&self, place: Place<'_>) -> Option<&Map> {
        self.maps.get((place.read_u32() as usize).checked_sub(1)?)
    }

    /// Puts a prepared program into a program array.
    pub(crate) fn set_program(&self, array: &Map, index: u32, code: Arc<Code>) -> Result<(), MapError> {
        if array.def().kind != MapKind::PROG_ARRAY || !self.owns(array) {
            return Err(array.failed(Errno::EINVAL));
        }
        let number = self.programs.push(code);
        let number = u32::try_from(number + 1).map_err(|_| array.failed(Errno::E2BIG))?;
        array.set(&index.to_le_bytes(), &number.to_le_bytes(), ANY)
    }

    /// The program at an index of a program array.
    pub(crate) fn program(&self, array: u64, index: u32) -> Option<&Code> {
        let map = self.by_handle(array).filter(|map| map.def().kind == MapKind::PROG_ARRAY)?;
        let number = map.storage().lookup(&index.to_le_bytes(), Side::User)?.read_u32();
        self.programs.get((number as usize).checked_sub(1)?).map(|code| &**code)
    }

    /// The ring buffer in which a record lies.
    pub(crate) fn ring_of(&self, record: u64) -> Option<&Ring> {
        self.iter().filter_map(|map| map.storage().ring()).find(|ring| ring.holds(record))
    }
}
