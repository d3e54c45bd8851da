//! Messages of `sk_msg` programs: how far an action reaches, which bytes the program sees, and which there are.

use crate::errno::{self, Errno};
use crate::input::{Input, SkMsg};
use crate::world::World;

fn message<'w, 'r>(world: &'w mut World<'r>) -> Option<&'w mut SkMsg> {
    match &mut world.input {
        Input::SkMsg(message) => Some(message),
        _ => None,
    }
}

/// `bpf_msg_apply_bytes(msg, bytes)`
pub(super) fn apply_bytes(world: &mut World<'_>, [_, bytes, ..]: [u64; 5]) -> u64 {
    let Some(message) = message(world) else { return Errno::EINVAL.r0() };
    message.apply_bytes = bytes as u32;
    0
}

/// `bpf_msg_cork_bytes(msg, bytes)`
pub(super) fn cork_bytes(world: &mut World<'_>, [_, bytes, ..]: [u64; 5]) -> u64 {
    let Some(message) = message(world) else { return Errno::EINVAL.r0() };
    message.cork_bytes = bytes as u32;
    0
}

/// `bpf_msg_pull_data(msg, start, end, flags)`: the program sees the bytes from start to end
pub(super) fn pull_data(world: &mut World<'_>, [_, start, end, flags, _]: [u64; 5]) -> u64 {
    change(world, [start, end, flags], SkMsg::pull)
}

/// `bpf_msg_push_data(msg, start, len, flags)`
pub(super) fn push_data(world: &mut World<'_>, [_, start, len, flags, _]: [u64; 5]) -> u64 {
    change(world, [start, len, flags], SkMsg::push)
}

/// `bpf_msg_pop_data(msg, start, len, flags)`
pub(super) fn pop_data(world: &mut World<'_>, [_, start, len, flags, _]: [u64; 5]) -> u64 {
    change(world, [start, len, flags], SkMsg::pop)
}

/// Changes what there is or is seen of the message, at places of 32 bits; there are no flags.
fn change(
    world: &mut World<'_>,
    [start, other, flags]: [u64; 3],
    how: impl FnOnce(&mut SkMsg, usize, usize) -> Result<(), Errno>,
) -> u64 {
    let result = match message(world) {
        Some(message) if flags == 0 => how(message, start as u32 as usize, other as u32 as usize),
        _ => Err(Errno::EINVAL),
    };
    if result.is_ok() {
        world.layout.refresh(&world.machine.context, &mut world.input);
    }
    errno::r0(result)
}
