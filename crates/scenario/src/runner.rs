//! The ways to run a program: verified, as native code or interpreted, or under checks.

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_isa::{CallTarget, Insn, disassemble};
use belay_object::btf::Btf;
use belay_object::{Attach, Object, Program};
use belay_spec::{Action, MapKind, Release};
use belay_verifier::Verified;
use belay_vm::{Checked, Compiled, Fault, Input, Interpreter, Leak, Machine, Maps, Trace};

use crate::event::Kind;

/// Programs ready to run, by name.
pub enum Runners {
    /// By the interpreter that checks nothing.
    Verified(BTreeMap<String, Interpreter>),
    /// As native code.
    Compiled(BTreeMap<String, Compiled>),
    /// By the checked interpreter.
    Checked(BTreeMap<String, Checked>),
}

/// What came of one run.
pub struct Ran {
    /// The program's result; none if it did not run to its end.
    pub action: Option<Action>,
    /// What it did besides.
    pub trace: Trace,
    /// Why the checked interpreter stopped it.
    pub fault: Option<Fault>,
    /// References that the checked interpreter found unreleased.
    pub leaks: Vec<Leak>,
    /// Why it was not run at all.
    pub skipped: Option<String>,
}

impl Ran {
    /// Of one that cannot be.
    pub fn not_run(why: String) -> Ran {
        Ran { action: None, trace: Trace::default(), fault: None, leaks: Vec::new(), skipped: Some(why) }
    }
}

/// The programs that may run when these do: they, and those that program arrays start with.
pub fn needed<'o>(object: &'o Object, wanted: &[&'o Program]) -> Vec<&'o Program> {
    let targets: Vec<&str> = array_entries(object).map(|entry| entry.2).collect();
    let in_arrays = object.programs.iter().filter(|program| targets.contains(&program.name.as_str()));
    let mut unique: Vec<&Program> = Vec::new();
    for program in wanted.iter().copied().chain(in_arrays) {
        if !unique.iter().any(|other| other.name == program.name) {
            unique.push(program);
        }
    }
    unique
}

/// The types that a program of the object prints by, if one does: those that the object was linked with, the running kernel's.
pub fn printed_types(object: &Object) -> Option<Arc<Btf>> {
    /// `bpf_snprintf_btf`
    const PRINTS: Insn = Insn::Call(CallTarget::Helper(149));
    let mut programs = object.programs.iter();
    let prints = programs.any(|program| disassemble(&program.slots).any(|(_, insn)| insn == Ok(PRINTS)));
    prints.then(|| Btf::running_kernel().ok()).flatten()
}

/// What program arrays start with: the array's name, the index, the program's name.
pub fn array_entries(object: &Object) -> impl Iterator<Item = (&str, u32, &str)> {
    let arrays = object.maps.iter().filter(|map| map.kind == MapKind::PROG_ARRAY);
    arrays.flat_map(|map| map.init.iter().map(|init| (map.name.as_str(), init.index, init.target.as_str())))
}

/// Refuses a program whose hook does not run on packets.
///
/// # Errors
/// What it runs on.
pub fn on_packets(program: &Program) -> Result<(), String> {
    let Attach::Hook(hook) = &program.attach else { return Ok(()) };
    if hook.runs_on_packets() {
        return Ok(());
    }
    let (name, hook_name, context) = (&program.name, hook.name, hook.context.name);
    let how = Kind::of(hook).map_or_else(String::new, |kind| {
        format!(": a scenario with `[[{}]]` runs it (`belay test`, docs/scenarios.md)", kind.word)
    });
    Err(format!("program `{name}`: `{hook_name}` runs on `{context}`, not on packets{how}"))
}

impl Runners {
    /// Programs with their proofs, for the interpreter; program arrays are filled.
    ///
    /// # Errors
    /// If one needs what does not run yet.
    pub fn verified(proofs: &[&Verified], object: &Object, maps: &Arc<Maps>) -> Result<Runners, String> {
        let mut runners = BTreeMap::new();
        for proof in proofs {
            let runner = Interpreter::new(proof, Arc::clone(maps)).map_err(|e| e.to_string())?;
            runners.insert(proof.program().name.clone(), runner);
        }
        for (array, index, target) in array_entries(object) {
            if let Some(runner) = runners.get(target) {
                runner.install(array, index).map_err(|e| e.to_string())?;
            }
        }
        Ok(Runners::Verified(runners))
    }

    /// As [`Runners::verified`], compiled.
    ///
    /// # Errors
    /// Likewise, or if there is no compiler for this machine.
    pub fn compiled(proofs: &[&Verified], object: &Object, maps: &Arc<Maps>) -> Result<Runners, String> {
        let mut runners = BTreeMap::new();
        for proof in proofs {
            let runner = Compiled::new(proof, Arc::clone(maps)).map_err(|e| e.to_string())?;
            runners.insert(proof.program().name.clone(), runner);
        }
        for (array, index, target) in array_entries(object) {
            if let Some(runner) = runners.get(target) {
                runner.install(array, index).map_err(|e| e.to_string())?;
            }
        }
        Ok(Runners::Compiled(runners))
    }

    /// Any programs, for the checked interpreter, which stops each run after `budget` instructions; program arrays are
    /// filled.
    ///
    /// # Errors
    /// As [`Runners::verified`].
    pub fn checked(
        programs: &[&Program],
        object: &Object,
        maps: &Arc<Maps>,
        release: Release,
        budget: u64,
    ) -> Result<Runners, String> {
        let mut runners = BTreeMap::new();
        for program in programs {
            let mut runner = Checked::new(program, Arc::clone(maps), release).map_err(|e| e.to_string())?;
            runner.strictness.budget = budget;
            runners.insert(program.name.clone(), runner);
        }
        for (array, index, target) in array_entries(object) {
            if let Some(runner) = runners.get(target) {
                runner.install(array, index).map_err(|e| e.to_string())?;
            }
        }
        Ok(Runners::Checked(runners))
    }

    /// What they are, in a word: `jit`, `interpreter`, `checked`.
    pub fn name(&self) -> &'static str {
        match self {
            Runners::Verified(_) => "interpreter",
            Runners::Compiled(_) => "jit",
            Runners::Checked(_) => "checked",
        }
    }

    /// Runs the program of that name on a packet, or what else its hook runs on.
    pub fn run<'i>(&self, name: &str, machine: &mut Machine, input: impl Into<Input<'i>>) -> Ran {
        let missing = || Ran::not_run(format!("program `{name}` is not prepared"));
        match self {
            Runners::Verified(runners) => runners.get(name).map_or_else(missing, |runner| {
                let run = runner.run(machine, input);
                let action = Some(run.action());
                Ran { action, trace: run.trace, fault: None, leaks: Vec::new(), skipped: None }
            }),
            Runners::Compiled(runners) => runners.get(name).map_or_else(missing, |runner| {
                let action = Some(runner.run(machine, input).action());
                let trace = machine.trace().clone();
                Ran { action, trace, fault: None, leaks: Vec::new(), skipped: None }
            }),
            Runners::Checked(runners) => runners.get(name).map_or_else(missing, |runner| {
                let report = runner.run(machine, input);
                let action = report.action();
                let fault = report.result.err();
                Ran { action, trace: report.trace, fault, leaks: report.leaks, skipped: None }
            }),
        }
    }
}
