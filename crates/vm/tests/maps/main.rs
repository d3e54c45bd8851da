//! Maps answer as in the running kernel: programs and user space, every kind, every flag.

mod creation;
mod events;
mod eviction;
mod harness;
mod operations;
mod redirects;
mod sockets;
mod straight;
mod verdicts;
