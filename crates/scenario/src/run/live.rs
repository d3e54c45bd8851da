//! A scenario in the running kernel: in a network namespace of its own, with real sockets where it has sockets.
//!
//! Every packet goes through `BPF_PROG_TEST_RUN`, one after the other on one CPU, so that a per-CPU map has one value to
//! compare. What a test run cannot show (which socket was found, what was printed) is left to Belay's own run of the
//! same scenario, which is arranged as a test run is.

use std::os::fd::AsFd;
use std::sync::OnceLock;

use belay_diagnostics::printable;
use belay_linux::{
    Exist, Kernel, LoadedObject, LogLevel, NetNs, Population, TestRun, TestRunResult, Unavailable, Verdict,
    test_run, verify_programs,
};
use belay_object::{Attach, Program};
use belay_sockets::Place;
use belay_vm::{Entry, Maps};
use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};

use super::Stop;
use super::check::{Observed, action_name};
use super::outcome::{Finding, Sides};
use super::simulated::{Simulation, entries, has_entries, has_link_layer, wanted};
use crate::host::Host;
use crate::packet::{Difference, compare};
use crate::scenario::{Scenario, Step};
use crate::typed;

/// The Ethernet header, which hooks of the network layer do not see.
const ETHERNET: usize = 14;

/// What the kernel did.
#[derive(Debug)]
pub(crate) struct Live {
    results: Vec<TestRunResult>,
    /// By name, sorted by key.
    maps: Vec<(String, Vec<Entry>)>,
}

/// The running kernel, asked once.
pub fn kernel() -> &'static Result<Kernel, Unavailable> {
    static KERNEL: OnceLock<Result<Kernel, Unavailable>> = OnceLock::new();
    KERNEL.get_or_init(belay_linux::probe)
}

fn skip<T>(why: impl Into<String>) -> Result<T, Stop> {
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
    Ok(())
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
    fill(scenario, maps, &loaded)?;
    let inside = || packets(scenario, &loaded);
    let ran = match &scenario.sockets {
        None => {
            let alone = NetNs::with_loopback().map_err(|e| Stop::Skip(e.to_string()))?;
            alone.run(inside)
        }
        Some(sockets) => {
            let netns = sockets.read().default_netns();
            let netns = netns.ok_or_else(|| Stop::Skip("there is no namespace".to_owned()))?;
            let population = Population::of(sockets, netns)
                .map_err(|e| Stop::Skip(format!("its sockets cannot be made: {e}")))?;
            population.namespace().run(inside)
        }
    };
    ran.map_err(|e| Stop::Skip(format!("the namespace cannot be entered: {e}")))?
}

/// Gives the kernel's maps what ours hold.
fn fill(scenario: &Scenario, maps: &Maps, loaded: &LoadedObject) -> Result<(), Stop> {
    for filled in &scenario.fills {
        let Some((ours, theirs)) = maps.by_name(&filled.map).zip(loaded.maps.by_name(&filled.map)) else {
            continue;
        };
        if !has_entries(ours.def().kind) {
            return skip(format!(
                "map `{}` cannot be filled with entries of its kind",
                printable(&filled.map)
            ));
        }
        for (key, value) in entries(ours) {
            let whole = match per_cpu_stride(ours.def()) {
                None => value,
                Some(stride) => {
                    let mut one = value;
                    one.resize(stride, 0);
                    one.repeat(theirs.value_len() / stride)
                }
            };
            theirs
                .update(&key, &whole, Exist::Any)
                .map_err(|e| Stop::Skip(format!("map `{}` cannot be filled: {e}", printable(&filled.map))))?;
        }
    }
    Ok(())
}

/// The bytes of one CPU's value, where each has its own.
fn per_cpu_stride(def: &belay_object::MapDef) -> Option<usize> {
    def.kind.rules().is_some_and(|rules| rules.per_cpu).then(|| (def.value_size as usize).next_multiple_of(8))
}

/// Runs the packets and reads the maps, on a thread of its own that stays on its CPU.
fn packets(scenario: &Scenario, loaded: &LoadedObject) -> Result<Live, Stop> {
    let cpu = sched_getcpu();
    let mut only = CpuSet::new();
    only.set(cpu);
    sched_setaffinity(None, &only).map_err(|e| Stop::Skip(format!("cannot stay on one CPU: {e}")))?;
    let host = scenario.sockets.as_ref().map_or(1, |sockets| Host::of(sockets).ifindex);
    let results = scenario.steps.iter().map(|step| packet(scenario, loaded, step, host));
    let results = results.collect::<Result<_, _>>()?;
    let mut maps = Vec::new();
    for def in scenario.object.maps.iter().filter(|def| has_entries(def.kind)) {
        if scenario.kernel_differs.contains(&def.name) {
            continue;
        }
        let Some(map) = loaded.maps.by_name(&def.name) else { continue };
        maps.push((def.name.clone(), read(map, def, cpu)?));
    }
    Ok(Live { results, maps })
}

fn packet(scenario: &Scenario, loaded: &LoadedObject, step: &Step, host: u32) -> Result<TestRunResult, Stop> {
    let program = loaded.program(&step.program).and_then(|program| program.verdict.accepted());
    let program =
        program.ok_or_else(|| Stop::Skip(format!("`{}` is not loaded", printable(&step.program))))?;
    let context = context(scenario, step, step.ifindex.unwrap_or(host))?;
    let run = TestRun { data_in: &step.frame, ctx_in: &context, ..TestRun::default() };
    test_run(program.as_fd(), &run)
        .map_err(|e| Stop::Skip(format!("{}: the kernel does not test-run it: {e}", step.title())))
}

/// The context that the kernel is given: of `__sk_buff` what may be set, of others nothing.
fn context(scenario: &Scenario, step: &Step, ifindex: u32) -> Result<Vec<u8>, Stop> {
    let program = scenario.object.programs.iter().find(|program| program.name == step.program);
    let Some(Attach::Hook(hook)) = program.map(|program| &program.attach) else { return Ok(Vec::new()) };
    if hook.context.name != "__sk_buff" {
        return match step.ifindex {
            Some(_) => skip("a test run of this hook has no device of its own"),
            None => Ok(Vec::new()),
        };
    }
    let mut bytes = vec![0; hook.context.size as usize];
    for (name, value) in [("ifindex", ifindex), ("mark", step.mark), ("priority", step.priority)] {
        let offset = hook.context.field(name).and_then(|field| usize::try_from(field.offset).ok());
        if let Some(place) = offset.and_then(|offset| bytes.get_mut(offset..offset + 4)) {
            place.copy_from_slice(&value.to_ne_bytes());
        }
    }
    Ok(bytes)
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
    /// In what the kernel's run of a packet differs from ours.
    pub(crate) fn compare(
        &self,
        scenario: &Scenario,
        index: usize,
        step: &Step,
        ours: &Observed,
    ) -> Vec<Finding> {
        let Some(theirs) = self.results.get(index) else { return Vec::new() };
        let mut rows = Vec::new();
        let mut differ = |what: &str, expected: String, actual: String| {
            if expected != actual {
                rows.push(Difference { what: what.to_owned(), expected, actual });
            }
        };
        let name = |value| action_name(&scenario.object, &step.program, value);
        let action = ours.action.map_or_else(|| "none".to_owned(), |action| action.to_string());
        differ("action", action, name(theirs.retval.cast_signed()));
        let program = scenario.object.programs.iter().find(|program| program.name == step.program);
        if !theirs.ctx_out.is_empty()
            && let Some(Attach::Hook(hook)) = program.map(|program| &program.attach)
        {
            let offset = hook.context.field("mark").and_then(|field| usize::try_from(field.offset).ok());
            let word = offset.and_then(|offset| theirs.ctx_out.get(offset..)?.first_chunk().copied());
            differ("mark", ours.mark.to_string(), word.map_or(ours.mark, u32::from_ne_bytes).to_string());
        }
        let mut frame = theirs.data_out.clone();
        if !program.is_none_or(has_link_layer)
            && let Some((header, of_ours)) = frame.get_mut(..ETHERNET).zip(ours.frame.get(..ETHERNET))
        {
            header.copy_from_slice(of_ours);
        }
        rows.extend(compare(&ours.frame, &frame));
        if rows.is_empty() {
            return Vec::new();
        }
        let finding = Finding::new(&step.place, "the kernel differs", "", "").with_rows(rows);
        vec![Finding { sides: Sides::Kernel, ..finding.of_packet(step.title()) }]
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
