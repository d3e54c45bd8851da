//! Memory read by an address that may be wrong: `bpf_probe_read_*`.
//!
//! What can be read is the run's own memory: stack, packet, values of maps. Elsewhere nothing is, as where the kernel has no
//! page; and a run has no process whose memory could be read.

use belay_isa::Size;

use crate::errno::Errno;
use crate::world::World;

/// `bpf_probe_read_kernel(to, size, from)`
pub(super) fn kernel(world: &mut World<'_>, [to, size, from, ..]: [u64; 5]) -> u64 {
    let size = size as u32 as usize;
    if world.readable(from) < size {
        return nothing(world, to, size);
    }
    // To the side first: the places may overlap.
    let mut bytes = vec![0; size];
    world.mem.read(from, &mut bytes);
    world.mem.write(to, &bytes);
    0
}

/// `bpf_probe_read_kernel_str(to, size, from)`: how many bytes, the zero at the end included
pub(super) fn kernel_text(world: &mut World<'_>, [to, size, from, ..]: [u64; 5]) -> u64 {
    let size = size as u32 as usize;
    let within = world.readable(from).min(size);
    if size == 0 || within == 0 {
        return nothing(world, to, size);
    }
    for index in 0..within as u64 {
        let byte = world.mem.load(from.wrapping_add(index), Size::B);
        world.mem.store(to.wrapping_add(index), Size::B, byte);
        if byte == 0 {
            return index + 1;
        }
    }
    if within < size {
        return nothing(world, to, size);
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
