//! Iterators over numbers.
//!
//! Such an iterator is eight bytes of stack: where it stands, and where it ends. What the program is shown of an element is
//! the first of the two.

use belay_isa::Size;

use super::int;
use crate::engine::MAX_LOOPS;
use crate::errno::Errno;
use crate::world::World;

/// Where the end stands.
const END: u64 = 4;

fn set(world: &World<'_>, iterator: u64, at: i32, end: i32) {
    world.mem.store(iterator, Size::W, at.cast_unsigned().into());
    world.mem.store(iterator.wrapping_add(END), Size::W, end.cast_unsigned().into());
}

/// `bpf_iter_num_new(iterator, start, end)`: from `start` to before `end`; one that cannot be is at its end
pub(super) fn num_new(world: &mut World<'_>, [iterator, start, end, ..]: [u64; 5]) -> u64 {
    let (start, end) = (start as i32, end as i32);
    let checked = match i64::from(end) - i64::from(start) {
        ..0 => Err(Errno::EINVAL),
        many if many > i64::from(MAX_LOOPS) => Err(Errno::E2BIG),
        _ => Ok(()),
    };
    match checked {
        Ok(()) => set(world, iterator, start.wrapping_sub(1), end),
        Err(_) => set(world, iterator, 0, 0),
    }
    int(checked)
}

/// `bpf_iter_num_next(iterator)`: the address of the next number, or NULL
pub(super) fn num_next(world: &mut World<'_>, [iterator, ..]: [u64; 5]) -> u64 {
    let at = world.mem.load(iterator, Size::W) as i32;
    let end = world.mem.load(iterator.wrapping_add(END), Size::W) as i32;
    let next = at.wrapping_add(1);
    if next >= end {
        set(world, iterator, 0, 0);
        return 0;
    }
    set(world, iterator, next, end);
    iterator
}

/// `bpf_iter_num_destroy(iterator)`
pub(super) fn num_destroy(world: &mut World<'_>, [iterator, ..]: [u64; 5]) -> u64 {
    set(world, iterator, 0, 0);
    0
}
