//! A table that follows a namespace: what goes is told by the kernel at once, what comes is found by looking again.
//!
//! The kernel announces every full socket that is destroyed (`SKNLGRP_INET_*_DESTROY`), and nothing else: new sockets, changes of
//! state, and the ends of request and time-wait sockets are seen by the next [`Follower::refresh`]. Sockets are told apart by
//! their cookie. Should announcements be lost, looking again makes up for them.

use std::collections::HashSet;

use belay_sockets::{Endpoint, NetnsId, Protocol, SocketId, SocketInfo, SocketTable, State};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_SOCK_DIAG;

use super::assemble::Seen;
use super::netlink::{Answers, Want, receive};
use super::{Detail, LeftOut, Place, SnapshotError, diag, find_connection, read};

/// `SKNLGRP_INET_TCP_DESTROY` and the three after it: UDP, and both of IPv6.
const DESTROYED: std::ops::RangeInclusive<u32> = 1..=4;
/// Room for announcements while nobody reads them, in bytes.
const BACKLOG: usize = 4 << 20;
const DATAGRAM: usize = 64 << 10;

/// What a look at the namespace has changed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Sockets that are new.
    pub added: usize,
    /// Sockets that are gone.
    pub removed: usize,
    /// Sockets that are not what they were: another state, another option.
    pub changed: usize,
    /// What could not be entered.
    pub left_out: Vec<LeftOut>,
}

/// A table that is kept like a namespace. Whoever reads the table may do so at any time, in any thread.
#[derive(Debug)]
pub struct Follower {
    place: Place,
    detail: Detail,
    table: SocketTable,
    announcements: Socket,
}

impl Follower {
    /// Reads the namespace and begins to follow it.
    ///
    /// # Errors
    /// Those of [`super::snapshot`].
    pub fn start(place: Place, detail: Detail) -> Result<Follower, SnapshotError> {
        // First, so that nothing is missed in between.
        let announcements = place.run(subscribe)??;
        let seen = place.run(|| read(detail))??;
        let mut all = Seen::default();
        all.add(&place.name, seen.devices, seen.sockets, Vec::new());
        let (table, _) = all.table()?;
        Ok(Follower { place, detail, table, announcements })
    }

    /// The table. Clones of it are the same table.
    pub fn table(&self) -> &SocketTable {
        &self.table
    }

    /// Takes away what the kernel has announced as destroyed since the last call; how many sockets that were. A connection that left a
    /// time-wait socket becomes that. Does not wait.
    ///
    /// # Errors
    /// The kernel's announcements cannot be read.
    pub fn catch_up(&mut self) -> Result<Changes, SnapshotError> {
        let mut cookies = Vec::new();
        let mut datagram = Vec::with_capacity(DATAGRAM);
        loop {
            match receive(&self.announcements, &mut datagram, libc::MSG_DONTWAIT) {
                Ok(true) => {
                    let each = |message| cookie(message).map(|cookie| cookies.extend(cookie));
                    Answers::new(Want::Dump, each).take(&datagram)?;
                }
                Ok(false) => break,
                // Some were lost.
                Err(error) if error.errno() == Some(libc::ENOBUFS) => return self.refresh(),
                Err(error) => return Err(error),
            }
        }
        let gone: Vec<(SocketId, SocketInfo)> = {
            let reader = self.table.read();
            let known = cookies.iter().filter_map(|cookie| reader.with_cookie(*cookie));
            known.map(|socket| (socket.id(), socket.info())).collect()
        };
        let left = self.place.run(|| gone.iter().map(|(_, info)| time_wait_of(info)).collect::<Vec<_>>())?;
        let mut changes = Changes::default();
        for ((id, info), waits) in gone.into_iter().zip(left) {
            if waits? {
                changes.change(&self.table, id, SocketInfo { state: State::TimeWait, ..info });
            } else {
                changes.removed += usize::from(self.table.remove(id));
            }
        }
        Ok(changes)
    }

    /// Looks again, and makes the table what the namespace is.
    ///
    /// # Errors
    /// Those of [`super::snapshot`].
    pub fn refresh(&mut self) -> Result<Changes, SnapshotError> {
        let seen = self.place.run(|| read(self.detail))??;
        for device in seen.devices {
            // Those that are there already stay as they are.
            let _ = self.table.device(NetnsId::FIRST, device);
        }
        let mut changes = Changes::default();
        let there: HashSet<u64> = seen.sockets.iter().map(|info| info.cookie).collect();
        let gone: Vec<SocketId> = {
            let reader = self.table.read();
            reader
                .sockets()
                .filter(|socket| !there.contains(&socket.cookie()))
                .map(|socket| socket.id())
                .collect()
        };
        for id in gone {
            changes.removed += usize::from(self.table.remove(id));
        }
        // Request sockets need their listeners.
        let (requests, others): (Vec<_>, Vec<_>) =
            seen.sockets.into_iter().partition(|info| info.state == State::NewSynRecv);
        let mut entered = HashSet::with_capacity(there.len());
        for info in others.into_iter().chain(requests).filter(|info| entered.insert(info.cookie)) {
            let known = self.table.read().with_cookie(info.cookie).map(|socket| (socket.id(), socket.info()));
            match known {
                None => changes.add(&self.table, info),
                Some((_, old)) if old == info => {}
                Some((id, _)) => changes.change(&self.table, id, info),
            }
        }
        Ok(changes)
    }
}

impl Changes {
    fn add(&mut self, table: &SocketTable, info: SocketInfo) {
        match table.insert(info.clone()) {
            Ok(_) => self.added += 1,
            Err(conflict) => self.left_out.push(LeftOut::of(info, &conflict)),
        }
    }

    fn change(&mut self, table: &SocketTable, id: SocketId, info: SocketInfo) {
        match table.update(id, info.clone()) {
            Ok(_) => self.changed += 1,
            Err(conflict) => self.left_out.push(LeftOut::of(info, &conflict)),
        }
    }
}

/// Asks for announcements, in the calling thread's namespace.
fn subscribe() -> Result<Socket, SnapshotError> {
    let subscribed = || {
        let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
        socket.bind_auto()?;
        // The kernel may grant less.
        let _ = socket.set_rx_buf_sz(libc::c_int::try_from(BACKLOG).unwrap_or(libc::c_int::MAX));
        for group in DESTROYED {
            socket.add_membership(group)?;
        }
        Ok(socket)
    };
    subscribed().map_err(|e: std::io::Error| SnapshotError::of_kernel("cannot follow the sockets", &e))
}

/// Of whom an announcement speaks.
fn cookie(message: SockDiagMessage) -> Result<Option<u64>, SnapshotError> {
    Ok(match message {
        SockDiagMessage::InetResponse(response) => Some(diag::cookie(response.header.socket_id.cookie)),
        _ => None,
    })
}

/// Whether a connection that is over left its time-wait socket, which has its cookie.
fn time_wait_of(info: &SocketInfo) -> Result<bool, SnapshotError> {
    let ends: Option<(Endpoint, Endpoint)> =
        info.remote.filter(|_| info.protocol == Protocol::Tcp).map(|remote| (info.local, remote));
    let Some((local, remote)) = ends else { return Ok(false) };
    let found = find_connection(local, remote, info.device)?;
    Ok(found.is_some_and(|found| found.cookie == info.cookie && found.state == State::TimeWait))
}
