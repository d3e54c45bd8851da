//! Network namespaces of our own: sockets and devices for tests, apart from the machine's.
//!
//! A namespace lives as long as its [`NetNs`] (and the sockets and programs in it); no name is left behind under
//! `/run/netns`. The calling thread never changes its own namespace: each closure runs on a thread of its own.

use std::fmt;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::process::Command;
use std::thread;

use crate::sys::{self, Errno};

/// A network namespace.
#[derive(Debug)]
pub struct NetNs {
    fd: OwnedFd,
}

/// A step that failed while a namespace was being set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetNsError {
    /// What was tried, and how it went.
    pub message: String,
}

impl fmt::Display for NetNsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for NetNsError {}

fn error(doing: &str, why: impl fmt::Display) -> NetNsError {
    NetNsError { message: format!("{doing}: {why}") }
}

impl NetNs {
    /// Creates a namespace: no device but `lo`, which is down.
    ///
    /// # Errors
    /// `EPERM` without `CAP_SYS_ADMIN`.
    pub fn new() -> Result<NetNs, NetNsError> {
        let made = thread::spawn(|| {
            sys::unshare_net().map_err(|e| error("cannot create a network namespace", e))?;
            File::open("/proc/thread-self/ns/net")
                .map_err(|e| error("cannot open the new network namespace", e))
        });
        let file =
            made.join().map_err(|_| error("cannot create a network namespace", "the thread died"))??;
        Ok(NetNs { fd: file.into() })
    }

    /// A namespace that is there already: of a process (`1234`), by path (`/run/netns/blue`), or by the name that `ip netns` gave it
    /// (`blue`).
    ///
    /// # Errors
    /// If there is no such namespace, or the process is not ours to look at.
    pub fn open(which: &str) -> Result<NetNs, NetNsError> {
        let is_process = !which.is_empty() && which.bytes().all(|b| b.is_ascii_digit());
        let path = match which {
            _ if is_process => format!("/proc/{which}/ns/net"),
            path if path.contains('/') => path.to_owned(),
            name => format!("/run/netns/{name}"),
        };
        let file = File::open(&path)
            .map_err(|e| error(&format!("network namespace `{which}`: cannot open `{path}`"), e))?;
        Ok(NetNs { fd: file.into() })
    }

    /// A namespace with `lo` up.
    ///
    /// # Errors
    /// Those of [`NetNs::new`]; `ip` missing or failing.
    pub fn with_loopback() -> Result<NetNs, NetNsError> {
        let namespace = NetNs::new()?;
        namespace.ip(&["link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// The same namespace once more.
    ///
    /// # Errors
    /// If the process has no descriptor left.
    pub fn try_clone(&self) -> Result<NetNs, NetNsError> {
        let fd = self.fd.try_clone().map_err(|e| error("cannot keep a network namespace open", e))?;
        Ok(NetNs { fd })
    }

    /// Runs a closure inside, on a thread of its own. Sockets that it opens belong to this namespace for good.
    ///
    /// # Errors
    /// If the thread cannot enter the namespace.
    ///
    /// # Panics
    /// With the closure's panic.
    pub fn run<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> Result<T, Errno> {
        thread::scope(|scope| {
            let thread = scope.spawn(|| sys::set_net(self.fd.as_fd()).map(|()| inside()));
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Runs `ip ARGS` inside; what it printed.
    ///
    /// # Errors
    /// If there is no `ip`, or with what it said.
    pub fn ip(&self, args: &[&str]) -> Result<String, NetNsError> {
        let doing = format!("`ip {}`", args.join(" "));
        let output = self
            .run(|| Command::new("ip").args(args).output())
            .map_err(|e| error("cannot enter a network namespace", e))?
            .map_err(|e| error(&doing, e))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(error(&doing, String::from_utf8_lossy(&output.stderr).trim()))
        }
    }

    /// Connects two namespaces by a pair of Ethernet devices, and brings both up.
    ///
    /// # Errors
    /// Those of `ip`, such as a name that is taken.
    pub fn veth(&self, name: &str, peer: &NetNs, peer_name: &str) -> Result<(), NetNsError> {
        // `ip` takes a namespace by path; the descriptor is ours, so the path goes through our process.
        let path = format!("/proc/{}/fd/{}", std::process::id(), peer.fd.as_raw_fd());
        self.ip(&["link", "add", name, "type", "veth", "peer", "name", peer_name, "netns", &path])?;
        self.ip(&["link", "set", name, "up"])?;
        peer.ip(&["link", "set", peer_name, "up"]).map(drop)
    }

    /// Gives a device an address, `10.0.0.1/24` or `fd00::1/64` (without waiting for duplicate detection).
    ///
    /// # Errors
    /// Those of `ip`.
    pub fn address(&self, device: &str, address: &str) -> Result<(), NetNsError> {
        let nodad: &[&str] = if address.contains(':') { &["nodad"] } else { &[] };
        self.ip(&[&["addr", "add", address, "dev", device], nodad].concat()).map(drop)
    }
}

impl AsFd for NetNs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
