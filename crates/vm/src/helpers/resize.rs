//! Helpers that move the bounds of a packet.

use crate::errno::{Errno, r0};
use crate::packet::{ETHERNET, Packet};
use crate::world::World;

/// The longest packet that these helpers make (`SKB_MAX_ALLOC`: four pages without what the kernel keeps at the end).
pub(super) const MAX_SKB: usize = 4 * 4096 - 320;
/// Bytes before an XDP packet that the kernel keeps for itself (`struct xdp_frame`).
const XDP_FRAME: usize = 40;
/// Bytes of an XDP test run's page: headroom and packet, without what the kernel keeps at the end.
const XDP_PAGE: usize = 4096 - 320;
/// The most metadata before a packet.
const MAX_META: i64 = 255;

fn change(world: &mut World<'_>, change: impl FnOnce(&mut Packet) -> Result<(), Errno>) -> u64 {
    r0(world.change_packet(change).and_then(|result| result))
}

/// `bpf_skb_change_tail(ctx, len, flags)`
pub(super) fn change_tail(world: &mut World<'_>, [_, len, flags, ..]: [u64; 5]) -> u64 {
    let len = len as u32 as usize;
    change(world, |packet| {
        let header =
            [packet.transport_off().unwrap_or(0), packet.network_off()].into_iter().find(|off| *off > 0);
        let least = header.and_then(|off| usize::try_from(off).ok()).unwrap_or(0);
        if flags != 0 || len > MAX_SKB || len < least {
            return Err(Errno::EINVAL);
        }
        if packet.encapsulated() {
            return Err(Errno::ENOTSUPP);
        }
        let delta = len as i64 - packet.len() as i64;
        packet.make_room(0, usize::try_from(delta).unwrap_or(0));
        if packet.move_tail(delta) { Ok(()) } else { Err(Errno::ENOMEM) }
    })
}

/// `bpf_skb_change_head(ctx, len, flags)`
pub(super) fn change_head(world: &mut World<'_>, [_, len, flags, ..]: [u64; 5]) -> u64 {
    let len = len as u32 as usize;
    change(world, |packet| {
        if flags != 0 || len > MAX_SKB - packet.len().min(MAX_SKB) {
            return Err(Errno::EINVAL);
        }
        packet.make_room(len, 0);
        if !packet.move_head(-(len as i64)) {
            return Err(Errno::ENOMEM);
        }
        packet.clear_head(len);
        packet.measure_link();
        Ok(())
    })
}

/// `bpf_xdp_adjust_head(ctx, delta)`
pub(super) fn xdp_adjust_head(world: &mut World<'_>, [_, delta, ..]: [u64; 5]) -> u64 {
    let delta = i64::from(delta as i32);
    change(world, |packet| {
        let room = packet.headroom() as i64 - XDP_FRAME as i64;
        let left = packet.len() as i64 - delta;
        if -delta > room || left < ETHERNET as i64 || !packet.move_head(delta) {
            return Err(Errno::EINVAL);
        }
        Ok(())
    })
}

/// `bpf_xdp_adjust_tail(ctx, delta)`
pub(super) fn xdp_adjust_tail(world: &mut World<'_>, [_, delta, ..]: [u64; 5]) -> u64 {
    let delta = i64::from(delta as i32);
    change(world, |packet| {
        let len = packet.len() as i64 + delta;
        let beyond_page = packet.headroom() as i64 + packet.meta_len() as i64 + len > XDP_PAGE as i64;
        if len < ETHERNET as i64 || (delta > 0 && beyond_page) || !packet.move_tail(delta) {
            return Err(Errno::EINVAL);
        }
        Ok(())
    })
}

/// `bpf_xdp_adjust_meta(ctx, delta)`
pub(super) fn xdp_adjust_meta(world: &mut World<'_>, [_, delta, ..]: [u64; 5]) -> u64 {
    let delta = i64::from(delta as i32);
    change(world, |packet| {
        let meta = packet.meta_len() as i64 - delta;
        let room = (packet.headroom() + packet.meta_len()) as i64 - XDP_FRAME as i64;
        if meta < 0 || meta > room {
            return Err(Errno::EINVAL);
        }
        if meta % 4 != 0 || meta > MAX_META || !packet.set_meta(meta as usize) {
            return Err(Errno::EACCES);
        }
        Ok(())
    })
}
