//! The table: what it holds, and what changes it.

use std::sync::{Arc, PoisonError};

use crate::builder::Builder;
use crate::config::{self, ConfigError};
use crate::conflict::Conflict;
use crate::index::Index;
use crate::info::SocketInfo;
use crate::live::section::Section;
use crate::live::sync::Mutex;
use crate::live::writer::{Books, Spare, Usage, Writer};
use crate::namespace::{Device, NetnsId};
use crate::namespaces::Namespaces;
use crate::reader::Reader;
use crate::reuseport::Group;
use crate::socket::{Socket, SocketId};

/// What a table holds.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) namespaces: Namespaces,
    pub(crate) index: Index,
    pub(crate) groups: boxcar::Vec<Group>,
    pub(crate) spare: Spare,
    books: Mutex<Books>,
}

impl Shared {
    /// The socket of this id, unless it is over.
    pub(crate) fn socket(&self, id: SocketId) -> Option<&Socket> {
        self.index.slots.get(id.slot).filter(|socket| socket.id() == id)
    }

    pub(crate) fn group_of(&self, socket: &Socket) -> Option<&Group> {
        self.groups.get(socket.group()?.0 as usize)
    }
}

/// A socket table, which may change at any time while any number of threads read it. Cheap to clone: clones are one table.
#[derive(Clone, Debug)]
pub struct SocketTable {
    shared: Arc<Shared>,
}

impl SocketTable {
    /// A table of nothing, not even a namespace, with room for so many sockets. It grows beyond that when it must.
    pub fn with_capacity(sockets: usize) -> Self {
        SocketTable {
            shared: Arc::new(Shared {
                namespaces: Namespaces::new(),
                index: Index::with_capacity(sockets),
                groups: boxcar::Vec::new(),
                spare: Spare::new(),
                books: Mutex::new(Books::default()),
            }),
        }
    }

    /// An empty builder. A table without namespaces finds nothing.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A table of one namespace, `host`, without sockets.
    pub fn empty() -> Self {
        let table = Self::with_capacity(0);
        // The first of its name.
        let _ = table.netns(config::DEFAULT_NETNS);
        table
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

    /// Opens a read section: what it finds stays what it is until the reader is dropped.
    #[inline]
    pub fn read(&self) -> Reader<'_> {
        Reader::opening(&self.shared)
    }

    /// Reads within a section that is open already.
    #[inline]
    pub fn within<'t>(&'t self, section: &'t Section) -> Reader<'t> {
        Reader::within(&self.shared, section)
    }

    /// Adds a namespace with a loopback device.
    ///
    /// # Errors
    /// If the name is taken.
    pub fn netns(&self, name: &str) -> Result<NetnsId, Conflict> {
        self.shared.namespaces.add(name)
    }

    pub(crate) fn netns_named(&self, name: &str) -> Option<NetnsId> {
        self.shared.namespaces.named(name)
    }

    /// Takes a namespace away, with all its sockets; whether it was there.
    pub fn remove_netns(&self, netns: NetnsId) -> bool {
        let known = self.shared.namespaces.remove(netns);
        if known {
            self.write(|writer| writer.clear(netns));
        }
        known
    }

    /// Adds a device. One called `lo` with ifindex 1 only brings its addresses: it is there already.
    ///
    /// # Errors
    /// If its name or ifindex is taken or no device's.
    pub fn device(&self, netns: NetnsId, device: Device) -> Result<(), Conflict> {
        self.shared.namespaces.add_device(netns, device)
    }

    /// Takes a device away. Sockets bound to it stay, and find no packet any more.
    ///
    /// # Errors
    /// If it is not there, or is `lo`.
    pub fn remove_device(&self, netns: NetnsId, ifindex: u32) -> Result<(), Conflict> {
        self.shared.namespaces.remove_device(netns, ifindex)
    }

    /// Lets `netns` know `target` as `nsid`.
    ///
    /// # Errors
    /// If the id is taken or negative as an `s32`.
    pub fn nsid(&self, netns: NetnsId, nsid: u32, target: NetnsId) -> Result<(), Conflict> {
        self.shared.namespaces.add_nsid(netns, nsid, target)
    }

    /// Adds a socket, the newest of all: that decides between equals. A request socket finds its listener.
    ///
    /// # Errors
    /// If Linux would not have let it exist beside the others.
    pub fn insert(&self, info: SocketInfo) -> Result<SocketId, Conflict> {
        self.write(|writer| writer.insert(&info))
    }

    /// Takes a socket away, and with a listener its request sockets; whether it was there. Whoever holds it, or has found it in a read section that is
    /// still open, sees it as it was; [`Reader::socket`] knows it as long as somebody holds it.
    pub fn remove(&self, id: SocketId) -> bool {
        self.write(|writer| writer.remove(id))
    }

    /// Changes what a socket is; a cookie of 0 leaves it as it is. The socket keeps its id if it is found as before and is the same kind of
    /// socket: one whose state moves on, mark, owner, `tcp_info`. Otherwise it is another socket, with another id, which is found before
    /// the old one is gone: a socket that begins to listen, to connect, or to wait out its time.
    ///
    /// # Errors
    /// As [`SocketTable::insert`], and if the socket is not in the table.
    pub fn update(&self, id: SocketId, info: SocketInfo) -> Result<SocketId, Conflict> {
        self.write(|writer| writer.update(id, &info))
    }

    /// Readies the memory of removed sockets for others, as far as nobody holds or might still read them. Insertion does so
    /// now and then, too.
    pub fn collect(&self) -> Usage {
        self.write(|writer| {
            writer.collect();
            writer.usage()
        })
    }

    /// The writer, for one thing after the other.
    pub(crate) fn write<T>(&self, then: impl FnOnce(&mut Writer<'_>) -> T) -> T {
        let mut books = self.shared.books.lock().unwrap_or_else(PoisonError::into_inner);
        then(&mut Writer { shared: &self.shared, books: &mut books, section: Section::open() })
    }
}
