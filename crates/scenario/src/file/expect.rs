//! What is expected, as it is written: `[packet.expect]` and `[expect]`.

use belay_object::{Attach, Object, Program};
use belay_sockets::{SocketId, SocketTable};
use belay_vm::routes::Routes;

use super::Context;
use super::mistake::{Mistake, listed};
use super::setup::known_map;
use super::table::{Item, Table};
use super::value;
use crate::describe;
use crate::event::{Form, Kind, fields};
use crate::fill;
use crate::packet;
use crate::scenario::{EntryExpectation, Expectation, MapExpectation, Wanted, What};

/// What expectations refer to.
pub(crate) struct Subject<'s> {
    pub(crate) context: &'s Context<'s>,
    pub(crate) object: &'s Object,
    pub(crate) sockets: &'s SocketTable,
    pub(crate) routes: Option<&'s Routes>,
}

/// What a packet, or another event, is held to.
pub(crate) struct OfStep {
    pub(crate) expectations: Vec<Expectation>,
    pub(crate) balanced: bool,
}

/// The table `expect` of an event of this kind (none: of a packet), whose program that is.
pub(crate) fn of_step(
    subject: &Subject<'_>,
    kind: Option<&'static Kind>,
    program: &Program,
    item: Option<Item<'_>>,
) -> Result<OfStep, Mistake> {
    let mut of = OfStep { expectations: Vec::new(), balanced: true };
    let Some(item) = item else { return Ok(of) };
    let mut table = item.table()?;
    if let Some(item) = table.take("action") {
        of.expect(subject, &item, What::Action(action(program, &item)?));
    }
    match kind {
        None => packet(subject, &mut table, &mut of)?,
        Some(kind) => event(subject, kind, &mut table, &mut of)?,
    }
    if let Some(item) = table.take("lookups") {
        let at = item.clone();
        let wanted = item.one_or_more()?;
        let wanted = wanted.iter().map(|item| socket(subject.sockets, item)).collect::<Result<_, _>>()?;
        of.expect(subject, &at, What::Lookups(wanted));
    }
    if kind.is_none_or(|kind| kind.word == "sk_msg")
        && let Some(item) = table.take("redirect")
    {
        of.expect(subject, &item, What::Redirect(item.string()?.to_owned()));
    }
    if let Some(item) = table.take("printed") {
        let at = item.clone();
        let lines = item.one_or_more()?;
        let lines = lines.iter().map(|item| item.string().map(str::to_owned)).collect::<Result<_, _>>()?;
        of.expect(subject, &at, What::Printed(lines));
    }
    if let Some(item) = table.take("fault") {
        of.expect(subject, &item, What::Fault(item.string()?.to_owned()));
    }
    if let Some(item) = table.take("leaks") {
        of.expect(subject, &item, What::Leaks(item.integer()?));
        of.balanced = false;
    }
    if let Some(item) = table.take("balanced") {
        of.balanced = item.boolean()?;
    }
    of.expectations.extend(maps(subject, table.take("maps"))?);
    table.finish()?;
    Ok(of)
}

impl OfStep {
    fn expect(&mut self, subject: &Subject<'_>, item: &Item<'_>, what: What) {
        self.expectations.push(Expectation { place: subject.context.place(item.at()), what });
    }
}

/// What only packets have.
fn packet(subject: &Subject<'_>, table: &mut Table<'_>, of: &mut OfStep) -> Result<(), Mistake> {
    frame(subject, table, of)?;
    if let Some(item) = table.take("assigned") {
        of.expect(subject, &item, What::Assigned(socket(subject.sockets, &item)?));
    }
    if let Some(item) = table.take("mark") {
        of.expect(subject, &item, What::Mark(item.integer()?));
    }
    Ok(())
}

/// What events of this kind have.
fn event(
    subject: &Subject<'_>,
    kind: &'static Kind,
    table: &mut Table<'_>,
    of: &mut OfStep,
) -> Result<(), Mistake> {
    // `keys.sport` is a key of the table `keys`.
    let mut inner: Option<(&str, Table<'_>)> = None;
    for field in fields(kind) {
        let item = match field.name.split_once('.') {
            None => table.take(field.name),
            Some((outer, name)) => {
                if inner.as_ref().is_none_or(|(open, _)| *open != outer) {
                    let opened = table.take(outer).map(Item::table).transpose()?;
                    inner = Some((outer, opened.unwrap_or_default()));
                }
                inner.as_mut().and_then(|(_, table)| table.take(name))
            }
        };
        if let Some(item) = item {
            of.expect(subject, &item, What::Field(field, value::wish(subject, field.form, &item)?));
        }
    }
    let Some((outer, mut inner)) = inner else { return Ok(()) };
    if outer == "socket"
        && let Some(item) = inner.take("options")
    {
        for (name, at, item) in item.table()?.named() {
            let (level, number) = super::socket::option_named(&name, at)?;
            let wish = value::wish(subject, Form::Data, &item)?;
            of.expect(subject, &item, What::Option { name, level, number, wish });
        }
    }
    inner.finish()
}

/// What the frame shall be.
fn frame(subject: &Subject<'_>, table: &mut Table<'_>, of: &mut OfStep) -> Result<(), Mistake> {
    let context = subject.context;
    if let Some(item) = table.take("layers") {
        of.expect(subject, &item, What::Frame(layers(context, &item)?));
    }
    if let Some(item) = table.take("hex") {
        of.expect(subject, &item, What::Frame(hex(&item)?));
    }
    if let Some(item) = table.take("unchanged") {
        if !item.boolean()? {
            return Err(item.mistake("`unchanged = false` says nothing: write what changes"));
        }
        of.expect(subject, &item, What::Unchanged);
    }
    if let Some(item) = table.take("fields") {
        let wanted = packet::parse(item.string()?).map_err(|e| misplaced(context, &item, &e))?;
        of.expect(subject, &item, What::Fields(wanted));
    }
    for part in table.take("bytes").map_or(Ok(Vec::new()), Item::one_or_more)? {
        let at = part.clone();
        let mut part = part.table()?;
        let offset = part.need("at")?.integer::<u16>()?.into();
        let bytes = match (part.take("hex"), part.take("layers")) {
            (Some(item), None) => hex(&item)?,
            (None, Some(item)) => {
                let layers = packet::parse(item.string()?).map_err(|e| misplaced(context, &item, &e))?;
                packet::bytes(&layers).map_err(|why| item.mistake(why))?
            }
            _ => return Err(at.mistake("either `hex` or `layers` says which bytes")),
        };
        part.finish()?;
        of.expect(subject, &at, What::Bytes { offset, bytes });
    }
    Ok(())
}

/// A frame written as layers.
pub(crate) fn layers(context: &Context<'_>, item: &Item<'_>) -> Result<Vec<u8>, Mistake> {
    packet::from_layers(item.string()?).map_err(|e| misplaced(context, item, &e))
}

/// Bytes written in hexadecimal.
pub(crate) fn hex(item: &Item<'_>) -> Result<Vec<u8>, Mistake> {
    packet::hex(item.string()?).map_err(|why| item.mistake(why))
}

/// A mistake within a string, at its place in the file.
pub(crate) fn misplaced(context: &Context<'_>, item: &Item<'_>, error: &packet::TextError) -> Mistake {
    Mistake::new(item.within(context.text, error.at), &error.message)
}

fn action(program: &Program, item: &Item<'_>) -> Result<i32, Mistake> {
    if item.as_integer().is_some() {
        return item.integer();
    }
    let name = item.string()?;
    let Attach::Hook(hook) = &program.attach else {
        return Err(item.mistake("a program of no hook has no actions: write a number"));
    };
    hook.action_value(name).ok_or_else(|| {
        let names = listed(hook.actions().iter().filter_map(|action| action.name));
        item.mistake(format!("`{}` has no action `{}`; it has {names}", hook.name, name.escape_debug()))
    })
}

/// The sockets that a description fits: every word of it is one of the socket's.
pub(crate) fn socket(sockets: &SocketTable, item: &Item<'_>) -> Result<Wanted, Mistake> {
    let text = item.string()?.to_owned();
    if text == "none" {
        return Ok(Wanted { text, ids: Vec::new() });
    }
    let reader = sockets.read();
    let described: Vec<(SocketId, String)> =
        reader.sockets().map(|socket| (socket.id(), describe::socket(sockets, socket.id()))).collect();
    let fits = |described: &str| {
        text.split_whitespace().all(|word| described.split_whitespace().any(|known| known == word))
    };
    let ids: Vec<SocketId> =
        described.iter().filter(|(_, described)| fits(described)).map(|(id, _)| *id).collect();
    if ids.is_empty() || text.trim().is_empty() {
        let known = listed(described.iter().map(|(_, described)| described.as_str()));
        return Err(item.mistake(format!("no socket is `{}`; there are {known}", text.escape_debug())));
    }
    Ok(Wanted { text, ids })
}

/// The table `maps` of either kind of expectation.
pub(crate) fn maps(subject: &Subject<'_>, item: Option<Item<'_>>) -> Result<Vec<Expectation>, Mistake> {
    let Some(item) = item else { return Ok(Vec::new()) };
    item.table()?
        .named()
        .map(|(name, at, item)| {
            let place = subject.context.place(at.clone());
            let what = What::Map(map(subject, &name, at, item)?);
            Ok(Expectation { place, what })
        })
        .collect()
}

fn map(
    subject: &Subject<'_>,
    name: &str,
    at: std::ops::Range<usize>,
    item: Item<'_>,
) -> Result<MapExpectation, Mistake> {
    let def = known_map(subject.object, name, at)?;
    let mut map = MapExpectation { map: name.to_owned(), entries: Vec::new(), count: None, records: None };
    let entries = if item.is_table() {
        let mut table = item.table()?;
        let counted = |item: Option<Item<'_>>| {
            item.map(|item| Ok((subject.context.place(item.at()), item.integer()?))).transpose()
        };
        map.count = counted(table.take("count"))?;
        map.records = counted(table.take("records"))?;
        let entries = table.take("entries");
        table.finish()?;
        entries.map_or(Ok(Vec::new()), Item::array)?
    } else {
        item.array()?
    };
    for item in entries {
        let place = subject.context.place(item.at());
        let mut table = item.table()?;
        let key_item = table.need("key")?;
        let key = fill::key(subject.object, def, &key_item.plain()?)
            .map_err(|why| key_item.mistake(format!("key{why}")))?;
        let absent = table.take("absent").map_or(Ok(false), |item| item.boolean())?;
        let value = match table.take("value") {
            Some(item) if absent => return Err(item.mistake("an entry that is absent has no value")),
            Some(item) => {
                let pattern = fill::pattern(subject.object, def, &item.plain()?);
                Some(pattern.map_err(|why| item.mistake(format!("value{why}")))?)
            }
            None if absent => None,
            None => {
                return Err(Mistake::new(table.at.clone(), "write `value = …`, or `absent = true`"));
            }
        };
        table.finish()?;
        map.entries.push(EntryExpectation { place, key, value });
    }
    Ok(map)
}

/// A code that verification may refuse a program with.
pub(crate) fn code(item: &Item<'_>) -> Result<String, Mistake> {
    let text = item.string()?;
    if belay_diagnostics::Page::all().iter().any(|page| page.code == text) {
        return Ok(text.to_owned());
    }
    Err(item.mistake(format!("`{}` is no code: `belay explain` lists them", text.escape_debug())))
}
