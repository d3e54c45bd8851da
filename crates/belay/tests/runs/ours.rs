//! A case on Belay's runners.

use std::sync::Arc;

use belay_object::Object;
use belay_verifier::{Options, Verdict, Verified, verify};
use belay_vm::{Checked, Compiled, Interpreter, Machine, MapLimits, Maps, Metadata, Packet};

use crate::case::{Case, Entry, Input, Marks, Outcome, Output};
use crate::tables::HookRow;

/// The processor that everything runs on, and how many there may be.
#[derive(Clone, Copy)]
pub(crate) struct Processor {
    pub(crate) number: usize,
    pub(crate) of: usize,
}

/// What Belay's verifier says of an object's programs.
pub(crate) enum Judged {
    Accepted(Vec<Verified>),
    Rejected(String),
    Unsupported(String),
}

pub(crate) fn judge(object: &Object) -> Judged {
    let options = Options { processors: belay_linux::possible_processors(), ..Options::default() };
    let mut proofs = Vec::new();
    for program in &object.programs {
        match verify(object, program, &options).verdict {
            Verdict::Accept(verified) => proofs.push(*verified),
            Verdict::Reject(r) => return Judged::Rejected(format!("{} at {}: {}", r.code, r.pc, r.fault)),
            Verdict::Unsupported { what, .. } => return Judged::Unsupported(what.to_string()),
        }
    }
    Judged::Accepted(proofs)
}

/// The programs of a case on one runner; the first is the one that is run.
trait Runner: Sized {
    const NAME: &'static str;

    fn prepare(proof: &Verified, maps: &Arc<Maps>) -> Result<Self, String>;

    fn install(&self, index: u32) -> Result<(), String>;

    /// What the program returned, or what was wrong.
    fn run(&self, machine: &mut Machine, packet: &mut Packet) -> Result<u32, String>;
}

impl Runner for Interpreter {
    const NAME: &'static str = "interpreter";

    fn prepare(proof: &Verified, maps: &Arc<Maps>) -> Result<Self, String> {
        Interpreter::new(proof, Arc::clone(maps)).map_err(|e| e.to_string())
    }

    fn install(&self, index: u32) -> Result<(), String> {
        Interpreter::install(self, "programs", index).map_err(|e| e.to_string())
    }

    fn run(&self, machine: &mut Machine, packet: &mut Packet) -> Result<u32, String> {
        Ok(Interpreter::run(self, machine, packet).r0)
    }
}

impl Runner for Compiled {
    const NAME: &'static str = "native code";

    fn prepare(proof: &Verified, maps: &Arc<Maps>) -> Result<Self, String> {
        Compiled::new(proof, Arc::clone(maps)).map_err(|e| e.to_string())
    }

    fn install(&self, index: u32) -> Result<(), String> {
        Compiled::install(self, "programs", index).map_err(|e| e.to_string())
    }

    fn run(&self, machine: &mut Machine, packet: &mut Packet) -> Result<u32, String> {
        Ok(Compiled::run(self, machine, packet).r0)
    }
}

impl Runner for Checked {
    const NAME: &'static str = "checked interpreter";

    fn prepare(proof: &Verified, maps: &Arc<Maps>) -> Result<Self, String> {
        Checked::new(proof.program(), Arc::clone(maps), proof.release()).map_err(|e| e.to_string())
    }

    fn install(&self, index: u32) -> Result<(), String> {
        Checked::install(self, "programs", index).map_err(|e| e.to_string())
    }

    fn run(&self, machine: &mut Machine, packet: &mut Packet) -> Result<u32, String> {
        let report = Checked::run(self, machine, packet);
        match report.result {
            Ok(result) if report.leaks.is_empty() => Ok(result),
            Ok(_) => Err(format!("leaks {:?}", report.leaks)),
            Err(fault) => Err(format!("fault: {fault:?}")),
        }
    }
}

/// What a runner made of a case, or why it could not.
pub(crate) enum Ran {
    Through(Outcome),
    /// It needs what the runner does not have.
    Unsupported(String),
    Trouble(String),
}

type OnRunner = fn(&Case, &[Verified], Processor) -> Ran;

/// Every runner, by name.
pub(crate) const RUNNERS: &[(&str, OnRunner)] = &[
    (Checked::NAME, on::<Checked>),
    (Interpreter::NAME, on::<Interpreter>),
    (Compiled::NAME, on::<Compiled>),
];

/// Whether two runs at different addresses come to the same, or to nothing.
pub(crate) fn is_stable(case: &Case, proofs: &[Verified], processor: Processor) -> bool {
    let first = run::<Checked>(case, proofs, processor);
    let second = run::<Checked>(case, proofs, processor);
    match (first, second) {
        (Ok((first, _)), Ok((second, _))) => first == second,
        _ => true,
    }
}

/// What a case ran on, addresses and all.
struct Ground {
    _maps: Arc<Maps>,
    _machine: Machine,
    _packet: Packet,
}

fn on<R: Runner>(case: &Case, proofs: &[Verified], processor: Processor) -> Ran {
    match run::<R>(case, proofs, processor) {
        Ok((outcome, _)) => Ran::Through(outcome),
        Err(why) if why.contains("unsupported") => Ran::Unsupported(why),
        Err(why) => Ran::Trouble(why),
    }
}

fn run<R: Runner>(
    case: &Case,
    proofs: &[Verified],
    processor: Processor,
) -> Result<(Outcome, Ground), String> {
    let limits = MapLimits { cpus: processor.of, ..MapLimits::default() };
    let definitions = proofs.first().map(Verified::maps).unwrap_or_default();
    let maps = Arc::new(Maps::within(definitions, limits).map_err(|e| e.to_string())?);
    fill(case, &maps)?;
    let runners = proofs.iter().map(|proof| R::prepare(proof, &maps)).collect::<Result<Vec<R>, _>>()?;
    for map in definitions.iter().filter(|map| map.name == "programs") {
        for init in &map.init {
            let named = proofs.iter().zip(&runners).find(|(proof, _)| proof.program().name == init.target);
            named.map_or(Ok(()), |(_, runner)| runner.install(init.index))?;
        }
    }
    let mut machine = Machine::default();
    machine.cpu = processor.number as u32;
    let main = runners.first().ok_or("no program")?;
    // One packet for all runs, as an embedder would have it: no run may see what an earlier one left there.
    let mut packet = Packet::new(&[0; 64]).map_err(|e| e.to_string())?;
    let outputs = case
        .inputs
        .iter()
        .map(|input| {
            packet.set(&input.frame).map_err(|e| e.to_string())?;
            packet.metadata = metadata(case, input);
            let returned = main.run(&mut machine, &mut packet)?;
            let known = &packet.metadata;
            let marks = Marks { mark: known.mark, priority: known.priority, cb: known.cb };
            Ok(Output { returned, marks, packet: [packet.meta(), packet.data()].concat() })
        })
        .collect::<Result<Vec<Output>, String>>()?;
    let outcome = Outcome { outputs, entries: entries(&maps) };
    Ok((outcome, Ground { _maps: maps, _machine: machine, _packet: packet }))
}

/// What a packet comes with; the kernel takes the length on the wire from the frame, where there is a context.
fn metadata(case: &Case, input: &Input) -> Metadata {
    let skb = case.hook().is_some_and(HookRow::is_skb);
    let Marks { mark, priority, cb } = input.marks;
    let wire_len = if skb { input.frame.len() as u32 } else { 0 };
    Metadata { mark, priority, cb, wire_len, ..Metadata::default() }
}

fn fill(case: &Case, maps: &Maps) -> Result<(), String> {
    for entry in &case.fills {
        let map = maps.by_name(&entry.map).ok_or("no such map")?;
        let value = crate::kernel::for_all(&entry.value, map.user_value_size());
        map.update(&entry.key, &value, belay_vm::ANY).map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn entries(maps: &Maps) -> Vec<Entry> {
    let compared = maps.iter().filter(|map| crate::kernel::is_compared(map.name()));
    let mut all: Vec<Entry> = compared
        .flat_map(|map| map.iter().map(|(key, value)| Entry { map: map.name().to_owned(), key, value }))
        .collect();
    all.sort();
    all
}
