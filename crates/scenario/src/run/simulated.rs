//! A scenario on Belay's own runners.

use std::collections::HashMap;
use std::sync::Arc;

use belay_diagnostics::{Style, full, printable};
use belay_object::{Attach, Program};
use belay_sockets::{Place, SocketTable};
use belay_spec::MapKind;
use belay_verifier::{Judgement, Verdict, Verified};
use belay_vm::{Machine, Maps};

use super::check::{Contents, Observed};
use super::outcome::Finding;
use super::{RunnerKind, Stop};
use crate::describe;
use crate::file::{Library, ScenarioError};
use crate::fill;
use crate::host::Host;
use crate::runner::{Ran, Runners, needed, printed_types};
use crate::scenario::{Entries, Scenario, Step};

/// The clock at the first packet: as if the machine had just booted.
const SECOND: u64 = 1_000_000_000;

/// A scenario that is ready to run.
pub(crate) struct Simulation<'s> {
    scenario: &'s Scenario,
    runners: Runners,
    pub(crate) maps: Arc<Maps>,
    machine: Machine,
    sockets: SocketTable,
    host: Host,
    /// Like a test run of the kernel: packets come from nowhere.
    as_test_run: bool,
    /// Records that were taken out of ring buffers.
    records: HashMap<String, usize>,
    /// What was held after the packet before.
    held: Vec<String>,
}

impl<'s> Simulation<'s> {
    pub(crate) fn new(
        scenario: &'s Scenario,
        library: &Library,
        kind: RunnerKind,
        as_test_run: bool,
    ) -> Result<Simulation<'s>, Stop> {
        let maps = maps(scenario)?;
        let runners = runners(scenario, library, kind, &maps)?;
        // Reference counts are part of a table: each run has its own.
        let sockets = match &scenario.sockets {
            None => SocketTable::empty(),
            Some(table) => {
                SocketTable::from_toml("", &table.to_toml()).map_err(|e| error(&scenario.place, e.message))?
            }
        };
        let mut machine = Machine::new(sockets.clone());
        machine.types = printed_types(&scenario.object);
        let mut host = Host::of(&sockets);
        if let Some(routes) = &scenario.routes {
            machine.routes = routes.clone();
            // Without sockets, the routes say which devices there are.
            let first = routes.devices.iter().find(|device| device.index > 1);
            if let (None, Some(device)) = (&scenario.sockets, first) {
                host.ifindex = device.index;
            }
        }
        Ok(Simulation {
            scenario,
            runners,
            maps,
            machine,
            host,
            sockets,
            as_test_run,
            records: HashMap::new(),
            held: Vec::new(),
        })
    }

    /// Runs one packet, or another event.
    pub(crate) fn step(&mut self, step: &Step) -> Result<Observed, Stop> {
        let staged = step.event.stage(&self.host, self.as_test_run);
        let mut staged = staged.map_err(|why| error(&step.place, why))?;
        self.machine.task = step.task.as_deref().cloned().unwrap_or_default();
        let fired = self.machine.advance_to(&self.maps, SECOND.saturating_add(step.time_ns));
        let mut ran = self.runners.run(&step.program, &mut self.machine, staged.input());
        // What timers did on the way belongs to the event that let time pass.
        for fired in fired.into_iter().rev() {
            ran.trace.printed.splice(0..0, fired.trace.printed);
            ran.fault = fired.result.err().or(ran.fault);
            ran.leaks.splice(0..0, fired.leaks);
        }
        let Ran { action, trace, fault, leaks, skipped } = ran;
        if let Some(why) = skipped {
            return Err(error(&step.place, why));
        }
        let object = &self.scenario.object;
        let fault = fault.map(|fault| {
            let at = |what: &str, pc| format!("{what} {}", describe::place(object, &fault.program, pc));
            let mut lines = vec![printable(&fault.kind.to_string()), at("at", fault.pc)];
            lines.extend(fault.acquired_at.map(|pc| at("acquired at", pc)));
            lines.extend(fault.ended_at.map(|pc| at("ended at", pc)));
            lines
        });
        let mut leaks: Vec<String> = leaks
            .iter()
            .map(|leak| {
                let place = describe::place(object, &leak.program, leak.acquired_at);
                format!("what `{}` returned at {place} is never released", leak.by)
            })
            .collect();
        let held = describe::unbalanced(&self.sockets);
        if leaks.is_empty() {
            leaks.extend(
                held.iter().filter(|now| !self.held.contains(now)).map(|now| format!("still held: {now}")),
            );
        }
        self.held = held;
        let (frame, mark) = staged.packet();
        Ok(Observed { action, staged, frame, mark, trace, fault, leaks })
    }

    /// The contents of a map.
    pub(crate) fn read(&mut self, name: &str) -> Contents {
        let Some(map) = self.maps.by_name(name) else { return Contents::default() };
        let records = self.records.entry(name.to_owned()).or_default();
        *records += map.drain().len();
        Contents { entries: entries(map), records: *records }
    }
}

/// What a map holds, as one CPU sees it.
pub(crate) fn entries(map: &belay_vm::Map) -> Vec<belay_vm::Entry> {
    let size = map.def().value_size as usize;
    map.iter()
        .map(|(key, mut value)| {
            value.truncate(size);
            (key, value)
        })
        .collect()
}

fn error(place: &Place, message: impl Into<String>) -> Stop {
    Stop::Error(ScenarioError { place: place.clone(), message: message.into() })
}

/// The maps with what they hold before the first packet.
fn maps(scenario: &Scenario) -> Result<Arc<Maps>, Stop> {
    let object = &scenario.object;
    let maps =
        Maps::from_defs(&object.maps).map_err(|e| error(&scenario.place, printable(&e.to_string())))?;
    for filled in &scenario.fills {
        match &filled.entries {
            Entries::File { path, text } => {
                fill::fill(object, &maps, &filled.map, path, text)
                    .map_err(|why| error(&filled.place, printable(&why)))?;
            }
            Entries::Inline(tables) => {
                for (place, table) in tables {
                    fill::fill_inline(object, &maps, &filled.map, table.clone())
                        .map_err(|why| error(place, printable(&why)))?;
                }
            }
        }
    }
    Ok(Arc::new(maps))
}

/// Every program that may run.
pub(crate) fn wanted(scenario: &Scenario) -> Vec<&Program> {
    let object = &scenario.object;
    let named = |name: &String| object.programs.iter().find(|program| program.name == *name);
    let programs: Vec<&Program> = scenario.programs.iter().filter_map(named).collect();
    needed(object, &programs)
}

fn runners(
    scenario: &Scenario,
    library: &Library,
    kind: RunnerKind,
    maps: &Arc<Maps>,
) -> Result<Runners, Stop> {
    let programs = wanted(scenario);
    let object = &scenario.object;
    let of_scenario = |why: String| error(&scenario.place, printable(&why));
    let checked = || Runners::checked(&programs, object, maps, scenario.release, scenario.budget);
    if scenario.unverified {
        return checked().map_err(of_scenario);
    }
    let judgements: Vec<Arc<Judgement>> = programs
        .iter()
        .filter_map(|program| library.judge(object, &program.name, scenario.release))
        .collect();
    let mut proofs: Vec<&Verified> = Vec::new();
    for (program, judgement) in programs.iter().zip(&judgements) {
        proofs.push(proof(scenario, program, judgement)?);
    }
    let made = match kind {
        RunnerKind::Interpreter => Runners::verified(&proofs, object, maps),
        RunnerKind::Checked => checked(),
        RunnerKind::Jit => Runners::compiled(&proofs, object, maps),
    };
    made.map_err(of_scenario)
}

/// The proof of a program; a refused one fails the scenario, with the reason.
fn proof<'j>(scenario: &Scenario, program: &Program, judgement: &'j Judgement) -> Result<&'j Verified, Stop> {
    let name = printable(&program.name);
    match &judgement.verdict {
        Verdict::Accept(proof) => Ok(proof),
        Verdict::Reject(rejection) => {
            let diagnostic =
                belay_diagnostics::Diagnostic::of(&scenario.object, program, rejection, scenario.release);
            let what = format!("verdict on `{name}`");
            let actual = format!("reject [{}]: {}", diagnostic.code, printable(&diagnostic.headline));
            let mut finding = Finding::new(&scenario.place, &what, "accept", actual);
            let style = Style { color: false, instructions: false };
            finding.notes = full::render(&diagnostic, style).lines().map(str::to_owned).collect();
            Err(Stop::Fail(vec![finding]))
        }
        Verdict::Unsupported { what, pc } => {
            let at = pc.map_or_else(String::new, |pc| format!(" at instruction {pc}"));
            let how = "`unverified = true` runs it in the checked interpreter";
            Err(error(&scenario.place, printable(&format!("`{name}`: unsupported: {what}{at}; {how}"))))
        }
    }
}

/// Whether the first program is refused by the code that is expected.
pub(crate) fn refused(scenario: &Scenario, library: &Library, place: &Place, code: &str) -> Result<(), Stop> {
    let Some(name) = scenario.programs.first() else { return Ok(()) };
    let what = format!("verdict on `{}`", printable(name));
    let differs = |actual: String| {
        Err(Stop::Fail(vec![Finding::new(place, &what, format!("reject [{code}]"), actual)]))
    };
    let Some(judgement) = library.judge(&scenario.object, name, scenario.release) else { return Ok(()) };
    match &judgement.verdict {
        Verdict::Accept(_) => differs("accept".to_owned()),
        Verdict::Reject(rejection) if rejection.code.0 == code => Ok(()),
        Verdict::Reject(rejection) => differs(format!("reject [{}]: {}", rejection.code, rejection.fault)),
        Verdict::Unsupported { what, .. } => {
            Err(error(place, format!("`{}`: unsupported: {}", printable(name), printable(what))))
        }
    }
}

/// Whether the program's packets begin with the Ethernet header.
pub(crate) fn has_link_layer(program: &Program) -> bool {
    let Attach::Hook(hook) = &program.attach else { return true };
    let family = hook.name.split('/').next().unwrap_or_default();
    matches!(family, "sched_cls" | "sched_act" | "xdp")
}

/// Kinds whose entries can be listed and compared.
pub(crate) fn has_entries(kind: MapKind) -> bool {
    matches!(
        kind,
        MapKind::HASH
            | MapKind::ARRAY
            | MapKind::PERCPU_HASH
            | MapKind::PERCPU_ARRAY
            | MapKind::LRU_HASH
            | MapKind::LRU_PERCPU_HASH
            | MapKind::LPM_TRIE
    )
}
