//! The table, and the reader through which everything is asked.

use std::collections::HashMap;
use std::sync::Arc;

use crate::address::Tuple;
use crate::builder::Builder;
use crate::config::{self, ConfigError};
use crate::explain::Explanation;
use crate::index::Index;
use crate::lookup::Query;
use crate::namespace::{Namespace, NetnsId, NsidArg};
use crate::reference::Found;
use crate::reuseport::{Group, GroupId};
use crate::socket::{Socket, SocketId};
use crate::state::State;

/// What a table holds. Nothing in it changes after the builder but the reference counts.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) namespaces: Vec<Namespace>,
    pub(crate) sockets: Vec<Socket>,
    pub(crate) groups: Vec<Group>,
    pub(crate) index: Index,
    /// Each socket's id by its cookie.
    pub(crate) cookies: HashMap<u64, SocketId>,
}

impl Snapshot {
    pub(crate) fn socket(&self, id: SocketId) -> Option<&Socket> {
        self.sockets.get(id.index())
    }

    pub(crate) fn group_of(&self, socket: &Socket) -> Option<&Group> {
        self.groups.get(socket.group()?.0 as usize)
    }
}

/// A socket table. Cheap to clone: clones share one table, reference counts included.
#[derive(Clone, Debug)]
pub struct SocketTable {
    snapshot: Arc<Snapshot>,
}

impl SocketTable {
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        SocketTable { snapshot: Arc::new(snapshot) }
    }

    /// An empty builder. A table without namespaces finds nothing.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A table of one namespace, `host`, without sockets.
    pub fn empty() -> Self {
        let namespaces = vec![Namespace::new(config::DEFAULT_NETNS.into())];
        Self::new(Snapshot {
            namespaces,
            sockets: Vec::new(),
            groups: Vec::new(),
            index: Index::default(),
            cookies: HashMap::new(),
        })
    }

    /// Reads the TOML form (`docs/sockets.md`). `file` only names the place of an error.
    ///
    /// # Errors
    /// With file, line and column, if the text is not such a table.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, ConfigError> {
        config::read(file, text)
    }

    /// As [`SocketTable::from_toml`], from a table within a larger TOML text, which `text` is.
    ///
    /// # Errors
    /// With the place in the larger text.
    pub fn from_toml_part(
        file: &str,
        text: &str,
        part: toml::Spanned<toml::de::DeValue<'_>>,
    ) -> Result<Self, ConfigError> {
        config::read_part(file, text, part)
    }

    /// The TOML form; reading it gives an equal table.
    pub fn to_toml(&self) -> String {
        config::write(&self.read())
    }

    /// Opens a read section: what it finds stays where it is until the reader is dropped.
    pub fn read(&self) -> Reader<'_> {
        Reader { snapshot: &self.snapshot }
    }
}

/// A read section of a table. It neither locks nor allocates.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'t> {
    snapshot: &'t Snapshot,
}

impl Reader<'_> {
    /// What a lookup helper would find, without taking a reference.
    pub fn lookup(&self, query: &Query) -> Option<Found<'_>> {
        self.snapshot.search(query, &mut ()).map(Socket::as_found)
    }

    /// What a lookup helper does: finds the socket and takes a reference to it.
    pub fn acquire(&self, query: &Query) -> Option<Found<'_>> {
        let found = self.lookup(query)?;
        found.socket().acquire();
        Some(found)
    }

    /// The lookup with its reasons.
    pub fn explain(&self, query: &Query) -> Explanation {
        let mut explanation = Explanation::default();
        explanation.found = self.snapshot.search(query, &mut explanation).map(Socket::id);
        explanation
    }

    /// The namespace that a helper's argument means when `current` is the namespace of the packet's device; `None` if
    /// `current` knows no such id, for which the helper returns NULL.
    pub fn resolve(&self, current: NetnsId, argument: NsidArg) -> Option<NetnsId> {
        match argument {
            NsidArg::Current => Some(current),
            NsidArg::Id(nsid) => self.netns(current)?.nsids.get(&nsid).copied(),
            NsidArg::Invalid => None,
        }
    }

    /// `bpf_get_listener_sock`: of a listener the socket itself, of a request socket its listener. Not counted, and
    /// usable after the release of `socket`.
    pub fn listener_of<'s>(&'s self, socket: &'s Socket) -> Option<&'s Socket> {
        match socket.info().state {
            State::Listen => Some(socket),
            State::NewSynRecv => self.socket(socket.listener()?),
            _ => None,
        }
    }

    /// The member of a socket's reuseport group that this flow belongs to; a socket of no group answers for itself.
    pub fn member_for<'s>(&'s self, socket: &'s Socket, flow: &Tuple) -> &'s Socket {
        let group = self.snapshot.group_of(socket);
        group.and_then(|group| group.pick(flow, &self.snapshot.sockets)).unwrap_or(socket)
    }

    /// The socket of this id.
    pub fn socket(&self, id: SocketId) -> Option<&Socket> {
        self.snapshot.socket(id)
    }

    /// The socket with this `SO_COOKIE`.
    pub fn with_cookie(&self, cookie: u64) -> Option<&Socket> {
        self.socket(*self.snapshot.cookies.get(&cookie)?)
    }

    /// All sockets, in the order of insertion.
    pub fn sockets(&self) -> &[Socket] {
        &self.snapshot.sockets
    }

    /// The namespace of this id.
    pub fn netns(&self, id: NetnsId) -> Option<&Namespace> {
        self.snapshot.namespaces.get(id.index())
    }

    /// The namespace called `name`.
    pub fn netns_named(&self, name: &str) -> Option<NetnsId> {
        self.netns_ids().find(|(_, n)| n.name == name).map(|(id, _)| id)
    }

    /// The first namespace, where programs run unless told otherwise.
    pub fn default_netns(&self) -> Option<NetnsId> {
        self.netns_ids().next().map(|(id, _)| id)
    }

    /// All namespaces with their id, in the order of insertion.
    pub fn netns_ids(&self) -> impl Iterator<Item = (NetnsId, &Namespace)> {
        (0u32..).map(NetnsId).zip(&self.snapshot.namespaces)
    }

    /// The reuseport group of this id.
    pub fn group(&self, id: GroupId) -> Option<&Group> {
        self.snapshot.groups.get(id.0 as usize)
    }

    /// The sockets to which programs still hold references, with how many. Empty after balanced runs.
    pub fn unbalanced(&self) -> impl Iterator<Item = (&Socket, u64)> {
        self.sockets().iter().map(|s| (s, s.references())).filter(|(_, held)| *held != 0)
    }
}
