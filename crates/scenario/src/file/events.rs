//! `[[packet]]`, `[[connect]]`, `[[sk_msg]]`, …: everything that happens in a scenario, in the order of time.

use std::collections::BTreeMap;

use belay_object::{Attach, Program};
use belay_vm::Task;

use super::expect::{self, OfStep, Subject};
use super::mistake::{Mistake, listed};
use super::packets;
use super::setup::{Setup, program_named};
use super::socket;
use super::table::{Item, Table};
use crate::event::{Event, Kind, PACKET};
use crate::scenario::Step;

/// The most events of one scenario.
pub(crate) const MOST: usize = 1_000_000;

/// The arrays of events of a scenario, as they are written.
#[derive(Default)]
pub(crate) struct Arrays<'t>(Vec<(Option<&'static Kind>, Item<'t>)>);

impl<'t> Arrays<'t> {
    pub(crate) fn take(table: &mut Table<'t>) -> Arrays<'t> {
        let packets = table.take(PACKET).map(|item| (None, item));
        let others = Kind::all().filter_map(|kind| Some((Some(kind), table.take(kind.word)?)));
        Arrays(packets.into_iter().chain(others).collect())
    }

    /// One of them, for a mistake.
    pub(crate) fn first(&self) -> Option<&Item<'t>> {
        self.0.first().map(|(_, item)| item)
    }
}

/// What all events have.
pub(crate) struct Common {
    pub(crate) name: Option<String>,
    /// Since the start.
    pub(crate) time_ns: u64,
    /// Whether it was said.
    pub(crate) timed: bool,
    pub(crate) task: Option<Box<Task>>,
}

impl Common {
    /// `before`: the time of the event that stands before it in the file.
    pub(crate) fn take(table: &mut Table<'_>, before: u64) -> Result<Common, Mistake> {
        let name = table.take("name").map(|item| item.string().map(str::to_owned)).transpose()?;
        let time = table.take("time");
        let time_ns = time.as_ref().map_or(Ok(before), packets::duration)?;
        let task = table.take("task").map(socket::task).transpose()?.map(Box::new);
        Ok(Common { name, time_ns, timed: time.is_some(), task })
    }
}

/// Reads the events of a scenario: those of the file from the top, and then by time.
pub(crate) fn steps(
    subject: &Subject<'_>,
    setup: &Setup<'_>,
    arrays: Arrays<'_>,
) -> Result<Vec<Step>, Mistake> {
    let mut items = Vec::new();
    for (kind, array) in arrays.0 {
        items.extend(array.array()?.into_iter().map(|item| (kind, item)));
    }
    items.sort_by_key(|(_, item)| item.at().start);
    let mut steps: Vec<Step> = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut time_ns = 0;
    for (kind, item) in items {
        let count = counts.entry(kind.map_or(PACKET, |kind| kind.word)).or_default();
        match kind {
            None => packets::packet(subject, setup, item, &mut steps, count, &mut time_ns)?,
            Some(kind) => {
                *count += 1;
                let step = event(subject, setup, kind, *count, item, time_ns)?;
                time_ns = step.time_ns;
                steps.push(step);
            }
        }
    }
    steps.sort_by_key(|step| step.time_ns);
    Ok(steps)
}

fn event(
    subject: &Subject<'_>,
    setup: &Setup<'_>,
    kind: &'static Kind,
    number: usize,
    item: Item<'_>,
    before: u64,
) -> Result<Step, Mistake> {
    let place = subject.context.place(item.at());
    let mut table = item.table()?;
    let Common { name, time_ns, timed, task } = Common::take(&mut table, before)?;
    let own = table.take("program");
    let event = (kind.read)(subject, &mut table)?;
    let expectations = table.take("expect");
    let at = table.at.clone();
    table.finish()?;
    let program = program_for(subject, setup, own.as_ref(), kind, &event, at)?;
    let OfStep { expectations, balanced } = expect::of_step(subject, Some(kind), program, expectations)?;
    let program = program.name.clone();
    Ok(Step {
        kind: Some(kind),
        number,
        name,
        place,
        program,
        event,
        time_ns,
        timed,
        task,
        balanced,
        expect: expectations,
    })
}

/// The program of an event: the one it names; else `program`, if its hook is the event's; else the only one of that hook.
fn program_for<'s>(
    subject: &Subject<'s>,
    setup: &Setup<'_>,
    own: Option<&Item<'_>>,
    kind: &Kind,
    event: &Event,
    at: std::ops::Range<usize>,
) -> Result<&'s Program, Mistake> {
    let object = subject.object;
    let hooks = kind.hooks(event);
    if hooks.is_empty() {
        return Err(Mistake::new(at, format!("no hook of `{}` takes such an address", kind.word)));
    }
    let hooks = listed(hooks);
    if let Some(item) = own {
        let program = program_named(object, item)?;
        if kind.runs(program, event) {
            return Ok(program);
        }
        let of = hook_of(program);
        return Err(
            item.mistake(format!("`{}` is a program of {of}, not of {hooks}", program.name.escape_debug()))
        );
    }
    if let Some(item) = &setup.program {
        let program = program_named(object, item)?;
        if kind.runs(program, event) {
            return Ok(program);
        }
    }
    let fitting: Vec<&Program> = object.programs.iter().filter(|program| kind.runs(program, event)).collect();
    match fitting.as_slice() {
        [only] => Ok(only),
        [] => {
            let there = object
                .programs
                .iter()
                .map(|program| format!("`{}` of {}", program.name.escape_debug(), hook_of(program)));
            let there: Vec<String> = there.take(24).collect();
            let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
            Err(Mistake::new(at, format!("no program of {hooks}; there are {there}")))
        }
        several => {
            let names = listed(several.iter().map(|program| program.name.as_str()));
            Err(Mistake::new(at, format!("several programs of {hooks} ({names}): choose one with `program`")))
        }
    }
}

fn hook_of(program: &Program) -> String {
    match &program.attach {
        Attach::Hook(hook) => format!("`{}`", hook.name),
        _ => "no hook".to_owned(),
    }
}
