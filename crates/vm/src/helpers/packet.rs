//! Packet bytes: load, store, pull; and the flow hash.

use std::hash::{DefaultHasher, Hasher};

use super::headers::{ETH_P_IP, ETH_P_IPV6};
use crate::context::skb;
use crate::errno::{Errno, r0};
use crate::packet::Packet;
use crate::world::World;

/// Offsets are 32 bits, and none beyond this is in any packet.
const MAX_OFFSET: u64 = 0xffff;

/// Copies from the packet to the program, or fills with zeros where there is nothing.
fn load(world: &World<'_>, from: Option<u64>, to: u64, len: u64) -> u64 {
    match from {
        Some(from) => {
            world.mem.copy(from, to, len as usize);
            0
        }
        None => {
            world.mem.clear(to, len as usize);
            Errno::EFAULT.r0()
        }
    }
}

/// `bpf_skb_load_bytes(ctx, offset, to, len)`
pub(crate) fn load_bytes(world: &mut World<'_>, [_, offset, to, len, _]: [u64; 5]) -> u64 {
    let (offset, len) = (u64::from(offset as u32), u64::from(len as u32));
    let from = world.packet().ok().and_then(|packet| packet.at(offset as usize, len as usize));
    load(world, from, to, len)
}

/// `bpf_skb_load_bytes_relative(ctx, offset, to, len, start)`
pub(super) fn load_bytes_relative(world: &mut World<'_>, [_, offset, to, len, start]: [u64; 5]) -> u64 {
    /// `BPF_HDR_START_MAC`, `BPF_HDR_START_NET`.
    const MAC: u32 = 0;
    const NETWORK: u32 = 1;
    let (offset, len) = (u64::from(offset as u32), u64::from(len as u32));
    let from = world.packet().ok().and_then(|packet| {
        let start = match start as u32 {
            MAC => packet.mac_off(),
            NETWORK => packet.network_off(),
            _ => return None,
        };
        if offset > MAX_OFFSET {
            return None;
        }
        packet.at_signed(start + offset as i64, len as usize)
    });
    load(world, from, to, len)
}

/// `bpf_skb_store_bytes(ctx, offset, from, len, flags)`
pub(super) fn store_bytes(world: &mut World<'_>, [_, offset, from, len, flags]: [u64; 5]) -> u64 {
    /// `BPF_F_RECOMPUTE_CSUM`: of a hardware checksum, which packets here have not.
    const RECOMPUTE_CSUM: u64 = 1;
    /// `BPF_F_INVALIDATE_HASH`
    const INVALIDATE_HASH: u64 = 2;
    if flags & !(RECOMPUTE_CSUM | INVALIDATE_HASH) != 0 {
        return Errno::EINVAL.r0();
    }
    let (offset, len) = (offset as u32 as usize, len as u32 as usize);
    let Some(to) = world.packet().ok().and_then(|packet| packet.at(offset, len)) else {
        return Errno::EFAULT.r0();
    };
    world.mem.copy(from, to, len);
    if flags & INVALIDATE_HASH != 0 {
        skb::set_hash(&world.machine.context, 0);
    }
    0
}

/// The address of bytes in an XDP packet.
pub(super) fn in_frame(world: &World<'_>, offset: u64, len: u64) -> Result<u64, Errno> {
    let (offset, len) = (u64::from(offset as u32), u64::from(len as u32));
    if offset > MAX_OFFSET || len > MAX_OFFSET {
        return Err(Errno::EFAULT);
    }
    world.packet()?.at(offset as usize, len as usize).ok_or(Errno::EINVAL)
}

/// `bpf_xdp_load_bytes(ctx, offset, to, len)`
pub(super) fn xdp_load_bytes(world: &mut World<'_>, [_, offset, to, len, _]: [u64; 5]) -> u64 {
    r0(in_frame(world, offset, len).map(|from| world.mem.copy(from, to, len as u32 as usize)))
}

/// `bpf_xdp_store_bytes(ctx, offset, from, len)`
pub(super) fn xdp_store_bytes(world: &mut World<'_>, [_, offset, from, len, _]: [u64; 5]) -> u64 {
    r0(in_frame(world, offset, len).map(|to| world.mem.copy(from, to, len as u32 as usize)))
}

/// `bpf_xdp_get_buff_len(ctx)`
pub(super) fn xdp_len(world: &mut World<'_>, _: [u64; 5]) -> u64 {
    world.packet().map_or(0, |packet| packet.len() as u64)
}

/// `bpf_skb_pull_data(ctx, len)`: all of a packet is linear here already
pub(super) fn pull_data(world: &mut World<'_>, [_, len, ..]: [u64; 5]) -> u64 {
    match world.packet() {
        Ok(packet) if len as u32 as usize <= packet.len() => 0,
        Ok(_) => Errno::ENOMEM.r0(),
        Err(errno) => errno.r0(),
    }
}

/// `bpf_get_hash_recalc(ctx)`: the hash, made now if there is none
pub(super) fn hash_recalc(world: &mut World<'_>, _: [u64; 5]) -> u64 {
    let hash = world.change_skb(|packet, context| {
        if skb::hash(context) == 0 {
            skb::set_hash(context, flow_hash(packet, skb::network_protocol(context)));
        }
        skb::hash(context)
    });
    hash.map_or(0, u64::from)
}

/// A hash of what makes a flow: the same for both directions, and never 0. (The kernel's depends on a secret.)
fn flow_hash(packet: &Packet, protocol: u16) -> u32 {
    let mut header = [0; 40];
    let network = packet.network_off();
    let mut hasher = DefaultHasher::new();
    hasher.write_u16(protocol);
    let (addresses, transport, ports_at) = match protocol {
        ETH_P_IP if packet.peek(network, &mut header[..20]) => {
            (12..20, header[9], 4 * i64::from(header[0] & 15))
        }
        ETH_P_IPV6 if packet.peek(network, &mut header) => (8..40, header[6], 40),
        _ => (0..0, 0, 0),
    };
    hasher.write_u8(transport);
    let mut ports = [0; 4];
    // TCP, UDP, SCTP.
    if matches!(transport, 6 | 17 | 132) {
        packet.peek(network + ports_at, &mut ports);
    }
    let addresses = &header[addresses];
    let (source, destination) = addresses.split_at(addresses.len() / 2);
    let mut ends = [(source, &ports[..2]), (destination, &ports[2..])];
    ends.sort_unstable();
    for (address, port) in ends {
        hasher.write(address);
        hasher.write(port);
    }
    (hasher.finish() as u32).max(1)
}

/// `bpf_skb_set_tstamp(ctx, tstamp, type)`
pub(super) fn set_tstamp(world: &mut World<'_>, [_, tstamp, kind, ..]: [u64; 5]) -> u64 {
    /// `BPF_SKB_CLOCK_REALTIME`, `BPF_SKB_CLOCK_MONOTONIC`, `BPF_SKB_CLOCK_TAI`.
    const REALTIME: u32 = 0;
    const MONOTONIC: u32 = 1;
    const TAI: u32 = 2;
    let set = world.change_skb(|_, context| {
        if ![ETH_P_IP, ETH_P_IPV6].contains(&skb::network_protocol(context)) {
            return Err(Errno::EOPNOTSUPP);
        }
        match kind as u32 {
            REALTIME => {}
            MONOTONIC | TAI if tstamp != 0 => {}
            _ => return Err(Errno::EINVAL),
        }
        skb::set_tstamp(context, tstamp, kind as u8);
        Ok(())
    });
    r0(set.and_then(|result| result))
}

/// `bpf_skb_get_xfrm_state(ctx, index, to, size, flags)`: no packet here came through IPsec
pub(super) fn no_xfrm_state(world: &mut World<'_>, [_, _, to, size, _]: [u64; 5]) -> u64 {
    world.mem.clear(to, size as u32 as usize);
    Errno::EINVAL.r0()
}

/// `bpf_set_hash_invalid(ctx)`
pub(super) fn set_hash_invalid(world: &mut World<'_>, _: [u64; 5]) -> u64 {
    if world.layout.form.is_skb() {
        skb::set_hash(&world.machine.context, 0);
    }
    0
}

/// `bpf_set_hash(ctx, hash)`
pub(super) fn set_hash(world: &mut World<'_>, [_, hash, ..]: [u64; 5]) -> u64 {
    if world.layout.form.is_skb() {
        skb::set_hash(&world.machine.context, hash as u32);
    }
    0
}
