//! The kernel's walk of a program, from its log, and what may be kept of it.

use crate::walk::Event;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What the kernel printed of registers, by number.
pub(crate) type Printed = BTreeMap<u8, String>;

/// The kernel's walk, from its log: registers by number, as printed.
pub(crate) fn parse(log: &str) -> Vec<Event<Printed>> {
    let mut events: Vec<Event<Printed>> = Vec::new();
    for line in log.lines() {
        // A note between an instruction and its state moves the state to a line of its own, before the next instruction.
        let late = line.split_once(": R").filter(|(pc, _)| pc.parse::<u32>().is_ok());
        if let (Some((_, state)), Some(Event::After { state: last, .. })) = (late, events.last_mut()) {
            last.extend(registers(&format!("R{state}")));
        }
        events.extend(parse_line(line));
    }
    events
}

fn parse_line(line: &str) -> Option<Event<Printed>> {
    if let Some(rest) = line.strip_prefix("from ") {
        let (from, rest) = rest.split_once(" to ")?;
        let (to, state) = rest.split_once(": ")?;
        return Some(Event::From { from: from.parse().ok()?, to: to.parse().ok()?, state: registers(state) });
    }
    let (pc, rest) = line.split_once(": (")?;
    let pc = pc.parse().ok()?;
    let state = rest.split_once("; R").map(|(_, state)| registers(&format!("R{state}"))).unwrap_or_default();
    Some(Event::After { pc, state })
}

/// `R6=scalar(id=3,smin=0,…) R7_w=5 R9=pkt(r=0,smin=0,…)`, each as what is known of a number: without precision marks,
/// ids, and what only a pointer has. A pointer without a variable part is left out.
fn registers(text: &str) -> Printed {
    let mut registers = BTreeMap::new();
    for part in format!(" {text}").split(" R").skip(1) {
        let Some((name, value)) = part.split_once('=') else { continue };
        let Ok(number) = name.split('_').next().unwrap_or(name).parse() else { continue };
        let value = value.split(" fp").next().unwrap_or(value).trim();
        let value = value.strip_prefix('P').unwrap_or(value);
        let known = match value.split_once('(') {
            Some(("scalar" | "pkt", attributes)) => {
                let bounds: Vec<&str> = attributes.split(',').filter(|part| !is_identity(part)).collect();
                format!("scalar({}", bounds.join(",").trim_end_matches(')').to_string() + closing(attributes))
            }
            _ => value.to_string(),
        };
        if known != "scalar()" || !value.starts_with("pkt") {
            registers.insert(number, known);
        }
    }
    registers
}

fn is_identity(attribute: &str) -> bool {
    ["id=", "r=", "off="].iter().any(|name| attribute.starts_with(name))
}

/// The parentheses that close a register: two if it ends with `var_off=(…)`.
fn closing(attributes: &str) -> &'static str {
    if attributes.ends_with("))") { "))" } else { ")" }
}

/// Whether a pointer would go too far, which is not the domain's to judge.
pub(crate) fn is_refused_offset(log: &str) -> bool {
    ["math between pkt pointer and", "pkt pointer offset", "makes pkt pointer be out of bounds"]
        .iter()
        .any(|reason| log.contains(reason))
}

/// A walk in the log's own form, reduced to the registers `of_interest`: [`parse`] reads it back.
pub(crate) fn print(events: &[Event<Printed>], of_interest: &[u8]) -> String {
    let mut text = String::new();
    for event in events {
        let (place, state) = match event {
            Event::After { pc, state } => (format!("{pc}: () ;"), state),
            Event::From { from, to, state } => (format!("from {from} to {to}:"), state),
        };
        text.push_str(&place);
        for (number, known) in state.iter().filter(|(number, _)| of_interest.contains(number)) {
            let _ = write!(text, " R{number}={known}");
        }
        text.push('\n');
    }
    text
}
