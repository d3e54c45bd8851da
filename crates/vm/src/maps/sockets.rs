//! Maps that hold sockets: which ones, and by what name.
//!
//! An entry holds a socket's cookie. The table of the machine that runs a program resolves it, so a map does not keep a
//! table alive, and may be filled before there is one; a cookie that the table has not is an empty entry. Whether the
//! socket may be there is asked when it is put in and again when it is taken out.

use belay_sockets::{Protocol, Socket, State};
use belay_spec::MapKind;

use super::hash::Hash;
use super::storage::{ANY, EXIST, Element, Place, Side, Storage, Value};
use crate::errno::Errno;

/// Bytes of a cookie.
pub(crate) const COOKIE: usize = 8;

/// Whether the values of such a map are sockets of the table.
pub(crate) fn holds_sockets(kind: MapKind) -> bool {
    matches!(kind, MapKind::SOCKMAP | MapKind::SOCKHASH | MapKind::REUSEPORT_SOCKARRAY)
}

/// Whether user space names what is in such a map by a number of eight bytes, where Linux takes a descriptor of four: a
/// socket's cookie, a control group's id.
pub(super) fn goes_by_number(kind: MapKind) -> bool {
    holds_sockets(kind) || kind == MapKind::CGROUP_ARRAY
}

/// Whether such a map may hold this socket.
pub(crate) fn admits(kind: MapKind, socket: &Socket) -> Result<(), Errno> {
    let (protocol, state) = (socket.protocol(), socket.state());
    if kind == MapKind::REUSEPORT_SOCKARRAY {
        let listens = protocol == Protocol::Udp || state == State::Listen;
        return if listens && socket.group().is_some() { Ok(()) } else { Err(Errno::EINVAL) };
    }
    if !socket.is_full() {
        return Err(Errno::EINVAL);
    }
    match (protocol, state) {
        (Protocol::Udp, _) | (Protocol::Tcp, State::Established | State::Listen) => Ok(()),
        (Protocol::Tcp, _) => Err(Errno::EOPNOTSUPP),
    }
}

/// Whether a packet may be redirected to this socket.
pub(crate) fn takes_redirects(socket: &Socket) -> bool {
    match socket.protocol() {
        Protocol::Tcp => socket.state() != State::Listen,
        Protocol::Udp => socket.state() == State::Established,
    }
}

/// What reading an entry from user space answers: a cookie needs a value of eight bytes.
pub(crate) fn unreadable(value_size: usize) -> Option<Errno> {
    (value_size < COOKIE).then_some(Errno::ENOSPC)
}

/// A hash map of sockets, or of devices.
pub(crate) struct HashOf {
    pub(crate) hash: Hash,
    /// The error of reading an entry from user space, where that cannot be done.
    pub(crate) unreadable: Option<Errno>,
    /// Devices: there is no removing by writing zero, and replacing may create.
    pub(crate) devices: bool,
}

impl Storage for HashOf {
    fn extent(&self, addr: u64) -> usize {
        self.hash.extent(addr)
    }

    fn lookup(&self, key: &[u8], side: Side) -> Option<Place<'_>> {
        self.hash.lookup(key, side)
    }

    fn update(&self, key: &[u8], value: Value<'_>, flags: u64, side: Side) -> Result<(), Errno> {
        if flags > EXIST {
            return Err(Errno::EINVAL);
        }
        let no_device = matches!(value, Value::Bytes(bytes) if bytes.iter().take(4).all(|byte| *byte == 0));
        match self.devices {
            true if no_device => Err(Errno::EINVAL),
            true if flags == EXIST => self.hash.update(key, value, ANY, side),
            _ => self.hash.update(key, value, flags, side),
        }
    }

    fn delete(&self, key: &[u8]) -> Result<(), Errno> {
        self.hash.delete(key)
    }

    fn read(&self, key: &[u8]) -> Result<Place<'_>, Errno> {
        match self.unreadable {
            Some(errno) => Err(errno),
            None => self.hash.read(key),
        }
    }

    fn element(&self, cursor: u64, side: Side) -> Option<Element<'_>> {
        self.hash.element(cursor, side)
    }
}
