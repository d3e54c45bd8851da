//! Expectations against what was observed.

use belay_diagnostics::printable;
use belay_object::{Attach, Object};
use belay_sockets::{SocketId, SocketTable};
use belay_spec::Action;
use belay_vm::Trace;

use super::outcome::Finding;
use crate::describe;
use crate::event::{After, Staged, Value, Wish};
use crate::packet::{compare, lacks};
use crate::scenario::{Expectation, MapExpectation, Scenario, Step, Wanted, What};
use crate::typed;

/// What was seen of one run.
#[derive(Debug)]
pub(crate) struct Observed {
    /// None if the program did not run to its end.
    pub(crate) action: Option<Action>,
    /// What it ran on, as it left it.
    pub(crate) staged: Staged,
    pub(crate) frame: Vec<u8>,
    pub(crate) mark: u32,
    pub(crate) trace: Trace,
    /// Why the checked interpreter stopped it, and where.
    pub(crate) fault: Option<Vec<String>>,
    /// References that were not given back.
    pub(crate) leaks: Vec<String>,
}

/// The contents of a map.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) entries: Vec<belay_vm::Entry>,
    /// Records of a ring buffer.
    pub(crate) records: usize,
}

/// Reads a map by its name.
pub(crate) type ReadMap<'m> = dyn FnMut(&str) -> Contents + 'm;

/// What is not as expected of one packet, or another event.
pub(crate) fn step(
    scenario: &Scenario,
    step: &Step,
    observed: &Observed,
    read: &mut ReadMap<'_>,
) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        step.expect.iter().flat_map(|wanted| one(scenario, step, wanted, observed, read)).collect();
    let faults_expected = step.expect.iter().any(|wanted| matches!(wanted.what, What::Fault(_)));
    if let Some([first, places @ ..]) = observed.fault.as_deref()
        && !faults_expected
    {
        let mut finding = Finding::new(&step.place, "fault", "none", first);
        finding.notes = places.to_vec();
        findings.push(finding);
    }
    if step.balanced && !observed.leaks.is_empty() {
        let what = "references";
        findings.push(Finding::new(&step.place, what, "all released", observed.leaks.join("; ")));
    }
    // In the order in which people read the file.
    findings.sort_by_key(|finding| (finding.place.line, finding.place.column));
    findings.into_iter().map(|finding| finding.of_step(step)).collect()
}

/// The name of an action of a program, or the number.
pub(crate) fn action_name(object: &Object, program: &str, value: i32) -> String {
    let program = object.programs.iter().find(|known| known.name == program);
    match program.map(|program| &program.attach) {
        Some(Attach::Hook(hook)) => hook.action(value).to_string(),
        _ => value.to_string(),
    }
}

fn one(
    scenario: &Scenario,
    step: &Step,
    wanted: &Expectation,
    observed: &Observed,
    read: &mut ReadMap<'_>,
) -> Vec<Finding> {
    let differ = |what: &str, expected: String, actual: String| {
        let finding = Finding::new(&wanted.place, what, &expected, &actual);
        if expected == actual { Vec::new() } else { vec![finding] }
    };
    let rows = |rows: Vec<_>| {
        let finding = Finding::new(&wanted.place, "packet", "", "");
        if rows.is_empty() { Vec::new() } else { vec![finding.with_rows(rows)] }
    };
    let trace = &observed.trace;
    match &wanted.what {
        What::Action(value) => {
            let expected = action_name(&scenario.object, &step.program, *value);
            let actual = observed.action.map_or_else(|| "none".to_owned(), |action| action.to_string());
            differ("action", expected, actual)
        }
        What::Frame(frame) => rows(compare(frame, &observed.frame)),
        What::Unchanged => rows(compare(step.event.frame(), &observed.frame)),
        What::Bytes { offset, bytes } => {
            // Around them, the frame is as it is.
            let mut expected = observed.frame.clone();
            expected.resize(expected.len().max(offset + bytes.len()), 0);
            if let Some(place) = expected.get_mut(*offset..offset + bytes.len()) {
                place.copy_from_slice(bytes);
            }
            rows(compare(&expected, &observed.frame))
        }
        What::Fields(layers) => rows(lacks(layers, &observed.frame)),
        What::Lookups(sockets) => lookups(scenario, wanted, sockets, trace),
        What::Assigned(socket) => {
            let actual = trace.assigned;
            match fits(socket, actual) {
                true => Vec::new(),
                false => vec![Finding::new(
                    &wanted.place,
                    "assigned socket",
                    &socket.text,
                    named(scenario, actual),
                )],
            }
        }
        What::Redirect(expected) => {
            let nobody = SocketTable::empty();
            let sockets = scenario.sockets.as_ref().unwrap_or(&nobody);
            let told = |redirect| describe::redirect(redirect, sockets);
            let actual = trace.redirect.as_ref().map_or_else(|| "none".to_owned(), told);
            differ("redirect", expected.clone(), actual)
        }
        What::Printed(lines) => {
            let printed: Vec<String> = trace.printed.iter().map(|line| printable(line.trim_end())).collect();
            differ("printed", quoted(lines), quoted(&printed))
        }
        What::Mark(mark) => differ("mark", mark.to_string(), observed.mark.to_string()),
        What::Fault(part) => {
            let actual = observed.fault.as_ref().and_then(|lines| lines.first());
            match actual {
                Some(fault) if fault.contains(part.as_str()) => Vec::new(),
                _ => differ("fault", part.clone(), actual.cloned().unwrap_or_else(|| "none".to_owned())),
            }
        }
        What::Leaks(count) => differ("leaks", count.to_string(), observed.leaks.len().to_string()),
        What::Field(field, wish) => {
            let nobody = SocketTable::empty();
            let sockets = scenario.sockets.as_ref().unwrap_or(&nobody);
            let after = After { staged: &observed.staged, action: observed.action, sockets };
            unlike(wanted, field.name, wish, &field.of(&after), sockets)
        }
        What::Option { name, level, number, wish } => {
            let set = observed.staged.sock().and_then(|sock| sock.options.get(&(*level, *number)));
            let found = set.cloned().map_or_else(Value::none, Value::Bytes);
            unlike(wanted, &format!("option `{}`", printable(name)), wish, &found, &SocketTable::empty())
        }
        What::Map(map) => contents(scenario, map, &read(&map.map)),
    }
}

/// A finding, if a value is not what is wished for.
fn unlike(
    wanted: &Expectation,
    what: &str,
    wish: &Wish,
    found: &Value,
    sockets: &SocketTable,
) -> Vec<Finding> {
    if wish.fits(found) {
        return Vec::new();
    }
    vec![Finding::new(&wanted.place, what, wish.told(), wish.told_of(found, sockets))]
}

fn quoted(lines: &[String]) -> String {
    if lines.is_empty() {
        return "nothing".to_owned();
    }
    lines.iter().map(|line| format!("`{line}`")).collect::<Vec<_>>().join(", ")
}

fn fits(wanted: &Wanted, found: Option<SocketId>) -> bool {
    match found {
        Some(id) => wanted.ids.contains(&id),
        None => wanted.ids.is_empty(),
    }
}

fn named(scenario: &Scenario, id: Option<SocketId>) -> String {
    match (id, &scenario.sockets) {
        (Some(id), Some(sockets)) => describe::socket(sockets, id),
        (Some(id), None) => id.to_string(),
        (None, _) => "none".to_owned(),
    }
}

fn lookups(scenario: &Scenario, wanted: &Expectation, sockets: &[Wanted], trace: &Trace) -> Vec<Finding> {
    let found: Vec<Option<SocketId>> = trace.lookups.iter().map(|lookup| lookup.found).collect();
    let all =
        sockets.len() == found.len() && sockets.iter().zip(&found).all(|(socket, id)| fits(socket, *id));
    if all {
        return Vec::new();
    }
    let listed =
        |texts: Vec<String>| if texts.is_empty() { "no lookup".to_owned() } else { texts.join(", ") };
    let expected = listed(sockets.iter().map(|socket| socket.text.clone()).collect());
    let actual = listed(found.iter().map(|id| named(scenario, *id)).collect());
    vec![Finding::new(&wanted.place, "lookups", expected, actual)]
}

/// What a map holds that it should not, or the other way round.
pub(crate) fn contents(scenario: &Scenario, map: &MapExpectation, contents: &Contents) -> Vec<Finding> {
    let object = &scenario.object;
    let Some(def) = object.maps.iter().find(|def| def.name == map.map) else { return Vec::new() };
    let btf = object.btf.as_deref();
    let what = |rest: &str| format!("map `{}`{rest}", printable(&map.map));
    let mut findings = Vec::new();
    for entry in &map.entries {
        let key = typed::line(btf, def.btf_key, &entry.key);
        let found = contents.entries.iter().find(|(key, _)| *key == entry.key).map(|(_, value)| value);
        let title = what(&format!(", key {key}"));
        match (&entry.value, found) {
            (None, None) => {}
            (None, Some(value)) => {
                let actual = typed::line(btf, def.btf_value, value);
                findings.push(Finding::new(&entry.place, &title, "no entry", actual));
            }
            (Some(pattern), Some(value)) if pattern.matches(value) => {}
            (Some(pattern), Some(value)) => {
                let rows = typed::differences(btf, def.btf_value, pattern, value);
                findings.push(Finding::new(&entry.place, &title, "", "").with_rows(rows));
            }
            (Some(_), None) => {
                let there: Vec<String> = contents
                    .entries
                    .iter()
                    .take(4)
                    .map(|(key, _)| format!("there is {}", typed::line(btf, def.btf_key, key)))
                    .collect();
                let mut finding = Finding::new(&entry.place, &title, "an entry", "none");
                finding.notes = there;
                findings.push(finding);
            }
        }
    }
    let mut counted = |expected: &Option<(belay_sockets::Place, usize)>, kind: &str, count: usize| {
        if let Some((place, expected)) = expected
            && *expected != count
        {
            findings.push(Finding::new(place, &what(kind), expected.to_string(), count.to_string()));
        }
    };
    counted(&map.count, ", entries", contents.entries.len());
    counted(&map.records, ", records", contents.records);
    findings
}
