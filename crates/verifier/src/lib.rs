//! The verdict of the Linux BPF verifier, with reference tracking, off the kernel.
#![forbid(unsafe_code)]

mod verified;

pub mod scalar;

pub use verified::{Touch, Verified};
