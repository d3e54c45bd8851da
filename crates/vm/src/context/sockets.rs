//! The sockets that contexts point to: those of the machine's table, and the model of one that is in none.

use belay_sockets::{Socket, SocketId, SocketTable};

use super::sock;
use crate::helpers::sockets::address;
use crate::input::Sock;
use crate::machine::Machine;
use crate::memory::Block;

/// Bytes of a model: its views, laid out as those of a table's socket.
pub(crate) const MODEL_SIZE: usize = Socket::TCP_VIEW_OFFSET + belay_sockets::TCP_VIEW_SIZE;

/// The sockets of one run.
#[derive(Clone, Copy)]
pub(crate) struct Sockets<'m> {
    table: &'m SocketTable,
    model: &'m Block,
}

impl<'m> Sockets<'m> {
    pub(crate) fn of(machine: &'m Machine) -> Sockets<'m> {
        Sockets { table: &machine.sockets, model: &machine.model }
    }

    /// The address of a table's socket; of the model, all zeros, if it is of another table.
    pub(crate) fn address(self, id: SocketId) -> u64 {
        self.table.read().socket(id).map_or_else(|| self.nobody(), address)
    }

    /// Hands a table's socket to a function.
    pub(crate) fn with<T>(self, id: SocketId, then: impl FnOnce(&Socket) -> T) -> Option<T> {
        self.table.read().socket(id).map(then)
    }

    /// Lays out the socket that the program runs for; its address.
    pub(crate) fn model(self, sock: &Sock) -> u64 {
        let _ = self.model.clear(0, self.model.len());
        sock::put(self.model, sock);
        if sock.is_tcp() {
            let _ = self.model.write(Socket::TCP_VIEW_OFFSET, &sock.tcp.to_bytes());
        }
        self.model.addr()
    }

    /// The address of a socket of zeros.
    pub(crate) fn nobody(self) -> u64 {
        let _ = self.model.clear(0, self.model.len());
        self.model.addr()
    }
}
