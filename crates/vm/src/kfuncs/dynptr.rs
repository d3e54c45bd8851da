//! Dynptrs of packets, and what can be done to any dynptr: narrowed, copied, filled, looked at in place.

use belay_isa::Size;

use super::int;
use crate::errno::Errno;
use crate::helpers::dynptr::{Kind, Span, move_bytes, write};
use crate::world::World;

/// `bpf_dynptr_from_skb(ctx, flags, dynptr)`
pub(super) fn from_skb(world: &mut World<'_>, args: [u64; 5]) -> u64 {
    let len = world.packet().map_or(0, |packet| packet.len());
    make(world, Kind::Skb, len, args)
}

/// `bpf_dynptr_from_xdp(ctx, flags, dynptr)`
pub(super) fn from_xdp(world: &mut World<'_>, args: [u64; 5]) -> u64 {
    let len = world.packet().map_or(0, |packet| packet.len());
    make(world, Kind::Xdp, len, args)
}

/// `bpf_dynptr_from_skb_meta(ctx, flags, dynptr)`
pub(super) fn from_skb_meta(world: &mut World<'_>, args: [u64; 5]) -> u64 {
    let len = world.packet().map_or(0, |packet| packet.meta_len());
    make(world, Kind::SkbMeta, len, args)
}

/// A dynptr over bytes of the packet: to be written only where the hook may write them.
fn make(world: &World<'_>, kind: Kind, len: usize, [context, flags, dynptr, ..]: [u64; 5]) -> u64 {
    let read_only = !world.layout.hook.is_some_and(belay_spec::Hook::packet_writable);
    let span = Span { read_only, ..Span::new(kind, context, len as u64) };
    write(world, dynptr, (flags == 0).then_some(span));
    int(if flags == 0 { Ok(()) } else { Err(Errno::EINVAL) })
}

/// `bpf_dynptr_adjust(dynptr, start, end)`
pub(super) fn adjust(world: &mut World<'_>, [dynptr, start, end, ..]: [u64; 5]) -> u64 {
    let span = Span::at(world, dynptr);
    let (start, end) = (u64::from(start as u32), u64::from(end as u32));
    if span.is_null() || start > end {
        return int(Err(Errno::EINVAL));
    }
    if end > span.len {
        return int(Err(Errno::ERANGE));
    }
    write(world, dynptr, Some(Span { off: span.off + start, len: end - start, ..span }));
    0
}

/// `bpf_dynptr_is_null(dynptr)`
pub(super) fn is_null(world: &mut World<'_>, [dynptr, ..]: [u64; 5]) -> u64 {
    Span::at(world, dynptr).is_null().into()
}

/// `bpf_dynptr_is_rdonly(dynptr)`
pub(super) fn is_read_only(world: &mut World<'_>, [dynptr, ..]: [u64; 5]) -> u64 {
    let span = Span::at(world, dynptr);
    (!span.is_null() && span.read_only).into()
}

/// `bpf_dynptr_size(dynptr)`
pub(super) fn size(world: &mut World<'_>, [dynptr, ..]: [u64; 5]) -> u64 {
    let span = Span::at(world, dynptr);
    if span.is_null() { int(Err(Errno::EINVAL)) } else { span.len }
}

/// `bpf_dynptr_clone(dynptr, to)`
pub(super) fn copy_of(world: &mut World<'_>, [dynptr, to, ..]: [u64; 5]) -> u64 {
    let span = Span::at(world, dynptr);
    write(world, to, (!span.is_null()).then_some(span));
    int(if span.is_null() { Err(Errno::EINVAL) } else { Ok(()) })
}

/// `bpf_dynptr_slice(dynptr, offset, spare, size)`
pub(super) fn slice(world: &mut World<'_>, [dynptr, off, spare, len, _]: [u64; 5]) -> u64 {
    let span = Span::at(world, dynptr);
    if span.is_null() {
        return 0;
    }
    match span.piece(world, off, len) {
        Ok(piece) => piece,
        // An XDP packet that has become too short for it: what is left of it is copied.
        Err(Errno::EINVAL | Errno::EFAULT) if span.kind == Kind::Xdp && spare != 0 => {
            let (at, len) = (span.off + u64::from(off as u32), u64::from(len as u32));
            if let Ok(packet) = world.packet() {
                let left = (packet.len() as u64).saturating_sub(at).min(len);
                world.mem.copy(packet.data_addr().wrapping_add(at), spare, left as usize);
            }
            spare
        }
        Err(_) => 0,
    }
}

/// `bpf_dynptr_slice_rdwr(dynptr, offset, spare, size)`
pub(super) fn writable_slice(world: &mut World<'_>, args: [u64; 5]) -> u64 {
    if Span::at(world, args[0]).read_only { 0 } else { slice(world, args) }
}

/// `bpf_dynptr_copy(to, offset, from, offset, size)`
pub(super) fn copy(world: &mut World<'_>, [to, to_off, from, from_off, len]: [u64; 5]) -> u64 {
    let (target, source) = (Span::at(world, to), Span::at(world, from));
    let read = slice(world, [from, from_off, 0, len, 0]);
    let written = writable_slice(world, [to, to_off, 0, len, 0]);
    int(match (written, read) {
        (0, 0) => neither(target, source, to_off, from_off, len),
        (0, read) => target.write(world, to_off, read, len, 0),
        (_, 0) if source.is_null() => Err(Errno::EINVAL),
        (written, 0) => source.read(world, from_off, written, len),
        (written, read) => {
            move_bytes(world, read, written, u64::from(len as u32));
            Ok(())
        }
    })
}

/// What a copy says of two dynptrs of which neither gives a slice.
fn neither(to: Span, from: Span, to_off: u64, from_off: u64, len: u64) -> Result<(), Errno> {
    let len = u64::from(len as u32);
    let outside = |span: Span, off: u64| u64::from(off as u32) + len > span.len;
    if outside(to, to_off) || outside(from, from_off) {
        return Err(Errno::E2BIG);
    }
    match len {
        0 => Ok(()),
        _ if from.is_null() || to.is_null() || to.read_only => Err(Errno::EINVAL),
        // Both are of a packet that has become too short.
        _ if from.kind == Kind::Xdp => Err(Errno::EINVAL),
        _ => Err(Errno::EFAULT),
    }
}

/// `bpf_dynptr_memset(dynptr, offset, size, byte)`
pub(super) fn fill(world: &mut World<'_>, [dynptr, off, len, byte, _]: [u64; 5]) -> u64 {
    let span = Span::at(world, dynptr);
    let at = writable_slice(world, [dynptr, off, 0, len, 0]);
    if at != 0 {
        for index in 0..u64::from(len as u32) {
            world.mem.store(at.wrapping_add(index), Size::B, byte);
        }
        return 0;
    }
    int(match span.kind {
        _ if span.read_only => Err(Errno::EINVAL),
        kind => match neither(span, span, off, off, len) {
            Err(Errno::EINVAL) if kind == Kind::Skb => Err(Errno::EFAULT),
            other => other,
        },
    })
}
