//! Redirects: recorded, since there are no devices to send to.

use belay_spec::MapKind;

use crate::context::Form;
use crate::errno::Errno;
use crate::world::{Redirect, World};

/// `BPF_F_INGRESS`
const INGRESS: u64 = 1;
/// `TC_ACT_SHOT`, `TC_ACT_REDIRECT`.
const TC_SHOT: u64 = 2;
const TC_REDIRECT: u64 = 7;
/// `XDP_ABORTED`, `XDP_REDIRECT`.
const XDP_ABORTED: u64 = 0;
const XDP_REDIRECT: u64 = 4;

fn device(world: &mut World<'_>, ifindex: u64, flags: u64, result: u64) -> u64 {
    world.machine.tracing().redirect = Some(Redirect::Device { ifindex: ifindex as u32, flags });
    result
}

/// `bpf_redirect(ifindex, flags)`
pub(super) fn redirect(world: &mut World<'_>, [ifindex, flags, ..]: [u64; 5]) -> u64 {
    match world.layout.form {
        Form::Xdp if flags != 0 => XDP_ABORTED,
        Form::Xdp => device(world, ifindex, flags, XDP_REDIRECT),
        _ if flags & !INGRESS != 0 => TC_SHOT,
        _ => device(world, ifindex, flags, TC_REDIRECT),
    }
}

/// `bpf_redirect_peer(ifindex, flags)`
pub(super) fn peer(world: &mut World<'_>, [ifindex, flags, ..]: [u64; 5]) -> u64 {
    if flags != 0 { TC_SHOT } else { device(world, ifindex, flags, TC_REDIRECT) }
}

/// `bpf_redirect_neigh(ifindex, params, plen, flags)`
pub(super) fn neigh(world: &mut World<'_>, [ifindex, _, len, flags, _]: [u64; 5]) -> u64 {
    /// `sizeof(struct bpf_redir_neigh)`
    const PARAMS: u64 = 20;
    if (len != 0 && len < PARAMS) || flags != 0 {
        TC_SHOT
    } else {
        device(world, ifindex, flags, TC_REDIRECT)
    }
}

/// `bpf_clone_redirect(ctx, ifindex, flags)`
pub(super) fn clone(world: &mut World<'_>, [_, ifindex, flags, ..]: [u64; 5]) -> u64 {
    if flags & !INGRESS != 0 {
        return Errno::EINVAL.r0();
    }
    world.machine.tracing().clones.push(Redirect::Device { ifindex: ifindex as u32, flags });
    0
}

/// `bpf_redirect_map(map, key, flags)`: the low bits of the flags are the result where the map has no such entry
pub(super) fn to_map(world: &mut World<'_>, [map, key, flags, ..]: [u64; 5]) -> u64 {
    /// Results that may stand in the flags.
    const RESULT: u64 = 3;
    /// `BPF_F_BROADCAST`, `BPF_F_EXCLUDE_INGRESS`: to all devices of a map.
    const BROADCAST: u64 = 1 << 3;
    const EXCLUDE_INGRESS: u64 = 1 << 4;
    let Some((map, side)) = world.map(map) else { return XDP_ABORTED };
    let devices = matches!(map.def().kind, MapKind::DEVMAP | MapKind::DEVMAP_HASH);
    let known = if devices { RESULT | BROADCAST | EXCLUDE_INGRESS } else { RESULT };
    if flags & !known != 0 {
        return XDP_ABORTED;
    }
    let there = map.storage().lookup(&(key as u32).to_le_bytes(), side).is_some();
    if flags & BROADCAST == 0 && !there {
        return flags & RESULT;
    }
    world.machine.tracing().redirect =
        Some(Redirect::Map { map: map.name().to_owned(), index: u64::from(key as u32), flags });
    XDP_REDIRECT
}
