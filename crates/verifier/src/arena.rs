//! Arenas: memory that programs share with user space, mapped sparsely. Programs keep addresses in it as plain numbers and
//! cast them before they follow them. A cast address needs no bounds: an arena is surrounded by as much unmapped memory
//! as an address can reach, and a load of what is not mapped gives zero.

use belay_isa::{AtomicOp, Imm64, Reg};
use belay_object::{MapDef, Program};
use belay_spec::{MapKind, Release};

use crate::admission::{maps_named, wide_constants};
use crate::fault::{Check, Fault, Stop};
use crate::memory::At;
use crate::scalar::Scalar;
use crate::state::State;
use crate::value::{Pointer, Value};
use crate::walk::Walk;

/// An arena's size is counted in pages.
const PAGE: u64 = 4096;
/// `BPF_MAX_VAR_OFF`: no direct address lies that far in.
const MAX_OFFSET: u32 = 1 << 29;

/// The addresses that instructions load must lie in the arena, walked or not; the first byte behind it passes, too (6.18).
pub(crate) fn check_addresses(program: &Program, maps: &[MapDef]) -> Check {
    for constant in wide_constants(program) {
        let (Imm64::MapValue(index, off) | Imm64::MapIndexValue(index, off)) = constant else { continue };
        let map = usize::try_from(index).ok().and_then(|index| maps.get(index));
        if let Some(map) = map.filter(|map| map.kind == MapKind::ARENA) {
            check_address(map, off as u32)?;
        }
    }
    Ok(())
}

fn check_address(map: &MapDef, off: u32) -> Check {
    let kernel = if off >= MAX_OFFSET {
        format!("direct value offset of {off} is not allowed")
    } else if u64::from(off) > u64::from(map.max_entries) * PAGE {
        format!("invalid access to map value pointer, value_size={} off={off}", map.value_size)
    } else {
        return Ok(());
    };
    Err(Fault::Program { kernel }.into())
}

/// The arenas that the program names.
pub(crate) fn named(program: &Program, maps: &[MapDef]) -> Vec<u32> {
    let is_arena = |index: &u32| maps.get(*index as usize).is_some_and(|map| map.kind == MapKind::ARENA);
    let mut arenas: Vec<u32> = maps_named(program).into_iter().filter(is_arena).collect();
    arenas.sort_unstable();
    arenas.dedup();
    arenas
}

/// Whatever is computed with an address in the arena is one again: only its lower half counts (6.18).
pub(crate) fn arithmetic(left: &Value, right: &Value) -> Option<Value> {
    let is_arena = |value: &Value| value.as_pointer() == Some(Pointer::Arena);
    (is_arena(left) || is_arena(right)).then(somewhere)
}

fn somewhere() -> Value {
    Value { scalar: Scalar::unknown(), ..Value::pointer(Pointer::Arena) }
}

impl Walk<'_> {
    /// `dst = addr_space_cast(src, to, from)`: address space 1 is the arena's as user space sees it, 0 the kernel's. Whatever
    /// `src` is may be cast.
    pub(crate) fn cast_address(&self, state: &mut State, dst: Reg, src: Reg, spaces: (u16, u16)) -> Check {
        let result = match spaces {
            (0, 1) => somewhere(),
            (1, 0) => Value::unknown(),
            _ => {
                let kernel =
                    "addr_space_cast insn can only convert between address space 1 and 0".to_string();
                return Err(Fault::Program { kernel }.into());
            }
        };
        if !self.has_arena {
            let kernel =
                "addr_space_cast insn can only be used in a program that has an associated arena".to_string();
            return Err(Fault::Program { kernel }.into());
        }
        self.readable(state, src)?;
        self.writable(dst)?;
        state.set(dst, result);
        Ok(())
    }

    /// What a load from the arena gives: nothing is known of it.
    pub(crate) fn arena_access(&self, at: At) -> Check<Value> {
        // (6.12 refuses them after all paths are walked.)
        if at.signed && self.release < Release::LATEST {
            return Err(Stop::unsupported("sign-extending loads from an arena"));
        }
        Ok(Value::unknown())
    }

    /// The instructions that x86 turns into loops cannot recover from an address in the arena that is not mapped.
    pub(crate) fn check_atomic_in_arena(&self, state: &State, reg: Reg, op: AtomicOp) -> Check {
        let base = state.reg(reg);
        let loops = matches!(
            op,
            AtomicOp::And { fetch: true } | AtomicOp::Or { fetch: true } | AtomicOp::Xor { fetch: true }
        );
        if loops && base.as_pointer() == Some(Pointer::Arena) {
            let found = base.type_name();
            return Err(Fault::AtomicTarget { reg, action: "stores into", found }.into());
        }
        Ok(())
    }
}
