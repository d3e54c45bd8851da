//! Calls of `getsockopt` and `setsockopt`.

use belay_spec::Action;

use super::Sock;
use super::bytes::Bytes;
use crate::errno::Errno;

/// The most bytes of an option's value that a program sees: a page.
const PAGE: usize = 4096;
/// The least room for a value that is set, so that a program can put a longer one in its place.
const LEAST: usize = 16;

/// A call of `getsockopt` or `setsockopt` (`bpf_sockopt`).
#[derive(Clone, Debug)]
pub struct Sockopt {
    /// The socket.
    pub sock: Sock,
    /// The level.
    pub level: i32,
    /// The option.
    pub optname: i32,
    /// The length that the process gave (`setsockopt`) or that the kernel answered (`getsockopt`); the program may change it.
    pub optlen: i32,
    /// What the kernel's own `getsockopt` returned; the program may change it. For `setsockopt` what `bpf_set_retval` set.
    pub retval: i32,
    /// The process's buffer, if it gets.
    room: Option<usize>,
    value: Bytes,
}

/// What comes of a `setsockopt` or `getsockopt` after its program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SockoptOutcome {
    /// The call fails with this error.
    Error(Errno),
    /// `setsockopt`: the kernel sets this option to this value.
    Set {
        /// The level.
        level: i32,
        /// The option.
        optname: i32,
        /// The value.
        value: Vec<u8>,
    },
    /// `setsockopt`: the call succeeds, and the kernel does nothing.
    Done,
    /// `getsockopt`: the process gets this value.
    Get(Vec<u8>),
}

impl Default for Sockopt {
    /// `setsockopt` of nothing.
    fn default() -> Self {
        Sockopt::set(0, 0, &[])
    }
}

impl Sockopt {
    /// `setsockopt` with this value.
    pub fn set(level: i32, optname: i32, value: &[u8]) -> Sockopt {
        let mut option = Sockopt {
            sock: Sock::default(),
            level,
            optname,
            optlen: i32::try_from(value.len()).unwrap_or(i32::MAX),
            retval: 0,
            room: None,
            value: Bytes::default(),
        };
        option.value.set(value, value.len().clamp(LEAST, PAGE));
        option
    }

    /// `getsockopt` with a buffer of `room` bytes, which the kernel has answered with this value.
    pub fn get(level: i32, optname: i32, answer: &[u8], room: usize) -> Sockopt {
        let answer = answer.get(..room).unwrap_or(answer);
        let mut option = Sockopt { room: Some(room), ..Sockopt::set(level, optname, answer) };
        option.value.set(answer, room.min(PAGE));
        option
    }

    /// `getsockopt` with a buffer of `room` bytes, which the kernel has refused with this error (negative).
    pub fn get_failed(level: i32, optname: i32, error: i32, room: usize) -> Sockopt {
        let optlen = i32::try_from(room).unwrap_or(i32::MAX);
        Sockopt { retval: error, optlen, ..Sockopt::get(level, optname, &[], room) }
    }

    /// All bytes that the program could write, whatever it made of the length.
    pub fn buffer(&self) -> Vec<u8> {
        self.value.copy()
    }

    pub(crate) fn value(&self) -> &Bytes {
        &self.value
    }

    /// What comes of the call, given the program's action.
    pub fn outcome(&self, action: Action) -> SockoptOutcome {
        let retval = action.result(self.retval);
        if retval < 0 {
            return SockoptOutcome::Error(Errno(-retval));
        }
        let (room, bytes) = (self.value.len(), self.value.copy());
        match (self.room, usize::try_from(self.optlen)) {
            (None, Err(_)) if self.optlen == -1 => SockoptOutcome::Done,
            (_, Ok(len)) if len <= room => {
                // A length of 0 says that the value is the process's own.
                let value = if len == 0 { bytes } else { bytes.get(..len).unwrap_or_default().to_vec() };
                match self.room {
                    None => SockoptOutcome::Set { level: self.level, optname: self.optname, value },
                    Some(_) => SockoptOutcome::Get(value),
                }
            }
            _ => SockoptOutcome::Error(Errno::EFAULT),
        }
    }
}
