//! The context as the kernel's own structure, and what can be done to that.

use super::int;
use crate::context::sock_addr;
use crate::errno::Errno;
use crate::input::{Input, UserAddress};
use crate::world::World;

/// `bpf_cast_to_kern_ctx(ctx)`: here the two are one
pub(super) fn as_it_is(_: &mut World<'_>, [context, ..]: [u64; 5]) -> u64 {
    context
}

/// `bpf_sock_addr_set_sun_path(ctx, path, size)`
pub(super) fn set_sun_path(world: &mut World<'_>, [_, path, size, ..]: [u64; 5]) -> u64 {
    /// `UNIX_PATH_MAX`
    const LONGEST: usize = 108;
    let size = size as u32 as usize;
    let Input::SockAddr(input) = &mut world.input else { return int(Err(Errno::EINVAL)) };
    let UserAddress::Unix(_) = input.address else { return int(Err(Errno::EINVAL)) };
    if size == 0 || size > LONGEST {
        return int(Err(Errno::EINVAL));
    }
    let mut bytes = vec![0; size];
    world.mem.read(path, &mut bytes);
    sock_addr::set_path(&world.machine.context, &bytes);
    input.address = UserAddress::Unix(bytes);
    0
}
