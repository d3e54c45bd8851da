//! Maps of a `maps` section: `struct bpf_map_def`, five 32-bit words. libbpf 1.0 dropped them, objects did not.

use belay_spec::MapKind;

use super::{Addresses, Maps, blank};
use crate::elf::{Elf, Home};
use crate::error::{ErrorKind, Fault};
use crate::program::MapOrigin;

const WORDS: usize = 5;

pub(super) fn read(maps: &mut Maps, elf: &Elf<'_>) -> Result<(), Fault> {
    let Some((index, section)) = elf.find("maps") else {
        return Ok(());
    };
    let mut symbols: Vec<_> =
        elf.symbols.iter().filter(|s| s.home == Home::Section(index) && !s.is_section()).collect();
    symbols.sort_by_key(|s| s.value);
    symbols.dedup_by_key(|s| s.value);
    for (i, symbol) in symbols.iter().enumerate() {
        let fault =
            |m: &str| Fault::new(ErrorKind::Map, m).section("maps").offset(symbol.value).symbol(symbol.name);
        let end = symbols.get(i + 1).map_or(section.data.len() as u64, |next| next.value);
        let range = usize::try_from(symbol.value).ok().zip(usize::try_from(end).ok());
        let bytes = range.and_then(|(start, end)| section.data.get(start..end));
        let bytes = bytes.ok_or_else(|| fault("the definition reaches past the end of the section"))?;
        let words: Vec<u32> =
            bytes.chunks_exact(4).filter_map(|w| w.try_into().ok()).map(u32::from_le_bytes).collect();
        let &[kind, key_size, value_size, max_entries, flags, ref rest @ ..] = words.as_slice() else {
            return Err(fault(&format!("a definition of {} bytes, {} are due", bytes.len(), 4 * WORDS)));
        };
        if rest.iter().any(|&w| w != 0) {
            return Err(fault(
                "has options past the five of `struct bpf_map_def`; define it in `.maps` instead",
            ));
        }
        let def = super::MapDef {
            kind: MapKind(kind),
            key_size,
            value_size,
            max_entries,
            flags,
            ..blank(symbol.name, MapOrigin::Legacy)
        };
        let map = maps.push(def);
        maps.place(index, symbol.value, bytes.len() as u64, map, Addresses::Map);
    }
    Ok(())
}
