//! Memory read by an address that may be wrong: `bpf_probe_read_*`.
//!
//! What can be read is the run's own memory: stack, packet, values of maps. Elsewhere nothing is, as where the kernel has no
//! page; and a run has no process whose memory could be read.

use belay_isa::Size;

use crate::errno::{Errno, r0};
use crate::world::World;

/// `bpf_probe_read_kernel(to, size, from)`
pub(super) fn kernel(world: &mut World<'_>, [to, size, from, ..]: [u64; 5]) -> u64 {
    // To the side first: the places may overlap.
    let mut bytes = vec![0; size as u32 as usize];
    let result = world.read_anywhere(from, &mut bytes);
    if result.is_err() {
        bytes.fill(0);
    }
    world.mem.write(to, &bytes);
    r0(result)
}

/// `bpf_probe_read_kernel_str(to, size, from)`: how many bytes, the zero at the end included
pub(super) fn kernel_text(world: &mut World<'_>, [to, size, from, ..]: [u64; 5]) -> u64 {
    let size = size as u32 as usize;
    if size == 0 {
        return 0;
    }
    let within = world.readable(from).min(size);
    for index in 0..within as u64 {
        let byte = world.mem.load(from.wrapping_add(index), Size::B);
        world.mem.store(to.wrapping_add(index), Size::B, byte);
        if byte == 0 {
            return index + 1;
        }
    }
    if within < size {
        let beyond = world.read_anywhere(from.wrapping_add(within as u64), &mut [0]);
        world.mem.clear(to, size);
        return r0(beyond);
    }
    world.mem.store(to.wrapping_add(size as u64 - 1), Size::B, 0);
    size as u64
}

/// `bpf_probe_read_user(to, size, from)`, `bpf_probe_read_user_str(to, size, from)`
pub(super) fn user(world: &mut World<'_>, [to, size, ..]: [u64; 5]) -> u64 {
    nothing(world, to, size as u32 as usize)
}

fn nothing(world: &World<'_>, to: u64, size: usize) -> u64 {
    world.mem.clear(to, size);
    Errno::EFAULT.r0()
}
