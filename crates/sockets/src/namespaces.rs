//! The namespaces of a table, which come, go and change while they are read.
//!
//! A namespace that changes is a new one in the old one's place; readers keep the one that they have. Numbers are not
//! used again.

use std::collections::HashMap;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;

use crate::conflict::Conflict;
use crate::namespace::{Device, Namespace, NetnsId};

/// No namespace's number.
const NONE: u32 = u32::MAX;

/// The namespaces.
#[derive(Debug)]
pub(crate) struct Namespaces {
    all: boxcar::Vec<ArcSwapOption<Namespace>>,
    /// The number of the first one that there is, or one that no namespace has.
    first: AtomicU32,
    /// Their numbers by name: the lock under which they change.
    names: Mutex<HashMap<String, NetnsId>>,
}

impl Namespaces {
    pub(crate) fn new() -> Namespaces {
        Namespaces { all: boxcar::Vec::new(), first: AtomicU32::new(NONE), names: Mutex::default() }
    }

    /// The first one.
    #[inline]
    pub(crate) fn first(&self) -> Option<NetnsId> {
        Some(self.first.load(Acquire)).filter(|first| *first != NONE).map(NetnsId)
    }

    /// Looks which one is the first now.
    fn find_first(&self) {
        self.first.store(self.iter().next().map_or(NONE, |(id, _)| id.0), Release);
    }

    fn names(&self) -> MutexGuard<'_, HashMap<String, NetnsId>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a namespace with a loopback device.
    pub(crate) fn add(&self, name: &str) -> Result<NetnsId, Conflict> {
        let mut names = self.names();
        if names.contains_key(name) {
            return Err(Conflict::NamespaceExists(name.into()));
        }
        let most = NetnsId::MOST as usize;
        if self.all.count() > most {
            return Err(Conflict::Full);
        }
        let at = self.all.push(ArcSwapOption::from_pointee(Namespace::new(name.into())));
        let id = NetnsId(u32::try_from(at).map_err(|_| Conflict::Full)?);
        names.insert(name.into(), id);
        if self.first().is_none() {
            self.find_first();
        }
        Ok(id)
    }

    /// Takes a namespace away; whether it was there.
    pub(crate) fn remove(&self, id: NetnsId) -> bool {
        let mut names = self.names();
        let Some(old) = self.all.get(id.index()).and_then(|place| place.swap(None)) else { return false };
        names.remove(old.name());
        self.find_first();
        true
    }

    /// A namespace as it is now.
    pub(crate) fn get(&self, id: NetnsId) -> Option<Arc<Namespace>> {
        self.all.get(id.index())?.load_full()
    }

    /// The one called `name`.
    pub(crate) fn named(&self, name: &str) -> Option<NetnsId> {
        self.names().get(name).copied()
    }

    /// All, in the order in which they were added.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (NetnsId, Arc<Namespace>)> {
        let present = |(at, place): (usize, &ArcSwapOption<Namespace>)| {
            Some((NetnsId(u32::try_from(at).ok()?), place.load_full()?))
        };
        self.all.iter().filter_map(present)
    }

    /// The namespace that `netns` knows by this id.
    pub(crate) fn known(&self, netns: NetnsId, nsid: u32) -> Option<NetnsId> {
        self.all.get(netns.index())?.load().as_ref()?.nsids.get(&nsid).copied()
    }

    fn change(
        &self,
        id: NetnsId,
        change: impl FnOnce(&mut Namespace) -> Result<(), Conflict>,
    ) -> Result<(), Conflict> {
        let _one_at_a_time = self.names();
        let place = self.all.get(id.index()).ok_or(Conflict::UnknownNamespace)?;
        let mut namespace = Namespace::clone(&*place.load_full().ok_or(Conflict::UnknownNamespace)?);
        change(&mut namespace)?;
        place.store(Some(Arc::new(namespace)));
        Ok(())
    }

    /// Adds a device; to `lo` its addresses.
    pub(crate) fn add_device(&self, netns: NetnsId, device: Device) -> Result<(), Conflict> {
        let Device { ifindex, name, addresses } = device;
        if ifindex == 0 || i32::try_from(ifindex).is_err() {
            return Err(Conflict::BadIfindex(ifindex));
        }
        self.change(netns, |namespace| {
            let devices = &mut namespace.devices;
            match devices.iter_mut().find(|d| d.ifindex == ifindex || d.name == name) {
                Some(lo) if lo.ifindex == Namespace::LOOPBACK && lo.name == name && ifindex == lo.ifindex => {
                    lo.addresses.extend(addresses);
                }
                Some(_) => return Err(Conflict::DeviceExists { name, ifindex }),
                None => devices.push(Device { ifindex, name, addresses }),
            }
            Ok(())
        })
    }

    /// Takes a device away, but not `lo`.
    pub(crate) fn remove_device(&self, netns: NetnsId, ifindex: u32) -> Result<(), Conflict> {
        self.change(netns, |namespace| {
            let before = namespace.devices.len();
            namespace.devices.retain(|d| d.ifindex == Namespace::LOOPBACK || d.ifindex != ifindex);
            if namespace.devices.len() < before { Ok(()) } else { Err(Conflict::UnknownDevice(ifindex)) }
        })
    }

    /// Lets `netns` know `target` as `nsid`.
    pub(crate) fn add_nsid(&self, netns: NetnsId, nsid: u32, target: NetnsId) -> Result<(), Conflict> {
        if i32::try_from(nsid).is_err() {
            return Err(Conflict::BadNsid(nsid));
        }
        if self.get(target).is_none() {
            return Err(Conflict::UnknownNamespace);
        }
        self.change(netns, |namespace| match namespace.nsids.get(&nsid) {
            Some(_) => Err(Conflict::NsidExists(nsid)),
            None => {
                namespace.nsids.insert(nsid, target);
                Ok(())
            }
        })
    }
}
