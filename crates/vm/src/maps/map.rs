//! One map, as user space sees it: entries, records, and what the system calls answer.
//!
//! Operations fail with the kernel's errors. Where Linux takes a descriptor as a key or a value, there is none here:
//! a socket goes by its cookie, a program or a map is put in by a function of its own.

use belay_object::{GuardedKind, MapDef};
use belay_sockets::Socket;
use belay_spec::{Element, MapKind, SockKind};

use super::error::MapError;
use super::events::Events;
use super::hash::Hash;
use super::ringbuf::Ring;
use super::sockets::{self, COOKIE, goes_by_number, holds_sockets};
use super::storage::{ElementKey, LOCK, Out, Place, PlainArray, Side, Storage, Value};
use crate::errno::Errno;

/// Handles are this plus the map's index: a number that is no address and no small scalar.
pub(super) const HANDLE: u64 = 0x6d61_7000_0000_0000;

/// `BPF_F_RDONLY`, `BPF_F_WRONLY`: user space only reads, or only writes.
pub(super) const F_RDONLY: u32 = 1 << 3;
pub(super) const F_WRONLY: u32 = 1 << 4;
/// `BPF_F_RDONLY_PROG`, `BPF_F_WRONLY_PROG`: programs only read, or only write.
pub(super) const F_RDONLY_PROG: u32 = 1 << 7;
pub(super) const F_WRONLY_PROG: u32 = 1 << 8;

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

/// An entry as user space sees it: the key (empty where the kind has none), and the value (of all CPUs, one after the
/// other, each padded to a multiple of 8 bytes, where each has its own).
pub type Entry = (Vec<u8>, Vec<u8>);

impl Map {
    pub(super) fn new(def: MapDef, index: u32, cpus: usize, storage: Box<dyn Storage>) -> Map {
        Map { def, index, cpus, storage }
    }

    /// Its definition.
    pub fn def(&self) -> &MapDef {
        &self.def
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.def.name
    }

    /// How many bytes user space gives as a key. (The key of a socket's storage is the socket's cookie.)
    pub fn user_key_size(&self) -> usize {
        match self.def.kind {
            MapKind::SK_STORAGE => COOKIE,
            _ => self.def.key_size as usize,
        }
    }

    /// How many bytes user space reads and writes as a value. (Sockets go by their cookies, control groups by their ids.)
    pub fn user_value_size(&self) -> usize {
        match self.storage.cpu_stride() {
            _ if goes_by_number(self.def.kind) => COOKIE,
            0 => self.def.value_size as usize,
            stride => stride * self.cpus,
        }
    }

    /// How many bytes lie between the values of two CPUs, in what user space reads and writes; none where all CPUs share
    /// one value.
    pub fn cpu_stride(&self) -> Option<usize> {
        Some(self.storage.cpu_stride()).filter(|stride| *stride > 0)
    }

    /// The value of a key; of a queue or a stack, whose key is empty, the value that is next.
    ///
    /// # Errors
    /// If the key has not the map's key size, or as the kernel does: the kind cannot be read.
    pub fn lookup(&self, key: &[u8]) -> Result<Option<Vec<u8>>, MapError> {
        self.size("key", self.user_key_size(), key)?;
        self.may_read()?;
        if let Some(keyless) = self.storage.keyless() {
            return self.out(|value| keyless.peek(value));
        }
        match self.storage.read(key) {
            Ok(place) => Ok(Some(self.copy_value(place))),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(self.failed(errno)),
        }
    }

    /// The value of a key, which is removed; of a queue or a stack, whose key is empty, the value that is next.
    ///
    /// # Errors
    /// As for [`Map::lookup`]; and for kinds other than hash maps, queues and stacks.
    pub fn take(&self, key: &[u8]) -> Result<Option<Vec<u8>>, MapError> {
        self.size("key", self.user_key_size(), key)?;
        self.may_read()?;
        self.may_write()?;
        match self.def.kind {
            MapKind::QUEUE | MapKind::STACK => {
                let keyless = self.storage.keyless().ok_or_else(|| self.failed(Errno::ENOTSUPP))?;
                self.out(|value| keyless.pop(value))
            }
            MapKind::HASH | MapKind::PERCPU_HASH | MapKind::LRU_HASH | MapKind::LRU_PERCPU_HASH => {
                let value = self.lookup(key)?;
                match self.storage.delete(key) {
                    Ok(()) => Ok(value),
                    // Somebody else was faster.
                    Err(Errno::ENOENT) => Ok(None),
                    Err(errno) => Err(self.failed(errno)),
                }
            }
            _ => Err(self.failed(Errno::ENOTSUPP)),
        }
    }

    /// Whether a Bloom filter may hold a value: false is certain.
    ///
    /// # Errors
    /// If the value has not the map's value size, or the map is no filter.
    pub fn contains(&self, value: &[u8]) -> Result<bool, MapError> {
        self.size("value", self.def.value_size as usize, value)?;
        self.may_read()?;
        let keyless = self.storage.keyless().ok_or_else(|| self.failed(Errno::ENOTSUPP))?;
        keyless.contains(Value::Bytes(value)).map_err(|errno| self.failed(errno))
    }

    /// Creates or replaces an entry. `flags` is [`super::ANY`], [`super::NOEXIST`] or [`super::EXIST`]. To a map without
    /// keys this adds a value; `key` is empty, and [`super::EXIST`] makes room in a full queue or stack.
    ///
    /// # Errors
    /// If a size is wrong, or as the kernel does: the map is full, the entry exists or does not. `EINVAL` for a map of
    /// maps or programs: those are put in by [`super::Maps::set_inner`] and the runners' `install`.
    pub fn update(&self, key: &[u8], value: &[u8], flags: u64) -> Result<(), MapError> {
        self.may_write()?;
        if self.holds_maps() || self.def.kind == MapKind::PROG_ARRAY {
            return Err(self.failed(Errno::EINVAL));
        }
        self.set(key, value, flags)
    }

    /// Puts a socket into a map that holds sockets.
    ///
    /// # Errors
    /// If the key's size is wrong, or as the kernel does: such a socket cannot be in such a map, the map is full, the
    /// entry exists or does not.
    pub fn set_socket(&self, key: &[u8], socket: &Socket, flags: u64) -> Result<(), MapError> {
        if !holds_sockets(self.def.kind) {
            return Err(self.failed(Errno::EINVAL));
        }
        self.may_write()?;
        sockets::admits(self.def.kind, socket).map_err(|errno| self.failed(errno))?;
        self.set(key, &socket.cookie().to_le_bytes(), flags)
    }

    /// An update by the loader: without the rules for what user space may put in.
    pub(super) fn set(&self, key: &[u8], value: &[u8], flags: u64) -> Result<(), MapError> {
        self.size("key", self.user_key_size(), key)?;
        self.size("value", self.user_value_size(), value)?;
        if flags & LOCK != 0 && !self.def.guarded.iter().any(|field| field.what == GuardedKind::SpinLock) {
            return Err(self.failed(Errno::EINVAL));
        }
        self.storage.update(key, Value::Bytes(value), flags, Side::User).map_err(|errno| self.failed(errno))
    }

    /// Puts an entry in as loading and attaching do: unlike [`Map::update`] it makes the storage of a cgroup, too.
    ///
    /// # Errors
    /// As for [`Map::update`].
    pub fn enter(&self, key: &[u8], value: &[u8]) -> Result<(), MapError> {
        if !matches!(self.def.kind, MapKind::CGROUP_STORAGE | MapKind::PERCPU_CGROUP_STORAGE) {
            return self.update(key, value, super::ANY);
        }
        self.size("key", self.user_key_size(), key)?;
        self.size("value", self.user_value_size(), value)?;
        self.storage.enter(key, Value::Bytes(value)).map_err(|errno| self.failed(errno))
    }

    /// Removes an entry.
    ///
    /// # Errors
    /// If the key's size is wrong, or as the kernel does: there is no such entry, or the kind cannot delete.
    pub fn delete(&self, key: &[u8]) -> Result<(), MapError> {
        self.size("key", self.user_key_size(), key)?;
        self.may_write()?;
        self.storage.delete(key).map_err(|errno| self.failed(errno))
    }

    /// Every entry. Those that come and go meanwhile may be among them or not. A queue's or a stack's values come oldest
    /// first; a filter has none to give.
    pub fn iter(&self) -> impl Iterator<Item = Entry> {
        let mut cursor = 0;
        std::iter::from_fn(move || {
            let element = self.storage.element(cursor, Side::User)?;
            cursor = element.next;
            let key = match element.key {
                ElementKey::None => Vec::new(),
                ElementKey::Index(index) => index.to_le_bytes().to_vec(),
                ElementKey::Stored(place) => {
                    let mut key = vec![0; self.user_key_size()];
                    place.read(&mut key);
                    key
                }
            };
            Some((key, self.copy_value(element.value)))
        })
    }

    /// Opens an event of every CPU in a perf event array, with a buffer of that many bytes each: until then a program
    /// cannot put anything out. Nothing happens to other kinds.
    pub fn open_events(&self, bytes: usize) {
        if let Some(events) = self.storage.events() {
            events.open_all(bytes);
        }
    }

    /// Takes out the records of a ring buffer that are ready, oldest first; of a perf event array what programs put out,
    /// CPU by CPU. None for other kinds.
    pub fn drain(&self) -> Vec<Vec<u8>> {
        match self.storage.events() {
            Some(events) => (0..events.cpus()).flat_map(|cpu| events.drain(cpu)).collect(),
            None => self.storage.ring().map(Ring::drain).unwrap_or_default(),
        }
    }

    /// What programs on one CPU put out through a perf event array, oldest first.
    pub fn drain_cpu(&self, cpu: usize) -> Vec<Vec<u8>> {
        self.storage.events().map(|events| events.drain(cpu)).unwrap_or_default()
    }

    /// How many records found no room in a perf event array's buffers.
    pub fn lost(&self) -> u64 {
        self.storage.events().map_or(0, Events::lost)
    }

    /// What an operation copies out; none where it says that there is nothing.
    fn out(&self, operation: impl FnOnce(Out<'_>) -> Result<(), Errno>) -> Result<Option<Vec<u8>>, MapError> {
        let mut value = vec![0; self.def.value_size as usize];
        match operation(Out::Bytes(&mut value)) {
            Ok(()) => Ok(Some(value)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(self.failed(errno)),
        }
    }

    fn copy_value(&self, place: Place<'_>) -> Vec<u8> {
        let mut value = vec![0; self.user_value_size()];
        let each = self.cpu_stride().unwrap_or(value.len()).max(1);
        for (cpu, part) in value.chunks_mut(each).enumerate() {
            place.skip(cpu * self.storage.cpu_distance()).read(part);
        }
        for field in &self.def.guarded {
            let (from, to) = (field.offset as usize, field.offset.saturating_add(field.size) as usize);
            if let Some(bytes) = value.get_mut(from..to) {
                bytes.fill(0);
            }
        }
        value
    }

    fn may_read(&self) -> Result<(), MapError> {
        if self.def.flags & F_WRONLY == 0 { Ok(()) } else { Err(self.failed(Errno::EPERM)) }
    }

    fn may_write(&self) -> Result<(), MapError> {
        let may = !self.def.frozen && self.def.flags & F_RDONLY == 0;
        if may { Ok(()) } else { Err(self.failed(Errno::EPERM)) }
    }

    fn size(&self, what: &'static str, expected: usize, given: &[u8]) -> Result<(), MapError> {
        if given.len() == expected {
            return Ok(());
        }
        Err(MapError::Size { map: self.def.name.clone(), what, expected, found: given.len() })
    }

    pub(super) fn failed(&self, errno: Errno) -> MapError {
        MapError::Operation { map: self.def.name.clone(), errno }
    }

    pub(super) fn index(&self) -> u32 {
        self.index
    }

    /// How many CPUs have values of their own.
    pub(super) fn cpus(&self) -> usize {
        self.cpus
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
    pub(crate) fn plain_array(&self) -> Option<PlainArray> {
        if self.def.kind == MapKind::ARRAY { self.storage.plain_array() } else { None }
    }

    /// The hash map that look-ups, updates and deletions by programs go to as they are.
    pub(crate) fn hash(&self) -> Option<&Hash> {
        if self.holds_maps() || self.holds_sockets() { None } else { self.storage.hash() }
    }

    /// Whether its values are sockets of the table.
    pub(crate) fn holds_sockets(&self) -> bool {
        holds_sockets(self.def.kind)
    }

    /// Whether programs may write to its values.
    pub(crate) fn programs_write(&self) -> bool {
        let element = self.def.kind.rules().map(|rules| rules.element);
        self.def.flags & F_RDONLY_PROG == 0 && element != Some(Element::ReadOnlyValue)
    }

    /// The socket that `bpf_map_lookup_elem` gives, where it gives one.
    pub(crate) fn socket_element(&self) -> Option<(SockKind, bool)> {
        match self.def.kind.rules()?.element {
            Element::Socket { view, acquires } => Some((view, acquires)),
            _ => None,
        }
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
