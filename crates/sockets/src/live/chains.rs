//! Hash tables of lists that run through the slots, for readers who walk while the writer links, unlinks and grows.
//!
//! A slot that is taken out keeps its link, so whoever stands on it finds the way on; it is not linked anew before all
//! read sections are over that might stand there ([`Section`]). Each slot has two links a table: a table that grows links all
//! its sockets a second time, publishes the new lists in one store, and does so again only when nobody walks the old ones.
//!
//! A reader may miss a socket that takes the place of another: it passed where the new one came in, and the old one is gone
//! when it gets there. So each list counts those that left it; who sees the count change looks again.
//!
//! Which socket comes first decides between equals, as in Linux: growing keeps the order.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};

use super::free::NONE;
use super::section::Section;
use super::slots::Slots;
use super::sync::{AtomicU32, AtomicU64};
use crate::key::Hasher;
use crate::socket::Socket;

/// The two links of a slot in one table, of which the table's shape says which one holds.
pub(crate) type Links = [AtomicU32; 2];

/// Links of a slot that is in no list.
pub(crate) fn unlinked() -> Links {
    [AtomicU32::new(NONE), AtomicU32::new(NONE)]
}

/// What a table finds sockets by.
pub(crate) trait By {
    /// The slot's links in this table.
    fn links(socket: &Socket) -> &Links;
    /// The hash under which it stands there.
    fn hash(socket: &Socket, hasher: &Hasher) -> u64;
}

/// How many lists there are, as a power of two, and which link holds.
#[derive(Clone, Copy)]
struct Shape(u32);

impl Shape {
    fn new(log: u32, side: usize) -> Shape {
        Shape(log << 1 | side as u32)
    }

    fn log(self) -> u32 {
        self.0 >> 1
    }

    fn side(self) -> usize {
        (self.0 & 1) as usize
    }

    fn list(self, hash: u64) -> usize {
        (hash & ((1 << self.log()) - 1)) as usize
    }
}

/// The head of a list: its first slot, and how many have left the list so far.
#[derive(Clone, Copy)]
struct Head(u64);

impl Head {
    const EMPTY: Head = Head(NONE as u64);

    fn first(self) -> u32 {
        self.0 as u32
    }

    fn left(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The same list with another first slot.
    fn leads_to(self, first: u32) -> Head {
        Head(u64::from(self.left()) << 32 | u64::from(first))
    }

    /// The same list after one more has left.
    fn one_less(self) -> Head {
        Head(u64::from(self.left().wrapping_add(1)) << 32 | u64::from(self.first()))
    }
}

/// A table.
pub(crate) struct Chains<B> {
    shape: AtomicU32,
    /// How many sockets it has; the writer's.
    size: AtomicUsize,
    /// The heads of the lists, by their number: a table that has grown leaves the old ones where they are.
    heads: [OnceLock<Box<[AtomicU64]>>; 32],
    /// Whether nobody walks the lists from before the last growth.
    quiet: Arc<AtomicBool>,
    by: PhantomData<fn(B)>,
}

/// Twice as many lists as sockets, as a power of two: a lookup that finds nothing should meet nobody.
const SPARE: u32 = 1;
/// The least lists that a table has, as a power of two.
#[cfg(not(belay_loom))]
const LEAST: u32 = 4;
/// One, so that sockets meet in it, and so that there is something to grow.
#[cfg(belay_loom)]
const LEAST: u32 = 0;

impl<B: By> Chains<B> {
    /// For so many sockets at first.
    pub(crate) fn with_capacity(sockets: usize) -> Chains<B> {
        let log = (sockets.next_power_of_two().ilog2() + SPARE).clamp(LEAST, 31);
        let chains = Chains {
            shape: AtomicU32::new(Shape::new(log, 0).0),
            size: AtomicUsize::new(0),
            heads: [const { OnceLock::new() }; 32],
            quiet: Arc::new(AtomicBool::new(true)),
            by: PhantomData,
        };
        chains.make(log);
        chains
    }

    fn make(&self, log: u32) -> &[AtomicU64] {
        let Some(heads) = self.heads.get(log as usize) else { return &[] };
        heads.get_or_init(|| (0..1_u32 << log).map(|_| AtomicU64::new(Head::EMPTY.0)).collect())
    }

    #[inline]
    fn heads(&self, shape: Shape) -> &[AtomicU64] {
        self.heads.get(shape.log() as usize).and_then(OnceLock::get).map_or(&[], |heads| heads)
    }

    fn shape(&self) -> Shape {
        Shape(self.shape.load(Acquire))
    }

    /// The list that this hash leads to: the sockets that have it, and others, of which those are meant that fit.
    #[inline]
    pub(crate) fn list<'t, F: Fn(&Socket) -> bool>(
        &'t self,
        slots: &'t Slots,
        hash: u64,
        fits: F,
    ) -> List<'t, B, F> {
        let shape = self.shape();
        let head = self.heads(shape).get(shape.list(hash));
        let seen = head.map_or(Head::EMPTY, |head| Head(head.load(Acquire)));
        List { slots, head, seen, side: shape.side(), fits, by: PhantomData }
    }

    /// Links a socket before all others of its list.
    pub(crate) fn insert_first(&self, slots: &Slots, socket: &Socket, hasher: &Hasher, section: &Section) {
        let shape = self.make_room(slots, hasher, section);
        let Some(head) = self.heads(shape).get(shape.list(B::hash(socket, hasher))) else { return };
        let before = Head(head.load(Relaxed));
        B::links(socket)[shape.side()].store(before.first(), Relaxed);
        head.store(before.leads_to(socket.slot()).0, Release);
    }

    /// Links a socket behind all others of its list.
    pub(crate) fn insert_last(&self, slots: &Slots, socket: &Socket, hasher: &Hasher, section: &Section) {
        let shape = self.make_room(slots, hasher, section);
        let list = self.list(slots, B::hash(socket, hasher), |_| true);
        B::links(socket)[shape.side()].store(NONE, Relaxed);
        match (list.iter().last(), list.head) {
            (Some(last), _) => B::links(last)[shape.side()].store(socket.slot(), Release),
            (None, Some(head)) => head.store(list.seen.leads_to(socket.slot()).0, Release),
            (None, None) => {}
        }
    }

    /// Takes a socket out of its list. Its own link stays, for whoever stands on it.
    pub(crate) fn remove(&self, slots: &Slots, socket: &Socket, hasher: &Hasher) {
        let shape = self.shape();
        let list = self.list(slots, B::hash(socket, hasher), |_| true);
        let Some(head) = list.head else { return };
        let link = |socket: &Socket| B::links(socket)[shape.side()].load(Relaxed);
        if list.seen.first() == socket.slot() {
            head.store(list.seen.leads_to(link(socket)).one_less().0, Release);
        } else if let Some(before) = list.iter().find(|before| link(before) == socket.slot()) {
            // Counted first: who sees it gone sees the count.
            head.store(list.seen.one_less().0, Release);
            B::links(before)[shape.side()].store(link(socket), Release);
        } else {
            return;
        }
        self.size.fetch_sub(1, Relaxed);
    }

    /// Counts one more socket. With too many sockets for its lists the table grows, unless somebody may still walk the lists
    /// from before the last time.
    fn make_room(&self, slots: &Slots, hasher: &Hasher, section: &Section) -> Shape {
        let shape = self.shape();
        let size = self.size.fetch_add(1, Relaxed) + 1;
        if size << SPARE <= 1 << shape.log() || shape.log() == 31 {
            return shape;
        }
        if !self.quiet.load(Acquire) {
            section.hurry();
            return shape;
        }
        self.grow(shape, slots, hasher);
        self.quiet.store(false, Relaxed);
        let quiet = Arc::clone(&self.quiet);
        section.after(move || quiet.store(true, Release));
        self.shape()
    }

    /// Links every socket a second time, in twice as many lists.
    fn grow(&self, old: Shape, slots: &Slots, hasher: &Hasher) {
        let new = Shape::new(old.log() + 1, 1 - old.side());
        let heads = self.make(new.log());
        for (list, head) in self.heads(old).iter().enumerate() {
            let mut firsts = [NONE; 2];
            let mut lasts: [Option<&Socket>; 2] = [None; 2];
            let first = Head(head.load(Relaxed)).first();
            for socket in (Walk::<B> { slots, next: first, side: old.side(), by: PhantomData }) {
                let half = usize::from(new.list(B::hash(socket, hasher)) != list);
                B::links(socket)[new.side()].store(NONE, Relaxed);
                match lasts[half].replace(socket) {
                    Some(last) => B::links(last)[new.side()].store(socket.slot(), Relaxed),
                    None => firsts[half] = socket.slot(),
                }
            }
            for (half, first) in firsts.into_iter().enumerate() {
                if let Some(head) = heads.get(list + (half << old.log())) {
                    head.store(Head::EMPTY.leads_to(first).0, Relaxed);
                }
            }
        }
        self.shape.store(new.0, Release);
    }
}

impl<B> fmt::Debug for Chains<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chains(2^{} lists)", Shape(self.shape.load(Relaxed)).log())
    }
}

/// One list as it was when it was asked for, and those of it that are meant.
pub(crate) struct List<'t, B, F> {
    slots: &'t Slots,
    head: Option<&'t AtomicU64>,
    seen: Head,
    side: usize,
    fits: F,
    by: PhantomData<fn(B)>,
}

impl<'t, B: By, F: Fn(&Socket) -> bool> List<'t, B, F> {
    /// Those that are meant, in order.
    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'t Socket> {
        let (slots, next, side) = (self.slots, self.seen.first(), self.side);
        Walk::<B> { slots, next, side, by: PhantomData }.filter(|socket| (self.fits)(socket))
    }

    /// What somebody makes of them who has seen all that were there: asked again if one left meanwhile.
    #[inline]
    pub(crate) fn settle<T>(mut self, mut look: impl FnMut(&Self) -> T) -> T {
        loop {
            let result = look(&self);
            let now = self.head.map_or(self.seen, |head| Head(head.load(Acquire)));
            if now.left() == self.seen.left() {
                return result;
            }
            self.seen = now;
        }
    }
}

/// The sockets of one list.
struct Walk<'t, B> {
    slots: &'t Slots,
    next: u32,
    side: usize,
    by: PhantomData<fn(B)>,
}

impl<'t, B: By> Iterator for Walk<'t, B> {
    type Item = &'t Socket;

    #[inline]
    fn next(&mut self) -> Option<&'t Socket> {
        if self.next == NONE {
            return None;
        }
        let socket = self.slots.get(self.next)?;
        self.next = B::links(socket)[self.side].load(Acquire);
        Some(socket)
    }
}
