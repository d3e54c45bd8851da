//! Helpers that put headers on a packet, take them off, or turn one kind into another.
//!
//! The kernel keeps where the link, network and transport headers begin, and which protocol comes after the link layer;
//! so does [`Packet`], and the context. The bytes of new headers are the program's to write.

use crate::context::{Form, skb};
use crate::errno::{Errno, r0};
use crate::memory::Block;
use crate::packet::{ETHERNET, Packet};
use crate::world::World;

use super::resize::MAX_SKB;

pub(super) const ETH_P_IP: u16 = 0x0800;
pub(super) const ETH_P_IPV6: u16 = 0x86dd;
const ETH_P_8021Q: u16 = 0x8100;
const ETH_P_8021AD: u16 = 0x88a8;
/// `ETH_P_802_3`, `ETH_P_802_2`: what frames with a length in place of the type are taken for.
const ETH_P_802_3: u16 = 0x0001;
const ETH_P_802_2: u16 = 0x0004;
/// Bytes of a VLAN tag.
const VLAN: usize = 4;
/// Bytes of the two addresses before it.
const ADDRESSES: usize = 12;
/// Bytes of an IPv4 header without options, and of an IPv6 header.
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;

pub(super) fn is_vlan(protocol: u16) -> bool {
    matches!(protocol, ETH_P_8021Q | ETH_P_8021AD)
}

/// Changes packet and context.
fn change(world: &mut World<'_>, change: impl FnOnce(&mut Packet, &Block) -> Result<(), Errno>) -> u64 {
    r0(world.change_skb(change).and_then(|result| result))
}

/// `bpf_skb_vlan_push(ctx, proto, tci)`: the tag goes beside the packet; the one that was there, into it
pub(super) fn vlan_push(world: &mut World<'_>, [_, proto, tci, ..]: [u64; 5]) -> u64 {
    let proto = Some(u16::from_be(proto as u16)).filter(|p| is_vlan(*p)).unwrap_or(ETH_P_8021Q);
    change(world, |packet, context| {
        if let Some((inner, tci)) = skb::vlan(context) {
            packet.insert(ADDRESSES, VLAN);
            let [a, b] = inner.to_be_bytes();
            let [c, d] = tci.to_be_bytes();
            packet.poke(ADDRESSES as i64, &[a, b, c, d]);
            skb::set_network_protocol(context, inner);
        }
        skb::set_vlan(context, Some((proto, tci as u16)));
        packet.measure_link();
        Ok(())
    })
}

/// `bpf_skb_vlan_pop(ctx)`: the next tag takes the place beside the packet
pub(super) fn vlan_pop(world: &mut World<'_>, _: [u64; 5]) -> u64 {
    change(world, |packet, context| {
        if skb::vlan(context).is_some() {
            skb::set_vlan(context, None);
        } else if is_vlan(skb::network_protocol(context)) {
            take_tag(packet, context)?;
        }
        let proto = skb::network_protocol(context);
        if is_vlan(proto) {
            let tci = take_tag(packet, context)?;
            skb::set_vlan(context, Some((proto, tci)));
        }
        Ok(())
    })
}

/// Takes the outermost tag out of the packet's bytes; its control information.
fn take_tag(packet: &mut Packet, context: &Block) -> Result<u16, Errno> {
    let mut tag = [0; VLAN];
    if !packet.peek(ETHERNET as i64, &mut tag) {
        return Err(Errno::ENOMEM);
    }
    let [a, b, c, d] = tag;
    let (tci, proto) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let mut after = [0; 2];
    packet.peek((ETHERNET + VLAN) as i64, &mut after);
    packet.remove(ADDRESSES, VLAN);
    if packet.network_off() < ETHERNET as i64 {
        packet.set_network(ETHERNET);
    }
    packet.measure_link();
    let proto = match proto {
        0x600.. => proto,
        _ if after == [0xff; 2] => ETH_P_802_3,
        _ => ETH_P_802_2,
    };
    skb::set_network_protocol(context, proto);
    Ok(tci)
}

/// The length of the link header: up to the network header, wherever that is.
fn link_len(packet: &Packet) -> usize {
    // As the kernel, in 16 bits and without a look at the packet's end.
    usize::from((packet.network_off() - packet.mac_off()) as u16)
}

/// Puts zeros in front of what follows a header.
fn push(packet: &mut Packet, off: usize, len: usize) {
    packet.insert(off, len);
}

/// Takes bytes out behind a header.
fn pop(packet: &mut Packet, off: usize, len: usize) -> Result<(), Errno> {
    let network = packet.network_off();
    if !packet.remove(off, len) {
        return Err(Errno::ENOMEM);
    }
    packet.set_network(usize::try_from(network).unwrap_or(0));
    Ok(())
}

/// `bpf_skb_change_proto(ctx, proto, flags)`: makes room for the other IP header
pub(super) fn change_proto(world: &mut World<'_>, [_, proto, flags, ..]: [u64; 5]) -> u64 {
    const DIFFERENCE: usize = IPV6_HEADER - IPV4_HEADER;
    let to = u16::from_be(proto as u16);
    change(world, |packet, context| {
        if flags != 0 {
            return Err(Errno::EINVAL);
        }
        let off = link_len(packet);
        match (skb::network_protocol(context), to) {
            (ETH_P_IP, ETH_P_IPV6) => push(packet, off, DIFFERENCE),
            (ETH_P_IPV6, ETH_P_IP) => pop(packet, off, DIFFERENCE)?,
            _ => return Err(Errno::ENOTSUPP),
        }
        skb::set_network_protocol(context, to);
        skb::set_hash(context, 0);
        Ok(())
    })
}

/// `bpf_skb_change_type(ctx, type)`
pub(super) fn change_type(world: &mut World<'_>, [_, kind, ..]: [u64; 5]) -> u64 {
    change(
        world,
        |_, context| if skb::set_pkt_type(context, kind as u32) { Ok(()) } else { Err(Errno::EINVAL) },
    )
}

/// Flags of `bpf_skb_adjust_room` (`BPF_F_ADJ_ROOM_*`).
mod room {
    pub(super) const FIXED_GSO: u64 = 1;
    pub(super) const ENCAP_L3_IPV4: u64 = 1 << 1;
    pub(super) const ENCAP_L3_IPV6: u64 = 1 << 2;
    pub(super) const ENCAP_L4_GRE: u64 = 1 << 3;
    pub(super) const ENCAP_L4_UDP: u64 = 1 << 4;
    pub(super) const NO_CSUM_RESET: u64 = 1 << 5;
    pub(super) const ENCAP_L2_ETH: u64 = 1 << 6;
    pub(super) const DECAP_L3_IPV4: u64 = 1 << 7;
    pub(super) const DECAP_L3_IPV6: u64 = 1 << 8;
    /// The length of an inner link header.
    pub(super) const ENCAP_L2: u64 = 0xff << 56;

    pub(super) const ENCAP_L3: u64 = ENCAP_L3_IPV4 | ENCAP_L3_IPV6;
    pub(super) const ENCAP_L4: u64 = ENCAP_L4_GRE | ENCAP_L4_UDP;
    pub(super) const DECAP_L3: u64 = DECAP_L3_IPV4 | DECAP_L3_IPV6;
    pub(super) const SHRINK: u64 = FIXED_GSO | DECAP_L3 | NO_CSUM_RESET;
    pub(super) const ALL: u64 = SHRINK | ENCAP_L3 | ENCAP_L4 | ENCAP_L2_ETH | ENCAP_L2;
}

/// The most that `bpf_skb_adjust_room` adds or takes away.
const MAX_ROOM: u32 = 0xfff;

/// `bpf_skb_adjust_room(ctx, len_diff, mode, flags)`
pub(super) fn adjust_room(world: &mut World<'_>, [_, diff, mode, flags, _]: [u64; 5]) -> u64 {
    let (diff, mode) = (diff as i32, mode as u32);
    if world.layout.form == Form::Skb {
        return change(world, |packet, _| adjust_stream(packet, diff, mode, flags));
    }
    change(world, |packet, context| {
        adjust(packet, context, diff, mode, flags)?;
        if flags & room::NO_CSUM_RESET == 0 {
            packet.metadata.csum_level = None;
        }
        Ok(())
    })
}

/// In `sk_skb` programs: bytes at the front of the stream.
fn adjust_stream(packet: &mut Packet, diff: i32, mode: u32, flags: u64) -> Result<(), Errno> {
    if flags != 0 || mode != 0 {
        return Err(Errno::EINVAL);
    }
    let len = diff.unsigned_abs();
    if len > MAX_ROOM {
        return Err(Errno::EFAULT);
    }
    if diff < 0 {
        return if packet.move_head(len.into()) { Ok(()) } else { Err(Errno::ENOMEM) };
    }
    packet.make_room(len as usize, 0);
    packet.move_head(-i64::from(len));
    packet.clear_head(len as usize);
    Ok(())
}

/// In tc programs: bytes behind the link or the network header.
fn adjust(packet: &mut Packet, context: &Block, diff: i32, mode: u32, flags: u64) -> Result<(), Errno> {
    /// `BPF_ADJ_ROOM_NET`, `BPF_ADJ_ROOM_MAC`.
    const NET: u32 = 0;
    const MAC: u32 = 1;
    if flags & !room::ALL != 0 {
        return Err(Errno::EINVAL);
    }
    let (len, shrink) = (diff.unsigned_abs(), diff < 0);
    if len > MAX_ROOM {
        return Err(Errno::EFAULT);
    }
    let header = match skb::network_protocol(context) {
        ETH_P_IP => IPV4_HEADER,
        ETH_P_IPV6 => IPV6_HEADER,
        _ => return Err(Errno::ENOTSUPP),
    };
    let off = match mode {
        NET => link_len(packet) + header,
        MAC => link_len(packet),
        _ => return Err(Errno::ENOTSUPP),
    };
    let least = match flags & room::DECAP_L3 {
        0 => header,
        _ if !shrink => return Err(Errno::EINVAL),
        room::DECAP_L3_IPV4 => IPV4_HEADER,
        room::DECAP_L3_IPV6 => IPV6_HEADER,
        _ => return Err(Errno::EINVAL),
    };
    let len = len as usize;
    let gso = packet.metadata.gso_size != 0;
    // From the network header: unsigned, as in the kernel.
    let now = (packet.len() as i64 - packet.network_off()) as u32 as usize;
    if (shrink && (len >= now || now - len < least)) || (!shrink && packet.len() + len > MAX_SKB && !gso) {
        return Err(Errno::ENOTSUPP);
    }
    if shrink && flags & !room::SHRINK != 0 {
        return Err(Errno::EINVAL);
    }
    if gso && !carries_tcp(packet, header) {
        return Err(Errno::ENOTSUPP);
    }
    let resize = if shrink { self::shrink } else { grow };
    resize(packet, context, off, len, flags)?;
    if gso {
        resize_segments(packet, context, diff, flags);
    }
    Ok(())
}

fn grow(packet: &mut Packet, context: &Block, off: usize, len: usize, flags: u64) -> Result<(), Errno> {
    let inner_link = (flags >> 56) as usize;
    let encapsulates = flags & room::ENCAP_L3 != 0;
    if encapsulates {
        let both = |two: u64| flags & two == two;
        if both(room::ENCAP_L3)
            || both(room::ENCAP_L4)
            || (flags & room::ENCAP_L2_ETH != 0 && inner_link < ETHERNET)
        {
            return Err(Errno::EINVAL);
        }
        if packet.encapsulated() {
            return Err(Errno::EALREADY);
        }
        if inner_link > len {
            return Err(Errno::EINVAL);
        }
    }
    let link = link_len(packet);
    push(packet, off, len);
    if !encapsulates {
        return Ok(());
    }
    let (header, protocol) = match flags & room::ENCAP_L3_IPV6 {
        0 => (IPV4_HEADER, ETH_P_IP),
        _ => (IPV6_HEADER, ETH_P_IPV6),
    };
    packet.encapsulate();
    packet.set_network(link);
    if flags & room::ENCAP_L4 != 0 {
        packet.set_transport(link + header);
    }
    skb::set_network_protocol(context, protocol);
    Ok(())
}

fn shrink(packet: &mut Packet, context: &Block, off: usize, len: usize, flags: u64) -> Result<(), Errno> {
    pop(packet, off, len)?;
    match flags & room::DECAP_L3 {
        room::DECAP_L3_IPV4 => skb::set_network_protocol(context, ETH_P_IP),
        room::DECAP_L3_IPV6 => skb::set_network_protocol(context, ETH_P_IPV6),
        _ => {}
    }
    Ok(())
}

/// Whether the packet's IP header says TCP: of the GSO packets that a device hands on, the ones that may change their size.
fn carries_tcp(packet: &Packet, header: usize) -> bool {
    const TCP: u8 = 6;
    let place = if header == IPV4_HEADER { 9 } else { 6 };
    let mut protocol = [0];
    packet.peek(packet.network_off() + place, &mut protocol) && protocol == [TCP]
}

/// The segments of a GSO packet make room for what was added to each.
fn resize_segments(packet: &mut Packet, context: &Block, diff: i32, flags: u64) {
    let known = &mut packet.metadata;
    if flags & room::FIXED_GSO == 0 {
        known.gso_size = known.gso_size.saturating_add_signed(diff.saturating_neg());
    }
    known.gso_segs = 0;
    skb::set_gso(context, 0, known.gso_size);
}

/// `bpf_csum_level(ctx, level)`: how deep the device has looked for good checksums
pub(super) fn csum_level(world: &mut World<'_>, [_, level, ..]: [u64; 5]) -> u64 {
    /// `BPF_CSUM_LEVEL_QUERY` and its siblings.
    const QUERY: u64 = 0;
    const INC: u64 = 1;
    const DEC: u64 = 2;
    const RESET: u64 = 3;
    /// `SKB_MAX_CSUM_LEVEL`
    const DEEPEST: u8 = 3;
    let mut answer = 0;
    let done = world.change_skb(|packet, _| {
        let known = &mut packet.metadata.csum_level;
        match level {
            QUERY => answer = u64::from(known.ok_or(Errno::EACCES)?),
            INC => *known = Some(known.map_or(0, |level| (level + 1).min(DEEPEST))),
            DEC => *known = known.and_then(|level| level.checked_sub(1)),
            RESET => *known = None,
            _ => return Err(Errno::EINVAL),
        }
        Ok(())
    });
    done.and_then(|result| result).map_or_else(Errno::r0, |()| answer)
}

/// `bpf_skb_ecn_set_ce(ctx)`: marks congestion where the packet's header allows it; 1 if the mark is there
pub(super) fn ecn_set_ce(world: &mut World<'_>, _: [u64; 5]) -> u64 {
    let marked = world.change_skb(|packet, context| match inner_protocol(packet, context) {
        ETH_P_IP => mark_v4(packet),
        ETH_P_IPV6 => mark_v6(packet),
        _ => false,
    });
    u64::from(marked.unwrap_or(false))
}

/// The protocol behind every VLAN tag. The kernel looks for the first one at the end of the link header, or where it was not
/// measured behind an Ethernet header: at `data`, also in programs whose `data` is the network header.
fn inner_protocol(packet: &Packet, context: &Block) -> u16 {
    /// `VLAN_MAX_DEPTH`
    const DEEPEST: usize = 8;
    let mut protocol = skb::network_protocol(context);
    let first = match packet.link_len() {
        None | Some(0) => ETHERNET,
        Some(len) => match usize::from(len).checked_sub(VLAN) {
            Some(before) => before,
            None if is_vlan(protocol) => return 0,
            None => return protocol,
        },
    };
    for at in (first..).step_by(VLAN).take(DEEPEST) {
        let mut tag = [0; VLAN];
        if !is_vlan(protocol) {
            return protocol;
        }
        if !packet.peek(at as i64, &mut tag) {
            return 0;
        }
        let [.., high, low] = tag;
        protocol = u16::from_be_bytes([high, low]);
    }
    0
}

/// The two bits of Explicit Congestion Notification.
mod ecn {
    pub(super) const MASK: u8 = 3;
    pub(super) const NOT_CAPABLE: u8 = 0;
    pub(super) const CONGESTION: u8 = 3;
}

fn mark_v4(packet: &Packet) -> bool {
    let at = packet.network_off();
    let mut header = [0; IPV4_HEADER];
    if !packet.peek(at, &mut header) {
        return false;
    }
    match header[1] & ecn::MASK {
        ecn::NOT_CAPABLE => return false,
        ecn::CONGESTION => return true,
        _ => {}
    }
    let removed = u16::from(ecn::CONGESTION - (header[1] & ecn::MASK));
    // The header's sum grows by what is added to the type of service, so its complement shrinks.
    let (sum, carry) = u16::from_be_bytes([header[10], header[11]]).overflowing_add(!removed);
    let sum = sum + u16::from(carry);
    packet.poke(at + 1, &[header[1] | ecn::CONGESTION]);
    packet.poke(at + 10, &sum.to_be_bytes());
    true
}

fn mark_v6(packet: &Packet) -> bool {
    let at = packet.network_off();
    let mut header = [0; IPV6_HEADER];
    // The traffic class lies across the first two bytes.
    if !packet.peek(at, &mut header) || (header[1] >> 4) & ecn::MASK == ecn::NOT_CAPABLE {
        return false;
    }
    packet.poke(at + 1, &[header[1] | ecn::CONGESTION << 4]);
    true
}
