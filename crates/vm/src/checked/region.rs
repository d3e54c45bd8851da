//! Provenance: which memory a pointer may touch, and since when no more.
//!
//! A pointer carries the number of a [`Region`]; numbers are never used twice in a run. A region that ended stays in
//! the table, so that its last use can be explained.

use std::collections::HashMap;

use belay_isa::Pc;
use belay_spec::{Resource, SockKind};

use super::fault::Ended;

/// Names a region.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct RegionId(u32);

/// Names a reference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RefId(u32);

/// What a register or a stack slot holds, beside its bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tag {
    /// Nothing was written.
    Uninit,
    /// A number.
    Number,
    /// NULL, returned by the call at that place.
    Null(Pc),
    /// A pointer into a region.
    Pointer(RegionId),
    /// The handle of a map.
    Map,
    /// A function of the program.
    Function,
    /// Half a dynptr on the stack, for memory of that region.
    Dynptr(RegionId),
    /// A slot of an iterator on the stack; the region has its reference.
    Iterator(RegionId),
    /// Interrupts' state, saved on the stack under that reference.
    Interrupts(RefId),
}

/// What a region is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum What {
    /// The frame at that depth.
    Stack(usize),
    Context,
    Packet,
    PacketMeta,
    PacketEnd,
    /// A value of the map with that handle.
    Value(u64),
    /// A key of the map with that handle.
    Key(u64),
    Record,
    Socket(SockKind),
    Kernel(&'static str),
    FlowKeys,
    Memory,
    /// What a kernel function showed of a dynptr, or an iterator of its element.
    Slice {
        /// Whether it is part of the packet, and gone when that moves.
        packet: bool,
        writable: bool,
    },
}

/// A piece of memory that a program may touch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region {
    pub(crate) base: u64,
    pub(crate) len: u64,
    pub(crate) what: What,
    pub(crate) reference: Option<RefId>,
    pub(crate) ended: Option<(Pc, Ended)>,
}

/// A reference that the program acquired.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) resource: Resource,
    /// The function that acquired it.
    pub(crate) by: &'static str,
    pub(crate) program: String,
    pub(crate) acquired_at: Pc,
    pub(crate) address: u64,
    /// The depth of the call stack where it was acquired.
    pub(crate) depth: usize,
    pub(crate) released: bool,
    /// Already reported as leaked, by a tail call or a callback.
    pub(crate) reported: bool,
}

/// All regions and references of a run.
#[derive(Default)]
pub(crate) struct Regions {
    regions: Vec<Region>,
    /// Regions that live to the end of the run, so that looking a value up twice gives one region.
    lasting: HashMap<(u64, What), RegionId>,
    packet: Vec<RegionId>,
    references: Vec<Held>,
}

impl Regions {
    /// A new region.
    pub(crate) fn add(&mut self, what: What, base: u64, len: u64, reference: Option<RefId>) -> RegionId {
        // The budget keeps runs far below 2^32 regions: each needs an instruction.
        let id = RegionId(self.regions.len() as u32);
        self.regions.push(Region { base, len, what, reference, ended: None });
        if matches!(
            what,
            What::Packet | What::PacketMeta | What::PacketEnd | What::Slice { packet: true, .. }
        ) {
            self.packet.push(id);
        }
        id
    }

    /// The region of something that stays where it is during the whole run.
    pub(crate) fn lasting(&mut self, what: What, base: u64, len: u64) -> RegionId {
        if let Some(id) = self.lasting.get(&(base, what)) {
            return *id;
        }
        let id = self.add(what, base, len, None);
        self.lasting.insert((base, what), id);
        id
    }

    /// A region of the packet: the same one until the packet moves.
    pub(crate) fn packet(&mut self, what: What, base: u64, len: u64) -> RegionId {
        let known = self.packet.iter().copied().find(|id| self.get(*id).is_some_and(|r| r.what == what));
        known.unwrap_or_else(|| self.add(what, base, len, None))
    }

    /// A region by its number.
    pub(crate) fn get(&self, id: RegionId) -> Option<&Region> {
        self.regions.get(id.0 as usize)
    }

    /// Ends a region.
    pub(crate) fn end(&mut self, id: RegionId, pc: Pc, why: Ended) {
        if let Some(region) = self.regions.get_mut(id.0 as usize) {
            region.ended.get_or_insert((pc, why));
        }
    }

    /// Ends every region of the packet.
    pub(crate) fn end_packet(&mut self, pc: Pc) {
        for id in std::mem::take(&mut self.packet) {
            self.end(id, pc, Ended::PacketMoved);
        }
    }

    /// A new reference.
    pub(crate) fn acquire(&mut self, held: Held) -> RefId {
        let id = RefId(self.references.len() as u32);
        self.references.push(held);
        id
    }

    /// Where a reference was acquired.
    pub(crate) fn acquired_at(&self, id: RefId) -> Option<Pc> {
        self.references.get(id.0 as usize).map(|held| held.acquired_at)
    }

    /// Releases a reference: every region that depends on it ends.
    pub(crate) fn release(&mut self, id: RefId, pc: Pc) {
        if let Some(held) = self.references.get_mut(id.0 as usize) {
            held.released = true;
        }
        for region in &mut self.regions {
            if region.reference == Some(id) {
                region.ended.get_or_insert((pc, Ended::Released));
            }
        }
    }

    /// The reference of this kind that was acquired last, of those that are held.
    pub(crate) fn newest(&self, resource: Resource) -> Option<RefId> {
        let held = |held: &Held| !held.released && held.resource == resource;
        self.references.iter().rposition(held).map(|at| RefId(at as u32))
    }

    /// The address of the spin lock that is held.
    pub(crate) fn lock(&mut self) -> Option<u64> {
        self.held().find(|held| held.resource == Resource::SpinLock).map(|held| held.address)
    }

    /// The spin lock is held no more.
    pub(crate) fn unlock(&mut self) {
        for held in self.held().filter(|held| held.resource == Resource::SpinLock) {
            held.released = true;
        }
    }

    /// The references that are still held.
    pub(crate) fn held(&mut self) -> impl Iterator<Item = &mut Held> {
        self.references.iter_mut().filter(|held| !held.released)
    }
}
