//! The views of a socket that a program may hold, and their fields.

/// A view of a socket (the kernel's register types of the same names).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SockKind {
    /// `sock_common`: any socket, request and time-wait sockets too; the first fields of `struct bpf_sock` only.
    SockCommon,
    /// `sock`: a full socket, `struct bpf_sock`.
    Sock,
    /// `tcp_sock`: `struct bpf_tcp_sock`.
    TcpSock,
    /// `xdp_sock`: `struct bpf_xdp_sock`.
    XdpSock,
}

impl SockKind {
    /// The kernel's name for it, as in its log.
    pub fn name(self) -> &'static str {
        match self {
            SockKind::SockCommon => "sock_common",
            SockKind::Sock => "sock",
            SockKind::TcpSock => "tcp_sock",
            SockKind::XdpSock => "xdp_sock",
        }
    }

    /// Whether a read of `size` bytes at `off` of this view is allowed. All fields are numbers, all read-only.
    pub fn can_read(self, off: i32, size: u32) -> bool {
        let _ = (off, size);
        false // filled in with the field tables
    }
}
