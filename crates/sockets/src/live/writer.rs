//! Insertion, removal and update: one at a time, beside any number of readers.
//!
//! A socket comes into the lists when its slot says everything about it, and its slot is empty again when it is out of them,
//! nobody holds it, and no read section is left that might have met it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::free::{Free, NONE};
use super::section::Section;
use crate::address::Protocol;
use crate::conflict::{Conflict, check_shape, may_share};
use crate::index::is_listed;
use crate::info::{SocketInfo, flow_of};
use crate::lookup::{LookupKind, Query};
use crate::namespace::NetnsId;
use crate::reuseport::{Group, GroupId, Part, part};
use crate::socket::{Socket, SocketId};
use crate::state::State;
use crate::table::Shared;

/// Where the slots of a table are. What is in none of these places waits for a read section to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Usage {
    /// Slots that were ever filled.
    pub slots: usize,
    /// Those of sockets in the table.
    pub sockets: usize,
    /// Those of removed sockets that somebody held when it was last looked.
    pub held: usize,
    /// Those that wait to be filled again.
    pub empty: usize,
}

/// What only the writer knows.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// Slots that were never filled begin here.
    fresh: u32,
    /// Slots and groups to fill again, the first of each.
    slots: Option<u32>,
    groups: Option<u32>,
    /// Sockets taken in so far.
    serial: u64,
    /// Every cookie below is taken, or was.
    cookies: u64,
    /// Sockets that were removed while somebody held them, and how many there may be before somebody looks again.
    held: Vec<u32>,
    patience: usize,
    /// The request sockets of each listener, by slot.
    requests: HashMap<u32, Vec<u32>>,
}

/// Slots and groups that wait to be used again.
#[derive(Debug)]
pub(crate) struct Spare {
    slots: Free,
    groups: Free,
}

impl Spare {
    pub(crate) fn new() -> Spare {
        Spare { slots: Free::new(), groups: Free::new() }
    }
}

/// The writer, while it has the lock.
pub(crate) struct Writer<'t> {
    pub(crate) shared: &'t Arc<Shared>,
    pub(crate) books: &'t mut Books,
    pub(crate) section: Section,
}

impl<'t> Writer<'t> {
    /// Adds a socket.
    pub(crate) fn insert(&mut self, info: &SocketInfo) -> Result<SocketId, Conflict> {
        self.admit(info, None)?;
        let listener = self.listener_for(info)?;
        let socket = self.take_in(info)?;
        if let Some(listener) = listener {
            self.own(listener, socket);
        }
        self.link(socket);
        Ok(socket.id())
    }

    /// Adds a socket to a table that nobody reads; cookie and listener may be missing until [`Writer::finish`].
    pub(crate) fn prepare(&mut self, info: &SocketInfo) -> Result<SocketId, Conflict> {
        self.admit(info, None)?;
        let socket = self.fill(info, info.cookie)?;
        self.link(socket);
        Ok(socket.id())
    }

    /// Gives those a cookie that were prepared without, and request sockets their listener.
    pub(crate) fn finish(&mut self) -> Result<(), Conflict> {
        let shared: &'t Shared = self.shared;
        let linked = || shared.index.slots.iter().filter(|socket| socket.is_linked());
        for socket in linked().filter(|socket| socket.cookie() == 0) {
            let cookie = choose_cookie(self.shared, &mut self.books.cookies);
            socket.set_cookie(cookie);
            self.shared.index.insert_cookie(socket, &self.section);
        }
        for request in linked().filter(|socket| socket.state() == State::NewSynRecv) {
            let missing = Conflict::NoListener { request: request.id() };
            let listener = self.listener_for(&request.info()).ok().flatten().ok_or(missing)?;
            own(self.books, listener, request);
        }
        Ok(())
    }

    /// Takes a socket away, and with a listener its request sockets; whether it was there.
    pub(crate) fn remove(&mut self, id: SocketId) -> bool {
        let Some(socket) = self.linked(id) else { return false };
        self.take_out(socket);
        for request in self.books.requests.remove(&id.slot).unwrap_or_default() {
            if let Some(request) = self.shared.index.slots.get(request) {
                self.take_out(request);
            }
        }
        true
    }

    /// Changes what a socket is: in place if it stays the same kind of socket in the same lists. Otherwise another socket
    /// comes in before it goes, as a time-wait socket does in Linux.
    pub(crate) fn update(&mut self, id: SocketId, info: &SocketInfo) -> Result<SocketId, Conflict> {
        let old = self.linked(id).ok_or(Conflict::UnknownSocket(id))?;
        let before = old.info();
        let cookie = if info.cookie == 0 { before.cookie } else { info.cookie };
        let info = &SocketInfo { cookie, ..info.clone() };
        if stays(&before, info) {
            old.show(info);
            return Ok(id);
        }
        self.admit(info, Some(old))?;
        let listener = self.listener_for(info)?;
        let new = self.take_in(info)?;
        if let Some(listener) = listener {
            self.own(listener, new);
        }
        self.link(new);
        self.take_out(old);
        let requests = self.books.requests.remove(&id.slot).unwrap_or_default();
        for request in requests.into_iter().filter_map(|slot| self.shared.index.slots.get(slot)) {
            if info.state == State::Listen {
                self.own(new, request);
            } else {
                self.take_out(request);
            }
        }
        Ok(new.id())
    }

    /// Takes every socket of a namespace away.
    pub(crate) fn clear(&mut self, netns: NetnsId) {
        let shared: &'t Shared = self.shared;
        for socket in shared.index.slots.iter().filter(|s| s.is_linked() && s.netns() == netns) {
            self.remove(socket.id());
        }
    }

    /// Lets go of removed sockets that nobody holds any more, and looks whether slots can be filled again.
    pub(crate) fn collect(&mut self) {
        let mut held = std::mem::take(&mut self.books.held);
        held.retain(|slot| {
            let Some(socket) = self.shared.index.slots.get(*slot) else { return false };
            let over = socket.count().end();
            if over {
                self.retire(socket);
            }
            !over
        });
        self.books.patience = 2 * held.len() + 16;
        self.books.held = held;
        self.section.hurry();
    }

    /// Where all the slots are.
    pub(crate) fn usage(&mut self) -> Usage {
        let shared: &'t Shared = self.shared;
        let slots = &shared.index.slots;
        let links = |first: u32| {
            std::iter::successors(slots.get(first), |socket| {
                next(&socket.free).and_then(|slot| slots.get(slot))
            })
        };
        // What readers' threads have put in goes before what the writer had.
        let returned = shared.spare.slots.take();
        if let Some(last) = links(returned).last() {
            last.free.store(self.books.slots.unwrap_or(NONE), Relaxed);
            self.books.slots = Some(returned);
        }
        Usage {
            slots: self.books.fresh as usize,
            sockets: slots.iter().filter(|socket| socket.is_linked()).count(),
            held: self.books.held.len(),
            empty: self.books.slots.map_or(0, |first| links(first).count()),
        }
    }

    fn linked(&self, id: SocketId) -> Option<&'t Socket> {
        let shared: &'t Shared = self.shared;
        shared.index.slots.get(id.slot).filter(|socket| socket.id() == id && socket.is_linked())
    }

    /// Whether Linux would let it exist beside the others, of which one may be about to go.
    fn admit(&self, info: &SocketInfo, going: Option<&Socket>) -> Result<(), Conflict> {
        let netns = self.shared.namespaces.get(info.netns).ok_or(Conflict::UnknownNamespace)?;
        if info.device != 0 && netns.device_at(info.device).is_none() {
            return Err(Conflict::UnknownDevice(info.device));
        }
        check_shape(info)?;
        let stays = |other: &&Socket| going.is_none_or(|going| !std::ptr::eq(going, *other));
        if info.cookie != 0 && self.shared.index.cookie(info.cookie).filter(stays).is_some() {
            return Err(Conflict::CookieExists(info.cookie));
        }
        let index = &self.shared.index;
        if let Some(tuple) = flow_of(info) {
            let same = index.flow(info.netns, info.protocol, tuple);
            let first = same.iter().filter(stays).find(|other| other.device() == info.device);
            return match first {
                Some(first) if !may_share(info, &first.info()) => {
                    Err(Conflict::FlowExists { first: first.id() })
                }
                _ => Ok(()),
            };
        }
        if info.protocol == Protocol::Tcp && info.state == State::Close {
            return Ok(());
        }
        // The oldest one is asked: the others came in past it.
        let there = index.local(info.netns, info.protocol, info.local);
        let first = there
            .iter()
            .filter(stays)
            .filter(|other| !other.is_flow() && other.local() == info.local && other.device() == info.device)
            .min_by_key(|other| other.serial());
        match first {
            Some(first) if !may_share(info, &first.info()) => {
                Err(Conflict::AddressExists { first: first.id() })
            }
            _ => Ok(()),
        }
    }

    /// The listener that received the SYN of a request socket; of another socket none.
    fn listener_for(&self, info: &SocketInfo) -> Result<Option<&'t Socket>, Conflict> {
        let tuple = flow_of(info).filter(|_| info.state == State::NewSynRecv);
        let Some(tuple) = tuple else { return Ok(None) };
        let (netns, protocol, ifindex, kind) = (info.netns, info.protocol, info.device, LookupKind::Common);
        let query = Query { netns, protocol, tuple, ifindex, kind };
        let shared: &'t Shared = self.shared;
        let listener = shared.listener(&query, &mut ());
        let request = SocketId { slot: self.books.fresh, generation: 0 };
        listener.map(Some).ok_or(Conflict::NoListener { request })
    }

    fn own(&mut self, listener: &Socket, request: &Socket) {
        own(self.books, listener, request);
    }

    /// An empty slot.
    fn slot(&mut self) -> Result<&'t Socket, Conflict> {
        if self.books.held.len() > self.books.patience {
            self.collect();
        }
        let shared: &'t Shared = self.shared;
        let slots = &shared.index.slots;
        let first = self.books.slots.take().unwrap_or_else(|| self.shared.spare.slots.take());
        if let Some(socket) = slots.get(first).filter(|_| first != NONE) {
            self.books.slots = next(&socket.free);
            return Ok(socket);
        }
        let socket = slots.make(self.books.fresh).ok_or(Conflict::Full)?;
        self.books.fresh += 1;
        Ok(socket)
    }

    /// Fills a slot.
    fn fill(&mut self, info: &SocketInfo, cookie: u64) -> Result<&'t Socket, Conflict> {
        let socket = self.slot()?;
        let info = SocketInfo { cookie, ..info.clone() };
        socket.fill(&info, self.books.serial, &self.shared.index.hasher);
        self.books.serial += 1;
        Ok(socket)
    }

    /// Fills a slot with a socket that has a cookie.
    fn take_in(&mut self, info: &SocketInfo) -> Result<&'t Socket, Conflict> {
        let cookie = match info.cookie {
            0 => choose_cookie(self.shared, &mut self.books.cookies),
            cookie => cookie,
        };
        self.fill(info, cookie)
    }

    /// Lets lookups find a socket.
    fn link(&mut self, socket: &'t Socket) {
        let shared: &'t Shared = self.shared;
        let index = &shared.index;
        if is_listed(socket) {
            let listed = index.local(socket.netns(), socket.protocol(), socket.local());
            match part(socket, listed.iter()) {
                Part::None => {}
                Part::Founds => {
                    let group = self.group();
                    self.join(group, socket);
                }
                Part::Joins(other) => {
                    let group = self.group_of(other);
                    self.join(group, socket);
                }
                Part::Marks(other) => {
                    let group = self.group_of(other).and_then(|id| shared.groups.get(id.0 as usize));
                    if let Some(group) = group {
                        group.set_connections(true);
                    }
                }
            }
        }
        if socket.cookie() != 0 {
            index.insert_cookie(socket, &self.section);
        }
        index.insert(socket, &self.section);
    }

    /// The group of a socket, which has one from now on.
    fn group_of(&mut self, socket: &Socket) -> Option<GroupId> {
        let group = socket.group();
        group.or_else(|| {
            let group = self.group();
            self.join(group, socket);
            group
        })
    }

    fn join(&self, id: Option<GroupId>, socket: &Socket) {
        let Some(group) = id.and_then(|id| self.shared.groups.get(id.0 as usize)) else { return };
        group.join(socket.slot());
        socket.set_group(id);
    }

    /// A group without members.
    fn group(&mut self) -> Option<GroupId> {
        let first = self.books.groups.take().unwrap_or_else(|| self.shared.spare.groups.take());
        if first == NONE {
            return u32::try_from(self.shared.groups.push(Group::new())).ok().map(GroupId);
        }
        let group = self.shared.groups.get(first as usize)?;
        self.books.groups = next(&group.free);
        group.set_connections(false);
        Some(GroupId(first))
    }

    /// Takes a socket out of lists and group, and lets it go.
    fn take_out(&mut self, socket: &Socket) {
        self.shared.index.remove(socket);
        if let Some(requests) = socket.listener().and_then(|id| self.books.requests.get_mut(&id.slot)) {
            requests.retain(|slot| *slot != socket.slot());
        }
        self.leave(socket);
        if socket.count().unlink() {
            self.retire(socket);
        } else {
            self.books.held.push(socket.slot());
        }
    }

    fn leave(&self, socket: &Socket) {
        let Some(id) = socket.group() else { return };
        let Some(group) = self.shared.groups.get(id.0 as usize) else { return };
        if group.leave(socket.slot()) {
            let shared = Arc::downgrade(self.shared);
            self.section.after(move || {
                let Some(shared) = shared.upgrade() else { return };
                if let Some(group) = shared.groups.get(id.0 as usize) {
                    shared.spare.groups.push(id.0, &group.free);
                }
            });
        }
    }

    /// A socket is over: its name means nothing from now on, and its slot is empty when nobody can meet it any more.
    fn retire(&self, socket: &Socket) {
        socket.next_generation();
        let (shared, slot) = (Arc::downgrade(self.shared), socket.slot());
        self.section.after(move || {
            let Some(shared) = shared.upgrade() else { return };
            if let Some(socket) = shared.index.slots.get(slot) {
                shared.spare.slots.push(slot, &socket.free);
            }
        });
    }
}

/// The number behind a link.
fn next(link: &super::sync::AtomicU32) -> Option<u32> {
    Some(link.load(Relaxed)).filter(|next| *next != NONE)
}

fn own(books: &mut Books, listener: &Socket, request: &Socket) {
    request.set_listener(listener.id());
    books.requests.entry(listener.slot()).or_default().push(request.slot());
}

/// A cookie that no socket has.
fn choose_cookie(shared: &Shared, cookies: &mut u64) -> u64 {
    loop {
        *cookies += 1;
        if shared.index.cookie(*cookies).is_none() {
            return *cookies;
        }
    }
}

/// Whether a socket that changes so is still the same one, in the same lists.
fn stays(old: &SocketInfo, new: &SocketInfo) -> bool {
    let kind = |state: State| match state {
        State::Listen | State::Close | State::NewSynRecv | State::TimeWait => Some(state),
        _ => None,
    };
    let anonymous = |info: &SocketInfo| SocketInfo {
        state: State::Close,
        mark: 0,
        priority: 0,
        uid: if info.reuseport { info.uid } else { 0 },
        rx_queue: 0,
        tcp: crate::view::TcpInfo::default(),
        ..info.clone()
    };
    anonymous(old) == anonymous(new)
        && (old.state == new.state || (old.protocol == Protocol::Tcp && kind(old.state) == kind(new.state)))
}
