//! Types into the kernel.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::sys::{self, Errno};

/// Room for the kernel's complaint.
const LOG: usize = 64 << 10;

/// An object's types, loaded; they live as long as this or a program or map that uses them.
#[derive(Debug)]
pub struct LoadedBtf {
    fd: OwnedFd,
}

impl AsFd for LoadedBtf {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// BTF that the kernel refused.
#[derive(Debug, Clone)]
pub struct BtfRejected {
    /// The error.
    pub errno: Errno,
    /// The kernel's log.
    pub log: String,
}

/// Loads the bytes of a `.BTF` section.
///
/// # Errors
/// The kernel's refusal with its log.
pub fn load_btf(bytes: &[u8]) -> Result<LoadedBtf, BtfRejected> {
    // Without a log first: the kernel answers `ENOSPC` to good BTF whose log is too long.
    if let Ok(fd) = sys::btf_load(bytes, &mut []) {
        return Ok(LoadedBtf { fd });
    }
    let mut log = vec![0; LOG];
    match sys::btf_load(bytes, &mut log) {
        Ok(fd) => Ok(LoadedBtf { fd }),
        Err(errno) => {
            let end = log.iter().position(|b| *b == 0).unwrap_or(log.len());
            log.truncate(end);
            Err(BtfRejected { errno, log: String::from_utf8_lossy(&log).into_owned() })
        }
    }
}
