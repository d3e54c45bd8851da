//! What a program runs on: one type a family of contexts, behind one [`Input`].
//!
//! Each type has public fields, whose defaults are those of the kernel's test runs, and is changed by the run as the
//! kernel's own object would be. A run on an input of another family than the program's (a socket program on a packet)
//! is as harmless as any: the program sees a context of zeros without packet bytes, and the input stays as it is.

use crate::packet::Packet;

/// What a program runs on. Made `from` a reference to what a variant holds, so that `run(&mut machine, &mut packet)`
/// says all there is to say.
#[derive(Debug)]
#[non_exhaustive]
pub enum Input<'r> {
    /// Seen through `__sk_buff` or `xdp_md`.
    Packet(&'r mut Packet),
    /// Programs of no hook have nothing but their memory.
    Nothing,
}

impl<'r> From<&'r mut Packet> for Input<'r> {
    fn from(packet: &'r mut Packet) -> Self {
        Input::Packet(packet)
    }
}

impl Input<'_> {
    /// The packet, if there is one.
    pub(crate) fn packet(&self) -> Option<&Packet> {
        match self {
            Input::Packet(packet) => Some(packet),
            Input::Nothing => None,
        }
    }

    /// The packet, to be changed.
    pub(crate) fn packet_mut(&mut self) -> Option<&mut Packet> {
        match self {
            Input::Packet(packet) => Some(packet),
            Input::Nothing => None,
        }
    }

    /// The device that the program runs for.
    pub(crate) fn ifindex(&self) -> u32 {
        self.packet().map_or(0, |packet| packet.metadata.ifindex)
    }
}
