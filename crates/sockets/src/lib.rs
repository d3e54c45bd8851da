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
//! # Plan
//! Today a table is built once and then read ([`SocketTable::read`] borrows it). Insertion and removal under concurrent
//! readers come behind the same [`Reader`]: it becomes an epoch guard, [`SocketId`] gains a generation, and nothing
//! that uses this API changes.
#![forbid(unsafe_code)]

mod address;
mod builder;
mod config;
mod explain;
mod index;
mod lookup;
mod namespace;
mod reference;
mod reuseport;
mod score;
mod socket;
mod state;
mod table;
mod view;

pub use address::{Endpoint, Family, Protocol, Tuple};
pub use builder::{Builder, Conflict};
pub use config::{ConfigError, Place};
pub use explain::{Explanation, Outcome, Refusal, Stage, Step};
pub use lookup::{LookupKind, Query};
pub use namespace::{Device, DeviceAddress, Namespace, NetnsId, NsidArg};
pub use reference::{Fault, Found, Ledger, Lifetime, Reference, ReleaseError};
pub use reuseport::{Group, GroupId};
pub use socket::{Socket, SocketId, SocketInfo};
pub use state::State;
pub use table::{Reader, SocketTable};
pub use view::{SOCK_VIEW_SIZE, TCP_VIEW_SIZE, TcpInfo};
