//! Variables of `.struct_ops` sections: tables of functions that a kernel subsystem calls.
//!
//! Each is a map of one value, the table as the object has it; relocations say which program stands at which offset.

use belay_spec::MapKind;

use super::{MapDef, Maps, blank};
use crate::btf::{Btf, Kind};
use crate::elf::{Elf, Section};
use crate::error::{ErrorKind, Fault};
use crate::program::{MapOrigin, SlotInit};

/// `BPF_F_LINK`: registered by a link, not by the map's update.
const BY_LINK: u32 = 1 << 13;

pub(super) fn read(maps: &mut Maps, elf: &Elf<'_>, btf: Option<&Btf>) -> Result<(), Fault> {
    for section in &elf.sections {
        // A `?` says that libbpf creates it only when asked.
        match (section.name.strip_prefix('?').unwrap_or(section.name), btf) {
            (".struct_ops", Some(btf)) => tables(maps, elf, section, btf, 0)?,
            (".struct_ops.link", Some(btf)) => tables(maps, elf, section, btf, BY_LINK)?,
            _ => {}
        }
    }
    Ok(())
}

fn tables(maps: &mut Maps, elf: &Elf<'_>, section: &Section<'_>, btf: &Btf, flags: u32) -> Result<(), Fault> {
    let fault = |m: &str| Fault::new(ErrorKind::Map, m).section(section.name);
    let Some(id) = btf.find_section(section.name) else { return Ok(()) };
    let Kind::Section { vars, .. } = btf.get(id).kind else { return Ok(()) };
    for var in vars.iter() {
        let variable = btf.get(var.ty);
        let fault = |m: &str| fault(m).symbol(variable.name).offset(var.offset.into());
        let Kind::Var { ty, .. } = variable.kind else { return Err(fault("is no variable")) };
        let (Kind::Struct { size, .. }, table) = (btf.strip(ty).kind, btf.strip(ty).id) else {
            return Err(fault("its type is no structure"));
        };
        let (start, end) = (u64::from(var.offset), u64::from(var.offset) + u64::from(size));
        let bytes = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        let bytes = bytes.and_then(|(start, end)| section.data.get(start..end));
        let bytes = bytes.ok_or_else(|| fault("reaches past the end of the section"))?;
        let from = section.relocations.partition_point(|r| r.offset < start);
        let to = section.relocations.partition_point(|r| r.offset < end);
        let mut init = Vec::new();
        for relocation in section.relocations.get(from..to).unwrap_or_default() {
            let symbol = elf.symbols.get(relocation.symbol).filter(|s| s.is_func());
            let symbol = symbol.ok_or_else(|| fault("is initialised with something that is no program"))?;
            let index = u32::try_from(relocation.offset - start).unwrap_or(u32::MAX);
            init.push(SlotInit { index, target: symbol.name.to_owned() });
        }
        maps.push(MapDef {
            kind: MapKind::STRUCT_OPS,
            key_size: 4,
            value_size: size,
            max_entries: 1,
            flags,
            contents: Some(bytes.to_vec()),
            init,
            btf_value: Some(table),
            ..blank(variable.name, MapOrigin::StructOps)
        });
    }
    Ok(())
}
