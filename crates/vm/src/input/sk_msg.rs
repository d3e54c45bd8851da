//! Messages on their way out of a socket: `sk_msg_md`.
//!
//! Linux holds a message in pieces; a program sees one at a time, first the first. Helpers insert pieces, cut and merge them.
//! Here all bytes lie in a row, whatever piece they are of: only where pieces begin is Linux's.

use super::Sock;
use super::bytes::Bytes;
use crate::errno::Errno;

/// Pieces that a message may have (`MAX_MSG_FRAGS`).
const MOST_PIECES: usize = 17;
/// The most bytes that the kernel allocates in one (`MAX_PAGE_ORDER` pages).
const MOST_BYTES: usize = 4 << 20;

/// A message that a process sends on a socket of a socket map.
#[derive(Clone, Debug)]
pub struct SkMsg {
    /// The socket.
    pub sock: Sock,
    /// The action holds for that many bytes, of this message and those after it; 0 for this message
    /// (`bpf_msg_apply_bytes`).
    pub apply_bytes: u32,
    /// The program is to run again once there are that many bytes (`bpf_msg_cork_bytes`).
    pub cork_bytes: u32,
    bytes: Bytes,
    /// The length of each piece.
    pieces: Vec<usize>,
}

impl Default for SkMsg {
    fn default() -> Self {
        SkMsg::new(Sock::default(), &[])
    }
}

impl SkMsg {
    /// A message of these bytes, in one piece.
    pub fn new(sock: Sock, bytes: &[u8]) -> SkMsg {
        let mut pieces = Vec::with_capacity(MOST_PIECES + 1);
        pieces.extend(Some(bytes.len()).filter(|len| *len > 0));
        SkMsg { sock, apply_bytes: 0, cork_bytes: 0, bytes: Bytes::new(bytes), pieces }
    }

    /// The message's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes.all()
    }

    /// The bytes, of which the program sees some.
    pub(crate) fn shown(&self) -> &Bytes {
        &self.bytes
    }

    /// Lets the program see the first piece.
    pub(crate) fn show_first(&mut self) {
        let first = self.pieces.first().copied().unwrap_or(0);
        self.bytes.show(0, first);
    }

    /// The piece that holds a byte, and where that piece begins; of a byte behind all, the number of pieces, and where the last
    /// begins.
    fn piece_at(&self, at: usize) -> (usize, usize) {
        let (mut begin, mut end) = (0, 0);
        for (index, len) in self.pieces.iter().enumerate() {
            (begin, end) = (end, end + len);
            if at < end {
                return (index, begin);
            }
        }
        (self.pieces.len(), begin)
    }

    /// Lets the program see the bytes from one to another, which come to lie in one piece.
    pub(crate) fn pull(&mut self, start: usize, end: usize) -> Result<(), Errno> {
        let (first, begin) = self.piece_at(start);
        if end <= start || end > self.bytes.total() || first == self.pieces.len() {
            return Err(Errno::EINVAL);
        }
        let (last, last_begin) = self.piece_at(end - 1);
        if last > first {
            let len = last_begin - begin + self.pieces.get(last).copied().unwrap_or(0);
            if len > MOST_BYTES {
                return Err(Errno::ENOMEM);
            }
            self.pieces.splice(first..=last, [len]);
        }
        self.bytes.show(start, end);
        Ok(())
    }

    /// Inserts zeros, as a piece of their own if there is room for one more.
    pub(crate) fn push(&mut self, start: usize, len: usize) -> Result<(), Errno> {
        if len == 0 {
            return Ok(());
        }
        if start > self.bytes.total() {
            return Err(Errno::EINVAL);
        }
        let (index, begin) = self.piece_at(start);
        let (held, room) = (self.pieces.get(index).copied(), MOST_PIECES.saturating_sub(self.pieces.len()));
        let inside = start != begin && held.is_some();
        let merged = held.filter(|_| room == 0 || (room == 1 && inside));
        if merged.is_some_and(|held| u32::try_from(held + len).is_err()) {
            return Err(Errno::EINVAL);
        }
        if merged.unwrap_or(0) + len > MOST_BYTES {
            return Err(Errno::ENOMEM);
        }
        match (merged, held) {
            (Some(held), _) => {
                self.pieces.splice(index..=index, [held + len]);
            }
            (None, Some(held)) if inside => {
                let front = start - begin;
                self.pieces.splice(index..=index, [front, len, held - front]);
            }
            // Linux counts such a message's pieces wrong.
            (None, None) if room == 0 => return Err(Errno::ENOMEM),
            (None, _) => self.pieces.insert(index, len),
        }
        self.bytes.insert(start, len);
        self.show_first();
        Ok(())
    }

    /// Removes bytes.
    pub(crate) fn pop(&mut self, start: usize, len: usize) -> Result<(), Errno> {
        if len == 0 {
            return Ok(());
        }
        let (mut index, begin) = self.piece_at(start);
        if start >= self.bytes.total() || len > self.bytes.total() - start {
            return Err(Errno::EINVAL);
        }
        let room = self.pieces.len() < MOST_PIECES;
        let mut left = len;
        if let Some(piece) = self.pieces.get_mut(index)
            && start != begin
        {
            let front = start - begin;
            match *piece - front {
                rest if rest <= left => (*piece, left, index) = (front, left - rest, index + 1),
                rest if room => {
                    *piece = front;
                    self.pieces.insert(index + 1, rest - left);
                    left = 0;
                }
                _ => (*piece, left) = (*piece - left, 0),
            }
        }
        while left > 0 {
            match self.pieces.get_mut(index) {
                Some(piece) if *piece > left => (*piece, left) = (*piece - left, 0),
                Some(_) => left -= self.pieces.remove(index),
                None => break,
            }
        }
        self.bytes.remove(start, len);
        self.show_first();
        Ok(())
    }
}
