//! Making a map: what Linux asks of a definition, and which file of this module stores the kind.

use belay_object::MapDef;
use belay_spec::MapKind;

use super::array::Array;
use super::bloom::{self, Bloom};
use super::error::{MapError, MapLimits};
use super::events::{self, Events};
use super::hash::{Hash, Shape};
use super::lpm::Lpm;
use super::map::{F_RDONLY, F_RDONLY_PROG, F_WRONLY, F_WRONLY_PROG};
use super::owned::Owned;
use super::queue::{Order, Queue};
use super::ringbuf::Ring;
use super::slots::{Policy, Slots};
use super::sockets::{self, COOKIE, HashOf};
use super::storage::{self, Guarded, Storage};

/// Makes the storage of a map that Linux would make, too.
pub(super) fn create(def: &MapDef, limits: MapLimits) -> Result<Box<dyn Storage>, MapError> {
    let unsupported = || MapError::Unsupported { map: def.name.clone(), kind: def.kind };
    let rules = def.kind.rules().ok_or_else(unsupported)?;
    need(def, rules.key.allow(def.key_size), || format!("keys of {} bytes", def.key_size))?;
    need(def, rules.value.allow(def.value_size), || format!("values of {} bytes", def.value_size))?;
    need(def, rules.entries.allow(def.max_entries), || format!("room for {} entries", def.max_entries))?;
    need(def, def.flags & !rules.flags == 0, || format!("creation flags {:#x}", def.flags))?;
    let missing = rules.required_flags & !def.flags;
    need(def, missing == 0, || format!("creation flags without {missing:#x}"))?;

    for both in [F_RDONLY | F_WRONLY, F_RDONLY_PROG | F_WRONLY_PROG] {
        need(def, def.flags & both != both, || format!("creation flags {both:#x} together"))?;
    }
    // `map_extra` means something to filters only (and to arenas, which do not run).
    let most = if def.kind == MapKind::BLOOM_FILTER { bloom::MAX_HASHES } else { 0 };
    need(def, def.map_extra <= most, || format!("a `map_extra` of {}", def.map_extra))?;

    let (key, value, max) = (def.key_size as usize, def.value_size as usize, def.max_entries);
    let cpus = limits.cpus.max(1);
    let per_cpu = if rules.per_cpu { cpus } else { 0 };
    let slots = |policy, value| -> Result<Box<dyn Storage>, MapError> {
        fits(def, limits, Slots::element_size(value) as u64, max)?;
        Ok(Box::new(Slots::new(policy, value, max)))
    };
    let hash = |value| -> Result<Hash, MapError> {
        let evicts = matches!(def.kind, MapKind::LRU_HASH | MapKind::LRU_PERCPU_HASH);
        let shape = Shape { per_cpu, evicts, ..Shape::plain(key, value, max) };
        fits(def, limits, shape.element_size() as u64 + 8, max)?;
        let guarded = if value == def.value_size as usize { Guarded::of(def) } else { Guarded::plain(value) };
        Ok(Hash::guarding(shape, guarded))
    };
    let unreadable = sockets::unreadable(value);
    Ok(match def.kind {
        MapKind::ARRAY | MapKind::PERCPU_ARRAY => {
            let element = (storage::stride(value) as u64).saturating_mul(per_cpu.max(1) as u64);
            fits(def, limits, element, max)?;
            Box::new(Array::new(value, max, per_cpu, Guarded::of(def)))
        }
        MapKind::PROG_ARRAY | MapKind::ARRAY_OF_MAPS => slots(Policy::OBJECTS, value)?,
        MapKind::CGROUP_ARRAY => slots(Policy::CGROUPS, COOKIE)?,
        MapKind::DEVMAP => slots(Policy::DEVICES, value)?,
        MapKind::CPUMAP => slots(Policy::cpus(cpus), value)?,
        MapKind::XSKMAP => slots(Policy::XDP_SOCKETS, value)?,
        MapKind::SOCKMAP => slots(Policy::SOCKETS.unreadable(unreadable), COOKIE)?,
        MapKind::REUSEPORT_SOCKARRAY => slots(Policy::REUSEPORT.unreadable(unreadable), COOKIE)?,
        MapKind::HASH
        | MapKind::PERCPU_HASH
        | MapKind::LRU_HASH
        | MapKind::LRU_PERCPU_HASH
        | MapKind::HASH_OF_MAPS => Box::new(hash(value)?),
        MapKind::SOCKHASH => Box::new(HashOf { hash: hash(COOKIE)?, unreadable, devices: false }),
        MapKind::DEVMAP_HASH => Box::new(HashOf { hash: hash(value)?, unreadable: None, devices: true }),
        MapKind::LPM_TRIE => {
            let shape = Lpm::shape(key, value, max);
            fits(def, limits, shape.element_size() as u64 + 8, max)?;
            Box::new(Lpm::new(shape))
        }
        MapKind::QUEUE | MapKind::STACK => {
            fits(def, limits, storage::stride(value) as u64, max)?;
            let order = if def.kind == MapKind::QUEUE { Order::Fifo } else { Order::Lifo };
            Box::new(Queue::new(order, value, max))
        }
        MapKind::BLOOM_FILTER => {
            let bytes = Bloom::bits(max, def.map_extra) / 8;
            fits(def, limits, bytes, 1)?;
            Box::new(Bloom::new(value, max, def.map_extra))
        }
        MapKind::RINGBUF => {
            fits(def, limits, 2, max)?;
            Box::new(Ring::new(max))
        }
        MapKind::PERF_EVENT_ARRAY => {
            fits(def, limits, (events::BUFFER * cpus) as u64, 1)?;
            fits(def, limits, 16, max)?;
            Box::new(Events::new(max, cpus))
        }
        MapKind::SK_STORAGE => Box::new(Owned::of_sockets(Guarded::of(def), value, limits.bytes)),
        MapKind::CGROUP_STORAGE | MapKind::PERCPU_CGROUP_STORAGE => {
            Box::new(Owned::of_cgroups(Guarded::of(def), key, value, per_cpu, limits.bytes))
        }
        _ => return Err(unsupported()),
    })
}

pub(super) fn invalid(def: &MapDef, reason: &str) -> MapError {
    MapError::Invalid { map: def.name.clone(), reason: reason.to_owned() }
}

/// What Linux asks of a definition; `given` says what stands there.
fn need(def: &MapDef, holds: bool, given: impl Fn() -> String) -> Result<(), MapError> {
    if holds { Ok(()) } else { Err(invalid(def, &format!("a `{}` map cannot have {}", def.kind, given()))) }
}

/// Whether `max` elements of that size stay within the limit.
fn fits(def: &MapDef, limits: MapLimits, element: u64, max: u32) -> Result<(), MapError> {
    let bytes = element.saturating_mul(u64::from(max));
    if bytes <= limits.bytes {
        return Ok(());
    }
    Err(MapError::TooLarge { map: def.name.clone(), bytes, limit: limits.bytes })
}
