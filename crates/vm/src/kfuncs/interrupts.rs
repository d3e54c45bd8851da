//! Interrupts turned off and on: of no consequence here, where nothing interrupts a run.

use belay_isa::Size;

use crate::world::World;

/// The flags of a processor that takes interrupts.
const ENABLED: u64 = 0x246;

/// `bpf_local_irq_save(flags)`
pub(super) fn save(world: &mut World<'_>, [flags, ..]: [u64; 5]) -> u64 {
    world.mem.store(flags, Size::DW, ENABLED);
    0
}

/// `bpf_local_irq_restore(flags)`
pub(super) fn restore(_: &mut World<'_>, _: [u64; 5]) -> u64 {
    0
}
