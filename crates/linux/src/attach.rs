//! Programs attached by `BPF_PROG_ATTACH`: to control groups of our own, to socket maps, to network namespaces.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use crate::sys::{self, Errno};

/// An attached program. Dropping it detaches the program.
#[derive(Debug)]
pub struct Attached {
    target: OwnedFd,
    program: OwnedFd,
    attach_type: u32,
}

/// Attaches a loaded program to a control group, a socket map or a network namespace.
///
/// # Errors
/// What the kernel says: `EINVAL` if the target is of another sort than `attach_type` wants.
pub fn attach(target: BorrowedFd<'_>, program: BorrowedFd<'_>, attach_type: u32) -> Result<Attached, Errno> {
    let own = |fd: BorrowedFd<'_>| {
        fd.try_clone_to_owned().map_err(|error| Errno(error.raw_os_error().unwrap_or(libc::EIO)))
    };
    sys::attach(target, program, attach_type)?;
    match (own(target), own(program)) {
        (Ok(target), Ok(program)) => Ok(Attached { target, program, attach_type }),
        (Err(errno), _) | (_, Err(errno)) => {
            sys::detach(target, program, attach_type)?;
            Err(errno)
        }
    }
}

/// Lets a loaded program choose among the sockets of a reuseport group, given one of them (`SO_ATTACH_REUSEPORT_EBPF`).
///
/// # Errors
/// What the kernel says: `EINVAL` for a program of another sort.
pub fn attach_reuseport(socket: BorrowedFd<'_>, program: BorrowedFd<'_>) -> Result<(), Errno> {
    let number = program.as_raw_fd().to_ne_bytes();
    sys::set_option(socket, libc::SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_EBPF, &number)
}

impl Drop for Attached {
    fn drop(&mut self) {
        // What is gone already (with its namespace) need not be detached.
        let _ = sys::detach(self.target.as_fd(), self.program.as_fd(), self.attach_type);
    }
}
