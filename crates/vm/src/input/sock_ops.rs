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
    /// Bytes of TCP options that the program may still reserve (`HDR_OPT_LEN_CB`) or write (`WRITE_HDR_OPT_CB`): a run takes
    /// from them. What a program reserved counts if it returns 1.
    pub option_room: u8,
    /// The packet that asked for the connection: the one that just arrived, for events of a request, or the one that the socket
    /// kept (`TCP_SAVE_SYN`).
    pub syn: Option<SynHeaders>,
    header: Bytes,
}

/// The headers of the packet that asked for a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SynHeaders {
    /// Of the link; empty if it was not kept.
    pub link: Vec<u8>,
    /// Of IPv4 or IPv6.
    pub network: Vec<u8>,
    /// Of TCP.
    pub transport: Vec<u8>,
}

/// `BPF_SOCK_OPS_*`
pub(crate) mod op {
    /// How many bytes of options are to be reserved?
    pub(crate) const HDR_OPT_LEN: u32 = 14;
    /// They are to be written.
    pub(crate) const WRITE_HDR_OPT: u32 = 15;
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
            option_room: 0,
            syn: None,
            header: Bytes::default(),
        }
    }

    /// Gives the event the TCP header of a packet of `len` bytes: what the program sees through `skb_data`. Where options are
    /// to be written, they are written behind it.
    pub fn set_header(&mut self, header: &[u8], len: u32) {
        /// `TCPHDR_FLAGS_MASK`, of the two bytes with the header's length.
        const FLAGS: u16 = 0x1ff;
        self.header.set(header, header.len());
        self.skb_len = len;
        let bytes = header.get(12..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
        self.skb_tcp_flags = u32::from(u16::from_be_bytes(bytes) & FLAGS);
    }

    /// The TCP header, with the options that the program wrote.
    pub fn header(&self) -> Vec<u8> {
        self.header.all()
    }

    /// What the program replied.
    pub fn reply(&self) -> u32 {
        let [reply, ..] = self.args;
        reply
    }

    /// The header as the program sees it.
    pub(crate) fn shown(&self) -> &Bytes {
        &self.header
    }

    /// Writes an option behind the header, for which there is room.
    pub(crate) fn write_option(&mut self, option: &[u8]) {
        self.option_room = self.option_room.saturating_sub(option.len() as u8);
        self.header.append(option);
    }

    /// Whether the connection is locked, so that a program may ask for its options and set them: not while a timestamp is
    /// reported.
    pub(crate) fn is_locked(&self) -> bool {
        self.op <= op::WRITE_HDR_OPT
    }
}

impl Default for SockOps {
    /// `BPF_SOCK_OPS_VOID` of a TCP socket.
    fn default() -> Self {
        SockOps::new(0, Sock::tcp4())
    }
}
