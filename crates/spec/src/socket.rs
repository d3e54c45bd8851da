//! The views of a socket that a program may hold, and their fields.
//!
//! All fields are numbers and none can be stored to. Which widths can be loaded was measured on Linux 6.18 for every
//! offset of every view (`tests/facts/socket-views-6.18.json`).

use crate::context::socket::{BPF_SOCK, BPF_TCP_SOCK, BPF_XDP_SOCK, sock_column};
use crate::{Access, Context, Field, Release};

/// A view of a socket (the kernel's register types of the same names).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SockKind {
    /// `sock_common`: any socket, request and time-wait sockets too; the fields of `struct bpf_sock` that those have.
    SockCommon,
    /// `sock`: a full socket, `struct bpf_sock`.
    Sock,
    /// `tcp_sock`: `struct bpf_tcp_sock`.
    TcpSock,
    /// `xdp_sock`: `struct bpf_xdp_sock`.
    XdpSock,
}

impl SockKind {
    /// Every view.
    pub const ALL: [SockKind; 4] =
        [SockKind::SockCommon, SockKind::Sock, SockKind::TcpSock, SockKind::XdpSock];

    /// The kernel's name for it, as in its log.
    pub fn name(self) -> &'static str {
        match self {
            SockKind::SockCommon => "sock_common",
            SockKind::Sock => "sock",
            SockKind::TcpSock => "tcp_sock",
            SockKind::XdpSock => "xdp_sock",
        }
    }

    /// The kernel's name for it while it may be NULL, as in its log.
    pub fn nullable_name(self) -> &'static str {
        match self {
            SockKind::SockCommon => "sock_common_or_null",
            SockKind::Sock => "sock_or_null",
            SockKind::TcpSock => "tcp_sock_or_null",
            SockKind::XdpSock => "xdp_sock_or_null",
        }
    }

    /// The structure that describes the view's fields.
    pub fn structure(self) -> &'static Context {
        match self {
            SockKind::SockCommon | SockKind::Sock => &BPF_SOCK,
            SockKind::TcpSock => &BPF_TCP_SOCK,
            SockKind::XdpSock => &BPF_XDP_SOCK,
        }
    }

    /// Whether a read of `size` bytes at `off` of this view is allowed. All fields are numbers, all read-only.
    pub fn can_read(self, off: i32, size: u32) -> bool {
        // The views did not change between the releases that Belay knows.
        self.structure().access(self.column(), Release::LATEST, off, size, Access::Read).is_some()
    }

    /// The field that covers the byte at `off`, if the view has one there.
    pub fn field_at(self, off: i32) -> Option<&'static Field> {
        self.structure().field_at(off).filter(|f| f.read_widths(self.column()) != crate::Widths::Never)
    }

    fn column(self) -> usize {
        match self {
            SockKind::SockCommon => sock_column::COMMON_VIEW,
            SockKind::Sock => sock_column::FULL_VIEW,
            SockKind::TcpSock | SockKind::XdpSock => 0,
        }
    }
}
