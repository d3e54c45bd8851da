//! How well one socket fits a packet: the scores by which Linux chooses between listeners, and between UDP sockets.
//!
//! Only the order of scores matters, and only among the sockets of one stage. Not modelled: `SO_INCOMING_CPU` (a tie-breaker by the CPU that
//! runs the lookup) and VRF devices.

use crate::address::{Family, Tuple};
use crate::explain::Refusal;
use crate::socket::Socket;

/// A bound socket wants its own device; any other takes every device.
pub(crate) fn device(socket: &Socket, ifindex: u32) -> Result<(), Refusal> {
    let bound = socket.device();
    if bound == 0 || bound == ifindex { Ok(()) } else { Err(Refusal::OtherDevice) }
}

/// The family and local address: shared by listeners and UDP.
fn local(socket: &Socket, wanted: &Tuple) -> Result<(), Refusal> {
    let same = match wanted {
        Tuple::V4 { daddr, .. } => {
            if socket.v6only() {
                return Err(Refusal::V6Only);
            }
            socket.local4() == *daddr
        }
        Tuple::V6 { daddr, .. } => {
            if socket.family() == Family::V4 {
                return Err(Refusal::OtherFamily);
            }
            socket.local6() == *daddr
        }
    };
    if same { Ok(()) } else { Err(Refusal::OtherAddress) }
}

/// A TCP listener: a bound device is worth more than an exact family. `wanted` has the stage's local address (the packet's or the wildcard) as
/// its destination.
pub(crate) fn listener(socket: &Socket, wanted: &Tuple, ifindex: u32) -> Result<u32, Refusal> {
    local(socket, wanted)?;
    device(socket, ifindex)?;
    let bound = if socket.device() == 0 { 1 } else { 2 };
    Ok(bound + own_family(socket, wanted))
}

/// A UDP socket: peer address, peer port and bound device count alike; the family of an IPv4 socket only breaks ties.
pub(crate) fn udp(socket: &Socket, wanted: &Tuple, ifindex: u32) -> Result<u32, Refusal> {
    const STEP: u32 = 4;
    local(socket, wanted)?;
    let mut score = 1 + own_family(socket, wanted);
    if let Some(remote) = socket.remote() {
        let (peer_known, peer_same) = match wanted {
            Tuple::V4 { saddr, .. } => {
                let peer = socket.remote4();
                (!peer.is_unspecified(), peer == *saddr)
            }
            Tuple::V6 { saddr, .. } => {
                let peer = socket.remote6();
                (!peer.is_unspecified(), peer == *saddr)
            }
        };
        if (peer_known && !peer_same) || remote.port != wanted.source().port {
            return Err(Refusal::OtherPeer);
        }
        score += STEP + if peer_known { STEP } else { 0 };
    }
    device(socket, ifindex)?;
    Ok(score + if socket.device() == 0 { 0 } else { STEP })
}

/// An IPv4 packet prefers an IPv4 socket over a dual-stack one; an IPv6 packet meets IPv6 sockets only.
fn own_family(socket: &Socket, wanted: &Tuple) -> u32 {
    u32::from(matches!(wanted, Tuple::V4 { .. }) && socket.family() == Family::V4)
}
