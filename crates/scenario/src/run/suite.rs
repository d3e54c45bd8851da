//! Many scenarios: found in files and folders, run in parallel, reported in order.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use belay_diagnostics::printable;
use rayon::prelude::*;

use super::outcome::{End, Outcome};
use super::{Options, run};
use crate::file::{Library, ScenarioError, read, read_scenario};
use crate::scenario::Scenario;

/// How a scenario's file ends.
const ENDING: &str = ".scenario.toml";
/// Deeper folders than anybody has.
const DEEPEST: usize = 64;

/// A file of scenarios, or why it is none.
#[derive(Debug)]
pub struct Source {
    /// The file, as messages call it.
    pub file: String,
    /// Its text.
    pub text: Result<String, ScenarioError>,
}

/// The files that these paths name; of a folder, all below it that end in `.scenario.toml`, by name.
///
/// # Errors
/// A path that is neither file nor folder.
pub fn sources(paths: &[String]) -> Result<Vec<Source>, String> {
    let mut files = Vec::new();
    for path in paths {
        let path = Path::new(path);
        let metadata = std::fs::metadata(path).map_err(|_| {
            format!("{}: there is no such file or folder", printable(&path.display().to_string()))
        })?;
        if metadata.is_dir() {
            below(path, 0, &mut files);
        } else {
            files.push(path.to_owned());
        }
    }
    let source = |path: PathBuf| {
        let file = path.strip_prefix("./").unwrap_or(&path).display().to_string();
        Source { text: read_scenario(&file, &path), file }
    };
    Ok(files.into_iter().map(source).collect())
}

/// What is below a folder; what cannot be listed is passed over, like hidden folders.
fn below(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(listed) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = listed.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // A link may lead back up.
        let is_folder = path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
        if is_folder && depth < DEEPEST && !name.starts_with('.') && name != "target" {
            below(&path, depth + 1, files);
        } else if name.ends_with(ENDING) && path.is_file() {
            files.push(path);
        }
    }
}

/// Scenarios that are read, in order, with those that could not be.
pub struct Suite {
    library: Library,
    scenarios: Vec<Result<Scenario, ScenarioError>>,
    /// How many files they come from.
    pub files: usize,
}

impl Suite {
    /// Reads the scenarios of all files. Of a file that is no text, the error takes the scenario's place.
    pub fn read(sources: &[Source]) -> Suite {
        let library = Library::default();
        let read: Vec<Vec<Result<Scenario, ScenarioError>>> = sources
            .par_iter()
            .map(|source| match &source.text {
                Ok(text) => read(&source.file, text, &library),
                Err(error) => vec![Err(error.clone())],
            })
            .collect();
        Suite { library, scenarios: read.into_iter().flatten().collect(), files: sources.len() }
    }

    /// Keeps the scenarios whose name contains one of these texts. Errors stay: they may hide one.
    pub fn filter(&mut self, wanted: &[String]) {
        let fits = |scenario: &Scenario| wanted.iter().any(|part| scenario.name.contains(part.as_str()));
        if !wanted.is_empty() {
            self.scenarios.retain(|scenario| scenario.as_ref().map_or(true, fits));
        }
    }

    /// How many scenarios there are, with those that could not be read.
    pub fn len(&self) -> usize {
        self.scenarios.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.scenarios.is_empty()
    }

    /// What they are called; those that could not be read, by their place.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.scenarios.iter().map(|scenario| match scenario {
            Ok(scenario) => scenario.name.as_str(),
            Err(error) => error.place.file.as_str(),
        })
    }

    /// Runs them in this pool, and hands each outcome on in the order of the files as soon as it and those before
    /// it are there. With `fail_fast`, none is begun after one that failed. Stops when `report` returns an error.
    ///
    /// # Errors
    /// That of `report`.
    pub fn run<E>(
        &self,
        pool: &rayon::ThreadPool,
        options: Options,
        fail_fast: bool,
        mut report: impl FnMut(Outcome) -> Result<(), E>,
    ) -> Result<Duration, E> {
        let started = Instant::now();
        let stopped = AtomicBool::new(false);
        let (sender, receiver) = mpsc::channel();
        let result = std::thread::scope(|scope| {
            scope.spawn(|| {
                let begin = |sender: &mut mpsc::Sender<_>, (index, scenario)| {
                    let outcome =
                        (!stopped.load(Ordering::Relaxed)).then(|| one(scenario, &self.library, options));
                    let failed = |outcome: &Outcome| matches!(outcome.end, End::Fail(_) | End::Error(_));
                    if fail_fast && outcome.as_ref().is_some_and(failed) {
                        stopped.store(true, Ordering::Relaxed);
                    }
                    // Where nobody listens any more, nobody misses it.
                    let _ = sender.send((index, outcome));
                };
                let sender = sender;
                pool.install(|| self.scenarios.par_iter().enumerate().for_each_with(sender, begin));
            });
            let mut waiting: Vec<Option<Option<Outcome>>> = (0..self.scenarios.len()).map(|_| None).collect();
            let mut next = 0;
            for (index, outcome) in receiver {
                if let Some(place) = waiting.get_mut(index) {
                    *place = Some(outcome);
                }
                while let Some(ready) = waiting.get_mut(next).and_then(Option::take) {
                    next += 1;
                    if let Some(outcome) = ready
                        && let Err(error) = report(outcome)
                    {
                        stopped.store(true, Ordering::Relaxed);
                        return Err(error);
                    }
                }
            }
            Ok(())
        });
        result.map(|()| started.elapsed())
    }
}

fn one(scenario: &Result<Scenario, ScenarioError>, library: &Library, options: Options) -> Outcome {
    match scenario {
        Ok(scenario) => run(scenario, library, options),
        Err(error) => Outcome {
            name: format!("{}:{}", error.place.file, error.place.line),
            place: error.place.clone(),
            time: Duration::ZERO,
            packets: 0,
            events: 0,
            end: End::Error(error.clone()),
        },
    }
}
