//! `--dump-map NAME`: what a map holds after the last packet, as a file that fills it again (`docs/maps.md`).
//!
//! Records of ring buffers and perf event arrays are taken out after each packet, as by a reader who is never late: a long
//! capture does not fill them up. Those of the maps that are asked for are kept.

use std::collections::BTreeMap;

use belay_diagnostics::printable;
use belay_object::Object;
use belay_spec::MapKind;
use belay_vm::{Dump, Map, Maps};

use crate::command::{Error, Output};

/// Bytes of the buffer of each CPU's events.
const EVENTS: usize = 1 << 20;

/// The maps that are asked for.
pub(super) struct Dumps<'m> {
    maps: &'m Maps,
    wanted: Vec<Wanted<'m>>,
}

struct Wanted<'m> {
    map: &'m Map,
    /// Where it goes instead of the output.
    file: Option<&'m str>,
    records: Vec<Vec<u8>>,
}

impl<'m> Dumps<'m> {
    /// Finds the maps, `NAME` or `NAME=FILE` each, and gets ready to take records out.
    pub(super) fn new(asked: &'m [String], object: &Object, maps: &'m Maps) -> Result<Dumps<'m>, Error> {
        let wanted = asked.iter().map(|asked| {
            let (name, file) = asked.split_once('=').map_or((asked.as_str(), None), |(n, f)| (n, Some(f)));
            let map = maps.by_name(name).ok_or_else(|| {
                let names: Vec<String> =
                    object.maps.iter().map(|map| format!("`{}`", printable(&map.name))).collect();
                let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                Error::file(
                    &object.path,
                    format!("the object has no map `{}`; it has {names}", printable(name)),
                )
            })?;
            if map.def().kind == MapKind::BLOOM_FILTER {
                let why =
                    format!("map `{}` is a Bloom filter, which cannot say what it holds", printable(name));
                return Err(Error::file(&object.path, why));
            }
            Ok(Wanted { map, file, records: Vec::new() })
        });
        let wanted = wanted.collect::<Result<_, _>>()?;
        for map in maps.iter() {
            map.open_events(EVENTS);
        }
        Ok(Dumps { maps, wanted })
    }

    /// Takes out what the last packet's program put out.
    pub(super) fn read_records(&mut self) {
        for map in self.maps.iter().filter(|map| has_records(map)) {
            let records = map.drain();
            let mut wanted = self.wanted.iter_mut().filter(|wanted| std::ptr::eq(wanted.map, map));
            if let Some(first) = wanted.next() {
                first.records.extend(records);
            }
        }
    }

    fn dump(&self, wanted: &Wanted<'_>) -> Dump {
        if has_records(wanted.map) { Dump::of_records(&wanted.records) } else { self.maps.dump(wanted.map) }
    }

    /// Writes the files, and the others as TOML behind a comment each.
    pub(super) fn print(&self, out: &mut Output<'_>) -> Result<(), Error> {
        for wanted in self.wanted.iter().filter(|wanted| wanted.file.is_none()) {
            out.line(format_args!("\n# map {}", printable(wanted.map.name())))?;
            out.text(&toml(&self.dump(wanted))?)?;
        }
        self.write_files()
    }

    /// Writes the files; the others by name.
    pub(super) fn into_json(self) -> Result<BTreeMap<String, Dump>, Error> {
        self.write_files()?;
        let others = self.wanted.iter().filter(|wanted| wanted.file.is_none());
        Ok(others.map(|wanted| (wanted.map.name().to_owned(), self.dump(wanted))).collect())
    }

    fn write_files(&self) -> Result<(), Error> {
        for wanted in &self.wanted {
            if let Some(file) = wanted.file {
                std::fs::write(file, toml(&self.dump(wanted))?).map_err(|e| Error::file(file, e))?;
            }
        }
        Ok(())
    }
}

fn has_records(map: &Map) -> bool {
    matches!(map.def().kind, MapKind::RINGBUF | MapKind::PERF_EVENT_ARRAY)
}

fn toml(dump: &Dump) -> Result<String, Error> {
    dump.to_toml().map_err(|error| Error::new(format!("cannot write TOML: {error}")))
}
