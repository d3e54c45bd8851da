//! The part of a scenario that several in one file may share: programs and the world around them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use belay_diagnostics::printable;
use belay_object::{Object, Options, Program};
use belay_sockets::{Place, SocketTable};
use belay_spec::Release;
use belay_vm::routes::Routes;
use serde::Deserialize;
use toml::de::ValueDeserializer;

use super::Context;
use super::mistake::{Mistake, listed};
use super::table::{Item, Table};
use crate::fill;
use crate::scenario::{Entries, Fill};

/// As it is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup<'t> {
    object: Option<Item<'t>>,
    assembly: Option<Item<'t>>,
    pub(crate) program: Option<Item<'t>>,
    pub(crate) egress: Option<Item<'t>>,
    release: Option<Item<'t>>,
    unverified: Option<Item<'t>>,
    budget: Option<Item<'t>>,
    globals: Vec<Item<'t>>,
    maps: Vec<Item<'t>>,
    sockets: Option<Item<'t>>,
    routes: Option<Item<'t>>,
    kernel: Option<Item<'t>>,
}

impl<'t> Setup<'t> {
    pub(crate) fn take(table: &mut Table<'t>) -> Setup<'t> {
        Setup {
            object: table.take("object"),
            assembly: table.take("assembly"),
            program: table.take("program"),
            egress: table.take("egress"),
            release: table.take("release"),
            unverified: table.take("unverified"),
            budget: table.take("budget"),
            globals: table.take("globals").into_iter().collect(),
            maps: table.take("maps").into_iter().collect(),
            sockets: table.take("sockets"),
            routes: table.take("routes"),
            kernel: table.take("kernel"),
        }
    }

    /// This, where it says something; else what the other says. Maps and variables of both.
    pub(crate) fn over(self, base: &Setup<'t>) -> Setup<'t> {
        let base = base.clone();
        // Another object, and what is said of the first means nothing.
        let same = self.object.is_none() && self.assembly.is_none();
        let (object, assembly) =
            if same { (base.object, base.assembly) } else { (self.object, self.assembly) };
        let joined = |mut of_base: Vec<Item<'t>>, own: Vec<Item<'t>>| {
            if !same {
                of_base.clear();
            }
            of_base.extend(own);
            of_base
        };
        Setup {
            object,
            assembly,
            program: self.program.or(base.program.filter(|_| same)),
            egress: self.egress.or(base.egress.filter(|_| same)),
            release: self.release.or(base.release),
            unverified: self.unverified.or(base.unverified),
            budget: self.budget.or(base.budget),
            globals: joined(base.globals, self.globals),
            maps: joined(base.maps, self.maps),
            sockets: self.sockets.or(base.sockets),
            routes: self.routes.or(base.routes),
            kernel: self.kernel.or(base.kernel),
        }
    }

    pub(crate) fn release(&self) -> Result<Release, Mistake> {
        let Some(item) = &self.release else { return Ok(Release::LATEST) };
        item.string()?.parse().map_err(|e: <Release as std::str::FromStr>::Err| item.mistake(e))
    }

    pub(crate) fn unverified(&self) -> Result<bool, Mistake> {
        self.unverified.as_ref().map_or(Ok(false), Item::boolean)
    }

    pub(crate) fn budget(&self) -> Result<u64, Mistake> {
        self.budget.as_ref().map_or(Ok(1_000_000), Item::integer)
    }

    /// The object, with its variables set.
    pub(crate) fn object(&self, context: &Context<'_>) -> Result<Arc<Object>, Mistake> {
        let object = match (&self.object, &self.assembly) {
            (Some(_), Some(both)) => {
                return Err(both.mistake("`object` and `assembly`: only one can be meant"));
            }
            (Some(item), None) => {
                let path = context.beside(item.string()?);
                context.library.object(&path).map_err(|why| item.mistake(with_name(&path, &why)))?
            }
            (None, Some(item)) => {
                let text = item.string()?;
                let object = Object::parse("assembly", text.as_bytes(), &Options::default());
                Arc::new(object.map_err(|e| item.mistake(printable(&e.to_string())))?)
            }
            (None, None) => {
                return Err(Mistake::new(
                    context.start.clone(),
                    "no program: write `object = \"FILE\"` or `assembly`",
                ));
            }
        };
        self.globals.iter().try_fold(object, |object, item| set_globals(&object, item.clone()))
    }

    /// The program for packets that name none.
    pub(crate) fn program<'o>(
        &self,
        object: &'o Object,
        context: &Context<'_>,
    ) -> Result<&'o Program, Mistake> {
        match &self.program {
            Some(item) => program_named(object, item),
            None => match object.programs.as_slice() {
                [only] if object.broken.is_empty() => Ok(only),
                programs => {
                    let names = listed(programs.iter().map(|p| p.name.as_str()));
                    let message = format!("several programs ({names}): choose one with `program`");
                    Err(Mistake::new(context.start.clone(), message))
                }
            },
        }
    }

    pub(crate) fn sockets(&self, context: &Context<'_>) -> Result<Option<SocketTable>, Mistake> {
        let Some(item) = &self.sockets else { return Ok(None) };
        let read = match item.as_str() {
            Some(path) => {
                let path = context.beside(path);
                let text =
                    super::library::read_text(&path).map_err(|why| item.mistake(with_name(&path, &why)))?;
                SocketTable::from_toml(&path.display().to_string(), &text)
                    .map_err(|e| item.mistake(printable(&e.to_string())))?
            }
            None => SocketTable::from_toml_part(context.file, context.text, item.clone().into_value())
                .map_err(|e| {
                    // The place is known already; the earlier one that it collides with is part of the message.
                    let at = context.offset_of(&e.place);
                    let first =
                        e.first.map_or_else(String::new, |first| format!(" (the first is at {first})"));
                    Mistake::new(at..at, format!("{}{first}", printable(&e.message)))
                })?,
        };
        Ok(Some(read))
    }

    pub(crate) fn routes(&self, context: &Context<'_>) -> Result<Option<Routes>, Mistake> {
        let Some(item) = &self.routes else { return Ok(None) };
        let first_line = |error: &toml::de::Error| {
            error.message().lines().next().unwrap_or("not a routing table").to_owned()
        };
        if let Some(path) = item.as_str() {
            let path = context.beside(path);
            let read = super::library::read_scenario(&path.display().to_string(), &path);
            let text = read.map_err(|e| item.mistake(printable(&e.to_string())))?;
            return toml::from_str(&text).map(Some).map_err(|error| {
                let place =
                    Place::of(&path.display().to_string(), &text, error.span().map_or(0, |span| span.start));
                item.mistake(printable(&format!("{place}: {}", first_line(&error))))
            });
        }
        Routes::deserialize(ValueDeserializer::from(item.clone().into_value()))
            .map(Some)
            .map_err(|error| Mistake::new(error.span().unwrap_or(item.at()), first_line(&error)))
    }

    pub(crate) fn fills(&self, object: &Object, context: &Context<'_>) -> Result<Vec<Fill>, Mistake> {
        let mut fills = Vec::new();
        for item in &self.maps {
            for (name, at, item) in item.clone().table()?.named() {
                known_map(object, &name, at)?;
                fills.push(fill_of(name, &item, context)?);
            }
        }
        Ok(fills)
    }

    /// The maps in which the kernel may differ.
    pub(crate) fn kernel_differs(&self, object: &Object) -> Result<Vec<String>, Mistake> {
        let Some(item) = &self.kernel else { return Ok(Vec::new()) };
        let mut table = item.clone().table()?;
        let maps = table.take("differs");
        table.finish()?;
        let maps = maps.map_or(Ok(Vec::new()), Item::one_or_more)?;
        maps.iter()
            .map(|item| {
                let name = item.string()?.to_owned();
                known_map(object, &name, item.at())?;
                Ok(name)
            })
            .collect()
    }
}

/// What is wrong with another file.
pub(crate) fn with_name(path: &Path, why: &str) -> String {
    let name = path.display().to_string();
    // An object's error begins with its name.
    if why.starts_with(&name) { why.to_owned() } else { format!("{}: {why}", printable(&name)) }
}

pub(crate) fn program_named<'o>(object: &'o Object, item: &Item<'_>) -> Result<&'o Program, Mistake> {
    let name = item.string()?;
    if let Some(program) = object.programs.iter().find(|program| program.name == name) {
        return Ok(program);
    }
    if let Some(broken) = object.broken.iter().find(|broken| broken.name == name) {
        return Err(item.mistake(printable(&broken.error.to_string())));
    }
    let names = listed(object.programs.iter().map(|program| program.name.as_str()));
    Err(item.mistake(format!("no program `{}`; the object has {names}", name.escape_debug())))
}

/// The definition of a map that must be there.
pub(crate) fn known_map<'o>(
    object: &'o Object,
    name: &str,
    at: std::ops::Range<usize>,
) -> Result<&'o belay_object::MapDef, Mistake> {
    object.maps.iter().find(|map| map.name == name).ok_or_else(|| {
        let names = listed(object.maps.iter().map(|map| map.name.as_str()));
        Mistake::new(at, format!("no map `{}`; the object has {names}", name.escape_debug()))
    })
}

fn fill_of(map: String, item: &Item<'_>, context: &Context<'_>) -> Result<Fill, Mistake> {
    let place = context.place(item.at());
    if let Some(path) = item.as_str() {
        let path: PathBuf = context.beside(path);
        let text = super::library::read_text(&path).map_err(|why| item.mistake(with_name(&path, &why)))?;
        let entries = Entries::File { path: path.display().to_string(), text };
        return Ok(Fill { place, map, entries });
    }
    let mut entries = Vec::new();
    if item.is_array() {
        for entry in item.clone().array()? {
            entries.push((context.place(entry.at()), entry_table(&entry)?));
        }
    } else {
        // `{ values = [...] }`, as in a file.
        let toml::Value::Table(table) = item.plain()? else {
            return Err(
                item.mistake("a file's name, an array of entries, or `{ values = […] }` was expected")
            );
        };
        entries.push((place.clone(), table));
    }
    Ok(Fill { place, map, entries: Entries::Inline(entries) })
}

/// One entry in the shape of a file of one.
fn entry_table(entry: &Item<'_>) -> Result<toml::Table, Mistake> {
    let mut table = entry.clone().table()?;
    let (key, value) = (table.need("key")?.plain()?, table.need("value")?.plain()?);
    table.finish()?;
    let entry = toml::Table::from_iter([("key".to_owned(), key), ("value".to_owned(), value)]);
    Ok(toml::Table::from_iter([("entry".to_owned(), toml::Value::Array(vec![entry.into()]))]))
}

/// The object with other values of its variables.
fn set_globals(object: &Arc<Object>, item: Item<'_>) -> Result<Arc<Object>, Mistake> {
    let mut changed = Object::clone(object);
    for (name, at, value) in item.table()?.named() {
        let plain = value.plain()?;
        fill::set_variable(&mut changed, &name, &plain).map_err(|why| Mistake::new(at, why))?;
    }
    Ok(Arc::new(changed))
}

impl Context<'_> {
    /// A place of the file.
    pub(crate) fn place(&self, at: std::ops::Range<usize>) -> Place {
        Place::of(self.file, self.text, at.start)
    }

    /// A path that is relative to the scenario's file.
    pub(crate) fn beside(&self, path: &str) -> PathBuf {
        let joined = self.directory.join(path);
        // `a/b/../c` is shown as `a/c`: people know it by that.
        let mut shown = PathBuf::new();
        for part in joined.components() {
            match part {
                std::path::Component::ParentDir
                    if shown
                        .components()
                        .next_back()
                        .is_some_and(|last| matches!(last, std::path::Component::Normal(_))) =>
                {
                    shown.pop();
                }
                std::path::Component::CurDir => {}
                other => shown.push(other),
            }
        }
        shown
    }

    /// Where a place of this file begins in the text.
    fn offset_of(&self, place: &Place) -> usize {
        let line =
            self.text.split_inclusive('\n').take(place.line.saturating_sub(1)).map(str::len).sum::<usize>();
        let rest = self.text.get(line..).unwrap_or_default();
        line + rest.chars().take(place.column.saturating_sub(1)).map(char::len_utf8).sum::<usize>()
    }
}
