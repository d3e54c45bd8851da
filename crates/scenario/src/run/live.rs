//! A scenario in the running kernel: in a network namespace of its own, with real sockets where it has sockets.
//!
//! Every packet, and every other event that can, goes through `BPF_PROG_TEST_RUN` ([`test_run`]), one after the other on
//! one CPU, so that a per-CPU map has one value to compare. What a test run cannot show (which socket was found, what was
//! printed) is left to Belay's own run of the same scenario, which is arranged as a test run is.

use std::os::fd::AsRawFd;
use std::sync::OnceLock;

use belay_diagnostics::printable;
use belay_linux::{
    Exist, Kernel, LoadedObject, LogLevel, NetNs, Population, TestRunResult, Unavailable, Verdict,
    verify_programs,
};
use belay_object::Program;
use belay_sockets::{Place, SocketTable};
use belay_spec::MapKind;
use belay_vm::{Entry, Maps};
use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};

use super::check::Observed;
use super::outcome::{Finding, Sides};
use super::simulated::{Simulation, entries, has_entries, wanted};
use super::{Stop, test_run};
use crate::host::Host;
use crate::packet::Difference;
use crate::scenario::{Scenario, Step};
use crate::typed;

/// What the kernel did.
#[derive(Debug)]
pub(crate) struct Live {
    results: Vec<TestRunResult>,
    /// Its sockets' cookies, and those of the sockets of the table that they stand for.
    cookies: Vec<(u64, u64)>,
    /// By name, sorted by key.
    maps: Vec<(String, Vec<Entry>)>,
}

/// The running kernel, asked once.
pub fn kernel() -> &'static Result<Kernel, Unavailable> {
    static KERNEL: OnceLock<Result<Kernel, Unavailable>> = OnceLock::new();
    KERNEL.get_or_init(belay_linux::probe)
}

pub(super) fn skip<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Skip(why.into()))
}

/// Whether the kernel can run it at all.
pub(crate) fn possible(scenario: &Scenario) -> Result<(), Stop> {
    if let Err(unavailable) = kernel() {
        return skip(unavailable.to_string());
    }
    if scenario.unverified {
        return skip("the kernel runs only what its verifier accepts");
    }
    if scenario.routes.is_some() {
        return skip("its routes are Belay's alone: they are not made in the kernel");
    }
    if scenario.steps.iter().any(|step| step.timed && step.time_ns > 0) {
        return skip("the kernel's clock cannot be set, and a packet has a `time`");
    }
    scenario.steps.iter().try_for_each(test_run::possible)
}

/// Whether the kernel refuses the first program, too.
pub(crate) fn refused(scenario: &Scenario, place: &Place) -> Result<Vec<Finding>, Stop> {
    let first = scenario.programs.first();
    let loaded = verify_programs(&scenario.object, LogLevel::Stats, |program| Some(&program.name) == first);
    let loaded = loaded.map_err(|e| Stop::Skip(format!("the kernel does not make its maps: {e}")))?;
    match loaded.programs.first().map(|program| &program.verdict) {
        Some(Verdict::Accept(_)) => {
            let mut finding = Finding::new(place, "verdict", "reject", "accept");
            finding.sides = Sides::Kernel;
            Ok(vec![finding])
        }
        Some(Verdict::Unjudged(why)) => skip(why.clone()),
        Some(Verdict::Reject(_)) | None => Ok(Vec::new()),
    }
}

/// Runs every packet. `maps` hold what they hold before the first.
pub(crate) fn run(scenario: &Scenario, maps: &Maps) -> Result<Live, Stop> {
    let object = &scenario.object;
    let programs = wanted(scenario);
    let named = |program: &Program| programs.iter().any(|wanted| wanted.name == program.name);
    let loaded = verify_programs(object, LogLevel::Stats, named)
        .map_err(|e| Stop::Skip(format!("the kernel does not make its maps: {e}")))?;
    for program in &loaded.programs {
        match &program.verdict {
            Verdict::Accept(_) => {}
            Verdict::Unjudged(why) => return skip(why.clone()),
            Verdict::Reject(rejected) => {
                let what = format!("verdict on `{}`", printable(&program.name));
                let mut finding =
                    Finding::new(&scenario.place, &what, "accept", printable(&format!("reject: {rejected}")));
                finding.sides = Sides::Kernel;
                return Err(Stop::Fail(vec![finding]));
            }
        }
    }
    let population = scenario.sockets.as_ref().map(populate).transpose()?;
    let cookies = match &population {
        Some(population) => population.cookies().map_err(|e| Stop::Skip(format!("its sockets: {e}")))?,
        None => Vec::new(),
    };
    fill(scenario, maps, &loaded, population.as_ref())?;
    let inside = || events(scenario, &loaded, cookies);
    let ran = match &population {
        None => NetNs::with_loopback().map_err(|e| Stop::Skip(e.to_string()))?.run(inside),
        Some(population) => population.namespace().run(inside),
    };
    ran.map_err(|e| Stop::Skip(format!("the namespace cannot be entered: {e}")))?
}

/// The sockets of a table's first namespace, for real.
fn populate(sockets: &SocketTable) -> Result<Population, Stop> {
    let netns = sockets.read().default_netns();
    let netns = netns.ok_or_else(|| Stop::Skip("there is no namespace".to_owned()))?;
    Population::of(sockets, netns).map_err(|e| Stop::Skip(format!("its sockets cannot be made: {e}")))
}

/// Gives the kernel's maps what ours hold.
fn fill(
    scenario: &Scenario,
    maps: &Maps,
    loaded: &LoadedObject,
    population: Option<&Population>,
) -> Result<(), Stop> {
    for filled in &scenario.fills {
        let Some((ours, theirs)) = maps.by_name(&filled.map).zip(loaded.maps.by_name(&filled.map)) else {
            continue;
        };
        let cannot = |why: &str| format!("map `{}` cannot be filled{why}", printable(&filled.map));
        let of_sockets = holds_sockets(ours.def().kind);
        if !has_entries(ours.def().kind) && !of_sockets {
            return skip(cannot(" with entries of its kind"));
        }
        let filled = if of_sockets { ours.iter().collect() } else { entries(ours) };
        for (key, value) in filled {
            let whole = if of_sockets {
                let cookie = value.first_chunk().map_or(0, |cookie| u64::from_le_bytes(*cookie));
                let socket = population.and_then(|population| population.socket(cookie));
                let socket =
                    socket.ok_or_else(|| Stop::Skip(cannot(": it holds a socket that is not made")))?;
                let mut number = i64::from(socket.as_raw_fd()).to_le_bytes().to_vec();
                number.truncate(theirs.value_len());
                number
            } else {
                match per_cpu_stride(ours.def()) {
                    None => value,
                    Some(stride) => {
                        let mut one = value;
                        one.resize(stride, 0);
                        one.repeat(theirs.value_len() / stride)
                    }
                }
            };
            theirs.update(&key, &whole, Exist::Any).map_err(|e| Stop::Skip(cannot(&format!(": {e}"))))?;
        }
    }
    Ok(())
}

/// Maps whose entries are sockets.
fn holds_sockets(kind: MapKind) -> bool {
    matches!(kind, MapKind::SOCKMAP | MapKind::SOCKHASH | MapKind::REUSEPORT_SOCKARRAY)
}

/// The bytes of one CPU's value, where each has its own.
fn per_cpu_stride(def: &belay_object::MapDef) -> Option<usize> {
    def.kind.rules().is_some_and(|rules| rules.per_cpu).then(|| (def.value_size as usize).next_multiple_of(8))
}

/// Runs the events and reads the maps, on a thread of its own that stays on its CPU.
fn events(scenario: &Scenario, loaded: &LoadedObject, cookies: Vec<(u64, u64)>) -> Result<Live, Stop> {
    let cpu = sched_getcpu();
    let mut only = CpuSet::new();
    only.set(cpu);
    sched_setaffinity(None, &only).map_err(|e| Stop::Skip(format!("cannot stay on one CPU: {e}")))?;
    let host = scenario.sockets.as_ref().map_or(1, |sockets| Host::of(sockets).ifindex);
    let results = scenario.steps.iter().map(|step| test_run::run(scenario, loaded, step, host));
    let results = results.collect::<Result<_, _>>()?;
    let mut maps = Vec::new();
    for def in scenario.object.maps.iter().filter(|def| has_entries(def.kind)) {
        if scenario.kernel_differs.contains(&def.name) {
            continue;
        }
        let Some(map) = loaded.maps.by_name(&def.name) else { continue };
        maps.push((def.name.clone(), read(map, def, cpu)?));
    }
    Ok(Live { results, cookies, maps })
}

/// The entries of a map, sorted by key; of a per-CPU map, those of this CPU.
fn read(map: &belay_linux::Map, def: &belay_object::MapDef, cpu: usize) -> Result<Vec<Entry>, Stop> {
    let failed = |e| Stop::Skip(format!("map `{}` cannot be read: {e}", printable(&def.name)));
    let mut entries = Vec::new();
    let mut key: Option<Vec<u8>> = None;
    while let Some(next) = map.next_key(key.as_deref()).map_err(failed)? {
        if let Some(mut value) = map.lookup(&next).map_err(failed)? {
            if let Some(stride) = per_cpu_stride(def) {
                value = value.get(cpu * stride..(cpu + 1) * stride).unwrap_or_default().to_vec();
            }
            value.truncate(def.value_size as usize);
            entries.push((next.clone(), value));
        }
        key = Some(next);
    }
    entries.sort();
    Ok(entries)
}

impl Live {
    /// In what the kernel's run of an event differs from ours.
    pub(crate) fn compare(
        &self,
        scenario: &Scenario,
        index: usize,
        step: &Step,
        ours: &Observed,
    ) -> Vec<Finding> {
        let Some(theirs) = self.results.get(index) else { return Vec::new() };
        let rows = test_run::differences(scenario, step, ours, theirs, &self.cookies);
        if rows.is_empty() {
            return Vec::new();
        }
        let finding = Finding::new(&step.place, "the kernel differs", "", "").with_rows(rows);
        vec![Finding { sides: Sides::Kernel, ..finding.of_step(step) }]
    }

    /// In what its maps differ from ours afterwards.
    pub(crate) fn compare_maps(&self, scenario: &Scenario, ours: &mut Simulation<'_>) -> Vec<Finding> {
        let object = &scenario.object;
        let btf = object.btf.as_deref();
        let mut findings = Vec::new();
        for (name, theirs) in &self.maps {
            let Some(def) = object.maps.iter().find(|def| def.name == *name) else { continue };
            let mut own = ours.read(name).entries;
            own.sort();
            if own == *theirs {
                continue;
            }
            let mut keys: Vec<&Vec<u8>> = own.iter().chain(theirs).map(|(key, _)| key).collect();
            keys.sort();
            keys.dedup();
            let value = |entries: &[Entry], key: &Vec<u8>| {
                let found = entries.iter().find(|(known, _)| known == key);
                found.map_or_else(|| "none".to_owned(), |(_, value)| typed::line(btf, def.btf_value, value))
            };
            let rows: Vec<Difference> = keys
                .into_iter()
                .map(|key| Difference {
                    what: format!("key {}", typed::line(btf, def.btf_key, key)),
                    expected: value(&own, key),
                    actual: value(theirs, key),
                })
                .filter(|row| row.expected != row.actual)
                .take(8)
                .collect();
            let what = format!("the kernel differs in map `{}`", printable(name));
            let finding = Finding::new(&scenario.place, &what, "", "").with_rows(rows);
            findings.push(Finding { sides: Sides::Kernel, ..finding });
        }
        findings
    }
}
