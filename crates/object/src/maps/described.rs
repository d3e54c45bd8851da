//! Maps of `.maps`: a variable whose type describes the map.
//!
//! `__uint(name, value)` is a member that points to an array of `value` elements, `__type(name, type)` one that points
//! to the type, `__ulong(name, value)` an enumeration of one value, `__array(values, type)` an array without a length
//! that ends the structure; what stands in that array follows from the section's relocations.

use belay_spec::MapKind;

use super::{Addresses, MapDef, Maps, blank};
use crate::btf::{Btf, Kind, Member, TypeId};
use crate::elf::{Elf, Home, Section};
use crate::error::{ErrorKind, Fault};
use crate::program::{MapOrigin, SlotInit};

/// Bytes of a pointer in a BPF object.
const POINTER: u64 = 8;

/// A definition, and what is needed to place its initial entries.
struct Described {
    def: MapDef,
    /// Offset of the `values` array in the structure.
    values: Option<u64>,
}

pub(super) fn read(
    maps: &mut Maps,
    elf: &Elf<'_>,
    index: usize,
    section: &Section<'_>,
    btf: &Btf,
) -> Result<(), Fault> {
    let no_types = || Fault::new(ErrorKind::Map, "BTF does not describe the maps").section(section.name);
    let Kind::Section { vars, .. } = btf.get(btf.find_section(section.name).ok_or_else(no_types)?).kind
    else {
        return Err(no_types());
    };
    // (start, end, values offset, map) of each variable, to place initial entries.
    let mut spans = Vec::new();
    for var in vars.iter() {
        let variable = btf.get(var.ty);
        let name = variable.name;
        let fault = |m: &str| map_fault(m).section(section.name).offset(var.offset.into()).symbol(name);
        let Kind::Var { ty, .. } = variable.kind else {
            return Err(fault("is no variable"));
        };
        let end = u64::from(var.offset) + u64::from(var.size);
        if end > section.size {
            return Err(fault("reaches past the end of the section"));
        }
        let described = describe(btf, ty, name, true).map_err(|f| f.section(section.name).symbol(name))?;
        let map = maps.push(described.def);
        maps.place(index, var.offset.into(), u64::from(var.size).max(1), map, Addresses::Map);
        spans.push((u64::from(var.offset), end, described.values, map));
    }
    spans.sort_by_key(|span| span.0);
    for relocation in &section.relocations {
        let fault = |m: &str| map_fault(m).section(section.name).offset(relocation.offset);
        let symbol =
            elf.symbols.get(relocation.symbol).ok_or_else(|| fault("relocation against no symbol"))?;
        let fault = |m: &str| fault(m).symbol(symbol.name);
        let after = spans.partition_point(|span| span.0 <= relocation.offset);
        let span = after.checked_sub(1).and_then(|i| spans.get(i)).filter(|span| relocation.offset < span.1);
        let span = span.ok_or_else(|| fault("a relocation of no map"))?;
        let values = span.2.and_then(|values| relocation.offset.checked_sub(span.0)?.checked_sub(values));
        let values = values.filter(|at| at % POINTER == 0).and_then(|at| u32::try_from(at / POINTER).ok());
        let slot = values.ok_or_else(|| fault("initialises something other than an element of `values`"))?;
        let target = if symbol.is_section() {
            // A static map: the word in place is its offset in the section.
            let at = word_at(section.data, relocation.offset).unwrap_or_default().wrapping_add(symbol.value);
            let same = symbol.home == Home::Section(index);
            let found = spans.binary_search_by_key(&at, |span| span.0).ok().filter(|_| same);
            let found = found.and_then(|i| maps.defs.get(spans.get(i)?.3));
            found.map(|m| m.name.clone()).ok_or_else(|| fault("the initial value is no map"))?
        } else {
            symbol.name.to_owned()
        };
        if let Some(def) = maps.defs.get_mut(span.3) {
            def.init.push(SlotInit { index: slot, target });
        }
    }
    Ok(())
}

fn word_at(data: &[u8], offset: u64) -> Option<u64> {
    let at = usize::try_from(offset).ok()?;
    let bytes = data.get(at..at.checked_add(8)?)?;
    bytes.try_into().ok().map(u64::from_le_bytes)
}

/// Reads the structure `ty` as a map's definition. An inner map (`outer` false) has no inner map and no pin.
fn describe(btf: &Btf, ty: TypeId, name: &str, outer: bool) -> Result<Described, Fault> {
    let Kind::Struct { members, .. } = btf.strip(ty).kind else {
        return Err(map_fault(
            "its type is no structure: a map is an anonymous `struct { … } name SEC(\".maps\")`",
        ));
    };
    let mut def = blank(name, MapOrigin::Btf);
    let mut values = None;
    for member in members.iter() {
        let field = member.name;
        let fault = |m: String| map_fault(&m);
        let number = || {
            number(btf, &member)
                .ok_or_else(|| fault(format!("`{field}` is not written as `__uint({field}, …)`")))
        };
        let pointee = || match btf.strip(member.ty).kind {
            Kind::Ptr(to) => Ok(to),
            _ => Err(fault(format!("`{field}` is not written as `__type({field}, …)`"))),
        };
        match field {
            "type" => def.kind = MapKind(number()?),
            "max_entries" => def.max_entries = number()?,
            "map_flags" => def.flags = number()?,
            "numa_node" => def.numa_node = Some(number()?),
            "key_size" => set_size(&mut def.key_size, number()?, "key")?,
            "value_size" => set_size(&mut def.value_size, number()?, "value")?,
            "key" | "value" => {
                let to = pointee()?;
                let size = btf.size_of(to).ok_or_else(|| fault(format!("the {field}'s type has no size")))?;
                if field == "key" {
                    set_size(&mut def.key_size, size, field)?;
                    def.btf_key = Some(to);
                } else {
                    set_size(&mut def.value_size, size, field)?;
                    def.btf_value = Some(to);
                }
            }
            "values" => {
                values = Some(u64::from(member.bit_offset / 8));
                let element = match btf.strip(member.ty).kind {
                    Kind::Array { element, .. } => element,
                    _ => return Err(fault("`values` is no array: write `__array(values, …)`".to_owned())),
                };
                // The kernel's form of such a value is a file descriptor.
                set_size(&mut def.value_size, 4, "value")?;
                if def.kind.holds_maps() {
                    if !outer {
                        return Err(fault("an inner map holds maps itself".to_owned()));
                    }
                    let to = match btf.strip(element).kind {
                        Kind::Ptr(to) => to,
                        _ => return Err(fault("`values` is no array of pointers to maps".to_owned())),
                    };
                    def.inner = Some(Box::new(describe(btf, to, &format!("{name}.inner"), false)?.def));
                } else if def.kind != MapKind::PROG_ARRAY {
                    let why =
                        "only maps of maps and program arrays have initial `values`, and `type` comes first";
                    return Err(fault(why.to_owned()));
                }
            }
            "pinning" => {
                def.pinned = match number()? {
                    0 => false,
                    1 if outer => true,
                    1 => return Err(fault("an inner map cannot be pinned".to_owned())),
                    other => {
                        return Err(fault(format!(
                            "`pinning` is {other}, not LIBBPF_PIN_NONE or LIBBPF_PIN_BY_NAME"
                        )));
                    }
                }
            }
            "map_extra" => {
                def.map_extra = long_number(btf, &member).ok_or_else(|| {
                    fault("`map_extra` is not written as `__ulong(map_extra, …)`".to_owned())
                })?;
            }
            other => return Err(fault(format!("has an unknown property `{other}`"))),
        }
    }
    if def.kind == MapKind(0) {
        return Err(map_fault("has no `type`: write `__uint(type, BPF_MAP_TYPE_…)`"));
    }
    Ok(Described { def, values })
}

/// `key` and `key_size` may both stand, if they agree.
fn set_size(size: &mut u32, new: u32, what: &str) -> Result<(), Fault> {
    if *size != 0 && *size != new {
        return Err(map_fault(&format!("the {what}'s size is given as {size} and as {new} bytes")));
    }
    *size = new;
    Ok(())
}

fn number(btf: &Btf, member: &Member<'_>) -> Option<u32> {
    let Kind::Ptr(to) = btf.strip(member.ty).kind else { return None };
    match btf.strip(to).kind {
        Kind::Array { len, .. } => Some(len),
        _ => None,
    }
}

fn long_number(btf: &Btf, member: &Member<'_>) -> Option<u64> {
    match btf.strip(member.ty).kind {
        Kind::Enum { values, .. } if values.len() == 1 => values.get(0).map(|v| v.value),
        _ => number(btf, member).map(u64::from),
    }
}

fn map_fault(message: &str) -> Fault {
    Fault::new(ErrorKind::Map, message)
}
