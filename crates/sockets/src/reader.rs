//! The reader, through which everything is asked.

use std::fmt;
use std::sync::Arc;

use crate::address::Tuple;
use crate::explain::Explanation;
use crate::live::section::Section;
use crate::lookup::Query;
use crate::namespace::{Namespace, NetnsId, NsidArg};
use crate::reference::Found;
use crate::socket::{Socket, SocketId};
use crate::state::State;
use crate::table::Shared;

/// A read section of a table, or the use of one. It neither locks nor allocates (but for `explain`), and sees every
/// socket that is there all the while; of one that comes or goes meanwhile it may see either.
pub struct Reader<'t> {
    shared: &'t Shared,
    section: Opened<'t>,
}

/// The section, and who ends it.
enum Opened<'t> {
    Here(Section),
    Around(&'t Section),
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = match &self.section {
            Opened::Here(section) => section,
            Opened::Around(section) => section,
        };
        f.debug_struct("Reader").field("table", &self.shared).field("section", whose).finish()
    }
}

impl<'t> Reader<'t> {
    #[inline]
    pub(crate) fn opening(shared: &'t Shared) -> Reader<'t> {
        Reader { shared, section: Opened::Here(Section::open()) }
    }

    #[inline]
    pub(crate) fn within(shared: &'t Shared, section: &'t Section) -> Reader<'t> {
        Reader { shared, section: Opened::Around(section) }
    }

    /// What a lookup helper would find, without taking a reference.
    #[inline]
    pub fn lookup(&self, query: &Query) -> Option<Found<'_>> {
        self.shared.search(query, &mut ()).map(Socket::as_found)
    }

    /// What a lookup helper does: finds the socket and takes a reference to it.
    #[inline]
    pub fn acquire(&self, query: &Query) -> Option<Found<'_>> {
        loop {
            let socket = self.shared.search(query, &mut ())?;
            if socket.acquire() {
                return Some(socket.as_found());
            }
            // It came to its end after it was found, and is out of the lists: another one may stand for it there.
        }
    }

    /// The lookup with its reasons.
    pub fn explain(&self, query: &Query) -> Explanation {
        let mut explanation = Explanation::default();
        explanation.found = self.shared.search(query, &mut explanation).map(Socket::id);
        explanation
    }

    /// The namespace that a helper's argument means when `current` is the namespace of the packet's device; `None` if
    /// `current` knows no such id, for which the helper returns NULL.
    pub fn resolve(&self, current: NetnsId, argument: NsidArg) -> Option<NetnsId> {
        match argument {
            NsidArg::Current => Some(current),
            NsidArg::Id(nsid) => self.shared.namespaces.known(current, nsid),
            NsidArg::Invalid => None,
        }
    }

    /// `bpf_get_listener_sock`: of a listener the socket itself, of a request socket its listener. Not counted, and
    /// usable after the release of `socket`.
    pub fn listener_of<'s>(&'s self, socket: &'s Socket) -> Option<&'s Socket> {
        match socket.state() {
            State::Listen => Some(socket),
            State::NewSynRecv => self.socket(socket.listener()?),
            _ => None,
        }
    }

    /// The member of a socket's reuseport group that this flow belongs to; a socket of no group answers for itself.
    pub fn member_for<'s>(&'s self, socket: &'s Socket, flow: &Tuple) -> &'s Socket {
        let group = self.shared.group_of(socket);
        group.and_then(|group| group.pick(flow, &self.shared.index.slots)).unwrap_or(socket)
    }

    /// The socket of this id: one that is in the table, or was removed and is still held.
    pub fn socket(&self, id: SocketId) -> Option<&Socket> {
        self.shared.socket(id)
    }

    /// The socket with this `SO_COOKIE`.
    pub fn with_cookie(&self, cookie: u64) -> Option<&Socket> {
        self.shared.index.cookie(cookie)
    }

    /// All sockets. They come in the order of insertion if none was removed so far.
    pub fn sockets(&self) -> impl Iterator<Item = &Socket> {
        self.shared.index.slots.iter().filter(|socket| socket.is_linked())
    }

    /// The memory in which sockets lie, whether there is one or not: the large pieces first.
    pub fn memory(&self) -> impl Iterator<Item = &[Socket]> {
        self.shared.index.slots.chunks()
    }

    /// The namespace of this id, as it is now.
    pub fn netns(&self, id: NetnsId) -> Option<Arc<Namespace>> {
        self.shared.namespaces.get(id)
    }

    /// The namespace called `name`.
    pub fn netns_named(&self, name: &str) -> Option<NetnsId> {
        self.netns_ids().find(|(_, netns)| netns.name() == name).map(|(id, _)| id)
    }

    /// The first namespace, where programs run unless told otherwise.
    #[inline]
    pub fn default_netns(&self) -> Option<NetnsId> {
        self.shared.namespaces.first()
    }

    /// All namespaces with their id, in the order of insertion.
    pub fn netns_ids(&self) -> impl Iterator<Item = (NetnsId, Arc<Namespace>)> {
        self.shared.namespaces.iter()
    }

    /// The sockets to which programs still hold references, with how many, whether they are still in the table or not. Empty
    /// after balanced runs.
    pub fn unbalanced(&self) -> impl Iterator<Item = (&Socket, u64)> {
        self.shared.index.slots.iter().map(|s| (s, s.references())).filter(|(_, held)| *held != 0)
    }
}
