//! Hooks besides packets: each program sees of its context what it sees in the kernel, and what it changes or returns has the
//! same effect.
//!
//! What the kernel test-runs (`sk_lookup`, `flow_dissector`) is compared that way. The other programs are attached to a
//! control group, a socket map or a socket of our own, in a namespace of our own, and watch real system calls there.

mod address;
mod casts;
mod control;
mod dissect;
mod groups;
mod judge;
mod kernel_context;
mod lookup;
mod message;
mod mismatch;
mod netfilter;
mod packets;
mod random;
mod reuseport;
mod socket;
mod stream;
mod tcp_options;
