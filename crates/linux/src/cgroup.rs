//! Control groups of our own (version 2): processes, or single threads, whose sockets a program watches.
//!
//! A group is a directory, made below the root and removed when its [`Cgroup`] is dropped. It is a *threaded* one, so
//! that one thread of a test can be in it while the others stay where they are.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use crate::sys;

/// A control group.
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
    directory: File,
}

/// Where version 2 is mounted.
fn root() -> io::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let line = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2"));
    let path = line.and_then(|line| line.split(' ').nth(1));
    path.map(PathBuf::from).ok_or_else(|| io::Error::other("no `cgroup2` is mounted"))
}

impl Cgroup {
    /// Makes a group.
    ///
    /// # Errors
    /// If no `cgroup2` is mounted, or this process may not make groups there.
    pub fn new() -> io::Result<Cgroup> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = root()?.join(format!("belay-{}-{number}", std::process::id()));
        fs::create_dir(&path)?;
        fs::write(path.join("cgroup.type"), "threaded")?;
        let directory = File::open(&path)?;
        Ok(Cgroup { path, directory })
    }

    /// Runs a closure on a thread of its own inside the group. Sockets that it opens belong to the group for good.
    ///
    /// # Errors
    /// If the thread cannot be moved.
    ///
    /// # Panics
    /// With the closure's panic.
    pub fn run<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> io::Result<T> {
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                fs::write(self.path.join("cgroup.threads"), sys::thread_id().to_string())?;
                Ok(inside())
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl AsFd for Cgroup {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A thread that just ended may still be counted for a moment: what is left then is an empty directory.
        for _ in 0..50 {
            if fs::remove_dir(&self.path).is_ok() {
                return;
            }
            thread::sleep(std::time::Duration::from_millis(2));
        }
    }
}
