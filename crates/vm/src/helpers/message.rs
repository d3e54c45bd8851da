//! Messages of `sk_msg` programs: how far an action reaches, and which bytes the program sees.

use crate::errno::Errno;
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
    let (start, end) = (start as u32 as usize, end as u32 as usize);
    let Some(message) = message(world) else { return Errno::EINVAL.r0() };
    if flags != 0 || end <= start || !message.shown_mut().show(start, end) {
        return Errno::EINVAL.r0();
    }
    world.layout.refresh(&world.machine.context, &mut world.input);
    0
}
