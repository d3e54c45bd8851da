//! What native code calls: each function here, and each helper, has the signature of every function of a program.

use belay_isa::{Reg, Size};

use super::memory;
use crate::engine::{self, End, State};
use crate::errno::r0;
use crate::helpers::HelperFn;
use crate::interpreter::Unwatched;
use crate::maps::ElementKey;
use crate::op::Code;
use crate::own::OwnHelper;
use crate::timers;
use crate::world::World;

/// A function of a program in machine code, or one that it calls: the five argument registers, and what it runs in.
pub(crate) type Native = for<'a, 'r> extern "C" fn(u64, u64, u64, u64, u64, &'a mut World<'r>) -> u64;

/// The native entry of a helper.
pub(crate) extern "C" fn helper<F: HelperFn>(
    r1: u64,
    r2: u64,
    r3: u64,
    r4: u64,
    r5: u64,
    world: &mut World<'_>,
) -> u64 {
    memory::call::<F>(world, [r1, r2, r3, r4, r5])
}

/// Calls an own helper: as native code does, which knows where it lies.
pub(super) extern "C" fn own_helper(
    r1: u64,
    r2: u64,
    r3: u64,
    r4: u64,
    r5: u64,
    own: &OwnHelper,
    world: &mut World<'_>,
) -> u64 {
    own.call(world, [r1, r2, r3, r4, r5])
}

/// `bpf_timer_set_callback`, called by native code of `code`.
pub(super) extern "C" fn timer_callback(
    timer: u64,
    callback: u64,
    _: u64,
    _: u64,
    _: u64,
    code: &Code,
    world: &mut World<'_>,
) -> u64 {
    r0(timers::set_callback(world, timer, callback, code))
}

/// What [`load_packet`] returns outside of the packet: loads give at most 32 bits.
pub(super) const OUTSIDE: i64 = -1;

/// `LD_ABS` and `LD_IND`: an offset and a size in bytes; the value, or [`OUTSIDE`].
pub(super) extern "C" fn load_packet(
    off: u64,
    size: u64,
    _: u64,
    _: u64,
    _: u64,
    world: &mut World<'_>,
) -> u64 {
    let size = match size {
        1 => Size::B,
        2 => Size::H,
        _ => Size::W,
    };
    world.load_packet(off as u32 as i32, size).unwrap_or(OUTSIDE as u64)
}

/// `bpf_tail_call(ctx, map, index)`: the function to go on in, 0 where the call fails.
pub(super) extern "C" fn tail_call(
    _: u64,
    map: u64,
    index: u64,
    _: u64,
    _: u64,
    world: &mut World<'_>,
) -> u64 {
    let Some(code) = world.tail_call(map, index as u32) else { return 0 };
    match &code.native {
        Some(native) => native.entry().address(),
        None => {
            world.pending = Some(code);
            let entry: Native = interpret;
            entry as usize as u64
        }
    }
}

/// Goes on in a program that has no native code.
extern "C" fn interpret(context: u64, _: u64, _: u64, _: u64, _: u64, world: &mut World<'_>) -> u64 {
    let Some(code) = world.pending.take() else { return 0 };
    world.machine.stack.reset();
    let mut state = State::new(code, world.machine.stack.top());
    state.set(Reg::R1, context);
    match engine::execute(&mut Unwatched, &mut state, world) {
        Ok(End::Exit(r0)) => r0,
        Ok(End::Stuck(why)) => {
            debug_assert!(false, "a verified program came to an invalid slot: {why:?}");
            0
        }
        Err(never) => match never {},
    }
}

/// Words that [`element`] writes.
pub(super) mod visited {
    /// The address of the key.
    pub(in crate::jit) const KEY: i32 = 0;
    /// The address of the value.
    pub(in crate::jit) const VALUE: i32 = 8;
    /// The next cursor.
    pub(in crate::jit) const NEXT: i32 = 16;
    /// An array's index, where the key's address points.
    pub(in crate::jit) const INDEX: i32 = 24;
    /// Bytes of all of them.
    pub(in crate::jit) const SIZE: u32 = 32;
}

/// The element of a map at a cursor, written to `out`; whether there is one.
pub(super) extern "C" fn element(
    map: u64,
    cursor: u64,
    out: u64,
    _: u64,
    _: u64,
    world: &mut World<'_>,
) -> u64 {
    let Some((map, side)) = world.map(map) else { return 0 };
    let Some(element) = map.storage().element(cursor, side) else { return 0 };
    let put = |off: i32, value: u64| world.mem.store(out.wrapping_add(off as u64), Size::DW, value);
    let key = match element.key {
        ElementKey::Stored(place) => place.addr(),
        ElementKey::None => return 0,
        ElementKey::Index(index) => {
            put(visited::INDEX, u64::from(index));
            out.wrapping_add(visited::INDEX as u64)
        }
    };
    put(visited::KEY, key);
    put(visited::VALUE, element.value.addr());
    put(visited::NEXT, element.next);
    1
}
