//! Data sections as maps: one value, as large as the section, holding its bytes.

use belay_spec::MapKind;

use super::{Addresses, MMAPABLE, Maps, READ_ONLY_PROG};
use crate::btf::{Btf, Kind, Linkage};
use crate::elf::{Elf, Section};
use crate::error::{ErrorKind, Fault};
use crate::program::{MapDef, MapOrigin};

pub(super) fn read(
    maps: &mut Maps,
    elf: &Elf<'_>,
    btf: Option<&Btf>,
    object_name: &str,
) -> Result<(), Fault> {
    for (index, section) in elf.sections.iter().enumerate() {
        if section.name == ".addr_space.1" {
            arena(maps, index, section)?;
        } else if is_data(section) {
            let def = define(section, btf, object_name)?;
            let map = maps.push(def);
            maps.place(index, 0, section.size, map, Addresses::Value);
        }
    }
    Ok(())
}

/// Whether a section becomes a map: `.rodata`, `.data`, `.bss` and their dotted kin, unless empty.
pub(crate) fn is_data(section: &Section<'_>) -> bool {
    let family =
        |base: &str| section.name.strip_prefix(base).is_some_and(|r| r.is_empty() || r.starts_with('.'));
    section.size > 0
        && section.allocated
        && !section.executable
        && [".rodata", ".data", ".bss"].iter().any(|b| family(b))
}

fn define(section: &Section<'_>, btf: Option<&Btf>, object_name: &str) -> Result<MapDef, Fault> {
    let size = u32::try_from(section.size).ok().filter(|&s| i32::try_from(s).is_ok());
    let size = size.ok_or_else(|| {
        Fault::new(ErrorKind::Map, format!("{} bytes do not fit in a map's value", section.size))
            .section(section.name)
    })?;
    let mut def = MapDef::new(section.name, MapKind::ARRAY, 4, size, 1);
    def.kernel_name = kernel_name(object_name, section.name);
    def.origin = MapOrigin::Data;
    def.contents = Some(section.data.to_vec()).filter(|bytes| !bytes.is_empty());
    def.btf_value = btf.and_then(|btf| btf.find_section(section.name));
    if section.name.starts_with(".rodata") {
        def.flags |= READ_ONLY_PROG;
        def.frozen = true;
    }
    if btf.is_some_and(|btf| has_visible_variable(btf, section.name)) {
        def.flags |= MMAPABLE;
    }
    Ok(def)
}

/// Whether a program's user could name a variable of the section: libbpf then makes its map mappable.
fn has_visible_variable(btf: &Btf, section: &str) -> bool {
    let Some(id) = btf.find_section(section) else { return false };
    let Kind::Section { vars, .. } = btf.get(id).kind else { return false };
    vars.iter().any(|v| matches!(btf.get(v.ty).kind, Kind::Var { linkage, .. } if linkage != Linkage::Static))
}

/// Variables in arena memory lie at the start of the object's one arena.
fn arena(maps: &mut Maps, index: usize, section: &Section<'_>) -> Result<(), Fault> {
    let arena = maps.defs.iter().position(|m| m.kind == MapKind::ARENA);
    let map = arena.ok_or_else(|| {
        Fault::new(ErrorKind::Map, "variables lie in an arena and the object defines none")
            .section(section.name)
    })?;
    maps.place(index, 0, section.size, map, Addresses::Value);
    Ok(())
}

/// The name that libbpf gives a data section's map: the object's name, cut so that the section's name fits into 15
/// bytes; a section of several dots (`.data.custom`) keeps its own name alone.
pub(super) fn kernel_name(object_name: &str, section: &str) -> String {
    let prefix = match section.get(1..).is_some_and(|rest| rest.contains('.')) {
        true => 0,
        false => 15_usize.saturating_sub(section.len().max(7)),
    };
    let name: String = object_name.chars().take(prefix).chain(section.chars()).collect();
    crate::program::kernel_name(&name)
}

#[cfg(test)]
mod tests {
    use super::kernel_name;

    #[test]
    fn names_are_those_that_bpftool_shows() {
        assert_eq!(kernel_name("firewall_of_mine", ".rodata"), "firewall.rodata");
        assert_eq!(kernel_name("firewall_of_mine", ".bss"), "firewall.bss");
        assert_eq!(kernel_name("fw", ".kconfig"), "fw.kconfig");
        assert_eq!(kernel_name("fw", ".data.custom_name"), ".data.custom_na");
    }
}
