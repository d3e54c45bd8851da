//! The maps of an object, and which address of the ELF file is which map.
//!
//! The order is libbpf's: maps of `.maps`, legacy maps, data sections, `.struct_ops`, `.kconfig`.

mod data;
mod described;
mod legacy;
mod struct_ops;

use belay_spec::MapKind;

use crate::btf::Btf;
use crate::elf::Elf;
use crate::error::{ErrorKind, Fault};
use crate::program::{MapDef, MapOrigin};

/// `BPF_F_RDONLY_PROG`: programs cannot write it.
const READ_ONLY_PROG: u32 = 1 << 7;
/// `BPF_F_MMAPABLE`: user space can map its memory.
const MMAPABLE: u32 = 1 << 10;

/// The maps, and where each stands in the file.
#[derive(Debug, Default)]
pub(crate) struct Maps {
    pub(crate) defs: Vec<MapDef>,
    /// By section and start.
    places: Vec<Span>,
}

/// What a stretch of a section stands for.
#[derive(Debug, Clone, Copy)]
struct Span {
    section: usize,
    start: u64,
    end: u64,
    map: usize,
    addresses: Addresses,
}

/// What a reference into a [`Span`] means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Addresses {
    /// The map itself.
    Map,
    /// The map's value, at the reference's offset.
    Value,
}

/// What an address of the file refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// A map.
    Map(i32),
    /// A byte of a map's value.
    Value(i32, u64),
}

impl Maps {
    /// Reads all maps but `.kconfig`. `object_name` is the start of data sections' names in the kernel.
    pub(crate) fn read(elf: &Elf<'_>, btf: Option<&Btf>, object_name: &str) -> Result<Maps, Fault> {
        let mut maps = Maps::default();
        if let Some((index, section)) = elf.find(".maps") {
            let no_types = || {
                let why = "maps are described by BTF and the object has none; compile with `clang -g`";
                Fault::new(ErrorKind::Map, why).section(".maps")
            };
            described::read(&mut maps, elf, index, section, btf.ok_or_else(no_types)?)?;
        }
        legacy::read(&mut maps, elf)?;
        data::read(&mut maps, elf, btf, object_name)?;
        struct_ops::read(&mut maps, elf, btf)?;
        maps.places.sort_by_key(|s| (s.section, s.start));
        Ok(maps)
    }

    /// What the byte at `offset` of a section refers to.
    pub(crate) fn at(&self, section: usize, offset: u64) -> Option<Target> {
        let after = self.places.partition_point(|s| (s.section, s.start) <= (section, offset));
        let span =
            self.places.get(after.checked_sub(1)?).filter(|s| s.section == section && offset < s.end)?;
        let map = i32::try_from(span.map).ok()?;
        match span.addresses {
            Addresses::Map => Some(Target::Map(map)).filter(|_| offset == span.start),
            Addresses::Value => Some(Target::Value(map, offset.checked_sub(span.start)?)),
        }
    }

    pub(crate) fn push(&mut self, def: MapDef) -> usize {
        self.defs.push(def);
        self.defs.len() - 1
    }

    fn place(&mut self, section: usize, start: u64, size: u64, map: usize, addresses: Addresses) {
        // An address just past a data section is still that section's: C allows to form it.
        let slack = u64::from(addresses == Addresses::Value);
        let end = start.saturating_add(size).saturating_add(slack);
        self.places.push(Span { section, start, end, map, addresses });
    }
}

/// The `.kconfig` map, with its contents.
pub(crate) fn kconfig(object_name: &str, contents: Vec<u8>, btf: Option<&Btf>) -> MapDef {
    let size = u32::try_from(contents.len()).unwrap_or(u32::MAX);
    let mut def = MapDef::new(".kconfig", MapKind::ARRAY, 4, size, 1);
    def.kernel_name = data::kernel_name(object_name, ".kconfig");
    // Its variables are visible to user space, every one.
    def.flags = READ_ONLY_PROG | MMAPABLE;
    def.origin = MapOrigin::Kconfig;
    def.contents = Some(contents);
    def.frozen = true;
    def.btf_value = btf.and_then(|btf| btf.find_section(".kconfig"));
    def
}

fn blank(name: &str, origin: MapOrigin) -> MapDef {
    MapDef { origin, ..MapDef::new(name, MapKind(0), 0, 0, 0) }
}
