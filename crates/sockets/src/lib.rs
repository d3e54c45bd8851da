//! The socket table: which socket would Linux find for this packet, and who holds a reference to it?
//!
//! A [`SocketTable`] holds network namespaces and their TCP and UDP sockets. [`Reader::lookup`] answers a [`Query`]
//! with the rules of Linux 6.18 (measured against the running kernel by `tests/kernel.rs`), [`Reader::explain`] says why.
//! An answer is a [`Found`], which says in its type whether the socket is reference-counted (connected TCP) or
//! protected by the read section (listeners, UDP).
//!
//! # Invariants
//! - A reader neither locks nor allocates (except `explain`).
//! - A [`Socket`] stays at one address while its table lives, so a program's loads are plain loads from [`Socket::view`].
//! - No input makes this crate panic: hostile TOML is a [`ConfigError`], an unbalanced release is a [`ReleaseError`].
//!
//! - A table may change at any time, in any thread. A reader sees every socket that is there as long as it reads, and what
//!   it has found stays what it was: in memory until the read section ends, and until the last reference is given back.
//! - Another socket in the same memory is another [`SocketId`].
#![forbid(unsafe_code)]

mod address;
mod builder;
mod config;
mod conflict;
mod explain;
mod index;
mod info;
mod key;
mod live;
mod lookup;
mod namespace;
mod namespaces;
mod reader;
mod reference;
mod reuseport;
mod score;
mod socket;
mod state;
mod table;
mod view;

#[cfg(belay_loom)]
#[doc(hidden)]
pub use live::sync::modelled;

pub use address::{Endpoint, Family, Protocol, Tuple};
pub use builder::Builder;
pub use config::{ConfigError, Place};
pub use conflict::Conflict;
pub use explain::{Explanation, Outcome, Refusal, Stage, Step};
pub use info::SocketInfo;
pub use live::section::Section;
pub use live::writer::Usage;
pub use lookup::{LookupKind, Query};
pub use namespace::{Device, DeviceAddress, Namespace, NetnsId, NsidArg};
pub use reader::Reader;
pub use reference::{Fault, Found, Ledger, Lifetime, Reference, ReleaseError};
pub use reuseport::GroupId;
pub use socket::{Socket, SocketId};
pub use state::State;
pub use table::SocketTable;
pub use view::{SOCK_VIEW_SIZE, TCP_VIEW_SIZE, TcpInfo};
