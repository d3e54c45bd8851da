//! What happens to a TCP connection: `bpf_sock_ops`.

use super::Sock;
use super::bytes::Bytes;

/// An event of a TCP connection, or a question about one (`bpf_sock_ops`).
#[derive(Clone, Debug)]
pub struct SockOps {
    /// `BPF_SOCK_OPS_*`: what happened, or what is asked.
    pub op: u32,
    /// The event's arguments; the first is where the program's `reply` is, too.
    pub args: [u32; 4],
    /// The connection.
    pub sock: Sock,
    /// Whether it is a full socket: of a request only addresses are known.
    pub is_fullsock: bool,
    /// `BPF_SOCK_OPS_*_CB_FLAG`: the events that this connection reports. Set by `bpf_sock_ops_cb_flags_set`.
    pub cb_flags: u32,
    /// The hash of the connection's packets.
    pub sk_txhash: u32,
    /// The length of the packet, for events of one.
    pub skb_len: u32,
    /// The packet's TCP flags.
    pub skb_tcp_flags: u32,
    /// The packet's hardware timestamp.
    pub skb_hwtstamp: u64,
    header: Bytes,
}

/// Every flag of `bpf_sock_ops_cb_flags` (`BPF_SOCK_OPS_ALL_CB_FLAGS`).
pub(crate) const ALL_CB_FLAGS: u32 = 0x7f;

impl SockOps {
    /// An event of this connection.
    pub fn new(op: u32, sock: Sock) -> SockOps {
        SockOps {
            op,
            args: [0; 4],
            sock,
            is_fullsock: true,
            cb_flags: 0,
            sk_txhash: 0,
            skb_len: 0,
            skb_tcp_flags: 0,
            skb_hwtstamp: 0,
            header: Bytes::default(),
        }
    }

    /// Gives the event the TCP header of a packet of `len` bytes: what the program sees through `skb_data`.
    pub fn set_header(&mut self, header: &[u8], len: u32) {
        self.header.set(header, header.len());
        self.skb_len = len;
        self.skb_tcp_flags = header.get(13).copied().map_or(0, u32::from);
    }

    /// What the program replied.
    pub fn reply(&self) -> u32 {
        let [reply, ..] = self.args;
        reply
    }

    pub(crate) fn header(&self) -> &Bytes {
        &self.header
    }
}

impl Default for SockOps {
    /// `BPF_SOCK_OPS_VOID` of a TCP socket.
    fn default() -> Self {
        SockOps::new(0, Sock::tcp4())
    }
}
