//! Helpers of control groups: an operation's result, settings, and the address that a socket is bound to before it connects.

use std::net::{IpAddr, SocketAddr};

use crate::errno::Errno;
use crate::input::{Input, Sysctl, family};
use crate::world::World;

/// `bpf_get_retval()`
pub(super) fn get_retval(world: &mut World<'_>, _: [u64; 5]) -> u64 {
    i64::from(world.retval()) as u64
}

/// `bpf_set_retval(retval)`
pub(super) fn set_retval(world: &mut World<'_>, [retval, ..]: [u64; 5]) -> u64 {
    world.set_retval(retval as i32);
    0
}

fn sysctl<'w>(world: &'w World<'_>) -> Option<&'w Sysctl> {
    match &world.input {
        Input::Sysctl(sysctl) => Some(sysctl),
        _ => None,
    }
}

/// Copies a string with its end, as `strscpy`: what does not fit is cut. Its length, if it fits. As it is copied by words of
/// eight bytes where there is room, there may be zeros behind it.
fn copy_string(world: &World<'_>, text: &str, to: u64, room: usize) -> Result<usize, Errno> {
    let bytes = text.as_bytes();
    let most = room.checked_sub(1).ok_or(Errno::E2BIG)?;
    let copied = bytes.get(..most).unwrap_or(bytes);
    let (len, word) = (copied.len(), copied.len() / 8 * 8 + 8);
    world.mem.write(to, copied);
    world.mem.clear(to.wrapping_add(len as u64), if word <= room { word - len } else { 1 });
    if len < bytes.len() { Err(Errno::E2BIG) } else { Ok(len) }
}

/// `bpf_sysctl_get_name(ctx, buf, len, flags)`
pub(super) fn sysctl_name(world: &mut World<'_>, [_, to, len, flags, _]: [u64; 5]) -> u64 {
    /// `BPF_F_SYSCTL_BASE_NAME`
    const BASE_NAME: u64 = 1;
    let Some(sysctl) = sysctl(world) else { return Errno::EINVAL.r0() };
    let (whole, room) = (sysctl.name.as_str(), len as usize);
    let base = whole.rsplit('/').next().unwrap_or(whole);
    let name = if flags & BASE_NAME != 0 { base } else { whole };
    let mut copied = 0;
    for part in name.split_inclusive('/') {
        match copy_string(world, part, to.wrapping_add(copied as u64), room - copied) {
            Ok(len) => copied += len,
            Err(errno) => return errno.r0(),
        }
    }
    copied as u64
}

/// Copies a value, followed by zeros; what does not fit is cut before its last byte, and said so.
fn copy_value(world: &World<'_>, value: Option<&[u8]>, to: u64, len: u64) -> u64 {
    let room = len as usize;
    let Some(last) = room.checked_sub(1) else { return Errno::E2BIG.r0() };
    world.mem.clear(to, room);
    match value {
        None | Some([]) => Errno::EINVAL.r0(),
        Some(value) if value.len() < room => {
            world.mem.write(to, value);
            value.len() as u64
        }
        // A value that fills the room is whole, but for its last byte, which ends the string.
        Some(value) => {
            world.mem.write(to, value.get(..last).unwrap_or_default());
            Errno::E2BIG.r0()
        }
    }
}

/// `bpf_sysctl_get_current_value(ctx, buf, len)`
pub(super) fn sysctl_current(world: &mut World<'_>, [_, to, len, ..]: [u64; 5]) -> u64 {
    copy_value(world, sysctl(world).map(|sysctl| sysctl.current.as_slice()), to, len)
}

/// `bpf_sysctl_get_new_value(ctx, buf, len)`
pub(super) fn sysctl_new(world: &mut World<'_>, [_, to, len, ..]: [u64; 5]) -> u64 {
    copy_value(world, sysctl(world).and_then(|sysctl| sysctl.new.as_deref()), to, len)
}

/// `bpf_sysctl_set_new_value(ctx, buf, len)`
pub(super) fn sysctl_set(world: &mut World<'_>, [_, from, len, ..]: [u64; 5]) -> u64 {
    /// A page, without the end of the string.
    const MOST: usize = 4095;
    let len = len as usize;
    let Input::Sysctl(sysctl) = &mut world.input else { return Errno::EINVAL.r0() };
    let Some(new) = sysctl.new.as_mut().filter(|new| !new.is_empty() && len > 0) else {
        return Errno::EINVAL.r0();
    };
    if len > MOST {
        return Errno::E2BIG.r0();
    }
    new.resize(len, 0);
    world.mem.read(from, new);
    sysctl.replaced = true;
    0
}

/// `bpf_bind(ctx, address, len)`: where the socket connects from
pub(super) fn bind(world: &mut World<'_>, [_, from, len, ..]: [u64; 5]) -> u64 {
    /// `sizeof(struct sockaddr_in)`, and of `sockaddr_in6` without its scope.
    const V4: usize = 16;
    const V6: usize = 24;
    let len = len as usize;
    let mut bytes = [0; V6];
    if len < 2 {
        return Errno::EINVAL.r0();
    }
    let known = len.min(V6);
    world.mem.read(from, &mut bytes[..known]);
    let ip = match u32::from(u16::from_ne_bytes(part(&bytes, 0))) {
        family::INET if len >= V4 => IpAddr::from(part::<4>(&bytes, 4)),
        family::INET6 if len >= V6 => IpAddr::from(part::<16>(&bytes, 8)),
        family::INET | family::INET6 => return Errno::EINVAL.r0(),
        _ => return Errno::EAFNOSUPPORT.r0(),
    };
    let Input::SockAddr(call) = &mut world.input else { return Errno::EINVAL.r0() };
    let address = SocketAddr::new(ip, u16::from_be_bytes(part(&bytes, 2)));
    call.bound = Some(address);
    call.sock = std::mem::take(&mut call.sock).bound(address);
    world.show_sock();
    0
}

/// Bytes of an address.
fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}
