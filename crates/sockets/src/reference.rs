//! Who holds a socket: the two lifetimes of Linux, and the ledger that audits acquire and release.
//!
//! The verifier demands one release for every lookup, whatever was found. At run time only connected TCP sockets (request and
//! time-wait sockets among them) have a count; a listener or UDP socket outlives the run that found it. [`Found`] keeps that
//! visible; [`Ledger`] checks the obligation itself, which both kinds have.

use std::fmt;

use crate::socket::{Socket, SocketId};

/// What keeps a found socket alive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Lifetime {
    /// A reference count, which the release gives back.
    Counted,
    /// The grace period that the run is part of (`SOCK_RCU_FREE`): nothing is counted.
    Rcu,
}

/// The answer of a lookup.
#[derive(Clone, Copy, Debug)]
pub enum Found<'t> {
    /// A connected TCP socket, a request or a time-wait socket: counted.
    Counted(&'t Socket),
    /// A listener or UDP socket: not counted.
    Rcu(&'t Socket),
}

impl<'t> Found<'t> {
    /// The socket, whatever its lifetime.
    pub fn socket(self) -> &'t Socket {
        match self {
            Found::Counted(socket) | Found::Rcu(socket) => socket,
        }
    }
}

/// A release of a socket to which no program holds a reference.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{socket} is released, but no program holds a reference to it")]
pub struct ReleaseError {
    /// The socket.
    pub socket: SocketId,
}

/// Names one acquired reference of a [`Ledger`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Reference(u32);

/// What is wrong with a release, with the sites that led to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault<S> {
    /// The reference was released before.
    DoubleRelease {
        /// The socket.
        socket: SocketId,
        /// Where the reference was acquired.
        acquired: S,
        /// Where it was released first.
        released: S,
    },
    /// The ledger never gave out this reference.
    NotAcquired,
    /// The table's own count is off: something released it outside the ledger.
    Count(ReleaseError),
}

impl<S: fmt::Display> fmt::Display for Fault<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::DoubleRelease { socket, acquired, released } => {
                write!(
                    f,
                    "{socket}, acquired at {acquired}, was released at {released} and is released again"
                )
            }
            Fault::NotAcquired => f.write_str("a reference that no lookup returned is released"),
            Fault::Count(error) => error.fmt(f),
        }
    }
}

#[derive(Clone, Debug)]
struct Entry<S> {
    socket: SocketId,
    acquired: S,
    released: Option<S>,
}

/// The references of one run, with the site (an instruction, say) of every acquire and release. It takes and gives back the table's
/// counts on the way, so a balanced ledger leaves the table as it was.
#[derive(Clone, Debug)]
pub struct Ledger<S> {
    entries: Vec<Entry<S>>,
}

impl<S> Default for Ledger<S> {
    fn default() -> Self {
        Ledger { entries: Vec::new() }
    }
}

impl<S: Copy> Ledger<S> {
    /// A ledger of no references.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a reference to what a lookup found. `None` if the socket is over by now, and after 2^32 - 1 references,
    /// which no run reaches.
    pub fn acquire(&mut self, found: Found<'_>, site: S) -> Option<Reference> {
        let reference = Reference(u32::try_from(self.entries.len()).ok()?);
        if !found.socket().acquire() {
            return None;
        }
        self.entries.push(Entry { socket: found.socket().id(), acquired: site, released: None });
        Some(reference)
    }

    /// The socket of a reference, released or not.
    pub fn socket(&self, reference: Reference) -> Option<SocketId> {
        self.entries.get(reference.0 as usize).map(|e| e.socket)
    }

    /// Where the reference was released, if it was.
    pub fn released_at(&self, reference: Reference) -> Option<S> {
        self.entries.get(reference.0 as usize).and_then(|e| e.released)
    }

    /// Gives a reference back. `socket` must be the one it was acquired for.
    ///
    /// # Errors
    /// If it was given back before, or is none of this ledger's, or belongs to another socket.
    pub fn release(&mut self, reference: Reference, socket: &Socket, site: S) -> Result<(), Fault<S>> {
        let entry = self
            .entries
            .get_mut(reference.0 as usize)
            .filter(|e| e.socket == socket.id())
            .ok_or(Fault::NotAcquired)?;
        if let Some(released) = entry.released {
            return Err(Fault::DoubleRelease { socket: entry.socket, acquired: entry.acquired, released });
        }
        entry.released = Some(site);
        socket.release().map_err(Fault::Count)
    }

    /// The references that are still held, each with its socket and acquire site: at the end of a run, the leaks.
    pub fn held(&self) -> impl Iterator<Item = (Reference, SocketId, S)> + '_ {
        (0u32..)
            .zip(&self.entries)
            .filter(|(_, e)| e.released.is_none())
            .map(|(at, e)| (Reference(at), e.socket, e.acquired))
    }
}
