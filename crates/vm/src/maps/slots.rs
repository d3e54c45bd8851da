//! Arrays whose entries may be empty: of programs, maps, devices, CPUs, sockets and control groups.
//!
//! What stands in an entry is a number that whoever uses it resolves: of a program or map its place in [`super::Maps`] plus
//! one, of a control group its id, of a device its index, of a CPU the length of its queue, of an XDP socket the queue that it is bound to, of any
//! other socket its cookie. Kinds differ in what they answer to flags and to the removal of nothing: [`Policy`].
//!
//! Readers take no lock: a word before each value says whether the entry is there, and is set after the value.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::{Acquire, Release};

use super::storage::{EXIST, Element, ElementKey, NOEXIST, Place, Side, Storage, Value, stride};
use crate::errno::Errno;
use crate::memory::Block;
use crate::sync::Mutex;

/// Bytes before a value.
const HEADER: usize = 8;

/// What `BPF_NOEXIST` and `BPF_EXIST` mean in an update.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flags {
    /// Neither may be given.
    Neither,
    /// Every entry counts as there already.
    AlwaysThere,
    /// What they say.
    Meant,
}

/// What a kind answers where kinds differ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    flags: Flags,
    /// Whether to write a value that begins with a zero is to remove the entry.
    zero_removes: bool,
    /// The largest number that a value may begin with; `EOVERFLOW` beyond.
    largest: u32,
    /// How many entries can have an owner: `ENODEV` for those beyond.
    owners: u32,
    /// The error of removing an entry beyond the last.
    beyond: Errno,
    /// What removing an empty entry gives.
    empty: Result<(), Errno>,
    /// The error of reading an entry from user space, where that cannot be done.
    unreadable: Option<Errno>,
}

impl Policy {
    /// Programs, maps.
    pub(crate) const OBJECTS: Policy = Policy {
        flags: Flags::Neither,
        zero_removes: false,
        largest: u32::MAX,
        owners: u32::MAX,
        beyond: Errno::E2BIG,
        empty: Err(Errno::ENOENT),
        unreadable: None,
    };
    /// Control groups.
    pub(crate) const CGROUPS: Policy = Policy { unreadable: Some(Errno::ENOTSUPP), ..Policy::OBJECTS };
    /// Devices.
    pub(crate) const DEVICES: Policy = Policy {
        flags: Flags::AlwaysThere,
        zero_removes: true,
        largest: u32::MAX,
        owners: u32::MAX,
        beyond: Errno::EINVAL,
        empty: Ok(()),
        unreadable: None,
    };
    /// XDP sockets.
    pub(crate) const XDP_SOCKETS: Policy = Policy {
        flags: Flags::Meant,
        zero_removes: false,
        largest: u32::MAX,
        owners: u32::MAX,
        beyond: Errno::EINVAL,
        empty: Ok(()),
        unreadable: Some(Errno::EOPNOTSUPP),
    };
    /// Sockets whose streams programs redirect.
    pub(crate) const SOCKETS: Policy = Policy {
        flags: Flags::Meant,
        zero_removes: false,
        largest: u32::MAX,
        owners: u32::MAX,
        beyond: Errno::EINVAL,
        empty: Err(Errno::EINVAL),
        unreadable: None,
    };
    /// Sockets that packets are spread over.
    pub(crate) const REUSEPORT: Policy =
        Policy { beyond: Errno::E2BIG, empty: Err(Errno::ENOENT), ..Policy::SOCKETS };

    /// Of that many CPUs the lengths of their queues.
    pub(crate) fn cpus(count: usize) -> Policy {
        const LONGEST: u32 = 16_384;
        Policy { largest: LONGEST, owners: u32::try_from(count).unwrap_or(u32::MAX), ..Policy::DEVICES }
    }

    /// The same, but for user space to write only.
    pub(crate) fn unreadable(self, errno: Option<Errno>) -> Policy {
        Policy { unreadable: errno, ..self }
    }
}

/// An array of entries that may be empty.
pub(crate) struct Slots {
    policy: Policy,
    values: Block,
    value_size: usize,
    max_entries: u32,
    /// Held by who changes an entry.
    writers: Mutex<()>,
}

impl Slots {
    /// Bytes of an entry.
    pub(crate) fn element_size(value_size: usize) -> usize {
        HEADER + stride(value_size)
    }

    /// All empty.
    pub(crate) fn new(policy: Policy, value_size: usize, max_entries: u32) -> Slots {
        let values = Block::zeroed(Slots::element_size(value_size) * max_entries as usize);
        Slots { policy, values, value_size, max_entries, writers: Mutex::new(()) }
    }

    /// The place of an entry's value, whether it is there or not.
    fn place(&self, index: u32) -> Option<Place<'_>> {
        let off = index as usize * Slots::element_size(self.value_size) + HEADER;
        (index < self.max_entries).then_some(Place { block: &self.values, off })
    }

    fn is_there(&self, place: Place<'_>) -> bool {
        self.values.word(place.off / 8 - 1).is_some_and(|word| word.load(Acquire) != 0)
    }

    fn set_there(&self, place: Place<'_>, there: bool) {
        if let Some(word) = self.values.word(place.off / 8 - 1) {
            word.store(there.into(), Release);
        }
    }
}

/// The index that a key of four bytes holds.
fn index(key: &[u8]) -> u32 {
    key.first_chunk().map_or(u32::MAX, |bytes| u32::from_le_bytes(*bytes))
}

/// The number of four bytes that a value begins with.
fn first_number(value: Value<'_>) -> u32 {
    let mut first = [0; 4];
    value.read(&mut first);
    u32::from_le_bytes(first)
}

impl Storage for Slots {
    fn extent(&self, addr: u64) -> usize {
        self.values.extent(addr)
    }

    fn lookup(&self, key: &[u8], _: Side) -> Option<Place<'_>> {
        self.place(index(key)).filter(|place| self.is_there(*place))
    }

    fn update(&self, key: &[u8], value: Value<'_>, flags: u64, _: Side) -> Result<(), Errno> {
        let known = if self.policy.flags == Flags::Neither { 0 } else { EXIST };
        if flags > known {
            return Err(Errno::EINVAL);
        }
        let place = self.place(index(key)).ok_or(Errno::E2BIG)?;
        let _writer = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        let there = self.policy.flags == Flags::AlwaysThere || self.is_there(place);
        match flags {
            NOEXIST if there => return Err(Errno::EEXIST),
            EXIST if !there => return Err(Errno::ENOENT),
            _ => {}
        }
        let number = first_number(value);
        if number > self.policy.largest {
            return Err(Errno::EOVERFLOW);
        }
        if index(key) >= self.policy.owners {
            return Err(Errno::ENODEV);
        }
        let removes = self.policy.zero_removes && number == 0;
        if !removes {
            value.write_to(place, 0, self.value_size);
        }
        self.set_there(place, !removes);
        Ok(())
    }

    fn delete(&self, key: &[u8]) -> Result<(), Errno> {
        let place = self.place(index(key)).ok_or(self.policy.beyond)?;
        let _writer = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_there(place) {
            return self.policy.empty;
        }
        self.set_there(place, false);
        Ok(())
    }

    fn read(&self, key: &[u8]) -> Result<Place<'_>, Errno> {
        match self.policy.unreadable {
            Some(errno) => Err(errno),
            None => self.lookup(key, Side::User).ok_or(Errno::ENOENT),
        }
    }

    fn element(&self, cursor: u64, _: Side) -> Option<Element<'_>> {
        let first = u32::try_from(cursor).ok()?;
        (first..self.max_entries).find_map(|index| {
            let value = self.place(index).filter(|place| self.is_there(*place))?;
            Some(Element { key: ElementKey::Index(index), value, next: u64::from(index) + 1 })
        })
    }
}
