//! `bpf_snprintf_btf`: what stands at an address, by its type.
//!
//! The types are those that the machine was given, as the kernel's are its own; without any nothing can be shown. What can be
//! read is the run's own memory.

use belay_isa::Size;
use belay_object::btf::TypeId;

use super::type_text::{FLAGS, show};
use crate::errno::Errno;
use crate::world::World;

/// Bytes of a `struct btf_ptr`: an address, a type, flags.
const POINTER: u32 = 16;

/// `bpf_snprintf_btf(to, size, pointer, pointer_size, flags)`: how long the text is, whether it fits or not
pub(super) fn text(world: &mut World<'_>, [to, room, pointer, size, flags]: [u64; 5]) -> u64 {
    let Some(types) = world.machine.types.clone() else { return Errno::EINVAL.r0() };
    if flags & !FLAGS != 0 || size as u32 != POINTER {
        return Errno::EINVAL.r0();
    }
    let at = world.mem.load(pointer, Size::DW);
    let id = world.mem.load(pointer.wrapping_add(8), Size::W) as u32;
    match id {
        0 => return Errno::EINVAL.r0(),
        id if id >= types.len() => return Errno::ENOENT.r0(),
        _ => {}
    }
    let shown = show(&types, TypeId(id), at, flags, |from, piece| world.read_anywhere(from, piece));
    if let Some(most) = (room as u32 as usize).checked_sub(1)
        && shown.printed
    {
        let fits = shown.bytes.get(..most).unwrap_or(&shown.bytes);
        world.mem.write(to, fits);
        world.mem.store(to.wrapping_add(fits.len() as u64), Size::B, 0);
    }
    shown.result.map_or_else(Errno::r0, |()| shown.bytes.len() as u64)
}
