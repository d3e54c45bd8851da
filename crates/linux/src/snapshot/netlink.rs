//! One netlink request and all of its answers.
//!
//! The kernel's answers come as datagrams of several messages. Framing and contents are read by the `netlink-packet` crates; here
//! stands when an answer ends, and what becomes of errors. A datagram of any bytes is read or refused: [`Answers::take`] is
//! what the fuzzer feeds.

use std::io;

use netlink_packet_core::{
    DecodeError, NLM_F_DUMP, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, NetlinkSerializable,
};
use netlink_sys::{Socket, SocketAddr};

use super::SnapshotError;

/// Room for one datagram. The kernel fills at most 32 KiB of what it is offered.
const DATAGRAM: usize = 64 << 10;
/// Messages begin at multiples of this.
const ALIGN: usize = 4;
/// A message has a header of this length.
const HEADER: usize = 16;

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Want {
    /// Everything that there is.
    Dump,
    /// One thing.
    One,
}

/// Opens a socket of a netlink family in the calling thread's namespace.
pub(super) fn open(family: isize) -> Result<Socket, SnapshotError> {
    let socket = Socket::new(family).map_err(|e| failed("cannot open a netlink socket", &e))?;
    socket.connect(&SocketAddr::new(0, 0)).map_err(|e| failed("cannot reach the kernel by netlink", &e))?;
    Ok(socket)
}

/// Asks over a fresh socket, and hands each answer to `each`.
pub(super) fn ask<T>(
    family: isize,
    want: Want,
    message: T,
    each: impl FnMut(T) -> Result<(), SnapshotError>,
) -> Result<(), SnapshotError>
where
    T: NetlinkSerializable + NetlinkDeserializable<Error = DecodeError> + Into<NetlinkPayload<T>>,
{
    let socket = open(family)?;
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | if want == Want::Dump { NLM_F_DUMP } else { 0 };
    let mut request = NetlinkMessage::new(header, message.into());
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    socket.send(&bytes, 0).map_err(|e| failed("cannot ask by netlink", &e))?;

    let mut answers = Answers::new(want, each);
    let mut datagram = Vec::with_capacity(DATAGRAM);
    while receive(&socket, &mut datagram, 0)? && !answers.take(&datagram)? {}
    Ok(())
}

/// The next datagram; `false` if there is none now and `flags` say not to wait.
pub(super) fn receive(socket: &Socket, datagram: &mut Vec<u8>, flags: i32) -> Result<bool, SnapshotError> {
    loop {
        datagram.clear();
        return match socket.recv(datagram, flags | libc::MSG_TRUNC) {
            Ok(length) if length > datagram.len() => Err(SnapshotError::new(format!(
                "netlink: a datagram of {length} bytes was cut to {}",
                datagram.len()
            ))),
            Ok(_) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(e) => Err(failed("cannot read netlink's answer", &e)),
        };
    }
}

/// The answers to one request, datagram by datagram.
pub(super) struct Answers<F> {
    want: Want,
    each: F,
    /// Datagrams so far, for messages.
    datagrams: usize,
}

impl<F> Answers<F> {
    pub(super) fn new(want: Want, each: F) -> Self {
        Answers { want, each, datagrams: 0 }
    }

    /// Reads the messages of a datagram; whether the answer is complete.
    pub(super) fn take<T>(&mut self, datagram: &[u8]) -> Result<bool, SnapshotError>
    where
        T: NetlinkDeserializable<Error = DecodeError>,
        F: FnMut(T) -> Result<(), SnapshotError>,
    {
        self.datagrams += 1;
        let mut at = 0;
        while let Some(rest) = datagram.get(at..).filter(|rest| !rest.is_empty()) {
            let message = NetlinkMessage::<T>::deserialize(rest).map_err(|e| self.malformed(at, e))?;
            let length = message.header.length as usize;
            if length < HEADER {
                return Err(self.malformed(at, format_args!("a message of {length} bytes")));
            }
            if self.message(message, at)? {
                return Ok(true);
            }
            at = at.saturating_add(length.next_multiple_of(ALIGN));
        }
        Ok(false)
    }

    /// Whether the message is the last.
    fn message<T>(&mut self, message: NetlinkMessage<T>, at: usize) -> Result<bool, SnapshotError>
    where
        F: FnMut(T) -> Result<(), SnapshotError>,
    {
        match message.payload {
            NetlinkPayload::InnerMessage(inner) => (self.each)(inner).map(|()| self.want == Want::One),
            NetlinkPayload::Done(done) => error(done.code).map(|()| true),
            NetlinkPayload::Error(answer) => error(answer.code.map_or(0, |code| code.get())).map(|()| true),
            NetlinkPayload::Overrun(_) => Err(self.malformed(at, "the kernel lost a part of the answer")),
            _ => Ok(false),
        }
    }

    fn malformed(&self, at: usize, why: impl std::fmt::Display) -> SnapshotError {
        SnapshotError::new(format!("netlink: datagram {}, byte {at}: {why}", self.datagrams))
    }
}

/// A negative errno ends an answer; zero ends it well.
fn error(code: i32) -> Result<(), SnapshotError> {
    match code {
        0 => Ok(()),
        code => {
            let errno = io::Error::from_raw_os_error(code.saturating_neg());
            Err(SnapshotError::of_kernel("the kernel refuses", &errno))
        }
    }
}

fn failed(doing: &str, error: &io::Error) -> SnapshotError {
    SnapshotError::of_kernel(doing, error)
}
