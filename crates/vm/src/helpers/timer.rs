//! Timers: `bpf_timer_init`, `bpf_timer_start`, `bpf_timer_cancel`. What they do stands in [`crate::timers`].

use crate::errno::r0;
use crate::timers;
use crate::world::World;

/// `bpf_timer_init(timer, map, flags)`
pub(super) fn init(world: &mut World<'_>, [timer, map, flags, ..]: [u64; 5]) -> u64 {
    r0(timers::init(world, timer, map, flags))
}

/// `bpf_timer_start(timer, nanoseconds, flags)`
pub(super) fn start(world: &mut World<'_>, [timer, nanoseconds, flags, ..]: [u64; 5]) -> u64 {
    r0(timers::start(world, timer, nanoseconds, flags))
}

/// `bpf_timer_cancel(timer)`
pub(super) fn cancel(world: &mut World<'_>, [timer, ..]: [u64; 5]) -> u64 {
    timers::cancel(world, timer).unwrap_or_else(|errno| errno.r0())
}
