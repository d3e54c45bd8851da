//! Filling a table before anybody reads it: sockets may come in any order that has each one's place.

use std::sync::Arc;

use crate::conflict::Conflict;
use crate::info::SocketInfo;
use crate::namespace::{Device, Namespace, NetnsId};
use crate::socket::SocketId;
use crate::table::SocketTable;

/// A table being filled. The order of insertion is the order in which the sockets were bound, which decides between equals.
///
/// Unlike [`SocketTable::insert`] it takes a request socket before its listener, and a cookie that another socket would have
/// been given.
#[derive(Debug)]
pub struct Builder {
    table: SocketTable,
}

impl Default for Builder {
    fn default() -> Self {
        Builder::with_capacity(0)
    }
}

impl Builder {
    /// A builder with room for so many sockets.
    pub fn with_capacity(sockets: usize) -> Builder {
        Builder { table: SocketTable::with_capacity(sockets) }
    }

    /// Adds a namespace with a loopback device.
    ///
    /// # Errors
    /// If the name is taken.
    pub fn netns(&mut self, name: &str) -> Result<NetnsId, Conflict> {
        self.table.netns(name)
    }

    /// The namespaces so far.
    pub fn namespaces(&self) -> Vec<Arc<Namespace>> {
        self.table.read().netns_ids().map(|(_, netns)| netns).collect()
    }

    /// The namespace of this id, as it is so far.
    pub fn namespace(&self, id: NetnsId) -> Option<Arc<Namespace>> {
        self.table.read().netns(id)
    }

    /// The namespace called `name`.
    pub fn netns_named(&self, name: &str) -> Option<NetnsId> {
        self.table.netns_named(name)
    }

    /// Adds a device. One called `lo` with ifindex 1 only brings its addresses: it is there already.
    ///
    /// # Errors
    /// If its name or ifindex is taken or no device's.
    pub fn device(&mut self, netns: NetnsId, device: Device) -> Result<(), Conflict> {
        self.table.device(netns, device)
    }

    /// Lets `netns` know `target` as `nsid`.
    ///
    /// # Errors
    /// If the id is taken or negative as an `s32`.
    pub fn nsid(&mut self, netns: NetnsId, nsid: u32, target: NetnsId) -> Result<(), Conflict> {
        self.table.nsid(netns, nsid, target)
    }

    /// Adds a socket.
    ///
    /// # Errors
    /// If Linux would not have let it exist beside the others.
    pub fn insert(&mut self, info: SocketInfo) -> Result<SocketId, Conflict> {
        self.table.write(|writer| writer.prepare(&info))
    }

    /// The finished table: cookies are given to those without, request sockets find their listener.
    ///
    /// # Errors
    /// If a request socket has no listener.
    pub fn build(self) -> Result<SocketTable, Conflict> {
        self.table.write(|writer| writer.finish())?;
        Ok(self.table)
    }
}
