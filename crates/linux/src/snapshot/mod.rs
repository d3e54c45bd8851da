//! Which sockets are there now? A snapshot of this host, or of one of its network namespaces, as a socket table.
//!
//! Sockets are read by `sock_diag`, devices and addresses by `rtnetlink`, the rest by a BPF iterator where we may load one, else it is
//! inferred; [`Origin`] says which. Nothing here needs root to see what the user may see.
//!
//! A host does not stand still while it is read. What was seen twice is kept once; what contradicts the rest (a flow that ended
//! and began anew meanwhile) is in [`Snapshot::left_out`], so nothing is lost in silence.

mod assemble;
mod devices;
mod diag;
mod follow;
mod infer;
mod netlink;
mod options;
mod tcp_info;

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use belay_sockets::{Device, Family, Protocol, SocketInfo, SocketTable};

use crate::netns::{NetNs, NetNsError};
use assemble::Seen;
pub(crate) use diag::find_connection;
pub use diag::{Detail, read_datagram};
pub use follow::{Changes, Follower};
use options::Options;

/// Why a snapshot could not be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotError {
    /// What was tried, and how it went.
    pub message: String,
    errno: Option<i32>,
}

impl SnapshotError {
    fn new(message: impl Into<String>) -> Self {
        SnapshotError { message: message.into(), errno: None }
    }

    fn of_kernel(doing: &str, error: &io::Error) -> Self {
        let text = error.to_string();
        let words = text.split(" (os error").next().unwrap_or(&text).to_lowercase();
        SnapshotError { message: format!("{doing}: {words}"), errno: error.raw_os_error() }
    }

    fn about(self, what: impl fmt::Display) -> Self {
        SnapshotError { message: format!("{what}: {}", self.message), ..self }
    }

    fn errno(&self) -> Option<i32> {
        self.errno
    }
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SnapshotError {}

impl From<NetNsError> for SnapshotError {
    fn from(error: NetNsError) -> Self {
        SnapshotError::new(error.message)
    }
}

/// A namespace to look at.
#[derive(Debug)]
pub struct Place {
    name: String,
    /// `None` is the namespace that we are in.
    netns: Option<NetNs>,
}

impl Place {
    /// The namespace that we are in, called `host`.
    pub fn host() -> Place {
        Place { name: "host".into(), netns: None }
    }

    /// A namespace by name, path or process, as [`NetNs::open`] takes it.
    ///
    /// # Errors
    /// If there is none.
    pub fn named(which: &str) -> Result<Place, NetNsError> {
        Ok(Place { name: which.into(), netns: Some(NetNs::open(which)?) })
    }

    /// This namespace, called `name`.
    pub fn of(name: &str, netns: NetNs) -> Place {
        Place { name: name.into(), netns: Some(netns) }
    }

    fn run<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> Result<T, SnapshotError> {
        match &self.netns {
            None => Ok(inside()),
            Some(netns) => netns.run(inside).map_err(|e| {
                SnapshotError::new(format!("cannot enter network namespace `{}`: {e}", self.name))
            }),
        }
    }

    /// Something that names the namespace to the kernel.
    fn descriptor(&self) -> Option<OwnedFd> {
        match &self.netns {
            None => File::open("/proc/thread-self/ns/net").ok().map(Into::into),
            Some(netns) => netns.as_fd().try_clone_to_owned().ok(),
        }
    }
}

/// How the options of a namespace's sockets are known that `sock_diag` does not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Read from the sockets by a BPF iterator.
    Read,
    /// Inferred, since the iterator could not run; and why.
    Inferred(String),
}

/// A socket that has no place in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The socket.
    pub info: SocketInfo,
    /// What it contradicts.
    pub why: String,
}

/// What is there.
#[derive(Debug)]
pub struct Snapshot {
    /// The namespaces, their devices and sockets.
    pub table: SocketTable,
    /// How the options are known; the first namespace for which they had to be inferred, if there is one.
    pub origin: Origin,
    /// What could not be entered.
    pub left_out: Vec<LeftOut>,
}

/// Reads these namespaces. The first is where programs run, and its lookups know the others by the ids that the kernel has for them.
///
/// # Errors
/// The kernel does not tell, or tells nonsense.
pub fn snapshot(places: &[Place], detail: Detail) -> Result<Snapshot, SnapshotError> {
    let mut seen = Seen::default();
    let mut origin = Origin::Read;
    for place in places {
        let read = place.run(|| read(detail))??;
        if let (Origin::Read, Origin::Inferred(_)) = (&origin, &read.origin) {
            origin = read.origin;
        }
        seen.add(&place.name, read.devices, read.sockets, nsids(place, places)?);
    }
    let (table, left_out) = seen.table()?;
    Ok(Snapshot { table, origin, left_out })
}

/// The ids under which a namespace knows the others, with their places in the list.
fn nsids(place: &Place, places: &[Place]) -> Result<Vec<(u32, usize)>, SnapshotError> {
    let mut known = Vec::new();
    for (at, other) in places.iter().enumerate().filter(|_| places.len() > 1) {
        let Some(descriptor) = other.descriptor() else { continue };
        known.extend(place.run(|| devices::nsid(descriptor.as_fd()))??.map(|nsid| (nsid, at)));
    }
    Ok(known)
}

/// One namespace.
struct Read {
    devices: Vec<Device>,
    sockets: Vec<SocketInfo>,
    origin: Origin,
}

/// Reads the calling thread's namespace; sockets in the order in which they are to enter the table.
fn read(detail: Detail) -> Result<Read, SnapshotError> {
    let devices = devices::devices()?;
    let mut tcp = diag::sockets(Protocol::Tcp, detail)?;
    let mut udp = diag::sockets(Protocol::Udp, detail)?;
    // After the sockets: asking for them gave each its cookie.
    let options = Options::read();
    match &options {
        Ok(options) => {
            for sockets in [&mut tcp, &mut udp] {
                sockets.iter_mut().for_each(|info| options.complete(info));
                options.sort(sockets);
            }
        }
        Err(_) => [&mut tcp, &mut udp].into_iter().for_each(|sockets| infer::options(sockets)),
    }
    // Without the iterator, UDP sockets are listed by port, where all are added in front.
    let has_tails = options.is_ok();
    let mut sockets = in_order_of_binding(tcp, true);
    sockets.extend(in_order_of_binding(udp, has_tails));
    let origin = options.map_or_else(Origin::Inferred, |_| Origin::Read);
    Ok(Read { devices, sockets, origin })
}

/// From the kernel's lists, which have the newest at their head, to the order in which the sockets came. In lists with tails, IPv6 sockets with
/// `SO_REUSEPORT` have joined at the end.
fn in_order_of_binding(listed: Vec<SocketInfo>, has_tails: bool) -> Vec<SocketInfo> {
    let joins_tail = |info: &SocketInfo| has_tails && info.family() == Family::V6 && info.reuseport;
    let (tails, heads): (Vec<_>, Vec<_>) = listed.into_iter().partition(joins_tail);
    heads.into_iter().rev().chain(tails).collect()
}
