//! A scenario's file: from TOML to [`Scenario`]s. `docs/scenarios.md` describes it for people.
//!
//! Reading ends at the first mistake of a scenario, with its place; the other scenarios of the file are read all the
//! same. There is no text that panics, or that takes more than a fixed multiple of its length beside the files it names.

mod events;
mod expect;
pub(crate) mod inputs;
pub(crate) mod library;
mod mistake;
mod packets;
mod setup;
mod socket;
mod table;
mod value;

use std::ops::Range;
use std::path::Path;

use belay_sockets::SocketTable;

use crate::scenario::{Expectation, Scenario};
use events::Arrays;
use expect::Subject;
pub use library::Library;
pub(crate) use library::read_scenario;
use mistake::Mistake;
pub use mistake::ScenarioError;
use setup::Setup;
use table::{Item, Table};

/// What every part of a file is read with.
pub(crate) struct Context<'c> {
    /// The file, as messages call it.
    file: &'c str,
    text: &'c str,
    /// What paths are relative to.
    directory: &'c Path,
    library: &'c Library,
    /// Where the scenario begins.
    start: Range<usize>,
}

/// Reads the scenarios of a file. `file` names it in messages, and paths in it are relative to its directory.
pub fn read(file: &str, text: &str, library: &Library) -> Vec<Result<Scenario, ScenarioError>> {
    let directory = Path::new(file).parent().unwrap_or(Path::new(""));
    let context = Context { file, text, directory, library, start: 0..0 };
    match scenarios(&context) {
        Ok(scenarios) => {
            scenarios.into_iter().map(|read| read.map_err(|mistake| mistake.in_file(file, text))).collect()
        }
        Err(mistake) => vec![Err(mistake.in_file(file, text))],
    }
}

/// What a scenario in this file is called if it is the only one: the file without `.scenario.toml`.
fn stem(file: &str) -> String {
    let stem = file.strip_suffix(".toml").unwrap_or(file);
    stem.strip_suffix(".scenario").unwrap_or(stem).to_owned()
}

type Read = Vec<Result<Scenario, Mistake>>;

fn scenarios(context: &Context<'_>) -> Result<Read, Mistake> {
    let mut table = Table::parse(context.text)?;
    about(&mut table)?;
    let base = Setup::take(&mut table);
    let own = Body::take(&mut table);
    let several = table.take("scenario");
    table.finish()?;
    let Some(several) = several else {
        return Ok(vec![scenario(context, stem(context.file), &base, own)]);
    };
    if let Some(item) = own.events.first().or(own.expect.as_ref()) {
        return Err(item.mistake("with `[[scenario]]`, each has its own packets, events and expectations"));
    }
    let mut names = Vec::new();
    let mut read = Vec::new();
    for item in several.array()? {
        read.push(one_of_several(context, &base, item, &mut names));
    }
    if read.is_empty() {
        return Err(Mistake::new(0..0, "there is no scenario in it"));
    }
    Ok(read)
}

fn one_of_several(
    context: &Context<'_>,
    base: &Setup<'_>,
    item: Item<'_>,
    names: &mut Vec<String>,
) -> Result<Scenario, Mistake> {
    let start = item.at();
    let mut table = item.table()?;
    about(&mut table)?;
    let name_item = table.need("name")?;
    let name = name_item.string()?.to_owned();
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        return Err(name_item.mistake("a name is a word or several, on one line"));
    }
    if names.contains(&name) {
        return Err(name_item.mistake(format!("`{name}` is the name of an earlier scenario")));
    }
    names.push(name.clone());
    let setup = Setup::take(&mut table).over(base);
    let body = Body::take(&mut table);
    table.finish()?;
    let context = Context { start, ..*context };
    scenario(&context, format!("{}::{name}", stem(context.file)), &setup, body)
}

/// A description, which means nothing to the runner.
fn about(table: &mut Table<'_>) -> Result<(), Mistake> {
    table.take("about").map_or(Ok(()), |item| item.string().map(drop))
}

/// What happens, and what shall hold in the end.
struct Body<'t> {
    events: Arrays<'t>,
    expect: Option<Item<'t>>,
}

impl<'t> Body<'t> {
    fn take(table: &mut Table<'t>) -> Body<'t> {
        Body { events: Arrays::take(table), expect: table.take("expect") }
    }
}

fn scenario(
    context: &Context<'_>,
    name: String,
    setup: &Setup<'_>,
    body: Body<'_>,
) -> Result<Scenario, Mistake> {
    let object = setup.object(context)?;
    let first = body.events.first().is_none().then(|| setup.program(&object, context)).transpose()?;
    let sockets = setup.sockets(context)?;
    let routes = setup.routes(context)?;
    let nobody = SocketTable::empty();
    let of_packets = sockets.as_ref().unwrap_or(&nobody);
    let subject = Subject { context, object: &object, sockets: of_packets, routes: routes.as_ref() };
    let steps = events::steps(&subject, setup, body.events)?;
    let mut programs: Vec<String> = Vec::new();
    let used = steps.iter().map(|step| &step.program).chain(first.map(|program| &program.name));
    for name in used {
        if !programs.contains(name) {
            programs.push(name.clone());
        }
    }
    let end = End::read(&subject, body.expect)?;
    if steps.is_empty() && end.reject.is_none() {
        let message = "nothing to do: write `[[packet]]` or another event, or `expect.reject` for a program that is refused";
        return Err(Mistake::new(context.start.clone(), message));
    }
    let scenario = Scenario {
        name,
        place: context.place(context.start.clone()),
        programs,
        release: setup.release()?,
        unverified: setup.unverified()?,
        budget: setup.budget()?,
        fills: setup.fills(&object, context)?,
        kernel_differs: setup.kernel_differs(&object)?,
        steps,
        reject: end.reject,
        actions: end.actions,
        at_end: end.expectations,
        sockets,
        routes,
        object,
    };
    Ok(scenario)
}

/// The table `expect` of a whole scenario.
#[derive(Default)]
struct End {
    reject: Option<(belay_sockets::Place, String)>,
    actions: Option<(belay_sockets::Place, Vec<(String, u64)>)>,
    expectations: Vec<Expectation>,
}

impl End {
    fn read(subject: &Subject<'_>, item: Option<Item<'_>>) -> Result<End, Mistake> {
        let Some(item) = item else { return Ok(End::default()) };
        let context = subject.context;
        let mut table = item.table()?;
        let mut end = End::default();
        if let Some(item) = table.take("reject") {
            end.reject = Some((context.place(item.at()), expect::code(&item)?));
        }
        if let Some(item) = table.take("actions") {
            let place = context.place(item.at());
            let counts: Result<Vec<_>, Mistake> =
                item.table()?.named().map(|(name, _, item)| Ok((name, item.integer()?))).collect();
            end.actions = Some((place, counts?));
        }
        end.expectations = expect::maps(subject, table.take("maps"))?;
        table.finish()?;
        Ok(end)
    }
}
