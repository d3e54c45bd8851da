//! The sockets that contexts point to: those of the machine's table, and the model of one that is in none.

use std::cell::OnceCell;

use belay_sockets::{Section, Socket, SocketId, SocketTable};

use super::{Sight, sock};
use crate::helpers::sockets::address;
use crate::input::{Input, Sock};
use crate::machine::Machine;
use crate::memory::Block;

/// Bytes of a model: its views, laid out as those of a table's socket.
pub(crate) const MODEL_SIZE: usize = Socket::TCP_VIEW_OFFSET + belay_sockets::TCP_VIEW_SIZE;

/// The read section of a run: whatever socket a program has met stays what it is until the run ends. It is opened when the
/// first one is met, since most programs meet none.
#[derive(Debug, Default)]
pub(crate) struct Reading(OnceCell<Section>);

impl Reading {
    /// For a run on this input: open if the program may see sockets there.
    #[inline]
    pub(crate) fn of(input: &Input<'_>, sight: Sight) -> Reading {
        let reading = Reading::default();
        let names_sockets = match input {
            Input::Packet(packet) => sight == Sight::All && packet.metadata.socket.is_some(),
            Input::Netfilter(input) => input.packet.metadata.socket.is_some(),
            Input::Reuseport(_) | Input::SkLookup(_) => true,
            _ => false,
        };
        if names_sockets {
            reading.section();
        }
        reading
    }

    /// The section, which is open from now on.
    #[inline]
    pub(crate) fn section(&self) -> &Section {
        self.0.get_or_init(Section::open)
    }
}

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
