//! A row a packet, and the summary.

use std::collections::BTreeMap;

use belay_diagnostics::json::SCHEMA;
use belay_diagnostics::printable;
use belay_isa::Pc;
use belay_object::{Object, Program};
use belay_scenario::capture::Captured;
use belay_scenario::describe::{place, redirect, socket};
use belay_scenario::{Ran, Summary};
use belay_sockets::SocketTable;
use belay_spec::Helper;
use belay_vm::Fired;
use serde::Serialize;

use crate::command::args::RunArgs;
use crate::command::verify::ProgramReport;
use crate::command::{Error, Output};

/// `run --format json`.
#[derive(Serialize)]
pub(super) struct Document {
    schema: u32,
    path: String,
    program: String,
    checked: bool,
    /// What it ran on: `jit`, `interpreter`, `checked`; none if it did not run.
    pub(super) runner: Option<&'static str>,
    pub(super) verified: Vec<ProgramReport>,
    pub(super) packets: Vec<Row>,
    /// Callbacks of timers, which ran between packets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) timers: Vec<Timer>,
    pub(super) summary: Option<Totals>,
    /// The maps that were asked for, each as a file that fills it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) maps: BTreeMap<String, belay_vm::Dump>,
}

impl Document {
    pub(super) fn new(object: &Object, program: &Program, args: &RunArgs) -> Document {
        Document {
            schema: SCHEMA,
            path: object.path.clone(),
            program: program.name.clone(),
            checked: args.unverified || args.checked,
            runner: None,
            verified: Vec::new(),
            packets: Vec::new(),
            timers: Vec::new(),
            summary: None,
            maps: BTreeMap::new(),
        }
    }
}

/// One packet.
#[derive(Serialize)]
pub(super) struct Row {
    number: u64,
    time_ns: u64,
    length: u32,
    captured: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    leaves: Option<bool>,
    #[serde(flatten)]
    packet: Summary,
    lookups: Vec<Lookup>,
    action: Option<String>,
    value: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    printed: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
}

/// A callback of a timer.
#[derive(Serialize)]
pub(super) struct Timer {
    program: String,
    /// The clock when it ran.
    time_ns: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    printed: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
}

/// A socket lookup of the program.
#[derive(Serialize)]
struct Lookup {
    helper: String,
    tuple: Option<String>,
    socket: Option<String>,
}

/// A fault or a leak of an unverified program, or a packet that cannot be run.
#[derive(Serialize)]
struct Finding {
    kind: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    insn: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acquired_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
}

/// Counts over all packets.
#[derive(Serialize, Default)]
pub(super) struct Totals {
    packets: u64,
    actions: BTreeMap<String, u64>,
    lookups: u64,
    found: u64,
    faults: u64,
    leaks: u64,
    skipped: u64,
    /// Sockets that are still held after the last packet.
    pub(super) unbalanced: Vec<String>,
}

/// The heading of the rows.
pub(super) fn header(directed: bool) -> String {
    let direction = if directed { "dir  " } else { "" };
    format!("{:>5}  {:>10}  {direction}{:<54}  {:<38}  action", "no", "time", "packet", "socket")
}

/// A line that a program has printed.
pub(super) fn printed(line: &str) -> String {
    format!("       printed: {}", printable(line.trim_end()))
}

impl Row {
    #[allow(
        clippy::too_many_arguments,
        reason = "a row is made of what was known, what was done and where to look up names"
    )]
    pub(super) fn new(
        number: u64,
        time_ns: u64,
        captured: &Captured,
        leaves: Option<bool>,
        packet: Summary,
        outcome: &Ran,
        sockets: &SocketTable,
        object: &Object,
    ) -> Row {
        let lookup = |lookup: &belay_vm::SocketLookup| Lookup {
            helper: Helper::by_id(lookup.helper)
                .map_or_else(|| lookup.helper.to_string(), |h| h.name.to_owned()),
            tuple: lookup.tuple.map(|tuple| tuple.to_string()),
            socket: lookup.found.map(|id| socket(sockets, id)),
        };
        Row {
            number,
            time_ns,
            length: captured.wire_len,
            captured: captured.bytes.len(),
            leaves,
            packet,
            lookups: outcome.trace.lookups.iter().map(lookup).collect(),
            action: outcome.action.map(|action| action.to_string()),
            value: outcome.action.map(|action| action.value),
            redirect: outcome.trace.redirect.as_ref().map(|to| redirect(to, sockets)),
            assigned: outcome.trace.assigned.map(|id| socket(sockets, id)),
            printed: outcome.trace.printed.iter().map(|line| printable(line.trim_end())).collect(),
            findings: findings(outcome, object),
        }
    }

    pub(super) fn print(&self, out: &mut Output<'_>, quiet: bool) -> Result<(), Error> {
        if quiet && self.findings.is_empty() {
            return Ok(());
        }
        let seconds = format!("{}.{:06}", self.time_ns / 1_000_000_000, self.time_ns % 1_000_000_000 / 1000);
        let direction = match self.leaves {
            None => "",
            Some(true) => "out  ",
            Some(false) => "in   ",
        };
        // The last lookup is the one that decided; a program that looks nothing up has no socket to show.
        // The packet's own ends say who the peer is.
        let local = |socket: &'_ str| socket.split(" < ").next().unwrap_or(socket).to_owned();
        let found = self.lookups.iter().rev().find_map(|lookup| lookup.socket.as_deref().map(local));
        let nothing = if self.lookups.is_empty() { "-" } else { "none" };
        let socket = found.unwrap_or_else(|| nothing.to_owned());
        let action = self.action.as_deref().unwrap_or("no action");
        let redirect = self.redirect.as_ref().map_or_else(String::new, |to| format!(" to {to}"));
        let packet = self.packet.to_string();
        out.line(format!(
            "{:>5}  {seconds:>10}  {direction}{packet:<54}  {socket:<38}  {action}{redirect}",
            self.number
        ))?;
        // (Otherwise they were shown when they were printed.)
        for line in self.printed.iter().filter(|_| quiet) {
            out.line(printed(line))?;
        }
        print_findings(&self.findings, out)
    }
}

impl Timer {
    pub(super) fn new(fired: Fired, object: &Object) -> Timer {
        let Fired { program, at, result, leaks, trace } = fired;
        let printed = trace.printed.iter().map(|line| printable(line.trim_end())).collect();
        let outcome = Ran { action: None, trace, fault: result.err(), leaks, skipped: None };
        Timer { program, time_ns: at, printed, findings: findings(&outcome, object) }
    }

    /// What is wrong; nothing where nothing is.
    pub(super) fn print(&self, out: &mut Output<'_>) -> Result<(), Error> {
        if !self.findings.is_empty() {
            out.line(format!("       in a timer of `{}`:", printable(&self.program)))?;
        }
        print_findings(&self.findings, out)
    }
}

fn print_findings(findings: &[Finding], out: &mut Output<'_>) -> Result<(), Error> {
    for finding in findings {
        out.line(format!("       {}: {}", finding.kind, finding.message))?;
        for (what, place) in
            [("at", &finding.at), ("acquired at", &finding.acquired_at), ("ended at", &finding.ended_at)]
        {
            if let Some(place) = place {
                out.line(format!("         {what} {place}"))?;
            }
        }
    }
    Ok(())
}

fn findings(outcome: &Ran, object: &Object) -> Vec<Finding> {
    let blank = Finding {
        kind: "skipped",
        message: String::new(),
        insn: None,
        acquired_at: None,
        ended_at: None,
        at: None,
    };
    let mut findings = Vec::new();
    if let Some(why) = &outcome.skipped {
        findings.push(Finding { message: why.clone(), ..blank });
    }
    if let Some(fault) = &outcome.fault {
        let at = |pc: Pc| place(object, &fault.program, pc);
        findings.push(Finding {
            kind: "fault",
            message: printable(&fault.kind.to_string()),
            insn: Some(fault.pc.0),
            at: Some(at(fault.pc)),
            acquired_at: fault.acquired_at.map(at),
            ended_at: fault.ended_at.map(at),
        });
    }
    for leak in &outcome.leaks {
        findings.push(Finding {
            kind: "leak",
            message: format!("what `{}` returned is never released", leak.by),
            insn: Some(leak.noticed_at.0),
            at: Some(place(object, &leak.program, leak.noticed_at)),
            acquired_at: Some(place(object, &leak.program, leak.acquired_at)),
            ended_at: None,
        });
    }
    findings
}

impl Totals {
    pub(super) fn add(&mut self, row: &Row) {
        self.packets += 1;
        if let Some(action) = &row.action {
            *self.actions.entry(action.clone()).or_default() += 1;
        }
        self.lookups += row.lookups.len() as u64;
        self.found += row.lookups.iter().filter(|lookup| lookup.socket.is_some()).count() as u64;
        self.add_findings(&row.findings);
    }

    /// Counts a callback of a timer.
    pub(super) fn add_timer(&mut self, timer: &Timer) {
        self.add_findings(&timer.findings);
    }

    fn add_findings(&mut self, findings: &[Finding]) {
        for finding in findings {
            match finding.kind {
                "fault" => self.faults += 1,
                "leak" => self.leaks += 1,
                _ => self.skipped += 1,
            }
        }
    }

    /// Neither faults nor leaks.
    pub(super) fn is_clean(&self) -> bool {
        self.faults == 0 && self.leaks == 0 && self.unbalanced.is_empty()
    }

    pub(super) fn print(&self, out: &mut Output<'_>) -> Result<(), Error> {
        let actions: Vec<String> =
            self.actions.iter().map(|(name, count)| format!("{name} {count}")).collect();
        let Totals { packets, lookups, found, .. } = self;
        out.line(format!(
            "{packets} packets: {}; {lookups} lookups, {found} found a socket",
            actions.join(", ")
        ))?;
        if self.faults + self.leaks + self.skipped > 0 {
            out.line(format!(
                "{} faults, {} leaks, {} packets not run",
                self.faults, self.leaks, self.skipped
            ))?;
        }
        if self.unbalanced.is_empty() && self.leaks == 0 {
            return out.line("every reference to a socket was released");
        }
        for held in &self.unbalanced {
            out.line(format!("still held: {held}"))?;
        }
        Ok(())
    }
}
