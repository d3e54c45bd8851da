//! The table against the running kernel: real sockets in a namespace of our own, the same sockets in a table, and the
//! same questions to both. Needs root and `bpf(2)`; skipped with a message otherwise, required by `BELAY_REQUIRE=kernel`.

mod arguments;
mod compare;
mod dice;
mod lab;
mod near;
mod oracle;
mod pitfalls;
mod random;
mod scripted;
mod worlds;
