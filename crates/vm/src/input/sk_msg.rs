//! Messages on their way out of a socket: `sk_msg_md`.

use super::Sock;
use super::bytes::Bytes;

/// A message that a process sends on a socket of a socket map.
#[derive(Clone, Debug, Default)]
pub struct SkMsg {
    /// The socket.
    pub sock: Sock,
    /// The action holds for that many bytes, of this message and those after it; 0 for this message
    /// (`bpf_msg_apply_bytes`).
    pub apply_bytes: u32,
    /// The program is to run again once there are that many bytes (`bpf_msg_cork_bytes`).
    pub cork_bytes: u32,
    bytes: Bytes,
}

impl SkMsg {
    /// A message of these bytes.
    pub fn new(sock: Sock, bytes: &[u8]) -> SkMsg {
        SkMsg { sock, apply_bytes: 0, cork_bytes: 0, bytes: Bytes::new(bytes) }
    }

    /// The message's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes.all()
    }

    pub(crate) fn shown(&self) -> &Bytes {
        &self.bytes
    }

    pub(crate) fn shown_mut(&mut self) -> &mut Bytes {
        &mut self.bytes
    }
}
