//! What makes the table live: sockets come and go while programs look them up, and no reader locks, allocates or waits.
//!
//! It is Linux's own construction, type-stable memory under RCU, without a pointer and so without `unsafe`: a socket is a
//! *slot* that stays where it is for good, lists link slots by number, and what a slot says is made of atomic words.
//!
//! - [`slots`]: the slots. They are only ever added.
//! - [`chains`]: hash tables of lists through the slots, read while they change, and while they grow.
//! - [`count`]: the references that programs hold, and the end of a socket.
//! - [`section`]: read sections. A slot that is out of every list is filled anew only when all sections are over that
//!   might have met it there, and all references are given back.
//! - [`free`]: the slots that wait to be filled.
//! - [`writer`]: insertion, removal and update, one at a time behind a lock that no reader takes.
//!
//! The `loom` model (`tests`) runs this very code, with [`sync`]'s atomics exchanged for loom's.

pub(crate) mod chains;
pub(crate) mod count;
pub(crate) mod free;
pub(crate) mod section;
pub(crate) mod slots;
pub(crate) mod sync;
pub(crate) mod writer;

#[cfg(all(test, belay_loom))]
mod tests;
