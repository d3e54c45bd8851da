//! What is known of a map when code is made: where an array's values lie, so that a look-up is arithmetic; and which hash map it
//! is and how long its keys are, so that no call has to find that out again.

use belay_isa::Reg;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

use super::translate::{Translator, memory};
use crate::errno::r0;
use crate::helpers::Helper;
use crate::maps::{Hash, Map, Place, PlainArray, Side, Storage, Value as Written};
use crate::world::World;

/// The number of `bpf_map_lookup_elem`.
const LOOKUP: u32 = 1;
/// The number of `bpf_map_update_elem`.
const UPDATE: u32 = 2;
/// The number of `bpf_map_delete_elem`.
const DELETE: u32 = 3;

/// An operation on a hash map: the registers of the helper, the map, and what it runs in.
type OfHash = for<'a, 'r> extern "C" fn(u64, u64, u64, u64, u64, &'a Hash, &'a mut World<'r>) -> u64;

impl Translator<'_, '_> {
    /// A helper's call, where the map is known and that makes it cheaper.
    pub(super) fn of_known_map(&mut self, helper: &Helper) -> Option<Value> {
        if !matches!(helper.id, LOOKUP | UPDATE | DELETE) {
            return None;
        }
        let map = self.known_map(Reg::R1)?;
        if helper.id == LOOKUP
            && let Some(array) = map.plain_array()
        {
            return Some(self.array_element(array));
        }
        let hash = map.hash()?;
        let (entry, hash) = (of_hash(helper.id, map.def().key_size)?, std::ptr::from_ref(hash));
        Some(self.call_with(entry as *const (), hash.cast()))
    }

    /// The map that a register is known to name.
    fn known_map(&mut self, reg: Reg) -> Option<&Map> {
        let handle = self.get(reg);
        let handle = self.constant(handle)?;
        self.unit.maps.by_handle(handle as u64)
    }

    /// A look-up in an array: the address of the value, or 0.
    fn array_element(&mut self, array: PlainArray) -> Value {
        // Where the program has just stored a constant key, this is the constant, and all that follows from it.
        let (key, off) = self.place(Reg::R2, 0);
        let key = self.builder.ins().load(types::I32, memory(), key, off);
        let exists = self.builder.ins().icmp_imm_u(IntCC::UnsignedLessThan, key, i64::from(array.entries));
        let index = self.builder.ins().uextend(types::I64, key);
        let off = self.builder.ins().imul_imm_s(index, array.stride as i64);
        let address = self.builder.ins().iadd_imm_s(off, array.start as i64);
        let none = self.number(0);
        self.builder.ins().select(exists, address, none)
    }
}

/// The operation of a helper on keys of that size; none for sizes that are rare: the helper itself does those.
fn of_hash(helper: u32, key_size: u32) -> Option<OfHash> {
    match key_size {
        4 => of_keys::<4>(helper),
        8 => of_keys::<8>(helper),
        12 => of_keys::<12>(helper),
        16 => of_keys::<16>(helper),
        _ => None,
    }
}

fn of_keys<const KEY: usize>(helper: u32) -> Option<OfHash> {
    match helper {
        LOOKUP => Some(lookup::<KEY>),
        UPDATE => Some(update::<KEY>),
        DELETE => Some(delete::<KEY>),
        _ => None,
    }
}

fn key<const KEY: usize>(at: u64, world: &World<'_>) -> [u8; KEY] {
    let mut key = [0; KEY];
    world.mem.read(at, &mut key);
    key
}

fn side(world: &World<'_>) -> Side {
    Side::Program(world.machine.cpu as usize)
}

extern "C" fn lookup<const KEY: usize>(
    _: u64,
    at: u64,
    _: u64,
    _: u64,
    _: u64,
    map: &Hash,
    world: &mut World<'_>,
) -> u64 {
    map.lookup(&key::<KEY>(at, world), side(world)).map_or(0, Place::addr)
}

extern "C" fn update<const KEY: usize>(
    _: u64,
    at: u64,
    value: u64,
    flags: u64,
    _: u64,
    map: &Hash,
    world: &mut World<'_>,
) -> u64 {
    r0(map.update(&key::<KEY>(at, world), Written::At(world.mem, value), flags, side(world)))
}

extern "C" fn delete<const KEY: usize>(
    _: u64,
    at: u64,
    _: u64,
    _: u64,
    _: u64,
    map: &Hash,
    world: &mut World<'_>,
) -> u64 {
    r0(map.delete(&key::<KEY>(at, world)))
}
