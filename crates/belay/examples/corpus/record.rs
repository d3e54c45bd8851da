//! What Linux says of each program of a directory of objects: read from a file, or asked of the running kernel once.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

use belay_linux::{LogLevel, Stats, Verdict, verify_programs};
use belay_object::Object;
use serde::{Deserialize, Serialize};

use crate::judge::{Judge, parse};
use crate::{Failure, read};

/// The verdict of one program, loaded alone.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) object: String,
    pub(crate) program: String,
    pub(crate) section: String,
    /// `accept` or `reject`; `unjudged` where the kernel was not asked.
    pub(crate) verdict: String,
    /// The last line of the log; why it was not asked.
    pub(crate) reason: String,
    /// Time of the load call.
    #[serde(default)]
    pub(crate) ns: u64,
    /// Instructions walked, and states kept.
    #[serde(default)]
    pub(crate) processed: Option<u64>,
    #[serde(default)]
    pub(crate) total_states: Option<u64>,
}

/// Where the verdicts of a directory come from.
pub(crate) enum Source {
    File(PathBuf),
    /// The running kernel, for the objects of this directory.
    Live(PathBuf),
}

/// Verdicts of the running kernel by the hash of the object.
#[derive(Default, Serialize, Deserialize)]
struct Remembered {
    objects: BTreeMap<String, Judged>,
}

#[derive(Serialize, Deserialize)]
struct Judged {
    hash: u64,
    /// Whether it was written down how much the kernel walked.
    #[serde(default)]
    counted: bool,
    programs: Vec<Record>,
}

impl Source {
    /// The file that is given; the one beside the objects, or for the verifier's own tests the one beside the
    /// repository; or the running kernel.
    pub(crate) fn of(directory: &Path, given: Option<&Path>, live: bool) -> Source {
        if live {
            return Source::Live(directory.to_path_buf());
        }
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = repository.canonicalize().unwrap_or(repository);
        let shared = root.ancestors().map(|above| above.join("shared/corpus/expected.json"));
        let beside = std::iter::once(directory.join("expected.json"))
            .chain(shared.filter(|_| directory.ends_with("objects")))
            .find(|path| path.exists());
        match given.map(Path::to_path_buf).or(beside) {
            Some(path) => Source::File(path),
            None => Source::Live(directory.to_path_buf()),
        }
    }

    /// The verdicts by object, without the programs that have none.
    pub(crate) fn records(&self) -> Result<BTreeMap<String, Vec<Record>>, Failure> {
        let all: Vec<Record> = match self {
            Source::File(path) => serde_json::from_slice(&read(path)?)?,
            Source::Live(directory) => live(directory)?,
        };
        let mut by_object = BTreeMap::<String, Vec<Record>>::new();
        for record in all.into_iter().filter(|record| record.verdict != "unjudged") {
            by_object.entry(record.object.clone()).or_default().push(record);
        }
        Ok(by_object)
    }
}

/// What the running kernel says of every program, from memory where the object is the same as then.
fn live(directory: &Path) -> Result<Vec<Record>, Failure> {
    let kernel = belay_linux::probe()?;
    let path = directory.join(format!("linux-{}.json", kernel.release));
    let mut remembered: Remembered = match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
        Err(_) => Remembered::default(),
    };
    let mut objects = BTreeMap::new();
    for entry in std::fs::read_dir(directory).map_err(|e| format!("{}: {e}", directory.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".bpf.o") {
            continue;
        }
        let bytes = read(&directory.join(&name))?;
        let hash = hash(&bytes);
        let judged = match remembered.objects.remove(&name) {
            Some(judged) if judged.hash == hash && judged.counted => judged,
            _ => Judged { hash, counted: true, programs: ask(&name, &bytes) },
        };
        objects.insert(name, judged);
    }
    remembered.objects = objects;
    std::fs::write(&path, serde_json::to_vec(&remembered)?)
        .map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(remembered.objects.into_values().flat_map(|judged| judged.programs).collect())
}

/// FNV-1a, which is the same in every build.
fn hash(bytes: &[u8]) -> u64 {
    struct Fnv(u64);
    impl Hasher for Fnv {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    let mut fnv = Fnv(0xcbf2_9ce4_8422_2325);
    fnv.write(bytes);
    fnv.finish()
}

/// The kernel's verdict on each program of an object, alone.
fn ask(name: &str, bytes: &[u8]) -> Vec<Record> {
    // What cannot be read is found by the judge of the programs that others could.
    let Ok(object) = parse(name, bytes, Judge::Kernel) else { return Vec::new() };
    object
        .programs
        .iter()
        .map(|program| {
            let Linux { verdict, reason, ns, stats } = kernel_verdict(&object, &program.name);
            Record {
                object: name.to_string(),
                program: program.name.clone(),
                section: program.section.clone(),
                verdict: verdict.to_string(),
                reason,
                ns,
                processed: stats.map(|stats| stats.insns_processed),
                total_states: stats.map(|stats| stats.total_states),
            }
        })
        .collect()
}

/// The running kernel's verdict, its words, the time of the load call, and what it walked for it.
pub(crate) struct Linux {
    pub(crate) verdict: &'static str,
    pub(crate) reason: String,
    pub(crate) ns: u64,
    pub(crate) stats: Option<Stats>,
}

pub(crate) fn kernel_verdict(object: &Object, program: &str) -> Linux {
    let unjudged = |reason| Linux { verdict: "unjudged", reason, ns: 0, stats: None };
    let mut loaded = match verify_programs(object, LogLevel::Stats, |p| p.name == program) {
        Err(error) => return unjudged(error.to_string()),
        Ok(loaded) => loaded,
    };
    match loaded.programs.pop().map(|p| p.verdict) {
        None => unjudged("no such program".to_string()),
        Some(Verdict::Accept(loaded)) => {
            Linux { verdict: "accept", reason: String::new(), ns: loaded.time_ns, stats: loaded.stats }
        }
        Some(Verdict::Unjudged(why)) => unjudged(why),
        Some(Verdict::Reject(rejected)) => {
            let reason = match rejected.reason() {
                // Some machines forbid whole program types; that is no verdict on the program.
                "" if rejected.errno.0 == EPERM => return unjudged(rejected.errno.to_string()),
                // Nor that the kernel has a variable's type but not its address, for want of `CONFIG_KALLSYMS_ALL`.
                reason if reason.starts_with(NO_ADDRESS) => return unjudged(reason.to_string()),
                "" => rejected.errno.to_string(),
                reason => reason.to_string(),
            };
            Linux { verdict: "reject", reason, ns: rejected.time_ns, stats: rejected.stats }
        }
    }
}

const EPERM: i32 = 1;
const NO_ADDRESS: &str = "ldimm64 failed to find the address for kernel symbol";
