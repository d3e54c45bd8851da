//! Runs scenarios: on Belay's runners, and beside them in the running kernel.

mod check;
mod live;
mod outcome;
mod simulated;
mod suite;
mod test_run;

use std::time::Instant;

use belay_diagnostics::printable;

use crate::file::{Library, ScenarioError};
use crate::scenario::Scenario;
pub use live::kernel;
pub use outcome::{End, Finding, Outcome, Sides};
use simulated::Simulation;
pub use suite::{Source, Suite, sources};

/// Which of Belay's runners.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RunnerKind {
    /// The interpreter, which trusts the verifier.
    #[default]
    Interpreter,
    /// The checked interpreter, which trusts nobody.
    Checked,
    /// Native code.
    Jit,
}

/// How scenarios are run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The runner.
    pub runner: RunnerKind,
    /// Whether the running kernel runs each scenario, too, and both are compared.
    pub kernel: bool,
}

/// What ends a scenario early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It cannot be run.
    Error(ScenarioError),
    /// What was found makes the rest pointless.
    Fail(Vec<Finding>),
    /// The kernel cannot run it.
    Skip(String),
}

/// Runs a scenario.
pub fn run(scenario: &Scenario, library: &Library, options: Options) -> Outcome {
    let started = Instant::now();
    let end = match attempt(scenario, library, options) {
        Ok(findings) if findings.is_empty() => End::Pass,
        Ok(findings) | Err(Stop::Fail(findings)) => End::Fail(findings),
        Err(Stop::Error(error)) => End::Error(error),
        Err(Stop::Skip(why)) => End::Skip(why),
    };
    Outcome {
        name: scenario.name.clone(),
        place: scenario.place.clone(),
        time: started.elapsed(),
        packets: scenario.steps.iter().filter(|step| step.kind.is_none()).count(),
        events: scenario.steps.iter().filter(|step| step.kind.is_some()).count(),
        end,
    }
}

fn attempt(scenario: &Scenario, library: &Library, options: Options) -> Result<Vec<Finding>, Stop> {
    if options.kernel {
        live::possible(scenario)?;
    }
    if let Some((place, code)) = &scenario.reject {
        simulated::refused(scenario, library, place, code)?;
        return if options.kernel { live::refused(scenario, place) } else { Ok(Vec::new()) };
    }
    let mut simulation = Simulation::new(scenario, library, options.runner, options.kernel)?;
    let live = options.kernel.then(|| live::run(scenario, &simulation.maps)).transpose()?;
    let mut findings = Vec::new();
    let mut actions = std::collections::BTreeMap::<String, u64>::new();
    for (index, step) in scenario.steps.iter().enumerate() {
        let observed = simulation.step(step)?;
        findings.extend(check::step(scenario, step, &observed, &mut |name| simulation.read(name)));
        if let Some(action) = observed.action {
            *actions.entry(action.to_string()).or_default() += 1;
        }
        if let Some(live) = &live {
            findings.extend(live.compare(scenario, index, step, &observed));
        }
    }
    if let Some((place, wanted)) = &scenario.actions {
        let text = |counts: &mut dyn Iterator<Item = (&String, &u64)>| {
            counts.map(|(name, count)| format!("{} {count}", printable(name))).collect::<Vec<_>>().join(", ")
        };
        let wanted: std::collections::BTreeMap<String, u64> =
            wanted.iter().filter(|(_, count)| *count > 0).cloned().collect();
        if wanted != actions {
            let (expected, actual) = (text(&mut wanted.iter()), text(&mut actions.iter()));
            findings.push(Finding::new(place, "actions", expected, actual));
        }
    }
    for wanted in &scenario.at_end {
        if let crate::scenario::What::Map(map) = &wanted.what {
            let contents = simulation.read(&map.map);
            findings.extend(check::contents(scenario, map, &contents));
        }
    }
    if let Some(live) = &live {
        findings.extend(live.compare_maps(scenario, &mut simulation));
    }
    Ok(findings)
}
