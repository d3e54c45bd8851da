//! Maps answer as in the running kernel: programs and user space, every kind, every flag.

mod creation;
mod harness;
mod operations;
