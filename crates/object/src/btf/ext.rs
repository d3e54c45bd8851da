//! `.BTF.ext`: which function, which source line and which CO-RE relocation belong to an instruction.
//!
//! Records are grouped by the ELF section that they describe, and count offsets in bytes from its start.

use std::collections::HashMap;

use super::parse::{Header, bad};
use super::types::word;
use super::{Btf, TypeId};
use crate::error::Fault;

/// What a compiler says about the instructions of one object, by section name, by ascending slot.
#[derive(Debug, Default)]
pub(crate) struct Ext {
    pub(crate) funcs: HashMap<String, Vec<FuncInfo>>,
    pub(crate) lines: HashMap<String, Vec<LineInfo>>,
    pub(crate) relocations: HashMap<String, Vec<CoreRelocation>>,
}

/// The function that starts at a slot of its section.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FuncInfo {
    pub(crate) slot: u32,
    pub(crate) ty: TypeId,
}

/// The source line that starts at a slot of its section.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LineInfo {
    pub(crate) slot: u32,
    pub(crate) file_name_off: u32,
    pub(crate) line_off: u32,
    pub(crate) line_col: u32,
}

/// What the compiler asks to be patched for the running kernel's types.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CoreRelocation {
    pub(crate) slot: u32,
    pub(crate) ty: TypeId,
    pub(crate) access_off: u32,
    pub(crate) kind: u32,
}

impl Ext {
    pub(crate) fn read(bytes: &[u8], btf: &Btf) -> Result<Ext, Fault> {
        let header = Header::read(bytes)?;
        let part = |at: usize, what| match header.len / 4 > at + 1 {
            true => header.part(word(bytes, at), word(bytes, at + 1), what),
            false => Ok(0..0),
        };
        let part = |at, what| part(at, what).map(|range| bytes.get(range).unwrap_or_default());
        let mut ext = Ext {
            funcs: groups(part(2, "function records")?, 8, btf, |slot, r| FuncInfo {
                slot,
                ty: TypeId(word(r, 1)),
            })?,
            lines: groups(part(4, "line records")?, 16, btf, |slot, r| LineInfo {
                slot,
                file_name_off: word(r, 1),
                line_off: word(r, 2),
                line_col: word(r, 3),
            })?,
            relocations: groups(part(6, "relocation records")?, 16, btf, |slot, r| CoreRelocation {
                slot,
                ty: TypeId(word(r, 1)),
                access_off: word(r, 2),
                kind: word(r, 3),
            })?,
        };
        // Readers search by slot. The sort is stable: of several records for a slot the order stays.
        ext.funcs.values_mut().for_each(|v| v.sort_by_key(|r| r.slot));
        ext.lines.values_mut().for_each(|v| v.sort_by_key(|r| r.slot));
        ext.relocations.values_mut().for_each(|v| v.sort_by_key(|r| r.slot));
        Ok(ext)
    }
}

/// Reads one part: the records' size, then for each section its name, a count, and the records.
fn groups<T>(
    part: &[u8],
    least: usize,
    btf: &Btf,
    read: impl Fn(u32, &[u8]) -> T,
) -> Result<HashMap<String, Vec<T>>, Fault> {
    let mut groups: HashMap<String, Vec<T>> = HashMap::new();
    if part.is_empty() {
        return Ok(groups);
    }
    let size = word(part, 0) as usize;
    if size < least || !size.is_multiple_of(4) {
        return Err(bad(&format!("`.BTF.ext` has records of {size} bytes, at least {least} are due")));
    }
    let mut rest = part.get(4..).ok_or_else(|| bad("`.BTF.ext` ends within a record's size"))?;
    while !rest.is_empty() {
        let (name, count) = (word(rest, 0), word(rest, 1) as usize);
        let len = count.checked_mul(size).filter(|_| rest.len() >= 8);
        let data = len.and_then(|len| rest.get(8..len.checked_add(8)?));
        let data = data.ok_or_else(|| bad("records of `.BTF.ext` reach past their end"))?;
        let group = groups.entry(btf.string(name).to_owned()).or_default();
        for record in data.chunks_exact(size) {
            let offset = word(record, 0);
            if !offset.is_multiple_of(8) {
                return Err(bad(&format!(
                    "a record of `.BTF.ext` names offset {offset:#x}, within an instruction"
                )));
            }
            group.push(read(offset / 8, record));
        }
        rest = rest.get(8 + data.len()..).unwrap_or_default();
    }
    Ok(groups)
}
