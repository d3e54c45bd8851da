//! One function's instructions with their relocations applied: maps named by index, externs by index, kernel types by
//! the offsets of the target kernel. Calls stay open until the function has a place in a program.

use belay_isa::Slot;

use super::{Function, Linker};
use crate::elf::{Home, Relocation, Section, Symbol};
use crate::error::{ErrorKind, Fault};
use crate::maps::Target;
use crate::program::ExternKind;

/// `LD_IMM64`.
const LOAD_IMM64: u8 = 0x18;
/// `call` of an immediate.
const CALL: u8 = 0x85;

/// Selectors in the source field of `LD_IMM64` and `call`.
mod src {
    pub(super) const MAP: u8 = 1;
    pub(super) const MAP_VALUE: u8 = 2;
    pub(super) const KERNEL_SYMBOL: u8 = 3;
    pub(super) const FUNCTION: u8 = 4;
    pub(super) const LOCAL_CALL: u8 = 1;
    pub(super) const KERNEL_CALL: u8 = 2;
}

#[derive(Debug)]
pub(super) struct Body {
    pub(super) slots: Vec<Slot>,
    /// Instructions that name another function, by slot.
    pub(super) calls: Vec<Call>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    /// Slot within the function.
    pub(super) slot: u32,
    /// Index of the function.
    pub(super) target: usize,
}

pub(super) fn relocate(linker: &Linker<'_>, function: &Function<'_>) -> Result<Body, Fault> {
    let Some(section) = linker.elf.sections.get(function.section) else {
        return Err(Fault::new(ErrorKind::Link, "the function has no section"));
    };
    let in_place = |fault: Fault, slot: u32| {
        fault
            .section(section.name)
            .offset(8 * (u64::from(function.start) + u64::from(slot)))
            .symbol(function.name)
    };
    let mut slots = read(section, function);
    let mut calls = Vec::new();
    linker.core.relocate(section.name, function.start, &mut slots).map_err(|(slot, f)| in_place(f, slot))?;

    let (first, end) =
        (8 * u64::from(function.start), 8 * (u64::from(function.start) + u64::from(function.len)));
    let from = section.relocations.partition_point(|r| r.offset < first);
    let to = section.relocations.partition_point(|r| r.offset < end);
    let relocations = section.relocations.get(from..to).unwrap_or_default();
    for relocation in relocations {
        let slot = u32::try_from((relocation.offset - first) / 8).unwrap_or(u32::MAX);
        let target = apply(linker, &mut slots, slot, relocation).map_err(|f| in_place(f, slot))?;
        calls.extend(target.map(|target| Call { slot, target }));
    }
    let relocated = |slot: u32| {
        let offset = first + 8 * u64::from(slot);
        relocations.binary_search_by_key(&offset, |r| r.offset).is_ok()
    };
    let mut second = false;
    for (slot, insn) in (0..).zip(&mut slots) {
        // The second slot of a 64-bit load is no instruction.
        let first = !std::mem::take(&mut second);
        second = first && insn.opcode == LOAD_IMM64;
        if first && !relocated(slot) {
            let target = unrelocated(linker, function, slot, insn).map_err(|f| in_place(f, slot))?;
            calls.extend(target.map(|target| Call { slot, target }));
        }
    }
    calls.sort_by_key(|call| call.slot);
    Ok(Body { slots, calls })
}

/// Looks at an instruction that no relocation touches; gives the function that it names, if it names one.
fn unrelocated(
    linker: &Linker<'_>,
    function: &Function<'_>,
    slot: u32,
    insn: &mut Slot,
) -> Result<Option<usize>, Fault> {
    match (insn.opcode, insn.src) {
        (CALL, src::LOCAL_CALL) => {
            // Within one section the assembler knows the distance.
            let at = i64::from(function.start) + i64::from(slot) + i64::from(insn.imm) + 1;
            let target = u32::try_from(at).ok().and_then(|at| linker.function_at(function.section, at));
            let fault = || {
                Fault::new(ErrorKind::Link, format!("calls offset {:#x}, where no function starts", 8 * at))
            };
            target.map(Some).ok_or_else(fault)
        }
        (LOAD_IMM64, src::FUNCTION) => {
            Err(Fault::new(ErrorKind::Relocation, "loads a function's address without a relocation"))
        }
        // A descriptor or kernel id that somebody wrote by hand: it must not pass for an index of our tables.
        (LOAD_IMM64, 1..) | (CALL, src::KERNEL_CALL) => {
            insn.imm = insn.imm.min(!insn.imm);
            Ok(None)
        }
        _ => Ok(None),
    }
}

fn read(section: &Section<'_>, function: &Function<'_>) -> Vec<Slot> {
    let start = 8 * function.start as usize;
    let bytes =
        section.data.get(start..).and_then(|d| d.get(..8 * function.len as usize)).unwrap_or_default();
    bytes.chunks_exact(8).filter_map(|b| b.try_into().ok()).map(Slot::from_le_bytes).collect()
}

/// Applies one relocation; gives the function that the instruction names, if it names one.
fn apply(
    linker: &Linker<'_>,
    slots: &mut [Slot],
    slot: u32,
    relocation: &Relocation,
) -> Result<Option<usize>, Fault> {
    let fault = |message: String| Fault::new(ErrorKind::Relocation, message);
    if !relocation.offset.is_multiple_of(8) {
        return Err(fault("a relocation within an instruction".to_owned()).offset(relocation.offset));
    }
    let symbol = linker.elf.symbols.get(relocation.symbol);
    let symbol = symbol.ok_or_else(|| {
        fault(format!("a relocation against symbol {}, of which there is none", relocation.symbol))
    })?;
    let at = slot as usize;
    match slots.get(at).map(|s| s.opcode) {
        Some(CALL) => {
            let insn = slots.get_mut(at).ok_or_else(|| fault("past the end".to_owned()))?;
            call(linker, insn, symbol)
        }
        Some(LOAD_IMM64) => match slots.get_mut(at..at + 2) {
            Some([low, high]) => load(linker, low, high, symbol),
            _ => Err(fault("the function ends within a 64-bit load".to_owned())),
        },
        opcode => {
            let opcode = opcode.unwrap_or_default();
            let what = "neither a call nor a 64-bit load; a global variable that was not initialised, or another section's data";
            Err(fault(format!("a relocation against `{}` of opcode {opcode:#04x}: {what}", symbol.name)))
        }
    }
}

fn call(linker: &Linker<'_>, insn: &mut Slot, symbol: &Symbol<'_>) -> Result<Option<usize>, Fault> {
    let fault = |message: String| Fault::new(ErrorKind::Relocation, message);
    if symbol.is_extern() {
        let (index, found) = linker.externs.find(symbol)?;
        if found.kind != ExternKind::Kfunc {
            return Err(fault(format!("calls `{}`, which is no function", symbol.name)));
        }
        insn.src = src::KERNEL_CALL;
        insn.imm = i32::try_from(index).unwrap_or(i32::MAX);
        insn.off = 0;
        return Ok(None);
    }
    if insn.src != src::LOCAL_CALL {
        return Err(fault(format!(
            "calls `{}` as a helper; declare it, or compile with `-mcpu=v3`",
            symbol.name
        )));
    }
    // A global function: its offset, and -1 in place. A static one: its section, and its slot less one in place.
    let base = i64::try_from(symbol.value / 8).unwrap_or(i64::MAX);
    function(linker, symbol, base.saturating_add(i64::from(insn.imm)).saturating_add(1)).map(Some)
}

fn load(
    linker: &Linker<'_>,
    low: &mut Slot,
    high: &mut Slot,
    symbol: &Symbol<'_>,
) -> Result<Option<usize>, Fault> {
    let fault = |message: String| Fault::new(ErrorKind::Relocation, message);
    if symbol.is_extern() {
        let (index, found) = linker.externs.find(symbol)?;
        if let ExternKind::Kconfig { offset, .. } = found.kind {
            let map = linker.maps.defs.iter().position(|m| m.name == ".kconfig");
            let map = map.ok_or_else(|| fault(format!("`{}` has no `.kconfig` map", symbol.name)))?;
            set_load(low, high, src::MAP_VALUE, i32::try_from(map).unwrap_or(i32::MAX), offset.cast_signed());
        } else {
            set_load(low, high, src::KERNEL_SYMBOL, i32::try_from(index).unwrap_or(i32::MAX), 0);
        }
        return Ok(None);
    }
    let Home::Section(home) = symbol.home else {
        return Err(fault(format!(
            "`{}` is undefined: a declaration needs `__ksym`, `__kconfig` or a definition",
            symbol.name
        )));
    };
    let in_place = u64::from(low.imm.cast_unsigned());
    if linker.elf.sections.get(home).is_some_and(|s| s.executable) {
        let base = i64::try_from(symbol.value.saturating_add(in_place)).unwrap_or(i64::MAX);
        if base % 8 != 0 {
            return Err(fault(format!("loads an address within an instruction of `{}`", symbol.name)));
        }
        let target = function(linker, symbol, base / 8)?;
        set_load(low, high, src::FUNCTION, 0, 0);
        return Ok(Some(target));
    }
    match linker.maps.at(home, symbol.value.saturating_add(in_place)) {
        Some(Target::Map(map)) => set_load(low, high, src::MAP, map, 0),
        Some(Target::Value(map, offset)) => {
            let offset = u32::try_from(offset).map_err(|_| fault("an offset of over 4 GiB".to_owned()))?;
            set_load(low, high, src::MAP_VALUE, map, offset.cast_signed());
        }
        None => {
            let section = linker.elf.sections.get(home).map_or("", |s| s.name);
            return Err(fault(format!(
                "refers to `{}` in section `{section}`, which is no map and no data",
                symbol.name
            )));
        }
    }
    Ok(None)
}

fn set_load(low: &mut Slot, high: &mut Slot, selector: u8, first: i32, second: i32) {
    low.src = selector;
    low.imm = first;
    high.imm = second;
}

/// The function that starts at `slot` of the symbol's section.
fn function(linker: &Linker<'_>, symbol: &Symbol<'_>, slot: i64) -> Result<usize, Fault> {
    let found = match symbol.home {
        Home::Section(section) => u32::try_from(slot).ok().and_then(|slot| linker.function_at(section, slot)),
        _ => None,
    };
    found.ok_or_else(|| {
        let why = format!(
            "refers to `{}` at offset {:#x}, where no function starts",
            symbol.name,
            slot.saturating_mul(8)
        );
        Fault::new(ErrorKind::Relocation, why)
    })
}
