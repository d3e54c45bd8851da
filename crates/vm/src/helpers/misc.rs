//! Helpers that concern neither maps nor packets: time, random numbers, CPU, comparing.

use belay_isa::Size;

use crate::world::World;

/// `bpf_ktime_get_ns()` and its relatives: one clock stands for all
pub(super) fn time(world: &mut World<'_>, _: [u64; 5]) -> u64 {
    world.machine.now()
}

/// `bpf_jiffies64()`: at 250 a second
pub(super) fn jiffies(world: &mut World<'_>, _: [u64; 5]) -> u64 {
    world.machine.now() / 4_000_000
}

/// `bpf_get_prandom_u32()`
pub(super) fn random(world: &mut World<'_>, _: [u64; 5]) -> u64 {
    u64::from(world.random.next())
}

/// `bpf_get_smp_processor_id()`
pub(super) fn cpu(world: &mut World<'_>, _: [u64; 5]) -> u64 {
    // The proof of a program, and the values of per-CPU maps, are for the processors that the maps know.
    u64::from(world.machine.cpu).min(world.maps.cpus() as u64 - 1)
}

/// Helpers whose answer is 0 here: there is one NUMA node, no classes of network traffic, no realms of routes.
pub(super) fn zero(_: &mut World<'_>, _: [u64; 5]) -> u64 {
    0
}

/// `bpf_strncmp(s1, size, s2)`: `s2` ends with a zero
pub(super) fn strncmp(world: &mut World<'_>, [a, size, b, ..]: [u64; 5]) -> u64 {
    for index in 0..u64::from(size as u32) {
        let (x, y) =
            (world.mem.load(a.wrapping_add(index), Size::B), world.mem.load(b.wrapping_add(index), Size::B));
        if x != y {
            return if x < y { -1_i64 as u64 } else { 1 };
        }
        if x == 0 {
            break;
        }
    }
    0
}
